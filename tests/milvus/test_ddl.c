/*
 * The Milvus door but for rows: handlers called with messages, over a database in a folder of its
 * own. Codes and texts are what clients look at, so they are compared as they are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* needs the three above */
#include <cmocka.h>

#include "milvus/ddl_fixture.h"

/* ---- schemas ---- */

struct shape { /* id Int64 key, v FloatVector(8), and what a test adds */
    MilvusSchema schema;
    MilvusField fields[70], *list[70];
    MilvusPair params[70], *param_list[70];
};

static MilvusField *add_field(struct shape *shape, const char *name, int type)
{
    const size_t at = shape->schema.n_fields++;
    MilvusField *field = &shape->fields[at];
    milvus__proto__schema__field_schema__init(field);
    field->name = milvus_text(name);
    field->data_type = (Milvus__Proto__Schema__DataType)type;
    shape->list[at] = field;
    shape->schema.fields = shape->list;
    return field;
}

static MilvusField *add_with(struct shape *shape, const char *name, int type, const char *key,
                             const char *value)
{
    MilvusField *field = add_field(shape, name, type);
    const size_t at = shape->schema.n_fields - 1;
    shape->params[at] = pair(key, value);
    shape->param_list[at] = &shape->params[at];
    field->type_params = &shape->param_list[at];
    field->n_type_params = 1;
    return field;
}

static void shape_init(struct shape *shape)
{
    memset(shape, 0, sizeof *shape);
    milvus__proto__schema__collection_schema__init(&shape->schema);
    add_field(shape, "id", KITH_INT64)->is_primary_key = true;
    add_with(shape, "v", KITH_FLOAT_VECTOR, "dim", "8");
}

static const MilvusStatus *create_as(struct door *door, const char *name, const struct shape *shape,
                                     int shards, int64_t partitions)
{
    WIRE(CreateCollectionRequest) in = MILVUS__PROTO__MILVUS__CREATE_COLLECTION_REQUEST__INIT;
    uint8_t bytes[16384];
    in.collection_name = milvus_text(name);
    in.schema.len = milvus__proto__schema__collection_schema__pack(&shape->schema, bytes);
    in.schema.data = bytes;
    in.shards_num = shards;
    in.num_partitions = partitions;
    in.consistency_level = MILVUS__PROTO__COMMON__CONSISTENCY_LEVEL__Bounded;
    return run(door, "CreateCollection", &in);
}

static void create(struct door *door, const char *name)
{
    struct shape shape;
    shape_init(&shape);
    expect_status(create_as(door, name, &shape, 0, 0), 0, "");
}

static const WIRE(DescribeCollectionResponse) * describe(struct door *door, const char *name)
{
    WIRE(DescribeCollectionRequest) in = MILVUS__PROTO__MILVUS__DESCRIBE_COLLECTION_REQUEST__INIT;
    in.collection_name = milvus_text(name);
    return run(door, "DescribeCollection", &in);
}

static const MilvusStatus *index_it(struct door *door, const char *name, const char *field,
                                    const char *type, const char *metric, const char *params)
{
    WIRE(CreateIndexRequest) in = MILVUS__PROTO__MILVUS__CREATE_INDEX_REQUEST__INIT;
    MilvusPair pairs[3] = {pair("index_type", type), pair("metric_type", metric),
                           pair("params", params)};
    MilvusPair *list[3];
    in.collection_name = milvus_text(name);
    in.field_name = milvus_text(field);
    in.extra_params = list;
    for (int i = 0; i < 3; i++)
        if (*pairs[i].value) list[in.n_extra_params++] = &pairs[i];
    return run(door, "CreateIndex", &in);
}

#define NAME(text) .collection_name = milvus_text(text)

/* ---- tests ---- */

static void test_table_is_sorted(void **state)
{
    (void)state;
    size_t count = 0;
    for (const struct milvus_rpc *one; (one = milvus_rpc_at(count)); count++) {
        assert_true(count == 0 || strcmp(milvus_rpc_at(count - 1)->name, one->name) < 0);
        assert_ptr_equal(milvus_rpc_find(one->name, strlen(one->name)), one);
        assert_true(!one->handle != !one->raw);
        assert_true(!one->privilege ||
                    auth_privilege_known(((struct door *)*state)->auth, one->privilege));
    }
    assert_true(count > 70);
    assert_null(milvus_rpc_find("CreateCollectionX", 17));
}

