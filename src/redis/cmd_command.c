/*
 * COMMAND: what there is, for clients that ask.
 */
#include <string.h>

#include "redis/acl.h"
#include "redis/command_docs.h"
#include "redis/key_access.h"
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

static void put_access(struct resp *reply, unsigned access)
{
    size_t count = 0;
    const size_t place = resp_open(reply);
    for (unsigned bit = KEY_RO; bit <= KEY_DELETE; bit <<= 1) {
        if (!(access & bit)) continue;
        resp_status(reply, key_access_word(bit));
        count++;
    }
    resp_close(reply, place, '~', count);
}

struct key_spec {
    unsigned access;
    int first, last, step; /* last: as COMMAND has it, from the first or from the end */
    bool counted;          /* how many there are stands at `first` */
};

static void put_key_spec(struct resp *reply, const struct key_spec *spec)
{
    static const char *const range[] = {"lastkey", "keystep", "limit"};
    static const char *const counted[] = {"keynumidx", "firstkey", "keystep"};
    const int numbers[] = {spec->last, spec->step, 0}, count_numbers[] = {0, 1, spec->step};
    resp_map(reply, 3);
    resp_cstr(reply, "flags");
    put_access(reply, spec->access);
    resp_cstr(reply, "begin_search");
    resp_map(reply, 2);
    resp_cstr(reply, "type");
    resp_cstr(reply, "index");
    resp_cstr(reply, "spec");
    resp_map(reply, 1);
    resp_cstr(reply, "index");
    resp_integer(reply, spec->first);
    resp_cstr(reply, "find_keys");
    resp_map(reply, 2);
    resp_cstr(reply, "type");
    resp_cstr(reply, spec->counted ? "keynum" : "range");
    resp_cstr(reply, "spec");
    resp_map(reply, 3);
    for (size_t i = 0; i < 3; i++) {
        resp_cstr(reply, spec->counted ? counted[i] : range[i]);
        resp_integer(reply, spec->counted ? count_numbers[i] : numbers[i]);
    }
}

/* Keys whose place depends on the words around them (STORE of SORT) are left out. */
static void put_key_specs(struct resp *reply, const struct command_entry *entry)
{
    const struct command *command = entry->command;
    const struct key_plan plan = key_plan(entry);
    struct key_spec specs[2];
    size_t count = 0;
    const int first = command->first_key, step = command->key_step > 0 ? command->key_step : 1;
    const int last = command->last_key < 0 ? command->last_key : command->last_key - first;
    if (first > 0 && (plan.rest || !plan.count_at))
        specs[count++] = (struct key_spec){plan.first, first, plan.rest ? 0 : last, step, false};
    if (plan.count_at)
        specs[count++] = (struct key_spec){plan.rest ? plan.rest : plan.first,
                                           (int)plan.count_at, 0, step, true};
    else if (plan.rest && last != 0)
        specs[count++] = (struct key_spec){plan.rest, first + 1, last < 0 ? last : last - 1, step,
                                           false};
    resp_set(reply, count);
    for (size_t i = 0; i < count; i++) put_key_spec(reply, &specs[i]);
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
    const size_t subs = count_subcommands(entry);
    if (subs) resp_array(reply, subs);
    else resp_set(reply, 0);
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
        else resp_null(call->reply);
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
    const struct command_doc *doc = command_doc(entry->name);
    const bool arguments = doc && doc->arguments[0];
    resp_cstr(reply, entry->name);
    resp_map(reply, 3u + arguments + (subs > 0));
    resp_cstr(reply, "summary");
    resp_cstr(reply, doc ? doc->summary : HELP_SUMMARY); /* all but "help" are in the tables */
    resp_cstr(reply, "since");
    resp_cstr(reply, doc ? doc->since : "5.0.0");
    resp_cstr(reply, "group");
    resp_cstr(reply, group_of(entry->parent ? entry->parent : entry));
    if (arguments) {
        resp_cstr(reply, "arguments");
        command_doc_arguments(reply, doc->arguments);
    }
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

/* The command that argv[2] and what follows would run, and its keys; NULL: it was answered. */
static const struct command_entry *asked(struct redis_call *call, size_t *places, int *count)
{
    const struct kith_str *argv = call->argv + 2;
    const size_t argc = call->argc - 2;
    const struct command_entry *entry = registry_of(&call->redis->registry, argv, argc);
    if (!entry) {
        call_error(call, "ERR Invalid command specified");
        return NULL;
    }
    if (!command_arity_fits(entry->command, argc)) {
        call_error(call, "ERR Invalid number of arguments specified for command");
        return NULL;
    }
    *count = command_keys(entry, argv, argc, places, KEYS_SHOWN_MAX);
    if (*count > (int)KEYS_SHOWN_MAX) *count = (int)KEYS_SHOWN_MAX;
    if (*count > 0) return entry;
    call_error(call, *count < 0 ? "ERR Invalid arguments specified for command"
                                : "ERR The command has no key arguments");
    return NULL;
}

static void run_getkeys(struct redis_call *call)
{
    size_t places[KEYS_SHOWN_MAX];
    int count;
    if (!asked(call, places, &count)) return;
    resp_array(call->reply, (size_t)count);
    for (int i = 0; i < count; i++) resp_str(call->reply, call->argv[2 + places[i]]);
}

static void run_getkeysandflags(struct redis_call *call)
{
    size_t places[KEYS_SHOWN_MAX];
    int count;
    const struct command_entry *entry = asked(call, places, &count);
    if (!entry) return;
    resp_array(call->reply, (size_t)count);
    for (int i = 0; i < count; i++) {
        resp_array(call->reply, 2);
        resp_str(call->reply, call->argv[2 + places[i]]);
        put_access(call->reply, key_access(entry, call->argv + 2, call->argc - 2, places[i]));
    }
}

const struct command command_subcommands[] = {
    {.name = "count", .run = run_count, .arity = 2, .flags = CMD_LOADING,
     .categories = CAT_CONNECTION},
    {.name = "docs", .run = run_docs, .arity = -2, .flags = CMD_LOADING,
     .categories = CAT_CONNECTION},
    {.name = "getkeys", .run = run_getkeys, .arity = -3, .flags = CMD_LOADING,
     .categories = CAT_CONNECTION},
    {.name = "getkeysandflags", .run = run_getkeysandflags, .arity = -3, .flags = CMD_LOADING,
     .categories = CAT_CONNECTION},
    {.name = "info", .run = run_info_of, .arity = -2, .flags = CMD_LOADING,
     .categories = CAT_CONNECTION},
    {.name = "list", .run = run_list, .arity = -2, .flags = CMD_LOADING,
     .categories = CAT_CONNECTION},
    HELP_SUBCOMMAND(CAT_CONNECTION),
    {.name = NULL},
};
