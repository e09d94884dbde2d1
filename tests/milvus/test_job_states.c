/*
 * Import jobs over gRPC: off until the operator names a directory; states, lists, and what a start
 * finds of jobs that were done and of those that were not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ddl_fixture.h"

#define LONG_ROWS 60000

static void create(struct door *door, const char *name)
{
    MilvusSchema schema = MILVUS__PROTO__SCHEMA__COLLECTION_SCHEMA__INIT;
    MilvusField fields[2] = {MILVUS__PROTO__SCHEMA__FIELD_SCHEMA__INIT,
                             MILVUS__PROTO__SCHEMA__FIELD_SCHEMA__INIT};
    MilvusField *list[2] = {&fields[0], &fields[1]};
    MilvusPair dim = pair("dim", "2"), *dims[1] = {&dim};
    uint8_t bytes[512];
    fields[0].name = milvus_text("id");
    fields[0].data_type = MILVUS__PROTO__SCHEMA__DATA_TYPE__Int64;
    fields[0].is_primary_key = true;
    fields[1].name = milvus_text("v");
    fields[1].data_type = MILVUS__PROTO__SCHEMA__DATA_TYPE__FloatVector;
    fields[1].type_params = dims;
    fields[1].n_type_params = 1;
    schema.name = milvus_text(name);
    schema.fields = list;
    schema.n_fields = 2;
    const size_t len = milvus__proto__schema__collection_schema__pack(&schema, bytes);
    EXPECT("CreateCollection", 0, "", CreateCollectionRequest, .collection_name = milvus_text(name),
           .schema = {len, bytes});
}

static WIRE(GetImportStateResponse) *state_of(struct door *door, int64_t id)
{
    WIRE(GetImportStateRequest) request = MILVUS__PROTO__MILVUS__GET_IMPORT_STATE_REQUEST__INIT;
    request.task = id;
    return run(door, "GetImportState", &request);
}

static const char *info(const WIRE(GetImportStateResponse) * reply, const char *key)
{
    const char *value = milvus_pair_get(reply->infos, reply->n_infos, key);
    return value ? value : "";
}

static int64_t import(struct door *door, char **files, size_t count)
{
    WIRE(ImportRequest) request = MILVUS__PROTO__MILVUS__IMPORT_REQUEST__INIT;
    request.collection_name = milvus_text("rows");
    request.files = files;
    request.n_files = count;
    const WIRE(ImportResponse) *reply = run(door, "Import", &request);
    assert_int_equal(reply->status->code, 0);
    assert_int_equal(reply->n_tasks, 1);
    return reply->tasks[0];
}

static WIRE(GetImportStateResponse) *wait_for(struct door *door, int64_t id)
{
    for (int i = 0; i < 12000; i++) {
        WIRE(GetImportStateResponse) *reply = state_of(door, id);
        assert_int_equal(reply->status->code, 0);
        if (reply->state == MILVUS__PROTO__COMMON__IMPORT_STATE__ImportCompleted ||
            reply->state == MILVUS__PROTO__COMMON__IMPORT_STATE__ImportFailed)
            return reply;
        (void)usleep(5000);
    }
    fail_msg("the job does not end");
    return NULL;
}

static void reopen(struct door *door)
{
    door_close(door);
    door_reopen(door);
}

static void off_by_default(void **state)
{
    struct door *door = *state;
    char *files[1] = {milvus_text("a.json")};
    create(door, "rows");
    EXPECT("Import", 2100,
           "this server imports no files: its operator may name a directory for them with the "
           "setting import.dir (--import-dir): importing data failed",
           ImportRequest, .collection_name = milvus_text("rows"), .files = files, .n_files = 1);
    EXPECT("GetImportState", 2100, "job does not exist, jobID=7: importing data failed",
           GetImportStateRequest, .task = 7);
    EXPECT("ListImportTasks", 0, "", ListImportTasksRequest, .limit = 3);
}

/* What a server that was killed leaves: a record of a job that began. */
static void leave_half_done(struct door *door, int64_t id)
{
    Kith__Door__ImportJobRecord record = KITH__DOOR__IMPORT_JOB_RECORD__INIT;
    uint8_t bytes[256];
    char key[64];
    record.id = id;
    record.collection_name = milvus_text("rows");
    record.database = milvus_text("default");
    record.state = 2;
    (void)snprintf(key, sizeof key, "milvus/j/%020lld", (long long)id);
    const size_t len = kith__door__import_job_record__pack(&record, bytes);
    const struct kith_meta_change change = {key, bytes, len};
    assert_int_equal(kith_meta_write(door->db, &change, 1, NULL), 0);
}

