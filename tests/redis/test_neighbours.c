/*
 * Commands that come together give what they give one by one: replies, statistics, the keyspace.
 *
 * Neighbours of one batch that are the same command run in a loop of their own. So runs of few
 * kinds of commands are drawn, among them all that may not be taken for each other (unknown names,
 * subcommands, wrong counts, transactions, other databases, muted replies, errors, what wakes a
 * session that waits), and fed to two doors: one command at a time, and in pieces of any size.
 */
#include "redis/door.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/rng.h"

#define COMMANDS 16000u
#define RUN_MAX 20u

static const char *const forms[] = { /* capitals alone are drawn */
    "GET K", "SET K V", "set K V", "INCR N", "INCR K", "GET K", "SET K V", "DEL K", "LPUSH L V",
    "RPUSH L V", "LPOP L", "GET L", "HSET H K V", "HGET H K", "SADD S V", "ZADD Z N K",
    "EXPIRE K 100", "TTL K", "MGET K K", "MSET K V K V", "MSET K V K", "GETX K", "GETX K", "GET",
    "GET K K",
    "CONFIG GET hz", "CONFIG GET port", "OBJECT ENCODING K", "OBJECT REFCOUNT K", "SELECT 0",
    "SELECT 1", "SELECT 99", "MULTI", "EXEC", "DISCARD", "WATCH K", "ECHO V", "PING V", "PING",
    "PUBLISH c V",
    "CLIENT REPLY SKIP", "CLIENT REPLY OFF", "CLIENT REPLY ON", "APPEND K V", "STRLEN K",
    "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "EXISTS K", "TYPE K", "SETNX K V",
};
enum { FORMS = sizeof forms / sizeof forms[0] };

struct side {
    struct redis *redis;
    struct session *session, *listener;
    struct buffer out, heard;
};

