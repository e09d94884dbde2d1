/* FT.SEARCH: values of hits, and the shape of the reply in both protocols. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cache/hash.h"
#include "redis/search_request.h"
#include "redis/search_turn.h"

/* ---- values ---- */

size_t search_distance_of(const struct search_query *query, struct kith_str name)
{
    for (size_t i = 0; i < query->distance_count; i++)
        if (query->names[i].len && str_same(query->names[i], name)) return i;
    return SIZE_MAX;
}

void search_put_distance(struct buffer *out, double distance)
{
    buffer_printf(out, "%.12g", distance);
}

/* A value of JSON: a string bare, everything else as text. */
static void put_node(const struct json_node *node, struct buffer *out)
{
    if (node->kind == JSON_STRING) buffer_put(out, node->text, node->count);
    else json_node_write(node, NULL, out);
}

static bool json_text(struct json_tree *tree, const struct search_field *field,
                      struct kith_str name, struct buffer *out)
{
    struct json_path path;
    struct json_matches found = {0};
    if (json_path_parse(field ? field->identifier : name, &path) != NULL) return false;
    if (json_path_select(&tree->root, &path, path.count, &found) != 0) return false;
    const bool there = found.count > 0;
    if (there) put_node(found.items[0].node, out);
    json_matches_release(&found);
    return there;
}

static struct entry *entry_of(struct redis_call *call, const struct search_hit *hit)
{
    const struct kith_str key = {hit->doc->key, hit->doc->key_len};
    return cache_read(call->cache, 0, key, CACHE_NO_TOUCH | CACHE_NO_STATS);
}

bool search_value_text(struct redis_call *call, const struct search_query *query,
                       const struct search_hit *hit, struct kith_str name, struct buffer *out)
{
    const size_t slot = search_distance_of(query, name);
    const struct search_field *field = search_field_of(query->index, name);
    struct hash_field found;
    if (slot != SIZE_MAX) {
        search_put_distance(out, hit->distances[slot]);
        return !isnan(hit->distances[slot]);
    }
    if (str_is(name, "__key")) {
        buffer_put(out, hit->doc->key, hit->doc->key_len);
        return true;
    }
    if (query->index->rows) return search_rows_text(query->index->rows, hit->doc, name, out);
    const struct entry *entry = entry_of(call, hit);
    if (!entry) return false;
    if (query->index->json) return json_text(entry_value(entry), field, name, out);
    if (!hash_get(entry_value(entry), field ? field->identifier : name, &found)) return false;
    buffer_put(out, found.value.data, found.value.len);
    return true;
}

int search_each_field(struct redis_call *call, const struct search_index *index,
                      const struct search_hit *hit,
                      void (*fn)(void *ctx, struct kith_str name, struct kith_str value), void *ctx)
{
    if (index->rows) return search_rows_each(index->rows, hit->doc, fn, ctx);
    const struct entry *entry = entry_of(call, hit);
    struct hash_iter it = {0};
    struct hash_field field;
    if (!entry) return 0;
    if (!index->json) {
        while (hash_next(entry_value(entry), &it, &field)) fn(ctx, field.name, field.value);
        return 0;
    }
    struct buffer text;
    buffer_init(&text);
    json_node_write(&((struct json_tree *)entry_value(entry))->root, NULL, &text);
    if (!buffer_failed(&text))
        fn(ctx, str_of("$"), (struct kith_str){(const char *)text.data, text.len});
    const bool failed = buffer_failed(&text);
    buffer_release(&text);
    return failed ? KITH_ENOMEM : 0;
}

/* ---- the reply ---- */

struct pairs {
    struct resp *reply;
    size_t count;
    const struct search_query *query;
    const struct search_wording *wording;
};

static void put_text(struct pairs *pairs, const struct search_field *field, struct kith_str value)
{
    struct buffer text;
    if (!search_is_decorated(pairs->wording, field)) {
        resp_str(pairs->reply, value);
        return;
    }
    buffer_init(&text);
    if (search_decorate(pairs->wording, pairs->query, field, value, &text) != 0)
        pairs->reply->out->failed = true;
    resp_bulk(pairs->reply, text.data ? (const char *)text.data : "", text.len);
    buffer_release(&text);
}

