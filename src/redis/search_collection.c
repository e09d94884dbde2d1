/* See search_collection.h: descriptions, and the rows of a query. Texts are in search_rows.c. */
#include "redis/search_collection.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "model/limits.h"
#include "redis/search_translate.h"

/* ---- the description ---- */

static bool read_column(const struct kith_field *from, struct search_field *field)
{
    field->column = from->type;
    field->any = true;
    switch (from->type) {
    case KITH_BOOL:
    case KITH_VARCHAR: field->type = SEARCH_TAG; break;
    case KITH_ARRAY:
        field->type = SEARCH_TAG;
        if (from->element_type != KITH_VARCHAR) field->column = KITH_JSON; /* shown only */
        break;
    case KITH_GEOMETRY: field->type = SEARCH_GEO; break;
    case KITH_FLOAT_VECTOR:
    case KITH_FLOAT16_VECTOR:
    case KITH_BFLOAT16_VECTOR:
        field->type = SEARCH_VECTOR;
        field->element_bytes = 4;
        field->dim = from->dim;
        field->metric = from->metric ? from->metric : KITH_L2;
        return true;
    case KITH_BINARY_VECTOR:
    case KITH_INT8_VECTOR:
    case KITH_SPARSE_VECTOR: return false;
    case KITH_JSON:
    case KITH_TEXT:
    case KITH_TIMESTAMPTZ: field->type = SEARCH_TAG; break;
    default: field->type = SEARCH_NUMERIC; break;
    }
    field->case_sensitive = true;
    field->match = from->type == KITH_VARCHAR && from->analyzer && from->enable_match;
    if (field->match) field->type = SEARCH_TEXT;
    return true;
}

static void read_index(const struct kith_collection_info *info, struct search_field *field)
{
    for (size_t i = 0; i < info->index_count; i++) {
        const struct kith_index_info *from = &info->indexes[i];
        if (!str_same(str_of(from->field), field->name)) continue;
        field->hnsw = strcmp(from->kind, "FLAT") != 0;
        if (from->metric) field->metric = from->metric;
        field->m = from->m ? from->m : 16;
        field->ef_construction = from->ef_construction ? from->ef_construction : 200;
    }
}

static int describe(struct search_rows *rows)
{
    const struct kith_schema *schema = &rows->info->schema;
    struct search_index *index = &rows->index;
    const size_t len = strlen(rows->info->name);
    char *prefix = arena_alloc_array(&rows->arena, len + 1, 1);
    index->fields =
        arena_alloc_array(&rows->arena, schema->field_count + 1, sizeof *index->fields);
    if (!prefix || !index->fields) return KITH_ENOMEM;
    memcpy(prefix, rows->info->name, len);
    prefix[len] = ':';
    rows->prefix = (struct kith_str){prefix, len + 1};
    index->name = rows->info->name;
    index->prefixes = &rows->prefix;
    index->prefix_count = 1;
    index->rows = rows;
    for (size_t i = 0; i < schema->field_count; i++) {
        struct search_field *field = &index->fields[index->field_count];
        *field = (struct search_field){.weight = 1, .separator = 0};
        field->name = field->identifier = str_of(schema->fields[i].name);
        if (!read_column(&schema->fields[i], field)) continue;
        if (field->type == SEARCH_VECTOR) read_index(rows->info, field);
        index->field_count++;
    }
    return 0;
}

int search_rows_open(struct kith_db *db, struct kith_str name, struct search_rows **out,
                     struct kith_error *err)
{
    char text[LIMIT_NAME_BYTES + 1];
    if (name.len == 0 || name.len > LIMIT_NAME_BYTES || memchr(name.data, 0, name.len))
        return KITH_ENOTFOUND;
    memcpy(text, name.data, name.len);
    text[name.len] = 0;
    struct search_rows *rows = mem_zalloc(sizeof *rows);
    if (!rows) return error_set(err, KITH_ENOMEM, "no memory");
    arena_init(&rows->arena);
    int rc = kith_collection_open(db, NULL, text, &rows->handle, err);
    if (rc == 0) rc = kith_collection_describe(rows->handle, &rows->info, err);
    if (rc == 0) rc = describe(rows);
    if (rc == 0) *out = rows;
    else search_rows_free(rows);
    return rc;
}

void search_rows_free(struct search_rows *rows)
{
    if (!rows) return;
    kith_result_free(rows->result);
    kith_collection_info_free(rows->info);
    kith_collection_release(rows->handle);
    arena_release(&rows->arena);
    mem_free(rows);
}

/* ---- what to ask ---- */

