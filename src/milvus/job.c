/*
 * The list of import jobs: see job.h.
 *
 * A job is a record under "milvus/j/<id>" of the database's metadata, written when it is asked for,
 * when it begins and when it is done. One that was not done when the server stopped is marked as
 * failed by the next start: rows of it may be there. The oldest that are done go when there are
 * more than JOBS_MAX.
 *
 * Locks: `lock` guards the list and what is in the records; it is a leaf, and nothing is written
 * under it. Records are written by the thread that made the change: create writes one before the
 * thread of jobs can see it, from then on the thread does.
 */
#include "milvus/job.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "milvus/milvus_data.h"

enum { JOBS_MAX = 1024 };

struct job {
    JobRecord *record; /* owns */
    unsigned percent;
};

struct milvus_jobs {
    struct milvus *milvus;
    struct os_mutex lock;
    struct os_cond wake;
    struct os_thread *thread; /* owns; NULL until there is something to do */
    atomic_bool closing;
    struct kith_cancel *cancel; /* owns; fired with closing */
    struct job **jobs;          /* owns; guard: lock; oldest first */
    size_t count;
};

/* ---- records ---- */

static void record_free(JobRecord *record)
{
    if (record) kith__door__import_job_record__free_unpacked(record, &milvus_heap);
}

static JobRecord *record_copy(const JobRecord *record, ProtobufCAllocator *allocator)
{
    const size_t len = kith__door__import_job_record__get_packed_size(record);
    uint8_t *bytes = mem_alloc(len + 1);
    if (!bytes) return NULL;
    (void)kith__door__import_job_record__pack(record, bytes);
    JobRecord *copy = kith__door__import_job_record__unpack(allocator, len, bytes);
    mem_free(bytes);
    return copy;
}

static void record_key(int64_t id, char out[64])
{
    (void)snprintf(out, 64, "milvus/j/%020" PRId64, id);
}

static int record_write(struct milvus_jobs *jobs, const JobRecord *record, struct kith_error *err)
{
    char key[64];
    record_key(record->id, key);
    const size_t len = kith__door__import_job_record__get_packed_size(record);
    uint8_t *bytes = mem_alloc(len + 1);
    if (!bytes) return error_set(err, KITH_ENOMEM, "keeping an import job: no memory");
    (void)kith__door__import_job_record__pack(record, bytes);
    const struct kith_meta_change change = { key, bytes, len };
    const int rc = kith_meta_write(jobs->milvus->opts.db, &change, 1, err);
    mem_free(bytes);
    return rc;
}

/* What the thread changed. That it cannot be written is logged; the next start says it failed. */
static void record_keep(struct milvus_jobs *jobs, const struct job *job)
{
    struct kith_error err = { 0 };
    os_mutex_lock(&jobs->lock);
    JobRecord *copy = record_copy(job->record, &milvus_heap);
    os_mutex_unlock(&jobs->lock);
    const int rc = copy ? record_write(jobs, copy, &err)
                        : error_set(&err, KITH_ENOMEM, "keeping an import job: no memory");
    record_free(copy);
    const struct milvus_opts *opts = &jobs->milvus->opts;
    if (rc && opts->log) opts->log(opts->log_ctx, 1, err.text);
}

/* "" when there is no memory: then the state alone says it. */
static void set_reason(JobRecord *record, const char *text)
{
    char *copy = mem_strdup(text);
    if (!copy) return;
    if (record->reason && record->reason != (char *)(uintptr_t)protobuf_c_empty_string)
        mem_free(record->reason);
    record->reason = copy;
}

uint64_t job_rows_total(const JobRecord *record)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < record->n_files; i++) rows += record->files[i]->rows;
    return rows;
}

uint64_t job_rows_written(const JobRecord *record)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < record->n_files; i++) rows += record->files[i]->written;
    return rows;
}

const char *job_state_name(int state)
{
    static const char *const names[] = { "None", "Pending", "Importing", "Failed", "Completed" };
    return state >= 0 && state <= JOB_COMPLETED ? names[state] : names[0];
}

/* ---- the thread ---- */

struct work { /* of the thread; the job stays, as only what is done is taken out of the list */
    struct milvus_jobs *jobs;
    struct job *job;
};

static void report(void *ctx, const struct job_progress *progress)
{
    const struct work *work = ctx;
    os_mutex_lock(&work->jobs->lock);
    JobFile *file = work->job->record->files[progress->file];
    if (progress->writing) file->written = progress->rows;
    else file->rows = progress->rows;
    work->job->percent = progress->percent;
    os_mutex_unlock(&work->jobs->lock);
}

