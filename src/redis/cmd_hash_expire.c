/*
 * Deadlines of hash fields.
 *
 * Every deadline is logged as an absolute one, for the fields that really got it, and a field that
 * a past time removed as HDEL: the log gives the same hash at any later time. While the log is
 * replayed a past time removes nothing; what expired back then is logged as HDEL behind it.
 */
#include <string.h>

#include "base/alloc.h"
#include "redis/cmd_hash.h"
#include "redis/field_args.h"

enum outcome { NO_FIELD = -2, NO_DEADLINE = -1, NOT_MET = 0, DONE = 1, REMOVED = 2 };

static const struct hash *hash_seen(const struct entry *entry) { return entry_value(entry); }

/* ---- what happened to which fields, for the log and the events ---- */

struct deeds {
    struct kith_str *words; /* owns; a command for the log */
    size_t moved, removed;  /* fields with a new deadline, and without the hash */
};

/* words: room for the fields of either command. */
static bool deeds_init(struct redis_call *call, struct deeds *deeds, size_t fields)
{
    *deeds = (struct deeds){ .words = mem_alloc_array(2 * fields + 8, sizeof *deeds->words) };
    if (!deeds->words) call_no_memory(call);
    return deeds->words != NULL;
}

/* Moved fields stand from word 5 on, removed ones count backwards from the end. */
static void note_moved(struct deeds *deeds, struct kith_str name)
{
    deeds->words[5 + deeds->moved++] = name;
}

static void note_removed(struct deeds *deeds, struct kith_str name, size_t fields)
{
    deeds->words[2 * fields + 7 - deeds->removed++] = name;
}

static struct kith_str word(const char *text) { return (struct kith_str){ text, strlen(text) }; }

static void log_deeds(struct redis_call *call, struct deeds *deeds, const char *command,
                      int64_t deadline, size_t fields)
{
    struct pack_item time = pack_item_integer(deadline);
    struct pack_item count = pack_item_integer((int64_t)deeds->moved);
    struct kith_str *words = deeds->words;
    if (deeds->moved > 0) {
        size_t lead = 1;
        if (deadline == CACHE_NO_DEADLINE) words[lead++] = word(command);
        else words[0] = word(command);
        words[lead++] = call->argv[1];
        if (deadline != CACHE_NO_DEADLINE) words[lead++] = pack_item_text(&time);
        words[lead++] = word("FIELDS");
        words[lead++] = pack_item_text(&count);
        const size_t first = deadline == CACHE_NO_DEADLINE ? 1 : 0;
        call_log(call, words + first, 5 - first + deeds->moved);
    }
    if (deeds->removed > 0) {
        struct kith_str *removed = words + 2 * fields + 8 - deeds->removed - 2;
        removed[0] = word("HDEL");
        removed[1] = call->argv[1];
        call_log(call, removed, deeds->removed + 2);
    }
}

/* Events, the log, and the end of a hash without fields. */
static void finish(struct redis_call *call, struct entry *entry, struct deeds *deeds,
                   int64_t deadline, size_t fields)
{
    const bool persist = deadline == CACHE_NO_DEADLINE;
    log_deeds(call, deeds, persist ? "HPERSIST" : "HPEXPIREAT", deadline, fields);
    if (deeds->moved > 0) {
        call_changed(call, call->argv[1], EVENT_HASH, persist ? "hpersist" : "hexpire");
    }
    if (deeds->removed > 0) {
        if (deeds->moved > 0) call_event(call, call->argv[1], EVENT_HASH, "hdel");
        else call_changed(call, call->argv[1], EVENT_HASH, "hdel");
        call_delete_empty(call, entry, hash_count(hash_seen(entry)) == 0);
    }
    mem_free(deeds->words);
}

static bool is_past(const struct redis_call *call, int64_t deadline)
{
    return deadline <= cache_now_ms(call->cache) && call->session;
}

/* ---- HEXPIRE and its kin ---- */

static bool condition_holds(unsigned given, int64_t old, int64_t deadline)
{
    const bool none = old == CACHE_NO_DEADLINE;
    if (given & FIELD_NX) return none;
    if (given & FIELD_XX) return !none;
    if (given & FIELD_GT) return !none && deadline > old; /* none is for ever */
    if (given & FIELD_LT) return none || deadline < old;
    return true;
}

