/*
 * Import jobs over REST: JSON, CSV and NumPy files of the directory that the operator allowed, and
 * nothing outside it; bad rows named, and nothing written then; jobs after a start.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/endian.h"
#include "rest_server.h"

static void put_bytes(const struct rest_server *server, const char *name, const void *data,
                      size_t len)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", server->imports, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void put_file(const struct rest_server *server, const char *name, const char *text)
{
    put_bytes(server, name, text, strlen(text));
}

static void make_collection(struct rest_server *server, const char *name)
{
    char body[2048];
    (void)snprintf(
        body, sizeof body,
        "{\"collectionName\":\"%s\",\"schema\":{\"enableDynamicField\":true,\"fields\":["
        "{\"fieldName\":\"id\",\"dataType\":\"Int64\",\"isPrimary\":true},"
        "{\"fieldName\":\"v\",\"dataType\":\"FloatVector\",\"elementTypeParams\":{\"dim\":2}},"
        "{\"fieldName\":\"t\",\"dataType\":\"VarChar\",\"nullable\":true,"
        "\"elementTypeParams\":{\"max_length\":20}},"
        "{\"fieldName\":\"n\",\"dataType\":\"Int8\",\"nullable\":true},"
        "{\"fieldName\":\"j\",\"dataType\":\"JSON\",\"nullable\":true},"
        "{\"fieldName\":\"a\",\"dataType\":\"Array\",\"elementDataType\":\"Int32\","
        "\"nullable\":true,\"elementTypeParams\":{\"max_capacity\":4}}]},"
        "\"indexParams\":[{\"fieldName\":\"v\",\"metricType\":\"L2\",\"indexName\":\"v\"}]}",
        name);
    expect_part(server, "collections/create", body, "\"code\":0");
}

/* Asks for a job and waits until it is done; the reply of describe. */
static const char *run_job(struct rest_server *server, const char *files, const char *more)
{
    char body[1024], id[32];
    (void)snprintf(body, sizeof body, "{\"collectionName\":\"c\",\"files\":%s%s}", files, more);
    const char *reply = server_ask(server, "jobs/import/create", "", body);
    const char *at = strstr(reply, "\"jobId\":\"");
    if (!at) fail_msg("%s\n%s", body, reply);
    (void)snprintf(id, sizeof id, "%.*s", (int)strcspn(at + 9, "\""), at + 9);
    (void)snprintf(body, sizeof body, "{\"jobId\":\"%s\"}", id);
    for (int i = 0; i < 12000; i++) {
        reply = server_ask(server, "jobs/import/get_progress", "", body);
        if (strstr(reply, "\"state\":\"Completed\"") || strstr(reply, "\"state\":\"Failed\""))
            return reply;
        (void)usleep(5000);
    }
    fail_msg("the job does not end: %s", reply);
    return NULL;
}

static void completes(struct rest_server *server, const char *files, const char *more, int rows)
{
    char part[64];
    const char *reply = run_job(server, files, more);
    (void)snprintf(part, sizeof part, "\"importedRows\":%d,\"totalRows\":%d", rows, rows);
    if (!strstr(reply, "Completed") || !strstr(reply, part)) fail_msg("%s\n%s", files, reply);
    assert_non_null(strstr(reply, "\"progress\":100"));
}

static void fails(struct rest_server *server, const char *files, const char *reason)
{
    const char *reply = run_job(server, files, "");
    if (!strstr(reply, "\"state\":\"Failed\"") || !strstr(reply, reason))
        fail_msg("%s: expected %s\n%s", files, reason, reply);
    assert_non_null(strstr(reply, "\"importedRows\":0"));
}

static void rows_are(struct rest_server *server, const char *filter, const char *fields,
                     const char *data)
{
    char body[512];
    (void)snprintf(body, sizeof body,
                   "{\"collectionName\":\"c\",\"filter\":\"%s\",\"outputFields\":[%s]}", filter,
                   fields);
    expect_part(server, "entities/query", body, data);
}

static void count_is(struct rest_server *server, int count)
{
    char part[64];
    (void)snprintf(part, sizeof part, "\"data\":[{\"count(*)\":%d}]", count);
    rows_are(server, "", "\"count(*)\"", part);
}

