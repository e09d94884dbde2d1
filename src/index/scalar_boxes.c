/*
 * RTREE: a packed R-tree over the envelopes of geometries. The rows are ordered along a Hilbert
 * curve through the middles of their boxes; every 16 in a row make a node, whose box holds theirs,
 * and so on up to one. Levels lie one behind the other, the leaves first, so nothing is stored but
 * boxes and rows: what is whose child follows from the numbers. (Kamel, Faloutsos: On packing
 * R-trees, 1993.)
 *
 * Answers are candidates: the geometry itself decides. Empty geometries meet no box and are left
 * out. A stored box that is damaged can only lose or add candidates, never lead out of the arrays.
 */
#include "index/scalar_boxes.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"

#define FAN ((size_t)16)
#define LEVELS_MAX 9 /* 16^8 = 2^32 */
#define BOX_BYTES ((size_t)32)
#define CURVE_BITS 16

struct levels {
    size_t first[LEVELS_MAX]; /* node numbers */
    size_t count[LEVELS_MAX];
    size_t levels, nodes;
};

static struct levels levels_of(size_t leaves)
{
    struct levels out = { .levels = 0 };
    for (size_t n = leaves; n > 0 && out.levels < LEVELS_MAX; n = (n + FAN - 1) / FAN) {
        out.first[out.levels] = out.nodes;
        out.count[out.levels++] = n;
        out.nodes += n;
        if (n == 1) break;
    }
    return out;
}

/* ---- order ---- */

/* The place of (x, y) on the curve: quadrants from the top, each turned so that ends meet. */
static uint64_t curve_place(uint32_t x, uint32_t y)
{
    uint64_t place = 0;
    for (uint32_t side = UINT32_C(1) << (CURVE_BITS - 1); side > 0; side >>= 1) {
        const uint32_t right = (x & side) != 0, up = (y & side) != 0;
        place += (uint64_t)side * side * ((3 * right) ^ up);
        if (up) continue;
        if (right) {
            x = (side - 1) & ~x;
            y = (side - 1) & ~y;
        }
        const uint32_t t = x;
        x = y;
        y = t;
    }
    return place;
}

static uint32_t scaled(double low, double high, double from, double to)
{
    const double top = (double)((UINT32_C(1) << CURVE_BITS) - 1);
    const double middle = low / 2 + high / 2;
    if (!isfinite(middle) || !(to > from)) return 0;
    const double part = (middle - from) / (to - from) * top;
    return part >= top ? (uint32_t)top : part > 0 ? (uint32_t)part : 0;
}

/* ---- building ---- */

struct boxes {
    struct scalar_values values;
    struct buffer found; /* boxes, in order of rows */
    double all[4];       /* around those that are finite */
    uint8_t *nodes, *rows; /* own */
};

static void box_get(const uint8_t *at, double box[4])
{
    for (size_t i = 0; i < 4; i++) box[i] = lef64_get(at + 8 * i);
}

static void box_put(uint8_t *at, const double box[4])
{
    for (size_t i = 0; i < 4; i++) lef64_put(at + 8 * i, box[i]);
}

static void box_add(double box[4], const double more[4])
{
    for (size_t i = 0; i < 2; i++) {
        if (more[i] < box[i]) box[i] = more[i];
        if (more[i + 2] > box[i + 2]) box[i + 2] = more[i + 2];
    }
}

static void box_clear(double box[4])
{
    box[0] = box[1] = (double)INFINITY;
    box[2] = box[3] = -(double)INFINITY;
}

static int read_box(void *ctx, uint32_t row, struct kith_str text)
{
    struct boxes *b = ctx;
    double box[4];
    uint8_t bytes[BOX_BYTES + 4];
    if (scalar_wkt_box(text, box) == WKT_EMPTY) return 0;
    if (isfinite(box[0])) box_add(b->all, box);
    box_put(bytes, box);
    le32_put(bytes + BOX_BYTES, row);
    buffer_put(&b->found, bytes, sizeof bytes);
    return buffer_failed(&b->found) ? KITH_ENOMEM : 0;
}

