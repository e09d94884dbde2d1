/* JSON.CLEAR, JSON.TOGGLE, JSON.STRAPPEND, JSON.RESP, JSON.DEBUG MEMORY. */
#include <string.h>

#include "base/alloc.h"
#include "cache/heap.h"
#include "redis/cmd_json.h"
#include "redis/redis_internal.h"

/* ---- JSON.CLEAR: containers become empty, numbers 0 ---- */

static bool clear(struct heap *heap, struct json_node *node)
{
    const bool number = node->kind == JSON_INT || node->kind == JSON_DOUBLE;
    if (number && (node->kind == JSON_DOUBLE || node->integer != 0)) {
        if (node->kind == JSON_DOUBLE && !(node->number < 0) && !(node->number > 0)) return false;
        *node = (struct json_node){.kind = JSON_INT};
        return true;
    }
    if (json_node_children(node) == 0) return false;
    const uint8_t kind = node->kind;
    json_node_release(heap, node);
    *node = (struct json_node){.kind = kind};
    return true;
}

void run_json_clear(struct redis_call *call)
{
    struct json_edit edit;
    int64_t cleared = 0;
    if (call->argc > 3) {
        call_arity_error(call);
        return;
    }
    const struct kith_str text = call->argc > 2 ? call->argv[2] : str_of("$");
    if (!json_edit_begin(call, text, JSON_NULL, &edit)) return;
    for (size_t i = json_edit_shown(&edit); i-- > 0;)
        cleared += clear(edit.tree->heap, edit.found.items[i].node);
    if (cleared) call_changed(call, call->argv[1], EVENT_MODULE, "json.clear");
    resp_integer(call->reply, cleared);
    json_matches_release(&edit.found);
}

/* ---- JSON.TOGGLE ---- */

void run_json_toggle(struct redis_call *call)
{
    struct json_edit edit;
    size_t toggled = 0;
    if (!json_edit_begin(call, call->argv[2], JSON_BOOL, &edit)) return;
    if (!edit.path.legacy) resp_array(call->reply, edit.found.count);
    for (size_t i = 0; i < json_edit_shown(&edit); i++) {
        struct json_node *node = edit.found.items[i].node;
        if (node->kind != JSON_BOOL) {
            resp_null(call->reply);
            continue;
        }
        node->boolean = !node->boolean;
        toggled++;
        if (edit.path.legacy) resp_cstr(call->reply, node->boolean ? "true" : "false");
        else resp_integer(call->reply, node->boolean);
    }
    if (toggled) call_changed(call, call->argv[1], EVENT_MODULE, "json.toggle");
    json_matches_release(&edit.found);
}

/* ---- JSON.STRAPPEND ---- */

static bool append_text(struct heap *heap, struct json_node *node, const struct json_node *more)
{
    const size_t len = (size_t)node->count + more->count;
    if (len > UINT32_MAX) return false;
    char *text = heap_alloc(heap, len + 1);
    if (!text) return false;
    if (node->count) memcpy(text, node->text, node->count);
    if (more->count) memcpy(text + node->count, more->text, more->count);
    json_node_release(heap, node);
    *node = (struct json_node){.kind = JSON_STRING, .count = (uint32_t)len, .cap = (uint32_t)len};
    node->text = text;
    return true;
}

static void append(struct redis_call *call, struct json_edit *edit, const struct json_node *more)
{
    size_t texts = 0;
    if (!json_copies_fit(call, more, json_edit_shown(edit))) return;
    for (size_t i = edit->found.count; i-- > 0;) {
        struct json_match *at = &edit->found.items[i];
        at->index = at->node->kind == JSON_STRING && i < json_edit_shown(edit);
        if (!at->index) continue;
        if (!append_text(edit->tree->heap, at->node, more)) {
            call_no_memory(call);
            break;
        }
        at->depth = at->node->count;
        texts++;
    }
    if (texts) call_changed(call, call->argv[1], EVENT_MODULE, "json.strappend");
    if (!call->failed) json_edit_answer(call, edit);
}

void run_json_strappend(struct redis_call *call)
{
    struct json_edit edit;
    struct json_values values;
    if (call->argc > 4) {
        call_arity_error(call);
        return;
    }
    const struct kith_str text = call->argc > 3 ? call->argv[2] : str_of(".");
    if (!json_edit_begin(call, text, JSON_STRING, &edit)) return;
    if (json_value_read(call, call->argc - 1, &values)) {
        if (values.items[0].kind == JSON_STRING) append(call, &edit, values.items);
        else call_error(call, "ERR expected a JSON string");
        json_values_release(call, &values);
    }
    json_matches_release(&edit.found);
}

/* ---- JSON.RESP ---- */

static void put_node(struct resp *reply, const struct json_node *node)
{
    switch ((enum json_kind)node->kind) {
    case JSON_NULL: resp_null(reply); return;
    case JSON_BOOL: resp_status(reply, node->boolean ? "true" : "false"); return;
    case JSON_INT: resp_integer(reply, node->integer); return;
    case JSON_DOUBLE: resp_double(reply, node->number); return;
    case JSON_STRING: resp_bulk(reply, node->text, node->count); return;
    default: break;
    }
    const bool object = node->kind == JSON_OBJECT;
    resp_array(reply, 1 + (size_t)node->count * (object ? 2 : 1));
    resp_status(reply, object ? "{" : "[");
    for (uint32_t i = 0; i < node->count; i++) {
        if (object) resp_bulk(reply, node->members[i].name, node->members[i].name_len);
        put_node(reply, json_node_child(node, i));
    }
}

void run_json_resp(struct redis_call *call)
{
    struct json_path path;
    struct json_matches found = {0};
    const struct kith_str text = call->argc > 2 ? call->argv[2] : str_of(".");
    struct entry *entry = call_read(call, call->argv[1], VALUE_JSON);
    if (call->failed || !json_path_of(call, text, &path)) return;
    if (!entry) {
        resp_null(call->reply);
        return;
    }
    if (!json_select(call, entry_value(entry), &path, &found)) return;
    if (path.legacy && !found.count) {
        json_no_path(call, text);
    } else {
        if (!path.legacy) resp_array(call->reply, found.count);
        for (size_t i = 0; i < (path.legacy ? 1 : found.count); i++)
            put_node(call->reply, found.items[i].node);
    }
    json_matches_release(&found);
}

/* ---- JSON.DEBUG MEMORY ---- */

void run_json_debug_memory(struct redis_call *call)
{
    struct json_path path;
    struct json_matches found = {0};
    const struct kith_str text = call->argc > 3 ? call->argv[3] : str_of(".");
    struct entry *entry = call_read(call, call->argv[2], VALUE_JSON);
    if (call->failed || !json_path_of(call, text, &path)) return;
    if (!entry) {
        if (path.legacy) resp_integer(call->reply, 0);
        else resp_array(call->reply, 0);
        return;
    }
    if (!json_select(call, entry_value(entry), &path, &found)) return;
    if (!path.legacy) resp_array(call->reply, found.count);
    else if (!found.count) json_no_path(call, text);
    for (size_t i = 0; i < (path.legacy && found.count ? 1 : path.legacy ? 0 : found.count); i++)
        resp_integer(call->reply, (int64_t)json_node_bytes(found.items[i].node));
    json_matches_release(&found);
}
