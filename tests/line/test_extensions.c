/*
 * What is there only when it is asked for: the commands that Ant-Cache has not, escaped newlines,
 * compressed values. Without the settings none of it shows.
 */
#include "line_door.h"

#include "../redis/door.h"
#include "cache/deflate.h"

static void not_unless_asked(void **state)
{
    struct line_door door;
    (void)state;
    line_door_open(&door, NULL);
    LINES(&door, "TTL a\nEXPIRE a 5\nPERSIST a\nEXISTS a\nINCR a\nMGET a\nUNLOCK a b\nPING\nSTATS\n",
          "ERROR unknown command\nERROR unknown command\nERROR unknown command\n"
          "ERROR unknown command\nERROR unknown command\nERROR unknown command\n"
          "ERROR unknown command\nERROR unknown command\nERROR unknown command\n");
    LINES(&door, "EXPIRE k -t 5x v\n", "ERROR invalid ttl value: invalid TTL format: 5x\n");
    LINES(&door, "SET a \"x\\ny\\\\z\"\nGET a\n", "OK\nx\ny\\z\n");
    line_door_close(&door);
}

static void deadlines(struct line_door *door)
{
    LINES(door, "TTL a\nSET a 1\nTTL a\nEXPIRE a 100s\nTTL a\nexpire a 2m\nttl a\n",
          "-2\nOK\n-1\nOK\n100\nOK\n120\n");
    LINES(door, "PERSIST a\nTTL a\nPERSIST a\nPERSIST none\nEXPIRE none 5\n",
          "OK\n-1\nOK\nNOT_FOUND\nNOT_FOUND\n");
    LINES(door, "EXPIRE a 10\nEXPIRE a 0\nTTL a\nEXPIRE a -5\nTTL a\n", "OK\nOK\n-1\nOK\n-1\n");
    LINES(door, "EXPIRE a\nEXPIRE a x\nEXPIRE a 9223372036854775808d\nEXPIRE a 9223372037\n",
          "ERROR EXPIRE requires key and time\nERROR invalid ttl value: invalid TTL format: x\n"
          "ERROR invalid ttl value: invalid number in TTL: 9223372036854775808\n"
          "ERROR invalid ttl value: invalid TTL format: 9223372037\n");
}

static void values(struct line_door *door)
{
    LINES(door, "EXISTS a\nEXISTS none\nEXISTS\n", "1\n0\nERROR EXISTS requires key\n");
    LINES(door, "INCR n\nINCR n 41\nINCR n -2\nGET n\n", "1\n42\n40\n40\n");
    LINES(door, "SET n -t 50s 7\nINCR n\nTTL n\n", "OK\n8\n50\n");
    LINES(door, "INCR n x\nSET s text\nINCR s\nSET m 9223372036854775807\nINCR m\n",
          "ERROR value is not an integer or out of range\nOK\n"
          "ERROR value is not an integer or out of range\nOK\n"
          "ERROR value is not an integer or out of range\n");
    LINES(door, "SETS l a \"b\\\"c\"\nSETX o k v\nMGET n l o none s\nINCR l\nMGET\n",
          "OK\nOK\n[\"8\",[\"a\",\"b\\\"c\"],{\"k\":\"v\"},null,\"text\"]\n"
          "ERROR unsupported value type\nERROR MGET requires key\n");
    LINES(door, "MGET a -t 5x b\n", "[\"1\",null,null,null]\n");
    LINES(door, "SETNX lock me\nUNLOCK lock you\nUNLOCK lock me\nUNLOCK lock me\nUNLOCK l a\n",
          "OK\nNOT_OWNER\nOK\nNOT_FOUND\nNOT_OWNER\n");
    LINES(door, "PING\nping x\nUNLOCK k\n", "PONG\nPONG\nERROR UNLOCK requires key and owner\n");
}

