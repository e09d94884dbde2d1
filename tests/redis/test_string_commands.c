/*
 * Commands of strings and keys: transcripts. Behaviour of Redis 7.0 was compared with its server by
 * random streams; here are the shapes, the errors, and what later versions added.
 */
#include <stdio.h>

#include "redis/door.h"

struct fixture {
    struct redis *redis;
    struct session *session;
};

static struct fixture start(void)
{
    struct redis *redis = door_open();
    struct session *session = session_open_local(redis);
    assert_non_null(session);
    return (struct fixture){redis, session};
}

static void stop(struct fixture *f)
{
    session_close_local(f->session);
    redis_free(f->redis);
}

static void set_and_its_options(void **state)
{
    (void)state;
    struct fixture f = start();
    struct session *s = f.session;
    EXPECT(s, "SET k v", "+OK\r\n");
    EXPECT(s, "SET k w NX", "$-1\r\n");
    EXPECT(s, "SET k w NX GET", "$1\r\nv\r\n");
    EXPECT(s, "SET k w XX GET", "$1\r\nv\r\n");
    EXPECT(s, "SET new w XX", "$-1\r\n");
    EXPECT(s, "SET k x NX XX", "-ERR syntax error\r\n");
    EXPECT(s, "SET k x EX 10 PX 10", "-ERR syntax error\r\n");
    EXPECT(s, "SET k x EX 10 KEEPTTL", "-ERR syntax error\r\n");
    EXPECT(s, "SET k x EX 0", "-ERR invalid expire time in 'set' command\r\n");
    EXPECT(s, "SET k x EX 9223372036854775807", "-ERR invalid expire time in 'set' command\r\n");
    EXPECT(s, "SET k x EX ten", "-ERR value is not an integer or out of range\r\n");
    EXPECT(s, "GET k", "$1\r\nw\r\n");
    EXPECT(s, "SET k x EX 100", "+OK\r\n");
    EXPECT(s, "TTL k", ":100\r\n");
    EXPECT(s, "SET k y KEEPTTL", "+OK\r\n");
    EXPECT(s, "TTL k", ":100\r\n");
    EXPECT(s, "SET k y", "+OK\r\n");
    EXPECT(s, "TTL k", ":-1\r\n");
    EXPECT(s, "SET k y EXAT 1", "+OK\r\n");
    EXPECT(s, "EXISTS k", ":0\r\n");
    EXPECT(s, "RPUSH l a", ":1\r\n");
    EXPECT(s, "SET l v GET", "-WRONGTYPE Operation against a key holding the wrong kind of value"
                             "\r\n");
    EXPECT(s, "SET l v", "+OK\r\n");
    EXPECT(s, "TYPE l", "+string\r\n");
    stop(&f);
}

static void conditions_of_newer_versions(void **state)
{
    (void)state;
    struct fixture f = start();
    struct session *s = f.session;
    EXPECT(s, "SET k b IFEQ a", "$-1\r\n");
    EXPECT(s, "SET k a IFNE a", "+OK\r\n");
    EXPECT(s, "SET k b IFNE a", "$-1\r\n");
    EXPECT(s, "SET k b IFEQ a GET", "$1\r\na\r\n");
    EXPECT(s, "SET k b IFEQ b NX", "-ERR syntax error\r\n");
    EXPECT(s, "SET k c IFDEQ 12", "-ERR must be exactly 16 hexadecimal characters\r\n");
    EXPECT(s, "DIGEST nothing", "$-1\r\n");
    EXPECT(s, "SET k Hello", "+OK\r\n");
    char sent[64];
    char digest[17] = {0};
    memcpy(digest, door_reply(s, "DIGEST k") + 5, 16);
    (void)snprintf(sent, sizeof sent, "SET k World IFDEQ %s", digest);
    EXPECT(s, sent, "+OK\r\n");
    EXPECT(s, sent, "$-1\r\n");
    (void)snprintf(sent, sizeof sent, "DELEX k IFDEQ %s", digest);
    EXPECT(s, sent, ":0\r\n");
    EXPECT(s, "DELEX k IFEQ nope", ":0\r\n");
    EXPECT(s, "DELEX k IFEQ World", ":1\r\n");
    EXPECT(s, "DELEX k", ":0\r\n");
    EXPECT(s, "MSETEX 2 a 1 b 2 NX EX 100", ":1\r\n");
    EXPECT(s, "MSETEX 2 a 1 c 2 NX", ":0\r\n");
    EXPECT(s, "MSETEX 2 a 3 b 4 XX KEEPTTL", ":1\r\n");
    EXPECT(s, "MGET a b c", "*3\r\n$1\r\n3\r\n$1\r\n4\r\n$-1\r\n");
    EXPECT(s, "TTL a", ":100\r\n");
    EXPECT(s, "MSETEX x a 1", "-ERR invalid numkeys value\r\n");
    EXPECT(s, "MSETEX 2 a 1 b", "-ERR wrong number of key-value pairs\r\n");
    stop(&f);
}

