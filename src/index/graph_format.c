/*
 * Reading and writing the graph's header, opening its sections in place, and the validator.
 *
 * Nothing here trusts a byte: every count is checked against a maximum and against the section that
 * must hold that many before it is used, and products are of 32-bit numbers in 64 bits. The lists
 * themselves are not walked at open: the walk checks each id (graph_walk.c), so that opening costs
 * microseconds at any size.
 */
#include "index/graph_format.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"

#define GRAPH_MAGIC UINT32_C(0x3152474b)
#define GRAPH_VERSION 1u
#define FLAG_LOSSLESS 1u
#define FLAG_SHARED 2u

size_t graph_chunks(const struct scalar_quantizer *quantizer)
{
    const size_t code = scalar_code_bytes(quantizer->type, quantizer->dim);
    return (code + sizeof(uint32_t) + WALK_CHUNK - 1) / WALK_CHUNK;
}

size_t graph_block_bytes(const struct scalar_quantizer *quantizer, uint32_t capacity)
{
    const size_t list = (size_t)capacity * sizeof(uint32_t);
    return graph_chunks(quantizer) * WALK_CHUNK + (list + WALK_CHUNK - 1) / WALK_CHUNK * WALK_CHUNK;
}

uint32_t graph_dim_max(enum kernel_type type)
{
    return type == KERNEL_BIT ? GRAPH_BITS_MAX : GRAPH_DIM_MAX;
}

const struct walk_kernel *graph_kernel(enum kernel_metric metric)
{
    return walk_kernel_get(metric == KERNEL_HAMMING   ? WALK_HAMMING
                           : metric == KERNEL_JACCARD ? WALK_JACCARD
                                                      : WALK_BYTES);
}

/* ---- header ---- */

uint8_t *graph_header_encode(const struct graph_header *header,
                             const struct scalar_quantizer *quantizer, size_t *len)
{
    const size_t offsets = scalar_offsets(quantizer->type, quantizer->dim) * sizeof(float);
    *len = GRAPH_HEADER_BYTES + offsets;
    uint8_t *out = mem_zalloc(*len);
    if (!out) return NULL;
    le32_put(out, GRAPH_MAGIC);
    le16_put(out + 4, GRAPH_VERSION);
    le16_put(out + 6, (uint16_t)((quantizer->lossless ? FLAG_LOSSLESS : 0u) |
                                 (header->shared_nodes ? FLAG_SHARED : 0u)));
    le32_put(out + 8, header->rows);
    le32_put(out + 12, header->nodes);
    le32_put(out + 16, quantizer->dim);
    out[20] = (uint8_t)quantizer->metric;
    out[21] = (uint8_t)quantizer->type;
    le16_put(out + 22, (uint16_t)header->levels);
    le32_put(out + 24, header->m);
    le32_put(out + 28, header->capacity);
    le32_put(out + 32, header->ef_construction);
    le32_put(out + 36, (uint32_t)graph_block_bytes(quantizer, header->capacity));
    le32_put(out + 40, (uint32_t)quantizer->low);
    le32_put(out + 44, (uint32_t)quantizer->high);
    lef32_put(out + 48, quantizer->scale);
    lef32_put(out + 52, header->error);
    for (uint32_t l = 0; l < header->levels; l++) {
        le32_put(out + 56 + 4 * l, header->level_count[l]);
    }
    if (offsets > 0) memcpy(out + GRAPH_HEADER_BYTES, quantizer->offset, offsets);
    return out;
}

static int corrupt(struct kith_error *err, uint64_t position, const char *what)
{
    return error_set_at(err, KITH_ECORRUPT, position, "graph index: %s", what);
}

