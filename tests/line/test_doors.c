/*
 * One keyspace behind two doors. Random commands come through lines or through RESP, with the same
 * keys; beside it a second keyspace gets the same through RESP only. After each command both say
 * the same: type, value and time to live by RESP, and the line that GET gives.
 *
 * KITH_DOORS_ROUNDS makes it longer.
 */
#include "line_door.h"

#include <stdio.h>
#include <stdlib.h>

#include "../redis/door.h"
#include "base/rng.h"

#define KEYS 10u
#define WORDS_MAX 9u
#define ROUNDS 20000ull

struct pair {
    struct line_door door;
    struct session *ours;   /* RESP beside the lines */
    struct redis *other;
    struct session *theirs; /* RESP alone */
    struct rng rng;
    struct kith_str words[WORDS_MAX];
    char texts[WORDS_MAX][64];
    size_t count;
};

/* ---- words ---- */

static void word(struct pair *pair, const char *text)
{
    assert_true(pair->count < WORDS_MAX && strlen(text) < 64);
    (void)snprintf(pair->texts[pair->count], 64, "%s", text);
    pair->words[pair->count] = (struct kith_str){ pair->texts[pair->count], strlen(text) };
    pair->count++;
}

static const char *some_value(struct pair *pair)
{
    static const char *const values[] = { "1",  "-7", "12345678901234", "x", "hello", "[a b]",
                                          "<&>", "\xff\x01\xc3\xa9", "NULL", "map[k:v]", "0x1",
                                          "\xe2\x80\xa8z", "{\"a\":1}", "vvvvvvvvvvvvvvvvvvvvvvvv" };
    return values[rng_below(&pair->rng, sizeof values / sizeof values[0])];
}

static unsigned below(struct pair *pair, unsigned n) { return (unsigned)rng_below(&pair->rng, n); }

/* ---- one command, either way ---- */

static void run(struct session *session, const struct pair *pair, struct buffer *out)
{
    buffer_clear(out);
    assert_int_equal(session_run(session, pair->words, pair->count, out), 0);
    buffer_put_u8(out, 0);
    out->len--;
}

static void ask(struct session *session, const char *a, const char *b, const char *c,
                struct buffer *out)
{
    const struct kith_str words[] = { { a, strlen(a) }, { b, strlen(b) }, { c, c ? strlen(c) : 0 },
                                      { "-1", 2 } };
    buffer_clear(out);
    assert_int_equal(session_run(session, words, c ? 4 : 2, out), 0);
    buffer_put_u8(out, 0);
    out->len--;
}

/* As a line: words that have quotes in them are none of ours, but blanks are. */
static void say_line(struct pair *pair, const char *verb, const char *ttl, struct buffer *out)
{
    struct buffer line;
    enum line_end end;
    buffer_init(&line);
    buffer_printf(&line, "%s %s%s", verb, pair->texts[1], ttl);
    for (size_t i = 2; i < pair->count; i++) {
        const char *text = pair->texts[i];
        buffer_printf(&line, strpbrk(text, " \"") ? " '%s'" : " %s", text);
    }
    buffer_printf(&line, below(pair, 2) ? "\n" : "\r\n");
    buffer_clear(out);
    const size_t used = line_serve(pair->door.conn, line.data, line.len, false, false, out, &end);
    assert_int_equal(used, line.len);
    assert_int_equal(end, LINE_END_MORE);
    buffer_put_u8(out, 0);
    out->len--;
    buffer_release(&line);
}

/* ---- comparing ---- */

static void same_reply(struct pair *pair, const char *a, const char *b, const char *c,
                       struct buffer *x, struct buffer *y)
{
    ask(pair->ours, a, b, c, x);
    ask(pair->theirs, a, b, c, y);
    if (x->len == y->len && memcmp(x->data, y->data, x->len) == 0) return;
    fail_msg("%s %s: %s but %s", a, b, (const char *)x->data, (const char *)y->data);
}

static long long number_in(const struct buffer *reply)
{
    return strtoll((const char *)reply->data + 1, NULL, 10);
}

