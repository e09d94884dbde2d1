/*
 * The paths in the objects of a JSON column: a tree of keys with counts of the kinds of values, and
 * the choice of those that get a column. See sealed_typed.h for what is a path.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "storage/sealed_typed.h"

#define NO_COLUMN UINT32_MAX
#define NO_NODE UINT32_MAX

int path_tree_init(struct path_tree *tree)
{
    *tree = (struct path_tree){.count = 1};
    map_init(&tree->numbers);
    buffer_init(&tree->keys);
    buffer_init(&tree->room);
    tree->nodes = mem_zalloc_array(PATH_NODES_MAX, sizeof *tree->nodes);
    if (!tree->nodes) return KITH_ENOMEM;
    tree->nodes[0].column = NO_COLUMN;
    return 0;
}

void path_tree_release(struct path_tree *tree)
{
    map_release(&tree->numbers);
    buffer_release(&tree->keys);
    buffer_release(&tree->room);
    mem_free(tree->nodes);
    tree->nodes = NULL;
}

static bool is_index(const char *key, size_t len)
{
    size_t digits = 0;
    while (digits < len && key[digits] >= '0' && key[digits] <= '9') digits++;
    return digits == len;
}

static int add_node(struct path_tree *tree, uint32_t parent, const struct buffer *named,
                    uint32_t *out)
{
    *out = NO_NODE;
    if (tree->frozen || tree->count == PATH_NODES_MAX) return 0;
    const uint32_t number = (uint32_t)tree->count;
    const size_t len = named->len - sizeof parent;
    struct path_node *node = &tree->nodes[number];
    *node = (struct path_node){
        .parent = parent, .key_at = tree->keys.len, .key_len = len, .column = NO_COLUMN};
    buffer_put(&tree->keys, named->data + sizeof parent, len);
    if (buffer_failed(&tree->keys)) return KITH_ENOMEM;
    const int rc = map_put(&tree->numbers, named->data, named->len, number);
    if (rc) return rc;
    tree->count++;
    *out = number;
    return 0;
}

/* The node of a key below `parent`; NO_NODE: it is no path. What counts is the key's plain form:
 * the same one may be written as itself in one row and as up to six bytes a byte in the next. */
static int find_node(struct path_tree *tree, uint32_t parent, const struct json_value *key,
                     uint32_t *out)
{
    *out = NO_NODE;
    if (key->len > 6 * PATH_KEY_MAX + 2) return 0;
    tree->room.len = 0;
    buffer_put_u32(&tree->room, parent);
    if (key->has_escapes) {
        const int rc = json_unescape(key, &tree->room);
        if (rc) return rc;
    } else {
        buffer_put(&tree->room, key->text + 1, key->len - 2);
    }
    if (buffer_failed(&tree->room)) return KITH_ENOMEM;
    const char *plain = (const char *)tree->room.data + sizeof parent;
    const size_t len = tree->room.len - sizeof parent;
    uintptr_t number;
    if (len > PATH_KEY_MAX || is_index(plain, len)) return 0; /* also the empty key */
    if (map_get(&tree->numbers, tree->room.data, tree->room.len, &number)) {
        *out = (uint32_t)number;
        return 0;
    }
    return add_node(tree, parent, &tree->room, out);
}

struct walk {
    struct path_tree *tree;
    int (*fn)(void *ctx, uint32_t node, const struct json_value *value);
    void *ctx;
};

static int walk_object(const struct walk *walk, uint32_t parent, const struct json_value *object,
                       unsigned depth)
{
    struct path_tree *tree = walk->tree;
    struct json_value key, value;
    struct json_iter iter;
    json_iter_init(&iter, object);
    while (json_iter_next(&iter, &key, &value) > 0) {
        uint32_t number;
        int rc = find_node(tree, parent, &key, &number);
        if (rc) return rc;
        if (number == NO_NODE || tree->nodes[number].stamp == tree->row) continue;
        tree->nodes[number].stamp = tree->row; /* of equal keys the first counts, even if null */
        if (value.kind != JSON_NULL) rc = walk->fn(walk->ctx, number, &value);
        if (rc == 0 && value.kind == JSON_OBJECT && depth < PATH_DEPTH_MAX) {
            rc = walk_object(walk, number, &value, depth + 1); /* at most PATH_DEPTH_MAX deep */
        }
        if (rc) return rc;
    }
    return 0;
}

int path_tree_walk(struct path_tree *tree, struct kith_str text,
                   int (*fn)(void *ctx, uint32_t node, const struct json_value *value), void *ctx)
{
    struct json_value root;
    size_t used;
    tree->row++;
    if (json_read(text.data, text.len, &root, &used, NULL) || root.kind != JSON_OBJECT) return 0;
    const struct walk walk = {tree, fn, ctx};
    return walk_object(&walk, 0, &root, 1);
}

enum path_kind path_kind_of(const struct json_value *value)
{
    switch (value->kind) {
    case JSON_INT: return PATH_INT;
    case JSON_DOUBLE: return PATH_DOUBLE;
    case JSON_BOOL: return PATH_BOOL;
    case JSON_STRING: return PATH_TEXT;
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT: break;
    }
    return PATH_KINDS;
}

void path_tree_pointer(const struct path_tree *tree, uint32_t node, struct buffer *out)
{
    uint32_t up[PATH_DEPTH_MAX];
    size_t depth = 0;
    for (; node != 0 && depth < PATH_DEPTH_MAX; node = tree->nodes[node].parent) up[depth++] = node;
    while (depth-- > 0) {
        const struct path_node *step = &tree->nodes[up[depth]];
        buffer_put_u8(out, '/');
        for (size_t i = 0; i < step->key_len; i++) {
            const uint8_t c = tree->keys.data[step->key_at + i];
            if (c == '~' || c == '/') {
                buffer_put(out, c == '~' ? "~0" : "~1", 2);
            } else {
                buffer_put_u8(out, c);
            }
        }
    }
}

static enum path_kind most_frequent(const struct path_node *node)
{
    enum path_kind best = PATH_INT;
    for (enum path_kind k = PATH_INT; k < PATH_KINDS; k++) {
        if (node->counts[k] > node->counts[best]) best = k;
    }
    return best;
}

/* The count that a path must have to be among the `max` most frequent; those that have just as many
 * are taken in order of appearance. Found by halving, as counts are small. */
static uint32_t least_count(const struct path_tree *tree, uint64_t rows, size_t max)
{
    uint64_t low = (rows + PATH_SHARE - 1) / PATH_SHARE;
    uint64_t high = rows + 1;
    if (low == 0) low = 1;
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        size_t have = 0;
        for (size_t i = 1; i < tree->count; i++) {
            const struct path_node *node = &tree->nodes[i];
            have += node->counts[most_frequent(node)] >= middle;
        }
        if (have > max) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return (uint32_t)low;
}

size_t path_tree_choose(struct path_tree *tree, uint64_t rows, size_t max, enum path_kind *kinds,
                        uint32_t *nodes)
{
    size_t count = 0;
    const uint32_t least = least_count(tree, rows, max);
    for (size_t i = 1; i < tree->count && count < max; i++) {
        struct path_node *node = &tree->nodes[i];
        const enum path_kind kind = most_frequent(node);
        if (node->counts[kind] < least) continue;
        kinds[count] = kind;
        nodes[count] = (uint32_t)i;
        node->column = (uint32_t)count++;
    }
    tree->frozen = true;
    return count;
}
