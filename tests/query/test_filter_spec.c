/*
 * The chapter "Filter language" of the Milvus protocol, line by line: an expression, the values of
 * its templates, and the rows that pass or exactly what is said.
 */
#include <stdio.h>

#include "model/timestamptz.h"
#include "query/filter_help.h"
#include "query/geometry.h"

#define ROWS 6

static const struct {
    const char *s, *j, *meta, *as, *ts, *g, *t;
    int64_t ai[3];
    size_t ai_count;
} DATA[ROWS] = {
    { "", "{\"a\": {\"b\": [1, [2, 3]]}, \"k\": 1}", "{\"dyn\": 1, \"name\": \"x\"}",
      "\1\0\0\0x\1\0\0\0y", "2025-01-31T10:00:00Z", "POINT(13.4 52.5)",
      "The quick brown fox jumps", { 1, 2, 3 }, 3 },
    { "50% off", "{\"k\": 1.5, \"l\": []}", "{\"dyn\": \"1\", \"name\": null}", "", "2025-02-28",
      "POINT(2.35 48.86)", "a brown dog, and a quick fox", { 0 }, 0 },
    { "a_b", "{\"k\": \"1\", \"l\": [1, 2.0, \"x\", true, null]}", "{\"dyn\": [1, 2]}",
      "\0\0\0\0", "1969-12-31T23:59:59.5Z", "POLYGON((0 40, 20 40, 20 60, 0 60, 0 40))",
      "Fox! FOX! fox?", { 7 }, 1 },
    { "aXb", "{\"k\": null, \"o\": {\"p\": null, \"q\": false}}", "{}", "\1\0\0\0x",
      "2024-02-29T00:00:00+08:00", "LINESTRING(0 0, 10 50)", "", { 2, 3 }, 2 },
    { "nul", "{\"k\": true}", "{\"dyn\": {\"in\": [[1, 2], [3]]}}", "\2\0\0\0xy",
      "2025-01-01T00:00:00Z", "POLYGON((0 0, 1 1, 1 0, 0 1, 0 0))", "jumps", { 1 }, 1 },
    { "", "", "{}", "", "", "", "", { 0 }, 0 }, /* null where it may be */
};

static size_t packed_texts(const char *text) /* a length is one byte of four; \2 is the longest */
{
    static const size_t lens[ROWS] = { 10, 0, 4, 5, 6, 0 };
    for (size_t r = 0; r < ROWS; r++)
        if (DATA[r].as == text) return lens[r];
    return 0;
}

static void fill_row(struct table *table, size_t r)
{
    int64_t id = (int64_t)r + 10, a = (int64_t)r, micros = 0;
    int8_t b = (int8_t)(r * 50);
    double d = (double)r / 2;
    float f = (float)r / 10;
    uint8_t flag = r % 2;
    table_value(table, FIELD_ID, r, &id);
    table_value(table, FIELD_A, r, &a);
    table_value(table, FIELD_B, r, &b);
    table_value(table, FIELD_D, r, &d);
    table_value(table, FIELD_F, r, &f);
    table_value(table, FIELD_FLAG, r, &flag);
    struct kith_str ts = { DATA[r].ts, strlen(DATA[r].ts) };
    if (ts.len > 0) assert_true(timestamptz_parse(ts, 0, &micros));
    table_value(table, FIELD_TS, r, &micros);
    table_text(table, FIELD_S, r, DATA[r].s, strlen(DATA[r].s));
    table_text(table, FIELD_J, r, DATA[r].j, strlen(DATA[r].j));
    table_text(table, FIELD_G, r, DATA[r].g, strlen(DATA[r].g));
    table_text(table, FIELD_T, r, DATA[r].t, strlen(DATA[r].t));
    table_text(table, FIELD_AI, r, DATA[r].ai, DATA[r].ai_count * sizeof DATA[r].ai[0]);
    table_text(table, FIELD_AS, r, DATA[r].as, packed_texts(DATA[r].as));
    if (table->schema.meta != SIZE_MAX)
        table_text(table, FIELD_META, r, DATA[r].meta, strlen(DATA[r].meta));
}

static void fill(struct table *table)
{
    static const enum table_field nullable[] = { FIELD_A, FIELD_F, FIELD_S, FIELD_FLAG, FIELD_J,
                                                 FIELD_AI, FIELD_TS, FIELD_G, FIELD_T };
    for (size_t r = 0; r < ROWS; r++) fill_row(table, r);
    for (size_t i = 0; i < sizeof nullable / sizeof *nullable; i++)
        table_null(table, nullable[i], ROWS - 1);
}

struct line {
    const char *text;
    unsigned rows;      /* bit r: row r passes */
    const char *params; /* NULL: none */
};

