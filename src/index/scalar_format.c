/*
 * The saved form: header, sections, opening in place, closing. docs/formats/scalar-index.md has the
 * byte tables. Opening checks every count against the section that must hold as many, in 64 bits,
 * and reads only the header; the rest is checked where it is read.
 */
#include <string.h>

#include "base/alloc.h"
#include "index/scalar_terms.h"

#define SCALAR_MAGIC UINT32_C(0x3149534b) /* "KSI1" */
#define SCALAR_VERSION 1u
#define FLAG_ARRAY 1u
#define FLAG_JSON 2u
#define FLAG_BITMAPS 4u

int scalar_corrupt(struct kith_error *err, const char *what)
{
    return error_set(err, KITH_ECORRUPT, "scalar index: %s", what);
}

/* ---- writing ---- */

void scalar_image_add(struct index_image *image, uint32_t id, uint8_t *data, size_t len, bool hot)
{
    if (len == 0) {
        mem_free(data);
        return;
    }
    image->sections[image->count++] =
        (struct index_section){ .id = id, .data = data, .len = len, .hot = hot };
}

int scalar_image_header(struct index_image *image, const struct scalar_header *header,
                        const struct scalar_index_params *params)
{
    const size_t path_len = header->json ? params->path.len : 0;
    const size_t len = SCALAR_HEADER_BYTES + path_len;
    uint8_t *out = mem_zalloc(len);
    if (!out) return KITH_ENOMEM;
    le32_put(out, SCALAR_MAGIC);
    le16_put(out + 4, SCALAR_VERSION);
    out[6] = (uint8_t)header->shape;
    out[7] = (uint8_t)header->key;
    out[8] = (uint8_t)((header->array ? FLAG_ARRAY : 0) | (header->json ? FLAG_JSON : 0) |
                       (header->bitmaps ? FLAG_BITMAPS : 0));
    out[9] = (uint8_t)header->min_gram;
    out[10] = (uint8_t)header->max_gram;
    out[11] = (uint8_t)header->cast;
    le32_put(out + 12, header->rows);
    le32_put(out + 16, header->terms);
    le32_put(out + 20, header->postings);
    le32_put(out + 24, header->nans);
    le32_put(out + 28, header->existing);
    le32_put(out + 32, header->typed);
    le32_put(out + 36, header->bitmap_count);
    le32_put(out + 40, (uint32_t)path_len);
    if (path_len > 0) memcpy(out + SCALAR_HEADER_BYTES, params->path.data, path_len);
    scalar_image_add(image, SCALAR_SECTION_HEADER, out, len, true);
    return 0;
}

static int add_set(struct index_image *image, uint32_t id, const struct bitset *rows)
{
    const size_t len = BITSET_WORDS(rows->bits) * sizeof(uint64_t);
    uint8_t *out = mem_alloc(len > 0 ? len : 1);
    if (!out) return KITH_ENOMEM;
    if (len > 0) memcpy(out, rows->words, len);
    scalar_image_add(image, id, out, len, true);
    return 0;
}

int scalar_image_sets(struct index_image *image, struct scalar_header *header,
                      const struct scalar_values *values)
{
    int rc = 0;
    header->existing = (uint32_t)bitset_count(&values->exists);
    header->typed = (uint32_t)bitset_count(&values->typed);
    if (header->existing < header->rows)
        rc = add_set(image, SCALAR_SECTION_EXISTS, &values->exists);
    if (!rc && header->typed < header->existing)
        rc = add_set(image, SCALAR_SECTION_TYPED, &values->typed);
    return rc;
}

/* ---- reading the header ---- */

static int decode_kind(const uint8_t *in, struct scalar_header *out, struct kith_error *err)
{
    const unsigned flags = in[8];
    out->shape = (enum scalar_shape)in[6];
    out->key = (enum scalar_key)in[7];
    out->array = (flags & FLAG_ARRAY) != 0;
    out->json = (flags & FLAG_JSON) != 0;
    out->bitmaps = (flags & FLAG_BITMAPS) != 0;
    out->min_gram = in[9];
    out->max_gram = in[10];
    out->cast = in[11];
    if (in[6] < SCALAR_TERMS || in[6] > SCALAR_BOXES || in[7] < SCALAR_INT ||
        in[7] > SCALAR_TEXT || flags > (FLAG_ARRAY | FLAG_JSON | FLAG_BITMAPS)) {
        return scalar_corrupt(err, "unknown kind");
    }
    if (out->shape == SCALAR_GRAMS &&
        (out->key != SCALAR_TEXT || out->min_gram == 0 || out->min_gram > out->max_gram ||
         out->max_gram > SCALAR_GRAM_MAX || out->array)) {
        return scalar_corrupt(err, "lengths of n-grams out of range");
    }
    if (out->bitmaps && out->shape != SCALAR_TERMS) return scalar_corrupt(err, "unknown kind");
    return 0;
}

