/*
 * CONFIG: parameters at run time. See settings.h.
 *
 * REWRITE keeps the file as it is written: a line whose parameter still has that value stays, one
 * whose value changed is replaced in its place, and what is no default and had no line is added at
 * the end.
 */
#include <string.h>

#include "base/alloc.h"
#include "redis/acl.h"
#include "redis/cron.h"
#include "redis/info.h"
#include "redis/server_commands.h"

#define CONFIG_PAIRS_MAX 1024u

/* ---- GET ---- */

static void run_get(struct redis_call *call)
{
    size_t all, count = 0;
    const struct parameter *table = parameters(&all);
    struct buffer value;
    buffer_init(&value);
    const size_t place = resp_open(call->reply);
    for (size_t i = 0; i < all; i++) {
        bool wanted = false;
        for (size_t k = 2; k < call->argc && !wanted; k++)
            wanted = text_matches(call->argv[k], str_of(table[i].name), true);
        if (!wanted) continue;
        buffer_clear(&value);
        settings_print(&call->redis->settings, &table[i], &value);
        resp_cstr(call->reply, table[i].name);
        resp_bulk(call->reply, value.data ? (const char *)value.data : "", value.len);
        count++;
    }
    resp_close(call->reply, place, '%', count);
    buffer_release(&value);
}

/* ---- SET ---- */

static void refuse(struct redis_call *call, struct kith_str name, const char *why)
{
    call_errorf(call, "ERR CONFIG SET failed (possibly related to argument '%.*s') - %s",
                (int)name.len, name.data, why);
}

static bool is_fixed(const struct redis_call *call, const struct parameter *parameter)
{
    const int64_t protected_configs = call->redis->settings.protected_configs;
    const bool local = protected_configs == DEBUG_LOCAL && session_is_local(call->session);
    if (parameter->flags & PARAMETER_FIXED) return true;
    return (parameter->flags & PARAMETER_PROTECTED) && protected_configs != DEBUG_YES && !local;
}

/* All names before any value: a typing error changes nothing. */
static bool check_names(struct redis_call *call, const struct parameter **out)
{
    for (size_t i = 2; i < call->argc; i += 2) {
        const struct kith_str name = call->argv[i];
        const struct parameter *parameter = parameter_find(name);
        if (!parameter) {
            call_errorf(call, "ERR Unknown option or number of arguments for CONFIG SET - '%.*s'",
                        (int)name.len, name.data);
            return false;
        }
        if (is_fixed(call, parameter)) {
            refuse(call, name, parameter->flags & PARAMETER_FIXED ? "can't set immutable config"
                                                                  : "can't set protected config");
            return false;
        }
        for (size_t k = 0; k < (i - 2) / 2; k++) {
            if (out[k]->offset != parameter->offset) continue;
            refuse(call, name, "duplicate parameter");
            return false;
        }
        out[(i - 2) / 2] = parameter;
    }
    return true;
}

static bool set_values(struct redis_call *call, const struct parameter *const *chosen,
                       struct redis_settings *trial)
{
    char error[SETTING_ERROR_MAX];
    for (size_t i = 2; i + 1 < call->argc; i += 2) {
        const char *why = settings_set(&call->redis->settings, trial, chosen[(i - 2) / 2],
                                       call->argv[i + 1], error);
        if (!why) continue;
        refuse(call, call->argv[i], why);
        return false;
    }
    return true;
}

static void run_set(struct redis_call *call)
{
    const struct parameter *chosen[CONFIG_PAIRS_MAX];
    struct redis *redis = call->redis;
    struct redis_settings trial;
    if (call->argc % 2 || call->argc / 2 > CONFIG_PAIRS_MAX) {
        call_arity_error(call);
        return;
    }
    if (!check_names(call, chosen)) return;
    settings_try(&redis->settings, &trial);
    if (!set_values(call, chosen, &trial)) {
        settings_drop(&redis->settings, &trial);
        return;
    }
    if (trial.appendonly && !redis->settings.appendonly && !redis->keep_dir) {
        refuse(call, str_of("appendonly"), "there is no folder to keep anything in");
        settings_drop(&redis->settings, &trial);
        return;
    }
    const bool password = trial.requirepass != redis->settings.requirepass;
    const struct kith_str word = str_of(trial.requirepass ? trial.requirepass : "");
    if (password && acl_set_default_password(redis->acl, word)) {
        settings_drop(&redis->settings, &trial);
        call_no_memory(call);
        return;
    }
    settings_commit(&redis->settings, &trial);
    redis->keep_failed = false;
    redis_apply_settings(redis);
    if (redis->settings.maxmemory) (void)cache_make_room(call->cache);
    cron_poke(redis);
    resp_ok(call->reply);
}

/* ---- REWRITE ---- */

struct rewriting {
    const struct redis *redis;
    struct resp_parser words;
    struct buffer out;
    bool written[256]; /* by parameter */
    bool users;
};

static void put_quoted(struct buffer *out, const char *text, size_t len)
{
    buffer_put_u8(out, '"');
    for (size_t i = 0; i < len; i++) {
        const char c = text[i];
        if (c == '"' || c == '\\') buffer_printf(out, "\\%c", c);
        else if (c == '\n') buffer_put(out, "\\n", 2);
        else if (c == '\r') buffer_put(out, "\\r", 2);
        else if (c < ' ' || c > '~') buffer_printf(out, "\\x%02x", (unsigned char)c);
        else buffer_put_u8(out, (uint8_t)c);
    }
    buffer_put_u8(out, '"');
}

