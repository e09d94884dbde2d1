/*
 * Strings: SET and its family, GET, and many at once. Numbers, edits and LCS have files of their
 * own.
 *
 * What is logged never depends on the time or on what is there: SET with a relative time or a
 * condition is logged as SET with PXAT or KEEPTTL.
 */
#include "redis/cmd_bits.h"
#include "redis/cmd_string.h"

#include <string.h>

#include "base/checksum.h"
#include "redis/redis_internal.h"

/* ---- options ---- */

bool expiry_option_take(const struct redis_call *call, size_t *at, struct expiry_option *out)
{
    static const struct {
        const char *word;
        bool relative, seconds;
    } units[] = {{"EX", true, true}, {"PX", true, false}, {"EXAT", false, true},
                 {"PXAT", false, false}};
    if (out->kind != EXPIRY_NONE) return false;
    if (call_is(call, *at, "KEEPTTL")) {
        out->kind = EXPIRY_KEEP;
        return true;
    }
    if (call_is(call, *at, "PERSIST")) {
        out->kind = EXPIRY_PERSIST;
        return true;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (!call_is(call, *at, units[i].word) || *at + 1 >= call->argc) continue;
        *out = (struct expiry_option){EXPIRY_AT, ++*at, units[i].relative, units[i].seconds};
        return true;
    }
    return false;
}

