/*
 * Commands that read JSON documents, and the table. A path that begins with `$` may select any
 * number of values and gives an array; a legacy path means one value, and its absence is an error.
 */
#include "redis/cmd_json.h"

#include "base/alloc.h"
#include "redis/redis_internal.h"

bool json_path_of(struct redis_call *call, struct kith_str text, struct json_path *out)
{
    const char *why = json_path_parse(text, out);
    if (why) call_errorf(call, "ERR Path '%.*s' is not valid: %s",
                         (int)(text.len > 200 ? 200 : text.len), text.data, why);
    return why == NULL;
}

void json_select_failed(struct redis_call *call, int rc)
{
    if (rc == KITH_ELIMIT) call_error(call, "ERR the path looks at too many values");
    else call_no_memory(call);
}

bool json_select(struct redis_call *call, struct json_tree *tree, const struct json_path *path,
                 struct json_matches *out)
{
    const int rc = json_path_select(&tree->root, path, path->count, out);
    if (rc) json_select_failed(call, rc);
    return rc == 0;
}

void json_no_path(struct redis_call *call, struct kith_str path)
{
    call_errorf(call, "ERR Path '%.*s' does not exist", (int)(path.len > 200 ? 200 : path.len),
                path.data);
}

/* ---- JSON.GET ---- */

struct getting {
    struct json_tree *tree;
    struct json_style style;
    uint64_t left; /* values that all paths together may look at */
};

/* One path of a document: an array of what it selects, or one value. False: answered. */
static bool write_selected(struct redis_call *call, struct getting *get, struct kith_str text,
                           bool as_array, struct buffer *out)
{
    struct json_path path;
    struct json_matches found = {0};
    struct json_node list = {.kind = JSON_ARRAY};
    if (!json_path_of(call, text, &path)) return false;
    int rc = json_path_select_within(&get->tree->root, &path, &get->left, &found);
    if (rc) {
        json_select_failed(call, rc);
        return false;
    }
    if (!as_array && found.count == 0) {
        json_matches_release(&found);
        json_no_path(call, text);
        return false;
    }
    /* The nodes of `list` stay the document's. */
    list.items = found.count && as_array ? mem_alloc_array(found.count, sizeof *list.items) : NULL;
    if (as_array && found.count && !list.items) rc = KITH_ENOMEM;
    for (size_t i = 0; rc == 0 && as_array && i < found.count; i++)
        list.items[list.count++] = *found.items[i].node;
    if (rc == 0) json_node_write(as_array ? &list : found.items[0].node, &get->style, out);
    mem_free(list.items);
    json_matches_release(&found);
    if (rc) call_no_memory(call);
    return rc == 0;
}

/* `{"path":value,...}` of several paths. */
static bool write_paths(struct redis_call *call, struct getting *get, size_t first,
                        struct buffer *out)
{
    const struct json_style *style = &get->style;
    bool as_array = false;
    for (size_t i = first; i < call->argc; i++)
        as_array = as_array || (call->argv[i].len && call->argv[i].data[0] == '$');
    if (first + 1 == call->argc)
        return write_selected(call, get, call->argv[first], as_array, out);
    buffer_put_u8(out, '{');
    for (size_t i = first; i < call->argc; i++) {
        if (i > first) buffer_put_u8(out, ',');
        buffer_put(out, style->newline.data, style->newline.len);
        buffer_put(out, style->indent.data, style->indent.len);
        json_write_string(out, call->argv[i].data, call->argv[i].len);
        buffer_put_u8(out, ':');
        buffer_put(out, style->space.data, style->space.len);
        if (!write_selected(call, get, call->argv[i], as_array, out)) return false;
        if (buffer_failed(out)) return true; /* too much already */
    }
    buffer_put(out, style->newline.data, style->newline.len);
    buffer_put_u8(out, '}');
    return true;
}

static size_t read_style(const struct redis_call *call, struct json_style *style)
{
    size_t at = 2;
    *style = (struct json_style){
        .indent = {"", 0}, .newline = {"", 0}, .space = {"", 0},
        .bytes_max = (size_t)call->redis->settings.bulk_bytes_max,
    };
    for (; at + 1 < call->argc; at += 2) {
        if (call_is(call, at, "indent")) style->indent = call->argv[at + 1];
        else if (call_is(call, at, "newline")) style->newline = call->argv[at + 1];
        else if (call_is(call, at, "space")) style->space = call->argv[at + 1];
        else if (!call_is(call, at, "format")) break;
    }
    return at;
}

