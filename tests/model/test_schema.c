/*
 * Schemas: each rule at its limit and one past it, the codec on intact, cut and altered bytes, and
 * every allocation failing in turn. Also keys and names.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "model/key.h"
#include "model/limits.h"
#include "model/model_help.h"

/* The status of a schema with the key "id" and this field. */
static int with_field(struct kith_field field, struct kith_error *err)
{
    struct kith_field fields[2] = {help_field("id", KITH_INT64), field};
    fields[0].flags = KITH_FIELD_PRIMARY;
    struct kith_schema given = KITH_SCHEMA_INIT;
    given.fields = fields;
    given.field_count = 2;
    struct schema schema = {0};
    int rc = schema_from_public(&given, &schema, err);
    schema_release(&schema);
    return rc;
}

static int status(struct kith_field field) { return with_field(field, NULL); }

static int alone(struct kith_field field)
{
    struct kith_schema given = KITH_SCHEMA_INIT;
    given.fields = &field;
    given.field_count = 1;
    struct schema schema = {0};
    int rc = schema_from_public(&given, &schema, NULL);
    schema_release(&schema);
    return rc;
}

static void test_dimensions(void **state)
{
    (void)state;
    const enum kith_type dense[] = {KITH_FLOAT_VECTOR, KITH_FLOAT16_VECTOR, KITH_BFLOAT16_VECTOR,
                                    KITH_INT8_VECTOR};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(status(help_vector("v", dense[i], 0)), KITH_EINVAL);
        assert_int_equal(status(help_vector("v", dense[i], 1)), 0);
        assert_int_equal(status(help_vector("v", dense[i], LIMIT_DIM)), 0);
        assert_int_equal(status(help_vector("v", dense[i], LIMIT_DIM + 1)), KITH_EINVAL);
    }
    assert_int_equal(status(help_vector("v", KITH_BINARY_VECTOR, 0)), KITH_EINVAL);
    assert_int_equal(status(help_vector("v", KITH_BINARY_VECTOR, 8)), 0);
    assert_int_equal(status(help_vector("v", KITH_BINARY_VECTOR, 9)), KITH_EINVAL);
    assert_int_equal(status(help_vector("v", KITH_BINARY_VECTOR, LIMIT_DIM_BITS)), 0);
    assert_int_equal(status(help_vector("v", KITH_BINARY_VECTOR, LIMIT_DIM_BITS + 8)), KITH_EINVAL);
    assert_int_equal(status(help_vector("v", KITH_SPARSE_VECTOR, 0)), 0);
    assert_int_equal(status(help_vector("v", KITH_SPARSE_VECTOR, 1)), KITH_EINVAL);
    assert_int_equal(status(help_vector("v", KITH_INT32, 1)), KITH_EINVAL);
}

static void test_metrics(void **state)
{
    (void)state;
    static const struct {
        enum kith_type type;
        uint32_t dim;
        bool fits[7];
    } table[] = {
        {KITH_FLOAT_VECTOR, 8, {1, 1, 1, 1, 0, 0, 0}},
        {KITH_INT8_VECTOR, 8, {1, 1, 1, 1, 0, 0, 0}},
        {KITH_BINARY_VECTOR, 8, {1, 0, 0, 0, 1, 1, 0}},
        {KITH_SPARSE_VECTOR, 0, {1, 0, 1, 0, 0, 0, 0}},
        {KITH_INT64, 0, {1, 0, 0, 0, 0, 0, 0}},
    };
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        for (unsigned m = 0; m < 7; m++) {
            struct kith_field field = help_vector("v", table[t].type, table[t].dim);
            field.metric = (enum kith_metric)m;
            assert_int_equal(status(field), table[t].fits[m] ? 0 : KITH_EINVAL);
        }
    }
}