/* A field of a hash, by the name that it has there. */
static void put_pair(void *ctx, struct kith_str name, struct kith_str value)
{
    struct pairs *pairs = ctx;
    const struct search_index *index = pairs->query->index;
    const struct search_field *field = NULL;
    for (size_t i = 0; i < index->field_count && !field; i++)
        if (str_same(index->fields[i].identifier, name)) field = &index->fields[i];
    resp_str(pairs->reply, name);
    put_text(pairs, field, value);
    pairs->count++;
}

static void put_value(struct redis_call *call, const struct search_query *query,
                      const struct search_hit *hit, const struct search_return *field,
                      struct pairs *pairs)
{
    struct buffer text;
    buffer_init(&text);
    if (search_value_text(call, query, hit, field->name, &text)) {
        resp_str(call->reply, field->as);
        put_text(pairs, search_field_of(query->index, field->name),
                 (struct kith_str){(const char *)text.data, text.len});
        pairs->count++;
    }
    if (buffer_failed(&text)) call->reply->out->failed = true;
    buffer_release(&text);
}

static void put_fields(struct redis_call *call, const struct search_query *query,
                       const struct search_request *request, const struct search_hit *hit)
{
    struct pairs pairs = {call->reply, 0, query, &request->wording};
    const size_t place = resp_open(call->reply);
    for (size_t i = 0; request->has_returns && i < request->return_count; i++)
        put_value(call, query, hit, &request->returns[i], &pairs);
    for (size_t i = 0; !request->has_returns && i < query->distance_count; i++) {
        const struct search_return field = {query->names[i], query->names[i]};
        if (field.name.len) put_value(call, query, hit, &field, &pairs);
    }
    if (!request->has_returns &&
        search_each_field(call, query->index, hit, put_pair, &pairs) != 0)
        call->reply->out->failed = true;
    if (call->reply->version >= 3) resp_close(call->reply, place, '%', pairs.count);
    else resp_close(call->reply, place, '*', pairs.count * 2);
}

static void put_score(struct redis_call *call, const struct search_hit *hit)
{
    if (call->reply->version >= 3) resp_double(call->reply, hit->score);
    else resp_printf(call->reply, "%.12g", hit->score);
}

/* "Final BM25STD : words BM25STD 0.57 * document score 1.00" beside the score. */
static void put_scores(struct redis_call *call, const struct search_query *query,
                       const struct search_request *request, const struct search_hit *hit)
{
    static const char *const names[SCORER_COUNT] = {
        "BM25STD", "BM25STD.TANH", "BM25STD.NORM", "TFIDF", "TFIDF.DOCNORM", "DISMAX", "DOCSCORE"};
    const char *name = names[query->scorer];
    const double own = (double)hit->doc->score;
    if (!request->explain_scores) {
        put_score(call, hit);
        return;
    }
    resp_array(call->reply, 2);
    put_score(call, hit);
    resp_array(call->reply, 1);
    resp_printf(call->reply, "Final %s : words %s %.2f * document score %.2f", name, name,
                own > 0 ? hit->score / own : 0.0, own);
}

/* What the hit was sorted by: "#3.5" or "$text". */
static void put_sort_key(struct redis_call *call, const struct search_query *query,
                         const struct search_request *request, const struct search_hit *hit)
{
    const struct search_field *field = search_field_of(query->index, request->sort_by);
    const bool number = search_distance_of(query, request->sort_by) != SIZE_MAX ||
                        (field && field->type == SEARCH_NUMERIC);
    struct buffer text;
    buffer_init(&text);
    buffer_put_u8(&text, number ? '#' : '$');
    if (request->sorted && search_value_text(call, query, hit, request->sort_by, &text))
        resp_bulk(call->reply, text.data, text.len);
    else resp_null(call->reply);
    if (buffer_failed(&text)) call->reply->out->failed = true;
    buffer_release(&text);
}

