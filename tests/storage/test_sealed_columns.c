/*
 * What sealed segments hold beside their columns: zone maps against the rows that they speak of, with
 * nulls and NaN, and typed columns of JSON paths against the text, over several groups and chunks, with
 * equal keys, escapes, values of other kinds. The same rows give the same bytes.
 */
#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "storage_help.h"

enum { C_KEY, C_INT, C_FLOAT, C_BOOL, C_TIME, C_JSON, C_META, C_COUNT };

static const struct kith_field fields[C_META] = {
    {.size = sizeof(struct kith_field), .name = "key", .type = KITH_INT64,
     .flags = KITH_FIELD_PRIMARY},
    {.size = sizeof(struct kith_field), .name = "int", .type = KITH_INT16,
     .flags = KITH_FIELD_NULLABLE},
    {.size = sizeof(struct kith_field), .name = "float", .type = KITH_FLOAT,
     .flags = KITH_FIELD_NULLABLE},
    {.size = sizeof(struct kith_field), .name = "bool", .type = KITH_BOOL},
    {.size = sizeof(struct kith_field), .name = "time", .type = KITH_TIMESTAMPTZ},
    {.size = sizeof(struct kith_field), .name = "json", .type = KITH_JSON,
     .flags = KITH_FIELD_NULLABLE},
};

static struct os_sim *sim;
static const struct os *os;
static struct schema schema;

static int setup(void **state)
{
    (void)state;
    sim = os_sim_new(1);
    os = os_sim_os(sim);
    const struct kith_schema given = {
        .size = sizeof given, .fields = fields, .field_count = C_META, .dynamic = true};
    assert_int_equal(schema_from_public(&given, &schema, NULL), 0);
    return sim ? os_mkdir(os, DIR_NAME, NULL) : 1;
}

static int teardown(void **state)
{
    (void)state;
    schema_release(&schema);
    os_sim_free(sim);
    return 0;
}

/* ---- rows: all of a row follows from its number ---- */

static size_t json_of(int64_t row, char *room, size_t cap)
{
    const uint64_t mix = rng_mix((uint64_t)row);
    const char *seldom = row % 1000 == 0 ? ",\"seldom\":1" : "";
    switch (mix % 9) {
    case 0: return (size_t)snprintf(room, cap, "{}");
    case 1: return (size_t)snprintf(room, cap, "[1,{\"a\":2}]");
    case 2: return (size_t)snprintf(room, cap, " { \"a\" : 2.5 , \"b\" : null } ");
    case 3: return (size_t)snprintf(room, cap, "{\"a\":\"x\",\"b\":{\"c\":7,\"d\\u0065\":true}}");
    case 4: return (size_t)snprintf(room, cap, "{\"b\":[1],\"a\":%d,\"a\":1,\"7\":3}", (int)(mix % 50));
    case 5: return (size_t)snprintf(room, cap, "{\"b\":{\"c\":%d},\"b\":{\"de\":false}}", (int)row);
    case 6: return (size_t)snprintf(room, cap, "{\"t\":\"w\\n%d\",\"a/b\":{\"~\":-1.5}}", (int)row);
    default:
        return (size_t)snprintf(room, cap, "{\"a\":%d,\"b\":{\"c\":-3,\"de\":true},\"t\":\"%s\"%s}",
                                (int)(mix % 100), mix % 2 ? "one" : "", seldom);
    }
}

static bool is_null(int64_t row, size_t field)
{
    if (field == C_JSON) return row % 11 == 3;
    if (field == C_INT) return row / 4096 == 1 || row % 13 == 5; /* one block is all null */
    return field == C_FLOAT && row % 5 == 0;
}

static void cell(int64_t row, size_t field, uint8_t *out)
{
    switch (field) {
    case C_KEY: le64_put(out, (uint64_t)row); break;
    case C_INT: le16_put(out, (uint16_t)(row % 3000 - 1500)); break;
    case C_FLOAT: lef32_put(out, row == 9000 ? NAN : (float)(row / 100) - 7.5f); break;
    case C_BOOL: out[0] = row > 5000; break;
    default: le64_put(out, (uint64_t)(INT64_MIN + row)); break;
    }
}