static int decode_counts(const uint8_t *in, struct scalar_header *out, struct kith_error *err)
{
    out->rows = le32_get(in + 12);
    out->terms = le32_get(in + 16);
    out->postings = le32_get(in + 20);
    out->nans = le32_get(in + 24);
    out->existing = le32_get(in + 28);
    out->typed = le32_get(in + 32);
    out->bitmap_count = le32_get(in + 36);
    if (out->existing > out->rows || out->typed > out->existing)
        return scalar_corrupt(err, "counts of rows out of range");
    if (out->shape != SCALAR_BOXES && out->terms > out->postings)
        return scalar_corrupt(err, "more values than rows that have one");
    if (out->nans > 0 && out->key != SCALAR_FLOAT)
        return scalar_corrupt(err, "NaN in an index of other values");
    if (out->bitmap_count > out->terms) return scalar_corrupt(err, "more bitmaps than values");
    return 0;
}

static int decode_path(const struct section *section, const struct scalar_index_params *params,
                       struct scalar_set *set, struct kith_error *err)
{
    const size_t len = le32_get(section->data + 40);
    const struct scalar_header *h = &set->header;
    if (len != section->len - SCALAR_HEADER_BYTES) return scalar_corrupt(err, "header is cut");
    const char *text = (const char *)section->data + SCALAR_HEADER_BYTES;
    const bool json = params->field->type == KITH_JSON;
    if (h->json != json || (json && (len != params->path.len ||
                                     (len > 0 && memcmp(text, params->path.data, len) != 0)))) {
        return scalar_corrupt(err, "it belongs to another column or path");
    }
    if (!json && len > 0) return scalar_corrupt(err, "a path, but no JSON");
    char *copy = mem_strndup(text, len);
    if (!copy) return error_set(err, KITH_ENOMEM, "no memory to open an index");
    set->path = (struct kith_str){ copy, len };
    return 0;
}

/* The values in the file must be those that the parameters speak of. */
static int check_params(const struct scalar_header *h, const struct scalar_index_params *params,
                        struct kith_error *err)
{
    enum scalar_key key;
    bool array;
    if (!scalar_key_of(params, &key, &array) || key != h->key || array != h->array ||
        (params->field->type == KITH_JSON && h->cast != (uint32_t)params->cast)) {
        return scalar_corrupt(err, "it is over other values than asked for");
    }
    return 0;
}

static int decode_header(const struct section *section, size_t rows,
                         const struct scalar_index_params *params, struct scalar_set *set,
                         struct kith_error *err)
{
    struct scalar_header *h = &set->header;
    if (section->len < SCALAR_HEADER_BYTES || section_touch(section, 0, section->len))
        return scalar_corrupt(err, "header is damaged");
    if (le32_get(section->data) != SCALAR_MAGIC) return scalar_corrupt(err, "no scalar index");
    const unsigned version = le16_get(section->data + 4);
    if (version != SCALAR_VERSION)
        return error_set(err, KITH_EVERSION, "scalar index of format %u; this build reads %u",
                         version, SCALAR_VERSION);
    int rc = decode_kind(section->data, h, err);
    if (!rc) rc = decode_counts(section->data, h, err);
    if (!rc && h->rows != rows) rc = scalar_corrupt(err, "it is over another number of rows");
    if (!rc) rc = check_params(h, params, err);
    return rc ? rc : decode_path(section, params, set, err);
}

/* ---- sizes ---- */

static bool keys_fit(const struct scalar_set *set)
{
    const uint64_t terms = set->header.terms;
    const uint64_t blocks = (terms + SCALAR_BLOCK_TERMS - 1) / SCALAR_BLOCK_TERMS;
    if (set->header.shape == SCALAR_BOXES) return set->keys.len == 32 * terms;
    if (set->header.key != SCALAR_TEXT)
        return set->keys.len == 8 * terms && set->text.len == 0 &&
               (set->rests.len == 0 ||
                (set->header.key == SCALAR_FLOAT && set->rests.len == 2 * terms));
    return set->keys.len == 4 * (blocks + 1) && set->rests.len == 0;
}

