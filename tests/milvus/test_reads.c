/*
 * What reads can do beyond rows and nearest rows: aggregates and groups, orders, groups by a path,
 * partitions of which some are loaded. Over RESTful v2, whose requests are messages of gRPC inside.
 * JSON is written with ' for ".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "milvus/quoted.h"

static void query(const char *body, const char *rows)
{
    char whole[2048], reply[2048];
    (void)snprintf(whole, sizeof whole, "{'collectionName':'c',%s}", body);
    (void)snprintf(reply, sizeof reply, ROWS("%s"), rows);
    says("entities/query", whole, reply);
}

static void refuses(const char *body, const char *text)
{
    char whole[2048];
    (void)snprintf(whole, sizeof whole, "{'collectionName':'c',%s}", body);
    has("entities/query", whole, text);
}

static const char schema[] =
    "{'collectionName':'c','schema':{'enableDynamicField':true,'fields':["
    "{'fieldName':'id','dataType':'Int64','isPrimary':true},"
    "{'fieldName':'brand','dataType':'VarChar','nullable':true,"
    "'elementTypeParams':{'max_length':20}},"
    "{'fieldName':'n','dataType':'Int64','nullable':true},"
    "{'fieldName':'small','dataType':'Int8'},"
    "{'fieldName':'price','dataType':'Double','nullable':true},"
    "{'fieldName':'f','dataType':'Float'},"
    "{'fieldName':'ok','dataType':'Bool'},"
    "{'fieldName':'t','dataType':'Timestamptz'},"
    "{'fieldName':'j','dataType':'JSON'},"
    "{'fieldName':'v','dataType':'FloatVector','elementTypeParams':{'dim':2}}]},"
    "'indexParams':[{'fieldName':'v','metricType':'L2'}]}";

#define ROW(id, brand, n, small, price, ok, rest)                                               \
    "{'id':" #id ",'brand':" brand ",'n':" n ",'small':" #small ",'price':" price ",'f':0.5,"   \
    "'ok':" #ok ",'t':'2025-01-0" #id "T00:00:00Z','v':[" #id ",0]," rest "}"

static const char rows[] = "{'collectionName':'c','data':["
    ROW(1, "'a'", "10", 1, "0.1", true, "'j':{'k':'x'},'age':3,'u':{'s':[5]}") ","
    ROW(2, "'b'", "9223372036854775807", -2, "0.2", false, "'j':{'k':'y'},'age':'old'") ","
    ROW(3, "'a'", "null", 3, "0.3", true, "'j':{'k':'x'},'age':2.5,'u':{'s':[4]}") ","
    ROW(4, "null", "-7", 4, "null", false, "'j':{'k':1}") ","
    ROW(5, "'b'", "1", 5, "1e300", true, "'j':{},'age':true,'u':{'s':[6]}") "]}";

static int setup(void **state)
{
    (void)state;
    quoted_open();
    says("collections/create", schema, OK);
    has("entities/insert", rows, "'insertCount':5");
    return 0;
}

static void test_whole(void **state)
{
    (void)state;
    query("'outputFields':['count(*)','COUNT( brand )','sum(small)','min(small)','avg(small)']",
          "{'count(*)':5,'COUNT( brand )':4,'sum(small)':11,'min(small)':-2,'avg(small)':2.2}");
    query("'filter':'id in [1, 3]','outputFields':['sum(price)','avg(price)','max(n)','sum(n)']",
          "{'sum(price)':0.4,'avg(price)':0.2,'max(n)':10,'sum(n)':10}");
    query("'outputFields':['min(brand)','max(brand)','min(t)','max(t)','sum(f)','max(f)']",
          "{'min(brand)':'a','max(brand)':'b','min(t)':'2025-01-01T00:00:00Z',"
          "'max(t)':'2025-01-05T00:00:00Z','sum(f)':2.5,'max(f)':0.5}");
    /* Of nothing: no values, and nothing to count. */
    query("'filter':'id > 100','outputFields':['count(*)','sum(n)','avg(n)','min(brand)']",
          "{'count(*)':0,'sum(n)':null,'avg(n)':null,'min(brand)':null}");
    /* In between a sum may leave Int64; the end has to fit. */
    query("'filter':'id in [2, 4]','outputFields':['sum(n)']", "{'sum(n)':9223372036854775800}");
    refuses("'outputFields':['sum(n)']", "sum(n) is out of the range of Int64");
    query("'filter':'age > 2','outputFields':['count(j)','max(id)']", "{'count(j)':2,'max(id)':3}");
}

