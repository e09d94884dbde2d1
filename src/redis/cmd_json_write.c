/*
 * Commands that change JSON documents. What a command needs is made first, then the document is
 * changed by steps that cannot fail; from the last selected value to the first, because a value may
 * lie inside another one that is selected too (json_path.h).
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/cmd_json.h"
#include "redis/redis_internal.h"

#define GROWTH_ENOUGH (SIZE_MAX / 4) /* more is refused by any limit */
#define TOO_DEEP "ERR the document would be nested too deep"

static bool read_value(struct redis_call *call, struct kith_str text, struct json_node *out)
{
    struct kith_error err = {0};
    const int rc = json_node_parse(cache_heap(call->cache), text.data, text.len, out, &err);
    if (rc == KITH_ENOMEM) call_no_memory(call);
    else if (rc) call_errorf(call, "ERR invalid JSON: %s", err.text);
    return rc == 0;
}

static bool add_document(struct redis_call *call, struct kith_str key, struct json_node *root)
{
    struct json_tree *tree = json_tree_new(cache_heap(call->cache), root);
    if (tree && cache_add(call->cache, call->db, key, VALUE_JSON, tree, CACHE_NO_DEADLINE,
                          NULL) == 0)
        return true;
    call_no_memory(call);
    return false;
}

bool json_copies_fit(struct redis_call *call, const struct json_node *value, size_t count)
{
    size_t bytes;
    if (count <= 1) return true;
    if (!size_mul(json_node_bytes(value) + sizeof *value, count, &bytes)) bytes = SIZE_MAX;
    return call_may_grow(call, bytes);
}

/* ---- JSON.SET ---- */

enum set_result { SET_DONE, SET_NOTHING, SET_FAILED };

/* A copy of value for each of the selected places; the first takes value itself. NULL: no memory,
 * and value is released. */
static struct json_node *copies_of(struct heap *heap, struct json_node *value, size_t count)
{
    struct json_node *copies = mem_alloc_array(count, sizeof *copies);
    size_t made = 1;
    if (copies) copies[0] = *value;
    for (; copies && made < count; made++)
        if (json_node_copy(heap, &copies[0], &copies[made]) != 0) break;
    if (made == count && copies) return copies;
    if (!copies) json_node_release(heap, value);
    for (size_t i = 0; copies && i < made; i++) json_node_release(heap, &copies[i]);
    mem_free(copies);
    return NULL;
}

static bool fits(const struct json_matches *found, unsigned more)
{
    for (size_t i = 0; i < found->count; i++)
        if (found->items[i].depth + more > JSON_DEPTH_MAX) return false;
    return true;
}

/* A value in each of the places, or (more: 1) below it. False: answered. */
static bool may_place(struct redis_call *call, const struct json_matches *found,
                      const struct json_node *value, unsigned more)
{
    if (fits(found, json_node_depth(value) + more))
        return json_copies_fit(call, value, found->count);
    call_error(call, TOO_DEEP);
    return false;
}

static int replace_all(struct heap *heap, const struct json_matches *found,
                       struct json_node *value)
{
    struct json_node *copies = copies_of(heap, value, found->count);
    if (!copies) return KITH_ENOMEM;
    for (size_t i = found->count; i-- > 0;) {
        json_node_release(heap, found->items[i].node);
        *found->items[i].node = copies[i];
    }
    mem_free(copies);
    return 0;
}

/* A new member in every object among the parents. */
static int add_members(struct heap *heap, const struct json_matches *parents, struct kith_str name,
                       struct json_node *value, size_t *added)
{
    size_t objects = 0;
    for (size_t i = 0; i < parents->count; i++)
        objects += parents->items[i].node->kind == JSON_OBJECT;
    *added = 0;
    if (objects == 0) {
        json_node_release(heap, value);
        return 0;
    }
    struct json_node *copies = copies_of(heap, value, objects);
    int rc = copies ? 0 : KITH_ENOMEM;
    for (size_t i = parents->count; rc == 0 && i-- > 0;) { /* a put moves what lies inside */
        struct json_node *object = parents->items[i].node;
        if (object->kind != JSON_OBJECT) continue;
        rc = json_node_put(heap, object, name, &copies[*added]);
        *added += rc == 0;
    }
    for (size_t i = *added; rc && copies && i < objects; i++) json_node_release(heap, &copies[i]);
    mem_free(copies);
    return *added ? 0 : rc;
}

