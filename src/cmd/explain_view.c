/*
 * EXPLAIN for people. What is shown is picked by name; names that are missing show as nothing, so
 * that a newer library's text can be read.
 */
#include "cmd/explain_view.h"

#include <string.h>

#include "base/json.h"
#include "cmd/table.h"

struct shown { /* a column of the segments' table */
    const char *heading;
    const char *keys[2]; /* a member, or one of a member */
    bool right;
};

static const struct shown columns[] = {
    {"segment", {"segment", NULL}, true},       {"state", {"state", NULL}, false},
    {"index", {"index", NULL}, false},          {"rows", {"rows", NULL}, true},
    {"allowed", {"allowed", NULL}, true},       {"share", {"selectivity", NULL}, true},
    {"plan", {"plan", NULL}, false},            {"scan us", {"cost_us", "scan"}, true},
    {"walk us", {"cost_us", "walk"}, true},     {"overfetch us", {"cost_us", "overfetch"}, true},
    {"nodes", {"nodes_visited", NULL}, true},   {"codes", {"code_distances", NULL}, true},
    {"exact", {"exact_distances", NULL}, true}, {"bytes", {"bytes", NULL}, true},
    {"time us", {"time_us", NULL}, true},
};
#define COLUMNS (sizeof columns / sizeof *columns)

static bool find(const struct json_value *in, const char *const keys[2], struct json_value *out)
{
    struct json_step steps[2];
    size_t count = 0;
    for (; count < 2 && keys[count]; count++)
        steps[count] = (struct json_step){.key = keys[count], .key_len = strlen(keys[count])};
    return json_find(in->text, in->len, steps, count, out) == 0;
}

/* A value's text, without the quotes of a string. */
static void cell(struct table *table, const struct json_value *segment,
                 const struct shown *column)
{
    struct json_value value;
    if (!find(segment, column->keys, &value) || value.kind == JSON_NULL) {
        table_cell_text(table, "");
        return;
    }
    const size_t quote = value.kind == JSON_STRING;
    table_cell(table, value.text + quote, value.len - 2 * quote);
}

static int print_segments(const struct json_value *segments, bool colours, FILE *out)
{
    struct table table;
    struct json_iter iter;
    struct json_value segment;
    table_init(&table, COLUMNS, colours);
    for (size_t c = 0; c < COLUMNS; c++) {
        table.right[c] = columns[c].right;
        table_cell_text(&table, columns[c].heading);
    }
    json_iter_init(&iter, segments);
    while (json_iter_next(&iter, NULL, &segment) == 1)
        for (size_t c = 0; c < COLUMNS; c++) cell(&table, &segment, &columns[c]);
    int rc = table_print(&table, out);
    table_release(&table);
    return rc;
}

/* "why" of each segment, once for each that differs from the one before. */
static void print_reasons(const struct json_value *segments, FILE *out)
{
    static const char *const plan_key[2] = {"plan", NULL};
    static const char *const why_key[2] = {"why", NULL};
    struct json_iter iter;
    struct json_value segment, plan, why, last = {0};
    json_iter_init(&iter, segments);
    while (json_iter_next(&iter, NULL, &segment) == 1) {
        if (!find(&segment, plan_key, &plan) || !find(&segment, why_key, &why)) continue;
        if (last.text && last.len == why.len && memcmp(last.text, why.text, why.len) == 0)
            continue;
        fprintf(out, "%.*s: %.*s\n", (int)plan.len - 2, plan.text + 1, (int)why.len - 2,
                why.text + 1);
        last = why;
    }
}

static void print_line(const struct json_value *root, const char *label, const char *key,
                       FILE *out)
{
    const char *const keys[2] = {key, NULL};
    struct json_value value;
    if (!find(root, keys, &value) || value.kind == JSON_NULL) return;
    fprintf(out, "%-12s %.*s\n", label, (int)value.len, value.text);
}

int explain_view_print(const char *text, bool colours, FILE *out)
{
    static const char *const segments_key[2] = {"segments", NULL};
    struct json_value root, segments;
    size_t used;
    int rc = json_read(text, strlen(text), &root, &used, NULL);
    if (rc || root.kind != JSON_OBJECT || !find(&root, segments_key, &segments))
        return KITH_EINVAL;
    static const char *const lines[][2] = {
        {"filter", "filter"}, {"rows", "rows"}, {"matched", "matched"},
        {"selectivity", "selectivity"}, {"recall", "recall"}, {"time (us)", "time_us"}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        print_line(&root, lines[i][0], lines[i][1], out);
    fputc('\n', out);
    rc = print_segments(&segments, colours, out);
    if (rc) return rc;
    fputc('\n', out);
    print_reasons(&segments, out);
    return 0;
}
