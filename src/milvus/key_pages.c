/*
 * The first keys of the rows that match, by an order or by the keys alone, without holding all of
 * them: candidates are collected until there are twice as many as wanted, then sorted, made unique
 * and cut, and from then on only those before the last kept one are taken. n rows and m wanted keys
 * cost n comparisons and about m log m for every halving of what is left, and memory for 2m keys:
 * texts lie in one of two arenas, and a cut moves what is kept to the other.
 *
 * A key may be there more than once, and its newest row is the one that counts: what was kept is
 * compared with the newest rows of its keys, and when one differs the walk is made again, keeping
 * all rows. That is rare, and then as much memory as the rows' keys and values is needed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "milvus/order_by.h"

#define BATCH_ROWS 16384
#define SPARE_KEYS 1024
#define ALL_BYTES_MAX ((size_t)256 << 20) /* of all rows, when keys repeat */

struct candidate {
    struct kith_str text; /* data NULL: an integer */
    int64_t number;
    const struct milvus_order *order; /* NULL: keys alone */
    struct cell_value *values;        /* of the order's terms */
    size_t place;                     /* in the walk: the last row of a key is its newest */
};

struct collecting {
    const struct milvus_order *order; /* nullable */
    struct arena texts[2]; /* in [0]: texts and values of what is kept */
    struct candidate *kept; /* owns */
    size_t count, cap, wanted, seen;
    bool all; /* nothing is cut on the way */
    bool cut; /* kept[wanted - 1] of the last sort is the limit */
    struct candidate limit;
};

static int compare(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    const int way = x->order ? order_by_compare(x->order, x->values, y->values) : 0;
    if (way) return way;
    if (!x->text.data) return x->number < y->number ? -1 : x->number > y->number;
    return texts_compare(x->text, y->text);
}

/* What the candidate points to, into the arena. */
static int hold(struct candidate *candidate, struct arena *arena)
{
    const size_t terms = candidate->order ? candidate->order->count : 0;
    if (candidate->text.data) {
        candidate->text.data = arena_strndup(arena, candidate->text.data, candidate->text.len);
        if (!candidate->text.data) return KITH_ENOMEM;
    }
    if (terms == 0) return 0;
    struct cell_value *values = arena_alloc_array(arena, terms, sizeof *values);
    if (!values) return KITH_ENOMEM;
    for (size_t i = 0; i < terms; i++) {
        values[i] = candidate->values[i];
        if (cell_value_keep(&values[i], arena)) return KITH_ENOMEM;
    }
    candidate->values = values;
    return 0;
}

static int move_texts(struct collecting *to)
{
    const struct arena old = to->texts[0];
    if (to->count == 0 || (!to->order && !to->kept[0].text.data)) return 0;
    for (size_t i = 0; i < to->count; i++)
        if (hold(&to->kept[i], &to->texts[1])) return KITH_ENOMEM;
    to->texts[0] = to->texts[1];
    to->texts[1] = old;
    arena_reset(&to->texts[1]);
    return 0;
}

static int settle(struct collecting *to)
{
    size_t unique = 0;
    if (to->count == 0) return 0;
    qsort(to->kept, to->count, sizeof *to->kept, compare);
    for (size_t i = 1; i < to->count; i++)
        if (compare(&to->kept[i], &to->kept[unique])) to->kept[++unique] = to->kept[i];
    to->count = unique + 1;
    if (to->count < to->wanted) return 0;
    to->count = to->wanted;
    if (move_texts(to)) return KITH_ENOMEM;
    to->limit = to->kept[to->count - 1];
    to->cut = true;
    return 0;
}

static int compare_keys(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    const int way = x->text.data ? texts_compare(x->text, y->text)
                                 : (x->number > y->number) - (x->number < y->number);
    return way ? way : (x->place > y->place) - (x->place < y->place);
}

static bool same_key(const struct candidate *a, const struct candidate *b)
{
    return a->text.data ? texts_compare(a->text, b->text) == 0 : a->number == b->number;
}

/* Of all rows the newest of each key, then the first of them. */
static int settle_all(struct collecting *to)
{
    size_t kept = 0;
    qsort(to->kept, to->count, sizeof *to->kept, compare_keys);
    for (size_t i = 0; i < to->count; i++)
        if (i + 1 == to->count || !same_key(&to->kept[i], &to->kept[i + 1]))
            to->kept[kept++] = to->kept[i];
    to->count = kept;
    return settle(to);
}

static int make_room(struct collecting *to)
{
    const size_t cap = 2 * to->cap;
    if (cap * sizeof *to->kept + to->texts[0].used_bytes > ALL_BYTES_MAX) return KITH_ELIMIT;
    struct candidate *kept = mem_realloc(to->kept, cap * sizeof *kept);
    if (!kept) return KITH_ENOMEM;
    to->kept = kept;
    to->cap = cap;
    return 0;
}

