/*
 * What a search goes to, and the engine's options of it: field, metric, query vectors in the layout
 * of the field, a range of scores as a range of distances.
 */
#include <math.h>
#include <string.h>
#include <strings.h>

#include "milvus/milvus_data.h"

/* ---- the target ---- */

static bool is_vector(const MilvusField *field)
{
    return (int)field->data_type >= KITH_BINARY_VECTOR && (int)field->data_type <= KITH_INT8_VECTOR;
}

static MilvusStatus *find_field(struct milvus_call *call,
                                const struct milvus_collection *collection, const char *name,
                                const MilvusField **out)
{
    const MilvusSchema *schema = collection->record->schema;
    size_t vectors = 0;
    if (name && *name) {
        *out = milvus_field_find(collection, name);
        if (*out && is_vector(*out)) return NULL;
        return milvus_status(call, MILVUS_INVALID,
                             "failed to create query plan: failed to get field schema by name: "
                             "fieldName(%.255s) not found: invalid parameter",
                             name);
    }
    for (size_t i = 0; i < schema->n_fields; i++) {
        if (!is_vector(schema->fields[i])) continue;
        *out = schema->fields[i];
        vectors++;
    }
    if (vectors == 1) return NULL;
    return milvus_status(
        call, MILVUS_PLAIN,
        "multiple anns_fields exist, please specify a anns_field in search_params");
}

static enum kith_metric metric_parse(const char *name)
{
    static const char *const names[] = { "", "L2", "IP", "COSINE", "HAMMING", "JACCARD", "BM25" };
    for (size_t i = 1; name && i < sizeof names / sizeof names[0]; i++)
        if (strcasecmp(name, names[i]) == 0) return (enum kith_metric)i;
    return KITH_METRIC_DEFAULT;
}

static const char *metric_text(enum kith_metric metric)
{
    static const char *const names[] = { "", "L2", "IP", "COSINE", "HAMMING", "JACCARD", "BM25" };
    return names[metric];
}

static enum kith_metric metric_of_engine(const struct milvus_collection *collection,
                                         const char *field)
{
    struct kith_collection_info *info;
    enum kith_metric metric = KITH_L2;
    if (kith_collection_describe(collection->handle, &info, NULL)) return metric;
    for (size_t i = 0; i < info->schema.field_count; i++)
        if (strcmp(info->schema.fields[i].name, field) == 0) metric = info->schema.fields[i].metric;
    kith_collection_info_free(info);
    return metric;
}

static enum kith_metric metric_of(const struct milvus_collection *collection,
                                  const MilvusField *field)
{
    if (milvus_field_computed(collection, field)) return KITH_BM25;
    const Kith__Door__IndexRecord *index = milvus_index_find(collection, field->name, NULL);
    const char *name =
        index ? milvus_pair_get(index->params, index->n_params, "metric_type") : NULL;
    const enum kith_metric metric = metric_parse(name);
    return metric ? metric : metric_of_engine(collection, field->name);
}

MilvusStatus *milvus_target_find(struct milvus_call *call,
                                 const struct milvus_collection *collection, const char *field,
                                 const char *metric, struct milvus_target *out)
{
    MilvusStatus *refused = find_field(call, collection, field, &out->field);
    if (refused) return refused;
    out->metric = metric_of(collection, out->field);
    out->metric_name = metric_text(out->metric);
    out->sign = out->metric == KITH_COSINE                              ? MILVUS_COSINE
                : out->metric == KITH_IP || out->metric == KITH_BM25 ? MILVUS_NEGATED
                                                                      : MILVUS_DISTANCE;
    if (!metric || strcasecmp(metric, out->metric_name) == 0) return NULL;
    return milvus_status(call, MILVUS_INVALID,
                         "metric type not match: invalid parameter[expected=%s][actual=%.50s]",
                         out->metric_name, metric);
}

/* ---- queries ---- */

static size_t vector_bytes(int type, uint32_t dim)
{
    switch (type) {
    case KITH_BINARY_VECTOR: return dim / 8;
    case KITH_FLOAT16_VECTOR:
    case KITH_BFLOAT16_VECTOR: return (size_t)dim * 2;
    case KITH_INT8_VECTOR: return dim;
    default: return (size_t)dim * 4;
    }
}

static const char *type_text(int type)
{
    switch (type) {
    case KITH_VARCHAR: return "VarChar";
    case KITH_BINARY_VECTOR: return "BinaryVector";
    case KITH_FLOAT_VECTOR: return "FloatVector";
    case KITH_FLOAT16_VECTOR: return "Float16Vector";
    case KITH_BFLOAT16_VECTOR: return "BFloat16Vector";
    case KITH_SPARSE_VECTOR: return "SparseFloatVector";
    case KITH_INT8_VECTOR: return "Int8Vector";
    default: return "None";
    }
}

