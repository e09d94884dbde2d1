/*
 * The kinds of scalar indexes: which there are, which field takes which, and what AUTO means.
 *
 * STL_SORT, INVERTED and TRIE are three names of one structure, a dictionary with lists of rows;
 * they differ in what they take. AUTO looks at a sample of rows: few distinct values are best as
 * bitmaps. TEXT (text_index.h) is found here as well.
 */
#include <strings.h>

#include "base/alloc.h"
#include "base/map.h"
#include "index/scalar_boxes.h"
#include "index/scalar_grams.h"
#include "index/sparse_index.h"
#include "index/text_index.h"

enum kind { KIND_STL_SORT, KIND_INVERTED, KIND_TRIE, KIND_BITMAP, KIND_NGRAM, KIND_RTREE,
            KIND_COUNT };
static const struct scalar_index_ops kinds[KIND_COUNT];

#define KIND_OPEN(name, number, shape) \
    static int name(const struct os *os, const struct index_view_section *sections, size_t count, \
                    size_t rows, const struct scalar_index_params *params, \
                    struct scalar_index **out, struct kith_error *err) \
    { \
        (void)os; \
        return scalar_set_open(&kinds[number], shape, sections, count, rows, params, out, err); \
    }
KIND_OPEN(sort_open, KIND_STL_SORT, SCALAR_TERMS)
KIND_OPEN(inverted_open, KIND_INVERTED, SCALAR_TERMS)
KIND_OPEN(trie_open, KIND_TRIE, SCALAR_TERMS)
KIND_OPEN(bitmap_open, KIND_BITMAP, SCALAR_TERMS)
KIND_OPEN(ngram_open, KIND_NGRAM, SCALAR_GRAMS)
KIND_OPEN(boxes_open, KIND_RTREE, SCALAR_BOXES)

static int rtree_open(const struct os *os, const struct index_view_section *sections, size_t count,
                      size_t rows, const struct scalar_index_params *params,
                      struct scalar_index **out, struct kith_error *err)
{
    struct scalar_index *index;
    int rc = boxes_open(os, sections, count, rows, params, &index, err);
    if (rc) return rc;
    if (scalar_boxes_fit(index)) {
        *out = index;
        return 0;
    }
    scalar_set_close(index);
    return scalar_corrupt(err, "boxes that make no tree");
}

static const struct scalar_index_ops kinds[KIND_COUNT] = {
    [KIND_STL_SORT] = { "STL_SORT", scalar_build_lists, sort_open, scalar_set_probe,
                        scalar_set_estimate, scalar_set_validate, scalar_set_close },
    [KIND_INVERTED] = { "INVERTED", scalar_build_lists, inverted_open, scalar_set_probe,
                        scalar_set_estimate, scalar_set_validate, scalar_set_close },
    [KIND_TRIE] = { "TRIE", scalar_build_lists, trie_open, scalar_set_probe,
                    scalar_set_estimate, scalar_set_validate, scalar_set_close },
    [KIND_BITMAP] = { "BITMAP", scalar_build_bitmaps, bitmap_open, scalar_set_probe,
                      scalar_set_estimate, scalar_set_validate, scalar_set_close },
    [KIND_NGRAM] = { "NGRAM", scalar_build_grams, ngram_open, scalar_grams_probe,
                     scalar_grams_estimate, scalar_set_validate, scalar_set_close },
    [KIND_RTREE] = { "RTREE", scalar_build_boxes, rtree_open, scalar_boxes_probe,
                     scalar_boxes_estimate, scalar_boxes_validate, scalar_set_close },
};

const struct scalar_index_ops *scalar_index_ops_find(const char *kind)
{
    for (size_t i = 0; kind && i < sizeof kinds / sizeof *kinds; i++) {
        if (strcasecmp(kinds[i].kind, kind) == 0) return &kinds[i];
    }
    if (kind && strcasecmp(text_index_ops.kind, kind) == 0) return &text_index_ops;
    const bool sparse = kind && (strcasecmp(sparse_index_ops.kind, kind) == 0 ||
                                 strcasecmp("SPARSE_WAND", kind) == 0);
    return sparse ? &sparse_index_ops : NULL;
}

/* ---- which field takes which ---- */

static bool is_integer(enum kith_type type)
{
    return type == KITH_INT8 || type == KITH_INT16 || type == KITH_INT32 || type == KITH_INT64;
}

static bool is_float(enum kith_type type) { return type == KITH_FLOAT || type == KITH_DOUBLE; }

static int check_json(const char *kind, const struct scalar_index_params *params,
                      struct kith_error *err)
{
    const bool ngram = strcasecmp(kind, "NGRAM") == 0;
    struct scalar_path path;
    if (!ngram && strcasecmp(kind, "INVERTED") != 0)
        return error_set(err, KITH_EINVAL, "%s index is not supported on JSON; use INVERTED", kind);
    if (params->cast != KITH_BOOL && params->cast != KITH_DOUBLE && params->cast != KITH_VARCHAR)
        return error_set(err, KITH_EINVAL, "json index must specify cast type: missing parameter");
    if (ngram && (params->cast != KITH_VARCHAR || params->cast_array))
        return error_set(err, KITH_EINVAL, "an NGRAM index over JSON needs the cast type varchar");
    const int rc = scalar_path_init(&path, params->path);
    scalar_path_release(&path);
    if (rc == KITH_EINVAL) return error_set(err, rc, "a JSON path starts with '/'");
    return rc;
}