static void finish(const struct work *work, int rc, const struct kith_error *why)
{
    char text[KITH_ERROR_TEXT_MAX + 100];
    os_mutex_lock(&work->jobs->lock);
    JobRecord *record = work->job->record;
    record->state = rc ? JOB_FAILED : JOB_COMPLETED;
    record->completed_ms = os_wall_ms(work->jobs->milvus->opts.os);
    if (rc == 0) work->job->percent = 100;
    (void)snprintf(text, sizeof text, "%s; %" PRIu64 " rows were written before it", why->text,
                   job_rows_written(record));
    if (rc) set_reason(record, text);
    os_mutex_unlock(&work->jobs->lock);
}

static void run_one(struct work *work)
{
    struct kith_error err = { 0 };
    struct milvus_jobs *jobs = work->jobs;
    const struct job_run run = { .milvus = jobs->milvus,
                                 .record = work->job->record,
                                 .stop = &jobs->closing,
                                 .cancel = jobs->cancel,
                                 .report = report,
                                 .report_ctx = work };
    record_keep(jobs, work->job);
    const int rc = job_run(&run, &err);
    if (atomic_load(&jobs->closing) && rc) return; /* the next start says so */
    finish(work, rc, &err);
    record_keep(jobs, work->job);
}

static struct job *next_pending(const struct milvus_jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->jobs[i]->record->state == JOB_PENDING) return jobs->jobs[i];
    return NULL;
}

static void run_all(void *ctx)
{
    struct milvus_jobs *jobs = ctx;
    struct work work = { .jobs = jobs };
    os_mutex_lock(&jobs->lock);
    while (!atomic_load(&jobs->closing)) {
        work.job = next_pending(jobs);
        if (!work.job) {
            (void)os_cond_wait(&jobs->wake, &jobs->lock, OS_FOREVER);
            continue;
        }
        work.job->record->state = JOB_IMPORTING;
        os_mutex_unlock(&jobs->lock);
        run_one(&work);
        os_mutex_lock(&jobs->lock);
    }
    os_mutex_unlock(&jobs->lock);
}

/* ---- opening and closing ---- */

static void job_free(struct job *job)
{
    if (job) record_free(job->record);
    mem_free(job);
}

/* Takes the record, also on failure. */
static struct job *job_new(JobRecord *record)
{
    struct job *job = mem_zalloc(sizeof *job);
    if (!job) {
        record_free(record);
        return NULL;
    }
    job->record = record;
    job->percent = record->state == JOB_COMPLETED ? 100 : 0;
    return job;
}

static int take_over(struct milvus_jobs *jobs, JobRecord *record, struct kith_error *err)
{
    const bool done = record->state == JOB_FAILED || record->state == JOB_COMPLETED;
    struct job *job = job_new(record);
    if (!job) return error_set(err, KITH_ENOMEM, "import jobs: no memory");
    jobs->jobs[jobs->count++] = job;
    if (done) return 0;
    set_reason(record, record->state == JOB_IMPORTING
                           ? "the server stopped before the import was done: some of its rows may "
                             "be there"
                           : "the server stopped before the import began");
    record->state = JOB_FAILED;
    record->completed_ms = os_wall_ms(jobs->milvus->opts.os);
    return record_write(jobs, record, err);
}

static int load(struct milvus_jobs *jobs, struct kith_error *err)
{
    struct kith_names keys = { 0 };
    int rc = kith_meta_list(jobs->milvus->opts.db, "milvus/j/", &keys, err);
    if (rc) return rc;
    jobs->jobs = mem_zalloc_array(JOBS_MAX + 1, sizeof *jobs->jobs);
    if (!jobs->jobs) rc = error_set(err, KITH_ENOMEM, "import jobs: no memory");
    const size_t first = keys.count > JOBS_MAX ? keys.count - JOBS_MAX : 0;
    for (size_t i = first; rc == 0 && i < keys.count; i++) {
        void *value;
        size_t len;
        if (kith_meta_get(jobs->milvus->opts.db, keys.names[i], &value, &len, NULL)) continue;
        JobRecord *record = kith__door__import_job_record__unpack(&milvus_heap, len, value);
        kith_meta_free(value);
        if (record) rc = take_over(jobs, record, err);
    }
    kith_names_free(&keys);
    return rc;
}

int jobs_open(struct milvus *milvus, struct kith_error *err)
{
    struct milvus_jobs *jobs = mem_zalloc(sizeof *jobs);
    if (!jobs) return error_set(err, KITH_ENOMEM, "import jobs: no memory");
    jobs->milvus = milvus;
    milvus->jobs = jobs;
    int rc = os_mutex_init(milvus->opts.os, &jobs->lock);
    if (rc == 0) rc = os_cond_init(milvus->opts.os, &jobs->wake);
    if (rc == 0) rc = kith_cancel_new(&jobs->cancel);
    if (rc) return error_set(err, rc, "import jobs: no memory");
    return load(jobs, err);
}

