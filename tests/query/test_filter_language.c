/*
 * The language: precedence by what passes, every error text of the typing rules, three-valued
 * truth tables, literals and escapes, limits, primary keys, failing allocations.
 */
#include <stdio.h>

#include "model/key.h"
#include "model/limits.h"
#include "query/filter_help.h"

/* Rows: a = 0..3 and null; s, j and others beside it. */
#define ROWS 5

static void fill(struct table *table)
{
    static const char *const texts[ROWS] = { "", "ab", "a%b", "a\xc3\xa4z", "null" };
    static const char *const docs[ROWS] = {
        "{\"k\": 1, \"n\": {\"m\": [1, [2, 3], \"x\\u0041\"]}}", "{\"k\": 1.5}", "{\"k\": \"1\"}",
        "{\"k\": null, \"q\\\"r\": 9007199254740993}", "{}" };
    static const char *const metas[ROWS] = { "{\"dyn\": 1}", "{\"dyn\": true}", "{\"dyn\": \"t\"}",
                                             "{}", "{\"dyn\": [1, \"a\", [2]]}" };
    for (size_t r = 0; r < ROWS; r++) {
        int64_t id = (int64_t)r + 10, a = (int64_t)r, items[] = { (int64_t)r, 7 };
        double d = (double)r / 2;
        float f = r == 1 ? 0.1f : (float)r;
        uint8_t flag = r % 2;
        table_value(table, FIELD_ID, r, &id);
        table_value(table, FIELD_A, r, &a);
        table_value(table, FIELD_D, r, &d);
        table_value(table, FIELD_F, r, &f);
        table_value(table, FIELD_FLAG, r, &flag);
        table_text(table, FIELD_S, r, texts[r], strlen(texts[r]));
        table_text(table, FIELD_J, r, docs[r], strlen(docs[r]));
        table_text(table, FIELD_AI, r, items, sizeof items);
        table_text(table, FIELD_AS, r, "\x01\0\0\0x", 5);
        if (table->schema.meta != SIZE_MAX)
            table_text(table, FIELD_META, r, metas[r], strlen(metas[r]));
    }
    table_null(table, FIELD_A, 4);
    table_null(table, FIELD_S, 4);
}

struct passing {
    const char *text;
    unsigned rows; /* bit r: row r passes */
};

static void must_pass(struct table *table, const struct passing *cases, size_t count)
{
    struct bitset out;
    assert_int_equal(bitset_init(&out, ROWS, true), 0);
    for (size_t i = 0; i < count; i++) {
        table_filter(table, cases[i].text, NULL, &out);
        if (out.words[0] != cases[i].rows)
            fail_msg("%s: rows %#llx, want %#x", cases[i].text,
                     (unsigned long long)out.words[0], cases[i].rows);
    }
    bitset_release(&out);
}

