/*
 * ACL: users and their rights, and AUTH, which chooses one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "os/os.h"
#include "redis/acl.h"
#include "redis/redis_internal.h"
#include "redis/server_commands.h"

#define GENPASS_BITS_MAX 4096
#define WRONG_PASSWORD "WRONGPASS invalid username-password pair or user is disabled."
#define NO_FILE                                                                                    \
    "ERR This Redis instance is not configured to use an ACL file. You may want to specify users " \
    "via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis "      \
    "configuration file set) in order to store users in the Redis configuration."

static void run_auth(struct redis_call *call)
{
    const struct acl_user *standard = call->redis->acl->standard;
    if (call->argc > 3) {
        call_syntax_error(call);
        return;
    }
    if (call->argc == 2 && standard->nopass) {
        call_error(call, "ERR AUTH <password> called without any password configured for the "
                         "default user. Are you sure your configuration is correct?");
        return;
    }
    const struct kith_str name = call->argc == 3 ? call->argv[1] : str_of("default");
    if (acl_authenticate(call->session, name, call->argv[call->argc - 1])) resp_ok(call->reply);
    else call_error(call, WRONG_PASSWORD);
}

/* ---- looking ---- */

static struct kith_str name_of(const struct acl_user *user)
{
    return (struct kith_str){user->name, user->name_len};
}

static void run_whoami(struct redis_call *call)
{
    resp_str(call->reply, name_of(call->session->user));
}

static int user_order(const void *a, const void *b)
{
    const struct kith_str left = name_of(*(const struct acl_user *const *)a);
    const struct kith_str right = name_of(*(const struct acl_user *const *)b);
    const size_t len = left.len < right.len ? left.len : right.len;
    const int order = len ? memcmp(left.data, right.data, len) : 0;
    return order ? order : (left.len > right.len) - (left.len < right.len);
}

static void put_user_line(struct resp *reply, const struct acl_user *user, struct buffer *line)
{
    buffer_clear(line);
    buffer_printf(line, "user ");
    buffer_put(line, user->name, user->name_len);
    buffer_put_u8(line, ' ');
    acl_describe(user, line);
    resp_bulk(reply, line->data, line->len);
}

/* In the order of their names. */
static void each_user(struct redis_call *call, bool lines)
{
    const struct map *users = &call->redis->acl->users;
    const struct acl_user **sorted = mem_alloc_array(users->count, sizeof *sorted);
    size_t it = 0, count = 0, len;
    const void *name;
    uintptr_t value;
    struct buffer line;
    if (!sorted) {
        call_no_memory(call);
        return;
    }
    while (map_next(users, &it, &name, &len, &value))
        sorted[count++] = (const struct acl_user *)value;
    qsort(sorted, count, sizeof *sorted, user_order);
    buffer_init(&line);
    resp_array(call->reply, count);
    for (size_t i = 0; i < count; i++) {
        if (lines) put_user_line(call->reply, sorted[i], &line);
        else resp_str(call->reply, name_of(sorted[i]));
    }
    buffer_release(&line);
    mem_free(sorted);
}

static void run_list(struct redis_call *call) { each_user(call, true); }
static void run_users(struct redis_call *call) { each_user(call, false); }

typedef void describe_fn(const struct acl_selector *selector, struct buffer *out);

static void describe_channels(const struct acl_selector *selector, struct buffer *out)
{
    acl_describe_channels(selector, out, false);
}

static void put_described(struct resp *reply, const char *name, describe_fn *fn,
                          const struct acl_selector *selector)
{
    struct buffer text;
    buffer_init(&text);
    fn(selector, &text);
    resp_cstr(reply, name);
    resp_bulk(reply, text.data, text.len);
    buffer_release(&text);
}

static void put_selector(struct resp *reply, const struct acl_selector *selector)
{
    put_described(reply, "commands", acl_describe_commands, selector);
    put_described(reply, "keys", acl_describe_keys, selector);
    put_described(reply, "channels", describe_channels, selector);
}

static void put_user(struct resp *reply, const struct acl_user *user)
{
    resp_map(reply, 6);
    resp_cstr(reply, "flags");
    resp_set(reply, 2 + (size_t)user->nopass);
    resp_cstr(reply, user->on ? "on" : "off");
    if (user->nopass) resp_cstr(reply, "nopass");
    resp_cstr(reply, "sanitize-payload");
    resp_cstr(reply, "passwords");
    resp_array(reply, user->password_count);
    for (size_t i = 0; i < user->password_count; i++) {
        char text[2 * ACL_HASH_BYTES + 1];
        for (size_t k = 0; k < ACL_HASH_BYTES; k++)
            (void)snprintf(text + 2 * k, 3, "%02x", user->passwords[i][k]);
        resp_cstr(reply, text);
    }
    put_selector(reply, user->selectors[0]);
    resp_cstr(reply, "selectors");
    resp_array(reply, user->selector_count - 1);
    for (size_t i = 1; i < user->selector_count; i++) {
        resp_map(reply, 3);
        put_selector(reply, user->selectors[i]);
    }
}

