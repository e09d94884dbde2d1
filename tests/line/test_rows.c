/*
 * Neighbours that ask for the same run as one row: their replies, what they are counted as, what is
 * logged and in which units, what happens in the middle of a row (a key that expires, no memory
 * left), and that who asks for short times gets each measured.
 */
#include "line/line_door.h"

#include "base/rng.h"
#include "redis/door.h"
#include "redis/redis_internal.h"

/* ---- the log ---- */

/* "SET a 1;SET b 2|": a unit ends with a bar. */
static void take_effects(void *ctx, const struct effect *effects, size_t count)
{
    struct buffer *text = ctx;
    for (size_t i = 0; i < count; i++) {
        if (i) buffer_put(text, ";", 1);
        for (size_t j = 0; j < effects[i].argc; j++)
            buffer_printf(text, "%s%.*s", j ? " " : "", (int)effects[i].argv[j].len,
                          effects[i].argv[j].data);
    }
    buffer_put(text, "|", 1);
}

static void expect_logged(struct line_door *door, const char *sent, const char *want,
                          const char *logged)
{
    struct buffer text;
    buffer_init(&text);
    door->redis->sink = (struct effect_sink){ take_effects, &text };
    LINES(door, sent, want);
    door->redis->sink = (struct effect_sink){ 0 };
    buffer_put_u8(&text, 0);
    assert_string_equal((const char *)text.data, logged);
    buffer_release(&text);
}

/* The key is due when the next batch begins. */
static void let_expire(struct line_door *door, const char *key)
{
    struct cache *cache = redis_cache(door->redis);
    cache_lock(cache);
    struct entry *entry = cache_write(cache, 0, str_of(key));
    assert_non_null(entry);
    assert_int_equal(cache_set_deadline(cache, 0, &entry, 1), 0);
    cache_unlock(cache);
}

static void units(void **state)
{
    struct line_door door;
    (void)state;
    line_door_open(&door, NULL);
    expect_logged(&door, "SET a 1\nSET b 2\nset c 3\nGET a\n", "OK\nOK\nOK\n1\n",
                  "SET a 1;SET b 2|SET c 3|");
    expect_logged(&door, "SET a x\nSET b -t 0 y\nSET c z\n", "OK\nOK\nOK\n",
                  "SET a x|SET b y|SET c z|");
    expect_logged(&door, "DEL a\nDEL none\nDEL b\n", "OK\nNOT_FOUND\nOK\n", "DEL a|DEL b|");
    expect_logged(&door, "SET old 1\n", "OK\n", "SET old 1|");
    let_expire(&door, "old");
    expect_logged(&door, "SET a 1\nSET b 2\nSET old 3\nSET c 4\nSET d 5\n", "OK\nOK\nOK\nOK\nOK\n",
                  "SET a 1;SET b 2|DEL old;SET old 3|SET c 4;SET d 5|");
    let_expire(&door, "old");
    expect_logged(&door, "GET a\nGET old\nGET b\n", "1\nNULL\n2\n", "DEL old|");
    line_door_close(&door);
}

static void many_in_units(void **state)
{
    struct line_door door;
    struct buffer sent, want, logged;
    (void)state;
    line_door_open(&door, NULL);
    buffer_init(&sent);
    buffer_init(&want);
    buffer_init(&logged);
    for (unsigned i = 0; i < 150; i++) {
        const unsigned place = i % 64; /* of its batch */
        buffer_printf(&sent, "SET k%u v%u\n", i, i);
        buffer_printf(&want, "OK\n");
        buffer_printf(&logged, "SET k%u v%u%s", i, i,
                      place % 16 == 15 || i == 149 ? "|" : ";");
    }
    buffer_put_u8(&sent, 0);
    buffer_put_u8(&want, 0);
    buffer_put_u8(&logged, 0);
    expect_logged(&door, (const char *)sent.data, (const char *)want.data,
                  (const char *)logged.data);
    assert_int_equal(door.line->commands.entries[LINE_SET].stats.calls, 150);
    buffer_release(&sent);
    buffer_release(&want);
    buffer_release(&logged);
    line_door_close(&door);
}

/* ---- refusals and figures ---- */

#define FULL "ERROR command not allowed when used memory > 'maxmemory'\n"

static void no_room_in_the_middle(void **state)
{
    enum { LINES_SENT = 40, VALUE = 3000 };
    struct line_door door;
    struct buffer sent, out;
    enum line_end end;
    char value[VALUE + 1];
    size_t done = 0, refused = 0;
    (void)state;
    line_door_open(&door, NULL);
    buffer_init(&sent);
    buffer_init(&out);
    LINES(&door, "SET first 1\n", "OK\n");
    const struct command_stats *stats = &door.line->commands.entries[LINE_SET].stats;
    struct cache *cache = redis_cache(door.redis);
    const size_t limit = heap_used(cache_heap(cache)) + 10 * VALUE;
    cache_settings(cache)->memory_max = limit;
    door.redis->settings.maxmemory = (int64_t)limit;
    memset(value, 'v', VALUE);
    value[VALUE] = 0;
    for (unsigned i = 0; i < LINES_SENT; i++) buffer_printf(&sent, "SET k%u %s\n", i, value);
    (void)line_serve(door.conn, sent.data, sent.len, false, false, &out, &end);
    assert_int_equal(end, LINE_END_MORE);
    for (size_t at = 0; at < out.len;) {
        const bool ok = out.len - at >= 3 && memcmp(out.data + at, "OK\n", 3) == 0;
        const size_t len = ok ? 3 : sizeof FULL - 1;
        assert_true(ok ? refused == 0 : out.len - at >= len && !memcmp(out.data + at, FULL, len));
        if (ok) done++;
        else refused++;
        at += len;
    }
    assert_int_equal(done + refused, LINES_SENT);
    assert_true(done > 2 && done < 20);
    assert_int_equal(stats->calls, 1 + done);
    assert_int_equal(stats->rejected, refused);
    buffer_release(&sent);
    buffer_release(&out);
    line_door_close(&door);
}

