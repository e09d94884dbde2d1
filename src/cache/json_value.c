/* See json_value.h. Building and changing; the text form is in json_write.c. */
#include "cache/json_value.h"

#include <string.h>

#include "base/map.h"

#define LOOK_UP_MIN 16u /* members from where a map finds doubles while a text is read */
#define FORM_VERSION 1u
#define NO_NODE UINT8_MAX /* the kind of a child that was dropped */

/* ---- releasing, copying ---- */

struct json_node *json_node_child(const struct json_node *node, uint32_t index)
{
    if (node->kind == JSON_ARRAY) return &node->items[index];
    return &node->members[index].value;
}

void json_node_release(struct heap *heap, struct json_node *node)
{
    for (uint32_t i = 0; i < json_node_children(node); i++) {
        json_node_release(heap, json_node_child(node, i));
        if (node->kind == JSON_OBJECT) heap_free(heap, node->members[i].name);
    }
    if (node->kind == JSON_STRING) heap_free(heap, node->text);
    if (node->kind == JSON_ARRAY) heap_free(heap, node->items);
    if (node->kind == JSON_OBJECT) heap_free(heap, node->members);
    *node = (struct json_node){.kind = JSON_NULL};
}

unsigned json_node_depth(const struct json_node *node)
{
    unsigned deepest = 0;
    for (uint32_t i = 0; i < json_node_children(node); i++) {
        const unsigned depth = json_node_depth(json_node_child(node, i));
        if (depth > deepest) deepest = depth;
    }
    return deepest + (node->kind == JSON_ARRAY || node->kind == JSON_OBJECT);
}

static char *copy_bytes(struct heap *heap, const char *data, size_t len)
{
    char *bytes = len <= UINT32_MAX ? heap_alloc(heap, len ? len : 1) : NULL;
    if (bytes && len) memcpy(bytes, data, len);
    return bytes;
}

static int set_text(struct heap *heap, const char *data, size_t len, struct json_node *out)
{
    char *text = copy_bytes(heap, data, len);
    if (!text) return KITH_ENOMEM;
    *out = (struct json_node){.kind = JSON_STRING, .count = (uint32_t)len, .text = text};
    return 0;
}

int json_node_copy(struct heap *heap, const struct json_node *from, struct json_node *out)
{
    if (from->kind == JSON_STRING) return set_text(heap, from->text, from->count, out);
    struct json_node copy = *from;
    if (from->kind != JSON_ARRAY && from->kind != JSON_OBJECT) {
        *out = copy;
        return 0;
    }
    copy = (struct json_node){.kind = from->kind};
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < from->count; i++) {
        struct json_node child;
        rc = json_node_copy(heap, json_node_child(from, i), &child);
        if (rc) break;
        rc = from->kind == JSON_ARRAY
                 ? json_node_append(heap, &copy, &child)
                 : json_node_put(heap, &copy,
                                 (struct kith_str){from->members[i].name,
                                                   from->members[i].name_len},
                                 &child);
        if (rc) json_node_release(heap, &child);
    }
    if (rc) json_node_release(heap, &copy);
    else *out = copy;
    return rc;
}

static bool objects_equal(const struct json_node *a, const struct json_node *b);

bool json_node_equal(const struct json_node *a, const struct json_node *b)
{
    const bool numbers = (a->kind == JSON_INT || a->kind == JSON_DOUBLE) &&
                         (b->kind == JSON_INT || b->kind == JSON_DOUBLE);
    if (a->kind != b->kind && numbers) {
        const double x = a->kind == JSON_INT ? (double)a->integer : a->number;
        const double y = b->kind == JSON_INT ? (double)b->integer : b->number;
        return !(x < y) && !(x > y);
    }
    if (a->kind != b->kind) return false;
    if (a->kind == JSON_NULL) return true;
    if (a->kind == JSON_BOOL) return a->boolean == b->boolean;
    if (a->kind == JSON_INT) return a->integer == b->integer;
    if (a->kind == JSON_DOUBLE) return !(a->number < b->number) && !(a->number > b->number);
    if (a->count != b->count) return false;
    if (a->kind == JSON_STRING) return !a->count || memcmp(a->text, b->text, a->count) == 0;
    if (a->kind == JSON_OBJECT) return objects_equal(a, b);
    for (uint32_t i = 0; i < a->count; i++)
        if (!json_node_equal(&a->items[i], &b->items[i])) return false;
    return true;
}

/* ---- children ---- */

