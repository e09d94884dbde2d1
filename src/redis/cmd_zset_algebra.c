/*
 * Union, intersection and difference of sorted sets and of plain sets, whose members count 1.
 *
 * The inputs are taken smallest first, as Redis does: sums of floats depend on the order. An
 * infinity less an infinity is 0.
 */
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/map.h"
#include "cache/set.h"
#include "redis/cmd_zset.h"
#include "redis/member_args.h"

enum algebra { UNION, INTER, DIFF };
enum aggregate { SUM, MIN, MAX };

#define AGAIN_MAX 5000000u /* members of keys that are named again: about a second */

struct source { /* one of set and zset, or none: the key is not there */
    const struct zset *zset;
    const struct set *set;
    double weight;
    uint64_t count;
    size_t place; /* among the names */
};

struct job {
    struct redis_call *call;
    enum algebra kind;
    enum aggregate aggregate;
    bool scores;
    bool only_count;
    int64_t limit; /* of a count; 0: none */
    struct source *sources; /* owns */
    size_t source_count;
    struct zset *result; /* owns */
    uint64_t count;
    bool emptied; /* DIFF: the first is named again */
    int rc;
};

/* ---- reading the inputs ---- */

static bool source_read(struct redis_call *call, struct kith_str key, struct source *out)
{
    *out = (struct source){ .weight = 1 };
    struct entry *entry = cache_read(call->cache, call->db, key, 0);
    if (!entry) return true;
    if (entry_type(entry) == VALUE_ZSET) {
        out->zset = entry_value(entry);
        out->count = zset_count(out->zset);
    } else if (entry_type(entry) == VALUE_SET) {
        out->set = entry_value(entry);
        out->count = set_count(out->set);
    } else {
        call_error(call, "WRONGTYPE Operation against a key holding the wrong kind of value");
        return false;
    }
    return true;
}

/* numkeys stands in argv[arg]; its place behind the keys is *next. */
static bool job_sources(struct job *job, size_t arg, size_t *next)
{
    struct redis_call *call = job->call;
    int64_t count;
    if (!call_integer(call, arg, &count)) return false;
    if (count < 1) {
        call_errorf(call, "ERR at least 1 input key is needed for '%s' command",
                    call->command->name);
        return false;
    }
    if ((uint64_t)count > call->argc - arg - 1) {
        call_syntax_error(call);
        return false;
    }
    job->source_count = (size_t)count;
    job->sources = mem_alloc_array(job->source_count, sizeof *job->sources);
    if (!job->sources) {
        call_no_memory(call);
        return false;
    }
    for (size_t i = 0; i < job->source_count; i++) {
        if (!source_read(call, call->argv[arg + 1 + i], &job->sources[i])) return false;
        job->sources[i].place = i;
    }
    *next = arg + 1 + job->source_count;
    return true;
}

static bool read_weights(struct job *job, size_t arg)
{
    for (size_t i = 0; i < job->source_count; i++) {
        if (text_double(job->call->argv[arg + i], &job->sources[i].weight)) continue;
        call_error(job->call, "ERR weight value is not a float");
        return false;
    }
    return true;
}

static bool read_aggregate(struct job *job, size_t arg)
{
    static const char *const words[] = { "SUM", "MIN", "MAX" };
    for (unsigned i = 0; i < 3; i++) {
        if (!call_is(job->call, arg, words[i])) continue;
        job->aggregate = (enum aggregate)i;
        return true;
    }
    call_syntax_error(job->call);
    return false;
}