static void must_pass(const struct line *lines, size_t count)
{
    struct table table;
    struct bitset out;
    table_init(&table, ROWS, 64, true);
    fill(&table);
    assert_int_equal(bitset_init(&out, ROWS, true), 0);
    for (size_t i = 0; i < count; i++) {
        table_filter_with(&table, lines[i].text, lines[i].params, NULL, &out);
        if (out.words[0] != lines[i].rows)
            fail_msg("%s: rows %#llx, want %#x", lines[i].text,
                     (unsigned long long)out.words[0], lines[i].rows);
    }
    bitset_release(&out);
    table_release(&table);
}
#define MUST_PASS(lines) must_pass(lines, sizeof(lines) / sizeof *(lines))

struct refusal {
    const char *text, *what; /* exactly */
    const char *params;
    int code; /* 0: KITH_EFILTER */
};

static void must_refuse(const struct refusal *lines, size_t count, bool dynamic)
{
    struct schema schema;
    table_schema(&schema, dynamic);
    for (size_t i = 0; i < count; i++) {
        struct arena arena;
        struct filter *filter = NULL;
        struct kith_error err = { 0 };
        arena_init(&arena);
        int rc = filter_compile(lines[i].text, lines[i].params, &schema, &arena, &filter, &err);
        int want = lines[i].code != 0 ? lines[i].code : KITH_EFILTER;
        if (rc != want || strcmp(err.text, lines[i].what) != 0)
            fail_msg("%s: rc %d: '%s' (want %d: '%s')", lines[i].text, rc, err.text, want,
                     lines[i].what);
        assert_in_range(err.position, 0, strlen(lines[i].text));
        arena_release(&arena);
    }
    schema_release(&schema);
}
#define MUST_REFUSE(lines) must_refuse(lines, sizeof(lines) / sizeof *(lines), false)

/* ------------------------------------------------------------------ 12.1 lexis */

static void lexis(void **state)
{
    (void)state;
    static const struct line lines[] = {
        { "a == 1 AND d > 0.0 OR a == 2", 0x06, NULL },
        { "NOT (a == 1) && a NOT IN [2]", 0x19, NULL },
        { "s LIKE \"%off\"", 0x02, NULL },
        { "EXISTS j[\"k\"]", 0x17, NULL },
        { "d > -9223372036854775808", 0x3f, NULL }, /* held apart until its sign is seen */
        { "a IS NULL", 0x20, NULL },
        { "a IS NOT NULL", 0x1f, NULL },
        { "a is not null", 0x1f, NULL },
        { "flag == true or flag == True or flag == TRUE", 0x0a, NULL },
        { "flag == false || flag == False || flag == FALSE", 0x15, NULL },
        { "And == 1 or Exists == 1 or is == 2", 0, NULL }, /* names: no keywords */
        { "a == 0x3 or a == 0b10 or a == 01", 0x0e, NULL },
        { "a > -9223372036854775808", 0x1f, NULL },
        { "d == .5 or d == 1. or d == 15e-1 or d == 0x1p1", 0x1e, NULL },
        { "s == u8\"a_b\" or s == u'a_b' or s == U\"a_b\" or s == L'a_b'", 0x04, NULL },
        { "s == \"\\x61\\137b\" or s == '\\u0061X\\U00000062'", 0x0c, NULL },
        { "s == r\"a_b\" or s == r'50\\%'", 0x04, NULL },
        { "j[\"a\"]['b'][0] == 1", 0x01, NULL },
        { "$meta[\"dyn\"] == 1", 0x01, NULL },
        { "\t(a\r\n==\n1)", 0x02, NULL },
        { "a in [1, 2,]", 0x06, NULL },
        { "a in []", 0, NULL },
        { "a not in []", 0x1f, NULL },
    };
    static const struct refusal bad[] = {
        { "a == 08", "line 1:5 invalid integer: 08", NULL, 0 },
        { "s == 'x", "line 1:5 string without its closing quote", NULL, 0 },
        { "s == 'a\nb'", "line 1:5 string without its closing quote", NULL, 0 },
        { "s == '\xc3\xa4' ==\n\n  #", "line 3:2 token recognition error at: '#'", NULL, 0 },
        { "a ==", "line 1:4 mismatched input '<EOF>' expecting an expression", NULL, 0 },
        { "a == 1 1", "invalid expression: a == 1 1", NULL, 0 },
        { "a is  null", "invalid expression: a is  null", NULL, 0 },
        { "j[k] == 1", "json key must be enclosed in double quotes or single quotes: \"k\"", NULL,
          0 },
        { "j [\"k\"] == 1", "invalid expression: j [\"k\"] == 1", NULL, 0 },
    };
    MUST_PASS(lines);
    MUST_REFUSE(bad);
}

/* ------------------------------------------------------------------ 12.2 precedence */

