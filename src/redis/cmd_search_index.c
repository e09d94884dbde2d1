/* FT commands about indexes, and the table. */
#include "redis/cmd_search.h"

#include "base/alloc.h"
#include "redis/acl.h"

bool search_allowed(struct redis_call *call, const struct search_index *index, bool write)
{
    const struct acl_user *user = call->session ? call->session->user : NULL;
    bool allowed = index->prefix_count > 0 ||
                   acl_may_use_prefix(user, (struct kith_str){"", 0}, true, write);
    for (size_t i = 0; i < index->prefix_count && allowed; i++)
        allowed = acl_may_use_prefix(user, index->prefixes[i], true, write);
    if (!allowed)
        call_error(call, "NOPERM User does not have the required permissions to query the index");
    return allowed;
}

struct search_index *search_ready(struct redis_call *call, struct kith_str name)
{
    struct search_index *index = search_find(call->redis, name);
    if (!index) {
        call_errorf(call, "%.*s: no such index", (int)(name.len > 200 ? 200 : name.len),
                    name.data);
        return NULL;
    }
    if (!search_allowed(call, index, false)) return NULL;
    index->uses++;
    if (search_catch_up(call->redis, index) == 0) return index;
    call_no_memory(call);
    return NULL;
}

struct search_index *search_known(struct redis_call *call, struct kith_str name)
{
    struct search_index *index = search_find(call->redis, name);
    if (!index) call_error(call, SEARCH_UNKNOWN_INDEX);
    return index && search_allowed(call, index, false) ? index : NULL;
}

static void note_definition(struct redis_call *call)
{
    call_log(call, call->argv, call->argc);
    call->redis->dirty++;
    resp_ok(call->reply);
}

static void run_ft_list(struct redis_call *call)
{
    if (search_list_elsewhere(call)) return;
    size_t count = 0;
    const size_t place = resp_open(call->reply);
    for (const struct search_index *at = search_of(call->redis)->indexes; at; at = at->next) {
        resp_cstr(call->reply, at->name);
        count++;
    }
    resp_close(call->reply, place, call->reply->version >= 3 ? '~' : '*', count);
}

/* With its documents. Each removal is a change of its own: the log gets DEL of each. */
static bool delete_documents(struct redis_call *call, struct search_index *index)
{
    if (search_catch_up(call->redis, index) != 0) {
        call_no_memory(call);
        return false;
    }
    for (size_t i = 0; i < index->count; i++) {
        const struct kith_str key = {index->docs[i]->key, index->docs[i]->key_len};
        struct entry *entry = cache_write(call->cache, 0, key);
        if (!entry) continue;
        const struct kith_str words[2] = {str_of("DEL"), key};
        call_log_nothing(call);
        redis_effect(call->redis, 0, words, 2); /* whatever the client's database is */
        cache_remove(call->cache, 0, entry, REMOVED_DELETED);
        call_changed_in(call, 0, key, EVENT_GENERIC, "del");
    }
    return true;
}

static void run_ft_dropindex(struct redis_call *call)
{
    const bool delete = call->argc == 3 && call_is(call, 2, "dd");
    if (call->argc > 2 && !delete) {
        call_error(call, "ERR Unknown argument");
        return;
    }
    if (search_elsewhere(call, SEARCH_ASK_DROP)) return;
    struct search_index *index = search_known(call, call->argv[1]);
    if (!index || (delete && !search_allowed(call, index, true))) return;
    if (delete && !delete_documents(call, index)) return;
    const struct kith_str words[2] = {str_of("FT.DROPINDEX"), call->argv[1]};
    call_log(call, words, 2);
    call->redis->dirty++;
    search_drop(call, index);
}

/* ---- aliases ---- */

static struct search_alias **find_alias(struct redis_call *call, struct kith_str name)
{
    struct search_alias **at = &search_of(call->redis)->aliases;
    while (*at && !str_same(str_of((*at)->name), name)) at = &(*at)->next;
    return at;
}

static void set_alias(struct redis_call *call, bool move)
{
    struct search_index *index = search_known(call, call->argv[2]);
    struct search_alias **at = find_alias(call, call->argv[1]);
    if (!index) return;
    if (*at && !move) {
        call_error(call, "Alias already exists");
        return;
    }
    if (!*at) {
        struct search_alias *alias = mem_zalloc(sizeof *alias);
        if (alias) alias->name = mem_strndup(call->argv[1].data, call->argv[1].len);
        if (!alias || !alias->name) {
            mem_free(alias);
            call_no_memory(call);
            return;
        }
        *at = alias;
    }
    (*at)->index = index;
    note_definition(call);
}

static void run_ft_aliasadd(struct redis_call *call) { set_alias(call, false); }
static void run_ft_aliasupdate(struct redis_call *call) { set_alias(call, true); }

static void run_ft_aliasdel(struct redis_call *call)
{
    struct search_alias **at = find_alias(call, call->argv[1]);
    struct search_alias *alias = *at;
    if (!alias) {
        call_error(call, "Alias does not exist");
        return;
    }
    if (!search_allowed(call, alias->index, false)) return;
    *at = alias->next;
    mem_free(alias->name);
    mem_free(alias);
    note_definition(call);
}

/* ---- the same, where it makes no difference ---- */

static void run_ft_createifnx(struct redis_call *call)
{
    if (search_find(call->redis, call->argv[1])) resp_ok(call->reply);
    else run_ft_create(call);
}

static void run_ft_dropindexifx(struct redis_call *call)
{
    if (search_find(call->redis, call->argv[1])) run_ft_dropindex(call);
    else resp_ok(call->reply);
}