static void append(struct segment *segment, int64_t first, size_t rows)
{
    struct arena arena;
    arena_init(&arena);
    struct kith_column columns[C_COUNT];
    for (size_t f = 0; f < C_COUNT; f++) {
        const size_t width = schema.fields[f].width;
        uint8_t *data = arena_zalloc(&arena, rows * (width ? width : sizeof(struct kith_str)));
        uint8_t *valid = arena_zalloc(&arena, rows);
        for (size_t i = 0; i < rows; i++) {
            char text[128];
            const int64_t row = first + (int64_t)i;
            valid[i] = !is_null(row, f);
            if (width) {
                cell(row, f, data + i * width);
                continue;
            }
            const size_t len = json_of(f == C_META ? row + 1 : row, text, sizeof text);
            ((struct kith_str *)(void *)data)[i] =
                (struct kith_str){arena_strndup(&arena, text, len), len};
        }
        columns[f] = (struct kith_column){.data = data, .valid = valid};
    }
    const struct kith_batch batch = {
        .size = sizeof batch, .rows = rows, .columns = columns, .column_count = C_COUNT};
    assert_int_equal(growing_append(segment, &batch, NULL, 5, NULL), 0);
    arena_release(&arena);
}

static void seal(struct segment *const *segments, size_t count, uint64_t id)
{
    const struct seal_input input = {.os = os, .dir = DIR_NAME, .database_id = DATABASE, .id = id,
                                     .schema = &schema, .segments = segments, .count = count,
                                     .ts = 9};
    size_t rows;
    struct kith_error err = {0};
    if (sealed_write(&input, NULL, &rows, &err)) fail_msg("%s", err.text);
}

static struct segment *open_sealed(uint64_t id)
{
    const struct sealed_opts opts = {
        .os = os, .dir = DIR_NAME, .database_id = DATABASE, .id = id, .schema = &schema};
    struct segment *segment = NULL;
    struct kith_error err = {0};
    if (sealed_open(&opts, &segment, NULL, &err)) fail_msg("%s", err.text);
    return segment;
}

static struct segment *make(size_t rows, uint64_t id)
{
    struct segment *growing = NULL;
    assert_int_equal(growing_new(os, &schema, NULL, 1, rows, &growing), 0);
    for (size_t at = 0; at < rows; at += 20000) {
        append(growing, (int64_t)at, rows - at < 20000 ? rows - at : 20000);
    }
    seal(&growing, 1, id);
    segment_unref(growing);
    return open_sealed(id);
}

/* ---- zones ---- */

static double number_at(const struct chunk *chunk, size_t at)
{
    const uint8_t *cell_at = chunk->data + at * chunk->width;
    switch (chunk->type) {
    case KITH_BOOL: return *cell_at;
    case KITH_INT16: return (int16_t)le16_get(cell_at);
    case KITH_FLOAT: return (double)lef32_get(cell_at);
    default: return (double)(int64_t)le64_get(cell_at);
    }
}

static void check_zone(const struct segment *segment, size_t field, size_t first, size_t rows,
                       const struct zone *zone)
{
    double low = INFINITY, high = -INFINITY;
    size_t nulls = 0, values = 0;
    for (size_t row = first; row < first + rows && row < segment_rows(segment); row++) {
        struct chunk chunk;
        size_t at;
        assert_int_equal(segment_cell(segment, field, row, &chunk, &at), 0);
        if (!chunk_valid(&chunk, at)) {
            nulls++;
            continue;
        }
        values++;
        low = fmin(low, number_at(&chunk, at));
        high = fmax(high, number_at(&chunk, at));
    }
    assert_int_equal(zone->nulls, nulls);
    assert_int_equal(zone->has_values, values > 0);
    if (values == 0) return;
    const bool real = schema.fields[field].type == KITH_FLOAT;
    assert_true((real ? zone->float_low : (double)zone->int_low) == low);
    assert_true((real ? zone->float_high : (double)zone->int_high) == high);
}

