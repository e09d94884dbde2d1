/*
 * jobs/import: create, list, describe and get_progress. The jobs are in job.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "milvus/job.h"

static bool good(struct rest *rest, const MilvusStatus *status)
{
    if (status) rest_fail_status(rest, status->code, status->reason);
    return !status;
}

/* ---- create ---- */

/* [["a.json"], ["b/id.npy", "b/vector.npy"]]; a text alone is a list of one. */
static bool read_groups(struct rest *rest, struct job_request *out)
{
    const struct json_value *files = &rest->body.at[REST_FILES];
    struct json_iter iter;
    struct json_value group;
    if (files->kind != JSON_ARRAY) {
        rest_fail(rest, 1801, "can only accept json format request, error: files is no array");
        return false;
    }
    const size_t count = rest_value_count(files);
    char *const **groups = rest_array(rest, count, sizeof *groups);
    size_t *sizes = rest_array(rest, count, sizeof *sizes);
    if (!groups || !sizes) return false;
    json_iter_init(&iter, files);
    for (size_t i = 0; i < count && json_iter_next(&iter, NULL, &group) == 1; i++)
        groups[i] = rest_value_texts(rest, &group, &sizes[i]);
    out->groups = groups;
    out->group_sizes = sizes;
    out->group_count = count;
    return !rest->failed;
}

REST_HANDLER(jobs_create)
{
    struct job_request request = {
        .collection = rest_text(rest, &rest->body, REST_COLLECTION_NAME),
        .partition = rest_text(rest, &rest->body, REST_PARTITION_NAME)
    };
    int64_t id = 0;
    const struct json_value *options = &rest->body.at[REST_OPTIONS];
    if (options->text && options->kind == JSON_OBJECT)
        request.options = rest_value_pairs(rest, options, &request.option_count);
    if (rest->failed || !read_groups(rest, &request)) return;
    if (!good(rest, jobs_create(&rest->call, &request, &id))) return;
    rest_raw(rest->out, ",\"data\":{\"jobId\":\"");
    rest_int64(rest->out, id);
    rest_raw(rest->out, "\"}");
}

/* ---- showing ---- */

static void put_id(struct buffer *out, int64_t id)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, id);
    rest_add_text(out, "jobId", text);
}

/* "" until it is done. */
static void put_time(struct buffer *out, int64_t ms)
{
    char text[40] = "";
    const time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    if (ms && gmtime_r(&seconds, &parts))
        (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    rest_add_text(out, "completeTime", text);
}

static int percent_of(const struct job_view *job, const JobFile *file)
{
    if (job->record->state == JOB_COMPLETED) return 100;
    return file->rows ? (int)(100 * file->written / file->rows) : 0;
}

static uint64_t file_bytes(const struct rest *rest, const JobFile *file)
{
    const struct milvus_opts *opts = &rest->call.milvus->opts;
    uint64_t bytes = 0;
    for (size_t i = 0; opts->import_dir && *opts->import_dir && i < file->n_paths; i++) {
        char path[OS_PATH_MAX];
        struct os_stat about;
        if (os_beneath(opts->import_dir, file->paths[i], path, sizeof path, NULL) == 0 &&
            os_stat(opts->os, path, &about, NULL) == 0)
            bytes += about.size;
    }
    return bytes;
}

static uint64_t put_file(struct rest *rest, const struct job_view *job, const JobFile *file)
{
    struct buffer *out = rest->out;
    const uint64_t bytes = file_bytes(rest, file);
    rest_comma(out);
    rest_raw(out, "{\"fileName\":");
    rest_names(out, file->paths, file->n_paths);
    rest_add_int(out, "fileSize", (int64_t)bytes);
    rest_add_int(out, "progress", percent_of(job, file));
    put_time(out, job->record->completed_ms);
    rest_add_text(out, "state", job_state_name(job->record->state));
    rest_add_int(out, "importedRows", (int64_t)file->written);
    rest_add_int(out, "totalRows", (int64_t)file->rows);
    rest_raw(out, "}");
    return bytes;
}

static void put_summary(struct buffer *out, const struct job_view *job)
{
    put_id(out, job->record->id);
    rest_add_text(out, "collectionName", job->record->collection_name);
    rest_add_text(out, "state", job_state_name(job->record->state));
    rest_add_int(out, "progress", (int64_t)job->percent);
    if (*job->record->reason) rest_add_text(out, "reason", job->record->reason);
}

REST_HANDLER(jobs_describe)
{
    struct job_view job;
    struct buffer *out = rest->out;
    uint64_t bytes = 0;
    int64_t id;
    if (!rest_value_int(&rest->body.at[REST_JOB_ID], &id)) {
        rest_fail(rest, MILVUS_IMPORT, "parse jobID failed, it is no number: importing data "
                                       "failed");
        return;
    }
    if (!good(rest, jobs_find(&rest->call, id, &job))) return;
    rest_raw(out, ",\"data\":{");
    put_summary(out, &job);
    put_time(out, job.record->completed_ms);
    rest_add_int(out, "importedRows", (int64_t)job_rows_written(job.record));
    rest_add_int(out, "totalRows", (int64_t)job_rows_total(job.record));
    rest_raw(out, ",\"details\":[");
    for (size_t i = 0; i < job.record->n_files; i++)
        bytes += put_file(rest, &job, job.record->files[i]);
    rest_raw(out, "]");
    rest_add_int(out, "fileSize", (int64_t)bytes);
    rest_raw(out, "}");
}

REST_HANDLER(jobs_list)
{
    struct job_view *jobs;
    size_t count;
    const char *collection = rest_text(rest, &rest->body, REST_COLLECTION_NAME);
    if (rest->failed || !good(rest, jobs_list(&rest->call, collection, 0, &jobs, &count))) return;
    rest_raw(rest->out, ",\"data\":{\"records\":[");
    for (size_t i = 0; i < count; i++) {
        rest_comma(rest->out);
        rest_raw(rest->out, "{");
        put_summary(rest->out, &jobs[i]);
        rest_raw(rest->out, "}");
    }
    rest_raw(rest->out, "]}");
}
