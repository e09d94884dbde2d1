/*
 * DEBUG: what tests and tools ask for. Refused unless enable-debug-command allows it.
 */
#include <stdio.h>

#include "base/alloc.h"
#include "base/checksum.h"
#include "redis/redis_internal.h"
#include "redis/server_commands.h"

struct nap {
    const struct os *os;
    int64_t us;
};

static void wait_elsewhere(void *ctx)
{
    const struct nap *nap = ctx;
    os_sleep_us(nap->os, nap->us);
}

static void wait_over(struct redis_call *call, void *ctx)
{
    mem_free(ctx);
    resp_ok(call->reply);
}

/* Redis stops altogether; here the connection waits, and nobody else. */
static void debug_sleep(struct redis_call *call)
{
    double seconds;
    if (!call_double(call, 2, &seconds)) return;
    struct nap *nap = mem_alloc(sizeof *nap);
    if (!nap) {
        call_no_memory(call);
        return;
    }
    nap->os = call->redis->os;
    nap->us = seconds > 0 && seconds < 3600 ? (int64_t)(seconds * 1e6) : 0;
    if (!call_offload(call, wait_elsewhere, wait_over, nap)) mem_free(nap);
}

static void debug_object(struct redis_call *call)
{
    const struct entry *entry =
        cache_read(call->cache, call->db, call->argv[2], CACHE_NO_TOUCH | CACHE_NO_STATS);
    char text[256];
    if (!entry) {
        call_error(call, "ERR no such key");
        return;
    }
    (void)snprintf(text, sizeof text,
                   "Value at:0x0 refcount:1 encoding:%s serializedlength:%zu lru:0 "
                   "lru_seconds_idle:%lld",
                   entry_encoding(call->cache, entry), entry_bytes(entry),
                   (long long)entry_idle_s(call->cache, entry));
    resp_status(call->reply, text);
}

/* A figure that is equal for equal data, whatever its order. */
struct digest {
    uint64_t sum[2];
    struct buffer bytes;
};

static void add_entry(void *ctx, struct entry *entry)
{
    struct digest *digest = ctx;
    const struct kith_str key = entry_key(entry);
    buffer_clear(&digest->bytes);
    buffer_put(&digest->bytes, key.data, key.len);
    entry_encode(entry, &digest->bytes);
    digest->sum[0] += hash64(digest->bytes.data, digest->bytes.len, 0);
    digest->sum[1] += hash64(digest->bytes.data, digest->bytes.len, 1);
}

static void put_digest(struct redis_call *call, const struct digest *digest)
{
    char text[41];
    (void)snprintf(text, sizeof text, "%016llx%016llx%08x", (unsigned long long)digest->sum[0],
                   (unsigned long long)digest->sum[1], 0u);
    resp_status(call->reply, text);
}

static void debug_digest(struct redis_call *call)
{
    struct digest digest = {{0, 0}, {0}};
    for (unsigned db = 0; db < cache_databases(call->cache); db++) {
        uint64_t cursor = 0;
        do cursor = cache_scan(call->cache, db, cursor, add_entry, &digest);
        while (cursor);
    }
    put_digest(call, &digest);
    buffer_release(&digest.bytes);
}

static void debug_digest_value(struct redis_call *call)
{
    resp_array(call->reply, call->argc - 2);
    for (size_t i = 2; i < call->argc; i++) {
        struct digest digest = {{0, 0}, {0}};
        struct entry *entry =
            cache_read(call->cache, call->db, call->argv[i], CACHE_NO_TOUCH | CACHE_NO_STATS);
        if (entry) add_entry(&digest, entry);
        put_digest(call, &digest);
        buffer_release(&digest.bytes);
    }
}

/* One of each kind of reply. */
static void debug_protocol(struct redis_call *call)
{
    struct resp *reply = call->reply;
    if (call_is(call, 2, "string")) resp_cstr(reply, "Hello World");
    else if (call_is(call, 2, "integer")) resp_integer(reply, 12345);
    else if (call_is(call, 2, "double")) resp_double(reply, 3.141);
    else if (call_is(call, 2, "null")) resp_null(reply);
    else if (call_is(call, 2, "true")) resp_bool(reply, true);
    else if (call_is(call, 2, "false")) resp_bool(reply, false);
    else if (call_is(call, 2, "verbatim"))
        resp_verbatim(reply, "This is a verbatim\nstring", 25);
    else if (call_is(call, 2, "array") || call_is(call, 2, "set") || call_is(call, 2, "push")) {
        if (call_is(call, 2, "array")) resp_array(reply, 3);
        else if (call_is(call, 2, "set")) resp_set(reply, 3);
        else resp_push(reply, 3);
        for (int64_t i = 0; i < 3; i++) resp_integer(reply, i);
    } else if (call_is(call, 2, "map")) {
        resp_map(reply, 3);
        for (int64_t i = 0; i < 3; i++) {
            resp_integer(reply, i);
            resp_bool(reply, i == 1);
        }
    } else {
        call_error(call, "ERR Wrong protocol type name. Please use one of the following: string|"
                         "integer|double|null|array|set|map|push|verbatim|true|false");
    }
}

static bool is_allowed(const struct redis_call *call)
{
    const int64_t allowed = call->redis->settings.debug_command;
    return allowed == DEBUG_YES || (allowed == DEBUG_LOCAL && session_is_local(call->session));
}

void run_debug(struct redis_call *call)
{
    const bool three = call->argc == 3;
    if (!is_allowed(call)) {
        call_error(call, "ERR DEBUG command not allowed. If the enable-debug-command option is set "
                         "to \"local\", you can run it from a local connection, otherwise you need "
                         "to set this option in the configuration file, and then restart the "
                         "server.");
    } else if (three && call_is(call, 1, "sleep")) {
        debug_sleep(call);
    } else if (three && call_is(call, 1, "set-active-expire")) {
        cache_set_paused(call->cache, call_is(call, 2, "0"));
        resp_ok(call->reply);
    } else if (three && call_is(call, 1, "object")) {
        debug_object(call);
    } else if (three && call_is(call, 1, "log")) {
        redis_log(call->redis, 1, "DEBUG LOG: %.*s", (int)call->argv[2].len, call->argv[2].data);
        resp_ok(call->reply);
    } else if (three && call_is(call, 1, "protocol")) {
        debug_protocol(call);
    } else if (call->argc == 2 && call_is(call, 1, "digest")) {
        debug_digest(call);
    } else if (call_is(call, 1, "digest-value")) {
        debug_digest_value(call);
    } else if (call_is(call, 1, "reload") || call_is(call, 1, "stringmatch-len") ||
               call_is(call, 1, "jmap") || call_is(call, 1, "quicklist-packed-threshold")) {
        resp_ok(call->reply);
    } else {
        call_errorf(call, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try "
                          "DEBUG HELP.",
                    (int)call->argv[1].len, call->argv[1].data);
    }
}