static int order_boxes(struct boxes *b)
{
    struct scalar_values *v = &b->values;
    const size_t each = BOX_BYTES + 4, count = b->found.len / each;
    v->entries = mem_alloc_array(count + 1, sizeof *v->entries);
    if (!v->entries) return KITH_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        double box[4];
        box_get(b->found.data + each * i, box);
        const uint32_t x = scaled(box[0], box[2], b->all[0], b->all[2]);
        const uint32_t y = scaled(box[1], box[3], b->all[1], b->all[3]);
        v->entries[i] = (struct scalar_entry){ curve_place(x, y),
                                               le32_get(b->found.data + each * i + BOX_BYTES),
                                               (uint32_t)i };
    }
    v->count = count;
    v->key = SCALAR_INT;
    return scalar_values_sort(v);
}

static void put_parents(const struct levels *l, uint8_t *nodes)
{
    for (size_t level = 1; level < l->levels; level++) {
        for (size_t i = 0; i < l->count[level]; i++) {
            double box[4], child[4];
            box_clear(box);
            for (size_t c = FAN * i; c < FAN * (i + 1) && c < l->count[level - 1]; c++) {
                box_get(nodes + BOX_BYTES * (l->first[level - 1] + c), child);
                box_add(box, child);
            }
            box_put(nodes + BOX_BYTES * (l->first[level] + i), box);
        }
    }
}

static int put_tree(struct boxes *b, const struct levels *l)
{
    const struct scalar_values *v = &b->values;
    b->nodes = mem_alloc_array(l->nodes + 1, BOX_BYTES);
    b->rows = mem_alloc_array(v->count + 1, 4);
    if (!b->nodes || !b->rows) return KITH_ENOMEM;
    for (size_t i = 0; i < v->count; i++) {
        memcpy(b->nodes + BOX_BYTES * i,
               b->found.data + (BOX_BYTES + 4) * (size_t)v->entries[i].extra, BOX_BYTES);
        le32_put(b->rows + 4 * i, v->entries[i].row);
    }
    put_parents(l, b->nodes);
    return 0;
}

static int make_image(struct boxes *b, size_t rows, struct index_image *image)
{
    const struct levels l = levels_of(b->values.count);
    struct scalar_header header = { .shape = SCALAR_BOXES, .key = SCALAR_TEXT,
                                    .rows = (uint32_t)rows, .terms = (uint32_t)l.nodes,
                                    .postings = (uint32_t)b->values.count };
    if (l.nodes > UINT32_MAX) return KITH_ELIMIT;
    int rc = put_tree(b, &l);
    if (!rc) rc = scalar_image_sets(image, &header, &b->values);
    if (!rc) rc = scalar_image_header(image, &header, b->values.params);
    if (rc) return rc;
    scalar_image_add(image, SCALAR_SECTION_KEYS, b->nodes, BOX_BYTES * l.nodes, true);
    scalar_image_add(image, SCALAR_SECTION_LISTS, b->rows, 4 * b->values.count, true);
    b->nodes = b->rows = NULL;
    return 0;
}

int scalar_build_boxes(const struct chunk_source *source, size_t field,
                       const struct scalar_index_params *params, const struct index_job *job,
                       struct index_image *out, struct kith_error *err)
{
    struct boxes b = { .values = { .job = job, .params = params } };
    struct index_image image = { .count = 0 };
    b.values.fn = read_box;
    b.values.fn_ctx = &b;
    box_clear(b.all);
    int rc = scalar_values_read(&b.values, source, field, err);
    if (!rc) {
        rc = order_boxes(&b);
        if (!rc) rc = make_image(&b, source->rows, &image);
        if (rc) rc = error_set(err, rc, "building an RTREE index: %s", error_name(rc));
    }
    mem_free(b.nodes);
    mem_free(b.rows);
    buffer_release(&b.found);
    scalar_values_release(&b.values);
    if (rc) index_image_release(job->os, &image);
    else *out = image;
    return rc;
}

/* ---- answering ---- */

bool scalar_boxes_fit(const struct scalar_index *index)
{
    const struct scalar_header *h = &((const struct scalar_set *)index)->header;
    return levels_of(h->postings).nodes == h->terms;
}

static int node_box(const struct scalar_set *set, size_t node, double box[4])
{
    if (section_touch(&set->keys, BOX_BYTES * node, BOX_BYTES)) return KITH_ECORRUPT;
    box_get(set->keys.data + BOX_BYTES * node, box);
    return 0;
}

static bool meets(const double a[4], const double b[4])
{
    return a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3];
}

/* Nodes that wait: (level, place in it). At most FAN a level, as a node's children replace it. */
struct waiting {
    size_t level[LEVELS_MAX * FAN + 1], place[LEVELS_MAX * FAN + 1];
    size_t count;
};