static void test_collection_life(void **state)
{
    struct door *door = *state;
    create(door, "c");
    create(door, "c"); /* the same again */
    const WIRE(DescribeCollectionResponse) *out = describe(door, "c");
    expect_status(out->status, 0, "");
    assert_string_equal(out->schema->name, "c");
    assert_int_equal(out->schema->n_fields, 2);
    assert_int_equal(out->schema->fields[0]->fieldid, 100);
    assert_string_equal(out->schema->fields[1]->type_params[0]->value, "8");
    assert_int_equal(out->num_partitions, 1);
    assert_int_equal(out->shards_num, 1);
    assert_int_equal(out->consistency_level, 2);
    assert_true(out->update_timestamp > 0 &&
                out->created_utc_timestamp == out->created_timestamp >> 18);
    struct shape shape;
    shape_init(&shape);
    add_field(&shape, "more", KITH_INT64);
    expect_status(create_as(door, "c", &shape, 0, 0), 65535,
                  "create duplicate collection with different parameters, collection: c");
    EXPECT("DropCollection", 0, "", DropCollectionRequest, NAME("c"));
    EXPECT("DropCollection", 0, "", DropCollectionRequest, NAME("c"));
    out = describe(door, "c");
    expect_status(out->status, 100, "can't find collection[database=default][collection=c]");
    assert_int_equal(out->status->error_code, 1);
    EXPECT("LoadCollection", 100, "collection not found[database=default][collection=c]",
           LoadCollectionRequest, NAME("c"));
    EXPECT("DropCollection", 800, "database not found[database=nodb]", DropCollectionRequest,
           NAME("c"), .db_name = milvus_text("nodb"));
}

static void test_names(void **state)
{
    struct door *door = *state;
    struct shape shape;
    char longest[300];
    shape_init(&shape);
    expect_status(
        create_as(door, "1a", &shape, 0, 0), 1100,
        "Invalid collection name: 1a.  the first character of a collection name must be an "
        "underscore or letter: invalid parameter");
    expect_status(
        create_as(door, "a b", &shape, 0, 0), 1100,
        "Invalid collection name: a b.  collection name can only contain numbers, letters "
        "and underscores: invalid parameter");
    memset(longest, 'a', 255);
    longest[255] = 0;
    expect_status(create_as(door, longest, &shape, 0, 0), 0, "");
    strcat(longest, "a");
    assert_int_equal(create_as(door, longest, &shape, 0, 0)->code, 1100);
    add_field(&shape, "like", KITH_INT64);
    expect_status(
        create_as(door, "c", &shape, 0, 0), 1701,
        "Invalid field name: like. like is keyword in milvus.: field name invalid[field=like]");
    shape.fields[2].name = milvus_text("0x");
    expect_status(
        create_as(door, "c", &shape, 0, 0), 1701,
        "Invalid field name: 0x. The first character of a field name must be an underscore "
        "or letter.: field name invalid[field=0x]");
}

static void expect_refused(struct door *door, const struct shape *shape, int code, const char *text)
{
    expect_status(create_as(door, "c", shape, 0, 0), code, text);
}

static void test_schema_rules(void **state)
{
    struct door *door = *state;
    struct shape shape;
    static const struct {
        const char *dim, *text;
    } dims[] = {
        {"1", "invalid dimension: 1. should be in range 2 ~ 32768"},
        {"32769", "invalid dimension: 32769 of field v. float vector dimension should be in range "
                  "2 ~ 32768"},
    };
    for (size_t i = 0; i < 2; i++) {
        shape_init(&shape);
        shape.params[1].value = milvus_text(dims[i].dim);
        expect_refused(door, &shape, 65535, dims[i].text);
    }
    shape_init(&shape);
    shape.fields[0].is_primary_key = false;
    expect_refused(door, &shape, 65535, "primary key is not specified");
    shape_init(&shape);
    shape.schema.n_fields = 1;
    expect_refused(door, &shape, 65535, "schema does not contain vector field");
    shape_init(&shape);
    add_field(&shape, "k2", KITH_VARCHAR)->is_primary_key = true;
    expect_refused(door, &shape, 65535,
                   "type param(max_length) should be specified for the field(k2) of collection c");
    shape_init(&shape);
    add_field(&shape, "k2", KITH_INT64)->is_primary_key = true;
    expect_refused(door, &shape, 65535, "there are more than one primary key, field name = id, k2");
    shape_init(&shape);
    shape.fields[0].data_type = MILVUS__PROTO__SCHEMA__DATA_TYPE__Float;
    expect_refused(door, &shape, 65535, "the data type of primary key should be Int64 or VarChar");
    shape_init(&shape);
    add_field(&shape, "s", 20);
    expect_refused(door, &shape, 65535,
                   "string data type not supported yet, please use VarChar type instead");
    shape_init(&shape);
    add_with(&shape, "s", KITH_VARCHAR, "max_length", "65536");
    expect_refused(door, &shape, 65535,
                   "the maximum length specified for the field(s) should be in (0, 65535], but got "
                   "65536 instead");
    shape_init(&shape);
    add_with(&shape, "a", KITH_ARRAY, "max_capacity", "4097")->element_type =
        MILVUS__PROTO__SCHEMA__DATA_TYPE__Int64;
    expect_refused(door, &shape, 65535,
                   "the maximum capacity specified for a Array should be in (0, 4096]");
    shape_init(&shape);
    expect_status(create_as(door, "c", &shape, 17, 0), 65535,
                  "maximum shards's number should be limited to 16");
}

