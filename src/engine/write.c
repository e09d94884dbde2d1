/*
 * Writes: insert, upsert, delete.
 *
 * Under the write lock: decide what the batch becomes (duplicates), append its rows to the active
 * growing segment with a timestamp above everything visible, append one record to the log, mark
 * killed rows. Then, without a lock, wait for the log and let visible_ts pass. What can fail for
 * want of memory is done or reserved before the record is in the log, so a logged write is always
 * applied.
 *
 * Rows carry the lowest timestamp the record can get (wal_next_ts): visible_ts of a collection only
 * takes values of its own records, so no reader can tell it from the record's own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/write_internal.h"
#include "query/geometry.h"

static int make_room(struct writing *writing, size_t rows, struct kith_error *err)
{
    struct kith_collection *collection = writing->collection;
    struct kith_db *db = collection->db;
    while (writing_is_full(collection, rows)) {
        struct version *version = version_current(collection);
        if (version->count - version->sealed <= ENGINE_FROZEN_MAX) {
            int rc = collection_freeze(collection, rows, err);
            if (rc) return rc;
            background_wake(db);
            continue;
        }
        if (collection->work_status) {
            int rc = error_set(err, collection->work_status, "collection '%s': sealing failed: %s",
                               collection->manifest.name, collection->work_error.text);
            collection->work_status = 0; /* the next write tries again */
            return rc;
        }
        os_mutex_unlock(&collection->write_lock);
        int rc = background_wait(db, NULL, &writing->request, err);
        os_mutex_lock(&collection->write_lock);
        if (rc == 0) rc = collection_writable(collection, err);
        if (rc) return rc;
    }
    return 0;
}

/* A row of the key that is too old goes, for it would be there again without a time to live. */
static int key_exists(struct writing *writing, struct key key)
{
    struct version *version = version_current(writing->collection);
    uint32_t row;
    for (size_t s = version->count; s-- > 0;) {
        int got = segment_find(version->segments[s], key, UINT64_MAX, &row, 1);
        if (got == KITH_ECORRUPT) segment_set_damaged(version->segments[s]);
        if (got > 0 && row < segment_expired(version->segments[s], writing->oldest_s)) {
            size_t found;
            writing->replaces_expired = true;
            return writing_kill_key(writing, key, &found);
        }
        if (got > 0 || (got < 0 && got != KITH_ECORRUPT)) return got;
    }
    return 0;
}

/* ------------------------------------------------------------------- duplicates */

int seen_put(struct seen *seen, struct key key, uintptr_t row, bool *had, uintptr_t *before)
{
    const void *bytes = key.text ? (const void *)key.s.data : (const void *)&key.i;
    size_t len = key.text ? key.s.len : sizeof key.i;
    *had = map_get(&seen->map, bytes, len, before);
    return map_put(&seen->map, bytes, len, row);
}

/* Fills keep[] with the rows of the batch that are written. */
static int choose_rows(struct writing *writing, struct seen *seen, enum kith_duplicate policy,
                       uint32_t *keep, size_t *kept, struct kith_error *err)
{
    const struct kith_column *keys = &writing->batch.columns[writing->schema->primary];
    uint8_t *drop = arena_zalloc(&writing->arena, writing->batch.rows);
    if (!drop) return writing_no_memory(writing, err);
    for (size_t row = 0; row < writing->batch.rows; row++) {
        struct key key = key_of_column(keys, row);
        bool had;
        uintptr_t before = 0;
        if (seen_put(seen, key, row, &had, &before)) return writing_no_memory(writing, err);
        int exists = 0;
        if (policy == KITH_DUPLICATE_REPLACE) {
            size_t found = 0;
            if (had)
                drop[before] = 1; /* the last of a batch wins */
            else
                exists = writing_kill_key(writing, key, &found);
        } else {
            exists = had ? 1 : key_exists(writing, key);
        }
        if (exists < 0) return exists == KITH_ENOMEM ? writing_no_memory(writing, err) : exists;
        if (exists && policy == KITH_DUPLICATE_ERROR)
            return key.text
                       ? error_set_at(err, KITH_EEXISTS, row, "document already exists: '%.*s'",
                                      (int)(key.s.len < 200 ? key.s.len : 200), key.s.data)
                       : error_set_at(err, KITH_EEXISTS, row, "document already exists: %lld",
                                      (long long)key.i);
        if (exists) drop[row] = 1;
    }
    *kept = 0;
    for (size_t row = 0; row < writing->batch.rows; row++)
        if (!drop[row]) keep[(*kept)++] = (uint32_t)row;
    return 0;
}