static void zones_are_those_of_the_rows(void **state)
{
    (void)state;
    const size_t rows = 70000;
    struct segment *segment = make(rows, 2);
    struct chunk_source source;
    struct zone zone;
    segment_source(segment, rows, &source);
    for (size_t field = C_KEY; field <= C_TIME; field++) {
        for (size_t first = 0; first < rows; first += 4096) {
            const int rc = source.rows_zone(source.ctx, field, first, 4096, &zone);
            if (field == C_FLOAT && first == 8192) {
                assert_int_equal(rc, 0); /* the NaN's row is null */
            }
            assert_int_equal(rc, 0);
            check_zone(segment, field, first, 4096, &zone);
        }
        for (size_t chunk = 0; chunk < 2; chunk++) {
            assert_int_equal(source.zone(source.ctx, field, chunk, &zone), 0);
            check_zone(segment, field, chunk * source.chunk_rows, source.chunk_rows, &zone);
        }
    }
    assert_int_equal(source.zone(source.ctx, C_JSON, 0, &zone), KITH_EUNSUPPORTED);
    assert_int_equal(source.zone(source.ctx, C_KEY, 2, &zone), KITH_EUNSUPPORTED);
    segment_unref(segment);
}

static void a_nan_makes_its_zones_unknown(void **state)
{
    (void)state;
    const struct kith_field two[2] = {fields[C_KEY], fields[C_FLOAT]};
    const struct kith_schema given = {.size = sizeof given, .fields = two, .field_count = 2};
    schema_release(&schema);
    assert_int_equal(schema_from_public(&given, &schema, NULL), 0);
    static int64_t keys[9000];
    static float values[9000];
    for (int i = 0; i < 9000; i++) {
        keys[i] = i;
        values[i] = i == 5000 ? NAN : (float)i;
    }
    const struct kith_column columns[2] = {{.data = keys}, {.data = values}};
    const struct kith_batch batch = {
        .size = sizeof batch, .rows = 9000, .columns = columns, .column_count = 2};
    struct segment *growing = NULL;
    assert_int_equal(growing_new(os, &schema, NULL, 1, 9000, &growing), 0);
    assert_int_equal(growing_append(growing, &batch, NULL, 5, NULL), 0);
    seal(&growing, 1, 2);
    struct segment *segment = open_sealed(2);
    struct chunk_source source;
    struct zone zone;
    segment_source(growing, 9000, &source);
    assert_null(source.zone);
    segment_source(segment, 9000, &source);
    assert_int_equal(source.zone(source.ctx, 1, 0, &zone), KITH_EUNSUPPORTED);
    assert_int_equal(source.rows_zone(source.ctx, 1, 4096, 10, &zone), KITH_EUNSUPPORTED);
    assert_int_equal(source.rows_zone(source.ctx, 1, 8192, 4096, &zone), 0);
    assert_true(zone.float_low == 8192.0 && zone.float_high == 8999.0);
    segment_unref(growing);
    segment_unref(segment);
}

/* ---- typed columns ---- */

struct path {
    const char *pointer;
    enum kith_type type; /* 0: none is made */
    const char *keys[2];
};

static const struct path paths[] = {
    {"/a", KITH_INT64, {"a", NULL}},        {"/b/c", KITH_INT64, {"b", "c"}},
    {"/b/de", KITH_BOOL, {"b", "de"}},      {"/t", KITH_VARCHAR, {"t", NULL}},
    {"/a~1b/~0", KITH_DOUBLE, {"a/b", "~"}}, {"/seldom", 0, {"seldom", NULL}},
    {"/b", 0, {"b", NULL}},                 {"/7", 0, {"7", NULL}},
    {"/d", 0, {"d", NULL}},
};