static void numbers(void **state)
{
    (void)state;
    struct fixture f = start();
    struct session *s = f.session;
    EXPECT(s, "INCR n", ":1\r\n");
    EXPECT(s, "INCRBY n 9223372036854775806", ":9223372036854775807\r\n");
    EXPECT(s, "INCR n", "-ERR increment or decrement would overflow\r\n");
    EXPECT(s, "DECRBY n -9223372036854775808", "-ERR decrement would overflow\r\n");
    EXPECT(s, "OBJECT ENCODING n", "$3\r\nint\r\n");
    EXPECT(s, "SET x 0.1", "+OK\r\n");
    EXPECT(s, "INCRBYFLOAT x 0.2", "$3\r\n0.3\r\n");
    EXPECT(s, "INCRBYFLOAT x 4.7", "$1\r\n5\r\n");
    EXPECT(s, "OBJECT ENCODING x", "$6\r\nembstr\r\n");
    EXPECT(s, "INCRBYFLOAT x inf", "-ERR increment would produce NaN or Infinity\r\n");
    EXPECT(s, "SET t 01", "+OK\r\n");
    EXPECT(s, "INCR t", "-ERR value is not an integer or out of range\r\n");
    EXPECT(s, "INCREX c UBOUND 2 EX 60 ENX", "*2\r\n:1\r\n:1\r\n");
    EXPECT(s, "INCREX c UBOUND 2 EX 99 ENX", "*2\r\n:2\r\n:1\r\n");
    EXPECT(s, "TTL c", ":60\r\n");
    EXPECT(s, "INCREX c UBOUND 2", "*2\r\n:2\r\n:0\r\n");
    EXPECT(s, "INCREX c BYINT 9 UBOUND 5 SATURATE", "*2\r\n:5\r\n:3\r\n");
    EXPECT(s, "INCREX c BYINT -9 LBOUND 0 SATURATE PERSIST", "*2\r\n:0\r\n:-5\r\n");
    EXPECT(s, "TTL c", ":-1\r\n");
    EXPECT(s, "INCREX d BYFLOAT 0.5", "*2\r\n$3\r\n0.5\r\n$3\r\n0.5\r\n");
    EXPECT(s, "INCREX d ENX", "-ERR syntax error\r\n");
    stop(&f);
}

static void parts_of_strings(void **state)
{
    (void)state;
    struct fixture f = start();
    struct session *s = f.session;
    EXPECT(s, "SETRANGE k 3 \"\"", ":0\r\n");
    EXPECT(s, "EXISTS k", ":0\r\n");
    EXPECT(s, "SETRANGE k 2 ab", ":4\r\n");
    EXPECT(s, "APPEND k cd", ":6\r\n");
    EXPECT(s, "OBJECT ENCODING k", "$3\r\nraw\r\n");
    EXPECT(s, "GETRANGE k 2 -1", "$4\r\nabcd\r\n");
    EXPECT(s, "GETRANGE k -3 -4", "$0\r\n\r\n");
    EXPECT(s, "SETRANGE k -1 x", "-ERR offset is out of range\r\n");
    EXPECT(s, "SETRANGE k 536870911 xy",
           "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n");
    EXPECT(s, "MSET a ohmytext b mynewtext", "+OK\r\n");
    EXPECT(s, "LCS a b", "$6\r\nmytext\r\n");
    EXPECT(s, "LCS a b LEN", ":6\r\n");
    EXPECT(s, "LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN",
           "*4\r\n$7\r\nmatches\r\n*1\r\n*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n"
           "$3\r\nlen\r\n:6\r\n");
    stop(&f);
}

