/*
 * One flipped bit in a file of every type that the workload leaves: .seg (with zones and typed columns),
 * .idx (of vectors, texts and JSON), .del, wal-*.log, meta-*.kv, KITH. The database is opened on it and read by query and by search; no row comes
 * that was not written, and an answer that is not the model's says so: an error, an answer that is
 * not complete, or a message of the log callback. And the verification of files has to see every
 * flip but those in the statement that closes a log.
 */
#include "workload.h"

#include "engine/identity.h"
#include "log/journal.h"
#include "log/wal.h"
#include "log/wal_format.h"
#include "storage/dump.h"

#define STEPS 9 /* no new start after the last: its log holds records */
#define BULK 4200
#define FLIPS 500 /* of a type */

enum kind { SEG, IDX, DEL, WAL, META, IDENTITY, KINDS };
static const char *const kind_names[KINDS] = {".seg", ".idx", ".del", "wal", "meta", "KITH"};

struct file {
    char name[64];
    enum kind kind;
    uint64_t size;
};

struct files {
    struct file list[64];
    size_t count;
};

struct tally {
    uint64_t flips, seen; /* `seen` by the verification */
    uint64_t closing;     /* in a log's closing statement */
    uint64_t refused, incomplete, said, unharmed;
};

static bool ends_with(const char *name, const char *end)
{
    const size_t n = strlen(name), e = strlen(end);
    return n > e && strcmp(name + n - e, end) == 0;
}

static int note_file(void *ctx, const char *name)
{
    struct files *files = ctx;
    struct file *file = &files->list[files->count];
    if (strcmp(name, "LOCK") == 0 || strcmp(name, "READERS") == 0) return 0;
    assert_true(files->count < 64);
    (void)snprintf(file->name, sizeof file->name, "%s", name);
    file->kind = KINDS;
    for (int kind = SEG; kind <= DEL; kind++)
        if (ends_with(name, kind_names[kind])) file->kind = (enum kind)kind;
    if (strncmp(name, "wal-", 4) == 0) file->kind = WAL;
    if (strncmp(name, "meta-", 5) == 0) file->kind = META;
    if (strcmp(name, "KITH") == 0) file->kind = IDENTITY;
    if (file->kind == KINDS) fail_msg("a file of unknown type: %s", name);
    files->count++;
    return 0;
}

static void problem(void *ctx, uint64_t offset, const char *text)
{
    (void)offset;
    (void)text;
    ++*(unsigned *)ctx;
}

/* Does the verification of files see damage in this one? */
static bool verification_sees(const struct os *os, const struct file *file, uint64_t database_id)
{
    char path[128];
    unsigned problems = 0;
    uint64_t bytes = 0, id = 0;
    int rc = 0;
    (void)snprintf(path, sizeof path, DIR "/%s", file->name);
    switch (file->kind) {
    case SEG:
    case IDX:
    case DEL: rc = storage_verify(os, path, database_id, problem, &problems, &bytes, NULL); break;
    case WAL: rc = wal_inspect(os, path, database_id, NULL, problem, &problems, NULL); break;
    case META: rc = journal_inspect(os, path, database_id, NULL, problem, &problems, NULL); break;
    case IDENTITY:
    case KINDS:
    default: rc = identity_read(os, DIR, &id, NULL); break;
    }
    return rc != 0 || problems > 0;
}

static void database_problem(void *ctx, const char *file, uint64_t offset, const char *text)
{
    (void)file;
    problem(ctx, offset, text);
}

/* The check of the whole database, indexes inside included. */
static unsigned check_all(const struct os *os)
{
    unsigned problems = 0;
    struct kith_check_report report = {0};
    struct kith_error err = {0};
    const int rc = check_on(os, DIR, database_problem, &problems, &report, &err);
    if (rc) fail_msg("check: %d %s", rc, err.text);
    assert_int_equal(report.problems, problems);
    return problems;
}

static void answer_is_honest(const struct reading *reading, const struct heard *heard,
                             const char *what, struct tally *tally)
{
    if (reading->verdict == ROWS_WRONG) fail_msg("%s: wrong: %s", what, reading->text);
    const bool said = heard->errors + heard->warnings > 0;
    if (reading->verdict == READ_FAILED)
        tally->refused++;
    else if (!reading->complete)
        tally->incomplete++;
    else if (said)
        tally->said++;
    else
        tally->unharmed++;
    if (reading->verdict == ROWS_MISSING && reading->complete && !said)
        fail_msg("%s: silently: %s", what, reading->text);
}

static void read_damaged(const struct os *os, const struct model *model, const char *what,
                         struct tally *tally)
{
    struct heard heard = {0};
    struct tally other = {0};
    struct reading reading = {0};
    struct kith_error err = {0};
    struct kith_db *db = NULL;
    struct kith_collection *collection = NULL;
    const struct kith_open_opts opts = workload_opts(&heard);
    int rc = db_open_on(os, DIR, &opts, &db, &err);
    if (rc == 0) rc = kith_collection_open(db, NULL, NAME, &collection, &err);
    if (rc == 0) {
        for (uint32_t i = 0; i < 4; i++) {
            search_some(collection, model, i * 37, i % 2, &reading);
            answer_is_honest(&reading, &heard, what, &other);
        }
        static const char *const filters[] = {"text >= \"k\"", "key >= 0", "id >= 0",
                                              "odd == true or odd == false"};
        const size_t choice = (size_t)tally->flips % (sizeof filters / sizeof *filters);
        read_matching(collection, model, filters[choice], &reading);
        answer_is_honest(&reading, &heard, what, &other);
        read_all(collection, model, &reading);
        answer_is_honest(&reading, &heard, what, tally);
    } else {
        if (rc == KITH_ENOTFOUND && heard.errors == 0)
            fail_msg("%s: the collection is gone, and nobody said so", what);
        tally->refused++;
    }
    kith_collection_release(collection);
    kith_close(db);
}