static void passes(void **state)
{
    (void)state;
    static const struct passing cases[] = {
        /* precedence */
        { "a == 0 or a == 1 and d > 10.0", 0x01 },
        { "(a == 0 or a == 1) and d > 10.0", 0 },
        { "a not in [1]", 0x0d },
        { "not (a == 1)", 0x0d },
        { "not s like \"a%\"", 0x01 },
        { "not exists j[\"k\"]", 0x18 },
        { "a + 2 * 3 == 7", 0x02 },
        { "a == 2 ** 3 ** 0", 0x02 }, /* (2 ** 3) ** 0 */
        { "a == -2 ** 2 + 5", 0x02 }, /* -(2 ** 2) + 5 */
        { "a == 7 - 4 - 2", 0x02 },
        { "1 <= a < 3", 0x06 },
        { "3 > a >= 1", 0x06 },
        { "a > 0 && a < 2 || a == 3", 0x0a },
        { "!(a == 1) && flag == true", 0x08 },
        /* numbers, casts */
        { "a == 0x2 or a == 0b11", 0x0c },
        { "a == 01", 0x02 },
        { "a != -9223372036854775808", 0x0f },
        { "f == 0.1", 0x02 },
        { "f >= 2", 0x1c },
        { "d == .5 or d == 1. or d == 1.5e0 or d == 0x1p1", 0x1e },
        { "b == 300", 0 },
        { "b != 300", 0x1f },
        { "b < 300", 0x1f },
        { "a < -9223372036854775808", 0 },
        { "0 == a", 0x01 },
        { "2 > a", 0x03 },
        /* text */
        { "s == \"\"", 0x01 },
        { "s like \"\"", 0x01 },
        { "s like 'a_b'", 0x04 },
        { "s like 'a\\%b'", 0x04 },
        { "s like 'a_z'", 0x08 },
        { "s like '%b'", 0x06 },
        { "s == u8\"a\\u00e4z\"", 0x08 },
        { "s == 'a\\x25b'", 0x04 },
        { "s in ['ab', \"a%b\",]", 0x06 },
        { "s > 'ab'", 0x08 },
        /* null */
        { "a is null", 0x10 },
        { "a IS NOT NULL", 0x0f },
        { "a == 1 or a != 1", 0x0f },
        { "a in []", 0 },
        { "a not in []", 0x0f },
        { "flag == true", 0x0a },
        /* JSON */
        { "j[\"k\"] == 1", 0x01 },
        { "j['k'] == 1.0", 0x01 },
        { "j[\"k\"] != 1", 0x02 },
        { "j[\"k\"] in [1, 1.5, \"1\"]", 0x07 },
        { "j[\"k\"] is null", 0x18 },
        { "j[\"k\"] is not null", 0x07 },
        { "j[\"n\"][\"m\"][0] == 1", 0x01 },
        { "j[\"n\"][\"m\"][1] == [2, 3]", 0x01 },
        { "j[\"n\"][\"m\"][2] == \"xA\"", 0x01 },
        { "j[\"n\"][\"m\"][2] like \"_A\"", 0x01 },
        { "j[\"q\\\"r\"] == 9007199254740993", 0x08 },
        { "j[\"q\\\"r\"] == 9007199254740992", 0 },
        { "j[\"k\"] + 1 == 2.5", 0x02 },
        { "json_contains(j[\"n\"][\"m\"], [2, 3])", 0x01 },
        { "array_length(j[\"n\"][\"m\"]) == 3", 0x01 },
        { "not json_contains(j[\"n\"][\"m\"], 9)", 0x01 },
        { "dyn == 1", 0x01 },
        { "dyn == true", 0x02 },
        { "$meta[\"dyn\"] == 't'", 0x04 },
        { "exists dyn", 0x17 },
        { "json_contains_all(dyn, ['a', 1])", 0x10 },
        { "json_contains_any(dyn, ['b', [2]])", 0x10 },
        { "JSON_CONTAINS(dyn, 'b')", 0 },
        { "And == 1 or In == 2", 0 }, /* identifiers: other spellings are no keywords */
        { "is == 1", 0 },
        /* arrays */
        { "ai[0] == 2", 0x04 },
        { "ai[5] != 2", 0 },
        { "ai == [1, 7]", 0x02 },
        { "ai != [1, 7]", 0x1d },
        { "array_contains(ai, 3)", 0x08 },
        { "array_length(ai) == 2 and as[0] == \"x\"", 0x1f },
        { "ai[0] == a", 0x0f },
    };
    struct table table;
    table_init(&table, ROWS, 64, true);
    fill(&table);
    must_pass(&table, cases, sizeof cases / sizeof *cases);
    table_release(&table);
}

/* One column true where a == 1, false where not, unknown where null; beside it constants. */
static void truth_tables(void **state)
{
    (void)state;
    /* Row 1: a == 1 true; row 0: false; row 4: unknown. d == 0.5 true in row 1, else false. */
    static const struct passing cases[] = {
        { "a == 1 and a == 1", 0x02 },
        { "a == 1 or id == 14", 0x12 },           /* unknown or true */
        { "a == 1 or id == 99", 0x02 },           /* unknown or false */
        { "not (a == 1 or id == 99)", 0x0d },     /* not unknown */
        { "not (a == 1 and id == 99)", 0x1f },    /* unknown and false is false */
        { "not (a == 1 and id != 99)", 0x0d },    /* unknown and true is unknown */
        { "not (id == 99 and a == 1)", 0x1f },
        { "not (not (a == 1))", 0x02 },
        { "not (a == 1) or not (a != 1)", 0x0f }, /* both unknown */
        { "a == 1 and s == 'ab' or a is null", 0x12 },
    };
    struct table table;
    table_init(&table, ROWS, 64, true);
    fill(&table);
    must_pass(&table, cases, sizeof cases / sizeof *cases);
    table_release(&table);
}

