/*
 * Names of collections, and where each collection is in the list: everything here is under
 * names_lock, and costs what the one collection has of names, however many collections there are.
 *
 * A collection knows the names under which it was entered, so that it can leave without a look at
 * the others. An alias that has gone to another collection is the other's: the map says whose.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "milvus/milvus_internal.h"

#define NAME_KEY_MAX 520

/* ---- names ---- */

static size_t name_key(char out[NAME_KEY_MAX], const char *database, const char *name)
{
    const int len = snprintf(out, NAME_KEY_MAX, "%.255s\x01%.255s", database, name);
    return len < 0 ? 0 : (size_t)len;
}

static int enter(struct milvus *milvus, struct milvus_collection *collection, const char *database,
                 const char *name)
{
    char key[NAME_KEY_MAX];
    const size_t len = name_key(key, database, name);
    char *kept = mem_strdup(key);
    if (!kept) return KITH_ENOMEM;
    collection->names[collection->name_count++] = kept;
    return map_put(&milvus->names, key, len, (uintptr_t)collection);
}

int registry_names_enter(struct milvus *milvus, struct milvus_collection *collection)
{
    struct kith_collection_info *info;
    if (kith_collection_describe(collection->handle, &info, NULL)) return KITH_ENOTFOUND;
    collection->names = mem_alloc_array(info->alias_count + 1, sizeof *collection->names);
    int rc = collection->names ? enter(milvus, collection, info->database, info->name)
                               : KITH_ENOMEM;
    for (size_t i = 0; rc == 0 && i < info->alias_count; i++)
        rc = enter(milvus, collection, info->database, info->aliases[i]);
    kith_collection_info_free(info);
    return rc;
}

void registry_names_free(struct milvus_collection *collection)
{
    for (size_t i = 0; i < collection->name_count; i++) mem_free(collection->names[i]);
    mem_free(collection->names);
    collection->names = NULL;
    collection->name_count = 0;
}

void registry_names_leave(struct milvus *milvus, struct milvus_collection *collection)
{
    for (size_t i = 0; i < collection->name_count; i++) {
        const char *key = collection->names[i];
        uintptr_t owner = 0;
        if (map_get(&milvus->names, key, strlen(key), &owner) && owner == (uintptr_t)collection)
            (void)map_remove(&milvus->names, key, strlen(key));
    }
    registry_names_free(collection);
}

struct milvus_collection *registry_find(struct milvus *milvus, const char *database,
                                        const char *name)
{
    char key[NAME_KEY_MAX];
    const size_t len = name_key(key, database, name);
    uintptr_t found = 0;
    return map_get(&milvus->names, key, len, &found) ? (struct milvus_collection *)found : NULL;
}

/* ---- places in the list ---- */

struct milvus_collection *registry_at(struct milvus *milvus, uint64_t id)
{
    uint64_t place;
    return map64_get(&milvus->places, id, &place) ? milvus->collections[place] : NULL;
}

int registry_append(struct milvus *milvus, struct milvus_collection *collection)
{
    struct milvus_collection **grown =
        mem_realloc(milvus->collections, (milvus->collection_count + 1) * sizeof(void *));
    if (grown) milvus->collections = grown;
    if (!grown || map64_put(&milvus->places, collection->id, milvus->collection_count)) {
        milvus_collection_unref(collection);
        return KITH_ENOMEM;
    }
    grown[milvus->collection_count++] = collection;
    return registry_names_enter(milvus, collection);
}

int registry_exchange(struct milvus *milvus, struct milvus_collection *old,
                      struct milvus_collection *fresh)
{
    uint64_t place = 0;
    if (!map64_get(&milvus->places, old->id, &place)) return KITH_ENOTFOUND;
    registry_names_leave(milvus, old);
    milvus->collections[place] = fresh;
    return registry_names_enter(milvus, fresh);
}

void registry_remove(struct milvus *milvus, struct milvus_collection *collection)
{
    uint64_t place = 0;
    if (!map64_get(&milvus->places, collection->id, &place)) return;
    registry_names_leave(milvus, collection);
    struct milvus_collection *last = milvus->collections[--milvus->collection_count];
    milvus->collections[place] = last;
    (void)map64_remove(&milvus->places, collection->id);
    /* The key is there: no memory is needed. */
    if (last != collection) (void)!map64_put(&milvus->places, last->id, place);
}
