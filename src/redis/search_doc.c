/*
 * From a hash or a JSON document to what an index keeps of it: tags, words, numbers, places and
 * vectors. Words are runs of letters, digits and underscores, ASCII in lower case; other characters
 * of UTF-8 count as letters.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "cache/hash.h"
#include "cache/heap.h"
#include "kernel/kernel.h"
#include "redis/search_expr.h"
#include "redis/search_text.h"

/* ---- words ---- */

/* Pieces that follow each other in `bytes`, each ending where `ends` says, and stems likewise. */
struct word_list {
    const struct search_index *index;
    struct buffer bytes, ends, stems, stem_ends;
    bool stemmed;
    int rc;
};

static void add_word(struct word_list *list, const char *data, size_t len, bool fold)
{
    const size_t start = list->bytes.len;
    buffer_put(&list->bytes, data, len);
    if (buffer_failed(&list->bytes)) return;
    for (size_t i = start; fold && i < list->bytes.len; i++)
        if (list->bytes.data[i] >= 'A' && list->bytes.data[i] <= 'Z')
            list->bytes.data[i] = (uint8_t)(list->bytes.data[i] + 32);
    buffer_put_u64(&list->ends, list->bytes.len);
}

/* A word of a text: none if it is left out. */
static void add_text_word(struct word_list *list, const char *data, size_t len)
{
    const size_t start = list->bytes.len;
    struct kith_str stem;
    add_word(list, data, len, true);
    if (buffer_failed(&list->bytes) || buffer_failed(&list->ends)) return;
    const struct kith_str word = {(const char *)list->bytes.data + start, len};
    if (search_is_stop_word(list->index, word)) {
        list->bytes.len = start;
        list->ends.len -= 8;
    } else if (list->stemmed && list->rc == 0) {
        list->rc = search_stem(search_stemmer_now(list->index), word, &stem);
        if (list->rc == 0) buffer_put(&list->stems, stem.data, stem.len);
        buffer_put_u64(&list->stem_ends, list->stems.len);
    }
}

/* Words, stems and their bytes into one block. */
static struct search_words *lay_words(const struct word_list *list)
{
    const size_t count = list->ends.len / 8, rows = list->stemmed ? 2 * count : count;
    struct search_words *words =
        heap_alloc(list->index->heap, sizeof *words + rows * sizeof words->items[0] +
                                          list->bytes.len + list->stems.len);
    struct cursor ends, stem_ends;
    if (!words) return NULL;
    char *bytes = (char *)(words->items + rows), *more = bytes + list->bytes.len;
    size_t start = 0, stem_start = 0;
    words->count = count;
    words->stems = list->stemmed ? words->items + count : NULL;
    if (list->bytes.len) memcpy(bytes, list->bytes.data, list->bytes.len);
    if (list->stems.len) memcpy(more, list->stems.data, list->stems.len);
    cursor_init(&ends, list->ends.data, list->ends.len);
    cursor_init(&stem_ends, list->stem_ends.data, list->stem_ends.len);
    for (size_t i = 0; i < count; i++) {
        const size_t end = (size_t)cursor_u64(&ends);
        words->items[i] = (struct kith_str){bytes + start, end - start};
        start = end;
        if (!words->stems) continue;
        const size_t stem_end = (size_t)cursor_u64(&stem_ends);
        words->items[count + i] = (struct kith_str){more + stem_start, stem_end - stem_start};
        stem_start = stem_end;
    }
    return words;
}

static int take_words(struct word_list *list, struct search_words **out)
{
    struct search_words *words = NULL;
    if (list->rc == 0 && !buffer_failed(&list->bytes) && !buffer_failed(&list->ends) &&
        !buffer_failed(&list->stems) && !buffer_failed(&list->stem_ends))
        words = lay_words(list);
    if (words) *out = words;
    buffer_release(&list->bytes);
    buffer_release(&list->ends);
    buffer_release(&list->stems);
    buffer_release(&list->stem_ends);
    return words ? 0 : KITH_ENOMEM;
}

