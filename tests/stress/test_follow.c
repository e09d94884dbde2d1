/*
 * A reader in another process beside the writer: after each acknowledgement, which comes through a
 * pipe, the reader's next call sees it, whatever the writer does with its files meanwhile (flush, compact,
 * index, drop), and never an error. The writer is killed and started again many times; what was cut may
 * have happened or not, and only changes when a writer opens the database again.
 *
 * A second thread of the reader reads without pause: rows it sees are whole and of a key once.
 *
 * KITH_FOLLOWS=n for other than 5 lives of a writer.
 */
#include "stress/stress_help.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#define DIM 6
#define KEYS 600
#define RANGE 20
#define LIVES 5
#define ROUNDS 40 /* of a life, at most */

enum act { ACT_PUT = 1, ACT_DELETE, ACT_CREATE, ACT_DROP, ACT_ALIAS, ACT_OTHER };

struct note { /* what the writer is about to do, or has done */
    uint32_t acknowledged, act;
    uint32_t first, count;
    int64_t version;
};

static struct {
    int64_t rows[KEYS]; /* version, 0: not there */
    int64_t maybe[KEYS]; /* the other possible version after a cut; -1: none */
    bool other, other_unknown; /* the second collection */
    int64_t version;
} model;
static char dir[64];

static void vector_of(int64_t key, int64_t version, float *out)
{
    struct rng rng;
    rng_init(&rng, rng_mix((uint64_t)key) ^ (uint64_t)version);
    for (int i = 0; i < DIM; i++) out[i] = (float)rng_gauss(&rng);
}

static struct kith_schema schema_of(struct kith_field fields[3])
{
    static const struct kith_field none = KITH_FIELD_INIT;
    for (int i = 0; i < 3; i++) fields[i] = none;
    fields[0].name = "id";
    fields[0].type = KITH_INT64;
    fields[0].flags = KITH_FIELD_PRIMARY;
    fields[1].name = "v";
    fields[1].type = KITH_FLOAT_VECTOR;
    fields[1].dim = DIM;
    fields[2].name = "version";
    fields[2].type = KITH_INT64;
    struct kith_schema schema = KITH_SCHEMA_INIT;
    schema.fields = fields;
    schema.field_count = 3;
    return schema;
}

/* ------------------------------------------------------------------- the writer */

static void writer_fails(const char *what, int rc, const struct kith_error *why)
{
    (void)fprintf(stderr, "writer: %s: %d %s\n", what, rc, why->text);
    _exit(3);
}

static int put(struct kith_collection *collection, const struct note *note, struct kith_error *why)
{
    int64_t ids[RANGE], versions[RANGE];
    float vectors[RANGE][DIM];
    for (uint32_t i = 0; i < note->count; i++) {
        ids[i] = note->first + i;
        versions[i] = note->version;
        vector_of(ids[i], note->version, vectors[i]);
    }
    const struct kith_column columns[3] = { { .field = "id", .data = ids },
                                            { .field = "v", .data = vectors },
                                            { .field = "version", .data = versions } };
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = note->count;
    batch.columns = columns;
    batch.column_count = 3;
    return kith_upsert(collection, &batch, NULL, NULL, why);
}

static int erase(struct kith_collection *collection, const struct note *note, struct kith_error *why)
{
    int64_t ids[RANGE];
    for (uint32_t i = 0; i < note->count; i++) ids[i] = note->first + i;
    const struct kith_keys keys = { .count = note->count, .ints = ids };
    return kith_delete(collection, &keys, NULL, NULL, why);
}

static int create(struct kith_db *db, const struct note *note, struct kith_error *why)
{
    struct kith_field fields[3];
    const struct kith_schema schema = schema_of(fields);
    struct kith_collection *other = NULL;
    int rc = kith_collection_create(db, NULL, "other", &schema, why);
    if (rc == 0) rc = kith_collection_open(db, NULL, "other", &other, why);
    if (rc == 0) rc = put(other, note, why);
    kith_collection_release(other);
    return rc;
}

