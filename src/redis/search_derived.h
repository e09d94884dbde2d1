/*
 * The collection of an FT index: a collection of database `default` by the index's name that shows
 * the indexed keys to every door, and whose vector indexes answer KNN queries.
 *
 * The keyspace owns the rows (DECISIONS 13, one owner for every row); the collection follows it. It
 * is marked as such (server/owner.h), other doors refuse to write to it, and it is made anew when
 * the server starts, so it can never be wrong for long.
 *
 * Fields: "__key" VARCHAR primary; TAG is ARRAY of VARCHAR (folded as the index folds), NUMERIC
 * DOUBLE, TEXT VARCHAR with the standard analyzer and enable_match, GEO GEOMETRY (a point), VECTOR
 * FLOAT_VECTOR with the declared metric and an index HNSW or FLAT. All but the key are nullable.
 *
 * Following: every change of a document gets a number (derived->seq), and documents hang in a list
 * by their last change. A thread of its own writes what is newer than derived->synced, oldest
 * first, in batches: under the keyspace lock it copies rows out, without it it writes them. A
 * search takes what the collection knows up to `synced` and looks at the few newer documents
 * itself, so it always sees every write before it. Other doors see writes when the thread has come
 * by (SYNC_DELAY_US), and call redis_settle_indexes() first to see them at once.
 *
 * A document that a row cannot hold (a key that is no UTF-8, a text over 65,535 bytes) is left out
 * of the collection and counted; then searches scan, as they do when the collection failed.
 *
 * Guard of everything: the keyspace lock, but for the handle, which lives as long as a reference.
 */
#ifndef KITH_REDIS_SEARCH_DERIVED_H
#define KITH_REDIS_SEARCH_DERIVED_H

#include <stdatomic.h>

#include "redis/search_index.h"

#define SEARCH_WALK_FROM 1000u   /* documents; fewer are scanned */
#define SEARCH_NEWER_MAX 512u    /* documents that a search looks at beside the collection */

struct search_derived {
    unsigned refs;
    struct kith_collection *handle; /* owns; NULL: not made yet */
    char *name;                     /* owns */
    size_t fields;      /* of the index that it was made for; more are there after FT.ALTER */
    uint64_t epoch;     /* goes up when all documents go */
    uint64_t seq;       /* the number of the last change */
    uint64_t synced;    /* changes up to this number are in the collection */
    bool empty_first;   /* its rows go before the next batch */
    bool failed;        /* a write failed: it does not follow any more */
    bool dropped;
    /* A new collection by the name is being made: who drops it waits for that. No guard. */
    atomic_bool remaking;
    uint64_t misfits;
    struct search_doc *newer; /* the oldest document that is newer than synced; NULL: none */
    struct map gone;    /* keys whose rows are to go -> the number of that change */
    uint64_t target;    /* somebody waits until changes up to this number are in it */
};

struct search_sync; /* search_sync.c: the thread */

/* ---- search_derived.c ---- */

/* What is made for an index: names and types, as copies. Under the keyspace lock, or before the
 * index is linked. */
struct search_plan {
    struct arena arena;
    struct kith_schema schema;
    struct kith_index_params *indexes; /* one a field of the schema; kind NULL: none */
    const char *name;
};
KITH_NODISCARD int search_plan_make(const struct search_index *index, struct search_plan *out);
void search_plan_release(struct search_plan *plan);
/* Engine: makes collection, mark and vector indexes; one that a mark shows to be ours is dropped
 * first. KITH_EEXISTS: a collection of another door has the name. */
KITH_NODISCARD int search_plan_run(struct kith_db *db, const struct search_plan *plan,
                                   struct kith_collection **out, struct kith_error *err);
/* Engine: collection and mark. */
void search_derived_drop(struct kith_db *db, const char *name);
/* Engine: drops what no index stands for; after loading. */
void search_derived_sweep(struct redis *redis);

struct search_derived *search_derived_new(const struct search_index *index,
                                          struct kith_collection *handle); /* takes the handle */
void search_derived_unref(struct search_derived *derived); /* NULL is a no-op */
/* `old` was the document of that key, `fresh` is it now; either may be NULL. */
void search_derived_note(struct search_index *index, struct search_doc *old,
                         struct search_doc *fresh);
void search_derived_clear(struct search_index *index); /* all documents go */
bool search_derived_serves(const struct search_index *index); /* good enough for a search */

/* ---- search_sync.c ---- */

/* Something changed: the thread looks soon. */
void search_sync_poke(struct redis *redis);
/* After loading: collections without an index go, and the thread starts. */
KITH_NODISCARD int search_sync_start(struct redis *redis, struct kith_error *err);
void search_sync_stop(struct redis *redis);

#endif
