/*
 * D1: a process that dies loses nothing that it acknowledged.
 *
 * Each cycle forks a child that opens the database with a random configuration; two writers insert,
 * upsert and delete ranges of rows, each in slots of its own, and write what they intend before
 * the call and what was acknowledged after it to a file outside the database (a killed
 * process keeps what it has written). The child dies by SIGKILL: at a random moment, or by its own
 * hand right before a random I/O operation. Then the database is opened here and compared with what the
 * files say. A call that was cut may have happened or not, but wholly.
 *
 * Checked: every row that must be there with every field and vector bit, no other row, a sample
 * finds itself at top 1, kith_check finds nothing. The same database lives through LIFE cycles.
 *
 * KITH_KILLS=n for other than 50 cycles.
 */
#include "stress/stress_help.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "engine/db.h"
#include "os/sim.h"

#define DIM     12
#define WRITERS 2
#define SLOTS   2048 /* ids of a writer */
#define RANGE   24   /* rows of a call, at most */
#define LIFE    7    /* cycles of one database */
#define SAMPLE  40   /* rows that must find themselves */

enum act { ACT_INSERT = 1, ACT_UPSERT, ACT_DELETE };

struct note { /* one entry of a writer's file */
    uint32_t acknowledged; /* 0: about to be called */
    uint32_t act;
    uint32_t first, count;
    uint64_t generation;
};

struct plan { /* the configuration of a cycle */
    enum kith_sync sync;
    uint64_t seal_rows;
    bool no_threads;
    const char *kind;
    bool reindex;
    const char *operation; /* NULL: killed from outside */
    uint64_t nth;
    unsigned limit_ms;
};

struct state {
    uint64_t slots[WRITERS][SLOTS]; /* generation of the row, 0: not there */
    uint64_t generation;            /* the last one given out */
    struct note open[WRITERS];      /* a call whose outcome is unknown; count 0: none */
    uint64_t acknowledged, cut, alive;
    int64_t open_ms_max;
};

static struct state model;
static char base[64];
static char db_path[96];

/* ---------------------------------------------------------------------- rows */

static int64_t id_of(unsigned writer, uint32_t slot)
{
    return (int64_t)slot * WRITERS + writer - SLOTS; /* negative ones, too */
}

static void vector_of(int64_t id, uint64_t generation, float *out)
{
    struct rng rng;
    rng_init(&rng, rng_mix((uint64_t)id) ^ generation);
    for (int i = 0; i < DIM; i++) out[i] = (float)rng_gauss(&rng);
}

static struct kith_str tag_of(uint64_t generation, char *text)
{
    int len = snprintf(text, 40, "generation-%" PRIu64, generation);
    return (struct kith_str){ text, (size_t)len };
}

static struct kith_collection *open_collection(struct kith_db *db)
{
    struct kith_field fields[4] = { KITH_FIELD_INIT, KITH_FIELD_INIT, KITH_FIELD_INIT, KITH_FIELD_INIT };
    fields[0].name = "id";
    fields[0].type = KITH_INT64;
    fields[0].flags = KITH_FIELD_PRIMARY;
    fields[1].name = "v";
    fields[1].type = KITH_FLOAT_VECTOR;
    fields[1].dim = DIM;
    fields[2].name = "generation";
    fields[2].type = KITH_INT64;
    fields[3].name = "tag";
    fields[3].type = KITH_VARCHAR;
    fields[3].flags = KITH_FIELD_NULLABLE;
    struct kith_schema schema = KITH_SCHEMA_INIT;
    schema.fields = fields;
    schema.field_count = 4;
    struct kith_collection *collection = NULL;
    struct kith_error why = { 0 };
    if (kith_collection_get_or_create(db, NULL, "rows", &schema, &collection, &why)) {
        (void)fprintf(stderr, "collection: %s\n", why.text);
        return NULL;
    }
    return collection;
}

/* ------------------------------------------------------------------ the child */

struct writer {
    struct kith_collection *collection;
    unsigned number;
    int file;
    struct rng rng;
    uint64_t slots[SLOTS];
    uint64_t generation;
};

