/*
 * Keys of any type: removing, renaming, copying, moving, and asking what they are. Deadlines are in
 * cmd_expire.c, whole databases in cmd_scan.c, OBJECT and DUMP in cmd_object.c.
 */
#include "redis/cmd_key.h"

#include "redis/cmd_string.h"
#include "redis/redis_internal.h"

bool call_database(struct redis_call *call, size_t arg, unsigned *out)
{
    int64_t number;
    if (!call_integer(call, arg, &number)) return false;
    if (number < 0 || number >= cache_databases(call->cache)) {
        call_error(call, "ERR DB index is out of range");
        return false;
    }
    *out = (unsigned)number;
    return true;
}

const char *entry_type_name(const struct entry *entry)
{
    enum value_type type = entry_type(entry);
    return type == VALUE_STRING ? "string" : value_of_type(type)->name;
}

/* ---- removing and looking ---- */

static void run_del(struct redis_call *call)
{
    int64_t count = 0;
    for (size_t i = 1; i < call->argc; i++) {
        struct entry *entry = cache_write(call->cache, call->db, call->argv[i]);
        if (!entry) continue;
        call_drop(call, call->argv[i], entry);
        count++;
    }
    resp_integer(call->reply, count);
}

static void count_keys(struct redis_call *call, unsigned flags)
{
    int64_t count = 0;
    for (size_t i = 1; i < call->argc; i++)
        count += cache_read(call->cache, call->db, call->argv[i], flags) != NULL;
    resp_integer(call->reply, count);
}

static void run_exists(struct redis_call *call) { count_keys(call, CACHE_NO_TOUCH); }
static void run_touch(struct redis_call *call) { count_keys(call, 0); }

static void run_type(struct redis_call *call)
{
    const struct entry *entry =
        cache_read(call->cache, call->db, call->argv[1], CACHE_NO_TOUCH);
    resp_status(call->reply, entry ? entry_type_name(entry) : "none");
}

/* ---- moving ---- */

/* Takes an entry to another place. false: memory ran out. */
static bool move_key(struct redis_call *call, struct entry *entry, unsigned to_db,
                     struct kith_str to_key, const char *from_event, const char *to_event)
{
    if (cache_move(call->cache, call->db, entry, to_db, to_key)) {
        call_no_memory(call);
        return false;
    }
    call_changed(call, call->argv[1], EVENT_GENERIC, from_event);
    call_changed_in(call, to_db, to_key, EVENT_GENERIC, to_event);
    return true;
}

static void rename_key(struct redis_call *call, bool only_new)
{
    struct kith_str to = call->argv[2];
    struct entry *entry = cache_write(call->cache, call->db, call->argv[1]);
    if (!entry) {
        call_error(call, "ERR no such key");
        return;
    }
    bool same = str_same(call->argv[1], to);
    bool there = same || (only_new && cache_write(call->cache, call->db, to) != NULL);
    if (only_new && there) {
        resp_integer(call->reply, 0);
        return;
    }
    if (!same) {
        entry = cache_write(call->cache, call->db, call->argv[1]);
        if (!move_key(call, entry, call->db, to, "rename_from", "rename_to")) return;
    }
    if (only_new) {
        resp_integer(call->reply, 1);
    } else {
        resp_ok(call->reply);
    }
}

static void run_rename(struct redis_call *call) { rename_key(call, false); }
static void run_renamenx(struct redis_call *call) { rename_key(call, true); }

static void same_objects(struct redis_call *call)
{
    call_error(call, "ERR source and destination objects are the same");
}

static void run_move(struct redis_call *call)
{
    unsigned to_db;
    if (!call_database(call, 2, &to_db)) return;
    if (to_db == call->db) {
        same_objects(call);
        return;
    }
    bool taken = cache_read(call->cache, to_db, call->argv[1], LOOK_ONLY) != NULL;
    struct entry *entry = taken ? NULL : cache_write(call->cache, call->db, call->argv[1]);
    if (entry && !move_key(call, entry, to_db, call->argv[1], "move_from", "move_to")) return;
    resp_integer(call->reply, entry != NULL);
}

/* ---- copying ---- */

static bool copy_options(struct redis_call *call, unsigned *to_db, bool *replace)
{
    *to_db = call->db;
    *replace = false;
    for (size_t i = 3; i < call->argc; i++) {
        if (call_is(call, i, "REPLACE")) {
            *replace = true;
        } else if (call_is(call, i, "DB") && i + 1 < call->argc) {
            if (!call_database(call, ++i, to_db)) return false;
        } else {
            call_syntax_error(call);
            return false;
        }
    }
    if (*to_db != call->db || !str_same(call->argv[1], call->argv[2])) return true;
    same_objects(call);
    return false;
}

/* By the portable form, so that no type needs a way of its own to be copied. */
static int copy_entry(struct redis_call *call, const struct entry *entry, unsigned to_db)
{
    struct buffer bytes;
    struct cursor in;
    buffer_init(&bytes);
    entry_encode(entry, &bytes);
    cursor_init(&in, bytes.data, bytes.len);
    int rc = buffer_failed(&bytes) ? KITH_ENOMEM : 0;
    if (!rc)
        rc = cache_decode(call->cache, to_db, call->argv[2], &in, entry_deadline(entry), NULL);
    buffer_release(&bytes);
    return rc;
}

