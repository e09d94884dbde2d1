/*
 * Full text and sparse vectors through kith.h: BM25 and inner products over growing and sealed
 * segments against a loop over all rows, filters by words, deletes and compaction, a reopened
 * database, refusals; and what an analyzer makes of a text.
 */
#include <stdint.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kith/kith.h>

#include "base/rng.h"
#include "engine/engine_fixture.h"

#define ROWS 2400
#define WORDS 120
#define ENTRIES 12
#define DIMS 200
#define K 12

static char dir[64];
static struct kith_db *db;
static struct kith_collection *collection;

struct row {
    char text[160];
    int words[20];
    size_t word_count;
    struct { uint32_t dim; float weight; } sparse[ENTRIES];
    bool dead;    /* deleted */
    bool gone;    /* and compacted away */
};
static double bm25_k1 = 1.2, bm25_b = 0.75; /* of the index */
static struct row rows[ROWS];
static size_t row_count;

static void open_all(bool create)
{
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    opts.sync = KITH_SYNC_NO;
    OK(kith_open(dir, &opts, &db, &why));
    if (!create) {
        OK(kith_collection_open(db, NULL, "t", &collection, &why));
        return;
    }
    struct kith_field fields[4] = { KITH_FIELD_INIT, KITH_FIELD_INIT, KITH_FIELD_INIT,
                                    KITH_FIELD_INIT };
    fields[0] = key_field("id");
    fields[1] = plain_field("text", KITH_VARCHAR);
    fields[1].analyzer = "{}";
    fields[1].enable_match = true;
    fields[2] = plain_field("bm25", KITH_SPARSE_VECTOR);
    fields[2].metric = KITH_BM25;
    fields[3] = plain_field("sparse", KITH_SPARSE_VECTOR);
    struct kith_function function = KITH_FUNCTION_INIT;
    function.name = "f";
    function.kind = KITH_FUNCTION_BM25;
    function.input = "text";
    function.output = "bm25";
    struct kith_schema schema = KITH_SCHEMA_INIT;
    schema.fields = fields;
    schema.field_count = 4;
    schema.functions = &function;
    schema.function_count = 1;
    OK(kith_collection_create(db, NULL, "t", &schema, &why));
    OK(kith_collection_open(db, NULL, "t", &collection, &why));
}

static void close_all(void)
{
    kith_collection_release(collection);
    kith_close(db);
}

static int setup(void **state)
{
    (void)state;
    return dir_begin(dir, "text");
}

static int teardown(void **state)
{
    (void)state;
    return dir_end(dir);
}

static void make_row(struct rng *rng, struct row *row)
{
    row->word_count = rng_below(rng, 20);
    size_t len = 0;
    row->text[0] = 0;
    for (size_t i = 0; i < row->word_count; i++) {
        const double u = rng_f64(rng);
        row->words[i] = (int)(WORDS * u * u);
        len += (size_t)sprintf(row->text + len, "W%d, ", row->words[i]);
    }
    uint32_t dim = 0;
    for (size_t i = 0; i < ENTRIES; i++) {
        row->sparse[i].dim = dim += 1 + (uint32_t)rng_below(rng, DIMS / ENTRIES);
        row->sparse[i].weight = (float)(rng_f64(rng) - 0.2);
    }
}

static void insert(struct rng *rng, size_t count)
{
    struct kith_str *texts = calloc(count, sizeof *texts), *sparse = calloc(count, sizeof *sparse);
    int64_t *ids = calloc(count, sizeof *ids);
    for (size_t i = 0; i < count; i++) {
        struct row *row = &rows[row_count + i];
        make_row(rng, row);
        ids[i] = (int64_t)(row_count + i);
        texts[i] = (struct kith_str){ row->text, strlen(row->text) };
        sparse[i] = (struct kith_str){ (const char *)row->sparse, sizeof row->sparse };
    }
    const struct kith_column columns[3] = { { .field = "id", .data = ids },
                                            { .field = "text", .data = texts },
                                            { .field = "sparse", .data = sparse } };
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = count;
    batch.columns = columns;
    batch.column_count = 3;
    OK(kith_insert(collection, &batch, NULL, NULL, &why));
    row_count += count;
    free(texts);
    free(sparse);
    free(ids);
}