static void push_children(const struct levels *l, size_t level, size_t place, struct waiting *w)
{
    const size_t first = FAN * place;
    for (size_t c = first; c < first + FAN && c < l->count[level - 1]; c++) {
        w->level[w->count] = level - 1;
        w->place[w->count++] = c;
    }
}

static int find_rows(const struct scalar_set *set, const double box[4], struct bitset *yes)
{
    const struct levels l = levels_of(set->header.postings);
    struct waiting w = { .count = 0 };
    if (l.levels == 0) return 0;
    w.level[w.count] = l.levels - 1;
    w.place[w.count++] = 0;
    while (w.count > 0) {
        const size_t level = w.level[--w.count], place = w.place[w.count];
        double here[4];
        uint32_t row;
        if (node_box(set, l.first[level] + place, here)) return KITH_ECORRUPT;
        if (!meets(here, box)) continue;
        if (level > 0) {
            push_children(&l, level, place, &w);
        } else {
            if (scalar_u32(&set->lists, place, &row) || row >= yes->bits) return KITH_ECORRUPT;
            bitset_set(yes, row);
        }
    }
    return 0;
}

int scalar_boxes_probe(const struct scalar_index *index, const struct probe *probe,
                       struct probe_answer *answer)
{
    const struct scalar_set *set = (const struct scalar_set *)index;
    if (probe->kind == PROBE_PRESENT) return scalar_set_probe(index, probe, answer);
    if (probe->kind != PROBE_BOX || !scalar_set_fits(set, probe)) return KITH_EUNSUPPORTED;
    if (answer->yes->bits != set->header.rows) return KITH_EINVAL;
    const int rc = find_rows(set, probe->box, answer->yes);
    if (!rc) answer->exact = false;
    return rc;
}

/* How much of `a`, along each axis, lies in `b`. */
static double overlap(const double a[4], const double b[4])
{
    double part = 1;
    for (size_t i = 0; i < 2; i++) {
        const double whole = a[i + 2] - a[i];
        const double low = a[i] > b[i] ? a[i] : b[i];
        const double high = a[i + 2] < b[i + 2] ? a[i + 2] : b[i + 2];
        if (whole > 0 && isfinite(whole)) part *= (high - low) / whole;
    }
    return part;
}

#define ESTIMATE_NODES ((size_t)64)

int scalar_boxes_estimate(const struct scalar_index *index, const struct probe *probe,
                          uint64_t *rows)
{
    const struct scalar_set *set = (const struct scalar_set *)index;
    const struct levels l = levels_of(set->header.postings);
    if (probe->kind == PROBE_PRESENT) return scalar_set_estimate(index, probe, rows);
    if (probe->kind != PROBE_BOX || !scalar_set_fits(set, probe)) return KITH_EUNSUPPORTED;
    size_t level = l.levels > 0 ? l.levels - 1 : 0;
    while (level > 0 && l.count[level] < ESTIMATE_NODES) level--;
    double sum = 0;
    for (size_t i = 0; i < l.count[level]; i++) {
        double here[4];
        if (node_box(set, l.first[level] + i, here)) return KITH_ECORRUPT;
        if (meets(here, probe->box)) sum += overlap(here, probe->box);
    }
    if (l.count[level] > 0) sum *= (double)set->header.postings / (double)l.count[level];
    *rows = sum >= (double)set->header.postings ? set->header.postings
                                                : sum > 0 ? (uint64_t)sum : 0;
    return 0;
}

/* ---- the slow check ---- */

static bool holds(const double a[4], const double b[4])
{
    return a[0] <= b[0] && a[1] <= b[1] && a[2] >= b[2] && a[3] >= b[3];
}

int scalar_boxes_validate(const struct scalar_index *index, struct kith_error *err)
{
    const struct scalar_set *set = (const struct scalar_set *)index;
    const struct levels l = levels_of(set->header.postings);
    for (size_t i = 0; i < set->header.postings; i++) {
        uint32_t row;
        if (scalar_u32(&set->lists, i, &row) || row >= set->header.rows)
            return scalar_corrupt(err, "a row of a box is damaged");
    }
    for (size_t level = 0; level + 1 < l.levels; level++) {
        for (size_t i = 0; i < l.count[level]; i++) {
            double here[4], parent[4];
            if (node_box(set, l.first[level] + i, here) ||
                node_box(set, l.first[level + 1] + i / FAN, parent) || !holds(parent, here)) {
                return scalar_corrupt(err, "a box is damaged");
            }
        }
    }
    return 0;
}
