/*
 * Names of collections as they come and go: aliases that move, are dropped and outlive a rename,
 * collections dropped among many. Over RESTful v2; JSON with ' for ".
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

static void create(const char *name)
{
    char body[256];
    (void)snprintf(body, sizeof body, "{'collectionName':'%s','dimension':2}", name);
    says("collections/create", body, OK);
    (void)snprintf(body, sizeof body,
                   "{'collectionName':'%s','data':[{'id':1,'vector':[1,2],'me':'%s'}]}", name,
                   name);
    has("entities/insert", body, "'insertCount':1");
}

/* The collection that answers to a name; NULL: none does. */
static void answers(const char *name, const char *collection)
{
    char body[256], reply[256];
    (void)snprintf(body, sizeof body,
                   "{'collectionName':'%s','filter':'id == 1','outputFields':['me']}", name);
    (void)snprintf(reply, sizeof reply, "'me':'%s'", collection ? collection : "");
    has("entities/query", body, collection ? reply : "find collection[");
}

static void alias(const char *verb, const char *name, const char *collection)
{
    char path[64], body[256];
    (void)snprintf(path, sizeof path, "aliases/%s", verb);
    (void)snprintf(body, sizeof body, "{'aliasName':'%s','collectionName':'%s'}", name, collection);
    says(path, body, OK);
}

static void test_aliases(void **state)
{
    (void)state;
    create("a");
    create("b");
    alias("create", "x", "a");
    alias("create", "y", "a");
    answers("x", "a");
    alias("alter", "x", "b"); /* a forgets it */
    answers("x", "b");
    says("collections/rename", "{'collectionName':'a','newCollectionName':'c'}", OK);
    answers("a", NULL);
    answers("c", "a");
    answers("y", "a");
    answers("x", "b");
    alias("drop", "y", "");
    answers("y", NULL);
    says("collections/drop", "{'collectionName':'c'}", OK);
    answers("c", NULL);
    answers("x", "b"); /* it has long been the other's */
    create("c");
    alias("alter", "x", "c");
    answers("x", "c");
    answers("b", "b");
}

static void test_many(void **state)
{
    (void)state;
    char name[16], body[128];
    for (int i = 0; i < 12; i++) {
        (void)snprintf(name, sizeof name, "n%d", i);
        create(name);
    }
    for (int i = 0; i < 12; i += 2) { /* the last of the list takes each free place */
        (void)snprintf(body, sizeof body, "{'collectionName':'n%d'}", i);
        says("collections/drop", body, OK);
        for (int j = 0; j < 12; j++) {
            (void)snprintf(name, sizeof name, "n%d", j);
            answers(name, j <= i && j % 2 == 0 ? NULL : name);
        }
    }
    says("collections/list", "{}", "{'code':0,'data':['n1','n11','n3','n5','n7','n9']}");
    says("collections/rename", "{'collectionName':'n3','newCollectionName':'n0'}", OK);
    answers("n0", "n3");
    answers("n3", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_aliases, setup, quoted_close),
        cmocka_unit_test_setup_teardown(test_many, setup, quoted_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