static void test_field_limit(void **state)
{
    struct door *door = *state;
    struct shape shape;
    char names[70][8];
    shape_init(&shape);
    for (int i = 0; i < 62; i++) {
        (void)snprintf(names[i], sizeof names[i], "f%d", i);
        add_field(&shape, names[i], KITH_INT8);
    }
    expect_status(create_as(door, "at", &shape, 16, 0), 0, "");
    add_field(&shape, "one_more", KITH_INT8);
    expect_refused(door, &shape, 65535, "maximum field's number should be limited to 64");
}

static void test_load_and_index(void **state)
{
    struct door *door = *state;
    create(door, "c");
    EXPECT("LoadCollection", 700, "index not found[collection=c]", LoadCollectionRequest,
           NAME("c"));
    EXPECT("DescribeIndex", 700, "index not found[collection=c]", DescribeIndexRequest, NAME("c"));
    expect_status(index_it(door, "c", "nope", "HNSW", "L2", ""), 65535,
                  "cannot create index on non-exist field: nope");
    expect_status(index_it(door, "c", "v", "HYBRID", "L2", ""), 1100,
                  "invalid parameter[expected=valid index][actual=invalid index type: HYBRID]");
    expect_status(index_it(door, "c", "v", "HNSW", "HAMMING", ""), 1100,
                  "float vector index does not support metric type: HAMMING: invalid "
                  "parameter[expected=valid index params][actual=invalid index params]");
    expect_status(index_it(door, "c", "v", "AUTOINDEX", "L2", "{\"nlist\":3}"), 65535,
                  "only metric type can be passed when use AutoIndex");
    expect_status(index_it(door, "c", "v", "HNSW", "cosine", "{\"M\":16,\"efConstruction\":200}"),
                  0, "");
    expect_status(index_it(door, "c", "v", "HNSW", "COSINE", "{\"M\":16,\"efConstruction\":200}"),
                  0, "");
    expect_status(index_it(door, "c", "v", "FLAT", "L2", ""), 65535,
                  "CreateIndex failed: at most one distinct index is allowed per field");
    WIRE(DescribeIndexRequest) ask = MILVUS__PROTO__MILVUS__DESCRIBE_INDEX_REQUEST__INIT;
    ask.collection_name = milvus_text("c");
    const WIRE(DescribeIndexResponse) *shown = run(door, "DescribeIndex", &ask);
    expect_status(shown->status, 0, "");
    assert_int_equal(shown->n_index_descriptions, 1);
    const WIRE(IndexDescription) *index = shown->index_descriptions[0];
    assert_string_equal(index->index_name, "v");
    assert_string_equal(milvus_pair_get(index->params, index->n_params, "metric_type"), "COSINE");
    assert_string_equal(milvus_pair_get(index->params, index->n_params, "M"), "16");
    assert_int_equal(index->state, 3);
    EXPECT("GetLoadingProgress", 101, "collection not loaded[collection=1]",
           GetLoadingProgressRequest, NAME("c"));
    EXPECT("LoadCollection", 0, "", LoadCollectionRequest, NAME("c"));
    EXPECT("LoadCollection", 0, "", LoadCollectionRequest, NAME("c"));
    EXPECT("GetLoadingProgress", 0, "", GetLoadingProgressRequest, NAME("c"));
    EXPECT("DropIndex", 1100,
           "vector index cannot be dropped on loaded collection: 1: invalid parameter",
           DropIndexRequest, NAME("c"), .index_name = milvus_text("v"));
    EXPECT("ReleaseCollection", 0, "", ReleaseCollectionRequest, NAME("c"));
    EXPECT("DropIndex", 0, "", DropIndexRequest, NAME("c"), .index_name = milvus_text("v"));
    EXPECT("DropIndex", 0, "", DropIndexRequest, NAME("c"), .index_name = milvus_text("v"));
    expect_status(index_it(door, "c", "v", "FLAT", "L2", ""), 0, ""); /* another metric */
}

static void test_scalar_indexes(void **state)
{
    struct door *door = *state;
    struct shape shape;
    shape_init(&shape);
    add_with(&shape, "s", KITH_VARCHAR, "max_length", "100");
    add_field(&shape, "f", KITH_FLOAT);
    add_field(&shape, "j", KITH_JSON);
    expect_status(create_as(door, "c", &shape, 0, 0), 0, "");
    expect_status(index_it(door, "c", "s", "INVERTED", "", ""), 0, "");
    expect_status(index_it(door, "c", "f", "STL_SORT", "", ""), 0, "");
    expect_status(index_it(door, "c", "j", "INVERTED", "", ""), 1101,
                  "json index must specify cast type: missing parameter");
    expect_status(index_it(door, "c", "j", "INVERTED", "",
                           "{\"json_path\":\"j['a']\",\"json_cast_type\":\"double\"}"),
                  0, "");
    expect_status(index_it(door, "c", "f", "INVERTED", "", ""), 65535,
                  "CreateIndex failed: at most one distinct index is allowed per field");
    EXPECT("DropIndex", 0, "", DropIndexRequest, NAME("c"), .field_name = milvus_text("f"));
    expect_status(index_it(door, "c", "f", "BITMAP", "", ""), 1100,
                  "data type Float can't build with this index BITMAP: invalid "
                  "parameter[expected=valid index params][actual=invalid index params]");
    EXPECT("LoadCollection", 65535,
           "there is no vector index on field: [v], please create index firstly",
           LoadCollectionRequest, NAME("c"));
}