struct refusal {
    const char *text, *what;
    uint64_t position;
};

static void must_refuse(const struct schema *schema, const struct refusal *refusal)
{
    struct arena arena;
    struct filter *filter = NULL;
    struct kith_error err = { 0 };
    arena_init(&arena);
    int rc = filter_compile(refusal->text, NULL, schema, &arena, &filter, &err);
    if (rc != KITH_EFILTER || !strstr(err.text, refusal->what) ||
        err.position != refusal->position)
        fail_msg("%s: rc %d at %llu: %s (want %s at %llu)", refusal->text, rc,
                 (unsigned long long)err.position, err.text, refusal->what,
                 (unsigned long long)refusal->position);
    assert_null(filter);
    arena_release(&arena);
}

static void refusals(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        { "", "line 1:0 mismatched input '<EOF>' expecting an expression", 0 },
        { "a ==", "line 1:4 mismatched input '<EOF>' expecting an expression", 4 },
        { "a == 1 )", "invalid expression: a == 1 )", 7 },
        { "a == 1 a", "invalid expression", 7 },
        { "(a == 1", "line 1:7 mismatched input '<EOF>' expecting ')'", 7 },
        { "a == 'x", "string without its closing quote", 5 },
        { "s == 'a\nb'", "string without its closing quote", 5 },
        { "s == '\\q'", "unknown escape", 7 },
        { "a == 08", "invalid integer: 08", 5 },
        { "a == 9223372036854775808", "integer out of range", 5 },
        { "a == 18446744073709551616", "invalid integer", 5 },
        { "a == 1.........................", "invalid number", 5 },
        { "a == 1e999", "invalid number", 5 },
        { "a # 1", "line 1:2 token recognition error at: '#'", 2 },
        { "a is  null", "invalid expression", 2 },
        { "flag", "predicate is not a boolean expression: flag, data type: Bool", 0 },
        { "true", "predicate is not a boolean expression: true, data type: Bool", 0 },
        { "1 == 1", "predicate is not a boolean expression: 1 == 1, data type: Bool", 0 },
        { "a + 1", "predicate is not a boolean expression: a + 1, data type: Int64", 0 },
        { "zz == 1", "field zz not exist", 0 },
        { "a == 1.5", "cannot cast value to Int64, value: 1.5", 5 },
        { "b in [1, 'x']", "value ''x'' in list cannot be casted to Int8", 9 },
        { "s == 1", "cannot cast value to VarChar, value: 1", 5 },
        { "flag == 1", "cannot cast value to Bool", 8 },
        { "a == s", "comparisons between Int64 and VarChar are not supported", 2 },
        { "j == a", "two column comparison with JSON type is not supported", 0 },
        { "ai == ai", "can not comparisons array fields directly", 3 },
        { "ai == 1", "comparisons between Array and Int64 are not supported", 3 },
        { "ai > [1]", "can not comparisons array fields directly", 3 },
        { "10 - a == 1", "module field is not yet supported", 0 },
        { "10 / a == 1", "module field is not yet supported", 0 },
        { "10 % a == 1", "module field is not yet supported", 0 },
        { "a + b == 1", "not supported to do arithmetic operations between multiple fields", 0 },
        { "a + 1 == b", "not supported to do arithmetic operations between multiple fields", 0 },
        { "a + 1 + 1 == 1", "complicated arithmetic operations are not supported", 0 },
        { "d % 2 == 1", "modulo can only apply on integer types", 0 },
        { "a % 2.0 == 1", "modulo can only apply on integer types", 0 },
        { "5.5 % 2 == a", "modulo can only apply on integer types", 4 },
        { "a / 0 == 1", "division or modulus by zero", 0 },
        { "a == 1 % 0", "division or modulus by zero", 7 },
        { "a == 9223372036854775807 + 1", "integer overflow", 25 },
        { "a ** 2 == 1", "power can only apply on constants: a ** 2", 0 },
        { "-a == 1", "can only be applied on constants: -a", 0 },
        { "a & 1 == 1", "BitAnd is not supported", 0 },
        { "a | 1", "BitOr is not supported", 0 },
        { "a ^ 1", "BitXor is not supported", 0 },
        { "a << 1 == 1", "shift is not supported", 0 },
        { "a > 1 and flag", "'and' can only be used between boolean expressions", 6 },
        { "a > 1 or 1", "'or' can only be used between boolean expressions", 6 },
        { "true and a > 1", "'and' can only be used between boolean expressions", 5 },
        { "not a == 1", "not op can only be applied on boolean expression", 0 },
        { "not a in [1]", "not op can only be applied on boolean expression", 0 },
        { "a + 1 in [2]", "'term' can only be used on single field, but got: a + 1", 0 },
        { "1 in [2]", "'term' can only be used on non-const expression, but got: 1", 0 },
        { "a in 1", "the right-hand side of 'in' must be a list, but got: 1", 5 },
        { "a in [b]", "value 'b' in list cannot be a non-const expression", 6 },
        { "b < a < 3", "lowerbound cannot be a non-const expression: b", 0 },
        { "3 < a < b", "upperbound cannot be a non-const expression: b", 8 },
        { "true < flag < false", "invalid range operations on boolean expr", 0 },
        { "1 < s < 2", "invalid range operations", 0 },
        { "3 < a < 1", "invalid range: lowerbound is greater than upperbound", 2 },
        { "1 <= a < 1", "invalid range: lowerbound is greater than upperbound", 2 },
        { "a like '1'", "like operation on non-string or no-json field is unsupported", 0 },
        { "a + 1 like '1'", "like operation on complicated expr is unsupported", 4 },
        { "a like 1", "line 1:7 mismatched input '1' expecting a pattern in quotes", 7 },
        { "ai['x'] == 1", "can only access array field with integer index", 0 },
        { "a[0] == 1", "Int64 data type not supported accessed with []", 0 },
        { "j[k] == 1", "json key must be enclosed in double quotes or single quotes: \"k\"", 2 },
        { "v == 1", "filter on a field of type FloatVector is not supported", 0 },
        { "v is null", "IsNull/IsNotNull operations are not supported on vector fields", 0 },
        { "json_contains_all(j, 1)", "ContainsAll operation element must be an array", 21 },
        { "array_contains(a, 1)",
          "contains operation are only supported on json or array fields now, got: a", 15 },
        { "exists a", "exists operations are only supportted on json field, got:Int64", 0 },
    };
    struct schema schema;
    table_schema(&schema, false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) must_refuse(&schema, &cases[i]);
    schema_release(&schema);
}

