/*
 * BITFIELD, BITFIELD_RO: integers of 1 to 64 bits anywhere in a string, highest bit first.
 *
 * All words are read before anything is done, so a call does all or nothing. The string is made as
 * long as the furthest write needs, also when that write then fails by OVERFLOW FAIL.
 */
#include "base/alloc.h"
#include "redis/cmd_bits.h"
#include "redis/cmd_string.h"
#include "redis/redis_internal.h"

#define FIELD_TYPE_ERROR                                                                           \
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but "    \
    "i64 is."

enum overflow { OVERFLOW_WRAP, OVERFLOW_SAT, OVERFLOW_FAIL };
enum field_action { FIELD_GET, FIELD_SET, FIELD_ADD };

struct field {
    enum field_action action;
    enum overflow overflow;
    bool is_signed;
    unsigned bits;
    uint64_t offset;
    int64_t operand;
};

struct fields {
    struct field *list; /* owns */
    size_t count;
    bool writes;
    uint64_t last_bit; /* of the writes */
};

/* ---- words ---- */

static bool read_type(struct redis_call *call, size_t arg, struct field *out)
{
    const struct kith_str text = call->argv[arg];
    int64_t bits = 0;
    out->is_signed = text.len && *text.data == 'i';
    const bool fits = text.len > 1 && (out->is_signed || *text.data == 'u') &&
                      text_integer((struct kith_str){text.data + 1, text.len - 1}, &bits) &&
                      bits >= 1 && bits <= (out->is_signed ? 64 : 63);
    if (!fits) call_error(call, FIELD_TYPE_ERROR);
    out->bits = (unsigned)bits;
    return fits;
}

static bool read_overflow(struct redis_call *call, size_t arg, enum overflow *out)
{
    if (call_is(call, arg, "wrap")) *out = OVERFLOW_WRAP;
    else if (call_is(call, arg, "sat")) *out = OVERFLOW_SAT;
    else if (call_is(call, arg, "fail")) *out = OVERFLOW_FAIL;
    else call_error(call, "ERR Invalid OVERFLOW type specified");
    return !call->failed;
}

/* The words of one field from argv[arg] on; how many they are, 0: it was answered. */
static size_t read_field(struct redis_call *call, size_t arg, struct field *out)
{
    const size_t left = call->argc - arg - 1;
    if (left >= 2 && call_is(call, arg, "get")) out->action = FIELD_GET;
    else if (left >= 3 && call_is(call, arg, "set")) out->action = FIELD_SET;
    else if (left >= 3 && call_is(call, arg, "incrby")) out->action = FIELD_ADD;
    else {
        call_syntax_error(call);
        return 0;
    }
    if (!read_type(call, arg + 1, out) || !bits_offset(call, arg + 2, out->bits, &out->offset))
        return 0;
    if (out->action == FIELD_GET) return 3;
    return call_integer(call, arg + 3, &out->operand) ? 4 : 0;
}

/* false: it was answered */
static bool read_fields(struct redis_call *call, struct fields *out)
{
    enum overflow overflow = OVERFLOW_WRAP;
    *out = (struct fields){.list = mem_alloc_array(call->argc, sizeof *out->list)};
    if (!out->list) {
        call_no_memory(call);
        return false;
    }
    for (size_t arg = 2; arg < call->argc;) {
        if (call_is(call, arg, "overflow") && arg + 1 < call->argc) {
            if (!read_overflow(call, arg + 1, &overflow)) return false;
            arg += 2;
            continue;
        }
        struct field *field = &out->list[out->count];
        *field = (struct field){.overflow = overflow};
        const size_t words = read_field(call, arg, field);
        if (!words) return false;
        arg += words;
        out->count++;
        if (field->action == FIELD_GET) continue;
        const uint64_t last = field->offset + field->bits - 1;
        out->writes = true;
        if (last > out->last_bit) out->last_bit = last;
    }
    return true;
}

/* ---- bits ---- */

/* Behind the end there are zeros. */
static uint64_t get_bits(const uint8_t *bytes, size_t len, uint64_t offset, unsigned bits)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bits; i++, offset++) {
        const unsigned byte = offset >> 3 < len ? bytes[offset >> 3] : 0;
        value = value << 1 | (byte >> (7 - (offset & 7)) & 1u);
    }
    return value;
}

static void set_bits(uint8_t *bytes, uint64_t offset, unsigned bits, uint64_t value)
{
    for (unsigned i = bits; i-- > 0; offset++) {
        const unsigned shift = 7 - (unsigned)(offset & 7);
        uint8_t *byte = &bytes[offset >> 3];
        *byte = (uint8_t)((*byte & ~(1u << shift)) | (unsigned)(value >> i & 1) << shift);
    }
}