static void test_partitions(void **state)
{
    struct door *door = *state;
    create(door, "c");
    expect_status(index_it(door, "c", "v", "", "", ""), 0, "");
    EXPECT("CreatePartition", 0, "", CreatePartitionRequest, NAME("c"),
           .partition_name = milvus_text("p"));
    EXPECT("CreatePartition", 0, "", CreatePartitionRequest, NAME("c"),
           .partition_name = milvus_text("p"));
    EXPECT("CreatePartition", 65535,
           "Invalid partition name: p q. Partition name can only contain numbers, letters and "
           "underscores.",
           CreatePartitionRequest, NAME("c"), .partition_name = milvus_text("p q"));
    EXPECT("LoadCollection", 0, "", LoadCollectionRequest, NAME("c"));
    EXPECT("DropPartition", 65535,
           "partition cannot be dropped, partition is loaded, please release it first",
           DropPartitionRequest, NAME("c"), .partition_name = milvus_text("p"));
    char *names[] = {milvus_text("p")}, *absent[] = {milvus_text("x")};
    EXPECT("ReleasePartitions", 200, "partition not found[partition=x]", ReleasePartitionsRequest,
           NAME("c"), .partition_names = absent, .n_partition_names = 1);
    EXPECT("ReleasePartitions", 0, "", ReleasePartitionsRequest, NAME("c"),
           .partition_names = names, .n_partition_names = 1);
    EXPECT("GetLoadingProgress", 0, "", GetLoadingProgressRequest, NAME("c"));
    EXPECT("DropPartition", 0, "", DropPartitionRequest, NAME("c"),
           .partition_name = milvus_text("p"));
    EXPECT("DropPartition", 0, "", DropPartitionRequest, NAME("c"),
           .partition_name = milvus_text("p"));
    struct shape shape;
    shape_init(&shape);
    add_field(&shape, "k", KITH_INT64)->is_partition_key = true;
    expect_status(create_as(door, "key", &shape, 0, 0), 0, "");
    assert_int_equal(describe(door, "key")->num_partitions, 16);
    EXPECT("CreatePartition", 65535, "disable create partition if partition key mode is used",
           CreatePartitionRequest, NAME("key"), .partition_name = milvus_text("p"));
    EXPECT("LoadPartitions", 65535, "disable load partitions if partition key mode is used",
           LoadPartitionsRequest, NAME("key"), .partition_names = names, .n_partition_names = 1);
}

static void test_aliases(void **state)
{
    struct door *door = *state;
    create(door, "c");
    create(door, "d");
#define ALIAS(name, of) NAME(of), .alias = milvus_text(name)
    EXPECT("CreateAlias", 0, "", CreateAliasRequest, ALIAS("a", "c"));
    EXPECT("CreateAlias", 0, "", CreateAliasRequest, ALIAS("a", "c"));
    EXPECT("CreateAlias", 1602,
           "a is alias to another collection: c: alias already exist[database=default][alias=a]",
           CreateAliasRequest, ALIAS("a", "d"));
    EXPECT("CreateAlias", 1601, "alias and collection name conflict[database=default][alias=d]",
           CreateAliasRequest, ALIAS("d", "c"));
    EXPECT("AlterAlias", 1600, "alias not found[database=default][alias=b]", AlterAliasRequest,
           ALIAS("b", "c"));
    EXPECT("DropCollection", 65535, "cannot drop the collection via alias = a",
           DropCollectionRequest, NAME("a"));
    struct shape shape;
    shape_init(&shape);
    expect_status(
        create_as(door, "a", &shape, 0, 0), 1601,
        "collection name [a] conflicts with an existing alias, please choose a unique name");
    const WIRE(DescribeCollectionResponse) *out = describe(door, "a");
    assert_string_equal(out->collection_name, "a");
    assert_string_equal(out->schema->name, "c");
    assert_int_equal(out->n_aliases, 1);
    EXPECT("AlterAlias", 0, "", AlterAliasRequest, ALIAS("a", "d"));
    assert_string_equal(describe(door, "a")->schema->name, "d");
    EXPECT("DropAlias", 0, "", DropAliasRequest, .alias = milvus_text("a"));
    EXPECT("DropAlias", 0, "", DropAliasRequest, .alias = milvus_text("a"));
    EXPECT("DescribeAlias", 1600, "alias not found[database=default][alias=a]",
           DescribeAliasRequest, .alias = milvus_text("a"));
}

