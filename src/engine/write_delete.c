/*
 * Deletes by key and by filter, and partitions that are dropped with their rows. See write.c.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "engine/write_internal.h"

/* ---------------------------------------------------------------------- deletes */

void key_encode(struct buffer *out, struct key key)
{
    if (key.text)
        buffer_put_bytes(out, key.s.data, key.s.len);
    else
        buffer_put_u64(out, (uint64_t)key.i);
}

struct doomed_keys {
    const struct key *keys;
    size_t count;
    const uint32_t *partitions; /* NULL: of all partitions */
    size_t partition_count;
};

static int encode_doomed(struct writing *writing, const struct doomed_keys *doomed,
                         struct kith_error *err)
{
    struct buffer *payload = &writing->payload;
    if (doomed->partitions) buffer_put_u32(payload, (uint32_t)doomed->partition_count);
    for (size_t i = 0; i < doomed->partition_count; i++)
        buffer_put_u32(payload, doomed->partitions[i]);
    buffer_put_u8(payload, schema_primary(writing->schema)->type == KITH_VARCHAR);
    const size_t at = payload->len;
    buffer_put_u32(payload, 0);
    uint32_t listed = 0;
    for (size_t i = 0; i < doomed->count; i++) {
        size_t found;
        const size_t before = writing->kills.count;
        if (writing_kill_key_in(writing, doomed->keys[i], doomed->partitions,
                                doomed->partition_count, &found))
            return writing_no_memory(writing, err);
        if (writing->kills.count == before) continue;
        key_encode(payload, doomed->keys[i]);
        listed++;
    }
    if (buffer_failed(payload)) return writing_no_memory(writing, err);
    le32_put(payload->data + at, listed);
    return 0;
}

/* Under write_lock. Keys of any number; those that match nothing are left out of the record. */
static int delete_locked(struct writing *writing, const struct doomed_keys *doomed, uint64_t *ts,
                         uint64_t *ticket, struct kith_error *err)
{
    int rc = encode_doomed(writing, doomed, err);
    if (rc || writing->kills.count == 0) return rc;
    const enum wal_type type = doomed->partitions ? WAL_DELETE_IN : WAL_DELETE;
    return writing_commit(writing, type, ts, ticket, err);
}

static int delete_keys(struct kith_collection *collection, const struct doomed_keys *doomed,
                       struct writing *writing, struct kith_written *out, struct kith_error *err)
{
    uint64_t ts = 0, ticket = 0;
    os_mutex_lock(&collection->write_lock);
    int rc = collection_writable(collection, err);
    if (rc == 0) rc = delete_locked(writing, doomed, &ts, &ticket, err);
    os_mutex_unlock(&collection->write_lock);
    if (rc == 0 && ts == 0) rc = writing_unchanged(writing, out, err);
    if (rc == 0 && ts) rc = writing_wait(writing, ts, ticket, out, err);
    return rc;
}

/* Each key once: killing a row twice would count it twice. */
static int unique_keys(struct writing *writing, const struct key *keys, size_t count,
                       struct key **out, size_t *kept)
{
    struct key *unique = arena_alloc_array(&writing->arena, count + 1, sizeof *unique);
    struct seen seen;
    map_init(&seen.map);
    int rc = unique ? 0 : KITH_ENOMEM;
    *kept = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        bool had;
        uintptr_t before;
        rc = seen_put(&seen, keys[i], i, &had, &before);
        if (!had) unique[(*kept)++] = keys[i];
    }
    map_release(&seen.map);
    *out = unique;
    return rc;
}

static int delete_in(struct kith_collection *collection, const struct kith_keys *keys,
                     const uint32_t *partitions, size_t partition_count,
                     const struct kith_call *call, struct kith_written *out,
                     struct kith_error *err)
{
    const bool text = schema_primary(collection->schema)->type == KITH_VARCHAR;
    if (keys->count && (text ? !keys->strings : !keys->ints))
        return error_set(err, KITH_EINVAL, "keys are not of the primary key's type");
    struct writing writing;
    writing_init(&writing, collection, call);
    struct key *list = arena_alloc_array(&writing.arena, keys->count + 1, sizeof *list);
    struct key *unique = NULL;
    struct doomed_keys doomed = { .partitions = partitions, .partition_count = partition_count };
    int rc = 0;
    for (size_t i = 0; list && i < keys->count; i++)
        list[i] = text ? key_text(keys->strings[i]) : key_int(keys->ints[i]);
    if (!list || unique_keys(&writing, list, keys->count, &unique, &doomed.count))
        rc = writing_no_memory(&writing, err);
    doomed.keys = unique;
    if (rc == 0) rc = delete_keys(collection, &doomed, &writing, out, err);
    writing_release(&writing);
    return rc;
}

int kith_delete(struct kith_collection *collection, const struct kith_keys *keys,
                const struct kith_call *call, struct kith_written *out, struct kith_error *err)
{
    const int rc = collection_writable(collection, err);
    return rc ? rc : delete_in(collection, keys, NULL, 0, call, out, err);
}

static int find_partitions(struct kith_collection *collection, const struct kith_query_opts *opts,
                           uint32_t *ids, struct kith_error *err)
{
    int rc = 0;
    os_mutex_lock(&collection->write_lock);
    for (size_t i = 0; rc == 0 && i < opts->partition_count; i++)
        rc = collection_partition(collection, opts->partitions[i], &ids[i], err);
    os_mutex_unlock(&collection->write_lock);
    return rc;
}

