/*
 * The commands of vector sets: the recorded conversations in both protocols, the table of filters
 * through VSIM, what is logged, searches by a worker, and the rules that no recording shows.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "cache/vector_filter_table.h"
#include "cache/vectors.h"
#include "redis/door.h"
#include "redis/redis_internal.h"
#include "redis/vector_golden.h"

/* ---- talking ---- */

static void say(struct session *session, const struct kith_str *argv, size_t argc,
                struct buffer *out)
{
    struct buffer in;
    buffer_init(&in);
    buffer_init(out);
    buffer_printf(&in, "*%zu\r\n", argc);
    for (size_t i = 0; i < argc; i++) {
        buffer_printf(&in, "$%zu\r\n", argv[i].len);
        buffer_put(&in, argv[i].data, argv[i].len);
        buffer_put(&in, "\r\n", 2);
    }
    assert_int_equal(session_feed(session, in.data, in.len, out), 0);
    buffer_release(&in);
}

static size_t split(const char *words, struct kith_str *argv)
{
    size_t argc = 0;
    for (;;) {
        const size_t len = strcspn(words, "|");
        argv[argc++] = (struct kith_str){words, len};
        if (!words[len]) return argc;
        words += len + 1;
    }
}

static void say_words(struct session *session, const char *words, struct buffer *out)
{
    struct kith_str argv[64];
    say(session, argv, split(words, argv), out);
}

/* ---- comparing ---- */

/* '@' stands for digits. */
static bool same_reply(const char *want, size_t want_len, const char *got, size_t got_len)
{
    size_t i = 0, j = 0;
    for (; i < want_len; i++) {
        if (want[i] == '@') {
            const size_t from = j;
            while (j < got_len && got[j] >= '0' && got[j] <= '9') j++;
            if (j == from) return false;
        } else if (j >= got_len || got[j++] != want[i]) {
            return false;
        }
    }
    return j == got_len;
}

/* Behind the value that starts at text. */
static const char *skip_value(const char *text)
{
    const char *line = strstr(text, "\r\n") + 2;
    const long count = strtol(text + 1, NULL, 10);
    if (*text == '$') return count < 0 ? line : line + count + 2;
    if (*text != '*' && *text != '%') return line;
    for (long i = 0; i < (*text == '%' ? 2 * count : count); i++) line = skip_value(line);
    return line;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(a, b);
}

struct level {
    char items[32][128];
    size_t count;
};

/* The items of a level, or its pairs. */
static void read_level(const char *text, bool pairs, struct level *out)
{
    const long count = strtol(text + 1, NULL, 10) / (pairs && *text == '*' ? 2 : 1);
    const char *at = strstr(text, "\r\n") + 2;
    out->count = 0;
    for (long i = 0; i < count; i++) {
        const char *end = skip_value(at);
        if (pairs) end = skip_value(end);
        (void)snprintf(out->items[out->count++], 128, "%.*s", (int)(end - at), at);
        at = end;
    }
    qsort(out->items, out->count, 128, compare_texts);
}

/* Level 0 of the reply is what was recorded, in any order; every level is well formed. */
static bool same_links(const struct golden *golden, const char *got, size_t got_len)
{
    const bool pairs = strstr(golden->words, "WITHSCORES") != NULL;
    const long levels = strtol(got + 1, NULL, 10);
    const char *at = strstr(got, "\r\n") + 2, *last = at;
    for (long i = 0; i < levels; i++) {
        last = at;
        at = skip_value(at);
    }
    struct level want, is;
    if (*got != '*' || levels < 1 || at != got + got_len) return false;
    read_level(strstr(golden->reply, "\r\n") + 2, pairs, &want);
    read_level(last, pairs, &is);
    if (want.count != is.count || last[0] != golden->reply[4]) return false;
    for (size_t i = 0; i < is.count; i++) {
        if (strcmp(want.items[i], is.items[i]) != 0) return false;
    }
    return true;
}