static void check_typed_row(const struct chunk *text, size_t at, const struct path *path,
                            const struct chunk *typed, bool rest)
{
    const struct json_step steps[2] = {
        {path->keys[0], strlen(path->keys[0]), 0},
        {path->keys[1], path->keys[1] ? strlen(path->keys[1]) : 0, 0}};
    struct json_value value = {.kind = JSON_NULL};
    const struct kith_str s = chunk_str(text, at);
    if (!chunk_valid(text, at) || json_find(s.data, s.len, steps, path->keys[1] ? 2 : 1, &value)) {
        value.kind = JSON_NULL;
    }
    if (!chunk_valid(typed, at)) {
        assert_true(value.kind == JSON_NULL || rest);
        return;
    }
    switch (typed->type) {
    case KITH_INT64:
        assert_int_equal(value.kind, JSON_INT);
        assert_int_equal((int64_t)le64_get(typed->data + 8 * at), value.integer);
        break;
    case KITH_DOUBLE:
        assert_int_equal(value.kind, JSON_DOUBLE);
        assert_true(lef64_get(typed->data + 8 * at) == value.number);
        break;
    case KITH_BOOL:
        assert_int_equal(value.kind, JSON_BOOL);
        assert_int_equal(typed->data[at], value.boolean);
        break;
    default: {
        const struct kith_str got = chunk_str(typed, at);
        assert_int_equal(value.kind, JSON_STRING);
        assert_true(json_string_equals(&value, got.data, got.len));
    }
    }
}

static void check_path(const struct segment *segment, size_t field, const struct path *path)
{
    struct chunk_source source;
    const struct kith_str pointer = {path->pointer, strlen(path->pointer)};
    segment_source(segment, segment_rows(segment), &source);
    size_t valid = 0;
    for (size_t number = 0; number * source.chunk_rows < source.rows; number++) {
        struct chunk typed, text;
        bool rest = false;
        const int rc = source.typed(source.ctx, field, pointer, number, &typed, &rest);
        assert_int_equal(rc, path->type ? 0 : KITH_EUNSUPPORTED);
        if (rc) return;
        assert_int_equal(typed.type, path->type);
        assert_int_equal(source.get(source.ctx, field, number, &text), 0);
        assert_int_equal(typed.rows, text.rows);
        for (size_t at = 0; at < typed.rows; at++) {
            valid += chunk_valid(&typed, at);
            check_typed_row(&text, at, path, &typed, rest);
        }
    }
    assert_true(valid * 50 >= source.rows);
}

static void typed_columns_are_those_of_the_text(void **state)
{
    (void)state;
    struct segment *segment = make(70001, 2);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        check_path(segment, C_JSON, &paths[i]);
        check_path(segment, C_META, &paths[i]);
    }
    struct chunk_source source;
    struct chunk typed;
    bool rest;
    segment_source(segment, 70001, &source);
    const struct kith_str a = {"/a", 2};
    assert_int_equal(source.typed(source.ctx, C_JSON, a, 2, &typed, &rest), KITH_EUNSUPPORTED);
    assert_int_equal(source.typed(source.ctx, C_INT, a, 0, &typed, &rest), KITH_EUNSUPPORTED);
    segment_unref(segment);
}