static void flip(const struct os_sim *sim, const struct model *model, const struct file *file,
                 uint64_t bit, uint64_t database_id, struct tally *tally)
{
    char path[128], what[256];
    uint8_t *bytes = NULL;
    size_t len = 0;
    struct os_sim *image = os_sim_crash(sim, OS_SIM_KEEP_ALL, bit);
    assert_non_null(image);
    (void)snprintf(path, sizeof path, DIR "/%s", file->name);
    (void)snprintf(what, sizeof what, "%s, byte %llu of %llu, bit %llu", file->name,
                   (unsigned long long)(bit / 8), (unsigned long long)file->size,
                   (unsigned long long)(bit % 8));
    assert_int_equal(os_sim_file_bytes(image, path, &bytes, &len), 0);
    assert_true(bit / 8 < len);
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    tally->flips++;
    /* The last group of a log closed properly has no records, it states that all before it is
     * durable. Nothing states that of itself, so damage there is a torn end. */
    const bool is_closing = file->kind == WAL && bit / 8 >= file->size - WAL_GROUP_BYTES;
    if (is_closing)
        tally->closing++;
    else if (verification_sees(os_sim_os(image), file, database_id))
        tally->seen++;
    else
        print_message("not seen by the verification: %s\n", what);
    if (!is_closing && tally->flips % 20 == 0 && check_all(os_sim_os(image)) == 0)
        fail_msg("%s: not seen by the check of the database", what);
    read_damaged(os_sim_os(image), model, what, tally);
    os_sim_free(image);
}

/* A closed database with files of every type: an indexed segment, smaller ones, deletes of sealed
 * rows in tombstone files, and a log with records that no file has. */
static void make(struct run *run, struct model *model, const struct os *os, uint64_t seed)
{
    assert_int_equal(run_begin(run, os, model, seed), 0);
    struct kith_index_params params = KITH_INDEX_PARAMS_INIT;
    params.kind = "HNSW";
    params.m = 8;
    params.ef_construction = 40;
    assert_int_equal(kith_index_create(run->collection, "v", &params, &run->err), 0);
    params.kind = "INVERTED";
    assert_int_equal(kith_index_create(run->collection, "text", &params, &run->err), 0);
    params.params = "{\"json_path\":\"/key\",\"json_cast_type\":\"double\"}";
    assert_int_equal(kith_index_create(run->collection, "$meta", &params, &run->err), 0);
    run_put(run, BULK, false);
    for (unsigned i = 0; i < STEPS; i++) run_step(run, i);
    run_close(run);
    assert_int_equal(run_open(run), 0);
    run_put(run, 20, true);
    run_delete(run, 8);
    run_close(run);
    if (run->failed) fail_msg("%s", run->err.text);
}

static void flips_of_a_run(uint64_t seed, struct tally *tallies)
{
    static struct model model;
    static struct run run;
    struct files files = {0};
    struct os_sim *sim = os_sim_new(seed);
    assert_non_null(sim);
    make(&run, &model, os_sim_os(sim), seed);
    assert_int_equal(os_list(os_sim_os(sim), DIR, note_file, &files, NULL), 0);
    uint64_t database_id = 0, of_kind[KINDS] = {0};
    assert_int_equal(identity_read(os_sim_os(sim), DIR, &database_id, NULL), 0);
    assert_int_equal(check_all(os_sim_os(sim)), 0);
    for (size_t i = 0; i < files.count; i++) {
        struct file *file = &files.list[i];
        char path[128];
        struct os_stat stat;
        (void)snprintf(path, sizeof path, DIR "/%s", file->name);
        assert_int_equal(os_stat(os_sim_os(sim), path, &stat, NULL), 0);
        file->size = stat.size;
        of_kind[file->kind]++;
        if (verification_sees(os_sim_os(sim), file, database_id))
            fail_msg("%s: damage found where none is", file->name);
    }
    struct rng rng;
    rng_init(&rng, seed);
    for (size_t i = 0; i < files.count; i++) {
        const struct file *file = &files.list[i];
        const uint64_t flips = FLIPS / of_kind[file->kind] + 1;
        for (uint64_t n = 0; file->size && n < flips; n++)
            flip(sim, &model, file, rng_below(&rng, file->size * 8), database_id,
                 &tallies[file->kind]);
    }
    os_sim_free(sim);
}

static void bit_flips(void **state)
{
    (void)state;
    const uint64_t seed = from_env("KITH_SEED", 1);
    struct tally tallies[KINDS] = {0};
    uint64_t unseen = 0;
    for (uint64_t i = 0; i < from_env("KITH_FAULTS", 1); i++) flips_of_a_run(seed + i, tallies);
    print_message("seed %llu\n%-6s %6s %9s %8s %10s %6s %9s\n", (unsigned long long)seed, "file",
                  "flips", "verified", "refused", "incomplete", "said", "unharmed");
    for (int kind = 0; kind < KINDS; kind++) {
        const struct tally *t = &tallies[kind];
        assert_true(t->flips > t->closing);
        print_message("%-6s %6llu %8.1f%% %8llu %10llu %6llu %9llu\n", kind_names[kind],
                      (unsigned long long)t->flips,
                      100.0 * (double)t->seen / (double)(t->flips - t->closing),
                      (unsigned long long)t->refused, (unsigned long long)t->incomplete,
                      (unsigned long long)t->said, (unsigned long long)t->unharmed);
        unseen += t->flips - t->closing - t->seen;
    }
    assert_int_equal(unseen, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bit_flips)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