static bool job_options(struct job *job, size_t arg, bool stored)
{
    struct redis_call *call = job->call;
    const bool weighed = job->kind != DIFF && !job->only_count;
    while (arg < call->argc) {
        const size_t left = call->argc - arg;
        if (weighed && left > job->source_count && call_is(call, arg, "WEIGHTS")) {
            if (!read_weights(job, arg + 1)) return false;
            arg += 1 + job->source_count;
        } else if (weighed && left >= 2 && call_is(call, arg, "AGGREGATE")) {
            if (!read_aggregate(job, arg + 1)) return false;
            arg += 2;
        } else if (!stored && !job->only_count && call_is(call, arg, "WITHSCORES")) {
            job->scores = true;
            arg++;
        } else if (job->only_count && left >= 2 && call_is(call, arg, "LIMIT")) {
            if (!call_bounded(call, arg + 1, 0, INT64_MAX, &job->limit,
                              "ERR LIMIT can't be negative")) {
                return false;
            }
            arg += 2;
        } else {
            call_syntax_error(call);
            return false;
        }
    }
    return true;
}

/* ---- walking over an input ---- */

struct source_walk {
    const struct source *source;
    struct zset_walk zset;
    struct set_iter set;
};

static void walk_begin(struct source_walk *walk, const struct source *source)
{
    *walk = (struct source_walk){ .source = source };
    if (source->zset) zset_walk_from(&walk->zset, source->zset, 0, false);
}

static bool walk_next(struct source_walk *walk, struct zset_member *out)
{
    if (walk->source->zset) return zset_walk_next(&walk->zset, out);
    out->score = 1;
    return walk->source->set && set_next(walk->source->set, &walk->set, &out->name);
}

static bool source_score(const struct source *source, struct kith_str name, double *score)
{
    if (source->zset) return zset_score(source->zset, name, score);
    *score = 1;
    return source->set && set_has(source->set, name);
}

static double weigh(const struct source *source, double score)
{
    const double value = source->weight * score;
    return isnan(value) ? 0 : value; /* 0 times infinity */
}

static double join(enum aggregate how, double a, double b)
{
    if (how == MIN) return b < a ? b : a; /* a when b is not a number */
    if (how == MAX) return b > a ? b : a;
    const double sum = a + b;
    return isnan(sum) ? 0 : sum;
}

/* ---- the three operations ---- */

static void take(struct job *job, struct kith_str name, double score)
{
    job->count++;
    if (job->only_count) return;
    job->rc = zset_put(job->result, cache_settings(job->call->cache), name, score);
}

static void unite(struct job *job)
{
    for (size_t i = 0; i < job->source_count && job->rc == 0; i++) {
        struct source_walk walk;
        struct zset_member member;
        walk_begin(&walk, &job->sources[i]);
        while (job->rc == 0 && walk_next(&walk, &member)) {
            double score = weigh(&job->sources[i], member.score), old;
            const bool there = zset_score(job->result, member.name, &old);
            if (there) score = join(job->aggregate, old, score);
            take(job, member.name, score);
            if (there) job->count--;
        }
    }
}

/* Its score when it is in all inputs. */
static bool in_all(const struct job *job, struct kith_str name, double *score)
{
    for (size_t i = 1; i < job->source_count; i++) {
        double other;
        if (!source_score(&job->sources[i], name, &other)) return false;
        *score = join(job->aggregate, *score, job->sources[i].weight * other);
    }
    return true;
}

static void intersect(struct job *job)
{
    struct source_walk walk;
    struct zset_member member;
    walk_begin(&walk, &job->sources[0]);
    while (job->rc == 0 && walk_next(&walk, &member)) {
        double score = weigh(&job->sources[0], member.score);
        if (!in_all(job, member.name, &score)) continue;
        take(job, member.name, score);
        if (job->limit > 0 && job->count == (uint64_t)job->limit) return;
    }
}

static bool in_others(const struct job *job, struct kith_str name)
{
    double score;
    for (size_t i = 1; i < job->source_count; i++) {
        if (source_score(&job->sources[i], name, &score)) return true;
    }
    return false;
}

static void subtract(struct job *job)
{
    struct source_walk walk;
    struct zset_member member;
    walk_begin(&walk, &job->sources[0]);
    while (job->rc == 0 && !job->emptied && walk_next(&walk, &member)) {
        if (!in_others(job, member.name)) take(job, member.name, member.score);
    }
}

static int by_count(const void *left, const void *right)
{
    const struct source *a = left, *b = right;
    if (a->count != b->count) return a->count < b->count ? -1 : 1;
    return a->place < b->place ? -1 : 1;
}

