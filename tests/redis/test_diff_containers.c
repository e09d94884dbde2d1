/*
 * Lists, sets, sorted sets, hashes and SORT against redis-server: the same random commands to both,
 * the same replies. Skipped where there is no redis-server.
 *
 * KITH_DIFF_COMMANDS: how many a run (20,000); KITH_DIFF_SEED; KITH_DIFF_EVERY: all keys are
 * compared after so many (200). Limits of small forms are low, so that conversions happen all the
 * time, unless 4 divides the seed. Where the order of members means nothing, replies are sorted.
 */
#include "redis/door.h"
#include "redis/oracle.h"

#include "base/rng.h"

#define WORDS_MAX 64

struct diff {
    struct oracle oracle;
    struct redis *redis;
    struct session *session;
    struct rng rng;
    char words[WORDS_MAX][160];
    size_t count;
    char last[512]; /* the last command that was no check */
    size_t compared, different;
};

/* ---- making commands ---- */

static size_t below(struct diff *diff, size_t bound)
{
    return (size_t)rng_below(&diff->rng, bound);
}

static void put(struct diff *diff, const char *text)
{
    if (diff->count < WORDS_MAX) {
        (void)snprintf(diff->words[diff->count++], sizeof diff->words[0], "%s", text);
    }
}

static void put_number(struct diff *diff, long long value)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%lld", value);
    put(diff, text);
}

static void put_member(struct diff *diff)
{
    static const char *const odd[] = {
        "", "-0", "007", "-1", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
        "32767", "32768", "-32769", "2147483648", "a b", "3.5", "1e3", "long-long-long-long-long-"
        "long-long-long-long-long-long-long-long-long-text", "aaaa", "aaab", "b"
    };
    char text[48];
    switch (below(diff, 8)) {
    case 0: put(diff, odd[below(diff, sizeof odd / sizeof odd[0])]); return;
    case 1:
    case 2:
    case 3: (void)snprintf(text, sizeof text, "%zu", below(diff, 40)); break;
    case 4: (void)snprintf(text, sizeof text, "%zu", below(diff, 100000)); break;
    default: (void)snprintf(text, sizeof text, "m%zu", below(diff, 40)); break;
    }
    put(diff, text);
}

static void put_score(struct diff *diff)
{
    static const char *const odd[] = { "inf", "-inf", "+inf", "0", "-0", "1e10", "-1.5", "0.1",
                                       "1e300", "3", "17179869184.5", "0.000001", "abc", "nan" };
    char text[48];
    switch (below(diff, 6)) {
    case 0: put(diff, odd[below(diff, sizeof odd / sizeof odd[0])]); return;
    case 1: (void)snprintf(text, sizeof text, "%.17g", rng_gauss(&diff->rng) * 100); break;
    case 2: (void)snprintf(text, sizeof text, "%.2f", rng_f64(&diff->rng) * 20); break;
    default: (void)snprintf(text, sizeof text, "%zu", below(diff, 20)); break;
    }
    put(diff, text);
}

static void put_index(struct diff *diff)
{
    if (below(diff, 60) == 0) put(diff, "x");
    else put_number(diff, (long long)below(diff, 30) - 12);
}

static void put_count(struct diff *diff)
{
    static const char *const odd[] = { "-1", "0", "x", "-9223372036854775808", "99999999999" };
    if (below(diff, 12) == 0) put(diff, odd[below(diff, 5)]);
    else put_number(diff, (long long)below(diff, 8));
}

static void put_key(struct diff *diff, char type)
{
    char text[8] = { type, (char)('0' + below(diff, 4)), 0 };
    if (type != 'x' && below(diff, 50) == 0) text[0] = "lszhk"[below(diff, 5)];
    put(diff, text);
}

static void put_score_bound(struct diff *diff)
{
    char text[48];
    static const char *const odd[] = { "-inf", "+inf", "(inf", "(-inf", "x", "(", "1e400" };
    if (below(diff, 5) == 0) put(diff, odd[below(diff, 6)]);
    else {
        (void)snprintf(text, sizeof text, "%s%zu", below(diff, 3) ? "" : "(", below(diff, 20));
        put(diff, text);
    }
}