void jobs_close(struct milvus *milvus)
{
    struct milvus_jobs *jobs = milvus->jobs;
    if (!jobs) return;
    if (jobs->thread) {
        os_mutex_lock(&jobs->lock);
        atomic_store(&jobs->closing, true);
        kith_cancel_fire(jobs->cancel);
        os_cond_broadcast(&jobs->wake);
        os_mutex_unlock(&jobs->lock);
        os_thread_join(jobs->thread);
    }
    for (size_t i = 0; i < jobs->count; i++) job_free(jobs->jobs[i]);
    mem_free(jobs->jobs);
    kith_cancel_free(jobs->cancel);
    os_cond_release(&jobs->wake);
    os_mutex_release(&jobs->lock);
    mem_free(jobs);
    milvus->jobs = NULL;
}

/* ---- asking for one ---- */

/* The record in the call's arena; NULL: no memory. */
static JobRecord *describe(struct milvus_call *call, const struct job_request *request,
                           const struct milvus_collection *collection)
{
    JobRecord *record = arena_alloc(call->arena, sizeof *record);
    JobFile *files = arena_alloc_array(call->arena, request->group_count, sizeof *files);
    JobFile **list = arena_alloc_array(call->arena, request->group_count, sizeof *list);
    if (!record || !files || !list) return NULL;
    kith__door__import_job_record__init(record);
    for (size_t i = 0; i < request->group_count; i++) {
        kith__door__import_file_record__init(&files[i]);
        files[i].paths = (char **)(uintptr_t)request->groups[i];
        files[i].n_paths = request->group_sizes[i];
        list[i] = &files[i];
    }
    record->id = (int64_t)milvus_timestamp(call->milvus);
    record->collection = collection->id;
    record->collection_name = collection->name;
    record->database = milvus_text(call->database);
    record->partition = milvus_text(request->partition);
    record->files = list;
    record->n_files = request->group_count;
    record->options = request->options;
    record->n_options = request->option_count;
    record->state = JOB_PENDING;
    record->created_ms = os_wall_ms(call->milvus->opts.os);
    return record;
}

/* Under the lock: the oldest that is done, out of the list; its id, or 0. */
static int64_t make_room(struct milvus_jobs *jobs)
{
    for (size_t i = 0; jobs->count >= JOBS_MAX && i < jobs->count; i++) {
        const JobRecord *record = jobs->jobs[i]->record;
        if (record->state == JOB_PENDING || record->state == JOB_IMPORTING) continue;
        const int64_t id = record->id;
        job_free(jobs->jobs[i]);
        memmove(&jobs->jobs[i], &jobs->jobs[i + 1], (jobs->count - i - 1) * sizeof *jobs->jobs);
        jobs->count--;
        return id;
    }
    return 0;
}

/* Takes the job when it succeeds. */
static int append(struct milvus_jobs *jobs, struct job *job, int64_t *gone,
                  struct kith_error *err)
{
    int rc = 0;
    os_mutex_lock(&jobs->lock);
    *gone = make_room(jobs);
    if (jobs->count >= JOBS_MAX)
        rc = error_set(err, KITH_EBUSY, "the number of import jobs has reached the limit");
    if (rc == 0 && !jobs->thread)
        rc = os_thread_start(jobs->milvus->opts.os, "import", 5, run_all, jobs, &jobs->thread, err);
    if (rc == 0) {
        jobs->jobs[jobs->count++] = job;
        os_cond_signal(&jobs->wake);
    }
    os_mutex_unlock(&jobs->lock);
    return rc;
}

static void forget(struct milvus_jobs *jobs, int64_t id)
{
    char key[64];
    const struct kith_meta_change change = { key, NULL, 0 };
    record_key(id, key);
    if (id) (void)!kith_meta_write(jobs->milvus->opts.db, &change, 1, NULL);
}

static MilvusStatus *start(struct milvus_call *call, const JobRecord *made)
{
    struct milvus_jobs *jobs = call->milvus->jobs;
    struct kith_error err = { 0 };
    int64_t gone = 0;
    JobRecord *record = record_copy(made, &milvus_heap);
    struct job *job = record ? job_new(record) : NULL;
    if (!job) return milvus_error(call, KITH_ENOMEM, NULL);
    int rc = record_write(jobs, record, &err);
    if (rc == 0) {
        rc = append(jobs, job, &gone, &err);
        forget(jobs, rc ? made->id : gone);
    }
    if (rc == 0) return NULL;
    job_free(job);
    return rc == KITH_EBUSY ? milvus_status(call, MILVUS_IMPORT, "%s, please try again later: "
                                            "importing data failed", err.text)
                            : milvus_error(call, rc, &err);
}