static int grow(struct heap *heap, struct json_node *node, size_t item)
{
    if (node->count < node->cap) return 0;
    if (node->cap > UINT32_MAX / 2) return KITH_ENOMEM;
    const uint32_t cap = node->cap ? node->cap * 2 : 2;
    void *old = node->kind == JSON_ARRAY ? (void *)node->items : (void *)node->members;
    void *block = heap_realloc(heap, old, cap * item);
    if (!block) return KITH_ENOMEM;
    if (node->kind == JSON_ARRAY) node->items = block;
    else node->members = block;
    node->cap = cap;
    return 0;
}

size_t json_node_growth(const struct json_node *array, size_t more)
{
    size_t cap = array->cap;
    while (cap < array->count + more) cap = cap ? cap * 2 : 2;
    return (cap - array->cap) * sizeof *array->items;
}

int json_node_append(struct heap *heap, struct json_node *array, struct json_node *value)
{
    if (grow(heap, array, sizeof *array->items) != 0) return KITH_ENOMEM;
    array->items[array->count++] = *value;
    return 0;
}

uint32_t json_node_find(const struct json_node *object, struct kith_str name)
{
    for (uint32_t i = 0; i < object->count; i++) {
        const struct json_member *at = &object->members[i];
        if (at->name_len == name.len && memcmp(at->name, name.data, name.len) == 0) return i;
    }
    return UINT32_MAX;
}

int json_node_put(struct heap *heap, struct json_node *object, struct kith_str name,
                  struct json_node *value)
{
    if (grow(heap, object, sizeof *object->members) != 0) return KITH_ENOMEM;
    char *copy = copy_bytes(heap, name.data, name.len);
    if (!copy) return KITH_ENOMEM;
    object->members[object->count++] =
        (struct json_member){.name = copy, .name_len = (uint32_t)name.len, .value = *value};
    return 0;
}

void json_node_remove(struct heap *heap, struct json_node *container, uint32_t index)
{
    const uint32_t behind = container->count - index - 1;
    json_node_release(heap, json_node_child(container, index));
    if (container->kind == JSON_ARRAY) {
        memmove(container->items + index, container->items + index + 1,
                behind * sizeof *container->items);
    } else {
        heap_free(heap, container->members[index].name);
        memmove(container->members + index, container->members + index + 1,
                behind * sizeof *container->members);
    }
    container->count--;
}

void json_node_drop(struct heap *heap, struct json_node *container, uint32_t index)
{
    struct json_node *child = json_node_child(container, index);
    json_node_release(heap, child);
    child->kind = NO_NODE;
    if (container->kind != JSON_OBJECT) return;
    heap_free(heap, container->members[index].name);
    container->members[index].name = NULL;
    container->members[index].name_len = UINT32_MAX; /* like no other */
}

void json_node_pack(struct json_node *container)
{
    uint32_t to = 0;
    for (uint32_t i = 0; i < container->count; i++) {
        if (json_node_child(container, i)->kind == NO_NODE) continue;
        if (container->kind == JSON_ARRAY) container->items[to++] = container->items[i];
        else container->members[to++] = container->members[i];
    }
    container->count = to;
}

/* ---- two objects ---- */

/* The places of the members that an object has now, for who looks up as many; a few are found one
 * by one. */
struct places {
    const struct json_node *object; /* may get more */
    uint32_t count;
    struct map map;
    bool mapped;
};

static int places_init(struct places *places, const struct json_node *object, uint32_t asked)
{
    *places = (struct places){.object = object, .count = object->count};
    map_init(&places->map);
    if (object->count < LOOK_UP_MIN || asked < LOOK_UP_MIN) return 0;
    places->mapped = true;
    for (uint32_t i = 0; i < object->count; i++) {
        const struct json_member *at = &object->members[i];
        if (map_put(&places->map, at->name, at->name_len, i) != 0) return KITH_ENOMEM;
    }
    return 0;
}

static bool same_name(const struct json_member *a, const struct json_member *b)
{
    return a->name_len == b->name_len && memcmp(a->name, b->name, a->name_len) == 0;
}

static uint32_t place_of(const struct places *places, const struct json_member *member)
{
    uintptr_t place = 0;
    if (places->mapped)
        return map_get(&places->map, member->name, member->name_len, &place) ? (uint32_t)place
                                                                             : UINT32_MAX;
    while (place < places->count && !same_name(&places->object->members[place], member)) place++;
    return place < places->count ? (uint32_t)place : UINT32_MAX;
}

/* The map is made at the first member that stands elsewhere: mostly there is none. Without memory
 * for it they are looked for one by one. */