/* The outcome for one field; KITH_ENOMEM leaves it as it is. */
static int expire_field(struct redis_call *call, struct hash *hash, const struct field_args *args,
                        struct kith_str name, enum outcome *out)
{
    struct hash_field field;
    *out = NO_FIELD;
    if (!hash_get(hash, name, &field)) return 0;
    *out = NOT_MET;
    if (!condition_holds(args->given, field.deadline, args->deadline)) return 0;
    if (is_past(call, args->deadline)) {
        hash_remove(hash, name);
        *out = REMOVED;
        return 0;
    }
    *out = DONE;
    return hash_set_deadline(hash, name, args->deadline);
}

static void expire_fields(struct redis_call *call, struct entry *entry,
                          const struct field_args *args)
{
    struct deeds deeds;
    struct hash *hash = entry_value(entry);
    if (!is_past(call, args->deadline) &&
        cache_watch_fields(call->cache, call->db, entry, args->deadline) != 0) {
        call_no_memory(call);
        return;
    }
    if (!deeds_init(call, &deeds, args->count)) return;
    const size_t reply_len = call->reply->out->len;
    int rc = 0;
    resp_array(call->reply, args->count);
    for (size_t i = 0; i < args->count && rc == 0; i++) {
        const struct kith_str name = call->argv[args->first + i];
        enum outcome outcome;
        rc = expire_field(call, hash, args, name, &outcome);
        if (rc != 0) break;
        if (outcome == DONE) note_moved(&deeds, name);
        if (outcome == REMOVED) note_removed(&deeds, name, args->count);
        resp_integer(call->reply, outcome);
    }
    finish(call, entry, &deeds, args->deadline, args->count);
    if (rc == 0) return;
    call->reply->out->len = reply_len;
    call_no_memory(call);
}

static void reply_no_fields(struct redis_call *call, const struct field_args *args)
{
    resp_array(call->reply, args->count);
    for (size_t i = 0; i < args->count; i++) resp_integer(call->reply, NO_FIELD);
}

static void expire(struct redis_call *call, bool seconds, bool relative)
{
    struct field_args args;
    int64_t deadline;
    struct entry *entry = call_write(call, call->argv[1], VALUE_HASH);
    if (call->failed || !field_deadline_read(call, 2, seconds, relative, &deadline)) return;
    if (!field_args_read(call, 3, FIELD_CONDITIONS, &args)) return;
    args.deadline = deadline;
    if (entry) expire_fields(call, entry, &args);
    else reply_no_fields(call, &args);
}

void run_hexpire(struct redis_call *call) { expire(call, true, true); }
void run_hpexpire(struct redis_call *call) { expire(call, false, true); }
void run_hexpireat(struct redis_call *call) { expire(call, true, false); }
void run_hpexpireat(struct redis_call *call) { expire(call, false, false); }

/* ---- HTTL and its kin ---- */

static int64_t shown(struct redis_call *call, int64_t deadline, bool seconds, bool relative)
{
    if (relative) deadline -= cache_now_ms(call->cache);
    return seconds ? (deadline + 999) / 1000 : deadline;
}

static void show(struct redis_call *call, bool seconds, bool relative)
{
    struct field_args args;
    struct entry *entry = call_read(call, call->argv[1], VALUE_HASH);
    if (call->failed || !field_args_read(call, 2, 0, &args)) return;
    if (!entry) {
        reply_no_fields(call, &args);
        return;
    }
    resp_array(call->reply, args.count);
    for (size_t i = 0; i < args.count; i++) {
        struct hash_field field;
        int64_t value = NO_FIELD;
        if (hash_get(hash_seen(entry), call->argv[args.first + i], &field)) {
            value = field.deadline == CACHE_NO_DEADLINE
                        ? NO_DEADLINE : shown(call, field.deadline, seconds, relative);
        }
        resp_integer(call->reply, value);
    }
}

void run_httl(struct redis_call *call) { show(call, true, true); }
void run_hpttl(struct redis_call *call) { show(call, false, true); }
void run_hexpiretime(struct redis_call *call) { show(call, true, false); }
void run_hpexpiretime(struct redis_call *call) { show(call, false, false); }

/* ---- HPERSIST ---- */