static enum set_result no_memory(struct redis_call *call)
{
    call_no_memory(call);
    return SET_FAILED;
}

/* The path selects nothing: its last step may name a new member. Takes value. */
static enum set_result set_new(struct redis_call *call, struct json_tree *tree,
                               const struct json_path *path, struct json_node *value)
{
    const struct json_path_step *last = &path->steps[path->count - 1];
    struct json_matches parents = {0};
    size_t added = 0;
    if (last->kind != STEP_MEMBER || last->descends) {
        json_node_release(tree->heap, value);
        return SET_NOTHING;
    }
    int rc = json_path_select(&tree->root, path, path->count - 1, &parents);
    if (rc) {
        json_node_release(tree->heap, value);
        json_select_failed(call, rc);
        return SET_FAILED;
    }
    if (may_place(call, &parents, value, 1))
        rc = add_members(tree->heap, &parents, last->name, value, &added);
    else json_node_release(tree->heap, value);
    json_matches_release(&parents);
    if (call->failed) return SET_FAILED;
    if (rc) return no_memory(call);
    return added ? SET_DONE : SET_NOTHING;
}

enum { IF_NEW = 1, IF_THERE = 2 };

static enum set_result set_path(struct redis_call *call, struct json_tree *tree,
                                const struct json_path *path, struct json_node *value,
                                unsigned when)
{
    struct json_matches found = {0};
    int rc = json_path_select(&tree->root, path, path->count, &found);
    if (rc) {
        json_node_release(tree->heap, value);
        json_select_failed(call, rc);
        return SET_FAILED;
    }
    const size_t count = found.count;
    const bool refused = count ? when == IF_NEW : when == IF_THERE;
    if (count == 0 && !refused) return set_new(call, tree, path, value);
    if (!refused && may_place(call, &found, value, 0)) rc = replace_all(tree->heap, &found, value);
    else json_node_release(tree->heap, value);
    json_matches_release(&found);
    if (call->failed) return SET_FAILED;
    if (rc) return no_memory(call);
    return refused ? SET_NOTHING : SET_DONE;
}

static enum set_result set_document(struct redis_call *call, const struct kith_str *words,
                                    unsigned when)
{
    struct json_path path;
    struct json_node value;
    if (!json_path_of(call, words[1], &path)) return SET_FAILED;
    struct entry *entry = call_write(call, words[0], VALUE_JSON);
    if (call->failed) return SET_FAILED;
    if (!entry && path.count > 0) {
        call_error(call, "ERR new objects must be created at the root");
        return SET_FAILED;
    }
    if (!read_value(call, words[2], &value)) return SET_FAILED;
    enum set_result result = SET_DONE;
    if (entry) {
        result = set_path(call, entry_value(entry), &path, &value, when);
    } else if (when == IF_THERE) {
        json_node_release(cache_heap(call->cache), &value);
        result = SET_NOTHING;
    } else if (!add_document(call, words[0], &value)) {
        result = SET_FAILED;
    }
    if (result == SET_DONE) call_changed(call, words[0], EVENT_MODULE, "json.set");
    return result;
}

void run_json_set(struct redis_call *call)
{
    unsigned when = 0;
    if (call->argc == 5 && call_is(call, 4, "nx")) when = IF_NEW;
    else if (call->argc == 5 && call_is(call, 4, "xx")) when = IF_THERE;
    else if (call->argc > 4) {
        call_syntax_error(call);
        return;
    }
    const enum set_result result = set_document(call, call->argv + 1, when);
    if (result == SET_DONE) resp_ok(call->reply);
    else if (result == SET_NOTHING) resp_null(call->reply);
}

/* Whether the triple can be set; answers what stands against it. */
static bool check_triple(struct redis_call *call, const struct kith_str *words)
{
    struct json_path path;
    struct json_node value;
    if (!json_path_of(call, words[1], &path)) return false;
    const struct entry *entry = call_read(call, words[0], VALUE_JSON);
    if (call->failed) return false;
    if (!entry && path.count > 0) {
        call_error(call, "ERR new objects must be created at the root");
        return false;
    }
    if (!read_value(call, words[2], &value)) return false;
    json_node_release(cache_heap(call->cache), &value);
    return true;
}