static void test_names(void **state)
{
    (void)state;
    char longest[LIMIT_NAME_BYTES + 2];
    memset(longest, 'n', sizeof longest);
    longest[LIMIT_NAME_BYTES + 1] = 0;
    assert_false(name_valid(longest));
    assert_int_equal(status(help_field(longest, KITH_BOOL)), KITH_EINVAL);
    longest[LIMIT_NAME_BYTES] = 0;
    assert_true(name_valid(longest));
    assert_int_equal(status(help_field(longest, KITH_BOOL)), 0);
    assert_true(name_valid("a b-\xc3\xa9\xc2\xa0"));
    const char *const refused[] = {"", "a\n", "\x7f", "\xff", "a\xc2\x85", "\xc3", NULL};
    for (size_t i = 0; i < 7; i++) assert_false(name_valid(refused[i]));
    struct kith_error err;
    assert_int_equal(with_field(help_field("$meta", KITH_JSON), &err), KITH_EINVAL);
    assert_non_null(strstr(err.text, "reserved"));
    assert_int_equal(with_field(help_field("id", KITH_BOOL), &err), KITH_EINVAL);
    assert_non_null(strstr(err.text, "'id'"));
}

static void test_reserved_types(void **state)
{
    (void)state;
    static const struct {
        enum kith_type type;
        const char *name;
    } reserved[] = {{KITH_TEXT, "Text"}};
    for (size_t i = 0; i < 1; i++) {
        struct kith_error err;
        assert_int_equal(with_field(help_field("f", reserved[i].type), &err), KITH_EUNSUPPORTED);
        assert_non_null(strstr(err.text, reserved[i].name));
    }
    const unsigned unknown[] = {0, 6, 20, 99, 106, 255};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(status(help_field("f", (enum kith_type)unknown[i])), KITH_EINVAL);
    }
}

static void test_lengths(void **state)
{
    (void)state;
    struct kith_field text = help_field("t", KITH_VARCHAR);
    assert_int_equal(status(text), 0);
    text.max_length = LIMIT_VARCHAR_BYTES;
    assert_int_equal(status(text), 0);
    text.max_length++;
    assert_int_equal(status(text), KITH_EINVAL);
    struct kith_field array = help_field("a", KITH_ARRAY);
    array.element_type = KITH_INT8;
    assert_int_equal(status(array), KITH_EINVAL);
    array.max_capacity = LIMIT_ARRAY_ELEMENTS;
    assert_int_equal(status(array), 0);
    array.max_capacity++;
    assert_int_equal(status(array), KITH_EINVAL);
    array.max_capacity = 1;
    array.max_length = 1;
    assert_int_equal(status(array), KITH_EINVAL);
    array.element_type = KITH_VARCHAR;
    assert_int_equal(status(array), 0);
    const enum kith_type refused[] = {(enum kith_type)0, KITH_ARRAY,         KITH_JSON,
                                      KITH_FLOAT_VECTOR, KITH_SPARSE_VECTOR, KITH_TEXT,
                                      KITH_TIMESTAMPTZ,  KITH_GEOMETRY};
    for (size_t i = 0; i < 8; i++) {
        array.max_length = 0;
        array.element_type = refused[i];
        assert_int_equal(status(array), KITH_EINVAL);
    }
    struct kith_field scalar = help_field("s", KITH_INT32);
    scalar.max_length = 1;
    assert_int_equal(status(scalar), KITH_EINVAL);
}

static void test_keys_of_a_schema(void **state)
{
    (void)state;
    struct kith_field key = help_field("k", KITH_VARCHAR);
    assert_int_equal(alone(key), KITH_EINVAL); /* no primary key */
    key.flags = KITH_FIELD_PRIMARY;
    assert_int_equal(alone(key), 0);            /* no vector is needed */
    assert_int_equal(status(key), KITH_EINVAL); /* two primary keys */
    key.default_value = (struct kith_value){.type = KITH_VARCHAR, .s = {"x", 1}};
    assert_int_equal(alone(key), KITH_EINVAL);
    key.default_value.type = (enum kith_type)0;
    key.flags = KITH_FIELD_PRIMARY | KITH_FIELD_NULLABLE;
    assert_int_equal(alone(key), KITH_EINVAL);
    key.flags = KITH_FIELD_PRIMARY | KITH_FIELD_AUTO_ID;
    key.max_length = 19;
    assert_int_equal(alone(key), KITH_EINVAL); /* a generated key might not fit */
    key.max_length = 20;
    assert_int_equal(alone(key), 0);
    key.flags = KITH_FIELD_PRIMARY | KITH_FIELD_PARTITION_KEY;
    assert_int_equal(alone(key), KITH_EINVAL);
    struct kith_field other = help_field("o", KITH_INT32);
    const unsigned refused[] = {KITH_FIELD_AUTO_ID, KITH_FIELD_PRIMARY, KITH_FIELD_PARTITION_KEY,
                                KITH_FIELD_DYNAMIC, 32};
    for (size_t i = 0; i < 5; i++) {
        other.flags = refused[i];
        assert_int_equal(status(other), KITH_EINVAL);
    }
    other.type = KITH_INT64;
    other.flags = KITH_FIELD_PARTITION_KEY | KITH_FIELD_NULLABLE;
    assert_int_equal(status(other), KITH_EINVAL);
    other.flags = KITH_FIELD_PARTITION_KEY;
    assert_int_equal(status(other), 0);
}

