/*
 * Properties of a collection: most are kept and given back; some mean something here.
 */
#include <string.h>

#include "milvus/milvus_data.h"
#include "milvus/schema_map.h"

#define TTL_MAX INT64_C(3155760000) /* a hundred years */

static MilvusStatus *check_ttl(struct milvus_call *call, const char *text)
{
    int64_t seconds;
    if (milvus_parse_int(text, &seconds) && seconds >= -1 && seconds <= TTL_MAX) return NULL;
    return milvus_status(call, MILVUS_INVALID,
                         "collection TTL is out of range, expect [-1, %lld], got %.100s: invalid "
                         "parameter",
                         (long long)TTL_MAX, text);
}

static MilvusStatus *check_ttl_field(struct milvus_call *call, const MilvusSchema *schema,
                                     const char *name)
{
    for (size_t i = 0; i < schema->n_fields; i++)
        if (strcmp(schema->fields[i]->name, name) == 0)
            return (int)schema->fields[i]->data_type == KITH_TIMESTAMPTZ
                       ? NULL
                       : milvus_status(call, MILVUS_INVALID,
                                       "ttl field must be timestamptz, field name = %s: invalid "
                                       "parameter",
                                       name);
    return milvus_status(call, MILVUS_INVALID,
                         "ttl field name %.300s not found in schema: invalid parameter", name);
}

static MilvusStatus *check_switches(struct milvus_call *call, MilvusPair *const *pairs,
                                    size_t count)
{
    static const char *const keys[] = {"mmap.enabled", "partitionkey.isolation", "lazyload.enabled",
                                       "allow_insert_auto_id", "collection.autocompaction.enabled"};
    bool value;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (!milvus_pair_bool(pairs, count, keys[i], &value))
            return milvus_status(call, MILVUS_INVALID,
                                 "invalid %s value: %.100s: invalid parameter", keys[i],
                                 milvus_pair_get(pairs, count, keys[i]));
    return NULL;
}

MilvusStatus *milvus_properties_check(struct milvus_call *call, const MilvusSchema *schema,
                                      MilvusPair *const *pairs, size_t count)
{
    const char *ttl = milvus_pair_get(pairs, count, "collection.ttl.seconds");
    const char *field = milvus_pair_get(pairs, count, "ttl_field");
    const char *zone = milvus_pair_get(pairs, count, "timezone");
    const struct time_zone *known;
    bool isolated = false;
    MilvusStatus *refusal = ttl ? check_ttl(call, ttl) : NULL;
    if (!refusal && field) refusal = check_ttl_field(call, schema, field);
    if (!refusal && ttl && field)
        refusal = milvus_status(call, MILVUS_INVALID,
                                "collection TTL and ttl field cannot be set at the same time: "
                                "invalid parameter");
    if (!refusal) refusal = check_switches(call, pairs, count);
    if (!refusal && zone) refusal = milvus_zone_find(call, zone, &known);
    (void)milvus_pair_bool(pairs, count, "partitionkey.isolation", &isolated);
    if (!refusal && isolated && !schema_partition_key(schema))
        refusal =
            milvus_status(call, MILVUS_PLAIN,
                          "partition key isolation mode is enabled but no partition key field "
                          "is set. Please set the partition key first");
    return refusal;
}

int milvus_properties_apply(struct milvus_call *call, const char *collection,
                            struct kith_error *err)
{
    MilvusStatus *missing;
    int64_t ttl = 0;
    struct milvus_collection *there = milvus_collection_get(call, collection, false, &missing);
    if (!there) return 0; /* dropped meanwhile */
    (void)milvus_pair_int(there->record->properties, there->record->n_properties,
                          "collection.ttl.seconds", &ttl);
    const int rc = kith_collection_set_ttl(there->handle, ttl > 0 ? (uint64_t)ttl : 0, err);
    milvus_collection_unref(there);
    return rc;
}