static int decode_quantizer(const uint8_t *in, size_t len, struct scalar_quantizer *out,
                            struct kith_error *err)
{
    struct scalar_quantizer q = {.dim = le32_get(in + 16)};
    q.metric = (enum kernel_metric)in[20];
    q.type = (enum kernel_type)in[21];
    if (!scalar_supports(q.metric, q.type)) return corrupt(err, 20, "metric or type without codes");
    if (q.dim == 0 || q.dim > graph_dim_max(q.type)) {
        return corrupt(err, 16, "dimension out of range");
    }
    const size_t offsets = scalar_offsets(q.type, q.dim);
    if (len != GRAPH_HEADER_BYTES + offsets * sizeof(float)) {
        return corrupt(err, 16, "header of the wrong size");
    }
    q.lossless = (le16_get(in + 6) & FLAG_LOSSLESS) != 0;
    const uint32_t low = le32_get(in + 40);
    const uint32_t high = le32_get(in + 44);
    if (low > high || high > 255) return corrupt(err, 40, "code range out of order");
    q.low = (int32_t)low;
    q.high = (int32_t)high;
    q.scale = lef32_get(in + 48);
    if (!isfinite(q.scale) || !(q.scale > 0.0f)) return corrupt(err, 48, "scale is not positive");
    if (offsets > 0) q.offset = mem_alloc_array(offsets, sizeof *q.offset);
    if (offsets > 0 && !q.offset) return error_set(err, KITH_ENOMEM, "no memory to open a graph");
    if (offsets > 0) memcpy(q.offset, in + GRAPH_HEADER_BYTES, offsets * sizeof *q.offset);
    for (size_t j = 0; j < offsets; j++) {
        if (isfinite(q.offset[j])) continue;
        mem_free(q.offset);
        return corrupt(err, GRAPH_HEADER_BYTES + 4u * (uint64_t)j, "offset is not finite");
    }
    *out = q;
    return 0;
}

static int decode_levels(const uint8_t *in, struct graph_header *header, struct kith_error *err)
{
    header->levels = le16_get(in + 22);
    if (header->levels > GRAPH_LEVELS_MAX) return corrupt(err, 22, "too many levels");
    uint32_t below = header->nodes;
    for (uint32_t l = 0; l < header->levels; l++) {
        header->level_count[l] = le32_get(in + 56 + 4 * l);
        if (header->level_count[l] == 0 || header->level_count[l] > below) {
            return corrupt(err, 56 + 4 * (uint64_t)l, "level count out of range");
        }
        below = header->level_count[l];
    }
    for (uint32_t l = header->levels; l < GRAPH_LEVELS_MAX; l++) {
        if (le32_get(in + 56 + 4 * l) != 0) return corrupt(err, 56, "a count of no level");
    }
    return 0;
}

int graph_header_decode(const struct section *section, struct graph_header *header,
                        struct scalar_quantizer *quantizer, struct kith_error *err)
{
    if (section->len < GRAPH_HEADER_BYTES) return corrupt(err, 0, "header is short");
    if (section_touch(section, 0, section->len)) return corrupt(err, 0, "header is damaged");
    const uint8_t *in = section->data;
    if (le32_get(in) != GRAPH_MAGIC) return corrupt(err, 0, "not a graph");
    if (le16_get(in + 4) != GRAPH_VERSION) {
        return error_set(err, KITH_EVERSION, "graph index of format %u; this build reads %u",
                         le16_get(in + 4), GRAPH_VERSION);
    }
    *header = (struct graph_header){.rows = le32_get(in + 8), .nodes = le32_get(in + 12),
                                    .m = le32_get(in + 24), .capacity = le32_get(in + 28),
                                    .ef_construction = le32_get(in + 32),
                                    .error = lef32_get(in + 52)};
    header->shared_nodes = (le16_get(in + 6) & FLAG_SHARED) != 0;
    if (header->nodes > header->rows || header->nodes > GRAPH_NODES_MAX ||
        (header->nodes == 0) != (header->rows == 0)) {
        return corrupt(err, 12, "node count out of range");
    }
    if (!header->shared_nodes && header->nodes != header->rows) {
        return corrupt(err, 12, "fewer nodes than rows, but no shared nodes");
    }
    if (header->capacity < 2 || header->capacity > GRAPH_CAPACITY_MAX) {
        return corrupt(err, 28, "list capacity out of range");
    }
    if (!isfinite(header->error) || header->error < 0.0f) return corrupt(err, 52, "error bound");
    int rc = decode_levels(in, header, err);
    if (rc) return rc;
    rc = decode_quantizer(in, section->len, quantizer, err);
    if (rc) return rc;
    if (le32_get(in + 36) == graph_block_bytes(quantizer, header->capacity)) return 0;
    scalar_release(quantizer);
    return corrupt(err, 36, "block size does not follow from dimension and capacity");
}

/* ---- opening ---- */

static struct section section_find(const struct index_view_section *sections, size_t count,
                                   uint32_t id)
{
    for (size_t i = 0; i < count; i++) {
        if (sections[i].id == id) return sections[i].bytes;
    }
    return (struct section){0};
}

static uint64_t upper_nodes(const struct graph_header *header)
{
    uint64_t sum = 0;
    for (uint32_t l = 0; l < header->levels; l++) sum += header->level_count[l];
    return sum;
}

