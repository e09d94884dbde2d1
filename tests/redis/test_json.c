/*
 * JSON documents by transcripts: paths of both kinds, changes, errors, both protocols, COPY (which
 * is the snapshot's form), and allocation failures.
 */
#include "redis/door.h"

#include <stdio.h>

#include "base/alloc.h"

/* A bulk string of this text. */
#define BULK(session, sent, text)                                                                  \
    do {                                                                                           \
        char want_[256];                                                                           \
        (void)snprintf(want_, sizeof want_, "$%zu\r\n%s\r\n", strlen(text), (text));               \
        EXPECT(session, sent, want_);                                                              \
    } while (0)

static void reads(void **state)
{
    (void)state;
    struct redis *redis;
    struct session *s = door_open_one(&redis);
    EXPECT(s, "JSON.SET d $.a 1", "-ERR new objects must be created at the root\r\n");
    EXPECT(s, "JSON.SET d $ '{\"a\":1,\"b\":{\"a\":2.5,\"c\":[1,\"x\",null]}}'", "+OK\r\n");
    EXPECT(s, "TYPE d", "+ReJSON-RL\r\n");
    BULK(s, "JSON.GET d", "{\"a\":1,\"b\":{\"a\":2.5,\"c\":[1,\"x\",null]}}");
    BULK(s, "JSON.GET d $", "[{\"a\":1,\"b\":{\"a\":2.5,\"c\":[1,\"x\",null]}}]");
    BULK(s, "JSON.GET d $..a", "[1,2.5]");
    BULK(s, "JSON.GET d .b.c[-1]", "null");
    BULK(s, "JSON.GET d b.c[1]", "\"x\"");
    BULK(s, "JSON.GET d \"$['b']['c'][*]\"", "[1,\"x\",null]");
    BULK(s, "JSON.GET d $.a .b.a", "{\"$.a\":[1],\".b.a\":[2.5]}");
    EXPECT(s, "JSON.GET d .none", "-ERR Path '.none' does not exist\r\n");
    BULK(s, "JSON.GET d $.none", "[]");
    BULK(s, "JSON.GET d INDENT ' ' NEWLINE '|' SPACE ' ' .b.c", "[| 1,| \"x\",| null|]");
    EXPECT(s, "JSON.GET none", "$-1\r\n");
    EXPECT(s, "JSON.MGET d none $.a", "*2\r\n$3\r\n[1]\r\n$-1\r\n");
    BULK(s, "JSON.TYPE d", "object");
    EXPECT(s, "JSON.TYPE d $.b.c[*]", "*3\r\n$7\r\ninteger\r\n$6\r\nstring\r\n$4\r\nnull\r\n");
    EXPECT(s, "JSON.OBJKEYS d .b", "*2\r\n$1\r\na\r\n$1\r\nc\r\n");
    EXPECT(s, "JSON.OBJKEYS d $.a", "*1\r\n*-1\r\n");
    EXPECT(s, "JSON.ARRLEN d $..c", "*1\r\n:3\r\n");
    EXPECT(s, "SET t x", "+OK\r\n");
    EXPECT_HAS(s, "JSON.GET t", "-WRONGTYPE");
    EXPECT_HAS(s, "GET d", "-WRONGTYPE");
    EXPECT(s, "COPY d e", ":1\r\n");
    BULK(s, "JSON.GET e .b.a", "2.5");
    door_close_one(redis, s);
}

