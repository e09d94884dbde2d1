/*
 * A first program with Kith: a collection of five rows in the directory "hello.db", the nearest two
 * of a vector, the same question with a filter, and everything again after closing and opening.
 *
 *     make && ./hello
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <kith/kith.h>

/* Every call returns 0 or a negative status, and explains itself in a struct kith_error. */
static void must(int status, const struct kith_error *err)
{
    if (status == 0) return;
    (void)fprintf(stderr, "%s: %s\n", kith_status_text(status), err->text);
    exit(1);
}

/* A schema names the fields: one is the primary key, and here one is a vector of 2 numbers. */
static struct kith_collection *open_animals(struct kith_db *db, struct kith_error *err)
{
    const struct kith_field fields[] = {
        { .size = sizeof(struct kith_field), .name = "id", .type = KITH_INT64, .flags = KITH_FIELD_PRIMARY },
        { .size = sizeof(struct kith_field), .name = "name", .type = KITH_VARCHAR },
        { .size = sizeof(struct kith_field), .name = "where", .type = KITH_FLOAT_VECTOR, .dim = 2 },
    };
    struct kith_schema schema = KITH_SCHEMA_INIT;
    schema.fields = fields;
    schema.field_count = 3;
    struct kith_collection *animals = NULL;
    must(kith_collection_get_or_create(db, NULL, "animals", &schema, &animals, err), err);
    return animals;
}

/* Rows travel as columns: one array a field. An upsert replaces rows that are there already. */
static void write_animals(struct kith_collection *animals, struct kith_error *err)
{
    const int64_t ids[] = { 1, 2, 3, 4, 5 };
    const struct kith_str names[] = { { "cat", 3 }, { "dog", 3 }, { "wolf", 4 }, { "trout", 5 }, { "eagle", 5 } };
    const float places[] = { 1, 1, 2, 1, 3, 2, 9, 0, 0, 9 }; /* two numbers a row */
    const struct kith_column columns[] = { { .field = "id", .data = ids },
                                           { .field = "name", .data = names },
                                           { .field = "where", .data = places } };
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = 5;
    batch.columns = columns;
    batch.column_count = 3;
    must(kith_upsert(animals, &batch, NULL, NULL, err), err);
}

/* The two rows nearest to (2, 1). columns[0] of a result is the key, then come the outputs. */
static void search_animals(struct kith_collection *animals, const char *filter, struct kith_error *err)
{
    const float query[] = { 2, 1 };
    const char *const outputs[] = { "name" };
    struct kith_search_opts opts = KITH_SEARCH_OPTS_INIT;
    opts.queries = query;
    opts.query_count = 1;
    opts.k = 2;
    opts.filter = filter;
    opts.output.fields = outputs;
    opts.output.count = 1;
    struct kith_result *result = NULL;
    must(kith_search(animals, &opts, NULL, &result, err), err);
    const int64_t *ids = result->columns[0].data;
    const struct kith_str *names = result->columns[1].data;
    for (size_t i = 0; i < result->rows; i++)
        (void)printf("%" PRId64 " %.*s at distance %g\n", ids[i], (int)names[i].len, names[i].data,
                     (double)result->distances[i]);
    kith_result_free(result);
}

int main(void)
{
    struct kith_error err = { 0 };
    for (int round = 0; round < 2; round++) { /* the second round finds what the first one wrote */
        struct kith_db *db = NULL;
        must(kith_open("hello.db", NULL, &db, &err), &err);
        struct kith_collection *animals = open_animals(db, &err);
        if (round == 0) write_animals(animals, &err);
        search_animals(animals, NULL, &err);
        search_animals(animals, "name != \"dog\"", &err);
        kith_collection_release(animals);
        kith_close(db);
    }
    return 0;
}
