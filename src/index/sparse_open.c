/*
 * An opened index over sparse vectors, and the search in it. What a file says is compared with the
 * sections before it is followed, as in a text index.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "index/sparse_format.h"
#include "index/text_format.h"

struct sparse_index {
    struct scalar_index base; /* first */
    struct section sections[SPARSE_SECTIONS];
    size_t rows, dims, blocks;
};

struct sparse_list { /* of one dimension */
    uint32_t rows;
    uint64_t postings;
    double weight; /* of the query */
};

static int damaged(struct kith_error *err, const char *what)
{
    return error_set(err, KITH_ECORRUPT, "sparse index: %s", what);
}

/* ---- lists and blocks ---- */

static double bound_of(double weight, const uint8_t *range)
{
    const double bound = fmax(weight * (double)lef32_get(range),
                              weight * (double)lef32_get(range + 4));
    return bound > 0 ? bound : 0;
}

/* Also when the query's weight is 1: then `most` is the largest weight. */
static int list_get(const struct sparse_index *index, size_t number, struct sparse_list *list,
                    struct walk_list *out)
{
    const struct section *lists = &index->sections[SPARSE_LISTS];
    const struct section *blocks = &index->sections[SPARSE_BLOCKS];
    if (section_touch(lists, number * SPARSE_LIST_BYTES, SPARSE_LIST_BYTES)) return KITH_ECORRUPT;
    const uint8_t *entry = lists->data + number * SPARSE_LIST_BYTES;
    list->rows = le32_get(entry + SPARSE_LIST_AT_ROWS);
    list->postings = le64_get(entry + SPARSE_LIST_AT_POSTINGS);
    if (list->rows == 0 || list->rows > index->rows) return KITH_ECORRUPT;
    out->block_bytes = SPARSE_BLOCK_BYTES;
    out->block_count = (list->rows + WALK_BLOCK_ROWS - 1) / WALK_BLOCK_ROWS;
    const size_t first = (size_t)le32_get(entry + SPARSE_LIST_AT_BLOCK) * SPARSE_BLOCK_BYTES;
    if (section_touch(blocks, first, out->block_count * SPARSE_BLOCK_BYTES)) return KITH_ECORRUPT;
    out->blocks = blocks->data + first;
    out->most = bound_of(list->weight, entry + SPARSE_LIST_AT_MOST);
    out->term = list;
    out->number = number;
    out->block = out->at = out->count = 0;
    out->loaded = false;
    return 0;
}

static int load_block(void *ctx, struct walk_list *walk)
{
    const struct sparse_index *index = ctx;
    const struct sparse_list *list = walk->term;
    const uint8_t *block = walk->blocks + walk->block * SPARSE_BLOCK_BYTES;
    const struct section *postings = &index->sections[SPARSE_POSTINGS];
    const uint64_t at = list->postings + le32_get(block + SPARSE_BLOCK_AT_POSTINGS);
    const size_t last = walk->block_count - 1;
    const size_t n = walk->block < last ? WALK_BLOCK_ROWS : list->rows - last * WALK_BLOCK_ROWS;
    if (at < list->postings || section_touch(postings, at, 1)) return KITH_ECORRUPT;
    const unsigned bits = postings->data[at];
    const size_t gap_bytes = pack_bytes(n, bits);
    if (bits > 26 || section_touch(postings, at + 1, gap_bytes + 4 * n + TEXT_PADDING))
        return KITH_ECORRUPT;
    unpack_numbers(postings->data + at + 1, n, bits, walk->rows);
    memcpy(walk->values, postings->data + at + 1 + gap_bytes, 4 * n);
    uint64_t row = walk->block == 0 ? 0 : (uint64_t)le32_get(block - SPARSE_BLOCK_BYTES) + 1;
    for (size_t j = 0; j < n; j++) {
        row += walk->rows[j];
        walk->rows[j] = (uint32_t)row++;
    }
    if (row - 1 != le32_get(block + SPARSE_BLOCK_AT_LAST) || row > index->rows)
        return KITH_ECORRUPT;
    walk->count = n;
    return 0;
}

/* ---- open, close, validate ---- */

static bool take_sections(struct sparse_index *index, const struct index_view_section *sections,
                          size_t count)
{
    unsigned seen = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t id = sections[i].id;
        if (id == 0 || id >= SPARSE_SECTIONS || (seen >> id) & 1) return false;
        seen |= 1u << id;
        index->sections[id] = sections[i].bytes;
    }
    return seen == (1u << SPARSE_SECTIONS) - 2;
}