static int take(struct collecting *to, struct candidate candidate)
{
    candidate.place = to->seen++;
    if (to->cut && compare(&candidate, &to->limit) >= 0) return 0;
    if (hold(&candidate, &to->texts[0])) return KITH_ENOMEM;
    to->kept[to->count++] = candidate;
    if (to->count < to->cap) return 0;
    return to->all ? make_room(to) : settle(to);
}

static int take_rows(struct collecting *to, const struct kith_result *rows)
{
    const struct kith_column *key = &rows->columns[0];
    struct cell_value values[ORDER_TERMS_MAX];
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < rows->rows; i++) {
        struct candidate candidate = { .order = to->order, .values = values };
        if (key->type == KITH_INT64) candidate.number = ((const int64_t *)key->data)[i];
        else candidate.text = ((const struct kith_str *)key->data)[i];
        if (to->order) rc = order_by_values(to->order, rows, i, &to->texts[0], values);
        if (rc == 0) rc = take(to, candidate);
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
    if (rc) return rc;
    return to->all ? settle_all(to) : settle(to);
}

static int give(const struct collecting *from, struct arena *arena, bool ints, size_t offset,
                struct kith_keys *out)
{
    const size_t first = offset < from->count ? offset : from->count;
    const size_t count = from->count - first;
    int64_t *numbers = arena_alloc_array(arena, count + 1, sizeof *numbers);
    struct kith_str *texts = arena_alloc_array(arena, count + 1, sizeof *texts);
    if (!numbers || !texts) return KITH_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        struct candidate key = from->kept[first + i];
        key.order = NULL;
        if (hold(&key, arena)) return KITH_ENOMEM;
        numbers[i] = key.number;
        texts[i] = key.text;
    }
    *out = (struct kith_keys){ .count = count, .ints = ints ? numbers : NULL,
                               .strings = ints ? NULL : texts };
    return 0;
}

/* Are the values that were kept those of the newest rows? */
static int compare_newest(struct collecting *to, const struct kith_result *newest, bool *stale)
{
    struct cell_value values[ORDER_TERMS_MAX];
    *stale = newest->rows != to->count;
    for (size_t i = 0; !*stale && i < to->count; i++) {
        const int rc = order_by_values(to->order, newest, i, &to->texts[1], values);
        if (rc) return rc;
        *stale = order_by_compare(to->order, values, to->kept[i].values) != 0;
    }
    return 0;
}

static int check_newest(struct collecting *to, const struct milvus_collection *collection,
                        const struct kith_query_opts *opts, struct milvus_call *call, bool *stale,
                        struct kith_error *err)
{
    const bool ints = collection->primary->data_type == MILVUS__PROTO__SCHEMA__DATA_TYPE__Int64;
    struct kith_keys keys;
    struct kith_result *newest = NULL;
    int rc = give(to, call->arena, ints, 0, &keys);
    if (rc == 0)
        rc = kith_get(collection->handle, &keys, &opts->output, call->call, &newest, err);
    if (rc == 0) rc = compare_newest(to, newest, stale);
    kith_result_free(newest);
    return rc;
}

/* The walk, and another one when keys repeat. */
static int collect_newest(struct collecting *to, const struct milvus_collection *collection,
                          const struct kith_query_opts *opts, struct milvus_call *call,
                          struct kith_error *err)
{
    bool stale = false;
    int rc = collect(to, collection, opts, call->call, err);
    if (rc || !to->order || to->count == 0) return rc;
    rc = check_newest(to, collection, opts, call, &stale, err);
    if (rc || !stale) return rc;
    arena_reset(&to->texts[0]);
    arena_reset(&to->texts[1]);
    to->count = to->seen = 0;
    to->cut = false;
    to->all = true;
    rc = collect(to, collection, opts, call->call, err);
    if (rc != KITH_ELIMIT) return rc;
    return error_set(err, rc, "keys repeat, and all rows that match do not fit %zu MiB",
                     ALL_BYTES_MAX >> 20);
}

int milvus_first_keys(struct milvus_call *call, const struct milvus_collection *collection,
                      const struct kith_query_opts *opts, const struct milvus_order *order,
                      size_t offset, size_t limit, struct kith_keys *out, struct kith_error *err)
{
    struct collecting to = { .order = order, .wanted = offset + limit };
    to.cap = 2 * to.wanted + SPARE_KEYS;
    to.kept = mem_alloc_array(to.cap, sizeof *to.kept);
    if (!to.kept) return error_set(err, KITH_ENOMEM, "no memory for a page of keys");
    arena_init(&to.texts[0]);
    arena_init(&to.texts[1]);
    int rc = collect_newest(&to, collection, opts, call, err);
    const bool ints = collection->primary->data_type == MILVUS__PROTO__SCHEMA__DATA_TYPE__Int64;
    if (rc == 0) rc = give(&to, call->arena, ints, offset, out);
    if (rc == KITH_ENOMEM) rc = error_set(err, rc, "no memory for a page of keys");
    arena_release(&to.texts[0]);
    arena_release(&to.texts[1]);
    mem_free(to.kept);
    return rc;
}
