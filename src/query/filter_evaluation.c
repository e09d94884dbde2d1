/*
 * One evaluation of a filter over one source: its memory, and where every chunk begins.
 */
#include "base/alloc.h"
#include "query/filter_leaf.h"

int evaluation_init(struct evaluation *ev, const struct filter *filter,
                    const struct chunk_source *source, struct kith_error *err)
{
    *ev = (struct evaluation){ .filter = filter, .source = source, .err = err };
    buffer_init(&ev->unescaped);
    buffer_init(&ev->unescaped_right);
    ev->chunks = mem_zalloc_array(filter->field_count + 1, sizeof *ev->chunks);
    ev->loaded = mem_zalloc_array(filter->field_count + 1, sizeof *ev->loaded);
    ev->leaves = mem_zalloc_array(filter->node_count + 1, sizeof *ev->leaves);
    ev->order = mem_zalloc_array(filter->child_count + 1, sizeof *ev->order);
    ev->specials = specials_new(filter);
    ev->scratch = mem_alloc_array((size_t)filter->root->depth * 3 * FILTER_BLOCK_WORDS,
                                  sizeof *ev->scratch);
    if (!ev->chunks || !ev->loaded || !ev->leaves || !ev->order || !ev->specials || !ev->scratch)
        return error_set(err, KITH_ENOMEM, "no memory to evaluate the filter");
    probes_estimate(ev, filter->root);
    order_children(ev, filter->root);
    return 0;
}

void evaluation_release(struct evaluation *ev)
{
    for (size_t i = 0; ev->leaves && i < ev->filter->node_count; i++) {
        bitset_release(&ev->leaves[i].yes);
        bitset_release(&ev->leaves[i].present);
    }
    specials_free(ev->specials, ev->filter->special_count);
    mem_free(ev->chunks);
    mem_free(ev->loaded);
    mem_free(ev->leaves);
    mem_free(ev->order);
    mem_free(ev->scratch);
    buffer_release(&ev->unescaped);
    buffer_release(&ev->unescaped_right);
}