static void writes(void **state)
{
    (void)state;
    struct redis *redis;
    struct session *s = door_open_one(&redis);
    EXPECT(s, "JSON.SET d . '{\"n\":[[1],[2]]}' XX", "$-1\r\n");
    EXPECT(s, "JSON.SET d . '{\"n\":[[1],[2]]}' NX", "+OK\r\n");
    EXPECT(s, "JSON.SET d $.m 7 XX", "$-1\r\n");
    EXPECT(s, "JSON.SET d $.m 7", "+OK\r\n");
    EXPECT(s, "JSON.SET d $.m 8 NX", "$-1\r\n");
    EXPECT(s, "JSON.SET d $.q.r 8", "$-1\r\n");
    BULK(s, "JSON.NUMINCRBY d $.m 1.5", "[8.5]");
    BULK(s, "JSON.NUMINCRBY d .m 0.5", "9.0");
    BULK(s, "JSON.NUMINCRBY d $.n..[*] 1", "[null,null,2,3]");
    EXPECT(s, "JSON.NUMINCRBY none $.m 1",
           "-ERR could not perform this operation on a key that doesn't exist\r\n");
    EXPECT(s, "JSON.ARRAPPEND d $..n 4 '[5]'", "*1\r\n:4\r\n");
    EXPECT(s, "JSON.ARRAPPEND d $.n..[*] 0", "*7\r\n:2\r\n:2\r\n$-1\r\n:2\r\n$-1\r\n$-1\r\n$-1\r\n");
    BULK(s, "JSON.GET d", "{\"n\":[[2,0],[3,0],4,[5,0]],\"m\":9.0}");
    EXPECT(s, "JSON.SET d $.n..[*] 1", "+OK\r\n");
    BULK(s, "JSON.GET d .n", "[1,1,1,1]");
    EXPECT(s, "JSON.DEL d $.n[*]", ":4\r\n");
    EXPECT(s, "JSON.MERGE d $ '{\"m\":null,\"k\":{\"x\":1,\"y\":null}}'", "+OK\r\n");
    BULK(s, "JSON.GET d", "{\"n\":[],\"k\":{\"x\":1}}");
    EXPECT(s, "JSON.MSET a $ 1 d $.n 2", "+OK\r\n");
    EXPECT(s, "JSON.MSET a $ 2 d $.n nonsense z $ 1",
           door_reply(s, "JSON.SET a $ nonsense"));
    EXPECT(s, "JSON.MGET a d .", "*2\r\n$1\r\n1\r\n$19\r\n{\"n\":2,\"k\":{\"x\":1}}\r\n");
    EXPECT(s, "JSON.FORGET d", ":1\r\n");
    EXPECT(s, "EXISTS d", ":0\r\n");
    EXPECT_HAS(s, "HELLO 3", "server");
    EXPECT(s, "JSON.NUMINCRBY a $ 1", "*1\r\n:2\r\n");
    EXPECT(s, "JSON.TYPE a $", "*1\r\n*1\r\n$7\r\ninteger\r\n");
    door_close_one(redis, s);
}

/* Every allocation of each of these may fail; then the document is as it was. */
static void failures(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "JSON.SET d $..a '{\"new\":[1,2,\"three\"]}'", "JSON.SET d $.fresh '[[]]'",
        "JSON.MERGE d $ '{\"a\":{\"q\":[1]},\"z\":2}'",  "JSON.ARRAPPEND d $.b '[1,2]' 3 4",
        "JSON.SET e $ '{\"a\":[{}]}'",
    };
    struct redis *redis;
    struct session *s = door_open_one(&redis);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        bool failed = true;
        for (uint64_t nth = 1; failed; nth++) {
            struct buffer out;
            buffer_init(&out);
            EXPECT(s, "JSON.SET d $ '{\"a\":1,\"c\":{\"a\":2},\"b\":[]}'", "+OK\r\n");
            EXPECT_HAS(s, "DEL e", ":");
            alloc_fault_arm(nth, false);
            const int rc = session_feed(s, lines[i], strlen(lines[i]), &out);
            const int end = session_feed(s, "\r\n", 2, &out);
            failed = alloc_fault_count() >= nth;
            alloc_fault_disarm();
            if (rc || end || buffer_failed(&out)) { /* the session had no memory for its input */
                session_close_local(s);
                s = session_open_local(redis);
            }
            if (out.len && out.data[0] == '-')
                BULK(s, "JSON.GET d", "{\"a\":1,\"c\":{\"a\":2},\"b\":[]}");
            buffer_release(&out);
            assert_true(nth < 1000);
        }
    }
    door_close_one(redis, s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),
        cmocka_unit_test(writes),
        cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