static void run_getuser(struct redis_call *call)
{
    const struct acl_user *user = acl_find(call->redis->acl, call->argv[2]);
    if (user) put_user(call->reply, user);
    else resp_null(call->reply);
}

static void list_category(struct redis_call *call)
{
    const struct registry *registry = &call->redis->registry;
    uint32_t bit;
    if (!acl_category(call->argv[2].data, call->argv[2].len, &bit)) {
        call_errorf(call, "ERR Unknown category '%.*s'", (int)call->argv[2].len,
                    call->argv[2].data);
        return;
    }
    size_t count = 0;
    const size_t place = resp_open(call->reply);
    for (size_t i = 0; i < registry->count; i++) {
        if (!(registry->entries[i].categories & bit)) continue;
        resp_cstr(call->reply, registry->entries[i].name);
        count++;
    }
    resp_close(call->reply, place, '*', count);
}

static void run_cat(struct redis_call *call)
{
    unsigned count = 0;
    if (call->argc > 3) {
        call_arity_error(call);
        return;
    }
    if (call->argc == 3) {
        list_category(call);
        return;
    }
    while (acl_category_name(count)) count++;
    resp_array(call->reply, count);
    for (unsigned i = 0; i < count; i++) resp_cstr(call->reply, acl_category_name(i));
}

static void run_dryrun(struct redis_call *call)
{
    const struct acl_user *user = acl_find(call->redis->acl, call->argv[2]);
    const struct kith_str *argv = call->argv + 3;
    const size_t argc = call->argc - 3;
    char text[256];
    size_t place;
    if (!user) {
        call_errorf(call, "ERR User '%.*s' not found", (int)call->argv[2].len, call->argv[2].data);
        return;
    }
    const struct command_entry *entry = registry_of(&call->redis->registry, argv, argc);
    if (!entry || !entry->command->run) {
        call_errorf(call, "ERR Command '%.*s' not found", (int)argv[0].len, argv[0].data);
        return;
    }
    if (!command_arity_fits(entry->command, argc)) {
        call_errorf(call, "ERR wrong number of arguments for '%s' command", entry->name);
        return;
    }
    const enum acl_denial why = acl_check(call->redis, user, entry, argv, argc, &place);
    if (why == ACL_ALLOWED) {
        resp_ok(call->reply);
    } else if (why == ACL_DENIED_COMMAND) {
        acl_denial_text(user, entry, why, text);
        resp_cstr(call->reply, strchr(text, ' ') + 1);
    } else {
        resp_printf(call->reply, "User %s has no permissions to access the '%.*s' %s", user->name,
                    (int)argv[place].len, argv[place].data,
                    why == ACL_DENIED_KEY ? "key" : "channel");
    }
}

/* ---- changing ---- */

static bool name_is_good(struct kith_str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] == ' ' || name.data[i] == 0) return false;
    return true;
}

static void run_setuser(struct redis_call *call)
{
    struct acl *acl = call->redis->acl;
    struct acl_user *user = acl_find(acl, call->argv[2]);
    const bool fresh = user == NULL;
    struct buffer error;
    if (!name_is_good(call->argv[2])) {
        call_error(call, "ERR Usernames can't contain spaces or null characters");
        return;
    }
    if (fresh) user = acl_add(acl, call->argv[2]);
    buffer_init(&error);
    const int rc =
        user ? acl_set_all(call->redis, user, call->argv + 3, call->argc - 3, &error)
             : KITH_ENOMEM;
    if (rc && fresh && user) acl_remove(acl, user);
    if (rc == KITH_EINVAL)
        call_errorf(call, "ERR %.*s", (int)error.len, (const char *)error.data);
    else if (rc) call_no_memory(call);
    if (rc == 0) {
        acl_user_changed(call->redis, user);
        resp_ok(call->reply);
    }
    buffer_release(&error);
}

static void run_deluser(struct redis_call *call)
{
    struct acl *acl = call->redis->acl;
    int64_t count = 0;
    for (size_t i = 2; i < call->argc; i++) {
        if (str_same(call->argv[i], str_of("default"))) {
            call_error(call, "ERR The 'default' user cannot be removed");
            return;
        }
    }
    for (size_t i = 2; i < call->argc; i++) {
        struct acl_user *user = acl_find(acl, call->argv[i]);
        if (!user) continue;
        acl_remove(acl, user);
        count++;
    }
    resp_integer(call->reply, count);
}

static void run_genpass(struct redis_call *call)
{
    uint8_t bytes[GENPASS_BITS_MAX / 8];
    char text[GENPASS_BITS_MAX / 4 + 1];
    int64_t bits = 256;
    if (call->argc > 3) {
        call_arity_error(call);
        return;
    }
    if (call->argc == 3 && !call_integer(call, 2, &bits)) return;
    if (bits < 1 || bits > GENPASS_BITS_MAX) {
        call_error(call, "ERR ACL GENPASS argument must be the number of bits for the output "
                         "password, a positive number up to 4096");
        return;
    }
    const size_t digits = (size_t)(bits + 3) / 4;
    os_random(call->redis->os, bytes, sizeof bytes);
    for (size_t i = 0; i < digits; i++)
        text[i] = "0123456789abcdef"[bytes[i / 2] >> (i % 2 ? 0 : 4) & 15];
    resp_bulk(call->reply, text, digits);
}