static int resolve_duplicates(struct writing *writing, struct kith_error *err)
{
    const struct schema *schema = writing->schema;
    enum kith_duplicate policy = writing->upsert ? KITH_DUPLICATE_REPLACE : schema->on_duplicate;
    if (policy == KITH_DUPLICATE_ALLOW) return 0;
    if (schema_primary(schema)->flags & KITH_FIELD_AUTO_ID && !writing->keys_given) return 0;
    struct seen seen;
    map_init(&seen.map);
    size_t rows = writing->batch.rows, kept = 0;
    uint32_t *keep = arena_alloc_array(&writing->arena, rows, sizeof *keep);
    int rc = keep ? choose_rows(writing, &seen, policy, keep, &kept, err)
                  : writing_no_memory(writing, err);
    map_release(&seen.map);
    if (rc || kept == rows) return rc;
    if (policy == KITH_DUPLICATE_IGNORE) writing->written.ignored = rows - kept;
    struct kith_batch selected;
    rc = batch_select(schema, &writing->batch, keep, kept, &writing->arena, &selected);
    if (rc) return writing_no_memory(writing, err);
    for (size_t i = 0; i < kept; i++) writing->partitions[i] = writing->partitions[keep[i]];
    writing->batch = selected;
    return 0;
}

/* ------------------------------------------------------------------ preparation */

/* Both the column and what the caller gets: the array, then the digits. */
static const void *text_ids(struct writing *writing, uint64_t first, size_t rows)
{
    enum { DIGITS = 20 };
    struct kith_str *ids = mem_alloc_array(rows, sizeof *ids + DIGITS + 1);
    if (!ids) return NULL;
    char *at = (char *)(ids + rows);
    for (size_t i = 0; i < rows; i++, at += DIGITS + 1) {
        const int len = snprintf(at, DIGITS + 1, "%" PRIu64, first + i);
        ids[i] = (struct kith_str){ at, (size_t)len };
    }
    writing->written.str_ids = ids;
    return ids;
}

static const void *int_ids(struct writing *writing, uint64_t first, size_t rows)
{
    int64_t *ids = mem_alloc_array(rows, sizeof *ids);
    for (size_t i = 0; ids && i < rows; i++) ids[i] = (int64_t)(first + i);
    writing->written.int_ids = ids;
    return ids;
}

static int assign_keys(struct writing *writing, struct kith_error *err)
{
    const struct schema *schema = writing->schema;
    const struct schema_field *primary = schema_primary(schema);
    const size_t rows = writing->batch.rows;
    if (!(primary->flags & KITH_FIELD_AUTO_ID) || rows == 0 || writing->keys_given) return 0;
    const uint64_t first = atomic_fetch_add_explicit(&writing->collection->db->next_auto_id, rows,
                                                     memory_order_relaxed);
    const void *ids = primary->type == KITH_INT64 ? int_ids(writing, first, rows)
                                                  : text_ids(writing, first, rows);
    struct kith_column *columns =
        arena_alloc_array(&writing->arena, schema->field_count, sizeof *columns);
    if (!ids || !columns) return writing_no_memory(writing, err);
    memcpy(columns, writing->batch.columns, schema->field_count * sizeof *columns);
    columns[schema->primary].data = ids;
    writing->batch.columns = columns;
    return 0;
}

/* ------------------------------------------------- upsert with automatic keys */

static int key_given_badly(const struct schema_field *primary, const struct kith_column *column,
                           struct kith_error *err)
{
    if (column->type && column->type != primary->type)
        return error_set(err, KITH_EINVAL, "field '%s' is %s, not %s", primary->name,
                         type_name(primary->type), type_name(column->type));
    if (!column->data || column->valid)
        return error_set(err, KITH_EINVAL, "field '%s': an upsert names every row's key",
                         primary->name);
    return 0;
}

