/* See search_guard.h. */
#include "redis/search_guard.h"

#include <string.h>

#include "base/alloc.h"
#include "redis/search_index.h"
#include "server/owner.h"

#define KEYS_MAX 1024u  /* of one command that are looked at */
#define NAME_BYTES 255u /* of a collection */

struct guarded { /* in place of a command; the first member, so that a call finds the rest */
    struct command command;
    const struct command *own;
};

struct search_guard {
    struct os_mutex making; /* what the engine says is taken over in that order */
    struct map names;       /* of collections */
    struct guarded *commands; /* owns: one an entry of the registry; NULL: never needed yet */
};

/* ---- is it one ---- */

/* A collection of another door is called like what stands before a ':'. */
static struct kith_str collection_of(const struct search_guard *guard, struct kith_str key)
{
    const size_t end = key.len < NAME_BYTES + 1 ? key.len : NAME_BYTES + 1;
    for (size_t i = 0; i < end; i++)
        if (key.data[i] == ':' && map_get(&guard->names, key.data, i, NULL))
            return (struct kith_str){key.data, i};
    return (struct kith_str){NULL, 0};
}

/* MOVE and COPY write into a database that they name. */
static bool writes_to_first(const char *name, unsigned db, const struct kith_str *argv,
                            size_t argc)
{
    if (db == 0) return true;
    if (argc == 3 && strcmp(name, "move") == 0) return str_is(argv[2], "0");
    for (size_t i = 3; strcmp(name, "copy") == 0 && i + 1 < argc; i++)
        if (str_is(argv[i], "db") && str_is(argv[i + 1], "0")) return true;
    return false;
}

struct kith_str search_guard_finds(struct redis *redis, const struct command_entry *entry,
                                   unsigned db, const struct kith_str *argv, size_t argc,
                                   struct kith_str *key)
{
    const struct search *search = search_of(redis);
    const struct kith_str none = {NULL, 0};
    size_t places[KEYS_MAX];
    if (!search->guard->names.count || !(entry->flags & CMD_WRITE) ||
        !writes_to_first(entry->command->name, db, argv, argc))
        return none;
    const int count = command_keys(entry, argv, argc, places, KEYS_MAX);
    for (int i = 0; i < count && i < (int)KEYS_MAX; i++) {
        const struct kith_str name = collection_of(search->guard, argv[places[i]]);
        *key = argv[places[i]];
        if (name.data &&
            !cache_read(redis->cache, 0, *key, CACHE_NO_TOUCH | CACHE_NO_STATS))
            return name;
    }
    return none;
}

const char *search_guard_refusal(struct redis *redis, unsigned db, const struct kith_str *argv,
                                 size_t argc)
{
    struct kith_str key;
    if (!search_of(redis)->guard->names.count) return NULL;
    const struct command_entry *entry = registry_of(&redis->registry, argv, argc);
    return entry && search_guard_finds(redis, entry, db, argv, argc, &key).data
               ? "ERR the key is a document of a collection of another door: write its rows there"
               : NULL;
}

/* In place of a command that writes. */
static void run_guarded(struct redis_call *call)
{
    const struct command *command = call->command;
    const struct guarded *guarded = (const struct guarded *)(const void *)command;
    struct kith_str key = {NULL, 0}, name = {NULL, 0};
    if (call->session && !call->again)
        name = search_guard_finds(call->redis, call->redis->running, call->db, call->argv,
                                  call->argc, &key);
    if (!name.data) {
        guarded->own->run(call);
        return;
    }
    call_errorf(call, "ERR `%.*s` is a document of collection `%.*s`, which was made through "
                      "another door: insert, upsert and delete its rows there (Milvus protocol or "
                      "REST), or give keys another prefix or another database than 0",
                (int)(key.len > 200 ? 200 : key.len), key.data, (int)name.len, name.data);
}

/* ---- on and off ---- */

static bool is_guarded(const struct command_entry *entry)
{
    return entry->command && entry->command->run && entry->flags & CMD_WRITE &&
           (entry->command->first_key > 0 || entry->command->keys);
}

static int turn_on(struct redis *redis, struct search_guard *guard)
{
    const struct registry *registry = &redis->registry;
    if (!guard->commands)
        guard->commands = mem_zalloc_array(registry->count, sizeof *guard->commands);
    if (!guard->commands) return KITH_ENOMEM;
    for (size_t i = 0; i < registry->count; i++) {
        struct guarded *guarded = &guard->commands[i];
        if (!is_guarded(&registry->entries[i]) || registry->entries[i].command == &guarded->command)
            continue;
        guarded->own = registry->entries[i].command;
        guarded->command = *guarded->own;
        guarded->command.run = run_guarded;
        registry->entries[i].command = &guarded->command;
    }
    return 0;
}

static void turn_off(struct redis *redis, struct search_guard *guard)
{
    const struct registry *registry = &redis->registry;
    for (size_t i = 0; guard->commands && i < registry->count; i++)
        if (registry->entries[i].command == &guard->commands[i].command)
            registry->entries[i].command = guard->commands[i].own;
}

/* ---- which collections there are ---- */

static int list_names(struct redis *redis, struct map *out)
{
    struct kith_names names = {0};
    int rc = kith_collection_list(redis->db, NULL, &names, NULL);
    if (rc) return rc;
    for (size_t i = 0; rc == 0 && i < names.count; i++)
        if (!owner_is_redis(redis->db, NULL, names.names[i]))
            rc = map_put(out, names.names[i], strlen(names.names[i]), 1);
    kith_names_free(&names);
    return rc;
}

static int install(struct redis *redis, struct search_guard *guard, const struct map *names)
{
    const int rc = names->count ? turn_on(redis, guard) : 0;
    if (rc) return rc;
    if (!names->count) turn_off(redis, guard);
    map_release(&guard->names);
    guard->names = *names;
    return 0;
}

void redis_collections_changed(struct redis *redis)
{
    struct search_guard *guard = search_of(redis)->guard;
    struct map names;
    if (!redis->db) return;
    map_init(&names);
    os_mutex_lock(&guard->making);
    int rc = list_names(redis, &names);
    if (rc == 0) {
        cache_lock(redis->cache);
        rc = install(redis, guard, &names);
        cache_unlock(redis->cache);
    }
    os_mutex_unlock(&guard->making);
    if (rc == 0) return;
    map_release(&names);
    redis_log(redis, 1, "collections of other doors are not known: %s", kith_status_text(rc));
}

int search_guard_new(struct redis *redis, struct search_guard **out)
{
    struct search_guard *guard = mem_zalloc(sizeof *guard);
    if (!guard || os_mutex_init(redis->os, &guard->making)) {
        mem_free(guard);
        return KITH_ENOMEM;
    }
    map_init(&guard->names);
    *out = guard;
    return 0;
}

void search_guard_free(struct redis *redis, struct search_guard *guard)
{
    if (!guard) return;
    turn_off(redis, guard);
    map_release(&guard->names);
    mem_free(guard->commands);
    os_mutex_release(&guard->making);
    mem_free(guard);
}