static bool objects_equal(const struct json_node *a, const struct json_node *b)
{
    struct places places = {.object = b, .count = b->count};
    bool equal = true;
    for (uint32_t i = 0; equal && i < a->count; i++) {
        uint32_t at = i;
        if (!same_name(&a->members[i], &b->members[i])) {
            if (!places.map.count && places_init(&places, b, a->count) != 0) places.mapped = false;
            at = place_of(&places, &a->members[i]);
        }
        equal = at != UINT32_MAX &&
                json_node_equal(json_node_child(a, i), json_node_child(b, at));
    }
    map_release(&places.map);
    return equal;
}

static int merge_member(struct heap *heap, struct json_node *node, const struct places *places,
                        const struct json_member *patch)
{
    const struct kith_str name = {patch->name, patch->name_len};
    uint32_t at = place_of(places, patch);
    if (patch->value.kind == JSON_NULL) {
        if (at != UINT32_MAX) json_node_drop(heap, node, at);
        return 0;
    }
    if (at == UINT32_MAX) {
        struct json_node empty = {.kind = JSON_NULL};
        const int rc = json_node_put(heap, node, name, &empty);
        if (rc) return rc;
        at = node->count - 1;
    }
    return json_node_merge(heap, &node->members[at].value, &patch->value);
}

int json_node_merge(struct heap *heap, struct json_node *node, const struct json_node *patch)
{
    if (patch->kind != JSON_OBJECT) {
        struct json_node copy;
        const int rc = json_node_copy(heap, patch, &copy);
        if (rc) return rc;
        json_node_release(heap, node);
        *node = copy;
        return 0;
    }
    if (node->kind != JSON_OBJECT) {
        json_node_release(heap, node);
        *node = (struct json_node){.kind = JSON_OBJECT};
    }
    struct places places; /* names of a patch differ: who is added is not asked for */
    int rc = places_init(&places, node, patch->count);
    for (uint32_t i = 0; rc == 0 && i < patch->count; i++)
        rc = merge_member(heap, node, &places, &patch->members[i]);
    map_release(&places.map);
    json_node_pack(node);
    return rc;
}

/* ---- from text ---- */

struct reading {
    struct heap *heap;
    struct buffer words; /* of strings with escapes */
};

static int read_node(struct reading *reading, const struct json_value *value,
                     struct json_node *out);

/* Borrows from the text, or from reading->words. */
static int plain_text(struct reading *reading, const struct json_value *value,
                      struct kith_str *out)
{
    *out = (struct kith_str){value->text + 1, value->len - 2};
    if (!value->has_escapes) return 0;
    buffer_clear(&reading->words);
    const int rc = json_unescape(value, &reading->words);
    *out = (struct kith_str){(const char *)reading->words.data, reading->words.len};
    return rc ? rc : buffer_failed(&reading->words) ? KITH_ENOMEM : 0;
}

/* The place of a member of this name, among those read so far. */
static uint32_t find_double(struct map *seen, const struct json_node *object, struct kith_str name)
{
    uintptr_t place;
    if (object->count < LOOK_UP_MIN) return json_node_find(object, name);
    return map_get(seen, name.data, name.len, &place) ? (uint32_t)place : UINT32_MAX;
}

static int note_member(struct map *seen, const struct json_node *object)
{
    if (object->count < LOOK_UP_MIN) return 0;
    uint32_t from = object->count == LOOK_UP_MIN ? 0 : object->count - 1;
    for (; from < object->count; from++) {
        const struct json_member *member = &object->members[from];
        if (map_put(seen, member->name, member->name_len, from) != 0) return KITH_ENOMEM;
    }
    return 0;
}

static int read_member(struct reading *reading, struct map *seen, const struct json_value *key,
                       const struct json_value *value, struct json_node *object)
{
    struct json_node child;
    struct kith_str name;
    int rc = read_node(reading, value, &child);
    if (rc) return rc;
    rc = plain_text(reading, key, &name);
    const uint32_t at = rc ? UINT32_MAX : find_double(seen, object, name);
    if (rc == 0 && at != UINT32_MAX) {
        json_node_release(reading->heap, &object->members[at].value);
        object->members[at].value = child;
        return 0;
    }
    if (rc == 0) rc = json_node_put(reading->heap, object, name, &child);
    if (rc) json_node_release(reading->heap, &child);
    return rc ? rc : note_member(seen, object);
}

static int read_children(struct reading *reading, const struct json_value *value,
                         struct json_node *out)
{
    struct json_iter iter;
    struct json_value key, item;
    struct map seen;
    int rc;
    map_init(&seen);
    *out = (struct json_node){.kind = (uint8_t)value->kind};
    json_iter_init(&iter, value);
    while ((rc = json_iter_next(&iter, &key, &item)) > 0) {
        if (value->kind == JSON_OBJECT) {
            rc = read_member(reading, &seen, &key, &item, out);
        } else {
            struct json_node child;
            rc = read_node(reading, &item, &child);
            if (rc) break;
            rc = json_node_append(reading->heap, out, &child);
            if (rc) json_node_release(reading->heap, &child);
        }
        if (rc) break;
    }
    map_release(&seen);
    if (rc) json_node_release(reading->heap, out);
    return rc;
}