static void run_copy(struct redis_call *call)
{
    unsigned to_db;
    bool replace;
    if (!copy_options(call, &to_db, &replace)) return;
    bool taken = cache_read(call->cache, to_db, call->argv[2], LOOK_ONLY) != NULL;
    const struct entry *entry = cache_read(call->cache, call->db, call->argv[1], 0);
    if (!entry || (taken && !replace)) {
        resp_integer(call->reply, 0);
    } else if (copy_entry(call, entry, to_db)) {
        call_no_memory(call);
    } else {
        call_changed_in(call, to_db, call->argv[2], EVENT_GENERIC, "copy_to");
        resp_integer(call->reply, 1);
    }
}

/* ---- the table ---- */

#define KEY_READ(word, function, words, extra) \
    { .name = word, .run = function, .arity = words, .flags = CMD_READ | (extra), \
      .categories = CAT_KEYSPACE, .first_key = 1, .last_key = 1, .key_step = 1 }
#define KEY_WRITE(word, function, words, extra) \
    { .name = word, .run = function, .arity = words, .flags = CMD_WRITE | (extra), \
      .categories = CAT_KEYSPACE, .first_key = 1, .last_key = 1, .key_step = 1 }
#define KEYS_ALL(word, function, kind) \
    { .name = word, .run = function, .arity = -2, .flags = (kind), .categories = CAT_KEYSPACE, \
      .first_key = 1, .last_key = -1, .key_step = 1 }
#define KEYS_TWO(word, function, words, kind) \
    { .name = word, .run = function, .arity = words, .flags = (kind), \
      .categories = CAT_KEYSPACE, .first_key = 1, .last_key = 2, .key_step = 1 }
#define DATABASE(word, function, words, kind, more) \
    { .name = word, .run = function, .arity = words, .flags = (kind), \
      .categories = CAT_KEYSPACE | (more) }

const struct command key_commands[] = {
    KEYS_ALL("del", run_del, CMD_WRITE),
    KEYS_ALL("unlink", run_del, CMD_WRITE | CMD_FAST),
    KEYS_ALL("exists", run_exists, CMD_READ | CMD_FAST),
    KEYS_ALL("touch", run_touch, CMD_READ | CMD_FAST),
    KEY_READ("type", run_type, 2, CMD_FAST),
    KEYS_TWO("rename", run_rename, 3, CMD_WRITE),
    KEYS_TWO("renamenx", run_renamenx, 3, CMD_WRITE | CMD_FAST),
    KEYS_TWO("copy", run_copy, -3, CMD_WRITE | CMD_DENY_OOM),
    KEY_WRITE("move", run_move, 3, CMD_FAST),
    KEY_WRITE("expire", run_expire, -3, CMD_FAST),
    KEY_WRITE("pexpire", run_pexpire, -3, CMD_FAST),
    KEY_WRITE("expireat", run_expireat, -3, CMD_FAST),
    KEY_WRITE("pexpireat", run_pexpireat, -3, CMD_FAST),
    KEY_READ("ttl", run_ttl, 2, CMD_FAST),
    KEY_READ("pttl", run_pttl, 2, CMD_FAST),
    KEY_READ("expiretime", run_expiretime, 2, CMD_FAST),
    KEY_READ("pexpiretime", run_pexpiretime, 2, CMD_FAST),
    KEY_WRITE("persist", run_persist, 2, CMD_FAST),
    DATABASE("keys", run_keys, 2, CMD_READ, CAT_DANGEROUS),
    DATABASE("scan", run_scan, -2, CMD_READ, 0),
    DATABASE("randomkey", run_randomkey, 1, CMD_READ, 0),
    DATABASE("dbsize", run_dbsize, 1, CMD_READ | CMD_FAST, 0),
    DATABASE("flushdb", run_flushdb, -1, CMD_WRITE, CAT_DANGEROUS),
    DATABASE("flushall", run_flushall, -1, CMD_WRITE, CAT_DANGEROUS),
    DATABASE("swapdb", run_swapdb, 3, CMD_WRITE | CMD_FAST, CAT_DANGEROUS),
    { .name = "object", .arity = -2, .flags = CMD_READ, .categories = CAT_KEYSPACE,
      .subcommands = object_commands },
    KEY_READ("dump", run_dump, 2, 0),
    { .name = "restore", .run = run_restore, .arity = -4, .flags = CMD_WRITE | CMD_DENY_OOM,
      .categories = CAT_KEYSPACE | CAT_DANGEROUS, .first_key = 1, .last_key = 1, .key_step = 1 },
    { .name = "wait", .run = run_wait, .arity = 3, .flags = CMD_BLOCKING,
      .categories = CAT_CONNECTION, .timed_out = time_out_wait },
    { .name = NULL },
};