static void extensions(void **state)
{
    static const struct line_opts opts = { .extensions = true };
    struct line_door door;
    struct buffer out;
    enum line_end end;
    (void)state;
    line_door_open(&door, &opts);
    deadlines(&door);
    values(&door);
    buffer_init(&out);
    (void)line_serve(door.conn, (const uint8_t *)"STATS\n", 6, false, false, &out, &end);
    assert_memory_equal(out.data, "{\"mode\":\"single\",\"total_connections\":", 37);
    assert_memory_equal(out.data + out.len - 2, "}\n", 2);
    buffer_release(&out);
    LAST_LINES(&door, "INCR n", "");
    line_door_close(&door);
}

/* What they change is in the log as RESP would have it. */
static void in_the_log(void **state)
{
    static const struct line_opts opts = { .extensions = true };
    struct line_door door;
    (void)state;
    line_door_open(&door, &opts);
    struct session *watches = session_open_local(door.redis);
    EXPECT(watches, "WATCH a b", "+OK\r\n");
    LINES(&door, "EXPIRE a 5\nUNLOCK b x\n", "NOT_FOUND\nNOT_FOUND\n");
    EXPECT(watches, "MULTI", "+OK\r\n");
    EXPECT(watches, "EXEC", "*0\r\n");
    EXPECT(watches, "WATCH a", "+OK\r\n");
    LINES(&door, "INCR a\n", "1\n");
    EXPECT(watches, "MULTI", "+OK\r\n");
    EXPECT(watches, "EXEC", "*-1\r\n");
    session_close_local(watches);
    line_door_close(&door);
}

static void escaped_newlines(void **state)
{
    static const struct line_opts opts = { .escape_newlines = true };
    struct line_door door;
    (void)state;
    line_door_open(&door, &opts);
    LINES(&door, "SET a \"x\\ny\\r\\\\z\"\nGET a\n", "OK\nx\\ny\\r\\\\z\n");
    LINES(&door, "SETS l \"1\\n2\" \"\\n\"\nGET l\n", "OK\n[1\\n2 \\n]\n");
    LINES(&door, "FLUSHALL\nSET \"k\\ny\" 1\nKEYS\nGET \"k\\ny\"\n", "OK\nOK\nk\\ny\n1\n");
    line_door_close(&door);
}

/* Both doors give the bytes that were set; the memory tells. */
static void compressed(void **state)
{
    struct line_door door;
    char line[5000], want[5000];
    (void)state;
    line_door_open(&door, NULL);
    cache_settings(redis_cache(door.redis))->deflate_from = 1024;
    memcpy(line, "SET k ", 6);
    for (size_t i = 6; i < 3706; i++) line[i] = "the same words "[i % 15 == 14 ? 13 : i % 15];
    memcpy(line + 3706, "\n", 2);
    memcpy(want, line + 6, 3701);
    want[3701] = 0;
    for (size_t i = 0; i < 3700; i++)
        if (want[i] == ' ') want[i] = line[6 + i] = '_';
    LINES(&door, line, "OK\n");
    LINES(&door, "GET k\n", want);
    struct session *resp = session_open_local(door.redis);
    EXPECT(resp, "STRLEN k", ":3700\r\n");
    EXPECT(resp, "APPEND k !", ":3701\r\n");
    EXPECT(resp, "GETRANGE k 3699 -1", "$2\r\nt!\r\n");
    LINES(&door, line, "OK\n");
    const char *usage = door_reply(resp, "MEMORY USAGE k");
    assert_true(strlen(usage) <= 6); /* ":200\r\n", not four digits */
    EXPECT(resp, "COPY k c", ":1\r\n");
    LINES(&door, "GET c\n", want);
    session_close_local(resp);
    line_door_close(&door);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(not_unless_asked), cmocka_unit_test(extensions),
        cmocka_unit_test(in_the_log),       cmocka_unit_test(escaped_newlines),
        cmocka_unit_test(compressed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