/* What GET gives, made from what RESP gives. */
static void expected_line(const struct buffer *resp, const char *type, struct buffer *out)
{
    const char *at = (const char *)resp->data;
    buffer_clear(out);
    if (strcmp(type, "+none\r\n") == 0) {
        buffer_printf(out, "NULL\n");
        return;
    }
    if (strcmp(type, "+list\r\n") != 0 && strcmp(type, "+string\r\n") != 0) return;
    const bool list = *at == '*';
    long long left = list ? strtoll(at + 1, NULL, 10) : 1;
    if (list) at = strchr(at, '\n') + 1;
    if (list) buffer_printf(out, "[");
    for (bool first = true; left--; first = false) {
        char *text;
        const long long len = strtoll(at + 1, &text, 10);
        if (!first) buffer_printf(out, " ");
        buffer_put(out, text + 2, (size_t)len);
        at = text + 2 + len + 2;
    }
    buffer_printf(out, list ? "]\n" : "\n");
}

static void compare_key(struct pair *pair, const char *key, struct buffer *x, struct buffer *y)
{
    char type[32];
    struct buffer want;
    same_reply(pair, "TYPE", key, NULL, x, y);
    (void)snprintf(type, sizeof type, "%s", (const char *)x->data);
    ask(pair->ours, "TTL", key, NULL, x);
    ask(pair->theirs, "TTL", key, NULL, y);
    const long long apart = number_in(x) - number_in(y);
    assert_true(apart >= -2 && apart <= 2 && (number_in(x) < 0) == (number_in(y) < 0));
    buffer_init(&want);
    if (!strcmp(type, "+string\r\n")) same_reply(pair, "GET", key, NULL, x, y);
    else if (!strcmp(type, "+list\r\n")) same_reply(pair, "LRANGE", key, "0", x, y);
    else if (!strcmp(type, "+hash\r\n")) same_reply(pair, "HLEN", key, NULL, x, y);
    else if (!strcmp(type, "+set\r\n")) same_reply(pair, "SCARD", key, NULL, x, y);
    expected_line(x, type, &want);
    pair->count = 0;
    word(pair, "GET");
    word(pair, key);
    say_line(pair, "GET", "", x);
    if (want.len) {
        assert_int_equal(x->len, want.len);
        assert_memory_equal(x->data, want.data, want.len);
    } else if (!strcmp(type, "+set\r\n")) {
        assert_string_equal((const char *)x->data, "ERROR unsupported value type\n");
    }
    buffer_release(&want);
}

/* Fields of a hash one by one, against each other and against the JSON of GET. */
static void compare_fields(struct pair *pair, const char *key, struct buffer *x, struct buffer *y)
{
    static const char *const fields[] = { "f0", "f1", "f2" };
    for (size_t i = 0; i < 3; i++) {
        const struct kith_str words[] = { { "HGET", 4 }, { key, strlen(key) }, { fields[i], 2 } };
        buffer_clear(x);
        buffer_clear(y);
        assert_int_equal(session_run(pair->ours, words, 3, x), 0);
        assert_int_equal(session_run(pair->theirs, words, 3, y), 0);
        assert_int_equal(x->len, y->len);
        assert_memory_equal(x->data, y->data, x->len);
    }
}

/* ---- writes ---- */

/* The first step of SETS and SETX: what was there goes. false: the NX form finds something. */
static bool clear_theirs(struct pair *pair, const char *key, bool only_new, struct buffer *out)
{
    ask(pair->theirs, "EXISTS", key, NULL, out);
    if (only_new && number_in(out)) return false;
    ask(pair->theirs, "DEL", key, NULL, out);
    return true;
}

static void deadline_theirs(struct pair *pair, const char *key, unsigned ttl, struct buffer *out)
{
    char digits[16];
    const struct kith_str words[] = { { "EXPIRE", 6 }, { key, strlen(key) }, { digits, 0 } };
    struct kith_str copy[3];
    if (!ttl) return;
    memcpy(copy, words, sizeof copy);
    copy[2].len = (size_t)snprintf(digits, sizeof digits, "%u", ttl);
    buffer_clear(out);
    assert_int_equal(session_run(pair->theirs, copy, 3, out), 0);
}

