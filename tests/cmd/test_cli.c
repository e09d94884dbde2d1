/*
 * The program from outside: import, describe, search, query, check, dump and drop on the words
 * sample and on a small CSV file, in a directory that is removed afterwards. Fails when the program
 * was not built.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <ftw.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/json.h"

static char dir[64];
static char program[1024], sample[1024];
static struct buffer output; /* of the last run: standard output, then a NUL */

/* Runs the program with these arguments; stderr goes to "<dir>/err". Returns the exit code. */
static int run(const char *fmt, ...)
{
    char args[2048], command[4600];
    va_list list;
    va_start(list, fmt);
    vsnprintf(args, sizeof args, fmt, list);
    va_end(list);
    snprintf(command, sizeof command, "'%s' %s 2>%s/err", program, args, dir);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    buffer_clear(&output);
    char piece[4096];
    for (size_t got; (got = fread(piece, 1, sizeof piece, pipe)) > 0;) {
        buffer_put(&output, piece, got);
    }
    buffer_put_u8(&output, 0);
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static const char *text(void)
{
    return (const char *)output.data;
}

static const char *complaint(void)
{
    static char bytes[4096];
    char path[128];
    snprintf(path, sizeof path, "%s/err", dir);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    bytes[fread(bytes, 1, sizeof bytes - 1, file)] = '\0';
    fclose(file);
    return bytes;
}

#define RUN(code, ...)                                                                            \
    do {                                                                                          \
        int got_code = run(__VA_ARGS__);                                                          \
        if (got_code != (code)) fail_msg("exit code %d: %s", got_code, complaint());              \
    } while (0)

#define COMPLAINS(part)                                                                           \
    do {                                                                                          \
        if (!strstr(complaint(), part)) fail_msg("'%s' lacks '%s'", complaint(), part);           \
    } while (0)

/* A member of the JSON object that was printed; `array` NULL: of the object itself, else of
 * array[index]. */
static struct json_value member(const char *array, size_t index, const char *name)
{
    const struct json_step steps[] = {
        {array, array ? strlen(array) : 0, 0}, {NULL, 0, index}, {name, strlen(name), 0}};
    struct json_value value;
    if (json_find(text(), strlen(text()), array ? steps : steps + 2, array ? 3 : 1, &value)) {
        fail_msg("no '%s' in %s", name, text());
    }
    return value;
}

static int64_t number(const char *name)
{
    return member(NULL, 0, name).integer;
}

static void import_sample(const char *more)
{
    RUN(0, "import '%s' --db %s/db --collection words --metric cosine --batch 1000 --json "
        "--index hnsw,M=16 %s", sample, dir, more);
}

static void test_import(void **state)
{
    (void)state;
    import_sample("--limit 3000");
    assert_int_equal(number("inserted"), 3000);
    assert_int_equal(number("ignored"), 0);

    RUN(1, "import '%s' --db %s/db --collection words", sample, dir); /* keys would collide */
    COMPLAINS("--resume");

    import_sample("--limit 6000 --resume");
    assert_int_equal(number("skipped"), 3000);
    assert_int_equal(number("inserted"), 3000);
    import_sample("--limit 6000 --resume");
    assert_int_equal(number("skipped"), 6000);
    assert_int_equal(number("inserted"), 0);

    RUN(0, "collection describe words --db %s/db --json", dir);
    assert_int_equal(number("rows"), 6000);
    assert_true(member("fields", 0, "primary").boolean);
    struct json_value metric = member("fields", 2, "metric");
    assert_true(json_string_equals(&metric, "COSINE", 6));
    assert_int_equal(member("indexes", 0, "m").integer, 16);
    RUN(0, "collection list --db %s/db", dir);
    assert_non_null(strstr(text(), "words       6,000"));
}

static void test_search(void **state)
{
    (void)state;
    int64_t exact[5];
    int common = 0;
    RUN(0, "search --db %s/db --collection words --like-field word --like king --k 5 --json "
        "--exact", dir);
    for (size_t i = 0; i < 5; i++) exact[i] = member("hits", i, "id").integer;
    struct json_value word = member("hits", 0, "word");
    assert_true(json_string_equals(&word, "king", 4));
    assert_true(member("hits", 0, "distance").number < 1e-3);
    assert_true(member("hits", 4, "distance").number > member("hits", 0, "distance").number);

    RUN(0, "search --db %s/db --collection words --like %lld --k 5 --json", dir,
        (long long)exact[0]);
    assert_int_equal(member("hits", 0, "id").integer, exact[0]);
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < 5; j++) common += member("hits", i, "id").integer == exact[j];
    }
    assert_true(common >= 4);

    RUN(0, "search --db %s/db --collection words --file '%s' --row %lld --k 1 --json --exact", dir,
        sample, (long long)exact[1]);
    assert_int_equal(member("hits", 0, "id").integer, exact[1]);
    RUN(0, "search --db %s/db --collection words --like %lld --k 2 --filter 'id != %lld' --json",
        dir, (long long)exact[0], (long long)exact[0]);
    assert_true(member("hits", 0, "id").integer != exact[0]);
    RUN(0, "search --db %s/db --collection words --like %lld --k 3 --output word", dir,
        (long long)exact[0]);
    assert_non_null(strstr(text(), "  king\n"));
}

