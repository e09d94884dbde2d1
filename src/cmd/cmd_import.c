/*
 * kith import: a file of any supported format into a collection, which is made from the file's
 * description when it is not there.
 *
 * Resuming needs no state of its own. Every batch is one atomic insert, and rows whose key is there
 * already are ignored; so what an interrupted import wrote is a prefix of the file. With --resume
 * the batches from the start are asked for by their keys and skipped as long as all rows are there;
 * the first that is not whole, and everything after it, is inserted. That costs a read of the file
 * and a look-up a row, and is right for any kind of key but those that the engine makes.
 */
#include <stddef.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cmd/cmd.h"
#include "cmd/ingest.h"
#include "cmd/labels.h"
#include "cmd/progress.h"
#include "model/limits.h"
#include "model/schema.h"
#include "os/os.h"

struct import_line {
    const char *file, *db, *collection, *id, *vector_name, *metric, *labels, *label_name;
    const char *format, *index;
    uint64_t batch, limit, first_id;
    bool auto_id, resume, acknowledge, json;
};

static const struct args_option operands[] = {
    {.name = "FILE", .kind = ARGS_TEXT, .required = true,
     .help = "fvecs, bvecs, ivecs, fbin, u8bin, i8bin, ibin, npy, jsonl, csv, hdf5 or sample",
     .offset = offsetof(struct import_line, file)},
};
static const struct args_option options_table[] = {
    {.name = "db", .kind = ARGS_TEXT, .value = "DIR", .required = true,
     .help = "the database's directory; made when it is not there",
     .offset = offsetof(struct import_line, db)},
    {.name = "collection", .kind = ARGS_TEXT, .value = "NAME", .required = true,
     .help = "the collection; made from the file when it is not there",
     .offset = offsetof(struct import_line, collection)},
    {.name = "id", .kind = ARGS_TEXT, .value = "COLUMN",
     .help = "the primary key's column; default 'id', and without one the row's number, as 'id'",
     .offset = offsetof(struct import_line, id)},
    {.name = "auto-id", .kind = ARGS_FLAG, .help = "let the engine make the keys",
     .offset = offsetof(struct import_line, auto_id)},
    {.name = "first-id", .kind = ARGS_NUMBER, .value = "N",
     .help = "the first row's number, for a second file in one collection",
     .offset = offsetof(struct import_line, first_id), .max = INT64_MAX},
    {.name = "vector-name", .kind = ARGS_TEXT, .value = "NAME",
     .help = "the vector field's name; default as in the file",
     .offset = offsetof(struct import_line, vector_name)},
    {.name = "metric", .kind = ARGS_TEXT, .value = "M",
     .help = "l2, ip or cosine; default what the file says, else l2",
     .offset = offsetof(struct import_line, metric)},
    {.name = "labels", .kind = ARGS_TEXT, .value = "FILE.txt",
     .help = "one text a row, stored in a field of its own",
     .offset = offsetof(struct import_line, labels)},
    {.name = "label-name", .kind = ARGS_TEXT, .value = "NAME",
     .help = "with --labels: that field's name (default 'word')",
     .offset = offsetof(struct import_line, label_name)},
    {.name = "index", .kind = ARGS_TEXT, .value = "SPEC",
     .help = "auto, flat, none, or hnsw,M=16,ef_construction=200; default auto",
     .offset = offsetof(struct import_line, index)},
    {.name = "format", .kind = ARGS_TEXT, .value = "F",
     .help = "the file's format, when neither content nor name tell",
     .offset = offsetof(struct import_line, format)},
    {.name = "batch", .kind = ARGS_NUMBER, .value = "N",
     .help = "rows of one insert (default 8192)",
     .offset = offsetof(struct import_line, batch), .min = 1, .max = LIMIT_BATCH_ROWS},
    {.name = "limit", .kind = ARGS_NUMBER, .value = "N", .help = "only the file's first N rows",
     .offset = offsetof(struct import_line, limit), .min = 1},
    {.name = "resume", .kind = ARGS_FLAG,
     .help = "go on with an interrupted import of the same file",
     .offset = offsetof(struct import_line, resume)},
    {.name = "acknowledge", .kind = ARGS_FLAG,
     .help = "print 'acknowledged N' when the first N rows of this run are durable",
     .offset = offsetof(struct import_line, acknowledge)},
    {.name = "json", .kind = ARGS_FLAG, .help = "the summary as one JSON object, no progress",
     .offset = offsetof(struct import_line, json)},
};

