/*
 * Filters over a source that answers questions, against the same rows without: indexes (exact,
 * narrowing, damaged, or with nothing to say), zones of chunks, and typed columns of JSON paths
 * must not change a row. The answers come from walking the rows.
 */
#include <math.h>
#include <stdio.h>

#include "base/json.h"
#include "base/rng.h"
#include "query/filter_help.h"

#define ROWS       3000
#define CHUNK_ROWS 256
#define ROUNDS     400

static struct rng rng;
static size_t dice(size_t n) { return (size_t)rng_below(&rng, n); }

/* ------------------------------------------------------------------ rows */

static void put_int(struct table *table, enum table_field field, size_t row, int64_t value)
{
    table_value(table, field, row, &value); /* little-endian: the low bytes */
}

static void put_json(struct table *table, enum table_field field, size_t row)
{
    static const char *const values[] = { "1", "2", "3", "-4", "1.5", "2.5", "\"a\"", "\"ab\"",
                                          "\"b\\u0041\"", "true", "false", "null", "[1]", "{}" };
    char text[96];
    /* Runs of one kind, so that typed chunks are mostly full. */
    size_t kind = row / CHUNK_ROWS % 4, from = kind == 0 ? 0 : kind == 1 ? 4 : kind == 2 ? 6 : 9;
    size_t to = kind == 0 ? 4 : kind == 1 ? 6 : kind == 2 ? 9 : 11;
    const char *k = dice(6) == 0 ? values[dice(14)] : values[from + dice(to - from)];
    if (dice(7) == 0) snprintf(text, sizeof text, "{\"n\":%zu}", dice(5));
    else snprintf(text, sizeof text, "{\"n\":%zu,\"k\":%s}", dice(5), k);
    table_text(table, field, row, text, strlen(text));
}

static void put_row(struct table *table, size_t row)
{
    static const char *const texts[] = { "", "a", "ab", "abc", "b", "ba" };
    size_t run = row / CHUNK_ROWS; /* so that zones decide something */
    float f = (float)dice(8) / 2 + (float)(run % 5);
    double d = (double)dice(4) + (double)(run % 3);
    const char *s = texts[dice(6)];
    uint8_t ai[16];
    put_int(table, FIELD_ID, row, (int64_t)row);
    put_int(table, FIELD_A, row, run == 3 ? INT64_MAX - (int64_t)dice(3)
                                          : (int64_t)dice(10) + (int64_t)(run % 4) * 5);
    put_int(table, FIELD_B, row, (int64_t)dice(20) - 10);
    put_int(table, FIELD_H, row, run % 3 == 0 ? 7 : (int64_t)dice(100));
    put_int(table, FIELD_W, row, (int64_t)dice(1000));
    put_int(table, FIELD_FLAG, row, (int64_t)dice(2));
    table_value(table, FIELD_F, row, &f);
    table_value(table, FIELD_D, row, &d);
    table_text(table, FIELD_S, row, s, strlen(s));
    le64_put(ai, dice(5));
    le64_put(ai + 8, dice(5));
    table_text(table, FIELD_AI, row, ai, 8 * dice(3));
    table_text(table, FIELD_AS, row, "", 0);
    put_json(table, FIELD_J, row);
    put_json(table, FIELD_META, row);
    static const enum table_field nullable[] = { FIELD_A, FIELD_F, FIELD_S, FIELD_FLAG, FIELD_J,
                                                 FIELD_AI };
    for (size_t i = 0; i < 6; i++)
        if ((run % 2 == 0 && dice(8) == 0) || run == 5) table_null(table, nullable[i], row);
}

/* ------------------------------------------------------------------ one value */

static struct kith_value number_of(const struct json_value *json)
{
    if (json->kind == JSON_INT)
        return (struct kith_value){ .type = KITH_INT64, .i = json->integer };
    return (struct kith_value){ .type = KITH_DOUBLE, .d = json->number };
}

static struct kith_value value_of_json(struct table *table, struct kith_str text,
                                       struct kith_str path, bool *exists)
{
    struct json_step step = { .key = path.data + 1, .key_len = path.len - 1 };
    struct json_value json;
    struct buffer plain;
    *exists = json_find(text.data, text.len, &step, 1, &json) == 0 && json.kind != JSON_NULL;
    if (!*exists) return (struct kith_value){ 0 };
    if (json.kind == JSON_INT || json.kind == JSON_DOUBLE) return number_of(&json);
    if (json.kind == JSON_BOOL)
        return (struct kith_value){ .type = KITH_BOOL, .i = json.boolean };
    if (json.kind != JSON_STRING) return (struct kith_value){ 0 };
    buffer_init(&plain);
    assert_int_equal(json_unescape(&json, &plain), 0);
    struct kith_str kept = { arena_strndup(&table->arena, (char *)plain.data, plain.len),
                             plain.len };
    buffer_release(&plain);
    return (struct kith_value){ .type = KITH_VARCHAR, .s = kept };
}

