/*
 * The text index against reading every row: BM25 (order, scores, statistics over several segments,
 * allowed rows, bounds), words and phrases, equal bytes, failing allocations.
 */
#include "text_help.h"

#define K 10

static char standard[] = "{}";
static uint64_t seed(void)
{
    const char *given = getenv("KITH_TEST_SEED");
    return given ? strtoull(given, NULL, 0) : 20260;
}

static void random_query(struct rng *rng, size_t words, char *out)
{
    size_t len = 0;
    const size_t count = 1 + rng_below(rng, 6);
    for (size_t i = 0; i < count; i++) {
        const double u = rng_f64(rng);
        len += (size_t)sprintf(out + len, "%sw%d", i ? " " : "", (int)((double)words * u * u));
    }
}

/* What every part answers, and merged, is what the reference says. */
static void expect_search(struct texts *parts, struct built *built, size_t part_count,
                          const char *text, struct analyzer *analyzer,
                          const struct bitset *allowed)
{
    const double k1 = 1.2, b = 0.75;
    struct text_query query;
    struct text_statistics statistics;
    struct text_scoring scoring;
    assert_int_equal(text_query_init(analyzer, (struct kith_str){ text, strlen(text) }, &query), 0);
    assert_int_equal(text_statistics_init(&query, &statistics), 0);
    for (size_t p = 0; p < part_count; p++)
        assert_int_equal(text_statistics_add(built[p].index, &query, &statistics), 0);
    assert_int_equal(text_scoring_init(&query, &statistics, k1, b, &scoring), 0);
    struct naive naive = naive_scores(parts, part_count, text, k1, b);
    size_t base = 0;
    for (size_t p = 0; p < part_count; p++) {
        struct hit hits[K], expected[K];
        struct topk top;
        topk_init(&top, expected, K);
        for (size_t i = 0; i < parts[p].rows; i++) {
            if (allowed && !bitset_get(&allowed[p], i)) continue;
            if (naive.scores[base + i] > 0)
                topk_push(&top, (struct hit){ -(float)naive.scores[base + i], (uint32_t)i });
        }
        topk_sort(&top);
        const struct walk_search search = { .end = parts[p].rows, .k = K, .bound = INFINITY,
                                            .allowed = allowed ? &allowed[p] : NULL };
        size_t count;
        assert_int_equal(text_index_search(built[p].index, &query, &scoring, &search, hits, &count),
                         0);
        assert_int_equal(count, top.count);
        for (size_t i = 0; i < count; i++) {
            if (hits[i].id != expected[i].id || hits[i].distance != expected[i].distance) {
                fail_msg("'%s', part %zu, %zu: row %u %.9g, expected %u %.9g", text, p, i,
                         hits[i].id, (double)hits[i].distance, expected[i].id,
                         (double)expected[i].distance);
            }
        }
        base += parts[p].rows;
    }
    free(naive.scores);
    text_scoring_release(&scoring);
    text_statistics_release(&statistics);
    text_query_release(&query);
}

/* Scores of the reference are summed in another order: equal as floats but for a last bit, which
 * these seeds do not hit. */
static void bm25(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, seed());
    struct analyzer *analyzer;
    assert_int_equal(analyzer_new(standard, 2, &analyzer, NULL), 0);
    const size_t rows[3] = { 9000, 700, 63 };
    const struct schema_field field = text_field(standard, false);
    struct texts parts[3];
    struct built built[3];
    struct bitset allowed[3];
    for (size_t p = 0; p < 3; p++) {
        parts[p] = texts_random(&rng, rows[p], 3000, 20, p == 1);
        built[p] = text_built(&parts[p], &field);
        assert_int_equal(bitset_init(&allowed[p], rows[p], false), 0);
        for (size_t i = 0; i < rows[p]; i++)
            if (rng_below(&rng, 3) == 0) bitset_set(&allowed[p], i);
    }
    for (int round = 0; round < 60; round++) {
        char text[256];
        random_query(&rng, 3000, text);
        expect_search(parts, built, 3, text, analyzer, round % 2 ? allowed : NULL);
    }
    expect_search(parts, built, 3, "nowhere", analyzer, NULL);
    expect_search(parts, built, 3, "w0 w0 w0 w1", analyzer, NULL);
    for (size_t p = 0; p < 3; p++) {
        bitset_release(&allowed[p]);
        built_free(&built[p]);
        texts_free(&parts[p]);
    }
    analyzer_free(analyzer);
}