static void jobs_over_a_start(void **state)
{
    struct door *door = *state;
    char path[160];
    char *files[2] = {milvus_text("a.json"), milvus_text("bad.json")};
    door->import_dir = door->dir;
    create(door, "rows");
    reopen(door);
    (void)snprintf(path, sizeof path, "%s/a.json", door->dir);
    FILE *file = fopen(path, "w");
    (void)fputs("[{\"id\":1,\"v\":[1,2]},{\"id\":2,\"v\":[1,2]}]", file);
    (void)fclose(file);
    const int64_t good = import(door, files, 1), bad = import(door, &files[1], 1);
    assert_int_equal(wait_for(door, good)->row_count, 2);
    assert_string_equal(info(wait_for(door, good), "progress_percent"), "100");
    assert_string_equal(info(wait_for(door, good), "files"), "a.json");
    assert_non_null(strstr(info(wait_for(door, bad), "failed_reason"), "'bad.json' is not there"));
    leave_half_done(door, 5);
    reopen(door);
    WIRE(GetImportStateResponse) *reply = state_of(door, good);
    assert_int_equal(reply->state, MILVUS__PROTO__COMMON__IMPORT_STATE__ImportCompleted);
    assert_int_equal(reply->row_count, 2);
    reply = state_of(door, 5);
    assert_int_equal(reply->state, MILVUS__PROTO__COMMON__IMPORT_STATE__ImportFailed);
    assert_non_null(strstr(info(reply, "failed_reason"), "the server stopped before"));
    WIRE(ListImportTasksRequest) request = MILVUS__PROTO__MILVUS__LIST_IMPORT_TASKS_REQUEST__INIT;
    request.limit = 2;
    const WIRE(ListImportTasksResponse) *all = run(door, "ListImportTasks", &request);
    assert_int_equal(all->n_tasks, 2); /* the newest */
    assert_int_equal(all->tasks[0]->id, bad);
    assert_int_equal(all->tasks[1]->id, good);
}

/* A job of LONG_ROWS rows: it does not end at once. */
static int64_t begin_long(struct door *door)
{
    char path[160];
    char *files[1] = {milvus_text("long.json")};
    door->import_dir = door->dir;
    create(door, "rows");
    reopen(door);
    (void)snprintf(path, sizeof path, "%s/long.json", door->dir);
    FILE *file = fopen(path, "w");
    for (int i = 0; i < LONG_ROWS; i++) (void)fprintf(file, "{\"id\":%d,\"v\":[1,2]}\n", i);
    (void)fclose(file);
    return import(door, files, 1);
}

/* The collection goes: the job ends, and says so; or it had ended before. */
static void a_drop_ends_a_job(void **state)
{
    struct door *door = *state;
    const int64_t id = begin_long(door);
    EXPECT("DropCollection", 0, "", DropCollectionRequest, .collection_name = milvus_text("rows"));
    const WIRE(GetImportStateResponse) *reply = wait_for(door, id);
    if (reply->state == MILVUS__PROTO__COMMON__IMPORT_STATE__ImportFailed)
        assert_non_null(strstr(info(reply, "failed_reason"), "the collection was dropped"));
    else
        assert_int_equal(reply->row_count, LONG_ROWS);
}

/* The door closes while a job runs: it stops soon, and the next start says so. */
static void a_stop_ends_a_job(void **state)
{
    struct door *door = *state;
    const int64_t id = begin_long(door);
    reopen(door);
    const WIRE(GetImportStateResponse) *reply = state_of(door, id);
    if (reply->state == MILVUS__PROTO__COMMON__IMPORT_STATE__ImportFailed)
        assert_non_null(strstr(info(reply, "failed_reason"), "the server stopped before"));
    else
        assert_int_equal(reply->row_count, LONG_ROWS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(off_by_default, setup, teardown),
        cmocka_unit_test_setup_teardown(jobs_over_a_start, setup, teardown),
        cmocka_unit_test_setup_teardown(a_drop_ends_a_job, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_ends_a_job, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
