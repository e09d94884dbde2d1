/*
 * Queries against naive answers: a collection of a wide schema lives through random inserts,
 * upserts, deletes, flushes, compactions, and indexes that come and go, while background threads
 * work and a second writer has a partition of its own; between the steps random filters are counted
 * and queried, dense, binary, sparse and text searches are run, exactly, by index, grouped, hybrid
 * and as iterators, and every answer is compared with what the plainest code says
 * (query_filters.h).
 *
 * KITH_SECONDS=n for other than 1 second; KITH_SEED=n repeats a run's random choices.
 */
#include "stress/query_world.h"

/* ---- queries ---- */

/* The rows of a result are matching ones, each once; says which. */
static void check_rows(const struct kith_result *result, size_t from, size_t end, bool *seen)
{
    const int64_t *ids = result->columns[0].data;
    assert_true(result->complete);
    for (size_t i = from; i < end; i++) {
        if (ids[i] < 0 || (size_t)ids[i] >= row_count) WRONG("row %" PRId64 " is not mine", ids[i]);
        if (!matches(&rows[ids[i]])) WRONG("row %" PRId64 " does not match", ids[i]);
        if (seen[ids[i]]) WRONG("row %" PRId64 " twice", ids[i]);
        seen[ids[i]] = true;
    }
}

static void query_once(void)
{
    static const char *const outputs[] = {"s", "i64", "color"};
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    struct kith_result *result = NULL;
    opts.filter = next_filter(true);
    opts.partitions = mine;
    opts.partition_count = 1;
    opts.output = (struct kith_output){outputs, 3};
    opts.limit = pick(&rng, 2) ? 0 : 1 + pick(&rng, 50);
    bool *seen = calloc(ROWS_MAX, 1);
    OK(kith_query(collection, &opts, NULL, &result, &why));
    size_t want = count_matches();
    if (opts.limit && want > opts.limit) want = (size_t)opts.limit;
    if (result->rows != want) WRONG("query: %zu rows, not %zu", result->rows, want);
    check_rows(result, 0, result->rows, seen);
    const int64_t *ids = result->columns[0].data;
    const struct kith_str *s = result->columns[1].data;
    for (size_t i = 0; i < result->rows; i++) {
        const struct row *row = &rows[ids[i]];
        assert_int_equal(result->columns[1].valid[i], !(row->nulls & NULL_S));
        if (row->nulls & NULL_S) continue;
        assert_int_equal(s[i].len, strlen(row->s));
        assert_memory_equal(s[i].data, row->s, s[i].len);
    }
    kith_result_free(result);
    free(seen);
}

/* ---- searches ---- */

enum field { DENSE, BINARY, SPARSE, WORDS, FIELD_COUNT };
static const char *const field_names[FIELD_COUNT] = {"v", "bits", "sparse", "words"};

struct question {
    enum field field;
    struct row like; /* whose vectors are asked for */
    char words[64];
    struct kith_str list;
};

static double dense_distance(const float *a, const float *b)
{
    double dot = 0, aa = 0, bb = 0, l2 = 0;
    for (size_t i = 0; i < MODEL_DIM; i++) {
        const double x = (double)a[i], y = (double)b[i];
        dot += x * y;
        aa += x * x;
        bb += y * y;
        l2 += (x - y) * (x - y);
    }
    if (metric == KITH_L2) return l2;
    if (metric == KITH_IP) return -dot;
    return aa > 0 && bb > 0 ? 1 - dot / sqrt(aa * bb) : 1;
}

static double bit_distance(const uint8_t *a, const uint8_t *b)
{
    unsigned differ = 0, any = 0;
    for (size_t i = 0; i < MODEL_BITS / 8; i++) {
        differ += (unsigned)__builtin_popcount(a[i] ^ b[i]);
        any += (unsigned)__builtin_popcount(a[i] | b[i]);
    }
    if (bit_metric == KITH_HAMMING) return differ;
    return any ? (double)differ / any : 0;
}

static double sparse_distance(const struct row *a, const struct row *b)
{
    double dot = 0;
    for (size_t i = 0; i < a->sparse_count; i++)
        for (size_t k = 0; k < b->sparse_count; k++)
            if (a->sparse[i].index == b->sparse[k].index)
                dot += (double)a->sparse[i].value * (double)b->sparse[k].value;
    return -dot;
}

