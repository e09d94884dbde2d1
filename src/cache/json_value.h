/*
 * A JSON document as a value of the keyspace: a tree of nodes on the heap.
 *
 * A node is 24 bytes and holds its scalars; arrays and objects own one growing block of children, a
 * string one block of bytes. Members keep the order in which they came; a second member of the same
 * name takes the place of the first. Integers that fit int64 stay integers, every other number is a
 * double, and prints so that it reads back as a double.
 *
 * Depth is at most JSON_DEPTH_MAX, so every walk below may recurse. Snapshot form: a version byte
 * (1), then the text of the document, length first (decode validates it like a text from a client).
 */
#ifndef KITH_CACHE_JSON_VALUE_H
#define KITH_CACHE_JSON_VALUE_H

#include "base/json.h"
#include "cache/cache.h"

struct json_member;
struct json_node {
    uint8_t kind; /* enum json_kind */
    bool boolean;
    uint32_t count, cap; /* children; bytes of a string */
    union {
        int64_t integer;
        double number;
        char *text;                  /* owns */
        struct json_node *items;     /* owns */
        struct json_member *members; /* owns */
    };
};
struct json_member {
    char *name; /* owns */
    uint32_t name_len;
    struct json_node value;
};

struct json_tree {
    struct heap *heap; /* borrows */
    struct json_node root;
};

extern const struct value_ops json_value_ops;

/* KITH_EINVAL: no JSON, or too deep. The texts are untrusted. */
KITH_NODISCARD int json_node_parse(struct heap *heap, const char *text, size_t len,
                                   struct json_node *out, struct kith_error *err);
KITH_NODISCARD int json_node_copy(struct heap *heap, const struct json_node *from,
                                  struct json_node *out);
void json_node_release(struct heap *heap, struct json_node *node);
/* The same value: members in any order, 1 and 1.0 alike. */
bool json_node_equal(const struct json_node *a, const struct json_node *b);
size_t json_node_bytes(const struct json_node *node); /* what hangs on it */
/* What an array takes more for so many nodes more, without what hangs on them. */
size_t json_node_growth(const struct json_node *array, size_t more);
unsigned json_node_depth(const struct json_node *node); /* a scalar: 0; []: 1; [[]]: 2 */

/* Takes root, also on failure. NULL: no memory. */
KITH_NODISCARD struct json_tree *json_tree_new(struct heap *heap, struct json_node *root);
void json_tree_free(struct json_tree *tree);

/* Number of children; they are counted alike in arrays and objects. */
static inline uint32_t json_node_children(const struct json_node *node)
{
    return node->kind == JSON_ARRAY || node->kind == JSON_OBJECT ? node->count : 0;
}
struct json_node *json_node_child(const struct json_node *node, uint32_t index);
/* The place of a member, or UINT32_MAX. */
uint32_t json_node_find(const struct json_node *object, struct kith_str name);
/* Adds a member that is not there; takes value on success only. */
KITH_NODISCARD int json_node_put(struct heap *heap, struct json_node *object, struct kith_str name,
                                 struct json_node *value);
/* Adds to an array; takes value on success only. */
KITH_NODISCARD int json_node_append(struct heap *heap, struct json_node *array,
                                    struct json_node *value);
void json_node_remove(struct heap *heap, struct json_node *container, uint32_t index);
/* Several at once, so that what stays is moved once: each is dropped, then the container is packed.
 * In between it has holes and may only be asked for places that have none. */
void json_node_drop(struct heap *heap, struct json_node *container, uint32_t index);
void json_node_pack(struct json_node *container);
/* RFC 7396. On KITH_ENOMEM the node may be half merged: merge into a copy. */
KITH_NODISCARD int json_node_merge(struct heap *heap, struct json_node *node,
                                   const struct json_node *patch);

struct json_style { /* NULL texts: nothing is put there */
    struct kith_str indent, newline, space;
    size_t bytes_max; /* a longer text fails: a wide indent makes much of little; 0: none */
};
void json_node_write(const struct json_node *node, const struct json_style *style,
                     struct buffer *out); /* style: nullable */
const char *json_kind_name(const struct json_node *node); /* "integer", "object", ... */

#endif
