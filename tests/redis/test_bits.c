/*
 * Bits of strings: answers are those of redis-server 7.0 (the operations that came later: of their
 * description), and random ranges against counting one bit at a time.
 */
#include "redis/door.h"

#include <stdio.h>

#include "base/rng.h"

static struct session *session;

static void test_single_bits(void **state)
{
    (void)state;
    EXPECT(session, "SETBIT b 7 1", ":0\r\n");
    EXPECT(session, "SETBIT b 7 1", ":1\r\n");
    EXPECT(session, "GETBIT b 7", ":1\r\n");
    EXPECT(session, "GETBIT b 6", ":0\r\n");
    EXPECT(session, "GETBIT b 100000", ":0\r\n");
    EXPECT(session, "SETBIT b 17 1", ":0\r\n");
    door_expect_bytes(__FILE__, __LINE__, session, "GET b", "$3\r\n\001\000@\r\n", 9);
    EXPECT(session, "STRLEN b", ":3\r\n");
    EXPECT(session, "OBJECT ENCODING b", "$3\r\nraw\r\n");
    EXPECT(session, "SETBIT zero 9 0", ":0\r\n");
    EXPECT(session, "STRLEN zero", ":2\r\n");
    EXPECT(session, "SET n 1\r\nSETBIT n 6 1\r\nGET n", "+OK\r\n:0\r\n$1\r\n3\r\n");
    EXPECT(session, "EXPIRE n 100\r\nSETBIT n 6 0\r\nTTL n", ":1\r\n:1\r\n:100\r\n");
    EXPECT(session, "SETBIT b 4294967296 1",
           "-ERR bit offset is not an integer or out of range\r\n");
    EXPECT(session, "SETBIT b -1 1", "-ERR bit offset is not an integer or out of range\r\n");
    EXPECT(session, "SETBIT b 0 2", "-ERR bit is not an integer or out of range\r\n");
    EXPECT(session, "GETBIT b x", "-ERR bit offset is not an integer or out of range\r\n");
    EXPECT(session, "RPUSH l x", ":1\r\n");
    EXPECT_HAS(session, "SETBIT l 0 1", "-WRONGTYPE");
    EXPECT_HAS(session, "GETBIT l 0", "-WRONGTYPE");
}

static void test_counts_and_places(void **state)
{
    (void)state;
    EXPECT(session, "SET k foobar", "+OK\r\n");
    EXPECT(session, "BITCOUNT k", ":26\r\n");
    EXPECT(session, "BITCOUNT k 0 0", ":4\r\n");
    EXPECT(session, "BITCOUNT k 1 1 BYTE", ":6\r\n");
    EXPECT(session, "BITCOUNT k 5 30 BIT", ":17\r\n");
    EXPECT(session, "BITCOUNT k -1 -2", ":0\r\n");
    EXPECT(session, "BITCOUNT none 0 -1", ":0\r\n");
    EXPECT(session, "BITCOUNT k 0", "-ERR syntax error\r\n");
    EXPECT(session, "BITCOUNT k 0 1 FOO", "-ERR syntax error\r\n");
    EXPECT(session, "BITCOUNT k a 1", "-ERR value is not an integer or out of range\r\n");
    EXPECT(session, "SET p \"\\xff\\xf0\\x00\"", "+OK\r\n");
    EXPECT(session, "BITPOS p 0", ":12\r\n");
    EXPECT(session, "BITPOS p 1", ":0\r\n");
    EXPECT(session, "BITPOS p 1 2", ":-1\r\n");
    EXPECT(session, "BITPOS p 0 2", ":16\r\n");
    EXPECT(session, "BITPOS p 1 7 15 BIT", ":7\r\n");
    EXPECT(session, "BITPOS p 0 0 11 BIT", ":-1\r\n");
    EXPECT(session, "SET ones \"\\xff\\xff\"", "+OK\r\n");
    EXPECT(session, "BITPOS ones 0", ":16\r\n");
    EXPECT(session, "BITPOS ones 0 0 -1", ":-1\r\n");
    EXPECT(session, "BITPOS ones 0 5", ":-1\r\n");
    EXPECT(session, "BITPOS none 1", ":-1\r\n");
    EXPECT(session, "BITPOS none 0", ":0\r\n");
    EXPECT(session, "BITPOS p 2", "-ERR The bit argument must be 1 or 0.\r\n");
}

static void test_operations(void **state)
{
    (void)state;
    EXPECT(session, "SET a abc\r\nSET b abcdef", "+OK\r\n+OK\r\n");
    EXPECT(session, "BITOP AND d a b\r\nSTRLEN d", ":6\r\n:6\r\n");
    EXPECT(session, "GETRANGE d 0 2\r\nBITCOUNT d 3 5", "$3\r\nabc\r\n:0\r\n");
    EXPECT(session, "BITOP OR d a b none\r\nGET d", ":6\r\n$6\r\nabcdef\r\n");
    EXPECT(session, "BITOP XOR d a b\r\nGETRANGE d 3 5", ":6\r\n$3\r\ndef\r\n");
    EXPECT(session, "BITOP NOT d a\r\nBITOP NOT d d\r\nGET d", ":3\r\n:3\r\n$3\r\nabc\r\n");
    EXPECT(session, "OBJECT ENCODING d", "$3\r\nraw\r\n");
    EXPECT(session, "BITOP OR d none nil\r\nEXISTS d", ":0\r\n:0\r\n");
    EXPECT(session, "BITOP NOT d a b",
           "-ERR BITOP NOT must be called with a single source key.\r\n");
    EXPECT(session, "BITOP NAND d a b", "-ERR syntax error\r\n");
    EXPECT(session, "RPUSH l x", ":1\r\n");
    EXPECT_HAS(session, "BITOP AND d a l", "-WRONGTYPE");
    /* 1100, 1010, 1001 in the low half of a byte */
    EXPECT(session, "SET x \"\\x0c\"\r\nSET y \"\\x0a\"\r\nSET z \"\\x09\"",
           "+OK\r\n+OK\r\n+OK\r\n");
    EXPECT(session, "BITOP DIFF d x y z\r\nBITFIELD d GET u8 0", ":1\r\n*1\r\n:4\r\n");
    EXPECT(session, "BITOP DIFF1 d x y z\r\nBITFIELD d GET u8 0", ":1\r\n*1\r\n:3\r\n");
    EXPECT(session, "BITOP ANDOR d x y z\r\nBITFIELD d GET u8 0", ":1\r\n*1\r\n:8\r\n");
    EXPECT(session, "BITOP ONE d x y z\r\nBITFIELD d GET u8 0", ":1\r\n*1\r\n:7\r\n");
    EXPECT(session, "BITOP DIFF d x",
           "-ERR BITOP DIFF must be called with at least two source keys.\r\n");
}

