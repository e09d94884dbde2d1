/*
 * Paths into JSON documents: a path, a NUL, a document; without a NUL a document of its own. What a
 * path selects lies in the document, each value once and containers before what is in them, so that
 * it can be removed from the last to the first.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/map.h"
#include "cache/heap.h"
#include "cache/json_path.h"
#include "fuzz.h"

#define OWN                                                                                        \
    "{\"a\":[1,2.5,\"x\",null,true,{\"b\":[[]],\"a\":{}}],\"b\":{\"a\":-1,\"c\":\"y\"},\"n\":[3,2,1]}"

/* Places in the document, in its order. */
static int number(struct map64 *places, const struct json_node *node, uint64_t *next)
{
    int rc = map64_put(places, (uint64_t)(uintptr_t)node, ++*next);
    const uint32_t children =
        node->kind == JSON_ARRAY || node->kind == JSON_OBJECT ? node->count : 0;
    for (uint32_t i = 0; rc == 0 && i < children; i++)
        rc = number(places, json_node_child(node, i), next);
    return rc;
}

static void check(struct json_node *root, const struct json_path *path)
{
    struct json_matches found = {0};
    struct map64 places;
    uint64_t next = 0, last = 0;
    map64_init(&places);
    bool descends = false;
    for (size_t i = 0; i < path->count; i++) descends = descends || path->steps[i].descends;
    if (number(&places, root, &next) == 0 &&
        json_path_select(root, path, path->count, &found) == 0) {
        for (size_t i = 0; i < found.count; i++) {
            uint64_t place = 0;
            MUST(map64_get(&places, (uint64_t)(uintptr_t)found.items[i].node, &place));
            MUST(descends || place > last);
            last = place;
        }
    }
    json_matches_release(&found);
    map64_release(&places);
}

static void remove_all(struct heap *heap, struct json_node *root, const struct json_path *path)
{
    struct json_matches found = {0};
    if (path->count && json_path_select(root, path, path->count, &found) == 0)
        for (size_t i = found.count; i-- > 0;)
            json_node_remove(heap, found.items[i].parent, found.items[i].index);
    json_matches_release(&found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    const size_t len = nul ? (size_t)(nul - data) : size;
    const char *text = nul ? (const char *)nul + 1 : OWN;
    const size_t text_len = nul ? size - len - 1 : sizeof OWN - 1;
    struct heap heap = {0};
    struct json_path path;
    struct json_node root;
    if (size > 4096) return 0;
    if (json_path_parse((struct kith_str){(const char *)data, len}, &path)) return 0;
    if (json_node_parse(&heap, text, text_len, &root, NULL)) return 0;
    check(&root, &path);
    remove_all(&heap, &root, &path);
    json_node_release(&heap, &root);
    MUST(heap_used(&heap) == 0);
    return 0;
}