static void test_databases(void **state)
{
    struct door *door = *state;
#define DATABASE(name) .db_name = milvus_text(name)
    EXPECT("CreateDatabase", 0, "", CreateDatabaseRequest, DATABASE("x"));
    EXPECT("CreateDatabase", 65535, "database already exist: x", CreateDatabaseRequest,
           DATABASE("x"));
    EXPECT("CreateDatabase", 802,
           "the first character of a database name must be an underscore or letter: invalid "
           "database name[database=1]",
           CreateDatabaseRequest, DATABASE("1"));
    EXPECT("DropDatabase", 800, "database not found[database=y]", DropDatabaseRequest,
           DATABASE("y"));
    EXPECT("DescribeDatabase", 0, "", DescribeDatabaseRequest, DATABASE("x"));
    create(door, "c");
    EXPECT("RenameCollection", 0, "", RenameCollectionRequest, .oldname = milvus_text("c"),
           .newname = milvus_text("c"), .newdbname = milvus_text("x"));
    EXPECT("DropDatabase", 65535, "x not empty, must drop all collections before drop database",
           DropDatabaseRequest, DATABASE("x"));
    EXPECT("DropCollection", 0, "", DropCollectionRequest, NAME("c"), DATABASE("x"));
    EXPECT("DropDatabase", 0, "", DropDatabaseRequest, DATABASE("x"));
}

static void test_changes(void **state)
{
    struct door *door = *state;
    create(door, "c");
    create(door, "d");
    const uint64_t before = describe(door, "c")->update_timestamp;
    EXPECT("RenameCollection", 1100,
           "collection name or database name should be different: invalid parameter",
           RenameCollectionRequest, .oldname = milvus_text("c"), .newname = milvus_text("c"));
    EXPECT("RenameCollection", 100, "collection not found[database=default][collection=x]",
           RenameCollectionRequest, .oldname = milvus_text("x"), .newname = milvus_text("y"));
    EXPECT("RenameCollection", 0, "", RenameCollectionRequest, .oldname = milvus_text("c"),
           .newname = milvus_text("e"));
    MilvusPair ttl = pair("collection.ttl.seconds", "60"), *ttls[] = {&ttl};
    char *gone[] = {milvus_text("collection.ttl.seconds")};
    EXPECT("AlterCollection", 0, "", AlterCollectionRequest, NAME("e"), .properties = ttls,
           .n_properties = 1);
    EXPECT("AlterCollection", 1100,
           "cannot provide both DeleteKeys and ExtraParams: invalid parameter",
           AlterCollectionRequest, NAME("e"), .properties = ttls, .n_properties = 1,
           .delete_keys = gone, .n_delete_keys = 1);
    const WIRE(DescribeCollectionResponse) *out = describe(door, "e");
    assert_true(out->update_timestamp > before);
    assert_string_equal(
        milvus_pair_get(out->properties, out->n_properties, "collection.ttl.seconds"), "60");
    EXPECT("AlterCollection", 0, "", AlterCollectionRequest, NAME("e"), .delete_keys = gone,
           .n_delete_keys = 1);
    assert_int_equal(describe(door, "e")->n_properties, 0);
    EXPECT("TruncateCollection", 0, "", TruncateCollectionRequest, NAME("e"));
}

static const MilvusStatus *add(struct door *door, MilvusField *field)
{
    WIRE(AddCollectionFieldRequest) in = MILVUS__PROTO__MILVUS__ADD_COLLECTION_FIELD_REQUEST__INIT;
    uint8_t bytes[1024];
    in.collection_name = milvus_text("c");
    in.schema.len = milvus__proto__schema__field_schema__pack(field, bytes);
    in.schema.data = bytes;
    return run(door, "AddCollectionField", &in);
}

static void test_added_field(void **state)
{
    struct door *door = *state;
    MilvusField field = MILVUS__PROTO__SCHEMA__FIELD_SCHEMA__INIT;
    create(door, "c");
    field.name = milvus_text("n");
    field.data_type = MILVUS__PROTO__SCHEMA__DATA_TYPE__Int64;
    expect_status(
        add(door, &field), 1100,
        "added field must be nullable, please check it, field name = n: invalid parameter");
    field.nullable = true;
    const uint64_t before = describe(door, "c")->update_timestamp;
    expect_status(add(door, &field), 0, "");
    expect_status(add(door, &field), 1100, "duplicate field name: n: invalid parameter");
    const WIRE(DescribeCollectionResponse) *out = describe(door, "c");
    assert_int_equal(out->schema->n_fields, 3);
    assert_int_equal(out->schema->fields[2]->fieldid, 102);
    assert_true(out->update_timestamp > before);
}