static size_t lines(void)
{
    size_t count = 0;
    for (const char *at = text(); *at; at++) count += *at == '\n';
    return count;
}

static void test_query(void **state)
{
    (void)state;
    RUN(0, "query --db %s/db --collection words --filter 'id < 3' --json", dir);
    assert_int_equal(lines(), 3);
    assert_int_equal(number("id"), 0);
    struct json_value first = member(NULL, 0, "word");
    assert_true(json_string_equals(&first, "the", 3));
    RUN(0, "query --db %s/db --collection words --json --limit 0", dir);
    assert_int_equal(lines(), 6000);
    RUN(0, "query --db %s/db --collection words --offset 5990 --limit 4", dir);
    assert_int_equal(lines(), 5); /* and a heading */
    RUN(0, "query --db %s/db --collection words --filter 'id >= 10' --count", dir);
    assert_string_equal(text(), "5990\n");
}

static void test_errors(void **state)
{
    (void)state;
    RUN(2, "serch");
    COMPLAINS("did you mean 'kith search'");
    RUN(2, "search --db %s/db", dir);
    RUN(2, "query --db %s/db --collection words --fliter x", dir);
    COMPLAINS("'--filter'");
    RUN(1, "query --db %s/none --collection words", dir);
    RUN(1, "query --db %s/db --collection wrds", dir);
    COMPLAINS("'words'");
    RUN(1, "query --db %s/db --collection words --filter 'id < < 3'", dir);
    COMPLAINS("id < < 3\n");
    COMPLAINS("^");
    RUN(1, "search --db %s/db --collection words --vector '[1,2]'", dir);
    COMPLAINS("dimension 100");
    RUN(1, "import %s/none.csv --db %s/db --collection none", dir, dir);
    RUN(0, "import --help");
    assert_non_null(strstr(text(), "for example:"));
    RUN(0, "version --json");
    assert_non_null(strstr(text(), "\"search_k\":16384"));
}

static void test_csv(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/rows.csv", dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("id,name,price,vector\na,one,1.5,\"[1,0]\"\nb,,,\"[0,1]\"\nc,three,3,\"[1,1]\"\n", file);
    fclose(file);
    RUN(0, "import %s --db %s/db --collection rows", path, dir);
    RUN(0, "import %s --db %s/db --collection rows --json", path, dir); /* again */
    assert_int_equal(number("ignored"), 3);
    RUN(0, "query --db %s/db --collection rows --filter 'name is null' --json --output '*,vector'",
        dir);
    assert_string_equal(text(),
                        "{\"id\":\"b\",\"name\":null,\"price\":null,\"vector\":[0,1]}\n");
    RUN(0, "search --db %s/db --collection rows --vector '[0,0.9]' --k 1 --json", dir);
    struct json_value key = member("hits", 0, "id");
    assert_true(json_string_equals(&key, "b", 1));
    RUN(0, "collection drop rows --db %s/db", dir);
    RUN(0, "collection list --db %s/db", dir);
    assert_null(strstr(text(), "\nrows "));
}

/* ---- check ---- */

static char victim[1024];
static off_t victim_bytes;

static int find_victim(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)ftw;
    const char *dot = strrchr(path, '.');
    if (kind != FTW_F || !dot || strcmp(dot, ".seg") != 0) return 0;
    if (info->st_size <= victim_bytes) return 0;
    victim_bytes = info->st_size;
    snprintf(victim, sizeof victim, "%s", path);
    return 0;
}

static void flip_byte(const char *path, long offset)
{
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    fputc(byte ^ 1, file);
    fclose(file);
}

static void test_check(void **state)
{
    (void)state;
    char db[128];
    snprintf(db, sizeof db, "%s/db", dir);
    RUN(0, "check %s", db);
    assert_non_null(strstr(text(), "ok: "));
    assert_int_equal(nftw(db, find_victim, 8, FTW_PHYS), 0);
    assert_true(victim_bytes > 0);
    RUN(0, "dump %s", victim);
    assert_true(lines() > 3);
    flip_byte(victim, (long)(victim_bytes / 2));
    RUN(1, "check %s --json", db);
    assert_true(number("problem_count") >= 1);
    flip_byte(victim, (long)(victim_bytes / 2));
    RUN(0, "check %s", db);
}

/* ---- the directory ---- */

static int set_up(void **state)
{
    (void)state;
    const char *built = getenv("KITH_BINARY_DIR");
    const char *source = getenv("KITH_SOURCE_DIR");
    snprintf(program, sizeof program, "%s/kith", built ? built : "build");
    snprintf(sample, sizeof sample, "%s/tests/data/words-sample.bin", source ? source : ".");
    snprintf(dir, sizeof dir, "/tmp/kith-cli-XXXXXX");
    buffer_init(&output);
    if (access(program, X_OK) != 0) {
        fprintf(stderr, "%s was not built\n", program);
        return -1;
    }
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    buffer_release(&output);
    return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_import), cmocka_unit_test(test_search), cmocka_unit_test(test_query),
        cmocka_unit_test(test_csv),    cmocka_unit_test(test_errors), cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
