/*
 * BITOP: strings combined bit by bit into a third. A shorter one goes on with zeros.
 *
 *     AND OR XOR     of all sources
 *     NOT            of the only one
 *     DIFF           bits of the first that are in no other
 *     DIFF1          bits of any other that are not in the first
 *     ANDOR          bits of the first that are in any other
 *     ONE            bits that are in exactly one source
 */
#include <string.h>

#include "base/alloc.h"
#include "redis/cmd_bits.h"
#include "redis/cmd_string.h"
#include "redis/redis_internal.h"

#define SOURCES_LONG 16u /* as many of the longest are read in a second or two */

enum bit_operation { OP_AND, OP_OR, OP_XOR, OP_NOT, OP_DIFF, OP_DIFF1, OP_ANDOR, OP_ONE, OPS };

struct combining {
    enum bit_operation operation;
    uint8_t *out;  /* owns */
    uint8_t *many; /* owns; OP_ONE: bits seen more than once. OP_DIFF and its kin: the first */
    size_t len;
};

static bool read_operation(struct redis_call *call, enum bit_operation *out)
{
    static const char *const words[] = {"and", "or", "xor", "not", "diff", "diff1", "andor", "one"};
    unsigned at = 0;
    while (at < OPS && !call_is(call, 1, words[at])) at++;
    *out = (enum bit_operation)at;
    if (at == OPS) call_syntax_error(call);
    else if (at == OP_NOT && call->argc != 4)
        call_error(call, "ERR BITOP NOT must be called with a single source key.");
    else if (at >= OP_DIFF && at <= OP_ANDOR && call->argc < 5)
        call_errorf(call, "ERR BITOP %s must be called with at least two source keys.",
                    at == OP_DIFF ? "DIFF" : at == OP_DIFF1 ? "DIFF1" : "ANDOR");
    return !call->failed;
}

/* The longest source; false: one is no string, or they are too much (a long one named a thousand
 * times), which was answered. */
static bool measure(struct redis_call *call, size_t *out)
{
    const uint64_t most = (uint64_t)call->redis->settings.bulk_bytes_max * SOURCES_LONG;
    char scratch[ENTRY_TEXT_MAX];
    uint64_t all = 0;
    *out = 0;
    for (size_t arg = 3; arg < call->argc; arg++) {
        const struct entry *entry = call_read(call, call->argv[arg], VALUE_STRING);
        if (call->failed) return false;
        const size_t len = entry ? entry_text(entry, scratch).len : 0;
        if (len > *out) *out = len;
        all += len;
    }
    if (all <= most || !call->session) return true;
    call_errorf(call, "ERR the sources of BITOP have more than %u times proto-max-bulk-len bytes",
                SOURCES_LONG);
    return false;
}

static uint8_t byte_at(struct kith_str text, size_t at)
{
    return at < text.len ? (uint8_t)text.data[at] : 0;
}

/* One more source; `first` is the first of all. */
static void take(struct combining *to, struct kith_str text, bool first)
{
    const enum bit_operation operation = to->operation;
    const bool apart = first && operation >= OP_DIFF && operation <= OP_ANDOR;
    for (size_t i = 0; i < to->len; i++) {
        const uint8_t byte = byte_at(text, i);
        uint8_t *out = &to->out[i];
        if (apart) to->many[i] = byte;
        else if (operation == OP_AND) *out = first ? byte : *out & byte;
        else if (operation == OP_XOR) *out ^= byte;
        else if (operation == OP_NOT) *out = (uint8_t)~byte;
        else {
            if (operation == OP_ONE) to->many[i] |= *out & byte;
            *out |= byte;
        }
    }
}

/* `out` holds what any of the others has, or any at all. */
static void finish(struct combining *to)
{
    for (size_t i = 0; to->many && i < to->len; i++) {
        const unsigned any = to->out[i], kept = to->many[i];
        if (to->operation == OP_DIFF) to->out[i] = (uint8_t)(kept & ~any);
        else if (to->operation == OP_DIFF1) to->out[i] = (uint8_t)(any & ~kept);
        else if (to->operation == OP_ANDOR) to->out[i] = (uint8_t)(any & kept);
        else to->out[i] = (uint8_t)(any & ~kept);
    }
}

static bool combine(struct redis_call *call, struct combining *to)
{
    char scratch[ENTRY_TEXT_MAX];
    to->out = mem_zalloc(to->len);
    if (to->operation >= OP_DIFF) to->many = mem_zalloc(to->len);
    if (!to->out || (to->operation >= OP_DIFF && !to->many)) {
        call_no_memory(call);
        return false;
    }
    for (size_t arg = 3; arg < call->argc; arg++) {
        const struct entry *entry = cache_read(call->cache, call->db, call->argv[arg],
                                               CACHE_NO_TOUCH | CACHE_NO_STATS);
        take(to, entry ? entry_text(entry, scratch) : str_of(""), arg == 3);
    }
    finish(to);
    return true;
}

/* A string of bits is raw, whatever its bytes look like. */
static void store(struct redis_call *call, const struct combining *from)
{
    const struct kith_str target = call->argv[2], value = {(const char *)from->out, from->len};
    struct entry *entry;
    char *bytes;
    if (cache_set_string(call->cache, call->db, target, value, CACHE_NO_DEADLINE, true, &entry)) {
        call_no_memory(call);
        return;
    }
    (void)!cache_edit_string(call->cache, call->db, &entry, from->len, &bytes);
    call_changed(call, target, EVENT_STRING, "set");
    resp_integer(call->reply, (int64_t)from->len);
}

void run_bitop(struct redis_call *call)
{
    struct combining to = {.out = NULL};
    const struct kith_str target = call->argv[2];
    if (!read_operation(call, &to.operation) || !measure(call, &to.len)) return;
    if (to.len == 0) {
        struct entry *entry = cache_write(call->cache, call->db, target);
        if (entry) call_drop(call, target, entry);
        resp_integer(call->reply, 0);
        return;
    }
    if (call_may_grow(call, to.len) && combine(call, &to)) store(call, &to);
    mem_free(to.many);
    mem_free(to.out);
}