/* ---- expected */

struct found {
    double score;
    int64_t id;
};

static int compare_found(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    const float p = (float)x->score, q = (float)y->score;
    if (p != q) return p > q ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static size_t count_word(const struct row *row, int word)
{
    size_t count = 0;
    for (size_t i = 0; i < row->word_count; i++) count += row->words[i] == word;
    return count;
}

static size_t bm25(const int *query, size_t words, bool (*keep)(const struct row *),
                   struct found *out)
{
    double total = 0, tokens = 0;
    size_t count = 0;
    for (size_t i = 0; i < row_count; i++) {
        if (rows[i].gone) continue;
        total++;
        tokens += (double)rows[i].word_count;
    }
    const double average = fmax(1, tokens / total);
    for (size_t i = 0; i < row_count; i++) {
        if (rows[i].dead || (keep && !keep(&rows[i]))) continue;
        double score = 0;
        for (size_t w = 0; w < words; w++) {
            double n = 0;
            for (size_t j = 0; j < row_count; j++)
                n += !rows[j].gone && count_word(&rows[j], query[w]) > 0;
            const double tf = (double)count_word(&rows[i], query[w]);
            if (tf == 0) continue;
            const double idf = log(1 + (total - n + 0.5) / (n + 0.5));
            const double dl = (double)rows[i].word_count;
            score += idf * tf * (bm25_k1 + 1) /
                     (tf + bm25_k1 * (1 - bm25_b + bm25_b * dl / average));
        }
        if (score > 0) out[count++] = (struct found){ score, (int64_t)i };
    }
    qsort(out, count, sizeof *out, compare_found);
    return count;
}

static void expect(const struct kith_result *result, const struct found *expected, size_t count)
{
    const int64_t *ids = result->columns[0].data;
    assert_true(result->complete);
    assert_int_equal(result->rows, count < K ? count : K);
    for (size_t i = 0; i < result->rows; i++) {
        if (ids[i] != expected[i].id ||
            fabs((double)result->distances[i] + expected[i].score) > 1e-5) {
            fail_msg("%zu: row %lld %.9g, expected %lld %.9g", i, (long long)ids[i],
                     (double)result->distances[i], (long long)expected[i].id, expected[i].score);
        }
    }
}

static void search_words(const int *query, size_t words, const char *filter,
                         bool (*keep)(const struct row *))
{
    static struct found found[ROWS];
    char text[256] = "";
    size_t len = 0;
    for (size_t i = 0; i < words; i++)
        len += (size_t)sprintf(text + len, "w%d ", query[i]);
    const struct kith_str given = { text, len };
    struct kith_search_opts opts = KITH_SEARCH_OPTS_INIT;
    opts.field = "bm25";
    opts.queries = &given;
    opts.query_count = 1;
    opts.query_type = KITH_VARCHAR;
    opts.k = K;
    opts.filter = filter;
    struct kith_result *result;
    OK(kith_search(collection, &opts, NULL, &result, &why));
    expect(result, found, bm25(query, words, keep, found));
    kith_result_free(result);
}

static void search_sparse(struct rng *rng, float drop)
{
    static struct found found[ROWS];
    struct row query;
    make_row(rng, &query);
    for (size_t i = 0; i < ENTRIES; i++) query.sparse[i].weight += 0.3f * (float)i;
    const struct kith_str given = { (const char *)query.sparse, sizeof query.sparse };
    struct kith_search_opts opts = KITH_SEARCH_OPTS_INIT;
    opts.field = "sparse";
    opts.queries = &given;
    opts.query_count = 1;
    opts.k = K;
    opts.drop_ratio = drop;
    struct kith_result *result;
    OK(kith_search(collection, &opts, NULL, &result, &why));
    bool dropped[ENTRIES] = { false };
    for (size_t n = 0; n < (size_t)((double)drop * ENTRIES); n++) {
        size_t least = SIZE_MAX;
        for (size_t i = 0; i < ENTRIES; i++)
            if (!dropped[i] && (least == SIZE_MAX || fabsf(query.sparse[i].weight) <=
                                                         fabsf(query.sparse[least].weight)))
                least = i;
        dropped[least] = true;
    }
    size_t count = 0;
    for (size_t i = 0; i < row_count; i++) {
        double sum = 0;
        for (size_t a = 0; a < ENTRIES; a++)
            for (size_t b = 0; b < ENTRIES; b++)
                if (!dropped[a] && query.sparse[a].dim == rows[i].sparse[b].dim)
                    sum += (double)query.sparse[a].weight * (double)rows[i].sparse[b].weight;
        if (sum > 0 && !rows[i].dead) found[count++] = (struct found){ sum, (int64_t)i };
    }
    qsort(found, count, sizeof *found, compare_found);
    expect(result, found, count);
    kith_result_free(result);
}

static bool holds_seven(const struct row *row) { return count_word(row, 7) > 0; }
static bool holds_phrase(const struct row *row)
{
    for (size_t i = 0; i + 1 < row->word_count; i++)
        if (row->words[i] == 3 && row->words[i + 1] == 1) return true;
    return false;
}

static void count_rows(const char *filter, bool (*keep)(const struct row *))
{
    uint64_t expected = 0, found = 0;
    for (size_t i = 0; i < row_count; i++) expected += !rows[i].dead && keep(&rows[i]);
    OK(kith_count(collection, filter, NULL, &found, &why));
    assert_int_equal(found, expected);
}

static void check_all(struct rng *rng)
{
    for (int round = 0; round < 6; round++) {
        int query[5];
        const size_t words = 1 + rng_below(rng, 5);
        for (size_t i = 0; i < words; i++) query[i] = (int)(WORDS * rng_f64(rng) * rng_f64(rng));
        search_words(query, words, NULL, NULL);
        search_words(query, words, "text_match(text, 'w7')", holds_seven);
        search_sparse(rng, round % 2 ? 0.3f : 0);
    }
    count_rows("text_match(text, 'W7')", holds_seven);
    count_rows("phrase_match(text, 'w3 w1')", holds_phrase);
}

static void delete_rows(size_t every)
{
    int64_t ids[ROWS];
    struct kith_keys keys = { .ints = ids };
    for (size_t i = 0; i < row_count; i += every) {
        ids[keys.count++] = (int64_t)i;
        rows[i].dead = true;
    }
    OK(kith_delete(collection, &keys, NULL, NULL, &why));
}

static void set_numbers(const char *json, double k1, double b)
{
    struct kith_index_params params = KITH_INDEX_PARAMS_INIT;
    params.kind = "SPARSE_INVERTED_INDEX";
    params.params = json;
    OK(kith_index_create(collection, "bm25", &params, &why));
    bm25_k1 = k1;
    bm25_b = b;
}

/* Created again, an index has other numbers; what is sealed need not be built again. */
static void other_numbers(struct rng *rng)
{
    struct kith_index_params params = KITH_INDEX_PARAMS_INIT;
    params.kind = "SPARSE_INVERTED_INDEX";
    set_numbers("{\"bm25_k1\": 2.5, \"bm25_b\": 0.3}", 2.5, 0.3);
    check_all(rng);
    set_numbers("{\"bm25_b\": 1}", 1.2, 1);
    check_all(rng);
    set_numbers("{\"bm25_k1\": 0}", 0, 0.75); /* how often a row has a word does not matter */
    check_all(rng);
    params.params = "{\"bm25_b\": 1.01}";
    assert_int_equal(kith_index_create(collection, "bm25", &params, &why), KITH_EINVAL);
    assert_string_equal(why.text, "bm25_b is a number from 0 to 1");
    params.params = "{\"bm25_k1\": \"1\"}";
    assert_int_equal(kith_index_create(collection, "bm25", &params, &why), KITH_EINVAL);
    assert_string_equal(why.text, "bm25_k1 is a number from 0 to 3");
    set_numbers("{\"bm25_k1\": 3, \"bm25_b\": 0}", 3, 0); /* nor how long it is */
    check_all(rng);
    close_all();
    open_all(false);
    check_all(rng);
    set_numbers(NULL, 1.2, 0.75);
    check_all(rng);
}

static void growing_and_sealed(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 4);
    row_count = 0;
    memset(rows, 0, sizeof rows);
    open_all(true);
    struct kith_index_params params = KITH_INDEX_PARAMS_INIT;
    params.kind = "SPARSE_INVERTED_INDEX";
    OK(kith_index_create(collection, "sparse", &params, &why));
    params.params = "{\"bm25_k1\": 1.2, \"bm25_b\": 0.75}";
    OK(kith_index_create(collection, "bm25", &params, &why));
    for (size_t i = 0; i < 12; i++) { /* a run of words for every few rows */
        insert(&rng, 1 + rng_below(&rng, 70));
        const int query[2] = { 0, (int)rng_below(&rng, WORDS) };
        search_words(query, 2, NULL, NULL);
    }
    check_all(&rng);
    OK(kith_flush(collection, NULL, &why));
    check_all(&rng);
    insert(&rng, 500);
    check_all(&rng);
    OK(kith_flush(collection, NULL, &why));
    insert(&rng, 300);
    check_all(&rng);
    delete_rows(3);
    check_all(&rng);
    other_numbers(&rng);
    close_all();
    open_all(false);
    check_all(&rng);
    OK(kith_compact(collection, NULL, &why));
    for (size_t i = 0; i < row_count; i++) rows[i].gone = rows[i].dead;
    check_all(&rng);
    close_all();
}