static void split_text(struct word_list *list, struct kith_str text)
{
    for (size_t i = 0; i < text.len;) {
        size_t end = i;
        while (end < text.len && search_is_word_byte(text.data[end])) end++;
        if (end > i) add_text_word(list, text.data + i, end - i);
        i = end + 1;
    }
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static void split_tags(struct word_list *list, struct kith_str text, char separator, bool fold)
{
    for (size_t start = 0; start <= text.len;) {
        size_t end = start;
        while (end < text.len && (!separator || text.data[end] != separator)) end++;
        size_t from = start, to = end;
        while (from < to && is_blank(text.data[from])) from++;
        while (to > from && is_blank(text.data[to - 1])) to--;
        if (to > from) add_word(list, text.data + from, to - from, fold);
        start = end + 1;
    }
}

static struct word_list list_of(const struct search_index *index, const struct search_field *field)
{
    return (struct word_list){.index = index,
                              .stemmed = field->type == SEARCH_TEXT && !field->no_stem &&
                                         index->stemmer};
}

static int split(const struct search_index *index, const struct search_field *field,
                 struct kith_str text, struct search_words **out)
{
    struct word_list list = list_of(index, field);
    if (field->type == SEARCH_TEXT) split_text(&list, text);
    else split_tags(&list, text, field->separator, !field->case_sensitive);
    return take_words(&list, out);
}

/* ---- numbers ---- */

bool search_read_geo(struct kith_str text, double *lon, double *lat)
{
    size_t at = 0;
    while (at < text.len && text.data[at] != ',' && text.data[at] != ' ') at++;
    if (at == text.len) return false;
    size_t next = at + 1;
    while (next < text.len && text.data[next] == ' ') next++;
    return text_double((struct kith_str){text.data, at}, lon) &&
           text_double((struct kith_str){text.data + next, text.len - next}, lat) &&
           fabs(*lon) <= 180 && fabs(*lat) <= 90;
}

double search_geo_distance(double lon1, double lat1, double lon2, double lat2)
{
    const double radian = 3.14159265358979323846 / 180, radius = 6372797.560856;
    const double u = sin((lat2 - lat1) * radian / 2), v = sin((lon2 - lon1) * radian / 2);
    return 2 * radius * asin(sqrt(u * u + cos(lat1 * radian) * cos(lat2 * radian) * v * v));
}

void search_read_blob(const struct search_field *field, const char *blob, float *out)
{
    struct cursor in;
    cursor_init(&in, blob, (size_t)field->dim * field->element_bytes);
    for (uint32_t i = 0; i < field->dim; i++) {
        if (field->element_bytes == 4) out[i] = cursor_f32(&in);
        else if (field->element_bytes == 8) out[i] = (float)cursor_f64(&in);
        else {
            const uint16_t half = cursor_u16(&in);
            if (field->brain) kernel_bf16_to_f32(&half, &out[i], 1);
            else kernel_f16_to_f32(&half, &out[i], 1);
        }
    }
}

double search_vector_distance(const struct search_field *field, const float *a, const float *b)
{
    const enum kernel_metric metric = field->metric == KITH_L2   ? KERNEL_L2
                                      : field->metric == KITH_IP ? KERNEL_DOT
                                                                 : KERNEL_COSINE;
    const double distance = (double)kernel_get(metric, KERNEL_F32)->pair(a, b, field->dim);
    return field->metric == KITH_IP ? 1 + distance : distance;
}

/* ---- one field; *ok false: it cannot be used ---- */

static int read_text(const struct search_index *index, const struct search_field *field,
                     struct kith_str text, struct search_value *value, bool *ok)
{
    double number;
    value->there = true;
    switch (field->type) {
    case SEARCH_TAG:
    case SEARCH_TEXT: return split(index, field, text, &value->words);
    case SEARCH_NUMERIC:
        *ok = text_double(text, &number);
        if (*ok) value->number = number;
        return 0;
    case SEARCH_GEO:
        *ok = search_read_geo(text, &value->number, &value->latitude);
        return 0;
    case SEARCH_VECTOR: break;
    }
    *ok = text.len == (size_t)field->dim * field->element_bytes;
    if (!*ok) return 0;
    value->vector = heap_alloc(index->heap, field->dim * sizeof *value->vector);
    if (!value->vector) return KITH_ENOMEM;
    search_read_blob(field, text.data, value->vector);
    return 0;
}

static int read_node_vector(const struct search_index *index, const struct search_field *field,
                            const struct json_node *node, struct search_value *value, bool *ok)
{
    *ok = node->kind == JSON_ARRAY && node->count == field->dim;
    for (uint32_t i = 0; *ok && i < node->count; i++)
        *ok = node->items[i].kind == JSON_INT || node->items[i].kind == JSON_DOUBLE;
    if (!*ok) return 0;
    value->vector = heap_alloc(index->heap, field->dim * sizeof *value->vector);
    if (!value->vector) return KITH_ENOMEM;
    value->there = true;
    for (uint32_t i = 0; i < field->dim; i++) {
        const struct json_node *at = &node->items[i];
        value->vector[i] = at->kind == JSON_INT ? (float)at->integer : (float)at->number;
    }
    return 0;
}

/* Adds the words of one selected node; an array's are those of its strings. */
static bool add_node(const struct search_field *field, const struct json_node *node,
                     struct word_list *list)
{
    const struct kith_str text = {node->text, node->count};
    if (node->kind == JSON_NULL) return true;
    if (node->kind == JSON_ARRAY) {
        bool ok = true;
        for (uint32_t i = 0; ok && i < node->count; i++)
            ok = node->items[i].kind != JSON_ARRAY && add_node(field, &node->items[i], list);
        return ok;
    }
    if (node->kind == JSON_BOOL && field->type == SEARCH_TAG) {
        split_tags(list, str_of(node->boolean ? "true" : "false"), 0, false);
        return true;
    }
    if (node->kind != JSON_STRING) return false;
    if (field->type == SEARCH_TEXT) split_text(list, text);
    else split_tags(list, text, field->separator, !field->case_sensitive);
    return true;
}

static int read_node(const struct search_index *index, const struct search_field *field,
                     const struct json_matches *found, struct search_value *value, bool *ok)
{
    const struct json_node *first = found->items[0].node;
    if (first->kind == JSON_NULL && found->count == 1) return 0;
    if (field->type == SEARCH_VECTOR) return read_node_vector(index, field, first, value, ok);
    if (field->type == SEARCH_NUMERIC) {
        *ok = first->kind == JSON_INT || first->kind == JSON_DOUBLE;
        value->there = *ok;
        if (*ok)
            value->number = first->kind == JSON_INT ? (double)first->integer : first->number;
        return 0;
    }
    if (field->type == SEARCH_GEO) {
        *ok = first->kind == JSON_STRING;
        if (!*ok) return 0;
        return read_text(index, field, (struct kith_str){first->text, first->count}, value, ok);
    }
    struct word_list list = list_of(index, field);
    for (size_t i = 0; *ok && i < found->count; i++)
        *ok = add_node(field, found->items[i].node, &list);
    value->there = true;
    return take_words(&list, &value->words);
}

static int read_field(const struct search_index *index, const struct search_field *field,
                      const struct entry *entry, struct search_value *value, bool *ok)
{
    if (!index->json) {
        struct hash_field found;
        if (!hash_get(entry_value(entry), field->identifier, &found)) return 0;
        return read_text(index, field, found.value, value, ok);
    }
    struct json_tree *tree = entry_value(entry);
    struct json_matches found = {0};
    int rc = json_path_select(&tree->root, field->path, field->path->count, &found);
    if (rc == KITH_ELIMIT) { /* it looks at too much: the document is not indexed */
        *ok = false;
        rc = 0;
    }
    if (rc == 0 && found.count) rc = read_node(index, field, &found, value, ok);
    json_matches_release(&found);
    return rc;
}

/* ---- a document ---- */

void search_doc_free(const struct search_index *index, struct search_doc *doc)
{
    if (!doc) return;
    for (size_t i = 0; i < index->field_count; i++) {
        heap_free(index->heap, doc->values[i].words);
        heap_free(index->heap, doc->values[i].vector);
    }
    heap_free(index->heap, doc->key);
    heap_free(index->heap, doc);
}

void search_doc_weigh(const struct search_index *index, const struct search_doc *doc, int sign,
                      struct search_sizes *sizes)
{
    const uint64_t by = sign < 0 ? UINT64_MAX : 1; /* modulo 2^64: what was added goes again */
    for (size_t i = 0; i < index->field_count; i++) {
        const struct search_value *value = &doc->values[i];
        const size_t bytes = heap_size(value->words);
        if (index->fields[i].type == SEARCH_TEXT) sizes->texts += by * bytes;
        else sizes->tags += by * bytes;
        if (value->words) sizes->words += by * value->words->count;
        sizes->vectors += by * heap_size(value->vector);
    }
    sizes->documents += by * (heap_size(doc) + heap_size(doc->key));
    sizes->keys += by * (doc->key_len + 2 * sizeof(void *)); /* in the table of keys, too */
}

/* A field of the document as text, by the name that it has there. */
static bool plain_text(const struct search_index *index, const struct entry *entry,
                       struct kith_str name, struct buffer *out)
{
    struct hash_field found;
    struct json_path path;
    struct json_matches matches = {0};
    if (!index->json) {
        if (!hash_get(entry_value(entry), name, &found)) return false;
        buffer_put(out, found.value.data, found.value.len);
        return true;
    }
    struct json_tree *tree = entry_value(entry);
    if (json_path_parse(name, &path) != NULL ||
        json_path_select(&tree->root, &path, path.count, &matches) != 0)
        return false;
    const struct json_node *node = matches.count ? matches.items[0].node : NULL;
    if (node && node->kind == JSON_STRING) buffer_put(out, node->text, node->count);
    else if (node) json_node_write(node, NULL, out);
    json_matches_release(&matches);
    return node && node->kind != JSON_NULL;
}

/* The FILTER of the index over the document's own fields and @__key. An error is a no, as in
 * Redis. */
static int is_wanted(const struct search_index *index, const struct entry *entry, bool *wanted)
{
    struct expr_value names[EXPR_NAMES_MAX], value = {0};
    struct arena arena;
    if (!index->filter) return 0;
    arena_init(&arena);
    struct expr_run run = {.arena = &arena, .names = names};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < index->filter->name_count; i++) {
        const struct kith_str name = index->filter->names[i];
        const struct search_field *field = search_field_of(index, name);
        struct buffer text;
        buffer_init(&text);
        names[i] = (struct expr_value){0};
        if (str_is(name, "__key")) names[i] = expr_of_text(entry_key(entry));
        else if (plain_text(index, entry, field ? field->identifier : name, &text)) {
            char *copy = arena_strndup(&arena, (const char *)text.data, text.len);
            if (!copy) rc = KITH_ENOMEM;
            else names[i] = expr_of_text((struct kith_str){copy, text.len});
            if (copy && field && field->type == SEARCH_NUMERIC &&
                text_double(names[i].text, &names[i].number))
                names[i].kind = EXPR_NUMBER;
        }
        if (buffer_failed(&text)) rc = KITH_ENOMEM;
        buffer_release(&text);
    }
    if (rc == 0) rc = expr_eval(index->filter, &run, &value);
    *wanted = rc == 0 && expr_is_true(&value);
    arena_release(&arena);
    return rc == KITH_ENOMEM ? rc : 0;
}