/* ------------------------------------------------------------------ limits */

static char *repeated(const char *head, const char *part, size_t count, const char *tail)
{
    size_t len = strlen(part);
    char *text = malloc(strlen(head) + len * count + strlen(tail) + 1);
    assert_non_null(text);
    char *at = stpcpy(text, head);
    for (size_t i = 0; i < count; i++) at = stpcpy(at, part);
    (void)stpcpy(at, tail);
    return text;
}

static int compiles(const struct schema *schema, char *text, struct kith_error *err)
{
    struct arena arena;
    struct filter *filter = NULL;
    arena_init(&arena);
    int rc = filter_compile(text, NULL, schema, &arena, &filter, err);
    arena_release(&arena);
    free(text);
    return rc;
}

static void limits(void **state)
{
    (void)state;
    struct schema schema;
    struct kith_error err = { 0 };
    table_schema(&schema, true);
    char *text = repeated("a == 1", " ", LIMIT_FILTER_BYTES - 6, "");
    assert_int_equal(compiles(&schema, text, &err), 0);
    text = repeated("a == 1", " ", LIMIT_FILTER_BYTES - 5, "");
    assert_int_equal(compiles(&schema, text, &err), KITH_EFILTER);
    /* One level for the comparison and one for its left side. */
    text = repeated("", "!", LIMIT_FILTER_DEPTH - 2, "exists dyn");
    assert_int_equal(compiles(&schema, text, &err), 0);
    text = repeated("", "!", LIMIT_FILTER_DEPTH - 1, "exists dyn");
    assert_int_equal(compiles(&schema, text, &err), KITH_EFILTER);
    assert_non_null(strstr(err.text, "nested deeper than 128 levels"));
    text = repeated("", "(", 60000, "");
    assert_int_equal(compiles(&schema, text, &err), KITH_EFILTER);
    text = repeated("a == 1", " or a == 2", 4000, ""); /* three parts each: wide, not deep */
    assert_int_equal(compiles(&schema, text, &err), 0);
    text = repeated("a in [1", ",1", LIMIT_FILTER_NODES - 4, "]"); /* in, a, the list, 1 */
    assert_int_equal(compiles(&schema, text, &err), 0);
    text = repeated("a in [1", ",1", LIMIT_FILTER_NODES - 3, "]");
    assert_int_equal(compiles(&schema, text, &err), KITH_EFILTER);
    assert_non_null(strstr(err.text, "more than 16384 parts"));
    schema_release(&schema);
}