static int with_default(enum kith_type type, struct kith_value value)
{
    struct kith_field field = help_field("f", type);
    if (type == KITH_VARCHAR) field.max_length = 2;
    field.default_value = value;
    return status(field);
}

#define INT_DEFAULT(t, v)  with_default((t), (struct kith_value){.type = (t), .i = (v)})
#define REAL_DEFAULT(t, v) with_default((t), (struct kith_value){.type = (t), .d = (v)})
#define TEXT_DEFAULT(t, v) with_default((t), (struct kith_value){.type = (t), .s = HELP_STR(v)})

static void test_defaults(void **state)
{
    (void)state;
    assert_int_equal(INT_DEFAULT(KITH_BOOL, 1), 0);
    assert_int_equal(INT_DEFAULT(KITH_BOOL, 2), KITH_EINVAL);
    assert_int_equal(INT_DEFAULT(KITH_INT8, -128), 0);
    assert_int_equal(INT_DEFAULT(KITH_INT8, -129), KITH_EINVAL);
    assert_int_equal(INT_DEFAULT(KITH_INT16, 32767), 0);
    assert_int_equal(INT_DEFAULT(KITH_INT16, 32768), KITH_EINVAL);
    assert_int_equal(INT_DEFAULT(KITH_INT32, INT32_MIN), 0);
    assert_int_equal(INT_DEFAULT(KITH_INT32, (int64_t)INT32_MIN - 1), KITH_EINVAL);
    assert_int_equal(INT_DEFAULT(KITH_INT64, INT64_MIN), 0);
    assert_int_equal(REAL_DEFAULT(KITH_FLOAT, 3.4e38), 0);
    assert_int_equal(REAL_DEFAULT(KITH_FLOAT, 3.5e38), KITH_EINVAL);
    assert_int_equal(REAL_DEFAULT(KITH_DOUBLE, 1e308), 0);
    assert_int_equal(REAL_DEFAULT(KITH_DOUBLE, (double)INFINITY), KITH_EINVAL);
    assert_int_equal(REAL_DEFAULT(KITH_DOUBLE, (double)NAN), KITH_EINVAL);
    assert_int_equal(TEXT_DEFAULT(KITH_VARCHAR, "12"), 0);
    assert_int_equal(TEXT_DEFAULT(KITH_VARCHAR, "\0z"), 0);
    assert_int_equal(TEXT_DEFAULT(KITH_VARCHAR, "123"), KITH_EINVAL);
    assert_int_equal(TEXT_DEFAULT(KITH_VARCHAR, "\xff"), KITH_EINVAL);
    assert_int_equal(TEXT_DEFAULT(KITH_JSON, "[1]"), 0);
    assert_int_equal(TEXT_DEFAULT(KITH_JSON, "[1"), KITH_EINVAL);
    assert_int_equal(INT_DEFAULT(KITH_TIMESTAMPTZ, INT64_MIN), 0);
    assert_int_equal(TEXT_DEFAULT(KITH_GEOMETRY, "POINT (1 2)"), 0);
    assert_int_equal(TEXT_DEFAULT(KITH_GEOMETRY, "\xff"), KITH_EINVAL);
    assert_int_equal(with_default(KITH_INT32, (struct kith_value){.type = KITH_INT64}),
                     KITH_EINVAL);
    struct kith_field vector = help_vector("v", KITH_FLOAT_VECTOR, 1);
    vector.default_value.type = KITH_FLOAT_VECTOR;
    assert_int_equal(status(vector), KITH_EINVAL);
}