static void test_groups(void **state)
{
    (void)state;
    query("'groupByFields':['brand'],'outputFields':['brand','count(*)','sum(small)','max(price)']",
          "{'brand':null,'count(*)':1,'sum(small)':4,'max(price)':null},"
          "{'brand':'a','count(*)':2,'sum(small)':4,'max(price)':0.3},"
          "{'brand':'b','count(*)':2,'sum(small)':3,'max(price)':1e300}");
    query("'groupByFields':'ok,brand','outputFields':['count(id)','brand','ok'],"
          "'filter':'brand is not null'",
          "{'count(id)':2,'brand':'a','ok':true},{'count(id)':1,'brand':'b','ok':false},"
          "{'count(id)':1,'brand':'b','ok':true}");
    query("'groupByFields':['brand'],'outputFields':['brand'],"
          "'orderByFields':[{'field':'max(small)','order':'desc'}],'limit':2",
          "{'brand':'b'},{'brand':null}");
    query("'groupByFields':['brand'],'outputFields':['brand'],"
          "'orderByFields':['brand:desc:nulls_last'],'limit':5,'offset':1",
          "{'brand':'a'},{'brand':null}");
    query("'groupByFields':['small'],'outputFields':['count(*)'],'filter':'id < 0'", "");
    query("'groupByFields':['t'],'outputFields':['t'],'limit':1", "{'t':'2025-01-01T00:00:00Z'}");
}

static void test_refused_aggregates(void **state)
{
    (void)state;
    refuses("'outputFields':['sum(brand)']",
            "aggregation operator sum does not support data type VarChar");
    refuses("'outputFields':['max(j)']", "operator max does not support data type JSON");
    refuses("'outputFields':['avg(*)']", "only count takes a star");
    refuses("'outputFields':['sum(age)']", "field age not exist");
    refuses("'outputFields':['brand','count(*)']", "neither an aggregate nor one of the");
    refuses("'groupByFields':['price'],'outputFields':['count(*)']",
            "group by field price has unsupported data type Double");
    refuses("'groupByFields':['ok'],'outputFields':['ok'],'orderByFields':['brand']",
            "is neither an aggregate nor one of the group_by_fields");
    refuses("'outputFields':['count(*)'],'limit':3", "count entities with pagination");
}

static void test_orders(void **state)
{
    (void)state;
    query("'outputFields':['id'],'limit':3,'orderByFields':['n:desc']",
          "{'id':3},{'id':2},{'id':1}");
    query("'outputFields':['id'],'limit':10,'offset':1,'orderByFields':['brand','small:desc']",
          "{'id':3},{'id':1},{'id':5},{'id':2}");
    query("'outputFields':['id'],'limit':2,'offset':1,'orderByFields':['brand:desc:nulls_last',"
          "'t:desc']",
          "{'id':2},{'id':3}");
    /* Of one key: nothing, booleans, numbers, texts. */
    query("'outputFields':['id'],'limit':9,'orderByFields':['age']",
          "{'id':4},{'id':5},{'id':3},{'id':1},{'id':2}");
    query("'outputFields':['id'],'limit':3,'orderByFields':[{'field':'u[\\'s\\'][0]',"
          "'order':'desc'}]",
          "{'id':2},{'id':4},{'id':5}");
    query("'outputFields':['id'],'filter':'id in [5, 1, 4]','orderByFields':['small:desc']",
          "{'id':5},{'id':4},{'id':1}");
    refuses("'limit':3,'orderByFields':['j']", "order_by is not supported for JSON field");
    refuses("'limit':3,'orderByFields':['v']", "has unsortable type FloatVector");
    refuses("'limit':3,'orderByFields':['n:up']", "(must be ");
    refuses("'limit':3,'orderByFields':['n[0]']", "invalid JSON path in order_by field");
    refuses("'limit':3,'orderByFields':[',']", "empty field name in order_by_fields");
}