static uint64_t measured(const struct line_door *door, enum line_verb verb)
{
    const struct command_stats *stats = &door->line->commands.entries[verb].stats;
    uint64_t sum = 0;
    for (size_t i = 0; stats->histogram && i < COMMAND_BUCKETS; i++) sum += stats->histogram[i];
    assert_int_equal(sum, stats->calls);
    return sum;
}

static void figures(void **state)
{
    struct line_door door;
    (void)state;
    line_door_open(&door, NULL);
    struct session *session = session_open_local(door.redis);
    LINES(&door, "SET a 1\nSET b 2\nGET a\nGET b\nGET c\nDEL a\nDEL b\nDEL c\n",
          "OK\nOK\n1\n2\nNULL\nOK\nOK\nNOT_FOUND\n");
    assert_int_equal(measured(&door, LINE_SET), 2);
    assert_int_equal(measured(&door, LINE_GET), 3);
    assert_int_equal(measured(&door, LINE_DEL), 3);
    assert_int_equal(door.conn->session->commands, 8);
    /* each has a place of its own in the slow log if it asks for all */
    EXPECT(session, "CONFIG SET slowlog-log-slower-than 0", "+OK\r\n");
    EXPECT(session, "SLOWLOG RESET", "+OK\r\n");
    LINES(&door, "GET a\nGET b\nGET c\nGET d\nGET e\n", "NULL\nNULL\nNULL\nNULL\nNULL\n");
    EXPECT(session, "SLOWLOG LEN", ":6\r\n"); /* CONFIG SET, and those five */
    session_close_local(session);
    line_door_close(&door);
}

/* ---- one by one ---- */

static const char *const forms[] = { /* a key, or a key and a value */
    "GET k%u\n", "DEL k%u\n", "get k%u\n", "SETS k%u a b\n", "SET k%u \"a b\"\n",
    "SET k%u -t 0 x\n", "BAD%u\n", "SET k%u v%u\n", "SET k%u %u\r\n", "SETNX k%u %u\n"
};
enum { FORMS = sizeof forms / sizeof forms[0] };

static void put_line(struct buffer *out, struct rng *rng, unsigned form)
{
    const char *at = forms[form], *mark;
    const uint64_t numbers[2] = { rng_below(rng, 12), rng_below(rng, 1000) };
    for (unsigned i = 0; (mark = strstr(at, "%u")) != NULL; at = mark + 2, i++) {
        buffer_put(out, at, (size_t)(mark - at));
        buffer_printf(out, "%u", (unsigned)numbers[i]);
    }
    buffer_put(out, at, strlen(at));
}

struct pair { /* the same lines for two doors: all at once, and one at a time */
    struct line_door doors[2];
    struct buffer logs[2], replies[2];
};

static void serve_both(struct pair *pair, struct rng *rng)
{
    struct buffer sent;
    enum line_end end;
    unsigned form = 0;
    buffer_init(&sent);
    for (uint64_t left = 1 + rng_below(rng, 90); left; left--) {
        const size_t from = sent.len;
        if (rng_below(rng, 4) == 0) form = (unsigned)rng_below(rng, FORMS);
        put_line(&sent, rng, form);
        (void)line_serve(pair->doors[1].conn, sent.data + from, sent.len - from, false, false,
                         &pair->replies[1], &end);
    }
    (void)line_serve(pair->doors[0].conn, sent.data, sent.len, false, false, &pair->replies[0],
                     &end);
    buffer_release(&sent);
}

static void expect_same(const struct buffer *a, const struct buffer *b)
{
    assert_true(a->len > 10000);
    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->data, b->data, a->len);
}

static void as_one_by_one(void **state)
{
    struct pair pair;
    struct rng rng;
    (void)state;
    rng_init(&rng, 20263);
    for (size_t i = 0; i < 2; i++) {
        line_door_open(&pair.doors[i], NULL);
        buffer_init(&pair.logs[i]);
        buffer_init(&pair.replies[i]);
        pair.doors[i].redis->sink = (struct effect_sink){ take_effects, &pair.logs[i] };
    }
    for (unsigned round = 0; round < 300; round++) serve_both(&pair, &rng);
    for (size_t i = 0; i < 2; i++) {
        struct buffer *log = &pair.logs[i];
        pair.doors[i].redis->sink = (struct effect_sink){ 0 };
        for (size_t at = 0; at < log->len; at++) /* the units differ, the order does not */
            if (log->data[at] == ';') log->data[at] = '|';
    }
    expect_same(&pair.replies[0], &pair.replies[1]);
    expect_same(&pair.logs[0], &pair.logs[1]);
    for (size_t i = 0; i < 2; i++) {
        line_door_close(&pair.doors[i]);
        buffer_release(&pair.logs[i]);
        buffer_release(&pair.replies[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units),   cmocka_unit_test(many_in_units),
        cmocka_unit_test(figures), cmocka_unit_test(no_room_in_the_middle),
        cmocka_unit_test(as_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
