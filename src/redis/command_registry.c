/*
 * The table of commands: see registry.h.
 *
 * Names are at most 24 bytes, so a name is three words of eight bytes, folded to lower case with
 * the arithmetic that treats eight bytes at once (no locale, no table). The hash is a product of
 * the three and of the container's number; the table is kept a quarter full.
 */
#include "redis/registry.h"

#include <string.h>

#include "base/alloc.h"
#include "redis/server_commands.h"

struct registry_slot {
    uint64_t words[3];
    uint32_t container;          /* 0: none; else its id + 1 */
    struct command_entry *entry; /* NULL: free */
};

struct folded {
    uint64_t words[3];
};

static uint64_t fold_word(uint64_t x)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t low = x & (ones * 0x7f);
    const uint64_t above_z = low + ones * (0x7f - 'Z');
    const uint64_t from_a = low + ones * (0x80 - 'A');
    const uint64_t upper = (from_a & ~above_z & ~x) & (ones * 0x80);
    return x | upper >> 2;
}

static bool fold(struct kith_str name, struct folded *out)
{
    if (name.len == 0 || name.len > COMMAND_NAME_MAX) return false;
    if (name.len <= 8) {
        *out = (struct folded){{fold_word(registry_word(name)), 0, 0}};
        return true;
    }
    memset(out, 0, sizeof *out);
    memcpy(out->words, name.data, name.len);
    for (size_t i = 0; i < 3; i++) out->words[i] = fold_word(out->words[i]);
    return true;
}

static size_t hash(const struct folded *name, uint32_t container)
{
    uint64_t h = name->words[0] * UINT64_C(0x9e3779b97f4a7c15);
    h ^= (name->words[1] + container) * UINT64_C(0xc2b2ae3d27d4eb4f);
    h ^= name->words[2] * UINT64_C(0x165667b19e3779f9);
    return (size_t)(h ^ h >> 29 ^ h >> 43);
}

static struct registry_slot *slot_of(const struct registry *registry, const struct folded *name,
                                     uint32_t container)
{
    for (size_t i = hash(name, container) & registry->slot_mask;;
         i = (i + 1) & registry->slot_mask) {
        struct registry_slot *slot = &registry->slots[i];
        if (!slot->entry) return slot;
        if (slot->words[0] == name->words[0] && slot->container == container &&
            slot->words[1] == name->words[1] && slot->words[2] == name->words[2])
            return slot;
    }
}

static struct command_entry *find(const struct registry *registry, struct kith_str name,
                                  uint32_t container)
{
    struct folded words;
    if (!fold(name, &words)) return NULL;
    struct command_entry *entry = slot_of(registry, &words, container)->entry;
    return entry && !entry->renamed_away ? entry : NULL;
}

struct command_entry *registry_lookup(const struct registry *registry, struct kith_str name)
{
    return find(registry, name, 0);
}

struct command_entry *registry_sub(const struct registry *registry,
                                   const struct command_entry *container, struct kith_str name)
{
    return container->command->subcommands ? find(registry, name, container->id + 1) : NULL;
}

struct command_entry *registry_of(const struct registry *registry, const struct kith_str *argv,
                                  size_t argc)
{
    struct command_entry *entry = registry_lookup(registry, argv[0]);
    if (!entry || !entry->command->subcommands || argc < 2) return entry;
    return registry_sub(registry, entry, argv[1]);
}

struct command_entry *registry_anew(struct registry *registry, const struct kith_str *argv,
                                    size_t argc)
{
    struct command_entry *entry = registry_of(registry, argv, argc);
    if (entry && !entry->command->subcommands && !entry->parent && argv[0].len <= 8) {
        registry->last.text = registry_word(argv[0]);
        registry->last.len = argv[0].len;
        registry->last.entry = entry;
    }
    return entry;
}

struct command_entry *registry_full(const struct registry *registry, struct kith_str name)
{
    const char *bar = memchr(name.data, '|', name.len);
    if (!bar) return registry_lookup(registry, name);
    const size_t len = (size_t)(bar - name.data);
    const struct command_entry *container =
        registry_lookup(registry, (struct kith_str){name.data, len});
    if (!container) return NULL;
    return registry_sub(registry, container,
                        (struct kith_str){bar + 1, name.len - len - 1});
}

/* ---- making it ---- */

static const struct command *const tables[] = {
    string_commands, key_commands,    hash_commands,       list_commands,   set_commands,
    zset_commands,   sort_commands,   connection_commands, client_commands, server_commands,
    acl_commands,    multi_commands,  pubsub_commands,     vector_commands, json_commands,
    search_commands, scache_commands, save_commands,
};
#define TABLE_COUNT (sizeof tables / sizeof tables[0])