static void run_json_get(struct redis_call *call)
{
    struct getting get = {.left = JSON_PATH_WORK};
    struct buffer out;
    struct entry *entry = call_read(call, call->argv[1], VALUE_JSON);
    if (call->failed) return;
    if (!entry) {
        resp_null(call->reply);
        return;
    }
    get.tree = entry_value(entry);
    const size_t first = read_style(call, &get.style);
    bool done = true;
    buffer_init(&out);
    if (first == call->argc) json_node_write(&get.tree->root, &get.style, &out);
    else done = write_paths(call, &get, first, &out);
    if (done && out.len > get.style.bytes_max)
        call_error(call, "ERR the text would be longer than proto-max-bulk-len");
    else if (done && buffer_failed(&out)) call_no_memory(call);
    else if (done) resp_bulk(call->reply, out.data, out.len);
    buffer_release(&out);
}

static void put_matches(struct resp *reply, const struct json_matches *found, bool legacy)
{
    struct buffer out;
    buffer_init(&out);
    if (!legacy) buffer_put_u8(&out, '[');
    for (size_t i = 0; i < (legacy ? 1 : found->count); i++) {
        if (i) buffer_put_u8(&out, ',');
        json_node_write(found->items[i].node, NULL, &out);
    }
    if (!legacy) buffer_put_u8(&out, ']');
    resp_bulk(reply, out.data, out.len);
    if (buffer_failed(&out)) reply->out->failed = true;
    buffer_release(&out);
}

/* A key that is no document, or lacks the path, is null. False: answered. */
static bool get_one(struct redis_call *call, struct kith_str key, const struct json_path *path,
                    uint64_t *left, size_t start)
{
    struct entry *entry = cache_read(call->cache, call->db, key, 0);
    struct json_matches found = {0};
    if (!entry || entry_type(entry) != VALUE_JSON) {
        resp_null(call->reply);
        return true;
    }
    struct json_tree *tree = entry_value(entry);
    const int rc = json_path_select_within(&tree->root, path, left, &found);
    if (rc) {
        call->reply->out->len = start;
        json_select_failed(call, rc);
    } else if (path->legacy && found.count == 0) {
        resp_null(call->reply);
    } else {
        put_matches(call->reply, &found, path->legacy);
    }
    json_matches_release(&found);
    return rc == 0;
}

static void run_json_mget(struct redis_call *call)
{
    struct json_path path;
    const size_t start = call->reply->out->len;
    uint64_t left = 2 * (uint64_t)JSON_PATH_WORK; /* many documents */
    if (!json_path_of(call, call->argv[call->argc - 1], &path)) return;
    resp_array(call->reply, call->argc - 2);
    for (size_t i = 1; i + 1 < call->argc; i++)
        if (!get_one(call, call->argv[i], &path, &left, start)) return;
}

/* ---- about the shape ---- */

struct asked { /* what the path of argv[2], or the root, selects */
    struct json_path path;
    struct json_matches found;
    struct kith_str text;
};

/* False: the key is not there (*entry NULL), or an error was answered. */
static bool ask(struct redis_call *call, struct asked *asked)
{
    struct entry *entry = call_read(call, call->argv[1], VALUE_JSON);
    if (call->failed) return false;
    asked->found = (struct json_matches){0};
    asked->text = call->argc > 2 ? call->argv[2] : str_of(".");
    if (!json_path_of(call, asked->text, &asked->path)) return false;
    if (entry) return json_select(call, entry_value(entry), &asked->path, &asked->found);
    resp_null(call->reply);
    return false;
}

static void run_json_type(struct redis_call *call)
{
    struct asked asked;
    if (!ask(call, &asked)) return;
    if (asked.path.legacy) {
        if (asked.found.count == 0) resp_null(call->reply);
        else resp_cstr(call->reply, json_kind_name(asked.found.items[0].node));
    } else {
        if (call->reply->version >= 3) resp_array(call->reply, 1);
        resp_array(call->reply, asked.found.count);
        for (size_t i = 0; i < asked.found.count; i++)
            resp_cstr(call->reply, json_kind_name(asked.found.items[i].node));
    }
    json_matches_release(&asked.found);
}

static void answer_names(struct resp *reply, const struct json_node *node)
{
    if (node->kind != JSON_OBJECT) {
        resp_null_array(reply);
        return;
    }
    resp_array(reply, node->count);
    for (uint32_t i = 0; i < node->count; i++)
        resp_bulk(reply, node->members[i].name, node->members[i].name_len);
}