static void put_text_bound(struct diff *diff)
{
    static const char *const odd[] = { "-", "+", "x", "[", "(", "++" };
    char text[48];
    if (below(diff, 4) == 0) put(diff, odd[below(diff, 6)]);
    else {
        (void)snprintf(text, sizeof text, "%c%s%zu", below(diff, 2) ? '[' : '(',
                       below(diff, 2) ? "m" : "", below(diff, 40));
        put(diff, text);
    }
}

static void put_case(struct diff *diff, const char *const *words, size_t count)
{
    put(diff, words[below(diff, count)]);
}
#define PUT_ONE(diff, ...) \
    put_case(diff, (const char *const[]){ __VA_ARGS__ }, \
             sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

/* ---- families; each says how its reply may be ordered ---- */

enum sorting { EXACT, SORTED, SORTED_PAIRS };

static enum sorting make_list(struct diff *diff)
{
    size_t n = 1 + below(diff, 4);
    switch (below(diff, 20)) {
    case 0:
    case 1:
    case 2:
        PUT_ONE(diff, "LPUSH", "RPUSH", "LPUSHX", "RPUSHX");
        put_key(diff, 'l');
        while (n--) put_member(diff);
        break;
    case 3:
        PUT_ONE(diff, "LPOP", "RPOP");
        put_key(diff, 'l');
        if (below(diff, 2)) put_count(diff);
        break;
    case 4:
    case 5:
        put(diff, "LRANGE");
        put_key(diff, 'l');
        put_index(diff);
        put_index(diff);
        break;
    case 6:
        put(diff, "LINDEX");
        put_key(diff, 'l');
        put_index(diff);
        break;
    case 7:
    case 8:
        put(diff, "LSET");
        put_key(diff, 'l');
        put_index(diff);
        put_member(diff);
        break;
    case 9:
    case 10:
        put(diff, "LINSERT");
        put_key(diff, 'l');
        PUT_ONE(diff, "BEFORE", "AFTER", "after", "x");
        put_member(diff);
        put_member(diff);
        break;
    case 11:
        put(diff, "LREM");
        put_key(diff, 'l');
        put_number(diff, (long long)below(diff, 5) - 2);
        put_member(diff);
        break;
    case 12:
        put(diff, "LTRIM");
        put_key(diff, 'l');
        put_number(diff, (long long)below(diff, 4) - (below(diff, 3) ? 0 : 30));
        put_number(diff, (long long)below(diff, 60) - 6);
        break;
    case 13:
    case 14:
        put(diff, "LPOS");
        put_key(diff, 'l');
        put_member(diff);
        if (below(diff, 2)) put(diff, "RANK"), put_number(diff, (long long)below(diff, 7) - 3);
        if (below(diff, 2)) put(diff, "COUNT"), put_count(diff);
        if (below(diff, 3) == 0) put(diff, "MAXLEN"), put_count(diff);
        break;
    case 15:
    case 16:
        PUT_ONE(diff, "LMOVE", "LMOVE", "RPOPLPUSH");
        put_key(diff, 'l');
        put_key(diff, 'l');
        if (diff->words[0][0] == 'L') {
            PUT_ONE(diff, "LEFT", "RIGHT");
            PUT_ONE(diff, "LEFT", "RIGHT", "x");
        }
        break;
    case 17:
        put(diff, "LMPOP");
        put_number(diff, (long long)below(diff, 3));
        put_key(diff, 'l');
        put_key(diff, 'l');
        PUT_ONE(diff, "LEFT", "RIGHT");
        if (below(diff, 2)) put(diff, "COUNT"), put_count(diff);
        break;
    default:
        put(diff, "LLEN");
        put_key(diff, 'l');
        break;
    }
    return EXACT;
}

static enum sorting make_set(struct diff *diff)
{
    size_t n = 1 + below(diff, 4);
    switch (below(diff, 14)) {
    case 0:
    case 1:
    case 2:
        put(diff, "SADD");
        put_key(diff, 's');
        while (n--) put_member(diff);
        return EXACT;
    case 3:
    case 4:
        PUT_ONE(diff, "SREM", "SMISMEMBER");
        put_key(diff, 's');
        while (n--) put_member(diff);
        return EXACT;
    case 5:
        PUT_ONE(diff, "SMEMBERS", "SCARD");
        put_key(diff, 's');
        return SORTED;
    case 6:
        put(diff, "SMOVE");
        put_key(diff, 's');
        put_key(diff, 's');
        put_member(diff);
        return EXACT;
    case 7:
        PUT_ONE(diff, "SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE");
        while (n--) put_key(diff, 's');
        put_key(diff, 's');
        return EXACT;
    case 8:
        put(diff, "SINTERCARD");
        put_number(diff, (long long)below(diff, 4));
        put_key(diff, 's');
        put_key(diff, 's');
        if (below(diff, 2)) put(diff, "LIMIT"), put_count(diff);
        return EXACT;
    case 9:
        put(diff, "SRANDMEMBER");
        put_key(diff, 's');
        put(diff, "100000");
        return SORTED;
    case 10:
        if (below(diff, 8)) return EXACT;
        put(diff, "SPOP");
        put_key(diff, 's');
        put(diff, "100000");
        return SORTED;
    default:
        PUT_ONE(diff, "SINTER", "SUNION", "SDIFF");
        while (n--) put_key(diff, 's');
        return SORTED;
    }
}

static void put_algebra_options(struct diff *diff, bool stored, size_t keys)
{
    if (below(diff, 3) == 0) {
        put(diff, "WEIGHTS");
        for (size_t i = 0; i < keys; i++) put_score(diff);
    }
    if (below(diff, 3) == 0) put(diff, "AGGREGATE"), PUT_ONE(diff, "SUM", "MIN", "MAX", "x");
    if (!stored && below(diff, 2)) put(diff, "WITHSCORES");
}

static void make_zset_algebra(struct diff *diff)
{
    const bool stored = below(diff, 2);
    const size_t keys = 1 + below(diff, 3);
    if (stored) {
        PUT_ONE(diff, "ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE");
        put_key(diff, 'z');
    } else {
        PUT_ONE(diff, "ZUNION", "ZINTER", "ZDIFF", "ZINTERCARD");
    }
    put_number(diff, below(diff, 20) ? (long long)keys : (long long)below(diff, 5));
    for (size_t i = 0; i < keys; i++) put_key(diff, below(diff, 4) ? 'z' : 's');
    if (strcmp(diff->words[0], "ZINTERCARD") == 0) {
        if (below(diff, 2)) put(diff, "LIMIT"), put_count(diff);
    } else {
        put_algebra_options(diff, stored, keys);
    }
}

static void make_zset_range(struct diff *diff)
{
    const bool store = below(diff, 4) == 0;
    const size_t by = below(diff, 3);
    const bool text = by == 2;
    put(diff, store ? "ZRANGESTORE" : "ZRANGE");
    if (store) put_key(diff, 'z');
    put_key(diff, text ? 'x' : 'z'); /* x0 to x3: equal scores */
    for (int i = 0; i < 2; i++) {
        if (by == 0) put_index(diff);
        else if (text) put_text_bound(diff);
        else put_score_bound(diff);
    }
    if (by == 1) put(diff, "BYSCORE");
    if (text) put(diff, "BYLEX");
    if (below(diff, 3) == 0) put(diff, "REV");
    if (below(diff, 3) == 0) put(diff, "LIMIT"), put_index(diff), put_index(diff);
    if (below(diff, 3) == 0) put(diff, "WITHSCORES");
}

static void put_zadd(struct diff *diff)
{
    size_t n = 1 + below(diff, 4);
    put(diff, "ZADD");
    put_key(diff, 'z');
    if (below(diff, 4) == 0) PUT_ONE(diff, "NX", "XX");
    if (below(diff, 4) == 0) PUT_ONE(diff, "GT", "LT", "NX");
    if (below(diff, 4) == 0) put(diff, "CH");
    if (below(diff, 8) == 0) put(diff, "INCR"), n = 1 + (below(diff, 10) == 0);
    while (n--) put_score(diff), put_member(diff);
}

static enum sorting make_zset(struct diff *diff)
{
    size_t n = 1 + below(diff, 3);
    switch (below(diff, 18)) {
    case 0:
    case 1:
    case 2:
    case 3: put_zadd(diff); break;
    case 4:
        put(diff, "ZADD");
        put_key(diff, 'x');
        while (n--) put(diff, "7"), put_member(diff);
        break;
    case 5:
        put(diff, "ZINCRBY");
        put_key(diff, 'z');
        put_score(diff);
        put_member(diff);
        break;
    case 6:
    case 7:
        PUT_ONE(diff, "ZREM", "ZMSCORE", "ZREM");
        put_key(diff, below(diff, 2) ? 'z' : 'x');
        while (n--) put_member(diff);
        break;
    case 8:
        PUT_ONE(diff, "ZSCORE", "ZRANK", "ZREVRANK");
        put_key(diff, 'z');
        put_member(diff);
        break;
    case 9:
        PUT_ONE(diff, "ZCOUNT", "ZREMRANGEBYSCORE", "ZCOUNT");
        put_key(diff, 'z');
        put_score_bound(diff);
        put_score_bound(diff);
        break;
    case 10:
        PUT_ONE(diff, "ZLEXCOUNT", "ZREMRANGEBYLEX", "ZRANGEBYLEX", "ZREVRANGEBYLEX");
        put_key(diff, 'x');
        put_text_bound(diff);
        put_text_bound(diff);
        break;
    case 11:
        PUT_ONE(diff, "ZRANGEBYSCORE", "ZREVRANGEBYSCORE");
        put_key(diff, 'z');
        put_score_bound(diff);
        put_score_bound(diff);
        if (below(diff, 2)) put(diff, "WITHSCORES");
        if (below(diff, 2)) put(diff, "LIMIT"), put_index(diff), put_index(diff);
        break;
    case 12:
        PUT_ONE(diff, "ZPOPMIN", "ZPOPMAX", "ZREMRANGEBYRANK", "ZREVRANGE");
        put_key(diff, 'z');
        if (diff->words[0][1] == 'P' && below(diff, 2)) put_count(diff);
        if (diff->words[0][1] == 'R') put_index(diff), put_index(diff);
        break;
    case 13:
        put(diff, "ZMPOP");
        put_number(diff, (long long)below(diff, 3));
        put_key(diff, 'z');
        put_key(diff, 'z');
        PUT_ONE(diff, "MIN", "MAX");
        if (below(diff, 2)) put(diff, "COUNT"), put_count(diff);
        break;
    case 14:
        put(diff, "ZRANDMEMBER");
        put_key(diff, 'z');
        put(diff, "100000");
        return SORTED;
    case 15: make_zset_algebra(diff); break;
    default: make_zset_range(diff); break;
    }
    return EXACT;
}

static enum sorting make_hash(struct diff *diff)
{
    size_t n = 1 + below(diff, 4);
    switch (below(diff, 12)) {
    case 0:
    case 1:
    case 2:
        PUT_ONE(diff, "HSET", "HSET", "HMSET");
        put_key(diff, 'h');
        while (n--) put_member(diff), put_member(diff);
        if (below(diff, 30) == 0) put_member(diff);
        return EXACT;
    case 3:
        put(diff, "HSETNX");
        put_key(diff, 'h');
        put_member(diff);
        put_member(diff);
        return EXACT;
    case 4:
    case 5:
        PUT_ONE(diff, "HMGET", "HDEL", "HDEL");
        put_key(diff, 'h');
        while (n--) put_member(diff);
        return EXACT;
    case 6:
        PUT_ONE(diff, "HGET", "HSTRLEN", "HEXISTS");
        put_key(diff, 'h');
        put_member(diff);
        return EXACT;
    case 7:
        put(diff, "HINCRBY");
        put_key(diff, 'h');
        put_member(diff);
        put_index(diff);
        return EXACT;
    case 8:
        put(diff, "HINCRBYFLOAT");
        put_key(diff, 'h');
        put_member(diff);
        put_score(diff);
        return EXACT;
    case 9:
        put(diff, "HGETALL");
        put_key(diff, 'h');
        return SORTED_PAIRS;
    case 10:
        PUT_ONE(diff, "HKEYS", "HVALS", "HLEN");
        put_key(diff, 'h');
        return SORTED;
    default:
        put(diff, "HRANDFIELD");
        put_key(diff, 'h');
        put(diff, "100000");
        return SORTED;
    }
}

static enum sorting make_other(struct diff *diff)
{
    if (below(diff, 3) == 0) {
        put(diff, "SET");
        PUT_ONE(diff, "k0", "w_1", "w_2", "w_3", "w_m1", "w_m2", "w_m3");
        put_score(diff);
        return EXACT;
    }
    put(diff, "SORT");
    PUT_ONE(diff, "l0", "l1", "s0", "s1", "z0", "z1", "k0", "none");
    const bool by = below(diff, 3) == 0;
    if (by) put(diff, "BY"), PUT_ONE(diff, "w_*", "h0->*", "h*->1", "w_*x");
    if (!by && below(diff, 3)) put(diff, "ALPHA"); /* 7.0 leaves equal keys in any order */
    if (below(diff, 2)) PUT_ONE(diff, "ASC", "DESC");
    if (below(diff, 2)) put(diff, "LIMIT"), put_index(diff), put_index(diff);
    if (below(diff, 3) == 0) put(diff, "GET"), PUT_ONE(diff, "#", "w_*", "h*->1", "x");
    if (below(diff, 4) == 0) put(diff, "STORE"), PUT_ONE(diff, "l3", "l2");
    return EXACT;
}

/* ---- both sides ---- */

static void command_bytes(const struct diff *diff, struct buffer *out)
{
    buffer_printf(out, "*%zu\r\n", diff->count);
    for (size_t i = 0; i < diff->count; i++) {
        buffer_printf(out, "$%zu\r\n%s\r\n", strlen(diff->words[i]), diff->words[i]);
    }
}

static void ask_both(struct diff *diff, struct reply *ours, struct reply *theirs)
{
    struct buffer sent, got;
    buffer_init(&sent);
    buffer_init(&got);
    command_bytes(diff, &sent);
    assert_int_equal(session_feed(diff->session, sent.data, sent.len, &got), 0);
    assert_true(got.len > 0 && reply_parse(got.data, got.len, ours) == got.len);
    assert_true(oracle_ask(&diff->oracle, sent.data, sent.len, theirs));
    buffer_release(&sent);
    buffer_release(&got);
}

static void show_difference(const struct diff *diff, const struct reply *ours,
                            const struct reply *theirs)
{
    struct buffer text;
    buffer_init(&text);
    for (size_t i = 0; i < diff->count; i++) buffer_printf(&text, "'%s' ", diff->words[i]);
    buffer_printf(&text, "after %s\n  kith:  ", diff->last);
    reply_print(ours, &text);
    buffer_printf(&text, "\n  redis: ");
    reply_print(theirs, &text);
    print_error("%.*s\n", (int)text.len, (const char *)text.data);
    buffer_release(&text);
}

static void compare(struct diff *diff, enum sorting sorting)
{
    struct reply ours, theirs;
    if (diff->count == 0) return;
    ask_both(diff, &ours, &theirs);
    if (sorting != EXACT) {
        reply_sort(&ours, sorting == SORTED_PAIRS);
        reply_sort(&theirs, sorting == SORTED_PAIRS);
    }
    diff->compared++;
    if (!reply_same(&ours, &theirs)) {
        if (diff->different++ < 20) show_difference(diff, &ours, &theirs);
    }
    reply_release(&ours);
    reply_release(&theirs);
}

static void ask_line(struct diff *diff, const char *command, const char *a, const char *b,
                     const char *c, const char *d, enum sorting sorting)
{
    diff->count = 0;
    put(diff, command);
    if (a) put(diff, a);
    if (b) put(diff, b);
    if (c) put(diff, c);
    if (d) put(diff, d);
    compare(diff, sorting);
}

static void compare_all_keys(struct diff *diff)
{
    for (char i = '0'; i < '4'; i++) {
        const char list[] = { 'l', i, 0 }, set[] = { 's', i, 0 }, zset[] = { 'z', i, 0 };
        const char hash[] = { 'h', i, 0 };
        ask_line(diff, "LRANGE", list, "0", "-1", NULL, EXACT);
        ask_line(diff, "SMEMBERS", set, NULL, NULL, NULL, SORTED);
        ask_line(diff, "ZRANGE", zset, "0", "-1", "WITHSCORES", EXACT);
        ask_line(diff, "HGETALL", hash, NULL, NULL, NULL, SORTED_PAIRS);
    }
}

static void one_command(struct diff *diff)
{
    diff->count = 0;
    enum sorting sorting;
    switch (below(diff, 9)) {
    case 0:
    case 1: sorting = make_list(diff); break;
    case 2:
    case 3: sorting = make_set(diff); break;
    case 4:
    case 5:
    case 6: sorting = make_zset(diff); break;
    case 7: sorting = make_hash(diff); break;
    default: sorting = make_other(diff); break;
    }
    const bool drawn = diff->count > 0 && (strstr(diff->words[0], "RAND") != NULL ||
                                           strcmp(diff->words[0], "SPOP") == 0);
    if (diff->count > 1 && !drawn && below(diff, 200) == 0) diff->count--;
    compare(diff, sorting);
}

static void remember(struct diff *diff)
{
    size_t len = 0;
    diff->last[0] = 0;
    for (size_t i = 0; i < diff->count && len < sizeof diff->last; i++) {
        len += (size_t)snprintf(diff->last + len, sizeof diff->last - len, "'%s' ", diff->words[i]);
    }
}

static void run_commands(struct diff *diff, size_t commands, size_t every)
{
    for (size_t i = 0; i < commands; i++) {
        one_command(diff);
        remember(diff);
        if (i % every == every - 1) compare_all_keys(diff);
    }
}

static void speak_resp3(struct diff *diff)
{
    struct reply ours, theirs;
    diff->count = 0;
    put(diff, "HELLO");
    put(diff, "3");
    ask_both(diff, &ours, &theirs);
    assert_int_equal(ours.type, '%');
    assert_int_equal(theirs.type, '%');
    reply_release(&ours);
    reply_release(&theirs);
}

static const char *setting_of(const char *name, const char *fallback)
{
    const char *value = getenv(name);
    return value ? value : fallback;
}

static void test_same_replies(void **state)
{
    (void)state;
    static const char *const defaults[] = { NULL };
    static const char *const settings[] = {
        "--hash-max-listpack-entries", "24", "--zset-max-listpack-entries", "24",
        "--set-max-intset-entries", "24", "--list-max-listpack-size", "6", NULL
    };
    const size_t commands = strtoull(setting_of("KITH_DIFF_COMMANDS", "20000"), NULL, 10);
    const size_t every = strtoull(setting_of("KITH_DIFF_EVERY", "200"), NULL, 10);
    const uint64_t seed = strtoull(setting_of("KITH_DIFF_SEED", "0"), NULL, 10);
    struct diff *diff = calloc(1, sizeof *diff);
    const bool low = seed % 4 != 0 || seed == 0;
    if (!oracle_start(&diff->oracle, low ? settings : defaults)) {
        print_message("no redis-server here: skipped\n");
        oracle_stop(&diff->oracle);
        free(diff);
        skip();
    }
    rng_init(&diff->rng, seed ? seed : (uint64_t)getpid());
    print_message("seed %llu\n", (unsigned long long)(seed ? seed : (uint64_t)getpid()));
    diff->redis = door_open();
    diff->session = session_open_local(diff->redis);
    struct cache_settings *limits = cache_settings(redis_cache(diff->redis));
    if (low) {
        limits->pack_entries_hash = limits->pack_entries_set = limits->pack_entries_zset = 24;
        limits->intset_entries = 24;
        limits->list_pack_size = 6;
    }
    run_commands(diff, commands / 2, every);
    speak_resp3(diff);
    run_commands(diff, commands / 2, every);
    print_message("%zu compared, %zu different\n", diff->compared, diff->different);
    assert_int_equal(diff->different, 0);
    session_close_local(diff->session);
    redis_free(diff->redis);
    oracle_stop(&diff->oracle);
    free(diff);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_same_replies) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
