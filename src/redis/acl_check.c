/*
 * May this user do that: see acl.h. Only users that are not `unlimited` come here.
 */
#include <stdio.h>
#include <string.h>

#include "redis/acl_internal.h"
#include "redis/key_access.h"
#include "redis/pubsub.h"
#include "redis/redis_internal.h"

#define KEYS_MAX 1024u

static struct kith_str text_of(const struct acl_pattern *pattern)
{
    return (struct kith_str){pattern->text, pattern->len};
}

static bool key_fits(const struct acl_selector *selector, struct kith_str key, bool read,
                     bool write)
{
    if (selector->all_keys) return true;
    for (size_t i = 0; i < selector->keys.count; i++) {
        const struct acl_pattern *pattern = &selector->keys.items[i];
        if ((read && !pattern->read) || (write && !pattern->write)) continue;
        if (text_matches(text_of(pattern), key, false)) return true;
    }
    return false;
}

/* A pattern to subscribe to must be one of the user's, letter by letter. */
static bool channel_fits(const struct acl_selector *selector, struct kith_str channel,
                         bool literal)
{
    if (selector->all_channels) return true;
    for (size_t i = 0; i < selector->channels.count; i++) {
        const struct kith_str own = text_of(&selector->channels.items[i]);
        if (literal ? str_same(own, channel) : text_matches(own, channel, false)) return true;
    }
    return false;
}

/* ---- what a command uses ---- */

struct channels { /* places of channels in the words */
    size_t first, last; /* last: behind it */
    bool literal;
};

static struct channels channels_of(const struct command_entry *entry, size_t argc)
{
    const char *name = entry->command->name;
    if (!(entry->categories & CAT_PUBSUB) || entry->parent) return (struct channels){0};
    if (!strcmp(name, "publish") || !strcmp(name, "spublish"))
        return (struct channels){1, 2, false};
    if (!strcmp(name, "subscribe") || !strcmp(name, "ssubscribe"))
        return (struct channels){1, argc, false};
    if (!strcmp(name, "psubscribe")) return (struct channels){1, argc, true};
    return (struct channels){0};
}

static bool keys_fit(const struct acl_selector *selector, const struct command_entry *entry,
                     const struct kith_str *argv, size_t argc, size_t *place)
{
    size_t places[KEYS_MAX];
    if (selector->all_keys) return true;
    const int count = command_keys(entry, argv, argc, places, KEYS_MAX);
    if (count > (int)KEYS_MAX) return false; /* nobody may name more than can be checked */
    for (int i = 0; i < count; i++) {
        const unsigned access = key_access(entry, argv, argc, places[i]);
        if (key_fits(selector, argv[places[i]], access & KEY_ACCESS, access & KEY_WRITES)) continue;
        *place = places[i];
        return false;
    }
    return true;
}

static enum acl_denial check_selector(const struct acl_selector *selector,
                                      const struct command_entry *entry,
                                      const struct kith_str *argv, size_t argc, size_t *place)
{
    *place = 0;
    if (!(selector->commands[entry->id / 64] >> (entry->id % 64) & 1)) {
        const bool open = entry->flags & CMD_NO_AUTH; /* AUTH, HELLO, QUIT, RESET */
        if (!open) return ACL_DENIED_COMMAND;
    }
    if (!keys_fit(selector, entry, argv, argc, place)) return ACL_DENIED_KEY;
    const struct channels channels = channels_of(entry, argc);
    for (size_t i = channels.first; i < channels.last && i < argc; i++) {
        if (channel_fits(selector, argv[i], channels.literal)) continue;
        *place = i;
        return ACL_DENIED_CHANNEL;
    }
    return ACL_ALLOWED;
}

enum acl_denial acl_check(const struct redis *redis, const struct acl_user *user,
                          const struct command_entry *entry, const struct kith_str *argv,
                          size_t argc, size_t *place)
{
    enum acl_denial worst = ACL_DENIED_COMMAND;
    (void)redis;
    *place = 0;
    if (!user) return worst;
    for (size_t i = 0; i < user->selector_count; i++) {
        size_t at;
        const enum acl_denial why = check_selector(user->selectors[i], entry, argv, argc, &at);
        if (why == ACL_ALLOWED) return why;
        if (why < worst) continue; /* the one that came furthest is told */
        worst = why;
        *place = at;
    }
    return worst;
}