static void run_ft_aliasaddifnx(struct redis_call *call)
{
    if (*find_alias(call, call->argv[1])) resp_ok(call->reply);
    else run_ft_aliasadd(call);
}

static void run_ft_aliasdelifx(struct redis_call *call)
{
    if (*find_alias(call, call->argv[1])) run_ft_aliasdel(call);
    else resp_ok(call->reply);
}

/* ---- FT.TAGVALS ---- */

static void run_ft_tagvals(struct redis_call *call)
{
    struct search_index *index = search_ready(call, call->argv[1]);
    if (!index) return;
    const struct search_field *field = search_field_of(index, call->argv[2]);
    if (!field || field->type != SEARCH_TAG) {
        call_error(call, field ? "Not a tag field" : "No such field");
        return;
    }
    struct map seen;
    size_t count = 0;
    map_init(&seen);
    const size_t place = resp_open(call->reply);
    for (size_t i = 0; i < index->count; i++) {
        const struct search_words *words = index->docs[i]->values[field - index->fields].words;
        for (size_t j = 0; words && j < words->count; j++) {
            const struct kith_str word = words->items[j];
            if (map_get(&seen, word.data, word.len, NULL)) continue;
            if (map_put(&seen, word.data, word.len, 1) != 0) call->reply->out->failed = true;
            resp_str(call->reply, word);
            count++;
        }
    }
    resp_close(call->reply, place, call->reply->version >= 3 ? '~' : '*', count);
    map_release(&seen);
}

/* ---- the table ---- */

#define COMMAND(text, function, words, flag_bits)                                                  \
    {.name = (text), .run = (function), .arity = (words), .categories = CAT_SEARCH,                \
     .flags = (flag_bits)}

#define KEYED(text, function, words, flag_bits)                                                    \
    {.name = (text), .run = (function), .arity = (words), .categories = CAT_SEARCH,                \
     .flags = (flag_bits), .first_key = 1, .last_key = 1, .key_step = 1}

static const struct command cursor_commands[] = {
    COMMAND("read", run_ft_cursor_read, -4, CMD_READ),
    COMMAND("del", run_ft_cursor_del, 4, CMD_READ),
    {.name = NULL},
};

static const struct command config_commands[] = {
    COMMAND("get", run_ft_config_get, 3, CMD_READ),
    COMMAND("set", run_ft_config_set, 4, CMD_READ),
    {.name = NULL},
};

const struct command search_commands[] = {
    COMMAND("ft.create", run_ft_create, -5, CMD_WRITE | CMD_DENY_OOM),
    COMMAND("ft.alter", run_ft_alter, -6, CMD_WRITE | CMD_DENY_OOM),
    COMMAND("ft.explain", run_ft_explain, -3, CMD_READ),
    COMMAND("ft.explaincli", run_ft_explaincli, -3, CMD_READ),
    COMMAND("ft._list", run_ft_list, 1, CMD_READ),
    COMMAND("ft.dropindex", run_ft_dropindex, -2, CMD_WRITE),
    COMMAND("ft.info", run_ft_info, 2, CMD_READ),
    COMMAND("ft.search", run_ft_search, -3, CMD_READ),
    COMMAND("ft.aggregate", run_ft_aggregate, -3, CMD_READ),
    COMMAND("ft.aliasadd", run_ft_aliasadd, 3, CMD_WRITE),
    COMMAND("ft.aliasupdate", run_ft_aliasupdate, 3, CMD_WRITE),
    COMMAND("ft.aliasdel", run_ft_aliasdel, 2, CMD_WRITE),
    COMMAND("ft.tagvals", run_ft_tagvals, 3, CMD_READ),
    COMMAND("ft.synupdate", run_ft_synupdate, -4, CMD_WRITE | CMD_DENY_OOM),
    COMMAND("ft.syndump", run_ft_syndump, 2, CMD_READ),
    COMMAND("ft.dictadd", run_ft_dictadd, -3, CMD_WRITE | CMD_DENY_OOM),
    COMMAND("ft.dictdel", run_ft_dictdel, -3, CMD_WRITE),
    COMMAND("ft.dictdump", run_ft_dictdump, 2, CMD_READ),
    COMMAND("ft.spellcheck", run_ft_spellcheck, -3, CMD_READ),
    KEYED("ft.sugadd", run_ft_sugadd, -4, CMD_WRITE | CMD_DENY_OOM),
    KEYED("ft.sugget", run_ft_sugget, -3, CMD_READ),
    KEYED("ft.sugdel", run_ft_sugdel, 3, CMD_WRITE),
    KEYED("ft.suglen", run_ft_suglen, 2, CMD_READ),
    COMMAND("ft.hybrid", run_ft_hybrid, -7, CMD_READ),
    COMMAND("ft.profile", run_ft_profile, -5, CMD_READ),
    COMMAND("ft._createifnx", run_ft_createifnx, -5, CMD_WRITE | CMD_DENY_OOM),
    COMMAND("ft._dropindexifx", run_ft_dropindexifx, -2, CMD_WRITE),
    COMMAND("ft._aliasaddifnx", run_ft_aliasaddifnx, 3, CMD_WRITE),
    COMMAND("ft._aliasdelifx", run_ft_aliasdelifx, 2, CMD_WRITE),
    {.name = "ft.config", .arity = -2, .categories = CAT_SEARCH, .flags = CMD_READ,
     .subcommands = config_commands},
    {.name = "ft.cursor", .arity = -2, .categories = CAT_SEARCH, .flags = CMD_READ,
     .subcommands = cursor_commands},
    {.name = NULL},
};