/* A schema of count fields of a type, "0" being the primary key. */
static int with_count(size_t count, enum kith_type type, bool dynamic)
{
    static struct kith_field fields[LIMIT_FIELDS + 1];
    static char names[LIMIT_FIELDS + 1][24];
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(names[i], sizeof names[i], "%zu", i);
        fields[i] = help_field(names[i], i == 0 ? KITH_INT64 : type);
    }
    fields[0].flags = KITH_FIELD_PRIMARY;
    struct kith_schema given = KITH_SCHEMA_INIT;
    given.fields = fields;
    given.field_count = count;
    given.dynamic = dynamic;
    struct schema schema = {0};
    int rc = schema_from_public(&given, &schema, NULL);
    schema_release(&schema);
    return rc;
}

static void test_counts(void **state)
{
    (void)state;
    assert_int_equal(with_count(LIMIT_FIELDS, KITH_BOOL, false), 0);
    assert_int_equal(with_count(LIMIT_FIELDS + 1, KITH_BOOL, false), KITH_ELIMIT);
    assert_int_equal(with_count(LIMIT_FIELDS - 1, KITH_BOOL, true), 0);
    assert_int_equal(with_count(LIMIT_FIELDS, KITH_BOOL, true), KITH_ELIMIT);
    assert_int_equal(with_count(1 + LIMIT_VECTOR_FIELDS, KITH_SPARSE_VECTOR, false), 0);
    assert_int_equal(with_count(2 + LIMIT_VECTOR_FIELDS, KITH_SPARSE_VECTOR, false), KITH_ELIMIT);
}

static void test_whole_schema(void **state)
{
    (void)state;
    struct kith_field fields[HELP_FIELDS];
    struct kith_schema given = help_schema(fields);
    struct schema schema = {0};
    static char text[LIMIT_TEXT_BYTES + 2];
    memset(text, 'd', LIMIT_TEXT_BYTES + 1);
    given.description = text;
    assert_int_equal(schema_from_public(&given, &schema, NULL), KITH_ELIMIT);
    text[LIMIT_TEXT_BYTES] = 0;
    given.key_partitions = 1;
    assert_int_equal(schema_from_public(&given, &schema, NULL), KITH_EINVAL);
    fields[7].flags = KITH_FIELD_PARTITION_KEY;
    given.key_partitions = LIMIT_PARTITIONS + 1;
    assert_int_equal(schema_from_public(&given, &schema, NULL), KITH_ELIMIT);
    given.on_duplicate = (enum kith_duplicate)5;
    assert_int_equal(schema_from_public(&given, &schema, NULL), KITH_EINVAL);
    assert_null(schema.fields); /* untouched on error */
    given.on_duplicate = KITH_DUPLICATE_DEFAULT;
    given.key_partitions = 0;
    assert_int_equal(schema_from_public(&given, &schema, NULL), 0);
    assert_int_equal(schema.key_partitions, 16);
    assert_int_equal(schema.on_duplicate, KITH_DUPLICATE_ERROR);
    assert_int_equal(schema.partition_key, 7);
    assert_int_equal(schema.meta, HELP_FIELDS);
    assert_int_equal(schema.field_count, HELP_FIELDS + 1);
    assert_int_equal(schema.fields[14].metric, KITH_HAMMING);
    assert_int_equal(schema.fields[15].metric, KITH_IP);
    assert_int_equal(schema_find(&schema, "small", 5), 3);
    assert_int_equal(schema_find(&schema, "smal", 4), SIZE_MAX);
    assert_int_equal(schema_find(&schema, "id\0id", 5), SIZE_MAX);
    assert_string_equal(schema_primary(&schema)->name, "id");
    schema_release(&schema);
    schema_release(&schema);
}