static void side_open(struct side *side)
{
    side->session = door_open_one(&side->redis);
    side->listener = session_open_local(side->redis);
    buffer_init(&side->out);
    buffer_init(&side->heard);
    EXPECT(side->listener, "SUBSCRIBE c", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
}

static void side_close(struct side *side)
{
    session_close_local(side->listener);
    door_close_one(side->redis, side->session);
    buffer_release(&side->out);
    buffer_release(&side->heard);
}

static void feed(struct side *side, const void *data, size_t len)
{
    assert_int_equal(session_feed(side->session, data, len, &side->out), 0);
    assert_int_equal(session_feed(side->listener, "", 0, &side->heard), 0);
}

static void put_word(struct buffer *out, const char *word, size_t len)
{
    buffer_printf(out, "$%zu\r\n", len);
    buffer_put(out, word, len);
    buffer_put(out, "\r\n", 2);
}

/* K, V, N, ... become a key or a value of one or two characters, now and then a long one. */
static void put_drawn(struct buffer *out, struct rng *rng, char kind)
{
    static char text[2000];
    size_t len = (size_t)snprintf(text, sizeof text, "%c%u", kind, (unsigned)rng_below(rng, 12));
    if (kind == 'N') len = (size_t)snprintf(text, sizeof text, "%u", (unsigned)rng_below(rng, 5));
    if (kind == 'V' && rng_below(rng, 50) == 0) {
        len = 900 + rng_below(rng, 1000);
        memset(text, 'v', len);
    }
    put_word(out, text, len);
}

static void put_command(struct buffer *out, struct rng *rng, const char *form)
{
    size_t words = 1;
    for (const char *c = form; *c; c++) words += *c == ' ';
    buffer_printf(out, "*%zu\r\n", words);
    for (const char *word = form; word; word = strchr(word, ' ')) {
        if (*word == ' ') word++;
        const size_t len = strcspn(word, " ");
        if (len == 1 && *word >= 'A' && *word <= 'Z') put_drawn(out, rng, *word);
        else put_word(out, word, len);
    }
}

static void expect_same(const struct buffer *a, const struct buffer *b, const char *what)
{
    size_t at = 0;
    while (at < a->len && at < b->len && a->data[at] == b->data[at]) at++;
    if (at == a->len && at == b->len) return;
    const size_t from = at < 200 ? 0 : at - 200;
    fail_msg("%s differ at %zu:\n  alone:    %.*s\n  together: %.*s", what, at,
             (int)(a->len - from < 300 ? a->len - from : 300), (const char *)a->data + from,
             (int)(b->len - from < 300 ? b->len - from : 300), (const char *)b->data + from);
}

/* "cmdstat_get:calls=3,...,rejected_calls=0,failed_calls=1", without the times. */
static void put_statistics(struct side *side, struct buffer *out)
{
    char *text = strdup(door_reply(side->session, "INFO commandstats"));
    assert_non_null(text);
    for (char *line = strtok(text, "\r\n"); line; line = strtok(NULL, "\r\n")) {
        const char *usec = strstr(line, ",usec"), *rejected = strstr(line, ",rejected");
        if (!usec || !rejected) continue;
        buffer_put(out, line, (size_t)(usec - line));
        buffer_put(out, rejected, strlen(rejected));
        buffer_put(out, "\n", 1);
    }
    free(text);
}

static void expect_same_end(struct side *alone, struct side *together)
{
    struct buffer a, b;
    buffer_init(&a);
    buffer_init(&b);
    put_statistics(alone, &a);
    put_statistics(together, &b);
    assert_true(a.len > 500);
    expect_same(&a, &b, "statistics");
    buffer_release(&a);
    buffer_release(&b);
    feed(alone, "DEBUG DIGEST\r\nDBSIZE\r\n", 23);
    feed(together, "DEBUG DIGEST\r\nDBSIZE\r\n", 23);
    expect_same(&alone->out, &together->out, "keyspaces");
}

static void test_alone_and_together(void **state)
{
    struct side alone, together;
    struct buffer all;
    struct rng rng;
    const uint64_t seed = (uint64_t)getpid();
    size_t ends[COMMANDS], count = 0;
    (void)state;
    print_message("seed %llu\n", (unsigned long long)seed);
    rng_init(&rng, seed);
    buffer_init(&all);
    while (count < COMMANDS) {
        const bool speak = rng_below(&rng, 3) == 0; /* after CLIENT REPLY OFF */
        const char *form = speak ? "CLIENT REPLY ON" : forms[rng_below(&rng, FORMS)];
        const size_t length = 1 + rng_below(&rng, RUN_MAX);
        for (size_t i = 0; i < length && count < COMMANDS; i++) {
            put_command(&all, &rng, form);
            ends[count++] = all.len;
        }
    }
    side_open(&alone);
    side_open(&together);
    for (size_t i = 0, at = 0; i < count; at = ends[i++]) feed(&alone, all.data + at, ends[i] - at);
    for (size_t at = 0; at < all.len;) {
        const size_t most = all.len - at < 3000 ? all.len - at : 3000;
        const size_t len = 1 + rng_below(&rng, most);
        feed(&together, all.data + at, len);
        at += len;
    }
    static const char quiet[] = "RESET\r\nCLIENT REPLY ON\r\nCONFIG SET maxmemory 0\r\n";
    feed(&alone, quiet, sizeof quiet - 1);
    feed(&together, quiet, sizeof quiet - 1);
    assert_true(alone.out.len > COMMANDS && alone.heard.len > 0);
    expect_same(&alone.out, &together.out, "replies");
    expect_same(&alone.heard, &together.heard, "messages");
    expect_same_end(&alone, &together);
    side_close(&alone);
    side_close(&together);
    buffer_release(&all);
}

#define PUSH(list, value) "*3\r\n$5\r\nRPUSH\r\n$1\r\n" list "\r\n$1\r\n" value "\r\n"

/* Who waits gets the first, before the next is executed. */
static void test_one_waits(void **state)
{
    struct redis *redis;
    struct session *a = door_open_one(&redis), *b = session_open_local(redis);
    (void)state;
    EXPECT(b, "BLPOP q 0", "");
    EXPECT(a, PUSH("p", "w") PUSH("q", "x") PUSH("q", "y") PUSH("q", "z"),
           ":1\r\n:1\r\n:1\r\n:2\r\n");
    EXPECT_SENT(b, "*2\r\n$1\r\nq\r\n$1\r\nx\r\n");
    EXPECT(b, "BLPOP q 0\r\nBLPOP q 0\r\nBLPOP q 0",
           "*2\r\n$1\r\nq\r\n$1\r\ny\r\n*2\r\n$1\r\nq\r\n$1\r\nz\r\n");
    EXPECT(a, PUSH("q", "1") PUSH("q", "2"), ":1\r\n:1\r\n");
    EXPECT_SENT(b, "*2\r\n$1\r\nq\r\n$1\r\n1\r\n");
    session_close_local(b);
    door_close_one(redis, a);
}

#define GET(key) "*2\r\n$3\r\nGET\r\n$1\r\n" key "\r\n"

/* A command too long to be read in one look stands between two that are. */
static void test_long_between(void **state)
{
    struct redis *redis;
    struct session *session = door_open_one(&redis);
    static char sent[4096];
    char value[1201];
    (void)state;
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = 0;
    EXPECT(session, "SET a 1", "+OK\r\n");
    (void)snprintf(sent, sizeof sent, "%s%s*3\r\n$6\r\nAPPEND\r\n$1\r\nb\r\n$1200\r\n%s\r\n%s%s",
                   GET("a"), GET("a"), value, GET("a"), GET("a"));
    EXPECT(session, sent,
           "$1\r\n1\r\n$1\r\n1\r\n:1200\r\n$1\r\n1\r\n$1\r\n1\r\n");
    door_close_one(redis, session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone_and_together),
        cmocka_unit_test(test_one_waits),
        cmocka_unit_test(test_long_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