static int64_t extended(uint64_t value, unsigned bits)
{
    if (bits < 64 && value >> (bits - 1) & 1) value |= UINT64_MAX << bits;
    return (int64_t)value;
}

/* base + more as `bits` bits; false: it does not fit, and OVERFLOW FAIL was said. */
static bool add_signed(int64_t base, int64_t more, const struct field *field, uint64_t *out)
{
    const int64_t max = (int64_t)((UINT64_C(1) << (field->bits - 1)) - 1), min = -max - 1;
    int64_t sum;
    const bool beyond = __builtin_add_overflow(base, more, &sum);
    *out = (uint64_t)base + (uint64_t)more; /* the low bits are those of the sum */
    if (!beyond && sum >= min && sum <= max) return true;
    const bool above = beyond ? more > 0 : sum > max;
    if (field->overflow == OVERFLOW_SAT) *out = (uint64_t)(above ? max : min);
    return field->overflow != OVERFLOW_FAIL;
}

static bool add_unsigned(uint64_t base, int64_t more, const struct field *field, uint64_t *out)
{
    const uint64_t max = UINT64_MAX >> (64 - field->bits);
    const uint64_t less = more < 0 ? 0 - (uint64_t)more : 0;
    const bool below = less > base;
    const bool above = base > max || (more > 0 && (uint64_t)more > max - base);
    *out = base + (uint64_t)more;
    if (!above && !below) return true;
    if (field->overflow == OVERFLOW_SAT) *out = above ? max : 0;
    return field->overflow != OVERFLOW_FAIL;
}

/* What the field becomes; a SET is a sum with 0, as far as fitting goes. */
static bool new_value(const struct field *field, uint64_t before, uint64_t *out)
{
    const bool set = field->action == FIELD_SET;
    const int64_t more = set ? 0 : field->operand;
    if (field->is_signed)
        return add_signed(set ? field->operand : extended(before, field->bits), more, field, out);
    return add_unsigned(set ? (uint64_t)field->operand : before, more, field, out);
}

static uint64_t masked(uint64_t value, unsigned bits)
{
    return bits < 64 ? value & ~(UINT64_MAX << bits) : value;
}

static void put_value(struct redis_call *call, const struct field *field, uint64_t value)
{
    resp_integer(call->reply,
                 field->is_signed ? extended(value, field->bits) : (int64_t)value);
}

/* true: the string is another one now */
static bool write_field(struct redis_call *call, const struct field *field, uint8_t *bytes,
                        size_t len)
{
    uint64_t value;
    const uint64_t before = get_bits(bytes, len, field->offset, field->bits);
    if (!new_value(field, before, &value)) {
        resp_null(call->reply);
        return false;
    }
    value = masked(value, field->bits);
    put_value(call, field, field->action == FIELD_SET ? before : value);
    set_bits(bytes, field->offset, field->bits, value);
    return value != before;
}

/* ---- commands ---- */

static void only_read(struct redis_call *call, const struct fields *fields)
{
    char scratch[ENTRY_TEXT_MAX];
    const struct entry *entry = call_read(call, call->argv[1], VALUE_STRING);
    if (call->failed) return;
    const struct kith_str text = entry ? entry_text(entry, scratch) : str_of("");
    resp_array(call->reply, fields->count);
    for (size_t i = 0; i < fields->count; i++) {
        const struct field *field = &fields->list[i];
        put_value(call, field, get_bits((const uint8_t *)text.data, text.len, field->offset,
                                        field->bits));
    }
}

static void read_and_write(struct redis_call *call, const struct fields *fields)
{
    uint8_t *bytes;
    bool changed;
    char scratch[ENTRY_TEXT_MAX];
    if (!bits_edit(call, fields->last_bit, &bytes, &changed)) return;
    const struct entry *entry =
        cache_read(call->cache, call->db, call->argv[1], CACHE_NO_TOUCH | CACHE_NO_STATS);
    const size_t len = entry ? entry_text(entry, scratch).len : 0;
    resp_array(call->reply, fields->count);
    for (size_t i = 0; i < fields->count; i++) {
        const struct field *field = &fields->list[i];
        if (field->action == FIELD_GET)
            put_value(call, field, get_bits(bytes, len, field->offset, field->bits));
        else if (write_field(call, field, bytes, len)) changed = true;
    }
    if (changed) call_changed(call, call->argv[1], EVENT_STRING, "setbit");
}

static void run(struct redis_call *call, bool may_write)
{
    struct fields fields;
    if (read_fields(call, &fields)) {
        if (!fields.writes) only_read(call, &fields);
        else if (may_write) read_and_write(call, &fields);
        else call_error(call, "ERR BITFIELD_RO only supports the GET subcommand");
    }
    mem_free(fields.list);
}

void run_bitfield(struct redis_call *call) { run(call, true); }
void run_bitfield_ro(struct redis_call *call) { run(call, false); }
