/*
 * The house checks itself: the rules of CONTRIBUTING.md that a program can decide, over src/ and
 * include/. Beside each rule stands a planted violation in a tree of its own, so that a rule that
 * has gone blind fails here and not years later.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

#include "house/house_readme.h"
#include "house/house_rules.h"

static const char *root;
static struct findings out;

static void nothing_found(void)
{
    if (!out.count) return;
    fputs(out.text, stderr); /* all of them: cmocka cuts a message at 1 KiB */
    fail_msg("%zu found", out.count);
}

static void found_once(const char *part)
{
    if (out.count != 1 || !strstr(out.text, part)) {
        fail_msg("wanted one '%s', found %zu:\n%s", part, out.count, out.text);
    }
}

/* ---- a planted tree ---- */

static char plant_root[HOUSE_PATH_MAX];

static int plant_begin(void **state)
{
    (void)state;
    memset(&out, 0, sizeof out);
    const char *tmp = getenv("TMPDIR");
    spell(plant_root, sizeof plant_root, "%s/kith-house-XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(plant_root) ? 0 : -1;
}

static int plant_end(void **state)
{
    (void)state;
    char command[HOUSE_PATH_MAX + 16];
    spell(command, sizeof command, "rm -rf '%s'", plant_root);
    return system(command) == 0 ? 0 : -1;
}

static int fresh(void **state)
{
    (void)state;
    memset(&out, 0, sizeof out);
    return 0;
}

/* Writes src/<room>/<name> in the planted tree. */
static void plant(const char *room, const char *name, const char *text)
{
    char path[2 * HOUSE_PATH_MAX];
    spell(path, sizeof path, "%s/src", plant_root);
    (void)mkdir(path, 0700);
    spell(path, sizeof path, "%s/src/%s", plant_root, room);
    (void)mkdir(path, 0700);
    spell(path, sizeof path, "%s/src/%s/%s", plant_root, room, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

/* ---- the compiler as a rule ---- */

/* Runs the compiler without output over the files; its messages go to the log of the test. */
static int compiles(const char *tree, const char *options, const char *files)
{
    char command[HOUSE_TEXT_MAX];
    const char *cc = getenv("CC");
    int n = snprintf(command, sizeof command, "cd '%s' && %s %s %s </dev/null", tree,
                     cc && *cc ? cc : "cc", options, files);
    assert_true(n > 0 && (size_t)n < sizeof command);
    return system(command) == 0;
}

/* Generated headers (protobuf messages) lie in the build. */
static char header_options[HOUSE_PATH_MAX + 160];

static void choose_header_options(void)
{
    const char *build = getenv("KITH_BINARY_DIR");
    spell(header_options, sizeof header_options,
          "-std=gnu17 -fsyntax-only -Wall -Wextra -Werror -D_GNU_SOURCE -Isrc -Iinclude "
          "-isystem '%s/milvus-pb' -x c",
          build ? build : "build");
}

static void list_header(const struct page *page, struct findings *list)
{
    if (!ends_with(page->name, ".h")) return;
    size_t room = sizeof list->text - list->len;
    int n = snprintf(list->text + list->len, room, " %s", page->path);
    assert_true(n > 0 && (size_t)n < room);
    list->len += (size_t)n;
    list->count++;
}

static bool headers_compile(const char *tree)
{
    check_rooms(tree, list_header, &out);
    visit_folder(tree, "include", "include/kith", list_header, &out);
    assert_true(out.count > 0);
    return compiles(tree, header_options, out.text);
}

/* ---- this tree ---- */

static void test_includes(void **state)
{
    (void)state;
    check_rooms(root, rule_includes, &out);
    nothing_found();
}

static void test_calls(void **state)
{
    (void)state;
    check_rooms(root, rule_calls, &out);
    nothing_found();
}

static void test_size(void **state)
{
    (void)state;
    check_rooms(root, rule_size, &out);
    visit_folder(root, "include", "include/kith", rule_size, &out);
    nothing_found();
}

static void test_columns(void **state)
{
    (void)state;
    check_rooms(root, rule_columns, &out);
    if (out.count) print_message("%zu lines over %d columns\n", out.count, HOUSE_COLUMNS_MAX);
    fresh(NULL);
    check_rooms(root, rule_columns, &out);
    visit_folder(root, "include", "include/kith", rule_columns, &out);
    visit_folder(root, "house", "tests/house", rule_columns, &out);
    nothing_found();
}

static void test_paths(void **state)
{
    (void)state;
    static const char *const folders[] = { "include/kith", "bench", "bench/peers", "fuzz", "tools",
                                           "examples", "tests/house" };
    check_rooms(root, rule_paths, &out);
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        visit_folder(root, "", folders[i], rule_paths, &out);
    }
    nothing_found();
}

static void test_opening(void **state)
{
    (void)state;
    check_rooms(root, rule_opening, &out);
    visit_folder(root, "include", "include/kith", rule_opening, &out);
    nothing_found();
}

static void test_readmes(void **state)
{
    (void)state;
    check_readmes(root, &out);
    nothing_found();
}

static void test_contents(void **state)
{
    (void)state;
    check_contents(root, &out);
    nothing_found();
}

static void test_unique(void **state)
{
    (void)state;
    check_unique(root, &out);
    nothing_found();
}

static void test_headers(void **state)
{
    (void)state;
    assert_true(headers_compile(root));
}

static void test_public_header(void **state)
{
    (void)state;
    static const char c11[] = "-std=c11 -pedantic -fsyntax-only -Wall -Wextra -Werror -Iinclude "
                              "-x c";
    static const char cxx[] = "-std=c++17 -pedantic -fsyntax-only -Wall -Wextra -Werror -Iinclude "
                              "-x c++";
    assert_true(compiles(root, c11, "include/kith/kith.h"));
    if (system("command -v g++ >/dev/null") == 0) {
        assert_true(compiles(root, cxx, "include/kith/kith.h"));
    }
}

/* The first C block of README.md is a program that compiles. */
static void test_readme_example(void **state)
{
    (void)state;
    static const char fence[] = "```c\n";
    char *readme = load(root, "README.md");
    assert_non_null(readme);
    char *text = strstr(readme, fence);
    assert_non_null(text);
    text += sizeof fence - 1;
    char *end = strstr(text, "\n```");
    assert_non_null(end);
    end[1] = '\0';
    plant("example", "example.c", text);
    free(readme);
    char file[HOUSE_PATH_MAX + 32];
    spell(file, sizeof file, "'%s/src/example/example.c'", plant_root);
    static const char c11[] = "-std=c11 -pedantic -fsyntax-only -Wall -Wextra -Werror -Iinclude "
                              "-x c";
    assert_true(compiles(root, c11, file));
}

/* ---- the rules can see ---- */

static void test_sees_includes(void **state)
{
    (void)state;
    plant("base", "a.c", "/* a */\n#include \"base/a.h\"\n#include <kith/status.h>\n"
                         "// #include \"os/no.h\"\n#include \"os/os.h\"\n");
    plant("os", "b.c", "/* b */\n#include \"base/a.h\"\n#include \"os/os.h\"\n");
    check_rooms(plant_root, rule_includes, &out);
    found_once("src/base/a.c:5: 'base' may not include 'os'");
}

static void test_sees_short_includes_and_strangers(void **state)
{
    (void)state;
    plant("os", "a.c", "#include \"os.h\"\n");
    check_rooms(plant_root, rule_includes, &out);
    found_once("src/os/a.c:1: an include names its room");
    fresh(NULL);
    plant("os", "a.c", "\n");
    plant("attic", "b.c", "\n");
    check_rooms(plant_root, rule_includes, &out);
    found_once("'attic' is not in the table");
}

static void test_sees_calls(void **state)
{
    (void)state;
    static const char *const never[] = { "sprintf(b, s)", "strcpy(a, b)", "atoi(s)", "gets(b)" };
    static const char *const not_here[] = { "malloc(1)", "free (p)", "strdup(s)", "time(NULL)",
                                            "open(p, 0)", "pthread_create(a)", "usleep(1)" };
    static const char *const fine[] = { "ops->open(p)", "t.free(p)", "mem_free(p)", "x = time;",
                                        "/* malloc(1) */", "\"open(x)\"", "snprintf(b, 1, s)" };
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        fresh(NULL);
        plant("os", "a.c", never[i]);
        check_rooms(plant_root, rule_calls, &out);
        found_once("nobody may call");
    }
    for (size_t i = 0; i < sizeof not_here / sizeof not_here[0]; i++) {
        fresh(NULL);
        plant("os", "a.c", "\n");
        plant("index", "b.c", not_here[i]);
        check_rooms(plant_root, rule_calls, &out);
        found_once("src/index/b.c:1: only");
    }
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        fresh(NULL);
        plant("index", "b.c", fine[i]);
        check_rooms(plant_root, rule_calls, &out);
        nothing_found();
    }
}

