/*
 * Lines into words: rows by hand, and random lines against a reference that follows the grammar one
 * byte at a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/rng.h"
#include "line/line_parse.h"

/* Words as "a|b", each behind the other. */
static void joined(const char *line, size_t len, char *out, size_t size)
{
    struct line_words words;
    size_t at = 0;
    line_words_init(&words);
    assert_int_equal(line_split(&words, line, len), 0);
    for (size_t i = 0; i < words.count; i++) {
        assert_true(at + words.at[i].len + 2 < size);
        if (i) out[at++] = '|';
        memcpy(out + at, words.at[i].data, words.at[i].len);
        at += words.at[i].len;
    }
    out[at] = 0;
    line_words_release(&words);
}

static void rows(void **state)
{
    static const struct { const char *line, *want; } table[] = {
        { "SET a 1", "SET|a|1" },
        { "  a\t b  ", "a|b" },
        { "a\"b c\"d", "ab cd" },
        { "a\"\" '' b", "a|b" },
        { "\"\"", "" },
        { "\"a\\n\\t\\r\\\\\\\"\\'\"", "a\n\t\r\\\"'" },
        { "'a\\\"b\\'c' d", "a\"b'c|d" },
        { "\"a\\xb\\\"", "a\\xb\"" },
        { "a\\nb", "a\\nb" },
        { "\"open  ", "open" },
        { "\"open \\", "open \\" },
        { "\"a 'b\" c", "a 'b|c" },
        { "\xc2\xa0 a b\xe3\x80\x80", "a|b" },
        { "a\xc2\xa0"
          "b c", "a\xc2\xa0"
                 "b|c" },
        { "\xe2\x80\x8b"
          "a", "\xe2\x80\x8b"
               "a" },
        { "a\vb\f", "a\vb" },
    };
    char out[256];
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        joined(table[i].line, strlen(table[i].line), out, sizeof out);
        assert_string_equal(out, table[i].want);
    }
}

/* ---- the reference ---- */

struct reference {
    char text[512];
    size_t ends[128], count, used;
};

static bool has_letter(char c, char *meant)
{
    static const char from[] = "ntr\\\"'", to[] = "\n\t\r\\\"'";
    const char *at = c ? strchr(from, c) : NULL;
    if (at) *meant = to[at - from];
    return at != NULL;
}

static void end_word(struct reference *ref)
{
    const size_t begin = ref->count ? ref->ends[ref->count - 1] : 0;
    if (ref->used > begin) ref->ends[ref->count++] = ref->used;
}

static void refer(struct reference *ref, const char *line, size_t len)
{
    enum { BARE, QUOTED } mode = BARE;
    char quote = 0, meant;
    ref->count = ref->used = 0;
    while (len && strchr(" \t\n\v\f\r", *line) && *line) line++, len--;
    while (len && line[len - 1] && strchr(" \t\n\v\f\r", line[len - 1])) len--;
    for (size_t i = 0; i < len; i++) {
        const char c = line[i];
        if (mode == BARE && (c == ' ' || c == '\t')) {
            end_word(ref);
        } else if (mode == BARE && (c == '"' || c == '\'')) {
            mode = QUOTED;
            quote = c;
        } else if (mode == QUOTED && c == quote) {
            mode = BARE;
        } else if (mode == QUOTED && c == '\\' && i + 1 < len && has_letter(line[i + 1], &meant)) {
            ref->text[ref->used++] = meant;
            i++;
        } else {
            ref->text[ref->used++] = c;
        }
    }
    end_word(ref);
}

static void as_the_reference(void **state)
{
    static const char alphabet[] = "ab  \t\"\"''\\\\ntx\r\v";
    struct rng rng;
    const uint64_t seed = 20260731;
    (void)state;
    print_message("seed %llu\n", (unsigned long long)seed);
    rng_init(&rng, seed);
    for (unsigned round = 0; round < 50000; round++) {
        char line[40];
        struct reference ref;
        struct line_words words;
        const size_t len = (size_t)rng_below(&rng, sizeof line);
        for (size_t i = 0; i < len; i++) line[i] = alphabet[rng_below(&rng, sizeof alphabet)];
        refer(&ref, line, len);
        line_words_init(&words);
        assert_int_equal(line_split(&words, line, len), 0);
        assert_int_equal(words.count, ref.count);
        for (size_t i = 0, begin = 0; i < ref.count; begin = ref.ends[i++]) {
            assert_int_equal(words.at[i].len, ref.ends[i] - begin);
            assert_memory_equal(words.at[i].data, ref.text + begin, words.at[i].len);
        }
        line_words_release(&words);
    }
}

