/*
 * The modifiers of ACL SETUSER, of `user` lines and of the ACL file: see acl.h.
 *
 * A selector's commands are a set of bits and, beside it, the rules that led there, because that is
 * what ACL LIST shows: a rule about all commands empties the list, any other takes the place of an
 * earlier one about the same command or category.
 */
#include <ctype.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/acl_internal.h"
#include "redis/redis_internal.h"

#define UNKNOWN_COMMAND "Unknown command or category name in ACL"
#define SYNTAX "Syntax error"
#define NO_MEMORY "Out of memory"

static const char *const category_names[] = {
    "keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap",
    "hyperloglog", "geo", "stream", "pubsub", "admin", "fast", "slow", "blocking", "dangerous",
    "connection", "transaction", "scripting", "vectorset", "search", "json",
};
#define CATEGORY_COUNT (sizeof category_names / sizeof category_names[0])

const char *acl_category_name(unsigned i)
{
    return i < CATEGORY_COUNT ? category_names[i] : NULL;
}

bool acl_category(const char *name, size_t len, uint32_t *bit)
{
    for (unsigned i = 0; i < CATEGORY_COUNT; i++) {
        if (!str_is((struct kith_str){name, len}, category_names[i])) continue;
        *bit = UINT32_C(1) << i;
        return true;
    }
    return false;
}

/* ---- commands ---- */

static void set_bit(struct acl_selector *selector, unsigned id, bool on)
{
    const uint64_t bit = UINT64_C(1) << (id % 64);
    if (on) selector->commands[id / 64] |= bit;
    else selector->commands[id / 64] &= ~bit;
    if (!on) selector->all_commands = false;
}

/* Is the rule (without its sign) about this name, or about a part of it? */
static bool is_about(struct kith_str rule, struct kith_str name)
{
    if (rule.len < name.len || memcmp(rule.data, name.data, name.len) != 0) return false;
    return rule.len == name.len || (rule.data[name.len] == '|' && name.data[0] != '@');
}

static void drop_rule(struct buffer *rules, struct kith_str name)
{
    size_t kept = 0;
    const char *text = (const char *)rules->data;
    for (size_t at = 0; at < rules->len;) {
        const char *blank = memchr(text + at, ' ', rules->len - at);
        const size_t len = blank ? (size_t)(blank - text) - at : rules->len - at;
        if (!is_about((struct kith_str){text + at + 1, len - 1}, name)) {
            if (kept) rules->data[kept++] = ' ';
            memmove(rules->data + kept, text + at, len);
            kept += len;
        }
        at += len + 1;
    }
    rules->len = kept;
}

static const char *note_rule(struct acl_selector *selector, struct kith_str name, bool on)
{
    struct buffer *rules = &selector->rules;
    drop_rule(rules, name);
    if (rules->len + name.len > ACL_RULES_MAX) return SYNTAX;
    if (rules->len) buffer_put_u8(rules, ' ');
    buffer_put_u8(rules, on ? '+' : '-');
    buffer_put(rules, name.data, name.len);
    return buffer_failed(rules) ? NO_MEMORY : NULL;
}

static const char *set_everything(struct acl_selector *selector, bool on)
{
    memset(selector->commands, on ? 0xff : 0, sizeof selector->commands);
    selector->all_commands = on;
    buffer_clear(&selector->rules);
    buffer_put(&selector->rules, on ? "+@all" : "-@all", 5);
    return buffer_failed(&selector->rules) ? NO_MEMORY : NULL;
}

static const char *set_category(const struct redis *redis, struct acl_selector *selector,
                                struct kith_str name, bool on)
{
    uint32_t bit;
    if (str_is(name, "@all")) return set_everything(selector, on);
    if (!acl_category(name.data + 1, name.len - 1, &bit)) return UNKNOWN_COMMAND;
    for (size_t i = 0; i < redis->registry.count; i++)
        if (redis->registry.entries[i].categories & bit) set_bit(selector, (unsigned)i, on);
    return note_rule(selector, name, on);
}