/* A caller of another version: wider structs, whose further members are unknown here. */
static void test_wider_structs(void **state)
{
    (void)state;
    struct {
        struct kith_field field;
        uint64_t later[2];
    } wide[2];
    memset(wide, 0xee, sizeof wide);
    for (size_t i = 0; i < 2; i++) {
        wide[i].field = help_field(i ? "b" : "a", KITH_INT64);
        wide[i].field.size = sizeof wide[i];
    }
    wide[0].field.flags = KITH_FIELD_PRIMARY;
    struct kith_schema given = KITH_SCHEMA_INIT;
    given.fields = &wide[0].field;
    given.field_count = 2;
    struct schema schema = {0};
    assert_int_equal(schema_from_public(&given, &schema, NULL), 0);
    assert_string_equal(schema.fields[1].name, "b");
    schema_release(&schema);
    wide[0].field.size = 0;
    assert_int_equal(schema_from_public(&given, &schema, NULL), KITH_EINVAL);
    given.size = 8;
    assert_int_equal(schema_from_public(&given, &schema, NULL), KITH_EINVAL);
}

static void test_codec(void **state)
{
    (void)state;
    struct kith_field fields[HELP_FIELDS];
    struct kith_schema given = help_schema(fields);
    struct schema schema = {0}, back = {0}, copy = {0};
    struct kith_schema shown;
    struct buffer bytes;
    struct cursor cur;
    buffer_init(&bytes);
    fields[7].default_value = (struct kith_value){.type = KITH_VARCHAR, .s = HELP_STR("a\0b")};
    assert_int_equal(schema_from_public(&given, &schema, NULL), 0);
    schema_encode(&schema, &bytes);
    assert_false(buffer_failed(&bytes));
    cursor_init(&cur, bytes.data, bytes.len);
    assert_int_equal(schema_decode(&cur, &back, NULL), 0);
    assert_int_equal(cursor_left(&cur), 0);
    assert_true(schema_equal(&schema, &back));
    assert_int_equal(schema_to_public(&back, &shown), 0);
    assert_int_equal(shown.field_count, HELP_FIELDS + 1);
    assert_int_equal(schema_from_public(&shown, &copy, NULL), 0); /* shown and given back */
    assert_true(schema_equal(&schema, &copy));
    copy.fields[3].dim++;
    assert_false(schema_equal(&schema, &copy));
    schema_public_release(&shown);
    schema_release(&copy);
    schema_release(&back);
    help_damage(&bytes);
    buffer_release(&bytes);
    schema_release(&schema);
}

static int round_trip(const struct kith_schema *given)
{
    struct schema schema = {0}, back = {0};
    struct kith_schema shown = {0};
    struct buffer bytes;
    struct cursor cur;
    buffer_init(&bytes);
    int rc = schema_from_public(given, &schema, NULL);
    if (rc == 0) schema_encode(&schema, &bytes);
    if (rc == 0 && buffer_failed(&bytes)) rc = KITH_ENOMEM;
    cursor_init(&cur, bytes.data, bytes.len);
    if (rc == 0) rc = schema_decode(&cur, &back, NULL);
    if (rc == 0) rc = schema_to_public(&back, &shown);
    schema_public_release(&shown);
    schema_release(&back);
    schema_release(&schema);
    buffer_release(&bytes);
    return rc;
}

static void test_no_memory(void **state)
{
    (void)state;
    struct kith_field fields[HELP_FIELDS];
    struct kith_schema given = help_schema(fields);
    uint64_t nth = 1;
    int rc;
    do {
        alloc_fault_arm(nth++, false);
        rc = round_trip(&given);
        alloc_fault_disarm();
        assert_true(rc == 0 || rc == KITH_ENOMEM);
    } while (rc != 0);
    assert_true(nth > 60);
}

static void test_key_order(void **state)
{
    (void)state;
    const struct key sorted[] = {key_int(INT64_MIN),
                                 key_int(-1),
                                 key_int(0),
                                 key_int(INT64_MAX),
                                 key_text((struct kith_str){NULL, 0}),
                                 key_text((struct kith_str){"a", 1}),
                                 key_text((struct kith_str){"a\0", 2}),
                                 key_text((struct kith_str){"ab", 2}),
                                 key_text((struct kith_str){"b", 1}),
                                 key_text((struct kith_str){"\xc3\xa9", 2})};
    const int count = sizeof sorted / sizeof *sorted;
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < count; j++) {
            int order = key_compare(sorted[i], sorted[j]);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
            assert_int_equal(key_equal(sorted[i], sorted[j]), i == j);
            assert_int_equal(key_hash(sorted[i]) == key_hash(sorted[j]), i == j);
        }
    }
}