static const struct args_spec spec = {
    .verb = "import",
    .summary = "read a file into a collection",
    .details = "A row whose key is in the collection already is left as it is there, so an import\n"
               "can be repeated. At the end the index is built; a search finds rows before, too.",
    .example = "echo '{\"id\": 7, \"word\": \"king\", \"vector\": [1, 0.5]}' > words.jsonl\n"
               "kith import words.jsonl --db data --collection words --metric cosine",
    .options = options_table,
    .option_count = sizeof options_table / sizeof *options_table,
    .operands = operands,
    .operand_count = 1,
};

struct job {
    const struct import_line *line;
    struct ingest_options plan_options;
    struct kith_index_params index;
    bool no_index;
    struct import_reader *reader;       /* owns */
    struct labels *labels;              /* owns; NULL without --labels */
    struct ingest ingest;               /* owns */
    struct kith_db *db;                 /* owns */
    struct kith_collection *collection; /* owns */
    struct progress progress;
    bool skipping; /* --resume, and all rows so far are there */
    uint64_t read, skipped, inserted, ignored;
    int64_t start_us, written_us, end_us;
};

/* ---- the command line ---- */

static bool parse_metric(const char *text, enum kith_metric *out)
{
    static const enum kith_metric metrics[] = {KITH_L2, KITH_IP, KITH_COSINE};
    if (!text) return true;
    for (size_t i = 0; i < 3; i++) {
        if (strcasecmp(text, metric_name(metrics[i])) != 0) continue;
        *out = metrics[i];
        return true;
    }
    return false;
}

/* One ",name=number" of an index; *at moves behind it. */
static bool parse_parameter(const char **at, struct kith_index_params *out)
{
    static const struct { const char *name; size_t offset; } names[] = {
        {"m=", offsetof(struct kith_index_params, m)},
        {"ef_construction=", offsetof(struct kith_index_params, ef_construction)}};
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(names[i].name);
        char digits[16] = {0};
        uint64_t number;
        if (strncasecmp(*at + 1, names[i].name, len) != 0) continue;
        const char *text = *at + 1 + len;
        size_t used = strcspn(text, ",");
        if (used >= sizeof digits) return false;
        memcpy(digits, text, used);
        if (args_number(digits, &number) || number > UINT32_MAX) return false;
        const uint32_t value = (uint32_t)number;
        memcpy((char *)out + names[i].offset, &value, sizeof value);
        *at = text + used;
        return true;
    }
    return false;
}

static bool parse_index(const char *text, struct job *job)
{
    job->index = (struct kith_index_params)KITH_INDEX_PARAMS_INIT;
    if (!text || strcasecmp(text, "auto") == 0) return true;
    if (strcasecmp(text, "none") == 0) return job->no_index = true;
    job->index.kind = strcasecmp(text, "flat") == 0 ? "FLAT" : "HNSW";
    if (strcasecmp(text, "flat") == 0) return true;
    if (strncasecmp(text, "hnsw", 4) != 0) return false;
    for (text += 4; *text;) {
        if (*text != ',' || !parse_parameter(&text, &job->index)) return false;
    }
    return true;
}

static int check_usage(const struct import_line *line, struct job *job)
{
    struct ingest_options *plan = &job->plan_options;
    plan->id_column = line->id;
    plan->auto_id = line->auto_id;
    plan->first_id = line->first_id;
    plan->vector_name = line->vector_name;
    if (line->labels) plan->label_name = line->label_name ? line->label_name : "word";
    if (!parse_metric(line->metric, &plan->metric)) {
        return cmd_usage("import", "--metric takes l2, ip or cosine, not '%s'", line->metric);
    }
    if (!parse_index(line->index, job)) {
        return cmd_usage("import",
                         "--index takes auto, flat, none or hnsw,M=16,ef_construction=200,"
                         " not '%s'", line->index);
    }
    if (line->auto_id && (line->id || line->resume || line->first_id)) {
        return cmd_usage("import", "--auto-id goes with none of --id, --first-id and --resume: "
                         "keys that the engine makes say nothing of the file's rows");
    }
    if (line->label_name && !line->labels) {
        return cmd_usage("import", "--label-name needs --labels FILE.txt");
    }
    return CMD_OK;
}

/* ---- opening ---- */

static int open_files(struct job *job, struct kith_error *err)
{
    struct import_options options = {.format = IMPORT_AUTO};
    int rc = 0;
    if (job->line->format) rc = import_format_parse(job->line->format, &options.format, err);
    if (!rc) rc = import_open(os_real(), job->line->file, &options, &job->reader, err);
    if (!rc && job->line->labels) {
        rc = labels_open(os_real(), job->line->labels, &job->labels, err);
    }
    if (!rc) {
        rc = ingest_plan(&job->ingest, import_describe(job->reader), &job->plan_options, err);
    }
    return rc;
}