/* false: not to be found at all. Of words there is no naive distance. */
static bool distance_to(const struct question *q, const struct row *row, double *out)
{
    *out = 0;
    switch (q->field) {
    case DENSE: *out = dense_distance(q->like.v, row->v); return true;
    case BINARY: *out = bit_distance(q->like.bits, row->bits); return true;
    case SPARSE: *out = sparse_distance(&q->like, row); return *out < 0;
    default: break;
    }
    for (size_t i = 0; i < q->like.word_count; i++)
        if (has_word(row, q->like.words[i])) return true;
    return false;
}

static int order_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The distances of all that can be found, ascending; owned by the caller. */
static double *all_distances(const struct question *q, size_t *count)
{
    double *out = malloc((row_count + 1) * sizeof *out);
    *count = 0;
    for (size_t i = 0; i < row_count; i++)
        if (matches(&rows[i]) && distance_to(q, &rows[i], &out[*count])) ++*count;
    qsort(out, *count, sizeof *out, order_doubles);
    return out;
}

static const void *make_question(struct question *q, enum field field)
{
    model_row(&q->like, 0, &rng);
    q->field = field;
    if (field == DENSE) return q->like.v;
    if (field == BINARY) return q->like.bits;
    q->list = (struct kith_str){(const char *)q->like.sparse, q->like.sparse_count * 8};
    if (field == WORDS) q->list = str(q->like.title);
    return &q->list;
}

static bool near(double a, double b) { return fabs(a - b) <= 1e-4 * (1 + fabs(a) + fabs(b)); }

static void check_distances(const struct question *q, const struct kith_result *result,
                            const double *want, size_t found, bool exact)
{
    const int64_t *ids = result->columns[0].data;
    for (size_t i = 0; i < found; i++) {
        double is;
        const double got = (double)result->distances[i];
        if (!distance_to(q, &rows[ids[i]], &is)) WRONG("row %" PRId64 " is out of reach", ids[i]);
        if (q->field != WORDS && !near(is, got))
            WRONG("row %" PRId64 ": %g, not %g", ids[i], got, is);
        if (i > 0 && result->distances[i] < result->distances[i - 1])
            WRONG("not ascending at %zu", i);
        if (q->field != WORDS && exact && !near(want[i], got))
            WRONG("%s number %zu is %g away, not %g", field_names[q->field], i, got, want[i]);
        if (q->field <= BINARY && !exact) {
            wanted_near++;
            found_near += got <= want[found - 1] || near(got, want[found - 1]);
        }
    }
}

static struct kith_search_opts search_opts(struct question *q)
{
    struct kith_search_opts opts = KITH_SEARCH_OPTS_INIT;
    opts.field = field_names[q->field];
    opts.queries = make_question(q, q->field);
    opts.query_count = 1;
    opts.partitions = mine;
    opts.partition_count = 1;
    opts.k = 1 + pick(&rng, pick(&rng, 3) ? 20 : 300);
    opts.filter = next_filter(true);
    opts.exact = pick(&rng, 2);
    return opts;
}

static void search_once(void)
{
    struct question q = {.field = (enum field)pick(&rng, FIELD_COUNT)};
    struct kith_search_opts opts = search_opts(&q);
    struct kith_result *result = NULL;
    opts.plan = (enum kith_plan)pick(&rng, 4);
    opts.offset = pick(&rng, 4) ? 0 : pick(&rng, 30);
    if (q.field == DENSE && !opts.exact && pick(&rng, 8) == 0) opts.recall = 0.9f;
    bool *seen = calloc(ROWS_MAX, 1);
    size_t reach, want;
    double *distances = all_distances(&q, &reach);
    OK(kith_search(collection, &opts, NULL, &result, &why));
    const size_t skip = opts.offset < reach ? (size_t)opts.offset : reach;
    want = opts.k < reach - skip ? (size_t)opts.k : reach - skip;
    if (result->rows != want)
        WRONG("search %s plan %d k %" PRIu64 " offset %" PRIu64 " exact %d: %zu rows, not %zu",
              opts.field, (int)opts.plan, opts.k, opts.offset, opts.exact, result->rows, want);
    check_rows(result, 0, result->rows, seen);
    check_distances(&q, result, distances + skip, want, opts.exact || q.field == SPARSE);
    kith_result_free(result);
    free(distances);
    free(seen);
}

