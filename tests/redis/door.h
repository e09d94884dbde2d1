/*
 * A door without sockets for tests: commands in, bytes out. Inline commands, so that a transcript
 * reads like one; replies compare whole.
 */
#ifndef KITH_TESTS_REDIS_DOOR_H
#define KITH_TESTS_REDIS_DOOR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "redis/redis.h"

static inline struct redis *door_open_on(const struct os *os, const char *const *directives,
                                         size_t count)
{
    struct redis *redis = NULL;
    struct kith_error err = {0};
    const struct redis_opts opts = {.os = os,
                                    .directives = directives,
                                    .directive_count = count,
                                    .port = 6379,
                                    .workers = 1};
    if (redis_new(&opts, &redis, &err)) fail_msg("%s", err.text);
    return redis;
}

static inline struct redis *door_open_with(const char *const *directives, size_t count)
{
    return door_open_on(os_real(), directives, count);
}

static inline struct redis *door_open(void) { return door_open_with(NULL, 0); }

/* A door with one session. */
static inline struct session *door_open_one(struct redis **redis)
{
    *redis = door_open();
    struct session *session = session_open_local(*redis);
    assert_non_null(session);
    return session;
}

static inline void door_close_one(struct redis *redis, struct session *session)
{
    session_close_local(session);
    redis_free(redis);
}

static inline void door_expect_bytes(const char *file, int line, struct session *session,
                                     const char *sent, const void *want, size_t want_len)
{
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(session_feed(session, sent, strlen(sent), &out), 0);
    if (sent[0] && sent[strlen(sent) - 1] != '\n')
        assert_int_equal(session_feed(session, "\r\n", 2, &out), 0);
    if (out.len != want_len || (want_len && memcmp(out.data, want, want_len) != 0)) {
        print_error("%s:%d: '%s'\n  gave: %.*s\n  want: %.*s\n", file, line, sent, (int)out.len,
                    (const char *)out.data, (int)want_len, (const char *)want);
        fail();
    }
    buffer_release(&out);
}

/* `want` is a C text: no NUL inside. */
#define EXPECT(session, sent, want)                                                                \
    door_expect_bytes(__FILE__, __LINE__, (session), (sent), (want), strlen(want))
/* What others have sent to it meanwhile. */
#define EXPECT_SENT(session, want) EXPECT(session, "", want)

/* The reply as text; the caller's until the next call. */
static inline const char *door_reply(struct session *session, const char *sent)
{
    static char text[65536];
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(session_feed(session, sent, strlen(sent), &out), 0);
    if (sent[0]) assert_int_equal(session_feed(session, "\r\n", 2, &out), 0);
    const size_t len = out.len < sizeof text - 1 ? out.len : sizeof text - 1;
    if (len) memcpy(text, out.data, len);
    text[len] = 0;
    buffer_release(&out);
    return text;
}

#define EXPECT_HAS(session, sent, part)                                                            \
    do {                                                                                           \
        const char *reply_ = door_reply((session), (sent));                                        \
        if (!strstr(reply_, (part)))                                                               \
            fail_msg("'%s' gave '%s', which lacks '%s'", (sent), reply_, (part));                  \
    } while (0)

#endif