void run_hpersist(struct redis_call *call)
{
    struct field_args args;
    struct deeds deeds;
    struct entry *entry = call_write(call, call->argv[1], VALUE_HASH);
    if (call->failed || !field_args_read(call, 2, 0, &args)) return;
    if (!entry) {
        reply_no_fields(call, &args);
        return;
    }
    if (!deeds_init(call, &deeds, args.count)) return;
    struct hash *hash = entry_value(entry);
    const size_t reply_len = call->reply->out->len;
    int rc = 0;
    resp_array(call->reply, args.count);
    for (size_t i = 0; i < args.count && rc == 0; i++) {
        const struct kith_str name = call->argv[args.first + i];
        struct hash_field field;
        enum outcome outcome = NO_FIELD;
        if (hash_get(hash, name, &field)) {
            outcome = field.deadline == CACHE_NO_DEADLINE ? NO_DEADLINE : DONE;
        }
        if (outcome == DONE) rc = hash_set_deadline(hash, name, CACHE_NO_DEADLINE);
        if (rc == 0 && outcome == DONE) note_moved(&deeds, name);
        resp_integer(call->reply, outcome);
    }
    finish(call, entry, &deeds, CACHE_NO_DEADLINE, args.count);
    if (rc == 0) return;
    call->reply->out->len = reply_len;
    call_no_memory(call);
}

/* ---- HGETEX, HGETDEL ---- */

static int getex_field(struct redis_call *call, struct hash *hash, const struct field_args *args,
                       struct kith_str name, struct deeds *deeds)
{
    struct hash_field field;
    if (!hash_get(hash, name, &field)) {
        resp_null(call->reply);
        return 0;
    }
    resp_str(call->reply, field.value);
    if (args->given & FIELD_TIME) {
        if (is_past(call, args->deadline)) {
            hash_remove(hash, name);
            note_removed(deeds, name, args->count);
            return 0;
        }
        note_moved(deeds, name);
        return hash_set_deadline(hash, name, args->deadline);
    }
    if (!(args->given & FIELD_PERSIST) || field.deadline == CACHE_NO_DEADLINE) return 0;
    note_moved(deeds, name);
    return hash_set_deadline(hash, name, CACHE_NO_DEADLINE);
}

static void reply_nulls(struct redis_call *call, size_t count)
{
    resp_array(call->reply, count);
    for (size_t i = 0; i < count; i++) resp_null(call->reply);
}

void run_hgetex(struct redis_call *call)
{
    struct field_args args;
    struct deeds deeds;
    struct entry *entry = call_write(call, call->argv[1], VALUE_HASH);
    if (call->failed || !field_args_read(call, 2, FIELD_TIME | FIELD_PERSIST, &args)) return;
    if (!entry) {
        reply_nulls(call, args.count);
        return;
    }
    const bool timed = args.given & FIELD_TIME;
    if (timed && !is_past(call, args.deadline) &&
        cache_watch_fields(call->cache, call->db, entry, args.deadline) != 0) {
        call_no_memory(call);
        return;
    }
    if (!deeds_init(call, &deeds, args.count)) return;
    const size_t reply_len = call->reply->out->len;
    int rc = 0;
    resp_array(call->reply, args.count);
    for (size_t i = 0; i < args.count && rc == 0; i++) {
        rc = getex_field(call, entry_value(entry), &args, call->argv[args.first + i], &deeds);
    }
    if (rc != 0) deeds.moved--; /* the last one did not get it */
    finish(call, entry, &deeds, timed ? args.deadline : CACHE_NO_DEADLINE, args.count);
    if (rc == 0) return;
    call->reply->out->len = reply_len;
    call_no_memory(call);
}

void run_hgetdel(struct redis_call *call)
{
    struct field_args args;
    struct entry *entry = call_write(call, call->argv[1], VALUE_HASH);
    if (call->failed || !field_args_read(call, 2, 0, &args)) return;
    if (!entry) {
        reply_nulls(call, args.count);
        return;
    }
    struct hash *hash = entry_value(entry);
    bool removed = false;
    resp_array(call->reply, args.count);
    for (size_t i = 0; i < args.count; i++) {
        const struct kith_str name = call->argv[args.first + i];
        struct hash_field field;
        if (!hash_get(hash, name, &field)) {
            resp_null(call->reply);
            continue;
        }
        resp_str(call->reply, field.value);
        removed |= hash_remove(hash, name);
    }
    if (!removed) return;
    call_changed(call, call->argv[1], EVENT_HASH, "hdel");
    call_delete_empty(call, entry, hash_count(hash) == 0);
}

/* ---- HSETEX ---- */