static int create_collection(struct job *job, struct kith_error *err)
{
    struct kith_schema schema;
    struct kith_field *fields = NULL;
    int rc = ingest_schema(&job->ingest, &schema, &fields, err);
    if (!rc) rc = kith_collection_create(job->db, NULL, job->line->collection, &schema, err);
    mem_free(fields);
    if (!rc) {
        rc = kith_collection_open(job->db, NULL, job->line->collection, &job->collection, err);
    }
    return rc;
}

/* Numbers of a second file's rows would be taken for rows that are there, and be lost silently. */
static int check_row_numbers(const struct job *job, const struct kith_collection_info *info,
                             struct kith_error *err)
{
    if (job->ingest.fields[0].source != INGEST_ROW_NUMBER || !info->rows || job->line->resume ||
        job->line->first_id) {
        return 0;
    }
    return error_set(err, KITH_EEXISTS, "'%s' has %llu rows already and this file's keys would be "
                     "row numbers from 0: add --resume to go on with the same file, --first-id N "
                     "for another one", info->name, (unsigned long long)info->rows);
}

static bool has_index(const struct kith_collection_info *info, const char *field)
{
    for (size_t i = 0; i < info->index_count; i++) {
        if (strcmp(info->indexes[i].field, field) == 0) return true;
    }
    return false;
}

/* What --index says replaces what is there; without it, a field that has none gets the default. */
static int create_indexes(struct job *job, const struct kith_collection_info *info,
                          struct kith_error *err)
{
    for (size_t i = 0; i < job->ingest.count; i++) {
        const struct ingest_field *field = &job->ingest.fields[i];
        int rc = 0;
        if (!type_is_vector(field->field.type)) continue;
        if (job->no_index) {
            rc = kith_index_drop(job->collection, field->name, err);
            if (rc == KITH_ENOTFOUND) rc = 0;
        } else if (job->line->index || !has_index(info, field->name)) {
            rc = kith_index_create(job->collection, field->name, &job->index, err);
        }
        if (rc) return rc;
    }
    return 0;
}

/* The index is registered first, so that segments are indexed while later ones are written. */
static int open_collection(struct job *job, struct kith_error *err)
{
    struct kith_collection_info *info = NULL;
    int rc = cmd_open_db(job->line->db, true, &job->db, err);
    if (rc) return rc;
    rc = kith_collection_open(job->db, NULL, job->line->collection, &job->collection, err);
    bool there = rc == 0;
    if (there) rc = cmd_check_owner(job->db, job->line->collection, err);
    if (rc == KITH_ENOTFOUND) rc = create_collection(job, err);
    if (!rc) rc = kith_collection_describe(job->collection, &info, err);
    if (!rc && there) rc = ingest_fit(&job->ingest, &info->schema, &job->plan_options, err);
    if (!rc && there) rc = check_row_numbers(job, info, err);
    if (!rc) rc = create_indexes(job, info, err);
    if (info) kith_collection_info_free(info);
    job->skipping = there && job->line->resume;
    return rc;
}

/* ---- rows ---- */

static int all_there(struct job *job, const struct kith_batch *batch, bool *out,
                     struct kith_error *err)
{
    struct kith_result *result = NULL;
    const struct kith_output nothing = {0};
    struct kith_keys keys;
    *out = false;
    if (!ingest_keys(&job->ingest, batch, &keys)) return 0;
    int rc = kith_get(job->collection, &keys, &nothing, NULL, &result, err);
    if (rc) return rc;
    *out = memchr(result->found, 0, keys.count) == NULL;
    kith_result_free(result);
    return 0;
}

static int write_batch(struct job *job, const struct kith_batch *batch, struct kith_error *err)
{
    struct kith_written written = {0};
    if (job->skipping) {
        int rc = all_there(job, batch, &job->skipping, err);
        if (rc) return rc;
        if (job->skipping) job->skipped += batch->rows;
        if (job->skipping) return 0;
    }
    int rc = kith_insert(job->collection, batch, NULL, &written, err);
    if (rc) return rc;
    job->inserted += written.inserted;
    job->ignored += written.ignored;
    kith_written_free(&written);
    if (job->line->acknowledge) {
        printf("acknowledged %" PRIu64 "\n", job->inserted);
        (void)fflush(stdout);
    }
    return 0;
}

static double fraction_done(const struct job *job)
{
    const struct import_description *description = import_describe(job->reader);
    uint64_t total = description->rows;
    if (job->line->limit && job->line->limit < total) total = job->line->limit;
    if (total != IMPORT_ROWS_UNKNOWN) return total ? (double)job->read / (double)total : 1;
    if (!description->bytes) return -1;
    return (double)import_position(job->reader).offset / (double)description->bytes;
}