static void precedence(void **state)
{
    (void)state;
    static const struct line lines[] = {
        { "a == 0 or a == 1 and d > 10.0", 0x01, NULL },
        { "a + 2 * 3 == 7", 0x02, NULL },
        { "a == 2 ** 3 ** 0", 0x02, NULL },
        { "a == -2 ** 2 + 5", 0x02, NULL },
        { "0 < a <= 2", 0x06, NULL },
        { "2 >= a > 0", 0x06, NULL },
        { "not s like \"a%\"", 0x13, NULL },
        { "not exists j[\"k\"]", 0x28, NULL },
        { "a not in [1]", 0x1d, NULL },
        { "not (a == 1)", 0x1d, NULL },
        { "not ts > ISO '2025-01-01T00:00:00Z'", 0x1c, NULL }, /* a time comparison is a primary */
    };
    static const struct refusal bad[] = {
        { "not a in [1]", "not op can only be applied on boolean expression", NULL, 0 },
        { "not a == 1", "not op can only be applied on boolean expression", NULL, 0 },
        { "a + 1 in [2]", "'term' can only be used on single field, but got: a + 1", NULL, 0 },
    };
    MUST_PASS(lines);
    MUST_REFUSE(bad);
}

/* ------------------------------------------------------------------ 12.3 operators */

static void operators(void **state)
{
    (void)state;
    static const struct line lines[] = {
        { "dyn == 1", 0x01, NULL },
        { "f == 0.1 or f == 0.3", 0x0a, NULL },
        { "d >= 2", 0x30, NULL },
        { "a == id or a >= d and a == 0", 0x01, NULL },
        { "flag == flag", 0x1f, NULL },
        { "s == s", 0x1f, NULL },
        { "ts <= ts", 0x1f, NULL },
        { "a * 2 == 4 or 2 * a == 6", 0x0c, NULL },
        { "1 + a == 2 or a - 1 == 2", 0x0a, NULL },
        { "a / 2 == 1", 0x0c, NULL },
        { "a % 2 == 1", 0x0a, NULL },
        { "j[\"k\"] * 2 == 3.0", 0x02, NULL },
        { "a in [1, 3] or s in ['a_b', \"aXb\"]", 0x0e, NULL },
        { "j[\"k\"] in [1, 1.5, 'x']", 0x03, NULL },
        { "j[\"k\"] in [1.0, 2]", 0x01, NULL },
        { "j[\"k\"] in ['1', true]", 0x14, NULL },
        { "0.5 < d < 2", 0x0c, NULL },
        { "'a' <= s < 'b'", 0x0c, NULL },
        { "0 < j[\"k\"] <= 1.5", 0x03, NULL },
        { "s like '%\\%%'", 0x02, NULL },
        { "s like 'a\\_b'", 0x04, NULL },
        { "s like 'a_b'", 0x0c, NULL },
        { "s like ''", 0x01, NULL },
        { "s like '%'", 0x1f, NULL },
        { "j[\"k\"] like '1%'", 0x04, NULL },
        { "ai[0] == 1", 0x11, NULL },
        { "ai[1] > 1", 0x09, NULL },
        { "ai[9] != 1", 0, NULL },
        { "ai == [1, 2, 3]", 0x01, NULL },
        { "ai != [1, 2, 3]", 0x1e, NULL },
        { "ai == []", 0x02, NULL },
        { "as == ['x', 'y']", 0x01, NULL },
        { "v_missing is null", 0x3f, NULL },
    };
    static const struct refusal bad[] = {
        { "flag", "predicate is not a boolean expression: flag, data type: Bool", NULL, 0 },
        { "true", "predicate is not a boolean expression: true, data type: Bool", NULL, 0 },
        { "a", "predicate is not a boolean expression: a, data type: Int64", NULL, 0 },
        { "a + 1", "predicate is not a boolean expression: a + 1, data type: Int64", NULL, 0 },
        { "zz == 1", "field zz not exist", NULL, 0 },
        { "a == 1.0", "cannot cast value to Int64, value: 1.0", NULL, 0 },
        { "a == 'x'", "cannot cast value to Int64, value: 'x'", NULL, 0 },
        { "s == 1", "cannot cast value to VarChar, value: 1", NULL, 0 },
        { "flag == 1", "cannot cast value to Bool, value: 1", NULL, 0 },
        { "f == 'x'", "cannot cast value to Float, value: 'x'", NULL, 0 },
        { "ts == '2025-01-01'", "cannot cast value to Timestamptz, value: '2025-01-01'", NULL, 0 },
        { "ts == 1", "cannot cast value to Timestamptz, value: 1", NULL, 0 },
        { "a == s", "comparisons between Int64 and VarChar are not supported", NULL, 0 },
        { "flag == a", "comparisons between Bool and Int64 are not supported", NULL, 0 },
        { "ts == a", "comparisons between Timestamptz and Int64 are not supported", NULL, 0 },
        { "g == g", "comparisons between Geometry and Geometry are not supported", NULL, 0 },
        { "j == a", "two column comparison with JSON type is not supported", NULL, 0 },
        { "a < j[\"k\"]", "two column comparison with JSON type is not supported", NULL, 0 },
        { "ai == ai", "can not comparisons array fields directly", NULL, 0 },
        { "ai > [1]", "can not comparisons array fields directly", NULL, 0 },
        { "10 - a == 1", "module field is not yet supported", NULL, 0 },
        { "10 / a == 1", "module field is not yet supported", NULL, 0 },
        { "10 % a == 1", "module field is not yet supported", NULL, 0 },
        { "a + b == 1", "not supported to do arithmetic operations between multiple fields", NULL,
          0 },
        { "a + 1 + 1 == 3", "complicated arithmetic operations are not supported", NULL, 0 },
        { "d % 2 == 1", "modulo can only apply on integer types", NULL, 0 },
        { "a % 2.0 == 1", "modulo can only apply on integer types", NULL, 0 },
        { "a / 0 == 1", "division or modulus by zero", NULL, 0 },
        { "a % 0 == 1", "division or modulus by zero", NULL, 0 },
        { "a == 1 / 0", "division or modulus by zero", NULL, 0 },
        { "a ** 2 == 1", "power can only apply on constants: a ** 2", NULL, 0 },
        { "a & 1 == 1", "BitAnd is not supported: a & 1 == 1", NULL, 0 },
        { "a | 1", "BitOr is not supported: a | 1", NULL, 0 },
        { "a ^ 1", "BitXor is not supported: a ^ 1", NULL, 0 },
        { "a << 1 == 1", "shift is not supported: a << 1", NULL, 0 },
        { "a >> 1 == 1", "shift is not supported: a >> 1", NULL, 0 },
        { "~a == 1", "BitNot is not supported: ~a", NULL, 0 },
        { "a > 1 and flag", "'and' can only be used between boolean expressions", NULL, 0 },
        { "flag or a > 1", "'or' can only be used between boolean expressions", NULL, 0 },
        { "1 in [1]", "'term' can only be used on non-const expression, but got: 1", NULL, 0 },
        { "a in 1", "the right-hand side of 'in' must be a list, but got: 1", NULL, 0 },
        { "a in b", "the right-hand side of 'in' must be a list, but got: b", NULL, 0 },
        { "a in [1, 'x']", "value ''x'' in list cannot be casted to Int64", NULL, 0 },
        { "a in [1.5]", "value '1.5' in list cannot be casted to Int64", NULL, 0 },
        { "a in [b]", "value 'b' in list cannot be a non-const expression", NULL, 0 },
        { "b < a < 3", "lowerbound cannot be a non-const expression: b", NULL, 0 },
        { "1 < a < b", "upperbound cannot be a non-const expression: b", NULL, 0 },
        { "false < flag < true", "invalid range operations on boolean expr", NULL, 0 },
        { "1 < s < 2", "invalid range operations", NULL, 0 },
        { "1 < j < 'x'", "invalid range operations", NULL, 0 },
        { "3 < a < 1", "invalid range: lowerbound is greater than upperbound", NULL, 0 },
        { "1 <= a < 1", "invalid range: lowerbound is greater than upperbound", NULL, 0 },
        { "a like 'x'", "like operation on non-string or no-json field is unsupported", NULL, 0 },
        { "a + 1 like 'x'", "like operation on complicated expr is unsupported", NULL, 0 },
        { "s in ['x'] and s + 1 like 'x'", "like operation on complicated expr is unsupported",
          NULL, 0 },
        { "ai['x'] == 1", "can only access array field with integer index", NULL, 0 },
        { "a[0] == 1", "Int64 data type not supported accessed with []", NULL, 0 },
        { "s['k'] == 1", "VarChar data type not supported accessed with []", NULL, 0 },
        { "v is null", "IsNull/IsNotNull operations are not supported on vector fields", NULL, 0 },
        { "v is not null", "IsNull/IsNotNull operations are not supported on vector fields", NULL,
          0 },
    };
    MUST_PASS(lines);
    MUST_REFUSE(bad);
}

