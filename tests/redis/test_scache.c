/*
 * The semantic cache: what hits and what must not, entries that go alone, a restart, the shapes of
 * replies. Vectors are two or three small numbers, so distances can be read off.
 */
#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700 /* nftw */
#endif
#include "redis/door.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "redis/scache_guard.h"

static bool agrees(const char *a, const char *b)
{
    const struct kith_str left = {a, strlen(a)}, right = {b, strlen(b)};
    const bool result = scache_guard_agrees(left, right);
    assert_int_equal(result, scache_guard_agrees(right, left));
    return result;
}

static void test_guard(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        {"", ""},
        {"How do I reset my password?", "how can I reset the password"},
        {"Please tell me the capital of France", "What is the capital of France?"},
        {"I don't get it", "I cannot get it"},
        {"pay 1,000 euros", "send 1000 euros."},
        {"enabling 2FA", "how to enable 2fa"},
        {"what does \"hello there\" mean", "the meaning of \"hello there\"?"},
        {"call foo_bar() twice", "twice call foo_bar()"},
    };
    static const char *const other[][2] = {
        {"enable 2FA", "disable 2FA"},
        {"how to enable it", "how not to enable it"},
        {"how to stop it", "how to start it"},
        {"do it", "don't do it"},
        {"do it", "don\xe2\x80\x99t do it"},
        {"coffee with sugar", "coffee without sugar"},
        {"population in 2019", "population in 2020"},
        {"raise by 5%", "raise by 5"},
        {"5 or 5", "5"},
        {"weather in Paris", "weather in London"},
        {"is John taller than Mary", "is John taller than Anna"},
        {"what does 'yes' mean", "what does 'no' mean"},
        {"define \"a b\"", "define \"a  b\""},
        {"what is `foo`", "what is `bar`"},
        {"call foo_bar", "call foo_baz"},
        {"open config.json", "open config.yaml"},
        {"use fooBar", "use fooBaz"},
        {"run with --force", "run with --dry"},
        {"at 10:30", "at 30:10"},
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        if (!agrees(same[i][0], same[i][1])) fail_msg("refused: %s | %s", same[i][0], same[i][1]);
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
        if (agrees(other[i][0], other[i][1])) fail_msg("agreed: %s | %s", other[i][0], other[i][1]);
}

/* Any bytes: it ends, is symmetric, agrees with itself, and sees one more number. The copies are
 * as long as the text, so that a sanitizer sees a read behind it. */
static void test_guard_random(void **state)
{
    (void)state;
    static const char letters[] = "aZ19 .,'\"`-_/\n!?()\xc3\x89\xe2\x80\x9c\xe2\x80\x99n't not I";
    struct rng rng;
    rng_init(&rng, 7);
    for (int i = 0; i < 20000; i++) {
        const size_t len = rng_u64(&rng) % 60;
        char *text = malloc(len + 1), *more = malloc(len + 4);
        for (size_t j = 0; j < len; j++) text[j] = letters[rng_u64(&rng) % (sizeof letters - 1)];
        memcpy(more, "7\n ", 3);
        memcpy(more + 3, text, len);
        char *exact = malloc(len ? len : 1);
        memcpy(exact, text, len);
        const struct kith_str a = {exact, len}, b = {more, len + 3};
        assert_true(scache_guard_agrees(a, a));
        assert_false(scache_guard_agrees(a, b));
        free(exact);
        free(text);
        free(more);
    }
}

/* ---- commands ---- */

