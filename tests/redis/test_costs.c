/* What one request can cost: work is counted, never timed. */
#include "redis/door.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/rng.h"
#include "redis/acl.h"
#include "redis/glob.h"
#include "redis/redis_internal.h"
#include "redis/search_query.h"
#include "redis/sort_places.h"

/* ---- ACL SETUSER with many modifiers ---- */

#define PATTERNS 20000
#define PASSWORDS 500

static void feed(struct session *session, struct buffer *sent, struct buffer *reply)
{
    assert_false(buffer_failed(sent));
    assert_int_equal(session_feed(session, sent->data, sent->len, reply), 0);
    buffer_clear(sent);
    buffer_put_u8(reply, 0);
}

static void put_word(struct buffer *out, const char *word)
{
    buffer_printf(out, "$%zu\r\n%s\r\n", strlen(word), word);
}

/* Each pattern twice, for reading and for writing: the list has one of each, in the first order. */
static void many_patterns_of_a_user(void **state)
{
    (void)state;
    struct redis *redis;
    struct session *session = door_open_one(&redis);
    struct buffer sent, reply, want;
    char word[32];
    buffer_init(&sent);
    buffer_init(&reply);
    buffer_init(&want);
    buffer_printf(&sent, "*%d\r\n", 3 + 2 * PATTERNS);
    put_word(&sent, "ACL");
    put_word(&sent, "SETUSER");
    put_word(&sent, "al");
    for (int i = 0; i < 2 * PATTERNS; i++) {
        const bool again = i >= PATTERNS;
        (void)snprintf(word, sizeof word, "%%%c~k%d", again == i % 2 ? 'R' : 'W', i % PATTERNS);
        put_word(&sent, word);
    }
    feed(session, &sent, &reply);
    assert_string_equal((const char *)reply.data, "+OK\r\n");
    buffer_clear(&reply);
    for (int i = 0; i < PATTERNS; i++) buffer_printf(&want, "~k%d ", i);
    buffer_printf(&want, "resetchannels -@all\r\n");
    buffer_put_u8(&want, 0);
    buffer_printf(&sent, "ACL LIST\r\n");
    feed(session, &sent, &reply);
    assert_non_null(strstr((const char *)reply.data, (const char *)want.data));
    buffer_release(&want);
    buffer_release(&reply);
    buffer_release(&sent);
    door_close_one(redis, session);
}

/* A long list is looked up by text: no pattern is compared with all that stand before it. */
static void long_lists_are_looked_up(void **state)
{
    (void)state;
    char word[2 * ACL_HASH_BYTES + 2];
    struct redis *redis = door_open();
    struct acl_user *user = acl_user_new((struct kith_str){"al", 2});
    assert_non_null(user);
    for (int i = 0; i < PASSWORDS; i++) {
        (void)snprintf(word, sizeof word, "~k%d", i);
        assert_null(acl_set(redis, user, (struct kith_str){word, strlen(word)}));
        (void)snprintf(word, sizeof word, "&c%d", i);
        assert_null(acl_set(redis, user, (struct kith_str){word, strlen(word)}));
        (void)snprintf(word, sizeof word, "#%064x", (unsigned)i);
        assert_null(acl_set(redis, user, (struct kith_str){word, strlen(word)}));
    }
    const struct acl_selector *root = user->selectors[0];
    assert_int_equal(root->keys.places.count, PASSWORDS - 1); /* all but the one just added */
    assert_int_equal(root->channels.places.count, PASSWORDS - 1);
    assert_int_equal(user->password_places.count, PASSWORDS);
    acl_user_free(user);
    redis_free(redis);
}

static unsigned place_of(const struct acl_user *user, size_t i)
{
    return user->passwords[i][ACL_HASH_BYTES - 1] + 256u * user->passwords[i][ACL_HASH_BYTES - 2];
}