/* ------------------------------------------------------------------ 12.4 functions */

static void functions(void **state)
{
    (void)state;
    static const struct line lines[] = {
        { "json_contains(j[\"l\"], 2)", 0x04, NULL },
        { "JSON_CONTAINS(j['l'], 'x') and array_contains(j['l'], true)", 0x04, NULL },
        { "json_contains(j['a']['b'], [2, 3])", 0x01, NULL },
        { "json_contains(dyn['in'], [1, 2])", 0x10, NULL },
        { "json_contains_any(dyn, [2, 9])", 0x04, NULL },
        { "json_contains_all(j['l'], [1, 'x'])", 0x04, NULL },
        { "json_contains_all(j['l'], [1, 'y'])", 0, NULL },
        { "array_contains(ai, 2)", 0x09, NULL },
        { "ARRAY_CONTAINS_ALL(ai, [2, 3])", 0x09, NULL },
        { "array_contains_any(as, ['y', 'xy'])", 0x11, NULL },
        { "not array_contains(ai, 2)", 0x16, NULL },
        { "array_length(ai) == 2 or ARRAY_LENGTH(j['l']) == 5", 0x0c, NULL },
        { "0 <= array_length(ai) and array_length(ai) < 1", 0x02, NULL },
        { "exists j['o']['p']", 0, NULL },
        { "exists j['o']['q'] or exists name", 0x09, NULL },
        { "text_match(t, 'FOX')", 0x07, NULL },
        { "text_match(t, 'jumps dog')", 0x13, NULL },
        { "text_match(t, 'quick brown fox', minimum_should_match=3)", 0x03, NULL },
        { "TEXT_MATCH(t, 'quick jumps', MINIMUM_SHOULD_MATCH=2)", 0x01, NULL },
        { "text_match(t, 'fox', minimum_should_match=2)", 0, NULL },
        { "not text_match(t, 'fox')", 0x18, NULL },
        { "text_match(t, '!?')", 0, NULL },
        { "phrase_match(t, 'quick brown')", 0x01, NULL },
        { "phrase_match(t, 'brown fox')", 0x01, NULL },
        { "phrase_match(t, 'brown fox', 3)", 0x01, NULL },
        { "phrase_match(t, 'brown fox', 4)", 0x03, NULL },
        { "PHRASE_MATCH(t, 'fox fox fox')", 0x04, NULL },
        { "phrase_match(t, 'fox fox fox fox', 9)", 0, NULL },
        { "phrase_match(t, '')", 0, NULL },
    };
    static const struct refusal bad[] = {
        { "json_contains_all(j, 1)", "ContainsAll operation element must be an array", NULL, 0 },
        { "array_contains_any(ai, 1)", "ContainsAny operation element must be an array", NULL, 0 },
        { "array_contains(a, 1)",
          "contains operation are only supported on json or array fields now, got: a", NULL, 0 },
        { "array_contains(ai, 'x')", "cannot cast value to Int64, value: 'x'", NULL, 0 },
        { "exists a", "exists operations are only supportted on json field, got:Int64", NULL, 0 },
        { "exists ai", "exists operations are only supportted on json field, got:Array", NULL, 0 },
        { "text_match(s, 'x')", "field \"s\" does not enable match", NULL, 0 },
        { "phrase_match(s, 'x')", "field \"s\" does not enable match", NULL, 0 },
        { "text_match(a, 'x')", "text match operation on non-string is unsupported", NULL, 0 },
        { "text_match(t, 'x', minimum_should_match=0)",
          "minimum_should_match should be an integer in range [1, 1000]", NULL, 0 },
        { "text_match(t, 'x', minimum_should_match=1001)",
          "minimum_should_match should be an integer in range [1, 1000]", NULL, 0 },
        { "phrase_match(t, 'x', -1)", "slop should be an integer in range [0, 4294967295]", NULL,
          0 },
        { "phrase_match(t, 'x', 4294967296)", "slop should be an integer in range [0, 4294967295]",
          NULL, 0 },
        { "text_match(t, {x})", "a text in quotes expected, but got: {x}", "{\"x\": \"y\"}", 0 },
        { "element_filter(s, $[x] > 1)", "element_filter is not supported", NULL,
          KITH_EUNSUPPORTED },
        { "match_all(s, $[x] > 1)", "match_all is not supported", NULL, KITH_EUNSUPPORTED },
        { "a > 1 and MATCH_LEAST(s, $[x] > 1, threshold=2)", "MATCH_LEAST is not supported", NULL,
          KITH_EUNSUPPORTED },
        { "$[x] > 1", "$[x] is not supported", NULL, KITH_EUNSUPPORTED },
        { "element_filter(s, $[x] > 1", "line 1:26 mismatched input '<EOF>' expecting ',' or ')'",
          NULL, 0 },
    };
    MUST_PASS(lines);
    MUST_REFUSE(bad);
}