static void child_fails(const char *what, int rc, const struct kith_error *why)
{
    (void)fprintf(stderr, "child: %s: %d %s\n", what, rc, why->text);
    _exit(3);
}

static int put_rows(struct writer *writer, const struct note *note, struct kith_error *why)
{
    int64_t ids[RANGE], generations[RANGE];
    float vectors[RANGE][DIM];
    struct kith_str tags[RANGE];
    uint8_t valid[RANGE];
    char text[40];
    for (uint32_t i = 0; i < note->count; i++) {
        ids[i] = id_of(writer->number, note->first + i);
        generations[i] = (int64_t)note->generation;
        vector_of(ids[i], note->generation, vectors[i]);
        tags[i] = tag_of(note->generation, text);
        valid[i] = ids[i] % 3 != 0;
    }
    const struct kith_column columns[4] = { { .field = "id", .data = ids },
                                            { .field = "v", .data = vectors },
                                            { .field = "generation", .data = generations },
                                            { .field = "tag", .data = tags, .valid = valid } };
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = note->count;
    batch.columns = columns;
    batch.column_count = 4;
    return note->act == ACT_INSERT ? kith_insert(writer->collection, &batch, NULL, NULL, why)
                                   : kith_upsert(writer->collection, &batch, NULL, NULL, why);
}

static int delete_rows(struct writer *writer, const struct note *note, struct kith_error *why)
{
    int64_t ids[RANGE];
    uint64_t there = 0;
    for (uint32_t i = 0; i < note->count; i++) {
        ids[i] = id_of(writer->number, note->first + i);
        there += writer->slots[note->first + i] != 0;
    }
    const struct kith_keys keys = { .count = note->count, .ints = ids };
    struct kith_written written = { 0 };
    int rc = kith_delete(writer->collection, &keys, NULL, &written, why);
    if (rc == 0 && written.deleted != there) {
        (void)fprintf(stderr, "child: deleted %" PRIu64 " of %" PRIu64 " rows\n", written.deleted, there);
        _exit(3);
    }
    return rc;
}

static void write_note(const struct writer *writer, const struct note *note)
{
    if (write(writer->file, note, sizeof *note) != (ssize_t)sizeof *note) _exit(4);
}

static struct note next_note(struct writer *writer)
{
    struct note note = { .count = 1 + (uint32_t)rng_below(&writer->rng, RANGE) };
    note.first = (uint32_t)rng_below(&writer->rng, SLOTS - RANGE);
    note.generation = ++writer->generation;
    bool empty = true;
    for (uint32_t i = 0; i < note.count; i++) empty &= writer->slots[note.first + i] == 0;
    note.act = rng_below(&writer->rng, 3) == 0 ? ACT_DELETE : empty ? ACT_INSERT : ACT_UPSERT;
    return note;
}

static void *write_for_ever(void *arg)
{
    struct writer *writer = arg;
    for (;;) {
        struct kith_error why = { 0 };
        struct note note = next_note(writer);
        write_note(writer, &note);
        int rc = note.act == ACT_DELETE ? delete_rows(writer, &note, &why) : put_rows(writer, &note, &why);
        if (rc) child_fails("write", rc, &why);
        note.acknowledged = 1;
        write_note(writer, &note);
        for (uint32_t i = 0; i < note.count; i++)
            writer->slots[note.first + i] = note.act == ACT_DELETE ? 0 : note.generation;
        uint64_t turn = rng_below(&writer->rng, 200);
        if (turn == 0) rc = kith_flush(writer->collection, NULL, &why);
        if (turn == 1) rc = kith_compact(writer->collection, NULL, &why);
        if (rc) child_fails("flush or compact", rc, &why);
    }
    return NULL;
}

static void kill_self(void *ctx, const char *operation, const char *path)
{
    (void)ctx, (void)operation, (void)path;
    (void)kill(getpid(), SIGKILL);
}

static bool select_operation(void *ctx, const char *operation, const char *path)
{
    (void)path;
    return strcmp(ctx, operation) == 0;
}

