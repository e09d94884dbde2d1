/*
 * kith collection list | describe NAME | drop NAME
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cmd/cmd.h"
#include "cmd/progress.h"
#include "cmd/table.h"
#include "model/schema.h"

#define STDOUT_FD 1

struct collection_options {
    const char *action, *name, *db;
    bool json;
};

static const struct args_option operands[] = {
    {.name = "ACTION", .kind = ARGS_TEXT, .help = "list, describe or drop", .required = true,
     .offset = offsetof(struct collection_options, action)},
    {.name = "NAME", .kind = ARGS_TEXT, .help = "the collection; not for list",
     .offset = offsetof(struct collection_options, name)},
};
static const struct args_option options_table[] = {
    {.name = "db", .kind = ARGS_TEXT, .value = "DIR", .help = "the database's directory",
     .required = true, .offset = offsetof(struct collection_options, db)},
    {.name = "json", .kind = ARGS_FLAG, .help = "JSON; of list, one object a line",
     .offset = offsetof(struct collection_options, json)},
};

static const struct args_spec spec = {
    .verb = "collection",
    .summary = "list, describe or drop collections",
    .details = "drop deletes the collection's rows for good and does not ask.",
    .example = "kith collection list --db data\nkith collection describe words --db data --json",
    .options = options_table,
    .option_count = sizeof options_table / sizeof *options_table,
    .operands = operands,
    .operand_count = sizeof operands / sizeof *operands,
};

/* ---- list ---- */

static int read_stats(struct kith_db *db, const char *name, struct kith_stats *out,
                      struct kith_error *err)
{
    struct kith_collection *collection = NULL;
    *out = (struct kith_stats){.size = sizeof *out};
    int rc = kith_collection_open(db, NULL, name, &collection, err);
    if (!rc) rc = kith_collection_stats(collection, out, err);
    kith_collection_release(collection);
    return rc;
}

static void list_json(const char *name, const struct kith_stats *stats)
{
    struct buffer out;
    buffer_init(&out);
    json_write_string(&out, name, strlen(name));
    printf("{\"name\":%.*s,\"rows\":%llu,\"disk_bytes\":%llu}\n", (int)out.len,
           out.len ? (const char *)out.data : "", (unsigned long long)stats->rows,
           (unsigned long long)stats->disk_bytes);
    buffer_release(&out);
}

static void list_row(struct table *table, const char *name, const struct kith_stats *stats)
{
    char text[32];
    table_cell_text(table, name);
    progress_count(stats->rows, text, sizeof text);
    table_cell_text(table, text);
    progress_bytes(stats->disk_bytes, text, sizeof text);
    table_cell_text(table, text);
}

static int list(struct kith_db *db, bool json, struct kith_error *err)
{
    struct kith_names names = {0};
    struct table table;
    int rc = kith_collection_list(db, NULL, &names, err);
    if (rc) return rc;
    table_init(&table, 3, cmd_colours(STDOUT_FD));
    table.right[1] = table.right[2] = true;
    table_cell_text(&table, "collection");
    table_cell_text(&table, "rows");
    table_cell_text(&table, "on disk");
    for (size_t i = 0; !rc && i < names.count; i++) {
        struct kith_stats stats;
        rc = read_stats(db, names.names[i], &stats, err);
        if (rc == KITH_ENOTFOUND) { /* dropped meanwhile, by the writer */
            rc = 0;
        } else if (!rc && json) {
            list_json(names.names[i], &stats);
        } else if (!rc) {
            list_row(&table, names.names[i], &stats);
        }
    }
    if (!rc && !json && table_print(&table, stdout)) {
        rc = error_set(err, KITH_ENOMEM, "no memory for the list");
    }
    table_release(&table);
    kith_names_free(&names);
    return rc;
}

/* ---- describe ---- */

static void field_words(const struct kith_field *field, char *out, size_t size)
{
    int at = snprintf(out, size, "%s", type_name(field->type));
    size_t used = (size_t)at;
    if (field->dim) used += (size_t)snprintf(out + used, size - used, "(%u)", field->dim);
    if (field->type == KITH_ARRAY) {
        used +=
            (size_t)snprintf(out + used, size - used, " of %s", type_name(field->element_type));
    }
    if (type_is_vector(field->type) && field->metric) {
        used += (size_t)snprintf(out + used, size - used, ", %s", metric_name(field->metric));
    }
    static const struct { unsigned flag; const char *words; } flags[] = {
        {KITH_FIELD_PRIMARY, ", primary key"}, {KITH_FIELD_AUTO_ID, ", made by the engine"},
        {KITH_FIELD_NULLABLE, ", nullable"}, {KITH_FIELD_PARTITION_KEY, ", partition key"},
        {KITH_FIELD_DYNAMIC, ", other keys of rows"}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (!(field->flags & flags[i].flag)) continue;
        used += (size_t)snprintf(out + used, size - used, "%s", flags[i].words);
    }
}

