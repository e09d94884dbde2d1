/* FT.INFO. */
#include <string.h>

#include "redis/cmd_search.h"

static void put(struct resp *reply, const char *name, const char *value)
{
    resp_cstr(reply, name);
    resp_cstr(reply, value);
}

/* A word of the definition that may be absent. */
static void put_word(struct resp *reply, const char *name, struct kith_str value)
{
    if (!value.data || !value.len) return;
    resp_cstr(reply, name);
    resp_str(reply, value);
}

static void put_number(struct resp *reply, const char *name, uint64_t value)
{
    resp_cstr(reply, name);
    resp_integer(reply, (int64_t)(value & INT64_MAX));
}

static void put_megabytes(struct resp *reply, const char *name, uint64_t bytes)
{
    resp_cstr(reply, name);
    resp_printf(reply, "%.9g", (double)bytes / 1048576);
}

static void put_definition(struct resp *reply, const struct search_index *index)
{
    const bool language = index->language.len || index->language_field.len;
    resp_cstr(reply, "index_definition");
    resp_map(reply, 3u + (index->filter != NULL) + language + (index->language_field.len > 0) +
                        (index->score_field.len > 0) + (index->payload_field.len > 0));
    put(reply, "key_type", index->json ? "JSON" : "HASH");
    resp_cstr(reply, "prefixes");
    resp_array(reply, index->prefix_count ? index->prefix_count : 1);
    for (size_t i = 0; i < index->prefix_count; i++) resp_str(reply, index->prefixes[i]);
    if (!index->prefix_count) resp_cstr(reply, "");
    put_word(reply, "filter", index->filter ? index->filter_text : (struct kith_str){NULL, 0});
    if (language)
        put_word(reply, "default_language",
                 index->language.len ? index->language : str_of("english"));
    put_word(reply, "language_field", index->language_field);
    resp_cstr(reply, "default_score");
    resp_printf(reply, "%.9g", index->score);
    put_word(reply, "score_field", index->score_field);
    put_word(reply, "payload_field", index->payload_field);
}

static void put_vector(struct resp *reply, const struct search_field *field)
{
    static const char *const metrics[] = {"", "L2", "IP", "COSINE"};
    put(reply, "algorithm", field->hnsw ? "HNSW" : "FLAT");
    put(reply, "data_type", field->element_bytes == 4   ? "FLOAT32"
                            : field->element_bytes == 8 ? "FLOAT64"
                            : field->brain              ? "BFLOAT16"
                                                        : "FLOAT16");
    put_number(reply, "dim", field->dim);
    put(reply, "distance_metric", metrics[field->metric]);
    if (!field->hnsw) return;
    put_number(reply, "M", (uint64_t)field->m);
    put_number(reply, "ef_construction", (uint64_t)field->ef_construction);
}

static void put_field(struct resp *reply, const struct search_field *field)
{
    static const char *const types[] = {"TAG", "TEXT", "NUMERIC", "GEO", "VECTOR"};
    const bool map = reply->version >= 3, vector = field->type == SEARCH_VECTOR;
    const size_t more = vector ? (field->hnsw ? 6 : 4)
                               : field->type == SEARCH_TAG || field->type == SEARCH_TEXT;
    if (map) resp_map(reply, 3 + more + 1);
    else resp_array(reply, 2 * (3 + more) + field->sortable);
    resp_cstr(reply, "identifier");
    resp_str(reply, field->identifier);
    resp_cstr(reply, "attribute");
    resp_str(reply, field->name);
    put(reply, "type", types[field->type]);
    if (vector) put_vector(reply, field);
    if (field->type == SEARCH_TEXT) {
        resp_cstr(reply, "WEIGHT");
        resp_printf(reply, "%g", field->weight);
    } else if (field->type == SEARCH_TAG) {
        resp_cstr(reply, "SEPARATOR");
        resp_bulk(reply, &field->separator, field->separator ? 1 : 0);
    }
    if (map) {
        resp_cstr(reply, "flags");
        resp_array(reply, field->sortable);
    }
    if (field->sortable) resp_cstr(reply, "SORTABLE");
}