static struct kith_value value_at(struct table *table, size_t field, struct kith_str path,
                                  size_t row, bool *exists)
{
    const struct column *column = &table->columns[field];
    struct kith_value out = { .type = KITH_INT64 };
    const uint8_t *at = column->data + row * table->schema.fields[field].width;
    *exists = (column->valid[row / 64] >> (row % 64)) & 1;
    if (!*exists) return (struct kith_value){ 0 };
    switch (table->schema.fields[field].type) {
    case KITH_JSON: return value_of_json(table, column->strs[row], path, exists);
    case KITH_VARCHAR: return (struct kith_value){ .type = KITH_VARCHAR, .s = column->strs[row] };
    case KITH_FLOAT: return (struct kith_value){ .type = KITH_DOUBLE, .d = (double)lef32_get(at) };
    case KITH_DOUBLE: return (struct kith_value){ .type = KITH_DOUBLE, .d = lef64_get(at) };
    case KITH_BOOL: return (struct kith_value){ .type = KITH_BOOL, .i = *at };
    case KITH_INT8: out.i = (int8_t)*at; break;
    case KITH_INT16: out.i = (int16_t)le16_get(at); break;
    case KITH_INT32: out.i = (int32_t)le32_get(at); break;
    default: out.i = (int64_t)le64_get(at); break;
    }
    return out;
}

static bool is_number(const struct kith_value *v)
{
    return v->type == KITH_INT64 || v->type == KITH_DOUBLE;
}

/* -2: of kinds that do not compare. The numbers here are small, or both integers. */
static int order_of(const struct kith_value *a, const struct kith_value *b)
{
    if (is_number(a) && is_number(b)) {
        if (a->type == KITH_INT64 && b->type == KITH_INT64) return (a->i > b->i) - (a->i < b->i);
        double x = a->type == KITH_INT64 ? (double)a->i : a->d;
        double y = b->type == KITH_INT64 ? (double)b->i : b->d;
        return (x > y) - (x < y);
    }
    if (a->type != b->type || a->type == 0) return -2;
    if (a->type == KITH_BOOL) return (a->i > b->i) - (a->i < b->i);
    size_t len = a->s.len < b->s.len ? a->s.len : b->s.len;
    int order = len > 0 ? memcmp(a->s.data, b->s.data, len) : 0;
    if (order != 0) return order < 0 ? -1 : 1;
    return (a->s.len > b->s.len) - (a->s.len < b->s.len);
}

/* ------------------------------------------------------------------ answers */

enum mood { MOOD_EXACT, MOOD_NARROW, MOOD_SILENT, MOOD_DAMAGED };
static struct answers {
    enum mood mood;
    bool estimates, zones, typed;
    size_t asked, zones_asked, typed_asked;
} answers;

/* 1 true, 0 false, -1 unknown, -2: cannot say. */
static int test_range(const struct probe *probe, const struct kith_value *v)
{
    int low = probe->has_low ? order_of(v, &probe->low) : 1;
    int high = probe->has_high ? order_of(v, &probe->high) : -1;
    if (low == -2 || high == -2) return -1;
    return (low > 0 || (low == 0 && (!probe->has_low || probe->low_inclusive))) &&
           (high < 0 || (high == 0 && (!probe->has_high || probe->high_inclusive)));
}

static int test_terms(const struct probe *probe, const struct kith_value *v)
{
    if (order_of(v, &probe->terms[0]) == -2) return -1;
    for (size_t i = 0; i < probe->term_count; i++) {
        if (i > 0) assert_int_equal(order_of(&probe->terms[i - 1], &probe->terms[i]), -1);
        if (order_of(v, &probe->terms[i]) == 0) return 1;
    }
    return 0;
}

static int test_contains(const struct probe *probe, struct kith_str packed)
{
    size_t found = 0;
    for (size_t i = 0; i < probe->term_count; i++)
        for (size_t at = 0; at < packed.len; at += 8)
            if ((int64_t)le64_get((const uint8_t *)packed.data + at) == probe->terms[i].i) {
                found++;
                break;
            }
    return probe->kind == PROBE_CONTAINS_ANY ? found > 0 : found == probe->term_count;
}

