/*
 * Packs: see pack.h for the format.
 *
 * Growth: to what is needed and an eighth, so that adding n elements copies O(n) bytes; new room
 * goes to the side where the insertion was. The shorter side of the elements is the one that moves.
 */
#include "cache/pack.h"

#include <stdio.h>
#include <string.h>

#include "base/endian.h"

enum {
    HEAD_STRING_6 = 0x80,
    HEAD_INTEGER = 0xc0,
    HEAD_STRING_12 = 0xd0,
    HEAD_STRING_32 = 0xe0,
    HEAD_REAL = 0xf0,
    HEAD_SHORT_REAL = 0xf1,
    HEAD_BYTES_MAX = 9
};
#define GROW_MIN 16u

/* ---- items ---- */

bool pack_canonical(struct kith_str text, int64_t *out)
{
    if (text.len == 0 || text.len > 20) return false;
    const bool minus = text.data[0] == '-';
    const size_t first = minus;
    if (text.len == first || text.len - first > 19) return false;
    if (text.data[first] == '0') {
        if (text.len != 1) return false;
        *out = 0;
        return true;
    }
    uint64_t value = 0;
    for (size_t i = first; i < text.len; i++) {
        const unsigned digit = (unsigned char)text.data[i] - (unsigned)'0';
        if (digit > 9) return false;
        value = value * 10 + digit;
    }
    if (value > (uint64_t)INT64_MAX + minus) return false;
    *out = minus ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

struct pack_item pack_item_of(struct kith_str text)
{
    struct pack_item item;
    item.kind = pack_canonical(text, &item.integer) ? PACK_INTEGER : PACK_STRING;
    item.text = text;
    return item;
}

struct pack_item pack_item_integer(int64_t value)
{
    struct pack_item item;
    item.kind = PACK_INTEGER;
    item.integer = value;
    return item;
}

struct pack_item pack_item_real(double value)
{
    if (value >= -9e15 && value <= 9e15 && value == (double)(int64_t)value) {
        return pack_item_integer((int64_t)value);
    }
    struct pack_item item;
    item.kind = PACK_REAL;
    item.real = value;
    return item;
}

static struct kith_str print_integer(int64_t value, char scratch[PACK_TEXT_MAX])
{
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char *at = scratch + PACK_TEXT_MAX;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0) *--at = '-';
    return (struct kith_str){ at, (size_t)(scratch + PACK_TEXT_MAX - at) };
}

struct kith_str pack_item_text(struct pack_item *item)
{
    if (item->kind == PACK_INTEGER) item->text = print_integer(item->integer, item->scratch);
    return item->text;
}

double pack_item_number(const struct pack_item *item)
{
    if (item->kind == PACK_INTEGER) return (double)item->integer;
    return item->kind == PACK_REAL ? item->real : 0;
}

static unsigned integer_width(int64_t value)
{
    unsigned width = 1;
    while (width < 8 && (value < -((int64_t)1 << (8 * width - 1)) ||
                         value >= (int64_t)1 << (8 * width - 1))) {
        width++;
    }
    return width;
}

static size_t make_real(double value, uint8_t head[HEAD_BYTES_MAX])
{
    const float half = (float)value;
    const bool fits = (double)half == value;
    head[0] = fits ? HEAD_SHORT_REAL : HEAD_REAL;
    if (fits) lef32_put(head + 1, half);
    else lef64_put(head + 1, value);
    return fits ? 5 : 9;
}

/* Head and what belongs to it, but not the bytes of a string. */
static size_t make_head(const struct pack_item *item, uint8_t head[HEAD_BYTES_MAX])
{
    if (item->kind == PACK_REAL) return make_real(item->real, head);
    if (item->kind == PACK_INTEGER) {
        if (item->integer >= 0 && item->integer < 128) {
            head[0] = (uint8_t)item->integer;
            return 1;
        }
        const unsigned width = integer_width(item->integer);
        head[0] = (uint8_t)(HEAD_INTEGER + width);
        le64_put(head + 1, (uint64_t)item->integer); /* what is past width is not copied */
        return 1 + width;
    }
    const size_t len = item->text.len;
    if (len < 64) {
        head[0] = (uint8_t)(HEAD_STRING_6 | len);
        return 1;
    }
    if (len < 4096) {
        head[0] = (uint8_t)(HEAD_STRING_12 | len >> 8);
        head[1] = (uint8_t)len;
        return 2;
    }
    head[0] = HEAD_STRING_32;
    le32_put(head + 1, (uint32_t)len);
    return 5;
}

