/* See search_derived.h: how the collection is made, and what it does not know yet. */
#include "redis/search_derived.h"

#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "model/limits.h"
#include "server/owner.h"

#define TEXT_ANALYZER "{}"

/* ---- the plan ---- */

static void plan_field(const struct search_field *from, struct kith_field *field,
                       struct kith_index_params *index)
{
    field->flags = KITH_FIELD_NULLABLE;
    switch (from->type) {
    case SEARCH_TAG:
        field->type = KITH_ARRAY;
        field->element_type = KITH_VARCHAR;
        field->max_capacity = LIMIT_ARRAY_ELEMENTS;
        return;
    case SEARCH_TEXT:
        field->type = KITH_VARCHAR;
        field->analyzer = TEXT_ANALYZER;
        field->enable_match = true;
        return;
    case SEARCH_NUMERIC: field->type = KITH_DOUBLE; return;
    case SEARCH_GEO: field->type = KITH_GEOMETRY; return;
    case SEARCH_VECTOR: break;
    }
    field->type = KITH_FLOAT_VECTOR;
    field->dim = from->dim;
    field->metric = from->metric;
    index->kind = from->hnsw ? "HNSW" : "FLAT";
    index->metric = from->metric;
    if (!from->hnsw) return;
    index->m = (uint32_t)(from->m < 2 ? 2 : from->m > 512 ? 512 : from->m);
    index->ef_construction = (uint32_t)(from->ef_construction > 4096 ? 4096
                                                                     : from->ef_construction);
}

int search_plan_make(const struct search_index *index, struct search_plan *out)
{
    *out = (struct search_plan){.schema = KITH_SCHEMA_INIT};
    arena_init(&out->arena);
    const size_t count = index->field_count + 1;
    struct kith_field *fields = arena_alloc_array(&out->arena, count, sizeof *fields);
    out->indexes = arena_alloc_array(&out->arena, count, sizeof *out->indexes);
    out->name = arena_strndup(&out->arena, index->name, strlen(index->name));
    if (!fields || !out->indexes || !out->name) return KITH_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        fields[i] = (struct kith_field)KITH_FIELD_INIT;
        out->indexes[i] = (struct kith_index_params)KITH_INDEX_PARAMS_INIT;
        if (i == 0) continue;
        const struct kith_str name = index->fields[i - 1].name;
        fields[i].name = arena_strndup(&out->arena, name.data, name.len);
        if (!fields[i].name) return KITH_ENOMEM;
        if (memchr(name.data, 0, name.len)) return KITH_EINVAL;
        plan_field(&index->fields[i - 1], &fields[i], &out->indexes[i]);
    }
    fields[0].name = SEARCH_KEY_FIELD;
    fields[0].type = KITH_VARCHAR;
    fields[0].flags = KITH_FIELD_PRIMARY;
    out->schema.fields = fields;
    out->schema.field_count = count;
    out->schema.description = "search index of the Redis door";
    return 0;
}

void search_plan_release(struct search_plan *plan) { arena_release(&plan->arena); }

/* ---- made and dropped, by the engine ---- */

void search_derived_drop(struct kith_db *db, const char *name)
{
    const int rc = kith_collection_drop(db, NULL, name, NULL);
    if (rc == 0 || rc == KITH_ENOTFOUND) (void)!owner_clear(db, NULL, name, NULL);
}

static int make_indexes(struct kith_collection *collection, const struct search_plan *plan,
                        struct kith_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < plan->schema.field_count; i++)
        if (plan->indexes[i].kind)
            rc = kith_index_create(collection, plan->schema.fields[i].name, &plan->indexes[i],
                                   err);
    return rc;
}

