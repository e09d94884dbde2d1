/*
 * Filter text against a fixed dynamic schema, evaluated over a small fixed source. Behind a NUL
 * follows the JSON text of template values; without one there are fixed ones. What must hold:
 *
 * - an error is one of the filter, of a form that is refused, or of the values of templates, with
 *   its place inside the text or at its end;
 * - no row passes both a filter and its negation;
 * - with `within` the result is the result without it, cut to `within`;
 * - evaluating again gives the same rows.
 *
 * The last four rows hold damaged values (offsets, packed arrays, text that is not JSON).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "model/limits.h"
#include "query/filter.h"

#define ROWS 70 /* two words, the second in part */

enum { ID, A, B, F, S, FLAG, J, AI, AS, TS, G, T, META, FIELDS };

static const char VALUES[] = "{\"x\": 1, \"f\": 1.5, \"s\": \"a\", \"b\": true, "
                             "\"l\": [1, 2], \"m\": [1, \"a\", [2]]}";

static struct schema schema;
static int64_t ids[ROWS], numbers[ROWS], times[ROWS];
static int8_t bytes[ROWS];
static float floats[ROWS];
static uint8_t flags[ROWS];
static struct kith_str texts[FIELDS][ROWS];
static uint64_t valid[2] = { 0xfffffffffffff7f7u, UINT64_MAX };

static struct kith_str str(const char *text) { return (struct kith_str){ text, strlen(text) }; }

static void make_rows(void)
{
    static const char *const documents[] = {
        "{\"k\": 1, \"l\": [1, 2.5, \"a\", [2]]}", "{\"k\": \"a\\u00e4\\n\"}", "{\"k\": true}",
        "[1, 2]", "{\"dyn\": {\"k\": -9223372036854775808}}", "{\"dyn\": 1e300}", "{}" };
    static const int64_t items[] = { 1, 2, -3 };
    static const char words[] = "\2\0\0\0ab\0\0\0\0\1\0\0\0%";
    static const char *const places[] = { "POINT(1 2)", "LINESTRING(0 0, 9 9, 180 90)",
                                          "POLYGON((0 0, 4 0, 4 4, 0 0), (1 0.5, 2 1, 2 0, 1 0.5))",
                                          "GEOMETRYCOLLECTION(POINT EMPTY, LINESTRING(0 1, 2 0))",
                                          "POLYGON((0 0, 1 1, 1 0, 0 1, 0 0))" };
    for (size_t r = 0; r < ROWS; r++) {
        times[r] = ((int64_t)r - 35) * INT64_C(2678400000000) * (r % 5 == 4 ? 9999 : 1);
        texts[G][r] = str(places[r % 5]);
        texts[T][r] = str(r % 3 == 0 ? "The quick, quick fox" : r % 3 == 1 ? "fox a b a" : "");
        ids[r] = (int64_t)r;
        numbers[r] = r % 9 == 8 ? INT64_MIN : (int64_t)(r % 7) - 3;
        bytes[r] = (int8_t)(r * 5);
        floats[r] = (float)r / 4;
        flags[r] = r % 2;
        texts[S][r] = str(r % 3 == 0 ? "" : r % 3 == 1 ? "ab%" : "a\xc3\xa4" "b");
        texts[J][r] = str(documents[r % 7]);
        texts[META][r] = str(documents[(r + 3) % 7]);
        texts[AI][r] = (struct kith_str){ (const char *)items, sizeof items[0] * (r % 4) };
        texts[AS][r] = (struct kith_str){ words, r % 2 ? sizeof words - 1 : 0 };
    }
    for (size_t r = ROWS - 4; r < ROWS; r++) {
        texts[J][r] = str("{\"k\": [1, ");
        texts[META][r] = (struct kith_str){ "", 0 };
        texts[AI][r] = str("123456789");
        texts[AS][r] = str("\xff\xff\xff\xff" "ab");
        texts[G][r] = str("POLYGON((0 0, 1");
        texts[T][r] = str("\xff" "fox \xc3");
        times[r] = r % 2 ? INT64_MAX : INT64_MIN;
    }
}