static void test_exact(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    EXPECT(s, "SCACHE.GET c 'what is it'", "$-1\r\n");
    EXPECT_HAS(s, "SCACHE.SET c 'What is  it' answer", "$32\r\n");
    EXPECT_HAS(s, "SCACHE.GET c 'What is  it'", "*10\r\n$8\r\nresponse\r\n$6\r\nanswer\r\n$5\r\n"
                                                "entry\r\n$32\r\n");
    EXPECT_HAS(s, "SCACHE.GET c ' what is it '",
               "$8\r\ndistance\r\n$1\r\n0\r\n$4\r\nkind\r\n$5\r\nexact\r\n$8\r\nttl_left\r\n:-1\r\n");
    EXPECT(s, "SCACHE.GET c 'what is that'", "$-1\r\n");
    EXPECT_HAS(s, "SCACHE.SET c 'made in US' country", "$32\r\n");
    EXPECT(s, "SCACHE.GET c 'made in us'", "$-1\r\n"); /* folding is not enough */
    EXPECT_HAS(s, "SCACHE.SET c 'what is it' 42", "$32\r\n"); /* one entry a prompt */
    EXPECT_HAS(s, "SCACHE.GET c 'what is it'", "$2\r\n42\r\n");
    EXPECT_HAS(s, "SCACHE.STATS c", "*18\r\n$10\r\nexact_hits\r\n:3\r\n$13\r\nsemantic_hits\r\n:0"
                                    "\r\n$6\r\nmisses\r\n:2\r\n$13\r\nguard_refused\r\n:1\r\n");
    EXPECT_HAS(s, "HELLO 3", "%7\r\n");
    EXPECT_HAS(s, "SCACHE.GET c 'what is it'", "%5\r\n$8\r\nresponse\r\n$2\r\n42\r\n");
    EXPECT_HAS(s, "SCACHE.GET c 'what is it'", "$8\r\ndistance\r\n,0\r\n");
    EXPECT(s, "SCACHE.GET c nothing", "_\r\n");
    EXPECT_HAS(s, "SCACHE.STATS c", "%9\r\n");
    session_close_local(s);
    redis_free(redis);
}

static void test_semantic(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    EXPECT_HAS(s, "SCACHE.SET c 'how to enable 2FA' yes VALUES 2 1 0 ATTR '{\"lang\":\"en\"}'", "$32");
    EXPECT_HAS(s, "SCACHE.GET c 'enable 2fa how' VALUES 2 1 0.1", "$8\r\nsemantic\r\n");
    EXPECT(s, "SCACHE.GET c 'how to disable 2FA' VALUES 2 1 0", "$-1\r\n");
    EXPECT(s, "SCACHE.GET c 'enable 2fa how' VALUES 2 0 1", "$-1\r\n");
    EXPECT_HAS(s, "SCACHE.GET c 'enable 2fa how' VALUES 2 0 1 THRESHOLD 1", "semantic");
    EXPECT(s, "SCACHE.GET c 'enable 2fa how' VALUES 2 1 0 THRESHOLD 0 FILTER '.lang == \"de\"'",
           "$-1\r\n");
    EXPECT_HAS(s, "SCACHE.GET c 'enable 2fa how' VALUES 2 1 0 FILTER '.lang == \"en\"'", "yes");
    EXPECT(s, "SCACHE.GET c 'how to enable 2FA' FILTER '.lang == \"de\"'", "$-1\r\n");
    EXPECT_HAS(s, "SCACHE.GET c 'how to enable 2FA' FILTER '.lang == \"en\"'", "exact");
    /* The nearest is refused, the second is taken. */
    EXPECT_HAS(s, "SCACHE.SET c 'how to disable 2FA' no VALUES 2 1 0.2", "$32\r\n");
    EXPECT_HAS(s, "SCACHE.GET c 'disabling 2fa' VALUES 2 1 0", "$2\r\nno\r\n");
    EXPECT(s, "SCACHE.GET c 'disabling 2fa' VALUES 2 1 0 K 1", "$-1\r\n");
    EXPECT_HAS(s, "SCACHE.STATS c",
               ":1\r\n$13\r\nsemantic_hits\r\n:4\r\n$6\r\nmisses\r\n:5\r\n$13\r\nguard_refused\r\n"
               ":3\r\n$10\r\nfalse_hits\r\n:0\r\n$7\r\nvectors\r\n:2\r\n$9\r\ndimension\r\n:2\r\n");
    session_close_local(s);
    redis_free(redis);
}

