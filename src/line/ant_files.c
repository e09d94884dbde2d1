/*
 * Snapshots and logs of Ant-Cache: see ant_files.h.
 */
#include "line/ant_files.h"

#include <string.h>

#include "base/alloc.h"

#define HEADER_BYTES 13u
#define ITEM 0x01u
#define END 0xffu

/* ---- ATD ---- */

struct reader {
    const uint8_t *data;
    size_t len, at;
    bool short_of; /* more was asked for than there is */
    struct kith_str *words; /* owns */
    size_t cap;
};

static uint64_t number(struct reader *in, size_t bytes)
{
    uint64_t value = 0;
    if (in->len - in->at < bytes) {
        in->short_of = true;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++) value = value << 8 | in->data[in->at++];
    return value;
}

/* Two's complement, as it stands in the file. */
static int64_t signed_number(struct reader *in)
{
    const uint64_t bits = number(in, 8);
    int64_t value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static struct kith_str text(struct reader *in, size_t len_bytes)
{
    const uint64_t len = number(in, len_bytes);
    if (in->short_of || in->len - in->at < len) {
        in->short_of = true;
        return (struct kith_str){ "", 0 };
    }
    in->at += (size_t)len;
    return (struct kith_str){ (const char *)in->data + in->at - len, (size_t)len };
}

/* At most 2 * 65,535 words: a u16 counts them. */
static int room(struct reader *in, size_t count)
{
    if (count <= in->cap) return 0;
    struct kith_str *fresh = mem_realloc(in->words, count * sizeof *fresh);
    if (!fresh) return KITH_ENOMEM;
    in->words = fresh;
    in->cap = count;
    return 0;
}

static int read_value(struct reader *in, struct ant_item *item)
{
    const uint64_t kind = number(in, 1);
    if (in->short_of || kind < ANT_STRING || kind > ANT_OBJECT) return KITH_ECORRUPT;
    item->kind = (enum ant_kind_of_value)kind;
    item->count = 1;
    if (kind != ANT_STRING) item->count = (size_t)number(in, 2) * (kind == ANT_OBJECT ? 2 : 1);
    if (in->len - in->at < item->count * 2) in->short_of = true; /* each has a length */
    if (in->short_of) return KITH_ECORRUPT;
    const int rc = room(in, item->count);
    for (size_t i = 0; rc == 0 && i < item->count && !in->short_of; i++)
        in->words[i] = text(in, kind == ANT_STRING ? 4 : 2);
    item->words = in->words;
    return rc == 0 && in->short_of ? KITH_ECORRUPT : rc;
}

static int read_item(struct reader *in, const struct ant_sink *sink)
{
    struct ant_item item = { .key = text(in, 2) };
    int rc = in->short_of ? KITH_ECORRUPT : read_value(in, &item);
    if (rc == 0) item.expiry_ns = signed_number(in);
    if (rc == 0 && in->short_of) rc = KITH_ECORRUPT;
    return rc ? rc : sink->item(sink->ctx, &item);
}

static int read_items(struct reader *in, const struct ant_sink *sink)
{
    int rc = 0;
    while (rc == 0) {
        const uint64_t mark = number(in, 1);
        if (in->short_of) return KITH_ECORRUPT;
        if (mark == END) return 0;
        rc = mark == ITEM ? read_item(in, sink) : KITH_ECORRUPT;
    }
    return rc;
}

int ant_atd_read(const void *data, size_t len, const struct ant_sink *sink, int64_t *saved_s,
                 struct kith_error *err)
{
    struct reader in = { .data = data, .len = len };
    if (len < HEADER_BYTES || memcmp(data, "ANTC\x01", 5) != 0)
        return error_set(err, KITH_ECORRUPT, "this is no ATD snapshot of version 1");
    in.at = 5;
    *saved_s = signed_number(&in);
    const int rc = read_items(&in, sink);
    mem_free(in.words);
    if (rc == KITH_ECORRUPT)
        error_set(err, rc, "%s at offset %zu",
                  in.short_of ? "the file was cut off" : "damage", in.at);
    return rc;
}

/* ---- ACL ---- */

static bool parse_int64(const char *at, size_t len, int64_t *out)
{
    const bool minus = len && *at == '-';
    uint64_t value = 0;
    if (len == minus) return false;
    for (size_t i = minus; i < len; i++) {
        const uint64_t digit = (uint64_t)(at[i] - '0');
        if (at[i] < '0' || at[i] > '9' || value > ((uint64_t)INT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    *out = minus ? -(int64_t)value : (int64_t)value;
    return true;
}

static bool parse_type(const char *at, size_t len, enum ant_change_kind *out)
{
    static const struct { const char *name; enum ant_change_kind kind; } types[] = {
        { "SET", ANT_PUT },       { "SETS", ANT_PUT },       { "SETX", ANT_PUT },
        { "SETNX", ANT_PUT_NEW }, { "SETSNX", ANT_PUT_NEW }, { "SETXNX", ANT_PUT_NEW },
        { "DEL", ANT_REMOVE },    { "DELS", ANT_REMOVE },    { "DELX", ANT_REMOVE },
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strlen(types[i].name) != len || memcmp(types[i].name, at, len) != 0) continue;
        *out = types[i].kind;
        return true;
    }
    return false;
}

/* Takes exactly one pair of brackets away. */
static void strip(struct ant_change *out)
{
    struct kith_str *value = &out->value;
    const size_t front = value->len > 4 && memcmp(value->data, "map[", 4) == 0 ? 4 : 1;
    out->value_kind = ANT_STRING;
    if (value->len < front + 1 || value->data[value->len - 1] != ']') return;
    if (value->data[front - 1] != '[') return;
    out->value_kind = front == 4 ? ANT_OBJECT : ANT_ARRAY;
    value->data += front;
    value->len -= front + 1;
}

enum ant_line ant_acl_line(const char *line, size_t len, bool first_bar, struct ant_change *out)
{
    const char *end = line + len;
    const char *type = len ? memchr(line, '|', len) : NULL;
    if (!type || !parse_int64(line, (size_t)(type - line), &out->unix_ns)) return ANT_LINE_BAD;
    type++;
    const char *key = memchr(type, '|', (size_t)(end - type));
    if (!key || !parse_type(type, (size_t)(key - type), &out->kind)) return ANT_LINE_BAD;
    key++;
    const char *ttl = end;
    while (ttl > key && ttl[-1] != '|') ttl--;
    if (ttl == key || !parse_int64(ttl, (size_t)(end - ttl), &out->ttl_ns)) return ANT_LINE_BAD;
    const char *last = ttl - 1; /* the middle: key '|' value */
    const char *bar = memchr(key, '|', (size_t)(last - key));
    if (!bar) return ANT_LINE_BAD;
    const bool more = memchr(bar + 1, '|', (size_t)(last - bar - 1)) != NULL;
    out->key = (struct kith_str){ key, (size_t)(bar - key) };
    out->value = (struct kith_str){ bar + 1, (size_t)(last - bar - 1) };
    strip(out);
    return more && !first_bar ? ANT_LINE_AMBIGUOUS : ANT_LINE_GOOD;
}