static void index_as_planned(const struct plan *plan, struct kith_collection *collection)
{
    if (!plan->reindex) return;
    struct kith_error why = { 0 };
    struct kith_index_params params = KITH_INDEX_PARAMS_INIT;
    params.kind = plan->kind;
    (void)!kith_index_drop(collection, "v", NULL); /* there may be none */
    int rc = kith_index_create(collection, "v", &params, &why);
    if (rc) child_fails("index", rc, &why);
}

static void notes_path(unsigned writer, char *path)
{
    (void)snprintf(path, 128, "%s/notes-%u", base, writer);
}

static void child_main(const struct plan *plan, uint64_t seed)
{
    static struct os_fault fault;
    static struct writer writers[WRITERS];
    static char operation[16];
    (void)signal(SIGSEGV, SIG_DFL); /* cmocka's handlers would go on with the next test */
    (void)signal(SIGBUS, SIG_DFL);
    (void)signal(SIGFPE, SIG_DFL);
    (void)signal(SIGILL, SIG_DFL);
    os_fault_init(&fault, os_real());
    if (plan->operation) {
        (void)snprintf(operation, sizeof operation, "%s", plan->operation);
        fault.select = select_operation;
        fault.select_ctx = operation;
        fault.hook = kill_self;
        fault.fail_at = plan->nth;
    }
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    opts.sync = plan->sync;
    opts.seal_rows = plan->seal_rows;
    opts.no_threads = plan->no_threads;
    opts.threads = 2;
    opts.log = stress_log;
    struct kith_db *db = NULL;
    struct kith_error why = { 0 };
    int rc = db_open_on(&fault.os, db_path, &opts, &db, &why);
    if (rc) child_fails("open", rc, &why);
    struct kith_collection *collection = open_collection(db);
    if (!collection) _exit(3);
    index_as_planned(plan, collection);
    pthread_t threads[WRITERS];
    for (unsigned i = 0; i < WRITERS; i++) {
        char path[128];
        notes_path(i, path);
        writers[i].collection = collection;
        writers[i].number = i;
        writers[i].file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
        writers[i].generation = model.generation;
        memcpy(writers[i].slots, model.slots[i], sizeof writers[i].slots);
        rng_init(&writers[i].rng, rng_mix(seed) + i);
        if (writers[i].file < 0) _exit(4);
        if (pthread_create(&threads[i], NULL, write_for_ever, &writers[i])) _exit(4);
    }
    for (unsigned i = 0; i < WRITERS; i++) (void)pthread_join(threads[i], NULL);
}

/* ----------------------------------------------------------------- the parent */

static void read_notes(unsigned writer)
{
    char path[128];
    notes_path(writer, path);
    memset(&model.open[writer], 0, sizeof model.open[writer]);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return; /* it died before it wrote */
    struct note note;
    while (read(file, &note, sizeof note) == (ssize_t)sizeof note) {
        if (note.generation > model.generation) model.generation = note.generation;
        model.open[writer] = note;
        if (!note.acknowledged) continue;
        model.open[writer].count = 0;
        model.acknowledged++;
        for (uint32_t i = 0; i < note.count; i++)
            model.slots[writer][note.first + i] = note.act == ACT_DELETE ? 0 : note.generation;
    }
    (void)close(file);
    (void)unlink(path);
    model.cut += model.open[writer].count != 0;
}

/* Fills seen[][] with the generations found, after checking each row's fields against its own. */
static void collect(const struct kith_result *page, uint64_t (*seen)[SLOTS])
{
    const int64_t *ids = page->columns[0].data;
    const float *vectors = page->columns[1].data;
    const int64_t *generations = page->columns[2].data;
    const struct kith_column *tags = &page->columns[3];
    assert_true(page->complete);
    for (size_t i = 0; i < page->rows; i++) {
        int64_t number = ids[i] + SLOTS;
        if (number < 0 || number >= (int64_t)SLOTS * WRITERS) fail_msg("a row %" PRId64 " nobody wrote", ids[i]);
        uint64_t *cell = &seen[number % WRITERS][number / WRITERS];
        if (*cell) fail_msg("two rows %" PRId64, ids[i]);
        *cell = (uint64_t)generations[i];
        float vector[DIM];
        vector_of(ids[i], *cell, vector);
        assert_memory_equal(vectors + i * DIM, vector, sizeof vector);
        bool valid = !tags->valid || tags->valid[i];
        assert_int_equal(valid, ids[i] % 3 != 0);
        if (!valid) continue;
        char text[40];
        struct kith_str want = tag_of(*cell, text);
        const struct kith_str *got = (const struct kith_str *)tags->data + i;
        assert_int_equal(got->len, want.len);
        assert_memory_equal(got->data, want.data, want.len);
    }
}