static void range_once(void)
{
    struct question q = {.field = pick(&rng, 2) ? DENSE : BINARY};
    struct kith_search_opts opts = search_opts(&q);
    struct kith_result *result = NULL;
    size_t reach, want = 0;
    double *distances = all_distances(&q, &reach);
    opts.has_range = true;
    opts.range_inner = reach ? (float)distances[reach / 8] + 0.001f : 0;
    opts.range_outer = opts.range_inner +
                       (reach ? (float)distances[reach / 2] - (float)distances[reach / 8] : 0) +
                       0.01f;
    size_t unsure = 0; /* rounding decides */
    for (size_t i = 0; i < reach; i++) {
        const double d = distances[i], low = (double)opts.range_inner,
                     high = (double)opts.range_outer;
        if (fabs(d - low) < 1e-4 || fabs(d - high) < 1e-4)
            unsure++;
        else
            want += d >= low && d < high;
    }
    bool *seen = calloc(ROWS_MAX, 1);
    OK(kith_search(collection, &opts, NULL, &result, &why));
    check_rows(result, 0, result->rows, seen);
    const size_t most = want + unsure < opts.k ? want + unsure : (size_t)opts.k;
    const size_t least = want < opts.k ? want : (size_t)opts.k;
    if (result->rows > most || (opts.exact && result->rows < least))
        WRONG("range: %zu rows, not %zu", result->rows, want);
    if (!opts.exact) {
        wanted_near += least;
        found_near += result->rows < least ? result->rows : least;
    }
    kith_result_free(result);
    free(distances);
    free(seen);
}

/* The nearest row of each value of i8, as many values as there are or k. */
static void group_once(void)
{
    struct question q = {.field = DENSE};
    struct kith_search_opts opts = search_opts(&q);
    struct kith_result *result = NULL;
    double best[20];
    size_t groups = 0, last = 0;
    bool *seen = calloc(ROWS_MAX, 1), met[20] = {false};
    for (size_t i = 0; i < 20; i++) best[i] = (double)INFINITY;
    for (size_t i = 0; i < row_count; i++) {
        if (!matches(&rows[i])) continue;
        double *of = &best[rows[i].i8 + 10], d = dense_distance(q.like.v, rows[i].v);
        if (d < *of) *of = d;
    }
    qsort(best, 20, sizeof *best, order_doubles);
    while (groups < 20 && isfinite(best[groups])) groups++;
    opts.group_by = "i8";
    opts.group_size = 1 + (uint32_t)pick(&rng, 3);
    opts.k = 1 + pick(&rng, 25);
    OK(kith_search(collection, &opts, NULL, &result, &why));
    check_rows(result, 0, result->rows, seen);
    const int64_t *ids = result->columns[0].data;
    for (size_t i = 0; i < result->rows; i++) {
        const size_t value = (size_t)(rows[ids[i]].i8 + 10);
        if (met[value]) continue;
        met[value] = true;
        if (opts.exact && !near(best[last], (double)result->distances[i])) WRONG("group %zu", last);
        last++;
    }
    const size_t want = opts.k < groups ? (size_t)opts.k : groups;
    if (last != want) WRONG("%zu groups, not %zu", last, want);
    kith_result_free(result);
    free(seen);
}

