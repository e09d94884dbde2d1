/*
 * RESTful v2 against a server in the process: collections of both kinds, rows of every type in and
 * out, searches, int64 as text, keys in any case, and what is refused with which code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "milvus/rest_server.h"

#define OK "{\"code\":0,\"data\":{}}"

static int setup(void **state)
{
    struct rest_server *server = test_malloc(sizeof *server);
    server_open(server, false);
    *state = server;
    return 0;
}

static int teardown(void **state)
{
    server_close(*state);
    test_free(*state);
    return 0;
}

static void test_quick(void **state)
{
    struct rest_server *server = *state;
    expect(server, "collections/create", "{\"collectionName\":\"q\",\"dimension\":3}", OK);
    expect(server, "collections/list", "{}", "{\"code\":0,\"data\":[\"q\"]}");
    expect(server, "collections/has", "{\"COLLECTIONNAME\":\"x\",\"collectionname\":\"q\"}",
           "{\"code\":0,\"data\":{\"has\":true}}");
    expect_part(server, "collections/describe", "{\"collectionName\":\"q\"}",
                "\"indexes\":[{\"indexName\":\"vector\",\"fieldName\":\"vector\","
                "\"metricType\":\"COSINE\"}],\"load\":\"LoadStateLoaded\"");
    expect(server, "collections/get_load_state", "{\"collectionName\":\"q\"}",
           "{\"code\":0,\"data\":{\"loadState\":\"LoadStateLoaded\",\"loadProgress\":100,"
           "\"message\":\"\"}}");
    expect(server, "entities/insert",
           "{\"collectionName\":\"q\",\"data\":[{\"id\":1,\"vector\":[1,0,0],\"color\":\"red\","
           "\"color\":\"r\\u00e9d\"},{\"id\":\"9007199254740993\",\"vector\":\"[0,1e0,0.5]\"}]}",
           "{\"code\":0,\"cost\":0,\"data\":{\"insertCount\":2,"
           "\"insertIds\":[1,9007199254740993]}}");
    expect(server, "entities/search",
           "{\"collectionName\":\"q\",\"data\":[[1,0,0],[0,2,1]],\"limit\":1,"
           "\"outputFields\":[\"color\"]}",
           "{\"code\":0,\"cost\":0,\"data\":[{\"id\":1,\"distance\":1,\"color\":\"r\\u00e9d\"},"
           "{\"id\":9007199254740993,\"distance\":1}],\"topks\":[1,1]}");
    assert_string_equal(server_ask(server, "entities/query", "Accept-Type-Allow-Int64: false\r\n",
                                   "{\"collectionName\":\"q\",\"filter\":\"id > 5\"}"),
                        "{\"code\":0,\"cost\":0,\"data\":[{\"id\":\"9007199254740993\","
                        "\"vector\":[0,1,0.5]}]}");
    expect(server, "entities/query",
           "{\"collectionName\":\"q\",\"outputFields\":[\"count(*)\"]}",
           "{\"code\":0,\"cost\":0,\"data\":[{\"count(*)\":2}]}");
    expect(server, "entities/get",
           "{\"collectionName\":\"q\",\"id\":\"1\",\"outputFields\":[\"id\"]}",
           "{\"code\":0,\"cost\":0,\"data\":[{\"id\":1}]}");
    expect(server, "entities/delete",
           "{\"collectionName\":\"q\",\"filter\":\"id in {ids}\",\"exprParams\":{\"ids\":[1]}}",
           "{\"code\":0,\"cost\":0,\"data\":{\"deleteCount\":1}}");
    expect(server, "entities/search",
           "{\"collectionName\":\"q\",\"data\":[[1,0,0]],\"filter\":\"id == 1\"}",
           "{\"code\":0,\"cost\":0,\"data\":[],\"topks\":[0]}");
    expect(server, "collections/drop", "{\"collectionName\":\"q\"}", OK);
}

static const char custom[] =
    "{\"collectionName\":\"c\",\"schema\":{\"enableDynamicField\":true,\"fields\":["
    "{\"fieldName\":\"k\",\"dataType\":\"VarChar\",\"isPrimary\":true,"
    "\"elementTypeParams\":{\"max_length\":64}},"
    "{\"fieldName\":\"b\",\"dataType\":\"Bool\",\"nullable\":true},"
    "{\"fieldName\":\"i8\",\"dataType\":\"Int8\",\"nullable\":true},"
    "{\"fieldName\":\"i64\",\"dataType\":\"Int64\",\"defaultValue\":7},"
    "{\"fieldName\":\"f\",\"dataType\":\"Float\",\"nullable\":true},"
    "{\"fieldName\":\"d\",\"dataType\":\"Double\",\"nullable\":true},"
    "{\"fieldName\":\"j\",\"dataType\":\"JSON\",\"nullable\":true},"
    "{\"fieldName\":\"ai\",\"dataType\":\"Array\",\"elementDataType\":\"Int64\","
    "\"elementTypeParams\":{\"max_capacity\":\"8\"},\"nullable\":true},"
    "{\"fieldName\":\"as\",\"dataType\":\"Array\",\"elementDataType\":\"VarChar\","
    "\"elementTypeParams\":{\"max_capacity\":8,\"max_length\":20}},"
    "{\"fieldName\":\"t\",\"dataType\":\"Timestamptz\",\"nullable\":true},"
    "{\"fieldName\":\"v\",\"dataType\":\"FloatVector\",\"elementTypeParams\":{\"dim\":\"4\"}},"
    "{\"fieldName\":\"h\",\"dataType\":\"Float16Vector\",\"elementTypeParams\":{\"dim\":2}},"
    "{\"fieldName\":\"bf\",\"dataType\":\"BFloat16Vector\",\"elementTypeParams\":{\"dim\":2}},"
    "{\"fieldName\":\"bin\",\"dataType\":\"BinaryVector\",\"elementTypeParams\":{\"dim\":16}},"
    "{\"fieldName\":\"i8v\",\"dataType\":\"Int8Vector\",\"elementTypeParams\":{\"dim\":2}},"
    "{\"fieldName\":\"s\",\"dataType\":\"SparseFloatVector\"}]},"
    "\"indexParams\":[{\"fieldName\":\"v\",\"metricType\":\"COSINE\",\"indexType\":\"HNSW\","
    "\"params\":{\"M\":16}},{\"fieldName\":\"h\"},{\"fieldName\":\"bf\"},{\"fieldName\":\"bin\"},"
    "{\"fieldName\":\"i8v\"},{\"fieldName\":\"s\"}]}";

#define ROW_A                                                                                   \
    "{\"k\":\"a\",\"b\":true,\"i8\":-5,\"i64\":\"9\",\"f\":0.1,\"d\":1e300,"                      \
    "\"j\":{\"x\":[1]},\"ai\":[1,-2],\"as\":[\"p\",\"q\\\"\"],\"t\":\"2025-01-31T08:00:00Z\","   \
    "\"v\":[1,2,3,4],\"h\":[0.5,-1.5],\"bf\":[1,2],\"bin\":\"qrs=\",\"i8v\":[1,-1],"            \
    "\"s\":{\"5\":0.5,\"1\":2},\"extra\":1}"
#define ROW_B                                                                                   \
    "{\"k\":\"b\",\"b\":null,\"as\":[],\"v\":[1,2,3,5],\"h\":\"AAAAPA==\",\"bf\":[1,2],"        \
    "\"bin\":[1,2],\"i8v\":[3,4],\"s\":{\"indices\":[3,2],\"values\":[1,0.25]}}"

static void test_types(void **state)
{
    struct rest_server *server = *state;
    expect(server, "collections/create", custom, OK);
    expect(server, "indexes/list", "{\"collectionName\":\"c\"}",
           "{\"code\":0,\"data\":[\"v\",\"h\",\"bf\",\"bin\",\"i8v\",\"s\"]}");
    expect_part(server, "entities/insert",
                "{\"collectionName\":\"c\",\"data\":[" ROW_A "," ROW_B "]}",
                "\"insertIds\":[\"a\",\"b\"]");
    expect(
        server, "entities/query",
        "{\"collectionName\":\"c\",\"filter\":\"k != \\\"\\\"\",\"outputFields\":[\"*\"]}",
        "{\"code\":0,\"cost\":0,\"data\":[{\"k\":\"a\",\"b\":true,\"i8\":-5,\"i64\":9,\"f\":0.1,"
        "\"d\":1e300,\"j\":\"{\\\"x\\\":[1]}\",\"ai\":{\"Data\":{\"LongData\":{\"data\":[1,-2]}}},"
        "\"as\":{\"Data\":{\"StringData\":{\"data\":[\"p\",\"q\\\"\"]}}},"
        "\"t\":\"2025-01-31T08:00:00Z\",\"v\":[1,2,3,4],\"h\":\"ADgAvg==\",\"bf\":\"gD8AQA==\","
        "\"bin\":\"qrs=\",\"i8v\":\"Af8=\",\"s\":{\"1\":2,\"5\":0.5},\"extra\":1},"
        "{\"k\":\"b\",\"b\":null,\"i8\":null,\"i64\":7,\"f\":null,\"d\":null,\"j\":null,"
        "\"ai\":null,\"as\":{\"Data\":{\"StringData\":{\"data\":[]}}},\"t\":null,"
        "\"v\":[1,2,3,5],\"h\":\"AAAAPA==\",\"bf\":\"gD8AQA==\",\"bin\":\"AQI=\","
        "\"i8v\":\"AwQ=\",\"s\":{\"2\":0.25,\"3\":1}}]}");
    static const char *const nearest_a[] = {
        "\"annsField\":\"v\",\"data\":[[1,2,3,4]]", "\"annsField\":\"h\",\"data\":[[0.5,-1.5]]",
        "\"annsField\":\"h\",\"data\":[\"ADgAvg==\"]", "\"annsField\":\"bin\",\"data\":[\"qrs=\"]",
        "\"annsField\":\"i8v\",\"data\":[[1,-1]]", "\"annsField\":\"s\",\"data\":[{\"1\":1}]",
        "\"annsField\":\"v\",\"ids\":[\"a\"]",
    };
    for (size_t i = 0; i < sizeof nearest_a / sizeof nearest_a[0]; i++) {
        char body[200];
        (void)snprintf(body, sizeof body, "{\"collectionName\":\"c\",\"limit\":1,%s}",
                       nearest_a[i]);
        expect_part(server, "entities/search", body, "\"data\":[{\"k\":\"a\",");
    }
    expect_part(server, "entities/hybrid_search",
                "{\"collectionName\":\"c\",\"search\":[{\"data\":[[1,2,3,5]],\"annsField\":\"v\","
                "\"limit\":2},{\"data\":[{\"3\":1}],\"annsField\":\"s\",\"limit\":2}],\"rerank\":"
                "{\"strategy\":\"rrf\",\"params\":{\"k\":10}},\"limit\":1}",
                "\"data\":[{\"k\":\"b\",");
    expect_part(server, "entities/upsert", "{\"collectionName\":\"c\",\"data\":" ROW_B "}",
                "\"data\":{\"upsertCount\":1,\"upsertIds\":[\"b\"]}");
    expect_part(server, "entities/upsert",
                "{\"collectionName\":\"c\",\"partialUpdate\":true,\"data\":{\"k\":\"b\",\"i8\":3}}",
                "\"code\":0");
    expect_part(server, "entities/get",
                "{\"collectionName\":\"c\",\"id\":[\"b\"],\"outputFields\":[\"i8\"]}", "\"i8\":3");
}

static void test_refused(void **state)
{
    struct rest_server *server = *state;
    static const char *const cases[][3] = {
        {"collections/create", "{\"collectionName\":\"x\"}", "dimension is required"},
        {"collections/create",
         "{\"collectionName\":\"x\",\"schema\":{\"fields\":[{\"fieldName\":"
         "\"a\",\"dataType\":\"int64\"}]}}",
         "data type int64 is invalid(case sensitive)."},
        {"collections/create",
         "{\"collectionName\":\"x\",\"schema\":{\"fields\":[{\"fieldName\":"
         "\"a\",\"dataType\":\"Int64\"}]},\"indexParams\":[{\"fieldName\":"
         "\"b\"}]}",
         "`b` hasn't defined in schema"},
        {"entities/search", "{\"collectionName\":\"no\",\"data\":[[1]]}", "can't find collection"},
        {"entities/insert", "{\"collectionName\":\"c\",\"data\":[]}", "\"code\":1804"},
        {"entities/insert", "{\"collectionName\":\"c\",\"data\":[1]}", "\"code\":1804"},
        {"entities/insert", "{\"collectionName\":\"c\",\"data\":[{\"k\":\"z\"}]}", "\"code\":1804"},
        {"entities/delete", "{\"collectionName\":\"c\",\"filter\":\"\"}", "\"code\":1802"},
        {"entities/search", "{\"collectionName\":\"c\",\"annsField\":\"v\"}", "\"code\":1802"},
        {"entities/search",
         "{\"collectionName\":\"c\",\"annsField\":\"v\",\"data\":[[1]],"
         "\"ids\":[1]}",
         "\"code\":1100"},
        {"entities/search", "{\"collectionName\":\"c\",\"data\":[[1]]}", "multiple anns_fields"},
        {"entities/search", "{\"collectionName\":\"c\",\"annsField\":\"v\",\"data\":[[1,2]]}",
         "\"code\":1100"},
        {"entities/search", "{\"collectionName\":\"c\",\"annsField\":\"v\",\"data\":[1]}",
         "\"code\":1801"},
        {"entities/search",
         "{\"collectionName\":\"c\",\"annsField\":\"v\",\"data\":[[1,2,3,4]],"
         "\"searchParams\":{\"ef\":1,\"params\":{\"ef\":2}}}",
         "ambiguous parameter: "},
        {"entities/query", "{\"collectionName\":\"c\",\"filter\":\"k >\"}",
         "failed to create query plan"},
        {"entities/query", "{\"collectionName\":\"c\",\"consistencyLevel\":\"x\"}",
         "consistencyLevel can only be [Strong, Session, Bounded, Eventually, Customized]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_part(server, cases[i][0], cases[i][1], cases[i][2]);
}

/* Where one thing leads to the next. */
static void test_management(void **state)
{
    struct rest_server *server = *state;
    static const char *const steps[][3] = {
        { "aliases/create", "{\"collectionName\":\"c\",\"aliasName\":\"al\"}", OK },
        { "aliases/list", "{}", "[\"al\"]" },
        { "aliases/describe", "{\"aliasName\":\"al\"}", "\"collectionName\":\"c\"" },
        { "aliases/drop", "{\"aliasName\":\"al\"}", OK },
        { "partitions/create", "{\"collectionName\":\"c\",\"partitionName\":\"p1\"}", OK },
        { "partitions/list", "{\"collectionName\":\"c\"}", "[\"_default\",\"p1\"]" },
        { "partitions/has", "{\"collectionName\":\"c\",\"partitionName\":\"p1\"}", "true" },
        { "partitions/get_stats", "{\"collectionName\":\"c\",\"partitionName\":\"p1\"}",
          "{\"rowCount\":0}" },
        { "collections/rename", "{\"collectionName\":\"c\",\"newCollectionName\":\"d\"}", OK },
        { "collections/flush", "{\"collectionName\":\"d\"}", OK },
        { "collections/compact", "{\"collectionName\":\"d\"}", "compactionID" },
        { "collections/get_compaction_state", "{\"jobID\":1}", "Completed" },
        { "collections/alter_properties",
          "{\"collectionName\":\"d\",\"properties\":{\"mine\":3}}", OK },
        { "collections/describe", "{\"collectionName\":\"d\"}",
          "\"properties\":[{\"key\":\"mine\",\"value\":\"3\"}]" },
        { "collections/drop_properties", "{\"collectionName\":\"d\",\"propertyKeys\":[\"mine\"]}",
          OK },
        { "collections/fields/add",
          "{\"collectionName\":\"d\",\"schema\":{\"fieldName\":\"nf\",\"dataType\":\"Int64\","
          "\"nullable\":true}}", OK },
        { "indexes/describe", "{\"collectionName\":\"d\",\"indexName\":\"v\"}",
          "\"indexState\":\"Finished\"" },
        { "collections/release", "{\"collectionName\":\"d\"}", OK },
        { "collections/get_load_state", "{\"collectionName\":\"d\"}", "LoadStateNotLoad" },
        { "entities/query", "{\"collectionName\":\"d\"}", "\"code\":101" },
        { "collections/refresh_load", "{\"collectionName\":\"d\"}", "\"code\":0" },
        { "databases/create", "{\"dbName\":\"db1\",\"properties\":{\"a\":1}}", OK },
        { "databases/describe", "{\"dbName\":\"db1\"}", "{\"key\":\"a\",\"value\":\"1\"}" },
        { "databases/list", "{}", "[\"db1\",\"default\"]" },
        { "databases/drop", "{\"dbName\":\"db1\"}", OK },
        { "roles/list", "{}", "\"admin\"" },
        { "privilege_groups/create", "{\"privilegeGroupName\":\"g1\"}", OK },
        { "privilege_groups/add_privileges_to_group",
          "{\"privilegeGroupName\":\"g1\",\"privileges\":[\"Search\"]}", OK },
        { "privilege_groups/list", "{}",
          "{\"privilegeGroupName\":\"g1\",\"privileges\":\"Search\"}" },
        { "resource_groups/list", "{}", "__default_resource_group" },
        { "collections/fields/drop", "{\"collectionName\":\"d\"}",
          "exactly one of fieldName or fieldId is required" },
        { "collections/fields/drop", "{\"collectionName\":\"d\",\"fieldId\":0}",
          "fieldId must be greater than 0" },
        { "collections/fields/drop", "{\"collectionName\":\"d\",\"fieldName\":\"nope\"}",
          "\"code\":1100,\"message\":\"field not found: nope" },
        { "segments/describe", "{\"collectionName\":\"d\"}", "segmentInfos" },
        { "common/run_analyzer",
          "{\"text\":[\"The quick fox\"],\"analyzerParams\":{\"type\":\"english\"},"
          "\"withDetail\":true}", "{\"token\":\"quick\",\"startOffset\":4,\"endOffset\":9" },
        { "collections/truncate", "{\"collectionName\":\"d\"}", OK },
        { "collections/drop", "{\"collectionName\":\"d\"}", OK },
        { "collections/get_load_state", "{\"collectionName\":\"d\"}", "\"code\":100" },
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        expect_part(server, steps[i][0], steps[i][1], steps[i][2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quick),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_management),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