/* Smallest first, and in the order of their names: sums depend on it. */
static void sort_sources(struct job *job)
{
    qsort(job->sources, job->source_count, sizeof *job->sources, by_count);
}

static uint64_t value_of(const struct source *source)
{
    return (uint64_t)(source->zset ? (uintptr_t)source->zset : (uintptr_t)source->set);
}

/* Of a difference what is named again, or is not there, changes nothing; in the others every name
 * counts, and costs as much as the first. false: that would be too much, or no memory; answered. */
static bool tidy_sources(struct job *job)
{
    struct map64 seen;
    size_t kept = 0;
    uint64_t again = 0, least = UINT64_MAX;
    int rc = 0;
    map64_init(&seen);
    for (size_t i = 0; i < job->source_count; i++)
        if (job->sources[i].count < least) least = job->sources[i].count;
    for (size_t i = 0; rc == 0 && i < job->source_count; i++) {
        const struct source *source = &job->sources[i];
        const uint64_t value = value_of(source);
        const bool known = value && map64_get(&seen, value, NULL);
        if (known) again += job->kind == UNION ? source->count : least;
        const bool idle = job->kind == DIFF && kept && (known || !value);
        job->emptied = job->emptied || (known && value == value_of(&job->sources[0]));
        if (!idle) job->sources[kept++] = *source;
        if (value && !known) rc = map64_put(&seen, value, 1);
    }
    map64_release(&seen);
    job->source_count = kept;
    if (rc) call_no_memory(job->call);
    else if (job->kind != DIFF && again > AGAIN_MAX)
        call_error(job->call, "ERR keys that are named again have too many members");
    else return true;
    return false;
}

static void job_run(struct job *job)
{
    job->result = zset_new(cache_heap(job->call->cache));
    if (!job->result) {
        job->rc = KITH_ENOMEM;
        return;
    }
    if (job->kind != DIFF) sort_sources(job);
    if (job->kind == UNION) unite(job);
    else if (job->kind == INTER) intersect(job);
    else subtract(job);
}

/* ---- the commands ---- */

static void reply_result(struct job *job)
{
    struct zset_walk walk;
    struct zset_member member;
    zset_reply_open(job->call, zset_count(job->result), job->scores);
    zset_walk_from(&walk, job->result, 0, false);
    while (zset_walk_next(&walk, &member)) zset_reply_member(job->call, &member, job->scores);
}

/* arg: where numkeys stands. event: of the target in argv[1]; NULL: to the reply. */
static void run(struct redis_call *call, enum algebra kind, size_t arg, const char *event,
                bool only_count)
{
    struct job job = { .call = call, .kind = kind, .only_count = only_count };
    size_t next;
    if (job_sources(&job, arg, &next) && job_options(&job, next, event != NULL) &&
        tidy_sources(&job)) {
        job_run(&job);
        if (job.rc != 0) {
            call_no_memory(call);
        } else if (only_count) {
            resp_integer(call->reply, (int64_t)job.count);
        } else if (event) {
            call_store(call, call->argv[1], VALUE_ZSET, job.result, job.count, event);
            job.result = NULL;
        } else {
            reply_result(&job);
        }
    }
    mem_free(job.sources);
    zset_free(job.result);
}

void run_zunion(struct redis_call *call) { run(call, UNION, 1, NULL, false); }
void run_zinter(struct redis_call *call) { run(call, INTER, 1, NULL, false); }
void run_zdiff(struct redis_call *call) { run(call, DIFF, 1, NULL, false); }
void run_zintercard(struct redis_call *call) { run(call, INTER, 1, NULL, true); }
void run_zunionstore(struct redis_call *call) { run(call, UNION, 2, "zunionstore", false); }
void run_zinterstore(struct redis_call *call) { run(call, INTER, 2, "zinterstore", false); }
void run_zdiffstore(struct redis_call *call) { run(call, DIFF, 2, "zdiffstore", false); }