static void geometries(void **state)
{
    (void)state;
    static const struct line lines[] = {
        { "st_within(g, 'POLYGON((10 50, 15 50, 15 55, 10 55, 10 50))')", 0x01, NULL },
        { "ST_CONTAINS(g, 'POINT(5 45)')", 0x04, NULL },
        { "st_intersects(g, 'POINT(5 25)')", 0x08, NULL },
        { "st_equals(g, 'POLYGON((0 60, 0 40, 20 40, 20 60, 0 60))')", 0x04, NULL },
        { "st_touches(g, 'POLYGON((20 40, 30 40, 30 60, 20 60, 20 40))')", 0x04, NULL },
        { "st_overlaps(g, 'POLYGON((10 50, 30 50, 30 70, 10 70, 10 50))')", 0x04, NULL },
        { "st_crosses(g, 'LINESTRING(0 50, 10 0)')", 0x0c, NULL },
        { "st_crosses(g, 'POLYGON((-1 10, 5 10, 5 20, -1 20, -1 10))')", 0x08, NULL },
        { "not st_intersects(g, 'POINT(5 45)')", 0x1b, NULL },
        { "st_isvalid(g)", 0x0f, NULL },
        { "not st_isvalid(g)", 0x10, NULL },
        { "st_dwithin(g, 'POINT(13.4 52.5)', 0)", 0x05, NULL },
        { "st_dwithin(g, 'POINT(13.4 52.4)', 11119) and not st_contains(g, 'POINT(1 41)')", 0,
          NULL },
        { "st_dwithin(g, 'POINT(13.4 52.4)', 11120) and not st_contains(g, 'POINT(1 41)')", 0x01,
          NULL },
        { "st_dwithin(g, 'POINT(2.0 48.86)', 25600) and not st_contains(g, 'POINT(1 41)')", 0,
          NULL }, /* 25,605 m to Paris */
        { "st_dwithin(g, 'POINT(2.0 48.86)', 25610) and not st_contains(g, 'POINT(1 41)')", 0x02,
          NULL },
        { "st_dwithin(g, 'POINT(-1 50)', 71400)", 0, NULL },
        { "st_dwithin(g, 'POINT(-1 50)', 71500)", 0x04, NULL }, /* the west side of the area */
        { "st_dwithin(g, 'POINT(5 24)', 19900) and a == 3", 0, NULL },
        { "st_dwithin(g, 'POINT(5 24)', 20100) and a == 3", 0x08, NULL },
        { "st_dwithin(g, 'POINT(0 0)', 2.1e7)", 0x1f, NULL },
        { "g is null", 0x20, NULL },
        { "st_equals(g, 'POINT EMPTY') or st_intersects(g, 'POLYGON EMPTY')", 0, NULL },
        { "not st_within(g, 'POLYGON EMPTY')", 0x1f, NULL },
    };
    static const struct refusal bad[] = {
        { "st_within(g, 'GEOMETRYCOLLECTION(POINT EMPTY, POINT(1 1))')",
          "invalid WKT 'GEOMETRYCOLLECTION(POINT EMPTY, POINT(1 1))': an empty part", NULL, 0 },
        { "st_within(a, 'POINT(1 1)')",
          "geometry operations are only supported on geometry fields, but got: a", NULL, 0 },
        { "st_dwithin(g, 'POINT(1 1)', -1)",
          "the distance must be a non-negative number of metres, but got: -1", NULL, 0 },
        { "st_dwithin(g, 'LINESTRING(1 1, 2 2)', 1)",
          "invalid WKT 'LINESTRING(1 1, 2 2)': a POINT expected", NULL, 0 },
        { "st_dwithin(g, 'POINT(181 1)', 1)", "invalid WKT 'POINT(181 1)': a longitude of "
          "-180..180 and a latitude of -90..90 expected", NULL, 0 },
        { "st_isvalid(g, 'POINT(1 1)')", "1 arguments expected, got 2", NULL, 0 },
        { "st_equals(g, '')", "invalid WKT '': the text is empty", NULL, 0 },
        { "st_equals(g, 1)", "WKT in quotes expected, but got: 1", NULL, 0 },
    };
    if (!geometry_supported()) skip();
    MUST_PASS(lines);
    MUST_REFUSE(bad);
}