static const char *set_command(const struct redis *redis, struct acl_selector *selector,
                               struct kith_str name, bool on)
{
    const struct command_entry *entry = registry_full(&redis->registry, name);
    if (!entry) return UNKNOWN_COMMAND;
    set_bit(selector, entry->id, on);
    for (size_t i = 0; i < redis->registry.count; i++)
        if (redis->registry.entries[i].parent == entry) set_bit(selector, (unsigned)i, on);
    return note_rule(selector, name, on);
}

/* "+get", "-@read", "+config|get"; names are kept in lower case. */
static const char *set_command_rule(const struct redis *redis, struct acl_selector *selector,
                                struct kith_str rule)
{
    char name[2 * COMMAND_NAME_MAX + 2];
    if (rule.len < 2 || rule.len > sizeof name) return UNKNOWN_COMMAND;
    for (size_t i = 1; i < rule.len; i++)
        name[i - 1] = (char)tolower((unsigned char)rule.data[i]);
    const struct kith_str lower = {name, rule.len - 1};
    const bool on = rule.data[0] == '+';
    if (name[0] == '@') return set_category(redis, selector, lower, on);
    return set_command(redis, selector, lower, on);
}

/* ---- patterns ---- */

/* Places by text, for a list that may be long. */
static bool index_patterns(struct acl_patterns *patterns)
{
    for (size_t i = patterns->places.count; i < patterns->count; i++)
        if (map_put(&patterns->places, patterns->items[i].text, patterns->items[i].len, i) != 0)
            return false;
    return true;
}

/* A list of n patterns takes n look-ups, not n * n / 2 comparisons. */
static const char *find_pattern(struct acl_patterns *patterns, struct kith_str text,
                                struct acl_pattern **out)
{
    uintptr_t place;
    *out = NULL;
    if (patterns->count > ACL_FEW) {
        if (!index_patterns(patterns)) return NO_MEMORY;
        if (map_get(&patterns->places, text.data, text.len, &place)) *out = &patterns->items[place];
        return NULL;
    }
    for (size_t i = 0; i < patterns->count && !*out; i++)
        if (str_same((struct kith_str){patterns->items[i].text, patterns->items[i].len}, text))
            *out = &patterns->items[i];
    return NULL;
}

static const char *append_pattern(struct acl_patterns *patterns, struct kith_str text, bool read,
                                  bool write)
{
    if (patterns->count == patterns->cap) {
        size_t bytes, cap;
        if (!size_mul(patterns->cap, 2, &cap) ||
            !size_mul(cap ? cap : 1, sizeof *patterns->items, &bytes))
            return NO_MEMORY;
        struct acl_pattern *fresh = mem_realloc(patterns->items, bytes);
        if (!fresh) return NO_MEMORY;
        patterns->items = fresh;
        patterns->cap = cap ? cap : 1;
    }
    char *copy = mem_strndup(text.data ? text.data : "", text.len);
    if (!copy) return NO_MEMORY;
    patterns->items[patterns->count++] = (struct acl_pattern){copy, text.len, read, write};
    return NULL;
}

static const char *add_pattern(struct acl_patterns *patterns, struct kith_str text, bool read,
                               bool write)
{
    struct acl_pattern *old;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == ' ' || text.data[i] == 0) return SYNTAX;
    const char *error = find_pattern(patterns, text, &old);
    if (error || !old) return error ? error : append_pattern(patterns, text, read, write);
    old->read = old->read || read;
    old->write = old->write || write;
    return NULL;
}

static const char *add_key(struct acl_selector *selector, struct kith_str text, bool read,
                           bool write)
{
    if (selector->all_keys)
        return "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does "
               "not have any effect. Try 'resetkeys' to start with an empty list of patterns";
    if (str_is(text, "*") && read && write) {
        acl_patterns_release(&selector->keys);
        selector->all_keys = true;
        return NULL;
    }
    return add_pattern(&selector->keys, text, read, write);
}

