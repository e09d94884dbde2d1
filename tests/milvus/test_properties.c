/*
 * Properties that change what rows become: keys that are given beside automatic ones, zones of time
 * of collections and databases. Over RESTful v2; JSON with ' for ".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "milvus/quoted.h"

static int setup(void **state)
{
    (void)state;
    quoted_open();
    return 0;
}

static void test_given_keys(void **state)
{
    (void)state;
    static const char row[] =
        "{'collectionName':'c','data':[{'id':42,'vector':[1,2]},{'id':-7,'vector':[1,2]}]}";
    says("collections/create", "{'collectionName':'c','dimension':2,'autoID':true}", OK);
    has("entities/insert", row, "can not assign primary field data when auto id enabled and "
                                "allow_insert_auto_id is false id");
    says("collections/alter_properties",
         "{'collectionName':'c','properties':{'allow_insert_auto_id':'true'}}", OK);
    says("entities/insert", row,
         "{'code':0,'cost':0,'data':{'insertCount':2,'insertIds':[42,-7]}}");
    has("entities/insert", "{'collectionName':'c','data':[{'vector':[1,2]}]}", "'insertCount':1");
    says("entities/query",
         "{'collectionName':'c','filter':'id in [42, -7]','outputFields':['id']}",
         ROWS("{'id':-7},{'id':42}"));
    says("entities/query", "{'collectionName':'c','outputFields':['count(*)']}",
         ROWS("{'count(*)':3}"));
}

static const char times[] =
    "{'collectionName':'t','schema':{'fields':["
    "{'fieldName':'id','dataType':'Int64','isPrimary':true},"
    "{'fieldName':'at','dataType':'Timestamptz'},"
    "{'fieldName':'v','dataType':'FloatVector','elementTypeParams':{'dim':2}}]},"
    "'indexParams':[{'fieldName':'v','metricType':'L2'}]}";

static void shows(const char *rows)
{
    says("entities/query", "{'collectionName':'t','outputFields':['at'],'filter':'id > 0'}", rows);
}

static void zone(const char *kind, const char *name)
{
    char body[256];
    (void)snprintf(body, sizeof body, "{'%s':'%s','properties':{'timezone':'%s'}}",
                   strcmp(kind, "databases") ? "collectionName" : "dbName",
                   strcmp(kind, "databases") ? "t" : "default", name);
    char path[64];
    (void)snprintf(path, sizeof path, "%s/alter_properties", kind);
    says(path, body, OK);
}

static void test_zones(void **state)
{
    (void)state;
    static const char unknown[] = "unknown or invalid IANA Time Zone ID: ";
    says("collections/create", times, OK);
    zone("databases", "Asia/Tokyo");
    has("entities/insert",
        "{'collectionName':'t','data':[{'id':1,'at':'2030-07-01T12:00:00','v':[0,0]}]}", "[1]");
    shows(ROWS("{'at':'2030-07-01T12:00:00+09:00','id':1}"));
    has("collections/alter_properties",
        "{'collectionName':'t','properties':{'timezone':'../etc/passwd'}}", unknown);
    has("databases/alter_properties",
        "{'dbName':'default','properties':{'timezone':'Europe/Nowhere'}}", unknown);
    if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK)) skip();
    zone("collections", "Europe/Berlin"); /* before its database's */
    has("entities/insert",
        "{'collectionName':'t','data':[{'id':2,'at':'2030-12-01T12:00:00','v':[1,0]},"
        "{'id':3,'at':'2030-07-01T00:00:00Z','v':[2,0]}]}",
        "[2,3]");
    shows(ROWS("{'at':'2030-07-01T05:00:00+02:00','id':1},"
               "{'at':'2030-12-01T12:00:00+01:00','id':2},"
               "{'at':'2030-07-01T02:00:00+02:00','id':3}"));
    has("entities/search",
        "{'collectionName':'t','data':[[1,0]],'limit':1,'outputFields':['at'],"
        "'searchParams':{'timezone':'America/New_York'}}",
        "'at':'2030-12-01T06:00:00-05:00'");
    has("entities/search",
        "{'collectionName':'t','data':[[1,0]],'limit':1,'outputFields':['at'],"
        "'searchParams':{'timezone':'Mars/Olympus'}}",
        "unknown or invalid IANA Time Zone ID: Mars/Olympus");
    has("entities/search",
        "{'collectionName':'t','data':[[1,0]],'limit':1,'outputFields':['at'],"
        "'searchParams':{'time_fields':'hour, year,minute'}}",
        "'at':{'Data':{'LongData':{'data':[12,2030,0]}}}");
    has("entities/search",
        "{'collectionName':'t','data':[[1,0]],'limit':1,'outputFields':['at'],"
        "'searchParams':{'time_fields':'fortnight'}}",
        "unsupported time field: fortnight");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_given_keys, setup, quoted_close),
        cmocka_unit_test_setup_teardown(test_zones, setup, quoted_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
