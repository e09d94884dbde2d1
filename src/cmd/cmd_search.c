/*
 * kith search: the rows nearest to a vector, which is written on the command line, read from a
 * file, or that of a row in the collection.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cmd/cells.h"
#include "cmd/cmd.h"
#include "cmd/explain_view.h"
#include "cmd/query_vector.h"
#include "model/limits.h"
#include "model/schema.h"
#include "os/os.h"

#define STDOUT_FD 1

struct search_options {
    const char *db, *collection, *field, *vector, *file, *format, *like, *like_field;
    const char *filter, *output, *plan, *recall, *group_by;
    uint64_t row, k, ef, group_size;
    bool exact, json, explain, measure;
};

static const struct args_option options_table[] = {
    {.name = "db", .kind = ARGS_TEXT, .value = "DIR", .help = "the database's directory",
     .required = true, .offset = offsetof(struct search_options, db)},
    {.name = "collection", .kind = ARGS_TEXT, .value = "NAME", .help = "the collection or an alias",
     .required = true, .offset = offsetof(struct search_options, collection)},
    {.name = "vector", .kind = ARGS_TEXT, .value = "JSON",
     .help = "search near this vector: '[0.1, 0.2]', of a sparse field '{\"7\": 0.5}'",
     .offset = offsetof(struct search_options, vector)},
    {.name = "file", .kind = ARGS_TEXT, .value = "FILE",
     .help = "search near a vector of this file; any format that 'kith import' reads",
     .offset = offsetof(struct search_options, file)},
    {.name = "row", .kind = ARGS_NUMBER, .value = "N",
     .help = "with --file: which row, from 0 (default 0)",
     .offset = offsetof(struct search_options, row)},
    {.name = "format", .kind = ARGS_TEXT, .value = "F",
     .help = "with --file: its format, when neither content nor name tell",
     .offset = offsetof(struct search_options, format)},
    {.name = "like", .kind = ARGS_TEXT, .value = "KEY",
     .help = "search near the row with this primary key (it is a result, too)",
     .offset = offsetof(struct search_options, like)},
    {.name = "like-field", .kind = ARGS_TEXT, .value = "FIELD",
     .help = "with --like: the first row that has KEY in this field",
     .offset = offsetof(struct search_options, like_field)},
    {.name = "field", .kind = ARGS_TEXT, .value = "FIELD",
     .help = "the vector field, when there are several",
     .offset = offsetof(struct search_options, field)},
    {.name = "k", .kind = ARGS_NUMBER, .value = "N", .help = "how many rows (default 10)",
     .offset = offsetof(struct search_options, k), .min = 1, .max = LIMIT_SEARCH_K},
    {.name = "ef", .kind = ARGS_NUMBER, .value = "N",
     .help = "HNSW's beam: larger is more exact and slower; adaptive without it",
     .offset = offsetof(struct search_options, ef), .max = UINT32_MAX},
    {.name = "exact", .kind = ARGS_FLAG, .help = "compare with every row, without the index",
     .offset = offsetof(struct search_options, exact)},
    {.name = "filter", .kind = ARGS_TEXT, .value = "EXPR", .help = "only rows for which it is true",
     .offset = offsetof(struct search_options, filter)},
    {.name = "output", .kind = ARGS_TEXT, .value = "F1,F2",
     .help = "fields to show besides key and distance; default * (all but vectors)",
     .offset = offsetof(struct search_options, output)},
    {.name = "recall", .kind = ARGS_TEXT, .value = "R",
     .help = "instead of --ef: the share of the true nearest rows to find, 0.95",
     .offset = offsetof(struct search_options, recall)},
    {.name = "plan", .kind = ARGS_TEXT, .value = "P",
     .help = "scan, walk or overfetch, whatever the planner thinks (default auto)",
     .offset = offsetof(struct search_options, plan)},
    {.name = "group-by", .kind = ARGS_TEXT, .value = "FIELD",
     .help = "the nearest rows of each value of this field or JSON path; --k counts groups",
     .offset = offsetof(struct search_options, group_by)},
    {.name = "group-size", .kind = ARGS_NUMBER, .value = "N",
     .help = "with --group-by: rows of each group (default 1)",
     .offset = offsetof(struct search_options, group_size), .min = 1, .max = 10},
    {.name = "explain", .kind = ARGS_FLAG, .help = "also show the plan, its costs and its work",
     .offset = offsetof(struct search_options, explain)},
    {.name = "measure", .kind = ARGS_FLAG,
     .help = "with --explain: measure recall against an exact scan",
     .offset = offsetof(struct search_options, measure)},
    {.name = "json", .kind = ARGS_FLAG, .help = "one JSON object with hits and statistics",
     .offset = offsetof(struct search_options, json)},
};

static const struct args_spec spec = {
    .verb = "search",
    .summary = "find the rows nearest to a vector",
    .details = "One of --vector, --file and --like says where to search.",
    .example = "kith search --db data --collection words --like-field word --like king --k 5\n"
               "kith search --db data --collection words --vector '[1, 0.4]' "
               "--filter 'id < 1000'",
    .options = options_table,
    .option_count = sizeof options_table / sizeof *options_table,
};

/* The vector field that is meant. */
static const struct kith_field *vector_field(const struct search_options *options,
                                             const struct kith_schema *schema,
                                             struct kith_error *err)
{
    const struct kith_field *found = NULL;
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct kith_field *field = &schema->fields[i];
        if (!type_is_vector(field->type)) continue;
        if (options->field && strcmp(options->field, field->name) != 0) continue;
        if (found) {
            error_set(err, KITH_EINVAL, "'%s' has several vector fields, '%s' and '%s' among them; "
                      "choose one with --field", options->collection, found->name, field->name);
            return NULL;
        }
        found = field;
    }
    if (!found) {
        error_set(err, KITH_ENOTFOUND, "'%s' has no vector field%s%s; 'kith collection describe' "
                  "shows the fields", options->collection, options->field ? " " : "",
                  options->field ? options->field : "");
    }
    return found;
}