static uint32_t categories_of(const struct command *command)
{
    uint32_t out = command->categories;
    if (command->flags & CMD_READ) out |= CAT_READ;
    if (command->flags & CMD_WRITE) out |= CAT_WRITE;
    if (command->flags & CMD_ADMIN) out |= CAT_ADMIN | CAT_DANGEROUS;
    if (command->flags & CMD_BLOCKING) out |= CAT_BLOCKING;
    return out | (command->flags & CMD_FAST ? CAT_FAST : CAT_SLOW);
}

static void set_name(struct command_entry *entry)
{
    size_t len = 0;
    const char *parts[] = {entry->parent ? entry->parent->command->name : NULL,
                           entry->command->name};
    for (size_t p = 0; p < 2; p++) {
        if (!parts[p]) continue;
        if (len) entry->name[len++] = '|';
        for (const char *c = parts[p]; *c && len + 1 < sizeof entry->name; c++) {
            const bool lower = *c >= 'a' && *c <= 'z';
            const bool raise = lower && (entry->command->flags & CMD_UPPER_NAME);
            entry->name[len++] = raise ? (char)(*c - 32) : *c;
        }
    }
    entry->name[len] = 0;
}

static void add(struct registry *registry, const struct command *command,
                const struct command_entry *parent)
{
    struct folded words;
    const uint32_t container = parent ? parent->id + 1 : 0;
    if (!fold((struct kith_str){command->name, strlen(command->name)}, &words)) return;
    struct registry_slot *slot = slot_of(registry, &words, container);
    if (slot->entry || registry->count >= COMMANDS_MAX) return; /* the first of a name stays */
    struct command_entry *entry = &registry->entries[registry->count];
    *entry = (struct command_entry){.command = command,
                                    .parent = parent,
                                    .id = (unsigned)registry->count++,
                                    .flags = command->flags,
                                    .categories = categories_of(command)};
    set_name(entry);
    *slot = (struct registry_slot){{words.words[0], words.words[1], words.words[2]}, container,
                                   entry};
    for (const struct command *sub = command->subcommands; sub && sub->name; sub++)
        add(registry, sub, entry);
}

int registry_init(struct registry *registry)
{
    memset(registry, 0, sizeof *registry);
    registry->slot_mask = 4 * COMMANDS_MAX - 1;
    registry->nobody.renamed_away = true;
    registry->entries = mem_zalloc_array(COMMANDS_MAX, sizeof *registry->entries);
    registry->slots = mem_zalloc_array(registry->slot_mask + 1, sizeof *registry->slots);
    if (!registry->entries || !registry->slots) {
        registry_release(registry);
        return KITH_ENOMEM;
    }
    for (size_t t = 0; t < TABLE_COUNT; t++)
        for (const struct command *command = tables[t]; command->name; command++)
            add(registry, command, NULL);
    return 0;
}

void registry_release(struct registry *registry)
{
    for (size_t i = 0; i < registry->count; i++) mem_free(registry->entries[i].stats.histogram);
    mem_free(registry->entries);
    mem_free(registry->slots);
    memset(registry, 0, sizeof *registry);
}

/* The entry stays where it is, for what holds its number; only its name leads elsewhere. */
int registry_rename(struct registry *registry, struct kith_str from, struct kith_str to)
{
    struct folded old, fresh;
    struct command_entry *entry = registry_lookup(registry, from);
    registry->last.len = 0;
    if (!entry || !fold(from, &old)) return KITH_ENOTFOUND;
    if (to.len == 0) {
        entry->renamed_away = true;
        return 0;
    }
    if (!fold(to, &fresh)) return KITH_EINVAL;
    struct registry_slot *slot = slot_of(registry, &fresh, 0);
    if (slot->entry) return KITH_EEXISTS;
    *slot = (struct registry_slot){{fresh.words[0], fresh.words[1], fresh.words[2]}, 0, entry};
    struct registry_slot *before = slot_of(registry, &old, 0);
    before->entry = &registry->nobody; /* a mark: what collided with it is still found */
    return 0;
}

/* ---- what a command's words are ---- */

bool command_arity_fits(const struct command *command, size_t argc)
{
    if (command->arity >= 0) return argc == (size_t)command->arity;
    return argc >= (size_t)-command->arity;
}

int command_keys(const struct command_entry *entry, const struct kith_str *argv, size_t argc,
                 size_t *places, size_t max)
{
    const struct command *command = entry->command;
    if (command->keys) return command->keys(argv, argc, places, max);
    if (command->first_key <= 0) return 0;
    const long last = command->last_key < 0 ? (long)argc + command->last_key : command->last_key;
    const long step = command->key_step > 0 ? command->key_step : 1;
    int count = 0;
    for (long at = command->first_key; at <= last && at < (long)argc; at += step) {
        if ((size_t)count < max) places[count] = (size_t)at;
        count++;
    }
    return count;
}