static bool needs_quotes(const struct buffer *value, bool text)
{
    if (!value->len) return true;
    for (size_t i = 0; i < value->len; i++) {
        const char c = (char)value->data[i];
        if (c == '"' || c == '\'' || c == '\\' || c < ' ' || c > '~' || c == '#') return true;
        if (c == ' ' && text) return true;
    }
    return false;
}

static void put_line(struct rewriting *at, const struct parameter *parameter)
{
    struct buffer value;
    buffer_init(&value);
    settings_print(&at->redis->settings, parameter, &value);
    buffer_printf(&at->out, "%s ", parameter->name);
    if (needs_quotes(&value, parameter->kind == PARAMETER_TEXT && strcmp(parameter->name, "bind")))
        put_quoted(&at->out, (const char *)value.data, value.len);
    else buffer_put(&at->out, value.data, value.len);
    buffer_put_u8(&at->out, '\n');
    if (buffer_failed(&value)) at->out.failed = true;
    buffer_release(&value);
}

static void put_users(struct rewriting *at)
{
    const struct map *users = &at->redis->acl->users;
    size_t it = 0, len;
    const void *name;
    uintptr_t value;
    if (at->users || at->redis->settings.aclfile) return;
    at->users = true;
    if (users->count == 1) return; /* `default` follows from requirepass */
    while (map_next(users, &it, &name, &len, &value)) {
        buffer_printf(&at->out, "user %.*s ", (int)len, (const char *)name);
        acl_describe((const struct acl_user *)value, &at->out);
        buffer_put_u8(&at->out, '\n');
    }
}

static void rewrite_line(struct rewriting *at, const char *line, size_t len)
{
    size_t count;
    const struct parameter *table = parameters(&count);
    const bool split = resp_split(&at->words, line, len);
    const bool directive = split && at->words.arg_count && at->words.args[0].data[0] != '#';
    if (directive && str_is(at->words.args[0], "user")) {
        put_users(at);
        return;
    }
    const struct parameter *parameter =
        directive ? parameter_find(at->words.args[0]) : NULL;
    if (!parameter) {
        buffer_put(&at->out, line, len);
        buffer_put_u8(&at->out, '\n');
        return;
    }
    while (parameter->flags & PARAMETER_ALIAS) parameter--;
    bool *written = &at->written[parameter - table];
    if (!*written) put_line(at, parameter);
    *written = true;
}

/* What is no default and was not in the file. */
static int put_rest(struct rewriting *at)
{
    size_t count;
    const struct parameter *table = parameters(&count);
    struct redis_settings defaults;
    struct buffer a, b;
    const int rc = settings_init(&defaults);
    if (rc) return rc;
    buffer_init(&a);
    buffer_init(&b);
    for (size_t i = 0; i < count; i++) {
        if (at->written[i] || table[i].flags & PARAMETER_ALIAS) continue;
        buffer_clear(&a);
        buffer_clear(&b);
        settings_print(&defaults, &table[i], &a);
        settings_print(&at->redis->settings, &table[i], &b);
        const bool same = a.len == b.len && (!a.len || !memcmp(a.data, b.data, a.len));
        if (!same) put_line(at, &table[i]);
    }
    put_users(at);
    buffer_release(&a);
    buffer_release(&b);
    settings_release(&defaults);
    return 0;
}

static int rewrite(struct rewriting *at, struct kith_error *err)
{
    struct buffer text;
    buffer_init(&text);
    int rc = redis_read_file(at->redis, at->redis->config_file, &text, err);
    if (rc == KITH_ENOTFOUND) rc = 0;
    for (size_t i = 0; rc == 0 && i < text.len;) {
        const char *line = (const char *)text.data + i;
        const char *end = memchr(line, '\n', text.len - i);
        const size_t len = end ? (size_t)(end - line) : text.len - i;
        rewrite_line(at, line, len);
        i += len + 1;
    }
    if (rc == 0) rc = put_rest(at);
    if (rc == 0 && buffer_failed(&at->out)) rc = error_set(err, KITH_ENOMEM, "no memory");
    if (rc == 0) rc = redis_write_file(at->redis, at->redis->config_file, &at->out, err);
    buffer_release(&text);
    return rc;
}

static void run_rewrite(struct redis_call *call)
{
    struct rewriting at = {.redis = call->redis};
    struct kith_error err = {0};
    if (!call->redis->config_file) {
        call_error(call, "ERR The server is running without a config file");
        return;
    }
    resp_parser_init(&at.words);
    buffer_init(&at.out);
    if (rewrite(&at, &err)) call_errorf(call, "ERR Rewriting config file: %s", err.text);
    else resp_ok(call->reply);
    resp_parser_release(&at.words);
    buffer_release(&at.out);
}

static void run_resetstat(struct redis_call *call)
{
    info_reset(call->redis);
    resp_ok(call->reply);
}

#define CONFIG_FLAGS (CMD_ADMIN | CMD_LOADING | CMD_NO_SCRIPT)

const struct command config_subcommands[] = {
    {.name = "get", .run = run_get, .arity = -3, .flags = CONFIG_FLAGS},
    {.name = "set", .run = run_set, .arity = -4, .flags = CONFIG_FLAGS},
    {.name = "resetstat", .run = run_resetstat, .arity = 2, .flags = CONFIG_FLAGS},
    {.name = "rewrite", .run = run_rewrite, .arity = 2, .flags = CONFIG_FLAGS},
    HELP_SUBCOMMAND(0),
    {.name = NULL},
};