static const char *add_channel(struct acl_selector *selector, struct kith_str text)
{
    if (selector->all_channels)
        return "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and "
               "does not have any effect. Try 'resetchannels' to start with an empty list of "
               "channels";
    if (str_is(text, "*")) {
        acl_patterns_release(&selector->channels);
        selector->all_channels = true;
        return NULL;
    }
    return add_pattern(&selector->channels, text, true, true);
}

/* "%RW~glob" */
static const char *add_marked_key(struct acl_selector *selector, struct kith_str rule)
{
    bool read = false, write = false;
    size_t i = 1;
    for (; i < rule.len && rule.data[i] != '~'; i++) {
        const char c = (char)toupper((unsigned char)rule.data[i]);
        if (c == 'R' && !read) read = true;
        else if (c == 'W' && !write) write = true;
        else return SYNTAX;
    }
    if (i == rule.len || (!read && !write)) return SYNTAX;
    return add_key(selector, (struct kith_str){rule.data + i + 1, rule.len - i - 1}, read, write);
}

static void reset_keys(struct acl_selector *selector)
{
    acl_patterns_release(&selector->keys);
    selector->all_keys = false;
}

static void reset_channels(struct acl_selector *selector)
{
    acl_patterns_release(&selector->channels);
    selector->all_channels = false;
}

/* What may stand in parentheses too. *known false: it is a rule of the user, if any. */
static const char *set_selector(const struct redis *redis, struct acl_selector *selector,
                                struct kith_str rule, bool *known)
{
    *known = true;
    const struct kith_str rest = {rule.data + 1, rule.len - 1};
    if (str_is(rule, "allkeys")) return selector->all_keys ? NULL : add_key(selector, str_of("*"),
                                                                            true, true);
    if (str_is(rule, "~*")) {
        reset_keys(selector);
        return add_key(selector, rest, true, true);
    }
    if (str_is(rule, "allchannels") || str_is(rule, "&*")) {
        reset_channels(selector);
        return add_channel(selector, str_of("*"));
    }
    if (str_is(rule, "allcommands")) return set_everything(selector, true);
    if (str_is(rule, "nocommands")) return set_everything(selector, false);
    if (str_is(rule, "resetkeys")) return reset_keys(selector), NULL;
    if (str_is(rule, "resetchannels")) return reset_channels(selector), NULL;
    switch (rule.data[0]) {
    case '~': return add_key(selector, rest, true, true);
    case '%': return add_marked_key(selector, rule);
    case '&': return add_channel(selector, rest);
    case '+':
    case '-': return set_command_rule(redis, selector, rule);
    default: *known = false; return SYNTAX;
    }
}

const char *acl_set_selector_text(const struct redis *redis, struct acl_user *user,
                                  struct kith_str text)
{
    if (text.len < 2 || text.data[text.len - 1] != ')') return SYNTAX;
    struct acl_selector *selector = acl_selector_new();
    const char *error = selector ? NULL : NO_MEMORY;
    const char *at = text.data + 1, *end = text.data + text.len - 1;
    while (!error && at < end) {
        const char *blank = memchr(at, ' ', (size_t)(end - at));
        const size_t len = blank ? (size_t)(blank - at) : (size_t)(end - at);
        bool known;
        if (len) error = set_selector(redis, selector, (struct kith_str){at, len}, &known);
        at += len + 1;
    }
    if (!error && acl_add_selector(user, selector)) error = NO_MEMORY;
    if (error) acl_selector_free(selector);
    return error;
}

const char *acl_set(const struct redis *redis, struct acl_user *user, struct kith_str rule)
{
    bool known;
    if (rule.len == 0) return SYNTAX;
    if (rule.data[0] == '(') return acl_set_selector_text(redis, user, rule);
    const char *error = set_selector(redis, user->selectors[0], rule, &known);
    if (!known) error = acl_set_user(redis, user, rule);
    acl_refresh(user);
    return error;
}