static void test_calls_have_a_home(void **state)
{
    (void)state;
    plant("base", "alloc.c", "malloc(1); free(p);");
    plant("os", "a.c", "open(p, 0); pthread_create(a); clock_gettime(b);");
    check_rooms(plant_root, rule_calls, &out);
    nothing_found();
    plant("os", "b.c", "malloc(1);");
    check_rooms(plant_root, rule_calls, &out);
    found_once("only base/alloc.c may call malloc");
}

/* A text of `count` lines between `first` and `last`. */
static const char *lines(const char *first, size_t count, const char *last)
{
    static char text[HOUSE_TEXT_MAX];
    size_t len = (size_t)snprintf(text, sizeof text, "%s", first);
    for (size_t i = 0; i < count; i++) text[len++] = '\n';
    snprintf(text + len, sizeof text - len, "%s", last);
    return text;
}

static void test_sees_size(void **state)
{
    (void)state;
    plant("os", "a.c", lines("", HOUSE_LINES_MAX, ""));
    plant("os", "b.c", lines("void f(void)\n{\n", HOUSE_FUNCTION_MAX - 1, "}\n"));
    check_rooms(plant_root, rule_size, &out);
    nothing_found();
    plant("os", "a.c", lines("", HOUSE_LINES_MAX + 1, ""));
    check_rooms(plant_root, rule_size, &out);
    found_once("a.c: 701 lines");
    fresh(NULL);
    plant("os", "a.c", "\n");
    plant("os", "b.c", lines("void f(void)\n{\n", HOUSE_FUNCTION_MAX, "}\n"));
    check_rooms(plant_root, rule_size, &out);
    found_once("b.c:2: a function of 70 lines");
}