static void test_fields(void **state)
{
    (void)state;
    EXPECT(session, "BITFIELD f SET u8 0 255 GET u8 0 GET i8 0 INCRBY u2 100 1",
           "*4\r\n:0\r\n:255\r\n:-1\r\n:1\r\n");
    EXPECT(session, "BITFIELD f SET i5 #1 -3 GET i5 5 GET u5 5", "*3\r\n:-4\r\n:-3\r\n:29\r\n");
    EXPECT(session, "BITFIELD w INCRBY u2 0 1 INCRBY u2 0 3", "*2\r\n:1\r\n:0\r\n");
    EXPECT(session, "BITFIELD w OVERFLOW SAT SET u2 0 9 GET u2 0", "*2\r\n:0\r\n:3\r\n");
    EXPECT(session, "BITFIELD w OVERFLOW FAIL INCRBY u2 0 1 INCRBY u2 0 -1",
           "*2\r\n$-1\r\n:2\r\n");
    EXPECT(session, "BITFIELD w SET i64 64 9223372036854775807 INCRBY i64 64 1",
           "*2\r\n:0\r\n:-9223372036854775808\r\n");
    EXPECT(session, "BITFIELD w OVERFLOW SAT INCRBY i64 64 -1 INCRBY i1 300 1 INCRBY i1 300 -1",
           "*3\r\n:-9223372036854775808\r\n:0\r\n:-1\r\n");
    EXPECT(session, "BITFIELD_RO w GET u2 0", "*1\r\n:2\r\n");
    EXPECT(session, "BITFIELD none GET u8 0\r\nEXISTS none", "*1\r\n:0\r\n:0\r\n");
    EXPECT(session, "BITFIELD w", "*0\r\n");
    EXPECT(session, "BITFIELD_RO w SET u8 0 1",
           "-ERR BITFIELD_RO only supports the GET subcommand\r\n");
    EXPECT(session, "BITFIELD w GET u64 0",
           "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported "
           "but i64 is.\r\n");
    EXPECT(session, "BITFIELD w GET i65 0",
           "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported "
           "but i64 is.\r\n");
    EXPECT(session, "BITFIELD w GET u8 #999999999999999999",
           "-ERR bit offset is not an integer or out of range\r\n");
    EXPECT(session, "BITFIELD w OVERFLOW MAYBE", "-ERR Invalid OVERFLOW type specified\r\n");
    EXPECT(session, "BITFIELD w SET u8 0", "-ERR syntax error\r\n");
    /* all or nothing */
    EXPECT(session, "BITFIELD fresh SET u8 0 1 GET u99 0\r\nEXISTS fresh",
           "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported "
           "but i64 is.\r\n:0\r\n");
}

/* Bits 0 .. 8 * 40 - 1 of a random string, counted and found one by one. */
static void test_random_ranges(void **state)
{
    (void)state;
    struct rng rng;
    char line[128], want[32];
    bool bits[320];
    rng_init(&rng, 20261121);
    EXPECT(session, "DEL r", ":0\r\n");
    for (int i = 0; i < 320; i++) {
        bits[i] = rng_below(&rng, i < 160 ? 12 : 2) == 0;
        (void)snprintf(line, sizeof line, "SETBIT r %d %d", i, bits[i]);
        EXPECT(session, line, ":0\r\n");
    }
    for (int round = 0; round < 3000; round++) {
        const int a = (int)rng_below(&rng, 320), b = a + (int)rng_below(&rng, 320u - (unsigned)a);
        int count = 0, first[2] = { -1, -1 };
        for (int i = b; i >= a; i--) {
            count += bits[i];
            first[bits[i]] = i;
        }
        (void)snprintf(line, sizeof line, "BITCOUNT r %d %d BIT", a, b - 320);
        (void)snprintf(want, sizeof want, ":%d\r\n", count);
        EXPECT(session, line, want);
        for (int bit = 0; bit < 2; bit++) {
            (void)snprintf(line, sizeof line, "BITPOS r %d %d %d BIT", bit, a, b);
            (void)snprintf(want, sizeof want, ":%d\r\n", first[bit]);
            EXPECT(session, line, want);
        }
    }
}

static int begin(void **state)
{
    struct redis *redis = door_open();
    session = session_open_local(redis);
    *state = redis;
    return session ? 0 : -1;
}

static int end(void **state)
{
    session_close_local(session);
    redis_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_single_bits, begin, end),
        cmocka_unit_test_setup_teardown(test_counts_and_places, begin, end),
        cmocka_unit_test_setup_teardown(test_operations, begin, end),
        cmocka_unit_test_setup_teardown(test_fields, begin, end),
        cmocka_unit_test_setup_teardown(test_random_ranges, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