static void make_schema(void)
{
    const struct kith_field fields[] = {
        { .size = sizeof *fields, .name = "id", .type = KITH_INT64, .flags = KITH_FIELD_PRIMARY },
        { .size = sizeof *fields, .name = "a", .type = KITH_INT64, .flags = KITH_FIELD_NULLABLE },
        { .size = sizeof *fields, .name = "b", .type = KITH_INT8 },
        { .size = sizeof *fields, .name = "f", .type = KITH_FLOAT },
        { .size = sizeof *fields, .name = "s", .type = KITH_VARCHAR },
        { .size = sizeof *fields, .name = "flag", .type = KITH_BOOL },
        { .size = sizeof *fields, .name = "j", .type = KITH_JSON, .flags = KITH_FIELD_NULLABLE },
        { .size = sizeof *fields, .name = "ai", .type = KITH_ARRAY, .max_capacity = 9,
          .element_type = KITH_INT64 },
        { .size = sizeof *fields, .name = "as", .type = KITH_ARRAY, .max_capacity = 9,
          .element_type = KITH_VARCHAR, .max_length = 9 },
        { .size = sizeof *fields, .name = "ts", .type = KITH_TIMESTAMPTZ,
          .flags = KITH_FIELD_NULLABLE },
        { .size = sizeof *fields, .name = "g", .type = KITH_GEOMETRY },
        { .size = sizeof *fields, .name = "t", .type = KITH_VARCHAR,
          .analyzer = "{\"type\": \"english\"}", .enable_match = true },
    };
    const struct kith_schema given = { .size = sizeof given, .fields = fields,
                                       .field_count = sizeof fields / sizeof *fields,
                                       .dynamic = true };
    struct kith_error err = { 0 };
    MUST(schema_from_public(&given, &schema, &err) == 0);
    make_rows();
}

static int get(void *ctx, size_t field, size_t number, struct chunk *out)
{
    static const void *const data[FIELDS] = { [ID] = ids, [A] = numbers, [B] = bytes,
                                              [F] = floats, [FLAG] = flags, [TS] = times };
    (void)ctx;
    size_t first = 64 * number, width = schema.fields[field].width;
    *out = (struct chunk){ .type = schema.fields[field].type, .width = width,
                           .rows = number == 0 ? 64 : ROWS - 64 };
    if (data[field]) out->data = (const uint8_t *)data[field] + first * width;
    else out->strs = texts[field] + first;
    if (schema.fields[field].flags & KITH_FIELD_NULLABLE) out->valid = valid + number;
    return 0;
}

static void evaluate(const struct filter *filter, uint64_t all_words[2])
{
    const struct chunk_source source = {
        .rows = ROWS, .chunk_rows = 64, .get = get
    };
    uint64_t again_words[2], some_words[2], within_words[2] = { 0xf0f0, 0x2d };
    struct bitset all, again, some, within;
    bitset_wrap(&all, all_words, ROWS);
    bitset_wrap(&again, again_words, ROWS);
    bitset_wrap(&some, some_words, ROWS);
    bitset_wrap(&within, within_words, ROWS);
    MUST(filter_evaluate(filter, &source, NULL, &all, NULL, NULL, NULL) == 0);
    MUST(filter_evaluate(filter, &source, NULL, &again, NULL, NULL, NULL) == 0);
    MUST(filter_evaluate(filter, &source, &within, &some, NULL, NULL, NULL) == 0);
    MUST((all_words[1] >> (ROWS - 64)) == 0);
    for (size_t w = 0; w < 2; w++) {
        MUST(all_words[w] == again_words[w]);
        MUST(some_words[w] == (all_words[w] & within_words[w]));
    }
}

/* yes: what passes the filter. */
static void negate(const char *text, const char *params, const uint64_t yes[2],
                   struct arena *arena)
{
    size_t len = strlen(text);
    struct filter *filter = NULL;
    uint64_t no[2];
    char *negation = arena_alloc(arena, len + 8);
    MUST(negation != NULL);
    (void)snprintf(negation, len + 8, "not (%s)", text);
    if (filter_compile(negation, params, &schema, arena, &filter, NULL) != 0) return; /* too deep */
    evaluate(filter, no);
    MUST((yes[0] & no[0]) == 0 && (yes[1] & no[1]) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!schema.fields) make_schema();
    struct arena arena;
    struct filter *filter = NULL;
    struct kith_error err = { 0 };
    arena_init(&arena);
    char *text = arena_strndup(&arena, size > 0 ? (const char *)data : "", size);
    MUST(text != NULL);
    const char *params = strlen(text) < size ? text + strlen(text) + 1 : VALUES;
    uint64_t yes[2];
    int rc = filter_compile(text, params, &schema, &arena, &filter, &err);
    MUST(rc == 0 || rc == KITH_EFILTER || rc == KITH_EUNSUPPORTED || rc == KITH_EINVAL);
    if (rc == 0) {
        evaluate(filter, yes);
        negate(text, params, yes, &arena);
    } else MUST(err.position <= strlen(text) && err.text[0] != '\0');
    arena_release(&arena);
    return 0;
}