static void test_errors(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    EXPECT_HAS(s, "SCACHE.SET c p r VALUES 2 1 0", "$32\r\n");
    EXPECT_HAS(s, "SCACHE.SET c q r VALUES 3 1 0 0", "-ERR Vector dimension mismatch - got 3 but");
    EXPECT(s, "SCACHE.GET c q", "$-1\r\n"); /* nothing was kept */
    EXPECT_HAS(s, "SCACHE.GET c q VALUES 3 1 0 0", "-ERR Vector dimension mismatch");
    EXPECT(s, "SCACHE.SET c p r WHAT", "-ERR syntax error\r\n");
    EXPECT(s, "SCACHE.SET c p r TTL 0", "-ERR invalid expire time in 'SCACHE.SET' command\r\n");
    EXPECT(s, "SCACHE.SET c p r ATTR [1]", "-ERR ATTR is not a JSON object\r\n");
    EXPECT(s, "SCACHE.SET c p r FP32 abc", "-ERR invalid vector specification\r\n");
    EXPECT(s, "SCACHE.GET c p K 0", "-ERR K must be between 1 and 1000\r\n");
    EXPECT(s, "SCACHE.GET c p THRESHOLD 3", "-ERR THRESHOLD must be between 0 and 2\r\n");
    EXPECT(s, "SET x 1", "+OK\r\n");
    EXPECT_HAS(s, "SCACHE.SET x p r", "-WRONGTYPE");
    EXPECT_HAS(s, "SCACHE.GET x p", "-WRONGTYPE");
    session_close_local(s);
    redis_free(redis);
}

/* The id that a SET answered, behind "$32\r\n". */
static void set_id(struct session *s, const char *command, char id[33])
{
    const char *reply = door_reply(s, command);
    assert_memory_equal(reply, "$32\r\n", 5);
    memcpy(id, reply + 5, 32);
    id[32] = 0;
}

static void test_parts_go(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    char id[33], line[128];
    set_id(s, "SCACHE.SET c 'first thing' a VALUES 2 1 0 TTL 100", id);
    EXPECT_HAS(s, "SCACHE.GET c 'first thing'", "ttl_left\r\n:100\r\n");
    (void)snprintf(line, sizeof line, "PEXPIRE c:%s 1", id);
    EXPECT(s, line, ":1\r\n");
    usleep(5000);
    EXPECT(s, "SCACHE.GET c 'first thing'", "$-1\r\n");
    EXPECT(s, "EXISTS c", ":0\r\n"); /* the vector went with the entry */
    EXPECT(s, "SCACHE.GET c 'thing first' VALUES 2 1 0", "$-1\r\n");
    EXPECT(s, "EXISTS c", ":0\r\n");
    /* One of two has gone: the other is found behind it. */
    set_id(s, "SCACHE.SET c 'first thing' a VALUES 2 1 0", id);
    EXPECT_HAS(s, "SCACHE.SET c 'other thing' b VALUES 2 1 0.1", "$32\r\n");
    (void)snprintf(line, sizeof line, "DEL c:%s", id);
    EXPECT(s, line, ":1\r\n");
    EXPECT_HAS(s, "SCACHE.GET c 'thing' VALUES 2 1 0 K 1", "$1\r\nb\r\n");
    EXPECT(s, "VCARD c", ":1\r\n");
    /* The set has gone: exact hits stay. */
    EXPECT(s, "DEL c", ":1\r\n");
    EXPECT_HAS(s, "SCACHE.GET c 'other thing' VALUES 2 1 0", "exact");
    set_id(s, "SCACHE.SET c 'other thing' b VALUES 2 1 0.1", id);
    (void)snprintf(line, sizeof line, "SCACHE.DEL c FALSEHIT %s stats", id);
    EXPECT(s, line, ":1\r\n");
    EXPECT(s, line, ":0\r\n");
    EXPECT(s, "SCACHE.GET c 'other thing' VALUES 2 1 0", "$-1\r\n");
    EXPECT_HAS(s, "SCACHE.STATS c", "false_hits\r\n:1\r\n$7\r\nvectors\r\n:0\r\n");
    session_close_local(s);
    redis_free(redis);
}