/* ---- words and phrases */

static bool naive_phrase(struct kith_str text, const char *phrase)
{
    char padded[4096];
    snprintf(padded, sizeof padded, " %.*s", (int)text.len, text.data);
    char wanted[256];
    assert_true((size_t)snprintf(wanted, sizeof wanted, " %s ", phrase) < sizeof wanted);
    return strstr(padded, wanted) != NULL;
}

static void expect_probe(const struct built *built, const struct texts *texts,
                         const struct probe *probe, uint32_t least_words)
{
    struct bitset yes, present;
    assert_int_equal(bitset_init(&yes, texts->rows, false), 0);
    assert_int_equal(bitset_init(&present, texts->rows, false), 0);
    struct probe_answer answer = { .yes = &yes, .present = &present };
    assert_int_equal(text_index_ops.probe(built->index, probe, &answer), 0);
    assert_true(answer.exact);
    char words[256];
    snprintf(words, sizeof words, "%s", probe->pattern.data);
    for (size_t i = 0; i < texts->rows; i++) {
        bool expected = texts_valid(texts, i);
        assert_int_equal(bitset_get(&present, i), expected);
        if (probe->kind == PROBE_PHRASE) {
            expected = expected && naive_phrase(texts->strs[i], words);
        } else if (expected) {
            size_t found = 0;
            for (const char *at = words; *at;) {
                const size_t len = strcspn(at, " ");
                found += naive_count(texts->strs[i], (struct kith_str){ at, len }) > 0;
                at += len + (at[len] == ' ');
            }
            expected = found >= least_words;
        }
        assert_int_equal(bitset_get(&yes, i), expected);
    }
    uint64_t estimate = 0;
    assert_int_equal(text_index_ops.estimate(built->index, probe, &estimate), 0);
    assert_true(estimate * least_words >= bitset_count(&yes) || least_words > 1);
    bitset_release(&yes);
    bitset_release(&present);
}

static void probes(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, seed() + 1);
    struct texts texts = texts_random(&rng, 3000, 40, 30, true);
    const struct schema_field field = text_field(standard, true);
    struct built built = text_built(&texts, &field);
    for (int round = 0; round < 150; round++) {
        char words[128];
        const int a = (int)rng_below(&rng, 40), b = (a + 1 + (int)rng_below(&rng, 39)) % 40,
                  c = (int)rng_below(&rng, 4);
        snprintf(words, sizeof words, round % 3 ? "w%d w%d" : "w%d w%d w%d", a, b, 40 + c);
        struct probe probe = { .kind = PROBE_MATCH, .pattern = { words, strlen(words) } };
        probe.least = 1 + (uint32_t)(round % 2);
        expect_probe(&built, &texts, &probe, probe.least);
        snprintf(words, sizeof words, round % 3 ? "w%d w%d" : "w%d w%d w%d", c, a % 4, b % 4);
        probe = (struct probe){ .kind = PROBE_PHRASE, .pattern = { words, strlen(words) } };
        expect_probe(&built, &texts, &probe, 1);
    }
    built_free(&built);
    texts_free(&texts);
}