void run_json_mset(struct redis_call *call)
{
    if (call->argc % 3 != 1) {
        call_arity_error(call);
        return;
    }
    for (size_t i = 1; i < call->argc; i += 3)
        if (!check_triple(call, call->argv + i)) return;
    for (size_t i = 1; i < call->argc; i += 3)
        if (set_document(call, call->argv + i, 0) == SET_FAILED) return;
    resp_ok(call->reply);
}

/* ---- JSON.MERGE ---- */

/* Into a copy, which then takes the document's place. */
static bool merge_copy(struct redis_call *call, struct json_tree *tree,
                       const struct json_path *path, const struct json_node *patch, bool *changed)
{
    struct json_matches found = {0};
    struct json_node copy;
    int rc = json_node_copy(tree->heap, &tree->root, &copy);
    if (rc) {
        call_no_memory(call);
        return false;
    }
    rc = json_path_select(&copy, path, path->count, &found);
    if (rc) {
        json_node_release(tree->heap, &copy);
        json_select_failed(call, rc);
        return false;
    }
    if (!json_copies_fit(call, patch, found.count)) {
        json_matches_release(&found);
        json_node_release(tree->heap, &copy);
        return false;
    }
    for (size_t i = found.count; rc == 0 && i-- > 0;)
        rc = json_node_merge(tree->heap, found.items[i].node, patch);
    *changed = found.count > 0;
    json_matches_release(&found);
    if (rc == 0 && json_node_depth(&copy) > JSON_DEPTH_MAX) rc = KITH_ELIMIT;
    if (rc == KITH_ELIMIT) call_error(call, TOO_DEEP);
    else if (rc) call_no_memory(call);
    if (rc) {
        json_node_release(tree->heap, &copy);
        return false;
    }
    json_node_release(tree->heap, &tree->root);
    tree->root = copy;
    return true;
}

/* A new document, or a new member: nulls inside a patch make nothing. */
static bool clean_value(struct redis_call *call, const struct json_node *patch,
                        struct json_node *out)
{
    *out = (struct json_node){.kind = JSON_NULL};
    if (json_node_merge(cache_heap(call->cache), out, patch) == 0) return true;
    json_node_release(cache_heap(call->cache), out);
    call_no_memory(call);
    return false;
}

static bool merge_into(struct redis_call *call, struct json_tree *tree,
                       const struct json_path *path, const struct json_node *patch)
{
    bool changed = false;
    struct json_node value;
    if (!merge_copy(call, tree, path, patch, &changed)) return false;
    if (changed || path->count == 0) return true;
    if (!clean_value(call, patch, &value)) return false;
    const enum set_result result = set_new(call, tree, path, &value);
    if (result == SET_NOTHING) call_error(call, "ERR the path does not exist");
    return result == SET_DONE;
}

void run_json_merge(struct redis_call *call)
{
    struct json_path path;
    struct json_node patch, value;
    if (!json_path_of(call, call->argv[2], &path)) return;
    struct entry *entry = call_write(call, call->argv[1], VALUE_JSON);
    if (call->failed) return;
    if (!entry && path.count > 0) {
        call_error(call, "ERR new objects must be created at the root");
        return;
    }
    if (!read_value(call, call->argv[3], &patch)) return;
    const bool done = entry ? merge_into(call, entry_value(entry), &path, &patch)
                            : clean_value(call, &patch, &value) &&
                                  add_document(call, call->argv[1], &value);
    json_node_release(cache_heap(call->cache), &patch);
    if (!done) return;
    call_changed(call, call->argv[1], EVENT_MODULE, "json.merge");
    resp_ok(call->reply);
}

/* ---- JSON.DEL ---- */

void run_json_del(struct redis_call *call)
{
    struct json_path path = {.legacy = true};
    struct json_matches found = {0};
    if (call->argc > 3) {
        call_arity_error(call);
        return;
    }
    if (call->argc == 3 && !json_path_of(call, call->argv[2], &path)) return;
    struct entry *entry = call_write(call, call->argv[1], VALUE_JSON);
    if (call->failed) return;
    if (!entry) {
        resp_integer(call->reply, 0);
        return;
    }
    struct json_tree *tree = entry_value(entry);
    if (path.count > 0) {
        if (!json_select(call, tree, &path, &found)) return;
        for (size_t i = found.count; i-- > 0;) { /* brothers stand side by side */
            struct json_node *parent = found.items[i].parent;
            json_node_drop(tree->heap, parent, found.items[i].index);
            if (i == 0 || found.items[i - 1].parent != parent) json_node_pack(parent);
        }
    }
    if (path.count == 0) cache_remove(call->cache, call->db, entry, REMOVED_DELETED);
    if (path.count == 0 || found.count)
        call_changed(call, call->argv[1], EVENT_MODULE, "json.del");
    resp_integer(call->reply, path.count ? (int64_t)found.count : 1);
    json_matches_release(&found);
}

