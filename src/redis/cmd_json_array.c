/* JSON.ARRINSERT, JSON.ARRINDEX, JSON.ARRPOP, JSON.ARRTRIM. As in cmd_json_write.c, changes go from
 * the last selected value to the first. */
#include <string.h>

#include "base/alloc.h"
#include "redis/cmd_json.h"
#include "redis/redis_internal.h"

/* The document and what the path of argv[2] (or `path`) selects in it; false: answered. */
static bool begin(struct redis_call *call, struct kith_str text, struct json_edit *edit)
{
    *edit = (struct json_edit){.text = text};
    if (!json_path_of(call, text, &edit->path)) return false;
    struct entry *entry = call_write(call, call->argv[1], VALUE_JSON);
    if (call->failed) return false;
    if (!entry) {
        call_error(call, JSON_NOT_THERE);
        return false;
    }
    edit->tree = entry_value(entry);
    return json_select(call, edit->tree, &edit->path, &edit->found);
}

bool json_edit_begin(struct redis_call *call, struct kith_str text, enum json_kind kind,
                     struct json_edit *edit)
{
    if (!begin(call, text, edit)) return false;
    if (!edit->path.legacy) return true;
    const struct json_node *first = edit->found.count ? edit->found.items[0].node : NULL;
    if (first && (kind == JSON_NULL || first->kind == kind)) return true;
    if (!first) json_no_path(call, text);
    else call_errorf(call, "WRONGTYPE wrong type of path value - expected %s but found %s",
                     json_kind_name(&(struct json_node){.kind = (uint8_t)kind}),
                     json_kind_name(first));
    json_matches_release(&edit->found);
    return false;
}

size_t json_edit_shown(const struct json_edit *edit)
{
    return edit->path.legacy ? 1 : edit->found.count;
}

/* What was left in index (1: it was one) and depth (the length that it has now). */
void json_edit_answer(struct redis_call *call, const struct json_edit *edit)
{
    if (!edit->path.legacy) resp_array(call->reply, edit->found.count);
    for (size_t i = 0; i < json_edit_shown(edit); i++) {
        if (edit->found.items[i].index) resp_integer(call->reply, edit->found.items[i].depth);
        else resp_null(call->reply);
    }
}

/* A place in so many items: from the end when negative. */
static int64_t place_in(int64_t place, uint32_t count)
{
    return place < 0 ? place + (int64_t)count : place;
}

/* ---- JSON.ARRINSERT ---- */

static void reverse(struct json_node *items, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        const struct json_node swap = items[i];
        items[i] = items[count - 1 - i];
        items[count - 1 - i] = swap;
    }
}

/* Values that were appended go to `place`: a rotation, which cannot fail. */
static void rotate(struct json_node *array, size_t place, size_t appended)
{
    const size_t before = array->count - appended - place;
    reverse(array->items + place, before);
    reverse(array->items + array->count - appended, appended);
    reverse(array->items + place, before + appended);
}

static bool places_fit(struct redis_call *call, const struct json_edit *edit, int64_t place)
{
    for (size_t i = 0; i < json_edit_shown(edit); i++) {
        const struct json_node *node = edit->found.items[i].node;
        const int64_t at = place_in(place, node->count);
        if (node->kind != JSON_ARRAY || (at >= 0 && at <= (int64_t)node->count)) continue;
        call_error(call, "ERR index out of bounds");
        return false;
    }
    return true;
}

static void insert(struct redis_call *call, struct json_edit *edit, int64_t place,
                   const struct json_node *values, size_t count)
{
    size_t arrays = 0;
    for (size_t i = edit->found.count; i-- > 0;) {
        struct json_match *at = &edit->found.items[i];
        at->index = at->node->kind == JSON_ARRAY && i < json_edit_shown(edit);
        if (!at->index) continue;
        const size_t to = (size_t)place_in(place, at->node->count);
        if (!json_append_values(call, edit->tree, at->node, values, count)) break;
        rotate(at->node, to, count);
        at->depth = at->node->count;
        arrays++;
    }
    if (arrays) call_changed(call, call->argv[1], EVENT_MODULE, "json.arrinsert");
    if (!call->failed) json_edit_answer(call, edit);
}

void run_json_arrinsert(struct redis_call *call)
{
    struct json_edit edit;
    struct json_values values;
    int64_t place;
    if (!call_integer(call, 3, &place)) return;
    if (!json_edit_begin(call, call->argv[2], JSON_ARRAY, &edit)) return;
    if (places_fit(call, &edit, place) && json_values_read(call, 4, &values)) {
        if (json_values_fit(call, &edit.found, &values))
            insert(call, &edit, place, values.items, values.count);
        json_values_release(call, &values);
    }
    json_matches_release(&edit.found);
}

/* ---- JSON.ARRPOP ---- */

static bool pop(struct redis_call *call, struct json_edit *edit, size_t i, int64_t place,
                struct buffer *texts)
{
    struct json_node *node = edit->found.items[i].node;
    struct buffer text;
    buffer_init(&text);
    edit->found.items[i].index = node->kind == JSON_ARRAY && node->count;
    if (!edit->found.items[i].index) return true;
    int64_t at = place_in(place, node->count);
    if (at < 0) at = 0;
    if (at >= (int64_t)node->count) at = (int64_t)node->count - 1;
    json_node_write(&node->items[at], NULL, &text);
    edit->found.items[i].depth = (uint32_t)texts->len;
    buffer_put_bytes(texts, text.data, text.len);
    const bool ok = !buffer_failed(&text) && !buffer_failed(texts);
    buffer_release(&text);
    if (ok) json_node_remove(edit->tree->heap, node, (uint32_t)at);
    else call_no_memory(call);
    return ok;
}