static void times(void **state)
{
    (void)state;
    static const struct line lines[] = {
        { "ts > ISO '2025-01-01T00:00:00Z'", 0x03, NULL },
        { "ts >= ISO '2025-01-01T08:00:00+08:00'", 0x13, NULL },
        { "ts == ISO '1969-12-31T23:59:59.500Z'", 0x04, NULL },
        { "ts != ISO '2025-02-28'", 0x1d, NULL },
        { "ISO '2025-01-01T00:00:00Z' < ts", 0x03, NULL },
        { "iso '2025-01-01' <= ts", 0x13, NULL },
        { "ts + INTERVAL 'P1D' > ISO '2025-02-01T09:00:00Z'", 0x03, NULL },
        { "ts + interval 'P1DT1H' > iso '2025-02-01T11:00:00Z'", 0x02, NULL },
        { "ts - INTERVAL 'P1D' == ISO '2025-02-27'", 0x02, NULL },
        { "ts + INTERVAL 'P1M' == ISO '2025-02-28T10:00:00Z'", 0x01, NULL },
        { "ts - INTERVAL 'P1Y' < ISO '2024-01-01T00:00:01Z'", 0x1c, NULL },
        { "ts + INTERVAL 'P1Y' != ISO '2025-02-28T16:00:00Z'", 0x17, NULL },
        { "ts + INTERVAL 'P1Y' == ISO '2025-02-28T16:00:00Z'", 0x08, NULL },
        { "ts + INTERVAL 'P1Y' == ISO '2025-02-28T00:00:00+08:00'", 0, NULL },
        { "ts + INTERVAL 'P12M' == ISO '2025-02-28T16:00:00Z' or "
          "ts + INTERVAL 'P1Y' == ISO '2025-02-28T00:00+08:00'", 0x08, NULL },
        { "ISO '2025-02-01' < ts + INTERVAL 'P1D'", 0x03, NULL },
        { "ISO '2025-01-01' < ts < ISO '2025-02-01'", 0x01, NULL },
        { "ISO '2025-02-01' >= ts >= ISO '2025-01-01'", 0x11, NULL },
        { "ISO '2025-02-01' < ts + INTERVAL 'P1M' <= ISO '2025-02-28T10:00:00Z'", 0x01, NULL },
        { "not (ts > ISO '2025-01-01')", 0x1c, NULL },
        { "ts is null", 0x20, NULL },
        { "ts > ISO '2025-01-01' and a == 0", 0x01, NULL },
    };
    static const struct refusal bad[] = {
        { "ts > ISO 'x'", "invalid timestamp string: 'x'", NULL, 0 },
        { "ts + INTERVAL '1 day' > ISO '2025-01-01'", "invalid interval string: '1 day'", NULL, 0 },
        { "a > ISO '2025-01-01'", "field 'a' is not a Timestamptz field, its type is Int64", NULL,
          0 },
        { "ts + 1 > ISO '2025-01-01'", "line 1:25 mismatched input '<EOF>' expecting a comparison",
          NULL, 0 },
        { "ISO '2025-02-01' < ts < ISO '2025-01-01'",
          "invalid range: lowerbound is greater than upperbound", NULL, 0 },
    };
    MUST_PASS(lines);
    MUST_REFUSE(bad);
}

