/*
 * SETBIT, GETBIT, BITCOUNT, BITPOS: single bits of a string, and counting and finding them.
 *
 * Ranges are in bytes or in bits. Whole bytes in the middle are taken eight at a time, what stands
 * before and behind them through masks.
 */
#include "redis/cmd_bits.h"

#include <string.h>

#include "redis/cmd_string.h"
#include "redis/redis_internal.h"

bool bits_offset(struct redis_call *call, size_t arg, unsigned width, uint64_t *out)
{
    struct kith_str text = call->argv[arg];
    const bool counted = width && text.len && *text.data == '#';
    const uint64_t bytes_max = (uint64_t)call->redis->settings.bulk_bytes_max;
    int64_t offset;
    if (counted) text = (struct kith_str){text.data + 1, text.len - 1};
    const bool fits = text_integer(text, &offset) && offset >= 0 &&
                      (!counted || !__builtin_mul_overflow(offset, (int64_t)width, &offset)) &&
                      (uint64_t)offset >> 3 < bytes_max;
    if (!fits) call_error(call, "ERR bit offset is not an integer or out of range");
    else *out = (uint64_t)offset;
    return fits;
}

bool bits_edit(struct redis_call *call, uint64_t last_bit, uint8_t **bytes, bool *grown)
{
    const size_t need = (size_t)(last_bit >> 3) + 1;
    const struct kith_str key = call->argv[1];
    char scratch[ENTRY_TEXT_MAX], *edited;
    struct entry *entry = call_write(call, key, VALUE_STRING);
    if (call->failed) return false;
    const bool made = !entry;
    const size_t before = made ? 0 : entry_text(entry, scratch).len;
    if (need > before && !call_may_grow(call, need - before)) return false;
    if (made && cache_set_string(call->cache, call->db, key, (struct kith_str){"", 0},
                                 CACHE_NO_DEADLINE, true, &entry)) {
        call_no_memory(call);
        return false;
    }
    const size_t len = entry_text(entry, scratch).len;
    *grown = need > len;
    if (cache_edit_string(call->cache, call->db, &entry, *grown ? need : len, &edited)) {
        entry = made ? cache_write(call->cache, call->db, key) : NULL;
        if (entry) cache_remove(call->cache, call->db, entry, REMOVED_DELETED);
        call_no_memory(call);
        return false;
    }
    *bytes = (uint8_t *)edited;
    return true;
}

void run_setbit(struct redis_call *call)
{
    uint64_t offset;
    int64_t bit;
    uint8_t *bytes;
    bool grown;
    if (!bits_offset(call, 2, 0, &offset)) return;
    if (!text_integer(call->argv[3], &bit) || (bit != 0 && bit != 1)) {
        call_error(call, "ERR bit is not an integer or out of range");
        return;
    }
    if (!bits_edit(call, offset, &bytes, &grown)) return;
    const unsigned shift = 7 - (unsigned)(offset & 7);
    uint8_t *byte = &bytes[offset >> 3];
    const unsigned before = *byte >> shift & 1u;
    *byte = (uint8_t)((*byte & ~(1u << shift)) | (unsigned)bit << shift);
    if (grown || before != (unsigned)bit)
        call_changed(call, call->argv[1], EVENT_STRING, "setbit");
    resp_integer(call->reply, before);
}

void run_getbit(struct redis_call *call)
{
    uint64_t offset;
    char scratch[ENTRY_TEXT_MAX];
    if (!bits_offset(call, 2, 0, &offset)) return;
    const struct entry *entry = call_read(call, call->argv[1], VALUE_STRING);
    if (call->failed) return;
    const struct kith_str text = entry ? entry_text(entry, scratch) : str_of("");
    const unsigned byte = offset >> 3 < text.len ? (uint8_t)text.data[offset >> 3] : 0;
    resp_integer(call->reply, byte >> (7 - (offset & 7)) & 1);
}

/* ---- ranges ---- */

struct bit_range {
    const uint8_t *bytes;
    size_t first, last;   /* bytes */
    uint8_t front, back;  /* masks of the first and the last byte */
    bool empty, has_end;
    bool backwards;       /* -1 -2: nothing to BITCOUNT, whatever the length */
};