static void answer_popped(struct redis_call *call, const struct json_edit *edit,
                          const struct buffer *texts)
{
    if (!edit->path.legacy) resp_array(call->reply, edit->found.count);
    for (size_t i = 0; i < json_edit_shown(edit); i++) {
        struct cursor in;
        size_t len = 0;
        if (!edit->found.items[i].index) {
            resp_null(call->reply);
            continue;
        }
        const uint32_t from = edit->found.items[i].depth;
        cursor_init(&in, texts->data + from, texts->len - from);
        const void *data = cursor_bytes(&in, &len);
        resp_bulk(call->reply, data, len);
    }
}

void run_json_arrpop(struct redis_call *call)
{
    struct json_edit edit;
    struct buffer texts;
    int64_t place = -1;
    size_t popped = 0;
    if (call->argc > 4) {
        call_arity_error(call);
        return;
    }
    if (call->argc == 4 && !call_integer(call, 3, &place)) return;
    const struct kith_str text = call->argc > 2 ? call->argv[2] : str_of(".");
    if (!json_edit_begin(call, text, JSON_ARRAY, &edit)) return;
    buffer_init(&texts);
    bool ok = true;
    for (size_t i = json_edit_shown(&edit); ok && i-- > 0;) {
        ok = pop(call, &edit, i, place, &texts);
        popped += ok && edit.found.items[i].index;
    }
    if (popped) call_changed(call, call->argv[1], EVENT_MODULE, "json.arrpop");
    if (ok) answer_popped(call, &edit, &texts);
    buffer_release(&texts);
    json_matches_release(&edit.found);
}

/* ---- JSON.ARRTRIM ---- */

static void trim(struct json_edit *edit, struct json_node *node, int64_t start, int64_t stop)
{
    const int64_t count = node->count;
    start = start < 0 ? start + count : start;
    stop = stop < 0 ? stop + count : stop;
    if (start < 0) start = 0;
    if (stop >= count) stop = count - 1;
    for (uint32_t i = node->count; i-- > 0;)
        if ((int64_t)i < start || (int64_t)i > stop)
            json_node_drop(edit->tree->heap, node, i);
    json_node_pack(node);
}

void run_json_arrtrim(struct redis_call *call)
{
    struct json_edit edit;
    int64_t start, stop;
    size_t arrays = 0;
    if (!call_integer(call, 3, &start) || !call_integer(call, 4, &stop)) return;
    if (!json_edit_begin(call, call->argv[2], JSON_ARRAY, &edit)) return;
    for (size_t i = json_edit_shown(&edit); i-- > 0;) {
        struct json_match *at = &edit.found.items[i];
        at->index = at->node->kind == JSON_ARRAY;
        if (!at->index) continue;
        trim(&edit, at->node, start, stop);
        at->depth = at->node->count;
        arrays++;
    }
    if (arrays) call_changed(call, call->argv[1], EVENT_MODULE, "json.arrtrim");
    json_edit_answer(call, &edit);
    json_matches_release(&edit.found);
}

/* ---- JSON.ARRINDEX ---- */

static int64_t index_of(const struct json_node *array, const struct json_node *value, int64_t start,
                        int64_t stop)
{
    const int64_t count = array->count;
    start = start < 0 ? start + count : start;
    if (start < 0) start = 0;
    stop = stop <= 0 ? stop + count : stop; /* 0: to the end */
    if (stop > count) stop = count;
    for (int64_t i = start; i < stop; i++)
        if (json_node_equal(&array->items[i], value)) return i;
    return -1;
}

static void answer_places(struct redis_call *call, const struct json_path *path,
                          const struct json_matches *found, const struct json_node *value)
{
    int64_t start = 0, stop = 0;
    if (call->argc > 4 && !call_integer(call, 4, &start)) return;
    if (call->argc > 5 && !call_integer(call, 5, &stop)) return;
    if (path->legacy && (found->count == 0 || found->items[0].node->kind != JSON_ARRAY)) {
        if (found->count == 0) json_no_path(call, call->argv[2]);
        else call_errorf(call, "WRONGTYPE wrong type of path value - expected array but found %s",
                         json_kind_name(found->items[0].node));
        return;
    }
    if (!path->legacy) resp_array(call->reply, found->count);
    for (size_t i = 0; i < (path->legacy ? 1 : found->count); i++) {
        const struct json_node *node = found->items[i].node;
        if (node->kind == JSON_ARRAY)
            resp_integer(call->reply, index_of(node, value, start, stop));
        else resp_null(call->reply);
    }
}

void run_json_arrindex(struct redis_call *call)
{
    struct json_path path;
    struct json_matches found = {0};
    struct json_values values;
    if (call->argc > 6) {
        call_arity_error(call);
        return;
    }
    if (!json_path_of(call, call->argv[2], &path)) return;
    struct entry *entry = call_read(call, call->argv[1], VALUE_JSON);
    if (call->failed) return;
    if (!entry) {
        call_error(call, JSON_NOT_THERE);
        return;
    }
    if (!json_value_read(call, 3, &values)) return;
    if (json_select(call, entry_value(entry), &path, &found))
        answer_places(call, &path, &found, values.items);
    json_values_release(call, &values);
    json_matches_release(&found);
}