static void name_in_lower_case(const struct redis_call *call, char out[32])
{
    size_t len = call->argv[0].len < 31 ? call->argv[0].len : 31;
    for (size_t i = 0; i < len; i++) {
        char c = call->argv[0].data[i];
        out[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    out[len] = 0;
}

static bool bad_expiry(struct redis_call *call)
{
    char name[32];
    name_in_lower_case(call, name);
    call_errorf(call, "ERR invalid expire time in '%s' command", name);
    return false;
}

bool call_expiry_time(struct redis_call *call, int64_t number, bool relative, bool seconds,
                      int64_t *deadline)
{
    int64_t at = number;
    if (seconds && __builtin_mul_overflow(at, (int64_t)1000, &at)) return bad_expiry(call);
    if (relative && __builtin_add_overflow(at, cache_now_ms(call->cache), &at))
        return bad_expiry(call);
    *deadline = at < CACHE_NO_DEADLINE ? at : CACHE_NO_DEADLINE - 1;
    return true;
}

bool call_expiry(struct redis_call *call, const struct expiry_option *option, int64_t *deadline)
{
    *deadline = option->kind == EXPIRY_KEEP ? CACHE_KEEP_DEADLINE : CACHE_NO_DEADLINE;
    if (option->kind != EXPIRY_AT) return true;
    int64_t number;
    if (!call_integer(call, option->arg, &number)) return false;
    if (number <= 0) return bad_expiry(call);
    return call_expiry_time(call, number, option->relative, option->seconds, deadline);
}

bool value_condition_take(const struct redis_call *call, size_t *at, struct value_condition *out)
{
    static const char *const words[] = {[IF_EQUAL] = "IFEQ", [IF_NOT_EQUAL] = "IFNE",
                                        [IF_DIGEST] = "IFDEQ", [IF_NOT_DIGEST] = "IFDNE"};
    if (out->kind != IF_NONE || *at + 1 >= call->argc) return false;
    for (unsigned kind = IF_EQUAL; kind <= IF_NOT_DIGEST; kind++) {
        if (!call_is(call, *at, words[kind])) continue;
        out->kind = kind;
        out->operand = call->argv[++*at];
        return true;
    }
    return false;
}

static bool read_digest(struct kith_str text, uint64_t *out)
{
    uint64_t value = 0;
    if (text.len != 16) return false;
    for (size_t i = 0; i < 16; i++) {
        char c = text.data[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                : 16;
        if (digit > 15) return false;
        value = value << 4 | digit;
    }
    *out = value;
    return true;
}

bool value_condition_check(struct redis_call *call, const struct value_condition *condition)
{
    uint64_t digest;
    bool digests = condition->kind == IF_DIGEST || condition->kind == IF_NOT_DIGEST;
    if (!digests || read_digest(condition->operand, &digest)) return true;
    call_error(call, "ERR must be exactly 16 hexadecimal characters");
    return false;
}

bool value_condition_holds(const struct value_condition *condition, const struct entry *entry)
{
    bool wants_equal = condition->kind == IF_EQUAL || condition->kind == IF_DIGEST;
    if (condition->kind == IF_NONE) return true;
    if (!entry) return !wants_equal;
    char scratch[ENTRY_TEXT_MAX];
    struct kith_str text = entry_text(entry, scratch);
    uint64_t digest = 0;
    bool equal = read_digest(condition->operand, &digest) &&
                 digest == hash64(text.data, text.len, 0);
    if (condition->kind == IF_EQUAL || condition->kind == IF_NOT_EQUAL)
        equal = str_same(text, condition->operand);
    return equal == wants_equal;
}

/* ---- steps ---- */

void reply_value(struct redis_call *call, const struct entry *entry)
{
    char scratch[ENTRY_TEXT_MAX];
    if (entry) {
        resp_str(call->reply, entry_text(entry, scratch));
    } else {
        resp_null(call->reply);
    }
}

void call_drop(struct redis_call *call, struct kith_str key, struct entry *entry)
{
    cache_remove(call->cache, call->db, entry, REMOVED_DELETED);
    call_changed(call, key, EVENT_GENERIC, "del");
}

bool call_set(struct redis_call *call, struct kith_str key, struct kith_str value,
              int64_t deadline)
{
    int rc = cache_set_string(call->cache, call->db, key, value, deadline, false, NULL);
    if (rc) call_no_memory(call);
    return rc == 0;
}

void log_set(struct redis_call *call, struct kith_str key, struct kith_str value,
             int64_t deadline)
{
    if (deadline == CACHE_NO_DEADLINE) {
        call_logf(call, "SET %S %S", &key, &value);
    } else if (deadline == CACHE_KEEP_DEADLINE) {
        call_logf(call, "SET %S %S KEEPTTL", &key, &value);
    } else {
        call_logf(call, "SET %S %S PXAT %I", &key, &value, deadline);
    }
}

static bool has_passed(const struct redis_call *call, int64_t deadline)
{
    return deadline != CACHE_KEEP_DEADLINE && deadline <= cache_now_ms(call->cache);
}

/* Sets a key or, when the deadline is past, removes it. */
static int set_until(struct redis_call *call, struct kith_str key, struct kith_str value,
                     int64_t deadline)
{
    if (has_passed(call, deadline)) {
        struct entry *entry = cache_write(call->cache, call->db, key);
        if (!entry) return 0;
        call_logf(call, "DEL %S", &key);
        call_drop(call, key, entry);
        return 0;
    }
    int rc = cache_set_string(call->cache, call->db, key, value, deadline, false, NULL);
    if (rc) return rc;
    log_set(call, key, value, deadline);
    call_changed(call, key, EVENT_STRING, "set");
    if (deadline != CACHE_NO_DEADLINE && deadline != CACHE_KEEP_DEADLINE)
        call_event(call, key, EVENT_GENERIC, "expire");
    return 0;
}

/* ---- SET ---- */

struct set_options {
    struct expiry_option expiry;
    struct value_condition condition;
    bool only_new, only_old, get;
};

static bool set_options_take(const struct redis_call *call, struct set_options *out)
{
    for (size_t i = 3; i < call->argc; i++) {
        bool free = !out->only_new && !out->only_old && out->condition.kind == IF_NONE;
        if (free && call_is(call, i, "NX")) {
            out->only_new = true;
        } else if (free && call_is(call, i, "XX")) {
            out->only_old = true;
        } else if (call_is(call, i, "GET")) {
            out->get = true;
        } else if (!(free && value_condition_take(call, &i, &out->condition)) &&
                   !(!call_is(call, i, "PERSIST") &&
                     expiry_option_take(call, &i, &out->expiry))) {
            return false;
        }
    }
    return true;
}

/* NX, XX, GET and conditions look at what is there. */
static void set_looking(struct redis_call *call, const struct set_options *options,
                        int64_t deadline)
{
    struct kith_str key = call->argv[1];
    bool compares = options->condition.kind != IF_NONE;
    struct entry *old = options->get ? call_read(call, key, VALUE_STRING)
                        : compares   ? call_write(call, key, VALUE_STRING)
                                     : cache_write(call->cache, call->db, key);
    if (call->failed) return;
    bool met = !(options->only_new && old) && !(options->only_old && !old) &&
               value_condition_holds(&options->condition, old);
    size_t before = call->reply->out->len;
    if (options->get) {
        reply_value(call, old);
    } else if (met) {
        resp_ok(call->reply);
    } else {
        resp_null(call->reply);
    }
    if (!met || set_until(call, key, call->argv[2], deadline) == 0) return;
    call->reply->out->len = before; /* the answer is another one now */
    call_no_memory(call);
}

static void set_plain(struct redis_call *call, struct kith_str value)
{
    if (!call_set(call, call->argv[1], value, CACHE_NO_DEADLINE)) return;
    call_changed(call, call->argv[1], EVENT_STRING, "set");
    resp_ok(call->reply);
}

static void run_set(struct redis_call *call)
{
    if (call->argc == 3) {
        set_plain(call, call->argv[2]);
        return;
    }
    struct set_options options = {0};
    int64_t deadline;
    if (!set_options_take(call, &options)) {
        call_syntax_error(call);
        return;
    }
    if (!value_condition_check(call, &options.condition)) return;
    if (!call_expiry(call, &options.expiry, &deadline)) return;
    set_looking(call, &options, deadline);
}

static void set_for(struct redis_call *call, bool seconds)
{
    const struct expiry_option option = {EXPIRY_AT, 2, true, seconds};
    int64_t deadline;
    if (!call_expiry(call, &option, &deadline)) return;
    if (set_until(call, call->argv[1], call->argv[3], deadline)) {
        call_no_memory(call);
    } else {
        resp_ok(call->reply);
    }
}

static void run_setex(struct redis_call *call) { set_for(call, true); }
static void run_psetex(struct redis_call *call) { set_for(call, false); }

static void run_setnx(struct redis_call *call)
{
    bool there = cache_write(call->cache, call->db, call->argv[1]) != NULL;
    if (!there && set_until(call, call->argv[1], call->argv[2], CACHE_NO_DEADLINE)) {
        call_no_memory(call);
    } else {
        resp_integer(call->reply, !there);
    }
}

static void run_getset(struct redis_call *call)
{
    const struct set_options options = {.get = true};
    set_looking(call, &options, CACHE_NO_DEADLINE);
}

/* ---- GET ---- */

static void run_get(struct redis_call *call)
{
    const struct entry *entry = call_read(call, call->argv[1], VALUE_STRING);
    if (!call->failed) reply_value(call, entry);
}

static void run_getdel(struct redis_call *call)
{
    struct entry *entry = call_read(call, call->argv[1], VALUE_STRING);
    if (call->failed) return;
    reply_value(call, entry);
    if (!entry) return;
    call_logf(call, "DEL %S", &call->argv[1]);
    call_drop(call, call->argv[1], entry);
}

static void getex_persist(struct redis_call *call, struct entry *entry)
{
    if (entry_deadline(entry) == CACHE_NO_DEADLINE) return;
    (void)!cache_set_deadline(call->cache, call->db, &entry, CACHE_NO_DEADLINE);
    call_logf(call, "PERSIST %S", &call->argv[1]);
    call_changed(call, call->argv[1], EVENT_GENERIC, "persist");
}

static void getex_until(struct redis_call *call, struct entry *entry, int64_t deadline)
{
    struct kith_str key = call->argv[1];
    if (has_passed(call, deadline)) {
        call_logf(call, "DEL %S", &key);
        call_drop(call, key, entry);
        return;
    }
    call_logf(call, "PEXPIREAT %S %I", &key, deadline);
    call_changed(call, key, EVENT_GENERIC, "expire");
}

static void run_getex(struct redis_call *call)
{
    struct expiry_option option = {0};
    for (size_t i = 2; i < call->argc; i++) {
        if (!call_is(call, i, "KEEPTTL") && expiry_option_take(call, &i, &option)) continue;
        call_syntax_error(call);
        return;
    }
    struct entry *entry = call_read(call, call->argv[1], VALUE_STRING);
    if (call->failed) return;
    int64_t deadline = CACHE_NO_DEADLINE;
    if (entry && !call_expiry(call, &option, &deadline)) return;
    bool sets = entry && option.kind == EXPIRY_AT;
    bool in_time = sets && !has_passed(call, deadline);
    if (in_time && cache_set_deadline(call->cache, call->db, &entry, deadline)) {
        call_no_memory(call);
        return;
    }
    reply_value(call, entry);
    if (sets) getex_until(call, entry, deadline);
    if (entry && option.kind == EXPIRY_PERSIST) getex_persist(call, entry);
}

/* ---- many at once ---- */

static void run_mget(struct redis_call *call)
{
    resp_array(call->reply, call->argc - 1);
    for (size_t i = 1; i < call->argc; i++) {
        const struct entry *entry = cache_read(call->cache, call->db, call->argv[i], 0);
        bool string = entry && entry_type(entry) == VALUE_STRING;
        reply_value(call, string ? entry : NULL);
    }
}

/* Pairs from argv[first] on; false: memory ran out, what was set is logged. */
static bool set_pairs(struct redis_call *call, size_t first, size_t pairs, int64_t deadline)
{
    for (size_t i = 0; i < pairs; i++) {
        struct kith_str key = call->argv[first + 2 * i];
        if (set_until(call, key, call->argv[first + 2 * i + 1], deadline) == 0) continue;
        call_no_memory(call);
        return false;
    }
    return true;
}

static void run_mset(struct redis_call *call)
{
    if (call->argc % 2 == 0) {
        call_arity_error(call);
        return;
    }
    if (set_pairs(call, 1, call->argc / 2, CACHE_NO_DEADLINE)) resp_ok(call->reply);
}

static size_t count_there(struct redis_call *call, size_t first, size_t pairs)
{
    size_t count = 0;
    for (size_t i = 0; i < pairs; i++) {
        struct kith_str key = call->argv[first + 2 * i];
        const unsigned quiet = CACHE_NO_TOUCH | CACHE_NO_STATS;
        count += cache_read(call->cache, call->db, key, quiet) != NULL;
    }
    return count;
}

static void run_msetnx(struct redis_call *call)
{
    size_t pairs = call->argc / 2;
    if (call->argc % 2 == 0) {
        call_arity_error(call);
    } else if (count_there(call, 1, pairs) > 0) {
        resp_integer(call->reply, 0);
    } else if (set_pairs(call, 1, pairs, CACHE_NO_DEADLINE)) {
        resp_integer(call->reply, 1);
    }
}

struct msetex {
    size_t pairs;
    bool only_new, only_old;
    struct expiry_option expiry;
};

static bool msetex_take(struct redis_call *call, struct msetex *out)
{
    int64_t count;
    if (!text_integer(call->argv[1], &count) || count < 1 || count > INT32_MAX) {
        call_error(call, "ERR invalid numkeys value");
        return false;
    }
    out->pairs = (size_t)count;
    if (call->argc < 2 + 2 * out->pairs) {
        call_error(call, "ERR wrong number of key-value pairs");
        return false;
    }
    for (size_t i = 2 + 2 * out->pairs; i < call->argc; i++) {
        bool free = !out->only_new && !out->only_old;
        if (free && call_is(call, i, "NX")) {
            out->only_new = true;
        } else if (free && call_is(call, i, "XX")) {
            out->only_old = true;
        } else if (call_is(call, i, "PERSIST") || !expiry_option_take(call, &i, &out->expiry)) {
            call_syntax_error(call);
            return false;
        }
    }
    return true;
}

static void run_msetex(struct redis_call *call)
{
    struct msetex options = {0};
    int64_t deadline;
    if (!msetex_take(call, &options) || !call_expiry(call, &options.expiry, &deadline)) return;
    size_t there = options.only_new || options.only_old ? count_there(call, 2, options.pairs) : 0;
    if ((options.only_new && there > 0) || (options.only_old && there < options.pairs)) {
        resp_integer(call->reply, 0);
    } else if (set_pairs(call, 2, options.pairs, deadline)) {
        resp_integer(call->reply, 1);
    }
}

static int keys_of_msetex(const struct kith_str *argv, size_t argc, size_t *places, size_t max)
{
    int64_t count;
    if (argc < 2 || !text_integer(argv[1], &count) || count < 1) return -1;
    if (count > INT32_MAX || argc < 2 + 2 * (size_t)count) return -1;
    for (size_t i = 0; i < (size_t)count && i < max; i++) places[i] = 2 + 2 * i;
    return (int)count;
}

/* ---- the table ---- */

#define STRING_READ(word, function, words, extra) \
    { .name = word, .run = function, .arity = words, .flags = CMD_READ | (extra), \
      .categories = CAT_STRING, .first_key = 1, .last_key = 1, .key_step = 1 }
#define STRING_WRITE(word, function, words, extra) \
    { .name = word, .run = function, .arity = words, .flags = CMD_WRITE | (extra), \
      .categories = CAT_STRING, .first_key = 1, .last_key = 1, .key_step = 1 }
#define BITS_READ(word, function, words, extra) \
    { .name = word, .run = function, .arity = words, .flags = CMD_READ | (extra), \
      .categories = CAT_BITMAP, .first_key = 1, .last_key = 1, .key_step = 1 }
#define BITS_WRITE(word, function, words, extra) \
    { .name = word, .run = function, .arity = words, .flags = CMD_WRITE | (extra), \
      .categories = CAT_BITMAP, .first_key = 1, .last_key = 1, .key_step = 1 }
#define GROWS (CMD_DENY_OOM | CMD_FAST)

const struct command string_commands[] = {
    STRING_READ("get", run_get, 2, CMD_FAST),
    STRING_WRITE("set", run_set, -3, CMD_DENY_OOM | CMD_BRIEF),
    STRING_WRITE("setex", run_setex, 4, CMD_DENY_OOM),
    STRING_WRITE("psetex", run_psetex, 4, CMD_DENY_OOM),
    STRING_WRITE("setnx", run_setnx, 3, GROWS),
    STRING_WRITE("getset", run_getset, 3, GROWS),
    STRING_WRITE("getdel", run_getdel, 2, CMD_FAST),
    STRING_WRITE("getex", run_getex, -2, CMD_FAST),
    { .name = "mget", .run = run_mget, .arity = -2, .flags = CMD_READ | CMD_FAST,
      .categories = CAT_STRING, .first_key = 1, .last_key = -1, .key_step = 1 },
    { .name = "mset", .run = run_mset, .arity = -3, .flags = CMD_WRITE | CMD_DENY_OOM,
      .categories = CAT_STRING, .first_key = 1, .last_key = -1, .key_step = 2 },
    { .name = "msetnx", .run = run_msetnx, .arity = -3, .flags = CMD_WRITE | CMD_DENY_OOM,
      .categories = CAT_STRING, .first_key = 1, .last_key = -1, .key_step = 2 },
    { .name = "msetex", .run = run_msetex, .arity = -4,
      .flags = CMD_WRITE | CMD_DENY_OOM | CMD_MOVABLE_KEYS, .categories = CAT_STRING,
      .keys = keys_of_msetex },
    STRING_READ("strlen", run_strlen, 2, CMD_FAST),
    STRING_READ("getrange", run_getrange, 4, 0),
    STRING_READ("substr", run_getrange, 4, 0),
    STRING_WRITE("append", run_append, 3, GROWS),
    STRING_WRITE("setrange", run_setrange, 4, CMD_DENY_OOM),
    STRING_WRITE("incr", run_incr, 2, GROWS),
    STRING_WRITE("decr", run_decr, 2, GROWS),
    STRING_WRITE("incrby", run_incrby, 3, GROWS),
    STRING_WRITE("decrby", run_decrby, 3, GROWS),
    STRING_WRITE("incrbyfloat", run_incrbyfloat, 3, GROWS),
    STRING_WRITE("increx", run_increx, -2, GROWS),
    STRING_READ("digest", run_digest, 2, CMD_FAST),
    STRING_WRITE("delex", run_delex, -2, CMD_FAST),
    { .name = "lcs", .run = run_lcs, .arity = -3, .flags = CMD_READ, .categories = CAT_STRING,
      .first_key = 1, .last_key = 2, .key_step = 1 },
    BITS_WRITE("setbit", run_setbit, 4, CMD_DENY_OOM),
    BITS_READ("getbit", run_getbit, 3, CMD_FAST),
    BITS_READ("bitcount", run_bitcount, -2, 0),
    BITS_READ("bitpos", run_bitpos, -3, 0),
    BITS_WRITE("bitfield", run_bitfield, -2, CMD_DENY_OOM),
    BITS_READ("bitfield_ro", run_bitfield_ro, -2, CMD_FAST),
    { .name = "bitop", .run = run_bitop, .arity = -4, .flags = CMD_WRITE | CMD_DENY_OOM,
      .categories = CAT_BITMAP, .first_key = 2, .last_key = -1, .key_step = 1 },
    { .name = NULL },
};