/* The n-th allocation fails, for every n: no wrong answer, and the door goes on. */
static void test_memory(void **state)
{
    (void)state;
    static const char transcript[] =
        "SCACHE.SET c 'how to enable 2FA' yes VALUES 2 1 0 TTL 100 ATTR '{\"a\":1}'\r\n"
        "SCACHE.GET c 'how to enable 2FA' FILTER '.a == 1'\r\n"
        "SCACHE.GET c 'enable 2FA' VALUES 2 1 0 FILTER '.a == 1'\r\n"
        "SCACHE.GET c 'disable 2FA' VALUES 2 1 0\r\nSCACHE.STATS c\r\n"
        "SCACHE.SET c 'how to enable 2FA' yes\r\n";
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    bool reached = true;
    for (uint64_t n = 1; reached && n < 5000; n++) {
        struct buffer out;
        buffer_init(&out);
        struct session *other = session_open_local(redis);
        alloc_fault_arm(n, false);
        const int rc = session_feed(other, transcript, sizeof transcript - 1, &out);
        reached = alloc_fault_count() >= n;
        alloc_fault_disarm();
        assert_true(rc == 0 || reached);
        buffer_release(&out);
        session_close_local(other);
        EXPECT(s, "SCACHE.GET c 'disable 2FA' VALUES 2 1 0", "$-1\r\n");
        EXPECT_HAS(s, "SCACHE.SET c 'how to enable 2FA' yes VALUES 2 1 0", "$32\r\n");
        EXPECT_HAS(s, "SCACHE.GET c 'enable 2FA' VALUES 2 1 0", "$3\r\nyes\r\n");
        EXPECT(s, "FLUSHALL", "+OK\r\n");
    }
    assert_false(reached);
    session_close_local(s);
    redis_free(redis);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info, (void)type, (void)at;
    return remove(path);
}

static struct redis *open_dir(const char *dir)
{
    static const char *const directives[] = {"appendonly yes", "save \"\""};
    struct redis *redis = NULL;
    struct kith_error err = {0};
    const struct redis_opts opts = {.os = os_real(), .directives = directives,
                                    .directive_count = 2, .dir = dir, .workers = 1};
    if (redis_new(&opts, &redis, &err)) fail_msg("%s", err.text);
    return redis;
}

static void test_restart(void **state)
{
    (void)state;
    char dir[] = "/tmp/kith-scache-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct redis *redis = open_dir(dir);
    struct session *s = session_open_local(redis);
    EXPECT_HAS(s, "SCACHE.SET c 'how to enable 2FA' old VALUES 2 1 0", "$32\r\n");
    EXPECT_HAS(s, "SCACHE.SET c 'how to enable 2FA' yes VALUES 2 1 0 TTL 1000 ATTR '{\"a\":1}'",
               "$32\r\n");
    char id[33], line[128];
    set_id(s, "SCACHE.SET c 'gone' x VALUES 2 0 1", id);
    (void)snprintf(line, sizeof line, "SCACHE.DEL c %s", id);
    EXPECT(s, line, ":1\r\n");
    EXPECT_HAS(s, "SCACHE.GET c 'enable 2FA' VALUES 2 1 0", "semantic");
    session_close_local(s);
    redis_free(redis);
    redis = open_dir(dir);
    s = session_open_local(redis);
    EXPECT_HAS(s, "SCACHE.GET c 'enable 2FA' VALUES 2 1 0 FILTER '.a == 1'", "$3\r\nyes\r\n");
    EXPECT_HAS(s, "SCACHE.GET c 'how to enable 2FA'", "ttl_left\r\n:1000\r\n");
    EXPECT(s, "SCACHE.GET c gone VALUES 2 0 1", "$-1\r\n");
    EXPECT_HAS(s, "SCACHE.STATS c", "exact_hits\r\n:1\r\n$13\r\nsemantic_hits\r\n:2\r\n$6\r\nmisses"
                                    "\r\n:1\r\n");
    session_close_local(s);
    redis_free(redis);
    assert_int_equal(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guard),    cmocka_unit_test(test_guard_random),
        cmocka_unit_test(test_exact),    cmocka_unit_test(test_semantic),
        cmocka_unit_test(test_errors),   cmocka_unit_test(test_parts_go),
        cmocka_unit_test(test_memory),   cmocka_unit_test(test_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
