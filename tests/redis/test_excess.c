/*
 * What somebody with a password may ask for and must not get: time that grows with the square of
 * what was sent, and memory that nothing counts. Times are not measured but chosen so that the
 * slow way would run for minutes.
 */
#include "door.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "redis/redis_internal.h"

static struct kith_str repeated(const char *piece, size_t times, const char *end)
{
    struct buffer text;
    buffer_init(&text);
    for (size_t i = 0; i < times; i++) buffer_put(&text, piece, strlen(piece));
    buffer_put(&text, end, strlen(end));
    assert_false(buffer_failed(&text));
    return (struct kith_str){(const char *)text.data, text.len};
}

static void let_go(struct kith_str text)
{
    union { const char *in; void *out; } data = {text.data};
    mem_free(data.out);
}

/* A pattern of megabytes against a key of megabytes: 10^12 steps, if each were taken. */
static void test_patterns(void **state)
{
    (void)state;
    static const char *const pieces[] = {"a", "?", "[a-z]", "[^b]"};
    const struct kith_str key = repeated("a", 1 << 20, "");
    for (size_t i = 0; i < 4; i++) {
        const struct kith_str inner = repeated(pieces[i], 1 << 18, "b");
        const struct kith_str stars = repeated("*a", 1 << 19, "b");
        struct buffer pattern;
        buffer_init(&pattern);
        buffer_put_u8(&pattern, '*');
        buffer_put(&pattern, inner.data, inner.len);
        const struct kith_str all = {(const char *)pattern.data, pattern.len};
        assert_false(text_matches(all, key, false));
        assert_false(text_matches(stars, key, false));
        assert_false(text_matches((struct kith_str){"*[aaaa", 6}, (struct kith_str){"b", 1}, true));
        buffer_release(&pattern);
        let_go(inner);
        let_go(stars);
    }
    /* What is long and plain still fits. */
    const struct kith_str end = repeated("a", 1 << 20, "needle and more");
    assert_true(text_matches((struct kith_str){"*needle*", 8}, end, false));
    assert_true(text_matches((struct kith_str){"*aaan[d-f]?dle*", 15}, end, false));
    assert_true(text_matches((struct kith_str){"a*e", 3}, end, true));
    const struct kith_str unclosed = repeated("[aaaa", 1 << 18, "");
    assert_false(text_matches(unclosed, key, false));
    let_go(unclosed);
    let_go(end);
    let_go(key);
}

enum { CHANNELS = 200000, PIECE = 1000 };

static void subscribe(struct session *session, size_t first, struct buffer *out)
{
    struct buffer command;
    buffer_init(&command);
    buffer_printf(&command, "*%d\r\n$9\r\nSUBSCRIBE\r\n", PIECE + 1);
    for (size_t i = first; i < first + PIECE; i++) buffer_printf(&command, "$7\r\nc%06zu\r\n", i);
    assert_int_equal(session_feed(session, command.data, command.len, out), 0);
    buffer_clear(out);
    buffer_release(&command);
}

/* All at once, one of each kind, and none is forgotten. */
static void test_leaving_many_channels(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *session = session_open_local(redis);
    struct buffer out;
    buffer_init(&out);
    for (size_t i = 0; i < CHANNELS; i += PIECE) subscribe(session, i, &out);
    assert_int_equal(redis->channels[0].count, CHANNELS);
    assert_int_equal(session_feed(session, "UNSUBSCRIBE\r\n", 13, &out), 0);
    size_t replies = 0;
    for (size_t i = 0; i < out.len; i++) replies += out.data[i] == '*';
    assert_int_equal(replies, CHANNELS);
    const char end[] = ":0\r\n";
    assert_memory_equal(out.data + out.len - 4, end, 4);
    assert_int_equal(redis->channels[0].count, 0);
    assert_int_equal(redis->subscriber_count, 0);
    buffer_release(&out);
    session_close_local(session);
    redis_free(redis);
}