static size_t tail_size(size_t bytes)
{
    size_t size = 1;
    for (; bytes >= 128; bytes >>= 7) size++;
    return size;
}

static size_t item_body(const struct pack_item *item)
{
    uint8_t head[HEAD_BYTES_MAX];
    return make_head(item, head) + (item->kind == PACK_STRING ? item->text.len : 0);
}

size_t pack_item_bytes(const struct pack_item *item)
{
    const size_t body = item_body(item);
    return body + tail_size(body);
}

/* Writes the size of head and bytes backwards from `end`. */
static void put_tail(uint8_t *end, size_t body)
{
    for (; body >= 128; body >>= 7) *--end = (uint8_t)(body | 128);
    *--end = (uint8_t)body;
}

static uint8_t *put_item(uint8_t *to, const struct pack_item *item)
{
    uint8_t head[HEAD_BYTES_MAX];
    const size_t head_len = make_head(item, head);
    size_t body = head_len;
    memcpy(to, head, head_len);
    if (item->kind == PACK_STRING) {
        if (item->text.len) memcpy(to + head_len, item->text.data, item->text.len);
        body += item->text.len;
    }
    uint8_t *tail = to + body + tail_size(body);
    put_tail(tail, body);
    return tail;
}

/* ---- walking ---- */

/* Size of head and bytes of the element at p, which is whole. */
static inline size_t body_size(const uint8_t *p)
{
    const unsigned head = p[0];
    if (head < HEAD_STRING_6) return 1;
    if (head < HEAD_INTEGER) return 1 + (head & 63);
    if (head < HEAD_STRING_12) return 1 + (head & 15);
    if (head < HEAD_STRING_32) return 2 + (((size_t)head & 15) << 8 | p[1]);
    if (head == HEAD_STRING_32) return 5 + (size_t)le32_get(p + 1);
    return head == HEAD_REAL ? 9 : 5;
}

static inline size_t whole_size(const uint8_t *p)
{
    const size_t body = body_size(p);
    return body + (body < 128 ? 1 : tail_size(body));
}

uint32_t pack_next(const struct pack *pack, uint32_t at)
{
    return at + (uint32_t)whole_size(pack->data + at);
}

uint32_t pack_previous(const struct pack *pack, uint32_t at)
{
    size_t body = 0;
    unsigned shift = 0;
    uint8_t byte;
    do {
        byte = pack->data[--at];
        body |= (size_t)(byte & 127) << shift;
        shift += 7;
    } while (byte & 128);
    return at - (uint32_t)body;
}

uint32_t pack_at(const struct pack *pack, uint32_t index)
{
    if (index > pack->count / 2) {
        uint32_t at = pack->end;
        for (uint32_t left = pack->count - index; left > 0; left--) at = pack_previous(pack, at);
        return at;
    }
    uint32_t at = pack->start;
    for (; index > 0; index--) at = pack_next(pack, at);
    return at;
}

static int64_t integer_get(const uint8_t *p, unsigned width)
{
    uint64_t value = 0;
    memcpy(&value, p, width);
    const unsigned shift = 64 - 8 * width;
    return (int64_t)(value << shift) >> shift;
}