static void json_files(void **state)
{
    static struct rest_server server;
    (void)state;
    server_open(&server, false);
    make_collection(&server, "c");
    put_file(&server, "a.json",
             " {\"rows\": [ {\"id\":1,\"v\":[1,2],\"t\":\"a\\u00e9]}\",\"n\":3},\n"
                                "{\"v\":[3,4],\"id\":\"2\",\"j\":{\"k\":[1]},\"x\":5}] } \n");
    put_file(&server, "b.json", "[{\"id\":3,\"v\":[1,1]}]");
    put_file(&server, "c.jsonl", "\xef\xbb\xbf{\"id\":4,\"v\":[1,1],\"a\":[1,2]}\n\n"
                                 "{\"id\":5,\"v\":[1,1],\"t\":null}\n");
    put_file(&server, "empty.json", "[]");
    completes(&server, "[[\"a.json\"],[\"b.json\"]]", ",\"options\":{\"timeout\":\"5m\"}", 3);
    completes(&server, "[[\"c.jsonl\"],[\"empty.json\"]]", "", 2);
    char files[256];
    (void)snprintf(files, sizeof files, "[[\"%s/empty.json\"]]", server.imports);
    completes(&server, files, "", 0);
    count_is(&server, 5);
    rows_are(&server, "id == 1", "\"t\",\"n\"", "\"t\":\"a\xc3\xa9]}\",\"n\":3");
    rows_are(&server, "x == 5", "\"j\"", "\"id\":2");
    rows_are(&server, "a[1] == 2", "\"t\"", "\"t\":null");
    expect_part(&server, "jobs/import/list", "{\"collectionName\":\"c\"}",
                "\"collectionName\":\"c\",\"state\":\"Completed\",\"progress\":100}");
    expect_part(&server, "jobs/import/list", "{\"dbName\":\"default\",\"collectionName\":\"d\"}",
                "\"records\":[]");
    server_close(&server);
}

/* A bad row anywhere: it is named, and nothing of the file is written. */
static void bad_rows(void **state)
{
    static struct rest_server server;
    (void)state;
    server_open(&server, false);
    make_collection(&server, "c");
    FILE *file;
    char path[512];
    (void)snprintf(path, sizeof path, "%s/long.json", server.imports);
    assert_non_null(file = fopen(path, "w"));
    for (int i = 0; i < 5000; i++)
        (void)fprintf(file, "{\"id\":%d,\"v\":[1,%s]}\n", i, i == 4321 ? "\"x\"" : "2");
    (void)fclose(file);
    fails(&server, "[[\"long.json\"]]", "long.json: row 4322: ");
    put_file(&server, "wide.json",
             "[{\"id\":1,\"v\":[1,2],\"n\":1},{\"id\":2,\"v\":[1,2],\"n\":300}]");
    fails(&server, "[[\"wide.json\"]]", "wide.json: row 2: the integer is out of range: field n");
    put_file(&server, "dim.json", "[{\"id\":1,\"v\":[1,2,3]}]");
    fails(&server, "[[\"dim.json\"]]", "dim.json: row 1: ");
    put_file(&server, "text.json", "[{\"id\":1,\"v\":[1,2],\"t\":\"123456789012345678901\"}]");
    fails(&server, "[[\"text.json\"]]", "text.json: row 1: ");
    put_file(&server, "cut.json", "[{\"id\":1,\"v\":[1,2]},{\"id\":2,\"v\":[1,");
    fails(&server, "[[\"cut.json\"]]", "cut.json: row 2: the file ends inside it");
    put_file(&server, "open.json", "[{\"id\":1,\"v\":[1,2]}");
    fails(&server, "[[\"open.json\"]]", "goes on behind its rows, or breaks off");
    put_file(&server, "more.json", "{\"rows\":[{\"id\":1,\"v\":[1,2]}]} 7");
    fails(&server, "[[\"more.json\"]]", "goes on behind its rows");
    put_file(&server, "number.json", "[1]");
    fails(&server, "[[\"number.json\"]]", "number.json: row 1: a row is no JSON object");
    put_file(&server, "comma.json", "[{\"id\":1,\"v\":[1,2]} {\"id\":2,\"v\":[1,2]}]");
    fails(&server, "[[\"comma.json\"]]", "row 2: no comma stands before it");
    put_file(&server, "lacks.json", "[{\"id\":1}]");
    fails(&server, "[[\"lacks.json\"]]", "lacks.json: row 1: fieldSchema(v)");
    fails(&server, "[[\"none.json\"]]", "'none.json' is not there");
    count_is(&server, 0);
    server_close(&server);
}