struct fetch {
    struct search_rows *rows;
    const struct search_wish *wish;
    struct search_query query;
    struct search_filter filter;
    const char *outputs[SEARCH_OUTPUTS_MAX];
    size_t output_count;
    const char *sort_field; /* NULL: not by a field */
    struct kith_error *err;
};

static const struct kith_field *primary(const struct search_rows *rows)
{
    const struct kith_schema *schema = &rows->info->schema;
    for (size_t i = 0; i < schema->field_count; i++)
        if (schema->fields[i].flags & KITH_FIELD_PRIMARY) return &schema->fields[i];
    return NULL;
}

static const struct kith_field *find_field(const struct search_rows *rows, struct kith_str name)
{
    const struct kith_schema *schema = &rows->info->schema;
    for (size_t i = 0; i < schema->field_count; i++)
        if (str_same(str_of(schema->fields[i].name), name)) return &schema->fields[i];
    return NULL;
}

static bool is_function_output(const struct search_rows *rows, const char *name)
{
    const struct kith_schema *schema = &rows->info->schema;
    for (size_t i = 0; i < schema->function_count; i++)
        if (strcmp(schema->functions[i].output, name) == 0) return true;
    return false;
}

static bool add_output(struct fetch *fetch, const char *name)
{
    for (size_t i = 0; i < fetch->output_count; i++)
        if (strcmp(fetch->outputs[i], name) == 0) return true;
    if (is_function_output(fetch->rows, name)) return true;
    if (fetch->output_count == SEARCH_OUTPUTS_MAX) return false;
    fetch->outputs[fetch->output_count++] = name;
    return true;
}

static bool is_distance(const struct fetch *fetch, struct kith_str name)
{
    for (size_t i = 0; i < fetch->query.distance_count; i++)
        if (fetch->query.names[i].len && str_same(fetch->query.names[i], name)) return true;
    return false;
}

/* The name as the engine takes it; NULL: it is none of the collection's. */
static const char *output_name(struct fetch *fetch, struct kith_str name)
{
    const struct kith_field *field = find_field(fetch->rows, name);
    if (field) return field->name;
    if (!fetch->rows->info->schema.dynamic || name.len == 0 || name.len > LIMIT_NAME_BYTES ||
        str_is(name, "__key") || is_distance(fetch, name) || memchr(name.data, 0, name.len) ||
        !utf8_valid(name.data, name.len))
        return NULL;
    return arena_strndup(&fetch->rows->arena, name.data, name.len);
}

static bool stands_in(struct kith_str text, const char *name)
{
    const size_t len = strlen(name);
    if (str_same(text, str_of(name))) return true;
    for (const char *at = text.data, *end = text.data + text.len; text.len && at < end; at++)
        if (*at == '@' && (size_t)(end - at) > len && memcmp(at + 1, name, len) == 0) return true;
    return false;
}

static void add_mentioned(struct fetch *fetch, struct kith_str text)
{
    const struct kith_schema *schema = &fetch->rows->info->schema;
    for (size_t i = 0; i < schema->field_count; i++)
        if (stands_in(text, schema->fields[i].name))
            (void)add_output(fetch, schema->fields[i].name);
    if (text.len < 2 || text.data[0] != '@') return;
    const char *name = output_name(fetch, (struct kith_str){text.data + 1, text.len - 1});
    if (name) (void)add_output(fetch, name);
}

static void choose_outputs(struct fetch *fetch)
{
    const struct search_wish *wish = fetch->wish;
    const struct kith_schema *schema = &fetch->rows->info->schema;
    for (size_t i = 0; wish->all_outputs && i < schema->field_count; i++)
        (void)add_output(fetch, schema->fields[i].name);
    for (size_t i = 0; i < wish->output_count; i++) {
        const char *name = output_name(fetch, wish->outputs[i]);
        if (name) (void)add_output(fetch, name);
    }
    for (size_t i = 0; i < wish->mention_count; i++) add_mentioned(fetch, wish->mentions[i]);
    if (!wish->sorted || is_distance(fetch, wish->sort_by)) return;
    fetch->sort_field = output_name(fetch, wish->sort_by);
}