static void test_sees_columns(void **state)
{
    (void)state;
    char line[128];
    memset(line, 'x', sizeof line);
    line[HOUSE_COLUMNS_MAX] = '\0';
    plant("os", "a.c", line);
    check_rooms(plant_root, rule_columns, &out);
    nothing_found();
    line[HOUSE_COLUMNS_MAX] = 'x';
    line[HOUSE_COLUMNS_MAX + 1] = '\0';
    plant("os", "a.c", line);
    check_rooms(plant_root, rule_columns, &out);
    found_once("a.c:1: over 100 columns");
}

static void test_sees_paths_and_openings(void **state)
{
    (void)state;
    char text[64];
    spell(text, sizeof text, "/* */\nx(\"%syou/x\");\n", machine_roots[0]);
    plant("os", "a.c", text);
    check_rooms(plant_root, rule_paths, &out);
    found_once("src/os/a.c:2: a path of one machine");
    fresh(NULL);
    plant("os", "a.c", "int x;\n");
    check_rooms(plant_root, rule_opening, &out);
    found_once("src/os/a.c: does not open");
}

static void test_sees_missing_readme_and_double_names(void **state)
{
    (void)state;
    plant("os", "a.c", "\n");
    plant("log", "only.h", "\n");
    check_readmes(plant_root, &out);
    found_once("src/os: no README.md");
    fresh(NULL);
    plant("log", "a.c", "\n");
    check_unique(plant_root, &out);
    found_once("a.c: another file of src/ has this name");
}

static void test_sees_contents(void **state)
{
    (void)state;
    plant("os", "a.c", "\n");
    plant("os", "a_internal.h", "\n");
    plant("os", "b_one.c", "\n");
    plant("os", "README.md", "Read `a.c` first.\n\n| file | what |\n|---|---|\n| `b_*.c` | x |\n");
    check_contents(plant_root, &out);
    nothing_found();
    plant("os", "c.h", "\n");
    check_contents(plant_root, &out);
    found_once("src/os/c.h: not named in src/os/README.md");
    fresh(NULL);
    plant("os", "README.md", "| `a.[ch]`, `b_one.c` | x |\n| `c.h`, `b_one.c` | y |\n");
    check_contents(plant_root, &out);
    found_once("src/os/README.md: `b_one.c` twice");
    fresh(NULL);
    plant("os", "README.md", "| `a.c`, `b_one.c`, `c.h`, `gone.c` | x |\n| `test_x.c` | y |\n");
    check_contents(plant_root, &out);
    found_once("src/os/README.md: `gone.c` is no file");
}

static void test_sees_a_leaning_header(void **state)
{
    (void)state;
    plant("os", "a.h", "#include <stddef.h>\nsize_t f(void);\n");
    assert_true(headers_compile(plant_root));
    fresh(NULL);
    plant("os", "b.h", "size_t g(void);\n");
    char quiet[HOUSE_TEXT_MAX];
    check_rooms(plant_root, list_header, &out);
    spell(quiet, sizeof quiet, "%s 2>/dev/null", out.text);
    assert_false(compiles(plant_root, header_options, quiet));
}

#define PLANTED(test) cmocka_unit_test_setup_teardown(test, plant_begin, plant_end)
#define HERE(test) cmocka_unit_test_setup(test, fresh)

int main(void)
{
    root = getenv("KITH_SOURCE_DIR");
    if (!root) root = ".";
    choose_header_options();
    const struct CMUnitTest tests[] = {
        HERE(test_includes),
        HERE(test_calls),
        HERE(test_size),
        HERE(test_columns),
        HERE(test_paths),
        HERE(test_opening),
        HERE(test_readmes),
        HERE(test_contents),
        HERE(test_unique),
        HERE(test_headers),
        HERE(test_public_header),
        PLANTED(test_readme_example),
        PLANTED(test_sees_includes),
        PLANTED(test_sees_short_includes_and_strangers),
        PLANTED(test_sees_calls),
        PLANTED(test_calls_have_a_home),
        PLANTED(test_sees_size),
        PLANTED(test_sees_columns),
        PLANTED(test_sees_paths_and_openings),
        PLANTED(test_sees_missing_readme_and_double_names),
        PLANTED(test_sees_contents),
        PLANTED(test_sees_a_leaning_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
