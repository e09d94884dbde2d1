/*
 * Commands about the server: a table whose parts are in other files, and the small ones.
 */
#include <string.h>

#include "redis/redis_internal.h"
#include "redis/server_commands.h"

static void run_time(struct redis_call *call)
{
    const int64_t us = os_wall_us(call->redis->os);
    resp_array(call->reply, 2);
    resp_bulk_integer(call->reply, us / 1000000);
    resp_bulk_integer(call->reply, us % 1000000);
}

static void run_role(struct redis_call *call)
{
    resp_array(call->reply, 3);
    resp_cstr(call->reply, "master");
    resp_integer(call->reply, 0);
    resp_array(call->reply, 0);
}

static void run_module_list(struct redis_call *call)
{
    redis_put_modules(call->redis, call->reply);
}

static void run_module_load(struct redis_call *call)
{
    call_error(call, "ERR MODULE command not allowed. If the enable-module-command option is set "
                     "to \"local\", you can run it from a local connection, otherwise you need to "
                     "set this option in the configuration file, and then restart the server.");
}

/* There are no replicas: 0 at once, or when the time is over. */
static void put_no_replicas(struct redis_call *call) { resp_integer(call->reply, 0); }

static void run_wait(struct redis_call *call)
{
    int64_t replicas, ms;
    if (!call_integer(call, 1, &replicas) || !call_integer(call, 2, &ms)) return;
    if (ms < 0) {
        call_error(call, "ERR timeout is negative");
        return;
    }
    const int64_t now = os_now_us(call->redis->os);
    const int64_t deadline = ms && ms < INT64_MAX / 2000 ? now + ms * 1000 : OS_FOREVER;
    if (replicas <= 0 || !call_block(call, NULL, 0, deadline)) put_no_replicas(call);
}

static void run_replicaof(struct redis_call *call)
{
    if (call_is(call, 1, "no") && call_is(call, 2, "one")) resp_ok(call->reply);
    else call_error(call, "ERR replication is not supported");
}

static void run_failover(struct redis_call *call)
{
    for (size_t i = 1; i < call->argc; i++) {
        if (call_is(call, i, "to") && i + 2 < call->argc) i += 2;
        else if (call_is(call, i, "timeout") && i + 1 < call->argc) i++;
        else if (!call_is(call, i, "abort") && !call_is(call, i, "force")) {
            call_syntax_error(call);
            return;
        }
    }
    call_error(call, "ERR FAILOVER requires connected replicas.");
}

static void run_no_cluster(struct redis_call *call)
{
    call_error(call, "ERR This instance has cluster support disabled");
}

static void run_lolwut(struct redis_call *call)
{
    static const char text[] = "Kith\n\n  rows that are close\n  keep each other company\n\n"
                               "Redis ver. " KITH_REDIS_VERSION "\n";
    resp_verbatim(call->reply, text, sizeof text - 1);
}

/* NOSAVE and SAVE exclude each other, ABORT every other word. */
static bool read_shutdown(struct redis_call *call, bool *save, bool *abort)
{
    static const char *const words[] = {"nosave", "save", "abort", "now", "force"};
    bool said[5] = {false};
    for (size_t i = 1; i < call->argc; i++) {
        size_t word = 0;
        while (word < 5 && !call_is(call, i, words[word])) word++;
        if (word == 5) return false;
        said[word] = true;
    }
    *abort = said[2];
    *save = said[1] || (!said[0] && call->redis->settings.save_count > 0);
    return !(said[0] && said[1]) && !(said[2] && (said[0] || said[1] || said[3] || said[4]));
}

static void run_shutdown(struct redis_call *call)
{
    struct redis *redis = call->redis;
    bool save, abort;
    if (!read_shutdown(call, &save, &abort)) {
        call_syntax_error(call);
        return;
    }
    if (abort) {
        call_error(call, "ERR No shutdown in progress.");
        return;
    }
    if (!redis->shutdown) {
        call_error(call, "ERR Errors trying to SHUTDOWN. Check logs.");
        return;
    }
    redis_log(redis, 1, "User requested shutdown...");
    redis->no_final_save = !save;
    redis->shutdown(redis->shutdown_ctx, save);
    call->session->closing = true;
}

/* ---- scripts and functions: there are none ---- */

static void run_fine(struct redis_call *call) { resp_ok(call->reply); }
static void run_nothing(struct redis_call *call) { resp_array(call->reply, 0); }

static void run_script_exists(struct redis_call *call)
{
    resp_array(call->reply, call->argc - 2);
    for (size_t i = 2; i < call->argc; i++) resp_integer(call->reply, 0);
}

static void run_not_busy(struct redis_call *call)
{
    call_error(call, "NOTBUSY No scripts in execution right now.");
}

