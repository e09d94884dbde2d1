/*
 * COMMAND: what there is, for clients that ask.
 */
#include <string.h>

#include "redis/acl.h"
#include "redis/server_commands.h"

#include "redis/redis_internal.h"

#define KEYS_SHOWN_MAX 1024u

static const struct {
    uint32_t flag;
    const char *name;
} flag_names[] = {
    {CMD_WRITE, "write"},           {CMD_READ, "readonly"},
    {CMD_DENY_OOM, "denyoom"},      {CMD_ADMIN, "admin"},
    {CMD_PUBSUB, "pubsub"},         {CMD_NO_SCRIPT, "noscript"},
    {CMD_BLOCKING, "blocking"},     {CMD_LOADING, "loading"},
    {CMD_NO_MONITOR, "skip_monitor"}, {CMD_NO_SLOWLOG, "skip_slowlog"},
    {CMD_FAST, "fast"},             {CMD_NO_AUTH, "no_auth"},
    {CMD_NO_MULTI, "no_multi"},     {CMD_MOVABLE_KEYS, "movablekeys"},
};

static void put_flags(struct resp *reply, uint32_t flags)
{
    size_t count = 0;
    const size_t place = resp_open(reply);
    for (size_t i = 0; i < sizeof flag_names / sizeof flag_names[0]; i++) {
        if (!(flags & flag_names[i].flag)) continue;
        resp_status(reply, flag_names[i].name);
        count++;
    }
    resp_close(reply, place, '~', count);
}

static void put_categories(struct resp *reply, uint32_t categories)
{
    size_t count = 0;
    const size_t place = resp_open(reply);
    for (unsigned i = 0; acl_category_name(i); i++) {
        char name[32] = "@";
        if (!(categories >> i & 1)) continue;
        strncat(name, acl_category_name(i), sizeof name - 2);
        resp_status(reply, name);
        count++;
    }
    resp_close(reply, place, '~', count);
}

/* One range, when the places are fixed. */
static void put_key_specs(struct resp *reply, const struct command_entry *entry)
{
    const struct command *command = entry->command;
    resp_set(reply, command->first_key > 0 ? 1 : 0);
    if (command->first_key <= 0) return;
    resp_map(reply, 3);
    resp_cstr(reply, "flags");
    resp_set(reply, 1);
    resp_status(reply, entry->flags & CMD_WRITE ? "RW" : "RO");
    resp_cstr(reply, "begin_search");
    resp_map(reply, 2);
    resp_cstr(reply, "type");
    resp_cstr(reply, "index");
    resp_cstr(reply, "spec");
    resp_map(reply, 1);
    resp_cstr(reply, "index");
    resp_integer(reply, command->first_key);
    resp_cstr(reply, "find_keys");
    resp_map(reply, 2);
    resp_cstr(reply, "type");
    resp_cstr(reply, "range");
    resp_cstr(reply, "spec");
    resp_map(reply, 3);
    resp_cstr(reply, "lastkey");
    resp_integer(reply, command->last_key < 0 ? command->last_key
                                              : command->last_key - command->first_key);
    resp_cstr(reply, "keystep");
    resp_integer(reply, command->key_step);
    resp_cstr(reply, "limit");
    resp_integer(reply, 0);
}

static size_t count_subcommands(const struct command_entry *entry)
{
    size_t count = 0;
    for (const struct command *sub = entry->command->subcommands; sub && sub->name; sub++) count++;
    return count;
}

static void put_entry(struct redis_call *call, const struct command_entry *entry)
{
    const struct command *command = entry->command;
    struct resp *reply = call->reply;
    resp_array(reply, 10);
    resp_cstr(reply, entry->name);
    resp_integer(reply, command->arity);
    put_flags(reply, entry->flags);
    resp_integer(reply, command->first_key);
    resp_integer(reply, command->last_key);
    resp_integer(reply, command->key_step);
    put_categories(reply, entry->categories);
    resp_set(reply, 0);
    put_key_specs(reply, entry);
    resp_array(reply, count_subcommands(entry));
    for (const struct command *sub = command->subcommands; sub && sub->name; sub++)
        put_entry(call, registry_sub(&call->redis->registry, entry, str_of(sub->name)));
}

static size_t count_commands(const struct registry *registry)
{
    size_t count = 0;
    for (size_t i = 0; i < registry->count; i++)
        if (!registry->entries[i].parent && !registry->entries[i].renamed_away) count++;
    return count;
}

static void put_all(struct redis_call *call,
                    void (*put)(struct redis_call *call, const struct command_entry *entry))
{
    const struct registry *registry = &call->redis->registry;
    for (size_t i = 0; i < registry->count; i++)
        if (!registry->entries[i].parent && !registry->entries[i].renamed_away)
            put(call, &registry->entries[i]);
}

void run_command(struct redis_call *call)
{
    resp_array(call->reply, count_commands(&call->redis->registry));
    put_all(call, put_entry);
}

static void run_info_of(struct redis_call *call)
{
    if (call->argc == 2) {
        run_command(call);
        return;
    }
    resp_array(call->reply, call->argc - 2);
    for (size_t i = 2; i < call->argc; i++) {
        const struct command_entry *entry = registry_full(&call->redis->registry, call->argv[i]);
        if (entry) put_entry(call, entry);
        else resp_null_array(call->reply);
    }
}

static void run_count(struct redis_call *call)
{
    resp_integer(call->reply, (int64_t)count_commands(&call->redis->registry));
}