/* PAYLOAD_FIELD of the document. */
static void put_payload(struct redis_call *call, const struct search_query *query,
                        const struct search_hit *hit)
{
    const struct search_index *index = query->index;
    struct buffer text;
    buffer_init(&text);
    if (index->payload_field.len &&
        search_value_text(call, query, hit, index->payload_field, &text))
        resp_bulk(call->reply, text.data ? (const char *)text.data : "", text.len);
    else resp_null(call->reply);
    if (buffer_failed(&text)) call->reply->out->failed = true;
    buffer_release(&text);
}

static void put_hit2(struct redis_call *call, const struct search_query *query,
                     const struct search_request *request, const struct search_hit *hit)
{
    resp_bulk(call->reply, hit->doc->key, hit->doc->key_len);
    if (request->with_scores) put_scores(call, query, request, hit);
    if (request->with_payloads) put_payload(call, query, hit);
    if (request->with_sort_keys) put_sort_key(call, query, request, hit);
    if (!request->no_content) put_fields(call, query, request, hit);
}

static void put_hit3(struct redis_call *call, const struct search_query *query,
                     const struct search_request *request, const struct search_hit *hit)
{
    resp_map(call->reply, 2u + request->with_scores + request->with_payloads +
                              request->with_sort_keys + !request->no_content);
    resp_cstr(call->reply, "id");
    resp_bulk(call->reply, hit->doc->key, hit->doc->key_len);
    if (request->with_scores) {
        resp_cstr(call->reply, "score");
        put_scores(call, query, request, hit);
    }
    if (request->with_payloads) {
        resp_cstr(call->reply, "payload");
        put_payload(call, query, hit);
    }
    if (request->with_sort_keys) {
        resp_cstr(call->reply, "sortkey");
        put_sort_key(call, query, request, hit);
    }
    if (!request->no_content) {
        resp_cstr(call->reply, "extra_attributes");
        put_fields(call, query, request, hit);
    }
    resp_cstr(call->reply, "values");
    resp_array(call->reply, 0);
}

static void answer(struct redis_call *call, const struct search_query *query,
                   const struct search_request *request, const struct search_hits *hits)
{
    const uint64_t total = hits->paged ? hits->total : hits->count;
    const uint64_t offset = hits->paged ? 0 : (uint64_t)request->offset;
    const size_t first = offset < hits->count ? (size_t)offset : hits->count;
    const size_t left = hits->count - first;
    const size_t shown = (uint64_t)request->limit < left ? (size_t)request->limit : left;
    const bool map = call->reply->version >= 3;
    const size_t start = call->reply->out->len;
    if (map) {
        resp_map(call->reply, 5);
        resp_cstr(call->reply, "attributes");
        resp_array(call->reply, 0);
        resp_cstr(call->reply, "format");
        resp_cstr(call->reply, "STRING");
        resp_cstr(call->reply, "results");
        resp_array(call->reply, shown);
    } else {
        resp_array(call->reply, 1 + shown * (1u + request->with_scores + request->with_payloads +
                                             request->with_sort_keys + !request->no_content));
        resp_integer(call->reply, (int64_t)total);
    }
    for (size_t i = first; i < first + shown; i++) {
        search_breathe(query->index);
        if (search_query_is_late(query, i)) { /* thousands of fields of thousands of documents */
            call->reply->out->len = start;
            search_failed(call, KITH_ETIMEDOUT);
            return;
        }
        if (map) put_hit3(call, query, request, &hits->items[i]);
        else put_hit2(call, query, request, &hits->items[i]);
    }
    if (!map) return;
    resp_cstr(call->reply, "total_results");
    resp_integer(call->reply, (int64_t)total);
    resp_cstr(call->reply, "warning");
    resp_array(call->reply, 0);
}

static bool is_asked(void *ctx, const struct search_doc *doc)
{
    const struct search_request *request = ctx;
    const struct kith_str key = {doc->key, doc->key_len};
    for (size_t i = 0; i < request->in_key_count; i++)
        if (str_same(request->in_keys[i], key)) return true;
    return !request->by_keys;
}