static void ttls(void **state)
{
    static const struct { const char *text; enum line_ttl got; int64_t seconds; } table[] = {
        { "30", LINE_TTL_GOOD, 30 },       { "+30", LINE_TTL_GOOD, 30 },
        { "-30", LINE_TTL_GOOD, 0 },       { "0", LINE_TTL_GOOD, 0 },
        { "2m", LINE_TTL_GOOD, 120 },      { "2H", LINE_TTL_GOOD, 7200 },
        { "1d", LINE_TTL_GOOD, 86400 },    { "1y", LINE_TTL_GOOD, 31536000 },
        { "-2m", LINE_TTL_FORMAT, 0 },     { "+2m", LINE_TTL_FORMAT, 0 },
        { "", LINE_TTL_FORMAT, 0 },        { "m", LINE_TTL_FORMAT, 0 },
        { "1.5s", LINE_TTL_FORMAT, 0 },    { "5 s", LINE_TTL_FORMAT, 0 },
        { "5ms", LINE_TTL_FORMAT, 0 },     { "9223372036s", LINE_TTL_GOOD, 9223372036 },
        { "9223372037s", LINE_TTL_FORMAT, 0 },
        { "9223372036854775807y", LINE_TTL_FORMAT, 0 },
        { "9223372036854775808y", LINE_TTL_NUMBER, 0 },
        { "9223372036854775808", LINE_TTL_FORMAT, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int64_t seconds = 0;
        struct kith_str digits;
        const struct kith_str text = { table[i].text, strlen(table[i].text) };
        assert_int_equal(line_ttl_parse(text, &seconds, &digits), table[i].got);
        if (table[i].got == LINE_TTL_GOOD) assert_int_equal(seconds, table[i].seconds);
    }
}

/* Joined words, out of the line itself or anew, are the same. */
static void joining(void **state)
{
    struct line_words words;
    (void)state;
    line_words_init(&words);
    static const char plain[] = "SET k a b c", quoted[] = "SET k a \"b\"   c";
    assert_int_equal(line_split(&words, plain, sizeof plain - 1), 0);
    assert_int_equal(line_split(&words, quoted, sizeof quoted - 1), 0);
    const struct kith_str first = line_join(&words, 2, 3), second = line_join(&words, 7, 3);
    assert_int_equal(first.len, 5);
    assert_memory_equal(first.data, "a b c", 5);
    assert_int_equal(second.len, 5);
    assert_memory_equal(second.data, "a b c", 5);
    line_words_release(&words);
}

/* Every allocation fails once: an error, and nothing is lost or read. */
static void without_memory(void **state)
{
    static char line[4096];
    (void)state;
    for (size_t i = 0; i < sizeof line; i++) line[i] = i % 2 ? ' ' : i % 6 ? 'a' : '"';
    for (long n = 1; n < 100; n++) {
        struct line_words words;
        line_words_init(&words);
        alloc_fault_arm((uint64_t)n, false);
        const int rc = line_split(&words, line, sizeof line);
        alloc_fault_disarm();
        line_words_release(&words);
        if (rc == 0) return;
        assert_int_equal(rc, KITH_ENOMEM);
    }
    fail();
}

/* ---- in one look ---- */

static bool same_words(const struct kith_str *a, const struct kith_str *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (a[i].data != b[i].data || a[i].len != b[i].len) return false;
    return true;
}

/* One line of a row: what one look takes, the two steps take in the same way. Its bytes. */
static size_t compare_line(const uint8_t *data, size_t len, const struct line_request *row,
                           const struct kith_str *at)
{
    struct line_words reference;
    struct line_request want;
    size_t line_len = 0, used = 0;
    line_words_init(&reference);
    assert_int_equal(line_find(data, len, &line_len, &used), LINE_WHOLE);
    assert_int_equal(line_read(&reference, data, line_len, LINE_MAY_RUN, &want), 0);
    assert_int_equal(row->verb, want.verb);
    assert_int_equal(row->only_new, want.only_new);
    assert_int_equal(row->fault, want.fault);
    assert_int_equal(row->ttl_s, want.ttl_s);
    assert_int_equal(row->count, want.count);
    assert_int_equal(want.times, 1);
    assert_true(same_words(at, reference.at + want.first, want.count));
    line_words_release(&reference);
    return used;
}

/* How many lines are taken in one look. */
static size_t compare_row(const uint8_t *data, size_t len, size_t most)
{
    struct line_words words;
    struct line_request row = { .times = 0 };
    size_t used = 0;
    line_words_init(&words);
    const size_t took = line_read_row(&words, data, len, most, &row);
    assert_int_equal(took == 0, row.times == 0);
    assert_true(row.times <= most);
    for (size_t i = 0; i < row.times; i++)
        used += compare_line(data + used, len - used, &row, words.at + row.first + i * row.count);
    assert_int_equal(took, used);
    assert_int_equal(words.count, row.times * row.count);
    line_words_release(&words);
    return row.times;
}

static void plain(void **state)
{
    static const char *const good[] = { "GET a\n", "set key v\r\nGET b\n",
                                        "Del key:000000000001\n",
                                        "SET k 0123456789abcdef0123456789abcdef0123456789\n",
                                        "GET \xc3\xa4x\n", "SET k -t\n" };
    static const char *const odd[] = { "", "\n", "GET a", "GET  a\n", "GET\n", "GET a b\n",
                                       "SET k\n", "SET k a b\n", "GET \"a\"\n",
                                       "GET a\r\r\n", " GET a\n",
                                       "GET a \n", "GET\ta\n", "SETNX k v\n", "GET a\xc2\xa0\n",
                                       "GET a\r", "KEYS\n", "PING\n", "G\x05T a\n" };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(compare_row((const uint8_t *)good[i], strlen(good[i]), 1), 1);
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        assert_int_equal(compare_row((const uint8_t *)odd[i], strlen(odd[i]), 1), 0);
}

static void rows_of_lines(void **state)
{
    static const struct {
        const char *text;
        size_t most, times;
    } cases[] = {
        { "GET a\nGET b\r\nGET c\n", 9, 3 }, { "GET a\nGET b\nGET c\n", 2, 2 },
        { "GET a\nget b\n", 9, 1 },          { "GET a\nSET b c\n", 9, 1 },
        { "SET a b\nSET c d\nSET e", 9, 2 },  { "SET a b\nSET c d e\n", 9, 1 },
        { "DEL a\nDEL b\nDEL \"c\"\n", 9, 2 }, { "GET a\n\nGET b\n", 9, 1 },
        { "GET a\nGET b\n", 0, 0 },          { "GET a\nGET", 9, 1 },
    };
    char many[6 * (LINE_FEW_WORDS + 1) + 1] = "";
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(compare_row((const uint8_t *)cases[i].text, strlen(cases[i].text),
                                     cases[i].most), cases[i].times);
    for (size_t i = 0; i <= LINE_FEW_WORDS; i++) memcpy(many + 6 * i, "DEL k\n", 7);
    assert_int_equal(compare_row((const uint8_t *)many, strlen(many), SIZE_MAX),
                     LINE_FEW_WORDS / 2 - 1); /* as many as there is room for */
}

/* Of pieces that matter, in memory of just their size: what reads beyond it is seen. */
static void plain_random(void **state)
{
    static const char *const pieces[] = {
        "GET", "SET", "del", "SETS", " ", " ", "  ", "\t", "\n", "\r\n", "\r", "\"", "'", "-t", "k",
        "key:0123456789", "\xc2\xa0", "\xe3\x80\x80", "0123456789abcdef0123456789abcdef", "\\n"
    };
    struct rng rng;
    size_t taken = 0;
    (void)state;
    rng_init(&rng, 20261);
    for (unsigned round = 0; round < 60000; round++) {
        char text[512];
        size_t len = 0;
        const bool likely = rng_below(&rng, 2);
        const char *name = pieces[rng_below(&rng, 3)];
        const size_t words = name[0] == 'S' ? 6 : 4; /* of a likely line, with what is between */
        const size_t count = 1 + (size_t)rng_below(&rng, 12);
        for (size_t i = 0; i < count; i++) {
            const char *piece = pieces[rng_below(&rng, sizeof pieces / sizeof pieces[0])];
            if (likely && i % 2) piece = (i + 1) % words == 0 ? "\n" : " ";
            if (likely && i % words == 0) piece = name;
            memcpy(text + len, piece, strlen(piece));
            len += strlen(piece);
        }
        uint8_t *data = mem_alloc(len);
        memcpy(data, text, len);
        taken += compare_row(data, len, 1 + (size_t)rng_below(&rng, 4));
        mem_free(data);
    }
    assert_true(taken > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows),    cmocka_unit_test(as_the_reference), cmocka_unit_test(ttls),
        cmocka_unit_test(joining), cmocka_unit_test(without_memory),
        cmocka_unit_test(plain),   cmocka_unit_test(rows_of_lines),
        cmocka_unit_test(plain_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