static void expect_golden(struct session *session, const struct golden *golden)
{
    struct buffer out;
    say_words(session, golden->words, &out);
    buffer_put_u8(&out, 0);
    const char *got = (const char *)out.data;
    const size_t len = out.len - 1;
    bool same = false;
    switch (golden->kind) {
    case EXACT: same = same_reply(golden->reply, golden->len, got, len); break;
    case LINKS: same = same_links(golden, got, len); break;
    case SHAPE: same = strncmp(got, golden->reply, golden->len) == 0; break;
    }
    if (!same) {
        print_error("%s\n  gave: %.*s\n  want: %s\n", golden->words, (int)len, got, golden->reply);
        fail();
    }
    buffer_release(&out);
}

static void expect_all(const struct golden *golden, size_t count, bool resp3)
{
    struct redis *redis = door_open();
    struct session *session = session_open_local(redis);
    if (resp3) EXPECT_HAS(session, "HELLO 3", "%7");
    for (size_t i = 0; i < count; i++) expect_golden(session, &golden[i]);
    session_close_local(session);
    redis_free(redis);
}

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void test_golden_resp2(void **state)
{
    (void)state;
    expect_all(golden_resp2, COUNT(golden_resp2), false);
}

static void test_golden_resp3(void **state)
{
    (void)state;
    expect_all(golden_resp3, COUNT(golden_resp3), true);
}

static void test_golden_errors(void **state)
{
    (void)state;
    expect_all(golden_errors, COUNT(golden_errors), false);
}

/* ---- filters ---- */

static void expect_filter(struct session *session, bool resp3, size_t row)
{
    const struct kith_str argv[] = {{"VSIM", 4}, {"F", 1}, {"VALUES", 6}, {"2", 1}, {"1", 1},
                                    {"0", 1}, {"FILTER", 6},
                                    {filter_table[row].text, strlen(filter_table[row].text)}};
    char error[256];
    const char *want = "*0\r\n";
    if (filter_table[row].verdict == VERDICT_TRUE) want = "*1\r\n$1\r\nx\r\n";
    if (filter_table[row].verdict == VERDICT_ERROR) {
        (void)snprintf(error, sizeof error,
                       "-ERR syntax error in FILTER expression near: %s\r\n",
                       filter_table[row].near);
        want = error;
    }
    (void)resp3; /* an array without scores in both */
    struct buffer out;
    say(session, argv, COUNT(argv), &out);
    if (out.len != strlen(want) || memcmp(out.data, want, out.len) != 0)
        fail_msg("|%s| gives %.*s", filter_table[row].text, (int)out.len, (const char *)out.data);
    buffer_release(&out);
}

static void test_filter_table(void **state)
{
    (void)state;
    for (unsigned version = 2; version <= 3; version++) {
        struct redis *redis = door_open();
        struct session *session = session_open_local(redis);
        if (version == 3) EXPECT_HAS(session, "HELLO 3", "%7");
        const struct kith_str add[] = {
            {"VADD", 4}, {"F", 1}, {"VALUES", 6}, {"2", 1}, {"1", 1}, {"0", 1}, {"x", 1},
            {"SETATTR", 7}, {filter_table_attribute, sizeof filter_table_attribute - 1}};
        struct buffer out;
        say(session, add, COUNT(add), &out);
        buffer_release(&out);
        for (size_t i = 0; i < FILTER_TABLE_ROWS; i++) expect_filter(session, version == 3, i);
        session_close_local(session);
        redis_free(redis);
    }
}

/* ---- rules that no recording shows ---- */