static int act(struct kith_db *db, struct kith_collection *rows, const struct note *note,
               struct rng *rng, struct kith_error *why)
{
    switch ((enum act)note->act) {
    case ACT_PUT: return put(rows, note, why);
    case ACT_DELETE: return erase(rows, note, why);
    case ACT_CREATE: return create(db, note, why);
    case ACT_DROP: return kith_collection_drop(db, NULL, "other", why);
    case ACT_ALIAS: return kith_alias_set(db, NULL, "alias", "rows", why);
    case ACT_OTHER: break;
    }
    const uint64_t turn = rng_below(rng, 8);
    if (turn < 5) return kith_flush(rows, NULL, why);
    if (turn < 7) return kith_compact(rows, NULL, why);
    return kith_checkpoint(db, NULL, why);
}

static struct note next_note(struct rng *rng, int64_t *version, bool *other)
{
    struct note note = { .version = ++*version, .count = 1 + (uint32_t)rng_below(rng, RANGE) };
    note.first = (uint32_t)rng_below(rng, KEYS - RANGE);
    const uint64_t turn = rng_below(rng, 24);
    note.act = turn < 14 ? ACT_PUT : turn < 19 ? ACT_DELETE : turn < 22 ? ACT_OTHER : ACT_ALIAS;
    if (turn == 23) note.act = *other ? ACT_DROP : ACT_CREATE;
    if (turn == 23) *other = !*other;
    return note;
}

static void writer_main(int notes, int go, uint64_t seed, bool threads)
{
    struct rng rng;
    struct kith_error why = { 0 };
    struct kith_db *db = NULL;
    struct kith_collection *rows = NULL;
    struct kith_field fields[3];
    const struct kith_schema schema = schema_of(fields);
    rng_init(&rng, seed);
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    opts.sync = seed % 2 ? KITH_SYNC_NO : KITH_SYNC_ALWAYS;
    opts.seal_rows = 40;
    opts.no_threads = !threads;
    opts.threads = 2;
    opts.log = stress_log;
    int rc = kith_open(dir, &opts, &db, &why);
    if (rc == 0) rc = kith_collection_get_or_create(db, NULL, "rows", &schema, &rows, &why);
    if (rc) writer_fails("open", rc, &why);
    struct kith_collection *probe = NULL;
    bool other = kith_collection_open(db, NULL, "other", &probe, NULL) == 0;
    kith_collection_release(probe);
    for (;;) {
        char token;
        if (read(go, &token, 1) != 1) break;
        for (int i = 0; i < token; i++) {
            struct note note = next_note(&rng, &model.version, &other);
            note.acknowledged = 0;
            if (write(notes, &note, sizeof note) != (ssize_t)sizeof note) _exit(4);
            rc = act(db, rows, &note, &rng, &why);
            if (rc) writer_fails("a change", rc, &why);
            note.acknowledged = 1;
            if (write(notes, &note, sizeof note) != (ssize_t)sizeof note) _exit(4);
        }
        const struct note end = { .act = 0 };
        if (write(notes, &end, sizeof end) != (ssize_t)sizeof end) _exit(4);
    }
    kith_collection_release(rows);
    kith_close(db);
    _exit(0);
}

/* ------------------------------------------------------------------- the reader */

static const char *const fields_read[] = { "v", "version" };

static void row_is_whole(const struct kith_result *result, size_t i)
{
    const int64_t key = ((const int64_t *)result->columns[0].data)[i];
    const int64_t version = ((const int64_t *)result->columns[2].data)[i];
    float vector[DIM];
    vector_of(key, version, vector);
    assert_memory_equal((const float *)result->columns[1].data + i * DIM, vector, sizeof vector);
}

/* Every row, against the model when `exact`. */
static void read_all(struct kith_collection *collection, bool exact)
{
    static int64_t seen[KEYS];
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    opts.output = (struct kith_output){ fields_read, 2 };
    struct kith_result *result = NULL;
    OK(kith_query(collection, &opts, NULL, &result, &why));
    assert_true(result->complete);
    memset(seen, 0, sizeof seen);
    for (size_t i = 0; i < result->rows; i++) {
        const int64_t key = ((const int64_t *)result->columns[0].data)[i];
        assert_in_range(key, 0, KEYS - 1);
        if (seen[key]) fail_msg("key %" PRId64 " twice", key);
        row_is_whole(result, i);
        seen[key] = ((const int64_t *)result->columns[2].data)[i];
    }
    for (size_t key = 0; exact && key < KEYS; key++) {
        if (seen[key] == model.rows[key]) continue;
        if (model.maybe[key] < 0 || seen[key] != model.maybe[key])
            fail_msg("key %zu has version %" PRId64 ", acknowledged %" PRId64 ", maybe %" PRId64, key, seen[key],
                     model.rows[key], model.maybe[key]);
    }
    kith_result_free(result);
}