/* ---- the log ---- */

static void put_event(struct redis_call *call, const struct acl_event *event)
{
    struct resp *reply = call->reply;
    const int64_t age = cache_now_ms(call->cache) - event->created_ms;
    resp_map(reply, 10);
    resp_cstr(reply, "count");
    resp_integer(reply, (int64_t)event->count);
    resp_cstr(reply, "reason");
    resp_cstr(reply, event->reason);
    resp_cstr(reply, "context");
    resp_cstr(reply, event->context);
    resp_cstr(reply, "object");
    resp_cstr(reply, event->object);
    resp_cstr(reply, "username");
    resp_cstr(reply, event->user);
    resp_cstr(reply, "age-seconds");
    resp_double(reply, (double)age / 1000);
    resp_cstr(reply, "client-info");
    resp_cstr(reply, event->client ? event->client : "");
    resp_cstr(reply, "entry-id");
    resp_integer(reply, (int64_t)event->id);
    resp_cstr(reply, "timestamp-created");
    resp_integer(reply, event->created_ms);
    resp_cstr(reply, "timestamp-last-updated");
    resp_integer(reply, event->updated_ms);
}

static void run_log(struct redis_call *call)
{
    struct acl *acl = call->redis->acl;
    int64_t count = 10;
    if (call->argc > 3) {
        call_arity_error(call);
        return;
    }
    if (call_is(call, 2, "reset")) {
        acl_log_trim(acl, 0);
        resp_ok(call->reply);
        return;
    }
    if (call->argc == 3 && !call_integer(call, 2, &count)) return;
    if (count < 0) count = 0;
    if ((uint64_t)count > acl->event_count) count = (int64_t)acl->event_count;
    resp_array(call->reply, (size_t)count);
    for (int64_t i = 0; i < count; i++) put_event(call, &acl->events[i]);
}

/* ---- the file ---- */

static void run_load(struct redis_call *call)
{
    const char *path = call->redis->settings.aclfile;
    struct buffer error;
    if (!path) {
        call_error(call, NO_FILE);
        return;
    }
    buffer_init(&error);
    const int rc = acl_load(call->redis->acl, path, &error);
    if (rc)
        call_errorf(call, "ERR %s: %.*s WARNING: ACL errors detected, no change to the previously "
                          "active ACL rules was performed",
                    path, (int)error.len, (const char *)error.data);
    else resp_ok(call->reply);
    buffer_release(&error);
}

static void run_save(struct redis_call *call)
{
    const char *path = call->redis->settings.aclfile;
    struct kith_error err = {0};
    if (!path) {
        call_error(call, NO_FILE);
    } else if (acl_save(call->redis->acl, path, &err)) {
        redis_log(call->redis, 1, "ACL SAVE: %s", err.text);
        call_error(call, "ERR There was an error trying to save the ACLs. Please check the server "
                         "logs for more information");
    } else {
        resp_ok(call->reply);
    }
}

#define ACL_FLAGS (CMD_ADMIN | CMD_LOADING | CMD_NO_SCRIPT)
#define ACL_SEEN (CMD_LOADING | CMD_NO_SCRIPT)

static const struct command acl_subcommands[] = {
    {.name = "cat", .run = run_cat, .arity = -2, .flags = ACL_SEEN},
    {.name = "deluser", .run = run_deluser, .arity = -3, .flags = ACL_FLAGS},
    {.name = "dryrun", .run = run_dryrun, .arity = -4, .flags = ACL_FLAGS},
    {.name = "genpass", .run = run_genpass, .arity = -2, .flags = ACL_SEEN},
    {.name = "getuser", .run = run_getuser, .arity = 3, .flags = ACL_FLAGS},
    {.name = "list", .run = run_list, .arity = 2, .flags = ACL_FLAGS},
    {.name = "load", .run = run_load, .arity = 2, .flags = ACL_FLAGS},
    {.name = "log", .run = run_log, .arity = -2, .flags = ACL_FLAGS},
    {.name = "save", .run = run_save, .arity = 2, .flags = ACL_FLAGS},
    {.name = "setuser", .run = run_setuser, .arity = -3, .flags = ACL_FLAGS},
    {.name = "users", .run = run_users, .arity = 2, .flags = ACL_FLAGS},
    {.name = "whoami", .run = run_whoami, .arity = 2, .flags = ACL_SEEN},
    HELP_SUBCOMMAND(0),
    {.name = NULL},
};

const struct command acl_commands[] = {
    {.name = "auth", .run = run_auth, .arity = -2,
     .flags = CMD_FAST | CMD_LOADING | CMD_NO_AUTH | CMD_NO_SCRIPT | CMD_NO_MONITOR |
              CMD_NO_SLOWLOG,
     .categories = CAT_CONNECTION},
    {.name = "acl", .arity = -2, .subcommands = acl_subcommands},
    {.name = NULL},
};