/* ---- JSON.NUMINCRBY, JSON.NUMMULTBY ---- */

static bool is_number(const struct json_node *node)
{
    return node->kind == JSON_INT || node->kind == JSON_DOUBLE;
}

static double number_of(const struct json_node *node)
{
    return node->kind == JSON_INT ? (double)node->integer : node->number;
}

static bool result_of(bool times, const struct json_node *a, const struct json_node *b,
                      struct json_node *out)
{
    int64_t whole;
    if (a->kind == JSON_INT && b->kind == JSON_INT &&
        !(times ? __builtin_mul_overflow(a->integer, b->integer, &whole)
                : __builtin_add_overflow(a->integer, b->integer, &whole))) {
        *out = (struct json_node){.kind = JSON_INT, .integer = whole};
        return true;
    }
    const double x = number_of(a), y = number_of(b);
    *out = (struct json_node){.kind = JSON_DOUBLE, .number = times ? x * y : x + y};
    return isfinite(out->number);
}

static void answer_number(struct resp *reply, const struct json_node *node)
{
    if (node->kind == JSON_INT) resp_integer(reply, node->integer);
    else if (node->kind == JSON_DOUBLE) resp_double(reply, node->number);
    else resp_null(reply);
}

static void answer_numbers(struct redis_call *call, const struct json_matches *found, bool legacy)
{
    struct buffer out;
    const struct json_node null = {.kind = JSON_NULL};
    if (call->reply->version >= 3 && !legacy) {
        resp_array(call->reply, found->count);
        for (size_t i = 0; i < found->count; i++)
            answer_number(call->reply, found->items[i].node);
        return;
    }
    buffer_init(&out);
    if (!legacy) buffer_put_u8(&out, '[');
    for (size_t i = 0; i < (legacy ? 1 : found->count); i++) {
        const struct json_node *node = found->items[i].node;
        if (i) buffer_put_u8(&out, ',');
        json_node_write(is_number(node) ? node : &null, NULL, &out);
    }
    if (!legacy) buffer_put_u8(&out, ']');
    if (buffer_failed(&out)) call->reply->out->failed = true;
    resp_bulk(call->reply, out.data, out.len);
    buffer_release(&out);
}

/* Either every result can be made, or nothing is changed. */
static void change_numbers(struct redis_call *call, const struct json_path *path, bool times,
                           const struct json_matches *found, const struct json_node *by)
{
    struct json_node result;
    size_t numbers = 0;
    for (size_t i = 0; i < found->count; i++) {
        if (!is_number(found->items[i].node)) continue;
        numbers++;
        if (!result_of(times, found->items[i].node, by, &result)) {
            call_error(call, "ERR result is not a number or an infinity");
            return;
        }
    }
    if (path->legacy && found->count == 0) {
        json_no_path(call, call->argv[2]);
        return;
    }
    if (path->legacy && !is_number(found->items[0].node)) {
        call_errorf(call, "WRONGTYPE wrong type of path value - expected a number but found %s",
                    json_kind_name(found->items[0].node));
        return;
    }
    for (size_t i = 0; i < found->count; i++)
        if (is_number(found->items[i].node) && result_of(times, found->items[i].node, by, &result))
            *found->items[i].node = result;
    if (numbers)
        call_changed(call, call->argv[1], EVENT_MODULE,
                     times ? "json.nummultby" : "json.numincrby");
    answer_numbers(call, found, path->legacy);
}

