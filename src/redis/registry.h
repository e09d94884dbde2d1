/*
 * The commands by name: one table for names and for (container, subcommand), made once from the
 * tables of command.h. A name is folded to lower case eight bytes at a time and found by one
 * multiplication and, mostly, one comparison.
 *
 * An entry carries what the dispatcher keeps of a command beyond its constant description: its full
 * name ("config|get"), its number (a bit in the sets of ACL), derived flags, and its statistics
 * (guard: keyspace lock).
 */
#ifndef KITH_REDIS_REGISTRY_H
#define KITH_REDIS_REGISTRY_H

#include <string.h>

#include "redis/command.h"

#define COMMAND_NAME_MAX 24u /* of one word */
#define COMMANDS_MAX 1024u   /* with subcommands */
#define COMMAND_BUCKETS 96u  /* of a latency histogram: 4 a power of two, from 1/2 microsecond */

struct command_stats {
    uint64_t calls, rejected, failed, ns;
    uint32_t *histogram; /* owns; NULL: nothing was counted yet */
};

struct command_entry {
    const struct command *command;
    const struct command_entry *parent; /* of a subcommand */
    char name[2 * COMMAND_NAME_MAX + 2]; /* as error texts and statistics show it */
    unsigned id;
    uint32_t flags, categories; /* with what follows from the flags */
    bool renamed_away;          /* rename-command: nobody may call it */
    struct command_stats stats;
};

struct registry {
    struct command_entry *entries; /* owns; containers before their subcommands */
    size_t count;
    struct registry_slot *slots; /* owns */
    size_t slot_mask;
    struct command_entry nobody; /* stands where a renamed command stood */
    struct { /* registry_again: the name as it was typed last */
        uint64_t text;
        size_t len; /* 1 to 8; 0: none */
        struct command_entry *entry;
    } last;
};

/* A name of 1 to 8 bytes as the word that begins with them, the rest of it zeros. */
static inline uint64_t registry_word(struct kith_str name)
{
    uint32_t low, high;
    if (name.len < 4) {
        const uint8_t *bytes = (const uint8_t *)name.data;
        const uint64_t middle = bytes[name.len / 2], last = bytes[name.len - 1];
        return bytes[0] | middle << (8 * (name.len / 2)) | last << (8 * (name.len - 1));
    }
    memcpy(&low, name.data, 4); /* they overlap, in the same place */
    memcpy(&high, name.data + name.len - 4, 4);
    return low | (uint64_t)high << (8 * (name.len - 4));
}

KITH_NODISCARD int registry_init(struct registry *registry);
void registry_release(struct registry *registry); /* accepts a zeroed struct */
/* NULL: there is none. The container itself for the first, its subcommand for the second. */
struct command_entry *registry_lookup(const struct registry *registry, struct kith_str name);
struct command_entry *registry_sub(const struct registry *registry,
                                   const struct command_entry *container, struct kith_str name);
/* The entry that runs these words: a subcommand where there is one. */
struct command_entry *registry_of(const struct registry *registry, const struct kith_str *argv,
                                  size_t argc);
/* The same for one caller at a time, who mostly asks for the name that he asked for last. */
struct command_entry *registry_anew(struct registry *registry, const struct kith_str *argv,
                                    size_t argc);
static inline struct command_entry *registry_again(struct registry *registry,
                                                   const struct kith_str *argv, size_t argc)
{
    const struct kith_str name = argv[0];
    if (name.len && name.len == registry->last.len && registry_word(name) == registry->last.text)
        return registry->last.entry;
    return registry_anew(registry, argv, argc);
}
/* "config|get" or "get", in any case. */
struct command_entry *registry_full(const struct registry *registry, struct kith_str name);
/* rename-command: `to` empty takes the command away. KITH_ENOTFOUND, KITH_EEXISTS, KITH_ENOMEM. */
KITH_NODISCARD int registry_rename(struct registry *registry, struct kith_str from,
                                   struct kith_str to);

/* Places of keys in argv, at most max of them; how many there are, or -1 (command.h). */
int command_keys(const struct command_entry *entry, const struct kith_str *argv, size_t argc,
                 size_t *places, size_t max);
bool command_arity_fits(const struct command *command, size_t argc);

#endif
