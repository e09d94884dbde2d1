/*
 * The commands of the line protocol, byte for byte: every example of its description, formats,
 * failures, deadlines, and what the Redis door sees of it.
 */
#include "line_door.h"

#include "../redis/door.h"

static void examples(void **state)
{
    static const struct { const char *sent, *want; } rows[] = {
        { "SET a 1\n", "OK\n" },
        { "GET a\n", "1\n" },
        { "set a 1\r\nGET a\r\n", "OK\n1\n" },
        { "SETS users alice bob\nGET users\n", "OK\n[alice bob]\n" },
        { "SETX p name John age 30\nGET p\n", "OK\n{\"age\":\"30\",\"name\":\"John\"}\n" },
        { "SETX p n \"a<b>&\\\"c\\\"\"\nGET p\n",
          "OK\n{\"n\":\"a\\u003cb\\u003e\\u0026\\\"c\\\"\"}\n" },
        { "SET s -t 30s \"hello world\"\nGET s\n", "OK\nhello world\n" },
        { "SET s a   b\tc\nGET s\n", "OK\na b c\n" },
        { "SET s a\"b c\"d\nGET s\n", "OK\nab cd\n" },
        { "SETNX s x\n", "NOT_SET\n" },
        { "GET none\n", "NULL\n" },
        { "DEL none\n", "NOT_FOUND\n" },
        { "KEYS zzz\n", "EMPTY\n" },
        { "SET k -t 5x v\n", "ERROR invalid ttl value: invalid TTL format: 5x\n" },
        { "SET k\n", "ERROR SET requires key and value\n" },
        { "SET k -t 5\n", "ERROR SET requires key and value\n" },
        { "SETX k a b c\n", "ERROR SETX requires even number of arguments for key-value pairs\n" },
        { "SET k \"\"\n", "ERROR SET requires key and value\n" },
        { "SET k -t -5 v\nGET k\n", "OK\nv\n" },
        { "\n\r\n", "" },
        { "   \n", "ERROR invalid command format\n" },
    };
    struct line_door door;
    (void)state;
    line_door_open(&door, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        LINES(&door, rows[i].sent, rows[i].want);
    line_door_close(&door);
}

static void failures_name_the_command(void **state)
{
    struct line_door door;
    (void)state;
    line_door_open(&door, NULL);
    LINES(&door, "SETNX k\nSETS k\nSETSNX k\n",
          "ERROR SETNX requires key and value\n"
          "ERROR SETS requires key and at least one array element\n"
          "ERROR SETSNX requires key and at least one array element\n");
    LINES(&door, "SETX k a\nSETXNX k a\nSETXNX k a b c\n",
          "ERROR SETX requires key and at least one key-value pair\n"
          "ERROR SETXNX requires key and at least one key-value pair\n"
          "ERROR SETXNX requires even number of arguments for key-value pairs\n");
    LINES(&door, "GET\nDEL\nNOPE a b\nFOO k -t 5x v\n\"\"\n",
          "ERROR GET requires key\nERROR DEL requires key\nERROR unknown command\n"
          "ERROR invalid ttl value: invalid TTL format: 5x\nERROR invalid command format\n");
    LINES(&door, "SET k -t 99999999999999999999s v\nSET k -t 9223372037 v\nSET k -t 9223372036 v\n",
          "ERROR invalid ttl value: invalid number in TTL: 99999999999999999999\n"
          "ERROR invalid ttl value: invalid TTL format: 9223372037\nOK\n");
    LINES(&door, "SET k -t\nGET k\nGET k -t 5x\n", "OK\n-t\n-t\n");
    LINES(&door, "AUTH\nAUTH x\n",
          "OK no authentication required\nOK no authentication required\n");
    line_door_close(&door);
}

static void json_escapes(void **state)
{
    struct line_door door;
    (void)state;
    line_door_open(&door, NULL);
    LINES(&door, "SETX p k \"\\n\\r\\t\\\\\b\f\x01\x7f\"\nGET p\n",
          "OK\n{\"k\":\"\\n\\r\\t\\\\\\b\\f\\u0001\x7f\"}\n");
    LINES(&door, "SETX p k \xe2\x80\xa8\xe2\x80\xa9\xff\xc3\xa9\xed\xa0\x80\nGET p\n",
          "OK\n{\"k\":\"\\u2028\\u2029\\ufffd\xc3\xa9\\ufffd\\ufffd\\ufffd\"}\n");
    LINES(&door, "SETX p b 1 a 2 b 3 B 4\nGET p\n",
          "OK\n{\"B\":\"4\",\"a\":\"2\",\"b\":\"3\"}\n");
    line_door_close(&door);
}

static void replacing_is_whole(void **state)
{
    struct line_door door;
    (void)state;
    line_door_open(&door, NULL);
    struct session *resp = session_open_local(door.redis);
    LINES(&door, "SET k -t 1h v\nSETS k a b\n", "OK\nOK\n");
    EXPECT(resp, "TTL k", ":-1\r\n");
    EXPECT(resp, "TYPE k", "+list\r\n");
    LINES(&door, "SETX k -t 2h f 1\n", "OK\n");
    EXPECT(resp, "TTL k", ":7200\r\n");
    EXPECT(resp, "HGETALL k", "*2\r\n$1\r\nf\r\n$1\r\n1\r\n");
    LINES(&door, "SET k 12\nGET k\nSETSNX k a\nSETSNX new a\n", "OK\n12\nNOT_SET\nOK\n");
    EXPECT(resp, "SADD set a", ":1\r\n");
    LINES(&door, "GET set\n", "ERROR unsupported value type\n");
    EXPECT(resp, "SET minus -x", "+OK\r\n");
    LINES(&door, "GET minus\nKEYS [m-n]?n*\nKEYS [^a-z]*\n", "-x\nminus\nEMPTY\n");
    EXPECT(resp, "PEXPIRE k 1", ":1\r\n");
    while (strcmp(door_reply(resp, "EXISTS k"), ":0\r\n") != 0) continue;
    LINES(&door, "GET k\nDEL k\nSETNX k 1\nDEL k\n", "NULL\nNOT_FOUND\nOK\nOK\n");
    EXPECT(resp, "kith.line.set a b",
           "-ERR unknown command 'kith.line.set', with args beginning with: 'a' 'b' \r\n");
    LINES(&door, "FLUSHALL\nKEYS\nKEYS *\n", "OK\nEMPTY\nEMPTY\n");
    session_close_local(resp);
    line_door_close(&door);
}

/* A blocked client is served, WATCH is told. */
static void others_are_told(void **state)
{
    struct line_door door;
    (void)state;
    line_door_open(&door, NULL);
    struct session *waits = session_open_local(door.redis);
    struct session *watches = session_open_local(door.redis);
    EXPECT(waits, "BLPOP k 0", "");
    EXPECT(watches, "WATCH w", "+OK\r\n");
    EXPECT(watches, "MULTI", "+OK\r\n");
    LINES(&door, "SETS k a b\nGET k\nSET w 1\n", "OK\n[b]\nOK\n");
    EXPECT_SENT(waits, "*2\r\n$1\r\nk\r\n$1\r\na\r\n");
    EXPECT(watches, "EXEC", "*-1\r\n");
    session_close_local(waits);
    session_close_local(watches);
    line_door_close(&door);
}

static void cut_off_lines(void **state)
{
    struct line_door door;
    (void)state;
    line_door_open(&door, NULL);
    LAST_LINES(&door, "SET a 1\nSET a 2", "OK\n");
    LAST_LINES(&door, "GET a", "1\n");
    LAST_LINES(&door, "DEL a", "");
    LAST_LINES(&door, "KEYS", "a\n");
    line_door_close(&door);
    const struct line_opts original = { .unterminated_writes = true };
    line_door_open(&door, &original);
    LAST_LINES(&door, "SET a 2", "OK\n");
    line_door_close(&door);
}

static void long_lines(void **state)
{
    struct line_door door;
    const size_t len = LINE_BYTES_MAX + 2;
    char *line = mem_alloc(len);
    (void)state;
    assert_non_null(line);
    line_door_open(&door, NULL);
    memset(line, 'x', len);
    memcpy(line, "SET a ", 6);
    line[LINE_BYTES_MAX] = '\n';
    line_expect_bytes(&door, line, LINE_BYTES_MAX + 1, false, "OK\n", LINE_END_MORE);
    line[LINE_BYTES_MAX] = 'x';
    line[LINE_BYTES_MAX + 1] = '\n';
    line_expect_bytes(&door, line, len, false, "", LINE_END_CLOSE);
    for (size_t i = 7; i < LINE_BYTES_MAX; i += 2) line[i] = ' ';
    line[LINE_BYTES_MAX] = '\n';
    line_expect_bytes(&door, line, LINE_BYTES_MAX + 1, false, "OK\n", LINE_END_MORE);
    LINES(&door, "SETNX a 1\n", "NOT_SET\n");
    mem_free(line);
    line_door_close(&door);
}

static void passwords(void **state)
{
    struct line_door door;
    const struct line_opts opts = { .password = "secret" };
    (void)state;
    line_door_open(&door, &opts);
    LINES(&door, "GET a\nSET k -t 5x v\nAUTH\nAUTH a b\nNOPE\n",
          "ERROR authentication required\nERROR authentication required\n"
          "ERROR AUTH requires password\nERROR AUTH requires password\n"
          "ERROR authentication required\n");
    line_expect_bytes(&door, "AUTH \"sec\"ret\nGET a\n", 20, false, "", LINE_END_AUTH);
    assert_int_equal(door.conn->password.len, 6);
    assert_true(line_auth_check(door.line->auth, door.conn->password.data, 6));
    assert_false(line_auth_check(door.line->auth, "secre", 5));
    line_expect_bytes(&door, "POST / HTTP/1.1\r\n", 17, false, "", LINE_END_ATTACK);
    line_door_close(&door);
}

static void requests_in_order(void **state)
{
    struct line_door door;
    struct buffer sent, want;
    (void)state;
    line_door_open(&door, NULL);
    buffer_init(&sent);
    buffer_init(&want);
    for (unsigned i = 0; i < 500; i++) {
        buffer_printf(&sent, "SET k%u \"v %u\"\nGET k%u\n%s", i % 7, i, i % 7,
                      i % 3 ? "" : "GET\n");
        buffer_printf(&want, "OK\nv %u\n%s", i, i % 3 ? "" : "ERROR GET requires key\n");
    }
    buffer_put_u8(&want, 0);
    line_expect_bytes(&door, (const char *)sent.data, sent.len, false, (const char *)want.data,
                      LINE_END_MORE);
    const struct line_counters *counters = &door.line->counters;
    assert_int_equal(counters->keyed + counters->others, 500 * 2 + 167);
    buffer_release(&sent);
    buffer_release(&want);
    line_door_close(&door);
}

/* Every allocation fails once: the answer is whole, OK or an error, and the old value stays with an
 * error. */
static void without_memory(void **state)
{
    static const char sent[] = "SETX k a 1 b 2 c \"3 4\"\nGET k\n";
    static const char done[] = "OK\n{\"a\":\"1\",\"b\":\"2\",\"c\":\"3 4\"}\n";
    unsigned survived = 0;
    (void)state;
    for (uint64_t n = 1; n < 60; n++) {
        struct line_door door;
        struct buffer out;
        enum line_end end;
        line_door_open(&door, NULL);
        LINES(&door, "SET k old\n", "OK\n");
        buffer_init(&out);
        assert_int_equal(buffer_reserve(&out, 4096), 0);
        alloc_fault_arm(n, false);
        (void)line_serve(door.conn, (const uint8_t *)sent, sizeof sent - 1, false, false, &out,
                         &end);
        alloc_fault_disarm();
        const bool whole = out.len == sizeof done - 1 && !memcmp(out.data, done, out.len);
        if (!whole && out.len > 5 && !memcmp(out.data, "ERROR", 5))
            LINES(&door, "GET k\n", "old\n");
        else if (!whole) assert_true(end == LINE_END_CLOSE || out.len > 2);
        survived += whole;
        buffer_release(&out);
        line_door_close(&door);
    }
    assert_true(survived > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples),           cmocka_unit_test(failures_name_the_command),
        cmocka_unit_test(json_escapes),       cmocka_unit_test(replacing_is_whole),
        cmocka_unit_test(others_are_told),    cmocka_unit_test(cut_off_lines),
        cmocka_unit_test(long_lines),         cmocka_unit_test(passwords),
        cmocka_unit_test(requests_in_order),  cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
