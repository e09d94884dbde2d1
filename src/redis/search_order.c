/* SORTBY of FT.SEARCH. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/search_request.h"
#include "redis/search_turn.h"

struct sort_key {
    struct search_hit hit;
    bool there, is_number;
    double number;
    char *text; /* owns */
    size_t len;
};

static int compare(const struct sort_key *a, const struct sort_key *b)
{
    if (a->is_number && b->is_number)
        return a->number < b->number ? -1 : a->number > b->number;
    const size_t len = a->len < b->len ? a->len : b->len;
    const int order = len ? memcmp(a->text, b->text, len) : 0;
    return order ? order : (a->len > b->len) - (a->len < b->len);
}

static int ascending(const void *left, const void *right)
{
    const struct sort_key *a = left, *b = right;
    if (a->there != b->there) return a->there ? -1 : 1;
    return a->there ? compare(a, b) : 0;
}

static int descending(const void *left, const void *right)
{
    const struct sort_key *a = left, *b = right;
    if (a->there != b->there) return a->there ? -1 : 1;
    return a->there ? compare(b, a) : 0;
}

static int make_key(struct redis_call *call, const struct search_query *query,
                    struct kith_str name, struct sort_key *key)
{
    const struct search_field *field = search_field_of(query->index, name);
    const size_t slot = search_distance_of(query, name);
    struct buffer text;
    if (slot != SIZE_MAX) {
        key->there = key->is_number = true;
        key->number = key->hit.distances[slot];
        return 0;
    }
    buffer_init(&text);
    key->there = search_value_text(call, query, &key->hit, name, &text);
    if (key->there && field && field->type == SEARCH_NUMERIC)
        key->is_number =
            text_double((struct kith_str){(const char *)text.data, text.len}, &key->number);
    key->text = (char *)text.data;
    key->len = text.len;
    return buffer_failed(&text) ? KITH_ENOMEM : 0;
}

int search_sort_hits(struct redis_call *call, const struct search_query *query,
                     const struct search_request *request, struct search_hits *hits)
{
    struct sort_key *keys = mem_zalloc_array(hits->count + 1, sizeof *keys);
    int rc = keys ? 0 : KITH_ENOMEM;
    size_t made = 0;
    for (; rc == 0 && made < hits->count; made++) {
        search_breathe(query->index);
        keys[made].hit = hits->items[made];
        rc = make_key(call, query, request->sort_by, &keys[made]);
    }
    search_let_go(query->index);
    if (rc == 0)
        qsort(keys, made, sizeof *keys, request->descending ? descending : ascending);
    for (size_t i = 0; i < made; i++) {
        if (rc == 0) hits->items[i] = keys[i].hit;
        struct buffer text = {.data = (uint8_t *)keys[i].text};
        buffer_release(&text);
    }
    mem_free(keys);
    search_take_back(query->index);
    return rc;
}