bool acl_may_use_channel(const struct acl_user *user, struct kith_str channel, bool literal)
{
    for (size_t i = 0; i < user->selector_count; i++)
        if (channel_fits(user->selectors[i], channel, literal)) return true;
    return false;
}

bool acl_may_use_key(const struct acl_user *user, struct kith_str key, bool read, bool write)
{
    for (size_t i = 0; i < user->selector_count; i++)
        if (key_fits(user->selectors[i], key, read, write)) return true;
    return false;
}

/* The pattern is a text and a star, and the text begins the prefix. */
static bool covers(const struct acl_pattern *pattern, struct kith_str prefix)
{
    const size_t stem = pattern->len - 1;
    if (pattern->len == 0 || pattern->text[stem] != '*' || stem > prefix.len) return false;
    for (size_t i = 0; i < stem; i++)
        if (memchr("*?[\\", pattern->text[i], 4) || pattern->text[i] != prefix.data[i])
            return false;
    return true;
}

bool acl_may_use_prefix(const struct acl_user *user, struct kith_str prefix, bool read, bool write)
{
    if (!user || user->unlimited) return true;
    for (size_t i = 0; i < user->selector_count; i++) {
        const struct acl_selector *selector = user->selectors[i];
        if (selector->all_keys) return true;
        for (size_t k = 0; k < selector->keys.count; k++) {
            const struct acl_pattern *pattern = &selector->keys.items[k];
            if ((read && !pattern->read) || (write && !pattern->write)) continue;
            if (covers(pattern, prefix)) return true;
        }
    }
    return false;
}

/* ---- answers ---- */

void acl_denial_text(const struct acl_user *user, const struct command_entry *entry,
                     enum acl_denial why, char text[256])
{
    if (why == ACL_DENIED_KEY) (void)snprintf(text, 256, "NOPERM No permissions to access a key");
    else if (why == ACL_DENIED_CHANNEL)
        (void)snprintf(text, 256, "NOPERM No permissions to access a channel");
    else
        (void)snprintf(text, 256, "NOPERM User %.100s has no permissions to run the '%s' command",
                       user ? user->name : "", entry->name);
}

void acl_refusal(struct session *session, const struct command_entry *entry, enum acl_denial why,
                 const struct kith_str *argv, size_t place, char text[256])
{
    struct redis_counters *counters = &session->redis->counters;
    const struct acl_user *user = session->user;
    const struct kith_str name = user ? (struct kith_str){user->name, user->name_len} : str_of("");
    acl_denial_text(user, entry, why, text);
    if (why == ACL_DENIED_COMMAND) {
        counters->denied_cmd++;
        acl_log(session, why, "command", str_of(entry->name), name);
    } else if (why == ACL_DENIED_KEY) {
        counters->denied_key++;
        acl_log(session, why, "key", argv[place], name);
    } else {
        counters->denied_channel++;
        acl_log(session, why, "channel", argv[place], name);
    }
}

static bool listens_in_vain(struct session *session, enum pubsub_kind kind)
{
    const struct map *own = pubsub_of(session, kind);
    size_t it = 0, len;
    const void *name;
    while (map_next(own, &it, &name, &len, NULL))
        if (!acl_may_use_channel(session->user, (struct kith_str){name, len},
                                 kind == PUBSUB_PATTERN))
            return true;
    return false;
}

void acl_user_changed(struct redis *redis, const struct acl_user *user)
{
    for (struct session *at = redis->sessions; at; at = at->next) {
        if (at->user != user) continue;
        session_refresh(at);
        bool close = false;
        for (int kind = 0; kind < PUBSUB_KINDS; kind++)
            close = close || listens_in_vain(at, (enum pubsub_kind)kind);
        if (close) session_kill(at, false);
    }
}