/* SCORE_FIELD, where it holds a number; else the index's. */
static float score_of(const struct search_index *index, const struct entry *entry)
{
    struct buffer text;
    double score = index->score;
    if (index->score_field.len == 0) return (float)score;
    buffer_init(&text);
    if (plain_text(index, entry, index->score_field, &text))
        (void)text_double((struct kith_str){(const char *)text.data, text.len}, &score);
    buffer_release(&text);
    return score >= 0 && score <= 1 ? (float)score : (float)index->score;
}

/* LANGUAGE_FIELD of the document. */
static int choose_language(const struct search_index *index, const struct entry *entry)
{
    struct buffer text;
    int rc = 0;
    if (!index->languages) return 0;
    buffer_init(&text);
    if (!plain_text(index, entry, index->language_field, &text)) buffer_clear(&text);
    if (buffer_failed(&text)) rc = KITH_ENOMEM;
    else
        rc = search_languages_choose(index, (struct kith_str){(const char *)text.data, text.len});
    buffer_release(&text);
    return rc;
}

static struct search_doc *new_doc(const struct search_index *index, const struct entry *entry)
{
    const struct kith_str key = entry_key(entry);
    struct search_doc *doc = heap_zalloc(
        index->heap, sizeof *doc + index->field_count * sizeof doc->values[0]);
    if (!doc) return NULL;
    doc->key = heap_alloc(index->heap, key.len + 1);
    if (!doc->key) {
        heap_free(index->heap, doc);
        return NULL;
    }
    if (key.len) memcpy(doc->key, key.data, key.len);
    doc->key[key.len] = 0;
    doc->key_len = key.len;
    doc->score = score_of(index, entry);
    doc->stale_ms = entry_deadline(entry);
    if (!index->json && hash_next_deadline(entry_value(entry)) < doc->stale_ms)
        doc->stale_ms = hash_next_deadline(entry_value(entry));
    return doc;
}

int search_doc_read(const struct search_index *index, const struct entry *entry,
                    struct search_doc **out, bool *unusable)
{
    bool ok = entry_type(entry) == (index->json ? VALUE_JSON : VALUE_HASH), wanted = true;
    *out = NULL;
    *unusable = false;
    if (!ok) return 0;
    int rc = is_wanted(index, entry, &wanted);
    if (rc || !wanted) return rc;
    rc = choose_language(index, entry);
    if (rc) return rc;
    struct search_doc *doc = new_doc(index, entry);
    rc = doc ? 0 : KITH_ENOMEM;
    for (size_t i = 0; rc == 0 && ok && i < index->field_count; i++)
        rc = read_field(index, &index->fields[i], entry, &doc->values[i], &ok);
    *unusable = !ok;
    if (rc == 0 && ok) *out = doc;
    else search_doc_free(index, doc);
    return rc;
}