static bool lists_fit(const struct scalar_set *set)
{
    const struct scalar_header *h = &set->header;
    const uint64_t set_bytes = 8 * (uint64_t)BITSET_WORDS(h->rows);
    if (!h->bitmaps)
        return set->slots.len == 0 && set->bitmaps.len == 0 &&
               set->lists.len == 4 * ((uint64_t)h->postings + h->nans);
    return set->slots.len == 4 * (uint64_t)h->terms && set->lists.len % 4 == 0 && h->nans == 0 &&
           set->bitmaps.len == h->bitmap_count * set_bytes;
}

static int check_sizes(const struct scalar_set *set, struct kith_error *err)
{
    const struct scalar_header *h = &set->header;
    const uint64_t set_bytes = 8 * (uint64_t)BITSET_WORDS(h->rows);
    if (!keys_fit(set)) return scalar_corrupt(err, "values of the wrong size");
    if (!lists_fit(set)) return scalar_corrupt(err, "rows of the wrong size");
    if (h->shape != SCALAR_BOXES && set->first.len == 0 && h->terms != h->postings)
        return scalar_corrupt(err, "values without the places of their rows");
    if (set->first.len != 0 && set->first.len != 4 * ((uint64_t)h->terms + 1))
        return scalar_corrupt(err, "places of rows of the wrong size");
    if (set->exists.len != (h->existing < h->rows ? set_bytes : 0) ||
        set->typed.len != (h->typed < h->existing ? set_bytes : 0)) {
        return scalar_corrupt(err, "sets of rows of the wrong size");
    }
    return 0;
}

/* ---- opening ---- */

static struct section find(const struct index_view_section *sections, size_t count, uint32_t id)
{
    for (size_t i = 0; i < count; i++) {
        if (sections[i].id == id) return sections[i].bytes;
    }
    return (struct section){ 0 };
}

static void find_all(struct scalar_set *set, const struct index_view_section *sections,
                     size_t count)
{
    set->keys = find(sections, count, SCALAR_SECTION_KEYS);
    set->rests = find(sections, count, SCALAR_SECTION_RESTS);
    set->text = find(sections, count, SCALAR_SECTION_TEXT);
    set->first = find(sections, count, SCALAR_SECTION_FIRST);
    set->lists = find(sections, count, SCALAR_SECTION_LISTS);
    set->exists = find(sections, count, SCALAR_SECTION_EXISTS);
    set->typed = find(sections, count, SCALAR_SECTION_TYPED);
    set->slots = find(sections, count, SCALAR_SECTION_SLOTS);
    set->bitmaps = find(sections, count, SCALAR_SECTION_BITMAPS);
}

int scalar_set_open(const struct scalar_index_ops *ops, enum scalar_shape shape,
                    const struct index_view_section *sections, size_t count, size_t rows,
                    const struct scalar_index_params *params, struct scalar_index **out,
                    struct kith_error *err)
{
    struct scalar_set *set = mem_zalloc(sizeof *set);
    if (!set) return error_set(err, KITH_ENOMEM, "no memory to open an index");
    const struct section header = find(sections, count, SCALAR_SECTION_HEADER);
    set->index.ops = ops;
    int rc = decode_header(&header, rows, params, set, err);
    if (!rc && set->header.shape != shape) rc = scalar_corrupt(err, "it is of another kind");
    if (!rc) {
        find_all(set, sections, count);
        rc = check_sizes(set, err);
    }
    if (rc) {
        scalar_set_close(&set->index);
        return rc;
    }
    *out = &set->index;
    return 0;
}

void scalar_set_close(struct scalar_index *index)
{
    struct scalar_set *set = (struct scalar_set *)index;
    if (!set) return;
    char *path = NULL;
    memcpy(&path, &set->path.data, sizeof path);
    mem_free(path);
    mem_free(set);
}

bool scalar_set_fits(const struct scalar_set *set, const struct probe *probe)
{
    if (probe->path.len != set->path.len) return false;
    return probe->path.len == 0 || memcmp(probe->path.data, set->path.data, probe->path.len) == 0;
}