/* With repeats the client says how many: the limit of its output holds, and then an error stands
 * alone. */
static void test_draws(void **state)
{
    (void)state;
    static const char *const directives[] = {"client-output-buffer-limit normal 1mb 0 0"};
    static const char *const commands[] = {
        "SRANDMEMBER s -9223372036854775807", "HRANDFIELD h -9223372036854775807",
        "HRANDFIELD h -4611686018427387903 WITHVALUES", "ZRANDMEMBER z -9223372036854775807",
        "ZRANDMEMBER z -4611686018427387903 WITHSCORES", "SRANDMEMBER s -1000000",
    };
    struct redis *redis = door_open_with(directives, 1);
    struct session *session = session_open_local(redis);
    EXPECT(session, "SADD s a b c", ":3\r\n");
    EXPECT(session, "HSET h a 1 b 2", ":2\r\n");
    EXPECT(session, "ZADD z 1 a 2 b", ":2\r\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        EXPECT(session, commands[i], "-ERR value is out of range\r\n");
    EXPECT_HAS(session, "SRANDMEMBER s -1000", "*1000\r\n$1\r\n");
    EXPECT_HAS(session, "HRANDFIELD h -1000 WITHVALUES", "*2000\r\n$1\r\n");
    EXPECT_HAS(session, "ZRANDMEMBER z -1000", "*1000\r\n$1\r\n");
    session_close_local(session);
    redis_free(redis);
}

static unsigned long long used_memory(struct session *admin)
{
    const char *at = strstr(door_reply(admin, "INFO memory"), "used_memory:");
    assert_non_null(at);
    return strtoull(at + strlen("used_memory:"), NULL, 10);
}

/* What MULTI holds is within maxmemory, and given back by EXEC, DISCARD and the end. */
static void test_queues(void **state)
{
    (void)state;
    static const char *const directives[] = {"maxmemory 8mb", "maxmemory-policy noeviction"};
    static const char *const ends[] = {"EXEC", "DISCARD", "RESET", NULL};
    struct redis *redis = door_open_with(directives, 2);
    struct session *admin = session_open_local(redis);
    const struct kith_str value = repeated("v", 1 << 20, "");
    EXPECT(admin, "SET b 1", "+OK\r\n");
    const unsigned long long before = used_memory(admin);
    for (size_t e = 0; e < sizeof ends / sizeof *ends; e++) {
        struct session *session = session_open_local(redis);
        struct buffer out;
        buffer_init(&out);
        EXPECT(session, "MULTI", "+OK\r\n");
        const struct kith_str words[] = {{"ECHO", 4}, value};
        for (int i = 0; i < 5; i++) assert_int_equal(session_run(session, words, 2, &out), 0);
        assert_in_range(used_memory(admin) - before, 5 << 20, (5 << 20) + 4096);
        for (int i = 0; i < 5; i++) assert_int_equal(session_run(session, words, 2, &out), 0);
        EXPECT_HAS(admin, "SET a 1", "-OOM");
        buffer_clear(&out);
        if (ends[e]) {
            const struct kith_str end = str_of(ends[e]);
            assert_int_equal(session_run(session, &end, 1, &out), 0);
            assert_int_equal(used_memory(admin), before);
        }
        session_close_local(session);
        assert_int_equal(used_memory(admin), before);
        EXPECT(admin, "SET a 1", "+OK\r\n");
        EXPECT(admin, "DEL a", ":1\r\n");
        buffer_release(&out);
    }
    let_go(value);
    session_close_local(admin);
    redis_free(redis);
}

/* An indent of a kilobyte in a document of a hundred levels, many times over. */
static void test_wide_indents(void **state)
{
    (void)state;
    static const char *const directives[] = {"proto-max-bulk-len 1mb"};
    struct redis *redis = door_open_with(directives, 1);
    struct session *session = session_open_local(redis);
    struct buffer out;
    buffer_init(&out);
    const struct kith_str opening = repeated("[", 100, ""), inner = repeated("1,", 1000, "1");
    const struct kith_str closing = repeated("]", 100, ""), indent = repeated(" ", 1024, "");
    struct buffer text;
    buffer_init(&text);
    buffer_put(&text, opening.data, opening.len);
    buffer_put(&text, inner.data, inner.len);
    buffer_put(&text, closing.data, closing.len);
    const struct kith_str set[] = {
        {"JSON.SET", 8}, {"j", 1}, {"$", 1}, {(const char *)text.data, text.len}};
    const struct kith_str get[] = {{"JSON.GET", 8}, {"j", 1}, {"INDENT", 6}, indent};
    assert_int_equal(session_run(session, set, 4, &out), 0);
    assert_memory_equal(out.data, "+OK\r\n", 5);
    buffer_clear(&out);
    assert_int_equal(session_run(session, get, 4, &out), 0);
    assert_memory_equal(out.data, "-ERR the text would be longer", 29);
    EXPECT_HAS(session, "JSON.GET j INDENT ' '", "$");
    let_go(opening), let_go(inner), let_go(closing), let_go(indent);
    buffer_release(&text);
    buffer_release(&out);
    session_close_local(session);
    redis_free(redis);
}

/* ---- much of little ---- */

static void feed(struct session *session, const struct kith_str *words, size_t count,
                 const char *want)
{
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(session_run(session, words, count, &out), 0);
    buffer_put_u8(&out, 0);
    if (strncmp((const char *)out.data, want, strlen(want)) != 0)
        fail_msg("%s gave %.200s", words[0].data, (const char *)out.data);
    buffer_release(&out);
}

/* A document with many places, and a value of half a megabyte for each: a hundred gigabytes. */
static void test_a_value_for_each_match(void **state)
{
    (void)state;
    static const char *const limits[][2] = {{"maxmemory 0", "-ERR the command would add "},
                                            {"maxmemory 64mb", "-OOM command not allowed: it "}};
    const struct kith_str text = repeated("v", 1 << 19, "\"");
    struct kith_str arrays = repeated("[],", 1 << 17, "[]]"), value, document;
    struct buffer quoted, list;
    buffer_init(&quoted);
    buffer_init(&list);
    buffer_printf(&quoted, "\"%.*s", (int)text.len, text.data);
    buffer_printf(&list, "[%.*s", (int)arrays.len, arrays.data);
    value = (struct kith_str){(const char *)quoted.data, quoted.len};
    document = (struct kith_str){(const char *)list.data, list.len};
    for (size_t i = 0; i < 2; i++) {
        struct redis *redis = door_open_with(&limits[i][0], 1);
        struct session *s = session_open_local(redis);
        const struct kith_str key = {"d", 1}, all = {"$.*", 3}, zero = {"0", 1};
        const char *want = limits[i][1];
        feed(s, (struct kith_str[]){{"JSON.SET", 8}, key, {"$", 1}, document}, 4, "+OK");
        const unsigned long long before = used_memory(s);
        feed(s, (struct kith_str[]){{"JSON.SET", 8}, key, all, value}, 4, want);
        feed(s, (struct kith_str[]){{"JSON.MSET", 9}, key, all, value}, 4, want);
        feed(s, (struct kith_str[]){{"JSON.MERGE", 10}, key, all, value}, 4, want);
        feed(s, (struct kith_str[]){{"JSON.ARRAPPEND", 14}, key, all, value}, 4, want);
        feed(s, (struct kith_str[]){{"JSON.ARRINSERT", 14}, key, all, zero, value}, 5, want);
        assert_int_equal(used_memory(s), before);
        feed(s, (struct kith_str[]){{"JSON.SET", 8}, key, all, {"\"\"", 2}}, 4, "+OK");
        feed(s, (struct kith_str[]){{"JSON.STRAPPEND", 14}, key, all, value}, 4, want);
        feed(s, (struct kith_str[]){{"JSON.SET", 8}, key, all, {"{}", 2}}, 4, "+OK");
        feed(s, (struct kith_str[]){{"JSON.SET", 8}, key, {"$.*.m", 5}, value}, 4, want);
        session_close_local(s);
        redis_free(redis);
    }
    buffer_release(&list);
    buffer_release(&quoted);
    let_go(arrays);
    let_go(text);
}

/* A string that only an offset makes long. */
static void test_far_offsets(void **state)
{
    (void)state;
    static const char *const directives[] = {"maxmemory 64mb"};
    struct redis *redis = door_open_with(directives, 1);
    struct session *s = session_open_local(redis);
    EXPECT_HAS(s, "SETRANGE k 400000000 x", "-OOM command not allowed: it would add 400000001");
    EXPECT_HAS(s, "SETBIT k 4000000000 1", "-OOM command not allowed: it would add 500000001");
    EXPECT_HAS(s, "BITFIELD k SET u8 4000000000 1", "-OOM command not allowed: it would add 5");
    EXPECT(s, "EXISTS k", ":0\r\n");
    EXPECT(s, "SETRANGE k 4000000 x", ":4000001\r\n");
    EXPECT(s, "SETBIT k 32000000 1", ":0\r\n");
    EXPECT(s, "SETRANGE k 40000000 x", ":40000001\r\n");
    EXPECT_HAS(s, "BITOP NOT d k", "-OOM command not allowed: it would add 40000001");
    EXPECT(s, "CONFIG SET maxmemory 0", "+OK\r\n");
    EXPECT(s, "CONFIG SET proto-max-bulk-len 40mb", "+OK\r\n");
    EXPECT(s, "BITOP OR d k k k", ":40000001\r\n");
    EXPECT(s, "BITOP OR d k k k k k k k k k k k k k k k k k",
           "-ERR the sources of BITOP have more than 16 times proto-max-bulk-len bytes\r\n");
    session_close_local(s);
    redis_free(redis);
}

/* Each of many members names the same large value. */
static void test_sort_by_patterns(void **state)
{
    (void)state;
    static const char *const directives[] = {"maxmemory 64mb", "proto-max-bulk-len 16mb"};
    struct redis *redis = door_open_with(directives, 2);
    struct session *s = session_open_local(redis);
    const struct kith_str value = repeated("v", 1 << 16, "");
    feed(s, (struct kith_str[]){{"SET", 3}, {"w_1", 3}, value}, 3, "+OK");
    for (int i = 0; i < 1000; i++) (void)door_reply(s, "RPUSH l 1");
    EXPECT(s, "SORT l GET w_*", "-ERR patterns of SORT give more than proto-max-bulk-len\r\n");
    EXPECT(s, "SORT l BY w_* ALPHA",
           "-ERR patterns of SORT give more than proto-max-bulk-len\r\n");
    EXPECT(s, "SORT l GET w_* STORE d",
           "-ERR patterns of SORT give more than proto-max-bulk-len\r\n");
    EXPECT(s, "CONFIG SET proto-max-bulk-len 512mb", "+OK\r\n");
    EXPECT_HAS(s, "SORT l GET w_* GET w_* STORE d", "-OOM command not allowed: it would add");
    EXPECT(s, "EXISTS d", ":0\r\n");
    EXPECT(s, "SORT l GET w_* LIMIT 0 2 STORE d", ":2\r\n");
    let_go(value);
    session_close_local(s);
    redis_free(redis);
}

/* ---- documents with many members ---- */

enum { MEMBERS = 120000 };

/* {"m000000":0,...}, forwards or backwards; every `keep`th has a value, the others are null. */
static struct kith_str object(bool down, int keep)
{
    struct buffer text;
    buffer_init(&text);
    buffer_put_u8(&text, '{');
    for (int i = 0; i < MEMBERS; i++) {
        const int n = down ? MEMBERS - 1 - i : i;
        buffer_printf(&text, "%s\"m%06d\":", i ? "," : "", n);
        if (n % keep == 0) buffer_printf(&text, "%d", n);
        else buffer_put(&text, "null", 4);
    }
    buffer_put_u8(&text, '}');
    assert_false(buffer_failed(&text));
    return (struct kith_str){(const char *)text.data, text.len};
}

static void test_large_objects(void **state)
{
    (void)state;
    struct redis *redis;
    struct session *s = door_open_one(&redis);
    const struct kith_str up = object(false, 1), down = object(true, 1), most = object(true, 2);
    const struct kith_str key = {"d", 1}, root = {"$", 1}, list = {"$.l", 3};
    /* The same, in another order. */
    feed(s, (struct kith_str[]){{"JSON.SET", 8}, key, root, {"{\"l\":[]}", 8}}, 4, "+OK");
    feed(s, (struct kith_str[]){{"JSON.ARRAPPEND", 14}, key, list, up}, 4, "*1\r\n:1");
    feed(s, (struct kith_str[]){{"JSON.ARRINDEX", 13}, key, list, down}, 4, "*1\r\n:0");
    feed(s, (struct kith_str[]){{"JSON.ARRINDEX", 13}, key, list, most}, 4, "*1\r\n:-1");
    /* Half of the members go, and again as many come. */
    feed(s, (struct kith_str[]){{"JSON.SET", 8}, key, root, up}, 4, "+OK");
    feed(s, (struct kith_str[]){{"JSON.MERGE", 10}, key, root, most}, 4, "+OK");
    EXPECT(s, "JSON.OBJLEN d", ":60000\r\n");
    EXPECT(s, "JSON.GET d .m000004", "$1\r\n4\r\n");
    feed(s, (struct kith_str[]){{"JSON.MERGE", 10}, key, root, down}, 4, "+OK");
    EXPECT(s, "JSON.OBJLEN d", ":120000\r\n");
    const struct kith_str three = {"$['m000001','m119999','none']", 29};
    feed(s, (struct kith_str[]){{"JSON.GET", 8}, key, three}, 3, "$10\r\n[119999,1]\r\n");
    /* Thousands of paths, each a look through all names. */
    struct kith_str words[3002] = {{"JSON.GET", 8}, key};
    for (size_t i = 2; i < 3002; i++) words[i] = (struct kith_str){"$.none", 6};
    feed(s, words, 3002, "-ERR the path looks at too many values");
    feed(s, words, 102, "$1");
    words[0] = (struct kith_str){"JSON.MGET", 9};
    for (size_t i = 2; i < 3001; i++) words[i] = key;
    feed(s, words, 3002, "-ERR the path looks at too many values");
    let_go(up);
    let_go(down);
    let_go(most);
    door_close_one(redis, s);
}

/* Many go from the front of an array, or every other; a union names many. */
static void test_large_arrays(void **state)
{
    (void)state;
    struct redis *redis;
    struct session *s = door_open_one(&redis);
    const struct kith_str zeros = repeated("0,", 500000, "0]"), key = {"d", 1}, root = {"$", 1};
    const struct kith_str picks = repeated("0,1,", 10000, "2]");
    struct buffer text, path;
    buffer_init(&text);
    buffer_init(&path);
    buffer_printf(&text, "[%.*s", (int)zeros.len, zeros.data);
    buffer_printf(&path, "$[%.*s", (int)picks.len, picks.data);
    const struct kith_str array = {(const char *)text.data, text.len};
    const struct kith_str many = {(const char *)path.data, path.len};
    const struct kith_str set[] = {{"JSON.SET", 8}, key, root, array};
    feed(s, set, 4, "+OK");
    feed(s, (struct kith_str[]){{"JSON.GET", 8}, key, many}, 3, "$7\r\n[0,0,0]");
    EXPECT(s, "JSON.DEL d $[0:250000]", ":250000\r\n");
    EXPECT(s, "JSON.DEL d $[::2]", ":125001\r\n");
    EXPECT(s, "JSON.ARRLEN d", ":125000\r\n");
    feed(s, set, 4, "+OK");
    EXPECT(s, "JSON.ARRTRIM d $ 250000 -1", "*1\r\n:250001\r\n");
    buffer_release(&path);
    buffer_release(&text);
    let_go(picks);
    let_go(zeros);
    door_close_one(redis, s);
}

/* ---- keys that are named again ---- */

static void name_again(struct session *s, const char *head, const char *key, const char *want)
{
    enum { TIMES = 20000 };
    static struct kith_str words[TIMES + 4];
    size_t count = 0;
    char text[64];
    (void)snprintf(text, sizeof text, "%s", head);
    for (char *at = strtok(text, " "); at; at = strtok(NULL, " "))
        words[count++] = (struct kith_str){at, strlen(at)};
    for (size_t i = 0; i < TIMES; i++) words[count++] = (struct kith_str){key, strlen(key)};
    feed(s, words, count, want);
}

/* Each name would cost as much as the first: minutes. */
static void test_names_again(void **state)
{
    (void)state;
    struct redis *redis;
    struct session *s = door_open_one(&redis);
    struct buffer add;
    buffer_init(&add);
    buffer_printf(&add, "*10002\r\n$4\r\nSADD\r\n$1\r\ns\r\n");
    for (int i = 0; i < 10000; i++) buffer_printf(&add, "$5\r\n%05d\r\n", i);
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(session_feed(s, add.data, add.len, &out), 0);
    EXPECT(s, "ZUNIONSTORE z 1 s", ":10000\r\n");
    name_again(s, "SUNIONSTORE d", "s", ":10000");
    name_again(s, "SINTERSTORE d", "s", ":10000");
    name_again(s, "SDIFFSTORE d s", "none", ":10000");
    name_again(s, "SDIFFSTORE d s", "s", ":0");
    name_again(s, "SINTERCARD 20000", "s", ":10000");
    name_again(s, "ZDIFFSTORE d 20001 z", "none", ":10000");
    name_again(s, "ZDIFFSTORE d 20001 z", "z", ":0");
    name_again(s, "ZUNIONSTORE d 20000", "z", "-ERR keys that are named again");
    name_again(s, "ZINTERSTORE d 20000", "z", "-ERR keys that are named again");
    name_again(s, "ZINTERCARD 20000", "z", "-ERR keys that are named again");
    EXPECT(s, "ZADD w 2 a 3 b", ":2\r\n");
    EXPECT(s, "ZUNION 3 w w w WITHSCORES",
           "*4\r\n$1\r\na\r\n$1\r\n6\r\n$1\r\nb\r\n$1\r\n9\r\n");
    EXPECT(s, "ZDIFF 3 w none none WITHSCORES",
           "*4\r\n$1\r\na\r\n$1\r\n2\r\n$1\r\nb\r\n$1\r\n3\r\n");
    EXPECT(s, "ZDIFF 2 none w", "*0\r\n");
    EXPECT(s, "ZDIFF 3 none w w", "*0\r\n");
    EXPECT(s, "SDIFF none s s", "*0\r\n");
    EXPECT(s, "SINTER s none s", "*0\r\n");
    buffer_release(&out);
    buffer_release(&add);
    door_close_one(redis, s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_leaving_many_channels),
        cmocka_unit_test(test_draws),
        cmocka_unit_test(test_queues),
        cmocka_unit_test(test_wide_indents),
        cmocka_unit_test(test_a_value_for_each_match),
        cmocka_unit_test(test_far_offsets),
        cmocka_unit_test(test_sort_by_patterns),
        cmocka_unit_test(test_large_objects),
        cmocka_unit_test(test_large_arrays),
        cmocka_unit_test(test_names_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