static void gaps(void **state)
{
    (void)state;
    char one[] = "the quick brown fox", two[] = "quick fox brown", three[] = "quick very very fox";
    struct kith_str strs[3] = { { one, strlen(one) }, { two, strlen(two) }, { three, strlen(three) } };
    struct texts texts = { strs, NULL, 3 };
    const struct schema_field field = text_field(standard, true);
    struct built built = text_built(&texts, &field);
    const uint64_t expected[4] = { 2, 3, 7, 7 };
    for (uint32_t slop = 0; slop < 4; slop++) {
        uint64_t word = 0;
        struct bitset yes;
        bitset_wrap(&yes, &word, 3);
        struct probe_answer answer = { .yes = &yes };
        const struct probe probe = { .kind = PROBE_PHRASE, .pattern = { "quick fox", 9 },
                                     .slop = slop };
        assert_int_equal(text_index_ops.probe(built.index, &probe, &answer), 0);
        assert_int_equal(word, expected[slop]);
    }
    built_free(&built);
}

/* ---- bytes, memory */

static void same_bytes(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 9);
    struct texts texts = texts_random(&rng, 1000, 300, 20, true);
    const struct schema_field field = text_field(standard, true);
    struct built a = text_built(&texts, &field), b = text_built(&texts, &field);
    assert_int_equal(a.image.count, b.image.count);
    for (size_t i = 0; i < a.image.count; i++) {
        assert_int_equal(a.image.sections[i].len, b.image.sections[i].len);
        assert_memory_equal(a.image.sections[i].data, b.image.sections[i].data,
                            a.image.sections[i].len);
    }
    built_free(&a);
    built_free(&b);
    texts_free(&texts);
}

static void empty(void **state)
{
    (void)state;
    struct kith_str none[1] = { { "", 0 } };
    struct texts texts = { none, NULL, 1 };
    const struct schema_field field = text_field(standard, true);
    struct built built = text_built(&texts, &field);
    assert_int_equal(text_index_rows(built.index), 1);
    built_free(&built);
    texts.rows = 0;
    built = text_built(&texts, &field);
    built_free(&built);
}

static int build_and_ask(struct texts *texts, const struct schema_field *field)
{
    struct index_image image = { .count = 0 };
    struct scalar_index *index = NULL;
    const struct scalar_index_params params = { .field = field };
    const struct index_job job = { .os = os_real(), .threads = 1 };
    struct chunk_source source = texts_source(texts);
    int rc = text_index_ops.build(&source, 0, &params, &job, &image, NULL);
    if (rc) return rc;
    struct index_view_section views[INDEX_SECTIONS_MAX];
    for (size_t i = 0; i < image.count; i++) {
        views[i] = (struct index_view_section){
            image.sections[i].id, { image.sections[i].data, image.sections[i].len, NULL }
        };
    }
    rc = text_index_ops.open(os_real(), views, image.count, texts->rows, &params, &index, NULL);
    uint64_t words[2] = { 0 };
    struct bitset yes;
    bitset_wrap(&yes, words, texts->rows);
    struct probe_answer answer = { .yes = &yes };
    struct probe probe = { .kind = PROBE_PHRASE, .pattern = { "w0 w0", 5 } };
    if (rc == 0) rc = text_index_ops.probe(index, &probe, &answer);
    probe = (struct probe){ .kind = PROBE_MATCH, .pattern = { "w0 w1", 5 }, .least = 2 };
    if (rc == 0) rc = text_index_ops.probe(index, &probe, &answer);
    struct text_query query = { .bytes = NULL };
    struct text_statistics statistics = { .rows = NULL };
    struct text_scoring scoring = { .weights = NULL };
    struct analyzer *analyzer = NULL;
    if (rc == 0) rc = analyzer_new(standard, 2, &analyzer, NULL);
    if (rc == 0) rc = text_query_init(analyzer, (struct kith_str){ "w0 w1", 5 }, &query);
    if (rc == 0) rc = text_statistics_init(&query, &statistics);
    if (rc == 0) rc = text_statistics_add(index, &query, &statistics);
    if (rc == 0) rc = text_scoring_init(&query, &statistics, 1.2, 0.75, &scoring);
    struct hit hits[K];
    size_t count;
    const struct walk_search search = { .end = texts->rows, .k = K, .bound = INFINITY };
    if (rc == 0) rc = text_index_search(index, &query, &scoring, &search, hits, &count);
    text_scoring_release(&scoring);
    text_statistics_release(&statistics);
    text_query_release(&query);
    analyzer_free(analyzer);
    if (index) index->ops->close(index);
    index_image_release(os_real(), &image);
    return rc;
}