/* Every other password goes, and some come again: those stand at the end. */
static void passwords_keep_their_order(void **state)
{
    (void)state;
    static char texts[2 * PASSWORDS][2 * ACL_HASH_BYTES + 2];
    struct kith_str rules[2 * PASSWORDS];
    struct buffer error;
    struct redis *redis = door_open();
    struct acl_user *user = acl_user_new((struct kith_str){"al", 2});
    size_t count = 0;
    assert_non_null(user);
    buffer_init(&error);
    for (unsigned i = 0; i < PASSWORDS; i++)
        (void)snprintf(texts[count++], sizeof texts[0], "#%064x", i);
    for (unsigned i = 0; i < PASSWORDS; i += 2)
        (void)snprintf(texts[count++], sizeof texts[0], "!%064x", i);
    for (unsigned i = 0; i < 20; i++)
        (void)snprintf(texts[count++], sizeof texts[0], "#%064x", i);
    for (size_t i = 0; i < count; i++)
        rules[i] = (struct kith_str){texts[i], strlen(texts[i])};
    assert_int_equal(acl_set_all(redis, user, rules, count, &error), 0);
    assert_int_equal(user->password_count, PASSWORDS / 2 + 10);
    for (size_t i = 0; i < PASSWORDS / 2; i++) assert_int_equal(place_of(user, i), 2 * i + 1);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(place_of(user, PASSWORDS / 2 + i), 2 * i);
    texts[0][0] = '!'; /* number 0, which came last but nine */
    assert_int_equal(acl_set_all(redis, user, rules, 1, &error), 0);
    assert_int_equal(user->password_count, PASSWORDS / 2 + 9);
    assert_int_equal(acl_set_all(redis, user, rules, 1, &error), KITH_EINVAL);
    buffer_release(&error);
    acl_user_free(user);
    redis_free(redis);
}

/* ---- SLOP and INORDER ---- */

#define WORDS 20000u

/* How many looks at a word the query takes, over one document; *found: whether it matches. */
static uint64_t looks(struct redis *redis, const char *text, int64_t slop, bool in_order,
                      size_t *found)
{
    const struct query_options options = {.slop = slop, .in_order = in_order};
    struct search_query query;
    struct search_hits hits = {0};
    const struct search_index *index = search_find(redis, str_of("ix"));
    assert_non_null(index);
    assert_int_equal(
        search_query_parse_with(index, str_of(text), NULL, 0, &options, &query), 0);
    assert_int_equal(search_query_run(&query, NULL, &hits), 0);
    const uint64_t looked = query.looked;
    *found = hits.count;
    search_hits_release(&hits);
    search_query_release(&query);
    return looked;
}

/* "a a a ... x x x ... b": from each a the next b is far. */
static void nearness_is_linear(void **state)
{
    static const struct {
        const char *query;
        int64_t slop;
        bool in_order;
        size_t found;
    } cases[] = {
        {"a b", 0, true, 0},         {"a b", WORDS / 2 - 1, true, 0}, {"a b", WORDS / 2, true, 1},
        {"b a", 0, true, 0},         {"b a", WORDS / 2, false, 1},    {"a b", 0, false, 0},
        {"a (b|nix)", 0, true, 0},   {"(a|b) (nix|b)", 3, false, 1},  {"a \"x b\"", 3, true, 0},
        {"a x b", WORDS / 2 - 1, true, 1}, {"a x b", WORDS / 2 - 2, true, 0},
    };
    struct redis *redis;
    struct session *session = door_open_one(&redis);
    struct buffer sent, reply;
    (void)state;
    buffer_init(&sent);
    buffer_init(&reply);
    EXPECT(session, "FT.CREATE ix PREFIX 1 d: STOPWORDS 0 SCHEMA t TEXT", "+OK\r\n");
    buffer_printf(&sent, "*4\r\n$4\r\nHSET\r\n$3\r\nd:1\r\n$1\r\nt\r\n$%u\r\n", 2 * WORDS + 1);
    for (unsigned i = 0; i < WORDS; i++) buffer_put(&sent, i < WORDS / 2 ? "a " : "x ", 2);
    buffer_put(&sent, "b\r\n", 3);
    feed(session, &sent, &reply);
    assert_string_equal((const char *)reply.data, ":1\r\n");
    EXPECT_HAS(session, "FT.SEARCH ix a NOCONTENT", ":1");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t found;
        const uint64_t looked =
            looks(redis, cases[i].query, cases[i].slop, cases[i].in_order, &found);
        if (found != cases[i].found) fail_msg("%s: %zu", cases[i].query, found);
        if (looked > 24 * WORDS)
            fail_msg("%s: %llu looks", cases[i].query, (unsigned long long)looked);
    }
    buffer_release(&sent);
    buffer_release(&reply);
    door_close_one(redis, session);
}

/* ---- patterns of KEYS ---- */

