/*
 * What all data handlers need: fields, values of pairs, texts of refusals, counting.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milvus/milvus_data.h"

#define WAIT_MAX_US 5000000

MilvusStatus *milvus_no_memory(struct milvus_call *call)
{
    return milvus_status(call, MILVUS_MEMORY_LIMIT, "memory limit exceeded");
}

uint32_t milvus_field_number(const MilvusField *field, const char *key)
{
    const char *text = milvus_pair_get(field->type_params, field->n_type_params, key);
    int64_t number = 0;
    if (!text || !milvus_parse_int(text, &number)) return 0;
    return number > 0 && number <= UINT32_MAX ? (uint32_t)number : 0;
}

bool milvus_field_computed(const struct milvus_collection *collection, const MilvusField *field)
{
    const MilvusSchema *schema = collection->record->schema;
    if (field->is_function_output) return true;
    for (size_t i = 0; i < schema->n_functions; i++) {
        const Milvus__Proto__Schema__FunctionSchema *function = schema->functions[i];
        for (size_t j = 0; j < function->n_output_field_names; j++)
            if (strcmp(function->output_field_names[j], field->name) == 0) return true;
    }
    return false;
}

const MilvusField *milvus_partition_key(const struct milvus_collection *collection)
{
    const MilvusSchema *schema = collection->record->schema;
    for (size_t i = 0; i < schema->n_fields; i++)
        if (schema->fields[i]->is_partition_key) return schema->fields[i];
    return NULL;
}

const struct kith_column *milvus_column_find(const struct kith_result *result, const char *name)
{
    for (size_t i = 0; i < result->column_count; i++)
        if (strcmp(result->columns[i].field, name) == 0) return &result->columns[i];
    return NULL;
}

bool milvus_double_parse(const char *text, double *out)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value)) return false;
    *out = value;
    return true;
}

MilvusStatus *milvus_filter_error(struct milvus_call *call, int rc, const struct kith_error *err,
                                  const char *expr, const char *plan)
{
    if (rc != KITH_EFILTER) return milvus_error(call, rc, err);
    return milvus_status(
        call, MILVUS_INVALID,
        "failed to create %s plan: cannot parse expression: %.1000s, error: %.600s: "
        "invalid parameter",
        plan, expr ? expr : "", err->text);
}

static bool has_partition(const struct kith_collection_info *info, const char *name)
{
    for (size_t i = 0; i < info->partition_count; i++)
        if (strcmp(info->partitions[i], name) == 0) return true;
    return false;
}

MilvusStatus *milvus_partitions_check(struct milvus_call *call,
                                      const struct milvus_collection *collection,
                                      const char *const *names, size_t count, bool query)
{
    struct kith_collection_info *info;
    MilvusStatus *refused = NULL;
    if (count == 0) return NULL;
    if (milvus_partition_key(collection))
        return milvus_status(call, query ? MILVUS_INVALID : MILVUS_PLAIN,
                             "not support manually specifying the partition names if partition key "
                             "mode is used%s",
                             query ? ": invalid parameter" : "");
    if (kith_collection_describe(collection->handle, &info, NULL)) return NULL;
    for (size_t i = 0; !refused && i < count; i++)
        if (!has_partition(info, names[i]))
            refused =
                milvus_status(call, MILVUS_PLAIN, "partition name %.300s not found", names[i]);
    kith_collection_info_free(info);
    return refused;
}

static MilvusStatus *loaded_check(struct milvus_call *call,
                                  const struct milvus_collection *collection, const char *verb,
                                  const char *const *names, size_t count)
{
    if (!collection->record->loaded)
        return milvus_status(call, MILVUS_COLLECTION_NOT_LOADED,
                             "failed to %s: collection not loaded[collection=%llu]", verb,
                             (unsigned long long)collection->id);
    for (size_t i = 0; i < count; i++)
        if (!milvus_partition_loaded(collection, names[i]))
            return milvus_status(call, MILVUS_PARTITION_NOT_LOADED,
                                 "failed to %s: partition not loaded[partition=%.300s]", verb,
                                 names[i]);
    return NULL;
}

MilvusStatus *milvus_read_check(struct milvus_call *call,
                                const struct milvus_collection *collection, const char *verb,
                                const char *const **names, size_t *count)
{
    const Kith__Door__CollectionRecord *record = collection->record;
    const bool query = strcmp(verb, "query") == 0;
    MilvusStatus *refused = loaded_check(call, collection, verb, NULL, 0);
    if (!refused) refused = milvus_partitions_check(call, collection, *names, *count, query);
    if (!refused) refused = loaded_check(call, collection, verb, *names, *count);
    if (refused || *count || record->n_loaded_partitions == 0) return refused;
    *names = (const char *const *)record->loaded_partitions;
    *count = record->n_loaded_partitions;
    return NULL;
}

/* 1 and 2 are the words "eventually" and "bounded"; what is past is met by reading at all. */
void milvus_wait_until(struct milvus_call *call, uint64_t guarantee)
{
    const struct os *os = call->milvus->opts.os;
    if (guarantee <= 2) return;
    const int64_t ahead_ms = (int64_t)(guarantee >> 18) - os_wall_ms(os);
    if (ahead_ms <= 0) return;
    os_sleep_us(os, ahead_ms > WAIT_MAX_US / 1000 ? WAIT_MAX_US : ahead_ms * 1000);
}

void milvus_data_count(struct milvus_call *call, const char *metric, const char *help,
                       const struct milvus_collection *collection, double amount)
{
    char labels[600];
    (void)snprintf(labels, sizeof labels, "db_name=\"%s\",collection_name=\"%s\"",
                   collection->database, collection->name);
    metric_add(metrics_get(call->milvus->opts.metrics, METRIC_COUNTER, metric, help, labels),
               amount);
}

void milvus_slow_note(struct milvus_call *call, const char *what,
                      const struct milvus_collection *collection, const char *expr,
                      const char *explain)
{
    const struct milvus_opts *opts = &call->milvus->opts;
    const int64_t ms = (os_now_us(opts->os) - call->started_us) / 1000;
    if (opts->slow_query_ms == 0 || ms < (int64_t)opts->slow_query_ms) return;
    milvus_data_count(call, "milvus_proxy_slow_query_count", "Reads that took long.", collection,
                      1);
    if (!opts->log) return;
    char text[4096];
    (void)snprintf(text, sizeof text, "slow %s: %lld ms, %s.%s, from %s, filter \"%.500s\" %.2500s",
                   what, (long long)ms, collection->database, collection->name,
                   call->peer ? call->peer : "", expr ? expr : "", explain ? explain : "");
    opts->log(opts->log_ctx, 1, text);
}