static void index_words(const struct kith_index_info *index, char *out, size_t size)
{
    int used = snprintf(out, size, "%s index, %s", index->kind, metric_name(index->metric));
    if (index->m) used += snprintf(out + used, size - (size_t)used, ", M %u", index->m);
    if (index->ef_construction) {
        used += snprintf(out + used, size - (size_t)used, ", ef_construction %u",
                         index->ef_construction);
    }
    snprintf(out + used, size - (size_t)used, ", %llu of %llu rows",
             (unsigned long long)index->indexed_rows, (unsigned long long)index->total_rows);
}

static int describe_words(const struct kith_collection_info *info, const struct kith_stats *stats,
                          struct kith_error *err)
{
    struct table table;
    char text[256], number[32];
    progress_count(stats->rows, number, sizeof number);
    printf("%s: %s row%s", info->name, number, stats->rows == 1 ? "" : "s");
    progress_bytes(stats->disk_bytes + stats->log_bytes, number, sizeof number);
    printf(", %llu segment%s, %s on disk\n", (unsigned long long)stats->sealed_segments,
           stats->sealed_segments == 1 ? "" : "s", number);
    if (stats->damaged_segments) {
        printf("%llu segments are damaged and left out; 'kith check' says which\n",
               (unsigned long long)stats->damaged_segments);
    }
    table_init(&table, 2, cmd_colours(STDOUT_FD));
    table_cell_text(&table, "field");
    table_cell_text(&table, "what");
    for (size_t i = 0; i < info->schema.field_count; i++) {
        field_words(&info->schema.fields[i], text, sizeof text);
        table_cell_text(&table, info->schema.fields[i].name);
        table_cell_text(&table, text);
    }
    for (size_t i = 0; i < info->index_count; i++) {
        index_words(&info->indexes[i], text, sizeof text);
        table_cell_text(&table, info->indexes[i].field);
        table_cell_text(&table, text);
    }
    int rc = table_print(&table, stdout);
    table_release(&table);
    return rc ? error_set(err, rc, "no memory for the description") : 0;
}

static void json_member(struct buffer *out, const char *name, const char *text)
{
    buffer_printf(out, "\"%s\":", name);
    json_write_string(out, text, strlen(text));
}

static void json_fields(struct buffer *out, const struct kith_schema *schema)
{
    static const struct { unsigned flag; const char *name; } flags[] = {
        {KITH_FIELD_PRIMARY, "primary"}, {KITH_FIELD_AUTO_ID, "auto_id"},
        {KITH_FIELD_NULLABLE, "nullable"}, {KITH_FIELD_PARTITION_KEY, "partition_key"},
        {KITH_FIELD_DYNAMIC, "dynamic"}};
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct kith_field *field = &schema->fields[i];
        buffer_printf(out, i ? ",{" : "{");
        json_member(out, "name", field->name);
        buffer_printf(out, ",");
        json_member(out, "type", type_name(field->type));
        if (field->dim) buffer_printf(out, ",\"dim\":%u", field->dim);
        if (field->type == KITH_ARRAY) {
            buffer_printf(out, ",");
            json_member(out, "element_type", type_name(field->element_type));
        }
        if (type_is_vector(field->type)) {
            buffer_printf(out, ",");
            json_member(out, "metric", metric_name(field->metric));
        }
        for (size_t f = 0; f < sizeof flags / sizeof *flags; f++) {
            if (field->flags & flags[f].flag) buffer_printf(out, ",\"%s\":true", flags[f].name);
        }
        buffer_printf(out, "}");
    }
}

static void json_indexes(struct buffer *out, const struct kith_collection_info *info)
{
    for (size_t i = 0; i < info->index_count; i++) {
        const struct kith_index_info *index = &info->indexes[i];
        buffer_printf(out, i ? ",{" : "{");
        json_member(out, "field", index->field);
        buffer_printf(out, ",");
        json_member(out, "kind", index->kind);
        buffer_printf(out, ",");
        json_member(out, "metric", metric_name(index->metric));
        buffer_printf(out, ",\"m\":%u,\"ef_construction\":%u,\"indexed_rows\":%llu,"
                      "\"total_rows\":%llu}", index->m, index->ef_construction,
                      (unsigned long long)index->indexed_rows,
                      (unsigned long long)index->total_rows);
    }
}