static int test_row(struct table *table, const struct probe *probe, size_t row)
{
    bool exists;
    if (probe->kind == PROBE_CONTAINS_ANY || probe->kind == PROBE_CONTAINS_ALL) {
        const struct column *column = &table->columns[probe->field];
        if (probe->field != FIELD_AI) return -2;
        if (!((column->valid[row / 64] >> (row % 64)) & 1)) return -1;
        return test_contains(probe, column->strs[row]);
    }
    struct kith_value v = value_at(table, probe->field, probe->path, row, &exists);
    if (probe->kind == PROBE_PRESENT) return exists;
    if (!exists) return -1;
    switch (probe->kind) {
    case PROBE_RANGE: return test_range(probe, &v);
    case PROBE_TERMS: return test_terms(probe, &v);
    default: return -2;
    }
}

static int answer_probe(void *ctx, const struct probe *probe, struct probe_answer *answer)
{
    if (answers.mood == MOOD_SILENT) return KITH_EUNSUPPORTED;
    answers.asked++;
    for (size_t row = 0; row < ROWS; row++) {
        int result = test_row(ctx, probe, row);
        if (result == -2) return KITH_EUNSUPPORTED;
        if (answers.mood == MOOD_DAMAGED) result = (int)(row % 2);
        if (result == 1 || (answers.mood == MOOD_NARROW && dice(4) == 0))
            bitset_set(answer->yes, row);
        if (result >= 0 && answer->present) bitset_set(answer->present, row);
    }
    answer->exact = answers.mood == MOOD_EXACT;
    return answers.mood == MOOD_DAMAGED ? KITH_ECORRUPT : 0;
}

static int answer_estimate(void *ctx, const struct probe *probe, uint64_t *rows)
{
    (void)ctx, (void)probe;
    *rows = dice(ROWS / 4);
    return answers.estimates ? 0 : KITH_EUNSUPPORTED;
}

static int answer_rows_zone(void *ctx, size_t field, size_t first, size_t rows, struct zone *out)
{
    struct table *table = ctx;
    enum kith_type type = table->schema.fields[field].type;
    size_t end = first + rows < ROWS ? first + rows : ROWS;
    bool exists;
    if (!answers.zones || type_width(type, 0) == 0) return KITH_EUNSUPPORTED;
    answers.zones_asked++;
    *out = (struct zone){ .int_low = INT64_MAX, .int_high = INT64_MIN,
                          .float_low = (double)INFINITY, .float_high = -(double)INFINITY };
    for (size_t row = first; row < end; row++) {
        struct kith_value v = value_at(table, field, (struct kith_str){ 0 }, row, &exists);
        out->nulls += !exists;
        if (!exists) continue;
        out->has_values = true;
        if (v.i < out->int_low) out->int_low = v.i;
        if (v.i > out->int_high) out->int_high = v.i;
        out->float_low = fmin(out->float_low, v.d);
        out->float_high = fmax(out->float_high, v.d);
    }
    return 0;
}

static int answer_zone(void *ctx, size_t field, size_t chunk_number, struct zone *out)
{
    if (dice(2)) return KITH_EUNSUPPORTED; /* blocks may be known where the chunk is not */
    return answer_rows_zone(ctx, field, chunk_number * CHUNK_ROWS, CHUNK_ROWS, out);
}

static void put_typed(struct table *table, const struct kith_value *v, size_t at, size_t rows,
                      struct chunk *out)
{
    uint8_t *data = (uint8_t *)(uintptr_t)out->data;
    struct kith_str *strs = (struct kith_str *)(uintptr_t)out->strs;
    (void)table, (void)rows;
    if (v->type == KITH_VARCHAR) strs[at] = v->s;
    else if (v->type == KITH_DOUBLE) lef64_put(data + 8 * at, v->d);
    else if (v->type == KITH_BOOL) data[at] = (uint8_t)v->i;
    else le64_put(data + 8 * at, (uint64_t)v->i);
    uint64_t *valid = (uint64_t *)(uintptr_t)out->valid;
    valid[at / 64] |= 1ull << (at % 64);
}