/* Reads and writes one batch; *rows 0: the end. */
static int one_batch(struct job *job, size_t *rows, struct kith_error *err)
{
    struct import_batch from;
    struct kith_batch to;
    const struct kith_str *labels = NULL;
    uint64_t most = job->line->batch;
    *rows = 0;
    if (job->line->limit && job->line->limit - job->read < most) {
        most = job->line->limit - job->read;
    }
    if (!most) return 0;
    int rc = import_next(job->reader, (size_t)most, &from, err);
    if (rc || !from.rows) return rc;
    if (job->labels) rc = labels_next(job->labels, from.rows, &labels, err);
    if (!rc) rc = ingest_batch(&job->ingest, &from, from.rows, labels, &to, err);
    if (!rc) rc = write_batch(job, &to, err);
    if (rc) return rc;
    job->read += from.rows;
    *rows = from.rows;
    return 0;
}

static int check_labels(struct job *job, struct kith_error *err)
{
    if (!job->labels || job->line->limit) return 0;
    int left = labels_left(job->labels, err);
    if (left < 0) return left;
    if (left) {
        cmd_warn("import", "'%s' has more lines than the file has rows (%llu); are the two of one "
                 "set?", job->line->labels, (unsigned long long)job->read);
    }
    return 0;
}

static int write_rows(struct job *job, struct kith_error *err)
{
    size_t rows = 1;
    int rc = 0;
    progress_begin(&job->progress, "rows", !job->line->json);
    while (!rc && rows) {
        rc = one_batch(job, &rows, err);
        progress_update(&job->progress, job->read, fraction_done(job));
    }
    if (!rc) rc = check_labels(job, err);
    job->written_us = os_now_us(os_real());
    progress_note(&job->progress, "building the index ...");
    if (!rc) rc = kith_flush(job->collection, NULL, err);
    job->end_us = os_now_us(os_real());
    progress_end(&job->progress);
    return rc;
}

/* ---- the end ---- */

static void summary_json(const struct job *job, double write_s, double index_s, double rate)
{
    struct buffer name;
    buffer_init(&name);
    json_write_string(&name, job->line->collection, strlen(job->line->collection));
    printf("{\"collection\":%.*s,\"rows\":%llu,\"inserted\":%llu,\"ignored\":%llu,\"skipped\":%llu,"
           "\"seconds\":%.3f,\"index_seconds\":%.3f,\"rows_per_second\":%.0f}\n",
           (int)name.len, name.len ? (const char *)name.data : "", (unsigned long long)job->read,
           (unsigned long long)job->inserted, (unsigned long long)job->ignored,
           (unsigned long long)job->skipped, write_s + index_s, index_s, rate);
    buffer_release(&name);
}

static void summary(const struct job *job)
{
    double write_s = (double)(job->written_us - job->start_us) / 1e6;
    double index_s = (double)(job->end_us - job->written_us) / 1e6;
    double rate = write_s > 0 ? (double)job->inserted / write_s : 0;
    char rows[32], time[32], per_second[32], index_time[32], known[32];
    if (job->line->json) {
        summary_json(job, write_s, index_s, rate);
        return;
    }
    progress_count(job->inserted, rows, sizeof rows);
    progress_count((uint64_t)rate, per_second, sizeof per_second);
    progress_count(job->ignored + job->skipped, known, sizeof known);
    progress_time(write_s, time, sizeof time);
    progress_time(index_s, index_time, sizeof index_time);
    printf("%s row%s into '%s' in %s (%s rows/s), index after %s", rows,
           job->inserted == 1 ? "" : "s", job->line->collection, time, per_second, index_time);
    if (job->ignored + job->skipped) printf("; %s were there already", known);
    printf("\n");
}

static void release(struct job *job)
{
    ingest_release(&job->ingest);
    kith_collection_release(job->collection);
    kith_close(job->db);
    labels_close(job->labels);
    import_close(job->reader);
}

int cmd_import(int argc, char **argv)
{
    struct import_line line = {.batch = 8192};
    struct job job = {.line = &line};
    struct kith_error err = {0};
    int exit_code;
    if (argc > 1 && !strcmp(argv[1], "ant")) return cmd_import_ant(argc - 1, argv + 1);
    if (!cmd_begin(&spec, argc, argv, &line, &exit_code)) return exit_code;
    if ((exit_code = check_usage(&line, &job))) return exit_code;
    job.start_us = os_now_us(os_real());
    int rc = open_files(&job, &err);
    if (!rc) rc = open_collection(&job, &err);
    if (!rc) rc = write_rows(&job, &err);
    if (!rc) summary(&job);
    release(&job);
    if (!rc) return CMD_OK;
    exit_code = cmd_fail("import", &err);
    if (job.inserted && !line.auto_id) {
        fprintf(stderr, "%llu rows are written; the same command with --resume goes on there\n",
                (unsigned long long)job.inserted);
    }
    return exit_code;
}