/* ---- --like: the filter that finds the row ---- */

static int like_filter(const struct search_options *options, const struct kith_schema *schema,
                       struct buffer *out, struct kith_error *err)
{
    const struct kith_field *field = options->like_field
                                         ? cmd_find_field(schema, options->like_field)
                                         : cmd_primary_field(schema);
    if (!field) {
        return error_set(err, KITH_ENOTFOUND, "'%s' has no field '%s'; 'kith collection describe' "
                         "shows the fields", options->collection,
                         options->like_field ? options->like_field : "id");
    }
    buffer_printf(out, "%s == ", field->name);
    if (field->type == KITH_VARCHAR) {
        json_write_string(out, options->like, strlen(options->like));
    } else {
        struct json_value value;
        size_t used, len = strlen(options->like);
        if (json_read(options->like, len, &value, &used, NULL) || used != len ||
            value.kind > JSON_DOUBLE) {
            return error_set(err, KITH_EINVAL, "--like '%s': field '%s' holds %s; for a text, name "
                             "its field with --like-field", options->like, field->name,
                             type_name(field->type));
        }
        buffer_put(out, options->like, len);
    }
    buffer_put(out, "", 1);
    return buffer_failed(out) ? error_set(err, KITH_ENOMEM, "no memory for --like") : 0;
}

static const struct kith_column *column_named(const struct kith_result *result, const char *name)
{
    for (size_t c = 0; c < result->column_count; c++) {
        if (strcmp(result->columns[c].field, name) == 0) return &result->columns[c];
    }
    return NULL;
}

static int like_vector(const struct search_options *options, const struct cmd_source *source,
                       const struct kith_field *field, struct query_vector *out,
                       struct kith_error *err)
{
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    struct kith_result *result = NULL;
    struct buffer filter;
    buffer_init(&filter);
    int rc = like_filter(options, &source->info->schema, &filter, err);
    opts.filter = (const char *)filter.data;
    opts.output = (struct kith_output){&field->name, 1};
    opts.limit = 1;
    if (!rc) rc = kith_query(source->collection, &opts, NULL, &result, err);
    if (rc == KITH_EFILTER)
        rc = error_wrap(err, KITH_EINVAL, "--like, as the filter %s", opts.filter);
    if (!rc && !result->rows) {
        rc = error_set(err, KITH_ENOTFOUND, "no row has %s; 'kith query' shows what is there",
                       opts.filter);
    }
    if (!rc) {
        const struct kith_column *column = column_named(result, field->name);
        rc = column ? query_vector_from_column(out, column, err)
                    : error_set(err, KITH_ENOTFOUND, "the row has no '%s'", field->name);
    }
    kith_result_free(result);
    buffer_release(&filter);
    return rc;
}

static int find_vector(const struct search_options *options, const struct cmd_source *source,
                       const struct kith_field *field, struct query_vector *out,
                       struct kith_error *err)
{
    enum import_format format = IMPORT_AUTO;
    int rc = 0;
    if (options->vector) return query_vector_parse(out, field, options->vector, err);
    if (options->like) return like_vector(options, source, field, out, err);
    if (options->format) rc = import_format_parse(options->format, &format, err);
    if (!rc) rc = query_vector_from_file(out, field, options->file, format, options->row, err);
    return rc;
}

/* ---- output ---- */

static int print_json(const struct kith_result *result, const struct kith_schema *schema,
                      int64_t took_us)
{
    struct buffer out;
    buffer_init(&out);
    buffer_printf(&out, "{\"hits\":[");
    for (size_t row = 0; row < result->rows; row++) {
        buffer_printf(&out, row ? ",\n{" : "\n{");
        cells_json_row(result, schema, row, &out);
        buffer_put(&out, "}", 1);
    }
    buffer_printf(&out, "],\n\"complete\":%s,\"took_us\":%lld,\"stats\":{\"segments\":%llu,"
                  "\"nodes_visited\":%llu,\"distances\":%llu,\"exact_distances\":%llu,"
                  "\"filter_rows\":%llu,\"matched_rows\":%llu}",
                  result->complete ? "true" : "false", (long long)took_us,
                  (unsigned long long)result->stats.segments,
                  (unsigned long long)result->stats.nodes_visited,
                  (unsigned long long)result->stats.distances,
                  (unsigned long long)result->stats.exact_distances,
                  (unsigned long long)result->stats.filter_rows,
                  (unsigned long long)result->stats.matched_rows);
    if (result->explain) buffer_printf(&out, ",\n\"explain\":%s", result->explain);
    buffer_printf(&out, "}\n");
    bool failed = buffer_failed(&out);
    if (!failed) fwrite(out.data, 1, out.len, stdout);
    buffer_release(&out);
    return failed ? KITH_ENOMEM : 0;
}