static bool globs(const char *pattern, struct kith_str text, bool fold_case)
{
    struct glob glob;
    assert_int_equal(glob_init(&glob, str_of(pattern), fold_case), 0);
    const bool matches = glob_matches(&glob, text);
    glob_release(&glob);
    return matches;
}

/* Random patterns of few letters: read once or each time, they say the same. */
static void patterns_mean_the_same(void **state)
{
    static const char letters[] = "aBb]-[^\\*?Zz";
    struct rng rng;
    size_t matched = 0;
    (void)state;
    rng_init(&rng, 7);
    for (int round = 0; round < 200000; round++) {
        char pattern[12] = "", text[8] = "";
        const size_t pattern_len = (size_t)rng_below(&rng, sizeof pattern);
        const size_t text_len = (size_t)rng_below(&rng, sizeof text);
        for (size_t i = 0; i < pattern_len; i++)
            pattern[i] = letters[rng_below(&rng, sizeof letters - 1)];
        for (size_t i = 0; i < text_len; i++)
            text[i] = letters[rng_below(&rng, sizeof letters - 1)];
        const struct kith_str what = {text, text_len};
        for (int fold = 0; fold < 2; fold++) {
            const bool want = text_matches(str_of(pattern), what, fold);
            matched += want;
            if (globs(pattern, what, fold) != want)
                fail_msg("'%s' and '%.*s', %d", pattern, (int)text_len, text, fold);
        }
    }
    assert_true(matched > 1000);
}

/* A class of many bytes is one look a byte; more classes than a text has bytes are none. */
static void classes_are_one_look(void **state)
{
    struct buffer pattern;
    struct glob glob;
    const struct kith_str key = str_of("key:1234567890");
    (void)state;
    buffer_init(&pattern);
    buffer_put(&pattern, "*[", 2);
    for (int i = 0; i < 100000; i++) buffer_put_u8(&pattern, (uint8_t)('a' + i % 26));
    buffer_put(&pattern, "]x", 3);
    assert_false(buffer_failed(&pattern));
    assert_int_equal(glob_init(&glob, str_of((const char *)pattern.data), false), 0);
    assert_false(glob_matches(&glob, key));
    assert_true(glob.looked <= 4 * key.len);
    glob_release(&glob);
    buffer_clear(&pattern);
    for (int i = 0; i < 100000; i++) buffer_put(&pattern, "[^x]", 4);
    buffer_put_u8(&pattern, 0);
    assert_int_equal(glob_init(&glob, str_of((const char *)pattern.data), false), 0);
    assert_false(glob_matches(&glob, key));
    assert_int_equal(glob.looked, 0);
    assert_true(glob.elements.len <= GLOB_ELEMENTS_MAX * sizeof(uint32_t));
    char *text = calloc(1, 100001);
    assert_non_null(text);
    memset(text, 'y', 100000);
    assert_true(glob_matches(&glob, (struct kith_str){text, 100000}));
    assert_false(glob_matches(&glob, (struct kith_str){text, 99999}));
    free(text);
    glob_release(&glob);
    buffer_release(&pattern);
}

/* ---- SORT ---- */

static void places_are_dealt(void **state)
{
    enum { COUNT = 5000 };
    static struct sort_place places[COUNT], spare[COUNT];
    static const double numbers[] = {-INFINITY, -1e300, -2, -1.5, -1e-300, 0, 1e-300, 1, 1.5, 9e15,
                                     1e300, INFINITY};
    struct rng rng;
    (void)state;
    rng_init(&rng, 11);
    for (unsigned round = 0; round < 12; round++) {
        const size_t count = round < 6 ? round * 20 : COUNT;
        const uint64_t mask = round % 3 == 0 ? 7 : round % 3 == 1 ? UINT64_MAX : 0xff00ff00;
        for (size_t i = 0; i < count; i++)
            places[i] = (struct sort_place){rng_below(&rng, UINT64_MAX) & mask, i};
        const uint64_t moved = sort_places(places, spare, count);
        assert_true(moved <= (count > 100 ? 8 * count : count * count / 2)); /* no comparisons */
        for (size_t i = 1; i < count; i++) {
            assert_true(places[i - 1].key <= places[i].key);
            if (places[i - 1].key == places[i].key)
                assert_true(places[i - 1].item < places[i].item);
        }
    }
    for (size_t i = 1; i < sizeof numbers / sizeof *numbers; i++)
        assert_true(sort_key_of_number(numbers[i - 1]) < sort_key_of_number(numbers[i]));
    assert_true(sort_key_of_number(-0.0) == sort_key_of_number(0));
}

