/*
 * The command line: options, operands, help and suggestions; numbers and progress for people; the
 * aligned table. The room's files are compiled in here, since a program has no library.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/args.c"
#include "cmd/args_help.c"
#include "cmd/progress.c"
#include "cmd/table.c"

struct values {
    const char *db, *file, *other;
    uint64_t k, any;
    bool exact;
};

static const struct args_option test_operands[] = {
    {.name = "FILE", .kind = ARGS_TEXT, .help = "what to read", .required = true,
     .offset = offsetof(struct values, file)},
    {.name = "OTHER", .kind = ARGS_TEXT, .help = "more", .offset = offsetof(struct values, other)},
};
static const struct args_option test_options[] = {
    {.name = "db", .kind = ARGS_TEXT, .value = "DIR", .help = "the directory", .required = true,
     .offset = offsetof(struct values, db)},
    {.name = "k", .kind = ARGS_NUMBER, .value = "N", .help = "how many", .min = 1, .max = 100,
     .offset = offsetof(struct values, k)},
    {.name = "any", .kind = ARGS_NUMBER, .value = "N", .help = "any number",
     .offset = offsetof(struct values, any)},
    {.name = "exact", .kind = ARGS_FLAG,
     .help = "compare with every row and without any index at all, which takes as long as it "
             "takes but is always right",
     .offset = offsetof(struct values, exact)},
};
static const struct args_spec spec = {
    .verb = "search", .summary = "find rows", .example = "kith search f --db d\nkith search g",
    .options = test_options, .option_count = 4, .operands = test_operands, .operand_count = 2,
};

#define WORDS_MAX 12

/* Splits at blanks and parses. */
static int parse(const char *words, struct values *values, bool *help, struct kith_error *err)
{
    static char copy[512];
    char *argv[WORDS_MAX + 1] = {NULL};
    int argc = 0;
    *err = (struct kith_error){0};
    snprintf(copy, sizeof copy, "%s", words);
    for (char *at = strtok(copy, " "); at && argc < WORDS_MAX; at = strtok(NULL, " ")) {
        argv[argc++] = at;
    }
    return args_parse(&spec, argc, argv, values, help, err);
}

static void good(const char *words, struct values *values)
{
    struct kith_error err;
    bool help = true;
    if (parse(words, values, &help, &err)) fail_msg("'%s': %s", words, err.text);
    assert_false(help);
}

/* Parsing fails with a text that contains `part`. */
static void bad(const char *words, const char *part)
{
    struct values values = {0};
    struct kith_error err;
    bool help = true;
    assert_int_equal(parse(words, &values, &help, &err), KITH_EINVAL);
    if (!strstr(err.text, part)) fail_msg("'%s': '%s' lacks '%s'", words, err.text, part);
}

static void test_forms(void **state)
{
    (void)state;
    struct values values = {.k = 10};
    good("a.csv --db data", &values);
    assert_string_equal(values.file, "a.csv");
    assert_string_equal(values.db, "data");
    assert_int_equal(values.k, 10);
    assert_false(values.exact);
    assert_null(values.other);

    values = (struct values){0};
    good("--exact --k=100 a --db=x=y b --any 18446744073709551615", &values);
    assert_true(values.exact);
    assert_int_equal(values.k, 100);
    assert_string_equal(values.db, "x=y");
    assert_string_equal(values.other, "b");
    assert_true(values.any == UINT64_MAX);

    values = (struct values){0};
    good("--db -5 -- --exact", &values); /* one dash is a value; -- ends the options */
    assert_string_equal(values.db, "-5");
    assert_string_equal(values.file, "--exact");
    assert_false(values.exact);

    good("- --db=", &values); /* a lone dash is an operand; an empty value is a value */
    assert_string_equal(values.file, "-");
    assert_string_equal(values.db, "");
}

static void test_errors(void **state)
{
    (void)state;
    bad("a --db d --k 0", "from 1 to 100, not '0'");
    bad("a --db d --k 101", "from 1 to 100");
    bad("a --db d --k 1x", "not '1x'");
    bad("a --db d --k=", "not ''");
    bad("a --db d --any 18446744073709551616", "at least 0");
    bad("a --db d --any -1", "not '-1'");
    bad("a --db d --exact=1", "just '--exact'");
    bad("a --db", "write '--db DIR'");
    bad("a --db --exact", "--db needs a value");
    bad("a", "add '--db DIR'");
    bad("--db d", "FILE is missing");
    bad("a b c --db d", "'c' is one word too many");
    bad("a --db d -k 3", "two dashes");
    bad("a --db d --exat", "did you mean '--exact'");
    bad("a --db d --quite-another", "lists the options");
}