/* Long keys are the same whether a row writes them as they are or as escapes. */
static void a_key_counts_in_its_plain_form(void **state)
{
    enum { ROWS = 200, KEY = 150 };
    (void)state;
    const struct kith_field two[2] = {fields[C_KEY], fields[C_JSON]};
    const struct kith_schema given = {.size = sizeof given, .fields = two, .field_count = 2};
    schema_release(&schema);
    assert_int_equal(schema_from_public(&given, &schema, NULL), 0);
    static int64_t keys[ROWS];
    static struct kith_str texts[ROWS];
    static char room[ROWS][6 * KEY + 16], pointer[KEY + 2] = "/";
    for (int i = 0; i < ROWS; i++) {
        size_t len = 2;
        memcpy(room[i], "{\"", 2);
        const size_t each = i % 3 ? 1 : 6;
        for (int k = 0; k < KEY; k++, len += each)
            memcpy(room[i] + len, each == 1 ? "k" : "\\u006b", each);
        len += (size_t)sprintf(room[i] + len, "\":%d}", i);
        keys[i] = i;
        texts[i] = (struct kith_str){room[i], len};
    }
    memset(pointer + 1, 'k', KEY);
    const struct kith_column columns[2] = {{.data = keys}, {.data = texts}};
    const struct kith_batch batch = {
        .size = sizeof batch, .rows = ROWS, .columns = columns, .column_count = 2};
    struct segment *growing = NULL;
    assert_int_equal(growing_new(os, &schema, NULL, 1, ROWS, &growing), 0);
    assert_int_equal(growing_append(growing, &batch, NULL, 5, NULL), 0);
    seal(&growing, 1, 2);
    struct segment *segment = open_sealed(2);
    struct chunk_source source;
    struct chunk typed;
    bool rest = true;
    segment_source(segment, ROWS, &source);
    assert_int_equal(source.typed(source.ctx, 1, (struct kith_str){pointer, KEY + 1}, 0, &typed, &rest), 0);
    assert_false(rest);
    for (size_t i = 0; i < ROWS; i++) {
        assert_true(chunk_valid(&typed, i));
        assert_int_equal(le64_get(typed.data + 8 * i), i);
    }
    segment_unref(growing);
    segment_unref(segment);
}

static void merging_makes_them_anew_and_the_same(void **state)
{
    (void)state;
    struct segment *parts[2] = {NULL, NULL};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(growing_new(os, &schema, NULL, 1, 4000, &parts[i]), 0);
        append(parts[i], (int64_t)(i * 4000), 4000);
    }
    seal(parts, 2, 3);
    struct segment *whole = make(8000, 4);
    struct segment *merged = open_sealed(3);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) check_path(merged, C_META, &paths[i]);
    assert_int_equal(segment_disk_bytes(whole), segment_disk_bytes(merged));
    seal(&whole, 1, 5);
    struct segment *again = open_sealed(5);
    struct chunk a, b;
    for (size_t f = 0; f < C_COUNT; f++) {
        struct chunk_source first, second;
        segment_source(merged, 8000, &first);
        segment_source(again, 8000, &second);
        assert_int_equal(first.get(first.ctx, f, 0, &a), 0);
        assert_int_equal(second.get(second.ctx, f, 0, &b), 0);
        if (a.width) assert_memory_equal(a.data, b.data, a.rows * a.width);
    }
    segment_unref(parts[0]);
    segment_unref(parts[1]);
    segment_unref(whole);
    segment_unref(merged);
    segment_unref(again);
}

/* Each failing allocation of sealing is a status, and leaves no file. */
static void sealing_without_memory(void **state)
{
    (void)state;
    struct segment *growing = NULL;
    assert_int_equal(growing_new(os, &schema, NULL, 1, 300, &growing), 0);
    append(growing, 0, 300);
    const struct seal_input input = {.os = os, .dir = DIR_NAME, .database_id = DATABASE, .id = 7,
                                     .schema = &schema, .segments = &growing, .count = 1, .ts = 9};
    int rc;
    uint64_t nth = 1;
    do {
        size_t rows;
        alloc_fault_arm(nth++, false);
        rc = sealed_write(&input, NULL, &rows, NULL);
        alloc_fault_disarm();
        assert_true(rc == 0 || rc == KITH_ENOMEM);
    } while (rc != 0);
    assert_true(nth > 50);
    struct segment *segment = open_sealed(7);
    check_path(segment, C_JSON, &paths[0]);
    segment_unref(segment);
    segment_unref(growing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(zones_are_those_of_the_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(a_nan_makes_its_zones_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(typed_columns_are_those_of_the_text, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_counts_in_its_plain_form, setup, teardown),
        cmocka_unit_test_setup_teardown(merging_makes_them_anew_and_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(sealing_without_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