static void keys_and_deadlines(void **state)
{
    (void)state;
    struct fixture f = start();
    struct session *s = f.session;
    EXPECT(s, "SET a 1 PX 100000", "+OK\r\n");
    EXPECT(s, "RENAME a b", "+OK\r\n");
    EXPECT(s, "TTL b", ":100\r\n");
    EXPECT(s, "RENAME a b", "-ERR no such key\r\n");
    EXPECT(s, "COPY b a", ":1\r\n");
    EXPECT(s, "COPY b a", ":0\r\n");
    EXPECT(s, "COPY b b", "-ERR source and destination objects are the same\r\n");
    EXPECT(s, "RENAMENX a b", ":0\r\n");
    EXPECT(s, "MOVE a 1", ":1\r\n");
    EXPECT(s, "MOVE b 0", "-ERR source and destination objects are the same\r\n");
    EXPECT(s, "MOVE b 99", "-ERR DB index is out of range\r\n");
    EXPECT(s, "EXPIRE b 10 GT", ":0\r\n");
    EXPECT(s, "EXPIRE b 10 LT", ":1\r\n");
    EXPECT(s, "EXPIRE b 10 GT LT",
           "-ERR GT and LT options at the same time are not compatible\r\n");
    EXPECT(s, "EXPIRE b 10 NX XX",
           "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n");
    EXPECT(s, "EXPIRE b 10 AB", "-ERR Unsupported option AB\r\n");
    EXPECT(s, "PERSIST b", ":1\r\n");
    EXPECT(s, "EXPIRE b 10 GT", ":0\r\n"); /* none is infinite */
    EXPECT(s, "PEXPIREAT b 99999999999999", ":1\r\n");
    EXPECT(s, "PEXPIRETIME b", ":99999999999999\r\n");
    EXPECT(s, "EXPIRE b -1", ":1\r\n");
    EXPECT(s, "TTL b", ":-2\r\n");
    EXPECT(s, "SWAPDB 0 1", "+OK\r\n");
    EXPECT(s, "KEYS *", "*1\r\n$1\r\na\r\n");
    EXPECT(s, "SCAN 0 TYPE string", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n");
    EXPECT(s, "SCAN 0 TYPE nothing", "*2\r\n$1\r\n0\r\n*0\r\n");
    EXPECT(s, "SCAN 0 COUNT 0", "-ERR syntax error\r\n");
    EXPECT(s, "SCAN x", "-ERR invalid cursor\r\n");
    EXPECT(s, "FLUSHDB later", "-ERR syntax error\r\n");
    EXPECT(s, "FLUSHALL ASYNC", "+OK\r\n");
    EXPECT(s, "DBSIZE", ":0\r\n");
    EXPECT(s, "RANDOMKEY", "$-1\r\n");
    EXPECT(s, "OBJECT ENCODING a", "$-1\r\n");
    EXPECT(s, "WAIT 0 0", ":0\r\n");
    stop(&f);
}

static void a_dump_is_restored(void **state)
{
    (void)state;
    struct fixture f = start();
    struct buffer dump, out;
    buffer_init(&dump);
    buffer_init(&out);
    EXPECT(f.session, "HSET h f v g w", ":2\r\n");
    assert_int_equal(session_feed(f.session, "DUMP h\r\n", 8, &dump), 0);
    size_t header = (size_t)((const uint8_t *)memchr(dump.data, '\n', dump.len) - dump.data) + 1;
    struct kith_str bytes = {(const char *)dump.data + header, dump.len - header - 2};
    struct kith_str words[] = {{"RESTORE", 7}, {"copy", 4}, {"100000", 6}, bytes};
    assert_int_equal(session_run(f.session, words, 4, &out), 0);
    assert_memory_equal(out.data, "+OK\r\n", 5);
    EXPECT(f.session, "HGET copy g", "$1\r\nw\r\n");
    EXPECT(f.session, "TTL copy", ":100\r\n");
    buffer_clear(&out);
    assert_int_equal(session_run(f.session, words, 4, &out), 0);
    assert_memory_equal(out.data, "-BUSYKEY", 8);
    EXPECT(f.session, "RESTORE r 0 x IDLETIME -1", "-ERR Invalid IDLETIME value, must be >= 0\r\n");
    EXPECT(f.session, "RESTORE r 0 x FREQ 256",
           "-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n");
    EXPECT(f.session, "RESTORE r 0 x FREQ 1 IDLETIME 1", "-ERR syntax error\r\n");
    for (size_t i = 0; i < bytes.len; i++) { /* a bit of damage anywhere is seen */
        dump.data[header + i] ^= 4;
        words[1] = (struct kith_str){"bad", 3};
        buffer_clear(&out);
        assert_int_equal(session_run(f.session, words, 4, &out), 0);
        assert_memory_equal(out.data, "-ERR DUMP payload", 17);
        dump.data[header + i] ^= 4;
    }
    buffer_release(&dump);
    buffer_release(&out);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_and_its_options),
        cmocka_unit_test(conditions_of_newer_versions),
        cmocka_unit_test(numbers),
        cmocka_unit_test(parts_of_strings),
        cmocka_unit_test(keys_and_deadlines),
        cmocka_unit_test(a_dump_is_restored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
