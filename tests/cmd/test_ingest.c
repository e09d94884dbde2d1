/*
 * From the columns of a file to batches: which column is the key, what the fields are, conversions
 * into a collection that is there, and what is refused with the row.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/args.c"
#include "cmd/args_help.c"
#include "cmd/cmd.c"
#include "cmd/ingest_batch.c"
#include "cmd/ingest_plan.c"

const struct cmd_verb *cmd_verbs(size_t *count) /* the program's table is in main.c */
{
    *count = 0;
    return NULL;
}

struct source {
    struct import_reader *reader;
    struct ingest ingest;
    struct kith_error err;
};

static int plan(struct source *source, const char *text, const char *name,
                const struct ingest_options *options)
{
    *source = (struct source){0};
    assert_int_equal(import_open_bytes(text, strlen(text), name, NULL, &source->reader, NULL), 0);
    return ingest_plan(&source->ingest, import_describe(source->reader), options, &source->err);
}

static void release(struct source *source)
{
    ingest_release(&source->ingest);
    import_close(source->reader);
}

static int next(struct source *source, const struct kith_str *labels, struct kith_batch *out)
{
    struct import_batch batch;
    assert_int_equal(import_next(source->reader, 100, &batch, NULL), 0);
    return ingest_batch(&source->ingest, &batch, batch.rows, labels, out, &source->err);
}

static void field_is(const struct source *source, size_t i, const char *name, enum kith_type type,
                     unsigned flags)
{
    const struct kith_field *field = &source->ingest.fields[i].field;
    assert_string_equal(field->name, name);
    assert_int_equal(field->type, type);
    assert_int_equal(field->flags, flags);
}

static const char csv[] = "word,n,x,v\nzero,0,0.5,\"[1,2]\"\n,-129,,\"[3,4]\"\n";
static const char gap[] = "id,v\n1,\"[1,2]\"\n,\"[3,4]\"\n";

static void test_row_numbers(void **state)
{
    (void)state;
    struct source source;
    struct kith_batch batch;
    struct kith_keys keys = {0};
    const struct kith_str labels[] = {{"a", 1}, {"b", 1}};
    const struct ingest_options options = {.first_id = 100, .label_name = "label",
                                           .vector_name = "embedding", .metric = KITH_IP};
    assert_int_equal(plan(&source, csv, "a.csv", &options), 0);
    field_is(&source, 0, "id", KITH_INT64, KITH_FIELD_PRIMARY);
    field_is(&source, 1, "label", KITH_VARCHAR, 0);
    field_is(&source, 2, "word", KITH_VARCHAR, KITH_FIELD_NULLABLE);
    field_is(&source, 3, "n", KITH_INT64, KITH_FIELD_NULLABLE);
    field_is(&source, 4, "x", KITH_DOUBLE, KITH_FIELD_NULLABLE);
    field_is(&source, 5, "embedding", KITH_FLOAT_VECTOR, 0);
    assert_int_equal(source.ingest.fields[5].field.metric, KITH_IP);
    assert_int_equal(source.ingest.fields[5].field.dim, 2);

    assert_int_equal(next(&source, labels, &batch), 0);
    assert_int_equal(batch.rows, 2);
    assert_true(ingest_keys(&source.ingest, &batch, &keys));
    assert_true(keys.ints[0] == 100 && keys.ints[1] == 101);
    assert_ptr_equal(batch.columns[1].data, labels);
    assert_true(batch.columns[2].valid[0] && !batch.columns[2].valid[1]);
    assert_true(((const int64_t *)batch.columns[3].data)[1] == -129);
    assert_true(((const float *)batch.columns[5].data)[3] == 4);
    release(&source);
}