static void test_numbers_that_are_not_finite(void **state)
{
    (void)state;
    static const char invalid[] = "-ERR invalid vector specification\r\n";
    struct redis *redis = door_open();
    struct session *session = session_open_local(redis);
    EXPECT(session, "VADD z VALUES 2 inf 1 a", invalid);
    EXPECT(session, "VADD z VALUES 2 1e39 1 a", invalid);
    EXPECT(session, "VADD z VALUES 2 1 nan a", invalid);
    EXPECT(session, "VADD z VALUES 2 1 '' a", invalid);
    EXPECT(session, "VADD z VALUES 2 1 ' 1' a", invalid);
    EXPECT(session, "VADD z FP32 \"\\x00\\x00\\x80\\x7f\" a", invalid);
    EXPECT(session, "VADD z FP32 \"\\x00\\x00\\xc0\\x7f\" a", invalid);
    EXPECT(session, "VADD z FP32 '' a", invalid);
    EXPECT(session, "VADD z REDUCE 1 REDUCE 1 VALUES 2 1 2 a", invalid);
    EXPECT(session, "VADD z REDUCE 1", "-ERR wrong number of arguments for 'VADD' command\r\n");
    EXPECT(session, "VADD z VALUES 4 .5 +1 0x10 1e-2 a", ":1\r\n");
    EXPECT(session, "VSIM z VALUES 4 inf 1 1 1", invalid);
    EXPECT(session, "EXISTS z", ":1\r\n");
    EXPECT(session, "vadd z values 4 1 2 3 4 b setattr x cas noquant q8 ef 7 m 5 m 16", ":1\r\n");
    EXPECT(session, "vgetattr z b", "$1\r\nx\r\n");
    EXPECT(session, "vsim z ele b count 1 withscores truth nothread filter 1 filter 'x'",
           "-ERR syntax error in FILTER expression near: x\r\n");
    EXPECT(session, "vsim z ele b count 1 withscores truth nothread",
           "*2\r\n$1\r\nb\r\n$1\r\n1\r\n");
    session_close_local(session);
    redis_free(redis);
}

static void test_a_key_among_others(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *session = session_open_local(redis);
    EXPECT(session, "VADD v VALUES 2 1 2 a SETATTR '{}'", ":1\r\n");
    EXPECT(session, "EXPIRE v 100", ":1\r\n");
    EXPECT(session, "VADD v VALUES 2 1 2 b", ":1\r\n");
    EXPECT_HAS(session, "TTL v", ":100\r\n");
    EXPECT(session, "COPY v w", ":1\r\n");
    EXPECT(session, "VADD v VALUES 2 5 2 c", ":1\r\n");
    EXPECT(session, "VRANGE w - +", "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
    EXPECT(session, "VGETATTR w a", "$2\r\n{}\r\n");
    EXPECT(session, "RENAME w x", "+OK\r\n");
    EXPECT(session, "VCARD x", ":2\r\n");
    EXPECT(session, "SCAN 0 TYPE vectorset COUNT 100 MATCH x",
           "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nx\r\n");
    EXPECT_HAS(session, "MEMORY USAGE v", ":");
    EXPECT(session, "UNLINK x", ":1\r\n");
    EXPECT(session, "DEL v", ":1\r\n");
    session_close_local(session);
    redis_free(redis);
}

static void test_names_by_chance(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *session = session_open_local(redis);
    for (unsigned i = 0; i < 100; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "VADD v VALUES 1 1 e%02u", i);
        EXPECT(session, line, ":1\r\n");
    }
    static const unsigned counts[] = {1, 5, 12, 13, 50, 99, 100, 1000};
    for (size_t c = 0; c < COUNT(counts); c++) {
        char line[64];
        bool seen[100] = {false};
        (void)snprintf(line, sizeof line, "VRANDMEMBER v %u", counts[c]);
        const char *at = door_reply(session, line);
        const long count = strtol(at + 1, NULL, 10);
        assert_int_equal(count, counts[c] < 100 ? counts[c] : 100);
        at = strstr(at, "\r\n") + 2;
        for (long i = 0; i < count; i++, at = skip_value(at)) {
            const long which = strtol(strchr(at, 'e') + 1, NULL, 10);
            assert_false(seen[which]);
            seen[which] = true;
        }
    }
    EXPECT_HAS(session, "VRANDMEMBER v -300", "*300\r\n");
    EXPECT(session, "VRANDMEMBER v -1073741825", "-ERR value is out of range\r\n");
    EXPECT(session, "VRANDMEMBER v -9223372036854775808", "-ERR value is out of range\r\n");
    session_close_local(session);
    redis_free(redis);
}

/* ---- the log ---- */

struct kept {
    struct buffer lines; /* as RESP commands */
    size_t count;
};