static void check_bytes(const struct buffer *bytes)
{
    struct schema back = {0};
    struct cursor cur;
    for (size_t len = 0; len < bytes->len; len++) {
        cursor_init(&cur, bytes->data, len);
        assert_int_equal(schema_decode(&cur, &back, NULL), KITH_ECORRUPT);
    }
    for (size_t at = 0; at < bytes->len * 8; at++) { /* a flipped bit: refused, or a schema */
        bytes->data[at / 8] ^= (uint8_t)(1u << at % 8);
        cursor_init(&cur, bytes->data, bytes->len);
        const int rc = schema_decode(&cur, &back, NULL);
        assert_true(rc == 0 || rc == KITH_ECORRUPT || rc == KITH_EVERSION);
        if (rc == 0) schema_release(&back);
        bytes->data[at / 8] ^= (uint8_t)(1u << at % 8);
    }
}

/* Two fields dropped, one of them given again: bytes, names, and what others are shown. */
static void test_dropped(void **state)
{
    (void)state;
    struct kith_field fields[HELP_FIELDS];
    struct kith_schema given = help_schema(fields);
    struct schema whole = {0}, less = {0}, two = {0}, again = {0}, back = {0}, fresh = {0};
    struct kith_schema shown;
    struct buffer bytes;
    struct cursor cur;
    buffer_init(&bytes);
    assert_int_equal(schema_from_public(&given, &whole, NULL), 0);
    assert_int_equal(schema_drop_field(&whole, whole.primary, &less, NULL), KITH_EINVAL);
    assert_int_equal(schema_drop_field(&whole, whole.meta, &less, NULL), KITH_EINVAL);
    assert_int_equal(schema_drop_field(&whole, 2, &less, NULL), 0);
    assert_int_equal(schema_drop_field(&less, 7, &two, NULL), 0);
    const char *const name = whole.fields[7].name;
    assert_int_equal(schema_find(&two, name, strlen(name)), SIZE_MAX);
    assert_true(schema_extends(&two, &whole) && !schema_extends(&whole, &two));
    assert_false(schema_equal(&two, &whole));
    struct kith_field more = KITH_FIELD_INIT;
    more.name = name;
    more.type = KITH_DOUBLE;
    more.flags = KITH_FIELD_NULLABLE;
    assert_int_equal(schema_add_field(&two, &more, &again, NULL), 0);
    assert_int_equal(schema_find(&again, name, strlen(name)), HELP_FIELDS + 1);
    schema_encode(&again, &bytes);
    cursor_init(&cur, bytes.data, bytes.len);
    assert_int_equal(schema_decode(&cur, &back, NULL), 0);
    assert_int_equal(cursor_left(&cur), 0);
    assert_true(schema_equal(&again, &back) && schema_extends(&back, &again));
    assert_true(back.fields[2].dropped && back.fields[7].dropped && !back.fields[3].dropped);
    assert_int_equal(schema_to_public(&back, &shown), 0);
    assert_int_equal(shown.field_count, HELP_FIELDS); /* two less, one more, the hidden one */
    assert_int_equal(schema_from_public(&shown, &fresh, NULL), 0);
    assert_true(schema_equal(&fresh, &back)); /* whoever knows the names calls them the same */
    check_bytes(&bytes);
    schema_public_release(&shown);
    struct schema *const all[] = {&whole, &less, &two, &again, &back, &fresh};
    for (size_t i = 0; i < 6; i++) schema_release(all[i]);
    buffer_release(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dimensions),   cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_names),        cmocka_unit_test(test_reserved_types),
        cmocka_unit_test(test_lengths),      cmocka_unit_test(test_keys_of_a_schema),
        cmocka_unit_test(test_defaults),     cmocka_unit_test(test_counts),
        cmocka_unit_test(test_whole_schema), cmocka_unit_test(test_wider_structs),
        cmocka_unit_test(test_codec),        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_key_order),    cmocka_unit_test(test_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
