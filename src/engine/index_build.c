/*
 * Index files of sealed segments, built and taken away: background work, one step at a time.
 *
 * A new index is attached to the segment while searches run on it, and named in the manifest
 * afterwards; one that nobody wants is detached, dropped from the manifest, and only then unlinked,
 * so that a manifest never names a file that was unlinked on purpose.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/engine.h"

bool segment_unwanted(const struct kith_collection *collection, const struct segment *segment,
                      uint32_t *number)
{
    enum { ROOM = LIMIT_VECTOR_FIELDS + LIMIT_INDEXES }; /* 8 KiB; fields' own texts may be more */
    struct segment_index_entry some[ROOM];
    const size_t count = segment_indexes(segment, some, ROOM);
    for (size_t i = 0; i < count && i < ROOM; i++) {
        if (index_wishes_find(&collection->wishes, some[i].number)) continue;
        if (number) *number = some[i].number;
        return true;
    }
    return false;
}

/* A copy of the wish, which may go while its index is built. KITH_ENOTFOUND: it has gone. */
static int take_wish(struct kith_collection *collection, uint32_t number, struct index_wish *out)
{
    os_mutex_lock(&collection->write_lock);
    const struct index_wish *wish = index_wishes_find(&collection->wishes, number);
    const int rc = wish ? index_wish_copy(wish, out) : KITH_ENOTFOUND;
    os_mutex_unlock(&collection->write_lock);
    return rc;
}

static void choose_kind(const struct segment *segment, struct index_wish *wish)
{
    if (strcmp(wish->kind, INDEX_KIND_AUTO) != 0) return;
    struct chunk_source source;
    segment_source(segment, segment_rows(segment), &source);
    const char *kind = scalar_index_choose(&wish->params, &source, wish->field);
    (void)snprintf(wish->kind, sizeof wish->kind, "%s", kind);
}

static int build_scalar(struct kith_collection *collection, struct segment *segment,
                        struct index_wish *wish, const struct index_job *job,
                        struct kith_error *err)
{
    struct sealed_opts opts;
    sealed_opts_of(collection->db, collection, segment_id(segment), &opts);
    choose_kind(segment, wish);
    const struct sealed_index_file file = {
        .field = wish->field, .kind = wish->kind, .params = &wish->params, .number = wish->number};
    int rc = sealed_build_scalar(&opts, segment, &file, job, err);
    if (rc == 0) rc = sealed_attach_scalar(&opts, segment, &file, err);
    return rc;
}

static int build_vectors(struct kith_collection *collection, struct segment *segment,
                         const struct index_wish *wish, const struct index_job *job, bool *built,
                         struct kith_error *err)
{
    struct sealed_opts opts;
    sealed_opts_of(collection->db, collection, segment_id(segment), &opts);
    int rc = sealed_build_index(&opts, segment, wish->field, wish->kind, &wish->graph, job, built,
                                err);
    if (rc == 0 && *built) rc = sealed_attach_index(&opts, segment, wish->field, wish->kind, err);
    return rc;
}

/* These values do not go into this index, now or later: the rows are read instead. */
static bool is_final(int rc)
{
    return rc == KITH_EUNSUPPORTED || rc == KITH_EINVAL || rc == KITH_ELIMIT;
}

static int build(struct kith_collection *collection, struct segment *segment, uint32_t number,
                 size_t *built_count, struct kith_error *err)
{
    struct kith_db *db = collection->db;
    struct index_wish wish;
    int rc = take_wish(collection, number, &wish);
    if (rc == KITH_ENOTFOUND) return 0; /* dropped since it was due */
    if (rc) return error_set(err, rc, "building an index: no memory");
    const struct index_job job = { .os = db->os, .pool = db->pool,
                                   .threads = db->threads ? db->threads : 1,
                                   .budget = &db->budget, .cancel = &db->closed };
    bool built = !wish.vectors;
    struct kith_error why = { 0 };
    rc = wish.vectors ? build_vectors(collection, segment, &wish, &job, &built, &why)
                      : build_scalar(collection, segment, &wish, &job, &why);
    index_wish_release(&wish);
    *built_count += rc == 0 && built;
    if (rc == 0 && built) return 0;
    if (rc && !is_final(rc)) {
        if (err) *err = why;
        return rc;
    }
    if (rc) engine_log(db, 1, "segment %016llx gets no index: %s",
                       (unsigned long long)segment_id(segment), why.text);
    os_mutex_lock(&collection->write_lock);
    rc = map64_put(&collection->unindexable, unindexable_key(segment, number), 1);
    os_mutex_unlock(&collection->write_lock);
    return rc ? error_set(err, rc, "building an index: no memory") : 0;
}

/* Numbers of indexes that are not over dense vectors and that the segment lacks. */
static size_t due_scalars(struct kith_collection *collection, const struct segment *segment,
                          uint32_t *numbers, size_t room)
{
    size_t count = 0;
    os_mutex_lock(&collection->write_lock);
    for (size_t i = 0; i < collection->wishes.count && count < room; i++) {
        const struct index_wish *wish = &collection->wishes.items[i];
        if (wish->vectors || segment_has_index(segment, wish->number)) continue;
        if (map64_get(&collection->unindexable, unindexable_key(segment, wish->number), NULL))
            continue;
        numbers[count++] = wish->number;
    }
    os_mutex_unlock(&collection->write_lock);
    return count;
}

int index_segment(struct kith_collection *collection, size_t number, uint32_t wanted,
                  struct kith_error *err)
{
    enum { ROOM = 32 }; /* more follow in the next step */
    uint32_t numbers[ROOM];
    struct view view;
    view_take(collection, &view);
    struct segment *segment = view.version->segments[number];
    size_t count = due_scalars(collection, segment, numbers, ROOM);
    bool cheap = false;
    for (size_t i = 0; i < count; i++) cheap |= numbers[i] == wanted;
    if (!cheap) {
        numbers[0] = wanted;
        count = 1;
    }
    size_t built = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = build(collection, segment, numbers[i], &built, err);
    if (rc == 0 && built > 0) rc = publish_indexes(collection, err);
    view_drop(&view);
    return rc;
}

int unindex_segments(struct kith_collection *collection, struct kith_error *err)
{
    enum { ROOM = 256 }; /* more follow in the next step */
    struct { struct segment *segment; uint32_t number; } gone[ROOM];
    size_t count = 0;
    struct view view;
    view_take(collection, &view);
    os_mutex_lock(&collection->write_lock);
    for (size_t i = 0; i < view.version->sealed; i++) {
        struct segment *segment = view.version->segments[i];
        uint32_t number;
        while (count < ROOM && segment_unwanted(collection, segment, &number)) {
            segment_detach_index(segment, number);
            gone[count].segment = segment;
            gone[count++].number = number;
        }
    }
    os_mutex_unlock(&collection->write_lock);
    const int rc = publish_indexes(collection, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        segment_unlink_index(gone[i].segment, gone[i].number);
    view_drop(&view);
    return rc;
}