static void allocations_fail(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 11);
    struct texts texts = texts_random(&rng, 100, 20, 12, true);
    const struct schema_field field = text_field(standard, true);
    for (uint64_t nth = 1;; nth++) {
        alloc_fault_arm(nth, false);
        const int rc = build_and_ask(&texts, &field);
        const uint64_t seen = alloc_fault_count();
        alloc_fault_disarm();
        if (seen < nth) {
            assert_int_equal(rc, 0);
            break;
        }
        assert_int_equal(rc, KITH_ENOMEM);
    }
    texts_free(&texts);
}

/* Any byte may be wrong: opening, asking and validating end, and no row is out of range. */
static void damaged(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, seed() + 3);
    struct texts texts = texts_random(&rng, 600, 60, 12, true);
    const struct schema_field field = text_field(standard, true);
    struct built built = text_built(&texts, &field);
    const struct scalar_index_params params = { .field = &field };
    struct analyzer *analyzer;
    struct text_query query;
    struct text_statistics statistics;
    assert_int_equal(analyzer_new(standard, 2, &analyzer, NULL), 0);
    assert_int_equal(text_query_init(analyzer, (struct kith_str){ "w0 w1 w2 w9", 11 }, &query), 0);
    for (int round = 0; round < 4000; round++) {
        struct index_view_section views[INDEX_SECTIONS_MAX];
        const size_t s = rng_below(&rng, built.image.count);
        struct index_section *section = &built.image.sections[s];
        if (section->len == 0) continue;
        const size_t at = rng_below(&rng, section->len);
        const uint8_t old = section->data[at];
        section->data[at] = (uint8_t)rng_u64(&rng);
        for (size_t i = 0; i < built.image.count; i++) {
            views[i] = (struct index_view_section){
                built.image.sections[i].id,
                { built.image.sections[i].data, built.image.sections[i].len, NULL }
            };
        }
        struct scalar_index *index = NULL;
        if (text_index_ops.open(os_real(), views, built.image.count, texts.rows, &params, &index,
                                NULL) == 0) {
            (void)!text_index_ops.validate(index, NULL);
            struct text_scoring scoring;
            struct hit hits[K];
            size_t count = 0;
            assert_int_equal(text_statistics_init(&query, &statistics), 0);
            (void)!text_statistics_add(index, &query, &statistics);
            assert_int_equal(text_scoring_init(&query, &statistics, 1.2, 0.75, &scoring), 0);
            const struct walk_search search = { .end = texts.rows, .k = K, .bound = INFINITY };
            if (text_index_search(index, &query, &scoring, &search, hits, &count) == 0)
                for (size_t i = 0; i < count; i++) assert_true(hits[i].id < texts.rows);
            uint64_t words[10] = { 0 };
            struct bitset yes;
            bitset_wrap(&yes, words, texts.rows);
            struct probe_answer answer = { .yes = &yes };
            const struct probe probe = { .kind = PROBE_PHRASE, .pattern = { "w0 w1", 5 } };
            (void)!text_index_ops.probe(index, &probe, &answer);
            text_scoring_release(&scoring);
            text_statistics_release(&statistics);
            index->ops->close(index);
        }
        section->data[at] = old;
    }
    text_query_release(&query);
    analyzer_free(analyzer);
    built_free(&built);
    texts_free(&texts);
}

int main(void)
{
    print_message("seed %llu\n", (unsigned long long)seed());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bm25),       cmocka_unit_test(probes),
        cmocka_unit_test(gaps),       cmocka_unit_test(same_bytes),
        cmocka_unit_test(empty),      cmocka_unit_test(allocations_fail),
        cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