static bool kind_fits(const char *kind, const struct schema_field *field)
{
    const enum kith_type type = field->type, element = field->element_type;
    const bool plain = type == KITH_BOOL || is_integer(type) || is_float(type) ||
                       type == KITH_VARCHAR || type == KITH_TIMESTAMPTZ;
    if (strcasecmp(kind, "STL_SORT") == 0) return plain;
    if (strcasecmp(kind, "INVERTED") == 0) return plain || type == KITH_ARRAY;
    if (strcasecmp(kind, "TRIE") == 0 || strcasecmp(kind, "NGRAM") == 0)
        return type == KITH_VARCHAR;
    if (strcasecmp(kind, "TEXT") == 0) return type == KITH_VARCHAR && field->analyzer != NULL;
    if (strcasecmp(kind, "RTREE") == 0) return type == KITH_GEOMETRY;
    if (strncasecmp(kind, "SPARSE_", 7) == 0) return type == KITH_SPARSE_VECTOR;
    if (strcasecmp(kind, "BITMAP") == 0)
        return type == KITH_ARRAY ? !is_float(element)
                                  : plain && !is_float(type) &&
                                        !(field->flags & (unsigned)KITH_FIELD_PRIMARY);
    return false;
}

int scalar_index_check(const char *kind, const struct scalar_index_params *params,
                       struct kith_error *err)
{
    const uint32_t min = params->min_gram, max = params->max_gram;
    if (!scalar_index_ops_find(kind))
        return error_set(err, KITH_EINVAL, "unknown index '%s'", kind ? kind : "");
    if (strcasecmp(kind, "NGRAM") == 0 &&
        ((min == 0) != (max == 0) || min > max || max > SCALAR_GRAM_MAX)) {
        return error_set(err, KITH_EINVAL,
                         "min_gram and max_gram of an NGRAM index go together, 1 <= min_gram <= "
                         "max_gram <= %u", SCALAR_GRAM_MAX);
    }
    if (params->field->type == KITH_JSON) return check_json(kind, params, err);
    if (kind_fits(kind, params->field)) return 0;
    return error_set(err, KITH_EINVAL, "%s index is not supported on field '%s' of type %s", kind,
                     params->field->name ? params->field->name : "",
                     type_name(params->field->type));
}

/* ---- AUTO ---- */

#define FEW_VALUES ((size_t)100)
#define SAMPLE_CHUNKS ((size_t)8)
#define SAMPLE_ROWS ((size_t)1024) /* a chunk */

static int sample_chunk(const struct chunk *chunk, struct map *seen)
{
    const size_t rows = chunk->rows < SAMPLE_ROWS ? chunk->rows : SAMPLE_ROWS;
    for (size_t i = 0; i < rows && seen->count <= FEW_VALUES; i++) {
        if (!chunk_valid(chunk, i)) continue;
        struct kith_str value;
        if (chunk->width > 0)
            value = (struct kith_str){ (const char *)chunk->data + i * chunk->width, chunk->width };
        else value = chunk_str(chunk, i);
        const int rc = map_put(seen, value.data ? value.data : "", value.len, 0);
        if (rc) return rc;
    }
    return 0;
}

static bool has_few_values(const struct chunk_source *source, size_t field)
{
    const size_t chunks = source->chunk_rows > 0
                              ? (source->rows + source->chunk_rows - 1) / source->chunk_rows : 0;
    const size_t step = chunks > SAMPLE_CHUNKS ? chunks / SAMPLE_CHUNKS : 1;
    struct map seen;
    bool few = chunks > 0;
    map_init(&seen);
    for (size_t i = 0; few && i < chunks; i += step) {
        struct chunk chunk;
        few = source->get(source->ctx, field, i, &chunk) == 0 && sample_chunk(&chunk, &seen) == 0 &&
              seen.count <= FEW_VALUES;
    }
    map_release(&seen);
    return few;
}

const char *scalar_index_choose(const struct scalar_index_params *params,
                                const struct chunk_source *source, size_t field)
{
    const struct schema_field *f = params->field;
    const enum kith_type type = f->type;
    if (type == KITH_GEOMETRY) return "RTREE";
    if (type == KITH_TIMESTAMPTZ) return "STL_SORT";
    if (type == KITH_BOOL) return "BITMAP";
    if (is_float(type) || type == KITH_JSON) return "INVERTED";
    if (kind_fits("BITMAP", f) && source && has_few_values(source, field)) return "BITMAP";
    return is_integer(type) ? "STL_SORT" : "INVERTED";
}