static void keep_effects(void *ctx, const struct effect *effects, size_t count)
{
    struct kept *kept = ctx;
    for (size_t i = 0; i < count; i++) {
        buffer_printf(&kept->lines, "*%zu\r\n", effects[i].argc);
        for (size_t j = 0; j < effects[i].argc; j++) {
            buffer_printf(&kept->lines, "$%zu\r\n", effects[i].argv[j].len);
            buffer_put(&kept->lines, effects[i].argv[j].data, effects[i].argv[j].len);
            buffer_put(&kept->lines, "\r\n", 2);
        }
        kept->count++;
    }
}

/* What was logged gives the same set, whatever was said to make it. */
static void test_what_is_logged_replays(void **state)
{
    (void)state;
    static const char *const said[] = {
        "VADD v VALUES 3 1 2 3 a",
        "VADD v VALUES 3 3 2 0.1 b CAS SETATTR '{\"n\":1}'",
        "VADD v VALUES 3 -1 2 3 a CAS",
        "VADD v VALUES 3 1 2 3.14159 c SETATTR x EF 20 M 16 Q8",
        "VADD v VALUES 3 9 9 9 c",
        "VSETATTR v a '{\"m\":2}'",
        "VSETATTR v c ''",
        "VREM v b",
        "VADD w REDUCE 2 VALUES 5 1 2 3 4 5 x BIN M 8",
        "VADD n VALUES 2 1 1 gone",
        "VREM n gone",
        "MULTI",
        "VADD v VALUES 3 4 5 6 d CAS",
        "VSETATTR v d y",
        "EXEC"};
    static const char *const asked[] = {
        "VEMB v a RAW", "VEMB v c RAW", "VEMB v d RAW", "VRANGE v - +", "VGETATTR v a",
        "VGETATTR v c", "VGETATTR v d", "VEMB w x RAW", "VDIM w", "EXISTS n",
        "VSIM v VALUES 3 1 2 3 WITHSCORES WITHATTRIBS"};
    struct redis *first = door_open(), *second = door_open();
    struct session *a = session_open_local(first), *b = session_open_local(second);
    struct kept kept = {.count = 0};
    buffer_init(&kept.lines);
    first->sink = (struct effect_sink){keep_effects, &kept};
    for (size_t i = 0; i < COUNT(said); i++) (void)door_reply(a, said[i]);
    assert_true(kept.count >= 13);
    assert_null(memmem(kept.lines.data, kept.lines.len, "CAS", 3));
    struct buffer out;
    buffer_init(&out);
    for (unsigned twice = 0; twice < 2; twice++) { /* on any state */
        assert_int_equal(session_feed(b, kept.lines.data, kept.lines.len, &out), 0);
        buffer_put_u8(&out, 0);
        assert_null(strstr((const char *)out.data, "-ERR"));
        buffer_clear(&out);
        for (size_t i = 0; i < COUNT(asked); i++) {
            struct buffer left, right;
            buffer_init(&left);
            buffer_init(&right);
            char line[128];
            (void)snprintf(line, sizeof line, "%s\r\n", asked[i]);
            assert_int_equal(session_feed(a, line, strlen(line), &left), 0);
            assert_int_equal(session_feed(b, line, strlen(line), &right), 0);
            assert_int_equal(left.len, right.len);
            assert_memory_equal(left.data, right.data, left.len);
            buffer_release(&left);
            buffer_release(&right);
        }
    }
    buffer_release(&out);
    buffer_release(&kept.lines);
    session_close_local(a);
    session_close_local(b);
    redis_free(first);
    redis_free(second);
}

/* ---- a set with graphs ---- */

#define DIM 16u
#define ROWS 6000u
#define WAITS_MAX 12000u /* of 5 ms: the builder has a low priority, and the machine may be busy */

static void add_row(struct session *session, unsigned i, struct rng *rng)
{
    float vector[DIM];
    char name[16], attribute[32];
    for (unsigned j = 0; j < DIM; j++) vector[j] = (float)rng_gauss(rng);
    const int len = snprintf(name, sizeof name, "e%u", i);
    const int attribute_len = snprintf(attribute, sizeof attribute, "{\"i\":%u}", i);
    const struct kith_str argv[] = {{"VADD", 4}, {"v", 1}, {"FP32", 4},
                                    {(const char *)vector, sizeof vector}, {name, (size_t)len},
                                    {"SETATTR", 7}, {attribute, (size_t)attribute_len}};
    struct buffer out;
    say(session, argv, COUNT(argv), &out);
    assert_int_equal(out.len, 4);
    buffer_release(&out);
}