static void csv_files(void **state)
{
    static struct rest_server server;
    (void)state;
    server_open(&server, false);
    make_collection(&server, "c");
    put_file(&server, "a.csv",
             "id,v,t,n,j,x\r\n1,\"[1, 2]\",\"say \"\"hi\"\",\nyou\",-7,\"{\"\"k\"\":1}\",\r\n"
                               "2,\"[3,4]\",,,,word\r\n");
    completes(&server, "[[\"a.csv\"]]", "", 2);
    rows_are(&server, "n == -7", "\"t\"", "\"t\":\"say \\\"hi\\\",\\nyou\"");
    rows_are(&server, "j[\\\"k\\\"] == 1", "\"id\"", "\"id\":1");
    rows_are(&server, "x == \\\"word\\\"", "\"t\",\"n\"", "\"t\":null,\"n\":null");
    put_file(&server, "b.csv", "id;v;t;$meta\n3;[1,2];-;\"{\"\"y\"\":true}\"\n");
    completes(&server, "[[\"b.csv\"]]", ",\"options\":{\"sep\":\";\",\"nullkey\":\"-\"}", 1);
    rows_are(&server, "y == true", "\"t\"", "\"t\":null");
    put_file(&server, "few.csv", "id,v\n1\n");
    fails(&server, "[[\"few.csv\"]]", "few.csv: row 1: it has fewer cells than the header");
    put_file(&server, "word.csv", "id,v\n7,\"[1,2]\"\nseven,\"[1,2]\"\n");
    fails(&server, "[[\"word.csv\"]]", "word.csv: row 2: an integer is expected: field id");
    put_file(&server, "quote.csv", "id,v\n7,\"[1,2]\n");
    fails(&server, "[[\"quote.csv\"]]", "quote.csv: row 1: a quoted cell does not end");
    count_is(&server, 3);
    server_close(&server);
}

static void put_npy(const struct rest_server *server, const char *name, const char *descr,
                    const char *shape, const void *data, size_t len)
{
    uint8_t file[1024] = "\x93NUMPY\x01\x00";
    const int dict = snprintf((char *)file + 10, 512,
                              "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }\n", descr,
                              shape);
    le16_put(file + 8, (uint16_t)dict);
    memcpy(file + 10 + dict, data, len);
    put_bytes(server, name, file, (size_t)(10 + dict) + len);
}

static void numpy_files(void **state)
{
    static struct rest_server server;
    static const float vectors[] = { 1, 2, 3, 4 };
    static const double doubles[] = { 1, 2, 3, 4 };
    static const int64_t ids[] = { 10, 11 };
    static const uint32_t texts[] = { 'a', 0xe9, 0x1f600, 'b', 0, 0 }; /* UCS-4, 3 characters */
    static const int16_t small[] = { 5, 300 };
    (void)state;
    server_open(&server, false);
    make_collection(&server, "c");
    put_npy(&server, "id.npy", "<i8", "2,", ids, sizeof ids);
    put_npy(&server, "v.npy", "<f4", "2, 2", vectors, sizeof vectors);
    put_npy(&server, "t.npy", "<U3", "2,", texts, sizeof texts);
    completes(&server, "[[\"id.npy\",\"v.npy\",\"t.npy\"]]", "", 2);
    rows_are(&server, "id == 10", "\"t\",\"v\"", "\"t\":\"a\xc3\xa9\xf0\x9f\x98\x80\"");
    rows_are(&server, "id == 11", "\"v\"", "[3,4]");
    put_npy(&server, "v.npy", "<f8", "2, 2", doubles, sizeof doubles);
    completes(&server, "[[\"id.npy\",\"v.npy\"]]", "", 2);
    put_npy(&server, "n.npy", "<i2", "2,", small, sizeof small);
    fails(&server, "[[\"id.npy\",\"v.npy\",\"n.npy\"]]", "id.npy: row 2: ");
    put_npy(&server, "t.npy", "<i8", "2,", ids, sizeof ids);
    fails(&server, "[[\"id.npy\",\"v.npy\",\"t.npy\"]]", "does not fit the field t");
    put_npy(&server, "v.npy", "<f4", "1, 2", vectors, 8);
    fails(&server, "[[\"id.npy\",\"v.npy\"]]", "v.npy has 1 rows, id.npy 2");
    put_npy(&server, "else.npy", "<f4", "2, 2", vectors, sizeof vectors);
    fails(&server, "[[\"id.npy\",\"else.npy\"]]", "else.npy: the collection has no field");
    count_is(&server, 4);
    server_close(&server);
}

