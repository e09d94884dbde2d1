/*
 * Deadlines of keys: EXPIRE and TTL in their four units each, PERSIST.
 *
 * What is logged is always PEXPIREAT, or DEL when the time was not in the future.
 */
#include "redis/cmd_key.h"
#include "redis/cmd_string.h"
#include "redis/redis_internal.h"

struct expire_options {
    bool only_without, only_with, only_later, only_sooner; /* NX XX GT LT */
};

static bool options_take(struct redis_call *call, struct expire_options *out)
{
    for (size_t i = 3; i < call->argc; i++) {
        if (call_is(call, i, "NX")) {
            out->only_without = true;
        } else if (call_is(call, i, "XX")) {
            out->only_with = true;
        } else if (call_is(call, i, "GT")) {
            out->only_later = true;
        } else if (call_is(call, i, "LT")) {
            out->only_sooner = true;
        } else {
            call_errorf(call, "ERR Unsupported option %.*s", (int)call->argv[i].len,
                        call->argv[i].data);
            return false;
        }
    }
    if (out->only_without && (out->only_with || out->only_later || out->only_sooner)) {
        call_error(call,
                   "ERR NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if (!out->only_later || !out->only_sooner) return true;
    call_error(call, "ERR GT and LT options at the same time are not compatible");
    return false;
}

/* No deadline counts as one that never comes. */
static bool options_allow(const struct expire_options *options, int64_t before, int64_t after)
{
    bool has = before != CACHE_NO_DEADLINE;
    if (options->only_without && has) return false;
    if (options->only_with && !has) return false;
    if (options->only_later && after <= before) return false;
    return !options->only_sooner || after < before;
}

static void set_deadline(struct redis_call *call, struct entry *entry, int64_t deadline)
{
    struct kith_str key = call->argv[1];
    if (deadline <= cache_now_ms(call->cache)) {
        call_logf(call, "DEL %S", &key);
        call_drop(call, key, entry);
    } else if (cache_set_deadline(call->cache, call->db, &entry, deadline)) {
        call_no_memory(call);
        return;
    } else {
        call_logf(call, "PEXPIREAT %S %I", &key, deadline);
        call_changed(call, key, EVENT_GENERIC, "expire");
    }
    resp_integer(call->reply, 1);
}

static void expire(struct redis_call *call, bool relative, bool seconds)
{
    struct expire_options options = {0};
    int64_t number, deadline;
    if (!options_take(call, &options) || !call_integer(call, 2, &number)) return;
    if (!call_expiry_time(call, number, relative, seconds, &deadline)) return;
    struct entry *entry = cache_write(call->cache, call->db, call->argv[1]);
    if (!entry || !options_allow(&options, entry_deadline(entry), deadline)) {
        resp_integer(call->reply, 0);
        return;
    }
    set_deadline(call, entry, deadline);
}

void run_expire(struct redis_call *call) { expire(call, true, true); }
void run_pexpire(struct redis_call *call) { expire(call, true, false); }
void run_expireat(struct redis_call *call) { expire(call, false, true); }
void run_pexpireat(struct redis_call *call) { expire(call, false, false); }

static void tell_time(struct redis_call *call, bool relative, bool seconds)
{
    const struct entry *entry =
        cache_read(call->cache, call->db, call->argv[1], CACHE_NO_TOUCH);
    if (!entry || entry_deadline(entry) == CACHE_NO_DEADLINE) {
        resp_integer(call->reply, entry ? -1 : -2);
        return;
    }
    int64_t ms = entry_deadline(entry) - (relative ? cache_now_ms(call->cache) : 0);
    resp_integer(call->reply, seconds ? ms / 1000 + (ms % 1000 >= 500) : ms);
}

void run_ttl(struct redis_call *call) { tell_time(call, true, true); }
void run_pttl(struct redis_call *call) { tell_time(call, true, false); }
void run_expiretime(struct redis_call *call) { tell_time(call, false, true); }
void run_pexpiretime(struct redis_call *call) { tell_time(call, false, false); }

void run_persist(struct redis_call *call)
{
    struct entry *entry = cache_write(call->cache, call->db, call->argv[1]);
    bool had = entry && entry_deadline(entry) != CACHE_NO_DEADLINE;
    if (had) {
        (void)!cache_set_deadline(call->cache, call->db, &entry, CACHE_NO_DEADLINE);
        call_changed(call, call->argv[1], EVENT_GENERIC, "persist");
    }
    resp_integer(call->reply, had);
}