static void refusals(void **state)
{
    (void)state;
    open_all(true);
    const float vector[2] = { 0 };
    struct kith_search_opts opts = KITH_SEARCH_OPTS_INIT;
    opts.field = "bm25";
    opts.queries = vector;
    opts.query_count = 1;
    opts.query_type = KITH_FLOAT_VECTOR;
    opts.k = 1;
    struct kith_result *result;
    assert_int_equal(kith_search(collection, &opts, NULL, &result, &why), KITH_EINVAL);
    assert_non_null(strstr(why.text, "please provide varchar/text"));
    const struct kith_str text = { "", 0 };
    opts.queries = &text;
    opts.query_type = KITH_VARCHAR;
    OK(kith_search(collection, &opts, NULL, &result, &why));
    assert_int_equal(result->rows, 0);
    kith_result_free(result);
    close_all();
}

static void analyze(void **state)
{
    (void)state;
    struct kith_tokens tokens;
    const struct kith_str text = { "The cats, running", 17 };
    OK(kith_analyze("{\"type\": \"english\"}", text, &tokens, &why));
    assert_int_equal(tokens.count, 2);
    assert_memory_equal(tokens.tokens[0].text.data, "cat", 3);
    assert_int_equal(tokens.tokens[0].start, 4);
    assert_int_equal(tokens.tokens[0].end, 8);
    assert_int_equal(tokens.tokens[0].position, 1);
    assert_memory_equal(tokens.tokens[1].text.data, "run", 3);
    assert_int_equal(tokens.tokens[1].text.len, 3);
    assert_int_not_equal(tokens.tokens[0].hash, tokens.tokens[1].hash);
    kith_tokens_free(&tokens);
    assert_null(tokens.tokens);
    OK(kith_analyze(NULL, (struct kith_str){ NULL, 0 }, &tokens, &why));
    assert_int_equal(tokens.count, 0);
    kith_tokens_free(&tokens);
    assert_int_equal(kith_analyze("{\"type\": \"chinese\"}", text, &tokens, &why),
                     KITH_EUNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(growing_and_sealed, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals, setup, teardown),
        cmocka_unit_test(analyze),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