static MilvusStatus *check_request(struct milvus_call *call, const struct job_request *request)
{
    const char *dir = call->milvus->opts.import_dir;
    MilvusStatus *refused = NULL;
    if (!dir || !*dir)
        return milvus_status(call, MILVUS_IMPORT,
                             "this server imports no files: its operator may name a directory for "
                             "them with the setting import.dir (--import-dir): importing data "
                             "failed");
    if (request->group_count == 0)
        return milvus_status(call, MILVUS_IMPORT,
                             "import request is empty: importing data failed");
    size_t files = 0;
    for (size_t i = 0; i < request->group_count; i++) files += request->group_sizes[i];
    if (files > JOB_FILES_MAX)
        return milvus_status(call, MILVUS_IMPORT,
                             "The max number of import files should not exceed %d, but got %zu: "
                             "importing data failed",
                             JOB_FILES_MAX, files);
    for (size_t i = 0; !refused && i < request->group_count; i++)
        refused = job_files_check(call, request->groups[i], request->group_sizes[i]);
    return refused;
}

/* As an insert says it. */
static MilvusStatus *check_partition(struct milvus_call *call,
                                     const struct milvus_collection *collection, const char *name)
{
    MilvusStatus *refused =
        *name ? milvus_partitions_check(call, collection, &name, 1, false) : NULL;
    if (!refused || milvus_partition_key(collection)) return refused;
    return milvus_status(call, MILVUS_PARTITION_NOT_FOUND, "partition not found[partition=%.255s]",
                         name);
}

MilvusStatus *jobs_create(struct milvus_call *call, const struct job_request *request, int64_t *id)
{
    MilvusStatus *refused = check_request(call, request);
    struct milvus_collection *collection = NULL;
    if (!refused) collection = milvus_collection_get(call, request->collection, false, &refused);
    if (!collection) return refused;
    refused = check_partition(call, collection, request->partition);
    JobRecord *record = refused ? NULL : describe(call, request, collection);
    if (record) *id = record->id;
    if (!refused)
        refused = record ? start(call, record) : milvus_error(call, KITH_ENOMEM, NULL);
    milvus_collection_unref(collection);
    return refused;
}

/* ---- showing them ---- */

static bool may_see(struct milvus_call *call, const JobRecord *record)
{
    const struct milvus_rpc rule = { .privilege = "Import", .object = AUTH_COLLECTION };
    const char *database = call->database, *text;
    call->database = record->database;
    const bool may = milvus_permit(call, &rule, record->collection_name, &text);
    call->database = database;
    return may;
}

MilvusStatus *jobs_find(struct milvus_call *call, int64_t id, struct job_view *out)
{
    struct milvus_jobs *jobs = call->milvus->jobs;
    ProtobufCAllocator allocator = milvus_allocator(call->arena);
    bool found = false;
    out->record = NULL;
    os_mutex_lock(&jobs->lock);
    for (size_t i = 0; !found && i < jobs->count; i++) {
        if (jobs->jobs[i]->record->id != id) continue;
        found = true;
        out->record = record_copy(jobs->jobs[i]->record, &allocator);
        out->percent = jobs->jobs[i]->percent;
    }
    os_mutex_unlock(&jobs->lock);
    if (found && !out->record) return milvus_error(call, KITH_ENOMEM, NULL);
    if (found && may_see(call, out->record)) return NULL;
    return milvus_status(call, MILVUS_IMPORT,
                         "job does not exist, jobID=%" PRId64 ": importing data failed", id);
}

static bool is_asked(const struct milvus_call *call, const JobRecord *record,
                     const char *collection)
{
    return strcmp(record->database, call->database) == 0 &&
           (!*collection || strcmp(record->collection_name, collection) == 0);
}

MilvusStatus *jobs_list(struct milvus_call *call, const char *collection, size_t limit,
                        struct job_view **out, size_t *count)
{
    struct milvus_jobs *jobs = call->milvus->jobs;
    ProtobufCAllocator allocator = milvus_allocator(call->arena);
    struct job_view *views = arena_alloc_array(call->arena, JOBS_MAX + 1, sizeof *views);
    size_t copied = 0, shown = 0;
    bool failed = !views;
    os_mutex_lock(&jobs->lock);
    for (size_t i = jobs->count; !failed && i-- > 0;) {
        if (!is_asked(call, jobs->jobs[i]->record, collection)) continue;
        views[copied].percent = jobs->jobs[i]->percent;
        views[copied].record = record_copy(jobs->jobs[i]->record, &allocator);
        failed = !views[copied++].record;
    }
    os_mutex_unlock(&jobs->lock);
    if (failed) return milvus_error(call, KITH_ENOMEM, NULL);
    for (size_t i = 0; i < copied && (limit == 0 || shown < limit); i++)
        if (may_see(call, views[i].record)) views[shown++] = views[i];
    *out = views;
    *count = shown;
    return NULL;
}
