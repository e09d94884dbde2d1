/*
 * Import jobs over gRPC: Import, GetImportState, ListImportTasks. The jobs are in job.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "milvus/job.h"
#include "milvus/milvus_data.h"

/* ---- Import ---- */

/* NumPy files go together, one a field; of others each is read by itself. */
static bool all_numpy(const WIRE(ImportRequest) * in)
{
    for (size_t i = 0; i < in->n_files; i++)
        if (job_kind_of(in->files[i]) != JOB_NUMPY) return false;
    return in->n_files > 0;
}

static MilvusStatus *create(struct milvus_call *call, const WIRE(ImportRequest) * in, int64_t *id)
{
    const size_t count = all_numpy(in) ? 1 : in->n_files;
    char *const **groups = arena_alloc_array(call->arena, count + 1, sizeof *groups);
    size_t *sizes = arena_alloc_array(call->arena, count + 1, sizeof *sizes);
    if (!groups || !sizes) return milvus_error(call, KITH_ENOMEM, NULL);
    for (size_t i = 0; i < count; i++) {
        groups[i] = &in->files[i];
        sizes[i] = all_numpy(in) ? in->n_files : 1;
    }
    const struct job_request request = { .collection = in->collection_name,
                                         .partition = in->partition_name,
                                         .groups = groups,
                                         .group_sizes = sizes,
                                         .group_count = count,
                                         .options = in->options,
                                         .option_count = in->n_options };
    return jobs_create(call, &request, id);
}

MILVUS_HANDLER(Import)
{
    const WIRE(ImportRequest) *in = request;
    WIRE(ImportResponse) *out = reply;
    int64_t *id = arena_alloc(call->arena, sizeof *id);
    MilvusStatus *refused =
        id ? create(call, in, id) : milvus_error(call, KITH_ENOMEM, NULL);
    out->status = refused ? refused : milvus_success(call);
    if (refused) return;
    out->tasks = id;
    out->n_tasks = 1;
}

/* ---- states ---- */

static MilvusPair *pair(struct milvus_call *call, const char *key, const char *value)
{
    MilvusPair *made = milvus_message(call, &milvus__proto__common__key_value_pair__descriptor);
    if (!made) return NULL;
    made->key = milvus_text(key);
    made->value = milvus_text(value);
    return made;
}

/* All names, with commas between. */
static char *names_of(struct milvus_call *call, const JobRecord *record)
{
    struct buffer text;
    buffer_init(&text);
    for (size_t i = 0; i < record->n_files; i++)
        for (size_t j = 0; j < record->files[i]->n_paths; j++) {
            if (text.len) buffer_put_u8(&text, ',');
            buffer_put(&text, record->files[i]->paths[j], strlen(record->files[i]->paths[j]));
        }
    char *copy = buffer_failed(&text) ? NULL
                                      : arena_strndup(call->arena, (const char *)text.data,
                                                      text.len);
    buffer_release(&text);
    return copy;
}

static bool put_infos(struct milvus_call *call, const struct job_view *job,
                      WIRE(GetImportStateResponse) * out)
{
    char percent[16];
    const JobRecord *record = job->record;
    char *names = names_of(call, record);
    (void)snprintf(percent, sizeof percent, "%u", job->percent);
    MilvusPair **infos = arena_alloc_array(call->arena, 5, sizeof *infos);
    if (!infos || !names) return false;
    infos[0] = pair(call, "files", names);
    infos[1] = pair(call, "collection", record->collection_name);
    infos[2] = pair(call, "partition", record->partition);
    infos[3] = pair(call, "progress_percent", milvus_strdup(call, percent));
    infos[4] = pair(call, "failed_reason", record->reason);
    out->infos = infos;
    out->n_infos = *record->reason ? 5 : 4;
    return infos[0] && infos[1] && infos[2] && infos[3] && infos[4];
}

static Milvus__Proto__Common__ImportState state_of(int state)
{
    switch (state) {
    case JOB_IMPORTING: return MILVUS__PROTO__COMMON__IMPORT_STATE__ImportStarted;
    case JOB_COMPLETED: return MILVUS__PROTO__COMMON__IMPORT_STATE__ImportCompleted;
    case JOB_FAILED: return MILVUS__PROTO__COMMON__IMPORT_STATE__ImportFailed;
    default: return MILVUS__PROTO__COMMON__IMPORT_STATE__ImportPending;
    }
}

static MilvusStatus *fill(struct milvus_call *call, const struct job_view *job,
                          WIRE(GetImportStateResponse) * out)
{
    const JobRecord *record = job->record;
    if (!put_infos(call, job, out)) return milvus_error(call, KITH_ENOMEM, NULL);
    out->state = state_of(record->state);
    out->row_count = (int64_t)job_rows_written(record);
    out->id = record->id;
    out->collection_id = (int64_t)record->collection;
    out->create_ts = record->created_ms / 1000;
    return NULL;
}

MILVUS_HANDLER(GetImportState)
{
    const WIRE(GetImportStateRequest) *in = request;
    WIRE(GetImportStateResponse) *out = reply;
    struct job_view job;
    MilvusStatus *refused = jobs_find(call, in->task, &job);
    if (!refused) refused = fill(call, &job, out);
    out->status = refused ? refused : milvus_success(call);
}

static MilvusStatus *list(struct milvus_call *call, const WIRE(ListImportTasksRequest) * in,
                          WIRE(ListImportTasksResponse) * out)
{
    struct job_view *jobs;
    size_t count;
    const size_t limit = in->limit > 0 ? (size_t)in->limit : 0;
    MilvusStatus *refused = jobs_list(call, in->collection_name, limit, &jobs, &count);
    if (refused) return refused;
    out->tasks = arena_alloc_array(call->arena, count + 1, sizeof *out->tasks);
    for (size_t i = 0; out->tasks && !refused && i < count; i++) {
        WIRE(GetImportStateResponse) *task =
            milvus_message(call, &milvus__proto__milvus__get_import_state_response__descriptor);
        refused = task ? fill(call, &jobs[i], task) : milvus_error(call, KITH_ENOMEM, NULL);
        if (refused) break;
        task->status = milvus_success(call);
        out->tasks[out->n_tasks++] = task;
    }
    return out->tasks ? refused : milvus_error(call, KITH_ENOMEM, NULL);
}

MILVUS_HANDLER(ListImportTasks)
{
    WIRE(ListImportTasksResponse) *out = reply;
    MilvusStatus *refused = list(call, request, out);
    out->status = refused ? refused : milvus_success(call);
}