/* The keys of the rows to replace, and the batch without them: the rows get new ones. */
static int take_keys(struct writing *writing, const struct kith_batch *given,
                     struct kith_batch *rest, struct kith_error *err)
{
    const struct schema_field *primary = schema_primary(writing->schema);
    struct kith_column *columns =
        arena_alloc_array(&writing->arena, given->column_count + 1, sizeof *columns);
    struct key *keys = arena_alloc_array(&writing->arena, given->rows + 1, sizeof *keys);
    if (!columns || !keys) return writing_no_memory(writing, err);
    const struct kith_column *column = NULL;
    *rest = *given;
    rest->columns = columns;
    rest->column_count = 0;
    for (size_t i = 0; i < given->column_count; i++) {
        const char *field = given->columns[i].field;
        if (field && strcmp(field, primary->name) == 0)
            column = &given->columns[i];
        else
            columns[rest->column_count++] = given->columns[i];
    }
    if (!column)
        return error_set(err, KITH_EINVAL, "must assign pk when upsert, primary field: %s",
                         primary->name);
    int rc = key_given_badly(primary, column, err);
    if (rc) return rc;
    struct kith_column typed = *column;
    typed.type = primary->type;
    for (size_t i = 0; i < given->rows; i++) keys[i] = key_of_column(&typed, i);
    writing->replaced = keys;
    writing->replaced_count = given->rows;
    return 0;
}

/* Under write_lock: the rows of these keys go. */
static int replace_keys(struct writing *writing, struct kith_error *err)
{
    struct seen seen;
    map_init(&seen.map);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < writing->replaced_count; i++) {
        bool had = false;
        uintptr_t before;
        size_t found;
        if (seen_put(&seen, writing->replaced[i], i, &had, &before))
            rc = writing_no_memory(writing, err);
        else if (had)
            rc = error_set_at(err, KITH_EINVAL, i,
                              "duplicate primary keys are not allowed in the same batch");
        else if ((rc = writing_kill_key(writing, writing->replaced[i], &found)))
            error_set(err, rc, "writing to collection '%s': %s", writing->collection->manifest.name,
                      error_name(rc));
    }
    map_release(&seen.map);
    return rc;
}

static int assign_partitions(struct writing *writing, const char *partition, struct kith_error *err)
{
    const struct kith_collection *collection = writing->collection;
    const struct schema *schema = writing->schema;
    size_t rows = writing->batch.rows;
    writing->partitions = arena_alloc_array(&writing->arena, rows, sizeof *writing->partitions);
    if (!writing->partitions) return writing_no_memory(writing, err);
    uint32_t id = 0;
    if (schema->partition_key == SIZE_MAX) {
        int rc = collection_partition(collection, partition ? partition : ENGINE_DEFAULT_PARTITION,
                                      &id, err);
        if (rc) return rc;
    } else if (partition) {
        return error_set(err, KITH_EINVAL,
                         "a collection with a partition key takes no partition name");
    }
    for (size_t i = 0; i < rows; i++) {
        if (schema->partition_key != SIZE_MAX)
            id = (uint32_t)(key_hash(
                                key_of_column(&writing->batch.columns[schema->partition_key], i)) %
                            schema->key_partitions);
        writing->partitions[i] = id;
    }
    return 0;
}

static int encode_rows(struct writing *writing, struct kith_error *err)
{
    if (writing->replaced) {
        buffer_put_u8(&writing->payload, schema_primary(writing->schema)->type == KITH_VARCHAR);
        buffer_put_u32(&writing->payload, (uint32_t)writing->replaced_count);
    }
    for (size_t i = 0; i < writing->replaced_count; i++)
        key_encode(&writing->payload, writing->replaced[i]);
    buffer_put_u32(&writing->payload, (uint32_t)writing->batch.rows);
    for (size_t i = 0; i < writing->batch.rows; i++)
        buffer_put_u32(&writing->payload, writing->partitions[i]);
    batch_encode(writing->schema, &writing->batch, &writing->payload);
    return buffer_failed(&writing->payload) ? writing_no_memory(writing, err) : 0;
}

#define SCHEMA_CHANGED 1 /* a field came: the batch is prepared again, with its default */

static int write_locked(struct writing *writing, const char *partition, uint64_t *ts,
                        uint64_t *ticket, struct kith_error *err)
{
    struct kith_collection *collection = writing->collection;
    int rc = collection_writable(collection, err);
    if (rc == 0) rc = make_room(writing, writing->batch.rows, err);
    if (rc == 0 && writing->schema != collection->schema) rc = SCHEMA_CHANGED;
    if (rc == 0) rc = assign_keys(writing, err);
    if (rc == 0) rc = assign_partitions(writing, partition, err);
    if (rc == 0)
        rc = writing->replaced ? replace_keys(writing, err) : resolve_duplicates(writing, err);
    if (rc == 0) rc = encode_rows(writing, err);
    if (rc) return rc;
    writing->written.inserted = writing->batch.rows;
    bool kills = writing->upsert || writing->replaces_expired ||
                 writing->schema->on_duplicate == KITH_DUPLICATE_REPLACE;
    if (writing->batch.rows == 0) return 0;
    const enum wal_type type = writing->replaced ? WAL_REPLACE : kills ? WAL_UPSERT : WAL_INSERT;
    return writing_commit(writing, type, ts, ticket, err);
}