/* More rows than pages keep at once, in an order that is no order of keys. */
static void test_long_order(void **state)
{
    (void)state;
    enum { COUNT = 5000, STEP = 100 };
    static char batch[STEP * 160];
    says("collections/create", "{'collectionName':'l','dimension':2}", OK);
    for (int from = 0; from < COUNT; from += STEP) {
        int len = snprintf(batch, sizeof batch, "{\"collectionName\":\"l\",\"data\":[");
        for (int i = from; i < from + STEP; i++)
            len += snprintf(batch + len, sizeof batch - (size_t)len,
                            "%s{\"id\":%d,\"vector\":[1,2],\"name\":\"row %04d\"}",
                            i > from ? "," : "", i, (i * 37) % COUNT);
        (void)snprintf(batch + len, sizeof batch - (size_t)len, "]}");
        expect_part(server, "entities/insert", batch, "\"insertCount\":100");
    }
    has("entities/query",
        "{'collectionName':'l','outputFields':['name'],'limit':3,'offset':1200,"
        "'orderByFields':['name:desc']}",
        "[{'id':4427,'name':'row 3799'}");
    has("entities/query",
        "{'collectionName':'l','outputFields':['name'],'limit':1,'orderByFields':['name']}",
        "'name':'row 0000'");
}

/* A key that is there twice comes once, as its newest row and in that row's place. */
static void test_repeated_keys(void **state)
{
    (void)state;
    static const char all[] = "{'collectionName':'r','filter':'id > 0','outputFields':['rank'],"
                              "'orderByFields':['rank']}";
    static const char two[] = "{'collectionName':'r','outputFields':['rank'],'limit':2,"
                              "'orderByFields':['rank:desc']}";
    says("collections/create", "{'collectionName':'r','dimension':2}", OK);
    has("entities/insert",
        "{'collectionName':'r','data':[{'id':1,'vector':[1,2],'rank':5},"
        "{'id':2,'vector':[1,2],'rank':3},{'id':3,'vector':[1,2],'rank':4}]}",
        "'insertCount':3");
    has("entities/insert",
        "{'collectionName':'r','data':[{'id':1,'vector':[1,2],'rank':1}]}", "'insertCount':1");
    says("entities/query", all,
         ROWS("{'id':1,'rank':1},{'id':2,'rank':3},{'id':3,'rank':4}"));
    says("entities/query", two, ROWS("{'id':3,'rank':4},{'id':2,'rank':3}"));
    says("entities/query", "{'collectionName':'r','outputFields':['count(*)','sum(id)']}",
         ROWS("{'count(*)':4,'sum(id)':7}")); /* every live row */
}

static void search(const char *body, const char *reply)
{
    char whole[2048];
    (void)snprintf(whole, sizeof whole, "{'collectionName':'c','data':[[0,0]],%s}", body);
    has("entities/search", whole, reply);
}

static void test_search_orders(void **state)
{
    (void)state;
    search("'limit':3,'outputFields':['small'],'orderByFields':['small:desc']",
           "[{'id':3,'distance':9,'small':3},{'id':1,'distance':1,'small':1},"
           "{'id':2,'distance':4,'small':-2}]");
    search("'limit':3,'searchParams':{'order_by_fields':'small'}",
           "[{'id':2,'distance':4},{'id':1,'distance':1},{'id':3,'distance':9}]");
    search("'limit':3,'groupingField':'brand','groupSize':2,'orderByFields':['small:desc']",
           "[{'id':4,'distance':16},{'id':1,'distance':1},{'id':3,'distance':9},"
           "{'id':2,'distance':4},{'id':5,'distance':25}]");
    search("'limit':3,'orderByFields':['nix:asc','j']", "order_by is not supported for JSON field");
    has("entities/hybrid_search",
        "{'collectionName':'c','limit':3,'search':[{'data':[[0,0]],'annsField':'v','limit':4},"
        "{'data':[[0,0]],'annsField':'v','limit':3}],'outputFields':['id'],"
        "'rerank':{'strategy':'rrf'},'orderByFields':['small:desc']}",
        "[{'id':3,'distance':0.0317");
    has("entities/hybrid_search",
        "{'collectionName':'c','limit':3,'search':[{'data':[[0,0]],'annsField':'v','limit':5}],"
        "'outputFields':['id'],'rerank':{'strategy':'rrf'},'orderByFields':['small']}",
        "[{'id':2,'distance':0.016"); /* a field that is not among the output */
    has("entities/hybrid_search",
        "{'collectionName':'c','limit':1,'search':[{'data':[[0,0]],'annsField':'v','limit':1}],"
        "'rerank':{'strategy':'rrf'},'orderByFields':['j']}",
        "order_by is not supported for JSON field");
    has("entities/hybrid_search",
        "{'collectionName':'c','limit':3,'search':[{'data':[[0,0]],'annsField':'v','limit':5}],"
        "'groupingField':'brand','groupSize':2,'outputFields':['id'],'rerank':{'strategy':'rrf'},"
        "'orderByFields':['small:desc']}",
        "[{'id':4,");
}