static MilvusStatus *dense_queries(struct milvus_call *call, const struct milvus_vectors *vectors,
                                   const MilvusField *field, struct kith_search_opts *out)
{
    const size_t bytes = vector_bytes(vectors->type, milvus_field_number(field, "dim"));
    for (size_t i = 0; i < vectors->count; i++)
        if (vectors->values[i].len != bytes)
            return milvus_status(
                call, MILVUS_INVALID,
                "vector dimension mismatch, expected vector size(byte) %zu, actual "
                "%zu.: invalid parameter",
                bytes, vectors->values[i].len);
    out->query_type = (enum kith_type)vectors->type;
    out->queries = vectors->values[0].data;
    if (vectors->count == 1 && (uintptr_t)vectors->values[0].data % 16 == 0) return NULL;
    uint8_t *all = arena_alloc_array(call->arena, vectors->count, bytes + (bytes == 0));
    if (!all) return milvus_no_memory(call);
    for (size_t i = 0; i < vectors->count; i++)
        memcpy(all + i * bytes, vectors->values[i].data, bytes);
    out->queries = all;
    return NULL;
}

static bool is_convertible(int from, int to)
{
    return from == to || (from == KITH_FLOAT_VECTOR &&
                          (to == KITH_FLOAT16_VECTOR || to == KITH_BFLOAT16_VECTOR ||
                           to == KITH_INT8_VECTOR));
}

static MilvusStatus *lay_queries(struct milvus_call *call, const struct milvus_vectors *vectors,
                                 const struct milvus_target *target, struct kith_search_opts *out)
{
    const int type = (int)target->field->data_type;
    out->query_count = vectors->count;
    if (target->metric == KITH_BM25) {
        if (vectors->type != KITH_VARCHAR)
            return milvus_status(call, MILVUS_INVALID,
                                 "please provide varchar/text for BM25 Function based search, got "
                                 "%s: invalid parameter",
                                 type_text(vectors->type));
        out->query_type = KITH_VARCHAR;
        out->queries = vectors->values;
        return NULL;
    }
    if (!is_convertible(vectors->type, type))
        return milvus_status(call, MILVUS_INVALID,
                             "vector type must be the same, field %s - type %s, search info type "
                             "%s: invalid parameter",
                             target->field->name, type_text(type), type_text(vectors->type));
    if (type != KITH_SPARSE_VECTOR) return dense_queries(call, vectors, target->field, out);
    out->query_type = KITH_SPARSE_VECTOR;
    out->queries = vectors->values;
    return NULL;
}

/* ---- ranges ---- */

static float distance_of(enum milvus_metric_sign sign, double score)
{
    return (float)(sign == MILVUS_COSINE ? 1 - score : sign == MILVUS_NEGATED ? -score : score);
}

static MilvusStatus *set_range(struct milvus_call *call, const struct milvus_search *search,
                               const struct milvus_target *target, struct kith_search_opts *out)
{
    const bool falling = target->sign != MILVUS_DISTANCE;
    if (!search->has_radius) return NULL;
    if (search->group_by)
        return milvus_status(call, MILVUS_INVALID,
                             "Not allowed to do range-search when doing search-group-by: invalid "
                             "parameter");
    if (search->has_range_filter && falling && search->range_filter <= search->radius)
        return milvus_status(call, MILVUS_INVALID,
                             "range_filter must more than radius when IP: invalid parameter");
    if (search->has_range_filter && !falling && search->range_filter >= search->radius)
        return milvus_status(call, MILVUS_INVALID,
                             "range_filter must less than radius except IP: invalid parameter");
    out->has_range = true;
    out->range_outer = distance_of(target->sign, search->radius);
    out->range_inner =
        search->has_range_filter ? distance_of(target->sign, search->range_filter) : -INFINITY;
    return NULL;
}

static MilvusStatus *set_groups(struct milvus_call *call,
                                const struct milvus_collection *collection,
                                const struct milvus_search *search,
                                const struct milvus_target *target, struct kith_search_opts *out)
{
    if (!search->group_by) return NULL;
    if ((int)target->field->data_type == KITH_BINARY_VECTOR)
        return milvus_status(call, MILVUS_INVALID,
                             "not support search_group_by operation based on binary vector column: "
                             "invalid parameter");
    if (!milvus_field_find(collection, search->group_by) && !strchr(search->group_by, '[') &&
        !collection->record->schema->enable_dynamic_field)
        return milvus_status(call, MILVUS_FIELD_NOT_FOUND,
                             "groupBy field not found in schema: field not found[field=%.255s]",
                             search->group_by);
    out->group_by = search->group_by;
    out->group_size = (uint32_t)search->group_size;
    out->strict_group_size = search->strict_group_size;
    return NULL;
}

MilvusStatus *milvus_search_opts_make(struct milvus_call *call,
                                      const struct milvus_collection *collection,
                                      const struct milvus_search *search,
                                      const struct milvus_target *target,
                                      struct kith_search_opts *out)
{
    *out = (struct kith_search_opts)KITH_SEARCH_OPTS_INIT;
    out->field = target->field->name;
    out->k = (uint64_t)search->topk;
    out->offset = (uint64_t)search->offset;
    out->ef = search->ef;
    out->drop_ratio = search->drop_ratio;
    out->filter_params = search->expr_params;
    out->partitions = search->partition_count ? search->partitions : NULL;
    out->partition_count = search->partition_count;
    out->explain = call->milvus->opts.slow_query_ms != 0;
    MilvusStatus *refused =
        milvus_expr_zoned(call, collection, search->times.zone, search->expr, &out->filter);
    if (!refused) refused = lay_queries(call, &search->vectors, target, out);
    if (!refused) refused = set_range(call, search, target, out);
    if (!refused) refused = set_groups(call, collection, search, target, out);
    return refused;
}
