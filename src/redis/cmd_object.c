/*
 * OBJECT, DUMP, RESTORE and WAIT.
 *
 * The bytes of DUMP are our own: entry_encode, a version of two bytes and the XXH3 of all that,
 * both little-endian. RESTORE takes nothing else.
 */
#include "base/checksum.h"
#include "redis/cmd_key.h"
#include "redis/cmd_string.h"
#include "redis/redis_internal.h"

#define DUMP_VERSION 1u
#define DUMP_TAIL_BYTES 10u

/* ---- OBJECT ---- */

static const struct entry *look(struct redis_call *call)
{
    const struct entry *entry = cache_read(call->cache, call->db, call->argv[2], LOOK_ONLY);
    if (!entry) resp_null(call->reply);
    return entry;
}

static void run_encoding(struct redis_call *call)
{
    const struct entry *entry = look(call);
    if (entry) resp_cstr(call->reply, entry_encoding(call->cache, entry));
}

static void run_refcount(struct redis_call *call)
{
    if (look(call)) resp_integer(call->reply, 1);
}

static bool counts_frequency(const struct redis_call *call)
{
    enum eviction policy = cache_settings(call->cache)->policy;
    return policy == EVICT_ALL_LFU || policy == EVICT_VOLATILE_LFU;
}

#define SWITCHING " Please note that when switching between policies at runtime LRU and LFU data " \
                  "will take some time to adjust."

static void run_freq(struct redis_call *call)
{
    const struct entry *entry = look(call);
    if (!entry) return;
    if (counts_frequency(call)) {
        resp_integer(call->reply, entry_frequency(call->cache, entry));
    } else {
        call_error(call, "ERR An LFU maxmemory policy is not selected, access frequency not "
                         "tracked." SWITCHING);
    }
}

static void run_idletime(struct redis_call *call)
{
    const struct entry *entry = look(call);
    if (!entry) return;
    if (!counts_frequency(call)) {
        resp_integer(call->reply, entry_idle_s(call->cache, entry));
    } else {
        call_error(call, "ERR An LFU maxmemory policy is selected, idle time not tracked."
                         SWITCHING);
    }
}

static void run_help(struct redis_call *call)
{
    static const char *const lines[] = {
        "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "ENCODING <key>",
        "    Return the kind of internal representation used in order to store the value",
        "    associated with a <key>.",
        "FREQ <key>",
        "    Return the access frequency index of the <key>. The returned integer is",
        "    proportional to the logarithm of the recent access frequency of the key.",
        "IDLETIME <key>",
        "    Return the idle time of the <key>, that is the approximated number of",
        "    seconds elapsed since the last access to the key.",
        "REFCOUNT <key>",
        "    Return the number of references of the value associated with the specified",
        "    <key>.",
        "HELP",
        "    Prints this help.",
    };
    resp_array(call->reply, sizeof lines / sizeof lines[0]);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        resp_status(call->reply, lines[i]);
}

#define OBJECT_READ(word, function) \
    { .name = word, .run = function, .arity = 3, .flags = CMD_READ, \
      .categories = CAT_KEYSPACE, .first_key = 2, .last_key = 2, .key_step = 1 }

const struct command object_commands[] = {
    OBJECT_READ("encoding", run_encoding),
    OBJECT_READ("freq", run_freq),
    OBJECT_READ("idletime", run_idletime),
    OBJECT_READ("refcount", run_refcount),
    { .name = "help", .run = run_help, .arity = 2, .flags = CMD_LOADING,
      .categories = CAT_KEYSPACE },
    { .name = NULL },
};

/* ---- DUMP and RESTORE ---- */

void run_dump(struct redis_call *call)
{
    const struct entry *entry =
        cache_read(call->cache, call->db, call->argv[1], CACHE_NO_TOUCH);
    if (!entry) {
        resp_null(call->reply);
        return;
    }
    struct buffer bytes;
    buffer_init(&bytes);
    entry_encode(entry, &bytes);
    buffer_put_u16(&bytes, DUMP_VERSION);
    buffer_put_u64(&bytes, hash64(bytes.data, bytes.len, 0));
    if (buffer_failed(&bytes)) {
        call_no_memory(call);
    } else {
        resp_bulk(call->reply, bytes.data, bytes.len);
    }
    buffer_release(&bytes);
}