/* A filter's instants without an offset are of the request's zone, then of the collection's. */
static void test_filter_zones(void **state)
{
    (void)state;
    static const char count[] =
        "'outputFields':['count(*)'],'filter':'t >= ISO \\'2025-01-03T00:30:00%s\\''";
    char body[256];
    (void)snprintf(body, sizeof body, count, "");
    query(body, "{'count(*)':2}"); /* UTC: the 4th and the 5th */
    says("collections/alter_properties",
         "{'collectionName':'c','properties':{'timezone':'+01:00'}}", OK);
    query(body, "{'count(*)':3}"); /* 23:30 of the 2nd */
    (void)snprintf(body, sizeof body, count, "Z");
    query(body, "{'count(*)':2}");
    has("entities/search",
        "{'collectionName':'c','data':[[0,0]],'limit':9,"
        "'filter':'t < iso \\'2025-01-02T00:30:00\\' and brand != \\'iso \\''}",
        "'topks':[1]"); /* only the first day; a text that looks like it stays */
    says("collections/alter_properties",
         "{'collectionName':'c','properties':{'timezone':'UTC'}}", OK);
}

static void test_path_groups(void **state)
{
    (void)state;
    search("'limit':2,'groupingField':'j[\\'k\\']'",
           "[{'id':1,'distance':1},{'id':2,'distance':4}]");
    search("'limit':4,'groupingField':'age','groupSize':2,'strictGroupSize':true",
           "'topks':[4]");
    search("'limit':2,'groupingField':'j[\\'k\\']','searchParams':{'x':1},'groupSize':2",
           "[{'id':1,'distance':1},{'id':2,'distance':4},{'id':3,'distance':9}]");
}

static void test_partitions(void **state)
{
    (void)state;
    static const char insert[] =
        "{'collectionName':'c','partitionName':'p','data':["
        "{'id':9,'small':9,'f':0,'ok':true,'t':'2025-01-09T00:00:00Z','j':{},'v':[0,0]}]}";
    says("partitions/create", "{'collectionName':'c','partitionName':'p'}", OK);
    has("entities/insert", insert, "'insertCount':1");
    query("'outputFields':['count(*)']", "{'count(*)':6}");
    says("partitions/release", "{'collectionName':'c','partitionNames':['p']}", OK);
    query("'outputFields':['count(*)']", "{'count(*)':5}");
    query("'outputFields':['max(id)']", "{'max(id)':5}");
    query("'filter':'id in [1, 9]','outputFields':['id']", "{'id':1}");
    search("'limit':1", "[{'id':1,'distance':1}]");
    search("'limit':1,'partitionNames':['p']", "partition not loaded[partition=p]");
    refuses("'filter':'id > 0','partitionNames':['p']",
            "failed to query: partition not loaded[partition=p]");
    has("collections/get_load_state", "{'collectionName':'c','partitionNames':['p']}",
        "LoadStateNotLoad");
    has("collections/get_load_state", "{'collectionName':'c','partitionNames':['_default']}",
        "'LoadStateLoaded','loadProgress':100");
    says("partitions/load", "{'collectionName':'c','partitionNames':['p']}", OK);
    search("'limit':1", "[{'id':9,'distance':0}]");
    says("partitions/release", "{'collectionName':'c','partitionNames':['p','_default']}", OK);
    search("'limit':1", "collection not loaded");
    says("partitions/load", "{'collectionName':'c','partitionNames':['p']}", OK);
    query("'filter':'id > 0','outputFields':['id']", "{'id':9}");
    says("collections/load", "{'collectionName':'c'}", OK);
    query("'outputFields':['count(*)']", "{'count(*)':6}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole, setup, quoted_close),
        cmocka_unit_test_setup_teardown(test_groups, setup, quoted_close),
        cmocka_unit_test_setup_teardown(test_refused_aggregates, setup, quoted_close),
        cmocka_unit_test_setup_teardown(test_orders, setup, quoted_close),
        cmocka_unit_test_setup_teardown(test_long_order, setup, quoted_close),
        cmocka_unit_test_setup_teardown(test_repeated_keys, setup, quoted_close),
        cmocka_unit_test_setup_teardown(test_search_orders, setup, quoted_close),
        cmocka_unit_test_setup_teardown(test_path_groups, setup, quoted_close),
        cmocka_unit_test_setup_teardown(test_filter_zones, setup, quoted_close),
        cmocka_unit_test_setup_teardown(test_partitions, setup, quoted_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
