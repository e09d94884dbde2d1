/*
 * The load tester from its command line to its JSON: recall of an exact index is exactly 1, of a
 * graph it grows with ef; shared rows are noticed; wrong command lines are no failures.
 */
#include "bench_help.h"

#include "base/json.h"
#include "bench/bench.h"
#include "bench/bench_measure.h"

#define BASE 1500
#define QUERIES 60
#define DIM 16

static char base_path[128];
static char query_path[128];
static char json_path[128];

static int remove_ours(void *ctx, const char *name)
{
    (void)ctx;
    if (strncmp(name, base_path, strlen(base_path)) == 0) (void)remove(name);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    static float rows[(BASE + QUERIES) * DIM];
    fill_gauss(rows, (BASE + QUERIES) * DIM, 7);
    name_file(base_path, sizeof base_path, "base.fvecs");
    name_file(query_path, sizeof query_path, "query.fvecs");
    name_file(json_path, sizeof json_path, "out.json");
    write_vecs(base_path, rows, BASE, DIM);
    /* the last two base rows are queries too */
    write_vecs(query_path, rows + (BASE - 2) * DIM, QUERIES, DIM);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)remove(query_path);
    (void)remove(json_path);
    return os_list(os_real(), ".", remove_ours, NULL, NULL);
}

/* words: separated by single blanks, B, Q and J stand for the files. */
static int run(const char *words)
{
    char text[1024];
    char *argv[32];
    int argc = 0;
    snprintf(text, sizeof text, "%s", words);
    for (char *word = text; word && argc < 31;) {
        char *blank = strchr(word, ' ');
        if (blank) *blank++ = '\0';
        argv[argc++] = strcmp(word, "B") == 0   ? base_path
                       : strcmp(word, "Q") == 0 ? query_path
                       : strcmp(word, "J") == 0 ? json_path
                                                : word;
        word = blank;
    }
    argv[argc] = NULL;
    return bench_main(argc, argv);
}

static char json[16384];
static size_t json_len;

static void read_json(void)
{
    FILE *file = fopen(json_path, "rb");
    assert_non_null(file);
    json_len = fread(json, 1, sizeof json, file);
    fclose(file);
    assert_int_equal(json_validate(json, json_len, NULL), 0);
}

static double number_at(const char *first, size_t index, const char *last)
{
    const struct json_step steps[] = {{first, strlen(first), 0}, {NULL, 0, index},
                                      {last, last ? strlen(last) : 0, 0}};
    struct json_value value;
    assert_int_equal(json_find(json, json_len, steps, last ? 3 : 1, &value), 0);
    assert_true(value.kind == JSON_INT || value.kind == JSON_DOUBLE);
    return value.number;
}

static void exact_index(void **state)
{
    (void)state;
    static const char *const metrics[] = {"l2", "ip", "cosine"};
    for (size_t i = 0; i < 3; i++) {
        char words[256];
        snprintf(words, sizeof words,
                 "bench ann --base B --query Q --metric %s --index flat --repeat 1 --threads %zu "
                 "--json J", metrics[i], i + 1);
        assert_int_equal(run(words), 0);
        read_json();
        assert_true(number_at("points", 0, "recall") == 1.0);
        assert_true(number_at("points", 0, "short") == 0.0);
        assert_true(number_at("n", 0, NULL) == BASE);
        assert_true(number_at("raw_bytes", 0, NULL) == BASE * DIM * 4);
        assert_true(number_at("queries_in_base", 0, NULL) == 2.0);
    }
}

static void graph_index(void **state)
{
    (void)state;
    assert_int_equal(run("bench ann --base B --query Q --metric l2 --index "
                         "hnsw,M=12,ef_construction=80 --k 10 --sweep 10,40,200 --build-threads 2 "
                         "--repeat=2 --json J"), 0);
    read_json();
    const double low = number_at("points", 0, "recall");
    const double high = number_at("points", 2, "recall");
    print_message("recall %.4f at ef 10, %.4f at ef 200\n", low, high);
    assert_true(low >= 0.5);
    assert_true(high >= 0.995);
    assert_true(low <= high);
    assert_true(number_at("points", 1, "knob") == 40.0);
    for (size_t i = 0; i < 3; i++) {
        assert_true(number_at("points", i, "qps") > 0);
        assert_true(number_at("points", i, "p50_us") > 0);
        assert_true(number_at("points", i, "p99_us") >= number_at("points", i, "p50_us"));
    }
    assert_true(number_at("build_threads", 0, NULL) == 2.0);
    assert_true(number_at("index_bytes", 0, NULL) > BASE * DIM);
    assert_true(number_at("load_ms", 0, NULL) > 0);
}

/* gt writes what ann reads; a truth of other data is refused. */
static void truth_from_a_file(void **state)
{
    (void)state;
    char truth_path[128];
    char words[512];
    name_file(truth_path, sizeof truth_path, "gt.ivecs");
    snprintf(words, sizeof words, "bench gt --base B --query Q --k 10 --out %s", truth_path);
    assert_int_equal(run(words), 0);
    snprintf(words, sizeof words,
             "bench ann --base B --query Q --truth %s --index flat --repeat 1 --json J",
             truth_path);
    assert_int_equal(run(words), 0);
    read_json();
    assert_true(number_at("points", 0, "recall") == 1.0);
    snprintf(words, sizeof words, "bench ann --base Q --query B --truth %s --index flat",
             truth_path);
    assert_int_equal(run(words), 1);
    (void)remove(truth_path);
}

static void command_lines(void **state)
{
    (void)state;
    assert_int_equal(run("bench"), 2);
    assert_int_equal(run("bench --help"), 0);
    assert_int_equal(run("bench ann --help"), 0);
    assert_int_equal(run("bench gt --help"), 0);
    assert_int_equal(run("bench speed"), 2);
    static const char *const wrong[] = {
        "bench ann", "bench ann --base", "bench ann --base B --knob 3", "bench ann B",
        "bench ann --base B --metric hamming", "bench ann --base B --index ivf",
        "bench ann --base B --index hnsw,M=513", "bench ann --base B --index hnsw,",
        "bench ann --base B --index hnsw,M=", "bench ann --base B --index flat,M=3",
        "bench ann --base B --sweep 1,2,", "bench ann --base B --sweep 0",
        "bench ann --base B --k 1001", "bench ann --base B --k 0", "bench ann --base B --k 5x",
        "bench ann --base B --k 99999999999999999999", "bench ann --base B --threads 257",
        "bench ann --base B --repeat -1",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_int_equal(run(wrong[i]), 2);
    assert_int_equal(run("bench ann --base B"), 1);                        /* no queries */
    assert_int_equal(run("bench ann --base no-such-file --query Q"), 1);
    assert_int_equal(run("bench ann --base B --query Q --index flat --truth no-such-file"), 1);
}

static void percentiles(void **state)
{
    (void)state;
    uint64_t samples[200];
    for (size_t i = 0; i < 200; i++) samples[i] = i + 1;
    assert_int_equal(bench_percentile(samples, 200, 0.5), 100);
    assert_int_equal(bench_percentile(samples, 200, 0.99), 198);
    assert_int_equal(bench_percentile(samples, 200, 1.0), 200);
    assert_int_equal(bench_percentile(samples, 3, 0.5), 2);
    assert_int_equal(bench_percentile(samples, 1, 0.99), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_index),   cmocka_unit_test(graph_index),
        cmocka_unit_test(truth_from_a_file), cmocka_unit_test(command_lines),
        cmocka_unit_test(percentiles),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
