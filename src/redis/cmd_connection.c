/*
 * Commands of a connection: PING, ECHO, SELECT, HELLO, AUTH, RESET, QUIT.
 */
#include <string.h>

#include "redis/redis_internal.h"

static void run_ping(struct redis_call *call)
{
    if (call->argc > 2) {
        call_arity_error(call);
    } else if (session_subscriptions(call->session) && call->reply->version == 2) {
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

static void put_hello(struct redis_call *call)
{
    struct resp *reply = call->reply;
    reply->version = call->session->reply.version;
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
    resp_array(reply, 0);
}

static void run_hello(struct redis_call *call)
{
    int64_t version = call->session->reply.version;
    if (call->argc > 1 && !text_integer(call->argv[1], &version)) {
        call_error(call, "ERR Protocol version is not an integer or out of range");
        return;
    }
    if (version < 2 || version > 3) {
        call_error(call, "NOPROTO unsupported protocol version");
        return;
    }
    call->session->reply.version = (unsigned)version;
    put_hello(call);
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
    {.name = NULL},
};