static const char *group_of(const struct command_entry *entry)
{
    static const struct {
        uint32_t category;
        const char *name;
    } groups[] = {
        {CAT_STRING, "string"},      {CAT_HASH, "hash"},        {CAT_LIST, "list"},
        {CAT_SET, "set"},            {CAT_SORTEDSET, "sorted-set"}, {CAT_STREAM, "stream"},
        {CAT_BITMAP, "bitmap"},      {CAT_HYPERLOGLOG, "hyperloglog"}, {CAT_GEO, "geo"},
        {CAT_PUBSUB, "pubsub"},      {CAT_TRANSACTION, "transactions"},
        {CAT_CONNECTION, "connection"}, {CAT_SCRIPTING, "scripting"},
        {CAT_VECTORSET, "module"},   {CAT_SEARCH, "module"},    {CAT_JSON, "module"},
        {CAT_KEYSPACE, "generic"},
    };
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (entry->categories & groups[i].category) return groups[i].name;
    return "server";
}

static void put_docs(struct redis_call *call, const struct command_entry *entry)
{
    struct resp *reply = call->reply;
    const size_t subs = count_subcommands(entry);
    resp_cstr(reply, entry->name);
    resp_map(reply, 3 + (subs > 0));
    resp_cstr(reply, "summary");
    resp_cstr(reply, "");
    resp_cstr(reply, "since");
    resp_cstr(reply, "1.0.0");
    resp_cstr(reply, "group");
    resp_cstr(reply, group_of(entry));
    if (!subs) return;
    resp_cstr(reply, "subcommands");
    resp_map(reply, subs);
    for (const struct command *sub = entry->command->subcommands; sub->name; sub++)
        put_docs(call, registry_sub(&call->redis->registry, entry, str_of(sub->name)));
}

static void run_docs(struct redis_call *call)
{
    size_t count = 0;
    if (call->argc == 2) {
        resp_map(call->reply, count_commands(&call->redis->registry));
        put_all(call, put_docs);
        return;
    }
    const size_t place = resp_open(call->reply);
    for (size_t i = 2; i < call->argc; i++) {
        const struct command_entry *entry = registry_full(&call->redis->registry, call->argv[i]);
        if (!entry) continue;
        put_docs(call, entry);
        count++;
    }
    resp_close(call->reply, place, '%', count);
}

static bool is_listed(const struct redis_call *call, const struct command_entry *entry,
                      uint32_t category)
{
    if (call->argc == 2) return !entry->parent;
    if (call_is(call, 3, "pattern")) return text_matches(call->argv[4], str_of(entry->name), true);
    if (call_is(call, 3, "module"))
        return (call_is(call, 4, "vectorset") && entry->categories & CAT_VECTORSET) ||
               (call_is(call, 4, "search") && entry->categories & CAT_SEARCH);
    return entry->categories & category;
}

static void run_list(struct redis_call *call)
{
    const struct registry *registry = &call->redis->registry;
    uint32_t category = 0;
    const bool filtered = call->argc == 5 && call_is(call, 2, "filterby");
    const bool by_category = filtered && call_is(call, 3, "aclcat");
    if (call->argc != 2 &&
        !(filtered && (by_category || call_is(call, 3, "pattern") || call_is(call, 3, "module")))) {
        call_syntax_error(call);
        return;
    }
    if (by_category) (void)acl_category(call->argv[4].data, call->argv[4].len, &category);
    size_t count = 0;
    const size_t place = resp_open(call->reply);
    for (size_t i = 0; i < registry->count; i++) {
        const struct command_entry *entry = &registry->entries[i];
        if (entry->renamed_away || !is_listed(call, entry, category)) continue;
        resp_cstr(call->reply, entry->name);
        count++;
    }
    resp_close(call->reply, place, '*', count);
}

static void run_getkeys(struct redis_call *call)
{
    size_t places[KEYS_SHOWN_MAX];
    const struct kith_str *argv = call->argv + 2;
    const size_t argc = call->argc - 2;
    const struct command_entry *entry = registry_of(&call->redis->registry, argv, argc);
    if (!entry) {
        call_error(call, "ERR Invalid command specified");
        return;
    }
    if (!command_arity_fits(entry->command, argc)) {
        call_error(call, "ERR Invalid number of arguments specified for command");
        return;
    }
    const int count = command_keys(entry, argv, argc, places, KEYS_SHOWN_MAX);
    if (count < 0) {
        call_error(call, "ERR Invalid arguments specified for command");
    } else if (count == 0) {
        call_error(call, "ERR The command has no key arguments");
    } else {
        const size_t shown = count > (int)KEYS_SHOWN_MAX ? KEYS_SHOWN_MAX : (size_t)count;
        resp_array(call->reply, shown);
        for (size_t i = 0; i < shown; i++) resp_str(call->reply, argv[places[i]]);
    }
}

const struct command command_subcommands[] = {
    {.name = "count", .run = run_count, .arity = 2, .flags = CMD_LOADING,
     .categories = CAT_CONNECTION},
    {.name = "docs", .run = run_docs, .arity = -2, .flags = CMD_LOADING,
     .categories = CAT_CONNECTION},
    {.name = "getkeys", .run = run_getkeys, .arity = -3, .flags = CMD_LOADING,
     .categories = CAT_CONNECTION},
    {.name = "info", .run = run_info_of, .arity = -2, .flags = CMD_LOADING,
     .categories = CAT_CONNECTION},
    {.name = "list", .run = run_list, .arity = -2, .flags = CMD_LOADING,
     .categories = CAT_CONNECTION},
    {.name = NULL},
};
