/*
 * kith version [--features] [--limits] [--json]
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cmd/cmd.h"
#include "model/limits.h"

struct version_options {
    bool features, limits, json;
};

static const struct args_option options_table[] = {
    {.name = "features", .kind = ARGS_FLAG,
     .help = "the instruction set in use and the optional parts of this build",
     .offset = offsetof(struct version_options, features)},
    {.name = "limits", .kind = ARGS_FLAG, .help = "every maximum",
     .offset = offsetof(struct version_options, limits)},
    {.name = "json", .kind = ARGS_FLAG, .help = "everything as one JSON object",
     .offset = offsetof(struct version_options, json)},
};

static const struct args_spec spec = {
    .verb = "version",
    .summary = "version, features and limits of this build",
    .example = "kith version --limits",
    .options = options_table,
    .option_count = sizeof options_table / sizeof *options_table,
};

static const struct {
    const char *name, *what;
    unsigned long value;
} limits[] = {
    {"name_bytes", "bytes of a name", LIMIT_NAME_BYTES},
    {"fields", "fields of a collection", LIMIT_FIELDS},
    {"vector_fields", "vector fields of a collection", LIMIT_VECTOR_FIELDS},
    {"dim", "dimensions of a vector", LIMIT_DIM},
    {"dim_bits", "bits of a binary vector", LIMIT_DIM_BITS},
    {"varchar_bytes", "bytes of a text", LIMIT_VARCHAR_BYTES},
    {"json_bytes", "bytes of a JSON value", LIMIT_JSON_BYTES},
    {"array_elements", "elements of an array", LIMIT_ARRAY_ELEMENTS},
    {"sparse_entries", "entries of a sparse vector", LIMIT_SPARSE_ENTRIES},
    {"partitions", "partitions of a collection", LIMIT_PARTITIONS},
    {"databases", "databases in one directory", LIMIT_DATABASES},
    {"collections", "collections of a directory", LIMIT_COLLECTIONS},
    {"batch_rows", "rows of one insert", LIMIT_BATCH_ROWS},
    {"search_k", "offset + k of a search", LIMIT_SEARCH_K},
    {"search_queries", "vectors of one search call", LIMIT_SEARCH_QUERIES},
    {"filter_bytes", "bytes of a filter", LIMIT_FILTER_BYTES},
    {"segment_rows", "rows of a segment", LIMIT_SEGMENT_ROWS},
};

static void print_json(void)
{
    struct buffer out;
    buffer_init(&out);
    json_write_string(&out, kith_features(), strlen(kith_features()));
    printf("{\"version\":\"%s\",\"features\":%.*s,\"limits\":{", kith_version(), (int)out.len,
           out.len ? (const char *)out.data : "");
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        printf("%s\"%s\":%lu", i ? "," : "", limits[i].name, limits[i].value);
    }
    printf("}}\n");
    buffer_release(&out);
}

int cmd_version(int argc, char **argv)
{
    struct version_options options = {0};
    int exit_code;
    if (!cmd_begin(&spec, argc, argv, &options, &exit_code)) return exit_code;
    if (options.json) {
        print_json();
        return CMD_OK;
    }
    printf("kith %s\n", kith_version());
    if (options.features) printf("%s\n", kith_features());
    for (size_t i = 0; options.limits && i < sizeof limits / sizeof *limits; i++) {
        printf("%10lu  %s\n", limits[i].value, limits[i].what);
    }
    return CMD_OK;
}