/* Keys of documents to keys of rows. */
static int add_keys(struct fetch *fetch)
{
    const struct search_wish *wish = fetch->wish;
    const struct kith_str prefix = fetch->rows->prefix;
    const struct kith_field *key = primary(fetch->rows);
    struct kith_str *keys =
        arena_alloc_array(&fetch->rows->arena, wish->key_count + 1, sizeof *keys);
    size_t count = 0;
    int64_t number;
    if (!keys || !key) return KITH_ENOMEM;
    for (size_t i = 0; i < wish->key_count; i++) {
        struct kith_str id = wish->keys[i];
        if (id.len < prefix.len || memcmp(id.data, prefix.data, prefix.len) != 0) continue;
        id = (struct kith_str){id.data + prefix.len, id.len - prefix.len};
        if (key->type == KITH_INT64 && !text_integer(id, &number)) continue;
        keys[count++] = id;
    }
    if (count == 0) fetch->filter.nothing = true;
    else search_filter_in(&fetch->filter, str_of(key->name), keys, count, key->type == KITH_INT64);
    return buffer_failed(&fetch->filter.text) || buffer_failed(&fetch->filter.params)
               ? KITH_ENOMEM : 0;
}

static int prepare(struct fetch *fetch)
{
    struct search_rows *rows = fetch->rows;
    const struct search_wish *wish = fetch->wish;
    int rc = search_query_parse(&rows->index, wish->query, wish->params, wish->param_count,
                                &fetch->query);
    if (rc == KITH_EINVAL) (void)snprintf(rows->error, sizeof rows->error, "%s",
                                          fetch->query.error);
    if (rc) return rc;
    rc = search_translate(&fetch->query, &fetch->filter);
    if (rc == KITH_EUNSUPPORTED) {
        (void)snprintf(rows->error, sizeof rows->error, "ERR collection `%.100s`: %s",
                       rows->info->name, fetch->filter.error);
        return KITH_EINVAL;
    }
    if (rc == 0 && wish->by_keys) rc = add_keys(fetch);
    if (rc == 0) choose_outputs(fetch);
    return rc;
}

static const char *text_or_null(const struct buffer *text)
{
    return text->len > 1 ? (const char *)text->data : NULL;
}

static void fill_opts(const struct fetch *fetch, struct kith_query_opts *opts)
{
    *opts = (struct kith_query_opts)KITH_QUERY_OPTS_INIT;
    opts->filter = text_or_null(&fetch->filter.text);
    opts->filter_params = text_or_null(&fetch->filter.params);
    opts->output = (struct kith_output){fetch->outputs, fetch->output_count};
}

/* ---- the order of rows ---- */

struct order {
    const struct kith_column *column; /* NULL: distances */
    const float *distances;
    bool down;
};

static double number_at(const struct kith_column *column, size_t row, bool *number)
{
    *number = true;
    switch (column->type) {
    case KITH_BOOL: return (double)((const uint8_t *)column->data)[row];
    case KITH_INT8: return (double)((const int8_t *)column->data)[row];
    case KITH_INT16: return (double)((const int16_t *)column->data)[row];
    case KITH_INT32: return (double)((const int32_t *)column->data)[row];
    case KITH_TIMESTAMPTZ:
    case KITH_INT64: return (double)((const int64_t *)column->data)[row];
    case KITH_FLOAT: return (double)((const float *)column->data)[row];
    case KITH_DOUBLE: return ((const double *)column->data)[row];
    default: break;
    }
    *number = false;
    return 0;
}