#define SCHEMA(code, reason, ...)                                                        \
    do {                                                                                 \
        WIRE(AlterCollectionSchemaRequest__Action) action_ =                             \
            MILVUS__PROTO__MILVUS__ALTER_COLLECTION_SCHEMA_REQUEST__ACTION__INIT;        \
        __VA_ARGS__;                                                                     \
        EXPECT("AlterCollectionSchema", code, reason, AlterCollectionSchemaRequest,      \
               NAME("c"), .action = &action_);                                           \
    } while (0)

static const MilvusStatus *drop_field(struct door *door, const char *name, int64_t id)
{
    WIRE(AlterCollectionSchemaRequest) in =
        MILVUS__PROTO__MILVUS__ALTER_COLLECTION_SCHEMA_REQUEST__INIT;
    WIRE(AlterCollectionSchemaRequest__Action) action =
        MILVUS__PROTO__MILVUS__ALTER_COLLECTION_SCHEMA_REQUEST__ACTION__INIT;
    WIRE(AlterCollectionSchemaRequest__DropRequest) drop =
        MILVUS__PROTO__MILVUS__ALTER_COLLECTION_SCHEMA_REQUEST__DROP_REQUEST__INIT;
    drop.identifier_case = name ? 1 : 2;
    if (name) drop.field_name = milvus_text(name);
    else drop.field_id = id;
    action.op_case = 2;
    action.drop_request = &drop;
    in.collection_name = milvus_text("c");
    in.action = &action;
    return milvus_reply_status(run(door, "AlterCollectionSchema", &in));
}

static bool has_field(struct door *door, const char *name, int64_t id)
{
    const WIRE(DescribeCollectionResponse) *out = describe(door, "c");
    for (size_t i = 0; i < out->schema->n_fields; i++)
        if (strcmp(out->schema->fields[i]->name, name) == 0)
            return id == 0 || out->schema->fields[i]->fieldid == id;
    return false;
}

static void test_dropped_field(void **state)
{
    struct door *door = *state;
    MilvusField field = MILVUS__PROTO__SCHEMA__FIELD_SCHEMA__INIT;
    create(door, "c");
    field.name = milvus_text("n");
    field.data_type = MILVUS__PROTO__SCHEMA__DATA_TYPE__Int64;
    field.nullable = true;
    expect_status(add(door, &field), 0, "");
    expect_status(index_it(door, "c", "n", "STL_SORT", "", ""), 0, "");
    assert_true(has_field(door, "n", 102));
    const uint64_t before = describe(door, "c")->update_timestamp;
    expect_status(drop_field(door, "id", 0), 1100,
                  "cannot drop primary key field: id: invalid parameter");
    expect_status(drop_field(door, "v", 0), 1100,
                  "cannot drop the last vector field: v: invalid parameter");
    expect_status(drop_field(door, "x", 0), 1100, "field not found: x: invalid parameter");
    expect_status(drop_field(door, NULL, 999), 1100, "field not found: 999: invalid parameter");
    expect_status(drop_field(door, "n", 0), 0, "");
    assert_false(has_field(door, "n", 0));
    assert_true(describe(door, "c")->update_timestamp > before);
    EXPECT("DescribeIndex", 700, "index not found[collection=c]", DescribeIndexRequest, NAME("c"));
    expect_status(drop_field(door, "n", 0), 1100, "field not found: n: invalid parameter");
    field.data_type = MILVUS__PROTO__SCHEMA__DATA_TYPE__Double;
    expect_status(add(door, &field), 0, ""); /* the name again, and a new id */
    assert_true(has_field(door, "n", 103));
    expect_status(drop_field(door, NULL, 103), 0, "");
    assert_false(has_field(door, "n", 0));
}

/* A stop between the engine's change and the record's. */
static void test_half_done_fields(void **state)
{
    struct door *door = *state;
    MilvusField field = MILVUS__PROTO__SCHEMA__FIELD_SCHEMA__INIT;
    struct kith_collection *engine;
    create(door, "c");
    field.name = milvus_text("n");
    field.data_type = MILVUS__PROTO__SCHEMA__DATA_TYPE__Int64;
    field.nullable = true;
    expect_status(add(door, &field), 0, "");
    expect_status(index_it(door, "c", "n", "STL_SORT", "", ""), 0, "");
    assert_int_equal(kith_collection_open(door->db, "default", "c", &engine, NULL), 0);
    assert_int_equal(kith_field_drop(engine, "n", NULL), 0);
    struct kith_field late = KITH_FIELD_INIT;
    late.name = "late";
    late.type = KITH_DOUBLE;
    late.flags = KITH_FIELD_NULLABLE;
    assert_int_equal(kith_field_add(engine, &late, NULL), 0);
    kith_collection_release(engine);
    door_close(door);
    door_reopen(door);
    assert_false(has_field(door, "n", 0));
    assert_true(has_field(door, "late", 103));
    EXPECT("DescribeIndex", 700, "index not found[collection=c]", DescribeIndexRequest, NAME("c"));
    expect_status(add(door, &field), 0, "");
    assert_true(has_field(door, "n", 104));
    door_close(door);
    door_reopen(door);
    assert_true(has_field(door, "n", 104) && has_field(door, "late", 103));
}

