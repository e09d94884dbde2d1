/*
 * kith query: rows by a filter, streamed through an iterator, so that any number of them needs the
 * memory of one part only; or their count.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cells.h"
#include "cmd/cmd.h"

#define PART_ROWS 1000
#define STDOUT_FD 1

struct query_options {
    const char *db, *collection, *filter, *output;
    uint64_t limit, offset;
    bool count, json;
};

static const struct args_option options_table[] = {
    {.name = "db", .kind = ARGS_TEXT, .value = "DIR", .help = "the database's directory",
     .required = true, .offset = offsetof(struct query_options, db)},
    {.name = "collection", .kind = ARGS_TEXT, .value = "NAME", .help = "the collection or an alias",
     .required = true, .offset = offsetof(struct query_options, collection)},
    {.name = "filter", .kind = ARGS_TEXT, .value = "EXPR",
     .help = "which rows, e.g. 'year >= 1990 and color in [\"red\", \"blue\"]'; all without it",
     .offset = offsetof(struct query_options, filter)},
    {.name = "output", .kind = ARGS_TEXT, .value = "F1,F2",
     .help = "fields to show besides the key; default * (all but vectors)",
     .offset = offsetof(struct query_options, output)},
    {.name = "limit", .kind = ARGS_NUMBER, .value = "N",
     .help = "at most so many rows; default 100, 0 for all",
     .offset = offsetof(struct query_options, limit)},
    {.name = "offset", .kind = ARGS_NUMBER, .value = "N", .help = "skip so many rows first",
     .offset = offsetof(struct query_options, offset)},
    {.name = "count", .kind = ARGS_FLAG, .help = "only how many rows there are",
     .offset = offsetof(struct query_options, count)},
    {.name = "json", .kind = ARGS_FLAG, .help = "one JSON object a line",
     .offset = offsetof(struct query_options, json)},
};

static const struct args_spec spec = {
    .verb = "query",
    .summary = "find or count rows by a filter",
    .details = "Rows come in the order of insertion.",
    .example = "kith query --db data --collection words --filter 'word like \"king%\"'\n"
               "kith query --db data --collection words --filter 'id < 1000' --count",
    .options = options_table,
    .option_count = sizeof options_table / sizeof *options_table,
};

static int count_rows(const struct cmd_source *source, const struct query_options *options,
                      struct kith_error *err)
{
    uint64_t rows;
    int rc = kith_count(source->collection, options->filter, NULL, &rows, err);
    if (rc) return rc;
    printf(options->json ? "{\"count\":%llu}\n" : "%llu\n", (unsigned long long)rows);
    return 0;
}

static int print_json(const struct kith_result *part, const struct kith_schema *schema)
{
    struct buffer out;
    int rc = 0;
    buffer_init(&out);
    for (size_t row = 0; !rc && row < part->rows; row++) {
        buffer_clear(&out);
        buffer_put(&out, "{", 1);
        cells_json_row(part, schema, row, &out);
        buffer_put(&out, "}\n", 2);
        rc = buffer_failed(&out) ? KITH_ENOMEM : 0;
        if (!rc) fwrite(out.data, 1, out.len, stdout);
    }
    buffer_release(&out);
    return rc;
}

static int print_table(struct table *table, const struct kith_result *part,
                       const struct kith_schema *schema)
{
    if (!table->columns) cells_heading(table, part, cmd_colours(STDOUT_FD));
    cells_rows(table, part, schema);
    return table_print(table, stdout);
}

static void remarks(const struct query_options *options, uint64_t rows, bool complete)
{
    if (!complete) {
        cmd_warn("query", "rows of a damaged segment are missing; 'kith check' says which");
    }
    if (options->limit && rows == options->limit) {
        fprintf(stderr, "(the first %llu rows; --limit N shows more, --limit 0 all)\n",
                (unsigned long long)rows);
    }
}

static int print_rows(struct kith_iterator *iterator, const struct query_options *options,
                      const struct kith_schema *schema, struct kith_error *err)
{
    uint64_t rows = 0;
    struct table table = {0};
    struct kith_result *part = NULL;
    bool complete = true;
    int rc;
    while (!(rc = kith_iterator_next(iterator, NULL, &part, err)) && part) {
        rc = options->json ? print_json(part, schema) : print_table(&table, part, schema);
        complete = complete && part->complete;
        rows += part->rows;
        kith_result_free(part);
        part = NULL;
        if (rc) {
            error_set(err, rc, "no memory to print the rows; ask for fewer fields");
            break;
        }
    }
    table_release(&table);
    if (!rc) remarks(options, rows, complete);
    return rc;
}

static int query_rows(const struct cmd_source *source, const struct query_options *options,
                      struct kith_error *err)
{
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    struct kith_iterator *iterator = NULL;
    struct cmd_list fields;
    int rc = cmd_list_split(options->output ? options->output : "*", &fields, err);
    if (rc) return rc;
    opts.filter = options->filter;
    opts.output = (struct kith_output){fields.names, fields.count};
    opts.offset = options->offset;
    opts.limit = options->limit;
    rc = kith_iterator_open(source->collection, &opts, PART_ROWS, &iterator, err);
    if (!rc) rc = print_rows(iterator, options, &source->info->schema, err);
    kith_iterator_close(iterator);
    cmd_list_free(&fields);
    return rc;
}

int cmd_query(int argc, char **argv)
{
    struct query_options options = {.limit = 100};
    struct cmd_source source = {0};
    struct kith_error err = {0};
    int exit_code;
    if (!cmd_begin(&spec, argc, argv, &options, &exit_code)) return exit_code;
    int rc = cmd_open_source(options.db, options.collection, &source, &err);
    if (!rc && options.count) {
        rc = count_rows(&source, &options, &err);
    } else if (!rc) {
        rc = query_rows(&source, &options, &err);
    }
    cmd_close_source(&source);
    return rc ? cmd_fail_filter("query", options.filter, &err) : CMD_OK;
}