static void run_on_numbers(struct redis_call *call, bool times)
{
    struct json_path path;
    struct json_matches found = {0};
    struct json_node by;
    if (!json_path_of(call, call->argv[2], &path)) return;
    struct entry *entry = call_write(call, call->argv[1], VALUE_JSON);
    if (call->failed) return;
    if (!entry) {
        call_error(call, JSON_NOT_THERE);
        return;
    }
    struct json_tree *tree = entry_value(entry);
    if (!read_value(call, call->argv[3], &by)) return;
    if (!is_number(&by)) {
        json_node_release(tree->heap, &by);
        call_error(call, "ERR expected a number");
        return;
    }
    if (!json_select(call, tree, &path, &found)) return;
    change_numbers(call, &path, times, &found, &by);
    json_matches_release(&found);
}

void run_json_numincrby(struct redis_call *call) { run_on_numbers(call, false); }
void run_json_nummultby(struct redis_call *call) { run_on_numbers(call, true); }

/* ---- JSON.ARRAPPEND ---- */

bool json_values_read(struct redis_call *call, size_t first, struct json_values *out)
{
    const size_t count = call->argc - first;
    *out = (struct json_values){.items = mem_zalloc_array(count, sizeof *out->items)};
    if (!out->items) {
        call_no_memory(call);
        return false;
    }
    for (; out->count < count; out->count++) {
        struct json_node *node = &out->items[out->count];
        if (!read_value(call, call->argv[first + out->count], node)) {
            json_values_release(call, out);
            return false;
        }
        if (out->depth < json_node_depth(node)) out->depth = json_node_depth(node);
    }
    return true;
}

bool json_value_read(struct redis_call *call, size_t at, struct json_values *out)
{
    *out = (struct json_values){.items = mem_zalloc(sizeof *out->items), .count = 1};
    if (!out->items) call_no_memory(call);
    if (out->items && read_value(call, call->argv[at], out->items)) return true;
    mem_free(out->items);
    return false;
}

void json_values_release(struct redis_call *call, struct json_values *values)
{
    for (size_t i = 0; i < values->count; i++)
        json_node_release(cache_heap(call->cache), &values->items[i]);
    mem_free(values->items);
}

bool json_values_fit(struct redis_call *call, const struct json_matches *found,
                     const struct json_values *values)
{
    size_t bytes = 0, all = 0;
    if (!fits(found, values->depth + 1)) {
        call_error(call, TOO_DEEP);
        return false;
    }
    for (size_t i = 0; i < values->count; i++) bytes += json_node_bytes(&values->items[i]);
    for (size_t i = 0; i < found->count && all <= GROWTH_ENOUGH; i++)
        if (found->items[i].node->kind == JSON_ARRAY)
            all += bytes + json_node_growth(found->items[i].node, values->count);
    return call_may_grow(call, all);
}

bool json_append_values(struct redis_call *call, struct json_tree *tree, struct json_node *array,
                        const struct json_node *values, size_t count)
{
    const uint32_t before = array->count;
    for (size_t i = 0; i < count; i++) {
        struct json_node copy;
        int rc = json_node_copy(tree->heap, &values[i], &copy);
        if (rc == 0) rc = json_node_append(tree->heap, array, &copy);
        else copy = (struct json_node){.kind = JSON_NULL};
        if (rc == 0) continue;
        json_node_release(tree->heap, &copy);
        while (array->count > before) json_node_remove(tree->heap, array, array->count - 1);
        call_no_memory(call);
        return false;
    }
    return true;
}

static void append(struct redis_call *call, struct json_edit *edit,
                   const struct json_values *values)
{
    size_t arrays = 0;
    for (size_t i = edit->found.count; i-- > 0;) { /* inner arrays first: appending moves them */
        struct json_match *at = &edit->found.items[i];
        at->index = at->node->kind == JSON_ARRAY && i < json_edit_shown(edit);
        if (!at->index) continue;
        if (!json_append_values(call, edit->tree, at->node, values->items, values->count)) break;
        at->depth = at->node->count;
        arrays++;
    }
    if (arrays) call_changed(call, call->argv[1], EVENT_MODULE, "json.arrappend");
    if (!call->failed) json_edit_answer(call, edit);
}

void run_json_arrappend(struct redis_call *call)
{
    struct json_edit edit;
    struct json_values values;
    if (!json_edit_begin(call, call->argv[2], JSON_ARRAY, &edit)) return;
    if (json_values_read(call, 3, &values)) {
        if (json_values_fit(call, &edit.found, &values)) append(call, &edit, &values);
        json_values_release(call, &values);
    }
    json_matches_release(&edit.found);
}
