/*
 * The smallest keys of the rows that match, without holding all of them: candidates are collected
 * until there are twice as many as wanted, then sorted, made unique and cut, and from then on only
 * keys below the largest kept one are taken. n rows and m wanted keys cost n comparisons and about
 * m log m for every halving of what is left, and memory for 2m keys.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "milvus/milvus_data.h"

#define BATCH_ROWS 16384
#define SPARE_KEYS 1024

struct candidate {
    struct kith_str text; /* data NULL: an integer */
    int64_t number;
};

struct collecting {
    struct arena *arena;
    struct candidate *kept; /* owns */
    size_t count, cap, wanted;
    bool cut; /* kept[wanted - 1] of the last sort is the limit */
    struct candidate limit;
};

static int compare(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (!x->text.data) return x->number < y->number ? -1 : x->number > y->number;
    const size_t shorter = x->text.len < y->text.len ? x->text.len : y->text.len;
    const int order = memcmp(x->text.data, y->text.data, shorter);
    if (order) return order;
    return x->text.len < y->text.len ? -1 : x->text.len > y->text.len;
}

static void settle(struct collecting *to)
{
    size_t unique = 0;
    if (to->count == 0) return;
    qsort(to->kept, to->count, sizeof *to->kept, compare);
    for (size_t i = 1; i < to->count; i++)
        if (compare(&to->kept[i], &to->kept[unique])) to->kept[++unique] = to->kept[i];
    to->count = unique + 1;
    if (to->count < to->wanted) return;
    to->count = to->wanted;
    to->limit = to->kept[to->count - 1];
    to->cut = true;
}

static int take(struct collecting *to, struct candidate candidate)
{
    if (to->cut && compare(&candidate, &to->limit) >= 0) return 0;
    if (candidate.text.data) {
        candidate.text.data = arena_strndup(to->arena, candidate.text.data, candidate.text.len);
        if (!candidate.text.data) return KITH_ENOMEM;
    }
    to->kept[to->count++] = candidate;
    if (to->count == to->cap) settle(to);
    return 0;
}

static int take_rows(struct collecting *to, const struct kith_result *rows)
{
    const struct kith_column *key = &rows->columns[0];
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < rows->rows; i++) {
        struct candidate candidate = { .text = { NULL, 0 } };
        if (key->type == KITH_INT64) candidate.number = ((const int64_t *)key->data)[i];
        else candidate.text = ((const struct kith_str *)key->data)[i];
        rc = take(to, candidate);
    }
    return rc;
}

static int collect(struct collecting *to, const struct milvus_collection *collection,
                   const struct kith_query_opts *opts, const struct kith_call *call,
                   struct kith_error *err)
{
    struct kith_iterator *iterator;
    int rc = kith_iterator_open(collection->handle, opts, BATCH_ROWS, &iterator, err);
    if (rc) return rc;
    struct kith_result *rows = NULL;
    while ((rc = kith_iterator_next(iterator, call, &rows, err)) == 0 && rows) {
        rc = take_rows(to, rows);
        kith_result_free(rows);
        rows = NULL;
        if (rc) break;
    }
    kith_iterator_close(iterator);
    settle(to);
    return rc;
}

static int give(const struct collecting *from, bool ints, size_t offset, struct kith_keys *out)
{
    const size_t first = offset < from->count ? offset : from->count;
    const size_t count = from->count - first;
    int64_t *numbers = arena_alloc_array(from->arena, count + 1, sizeof *numbers);
    struct kith_str *texts = arena_alloc_array(from->arena, count + 1, sizeof *texts);
    if (!numbers || !texts) return KITH_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        numbers[i] = from->kept[first + i].number;
        texts[i] = from->kept[first + i].text;
    }
    *out = (struct kith_keys){ .count = count, .ints = ints ? numbers : NULL,
                               .strings = ints ? NULL : texts };
    return 0;
}

int milvus_smallest_keys(struct milvus_call *call, const struct milvus_collection *collection,
                         const struct kith_query_opts *opts, size_t offset, size_t limit,
                         struct kith_keys *out, struct kith_error *err)
{
    struct collecting to = { .arena = call->arena, .wanted = offset + limit };
    to.cap = 2 * to.wanted + SPARE_KEYS;
    to.kept = mem_alloc_array(to.cap, sizeof *to.kept);
    if (!to.kept) return error_set(err, KITH_ENOMEM, "no memory for a page of keys");
    int rc = collect(&to, collection, opts, call->call, err);
    const bool ints = collection->primary->data_type == MILVUS__PROTO__SCHEMA__DATA_TYPE__Int64;
    if (rc == 0) rc = give(&to, ints, offset, out);
    mem_free(to.kept);
    return rc;
}
