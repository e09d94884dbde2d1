/*
 * One import job, on the jobs' thread.
 *
 * Its files are gone through twice. First every row is read, made into columns, and looked at as
 * the door and the engine would when it is written; so a file with a bad row changes nothing, and
 * the number of rows is known. Then they are written, in batches, each of which is one insert. What
 * only the engine can refuse while it writes (no room, a partition that was dropped meanwhile)
 * leaves the batches before it in place, and the reason says how many rows that is.
 *
 * Which row is bad: the batch is read again row by row.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "milvus/job.h"
#include "milvus/rows_in.h"
#include "model/batch.h"

enum { BATCH_ROWS = 2000, CHECK_SHARE = 40 /* of 100, the first time through */ };

struct running {
    const struct job_run *run;
    struct job_progress progress;
    const JobFile *file;
    struct arena arena;
    struct kith_call limits;
    struct rest rest; /* a request without an exchange: what rows of JSON are read with */
    struct buffer out;
    bool write;
    uint64_t bytes, bytes_done; /* of the files of this pass */
};

static bool is_stopped(const struct running *running)
{
    return atomic_load_explicit(running->run->stop, memory_order_relaxed);
}

static void fresh(struct running *running)
{
    struct rest *rest = &running->rest;
    arena_reset(&running->arena);
    buffer_clear(&running->out);
    rest->failed = false;
    rest->out = &running->out;
    rest->call = (struct milvus_call){ .milvus = running->run->milvus,
                                       .call = &running->limits,
                                       .database = running->run->record->database,
                                       .arena = &running->arena,
                                       .peer = "import" };
}

/* ---- refusals into errors ---- */

static int refused(const MilvusStatus *status, struct kith_error *err)
{
    return error_set(err, KITH_EINVAL, "%.400s", status->reason);
}

/* What a REST insert would answer, without what it says of rows. */
static int refused_rest(struct running *running, struct kith_error *err)
{
    static const char prefix[] = "fail to deal the insert data, error: ";
    const struct json_step step = { .key = "message", .key_len = 7 };
    struct json_value message;
    struct buffer text;
    buffer_put_u8(&running->out, '}');
    if (json_find((const char *)running->out.data, running->out.len, &step, 1, &message))
        return error_set(err, KITH_EINVAL, "it is refused");
    buffer_init(&text);
    (void)!json_unescape(&message, &text);
    buffer_put_u8(&text, 0);
    char *from = buffer_failed(&text) ? NULL : (char *)text.data;
    if (from && strncmp(from, prefix, sizeof prefix - 1) == 0) from += sizeof prefix - 1;
    char *row = from ? strstr(from, " of row ") : NULL;
    if (row) *row = 0;
    const int rc = error_set(err, KITH_EINVAL, "%.400s", from ? from : "it is refused");
    buffer_release(&text);
    return rc;
}

/* ---- one batch ---- */

/* As the engine would look at it. */
static int check_values(struct running *running, const struct milvus_collection *collection,
                        const struct milvus_rows *rows, struct kith_error *err)
{
    struct kith_collection_info *info;
    struct schema schema = { 0 };
    struct kith_batch normal;
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = rows->rows;
    batch.columns = rows->columns;
    batch.column_count = rows->column_count;
    batch.keep_keys = true;
    int rc = kith_collection_describe(collection->handle, &info, err);
    if (rc) return rc;
    rc = schema_from_public(&info->schema, &schema, err);
    if (rc == 0) rc = batch_normalise(&schema, &batch, &running->arena, &normal, err);
    schema_release(&schema);
    kith_collection_info_free(info);
    return rc;
}

static int take(struct running *running, const struct milvus_collection *collection,
                struct milvus_rows *rows, struct kith_error *err)
{
    struct milvus_call *call = &running->rest.call;
    struct milvus_mutation done = { 0 };
    const MilvusStatus *status = running->write
                                     ? milvus_rows_write(call, collection, rows, &done)
                                     : milvus_rows_check(call, collection, rows);
    kith_written_free(&done.written);
    if (status) return refused(status, err);
    return running->write ? 0 : check_values(running, collection, rows, err);
}

static int take_columns(struct running *running, const struct milvus_collection *collection,
                        struct buffer *columns, size_t count, struct kith_error *err)
{
    struct rows_request request;
    struct milvus_rows rows = { 0 };
    wire_put_varint(columns, 7, count);
    if (buffer_failed(columns)) return error_set(err, KITH_ENOMEM, "no memory for rows");
    const struct kith_str bytes = { (const char *)columns->data, columns->len };
    const int rc = rows_request_read(bytes, false, &running->arena, &request);
    if (rc) return error_set(err, rc, "its rows make no request");
    request.partition = running->run->record->partition;
    const MilvusStatus *status = rows_in_columns(&running->rest.call, collection, &request, &rows);
    return status ? refused(status, err) : take(running, collection, &rows, err);
}

/* At most max_rows rows; *count 0: the end. */
static int batch(struct running *running, struct job_rows *rows, size_t max_rows, size_t *count,
                 struct kith_error *err)
{
    struct buffer columns;
    fresh(running);
    struct milvus_collection *collection =
        milvus_collection_by_id(&running->rest.call, running->run->record->collection);
    if (!collection) return error_set(err, KITH_ECLOSED, "the collection was dropped");
    buffer_init(&columns);
    int rc = rows->ops->next(rows, &running->rest, max_rows, &columns, count, err);
    if (rc && running->rest.failed) rc = refused_rest(running, err);
    if (rc == 0 && *count) rc = take_columns(running, collection, &columns, *count, err);
    buffer_release(&columns);
    milvus_collection_unref(collection);
    return rc;
}