/* A call whose outcome is unknown happened wholly or not at all; the model takes what is there. */
static void resolve_open(unsigned writer, const uint64_t *seen)
{
    const struct note *note = &model.open[writer];
    uint64_t after = note->act == ACT_DELETE ? 0 : note->generation;
    bool happened = true, not = true;
    for (uint32_t i = 0; i < note->count; i++) {
        happened &= seen[note->first + i] == after;
        not &= seen[note->first + i] == model.slots[writer][note->first + i];
    }
    if (!happened && !not)
        fail_msg("writer %u: half of a call (%u) on slots %u+%u is there", writer, note->act, note->first,
                 note->count);
    for (uint32_t i = 0; happened && i < note->count; i++) model.slots[writer][note->first + i] = after;
}

static void compare(unsigned writer, const uint64_t *seen)
{
    resolve_open(writer, seen);
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        uint64_t want = model.slots[writer][slot];
        if (seen[slot] != want)
            fail_msg("row %" PRId64 ": generation %" PRIu64 " was acknowledged, %" PRIu64 " is there (0: none)",
                     id_of(writer, slot), want, seen[slot]);
        model.alive += want != 0;
    }
}

static void find_themselves(struct kith_collection *collection, struct rng *rng)
{
    for (int i = 0; i < SAMPLE; i++) {
        unsigned writer = (unsigned)rng_below(rng, WRITERS);
        uint32_t slot = (uint32_t)rng_below(rng, SLOTS);
        if (!model.slots[writer][slot]) continue;
        float query[DIM];
        vector_of(id_of(writer, slot), model.slots[writer][slot], query);
        struct kith_search_opts opts = KITH_SEARCH_OPTS_INIT;
        opts.field = "v";
        opts.queries = query;
        opts.query_count = 1;
        opts.k = 1;
        struct kith_result *result = NULL;
        OK(kith_search(collection, &opts, NULL, &result, &why));
        assert_int_equal(result->rows, 1);
        const int64_t *got = result->columns[0].data;
        if (*got != id_of(writer, slot))
            fail_msg("row %" PRId64 " finds %" PRId64 " at distance %g", id_of(writer, slot), *got,
                     (double)result->distances[0]);
        kith_result_free(result);
    }
}

static void verify(struct rng *rng)
{
    static uint64_t seen[WRITERS][SLOTS];
    memset(seen, 0, sizeof seen);
    for (unsigned i = 0; i < WRITERS; i++) read_notes(i);
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    opts.no_threads = rng_below(rng, 2) == 0;
    opts.log = stress_log;
    struct kith_db *db = NULL;
    int64_t begin = stress_now_ms();
    OK(kith_open(db_path, &opts, &db, &why));
    int64_t took = stress_now_ms() - begin;
    if (took > model.open_ms_max) model.open_ms_max = took;
    struct kith_collection *collection = open_collection(db);
    assert_non_null(collection);
    static const char *const fields[] = { "v", "generation", "tag" };
    struct kith_query_opts query = KITH_QUERY_OPTS_INIT;
    query.output = (struct kith_output){ fields, 3 };
    struct kith_iterator *iterator = NULL;
    struct kith_result *page = NULL;
    OK(kith_iterator_open(collection, &query, 500, &iterator, &why));
    for (;;) {
        OK(kith_iterator_next(iterator, NULL, &page, &why));
        if (!page) break;
        collect(page, seen);
        kith_result_free(page);
    }
    kith_iterator_close(iterator);
    model.alive = 0;
    for (unsigned i = 0; i < WRITERS; i++) compare(i, seen[i]);
    uint64_t count = 0;
    OK(kith_count(collection, NULL, NULL, &count, &why));
    assert_int_equal(count, model.alive);
    find_themselves(collection, rng);
    kith_collection_release(collection);
    kith_close(db);
    stress_check(db_path);
}