/* Expected share, another sample for another seed, only last in a run of `and`. */
static void samples(void **state)
{
    (void)state;
    static const char place[] = "random sample expression can only be the last expression in the "
                                "logical and expression";
    static const char range[] = "the sample factor should be between 0 and 1 and not too close to "
                                "0 or 1(the difference should be larger than 1e-10), but got: ";
    char zero[256], one[256];
    (void)snprintf(zero, sizeof zero, "%s0", range);
    (void)snprintf(one, sizeof one, "%s1.0", range);
    const struct refusal bad[] = {
        { "random_sample(0.1) and a > 1", place, NULL, 0 },
        { "a > 1 or random_sample(0.1)", place, NULL, 0 },
        { "not random_sample(0.1)", place, NULL, 0 },
        { "a > 1 or (a > 0 and random_sample(0.1))", place, NULL, 0 },
        { "a > 1 and not (random_sample(0.1))", place, NULL, 0 },
        { "random_sample(0)", zero, NULL, 0 },
        { "random_sample(1.0)", one, NULL, 0 },
    };
    MUST_REFUSE(bad);
    enum { MANY = 20000 };
    static const char *const texts[] = { "random_sample(0.25)", "a >= 0 and RANDOM_SAMPLE(0.25)",
                                         "a >= 0 and (b >= 0 and random_sample(0.25))" };
    struct table table;
    struct bitset out, other;
    table_init(&table, MANY, 4096, false);
    assert_int_equal(bitset_init(&out, MANY, false), 0);
    assert_int_equal(bitset_init(&other, MANY, false), 0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct arena arena;
        struct filter *filter = NULL;
        arena_init(&arena);
        assert_int_equal(filter_compile(texts[i], NULL, &table.schema, &arena, &filter, NULL), 0);
        assert_true(filter_is_sampled(filter));
        assert_int_equal(filter_evaluate(filter, &table.source, NULL, &out, NULL, NULL, NULL), 0);
        filter_set_seed(filter, 99);
        assert_int_equal(filter_evaluate(filter, &table.source, NULL, &other, NULL, NULL, NULL), 0);
        assert_in_range(bitset_count(&out), MANY / 4 - 300, MANY / 4 + 300); /* 5 sigma */
        size_t both = 0;
        for (size_t w = 0; w < BITSET_WORDS(MANY); w++)
            both += (size_t)__builtin_popcountll(out.words[w] & other.words[w]);
        assert_in_range(both, MANY / 16 - 180, MANY / 16 + 180); /* independent */
        arena_release(&arena);
    }
    bitset_release(&out);
    bitset_release(&other);
    table_release(&table);
}

/* ------------------------------------------------------------------ 12.5 null, JSON */

static void nulls(void **state)
{
    (void)state;
    static const struct line lines[] = {
        { "a != 1", 0x1d, NULL },
        { "not (a == 1)", 0x1d, NULL },
        { "a + 1 != 2", 0x1d, NULL },
        { "s not in ['a_b']", 0x1b, NULL },
        { "not (s like 'a%')", 0x13, NULL },
        { "j['k'] is null", 0x28, NULL },
        { "j['k'] is not null", 0x17, NULL },
        { "not exists j['k']", 0x28, NULL },
        { "j is null", 0x20, NULL },
        { "dyn is null", 0x28, NULL },
        { "j['k'] == 1.0", 0x01, NULL },
        { "j['k'] != 1", 0x02, NULL },    /* other kinds are unknown */
        { "not (j['k'] == 1)", 0x02, NULL },
        { "j['k'] not in [1]", 0x02, NULL },
        { "j['k'] == '1'", 0x04, NULL },
        { "j['k'] == true", 0x10, NULL },
        { "j['a'] == 1", 0, NULL },
        { "j['a']['b'] == [1, [2, 3]]", 0x01, NULL },
        { "j['l'] != []", 0x04, NULL },
        { "a > 100 and j['k'] == 1 or a is null", 0x20, NULL },
        { "not (a == 1 and id == 99)", 0x3f, NULL },  /* unknown and false is false */
        { "a == 1 or id == 15", 0x22, NULL },         /* unknown or true is true */
    };
    MUST_PASS(lines);
}