void pack_get(const struct pack *pack, uint32_t at, struct pack_item *out)
{
    const uint8_t *p = pack->data + at;
    const unsigned head = p[0];
    out->kind = PACK_INTEGER;
    if (head < HEAD_STRING_6) {
        out->integer = head;
    } else if (head > HEAD_INTEGER && head < HEAD_STRING_12) {
        out->integer = integer_get(p + 1, head & 15);
    } else if (head >= HEAD_REAL) {
        out->kind = PACK_REAL;
        out->real = head == HEAD_REAL ? lef64_get(p + 1) : (double)lef32_get(p + 1);
    } else {
        const size_t head_len = head < HEAD_INTEGER ? 1 : head < HEAD_STRING_32 ? 2 : 5;
        out->kind = PACK_STRING;
        out->text.data = (const char *)p + head_len;
        out->text.len = body_size(p) - head_len;
    }
}

struct kith_str pack_text(const struct pack *pack, uint32_t at, struct pack_item *out)
{
    pack_get(pack, at, out);
    return pack_item_text(out);
}

struct needle {
    uint8_t head[HEAD_BYTES_MAX];
    size_t head_len, body;
    struct kith_str text;
};

static void needle_init(struct needle *needle, const struct pack_item *item)
{
    needle->head_len = make_head(item, needle->head);
    needle->text = item->kind == PACK_STRING ? item->text : (struct kith_str){ "", 0 };
    needle->body = needle->head_len + needle->text.len;
}

static inline bool needle_at(const struct needle *needle, const uint8_t *p, size_t body)
{
    return p[0] == needle->head[0] && body == needle->body &&
           memcmp(p, needle->head, needle->head_len) == 0 &&
           memcmp(p + needle->head_len, needle->text.data, needle->text.len) == 0;
}

uint32_t pack_find(const struct pack *pack, uint32_t at, unsigned stride,
                   const struct pack_item *item)
{
    struct needle needle;
    needle_init(&needle, item);
    while (at < pack->end) {
        const uint8_t *p = pack->data + at;
        const size_t body = body_size(p);
        if (needle_at(&needle, p, body)) return at;
        at += (uint32_t)(body + (body < 128 ? 1 : tail_size(body)));
        for (unsigned i = 1; i < stride && at < pack->end; i++) at = pack_next(pack, at);
    }
    return pack->end;
}

bool pack_equals(const struct pack *pack, uint32_t at, const struct pack_item *item)
{
    struct needle needle;
    needle_init(&needle, item);
    const uint8_t *p = pack->data + at;
    return needle_at(&needle, p, body_size(p));
}

/* ---- changing ---- */

struct pack *pack_new(struct heap *heap, size_t bytes)
{
    if (bytes > PACK_BYTES_MAX) return NULL;
    struct pack *pack = heap_alloc(heap, sizeof *pack + bytes);
    if (!pack) return NULL;
    *pack = (struct pack){ .cap = (uint32_t)bytes };
    return pack;
}

/* A new allocation with the hole already in its place. `front`: spare room goes there. */
static int regrow(struct heap *heap, struct pack **pack, uint32_t *at, size_t hole, bool front)
{
    struct pack *old = *pack;
    const size_t used = pack_bytes(old), need = used + hole;
    if (hole > PACK_BYTES_MAX || need > PACK_BYTES_MAX) return KITH_ENOMEM;
    size_t cap = need + need / 8;
    if (cap < need + GROW_MIN && used > 0) cap = need + GROW_MIN;
    if (cap > PACK_BYTES_MAX) cap = need;
    struct pack *new = pack_new(heap, cap);
    if (!new) return KITH_ENOMEM;
    const uint32_t lead = *at - old->start;
    new->start = front ? (uint32_t)(cap - need) : 0;
    new->end = new->start + (uint32_t)need;
    new->count = old->count;
    memcpy(new->data + new->start, old->data + old->start, lead);
    memcpy(new->data + new->start + lead + hole, old->data + *at, used - lead);
    heap_free(heap, old);
    *pack = new;
    *at = new->start + lead;
    return 0;
}