static bool has_bytes(const struct sparse_index *index, enum sparse_section id, uint64_t count,
                      size_t each)
{
    size_t bytes;
    return size_mul(count, each, &bytes) && index->sections[id].len == bytes;
}

static bool take_header(struct sparse_index *index, size_t rows)
{
    const struct section *header = &index->sections[SPARSE_HEADER];
    if (header->len != SPARSE_HEADER_BYTES || section_touch(header, 0, header->len)) return false;
    if (le32_get(header->data + SPARSE_AT_VERSION) != SPARSE_VERSION) return false;
    index->rows = rows;
    index->dims = le64_get(header->data + SPARSE_AT_DIMS);
    index->blocks = le64_get(header->data + SPARSE_AT_BLOCKS);
    return le64_get(header->data + SPARSE_AT_ROWS) == rows && rows <= UINT32_MAX / 64 &&
           has_bytes(index, SPARSE_DIMS, index->dims, 4) &&
           has_bytes(index, SPARSE_LISTS, index->dims, SPARSE_LIST_BYTES) &&
           has_bytes(index, SPARSE_BLOCKS, index->blocks, SPARSE_BLOCK_BYTES) &&
           index->sections[SPARSE_POSTINGS].len >= TEXT_PADDING;
}

static void sparse_close(struct scalar_index *index) { mem_free(index); }

static int sparse_open(const struct os *os, const struct index_view_section *sections,
                       size_t count, size_t rows, const struct scalar_index_params *params,
                       struct scalar_index **out, struct kith_error *err)
{
    (void)os;
    (void)params;
    struct sparse_index *index = mem_zalloc(sizeof *index);
    if (!index) return error_set(err, KITH_ENOMEM, "sparse index: no memory");
    index->base.ops = &sparse_index_ops;
    if (!take_sections(index, sections, count) || !take_header(index, rows)) {
        mem_free(index);
        return damaged(err, "another version, or not of these rows");
    }
    *out = &index->base;
    return 0;
}

static int validate_list(struct sparse_index *index, size_t number, struct kith_error *err)
{
    struct sparse_list list = { .weight = 1 };
    struct walk_list walk;
    if (list_get(index, number, &list, &walk)) return damaged(err, "a list");
    const uint8_t *dims = index->sections[SPARSE_DIMS].data + 4 * number;
    if (number > 0 && le32_get(dims) <= le32_get(dims - 4))
        return damaged(err, "dimensions are not ascending");
    const uint8_t *range =
        index->sections[SPARSE_LISTS].data + number * SPARSE_LIST_BYTES + SPARSE_LIST_AT_MOST;
    for (; walk.block < walk.block_count; walk.block++) {
        if (load_block(index, &walk)) return damaged(err, "a block");
        const uint8_t *own = walk.blocks + walk.block * SPARSE_BLOCK_BYTES + SPARSE_BLOCK_AT_MOST;
        for (size_t i = 0; i < walk.count; i++) {
            const float weight = lef32_get(&walk.values[i]);
            if (!(weight <= lef32_get(range) && weight >= lef32_get(range + 4) &&
                  weight <= lef32_get(own) && weight >= lef32_get(own + 4)))
                return damaged(err, "the bounds of a block");
        }
    }
    return 0;
}

static int sparse_validate(const struct scalar_index *base, struct kith_error *err)
{
    struct sparse_index index = *(const struct sparse_index *)base;
    for (size_t id = 1; id < SPARSE_SECTIONS; id++) {
        const struct section *section = &index.sections[id];
        if (section->len && section_touch(section, 0, section->len))
            return damaged(err, "a page is damaged");
    }
    for (size_t i = 0; i < index.dims; i++) {
        const int rc = validate_list(&index, i, err);
        if (rc) return rc;
    }
    return 0;
}

static int sparse_probe(const struct scalar_index *index, const struct probe *probe,
                        struct probe_answer *answer)
{
    (void)index;
    (void)probe;
    (void)answer;
    return KITH_EUNSUPPORTED;
}

static int sparse_estimate(const struct scalar_index *index, const struct probe *probe,
                           uint64_t *rows)
{
    (void)index;
    (void)probe;
    (void)rows;
    return KITH_EUNSUPPORTED;
}

const struct scalar_index_ops sparse_index_ops = {
    .kind = "SPARSE_INVERTED_INDEX",
    .build = sparse_index_build,
    .open = sparse_open,
    .probe = sparse_probe,
    .estimate = sparse_estimate,
    .validate = sparse_validate,
    .close = sparse_close,
};

