/*
 * The query language of FT.SEARCH: any bytes, over an index with a field of each type and one
 * document. A query that parses is run as well.
 */
#include <stddef.h>
#include <stdint.h>

#include "fuzz.h"
#include "redis/search_query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char blob[8] = {0};
    struct search_field fields[] = {
        {.type = SEARCH_TAG, .name = {"tag", 3}, .separator = ','},
        {.type = SEARCH_TEXT, .name = {"t", 1}, .weight = 1},
        {.type = SEARCH_NUMERIC, .name = {"n", 1}},
        {.type = SEARCH_GEO, .name = {"g", 1}},
        {.type = SEARCH_VECTOR, .name = {"v", 1}, .metric = KITH_L2, .element_bytes = 4, .dim = 2},
    };
    const struct query_param params[] = {{{"v", 1}, {blob, sizeof blob}}, {{"k", 1}, {"3", 1}}};
    struct search_index index = {.fields = fields, .field_count = 5};
    struct search_query query;
    struct search_hits hits = {0};
    if (size > 4096) return 0;
    if (search_query_parse(&index, (struct kith_str){(const char *)data, size}, params, 2,
                           &query) == 0 &&
        search_query_run(&query, NULL, &hits) == 0)
        search_hits_release(&hits);
    search_query_release(&query);
    return 0;
}
