/*
 * Commands of a connection: PING, ECHO, SELECT, HELLO, AUTH, RESET, QUIT.
 */
#include <string.h>

#include "redis/acl.h"
#include "redis/client_line.h"
#include "redis/redis_internal.h"

static void run_ping(struct redis_call *call)
{
    if (call->argc > 2) {
        call_arity_error(call);
    } else if (session_is_subscribed(call->session) && call->reply->version == 2) {
        resp_array(call->reply, 2);
        resp_cstr(call->reply, "pong");
        resp_str(call->reply, call->argc == 2 ? call->argv[1] : str_of(""));
    } else if (call->argc == 2) {
        resp_str(call->reply, call->argv[1]);
    } else {
        resp_status(call->reply, "PONG");
    }
}

static void run_echo(struct redis_call *call) { resp_str(call->reply, call->argv[1]); }

static void run_select(struct redis_call *call)
{
    int64_t db;
    if (!call_integer(call, 1, &db)) return;
    if (db < 0 || db >= cache_databases(call->cache)) {
        call_error(call, "ERR DB index is out of range");
        return;
    }
    call->session->db = (unsigned)db;
    resp_ok(call->reply);
}

static void put_module(struct resp *reply, const char *name, int64_t version)
{
    resp_map(reply, 4);
    resp_cstr(reply, "name");
    resp_cstr(reply, name);
    resp_cstr(reply, "ver");
    resp_integer(reply, version);
    resp_cstr(reply, "path");
    resp_cstr(reply, "");
    resp_cstr(reply, "args");
    resp_array(reply, 0);
}

void redis_put_modules(struct redis *redis, struct resp *reply)
{
    const bool search = registry_lookup(&redis->registry, str_of("ft.search")) != NULL;
    resp_array(reply, search ? 2 : 1);
    put_module(reply, "vectorset", 1);
    if (search) put_module(reply, "search", KITH_SEARCH_MODULE_VERSION);
}

static void put_hello(struct redis_call *call)
{
    struct resp *reply = call->reply;
    resp_map(reply, 7);
    resp_cstr(reply, "server");
    resp_cstr(reply, "redis");
    resp_cstr(reply, "version");
    resp_cstr(reply, KITH_REDIS_VERSION);
    resp_cstr(reply, "proto");
    resp_integer(reply, reply->version);
    resp_cstr(reply, "id");
    resp_integer(reply, (int64_t)call->session->id);
    resp_cstr(reply, "mode");
    resp_cstr(reply, "standalone");
    resp_cstr(reply, "role");
    resp_cstr(reply, "master");
    resp_cstr(reply, "modules");
    redis_put_modules(call->redis, reply);
}

struct greeting { /* what HELLO asks for */
    int64_t version;
    const struct kith_str *user, *password, *name;
};

static bool read_greeting(struct redis_call *call, struct greeting *out)
{
    if (call->argc > 1 && !text_integer(call->argv[1], &out->version)) {
        call_error(call, "ERR Protocol version is not an integer or out of range");
        return false;
    }
    if (out->version < 2 || out->version > 3) {
        call_error(call, "NOPROTO unsupported protocol version");
        return false;
    }
    for (size_t i = 2; i < call->argc; i++) {
        if (call_is(call, i, "auth") && i + 2 < call->argc) {
            out->user = &call->argv[i + 1];
            out->password = &call->argv[i + 2];
            i += 2;
        } else if (call_is(call, i, "setname") && i + 1 < call->argc) {
            out->name = &call->argv[++i];
        } else {
            call_errorf(call, "ERR Syntax error in HELLO option '%.*s'",
                        (int)(call->argv[i].len < 128 ? call->argv[i].len : 128),
                        call->argv[i].data);
            return false;
        }
    }
    return true;
}

static void run_hello(struct redis_call *call)
{
    struct session *session = call->session;
    struct greeting wish = {.version = session->reply.version};
    if (!read_greeting(call, &wish)) return;
    if (wish.name && !client_name_is_good(*wish.name)) {
        call_error(call, CLIENT_NAME_ERROR);
        return;
    }
    if (wish.user && !acl_authenticate(session, *wish.user, *wish.password)) {
        call_error(call, "WRONGPASS invalid username-password pair or user is disabled.");
        return;
    }
    if (!session->authenticated) {
        call_error(call, "NOAUTH HELLO must be called with the client already authenticated, "
                         "otherwise the HELLO <proto> AUTH <user> <pass> option can be used to "
                         "authenticate the client and select the RESP protocol version at the "
                         "same time");
        return;
    }
    if (wish.name && !client_set_text(&session->name, *wish.name)) {
        call_no_memory(call);
        return;
    }
    session->reply.version = call->reply->version = (unsigned)wish.version;
    session_refresh(session);
    put_hello(call);
}

static void run_reset(struct redis_call *call)
{
    session_reset(call->session);
    call->reply->version = 2;
    resp_status(call->reply, "RESET");
}

static void run_quit(struct redis_call *call)
{
    resp_ok(call->reply);
    call->session->closing = true;
}

const struct command connection_commands[] = {
    {.name = "ping", .run = run_ping, .arity = -1, .flags = CMD_FAST | CMD_PUBSUB,
     .categories = CAT_CONNECTION},
    {.name = "echo", .run = run_echo, .arity = 2, .flags = CMD_FAST, .categories = CAT_CONNECTION},
    {.name = "select", .run = run_select, .arity = 2, .flags = CMD_FAST | CMD_LOADING,
     .categories = CAT_CONNECTION},
    {.name = "hello", .run = run_hello, .arity = -1,
     .flags = CMD_FAST | CMD_LOADING | CMD_NO_AUTH | CMD_NO_SCRIPT, .categories = CAT_CONNECTION},
    {.name = "quit", .run = run_quit, .arity = -1,
     .flags = CMD_FAST | CMD_LOADING | CMD_NO_AUTH | CMD_NO_SCRIPT | CMD_PUBSUB,
     .categories = CAT_CONNECTION},
    {.name = "reset", .run = run_reset, .arity = 1,
     .flags = CMD_FAST | CMD_LOADING | CMD_NO_AUTH | CMD_NO_SCRIPT, .categories = CAT_CONNECTION},
    {.name = NULL},
};
