/*
 * A vector set as a whole: making it, adding and removing rows, finding a row by its number, what
 * the keyspace asks of a value.
 *
 * vset_put() first takes all memory that it may need (room for a row, the attribute, the element)
 * and then changes things that cannot fail, so that a failure changes nothing.
 */
#include "cache/vectors.h"

#include <string.h>

#include "base/alloc.h"
#include "cache/vectors_internal.h"

#define RUN_ROWS_MIN 8u
#define RUN_ROWS_MAX 4096u
#define RUN_BYTES_MAX ((size_t)2 << 20) /* of codes, unless a row is larger */
/* ---- the set ---- */

static int allocate_scratch(struct vector_set *set)
{
    const size_t bytes = 4 * (size_t)set->params.dim + vset_code_stride(&set->params) + 8;
    set->scratch = heap_alloc(set->heap, bytes);
    return set->scratch ? 0 : KITH_ENOMEM;
}

int vset_new(struct heap *heap, const struct vset_params *params, uint64_t uid,
             struct vector_set **out)
{
    struct vector_set *set = heap_zalloc(heap, sizeof *set);
    if (!set) return KITH_ENOMEM;
    atomic_init(&set->refs, 1);
    set->heap = heap;
    set->params = *params;
    set->uid = uid;
    dict_init(&set->names, heap, vset_element_key, heap->seed);
    order_init(&set->order, heap, vset_element_compare);
    if (allocate_scratch(set)) {
        vset_unref(set);
        return KITH_ENOMEM;
    }
    *out = set;
    return 0;
}

static void free_elements(struct vector_set *set)
{
    struct dict_iter it = {0};
    struct vset_element *element;
    while ((element = dict_next(&set->names, &it)) != NULL) {
        heap_free(set->heap, atomic_load_explicit(&element->attribute, memory_order_relaxed));
        heap_free(set->heap, element);
    }
    vset_collect(set); /* no views any more: both bags */
    dict_release(&set->names);
    order_release(&set->order);
    for (unsigned i = 0; i < DIRECTORY_SEGMENTS; i++) {
        heap_free(set->heap, (void *)(uintptr_t)set->directory.segments[i]);
    }
}

static void free_all(struct vector_set *set)
{
    vset_job_free(set->job);
    for (uint32_t i = 0; i < set->run_count; i++) vset_run_unref(set->runs[i]);
    heap_free(set->heap, set->runs);
    free_elements(set);
    heap_free(set->heap, set->scratch);
    heap_free(set->heap, set);
}

void vset_ref(struct vector_set *set)
{
    atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
}

void vset_unref(struct vector_set *set)
{
    if (atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) == 1) free_all(set);
}

void vset_free(void *value)
{
    struct vector_set *set = value;
    if (!set) return;
    atomic_store_explicit(&set->cancel, true, memory_order_relaxed);
    vset_unref(set);
}

const struct vset_params *vset_params(const struct vector_set *set) { return &set->params; }
size_t vset_count(const struct vector_set *set) { return dict_count(&set->names); }
size_t vset_attribute_count(const struct vector_set *set) { return set->attribute_count; }
uint64_t vset_uid(const struct vector_set *set) { return set->uid; }
uint64_t vset_node_uid(const struct vector_set *set) { return set->next_row; }

unsigned vset_level_max(const struct vector_set *set)
{
    unsigned level = VSET_LEVEL_MAX;
    while (level > 0 && set->level_counts[level] == 0) level--;
    return level;
}

struct vset_element *vset_find(const struct vector_set *set, struct kith_str name)
{
    void **place = dict_find_by(&set->names, name, dict_hash(&set->names, name), vset_element_key);
    return place ? *place : NULL;
}

/* ---- rows ---- */

struct vset_run *vset_run_of(const struct vector_set *set, uint64_t number, uint32_t *row)
{
    uint32_t low = 0, high = set->run_count;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (set->runs[middle]->base <= number) low = middle;
        else high = middle;
    }
    if (set->run_count == 0 || !vset_run_row(set->runs[low], number, row)) return NULL;
    return set->runs[low];
}

int vset_reserve_run(struct vector_set *set)
{
    if (set->run_count < set->run_cap) return 0;
    const uint32_t room = set->run_cap ? 2 * set->run_cap : 4;
    struct vset_run **runs = heap_realloc(set->heap, set->runs, room * sizeof(struct vset_run *));
    if (!runs) return KITH_ENOMEM;
    set->runs = runs;
    set->run_cap = room;
    return 0;
}

static struct vset_run *last_run(const struct vector_set *set)
{
    return set->run_count > 0 ? set->runs[set->run_count - 1] : NULL;
}