static int read_node(struct reading *reading, const struct json_value *value,
                     struct json_node *out)
{
    struct kith_str text;
    int rc;
    switch (value->kind) {
    case JSON_ARRAY:
    case JSON_OBJECT: return read_children(reading, value, out);
    case JSON_STRING:
        rc = plain_text(reading, value, &text);
        return rc ? rc : set_text(reading->heap, text.data, text.len, out);
    case JSON_INT: *out = (struct json_node){.kind = JSON_INT, .integer = value->integer}; break;
    case JSON_DOUBLE:
        *out = (struct json_node){.kind = JSON_DOUBLE, .number = value->number};
        break;
    case JSON_BOOL: *out = (struct json_node){.kind = JSON_BOOL, .boolean = value->boolean}; break;
    default: *out = (struct json_node){.kind = JSON_NULL};
    }
    return 0;
}

int json_node_parse(struct heap *heap, const char *text, size_t len, struct json_node *out,
                    struct kith_error *err)
{
    struct reading reading = {.heap = heap};
    struct json_value value;
    size_t used;
    int rc = json_validate(text, len, err);
    if (rc == 0) rc = json_read(text, len, &value, &used, err);
    if (rc) return rc;
    buffer_init(&reading.words);
    rc = read_node(&reading, &value, out);
    buffer_release(&reading.words);
    return rc;
}

/* ---- as a value ---- */

struct json_tree *json_tree_new(struct heap *heap, struct json_node *root)
{
    struct json_tree *tree = heap_alloc(heap, sizeof *tree);
    if (tree) *tree = (struct json_tree){heap, *root};
    else json_node_release(heap, root);
    return tree;
}

void json_tree_free(struct json_tree *tree)
{
    struct heap *heap = tree->heap;
    json_node_release(heap, &tree->root);
    heap_free(heap, tree);
}

static void value_free(void *value) { json_tree_free(value); }

static size_t node_parts(const struct json_node *node)
{
    size_t parts = 1;
    for (uint32_t i = 0; i < json_node_children(node); i++)
        parts += node_parts(json_node_child(node, i)) + (node->kind == JSON_OBJECT);
    return parts;
}

static size_t value_parts(const void *value)
{
    return node_parts(&((const struct json_tree *)value)->root);
}

size_t json_node_bytes(const struct json_node *node)
{
    size_t bytes = 0;
    if (node->kind == JSON_STRING) bytes = heap_size(node->text);
    if (node->kind == JSON_ARRAY) bytes = heap_size(node->items);
    if (node->kind == JSON_OBJECT) bytes = heap_size(node->members);
    for (uint32_t i = 0; i < json_node_children(node); i++) {
        bytes += json_node_bytes(json_node_child(node, i));
        if (node->kind == JSON_OBJECT) bytes += heap_size(node->members[i].name);
    }
    return bytes;
}

static size_t value_bytes(const void *value)
{
    return heap_size(value) + json_node_bytes(&((const struct json_tree *)value)->root);
}

static const char *value_encoding(const struct cache_settings *settings, const void *value)
{
    (void)settings;
    (void)value;
    return "raw";
}

static void value_encode(const void *value, struct buffer *out)
{
    struct buffer text;
    buffer_init(&text);
    json_node_write(&((const struct json_tree *)value)->root, NULL, &text);
    buffer_put_u8(out, FORM_VERSION);
    buffer_put_bytes(out, text.data, text.len);
    if (buffer_failed(&text)) out->failed = true;
    buffer_release(&text);
}

static int value_decode(struct heap *heap, const struct cache_settings *settings,
                        struct cursor *in, void **out)
{
    (void)settings;
    struct json_node root;
    size_t len = 0;
    const uint8_t version = cursor_u8(in);
    const uint8_t *text = cursor_bytes(in, &len);
    if (!text || version != FORM_VERSION) return KITH_ECORRUPT;
    const int rc = json_node_parse(heap, (const char *)text, len, &root, NULL);
    if (rc) return rc == KITH_ENOMEM ? rc : KITH_ECORRUPT;
    *out = json_tree_new(heap, &root);
    return *out ? 0 : KITH_ENOMEM;
}

const struct value_ops json_value_ops = {
    .name = "ReJSON-RL",
    .free = value_free,
    .parts = value_parts,
    .bytes = value_bytes,
    .encoding = value_encoding,
    .encode = value_encode,
    .decode = value_decode,
};