static void answer_length(struct resp *reply, const struct json_node *node, enum json_kind kind)
{
    if (node->kind == kind) resp_integer(reply, node->count);
    else resp_null(reply);
}

/* kind JSON_NULL: the names of members; otherwise the length of values of this kind. */
static void answer_shape(struct redis_call *call, enum json_kind kind)
{
    struct asked asked;
    if (!ask(call, &asked)) return;
    if (asked.path.legacy && asked.found.count == 0) {
        json_no_path(call, asked.text);
    } else {
        const size_t count = asked.path.legacy ? 1 : asked.found.count;
        if (!asked.path.legacy) resp_array(call->reply, count);
        for (size_t i = 0; i < count; i++) {
            const struct json_node *node = asked.found.items[i].node;
            if (kind == JSON_NULL) answer_names(call->reply, node);
            else answer_length(call->reply, node, kind);
        }
    }
    json_matches_release(&asked.found);
}

static void run_json_objkeys(struct redis_call *call) { answer_shape(call, JSON_NULL); }
static void run_json_objlen(struct redis_call *call) { answer_shape(call, JSON_OBJECT); }
static void run_json_arrlen(struct redis_call *call) { answer_shape(call, JSON_ARRAY); }
static void run_json_strlen(struct redis_call *call) { answer_shape(call, JSON_STRING); }

/* ---- the table ---- */

#define COMMAND(text, function, words, flag_bits)                                                  \
    {.name = (text), .run = (function), .arity = (words), .categories = CAT_JSON,                  \
     .flags = (flag_bits), .first_key = 1, .last_key = 1, .key_step = 1}

static const struct command debug_commands[] = {
    {.name = "memory", .run = run_json_debug_memory, .arity = -3, .categories = CAT_JSON,
     .flags = CMD_READ, .first_key = 2, .last_key = 2, .key_step = 1},
    {.name = NULL},
};

const struct command json_commands[] = {
    COMMAND("json.set", run_json_set, -4, CMD_WRITE | CMD_DENY_OOM),
    COMMAND("json.get", run_json_get, -2, CMD_READ),
    {.name = "json.mget", .run = run_json_mget, .arity = -3, .categories = CAT_JSON,
     .flags = CMD_READ, .first_key = 1, .last_key = -2, .key_step = 1},
    {.name = "json.mset", .run = run_json_mset, .arity = -4, .categories = CAT_JSON,
     .flags = CMD_WRITE | CMD_DENY_OOM, .first_key = 1, .last_key = -1, .key_step = 3},
    COMMAND("json.merge", run_json_merge, 4, CMD_WRITE | CMD_DENY_OOM),
    COMMAND("json.del", run_json_del, -2, CMD_WRITE),
    COMMAND("json.forget", run_json_del, -2, CMD_WRITE),
    COMMAND("json.type", run_json_type, -2, CMD_READ),
    COMMAND("json.numincrby", run_json_numincrby, 4, CMD_WRITE | CMD_DENY_OOM),
    COMMAND("json.arrappend", run_json_arrappend, -4, CMD_WRITE | CMD_DENY_OOM),
    COMMAND("json.nummultby", run_json_nummultby, 4, CMD_WRITE | CMD_DENY_OOM),
    COMMAND("json.arrinsert", run_json_arrinsert, -5, CMD_WRITE | CMD_DENY_OOM),
    COMMAND("json.arrindex", run_json_arrindex, -4, CMD_READ),
    COMMAND("json.arrpop", run_json_arrpop, -2, CMD_WRITE),
    COMMAND("json.arrtrim", run_json_arrtrim, 5, CMD_WRITE),
    COMMAND("json.clear", run_json_clear, -2, CMD_WRITE),
    COMMAND("json.toggle", run_json_toggle, 3, CMD_WRITE),
    COMMAND("json.strappend", run_json_strappend, -3, CMD_WRITE | CMD_DENY_OOM),
    COMMAND("json.resp", run_json_resp, -2, CMD_READ),
    COMMAND("json.objkeys", run_json_objkeys, -2, CMD_READ),
    COMMAND("json.objlen", run_json_objlen, -2, CMD_READ),
    COMMAND("json.arrlen", run_json_arrlen, -2, CMD_READ),
    COMMAND("json.strlen", run_json_strlen, -2, CMD_READ),
    {.name = "json.debug", .arity = -2, .categories = CAT_JSON, .flags = CMD_READ,
     .subcommands = debug_commands},
    {.name = NULL},
};