bool search_parse(struct redis_call *call, const struct search_index *index, struct kith_str text,
                  const struct query_param *params, size_t count,
                  const struct query_options *options, struct search_query *query)
{
    const int rc = search_query_parse_with(index, text, params, count, options, query);
    query->os = call->redis->os;
    search_set_timeout(query, SEARCH_PATIENCE_MS);
    if (rc == 0) return true;
    if (query->error[0]) call_error(call, query->error);
    else call_no_memory(call);
    return false;
}

void search_failed(struct redis_call *call, int rc)
{
    if (rc == KITH_ETIMEDOUT) call_error(call, "Timeout limit was reached");
    else if (rc == KITH_ENOTFOUND)
        call_error(call, "The index was dropped, or made anew, meanwhile");
    else call_no_memory(call);
}

static int run(struct redis *redis, struct search_query *query, struct search_request *request,
               bool scan, struct search_hits *hits)
{
    const struct search_accept accept = {is_asked, request};
    int rc = KITH_EBUSY;
    if (!scan && !request->by_keys && !query->index->rows) rc = search_walk(redis, query, hits);
    return rc == KITH_EBUSY ? search_query_run(query, &accept, hits) : rc;
}

static void search_with(struct redis_call *call, const struct search_index *index,
                        struct search_request *request, bool scan)
{
    struct search_query query;
    struct search_hits hits = {0};
    int rc = 0;
    if (!search_wording_settle(call, index, &request->wording)) return;
    if (search_parse(call, index, call->argv[2], request->params, request->param_count,
                     &request->wording.options, &query)) {
        if (request->has_timeout) search_set_timeout(&query, request->timeout_ms);
        rc = run(call->redis, &query, request, scan, &hits);
        if (rc == 0 && request->sorted && !hits.paged)
            rc = search_sort_hits(call, &query, request, &hits);
        if (rc == 0) answer(call, &query, request, &hits);
        else search_failed(call, rc);
    }
    search_hits_release(&hits);
    search_query_release(&query);
    search_wording_release(&request->wording);
}

void search_in(struct redis_call *call, const struct search_index *index, bool scan)
{
    struct search_request *request = mem_zalloc(sizeof *request);
    if (!request) call_no_memory(call);
    else if (search_request_read(call, 3, request)) search_with(call, index, request, scan);
    mem_free(request);
}

bool search_wish_read(struct redis_call *call, struct search_wish_block *block)
{
    struct search_request *request = mem_zalloc(sizeof *request);
    struct search_wish *wish = &block->wish;
    block->own = request;
    if (!request) call_no_memory(call);
    if (!request || !search_request_read(call, 3, request)) return false;
    if (request->wording.asked || request->filter_count || request->with_payloads) {
        call_error(call, "ERR VERBATIM, NOSTOPWORDS, INFIELDS, SLOP, INORDER, LANGUAGE, EXPANDER, "
                         "SCORER, FILTER, GEOFILTER and WITHPAYLOADS are for indexes of FT.CREATE, "
                         "not for collections");
        return false;
    }
    for (size_t i = 0; i < request->return_count; i++)
        block->names[i] = request->returns[i].name;
    *wish = (struct search_wish){.query = call->argv[2],
                                 .params = request->params,
                                 .param_count = request->param_count,
                                 .outputs = block->names,
                                 .output_count = request->return_count,
                                 .all_outputs = !request->has_returns && !request->no_content,
                                 .sort_by = request->sort_by,
                                 .sorted = request->sorted,
                                 .descending = request->descending,
                                 .offset = (uint64_t)request->offset,
                                 .limit = (uint64_t)request->limit,
                                 .keys = request->in_keys,
                                 .key_count = request->in_key_count,
                                 .by_keys = request->by_keys};
    return true;
}

static void search_index_in(struct redis_call *call, struct search_index *index)
{
    search_in(call, index, false);
}

void run_ft_search(struct redis_call *call)
{
    if (!search_elsewhere(call, SEARCH_ASK_SEARCH)) search_begin(call, search_index_in);
}