static int print_table(const struct kith_result *result, const struct kith_schema *schema)
{
    struct table table;
    cells_heading(&table, result, cmd_colours(STDOUT_FD));
    cells_rows(&table, result, schema);
    int rc = table_print(&table, stdout);
    table_release(&table);
    if (rc || !result->explain) return rc;
    fputc('\n', stdout);
    return explain_view_print(result->explain, cmd_colours(STDOUT_FD), stdout);
}

static int parse_plan(const char *text, enum kith_plan *out, struct kith_error *err)
{
    static const char *const names[] = {"auto", "scan", "walk", "overfetch"};
    for (size_t i = 0; text && i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        *out = (enum kith_plan)i;
        return 0;
    }
    if (!text) return 0;
    return error_set(err, KITH_EINVAL, "--plan '%s': give auto, scan, walk or overfetch", text);
}

static int parse_recall(const char *text, float *out, struct kith_error *err)
{
    struct json_value value;
    size_t used;
    if (!text) return 0;
    if (json_read(text, strlen(text), &value, &used, NULL) || used != strlen(text) ||
        value.kind != JSON_DOUBLE || !(value.number > 0 && value.number < 1)) {
        return error_set(err, KITH_EINVAL, "--recall '%s': give a number between 0 and 1", text);
    }
    *out = (float)value.number;
    return 0;
}

static int search(const struct search_options *options, const struct cmd_source *source,
                  const struct kith_field *field, const struct query_vector *vector,
                  struct kith_error *err)
{
    struct kith_search_opts opts = KITH_SEARCH_OPTS_INIT;
    struct kith_result *result = NULL;
    struct cmd_list fields;
    int rc = parse_plan(options->plan, &opts.plan, err);
    if (!rc) rc = parse_recall(options->recall, &opts.recall, err);
    if (!rc) rc = cmd_list_split(options->output ? options->output : "*", &fields, err);
    if (rc) return rc;
    opts.group_by = options->group_by;
    opts.group_size = (uint32_t)options->group_size;
    opts.explain = options->explain || options->measure;
    opts.measure = options->measure;
    opts.field = field->name;
    opts.queries = vector->data;
    opts.query_count = 1;
    opts.query_type = vector->type;
    opts.k = options->k;
    opts.ef = (uint32_t)options->ef;
    opts.exact = options->exact;
    opts.filter = options->filter;
    opts.output = (struct kith_output){fields.names, fields.count};
    int64_t start = os_now_us(os_real());
    rc = kith_search(source->collection, &opts, NULL, &result, err);
    int64_t took = os_now_us(os_real()) - start;
    if (!rc) {
        rc = options->json ? print_json(result, &source->info->schema, took)
                           : print_table(result, &source->info->schema);
        if (rc) error_set(err, rc, "no memory to print the rows; ask for fewer fields");
    }
    if (!rc && !result->complete) {
        cmd_warn("search", "rows of a damaged segment are missing; 'kith check' says which");
    }
    kith_result_free(result);
    cmd_list_free(&fields);
    return rc;
}

static int check_usage(const struct search_options *options)
{
    int sources = (options->vector != NULL) + (options->file != NULL) + (options->like != NULL);
    if (sources != 1) {
        return cmd_usage("search", "say where to search with one of --vector, --file and --like");
    }
    if (options->like_field && !options->like) {
        return cmd_usage("search", "--like-field needs --like KEY");
    }
    return CMD_OK;
}

int cmd_search(int argc, char **argv)
{
    struct search_options options = {.k = 10};
    struct query_vector vector = {0};
    struct cmd_source source = {0};
    struct kith_error err = {0};
    int exit_code;
    if (!cmd_begin(&spec, argc, argv, &options, &exit_code)) return exit_code;
    if ((exit_code = check_usage(&options))) return exit_code;
    int rc = cmd_open_source(options.db, options.collection, &source, &err);
    const struct kith_field *field = NULL;
    if (!rc) {
        field = vector_field(&options, &source.info->schema, &err);
        if (!field) rc = err.code;
    }
    if (!rc) rc = find_vector(&options, &source, field, &vector, &err);
    if (!rc) rc = search(&options, &source, field, &vector, &err);
    query_vector_release(&vector);
    cmd_close_source(&source);
    return rc ? cmd_fail_filter("search", options.filter, &err) : CMD_OK;
}