/* What the engine cannot do is refused by its name. */
static void test_altered_schema(void **state)
{
    struct door *door = *state;
    WIRE(AlterCollectionSchemaRequest__AddRequest) add =
        MILVUS__PROTO__MILVUS__ALTER_COLLECTION_SCHEMA_REQUEST__ADD_REQUEST__INIT;
    WIRE(AlterCollectionSchemaRequest__DropRequest) drop =
        MILVUS__PROTO__MILVUS__ALTER_COLLECTION_SCHEMA_REQUEST__DROP_REQUEST__INIT;
    Milvus__Proto__Schema__FunctionSchema function =
        MILVUS__PROTO__SCHEMA__FUNCTION_SCHEMA__INIT;
    Milvus__Proto__Schema__FunctionSchema *functions[] = {&function};
    create(door, "c");
    SCHEMA(1100, "the action of the request is empty: invalid parameter", (void)0);
    SCHEMA(1100, "the request has no field to add: invalid parameter", action_.op_case = 1,
           action_.add_request = &add);
    function.type = MILVUS__PROTO__SCHEMA__FUNCTION_TYPE__BM25;
    add.func_schema = functions;
    add.n_func_schema = 1;
    SCHEMA(1100, "Currently does not support adding BM25 function: invalid parameter",
           action_.op_case = 1, action_.add_request = &add);
    drop.identifier_case = 1;
    drop.field_name = milvus_text("v");
    SCHEMA(1100, "cannot drop the last vector field: v: invalid parameter", action_.op_case = 2,
           action_.drop_request = &drop);
    drop.identifier_case = 3;
    drop.function_name = milvus_text("gone");
    SCHEMA(0, "", action_.op_case = 2, action_.drop_request = &drop);
}

/* All of it is there after a new start. */
static void test_reopened(void **state)
{
    struct door *door = *state;
    create(door, "c");
    expect_status(index_it(door, "c", "v", "IVF_FLAT", "IP", "{\"nlist\":128}"), 0, "");
    EXPECT("LoadCollection", 0, "", LoadCollectionRequest, NAME("c"));
    EXPECT("CreateAlias", 0, "", CreateAliasRequest, ALIAS("a", "c"));
    door_close(door);
    door_reopen(door);
    EXPECT("GetLoadingProgress", 0, "", GetLoadingProgressRequest, NAME("a"));
    EXPECT("DescribeIndex", 0, "", DescribeIndexRequest, NAME("c"));
    create(door, "c"); /* the same still */
}

static void test_users(void **state)
{
    struct door *door = *state;
    EXPECT("CreateCredential", 0, "", CreateCredentialRequest, .username = milvus_text("ann"),
           .password = milvus_text("c2VjcmV0MQ=="));
    EXPECT("CreateCredential", 65535, "user already exists: ann", CreateCredentialRequest,
           .username = milvus_text("ann"), .password = milvus_text("c2VjcmV0MQ=="));
    EXPECT("UpdateCredential", 1400, "old password not correct for ann: not authenticated",
           UpdateCredentialRequest, .username = milvus_text("ann"),
           .oldpassword = milvus_text("d3Jvbmdvbm0="), .newpassword = milvus_text("c2VjcmV0Mg=="));
    EXPECT("DeleteCredential", 1401, "root user cannot be deleted: privilege not permitted",
           DeleteCredentialRequest, .username = milvus_text("root"));
    WIRE(RoleEntity) role = MILVUS__PROTO__MILVUS__ROLE_ENTITY__INIT;
    role.name = milvus_text("nobody");
    EXPECT("SelectRole", 65535,
           "not found the role, maybe the role isn't existed or internal system error",
           SelectRoleRequest, .role = &role);
    EXPECT("SelectRole", 0, "", SelectRoleRequest, .include_user_info = true);
    EXPECT("SelectUser", 0, "", SelectUserRequest, .include_role_info = true);
    EXPECT("ListPrivilegeGroups", 0, "", ListPrivilegeGroupsRequest, {0});
}