/* The values of one kind; the kind is that of the chunk's run. */
static int answer_typed(void *ctx, size_t field, struct kith_str path, size_t chunk_number,
                        struct chunk *out, bool *rest)
{
    static const enum kith_type types[] = { KITH_INT64, KITH_DOUBLE, KITH_VARCHAR, KITH_BOOL };
    struct table *table = ctx;
    enum kith_type type = types[chunk_number % 4];
    size_t first = chunk_number * CHUNK_ROWS, rows = ROWS - first;
    if (rows > CHUNK_ROWS) rows = CHUNK_ROWS;
    if (!answers.typed || (path.len != 2) || memcmp(path.data, "/k", 2) != 0)
        return KITH_EUNSUPPORTED;
    answers.typed_asked++;
    *rest = false;
    *out = (struct chunk){ .type = type, .rows = rows, .width = type_width(type, 0),
                           .data = arena_zalloc(&table->arena, 8 * CHUNK_ROWS),
                           .valid = arena_zalloc(&table->arena, CHUNK_ROWS / 8),
                           .strs = arena_zalloc(&table->arena,
                                                CHUNK_ROWS * sizeof(struct kith_str)) };
    for (size_t at = 0; at < rows; at++) {
        bool exists;
        struct kith_value v = value_at(table, field, path, first + at, &exists);
        if (exists && v.type == type) put_typed(table, &v, at, rows, out);
        else *rest |= exists;
    }
    return 0;
}

/* ------------------------------------------------------------------ filters */

static const char *const LEAVES[] = {
    "a == 7", "a != 7", "a < 12", "a >= 9223372036854775806", "3 <= a < 9", "a in [1, 5, 9]",
    "a not in [1, 2, 3]", "a + 1 > 5", "a + 9 < 3", "a - 3 <= 4", "a * 2 == 8", "a / 3 == 2",
    "a % 4 == 1", "2 * a < 9", "b * 100 > 300", "b / -2 >= 1", "b % 3 != 0", "h == 7",
    "h in [7]", "h in [1, 3, 7, 90, 91, 92, 93, 94, 95]", "w in [1, 900]", "w > 990",
    "f == 1.5", "f > 2", "f + 0.5 == 2", "f in [0.5, 3]", "d <= 1", "d * 3 > 8.5", "d in [2]",
    "s == \"ab\"", "s != \"ab\"", "s in [\"a\", \"b\"]", "s > \"ab\"", "s like \"a%\"",
    "a is null", "f is not null", "s is null", "flag == true", "flag in [false]", "a in []",
    "a < b", "a == h", "f > d", "w >= f", "a != d",
    "j[\"k\"] == 2", "j[\"k\"] != 2", "j[\"k\"] > 1.2", "j[\"k\"] < \"b\"", "j[\"k\"] == true",
    "j[\"k\"] in [1, 2.5, 3]", "j[\"k\"] in [1, \"a\", true]", "j[\"k\"] not in [\"a\", \"ab\"]",
    "j[\"k\"] like \"%b%\"", "exists j[\"k\"]", "j[\"k\"] is null", "j[\"k\"] + 1 >= 3",
    "j[\"k\"] % 2 == 1", "j[\"k\"] * 1.5 < 3", "j[\"k\"] in []", "j[\"k\"] == \"bA\"",
    "array_length(j[\"k\"]) == 1", "json_contains(j[\"k\"], 1)", "j[\"k\"] == [1]",
    "1 <= j[\"k\"] <= 2", "k == 2", "k != 2.5", "k in [1.5, 2]", "exists k", "n > 2",
    "j[\"n\"] == 3", "array_contains(ai, 1)", "array_contains_any(ai, [1, 3, 3])",
    "array_contains_all(ai, [2, 1])", "ai[0] == 1",
};
#define LEAF_COUNT (sizeof LEAVES / sizeof *LEAVES)

static void expression(struct buffer *out, unsigned depth)
{
    size_t form = depth == 0 ? 0 : dice(4);
    if (form == 0) {
        buffer_printf(out, "%s", LEAVES[dice(LEAF_COUNT)]);
        return;
    }
    size_t count = form == 1 ? 1 : 2 + dice(2);
    if (form == 1) buffer_printf(out, "not ");
    for (size_t i = 0; i < count; i++) {
        buffer_printf(out, i == 0 ? "(" : form == 2 ? " and (" : " or (");
        expression(out, depth - 1);
        buffer_printf(out, ")");
    }
}

static void same_rows(struct table *plain, struct table *told, const char *text)
{
    struct bitset want, got;
    assert_int_equal(bitset_init(&want, ROWS, false), 0);
    assert_int_equal(bitset_init(&got, ROWS, true), 0);
    table_filter(plain, text, NULL, &want);
    table_filter(told, text, NULL, &got);
    for (size_t row = 0; row < ROWS; row++)
        if (bitset_get(&want, row) != bitset_get(&got, row))
            fail_msg("row %zu, mood %d%s%s: want %d: %s", row, (int)answers.mood,
                     answers.zones ? ", zones" : "", answers.typed ? ", typed" : "",
                     bitset_get(&want, row), text);
    bitset_release(&want);
    bitset_release(&got);
}