/* What matches is read at one instant, then deleted by key, in the partitions that were named. */
int kith_delete_matching(struct kith_collection *collection, const struct kith_query_opts *given,
                         const struct kith_call *call, struct kith_written *out,
                         struct kith_error *err)
{
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    if (given) memcpy(&opts, given, given->size < sizeof opts ? given->size : sizeof opts);
    opts.output = (struct kith_output){ 0 };
    opts.offset = opts.limit = 0;
    opts.explain = false;
    int rc = collection_writable(collection, err);
    if (rc) return rc;
    if (!opts.filter || !*opts.filter)
        return error_set(err, KITH_EINVAL,
                         "a delete needs a filter; drop the collection to empty it");
    uint32_t *ids = opts.partition_count ? mem_alloc_array(opts.partition_count, sizeof *ids)
                                         : NULL;
    if (opts.partition_count && !ids) return error_set(err, KITH_ENOMEM, "a delete: no memory");
    rc = find_partitions(collection, &opts, ids, err);
    struct kith_result *rows = NULL;
    if (rc == 0) rc = kith_query(collection, &opts, call, &rows, err);
    if (rc) {
        mem_free(ids);
        return rc;
    }
    const struct kith_column *column = &rows->columns[0];
    struct kith_keys keys = { .count = rows->rows };
    if (column->type == KITH_INT64)
        keys.ints = column->data;
    else
        keys.strings = column->data;
    rc = delete_in(collection, &keys, ids, opts.partition_count, call, out, err);
    kith_result_free(rows);
    mem_free(ids);
    return rc;
}

int kith_delete_where(struct kith_collection *collection, const char *filter,
                      const struct kith_call *call, struct kith_written *out,
                      struct kith_error *err)
{
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    opts.filter = filter;
    return kith_delete_matching(collection, &opts, call, out, err);
}


/* ------------------------------------------------------------------- partitions */

int collection_partition_rows(struct kith_collection *collection, uint32_t id,
                              int (*fn)(void *ctx, struct segment *segment, uint32_t row),
                              void *ctx)
{
    struct version *version = version_current(collection);
    int rc = 0;
    for (size_t s = 0; rc == 0 && s < version->count; s++) {
        struct bitset rows = { 0 };
        rc = segment_visible(version->segments[s], UINT64_MAX, &rows);
        if (rc == 0) rc = segment_keep_partitions(version->segments[s], &id, 1, &rows);
        for (size_t row = 0; rc == 0 && (row = bitset_next(&rows, row)) < rows.bits; row++)
            rc = fn(ctx, version->segments[s], (uint32_t)row);
        bitset_release(&rows);
        if (rc != KITH_ECORRUPT) continue;
        segment_set_damaged(version->segments[s]);
        rc = 0;
    }
    return rc;
}

char *collection_take_partition(struct kith_collection *collection, uint32_t id)
{
    struct manifest *manifest = &collection->manifest;
    for (uint32_t i = 0; i < manifest->partition_count; i++) {
        if (manifest->partitions[i].id != id) continue;
        char *name = manifest->partitions[i].name;
        manifest->partition_count--;
        memmove(manifest->partitions + i, manifest->partitions + i + 1,
                (manifest->partition_count - i) * sizeof *manifest->partitions);
        return name;
    }
    return NULL;
}

/* The log failed: its rows are as visible as before, so is its name. */
static void give_back(struct kith_collection *collection, uint32_t id, char *name)
{
    struct manifest *manifest = &collection->manifest;
    os_mutex_lock(&collection->write_lock);
    struct manifest_partition *grown =
        mem_realloc(manifest->partitions, (manifest->partition_count + 1u) * sizeof *grown);
    if (grown) {
        manifest->partitions = grown;
        grown[manifest->partition_count++] = (struct manifest_partition){ .id = id, .name = name };
        name = NULL;
    }
    os_mutex_unlock(&collection->write_lock);
    mem_free(name);
}

static int kill_one(void *ctx, struct segment *segment, uint32_t row)
{
    return writing_kill(ctx, segment, row);
}

static int drop_locked(struct writing *writing, const char *partition, uint32_t *id, uint64_t *ts,
                       uint64_t *ticket, struct kith_error *err)
{
    struct kith_collection *collection = writing->collection;
    int rc = collection_writable(collection, err);
    if (rc == 0) rc = collection_partition(collection, partition, id, err);
    if (rc) return rc;
    if (collection->schema->partition_key != SIZE_MAX)
        return error_set(err, KITH_EINVAL, "disable drop partition if partition key mode is used");
    if (strcmp(partition, ENGINE_DEFAULT_PARTITION) == 0)
        return error_set(err, KITH_EINVAL, "the partition '%s' cannot be dropped", partition);
    if (collection_partition_rows(collection, *id, kill_one, writing))
        return writing_no_memory(writing, err);
    buffer_put_u32(&writing->payload, *id);
    if (buffer_failed(&writing->payload)) return writing_no_memory(writing, err);
    return writing_commit(writing, WAL_DROP_PARTITION, ts, ticket, err);
}

/* One record: its rows die and its name goes at one timestamp. Manifests written later leave the
 * name out, and a replay of the record does. */
int kith_partition_drop(struct kith_collection *collection, const char *partition,
                        struct kith_error *err)
{
    int rc = collection_writable(collection, err);
    if (rc) return rc;
    if (!partition) return error_set(err, KITH_EINVAL, "which partition?");
    struct writing writing;
    writing_init(&writing, collection, NULL);
    uint64_t ts = 0, ticket = 0;
    uint32_t id = 0;
    char *name = NULL;
    os_mutex_lock(&collection->write_lock);
    rc = drop_locked(&writing, partition, &id, &ts, &ticket, err);
    if (rc == 0) name = collection_take_partition(collection, id);
    os_mutex_unlock(&collection->write_lock);
    if (rc == 0) {
        rc = writing_wait(&writing, ts, ticket, NULL, err);
        if (rc)
            give_back(collection, id, name);
        else
            mem_free(name);
    }
    writing_release(&writing);
    return rc;
}