/* As many rows as all runs that are scanned have: at most half of the memory is empty. */
static uint32_t rows_of_next_run(const struct vector_set *set)
{
    const size_t fit = RUN_BYTES_MAX / vset_code_stride(&set->params);
    const size_t most = fit > RUN_ROWS_MAX ? RUN_ROWS_MAX : fit > 0 ? fit : 1;
    size_t rows = 0;
    for (uint32_t i = set->run_count; i > 0 && rows < most && !set->runs[i - 1]->graph; i--) {
        rows += set->runs[i - 1]->count;
    }
    if (rows < RUN_ROWS_MIN) rows = RUN_ROWS_MIN;
    return (uint32_t)(rows < most ? rows : most);
}

/* The last run has room for a row afterwards. */
static int reserve_row(struct vector_set *set)
{
    const struct vset_run *last = last_run(set);
    if (last && last->count < last->cap) return 0;
    if (vset_reserve_run(set)) return KITH_ENOMEM;
    struct vset_run *run = vset_run_new(set->heap, &set->params, set->next_row,
                                        rows_of_next_run(set), false);
    if (!run) return KITH_ENOMEM;
    set->runs[set->run_count++] = run;
    return 0;
}

static void append_row(struct vector_set *set, const struct vset_code *code, uint32_t element)
{
    struct vset_run *run = last_run(set);
    const uint32_t row = run->count;
    memcpy(run->codes + row * run->vectors.stride_bytes, code->data, run->vectors.stride_bytes);
    run->norms[row] = code->norm;
    if (run->ranges) run->ranges[row] = code->range;
    run->elements[row] = element;
    run->count++;
    run->vectors.count = run->count;
    set->next_row++;
}

void vset_row_kill(struct vector_set *set, uint64_t number)
{
    uint32_t row;
    struct vset_run *run = vset_run_of(set, number, &row);
    if (run) vset_run_kill(run, row);
}

/* ---- changes ---- */

int vset_put_code(struct vector_set *set, const struct vset_new_row *row, bool *added)
{
    struct vector_attribute *attribute = NULL;
    int rc = reserve_row(set);
    if (!rc && row->set_attribute && row->attribute.len > 0) {
        rc = vector_attribute_new(set->heap, row->attribute.data, row->attribute.len, &attribute);
    }
    struct vset_element *element = vset_find(set, row->name);
    *added = element == NULL;
    if (!rc && !element) rc = vset_element_add(set, row->name, &element);
    if (rc) {
        heap_free(set->heap, attribute);
        return rc;
    }
    if (!*added) {
        vset_element_touch(set, element);
        vset_row_kill(set, element->row);
    }
    element->row = set->next_row;
    append_row(set, row->code, element->id);
    if (row->set_attribute) vset_element_take(set, element, attribute);
    vset_compact(set);
    return 0;
}

static struct vset_code scratch_code(struct vector_set *set)
{
    return (struct vset_code){.data = (uint8_t *)(set->scratch + set->params.dim)};
}

int vset_put(struct vector_set *set, const struct vset_put *put, bool *added)
{
    struct vset_code code = scratch_code(set);
    vset_encode_vector(&set->params, put->vector, set->scratch, &code);
    const struct vset_new_row row = {&code, put->name, put->set_attribute, put->attribute};
    const int rc = vset_put_code(set, &row, added);
    if (!rc && put->ef > set->ef) set->ef = put->ef;
    return rc;
}

void vset_remove(struct vector_set *set, struct vset_element *element)
{
    vset_element_touch(set, element);
    vset_row_kill(set, element->row);
    vset_element_remove(set, element);
    vset_compact(set);
}

/* ---- looking at an element ---- */

static struct vset_code code_of(const struct vector_set *set, const struct vset_element *element)
{
    uint32_t row;
    const struct vset_run *run = vset_run_of(set, element->row, &row);
    if (!run) return (struct vset_code){0}; /* cannot be: a live element has its row */
    return (struct vset_code){run->codes + row * run->vectors.stride_bytes, run->norms[row],
                              run->ranges ? run->ranges[row] : 0};
}

void vset_read(const struct vector_set *set, const struct vset_element *element, float *out)
{
    const struct vset_code code = code_of(set, element);
    if (code.data) vset_decode_vector(&set->params, &code, out);
    else memset(out, 0, 4 * (size_t)set->params.dim);
}

struct vset_raw vset_raw(const struct vector_set *set, const struct vset_element *element)
{
    const struct vset_code code = code_of(set, element);
    return (struct vset_raw){code.data, vset_code_bytes(&set->params), code.norm, code.range};
}

void vset_shape_get(const struct vector_set *set, struct vset_shape *out)
{
    *out = (struct vset_shape){.runs = set->run_count, .busy = set->job != NULL};
    for (uint32_t i = 0; i < set->run_count; i++) {
        const struct vset_run *run = set->runs[i];
        out->graphs += run->graph != NULL;
        out->rows += run->count;
        out->dead += vset_run_dead(run);
        if (run->graph) out->graph_rows += run->count;
    }
}