static void run_function_stats(struct redis_call *call)
{
    resp_map(call->reply, 2);
    resp_cstr(call->reply, "running_script");
    resp_null(call->reply);
    resp_cstr(call->reply, "engines");
    resp_map(call->reply, 0);
}

#define SEEN (CMD_LOADING | CMD_NO_SCRIPT)
#define ADMIN (CMD_ADMIN | CMD_LOADING | CMD_NO_SCRIPT)

#define MODULE_FLAGS (CMD_ADMIN | CMD_NO_SCRIPT)

static const struct command module_subcommands[] = {
    {.name = "list", .run = run_module_list, .arity = 2, .flags = CMD_ADMIN},
    {.name = "load", .run = run_module_load, .arity = -3, .flags = MODULE_FLAGS,
     .categories = CAT_DANGEROUS},
    {.name = "loadex", .run = run_module_load, .arity = -3, .flags = MODULE_FLAGS,
     .categories = CAT_DANGEROUS},
    {.name = "unload", .run = run_module_load, .arity = 3, .flags = MODULE_FLAGS,
     .categories = CAT_DANGEROUS},
    HELP_SUBCOMMAND(0),
    {.name = NULL},
};

static const struct command function_subcommands[] = {
    {.name = "flush", .run = run_fine, .arity = -2, .categories = CAT_SCRIPTING},
    {.name = "list", .run = run_nothing, .arity = -2, .categories = CAT_SCRIPTING},
    {.name = "stats", .run = run_function_stats, .arity = 2, .categories = CAT_SCRIPTING},
    {.name = "kill", .run = run_not_busy, .arity = 2, .categories = CAT_SCRIPTING},
    HELP_SUBCOMMAND(CAT_SCRIPTING),
    {.name = NULL},
};

static const struct command script_subcommands[] = {
    {.name = "exists", .run = run_script_exists, .arity = -3, .categories = CAT_SCRIPTING},
    {.name = "flush", .run = run_fine, .arity = -2, .categories = CAT_SCRIPTING},
    {.name = "kill", .run = run_not_busy, .arity = 2, .categories = CAT_SCRIPTING},
    HELP_SUBCOMMAND(CAT_SCRIPTING),
    {.name = NULL},
};

const struct command server_commands[] = {
    {.name = "info", .run = run_info, .arity = -1, .flags = CMD_LOADING,
     .categories = CAT_DANGEROUS},
    {.name = "time", .run = run_time, .arity = 1, .flags = CMD_FAST | CMD_LOADING},
    {.name = "role", .run = run_role, .arity = 1, .flags = CMD_FAST | SEEN,
     .categories = CAT_ADMIN | CAT_DANGEROUS},
    {.name = "config", .arity = -2, .subcommands = config_subcommands},
    {.name = "command", .run = run_command, .arity = -1, .flags = CMD_LOADING,
     .categories = CAT_CONNECTION, .subcommands = command_subcommands},
    {.name = "memory", .arity = -2, .subcommands = memory_subcommands},
    {.name = "module", .arity = -2, .subcommands = module_subcommands},
    {.name = "slowlog", .arity = -2, .subcommands = slowlog_subcommands},
    {.name = "latency", .arity = -2, .subcommands = latency_subcommands},
    {.name = "monitor", .run = run_monitor, .arity = 1, .flags = ADMIN},
    {.name = "debug", .run = run_debug, .arity = -2, .flags = ADMIN},
    {.name = "wait", .run = run_wait, .arity = 3, .flags = CMD_BLOCKING,
     .categories = CAT_CONNECTION, .timed_out = put_no_replicas},
    {.name = "replicaof", .run = run_replicaof, .arity = 3, .flags = ADMIN},
    {.name = "slaveof", .run = run_replicaof, .arity = 3, .flags = ADMIN},
    {.name = "failover", .run = run_failover, .arity = -1, .flags = ADMIN},
    {.name = "cluster", .run = run_no_cluster, .arity = -2, .flags = SEEN},
    {.name = "readonly", .run = run_no_cluster, .arity = 1, .flags = CMD_FAST | SEEN,
     .categories = CAT_CONNECTION},
    {.name = "readwrite", .run = run_no_cluster, .arity = 1, .flags = CMD_FAST | SEEN,
     .categories = CAT_CONNECTION},
    {.name = "asking", .run = run_no_cluster, .arity = 1, .flags = CMD_FAST | SEEN,
     .categories = CAT_CONNECTION},
    {.name = "lolwut", .run = run_lolwut, .arity = -1, .flags = CMD_FAST | CMD_READ},
    {.name = "shutdown", .run = run_shutdown, .arity = -1, .flags = ADMIN | CMD_NO_MULTI},
    {.name = "function", .arity = -2, .subcommands = function_subcommands},
    {.name = "script", .arity = -2, .subcommands = script_subcommands},
    {.name = NULL},
};