/* Makes a hole of so many bytes in front of *at. */
static int open_hole(struct heap *heap, struct pack **where, uint32_t *at, size_t hole)
{
    struct pack *pack = *where;
    const size_t lead = *at - pack->start, rest = pack->end - *at;
    const bool front = lead < rest;
    if (front && pack->start >= hole) {
        memmove(pack->data + pack->start - hole, pack->data + pack->start, lead);
        pack->start -= (uint32_t)hole;
        *at -= (uint32_t)hole;
        return 0;
    }
    const size_t need = lead + rest + hole;
    const bool behind = pack->cap - pack->end >= hole;
    if (need > pack->cap || need < hole) return regrow(heap, where, at, hole, front);
    if (behind && (!front || pack->cap - need < pack->cap / 8)) {
        memmove(pack->data + *at + hole, pack->data + *at, rest);
        pack->end += (uint32_t)hole;
        return 0;
    }
    /* There is room, on the other side: it goes where the next insertion is likely to need it, so
     * that a queue moves all its elements only once in many. */
    const uint32_t start = front ? (uint32_t)(pack->cap - need) : 0;
    if (start > pack->start) { /* the rest first, or it would be overwritten */
        memmove(pack->data + start + lead + hole, pack->data + *at, rest);
        memmove(pack->data + start, pack->data + pack->start, lead);
    } else {
        memmove(pack->data + start, pack->data + pack->start, lead);
        memmove(pack->data + start + lead + hole, pack->data + *at, rest);
    }
    pack->start = start;
    pack->end = start + (uint32_t)need;
    *at = start + (uint32_t)lead;
    return 0;
}

int pack_insert(struct heap *heap, struct pack **pack, uint32_t *at, const struct pack_item *items,
                size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (items[i].kind == PACK_STRING && items[i].text.len > PACK_BYTES_MAX) return KITH_ENOMEM;
        bytes += pack_item_bytes(&items[i]);
    }
    const int rc = open_hole(heap, pack, at, bytes);
    if (rc != 0) return rc;
    uint8_t *to = (*pack)->data + *at;
    for (size_t i = 0; i < count; i++) to = put_item(to, &items[i]);
    (*pack)->count += (uint32_t)count;
    return 0;
}

int pack_append(struct heap *heap, struct pack **pack, const struct pack_item *items, size_t count)
{
    uint32_t at = (*pack)->end;
    return pack_insert(heap, pack, &at, items, count);
}

/* Closes the hole of so many bytes at *at; *at stays its end. */
static void close_hole(struct pack *pack, uint32_t *at, size_t hole)
{
    const size_t lead = *at - pack->start, rest = pack->end - *at - hole;
    if (lead < rest) {
        memmove(pack->data + pack->start + hole, pack->data + pack->start, lead);
        pack->start += (uint32_t)hole;
        *at += (uint32_t)hole;
    } else {
        memmove(pack->data + *at, pack->data + *at + hole, rest);
        pack->end -= (uint32_t)hole;
    }
    if (pack->start == pack->end) *at = pack->start = pack->end = 0;
}

int pack_replace(struct heap *heap, struct pack **pack, uint32_t *at, const struct pack_item *item)
{
    const size_t had = whole_size((*pack)->data + *at), need = pack_item_bytes(item);
    if (need > had) {
        if (item->kind == PACK_STRING && item->text.len > PACK_BYTES_MAX) return KITH_ENOMEM;
        const int rc = open_hole(heap, pack, at, need - had);
        if (rc != 0) return rc;
    } else if (need < had) {
        close_hole(*pack, at, had - need);
    }
    put_item((*pack)->data + *at, item);
    return 0;
}

void pack_remove(struct pack *pack, uint32_t *at, uint32_t count)
{
    uint32_t end = *at;
    uint32_t removed = 0;
    for (; removed < count && end < pack->end; removed++) end = pack_next(pack, end);
    pack->count -= removed;
    close_hole(pack, at, end - *at);
}

void pack_shrink(struct heap *heap, struct pack **where)
{
    struct pack *pack = *where;
    const size_t used = pack_bytes(pack);
    if (pack->start > 0) {
        memmove(pack->data, pack->data + pack->start, used);
        pack->start = 0;
        pack->end = (uint32_t)used;
    }
    if (pack->cap - used < GROW_MIN) return;
    struct pack *smaller = heap_realloc(heap, pack, sizeof *pack + used);
    if (!smaller) return;
    smaller->cap = (uint32_t)used;
    *where = smaller;
}