static void test_keys(void **state)
{
    (void)state;
    struct source source;
    struct kith_batch batch;
    struct kith_keys keys;
    assert_int_equal(plan(&source, csv, "a.csv", &(struct ingest_options){.id_column = "n"}), 0);
    field_is(&source, 0, "n", KITH_INT64, KITH_FIELD_PRIMARY);
    assert_int_equal(next(&source, NULL, &batch), 0);
    release(&source);

    assert_int_equal(plan(&source, csv, "a.csv", &(struct ingest_options){.id_column = "x"}),
                     KITH_EINVAL);
    release(&source);
    assert_int_equal(plan(&source, csv, "a.csv", &(struct ingest_options){.id_column = "none"}),
                     KITH_ENOTFOUND);
    release(&source);
    assert_int_equal(plan(&source, gap, "a.csv", &(struct ingest_options){.auto_id = true}),
                     KITH_EINVAL);
    release(&source);
    assert_int_equal(plan(&source, csv, "a.csv", &(struct ingest_options){.label_name = "word"}),
                     KITH_EEXISTS);
    release(&source);
    assert_int_equal(plan(&source, "a,b\n1,2\n", "a.csv", &(struct ingest_options){0}),
                     KITH_EINVAL); /* no vectors */
    release(&source);

    assert_int_equal(plan(&source, csv, "a.csv", &(struct ingest_options){.auto_id = true}), 0);
    assert_int_equal(next(&source, NULL, &batch), 0);
    assert_int_equal(batch.column_count, 4); /* the key is not among them */
    assert_false(ingest_keys(&source.ingest, &batch, &keys));
    release(&source);

    assert_int_equal(plan(&source, gap, "a.csv", &(struct ingest_options){0}), 0);
    assert_int_equal(next(&source, NULL, &batch), KITH_EINVAL);
    assert_int_equal(source.err.position, 1);
    assert_non_null(strstr(source.err.text, "row 1: 'id' is missing"));
    release(&source);
}

/* Fits the CSV file to a collection whose n and v have these types. */
static int fit(struct source *source, enum kith_type n, enum kith_type v, uint32_t dim)
{
    const struct kith_field fields[] = {
        {.name = "id", .type = KITH_INT64, .flags = KITH_FIELD_PRIMARY},
        {.name = "word", .type = KITH_VARCHAR},
        {.name = "n", .type = n},
        {.name = "x", .type = KITH_FLOAT},
        {.name = "the vector", .type = v, .dim = dim, .metric = KITH_COSINE},
    };
    const struct kith_schema schema = {.fields = fields, .field_count = 5};
    const struct ingest_options options = {0};
    assert_int_equal(plan(source, csv, "a.csv", &options), 0);
    return ingest_fit(&source->ingest, &schema, &options, &source->err);
}

static void test_fit(void **state)
{
    (void)state;
    struct source source;
    struct kith_batch batch;
    assert_int_equal(fit(&source, KITH_INT16, KITH_FLOAT16_VECTOR, 2), 0);
    assert_int_equal(next(&source, NULL, &batch), 0);
    assert_string_equal(batch.columns[4].field, "the vector"); /* the only one there */
    assert_int_equal(((const int16_t *)batch.columns[2].data)[1], -129);
    assert_true(((const float *)batch.columns[3].data)[0] == 0.5f);
    assert_int_equal(((const uint16_t *)batch.columns[4].data)[3], 0x4400); /* 4 in half precision */
    release(&source);

    assert_int_equal(fit(&source, KITH_DOUBLE, KITH_INT8_VECTOR, 2), 0);
    assert_int_equal(next(&source, NULL, &batch), 0);
    assert_true(((const double *)batch.columns[2].data)[1] == -129);
    assert_int_equal(((const int8_t *)batch.columns[4].data)[3], 4);
    release(&source);

    assert_int_equal(fit(&source, KITH_INT8, KITH_FLOAT_VECTOR, 2), 0); /* -129 is one past */
    assert_int_equal(next(&source, NULL, &batch), KITH_EINVAL);
    assert_non_null(strstr(source.err.text, "row 1: 'n' does not fit"));
    release(&source);

    assert_int_equal(fit(&source, KITH_VARCHAR, KITH_FLOAT_VECTOR, 2), KITH_EDIM);
    release(&source);
    assert_int_equal(fit(&source, KITH_INT64, KITH_FLOAT_VECTOR, 3), KITH_EDIM);
    release(&source);
}

static void test_lists(void **state)
{
    (void)state;
    struct cmd_list list;
    assert_int_equal(cmd_list_split(" a, b c ,,d", &list, NULL), 0);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.names[0], "a");
    assert_string_equal(list.names[1], "b c");
    assert_string_equal(list.names[2], "d");
    cmd_list_free(&list);
    assert_int_equal(cmd_list_split("", &list, NULL), 0);
    assert_int_equal(list.count, 0);
    cmd_list_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_numbers),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_fit),
        cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
