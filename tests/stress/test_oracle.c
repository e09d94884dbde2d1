/*
 * C1: random operations on a collection and on a model in memory; every answer is compared.
 *
 * The model is an array of rows by key number and a counter for the order of insertion. Vectors have
 * small integer components, so distances are exact in float and ties are frequent: an exact search
 * must give the model's distances, and its rows in its order. Filters are made as a tree together with their
 * text and evaluated here in three-valued logic, one row at a time. Segments are small,
 * so that rows cross seals, kills, compactions and reopens all the time.
 *
 * KITH_OPS=n for other than 20,000 operations (half with INT64 keys, half with VARCHAR).
 */
#include "stress/stress_help.h"

#define KEYS       500
#define DIM_MAX    8
#define BATCH      20
#define PARTITIONS 3
#define K_MAX      30
#define TEXT_MAX   1024

struct row {
    bool alive;
    uint64_t order;
    unsigned partition;
    bool has_n;
    int32_t n;
    unsigned tag;
    enum { EXTRA_NONE, EXTRA_INT, EXTRA_TEXT } extra; /* the dynamic key "extra" */
    int64_t extra_int;
    int64_t late; /* of the field that comes later: its default in rows of before */
    float vector[DIM_MAX];
};

struct oracle {
    struct rng rng;
    bool text_keys;
    uint32_t dim;
    uint64_t seal_rows;
    char dir[64];
    struct kith_db *db;
    struct kith_collection *collection;
    struct row rows[KEYS];
    uint64_t order; /* of the last row written */
    bool alias;     /* "also" is another name of it */
    bool late;      /* the field "late" is there */
    uint64_t ops, searches, wanted, hit; /* recall of searches with an index */
};

static const char *const partition_names[PARTITIONS] = { "_default", "left", "right" };
static const char *const tag_names[] = { "", "red", "reddish", "green", "blue%" };
#define TAGS (sizeof tag_names / sizeof *tag_names)

static uint64_t below(struct oracle *oracle, uint64_t bound)
{
    return rng_below(&oracle->rng, bound);
}

/* -------------------------------------------------------------------- filters */

enum node_kind { NODE_AND, NODE_OR, NODE_NOT, NODE_N, NODE_NULL, NODE_TAG, NODE_LIKE, NODE_KEY, NODE_EXTRA,
                 NODE_EXISTS, NODE_IN, NODE_LATE };
enum truth { TRUTH_NO, TRUTH_UNKNOWN, TRUTH_YES };

struct node {
    enum node_kind kind;
    struct node *left, *right;
    unsigned compare; /* number in compare_texts */
    int64_t value;
    int64_t list[3];
};
struct tree { /* nodes and text of one filter */
    struct node nodes[16];
    size_t count, len;
    char text[TEXT_MAX];
    const struct node *root; /* NULL: every row */
};

static const char *const compare_texts[] = { "==", "!=", "<", "<=", ">", ">=" };

static enum truth compare_ints(int64_t a, unsigned how, int64_t b)
{
    const bool yes[] = { a == b, a != b, a < b, a <= b, a > b, a >= b };
    return yes[how] ? TRUTH_YES : TRUTH_NO;
}