static unsigned seed = 20261121;

static unsigned next_random(unsigned below)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % below;
}

/* Files with bytes changed, cut off or doubled: each job ends, and the server goes on. */
static void altered_files(void **state)
{
    static struct rest_server server;
    static const char json[] = "{\"rows\":[{\"id\":1,\"v\":[1,2],\"t\":\"a\\u00e9]}\",\"x\":[{}]},"
                               "{\"v\":[3,4],\"id\":\"2\",\"j\":{\"k\":[1]},\"a\":[7]}]}";
    static const char csv[] = "id,v,t,a,$meta\n1,\"[1,2]\",\"say \"\"hi\"\"\",\"[1]\",\"{}\"\r\n"
                              "2,\"[3,4]\",,,\"{\"\"y\"\":1}\"\n";
    static const struct {
        const char *name, *text;
    } kinds[] = { { "x.json", json }, { "x.jsonl", json + 8 }, { "x.csv", csv } };
    (void)state;
    print_message("seed %u\n", seed);
    server_open(&server, false);
    make_collection(&server, "c");
    for (int round = 0; round < 90; round++) {
        char bytes[1024], files[32];
        const char *text = kinds[round % 3].text;
        size_t len = strlen(text);
        memcpy(bytes, text, len);
        for (unsigned i = next_random(4); i > 0; i--)
            bytes[next_random((unsigned)len)] = "\"{}[],:\\\n \xff\0a1"[next_random(14)];
        if (next_random(3) == 0) len = next_random((unsigned)len);
        if (next_random(4) == 0) {
            memmove(bytes + len, bytes, len);
            len *= 2;
        }
        put_bytes(&server, kinds[round % 3].name, bytes, len);
        (void)snprintf(files, sizeof files, "[[\"%s\"]]", kinds[round % 3].name);
        (void)run_job(&server, files, "");
    }
    expect_part(&server, "collections/list", "{}", "\"c\"");
    server_close(&server);
}

/* Nothing outside the directory is read, whatever the name. */
static void names_of_files(void **state)
{
    static struct rest_server server;
    static const struct {
        const char *files, *part;
    } refused[] = {
        { "[[\"../secret.json\"]]", "not in the directory of the setting import.dir" },
        { "[[\"a/../../secret.json\"]]", "not in the directory" },
        { "[[\"/etc/passwd.json\"]]", "not in the directory" },
        { "[[\"/elsewhere/../x.json\"]]", "not in the directory" },
        { "[[\"x.parquet\"]]", "Parquet files are not read by this server" },
        { "[[\"x.exe\"]]", "unexpected file type" },
        { "[[\"a.json\",\"b.json\"]]", "only NumPy files are read together" },
        { "[[]]", "import request is empty" },
        { "[[\"\"]]", "empty or too long" },
        { "\"a.json\"", "files is no array" },
    };
    char body[512], path[512], link_path[512];
    (void)state;
    server_open(&server, false);
    make_collection(&server, "c");
    (void)snprintf(path, sizeof path, "%s/secret.json", server.dir);
    FILE *file = fopen(path, "w");
    (void)fputs("[{\"id\":1,\"v\":[1,2]}]", file);
    (void)fclose(file);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        (void)snprintf(body, sizeof body, "{\"collectionName\":\"c\",\"files\":%s}",
                       refused[i].files);
        expect_part(&server, "jobs/import/create", body, refused[i].part);
    }
    (void)snprintf(link_path, sizeof link_path, "%s/link.json", server.imports);
    assert_int_equal(symlink(path, link_path), 0);
    fails(&server, "[[\"link.json\"]]", "'link.json' leads out of its directory");
    (void)snprintf(link_path, sizeof link_path, "%s/pipe.json", server.imports);
    assert_int_equal(mkfifo(link_path, 0600), 0);
    fails(&server, "[[\"pipe.json\"]]", "'pipe.json' is no regular file");
    (void)snprintf(link_path, sizeof link_path, "%s/up", server.imports);
    assert_int_equal(symlink("..", link_path), 0);
    fails(&server, "[[\"up/secret.json\"]]", "leads out of its directory");
    expect_part(&server, "jobs/import/create", "{\"collectionName\":\"c\"}", "'Files'");
    expect_part(&server, "jobs/import/create",
                "{\"collectionName\":\"none\",\"files\":[[\"a.json\"]]}", "\"code\":100");
    expect_part(&server, "jobs/import/create",
                "{\"collectionName\":\"c\",\"partitionName\":\"p\",\"files\":[[\"a.json\"]]}",
                "partition not found[partition=p]");
    expect_part(&server, "jobs/import/describe", "{\"jobId\":\"1\"}",
                "job does not exist, jobID=1: importing data failed");
    count_is(&server, 0);
    (void)unlink(path);
    server_close(&server);
}