/* The bytes of the value; false: damaged, or of another version. */
static bool open_dump(struct kith_str dump, struct cursor *out)
{
    if (dump.len < DUMP_TAIL_BYTES) return false;
    size_t body = dump.len - DUMP_TAIL_BYTES;
    struct cursor tail;
    cursor_init(&tail, dump.data + body, DUMP_TAIL_BYTES);
    if (cursor_u16(&tail) != DUMP_VERSION) return false;
    if (cursor_u64(&tail) != hash64(dump.data, body + 2, 0)) return false;
    cursor_init(out, dump.data, body);
    return true;
}

struct restore {
    bool replace, absolute;
    int64_t number;
};

/* IDLETIME and FREQ tell of a cache that was: here the key is new, and they are only checked. */
static bool restore_age(struct redis_call *call, size_t i)
{
    int64_t age;
    const bool idle = call_is(call, i, "IDLETIME");
    if (!call_integer(call, i + 1, &age)) return false;
    if (age >= 0 && (idle || age <= 255)) return true;
    call_error(call, idle ? "ERR Invalid IDLETIME value, must be >= 0"
                          : "ERR Invalid FREQ value, must be >= 0 and <= 255");
    return false;
}

static bool restore_take(struct redis_call *call, struct restore *out)
{
    bool aged = false;
    for (size_t i = 4; i < call->argc; i++) {
        if (call_is(call, i, "REPLACE")) {
            out->replace = true;
        } else if (call_is(call, i, "ABSTTL")) {
            out->absolute = true;
        } else if ((call_is(call, i, "IDLETIME") || call_is(call, i, "FREQ")) &&
                   i + 1 < call->argc && !aged) {
            if (!restore_age(call, i++)) return false;
            aged = true; /* of the two there may be one */
        } else {
            call_syntax_error(call);
            return false;
        }
    }
    if (!call_integer(call, 2, &out->number)) return false;
    if (out->number >= 0) return true;
    call_error(call, "ERR Invalid TTL value, must be >= 0");
    return false;
}

static void restore_value(struct redis_call *call, struct cursor *in, int64_t deadline)
{
    struct kith_str key = call->argv[1];
    struct entry *entry;
    int rc = cache_decode(call->cache, call->db, key, in, deadline, &entry);
    if (rc == KITH_ENOMEM) {
        call_no_memory(call);
    } else if (rc) {
        call_error(call, "ERR Bad data format");
    } else {
        if (deadline == CACHE_NO_DEADLINE) {
            call_logf(call, "RESTORE %S 0 %S REPLACE", &key, &call->argv[3]);
        } else {
            call_logf(call, "RESTORE %S %I %S REPLACE ABSTTL", &key, deadline, &call->argv[3]);
        }
        call_changed(call, key, EVENT_GENERIC, "restore");
        resp_ok(call->reply);
    }
}

void run_restore(struct redis_call *call)
{
    struct restore options = {0};
    struct cursor in;
    int64_t deadline = CACHE_NO_DEADLINE;
    if (!restore_take(call, &options)) return;
    if (options.number > 0 &&
        !call_expiry_time(call, options.number, !options.absolute, false, &deadline))
        return;
    bool taken = cache_read(call->cache, call->db, call->argv[1], LOOK_ONLY) != NULL;
    if (taken && !options.replace) {
        call_error(call, "BUSYKEY Target key name already exists.");
    } else if (!open_dump(call->argv[3], &in)) {
        call_error(call, "ERR DUMP payload version or checksum are wrong");
    } else {
        restore_value(call, &in, deadline);
    }
}

/* ---- WAIT ---- */

/* There are no replicas: none has ever acknowledged anything. */
void time_out_wait(struct redis_call *call)
{
    resp_integer(call->reply, 0);
}

void run_wait(struct redis_call *call)
{
    int64_t replicas, timeout_ms;
    if (!call_integer(call, 1, &replicas)) return;
    if (!text_integer(call->argv[2], &timeout_ms)) {
        call_error(call, "ERR timeout is not an integer or out of range");
        return;
    }
    if (timeout_ms < 0) {
        call_error(call, "ERR timeout is negative");
        return;
    }
    int64_t until = OS_FOREVER;
    if (timeout_ms > 0 && timeout_ms < INT64_MAX / 2000)
        until = os_now_us(call->redis->os) + timeout_ms * 1000;
    if (replicas <= 0 || !call_block(call, NULL, 0, until)) time_out_wait(call);
}