static void append(struct tree *tree, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void append(struct tree *tree, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(tree->text + tree->len, TEXT_MAX - tree->len, format, args);
    va_end(args);
    assert_in_range(len, 0, TEXT_MAX - tree->len - 1);
    tree->len += (size_t)len;
}

static int key_text(size_t key, char *out)
{
    return snprintf(out, 24, key % 3 ? "k%zu" : "key-%04zu", key);
}

static int64_t key_int(size_t key)
{
    return (int64_t)key * 7 - 1000;
}

static void make_leaf(struct oracle *oracle, struct tree *tree, struct node *node)
{
    node->kind = (enum node_kind)(NODE_N + below(oracle, NODE_IN - NODE_N + 1 + oracle->late));
    node->compare = (unsigned)below(oracle, 6);
    const char *how = compare_texts[node->compare];
    char text[24];
    switch (node->kind) {
    case NODE_N:
        node->value = (int64_t)below(oracle, 100);
        append(tree, "n %s %d", how, (int)node->value);
        break;
    case NODE_IN:
        for (int i = 0; i < 3; i++) node->list[i] = (int64_t)below(oracle, 100);
        append(tree, "n in [%d, %d, %d]", (int)node->list[0], (int)node->list[1], (int)node->list[2]);
        break;
    case NODE_NULL: append(tree, "n is null"); break;
    case NODE_LATE:
        node->value = (int64_t)below(oracle, 10);
        append(tree, "late %s %d", how, (int)node->value);
        break;
    case NODE_TAG:
        node->value = (int64_t)below(oracle, TAGS);
        append(tree, "tag %s \"%s\"", how, tag_names[node->value]);
        break;
    case NODE_LIKE: append(tree, "tag like \"re%%\""); break;
    case NODE_KEY:
        node->value = (int64_t)below(oracle, KEYS);
        (void)key_text((size_t)node->value, text);
        if (oracle->text_keys)
            append(tree, "id %s \"%s\"", how, text);
        else
            append(tree, "id %s %d", how, (int)key_int((size_t)node->value));
        break;
    case NODE_EXTRA:
        node->value = (int64_t)below(oracle, 20);
        append(tree, "extra %s %d", compare_texts[node->compare], (int)node->value);
        break;
    default: append(tree, "exists extra"); break;
    }
}

static const struct node *make_node(struct oracle *oracle, struct tree *tree, int depth)
{
    struct node *node = &tree->nodes[tree->count++];
    uint64_t dice = depth ? below(oracle, 5) : 4;
    append(tree, "(");
    if (dice < 2) {
        node->kind = dice ? NODE_AND : NODE_OR;
        node->left = (struct node *)(uintptr_t)make_node(oracle, tree, depth - 1);
        append(tree, dice ? " and " : " or ");
        node->right = (struct node *)(uintptr_t)make_node(oracle, tree, depth - 1);
    } else if (dice == 2) {
        node->kind = NODE_NOT;
        append(tree, "not ");
        node->left = (struct node *)(uintptr_t)make_node(oracle, tree, depth - 1);
    } else {
        make_leaf(oracle, tree, node);
    }
    append(tree, ")");
    return node;
}

static void make_filter(struct oracle *oracle, struct tree *tree)
{
    memset(tree, 0, sizeof *tree);
    if (below(oracle, 6) == 0) return;
    tree->root = make_node(oracle, tree, (int)below(oracle, 3));
}

static int compare_keys(const struct oracle *oracle, size_t a, size_t b)
{
    char left[24], right[24];
    if (!oracle->text_keys) return a < b ? -1 : a > b;
    (void)key_text(a, left);
    (void)key_text(b, right);
    return strcmp(left, right);
}

static enum truth evaluate(const struct oracle *oracle, const struct node *node, size_t key)
{
    const struct row *row = &oracle->rows[key];
    enum truth left, right;
    switch (node->kind) {
    case NODE_AND:
        left = evaluate(oracle, node->left, key);
        right = evaluate(oracle, node->right, key);
        return left < right ? left : right;
    case NODE_OR:
        left = evaluate(oracle, node->left, key);
        right = evaluate(oracle, node->right, key);
        return left > right ? left : right;
    case NODE_NOT: return (enum truth)(TRUTH_YES - evaluate(oracle, node->left, key));
    case NODE_N: return row->has_n ? compare_ints(row->n, node->compare, node->value) : TRUTH_UNKNOWN;
    case NODE_IN:
        if (!row->has_n) return TRUTH_UNKNOWN;
        return row->n == node->list[0] || row->n == node->list[1] || row->n == node->list[2] ? TRUTH_YES : TRUTH_NO;
    case NODE_NULL: return row->has_n ? TRUTH_NO : TRUTH_YES;
    case NODE_LATE: return compare_ints(row->late, node->compare, node->value);
    case NODE_TAG: return compare_ints(strcmp(tag_names[row->tag], tag_names[node->value]), node->compare, 0);
    case NODE_LIKE: return strncmp(tag_names[row->tag], "re", 2) ? TRUTH_NO : TRUTH_YES;
    case NODE_KEY: return compare_ints(compare_keys(oracle, key, (size_t)node->value), node->compare, 0);
    case NODE_EXTRA:
        if (row->extra == EXTRA_INT) return compare_ints(row->extra_int, node->compare, node->value);
        return TRUTH_UNKNOWN; /* absent, or a text that is compared with a number */
    default: return row->extra == EXTRA_NONE ? TRUTH_NO : TRUTH_YES;
    }
}

/* ---------------------------------------------------------- what is expected */

struct expected {
    size_t count;
    size_t keys[KEYS];
    float distances[KEYS];
};

struct choice { /* what a read looks at */
    struct tree filter;
    bool partitions_given;
    unsigned partition;
};

static void choose(struct oracle *oracle, struct choice *choice)
{
    make_filter(oracle, &choice->filter);
    choice->partitions_given = below(oracle, 4) == 0;
    choice->partition = (unsigned)below(oracle, PARTITIONS);
}

static bool matches(const struct oracle *oracle, const struct choice *choice, size_t key)
{
    const struct row *row = &oracle->rows[key];
    if (!row->alive) return false;
    if (choice->partitions_given && row->partition != choice->partition) return false;
    return !choice->filter.root || evaluate(oracle, choice->filter.root, key) == TRUTH_YES;
}

static float distance(const struct oracle *oracle, const float *a, const float *b)
{
    float sum = 0;
    for (uint32_t i = 0; i < oracle->dim; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

/* In order of insertion, or of distance to `query` and key. */
static void expect(const struct oracle *oracle, const struct choice *choice, const float *query,
                   struct expected *out)
{
    out->count = 0;
    for (size_t key = 0; key < KEYS; key++) {
        if (!matches(oracle, choice, key)) continue;
        float d = query ? distance(oracle, query, oracle->rows[key].vector) : 0;
        size_t at = out->count++;
        for (; at > 0; at--) {
            size_t before = out->keys[at - 1];
            bool after = query ? d > out->distances[at - 1] ||
                                     (d == out->distances[at - 1] && compare_keys(oracle, key, before) > 0)
                               : oracle->rows[key].order > oracle->rows[before].order;
            if (after) break;
            out->keys[at] = before;
            out->distances[at] = out->distances[at - 1];
        }
        out->keys[at] = key;
        out->distances[at] = d;
    }
}

/* ------------------------------------------------------------ answers compared */

static void same_key(const struct oracle *oracle, const struct kith_result *result, size_t i, size_t key,
                     const char *where, const char *filter)
{
    if (oracle->text_keys) {
        char text[24];
        int len = key_text(key, text);
        const struct kith_str *got = (const struct kith_str *)result->columns[0].data + i;
        if (got->len != (size_t)len || memcmp(got->data, text, got->len) != 0)
            fail_msg("%s, op %" PRIu64 ": row %zu is '%.*s', expected '%s'; filter %s", where, oracle->ops, i,
                     (int)got->len, got->data, text, filter);
        return;
    }
    int64_t got = ((const int64_t *)result->columns[0].data)[i];
    if (got != key_int(key))
        fail_msg("%s, op %" PRIu64 ": row %zu is %" PRId64 ", expected %" PRId64 "; filter %s", where, oracle->ops,
                 i, got, key_int(key), filter);
}

#define LATE_DEFAULT 5
static const char *const all_fields[] = { "n", "tag", "v", "extra", "late" };
#define ALL_FIELDS ((struct kith_output){ all_fields, 5 })

static bool valid_at(const struct kith_column *column, size_t i)
{
    return !column->valid || column->valid[i];
}

static void same_extra(const struct kith_column *column, size_t i, const struct row *row)
{
    const struct kith_str *json = (const struct kith_str *)column->data + i;
    char want[32];
    assert_int_equal(valid_at(column, i), row->extra != EXTRA_NONE);
    if (row->extra == EXTRA_NONE) return;
    int len = row->extra == EXTRA_INT ? snprintf(want, sizeof want, "%" PRId64, row->extra_int)
                                      : snprintf(want, sizeof want, "\"some text\"");
    assert_int_equal(json->len, len);
    assert_memory_equal(json->data, want, json->len);
}

/* A row with ALL_FIELDS. */
static void same_row(const struct oracle *oracle, const struct kith_result *result, size_t i, const struct row *row)
{
    assert_int_equal(result->column_count, 6);
    const struct kith_column *n = &result->columns[1], *tag = &result->columns[2];
    assert_int_equal(valid_at(n, i), row->has_n);
    if (row->has_n) assert_int_equal(((const int32_t *)n->data)[i], row->n);
    const struct kith_str *text = (const struct kith_str *)tag->data + i;
    assert_int_equal(text->len, strlen(tag_names[row->tag]));
    if (text->len) assert_memory_equal(text->data, tag_names[row->tag], text->len);
    assert_memory_equal((const float *)result->columns[3].data + i * oracle->dim, row->vector,
                        oracle->dim * sizeof *row->vector);
    same_extra(&result->columns[4], i, row);
    const struct kith_column *late = &result->columns[5]; /* a key that no row has, at first */
    assert_int_equal(valid_at(late, i), oracle->late);
    if (oracle->late) assert_int_equal(((const int64_t *)late->data)[i], row->late);
}

static struct kith_query_opts query_opts(const struct choice *choice)
{
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    opts.filter = choice->filter.root ? choice->filter.text : NULL;
    if (choice->partitions_given) {
        opts.partitions = &partition_names[choice->partition];
        opts.partition_count = 1;
    }
    opts.output = ALL_FIELDS;
    return opts;
}

static void do_query(struct oracle *oracle)
{
    static struct choice choice;
    static struct expected expected;
    choose(oracle, &choice);
    expect(oracle, &choice, NULL, &expected);
    struct kith_query_opts opts = query_opts(&choice);
    opts.offset = below(oracle, 2) ? below(oracle, 60) : 0;
    opts.limit = below(oracle, 2) ? 1 + below(oracle, 60) : 0;
    size_t left = expected.count > opts.offset ? expected.count - opts.offset : 0;
    if (opts.limit && opts.limit < left) left = opts.limit;
    struct kith_result *result = NULL;
    OK(kith_query(oracle->collection, &opts, NULL, &result, &why));
    assert_true(result->complete);
    if (result->rows != left)
        fail_msg("query, op %" PRIu64 ": %zu rows, expected %zu; filter %s", oracle->ops, result->rows, left,
                 choice.filter.text);
    for (size_t i = 0; i < left; i++) {
        size_t key = expected.keys[opts.offset + i];
        same_key(oracle, result, i, key, "query", choice.filter.text);
        same_row(oracle, result, i, &oracle->rows[key]);
    }
    kith_result_free(result);
}

static void do_count(struct oracle *oracle)
{
    static struct choice choice;
    static struct expected expected;
    choose(oracle, &choice);
    choice.partitions_given = false;
    expect(oracle, &choice, NULL, &expected);
    uint64_t got = 0;
    OK(kith_count(oracle->collection, choice.filter.root ? choice.filter.text : NULL, NULL, &got, &why));
    if (got != expected.count)
        fail_msg("count, op %" PRIu64 ": %" PRIu64 ", expected %zu; filter %s", oracle->ops, got, expected.count,
                 choice.filter.text);
}

static void random_vector(struct oracle *oracle, float *out)
{
    for (uint32_t i = 0; i < oracle->dim; i++) out[i] = (float)below(oracle, 13) - 6;
}

/* The key number of a row that came back. */
static size_t key_of_result(const struct oracle *oracle, const struct kith_result *result, size_t i)
{
    for (size_t key = 0; key < KEYS; key++) {
        char text[24];
        size_t len = (size_t)key_text(key, text);
        const struct kith_str *string = (const struct kith_str *)result->columns[0].data + i;
        bool same = oracle->text_keys ? string->len == len && !memcmp(string->data, text, len)
                                      : ((const int64_t *)result->columns[0].data)[i] == key_int(key);
        if (same) return key;
    }
    fail_msg("op %" PRIu64 ": a key nobody wrote", oracle->ops);
    return 0;
}

/* Exact distances, ties in the order of keys; which of the rows that tie for the last place come is
 * left open. */
static void same_nearest(const struct oracle *oracle, const struct kith_result *result,
                         const struct choice *choice, const struct expected *expected, size_t offset)
{
    float last = result->rows ? expected->distances[offset + result->rows - 1] : 0;
    size_t before = 0;
    for (size_t i = 0; i < result->rows; i++) {
        size_t at = offset + i, key = key_of_result(oracle, result, i);
        assert_true(result->distances[i] == expected->distances[at]);
        if (result->distances[i] != last) same_key(oracle, result, i, expected->keys[at], "exact search",
                                                   choice->filter.text);
        assert_true(matches(oracle, choice, key));
        if (i && result->distances[i] == result->distances[i - 1]) assert_true(compare_keys(oracle, before, key) < 0);
        same_row(oracle, result, i, &oracle->rows[key]);
        before = key;
    }
}

static void do_search(struct oracle *oracle)
{
    static struct choice choice;
    static struct expected expected;
    float query[DIM_MAX];
    choose(oracle, &choice);
    random_vector(oracle, query);
    expect(oracle, &choice, query, &expected);
    struct kith_query_opts where = query_opts(&choice);
    struct kith_search_opts opts = KITH_SEARCH_OPTS_INIT;
    opts.queries = query;
    opts.query_count = 1;
    opts.k = 1 + below(oracle, K_MAX);
    opts.offset = below(oracle, 4) ? 0 : below(oracle, 20);
    opts.exact = below(oracle, 2) == 0;
    opts.filter = where.filter;
    opts.partitions = where.partitions;
    opts.partition_count = where.partition_count;
    opts.output = ALL_FIELDS;
    size_t left = expected.count > opts.offset ? expected.count - opts.offset : 0;
    if (left > opts.k) left = opts.k;
    struct kith_result *result = NULL;
    OK(kith_search(oracle->collection, &opts, NULL, &result, &why));
    if (result->rows != left)
        fail_msg("search, op %" PRIu64 ": %zu rows, expected %zu of %zu; exact %d, filter %s", oracle->ops,
                 result->rows, left, expected.count, opts.exact, choice.filter.text);
    if (opts.exact) same_nearest(oracle, result, &choice, &expected, opts.offset);
    for (size_t i = 0; i < left && !opts.exact; i++) {
        if (i) assert_true(result->distances[i] >= result->distances[i - 1]);
        oracle->hit += result->distances[i] <= expected.distances[opts.offset + left - 1];
        oracle->wanted++;
    }
    oracle->searches++;
    kith_result_free(result);
}

/* Keys that are there, that never were and twice the same, in any order. */
struct asked {
    size_t count;
    size_t keys[BATCH];
    int64_t ints[BATCH];
    struct kith_str strings[BATCH];
    char texts[BATCH][24];
};

static struct kith_keys ask(struct oracle *oracle, struct asked *asked)
{
    asked->count = 1 + below(oracle, BATCH);
    for (size_t i = 0; i < asked->count; i++) {
        asked->keys[i] = below(oracle, KEYS);
        asked->ints[i] = key_int(asked->keys[i]);
        int len = key_text(asked->keys[i], asked->texts[i]);
        asked->strings[i] = (struct kith_str){ asked->texts[i], (size_t)len };
    }
    struct kith_keys keys = { .count = asked->count };
    if (oracle->text_keys)
        keys.strings = asked->strings;
    else
        keys.ints = asked->ints;
    return keys;
}

static void do_get(struct oracle *oracle)
{
    struct asked asked;
    const struct kith_keys keys = ask(oracle, &asked);
    struct kith_result *result = NULL;
    OK(kith_get(oracle->collection, &keys, &ALL_FIELDS, NULL, &result, &why));
    size_t at = 0;
    for (size_t i = 0; i < asked.count; i++) {
        const struct row *row = &oracle->rows[asked.keys[i]];
        assert_int_equal(result->found[i], row->alive);
        if (!row->alive) continue;
        assert_true(at < result->rows);
        same_key(oracle, result, at, asked.keys[i], "get", "-");
        same_row(oracle, result, at++, row);
    }
    assert_int_equal(result->rows, at);
    kith_result_free(result);
}

/* --------------------------------------------------------------------- writes */

struct rows { /* a batch; keys[i] becomes values[i] */
    size_t keys[BATCH];
    struct row values[BATCH];
};

static void random_row(struct oracle *oracle, struct row *row)
{
    memset(row, 0, sizeof *row);
    row->alive = true;
    row->has_n = below(oracle, 4) != 0;
    row->n = (int32_t)below(oracle, 100);
    row->tag = (unsigned)below(oracle, TAGS);
    uint64_t dice = below(oracle, 4);
    row->extra = dice == 0 ? EXTRA_NONE : dice == 1 ? EXTRA_TEXT : EXTRA_INT;
    row->extra_int = (int64_t)below(oracle, 20);
    row->late = oracle->late ? (int64_t)below(oracle, 10) : LATE_DEFAULT;
    random_vector(oracle, row->vector);
}

static int send_rows(struct oracle *oracle, const struct rows *rows, size_t count, unsigned partition, bool upsert,
                     struct kith_written *written, struct kith_error *why)
{
    int64_t ints[BATCH], lates[BATCH];
    char texts[BATCH][24], metas[BATCH][40];
    struct kith_str strings[BATCH], tags[BATCH], extras[BATCH];
    int32_t ns[BATCH];
    uint8_t valid[BATCH];
    float vectors[BATCH * DIM_MAX];
    for (size_t i = 0; i < count; i++) {
        const struct row *row = &rows->values[i];
        ints[i] = key_int(rows->keys[i]);
        strings[i] = (struct kith_str){ texts[i], (size_t)key_text(rows->keys[i], texts[i]) };
        tags[i] = (struct kith_str){ tag_names[row->tag], strlen(tag_names[row->tag]) };
        int len = row->extra == EXTRA_INT
                      ? snprintf(metas[i], sizeof metas[i], "{\"extra\":%" PRId64 "}", row->extra_int)
                      : snprintf(metas[i], sizeof metas[i], row->extra ? "{\"extra\":\"some text\"}" : "{}");
        extras[i] = (struct kith_str){ metas[i], (size_t)len };
        ns[i] = row->n;
        valid[i] = row->has_n;
        lates[i] = row->late;
        memcpy(vectors + i * oracle->dim, row->vector, oracle->dim * sizeof *vectors);
    }
    const void *keys = oracle->text_keys ? (const void *)strings : ints;
    const struct kith_column columns[6] = { { .field = "id", .data = keys },
                                            { .field = "n", .data = ns, .valid = valid },
                                            { .field = "tag", .data = tags },
                                            { .field = "$meta", .data = extras },
                                            { .field = "v", .data = vectors },
                                            { .field = "late", .data = lates } };
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = count;
    batch.columns = columns;
    batch.column_count = oracle->late ? 6 : 5;
    batch.partition = partition_names[partition];
    return upsert ? kith_upsert(oracle->collection, &batch, NULL, written, why)
                  : kith_insert(oracle->collection, &batch, NULL, written, why);
}

static void apply_row(struct oracle *oracle, size_t key, const struct row *value, unsigned partition)
{
    oracle->rows[key] = *value;
    oracle->rows[key].partition = partition;
    oracle->rows[key].order = ++oracle->order;
}

static void do_upsert(struct oracle *oracle)
{
    struct rows rows;
    size_t count = 1 + below(oracle, BATCH);
    unsigned partition = (unsigned)below(oracle, PARTITIONS);
    uint64_t replaced = 0;
    size_t written_rows = 0;
    bool last[BATCH];
    for (size_t i = 0; i < count; i++) {
        rows.keys[i] = below(oracle, KEYS);
        random_row(oracle, &rows.values[i]);
    }
    for (size_t i = 0; i < count; i++) {
        last[i] = true; /* the last row of a key wins */
        for (size_t j = i + 1; j < count; j++) last[i] &= rows.keys[i] != rows.keys[j];
        written_rows += last[i];
        replaced += last[i] && oracle->rows[rows.keys[i]].alive;
    }
    struct kith_written written = { 0 };
    OK(send_rows(oracle, &rows, count, partition, true, &written, &why));
    assert_int_equal(written.inserted, written_rows);
    assert_int_equal(written.deleted, replaced);
    for (size_t i = 0; i < count; i++)
        if (last[i]) apply_row(oracle, rows.keys[i], &rows.values[i], partition);
}

/* Mostly of keys that are free; sometimes one is taken and the whole batch is refused. */
static void do_insert(struct oracle *oracle)
{
    struct rows rows;
    size_t count = 0;
    bool refused = false;
    unsigned partition = (unsigned)below(oracle, PARTITIONS);
    for (size_t want = 1 + below(oracle, BATCH), tries = 0; count < want && tries < 60; tries++) {
        size_t key = below(oracle, KEYS);
        bool taken = oracle->rows[key].alive;
        for (size_t i = 0; i < count; i++) taken |= rows.keys[i] == key;
        if (taken && below(oracle, 100)) continue;
        refused |= taken;
        rows.keys[count] = key;
        random_row(oracle, &rows.values[count++]);
    }
    if (!count) return;
    struct kith_written written = { 0 };
    struct kith_error why = { 0 };
    int rc = send_rows(oracle, &rows, count, partition, false, &written, &why);
    if (rc != (refused ? KITH_EEXISTS : 0)) fail_msg("insert, op %" PRIu64 ": %d %s", oracle->ops, rc, why.text);
    if (rc) return;
    assert_int_equal(written.inserted, count);
    for (size_t i = 0; i < count; i++) apply_row(oracle, rows.keys[i], &rows.values[i], partition);
}

static void do_delete(struct oracle *oracle)
{
    struct asked asked;
    const struct kith_keys keys = ask(oracle, &asked);
    uint64_t there = 0;
    for (size_t i = 0; i < asked.count; i++) {
        there += oracle->rows[asked.keys[i]].alive;
        oracle->rows[asked.keys[i]].alive = false;
    }
    struct kith_written written = { 0 };
    OK(kith_delete(oracle->collection, &keys, NULL, &written, &why));
    assert_int_equal(written.deleted, there);
}

static void do_delete_where(struct oracle *oracle)
{
    static struct choice choice;
    static struct expected expected;
    memset(&choice, 0, sizeof choice);
    choice.filter.root = make_node(oracle, &choice.filter, 2);
    expect(oracle, &choice, NULL, &expected);
    if (expected.count > 80 && below(oracle, 10)) return; /* keeps the collection populated */
    struct kith_written written = { 0 };
    OK(kith_delete_where(oracle->collection, choice.filter.text, NULL, &written, &why));
    if (written.deleted != expected.count)
        fail_msg("delete where %s, op %" PRIu64 ": %" PRIu64 ", expected %zu", choice.filter.text, oracle->ops,
                 written.deleted, expected.count);
    for (size_t i = 0; i < expected.count; i++) oracle->rows[expected.keys[i]].alive = false;
}

/* ----------------------------------------------------------------- the others */

static void do_iterate(struct oracle *oracle)
{
    static struct choice choice;
    static struct expected expected;
    static struct row before[KEYS];
    choose(oracle, &choice);
    expect(oracle, &choice, NULL, &expected);
    memcpy(before, oracle->rows, sizeof before);
    struct kith_query_opts opts = query_opts(&choice);
    struct kith_iterator *iterator = NULL;
    OK(kith_iterator_open(oracle->collection, &opts, 1 + below(oracle, 50), &iterator, &why));
    size_t at = 0;
    for (struct kith_result *page = NULL;;) {
        OK(kith_iterator_next(iterator, NULL, &page, &why));
        if (!page) break;
        for (size_t i = 0; i < page->rows; i++) {
            assert_true(at < expected.count);
            same_key(oracle, page, i, expected.keys[at], "iterator", choice.filter.text);
            same_row(oracle, page, i, &before[expected.keys[at++]]);
        }
        kith_result_free(page);
        if (below(oracle, 4) == 0) do_upsert(oracle); /* not seen by the iterator */
        if (below(oracle, 8) == 0) do_delete(oracle);
        if (below(oracle, 40) == 0) OK(kith_compact(oracle->collection, NULL, &why));
    }
    assert_int_equal(at, expected.count);
    kith_iterator_close(iterator);
}

static struct kith_field late_field(void)
{
    struct kith_field field = KITH_FIELD_INIT;
    field.name = "late";
    field.type = KITH_INT64;
    field.default_value = (struct kith_value){ .type = KITH_INT64, .i = LATE_DEFAULT };
    return field;
}

static void do_add_field(struct oracle *oracle)
{
    const struct kith_field late = late_field();
    struct kith_error why = { 0 };
    const int rc = kith_field_add(oracle->collection, &late, &why);
    if (rc != (oracle->late ? KITH_EEXISTS : 0)) fail_msg("adding a field: %d %s", rc, why.text);
    oracle->late = true;
}

static void do_truncate(struct oracle *oracle)
{
    OK(kith_collection_truncate(oracle->collection, NULL, &why));
    for (size_t key = 0; key < KEYS; key++) oracle->rows[key].alive = false;
}

static void open_database(struct oracle *oracle)
{
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    opts.seal_rows = oracle->seal_rows;
    opts.sync = KITH_SYNC_NO;
    opts.no_threads = below(oracle, 2) == 0;
    opts.threads = 2;
    opts.no_pin = below(oracle, 2) == 0;
    opts.log = stress_log;
    OK(kith_open(oracle->dir, &opts, &oracle->db, &why));
    struct kith_field fields[5] = { KITH_FIELD_INIT, KITH_FIELD_INIT, KITH_FIELD_INIT, KITH_FIELD_INIT,
                                    late_field() };
    fields[0].name = "id";
    fields[0].type = oracle->text_keys ? KITH_VARCHAR : KITH_INT64;
    fields[0].flags = KITH_FIELD_PRIMARY;
    fields[0].max_length = oracle->text_keys ? 40 : 0;
    fields[1].name = "n";
    fields[1].type = KITH_INT32;
    fields[1].flags = KITH_FIELD_NULLABLE;
    fields[2].name = "tag";
    fields[2].type = KITH_VARCHAR;
    fields[3].name = "v";
    fields[3].type = KITH_FLOAT_VECTOR;
    fields[3].dim = oracle->dim;
    struct kith_schema schema = KITH_SCHEMA_INIT;
    schema.fields = fields;
    schema.field_count = oracle->late ? 5 : 4;
    schema.dynamic = true;
    OK(kith_collection_get_or_create(oracle->db, NULL, "oracle", &schema, &oracle->collection, &why));
}

static void close_database(struct oracle *oracle)
{
    kith_collection_release(oracle->collection);
    kith_close(oracle->db);
    oracle->collection = NULL;
    oracle->db = NULL;
}

static void do_reopen(struct oracle *oracle)
{
    struct kith_collection *also = NULL;
    if (below(oracle, 2)) {
        OK(oracle->alias ? kith_alias_drop(oracle->db, NULL, "also", &why)
                         : kith_alias_set(oracle->db, NULL, "also", "oracle", &why));
        oracle->alias = !oracle->alias;
    }
    close_database(oracle);
    if (below(oracle, 4) == 0) stress_check(oracle->dir);
    open_database(oracle);
    assert_int_equal(kith_collection_open(oracle->db, NULL, "also", &also, NULL),
                     oracle->alias ? 0 : KITH_ENOTFOUND);
    kith_collection_release(also);
}

static void do_index(struct oracle *oracle)
{
    struct kith_index_params params = KITH_INDEX_PARAMS_INIT;
    params.kind = below(oracle, 4) ? "HNSW" : "FLAT";
    (void)!kith_index_drop(oracle->collection, "v", NULL); /* there may be none */
    OK(kith_index_create(oracle->collection, "v", &params, &why));
}

static void do_drop_partition(struct oracle *oracle)
{
    unsigned partition = 1 + (unsigned)below(oracle, PARTITIONS - 1);
    OK(kith_partition_drop(oracle->collection, partition_names[partition], &why));
    for (size_t key = 0; key < KEYS; key++)
        if (oracle->rows[key].partition == partition) oracle->rows[key].alive = false;
    OK(kith_partition_create(oracle->collection, partition_names[partition], &why));
}

static void one_operation(struct oracle *oracle)
{
    uint64_t dice = below(oracle, 1000);
    if (dice < 150) do_insert(oracle);
    else if (dice < 290) do_upsert(oracle);
    else if (dice < 370) do_delete(oracle);
    else if (dice < 400) do_delete_where(oracle);
    else if (dice < 520) do_get(oracle);
    else if (dice < 620) do_query(oracle);
    else if (dice < 720) do_count(oracle);
    else if (dice < 965) do_search(oracle);
    else if (dice < 980) do_iterate(oracle);
    else if (dice < 986) OK(kith_flush(oracle->collection, NULL, &why));
    else if (dice < 990) OK(kith_compact(oracle->collection, NULL, &why));
    else if (dice < 994) do_reopen(oracle);
    else if (dice < 996) do_index(oracle);
    else if (dice < 998) do_drop_partition(oracle);
    else if (dice == 998 && below(oracle, 3) == 0) do_truncate(oracle);
    else if (dice == 998) do_add_field(oracle);
    else OK(kith_checkpoint(oracle->db, NULL, &why));
    oracle->ops++;
}

static void run(const char *name, bool text_keys, uint64_t seed, uint64_t ops)
{
    static struct oracle oracle;
    memset(&oracle, 0, sizeof oracle);
    rng_init(&oracle.rng, seed);
    oracle.text_keys = text_keys;
    oracle.dim = 4 + (uint32_t)below(&oracle, DIM_MAX - 4 + 1);
    oracle.seal_rows = 24 + below(&oracle, 200);
    stress_dir(oracle.dir, "oracle");
    open_database(&oracle);
    for (unsigned i = 1; i < PARTITIONS; i++) OK(kith_partition_create(oracle.collection, partition_names[i], &why));
    int64_t begin = stress_now_ms();
    while (oracle.ops < ops) one_operation(&oracle);
    close_database(&oracle);
    stress_check(oracle.dir);
    double recall = oracle.wanted ? (double)oracle.hit / (double)oracle.wanted : 1;
    (void)printf("%s: %" PRIu64 " operations, dim %u, seal %" PRIu64 ", %" PRIu64
                 " searches, recall of the indexed ones %.4f; %" PRId64 " ms\n",
                 name, oracle.ops, oracle.dim, oracle.seal_rows, oracle.searches, recall, stress_now_ms() - begin);
    assert_true(recall >= 0.97);
    stress_remove(oracle.dir);
}

static void int_keys(void **state)
{
    (void)state;
    run("INT64 keys", false, stress_seed("oracle"), stress_number("KITH_OPS", 20000) / 2);
}

static void text_keys(void **state)
{
    (void)state;
    run("VARCHAR keys", true, stress_seed("oracle"), stress_number("KITH_OPS", 20000) / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(int_keys), cmocka_unit_test(text_keys) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
