/*
 * The line protocol without sockets: lines in, bytes out.
 */
#ifndef KITH_TESTS_LINE_LINE_DOOR_H
#define KITH_TESTS_LINE_LINE_DOOR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/alloc.h"
#include "line/line_internal.h"

struct line_door {
    struct redis *redis;
    struct line *line;
    struct line_conn *conn;
};

static inline void line_door_open(struct line_door *door, const struct line_opts *extra)
{
    struct kith_error err = { 0 };
    const struct redis_opts redis = { .os = os_real(), .workers = 1 };
    struct line_opts opts = extra ? *extra : (struct line_opts){ .idle_timeout_s = 30 };
    if (redis_new(&redis, &door->redis, &err)) fail_msg("%s", err.text);
    opts.os = os_real();
    opts.redis = door->redis;
    if (line_new(&opts, &door->line, &err)) fail_msg("%s", err.text);
    door->conn = mem_zalloc(sizeof *door->conn);
    assert_non_null(door->conn);
    door->conn->line = door->line;
    door->conn->authenticated = !door->line->auth;
}

static inline void line_door_close(struct line_door *door)
{
    line_conn_free(door->conn);
    line_free(door->line);
    redis_free(door->redis);
}

/* Gives `last` when nothing follows; what the lines led to is in *end. */
static inline void line_expect_bytes(struct line_door *door, const char *sent, size_t sent_len,
                                     bool last, const char *want, enum line_end end)
{
    struct buffer out;
    enum line_end got;
    buffer_init(&out);
    (void)line_serve(door->conn, (const uint8_t *)sent, sent_len, last, false, &out, &got);
    if (out.len != strlen(want) || (out.len && memcmp(out.data, want, out.len) != 0))
        fail_msg("'%s'\n  gave: %.*s\n  want: %s", sent, (int)out.len, (const char *)out.data,
                 want);
    assert_int_equal(got, end);
    buffer_release(&out);
}

#define LINES(door, sent, want)                                                                    \
    line_expect_bytes((door), (sent), strlen(sent), false, (want), LINE_END_MORE)
#define LAST_LINES(door, sent, want)                                                               \
    line_expect_bytes((door), (sent), strlen(sent), true, (want), LINE_END_MORE)

#endif