static int check_sizes(const struct graph *graph, struct kith_error *err)
{
    const struct graph_header *h = &graph->header;
    const uint64_t block = graph_block_bytes(&graph->quantizer, h->capacity);
    const uint64_t first = h->shared_nodes ? 4 * ((uint64_t)h->nodes + 1) : 0;
    const uint64_t down = h->levels > 0 ? 4 * (uint64_t)h->level_count[0] : 0;
    if (graph->blocks.len != h->nodes * block) return corrupt(err, 0, "blocks of the wrong size");
    if (graph->rows.len != 4 * (uint64_t)h->rows) return corrupt(err, 0, "rows of the wrong size");
    if (graph->first.len != first) return corrupt(err, 0, "first of the wrong size");
    if (graph->down.len != down) return corrupt(err, 0, "down of the wrong size");
    if (graph->upper.len != upper_nodes(h) * block) return corrupt(err, 0, "upper: wrong size");
    return 0;
}

static int check_vectors(const struct graph *graph, struct kith_error *err)
{
    const struct vectors *v = graph->vectors;
    const struct scalar_quantizer *q = &graph->quantizer;
    if (v->count == graph->header.rows && v->dim == q->dim && v->metric == q->metric &&
        v->type == q->type) {
        return 0;
    }
    return error_set(err, KITH_ECORRUPT, "graph index belongs to other vectors");
}

static void layer_init(const struct graph *graph, struct graph_layer *layer,
                       const struct section *section, uint64_t first, uint32_t count)
{
    const size_t block = graph_block_bytes(&graph->quantizer, graph->header.capacity);
    const size_t chunks = graph_chunks(&graph->quantizer);
    const uint8_t *base = section->data + first * block;
    *layer = (struct graph_layer){.kernel = graph_kernel(graph->quantizer.metric),
                                  .codes = {base, block, chunks},
                                  .links = base + chunks * WALK_CHUNK, .link_stride = block,
                                  .capacity = graph->header.capacity, .count = count,
                                  .guarded = section->guard ? section : NULL,
                                  .guarded_offset = (size_t)first * block};
}

static void layers_init(struct graph *graph)
{
    const struct graph_header *h = &graph->header;
    if (h->nodes > 0) layer_init(graph, &graph->layers[0], &graph->blocks, 0, h->nodes);
    uint64_t first = 0;
    for (uint32_t l = 0; l < h->levels; l++) {
        layer_init(graph, &graph->layers[l + 1], &graph->upper, first, h->level_count[l]);
        first += h->level_count[l];
    }
}

static bool aligned(const struct section *section)
{
    return ((uintptr_t)section->data & (sizeof(uint32_t) - 1)) == 0;
}

int graph_open(const struct os *os, const struct index_view_section *sections, size_t count,
               const struct vectors *vectors, struct index **out, struct kith_error *err)
{
    (void)os;
    struct graph *graph = mem_zalloc(sizeof *graph);
    if (!graph) return error_set(err, KITH_ENOMEM, "no memory to open a graph");
    graph->index.ops = index_ops_find("HNSW");
    graph->vectors = vectors;
    const struct section header = section_find(sections, count, GRAPH_SECTION_HEADER);
    int rc = graph_header_decode(&header, &graph->header, &graph->quantizer, err);
    if (rc) goto fail;
    graph->blocks = section_find(sections, count, GRAPH_SECTION_BLOCKS);
    graph->rows = section_find(sections, count, GRAPH_SECTION_ROWS);
    graph->first = section_find(sections, count, GRAPH_SECTION_FIRST);
    graph->upper = section_find(sections, count, GRAPH_SECTION_UPPER);
    graph->down = section_find(sections, count, GRAPH_SECTION_DOWN);
    rc = check_sizes(graph, err);
    if (!rc) rc = check_vectors(graph, err);
    if (!rc && !(aligned(&graph->blocks) && aligned(&graph->rows) && aligned(&graph->first) &&
                 aligned(&graph->upper) && aligned(&graph->down))) {
        rc = error_set(err, KITH_EINVAL, "graph sections must be aligned to 4 bytes");
    }
    if (rc) goto fail;
    layers_init(graph);
    *out = &graph->index;
    return 0;
fail:
    graph_close(&graph->index);
    return rc;
}

void graph_close(struct index *index)
{
    if (!index) return;
    struct graph *graph = (struct graph *)index;
    for (size_t i = 0; i < GRAPH_BEAMS; i++) {
        struct beam *beam = atomic_load_explicit(&graph->beams[i], memory_order_relaxed);
        if (!beam) continue;
        beam_release(beam);
        mem_free(beam);
    }
    scalar_release(&graph->quantizer);
    mem_free(graph);
}