/* Dense and binary lists merged by rank: every score is one that the two lists give. */
static void hybrid_once(void)
{
    struct question q[2] = {{.field = DENSE}, {.field = BINARY}};
    struct kith_search_opts searches[2] = {search_opts(&q[0]), search_opts(&q[1])};
    struct kith_result *lists[2] = {NULL, NULL}, *result = NULL;
    double *scores = calloc(ROWS_MAX, sizeof *scores);
    bool *seen = calloc(ROWS_MAX, 1);
    size_t reach = 0;
    searches[0].filter = searches[1].filter; /* the model knows the last one */
    for (size_t s = 0; s < 2; s++) {
        searches[s].exact = true;
        OK(kith_search(collection, &searches[s], NULL, &lists[s], &why));
        const int64_t *ids = lists[s]->columns[0].data;
        for (size_t i = 0; i < lists[s]->rows; i++) scores[ids[i]] += 1.0 / (60.0 + (double)i + 1);
    }
    for (size_t i = 0; i < row_count; i++) reach += scores[i] > 0;
    struct kith_hybrid_opts opts = KITH_HYBRID_OPTS_INIT;
    opts.searches = searches;
    opts.search_count = 2;
    opts.ranker = (struct kith_ranker)KITH_RANKER_INIT;
    opts.k = 1 + pick(&rng, 30);
    OK(kith_hybrid_search(collection, &opts, NULL, &result, &why));
    const size_t want = opts.k < reach ? (size_t)opts.k : reach;
    if (result->rows != want) WRONG("hybrid: %zu rows, not %zu", result->rows, want);
    check_rows(result, 0, result->rows, seen);
    const int64_t *ids = result->columns[0].data;
    for (size_t i = 0; i < result->rows; i++) {
        if (!near(1000 * scores[ids[i]], 1000 * (double)result->distances[i]))
            WRONG("score %zu", i);
        if (i > 0 && result->distances[i] > result->distances[i - 1]) WRONG("not descending");
    }
    for (size_t s = 0; s < 2; s++) kith_result_free(lists[s]);
    kith_result_free(result);
    free(scores);
    free(seen);
}

/* ---- iterators ---- */

static void disturb(void);

/* All rows of the instant of opening, each once, whatever happens meanwhile. */
static void iterate_once(void)
{
    struct kith_iterator *iterator = NULL;
    const bool by_distance = pick(&rng, 2);
    struct question q = {.field = pick(&rng, 2) ? DENSE : SPARSE};
    struct kith_search_opts search = search_opts(&q);
    struct kith_query_opts query = KITH_QUERY_OPTS_INIT;
    query.filter = search.filter;
    query.partitions = mine;
    query.partition_count = 1;
    const size_t batch = 1 + pick(&rng, 700);
    if (by_distance)
        OK(kith_search_iterator_open(collection, &search, batch, &iterator, &why));
    else
        OK(kith_iterator_open(collection, &query, batch, &iterator, &why));
    struct row *instant = malloc(ROWS_MAX * sizeof *instant), *now = rows;
    bool *seen = calloc(ROWS_MAX, 1);
    memcpy(instant, rows, ROWS_MAX * sizeof *rows);
    size_t given = 0, reach = 0, turn = 0;
    double ignored;
    for (size_t i = 0; i < row_count; i++)
        reach += matches(&rows[i]) && (!by_distance || distance_to(&q, &rows[i], &ignored));
    const size_t count = row_count;
    for (;; turn++) {
        struct kith_result *result = NULL;
        OK(kith_iterator_next(iterator, NULL, &result, &why));
        if (!result) break;
        rows = instant;
        const size_t later = row_count;
        row_count = count;
        if (result->rows == 0 || result->rows > batch) WRONG("a batch of %zu", result->rows);
        check_rows(result, 0, result->rows, seen);
        given += result->rows;
        kith_result_free(result);
        rows = now;
        row_count = later;
        if (turn < 2) disturb();
    }
    kith_iterator_close(iterator);
    if (given != reach) WRONG("iterator: %zu rows, not %zu", given, reach);
    free(instant);
    free(seen);
}

/* A write or a change of the files, that leaves the filter at hand alone. */
static void disturb(void)
{
    switch (pick(&rng, 5)) {
    case 0: insert_some(); break;
    case 1: upsert_some(); break;
    case 2: OK(kith_flush(collection, NULL, &why)); break;
    case 3: OK(kith_compact(collection, NULL, &why)); break;
    default: change_index(); break;
    }
}

/* ---- the run ---- */

static struct kith_field field(const char *name, enum kith_type type, unsigned flags)
{
    struct kith_field made = KITH_FIELD_INIT;
    made.name = name;
    made.type = type;
    made.flags = flags;
    return made;
}

