/*
 * What the commands of lists, sets, sorted sets and hashes have in common: ranges, counts, the
 * options of scans, keys behind a number of keys, new values, and what is logged when memory ran
 * out halfway.
 */
#ifndef KITH_REDIS_MEMBER_ARGS_H
#define KITH_REDIS_MEMBER_ARGS_H

#include "redis/command.h"
#include "redis/glob.h"

/* A count >= 0; anything else answers "value is out of range, must be positive". */
bool call_positive(struct redis_call *call, size_t arg, int64_t *out);
/* A number in [min, max]; anything else answers this error. */
bool call_bounded(struct redis_call *call, size_t arg, int64_t min, int64_t max, int64_t *out,
                  const char *error);

/* Makes indexes of a sequence, negative ones from its end, into first and count. false: empty. */
bool range_clamp(int64_t start, int64_t stop, uint64_t len, uint64_t *first, uint64_t *count);

/* The keys of "numkeys key ..." with numkeys in argv[arg]; they begin at arg + 1 and lie inside of
 * argv. */
bool call_numkeys(struct redis_call *call, size_t arg, size_t *count, const char *error);
/* For struct command.keys: "CMD numkeys key ...", "CMD dst numkeys key ...", "CMD x numkeys ...".
 * */
int keys_numbered_1(const struct kith_str *argv, size_t argc, size_t *places, size_t max);
int keys_numbered_2(const struct kith_str *argv, size_t argc, size_t *places, size_t max);
int keys_stored_numbered(const struct kith_str *argv, size_t argc, size_t *places, size_t max);

struct scan_options {
    uint64_t cursor;
    struct kith_str match; /* data NULL: all */
    struct glob glob;      /* of match; scan_release */
    uint64_t count;
    bool no_values;        /* HSCAN */
};
/* The value of argv[1], the cursor in argv[2], then MATCH, COUNT and, where allowed, NOVALUES; of
 * a key that is not there the options are not looked at. NULL: it was answered. */
struct entry *call_scan_begin(struct redis_call *call, enum value_type type, bool allow_no_values,
                              struct scan_options *out);
bool scan_takes(struct scan_options *options, struct kith_str name);
void scan_release(struct scan_options *options); /* after call_scan_begin gave a value */
/* How many buckets one call may look at: empty ones must not make it long. */
uint64_t scan_steps(const struct scan_options *options);
/* The reply of a scan: after scan_begin come the elements, `written` of them. */
size_t scan_begin(struct redis_call *call);
void scan_end(struct redis_call *call, size_t place, uint64_t cursor, size_t written);
/* "[0, []]" */

/* The end of a command that stores its result: takes the value (NULL: empty) and puts it under key
 * in place of whatever was there, or deletes that when count is 0. Answers the count. */
void call_store(struct redis_call *call, struct kith_str key, enum value_type type, void *value,
                uint64_t count, const char *event);

/* Memory ran out when the first `done` words were through: those are logged, if they changed
 * anything, and the error is answered. */
void call_partial(struct redis_call *call, size_t done);

/* One of `left` is being passed and `want` are to be taken: whether this one is (Knuth, TAOCP 2,
 * 3.4.2, algorithm S). Every subset is equally likely. */
bool sample_takes(struct rng *rng, uint64_t left, uint64_t want);

/* After each draw with repeats, whose number the client chose: false when what was answered since
 * `before` is more than a client may be sent; an error stands in its place then. */
bool call_draw_fits(struct redis_call *call, size_t before);

/* What LMPOP, ZMPOP and their blocking forms say: numkeys in argv[arg], keys, one of two words, and
 * perhaps COUNT. false: the error was answered. */
struct mpop {
    size_t first_key, key_count;
    bool second; /* it was the second word */
    int64_t count;
};
bool call_mpop(struct redis_call *call, size_t arg, const char *first, const char *second,
               struct mpop *out);

/* The first of the keys that holds a value of this type, and where its name stands; NULL: none
 * does, or call->failed. */
struct entry *call_first(struct redis_call *call, enum value_type type, size_t first_key,
                         size_t count, size_t *found);
/* The same for "CMD key [key ...] timeout"; NULL: answered, or the client waits. */
struct entry *call_first_or_wait(struct redis_call *call, enum value_type type, size_t *found);

#endif