static void wait_for_graph(struct redis *redis, struct session *session)
{
    for (unsigned i = 0; i < WAITS_MAX; i++) {
        (void)door_reply(session, "VSIM v ELE e1 COUNT 1");
        cache_lock(redis->cache);
        struct entry *entry = cache_read(redis->cache, 0, (struct kith_str){"v", 1}, 0);
        struct vset_shape shape;
        vset_shape_get(entry_value(entry), &shape);
        cache_unlock(redis->cache);
        if (shape.graphs > 0 && !shape.busy) return;
        os_sleep_us(os_real(), 5000);
    }
    fail_msg("no graph");
}

/* No command: the builder and the background turn do it. */
static void wait_until_whole(struct redis *redis)
{
    for (unsigned i = 0; i < WAITS_MAX; i++) {
        cache_lock(redis->cache);
        struct entry *entry = cache_read(redis->cache, 0, (struct kith_str){"v", 1}, 0);
        struct vset_shape shape;
        vset_shape_get(entry_value(entry), &shape);
        cache_unlock(redis->cache);
        if (shape.rows == shape.graph_rows && !shape.busy) {
            assert_int_equal(shape.graphs, 1);
            return;
        }
        os_sleep_us(os_real(), 5000);
    }
    fail_msg("rows are scanned for ever");
}

static void test_a_large_set(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *session = session_open_local(redis);
    struct rng rng;
    rng_init(&rng, 5);
    for (unsigned i = 0; i < ROWS; i++) add_row(session, i, &rng);
    wait_for_graph(redis, session);
    EXPECT(session, "VCARD v", ":6000\r\n");
    wait_until_whole(redis);
    EXPECT(session, "CONFIG SET vset-strict-filter-ef yes", "+OK\r\n");
    EXPECT(session, "VSIM v ELE e4711 COUNT 3 FILTER '.i == 17' FILTER-EF 1", "*0\r\n");
    EXPECT(session, "VSIM v ELE e4711 COUNT 3 FILTER '.i == 17' FILTER-EF 1000000",
           "*1\r\n$3\r\ne17\r\n");
    EXPECT(session, "CONFIG SET vset-strict-filter-ef no", "+OK\r\n");
    EXPECT(session, "VSIM v ELE e4711 COUNT 3 FILTER '.i == 17' FILTER-EF 1",
           "*1\r\n$3\r\ne17\r\n");
    EXPECT(session, "VSIM v ELE e4711 COUNT 1", "*1\r\n$5\r\ne4711\r\n");
    EXPECT(session, "VSIM v ELE e4711 COUNT 3 FILTER '.i == 17'", "*1\r\n$3\r\ne17\r\n");
    EXPECT_HAS(session, "VSIM v ELE e4711 COUNT 25 FILTER '.i < 40'", "*25\r\n");
    EXPECT_HAS(session, "VSIM v ELE e4711 COUNT 100000", "*6000\r\n");
    EXPECT_HAS(session, "VLINKS v e4711", "*32\r\n");
    EXPECT(session, "VREM v e4711", ":1\r\n");
    EXPECT_HAS(session, "VSIM v ELE e1 COUNT 10000", "*5999\r\n");
    EXPECT(session, "DEL v", ":1\r\n");
    session_close_local(session);
    redis_free(redis);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_resp2),
        cmocka_unit_test(test_golden_resp3),
        cmocka_unit_test(test_golden_errors),
        cmocka_unit_test(test_filter_table),
        cmocka_unit_test(test_numbers_that_are_not_finite),
        cmocka_unit_test(test_a_key_among_others),
        cmocka_unit_test(test_names_by_chance),
        cmocka_unit_test(test_what_is_logged_replays),
        cmocka_unit_test(test_a_large_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
