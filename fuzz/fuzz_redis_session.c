/*
 * The Redis door on arbitrary bytes: whatever a client sends, in two pieces (the first byte says
 * where), two sessions of one door stay whole, and what they answer begins as a reply does. What
 * stops a server or waits for a clock is renamed away. After some hundred inputs the door is
 * another: users and parameters that they made would go on growing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "redis/redis.h"

enum { INPUTS_A_DOOR = 256 };

static struct redis *door(void)
{
    static const char *const directives[] = {
        "rename-command shutdown \"\"", "rename-command debug \"\"",
        "maxmemory 32mb", "maxmemory-policy allkeys-lru", "proto-max-bulk-len 1mb",
        "notify-keyspace-events KEA", "client-query-buffer-limit 1mb",
    };
    static struct redis *redis;
    static unsigned inputs;
    struct kith_error err = {0};
    const struct redis_opts opts = {.os = os_real(),
                                    .directives = directives,
                                    .directive_count = sizeof directives / sizeof directives[0],
                                    .workers = 1};
    if (inputs++ % INPUTS_A_DOOR == 0) {
        redis_free(redis);
        redis = NULL;
    }
    if (!redis && redis_new(&opts, &redis, &err)) {
        (void)fprintf(stderr, "%s\n", err.text);
        abort();
    }
    return redis;
}

static void feed(struct session *session, const void *data, size_t len, struct buffer *out)
{
    const int rc = session_feed(session, data, len, out);
    MUST(rc == 0 || rc == KITH_ECLOSED || rc == KITH_ENOMEM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char flush[] = "RESET\r\nFLUSHALL\r\nCONFIG RESETSTAT\r\nSLOWLOG RESET\r\n";
    struct redis *redis = door();
    struct buffer out, other;
    if (size == 0) return 0;
    struct session *a = session_open_local(redis), *b = session_open_local(redis);
    MUST(a && b);
    buffer_init(&out);
    buffer_init(&other);
    const size_t cut = data[0] % size;
    feed(b, "SUBSCRIBE c\r\n", 13, &other);
    feed(a, data + 1, cut, &out);
    feed(a, data + 1 + cut, size - 1 - cut, &out);
    feed(b, "", 0, &other);
    MUST(out.len == 0 || strchr("+-:$*%~>_,#(=!|", out.data[0]));
    MUST(other.len && other.data[0] == '*');
    feed(b, flush, sizeof flush - 1, &other);
    session_close_local(a);
    session_close_local(b);
    buffer_release(&out);
    buffer_release(&other);
    return 0;
}
