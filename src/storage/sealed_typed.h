/*
 * Typed columns of JSON paths: what many rows of a JSON column have at a path, beside the text, as
 * a column of INT64, DOUBLE, BOOL or VARCHAR, so that a filter on the path reads numbers and not
 * JSON.
 *
 * Paths are those of object members down to PATH_DEPTH_MAX, that at least 2 % of the rows have with
 * one kind of value, PATHS_MAX a segment. Keys that look like an array index are left out: in a
 * pointer the two cannot be told apart. A row whose value is of another kind, or a text longer than
 * TYPED_TEXT_MAX, is not valid and makes `rest` true for its group; JSON null is no value.
 *
 * Where equal keys stand in one object, the first counts, as in json_find().
 */
#ifndef KITH_STORAGE_SEALED_TYPED_H
#define KITH_STORAGE_SEALED_TYPED_H

#include "base/json.h"
#include "base/map.h"
#include "storage/sealed_internal.h"

#define PATHS_MAX       256u
#define PATH_DEPTH_MAX  8u
#define PATH_KEY_MAX    200u
#define PATH_NODES_MAX  4096u     /* paths that are counted; later ones are not seen */
#define PATH_SHARE      50u       /* one row in so many must have it */
#define TYPED_TEXT_MAX  1024u
#define TYPED_GROUP_TEXT_MAX ((size_t)64 << 20) /* of one column in one group */
#define TYPED_ALIGN     ((size_t)64)

/* SECTION_PATHS: u32 count, then for each: u32 field · u32 type · u32 length · pointer (RFC 6901),
 * ascending by field. SECTION_TYPED number slot * groups + group, where slot counts the fields that
 * have paths: an entry for each path of the field, then at the multiples of 64 that they name: u64
 * words of validity, padded to 64; rows x width, or u32 x (rows + 1) and as many bytes of texts. */
enum typed_entry_offset {
    TYPED_AT_OFFSET = 0, /* u64, from the section's start */
    TYPED_AT_BYTES = 8,  /* u32: of texts */
    TYPED_AT_FLAGS = 12, /* u32 */
    TYPED_ENTRY_BYTES = 16
};
enum typed_flag { TYPED_HAS_REST = 1 };

static inline size_t typed_valid_bytes(size_t rows)
{
    const size_t bytes = BITSET_WORDS(rows) * sizeof(uint64_t);
    return (bytes + TYPED_ALIGN - 1) & ~(TYPED_ALIGN - 1);
}

/* Width of the values; 0: texts. */
static inline size_t typed_width(enum kith_type type)
{
    if (type == KITH_VARCHAR) return 0;
    return type == KITH_BOOL ? 1 : 8;
}

/* ---- paths that occur (sealed_paths.c) ---- */

enum path_kind { PATH_INT, PATH_DOUBLE, PATH_BOOL, PATH_TEXT, PATH_KINDS };

struct path_node {
    uint32_t parent;
    size_t key_at, key_len; /* in `keys` */
    uint64_t stamp;         /* 1 + the row it was last seen in */
    uint32_t counts[PATH_KINDS];
    uint32_t column; /* UINT32_MAX: none */
};

struct path_tree {
    struct map numbers;      /* (parent, key) -> node */
    struct buffer keys;
    struct path_node *nodes; /* owns; number 0 is the root */
    size_t count;
    bool frozen;             /* no new nodes */
    uint64_t row;            /* stamp of the row being walked */
    struct buffer room;      /* a key with its parent, or unescaped */
};

KITH_NODISCARD int path_tree_init(struct path_tree *tree);
void path_tree_release(struct path_tree *tree); /* accepts a zeroed struct */
/* fn for each member of the text's objects that is a path: scalars and containers, not null. The
 * text is a valid one; a broken one ends the walk. KITH_ENOMEM, or what fn returned. */
int path_tree_walk(struct path_tree *tree, struct kith_str text,
                   int (*fn)(void *ctx, uint32_t node, const struct json_value *value), void *ctx);
/* The kind of a value, PATH_KINDS: none (containers). */
enum path_kind path_kind_of(const struct json_value *value);
/* Appends the pointer of a node. */
void path_tree_pointer(const struct path_tree *tree, uint32_t node, struct buffer *out);
/* Numbers columns 0.. in order of first appearance and freezes the tree; returns how many, at most
 * `max`. kinds[column] and nodes[column] are filled. */
size_t path_tree_choose(struct path_tree *tree, uint64_t rows, size_t max, enum path_kind *kinds,
                        uint32_t *nodes);

/* ---- writing (sealed_typed_write.c) ---- */

/* Runs fn over all live rows of a field, as sealing does. */
typedef int typed_rows_fn(void *ctx, size_t field,
                          int (*fn)(void *ctx, const struct chunk *chunk, size_t from, size_t end),
                          void *fn_ctx);
/* Writes SECTION_TYPED for every JSON field, and SECTION_PATHS when there is one. */
KITH_NODISCARD int sealed_write_typed(struct blockfile_writer *writer, const struct schema *schema,
                                      size_t rows, typed_rows_fn *each, void *each_ctx,
                                      struct kith_error *err);

#endif