static int check_column(struct geometry_reader *reader, const struct kith_column *column,
                        size_t rows, struct kith_error *err)
{
    const struct kith_str *texts = column->data;
    for (size_t row = 0; row < rows; row++) {
        if (column->valid && !column->valid[row]) continue;
        struct kith_error why = { 0 };
        int rc = geometry_reader_check(reader, texts[row], &why);
        if (rc)
            return error_set_at(err, rc, row, "field '%s' in row %zu %s", column->field, row,
                                why.text);
    }
    return 0;
}

/* What batch_normalise leaves to this room: texts of geometries are WKT. */
static int check_geometries(const struct schema *schema, const struct kith_batch *batch,
                            struct kith_error *err)
{
    struct geometry_reader *reader = NULL;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < schema->field_count; i++) {
        const struct kith_column *column = &batch->columns[i];
        if (schema->fields[i].type != KITH_GEOMETRY || !column->data || batch->rows == 0) continue;
        if (!reader && (rc = geometry_reader_new(&reader)))
            rc = error_set(err, rc, "field '%s': %s", schema->fields[i].name,
                           rc == KITH_EUNSUPPORTED ? "geometries need GEOS, which this build lacks"
                                                   : "no memory to check a geometry");
        if (rc == 0) rc = check_column(reader, column, batch->rows, err);
    }
    geometry_reader_free(reader);
    return rc;
}

static int prepare(struct writing *writing, const struct kith_batch *batch, struct kith_error *err)
{
    const struct schema *schema = writing->schema;
    const bool automatic = (schema_primary(schema)->flags & KITH_FIELD_AUTO_ID) != 0;
    struct kith_batch rest = { 0 };
    int rc = 0;
    memcpy(&rest, batch, batch->size < sizeof rest ? batch->size : sizeof rest);
    if (writing->upsert && automatic) rc = take_keys(writing, batch, &rest, err);
    if (rc == 0) rc = batch_normalise(schema, &rest, &writing->arena, &writing->batch, err);
    if (rc == 0)
        writing->keys_given = automatic && writing->batch.columns[schema->primary].data != NULL;
    if (rc == 0) rc = check_geometries(schema, &writing->batch, err);
    if (rc == 0 && (rc = request_poll(&writing->request)))
        error_set(err, rc, "write stopped before it began: %s", error_name(rc));
    return rc;
}

static int write_batch(struct kith_collection *collection, const struct kith_batch *batch,
                       bool upsert, const struct kith_call *call, struct kith_written *out,
                       struct kith_error *err)
{
    int rc = collection_writable(collection, err);
    if (rc) return rc;
    struct writing writing;
    writing_init(&writing, collection, call);
    writing.upsert = upsert;
    uint64_t ts = 0, ticket = 0;
    do {
        writing.schema = collection->schema;
        rc = prepare(&writing, batch, err);
        if (rc) break;
        os_mutex_lock(&collection->write_lock);
        rc = write_locked(&writing, batch->partition, &ts, &ticket, err);
        os_mutex_unlock(&collection->write_lock);
    } while (rc == SCHEMA_CHANGED);
    if (rc == 0 && ts == 0) rc = writing_unchanged(&writing, out, err); /* every row was ignored */
    if (rc == 0 && ts) rc = writing_wait(&writing, ts, ticket, out, err);
    writing_release(&writing);
    return rc;
}

int kith_insert(struct kith_collection *collection, const struct kith_batch *batch,
                const struct kith_call *call, struct kith_written *out, struct kith_error *err)
{
    return write_batch(collection, batch, false, call, out, err);
}

int kith_upsert(struct kith_collection *collection, const struct kith_batch *batch,
                const struct kith_call *call, struct kith_written *out, struct kith_error *err)
{
    return write_batch(collection, batch, true, call, out, err);
}

void kith_written_free(struct kith_written *written)
{
    if (!written) return;
    mem_free(written->int_ids);
    mem_free(written->str_ids);
    memset(written, 0, sizeof *written);
}

