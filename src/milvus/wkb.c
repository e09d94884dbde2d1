/*
 * Well-known binary into well-known text: points, lines, polygons, their multiples and collections,
 * with two dimensions (others of ISO and EWKB are read and their further coordinates left out).
 * Untrusted: counts are checked against the bytes that are left, nesting is bounded.
 *
 *   u8 order (1: little) · u32 type (1..7; +1000, 2000, 3000 or high bits: Z, M, SRID) ·
 *   [u32 SRID] · by type: coordinates, or u32 count and parts
 */
#include <math.h>
#include <string.h>

#include "base/endian.h"
#include "base/json.h"
#include "milvus/rows_in.h"

#define DEPTH_MAX 16
#define EWKB_Z    0x80000000u
#define EWKB_M    0x40000000u
#define EWKB_SRID 0x20000000u

enum { POINT = 1, LINE, POLYGON, POINTS, LINES, POLYGONS, COLLECTION };

struct wkb {
    struct cursor cur;
    struct buffer *out;
    bool big;
    size_t dims;
};

static void put(struct wkb *wkb, const char *text) { buffer_put(wkb->out, text, strlen(text)); }

static uint32_t take_u32(struct wkb *wkb)
{
    const uint32_t v = cursor_u32(&wkb->cur);
    return wkb->big ? __builtin_bswap32(v) : v;
}

static double take_double(struct wkb *wkb)
{
    uint64_t v = cursor_u64(&wkb->cur);
    if (wkb->big) v = __builtin_bswap64(v);
    double d;
    memcpy(&d, &v, sizeof d);
    if (!isfinite(d)) wkb->cur.failed = true;
    return wkb->cur.failed ? 0 : d;
}

static void coordinates(struct wkb *wkb)
{
    json_write_double(wkb->out, take_double(wkb));
    put(wkb, " ");
    json_write_double(wkb->out, take_double(wkb));
    for (size_t i = 2; i < wkb->dims; i++) (void)take_double(wkb);
}

/* A count of parts that are at least `least` bytes each. */
static uint32_t take_count(struct wkb *wkb, size_t least)
{
    const uint32_t count = take_u32(wkb);
    if (count > cursor_left(&wkb->cur) / least) wkb->cur.failed = true;
    return wkb->cur.failed ? 0 : count;
}

static void path(struct wkb *wkb)
{
    const uint32_t count = take_count(wkb, wkb->dims * 8);
    put(wkb, "(");
    for (uint32_t i = 0; i < count && !wkb->cur.failed; i++) {
        if (i) put(wkb, ", ");
        coordinates(wkb);
    }
    put(wkb, ")");
}

static void polygon(struct wkb *wkb)
{
    const uint32_t count = take_count(wkb, 4);
    put(wkb, "(");
    for (uint32_t i = 0; i < count && !wkb->cur.failed; i++) {
        if (i) put(wkb, ", ");
        path(wkb);
    }
    put(wkb, ")");
}

static uint32_t head(struct wkb *wkb)
{
    wkb->big = cursor_u8(&wkb->cur) == 0;
    const uint32_t raw = take_u32(wkb);
    uint32_t type = raw & 0x0fffffffu;
    wkb->dims = (size_t)2 + ((raw & EWKB_Z) ? 1 : 0) + ((raw & EWKB_M) ? 1 : 0);
    if (type >= 1000) {
        const uint32_t thousands = type / 1000;
        wkb->dims = thousands == 3 ? 4 : thousands < 3 ? 3 : 0;
        type %= 1000;
    }
    if (raw & EWKB_SRID) (void)take_u32(wkb);
    if (type < POINT || type > COLLECTION || wkb->dims == 0) wkb->cur.failed = true;
    return wkb->cur.failed ? 0 : type;
}

/* The body of one geometry; parts of a collection come with their names. */
static void geometry(struct wkb *wkb, uint32_t type, bool named, unsigned depth)
{
    static const char *const names[] = { "", "POINT ", "LINESTRING ", "POLYGON ", "MULTIPOINT ",
                                         "MULTILINESTRING ", "MULTIPOLYGON ",
                                         "GEOMETRYCOLLECTION " };
    if (depth > DEPTH_MAX) wkb->cur.failed = true;
    if (wkb->cur.failed) return;
    if (named) put(wkb, names[type]);
    if (type == POINT) {
        put(wkb, "(");
        coordinates(wkb);
        put(wkb, ")");
    } else if (type == LINE) {
        path(wkb);
    } else if (type == POLYGON) {
        polygon(wkb);
    } else {
        const uint32_t count = take_count(wkb, 5);
        put(wkb, "(");
        for (uint32_t i = 0; i < count && !wkb->cur.failed; i++) {
            if (i) put(wkb, ", ");
            const uint32_t part = head(wkb);
            if (type != COLLECTION && part != type - 3) wkb->cur.failed = true;
            geometry(wkb, part, type == COLLECTION, depth + 1);
        }
        put(wkb, ")");
    }
}

int wkb_to_wkt(struct kith_str bytes, struct buffer *out)
{
    struct wkb wkb = { .out = out };
    cursor_init(&wkb.cur, bytes.data, bytes.len);
    geometry(&wkb, head(&wkb), true, 0);
    if (buffer_failed(out)) return KITH_ENOMEM;
    return cursor_failed(&wkb.cur) || cursor_left(&wkb.cur) ? KITH_EINVAL : 0;
}