struct pack *pack_split(struct heap *heap, struct pack *pack, uint32_t at)
{
    const size_t moved = pack->end - at;
    struct pack *rest = pack_new(heap, moved);
    if (!rest) return NULL;
    memcpy(rest->data, pack->data + at, moved);
    rest->end = (uint32_t)moved;
    for (uint32_t p = 0; p < rest->end; p = pack_next(rest, p)) rest->count++;
    pack->end = at;
    pack->count -= rest->count;
    return rest;
}

int pack_join(struct heap *heap, struct pack **into, const struct pack *from)
{
    uint32_t at = (*into)->end;
    const int rc = open_hole(heap, into, &at, pack_bytes(from));
    if (rc != 0) return rc;
    memcpy((*into)->data + at, from->data + from->start, pack_bytes(from));
    (*into)->count += from->count;
    return 0;
}

/* ---- bytes ---- */

void pack_encode(const struct pack *pack, struct buffer *out)
{
    buffer_put_varint(out, pack->count);
    buffer_put_bytes(out, pack->data + pack->start, pack_bytes(pack));
}

/* Bytes of head and length of the element at p, or 0 when they are not whole. */
static size_t head_whole(const uint8_t *p, size_t left)
{
    const unsigned head = p[0];
    size_t need = 1;
    if (head >= HEAD_STRING_12 && head < HEAD_STRING_32) need = 2;
    else if (head == HEAD_STRING_32) need = 5;
    else if (head > HEAD_INTEGER + 8 && head < HEAD_STRING_12) return 0;
    else if (head == HEAD_INTEGER) return 0;
    else if (head == HEAD_REAL) need = 9;
    else if (head == HEAD_SHORT_REAL) need = 5;
    else if (head > HEAD_STRING_32) return 0;
    return need <= left ? need : 0;
}

/* Size of the element at p if it is whole and stored in the only right way, else 0. */
static size_t check_item(const struct pack *pack, uint32_t at, bool reals)
{
    const uint8_t *p = pack->data + at;
    const size_t left = pack->end - at;
    if (!head_whole(p, left) || (p[0] >= HEAD_REAL && !reals)) return 0;
    const size_t body = body_size(p), whole = body + tail_size(body);
    if (body > left || whole > left) return 0;
    struct pack_item item;
    pack_get(pack, at, &item);
    if (item.kind == PACK_STRING && pack_canonical(item.text, &item.integer)) return 0;
    if (item.kind == PACK_REAL && (item.real != item.real ||
                                   pack_item_real(item.real).kind != PACK_REAL)) {
        return 0;
    }
    if (item_body(&item) != body) return 0; /* a longer form than needed */
    uint8_t tail[HEAD_BYTES_MAX];
    put_tail(tail + (whole - body), body);
    return memcmp(tail, p + body, whole - body) == 0 ? whole : 0;
}

static bool pack_is_valid(const struct pack *pack, bool reals)
{
    uint32_t count = 0;
    for (uint32_t at = 0; at < pack->end; count++) {
        const size_t size = check_item(pack, at, reals);
        if (size == 0) return false;
        at += (uint32_t)size;
    }
    return count == pack->count;
}

int pack_decode(struct heap *heap, struct cursor *in, bool reals, struct pack **out)
{
    const uint64_t count = cursor_varint(in);
    size_t len;
    const uint8_t *bytes = cursor_bytes(in, &len);
    if (!bytes || count > len / 2 || len > PACK_BYTES_MAX) return KITH_ECORRUPT;
    struct pack *pack = pack_new(heap, len);
    if (!pack) return KITH_ENOMEM;
    memcpy(pack->data, bytes, len);
    pack->end = (uint32_t)len;
    pack->count = (uint32_t)count;
    if (!pack_is_valid(pack, reals)) {
        heap_free(heap, pack);
        return KITH_ECORRUPT;
    }
    *out = pack;
    return 0;
}
