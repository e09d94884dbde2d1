/*
 * Leaves over a path in JSON, read from a typed column of that path where the segment has one.
 *
 * Every row that is valid there holds exactly that value at the path, so it is tested by the loop
 * of a real column of the type. The leaf is compiled for the four types when the filter is; which
 * type a chunk has is found out as it is read. Other rows are looked up in the text, when the
 * source says that they may have a value at all.
 */
#include "query/filter_leaf.h"

const struct column_test *leaf_typed_test(const struct leaf *leaf, enum kith_type type)
{
    switch (type) {
    case KITH_INT64: return &leaf->typed[TYPED_INT];
    case KITH_DOUBLE: return &leaf->typed[TYPED_DOUBLE];
    case KITH_BOOL: return &leaf->typed[TYPED_BOOL];
    case KITH_VARCHAR: return &leaf->typed[TYPED_TEXT];
    default: return NULL;
    }
}

static bool typed_is_usable(const struct evaluation *ev, const struct leaf *leaf,
                            const struct chunk *chunk)
{
    size_t width = type_width(chunk->type, 0);
    if (!leaf_typed_test(leaf, chunk->type) || chunk->rows < ev->chunk_rows) return false;
    if (width > 0) return chunk->data && chunk->width == width;
    return chunk->strs || (chunk->offsets && (chunk->bytes || chunk->bytes_len == 0));
}

const struct chunk *leaf_typed_chunk(struct evaluation *ev, const struct plan *plan)
{
    struct leaf_state *state = &ev->leaves[plan->number];
    const struct chunk_source *source = ev->source;
    const struct leaf *leaf = plan->leaf;
    if (!source->typed || !leaf->typed || !leaf->fits_path) return NULL;
    if (!state->typed_asked) {
        state->typed_asked = true;
        state->typed = (struct chunk){ 0 };
        size_t field = ev->filter->fields[plan->left.slot];
        int rc = source->typed(source->ctx, field, leaf->pointer, ev->chunk_number, &state->typed,
                               &state->typed_rest);
        state->typed_given = rc == 0 && typed_is_usable(ev, leaf, &state->typed);
    }
    return state->typed_given ? &state->typed : NULL;
}
