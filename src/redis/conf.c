/*
 * Directives into settings: see conf.h.
 *
 * `save`, `rename-command` and `user` add up over lines; the first `save` takes the place of the
 * defaults and an empty one forgets those before it. Everything else is the last line's. Users come
 * at the end, when commands have their names. Directives without an effect are told of in a few
 * lines of the log, names that nobody knows in one each.
 */
#include "redis/conf.h"

#include <string.h>

#include "base/alloc.h"
#include "redis/acl.h"
#include "redis/redis_internal.h"

#define IDLE_LINE_BYTES 600u

struct applying {
    struct redis *redis; /* NULL: parameters alone */
    const struct redis_settings *settings;
    struct redis_settings trial;
    struct resp_parser words;
    struct buffer value;
    struct buffer idle; /* names without an effect */
    bool save_seen;
    size_t position;
    struct kith_error *err;
};

static int refuse(struct applying *at, const char *why)
{
    return error_set_at(at->err, KITH_EINVAL, at->position, "%s", why);
}

/* The words behind the name, as one text. */
static struct kith_str join(struct applying *at)
{
    buffer_clear(&at->value);
    for (size_t i = 1; i < at->words.arg_count; i++) {
        if (i > 1) buffer_put_u8(&at->value, ' ');
        buffer_put(&at->value, at->words.args[i].data, at->words.args[i].len);
    }
    return (struct kith_str){(const char *)at->value.data, at->value.len};
}

/* A `save` line behind others: theirs and its own. */
static void add_saves(struct applying *at)
{
    struct buffer all;
    if (at->save_seen && at->value.len) {
        buffer_init(&all);
        size_t count;
        settings_print(&at->trial, &parameters(&count)[0], &all);
        if (all.len) buffer_put_u8(&all, ' ');
        buffer_put(&all, at->value.data, at->value.len);
        buffer_release(&at->value);
        at->value = all;
    }
    at->save_seen = true;
}

static int rename_command(struct applying *at)
{
    const struct resp_parser *words = &at->words;
    if (words->arg_count != 3) return refuse(at, "wrong number of arguments");
    const int rc = registry_rename(&at->redis->registry, words->args[1], words->args[2]);
    if (rc == KITH_ENOTFOUND) return refuse(at, "No such command in rename-command");
    if (rc == KITH_EEXISTS) return refuse(at, "Target command name already exists");
    return rc ? refuse(at, "the new name is too long") : 0;
}

static int set_user(struct applying *at)
{
    const struct resp_parser *words = &at->words;
    struct acl *acl = at->redis->acl;
    struct buffer why;
    if (words->arg_count < 2) return refuse(at, "wrong number of arguments");
    struct acl_user *user = acl_find(acl, words->args[1]);
    if (!user) user = acl_add(acl, words->args[1]);
    if (!user) return error_set_at(at->err, KITH_ENOMEM, at->position, "no memory");
    buffer_init(&why);
    const int rc =
        acl_set_all(at->redis, user, words->args + 2, words->arg_count - 2, &why);
    buffer_put_u8(&why, 0);
    if (rc) error_set_at(at->err, rc, at->position, "%s",
                         rc == KITH_EINVAL && why.data ? (const char *)why.data : "no memory");
    buffer_release(&why);
    return rc;
}

static bool is_ignored(struct kith_str name)
{
    static const char *const names[] = {"loadmodule", "replicaof", "slaveof", "include"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (str_is(name, names[i])) return true;
    return text_matches(str_of("cluster-*"), name, true) ||
           text_matches(str_of("tls-*"), name, true) ||
           text_matches(str_of("latency-*"), name, true) ||
           text_matches(str_of("replica-*"), name, true) ||
           text_matches(str_of("repl-*"), name, true) ||
           text_matches(str_of("slave-*"), name, true);
}

static void flush_idle(struct applying *at)
{
    if (at->idle.len) redis_log(at->redis, 1, "ignored, without an effect here: %.*s",
                                (int)at->idle.len, (const char *)at->idle.data);
    buffer_clear(&at->idle);
}

/* Later lines of the log must not be cut short, nor each name have a line of its own. */
static void tell_idle(struct applying *at, struct kith_str name, bool known)
{
    if (!at->redis) return;
    if (!known && !is_ignored(name)) {
        redis_log(at->redis, 1, "the unknown directive '%.*s' is ignored", (int)name.len,
                  name.data);
        return;
    }
    if (at->idle.len + name.len > IDLE_LINE_BYTES) flush_idle(at);
    if (at->idle.len) buffer_put(&at->idle, ", ", 2);
    buffer_put(&at->idle, name.data, name.len);
}

static int set_one(struct applying *at)
{
    char error[SETTING_ERROR_MAX];
    const struct kith_str name = at->words.args[0];
    if (str_is(name, "rename-command")) return at->redis ? rename_command(at) : 0;
    if (str_is(name, "user")) return 0; /* later */
    const struct parameter *parameter = parameter_find(name);
    if (!parameter || parameter->flags & PARAMETER_IDLE) tell_idle(at, name, parameter != NULL);
    if (!parameter) return 0;
    if (at->words.arg_count < 2) return refuse(at, "wrong number of arguments");
    (void)join(at);
    if (parameter->kind == PARAMETER_SAVE) add_saves(at);
    if (buffer_failed(&at->value)) return refuse(at, "no memory");
    const struct kith_str value = {(const char *)at->value.data, at->value.len};
    const char *why = settings_set(at->settings, &at->trial, parameter, value, error);
    return why ? refuse(at, why) : 0;
}

static int each(struct applying *at, const char *const *directives, size_t count,
                int (*fn)(struct applying *at))
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        at->position = i;
        if (!resp_split(&at->words, directives[i], strlen(directives[i])))
            return refuse(at, "Unbalanced quotes in configuration line");
        if (at->words.arg_count) rc = fn(at);
    }
    return rc;
}

static int user_only(struct applying *at)
{
    return str_is(at->words.args[0], "user") ? set_user(at) : 0;
}

int conf_preview(const char *const *directives, size_t count, struct redis_settings *settings,
                 struct kith_error *err)
{
    struct applying at = {.settings = settings, .err = err};
    resp_parser_init(&at.words);
    buffer_init(&at.value);
    buffer_init(&at.idle);
    settings_try(settings, &at.trial);
    const int rc = each(&at, directives, count, set_one);
    if (rc == 0) settings_commit(settings, &at.trial);
    else settings_drop(settings, &at.trial);
    resp_parser_release(&at.words);
    buffer_release(&at.value);
    buffer_release(&at.idle);
    return rc;
}

int conf_apply(struct redis *redis, const char *const *directives, size_t count,
               struct kith_error *err)
{
    struct applying at = {.redis = redis, .settings = &redis->settings, .err = err};
    resp_parser_init(&at.words);
    buffer_init(&at.value);
    buffer_init(&at.idle);
    settings_try(&redis->settings, &at.trial);
    int rc = each(&at, directives, count, set_one);
    flush_idle(&at);
    if (rc == 0) settings_commit(&redis->settings, &at.trial);
    else settings_drop(&redis->settings, &at.trial);
    if (rc == 0) rc = each(&at, directives, count, user_only);
    if (rc == 0 && redis->settings.requirepass)
        rc = acl_set_default_password(redis->acl, str_of(redis->settings.requirepass));
    resp_parser_release(&at.words);
    buffer_release(&at.value);
    buffer_release(&at.idle);
    return rc;
}