int search_plan_run(struct kith_db *db, const struct search_plan *plan,
                    struct kith_collection **out, struct kith_error *err)
{
    if (owner_is_redis(db, NULL, plan->name)) search_derived_drop(db, plan->name);
    struct kith_collection *there;
    int rc = kith_collection_open(db, NULL, plan->name, &there, NULL);
    if (rc == 0) {
        kith_collection_release(there);
        return error_set(err, KITH_EEXISTS, "there is a collection of that name");
    }
    /* The mark comes first: a crash between the two leaves a mark that the next start clears. */
    rc = owner_set(db, NULL, plan->name, OWNER_REDIS, err);
    if (rc == 0) rc = kith_collection_create(db, NULL, plan->name, &plan->schema, err);
    if (rc == KITH_EEXISTS) (void)!owner_clear(db, NULL, plan->name, NULL);
    if (rc) {
        if (rc != KITH_EEXISTS) search_derived_drop(db, plan->name);
        return rc;
    }
    rc = kith_collection_open(db, NULL, plan->name, out, err);
    if (rc) return rc;
    rc = make_indexes(*out, plan, err);
    if (rc == 0) return 0;
    kith_collection_release(*out);
    *out = NULL;
    search_derived_drop(db, plan->name);
    return rc;
}

void search_derived_sweep(struct redis *redis)
{
    struct kith_names names;
    if (!redis->db || owner_list(redis->db, NULL, &names, NULL)) return;
    for (size_t i = 0; i < names.count; i++) {
        cache_lock(redis->cache);
        const struct search_index *index = search_find(redis, str_of(names.names[i]));
        const bool used = index && index->derived;
        cache_unlock(redis->cache);
        if (used) continue;
        redis_log(redis, 2, "collection '%s' was of a search index that is gone: dropped",
                  names.names[i]);
        search_derived_drop(redis->db, names.names[i]);
    }
    kith_names_free(&names);
}

/* ---- what it knows ---- */

struct search_derived *search_derived_new(const struct search_index *index,
                                          struct kith_collection *handle)
{
    struct search_derived *derived = mem_zalloc(sizeof *derived);
    if (derived) derived->name = mem_strdup(index->name);
    if (!derived || !derived->name) {
        mem_free(derived);
        kith_collection_release(handle);
        return NULL;
    }
    map_init(&derived->gone);
    derived->refs = 1;
    derived->handle = handle;
    derived->fields = index->field_count;
    return derived;
}

void search_derived_unref(struct search_derived *derived)
{
    if (!derived || --derived->refs) return;
    kith_collection_release(derived->handle);
    map_release(&derived->gone);
    mem_free(derived->name);
    mem_free(derived);
}

static void unlink_doc(struct search_index *index, struct search_doc *doc)
{
    if (doc->before) doc->before->after = doc->after;
    else index->oldest = doc->after;
    if (doc->after) doc->after->before = doc->before;
    else index->newest = doc->before;
    if (index->derived->newer == doc) index->derived->newer = doc->after;
}

static void append_doc(struct search_index *index, struct search_doc *doc)
{
    doc->before = index->newest;
    doc->after = NULL;
    if (index->newest) index->newest->after = doc;
    else index->oldest = doc;
    index->newest = doc;
    if (!index->derived->newer) index->derived->newer = doc;
}

void search_derived_note(struct search_index *index, struct search_doc *old,
                         struct search_doc *fresh)
{
    struct search_derived *derived = index->derived;
    if (!derived) return;
    if (old) {
        unlink_doc(index, old);
        derived->misfits -= old->misfit;
    }
    if (fresh) {
        fresh->seq = ++derived->seq;
        append_doc(index, fresh);
        if (derived->gone.count) (void)map_remove(&derived->gone, fresh->key, fresh->key_len);
    } else if (map_put(&derived->gone, old->key, old->key_len, (uintptr_t)++derived->seq) != 0) {
        derived->failed = true;
    }
}

void search_derived_clear(struct search_index *index)
{
    struct search_derived *derived = index->derived;
    index->oldest = index->newest = NULL;
    if (!derived) return;
    derived->newer = NULL;
    derived->epoch++;
    derived->empty_first = true;
    derived->misfits = 0;
    derived->synced = derived->seq;
    map_release(&derived->gone);
    map_init(&derived->gone);
}

bool search_derived_serves(const struct search_index *index)
{
    const struct search_derived *derived = index->derived;
    size_t newer = 0;
    if (!derived || !derived->handle || derived->failed || derived->empty_first ||
        derived->misfits || derived->dropped || derived->fields != index->field_count)
        return false;
    for (const struct search_doc *at = derived->newer; at; at = at->after)
        if (++newer > SEARCH_NEWER_MAX) return false;
    return derived->gone.count <= SEARCH_NEWER_MAX;
}