static void test_help(void **state)
{
    (void)state;
    struct values values = {0};
    struct kith_error err;
    struct buffer out;
    bool help = false;
    assert_int_equal(parse("--nonsense --help", &values, &help, &err), 0);
    assert_true(help);
    assert_int_equal(parse("-h", &values, &help, &err), 0);
    assert_true(help);
    assert_int_equal(parse("a --db d -- --help", &values, &help, &err), 0);
    assert_false(help);

    buffer_init(&out);
    args_help(&spec, &out);
    buffer_put_u8(&out, 0);
    const char *text = (const char *)out.data;
    assert_non_null(strstr(text, "usage: kith search FILE [OTHER] --db DIR [options]\n"));
    assert_non_null(strstr(text, "\n  --k N     how many\n"));
    assert_non_null(strstr(text, "\n  kith search g\n"));
    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n");
        assert_true(len <= 100);
        line += len + 1;
    }
    buffer_release(&out);
}

static void test_suggestions(void **state)
{
    (void)state;
    static const char *const names[] = {"import", "search", "query", "collection", "check", "k"};
    assert_string_equal(args_suggest("serach", names, 6), "search");
    assert_string_equal(args_suggest("imprt", names, 6), "import");
    assert_string_equal(args_suggest("qeury", names, 6), "query");
    assert_string_equal(args_suggest("colection", names, 6), "collection");
    assert_string_equal(args_suggest("coll", names, 6), "collection");
    assert_null(args_suggest("banana", names, 6));
    assert_null(args_suggest("x", names, 6));
    assert_null(args_suggest("", names, 6));
    char longest[48 + 2]; /* 48: the longest word that is looked at */
    memset(longest, 'a', sizeof longest);
    longest[48 + 1] = '\0';
    assert_null(args_suggest(longest, names, 6)); /* one past */
    assert_null(args_suggest(longest + 1, names, 6));
}

static void number_is(uint64_t number, const char *count, const char *bytes)
{
    char text[32];
    progress_count(number, text, sizeof text);
    assert_string_equal(text, count);
    progress_bytes(number, text, sizeof text);
    assert_string_equal(text, bytes);
}

static void time_is(double seconds, const char *want)
{
    char text[32];
    progress_time(seconds, text, sizeof text);
    assert_string_equal(text, want);
}

static void test_numbers(void **state)
{
    (void)state;
    number_is(0, "0", "0 B");
    number_is(999, "999", "999 B");
    number_is(1000, "1,000", "1000 B");
    number_is(1536, "1,536", "1.5 KiB");
    number_is(1048575, "1,048,575", "1.0 MiB");
    number_is(UINT64_MAX, "18,446,744,073,709,551,615", "16.0 EiB");
    time_is(0, "0.0 s");
    time_is(4.24, "4.2 s");
    time_is(9.96, "10 s");
    time_is(59.7, "1 min 00 s");
    time_is(185, "3 min 05 s");
    time_is(7800, "2 h 10 min");
    time_is(-1, "0.0 s");
    time_is(1e300, "1000000 h 00 min");
}

static void line_is(struct progress_state state, const char *want)
{
    char line[LINE_BYTES];
    progress_format(&state, "rows", line, sizeof line);
    assert_string_equal(line, want);
}

static void test_progress(void **state)
{
    (void)state;
    line_is((struct progress_state){1000, 0.5, 2},
            "[############............] 50%  1,000 rows  500 rows/s  2.0 s left");
    line_is((struct progress_state){0, 0, 0}, "[........................] 0%  0 rows  0 rows/s");
    line_is((struct progress_state){7, 2, 7}, /* never past the end */
            "[########################] 100%  7 rows  1 rows/s  0.0 s left");
    line_is((struct progress_state){7, -1, 7}, "7 rows  1 rows/s");
    line_is((struct progress_state){500, 0.1, 0.5}, /* too early to tell how long */
            "[##......................] 10%  500 rows  1,000 rows/s");
}

static void test_table(void **state)
{
    (void)state;
    struct table table;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    table_init(&table, 2, false);
    table.right[0] = true;
    table_cell_text(&table, "id");
    table_cell_text(&table, "word");
    table_cell_text(&table, "1000");
    table_cell_text(&table, "k\xc3\xb6nig"); /* widths are in code points */
    assert_int_equal(table_print(&table, out), 0);
    table_cell_text(&table, "7");
    table_cell_text(&table, "a\nb\x1b");
    assert_int_equal(table_print(&table, out), 0);
    assert_int_equal(table_print(&table, out), 0); /* nothing new */
    fclose(out);
    assert_string_equal(text, "  id  word\n1000  k\xc3\xb6nig\n 7  a b \n");
    free(text);
    table_release(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),   cmocka_unit_test(test_errors),
        cmocka_unit_test(test_help),    cmocka_unit_test(test_suggestions),
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_progress),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