static void search_one(struct kith_collection *collection, int64_t key)
{
    float query[DIM];
    if (!model.rows[key] || model.maybe[key] >= 0) return;
    vector_of(key, model.rows[key], query);
    struct kith_search_opts opts = KITH_SEARCH_OPTS_INIT;
    opts.queries = query;
    opts.query_count = 1;
    opts.k = 3;
    opts.output = (struct kith_output){ fields_read, 2 };
    struct kith_result *result = NULL;
    OK(kith_search(collection, &opts, NULL, &result, &why));
    assert_true(result->complete && result->rows > 0);
    assert_int_equal(((const int64_t *)result->columns[0].data)[0], key);
    for (size_t i = 0; i < result->rows; i++) row_is_whole(result, i);
    kith_result_free(result);
}

static void take_note(const struct note *note)
{
    if (note->version > model.version) model.version = note->version;
    if (note->act == ACT_CREATE || note->act == ACT_DROP) {
        model.other_unknown = !note->acknowledged;
        if (note->acknowledged) model.other = note->act == ACT_CREATE;
    }
    if (note->act != ACT_PUT && note->act != ACT_DELETE) return;
    for (uint32_t i = note->first; i < note->first + note->count; i++) {
        const int64_t after = note->act == ACT_PUT ? note->version : 0;
        model.maybe[i] = note->acknowledged ? -1 : after;
        if (note->acknowledged) model.rows[i] = after;
    }
}

static void check(struct kith_db *db, struct kith_collection *rows, struct rng *rng)
{
    struct kith_collection *other = NULL, *alias = NULL;
    read_all(rows, true);
    search_one(rows, (int64_t)rng_below(rng, KEYS));
    const int rc = kith_collection_open(db, NULL, "other", &other, NULL);
    if (rc != 0 && rc != KITH_ENOTFOUND) fail_msg("opening: %d", rc);
    if (!model.other_unknown) assert_int_equal(rc, model.other ? 0 : KITH_ENOTFOUND);
    if (other) {
        uint64_t count = 0;
        OK(kith_count(other, NULL, NULL, &count, &why));
        if (!model.other_unknown) assert_true(count > 0);
    }
    kith_collection_release(other);
    if (kith_collection_open(db, NULL, "alias", &alias, NULL) == 0) read_all(alias, true);
    kith_collection_release(alias);
}

struct reader {
    struct kith_collection *rows;
    atomic_bool stop;
    uint64_t reads;
};

static void *read_for_ever(void *arg)
{
    struct reader *reader = arg;
    while (!atomic_load(&reader->stop)) {
        uint64_t count = 0;
        struct kith_error why = { 0 };
        const int rc = kith_count(reader->rows, "version > 0", NULL, &count, &why);
        if (rc || count > KEYS) {
            (void)fprintf(stderr, "reader: %d %s, %" PRIu64 " rows\n", rc, why.text, count);
            abort();
        }
        reader->reads++;
    }
    return NULL;
}

/* After a restart what was cut is decided: what is there now stays. */
static void settle(struct kith_collection *rows)
{
    for (int64_t key = 0; key < KEYS; key++) {
        if (model.maybe[key] < 0) continue;
        const struct kith_keys keys = { .count = 1, .ints = &key };
        struct kith_result *result = NULL;
        const struct kith_output output = { fields_read, 2 };
        OK(kith_get(rows, &keys, &output, NULL, &result, &why));
        const int64_t now = result->found[0] ? *(const int64_t *)result->columns[2].data : 0;
        assert_true(now == model.rows[key] || now == model.maybe[key]);
        model.rows[key] = now;
        model.maybe[key] = -1;
        kith_result_free(result);
    }
}

struct writer {
    pid_t pid;
    int notes, go;
};

/* The writer is this program, begun anew: a child that only forks may find an allocator locked by a
 * thread that it does not have. */