static void tables_init(struct table *plain, struct table *told, uint64_t fixed)
{
    const char *given = getenv("KITH_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : fixed;
    print_message("seed %llu\n", (unsigned long long)seed);
    rng_init(&rng, seed);
    table_init(plain, ROWS, CHUNK_ROWS, true);
    for (size_t row = 0; row < ROWS; row++) put_row(plain, row);
    *told = *plain; /* shares the columns */
    told->source.ctx = plain;
    told->source.probe = answer_probe;
    told->source.estimate = answer_estimate;
    told->source.zone = answer_zone;
    told->source.rows_zone = answer_rows_zone;
    told->source.typed = answer_typed;
}

static void one_filter(struct table *plain, struct table *told, const char *text)
{
    answers.mood = (enum mood)dice(4);
    answers.estimates = dice(2);
    answers.zones = dice(2);
    answers.typed = dice(2);
    same_rows(plain, told, text);
}

static void every_leaf(void **state)
{
    (void)state;
    struct table plain, told;
    tables_init(&plain, &told, 11);
    memset(&answers, 0, sizeof answers);
    for (size_t i = 0; i < LEAF_COUNT; i++) {
        char negated[128];
        snprintf(negated, sizeof negated, "not (%s)", LEAVES[i]);
        for (answers.mood = MOOD_EXACT; answers.mood <= MOOD_DAMAGED; answers.mood++) {
            answers.zones = answers.typed = answers.mood == MOOD_SILENT;
            same_rows(&plain, &told, LEAVES[i]);
            same_rows(&plain, &told, negated);
        }
    }
    assert_true(answers.asked > 2 * LEAF_COUNT);
    assert_true(answers.zones_asked > LEAF_COUNT);
    assert_true(answers.typed_asked > LEAF_COUNT / 4);
    table_release(&plain);
}

static void nested(void **state)
{
    (void)state;
    struct table plain, told;
    tables_init(&plain, &told, 12);
    for (size_t i = 0; i < ROUNDS; i++) {
        struct buffer text;
        buffer_init(&text);
        expression(&text, (unsigned)dice(4));
        buffer_put_u8(&text, 0);
        assert_false(buffer_failed(&text));
        one_filter(&plain, &told, (const char *)text.data);
        buffer_release(&text);
    }
    table_release(&plain);
}

/* ------------------------------------------------------------------ estimates, memory */

static double estimate(struct table *table, const char *text)
{
    struct arena arena;
    struct filter *filter = NULL;
    struct kith_error err = { 0 };
    double share = -1;
    arena_init(&arena);
    assert_int_equal(filter_compile(text, NULL, &table->schema, &arena, &filter, &err), 0);
    assert_int_equal(filter_estimate(filter, &table->source, &share, &err), 0);
    arena_release(&arena);
    return share;
}

static void estimates(void **state)
{
    (void)state;
    struct table plain, told;
    tables_init(&plain, &told, 13);
    double half = estimate(&plain, "w < 500"), most = estimate(&plain, "not (b == 3)");
    assert_true(half > 0.4 && half < 0.6);
    assert_true(most > 0.85 && most <= 1);
    assert_true(estimate(&plain, "a in []") < 0.01);
    table_release(&plain);
}

static void failing_memory(void **state)
{
    (void)state;
    struct table plain, told;
    struct arena arena;
    struct bitset out;
    const char *text = "not (a == 7 and b in [1, 2]) or s == \"ab\" or w in [1, 900, 77]";
    tables_init(&plain, &told, 14);
    answers = (struct answers){ .mood = MOOD_EXACT, .estimates = true };
    assert_int_equal(bitset_init(&out, ROWS, false), 0);
    int rc = KITH_ENOMEM;
    for (uint64_t n = 1; rc != 0; n++) {
        struct filter *filter = NULL;
        arena_init(&arena);
        alloc_fault_arm(n, false);
        rc = filter_compile(text, NULL, &plain.schema, &arena, &filter, NULL);
        if (rc == 0) rc = filter_evaluate(filter, &told.source, NULL, &out, NULL, NULL, NULL);
        if (alloc_fault_count() < n) assert_int_equal(rc, 0);
        alloc_fault_disarm();
        assert_true(rc == 0 || rc == KITH_ENOMEM);
        arena_release(&arena);
        assert_true(n < 1000);
    }
    bitset_release(&out);
    table_release(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_leaf),
        cmocka_unit_test(nested),
        cmocka_unit_test(estimates),
        cmocka_unit_test(failing_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
