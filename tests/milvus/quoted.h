/*
 * Requests of RESTful v2 and their replies with ' for ", so that they can be read in C.
 */
#ifndef KITH_TESTS_QUOTED_H
#define KITH_TESTS_QUOTED_H

#include "milvus/rest_server.h"

#define OK "{'code':0,'data':{}}"
#define ROWS(rows) "{'code':0,'cost':0,'data':[" rows "]}"

static struct rest_server *server;
static char body_text[16384], wanted_text[4096];

static inline const char *quoted(const char *text, char *out, size_t room)
{
    size_t len = 0;
    for (; *text && len + 1 < room; text++) out[len++] = *text == '\'' ? '"' : *text;
    out[len] = 0;
    return out;
}

/* The reply is exactly this. */
static inline void says(const char *path, const char *body, const char *reply)
{
    expect(server, path, quoted(body, body_text, sizeof body_text),
           quoted(reply, wanted_text, sizeof wanted_text));
}

/* The reply holds this somewhere. */
static inline void has(const char *path, const char *body, const char *part)
{
    expect_part(server, path, quoted(body, body_text, sizeof body_text),
                quoted(part, wanted_text, sizeof wanted_text));
}

static inline void quoted_open(void)
{
    server = test_malloc(sizeof *server);
    server_open(server, false);
}

static inline int quoted_close(void **state)
{
    (void)state;
    server_close(server);
    test_free(server);
    return 0;
}

#endif