static void primary_keys(void **state)
{
    (void)state;
    static const struct { const char *text; size_t count; } cases[] = {
        { "id == 5", 1 }, { "5 == id", 1 }, { "id in [5, 7, 5]", 3 }, { "id != 5", 0 },
        { "id not in [5]", 0 }, { "id > 5", 0 }, { "id + 1 == 5", 0 }, { "a == 5", 0 },
        { "id == 5 and a == 1", 0 }, { "5 <= id <= 5", 0 },
    };
    struct schema schema;
    table_schema(&schema, true);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena;
        struct filter *filter = NULL;
        const struct key *keys = NULL;
        size_t count = 0;
        arena_init(&arena);
        assert_int_equal(filter_compile(cases[i].text, NULL, &schema, &arena, &filter, NULL), 0);
        assert_int_equal(filter_primary_keys(filter, &schema, &keys, &count), cases[i].count > 0);
        assert_int_equal(count, cases[i].count);
        for (size_t k = 0; k < count; k++) assert_true(keys[k].i == 5 || keys[k].i == 7);
        arena_release(&arena);
    }
    schema_release(&schema);
}

/* ------------------------------------------------------------------ failures */

static int failing_get(void *ctx, size_t field, size_t number, struct chunk *out)
{
    (void)ctx, (void)field, (void)number, (void)out;
    return KITH_ECORRUPT;
}

static int stop(void *ctx) { return ++*(int *)ctx > 2 ? KITH_ECANCELLED : 0; }

static void failures(void **state)
{
    (void)state;
    static const char text[] = "j[\"n\"][\"m\"][2] == \"xA\" and (a + 1 in [1] or s like '%a_%' or "
                               "1 < dyn <= 2)";
    static const char good[] = "j[\"n\"][\"m\"][2] like \"x%\" and (a in [0, 2] or s like '%a_%')";
    struct table table;
    struct arena arena;
    struct kith_error err = { 0 };
    struct filter *filter = NULL;
    struct bitset out;
    int polls = 0, rc = KITH_ENOMEM;
    table_init(&table, ROWS, 64, true);
    fill(&table);
    assert_int_equal(bitset_init(&out, ROWS, false), 0);
    must_refuse(&table.schema, &(struct refusal){ text, "'term' can only be used", 28 });
    for (uint64_t n = 1; rc == KITH_ENOMEM; n++) {
        arena_init(&arena);
        alloc_fault_arm(n, true);
        rc = filter_compile(good, NULL, &table.schema, &arena, &filter, &err);
        if (rc == 0) rc = filter_evaluate(filter, &table.source, NULL, &out, NULL, NULL, &err);
        alloc_fault_disarm();
        assert_true(rc == 0 || rc == KITH_ENOMEM);
        if (rc != 0) arena_release(&arena);
    }
    assert_int_equal(out.words[0], 0x01);
    table.source.get = failing_get;
    assert_int_equal(filter_evaluate(filter, &table.source, NULL, &out, NULL, NULL, &err),
                     KITH_ECORRUPT);
    polls = 2;
    assert_int_equal(filter_evaluate(filter, &table.source, NULL, &out, stop, &polls, &err),
                     KITH_ECANCELLED);
    arena_release(&arena);
    bitset_release(&out);
    table_release(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes),       cmocka_unit_test(truth_tables), cmocka_unit_test(refusals),
        cmocka_unit_test(limits),       cmocka_unit_test(primary_keys), cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