/* [start [end [BYTE|BIT]]] from argv[arg] on; false: it was answered. */
static bool read_range(struct redis_call *call, size_t arg, struct kith_str text,
                       struct bit_range *out)
{
    int64_t start = 0, end = -1, len = (int64_t)text.len;
    bool bits = false;
    *out = (struct bit_range){.bytes = (const uint8_t *)text.data, .front = 255, .back = 255};
    if (call->argc > arg + 3) {
        call_syntax_error(call);
        return false;
    }
    if (call->argc > arg && !call_integer(call, arg, &start)) return false;
    if (call->argc > arg + 2) {
        bits = call_is(call, arg + 2, "bit");
        if (!bits && !call_is(call, arg + 2, "byte")) {
            call_syntax_error(call);
            return false;
        }
    }
    out->has_end = call->argc > arg + 1;
    if (out->has_end && !call_integer(call, arg + 1, &end)) return false;
    if (bits) len *= 8;
    out->backwards = start < 0 && end < 0 && start > end;
    if (start < 0) start = start + len > 0 ? start + len : 0;
    if (end < 0) end = end + len > 0 ? end + len : 0;
    if (end >= len) end = len - 1;
    out->empty = start > end;
    if (out->empty) return true;
    out->first = (size_t)(bits ? start >> 3 : start);
    out->last = (size_t)(bits ? end >> 3 : end);
    if (bits) out->front = (uint8_t)(255u >> (start & 7));
    if (bits) out->back = (uint8_t)(255u << (7 - (end & 7)));
    return true;
}

/* A byte of the range, through the masks; bits outside of it are 0. */
static unsigned byte_of(const struct bit_range *range, size_t at)
{
    unsigned byte = range->bytes[at];
    if (at == range->first) byte &= range->front;
    if (at == range->last) byte &= range->back;
    return byte;
}

static uint64_t count_bits(const struct bit_range *range)
{
    size_t at = range->first + 1;
    uint64_t sum = (uint64_t)__builtin_popcount(byte_of(range, range->first)), word;
    for (; at + 8 < range->last; at += 8) {
        memcpy(&word, range->bytes + at, 8);
        sum += (uint64_t)__builtin_popcountll(word);
    }
    for (; at <= range->last; at++) sum += (uint64_t)__builtin_popcount(byte_of(range, at));
    return sum;
}

void run_bitcount(struct redis_call *call)
{
    struct bit_range range;
    char scratch[ENTRY_TEXT_MAX];
    const struct entry *entry = call_read(call, call->argv[1], VALUE_STRING);
    if (call->failed) return;
    if (!entry) {
        resp_integer(call->reply, 0);
    } else if (call->argc == 3) { /* a start needs an end here, as in Redis */
        call_syntax_error(call);
    } else if (read_range(call, 2, entry_text(entry, scratch), &range)) {
        resp_integer(call->reply, range.empty || range.backwards ? 0 : (int64_t)count_bits(&range));
    }
}

/* The place of the first such bit in the range; -1: there is none. */
static int64_t find_bit(const struct bit_range *range, unsigned bit)
{
    uint64_t word;
    const uint64_t skipped = bit ? 0 : UINT64_MAX;
    for (size_t at = range->first; at <= range->last; at++) {
        while (at > range->first && at + 8 < range->last) {
            memcpy(&word, range->bytes + at, 8);
            if (word != skipped) break;
            at += 8;
        }
        unsigned byte = range->bytes[at] ^ (bit ? 0u : 255u); /* what is looked for is 1 */
        if (at == range->first) byte &= range->front;
        if (at == range->last) byte &= range->back;
        if (byte) return (int64_t)at * 8 + __builtin_clz(byte) - 24;
    }
    return -1;
}

/* Looking for a 0 without an end, a string goes on with zeros behind it. */
void run_bitpos(struct redis_call *call)
{
    int64_t bit;
    struct bit_range range;
    char scratch[ENTRY_TEXT_MAX];
    if (!call_integer(call, 2, &bit)) return;
    if (bit != 0 && bit != 1) {
        call_error(call, "ERR The bit argument must be 1 or 0.");
        return;
    }
    const struct entry *entry = call_read(call, call->argv[1], VALUE_STRING);
    if (call->failed) return;
    if (!entry) {
        resp_integer(call->reply, bit ? -1 : 0);
        return;
    }
    const struct kith_str text = entry_text(entry, scratch);
    if (!read_range(call, 3, text, &range)) return;
    int64_t found = range.empty ? -1 : find_bit(&range, (unsigned)bit);
    if (found < 0 && !range.empty && !bit && !range.has_end) found = (int64_t)text.len * 8;
    resp_integer(call->reply, found);
}