/* What was taken out of one server is put into it again, as a client does. */
static void test_backup(void **state)
{
    struct door *door = *state;
    EXPECT("CreateCredential", 0, "", CreateCredentialRequest, .username = milvus_text("ann"),
           .password = milvus_text("c2VjcmV0MQ=="));
    WIRE(RoleEntity) role = MILVUS__PROTO__MILVUS__ROLE_ENTITY__INIT;
    role.name = milvus_text("r");
    EXPECT("CreateRole", 0, "", CreateRoleRequest, .entity = &role);
    EXPECT("OperateUserRole", 0, "", OperateUserRoleRequest, .username = milvus_text("ann"),
           .role_name = milvus_text("r"));
    WIRE(BackupRBACMetaRequest) in = MILVUS__PROTO__MILVUS__BACKUP_RBACMETA_REQUEST__INIT;
    const WIRE(BackupRBACMetaResponse) *out = run(door, "BackupRBAC", &in);
    expect_status(out->status, 0, "");
    assert_int_equal(out->rbac_meta->n_users, 1);
    assert_string_equal(out->rbac_meta->users[0]->roles[0]->name, "r");
    assert_int_equal(out->rbac_meta->n_grants, 3); /* those of the role public */
    EXPECT("RestoreRBAC", 65535, "user [ann] already exists", RestoreRBACMetaRequest,
           .rbac_meta = out->rbac_meta);
    EXPECT("DeleteCredential", 0, "", DeleteCredentialRequest, .username = milvus_text("ann"));
    EXPECT("DropRole", 0, "", DropRoleRequest, .role_name = milvus_text("r"));
    EXPECT("RestoreRBAC", 0, "", RestoreRBACMetaRequest, .rbac_meta = out->rbac_meta);
    EXPECT("CreateCredential", 65535, "user already exists: ann", CreateCredentialRequest,
           .username = milvus_text("ann"), .password = milvus_text("c2VjcmV0MQ=="));
    out->rbac_meta->grants[0]->role = NULL;
    EXPECT("RestoreRBAC", 1100, "a grant lacks its role, object or privilege",
           RestoreRBACMetaRequest, .rbac_meta = out->rbac_meta);
    EXPECT("RestoreRBAC", 0, "", RestoreRBACMetaRequest, {0});
}

static void test_upkeep(void **state)
{
    struct door *door = *state;
    create(door, "c");
    char *names[] = {milvus_text("c")};
    WIRE(FlushRequest) in = MILVUS__PROTO__MILVUS__FLUSH_REQUEST__INIT;
    in.collection_names = names;
    in.n_collection_names = 1;
    const WIRE(FlushResponse) *out = run(door, "Flush", &in);
    expect_status(out->status, 0, "");
    assert_int_equal(out->n_coll_segids, 1);
    assert_string_equal(out->coll_flush_ts[0]->key, "c");
    assert_true(out->coll_flush_ts[0]->value > 0);
    names[0] = milvus_text("x");
    expect_status(((const WIRE(FlushResponse) *)run(door, "Flush", &in))->status, 100,
                  "collection not found[database=default][collection=x]");
    EXPECT("FlushAll", 0, "", FlushAllRequest, {0});
    EXPECT("ManualCompaction", 0, "", ManualCompactionRequest, NAME("c"));
    EXPECT("GetReplicas", 101, "collection not loaded[collection=1]", GetReplicasRequest,
           NAME("c"));
    EXPECT("GetPersistentSegmentInfo", 0, "", GetPersistentSegmentInfoRequest,
           .collectionname = milvus_text("c"));
    EXPECT("CreateResourceGroup", 0, "", CreateResourceGroupRequest,
           .resource_group = milvus_text("g"));
    EXPECT("DescribeResourceGroup", 300, "resource group not found[rg=h]",
           DescribeResourceGroupRequest, .resource_group = milvus_text("h"));
}

/* A message nested deeper than a hundred would be walked by recursion. */
static void test_deep_messages(void **state)
{
    (void)state;
    uint8_t bytes[2048];
    size_t len = 0, depth = 0;
    while (len <
           1000) { /* TemplateArrayValue{array_data=5{data=1 TemplateArrayValue}}, inside out */
        const size_t head = len < 128 ? 2 : 3;
        memmove(bytes + head, bytes, len);
        bytes[0] = depth++ % 2 ? 0x2a : 0x0a;
        bytes[1] = (uint8_t)(len < 128 ? len : (len & 0x7f) | 0x80);
        if (head == 3) bytes[2] = (uint8_t)(len >> 7);
        len += head;
    }
    if (depth % 2) memmove(bytes, bytes + 3, len -= 3); /* begins with array_data */
    const ProtobufCMessageDescriptor *kind =
        &milvus__proto__schema__template_array_value__descriptor;
    assert_false(message_check(kind, (struct kith_str){(const char *)bytes, len}));
    assert_true(message_check(kind, (struct kith_str){"", 0}));
    assert_false(message_check(&milvus__proto__milvus__has_collection_request__descriptor,
                               (struct kith_str){"\x1a\x01\xff", 3}));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_table_is_sorted), CASE(test_collection_life), CASE(test_names),
        CASE(test_schema_rules),    CASE(test_field_limit),     CASE(test_load_and_index),
        CASE(test_scalar_indexes),  CASE(test_partitions),      CASE(test_aliases),
        CASE(test_databases),       CASE(test_changes),         CASE(test_added_field),
        CASE(test_reopened),        CASE(test_users),           CASE(test_upkeep),
        CASE(test_deep_messages),     CASE(test_backup),
        CASE(test_altered_schema),  CASE(test_dropped_field),   CASE(test_half_done_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