static struct writer start_writer(uint64_t seed, bool threads)
{
    int notes[2], go[2];
    char numbers[5][24];
    assert_int_equal(pipe(notes), 0);
    assert_int_equal(pipe(go), 0);
    (void)fflush(NULL);
    const int64_t values[5] = { notes[1], go[0], (int64_t)seed, threads, model.version };
    for (int i = 0; i < 5; i++) (void)snprintf(numbers[i], sizeof numbers[i], "%" PRId64, values[i]);
    char program[] = "/proc/self/exe", verb[] = "writer";
    char *const argv[] = { program,    verb,       dir,        numbers[0], numbers[1],
                           numbers[2], numbers[3], numbers[4], NULL };
    struct writer writer = { fork(), notes[0], go[1] };
    assert_true(writer.pid >= 0);
    if (writer.pid == 0) {
        (void)close(notes[0]);
        (void)close(go[1]);
        (void)signal(SIGSEGV, SIG_DFL);
        (void)execv(program, argv);
        _exit(5);
    }
    (void)close(notes[1]);
    (void)close(go[0]);
    return writer;
}

/* Reads notes up to the end of a turn; false: the writer is dead. */
static bool take_turn(const struct writer *writer)
{
    struct note note;
    for (;;) {
        if (read(writer->notes, &note, sizeof note) != (ssize_t)sizeof note) return false;
        if (note.act == 0) return true;
        take_note(&note);
    }
}

static void one_life(struct kith_db **db, struct kith_collection **rows, uint64_t seed, struct rng *rng)
{
    const struct writer writer = start_writer(seed, rng_below(rng, 2));
    const uint64_t rounds = 5 + rng_below(rng, ROUNDS);
    bool alive = true, settled = false;
    for (uint64_t round = 0; alive && round < rounds; round++) {
        const char token = (char)(rng_below(rng, 3) ? 1 : 12);
        if (write(writer.go, &token, 1) != 1) break;
        if (round + 1 == rounds && rng_below(rng, 4)) {
            usleep((unsigned)rng_below(rng, 4000));
            (void)kill(writer.pid, SIGKILL);
        }
        alive = take_turn(&writer);
        if (!*db) {
            struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
            opts.read_only = true;
            opts.log = stress_log;
            OK(kith_open(dir, &opts, db, &why));
            OK(kith_collection_open(*db, NULL, "rows", rows, &why));
        }
        if (alive && !settled) settle(*rows);
        settled = true;
        check(*db, *rows, rng);
    }
    (void)close(writer.go);
    while (take_turn(&writer)) {}
    (void)close(writer.notes);
    int status;
    assert_int_equal(waitpid(writer.pid, &status, 0), writer.pid);
    if (!(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
        fail_msg("the writer ended with %x", (unsigned)status);
    check(*db, *rows, rng);
}

static void reader_follows(void **state)
{
    (void)state;
    struct rng rng;
    const uint64_t seed = stress_seed("follow");
    rng_init(&rng, seed);
    (void)signal(SIGPIPE, SIG_IGN);
    stress_dir(dir, "follow");
    memset(model.maybe, -1, sizeof model.maybe);
    struct kith_db *db = NULL;
    struct reader reader = { 0 };
    pthread_t thread;
    const uint64_t lives = stress_number("KITH_FOLLOWS", LIVES);
    one_life(&db, &reader.rows, seed, &rng);
    for (uint64_t i = 1; i < lives; i++) {
        const bool beside = i % 2;
        atomic_store(&reader.stop, false);
        if (beside) assert_int_equal(pthread_create(&thread, NULL, read_for_ever, &reader), 0);
        one_life(&db, &reader.rows, seed + i, &rng);
        atomic_store(&reader.stop, true);
        if (beside) assert_int_equal(pthread_join(thread, NULL), 0);
    }
    (void)printf("%" PRIu64 " lives, %" PRId64 " changes, %" PRIu64 " reads beside\n", lives, model.version,
                 reader.reads);
    kith_collection_release(reader.rows);
    kith_close(db);
    stress_check(dir);
    stress_remove(dir);
}

static int write_alone(char **argv)
{
    (void)snprintf(dir, sizeof dir, "%s", argv[2]);
    model.version = strtoll(argv[7], NULL, 10);
    writer_main(atoi(argv[3]), atoi(argv[4]), (uint64_t)strtoll(argv[5], NULL, 10),
                atoi(argv[6]) != 0);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 8 && strcmp(argv[1], "writer") == 0) return write_alone(argv);
    const struct CMUnitTest tests[] = { cmocka_unit_test(reader_follows) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