static struct plan make_plan(struct rng *rng)
{
    static const char *const operations[] = { "pwrite", "sync",   "rename", "unlink", "sync_dir",
                                              "open",   "truncate", "allocate", "map" };
    static const uint64_t most[] = { 400, 120, 6, 12, 12, 40, 8, 8, 12 };
    static const uint64_t seals[] = { 40, 150, 600, 65536 };
    struct plan plan = { .sync = (enum kith_sync)(1 + rng_below(rng, 3)),
                         .seal_rows = seals[rng_below(rng, 4)],
                         .no_threads = rng_below(rng, 3) == 0,
                         .kind = rng_below(rng, 2) ? "HNSW" : "FLAT",
                         .reindex = rng_below(rng, 3) == 0,
                         .limit_ms = 300 };
    if (rng_below(rng, 2)) {
        size_t which = rng_below(rng, sizeof operations / sizeof *operations);
        plan.operation = operations[which];
        plan.nth = 1 + rng_below(rng, most[which]);
    } else {
        double u = rng_f64(rng); /* more of the short lives */
        plan.limit_ms = 5 + (unsigned)(395 * u * u);
    }
    return plan;
}

/* Runs the child until it is dead; true when it died at its I/O operation. */
static bool run_child(const struct plan *plan, uint64_t seed)
{
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        child_main(plan, seed);
        _exit(5);
    }
    int64_t end = stress_now_ms() + plan->limit_ms;
    int status = 0;
    bool by_itself = false;
    while (stress_now_ms() < end && !by_itself) {
        by_itself = waitpid(child, &status, WNOHANG) == child;
        if (!by_itself) (void)usleep(500);
    }
    if (!by_itself) {
        (void)kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
    }
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fail_msg("the child ended with status 0x%x: see its message above", (unsigned)status);
    return by_itself;
}

static void kill_cycles(void **test)
{
    (void)test;
    uint64_t cycles = stress_number("KITH_KILLS", 50), points = 0;
    struct rng rng;
    rng_init(&rng, stress_seed("kill"));
    stress_dir(base, "kill");
    (void)snprintf(db_path, sizeof db_path, "%s/db", base);
    int64_t begin = stress_now_ms();
    for (uint64_t i = 0; i < cycles; i++) {
        if (i % LIFE == 0) {
            stress_remove(db_path);
            memset(model.slots, 0, sizeof model.slots);
            model.generation = 0;
        }
        struct plan plan = make_plan(&rng);
        uint64_t before = model.acknowledged;
        bool point = run_child(&plan, rng_u64(&rng));
        points += point;
        if (getenv("KITH_VERBOSE"))
            (void)printf("cycle %" PRIu64 ": sync %d seal %" PRIu64 " %s %s: %s %" PRIu64 "\n", i, (int)plan.sync,
                         plan.seal_rows, plan.no_threads ? "no threads" : "threads",
                         plan.reindex ? plan.kind : "-", point ? plan.operation : "after ms",
                         point ? plan.nth : plan.limit_ms);
        verify(&rng);
        if (getenv("KITH_VERBOSE"))
            (void)printf("  %" PRIu64 " acknowledged, %" PRIu64 " rows\n", model.acknowledged - before, model.alive);
    }
    (void)printf("%" PRIu64 " kills (%" PRIu64 " at an I/O operation), %" PRIu64 " acknowledged calls, %" PRIu64
                 " cut, 0 lost; slowest open %" PRId64 " ms; %" PRId64 " ms\n",
                 cycles, points, model.acknowledged, model.cut, model.open_ms_max, stress_now_ms() - begin);
    assert_true(cycles < 50 || model.acknowledged > 100);
    stress_remove(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(kill_cycles) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