static bool fields_allow(const struct redis_call *call, const struct field_args *args,
                         const struct entry *entry)
{
    if (!(args->given & (FIELD_FNX | FIELD_FXX))) return true;
    const bool wanted = args->given & FIELD_FXX;
    for (size_t i = 0; i < args->count; i++) {
        struct hash_field field;
        const bool there = entry && hash_get(hash_seen(entry), call->argv[args->first + 2 * i],
                                             &field);
        if (there != wanted) return false;
    }
    return true;
}

static int set_fields(struct redis_call *call, const struct field_args *args, struct hash *hash,
                      int64_t deadline)
{
    for (size_t i = 0; i < args->count; i++) {
        const struct kith_str *pair = &call->argv[args->first + 2 * i];
        const int rc =
            hash_set(hash, cache_settings(call->cache), pair[0], pair[1], deadline, NULL);
        if (rc != 0) return rc;
    }
    return 0;
}

/* As it is replayed at any time: with an absolute deadline and without conditions. */
static void log_hsetex(struct redis_call *call, const struct field_args *args)
{
    struct kith_str *words = mem_alloc_array(2 * args->count + 6, sizeof *words);
    if (!words) return; /* then it is logged as typed */
    struct pack_item time = pack_item_integer(args->deadline);
    struct pack_item count = pack_item_integer((int64_t)args->count);
    size_t n = 0;
    words[n++] = word("HSETEX");
    words[n++] = call->argv[1];
    words[n++] = word("PXAT");
    words[n++] = pack_item_text(&time);
    words[n++] = word("FIELDS");
    words[n++] = pack_item_text(&count);
    for (size_t i = 0; i < 2 * args->count; i++) words[n++] = call->argv[args->first + i];
    call_log(call, words, n);
    mem_free(words);
}

/* A past time: what is set is gone at once. */
static void set_and_remove(struct redis_call *call, const struct field_args *args,
                           struct hash_edit *edit)
{
    struct deeds deeds;
    if (!edit->entry) {
        hash_abandon(edit);
    } else if (deeds_init(call, &deeds, args->count)) {
        for (size_t i = 0; i < args->count; i++) {
            const struct kith_str name = call->argv[args->first + 2 * i];
            if (hash_remove(edit->hash, name)) note_removed(&deeds, name, args->count);
        }
        finish(call, edit->entry, &deeds, args->deadline, args->count);
    } else {
        return;
    }
    resp_integer(call->reply, 1);
}

static void set_timed(struct redis_call *call, const struct field_args *args,
                      struct hash_edit *edit)
{
    const bool timed = args->given & FIELD_TIME, new = !edit->entry;
    const int64_t deadline = timed ? args->deadline
                             : args->given & FIELD_KEEP ? CACHE_KEEP_DEADLINE : CACHE_NO_DEADLINE;
    int rc = 0;
    if (timed && !new) rc = cache_watch_fields(call->cache, call->db, edit->entry, deadline);
    if (rc == 0) rc = set_fields(call, args, edit->hash, deadline);
    if (rc != 0) hash_abandon(edit);
    else rc = hash_commit(call, edit);
    if (rc == 0 && timed && new) {
        rc = cache_watch_fields(call->cache, call->db, edit->entry, deadline);
        if (rc != 0) cache_remove(call->cache, call->db, edit->entry, REMOVED_DELETED);
    }
    if (rc != 0) {
        call_no_memory(call);
        return;
    }
    call_changed(call, call->argv[1], EVENT_HASH, "hset");
    if (timed) {
        call_event(call, call->argv[1], EVENT_HASH, "hexpire");
        log_hsetex(call, args);
    }
    resp_integer(call->reply, 1);
}

void run_hsetex(struct redis_call *call)
{
    struct field_args args;
    struct hash_edit edit;
    if (!hash_edit(call, call->argv[1], &edit)) return;
    if (!field_args_read(call, 2, FIELD_TIME | FIELD_KEEP | FIELD_FNX | FIELD_FXX | FIELD_PAIRS,
                         &args)) {
        hash_abandon(&edit);
        return;
    }
    if (!fields_allow(call, &args, edit.entry)) {
        hash_abandon(&edit);
        resp_integer(call->reply, 0);
    } else if ((args.given & FIELD_TIME) && is_past(call, args.deadline)) {
        set_and_remove(call, &args, &edit);
    } else {
        set_timed(call, &args, &edit);
    }
}