/* ---- search ---- */

struct searching {
    const struct sparse_index *index;
    const struct sparse_query *query;
};

static int walk_load(void *ctx, struct walk_list *list)
{
    struct searching *searching = ctx;
    return load_block((void *)(uintptr_t)searching->index, list);
}

static double walk_bound(void *ctx, const struct walk_list *list, size_t block)
{
    (void)ctx;
    const struct sparse_list *own = list->term;
    return bound_of(own->weight, list->blocks + block * SPARSE_BLOCK_BYTES + SPARSE_BLOCK_AT_MOST);
}

static void walk_scores(void *ctx, struct walk_list *list, size_t from, size_t count,
                        double *out)
{
    (void)ctx;
    const double weight = ((const struct sparse_list *)list->term)->weight;
    for (size_t i = 0; i < count; i++)
        out[i] = weight * (double)lef32_get(&list->values[from + i]);
}

static int walk_exact(void *ctx, uint32_t row, double score, float *distance)
{
    (void)score;
    const struct searching *searching = ctx;
    return searching->query->exact(searching->query->ctx, row, distance);
}

static const struct walk_ops sparse_walk_ops = {
    .load = walk_load,
    .bound = walk_bound,
    .scores = walk_scores,
    .exact = walk_exact,
};

/* The number of a dimension; SIZE_MAX: the index has none. KITH_ECORRUPT. */
static int find_dim(const struct sparse_index *index, uint32_t dim, size_t *out)
{
    const struct section *dims = &index->sections[SPARSE_DIMS];
    size_t low = 0, high = index->dims;
    *out = SIZE_MAX;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (section_touch(dims, middle * 4, 4)) return KITH_ECORRUPT;
        const uint32_t there = le32_get(dims->data + middle * 4);
        if (there == dim) {
            *out = middle;
            return 0;
        }
        if (there < dim) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return 0;
}

int sparse_index_search(const struct scalar_index *base, const struct sparse_query *query,
                        const struct walk_search *walk, struct hit *hits, size_t *count)
{
    const struct sparse_index *index = (const struct sparse_index *)base;
    struct searching searching = { index, query };
    struct walk_search within = *walk;
    *count = 0;
    if (within.end > index->rows) within.end = index->rows;
    if (query->count == 0 || within.first >= within.end) return 0;
    struct sparse_list *lists = mem_alloc_array(query->count, sizeof *lists);
    struct walk_list *walks = mem_alloc_array(query->count, sizeof *walks);
    int rc = lists && walks ? 0 : KITH_ENOMEM;
    size_t n = 0;
    for (size_t i = 0; rc == 0 && i < query->count; i++) {
        size_t number;
        rc = find_dim(index, le32_get(query->entries + 8 * i), &number);
        if (rc || number == SIZE_MAX) continue;
        lists[n].weight = (double)lef32_get(query->entries + 8 * i + 4);
        if (lists[n].weight == 0) continue;
        rc = list_get(index, number, &lists[n], &walks[n]);
        n++;
    }
    if (rc == 0) rc = sparse_walk(&sparse_walk_ops, &searching, walks, n, &within, hits, count);
    mem_free(lists);
    mem_free(walks);
    return rc;
}

/* ---- fewer entries ---- */

struct weighed {
    float weight; /* absolute */
    uint32_t number;
};

static int by_weight(const void *a, const void *b)
{
    const struct weighed *x = a, *y = b;
    if (x->weight != y->weight) return x->weight < y->weight ? -1 : 1;
    return x->number > y->number ? -1 : x->number < y->number;
}

static int by_place(const void *a, const void *b)
{
    const struct weighed *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

long sparse_query_drop(const uint8_t *entries, size_t count, float ratio, uint8_t *out)
{
    const size_t drop = (size_t)((double)ratio * (double)count);
    struct weighed *weighed = mem_alloc_array(count + 1, sizeof *weighed);
    if (!weighed) return KITH_ENOMEM;
    for (size_t i = 0; i < count; i++)
        weighed[i] = (struct weighed){ fabsf(lef32_get(entries + 8 * i + 4)), (uint32_t)i };
    if (count) qsort(weighed, count, sizeof *weighed, by_weight);
    if (count > drop) qsort(weighed + drop, count - drop, sizeof *weighed, by_place);
    for (size_t i = drop; i < count; i++)
        memcpy(out + 8 * (i - drop), entries + 8 * (size_t)weighed[i].number, 8);
    mem_free(weighed);
    return (long)(count - drop);
}