/* The collection goes while its job is asked for; a partition gets its rows. */
static void collections_and_partitions(void **state)
{
    static struct rest_server server;
    (void)state;
    server_open(&server, false);
    make_collection(&server, "c");
    expect_part(&server, "partitions/create", "{\"collectionName\":\"c\",\"partitionName\":\"p\"}",
                "\"code\":0");
    put_file(&server, "a.json", "[{\"id\":1,\"v\":[1,2]}]");
    completes(&server, "[[\"a.json\"]]", ",\"partitionName\":\"p\"", 1);
    expect_part(&server, "entities/query",
                "{\"collectionName\":\"c\",\"partitionNames\":[\"p\"],\"filter\":\"\","
                "\"outputFields\":[\"count(*)\"]}", "\"count(*)\":1");
    server_close(&server);
}

static void grant(struct rest_server *server, const char *root, const char *role)
{
    char body[256];
    (void)snprintf(body, sizeof body, "{\"userName\":\"u\",\"password\":\"secret1\"}");
    (void)server_ask(server, "users/create", root, body);
    (void)snprintf(body, sizeof body, "{\"roleName\":\"%s\"}", role);
    (void)server_ask(server, "roles/create", root, body);
    (void)snprintf(body, sizeof body, "{\"userName\":\"u\",\"roleName\":\"%s\"}", role);
    (void)server_ask(server, "users/grant_role", root, body);
}

/* Jobs of collections that one may not import into are not there. */
static void rights(void **state)
{
    static struct rest_server server;
    static const char *const root = "Authorization: Bearer root:Milvus\r\n";
    static const char *const user = "Authorization: Bearer u:secret1\r\n";
    char body[256], id[32];
    (void)state;
    server_open(&server, true);
    (void)server_ask(&server, "collections/create", root,
                     "{\"collectionName\":\"c\",\"dimension\":2}");
    grant(&server, root, "r");
    put_file(&server, "a.json", "[{\"id\":1,\"vector\":[1,2]}]");
    const char *job = "{\"collectionName\":\"c\",\"files\":[[\"a.json\"]]}";
    (void)server_ask(&server, "jobs/import/create", user, job);
    assert_int_equal(server.status, 403);
    const char *reply = server_ask(&server, "jobs/import/create", root, job);
    const char *at = strstr(reply, "\"jobId\":\"");
    assert_non_null(at);
    (void)snprintf(id, sizeof id, "%.*s", (int)strcspn(at + 9, "\""), at + 9);
    (void)snprintf(body, sizeof body, "{\"jobId\":\"%s\"}", id);
    assert_non_null(strstr(server_ask(&server, "jobs/import/describe", user, body),
                           "job does not exist"));
    assert_non_null(strstr(server_ask(&server, "jobs/import/list", user, "{}"), "\"records\":[]"));
    assert_non_null(strstr(server_ask(&server, "jobs/import/list", root, "{}"), id));
    (void)server_ask(&server, "roles/grant_privilege_v2", root,
                     "{\"roleName\":\"r\",\"privilege\":\"Import\",\"dbName\":\"default\","
                     "\"collectionName\":\"c\"}");
    assert_non_null(strstr(server_ask(&server, "jobs/import/describe", user, body), id));
    assert_non_null(strstr(server_ask(&server, "jobs/import/list", user, "{}"), id));
    assert_non_null(strstr(server_ask(&server, "jobs/import/list", "", "{}"), "1800"));
    server_close(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_files),     cmocka_unit_test(bad_rows),
        cmocka_unit_test(csv_files),      cmocka_unit_test(numpy_files),
        cmocka_unit_test(names_of_files), cmocka_unit_test(collections_and_partitions),
        cmocka_unit_test(rights),         cmocka_unit_test(altered_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