/* ------------------------------------------------------------------ 12.6 templates */

static void templates(void **state)
{
    (void)state;
    static const char params[] =
        "{\"i\": 2, \"f\": 1.5, \"s\": \"a\\u005fb\", \"b\": true, \"l\": [1, 3], \"ls\": [\"aXb\"],"
        " \"nest\": [2, [3]], \"two\": [[2, 3]], \"mix\": [1, \"1\", true], \"empty\": [],"
        " \"min\": -9223372036854775808, \"i\": 2, \"expr_use_json_stats\": false}";
    static const struct line lines[] = {
        { "a == {i}", 0x04, params },
        { "{i} == a or {i} < a", 0x1c, params },
        { "s == {s}", 0x04, params },
        { "flag == {b}", 0x0a, params },
        { "d == {f}", 0x08, params },
        { "a in {l}", 0x0a, params },
        { "a not in {l}", 0x15, params },
        { "a in [{i}, 4]", 0x14, params },
        { "a in {empty}", 0, params },
        { "s in {ls}", 0x08, params },
        { "j['k'] in {mix}", 0x15, params },
        { "0 < a < {i}", 0x02, params },
        { "{min} <= a < {i}", 0x03, params },
        { "a + {i} == 4", 0x04, params },
        { "a == {i} - 1", 0x02, params },
        { "a == -{i} + 3", 0x02, params },
        { "json_contains(j['a']['b'], {nest})", 0, params },
        { "json_contains_any(j['a']['b'], {two})", 0x01, params },
        { "array_contains(ai, {i})", 0x09, params },
        { "array_contains_any(ai, {l})", 0x19, params },
        { "ai == {l}", 0, params },
        { "array_length(ai) == {i}", 0x08, params },
    };
    static const struct refusal bad[] = {
        { "a == {x}", "the value of expression template variable name {x} is not found", params,
          0 },
        { "a == {x}", "the value of expression template variable name {x} is not found", NULL, 0 },
        { "a in {i}", "the value of term expression template variable {i} is not array", params,
          0 },
        { "a in {ls}", "value 'aXb' in list cannot be casted to Int64", params, 0 },
        { "a == {f}", "cannot cast value to Int64, value: {f}", params, 0 },
        { "json_contains_all(j, {i})", "ContainsAll operation element must be an array", params,
          0 },
        { "{b}", "predicate is not a boolean expression: {b}, data type: Bool", params, 0 },
        { "a == {i}", "the values of templates are not a JSON object", "[1]", KITH_EINVAL },
        { "a == {i}", "the values of templates are not a JSON object", "{\"i\": ", KITH_EINVAL },
        { "a == {i}", "the value of a template must be a Bool, a number, a text or a list of such,"
          " but not that of: {i}", "{\"i\": {}}", 0 },
        { "s like {s}", "line 1:7 mismatched input '{s}' expecting a pattern in quotes", params,
          0 },
        { "a == {1}", "line 1:5 '{name}' expected", params, 0 },
    };
    MUST_PASS(lines);
    MUST_REFUSE(bad);
}

/* Any failing allocation is KITH_ENOMEM and leaves nothing behind. */
static void failing_allocations(void **state)
{
    (void)state;
    static const char text[] =
        "(a in {l} or text_match(t, 'quick fox') or phrase_match(t, 'brown fox', 4) or "
        "st_dwithin(g, 'POINT(5 45)', 10) or ts + INTERVAL 'P1M' > ISO '2025-01-01') and "
        "random_sample(0.9999999)";
    struct table table;
    struct bitset out;
    struct kith_error err = { 0 };
    int rc = KITH_ENOMEM;
    table_init(&table, ROWS, 64, false);
    fill(&table);
    assert_int_equal(bitset_init(&out, ROWS, false), 0);
    for (uint64_t n = 1; rc != 0; n++) {
        struct arena arena;
        struct filter *filter = NULL;
        arena_init(&arena);
        alloc_fault_arm(n, true);
        rc = filter_compile(text, "{\"l\": [3], \"s\": \"\\n\"}", &table.schema, &arena, &filter,
                            &err);
        if (rc == 0) rc = filter_evaluate(filter, &table.source, NULL, &out, NULL, NULL, &err);
        alloc_fault_disarm();
        if (rc != 0 && rc != KITH_ENOMEM) fail_msg("allocation %llu: rc %d: %s",
                                                   (unsigned long long)n, rc, err.text);
        arena_release(&arena);
    }
    assert_int_equal(out.words[0], 0x1f);
    bitset_release(&out);
    table_release(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lexis),     cmocka_unit_test(precedence), cmocka_unit_test(operators),
        cmocka_unit_test(functions), cmocka_unit_test(geometries), cmocka_unit_test(times),
        cmocka_unit_test(samples),   cmocka_unit_test(nulls),      cmocka_unit_test(templates),
        cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