/* Puts the row before the error. Rows are only looked at. */
static int name_row(struct running *running, struct job_rows *rows, struct job_place from, int rc,
                    struct kith_error *err)
{
    struct kith_error why = { 0 };
    const bool write = running->write;
    size_t count = 1;
    int found = 0;
    running->write = false;
    rows->ops->seek(rows, from);
    uint64_t row = from.row;
    for (; found == 0 && count && row < from.row + BATCH_ROWS && !is_stopped(running); row++)
        found = batch(running, rows, 1, &count, &why);
    running->write = write;
    if (found == 0)
        return error_wrap(err, rc, "%.300s: from row %llu on", rows->name,
                          (unsigned long long)from.row + 1);
    *err = why;
    return error_wrap(err, rc, "%.300s: row %llu", rows->name, (unsigned long long)row);
}

/* ---- files ---- */

static void note(struct running *running, const struct job_rows *rows, size_t count)
{
    struct job_progress *progress = &running->progress;
    const uint64_t done = running->bytes_done + rows->ops->place(rows).offset;
    const double share = running->bytes ? (double)done / (double)running->bytes : 1;
    progress->rows += count;
    progress->writing = running->write;
    const double percent = running->write ? CHECK_SHARE + (100 - CHECK_SHARE) * share
                                          : CHECK_SHARE * share;
    progress->percent = percent > 99 ? 99 : (unsigned)percent;
    running->run->report(running->run->report_ctx, progress);
}

static int go_through(struct running *running, struct job_rows *rows, struct kith_error *err)
{
    size_t count = 1;
    while (count) {
        const struct job_place from = rows->ops->place(rows);
        if (is_stopped(running)) return error_set(err, KITH_ECANCELLED, "the server stopped");
        const int rc = batch(running, rows, BATCH_ROWS, &count, err);
        if (rc == KITH_ECLOSED || rc == KITH_ECANCELLED) return rc;
        if (rc) return name_row(running, rows, from, rc, err);
        note(running, rows, count);
    }
    return 0;
}

static int find_paths(struct running *running, char **paths, struct kith_error *err)
{
    const JobFile *file = running->file;
    const char *dir = running->run->milvus->opts.import_dir;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < file->n_paths; i++)
        rc = job_file_path(dir, file->paths[i], &paths[i], err);
    return rc;
}

static int read_file(struct running *running, char *const *paths, struct kith_error *err)
{
    const JobRecord *record = running->run->record;
    struct job_rows *rows = NULL;
    fresh(running);
    struct milvus_collection *collection =
        milvus_collection_by_id(&running->rest.call, record->collection);
    if (!collection) return error_set(err, KITH_ECLOSED, "the collection was dropped");
    const struct job_source source = { .os = running->run->milvus->opts.os,
                                       .collection = collection,
                                       .options = record->options,
                                       .option_count = record->n_options,
                                       .paths = paths,
                                       .names = running->file->paths,
                                       .count = running->file->n_paths };
    int rc = job_rows_open(&source, &rows, err);
    if (rc) rc = error_wrap(err, rc, "%.300s", running->file->paths[0]);
    else {
        rc = go_through(running, rows, err);
        running->bytes_done += rows->bytes;
        rows->ops->close(rows);
    }
    milvus_collection_unref(collection);
    return rc;
}

static int one_file(struct running *running, struct kith_error *err)
{
    char **paths = mem_zalloc_array(running->file->n_paths + 1, sizeof *paths);
    if (!paths) return error_set(err, KITH_ENOMEM, "no memory for names of files");
    int rc = find_paths(running, paths, err);
    if (rc == 0) rc = read_file(running, paths, err);
    for (size_t i = 0; i < running->file->n_paths; i++) mem_free(paths[i]);
    mem_free(paths);
    return rc;
}

static int pass(struct running *running, bool write, struct kith_error *err)
{
    const JobRecord *record = running->run->record;
    int rc = 0;
    running->write = write;
    running->bytes_done = 0;
    for (size_t i = 0; rc == 0 && i < record->n_files; i++) {
        running->file = record->files[i];
        running->progress.file = i;
        running->progress.rows = 0;
        rc = one_file(running, err);
    }
    return rc;
}

/* Of the files that are there; others are named when they are read. */
static uint64_t all_bytes(struct running *running)
{
    const JobRecord *record = running->run->record;
    const char *dir = running->run->milvus->opts.import_dir;
    uint64_t bytes = 0;
    for (size_t i = 0; i < record->n_files; i++)
        for (size_t j = 0; j < record->files[i]->n_paths; j++) {
            struct os_stat about;
            char *path = NULL;
            if (job_file_path(dir, record->files[i]->paths[j], &path, NULL) == 0 &&
                os_stat(running->run->milvus->opts.os, path, &about, NULL) == 0)
                bytes += about.size;
            mem_free(path);
        }
    return bytes;
}

int job_run(const struct job_run *run, struct kith_error *err)
{
    struct running *running = mem_zalloc(sizeof *running);
    if (!running) return error_set(err, KITH_ENOMEM, "no memory for an import");
    running->run = run;
    running->limits = (struct kith_call){ .size = sizeof running->limits, .cancel = run->cancel };
    arena_init(&running->arena);
    buffer_init(&running->out);
    running->bytes = all_bytes(running);
    int rc = pass(running, false, err);
    if (rc == 0) rc = pass(running, true, err);
    buffer_release(&running->out);
    arena_release(&running->arena);
    mem_free(running);
    return rc;
}