static int describe_json(const struct kith_collection_info *info, const struct kith_stats *stats,
                         struct kith_error *err)
{
    struct buffer out;
    buffer_init(&out);
    buffer_printf(&out, "{");
    json_member(&out, "name", info->name);
    buffer_printf(&out, ",\"rows\":%llu,\"deleted_rows\":%llu,\"growing_rows\":%llu,"
                  "\"sealed_segments\":%llu,\"indexed_segments\":%llu,\"damaged_segments\":%llu,"
                  "\"disk_bytes\":%llu,\"log_bytes\":%llu,\"fields\":[",
                  (unsigned long long)stats->rows, (unsigned long long)stats->deleted_rows,
                  (unsigned long long)stats->growing_rows,
                  (unsigned long long)stats->sealed_segments,
                  (unsigned long long)stats->indexed_segments,
                  (unsigned long long)stats->damaged_segments,
                  (unsigned long long)stats->disk_bytes, (unsigned long long)stats->log_bytes);
    json_fields(&out, &info->schema);
    buffer_printf(&out, "],\"indexes\":[");
    json_indexes(&out, info);
    buffer_printf(&out, "]}\n");
    bool failed = buffer_failed(&out);
    if (!failed) fwrite(out.data, 1, out.len, stdout);
    buffer_release(&out);
    return failed ? error_set(err, KITH_ENOMEM, "no memory for the description") : 0;
}

static int describe(const struct collection_options *options, struct kith_error *err)
{
    struct cmd_source source = {0};
    struct kith_stats stats = {.size = sizeof stats};
    int rc = cmd_open_source(options->db, options->name, &source, err);
    if (!rc) rc = kith_collection_stats(source.collection, &stats, err);
    if (!rc) {
        rc = options->json ? describe_json(source.info, &stats, err)
                           : describe_words(source.info, &stats, err);
    }
    cmd_close_source(&source);
    return rc;
}

/* ---- drop ---- */

static int drop(const struct collection_options *options, struct kith_error *err)
{
    struct cmd_source source = {0};
    struct kith_db *db = NULL;
    /* a text that lists names */
    int rc = cmd_open_source(options->db, options->name, &source, err);
    cmd_close_source(&source);
    if (!rc) rc = cmd_open_db(options->db, true, &db, err);
    if (!rc) rc = cmd_check_owner(db, options->name, err);
    if (!rc) rc = kith_collection_drop(db, NULL, options->name, err);
    kith_close(db);
    if (rc) return rc;
    printf(options->json ? "{\"dropped\":true}\n" : "dropped\n");
    return 0;
}

static int list_all(const struct collection_options *options, struct kith_error *err)
{
    struct kith_db *db = NULL;
    int rc = cmd_open_db(options->db, false, &db, err);
    if (!rc) rc = list(db, options->json, err);
    kith_close(db);
    return rc;
}

static const struct {
    const char *name;
    bool named;
    int (*run)(const struct collection_options *options, struct kith_error *err);
} actions[] = {{"list", false, list_all}, {"describe", true, describe}, {"drop", true, drop}};
#define ACTIONS (sizeof actions / sizeof *actions)

static int unknown_action(const char *action)
{
    const char *names[ACTIONS];
    for (size_t i = 0; i < ACTIONS; i++) names[i] = actions[i].name;
    const char *near = args_suggest(action, names, ACTIONS);
    if (near) return cmd_usage("collection", "'%s' is no action; did you mean '%s'?", action, near);
    return cmd_usage("collection", "'%s' is no action; write list, describe or drop", action);
}

int cmd_collection(int argc, char **argv)
{
    struct collection_options options = {0};
    struct kith_error err = {0};
    int exit_code;
    if (!cmd_begin(&spec, argc, argv, &options, &exit_code)) return exit_code;
    size_t action = 0;
    while (action < ACTIONS && strcmp(options.action, actions[action].name) != 0) action++;
    if (action == ACTIONS) return unknown_action(options.action);
    if (actions[action].named && !options.name) {
        return cmd_usage("collection", "which collection? write 'kith collection %s NAME --db %s'",
                         options.action, options.db);
    }
    int rc = actions[action].run(&options, &err);
    return rc ? cmd_fail("collection", &err) : CMD_OK;
}