void run_ft_info(struct redis_call *call)
{
    if (search_elsewhere(call, SEARCH_ASK_INFO)) return;
    struct search_index *index = search_find(call->redis, call->argv[1]);
    if (!index) {
        call_error(call, SEARCH_UNKNOWN_INDEX);
        return;
    }
    if (!search_allowed(call, index, false)) return;
    if (search_catch_up(call->redis, index) != 0) {
        call_no_memory(call);
        return;
    }
    search_put_info(call, index);
}

static void put_rate(struct resp *reply, const char *name, uint64_t what, uint64_t of)
{
    resp_cstr(reply, name);
    resp_printf(reply, "%.9g", of ? (double)what / (double)of : 0.0);
}

static void put_cursors(struct redis_call *call, const struct search_index *index)
{
    const struct search *search = search_of(call->redis);
    uint64_t own = 0;
    for (const struct search_cursor *at = search->cursors; at; at = at->next)
        own += at->index == index;
    put_number(call->reply, "global_idle", search->cursor_count);
    put_number(call->reply, "global_total", search->cursor_count);
    put_number(call->reply, "index_capacity", SEARCH_CURSORS_MAX);
    put_number(call->reply, "index_total", own);
}

void search_put_info(struct redis_call *call, const struct search_index *index)
{
    struct resp *reply = call->reply;
    const uint64_t docs = index->rows ? index->rows->info->rows : index->count;
    const struct search_sizes *sizes = &index->sizes;
    resp_map(reply, 32);
    put(reply, "index_name", index->name);
    resp_cstr(reply, "index_options");
    resp_array(reply, 0);
    put_definition(reply, index);
    resp_cstr(reply, "attributes");
    resp_array(reply, index->field_count);
    for (size_t i = 0; i < index->field_count; i++) put_field(reply, &index->fields[i]);
    put_number(reply, "num_docs", docs);
    put_number(reply, "max_doc_id", docs);
    put_number(reply, "num_terms", sizes->words);
    put_number(reply, "num_records", sizes->words);
    put_megabytes(reply, "inverted_sz_mb", sizes->texts);
    put_megabytes(reply, "vector_index_sz_mb", sizes->vectors);
    put_number(reply, "total_inverted_index_blocks", 0);
    put_number(reply, "offset_vectors_sz_mb", 0);
    put_megabytes(reply, "doc_table_size_mb", sizes->documents);
    put_number(reply, "sortable_values_size_mb", 0);
    put_number(reply, "text_overhead_sz_mb", 0);
    put_number(reply, "geoshapes_sz_mb", 0);
    put_megabytes(reply, "tag_overhead_sz_mb", sizes->tags);
    put_megabytes(reply, "key_table_size_mb", index->counted);
    put_megabytes(reply, "total_index_memory_sz_mb",
                  sizes->texts + sizes->tags + sizes->vectors + sizes->documents + index->counted);
    put_rate(reply, "records_per_doc_avg", sizes->words, docs);
    put_rate(reply, "bytes_per_record_avg", sizes->texts + sizes->tags, sizes->words);
    put_number(reply, "offsets_per_term_avg", 0);
    put_number(reply, "offset_bits_per_record_avg", 0);
    put_number(reply, "hash_indexing_failures", index->failures);
    put_number(reply, "total_indexing_time", 0);
    put_number(reply, "indexing", 0);
    put(reply, "percent_indexed", "1");
    put_number(reply, "number_of_uses", index->uses);
    put_number(reply, "cleaning", 0);
    resp_cstr(reply, "cursor_stats");
    resp_map(reply, 4);
    put_cursors(call, index);
    resp_cstr(reply, "dialect_stats");
    resp_map(reply, 4);
    put_number(reply, "dialect_1", 0);
    put_number(reply, "dialect_2", index->uses > 0);
    put_number(reply, "dialect_3", 0);
    put_number(reply, "dialect_4", 0);
    resp_cstr(reply, "Index Errors");
    resp_map(reply, 3);
    put_number(reply, "indexing failures", index->failures);
    put(reply, "last indexing error", index->failures ? "a field is unusable" : "N/A");
    put(reply, "last indexing error key", "N/A");
}
