/*
 * SearchResults out of hits: sizes of the nested SearchResultData first, then its bytes in place.
 *
 *   SearchResults     status=1 results=2 collection_name=3 session_ts=4
 *   SearchResultData  num_queries=1 top_k=2 fields_data=3 scores=4 ids=5 topks=6 output_fields=7
 *                     group_by_field_value=8 iterator=11 {token=1 last_bound=2}
 *                     primary_field_name=13 highlight_results=14
 */
#include <string.h>

#include "base/endian.h"
#include "milvus/rows_out.h"

struct sizes {
    struct rows_page_size page;
    struct kith_keys keys;
    size_t ids, topks, iterator;
    struct rows_column_size groups;
    size_t whole;
};

static size_t number_size(uint64_t value) { return value ? 1 + wire_varint_size(value) : 0; }

static int keys_of(struct milvus_call *call, const struct milvus_hits *hits, struct kith_keys *out)
{
    const struct kith_column *key = &hits->result->columns[0];
    const struct milvus_page *page = &hits->page;
    const bool ints = key->type == KITH_INT64;
    *out = (struct kith_keys){ .count = page->rows, .ints = ints ? key->data : NULL,
                               .strings = ints ? NULL : key->data };
    if (!page->order) return 0;
    int64_t *numbers = arena_alloc_array(call->arena, page->rows + 1, sizeof *numbers);
    struct kith_str *texts = arena_alloc_array(call->arena, page->rows + 1, sizeof *texts);
    if (!numbers || !texts) return KITH_ENOMEM;
    for (size_t i = 0; i < page->rows; i++) {
        if (ints) numbers[i] = out->ints[page->order[i]];
        else texts[i] = out->strings[page->order[i]];
    }
    if (ints) out->ints = numbers;
    else out->strings = texts;
    return 0;
}

static size_t names_size(const struct milvus_output *output)
{
    size_t total = 0;
    for (size_t i = 0; i < output->name_count; i++)
        total += wire_bytes_size(7, strlen(output->names[i]));
    return total;
}

static size_t highlight_size(const Milvus__Proto__Common__HighlightResult *highlight)
{
    return milvus__proto__common__highlight_result__get_packed_size(highlight);
}

static void put_highlight(struct buffer *reply,
                          const Milvus__Proto__Common__HighlightResult *highlight)
{
    const size_t len = highlight_size(highlight);
    wire_put_head(reply, 14, len);
    uint8_t *to = buffer_extend(reply, len);
    if (to) (void)milvus__proto__common__highlight_result__pack(highlight, to);
}

static int measure(struct milvus_call *call, const struct milvus_hits *hits, const char *primary,
                   struct sizes *out)
{
    const struct milvus_page *page = &hits->page;
    int rc = rows_page_measure(page, 3, call->arena, &out->page);
    if (rc == 0) rc = keys_of(call, hits, &out->keys);
    if (rc) return rc;
    out->ids = wire_bytes_size(5, rows_keys_size(&out->keys));
    out->topks = 0;
    for (size_t q = 0; q < hits->query_count; q++) out->topks += wire_varint_size(hits->counts[q]);
    out->whole = number_size(hits->query_count) + number_size((uint64_t)hits->topk) +
                 out->page.whole + out->ids + wire_bytes_size(6, out->topks) +
                 names_size(&hits->output) + wire_bytes_size(13, strlen(primary));
    if (page->rows) out->whole += wire_bytes_size(4, 4 * page->rows);
    if (hits->groups) {
        rows_column_measure(hits->groups, page, &out->groups);
        out->whole += wire_bytes_size(8, out->groups.whole);
    }
    for (size_t i = 0; i < hits->highlight_count; i++)
        out->whole += wire_bytes_size(14, highlight_size(hits->highlights[i]));
    if (hits->iterator_token) {
        out->iterator = wire_bytes_size(1, strlen(hits->iterator_token)) + 5;
        out->whole += wire_bytes_size(11, out->iterator);
    }
    return 0;
}

static void put_scores(struct buffer *reply, const struct milvus_hits *hits)
{
    if (hits->page.rows) wire_put_bytes(reply, 4, hits->scores, 4 * hits->page.rows);
}

static void put_counts(struct buffer *reply, const struct milvus_hits *hits, size_t size)
{
    wire_put_head(reply, 6, size);
    uint8_t *to = buffer_extend(reply, size);
    for (size_t q = 0; to && q < hits->query_count; q++) to = rows_varint(to, hits->counts[q]);
}

static void put_iterator(struct buffer *reply, const struct milvus_hits *hits, size_t size)
{
    wire_put_head(reply, 11, size);
    wire_put_bytes(reply, 1, hits->iterator_token, strlen(hits->iterator_token));
    wire_put_tag(reply, 2, WIRE_FIXED32);
    buffer_put_f32(reply, hits->iterator_bound);
}

void rows_hits_put(struct buffer *reply, struct milvus_call *call,
                   const struct milvus_collection *collection, const char *asked_name,
                   const struct milvus_hits *hits)
{
    struct sizes size;
    const char *primary = collection->primary->name;
    if (measure(call, hits, primary, &size)) {
        reply->failed = true;
        return;
    }
    rows_status_put(reply, NULL);
    wire_put_head(reply, 2, size.whole);
    wire_put_varint(reply, 1, hits->query_count);
    wire_put_varint(reply, 2, (uint64_t)hits->topk);
    rows_page_put(reply, 3, &hits->page, &size.page);
    put_scores(reply, hits);
    rows_keys_put(reply, 5, &size.keys);
    put_counts(reply, hits, size.topks);
    for (size_t i = 0; i < hits->output.name_count; i++)
        wire_put_bytes(reply, 7, hits->output.names[i], strlen(hits->output.names[i]));
    if (hits->groups) rows_column_put(reply, 8, hits->groups, &hits->page, &size.groups);
    if (hits->iterator_token) put_iterator(reply, hits, size.iterator);
    wire_put_text(reply, 13, primary);
    for (size_t i = 0; i < hits->highlight_count; i++) put_highlight(reply, hits->highlights[i]);
    wire_put_text(reply, 3, asked_name);
    wire_put_varint(reply, 4, milvus_timestamp(call->milvus));
}

void rows_put_hits(struct buffer *reply, struct milvus_call *call,
                   const struct milvus_collection *collection, const char *asked_name,
                   const void *hits)
{
    rows_hits_put(reply, call, collection, asked_name, hits);
}

void rows_release_hits(void *hits) { milvus_hits_release(hits); }