static void create(void)
{
    struct kith_field fields[] = {field("id", KITH_INT64, KITH_FIELD_PRIMARY),
                                  field("flag", KITH_BOOL, 0),
                                  field("i8", KITH_INT8, 0),
                                  field("i32", KITH_INT32, KITH_FIELD_NULLABLE),
                                  field("i64", KITH_INT64, KITH_FIELD_NULLABLE),
                                  field("f", KITH_FLOAT, KITH_FIELD_NULLABLE),
                                  field("d", KITH_DOUBLE, 0),
                                  field("s", KITH_VARCHAR, KITH_FIELD_NULLABLE),
                                  field("j", KITH_JSON, KITH_FIELD_NULLABLE),
                                  field("title", KITH_VARCHAR, 0),
                                  field("ai", KITH_ARRAY, 0),
                                  field("v", KITH_FLOAT_VECTOR, 0),
                                  field("bits", KITH_BINARY_VECTOR, 0),
                                  field("sparse", KITH_SPARSE_VECTOR, 0),
                                  field("words", KITH_SPARSE_VECTOR, 0)};
    fields[9].analyzer = "{}";
    fields[9].enable_match = true;
    fields[10].element_type = KITH_INT64;
    fields[10].max_capacity = MODEL_ITEMS;
    fields[11].dim = MODEL_DIM;
    fields[11].metric = metric = (enum kith_metric)(KITH_L2 + (int)pick(&rng, 3));
    fields[12].dim = MODEL_BITS;
    fields[12].metric = bit_metric = pick(&rng, 2) ? KITH_HAMMING : KITH_JACCARD;
    struct kith_function function = KITH_FUNCTION_INIT;
    function.name = "bm25";
    function.kind = KITH_FUNCTION_BM25;
    function.input = "title";
    function.output = "words";
    struct kith_schema schema = KITH_SCHEMA_INIT;
    schema.fields = fields;
    schema.field_count = sizeof fields / sizeof *fields;
    schema.dynamic = true;
    schema.functions = &function;
    schema.function_count = 1;
    OK(kith_collection_get_or_create(db, NULL, "c", &schema, &collection, &why));
    OK(kith_partition_create(collection, "noise", &why));
}

static void one_step(void)
{
    switch (pick(&rng, 24)) {
    case 0:
    case 1: insert_some(); break;
    case 2: upsert_some(); break;
    case 3: delete_some(); break;
    case 4: OK(kith_flush(collection, NULL, &why)); break;
    case 5:
        if (pick(&rng, 3) == 0) OK(kith_compact(collection, NULL, &why));
        break;
    case 6: change_index(); break;
    case 7: iterate_once(); break;
    case 8:
    case 9: group_once(); break;
    case 10: hybrid_once(); break;
    case 11: range_once(); break;
    case 12:
    case 13:
    case 14: query_once(); break;
    case 15:
    case 16:
    case 17:
    case 18:
    case 19: search_once(); break;
    default: (void)next_filter(false); break;
    }
}

static void a_life(uint64_t seed, int64_t until)
{
    char path[64];
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    pthread_t noise;
    stress_dir(path, "queries");
    rng_init(&rng, seed);
    rows = calloc(ROWS_MAX, sizeof *rows);
    row_count = 0;
    opts.sync = KITH_SYNC_NO;
    opts.threads = 2;
    opts.seal_rows = 200 + pick(&rng, 1500);
    opts.log = stress_log;
    OK(kith_open(path, &opts, &db, &why));
    create();
    atomic_store(&stopping, false);
    const bool noisy = pick(&rng, 3) != 0, large = pick(&rng, 2);
    while (large && row_count < GRAPH_ROWS) insert_some();
    if (large) OK(kith_compact(collection, NULL, &why));
    if (noisy) assert_int_equal(pthread_create(&noise, NULL, make_noise, &seed), 0);
    for (int step = 0; step < 400 && stress_now_ms() < until; step++) one_step();
    atomic_store(&stopping, true);
    if (noisy) assert_int_equal(pthread_join(noise, NULL), 0);
    assert_int_equal(atomic_load(&noise_rc), 0);
    kith_collection_release(collection);
    kith_close(db);
    stress_check(path);
    stress_remove(path);
    free(rows);
}

static void answers_are_the_naive_ones(void **state)
{
    (void)state;
    uint64_t seed = stress_seed("queries");
    const int64_t until = stress_now_ms() + 1000 * (int64_t)stress_number("KITH_SECONDS", 1);
    do {
        (void)printf("KITH_SEED=%" PRIu64 "\n", seed);
        (void)fflush(stdout);
        a_life(seed, until);
        seed++;
    } while (stress_now_ms() < until);
    (void)printf("%" PRIu64 " filters; %" PRIu64 " of %" PRIu64 " nearest rows found\n", asked,
                 found_near, wanted_near);
    assert_true(found_near * 100 >= wanted_near * 90);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers_are_the_naive_ones)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