enum { SORTED = 400 };

/* Member i is "m:<i>" with the weight weights[i % 9]; the last is of no key at all. */
static const char *const weights[] = {"3", "-3", "2.5", "-0", "0", "1e3", "common:b", "common:a",
                                      NULL};

static const char *weight_of(unsigned member, bool alpha)
{
    const char *weight = weights[member % 9];
    if (!alpha && weight && weight[0] == 'c') return "7";
    return weight;
}

static int order_of(unsigned a, unsigned b, bool alpha)
{
    const char *x = weight_of(a, alpha), *y = weight_of(b, alpha);
    char left[16], right[16];
    int order = 0;
    if (alpha) order = x && y ? strcmp(x, y) : (x != NULL) - (y != NULL);
    else order = (x ? atof(x) : 0) < (y ? atof(y) : 0) ? -1 : (x ? atof(x) : 0) > (y ? atof(y) : 0);
    if (order) return order;
    (void)snprintf(left, sizeof left, "m:%u", a);
    (void)snprintf(right, sizeof right, "m:%u", b);
    return strcmp(left, right);
}

static void expect_order(struct session *session, const char *command, bool alpha, bool down)
{
    unsigned members[SORTED], count = 0;
    const char *reply = door_reply(session, command);
    for (const char *at = strstr(reply, "m:"); at && count < SORTED; at = strstr(at + 1, "m:"))
        members[count++] = (unsigned)strtoul(at + 2, NULL, 10);
    assert_int_equal(count, SORTED);
    for (unsigned i = 1; i < count; i++) {
        const int order = order_of(members[i - 1], members[i], alpha);
        if (down ? order <= 0 : order >= 0)
            fail_msg("%s: %u before %u", command, members[i - 1], members[i]);
    }
}

static void members_are_sorted(void **state)
{
    struct redis *redis;
    struct session *session = door_open_one(&redis);
    char line[64];
    (void)state;
    for (int alpha = 0; alpha < 2; alpha++) {
        for (unsigned i = 0; i < SORTED; i++) {
            const unsigned member = i * 7 % SORTED;
            const char *weight = weight_of(member, alpha);
            (void)snprintf(line, sizeof line, "RPUSH l%d m:%u", alpha, member);
            (void)door_reply(session, line);
            if (!weight) continue;
            (void)snprintf(line, sizeof line, "SET w%d_m:%u %s", alpha, member, weight);
            EXPECT(session, line, "+OK\r\n");
            (void)snprintf(line, sizeof line, "HSET h%d_m:%u f %s", alpha, member, weight);
            EXPECT(session, line, ":1\r\n");
        }
    }
    expect_order(session, "SORT l0 BY w0_*", false, false);
    expect_order(session, "SORT l0 BY h0_*->f DESC", false, true);
    expect_order(session, "SORT l1 BY w1_* ALPHA DESC", true, true);
    expect_order(session, "SORT l1 BY h1_*->f ALPHA", true, false);
    EXPECT(session, "SORT l0 BY w1_*",
           "-ERR One or more scores can't be converted into double\r\n");
    EXPECT(session, "SORT l0 ALPHA LIMIT 0 2", "*2\r\n$3\r\nm:0\r\n$3\r\nm:1\r\n");
    EXPECT(session, "SORT l0 ALPHA DESC LIMIT 0 1 GET # GET w0_*",
           "*2\r\n$4\r\nm:99\r\n$1\r\n3\r\n");
    EXPECT(session, "SET w0_m:399 \"\"", "+OK\r\n");
    EXPECT(session, "SORT l0 BY nothing_* DESC LIMIT 0 1 GET w0_*", "*1\r\n$1\r\n3\r\n");
    EXPECT(session, "RPUSH one 399", ":1\r\n");
    EXPECT(session, "SORT one GET w0_m:*", "*1\r\n$0\r\n\r\n");
    door_close_one(redis, session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_patterns_of_a_user),
        cmocka_unit_test(long_lists_are_looked_up),
        cmocka_unit_test(passwords_keep_their_order),
        cmocka_unit_test(nearness_is_linear),
        cmocka_unit_test(patterns_mean_the_same),
        cmocka_unit_test(classes_are_one_look),
        cmocka_unit_test(places_are_dealt),
        cmocka_unit_test(members_are_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