static void write_value(struct pair *pair, const char *key, struct buffer *x, struct buffer *y)
{
    static const char *const resp[] = { "SET", "RPUSH", "HSET" };
    static const char *const plain[] = { "SET", "SETS", "SETX" };
    static const char *const fresh[] = { "SETNX", "SETSNX", "SETXNX" };
    char ttl[24] = "", field[4];
    const unsigned kind = below(pair, 3), more = 1 + below(pair, 3);
    const unsigned seconds = below(pair, 3) ? 0 : 1000 + below(pair, 100000);
    const bool only_new = below(pair, 3) == 0;
    if (seconds) (void)snprintf(ttl, sizeof ttl, " -t %us", seconds);
    word(pair, resp[kind]);
    word(pair, key);
    for (unsigned i = 0; i < (kind == 0 ? 1 : more); i++) {
        (void)snprintf(field, sizeof field, "f%u", below(pair, 3));
        if (kind == 2) word(pair, field);
        word(pair, some_value(pair));
    }
    say_line(pair, only_new ? fresh[kind] : plain[kind], ttl, x);
    const bool sets = clear_theirs(pair, key, only_new, y);
    assert_string_equal((const char *)x->data, sets ? "OK\n" : "NOT_SET\n");
    if (!sets) return;
    run(pair->theirs, pair, y);
    deadline_theirs(pair, key, seconds, y);
}

/* The same words through RESP on both. */
static void write_resp(struct pair *pair, const char *key, struct buffer *x, struct buffer *y)
{
    static const char *const verbs[] = { "APPEND", "LPUSH", "SADD", "INCR", "RPOP", "HDEL", "SETEX",
                                         "GETSET", "PERSIST", "DEL" };
    const unsigned verb = below(pair, 10);
    const char *value = verb == 5 ? "f1" : some_value(pair);
    word(pair, verbs[verb]);
    word(pair, key);
    if (verb == 6) word(pair, "5000");
    if (verb != 3 && verb != 4 && verb < 8) word(pair, value);
    run(pair->ours, pair, x);
    run(pair->theirs, pair, y);
    assert_string_equal((const char *)x->data, (const char *)y->data);
}

static void write_extension(struct pair *pair, const char *key, struct buffer *x, struct buffer *y)
{
    const unsigned verb = below(pair, 4);
    static const char *const lines[] = { "EXISTS", "PERSIST", "INCR", "DEL" };
    static const char *const resp[] = { "EXISTS", "PERSIST", "INCR", "DEL" };
    word(pair, resp[verb]);
    word(pair, key);
    say_line(pair, lines[verb], "", x);
    run(pair->theirs, pair, y);
    const char *got = (const char *)x->data;
    if (verb == 0) assert_int_equal(atoi(got), (int)number_in(y));
    if (verb == 3) assert_string_equal(got, number_in(y) ? "OK\n" : "NOT_FOUND\n");
    if (verb == 2 && y->data[0] == ':') assert_int_equal(strtoll(got, NULL, 10), number_in(y));
    if (verb == 2 && y->data[0] == '-') assert_memory_equal(got, "ERROR ", 6);
}

static void step(struct pair *pair, struct buffer *x, struct buffer *y)
{
    char key[16];
    const unsigned what = below(pair, 10);
    (void)snprintf(key, sizeof key, "key:%u", below(pair, KEYS));
    pair->count = 0;
    if (what < 5) write_value(pair, key, x, y);
    else if (what < 8) write_resp(pair, key, x, y);
    else write_extension(pair, key, x, y);
    compare_key(pair, key, x, y);
    compare_fields(pair, key, x, y);
}

static void same_state(void **state)
{
    const char *wanted = getenv("KITH_DOORS_ROUNDS");
    const char *seed_text = getenv("KITH_DOORS_SEED");
    const unsigned long long rounds = wanted ? strtoull(wanted, NULL, 10) : ROUNDS;
    const uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : 20261121;
    const struct line_opts opts = { .extensions = true };
    struct pair pair = { .count = 0 };
    struct buffer x, y;
    (void)state;
    print_message("seed %llu, %llu rounds\n", (unsigned long long)seed, rounds);
    rng_init(&pair.rng, seed);
    line_door_open(&pair.door, &opts);
    pair.ours = session_open_local(pair.door.redis);
    pair.other = door_open();
    pair.theirs = session_open_local(pair.other);
    buffer_init(&x);
    buffer_init(&y);
    for (unsigned long long round = 0; round < rounds; round++) step(&pair, &x, &y);
    buffer_release(&x);
    buffer_release(&y);
    session_close_local(pair.ours);
    session_close_local(pair.theirs);
    redis_free(pair.other);
    line_door_close(&pair.door);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(same_state) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