static int compare_texts(struct kith_str a, struct kith_str b)
{
    const size_t len = a.len < b.len ? a.len : b.len;
    const int order = len ? memcmp(a.data, b.data, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static bool has_text(enum kith_type type)
{
    return type == KITH_VARCHAR || type == KITH_JSON || type == KITH_GEOMETRY ||
           type == KITH_ARRAY;
}

/* Absent values last, in both directions; equal ones in the order of the result. */
static int compare_rows(const void *left, const void *right, void *ctx)
{
    const size_t a = *(const size_t *)left, b = *(const size_t *)right;
    const struct order *by = ctx;
    int order = 0;
    bool number = true;
    if (!by->column) {
        order = (by->distances[a] > by->distances[b]) - (by->distances[a] < by->distances[b]);
    } else {
        const uint8_t *valid = by->column->valid;
        if (valid && valid[a] != valid[b]) return valid[a] ? -1 : 1;
        const double x = number_at(by->column, a, &number), y = number_at(by->column, b, &number);
        if (number) order = (x > y) - (x < y);
        else if (has_text(by->column->type))
            order = compare_texts(((const struct kith_str *)by->column->data)[a],
                                  ((const struct kith_str *)by->column->data)[b]);
    }
    if (order == 0) return (a > b) - (a < b);
    return by->down ? -order : order;
}

static const struct kith_column *column_of(const struct kith_result *result, const char *name)
{
    for (size_t i = 0; i < result->column_count; i++)
        if (strcmp(result->columns[i].field, name) == 0) return &result->columns[i];
    return NULL;
}

/* Numbers of the rows in the order that was asked for; NULL: no memory. */
static size_t *put_in_order(const struct fetch *fetch, const struct kith_result *result)
{
    size_t *rows = mem_alloc_array(result->rows + 1, sizeof *rows);
    if (!rows) return NULL;
    for (size_t i = 0; i < result->rows; i++) rows[i] = i;
    struct order by = {.distances = result->distances, .down = fetch->wish->descending};
    if (fetch->sort_field) by.column = column_of(result, fetch->sort_field);
    if (fetch->wish->sorted && (by.column || (by.distances && !fetch->sort_field)))
        qsort_r(rows, result->rows, sizeof *rows, compare_rows, &by);
    return rows;
}

/* ---- documents ---- */

static int key_text(const struct kith_result *result, size_t row, struct kith_str prefix,
                    struct arena *arena, struct search_doc *doc)
{
    const struct kith_column *keys = &result->columns[0];
    char digits[32];
    struct kith_str key = {digits, 0};
    if (keys->type == KITH_VARCHAR) key = ((const struct kith_str *)keys->data)[row];
    else key.len = (size_t)snprintf(digits, sizeof digits, "%lld",
                                    (long long)((const int64_t *)keys->data)[row]);
    doc->key_len = prefix.len + key.len;
    doc->key = arena_alloc_array(arena, doc->key_len + 1, 1);
    if (!doc->key) return KITH_ENOMEM;
    memcpy(doc->key, prefix.data, prefix.len);
    if (key.len) memcpy(doc->key + prefix.len, key.data, key.len);
    doc->place = row;
    return 0;
}

/* The page of the result, in order (NULL: its own), becomes the documents. */
static int make_docs(struct search_rows *rows, const size_t *order, size_t first, size_t count)
{
    struct search_index *index = &rows->index;
    index->docs = arena_alloc_array(&rows->arena, count + 1, sizeof *index->docs);
    if (!index->docs) return KITH_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        struct search_doc *doc = arena_alloc_array(&rows->arena, 1, sizeof *doc);
        if (!doc) return KITH_ENOMEM;
        *doc = (struct search_doc){0};
        const int rc = key_text(rows->result, order ? order[first + i] : first + i, rows->prefix,
                                &rows->arena, doc);
        if (rc) return rc;
        index->docs[index->count++] = doc;
    }
    return 0;
}

/* Everything is in the result: order it and cut the page out. */
static int take_page(struct fetch *fetch)
{
    struct search_rows *rows = fetch->rows;
    const struct search_wish *wish = fetch->wish;
    const size_t found = rows->result->rows;
    rows->total = found;
    const size_t first = wish->offset < found ? (size_t)wish->offset : found;
    const size_t count = wish->limit < found - first ? (size_t)wish->limit : found - first;
    size_t *order = put_in_order(fetch, rows->result);
    const int rc = order ? make_docs(rows, order, first, count) : KITH_ENOMEM;
    mem_free(order);
    return rc;
}

/* ---- asking ---- */

static int search_vectors(struct fetch *fetch)
{
    const struct search_query *query = &fetch->query;
    const struct query_node *range = fetch->filter.range;
    const struct search_field *field = query->knn ? query->knn : range->field;
    struct kith_search_opts opts = KITH_SEARCH_OPTS_INIT;
    if (query->knn && query->k == 0) return 0;
    fetch->rows->shift = field->metric == KITH_IP ? 1 : 0;
    opts.field = find_field(fetch->rows, field->name)->name;
    opts.queries = query->knn ? query->vector : range->vector;
    opts.query_count = 1;
    opts.query_type = KITH_FLOAT_VECTOR;
    opts.k = query->knn && query->k < LIMIT_SEARCH_K ? (uint64_t)query->k : LIMIT_SEARCH_K;
    if (query->knn) opts.ef = search_query_ef(query, fetch->rows->info->rows);
    opts.filter = text_or_null(&fetch->filter.text);
    opts.filter_params = text_or_null(&fetch->filter.params);
    opts.output = (struct kith_output){fetch->outputs, fetch->output_count};
    if (!query->knn) { /* d <= r; the engine's distance of IP is ours less 1 */
        const float r = (float)(range->hi - fetch->rows->shift);
        opts.has_range = true;
        opts.range_inner = -FLT_MAX;
        opts.range_outer = nextafterf(r, FLT_MAX);
        fetch->rows->slot = range->slot;
    }
    const int rc = kith_search(fetch->rows->handle, &opts, NULL, &fetch->rows->result, fetch->err);
    return rc ? rc : take_page(fetch);
}

/* Sorted by a field: first that field alone, then the rows of the page. */
static int query_sorted(struct fetch *fetch)
{
    struct search_rows *rows = fetch->rows;
    const struct search_wish *wish = fetch->wish;
    struct kith_result *all;
    struct kith_query_opts opts;
    fill_opts(fetch, &opts);
    opts.output = (struct kith_output){&fetch->sort_field, 1};
    opts.limit = SEARCH_ROWS_MAX;
    int rc = kith_query(rows->handle, &opts, NULL, &all, fetch->err);
    if (rc) return rc;
    const size_t first = wish->offset < all->rows ? (size_t)wish->offset : all->rows;
    const size_t left = all->rows - first;
    const size_t count = wish->limit < left ? (size_t)wish->limit : left;
    const bool texts = all->columns[0].type == KITH_VARCHAR;
    size_t *order = put_in_order(fetch, all);
    void *page = mem_alloc_array(count + 1, sizeof(struct kith_str));
    struct kith_keys keys = {.count = count};
    for (size_t i = 0; order && page && i < count; i++) {
        const size_t row = order[first + i];
        const void *from = all->columns[0].data;
        if (texts) ((struct kith_str *)page)[i] = ((const struct kith_str *)from)[row];
        else ((int64_t *)page)[i] = ((const int64_t *)from)[row];
    }
    if (texts) keys.strings = page;
    else keys.ints = page;
    rc = order && page ? 0 : KITH_ENOMEM;
    if (rc == 0 && count) {
        const struct kith_output output = {fetch->outputs, fetch->output_count};
        rc = kith_get(rows->handle, &keys, &output, NULL, &rows->result, fetch->err);
    }
    mem_free(order);
    mem_free(page);
    kith_result_free(all);
    return rc || !count ? rc : make_docs(rows, NULL, 0, rows->result->rows);
}

static int query_rows(struct fetch *fetch)
{
    struct search_rows *rows = fetch->rows;
    const struct search_wish *wish = fetch->wish;
    struct kith_query_opts opts;
    fill_opts(fetch, &opts);
    int rc = kith_count_matching(rows->handle, &opts, NULL, &rows->total, fetch->err);
    if (rc || wish->limit == 0 || wish->offset >= rows->total) return rc;
    if (fetch->sort_field && rows->total > SEARCH_ROWS_MAX) {
        (void)snprintf(rows->error, sizeof rows->error,
                       "ERR collection `%.100s`: SORTBY takes %u rows at most, narrow the query",
                       rows->info->name, SEARCH_ROWS_MAX);
        return KITH_EINVAL;
    }
    if (fetch->sort_field) return query_sorted(fetch);
    opts.offset = wish->offset;
    opts.limit = wish->limit;
    rc = kith_query(rows->handle, &opts, NULL, &rows->result, fetch->err);
    return rc ? rc : make_docs(rows, NULL, 0, rows->result->rows);
}

int search_rows_fetch(struct search_rows *rows, const struct search_wish *wish,
                      struct kith_error *err)
{
    struct fetch *fetch = mem_zalloc(sizeof *fetch);
    if (!fetch) return KITH_ENOMEM;
    fetch->rows = rows;
    fetch->wish = wish;
    fetch->err = err;
    int rc = prepare(fetch);
    if (rc == 0 && !fetch->filter.nothing)
        rc = fetch->query.knn || fetch->filter.range ? search_vectors(fetch) : query_rows(fetch);
    search_filter_release(&fetch->filter);
    search_query_release(&fetch->query);
    mem_free(fetch);
    return rc;
}

int search_rows_hits(const struct search_query *query, struct search_hits *out)
{
    const struct search_rows *rows = query->index->rows;
    const struct search_index *index = &rows->index;
    struct search_hits hits = {.items = mem_zalloc_array(index->count + 1, sizeof *hits.items)};
    if (!hits.items) return KITH_ENOMEM;
    for (size_t i = 0; i < index->count; i++) {
        struct search_hit *hit = &hits.items[hits.count++];
        *hit = (struct search_hit){.doc = index->docs[i], .score = 1,
                                   .distances = {NAN, NAN, NAN, NAN}};
        if (!rows->result->distances) continue;
        hit->distances[rows->slot] =
            rows->shift + (double)rows->result->distances[hit->doc->place];
    }
    hits.paged = true;
    hits.total = rows->total;
    *out = hits;
    return 0;
}
