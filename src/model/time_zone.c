/*
 * TZif files: see time_zone.h.
 *
 * OFFSET SIZE MEANING (big-endian; the header comes twice from version 2 on)
 *      0    4 "TZif"
 *      4    1 version: 0, '2', '3', '4'
 *      5   15 unused
 *     20   24 counts, u32: of UT marks, standard marks, leap seconds, changes, types, name bytes
 * then changes (i32, in the second block i64), the type of each (u8), types {i32 offset, u8 summer,
 * u8 name}, names, leap seconds (4 or 8 bytes + i32), standard marks, UT marks; at the end of the
 * second block a line "\n<rule>\n".
 */
#include "model/time_zone.h"

#include <string.h>

#include "base/alloc.h"
#include "model/time_rule.h"
#include "model/timestamptz.h"

enum { HEADER_BYTES = 44, TYPE_BYTES = 6 };

struct change {
    int64_t from_s;
    int32_t offset_s;
};

struct time_zone {
    int32_t first_s; /* before the first change */
    bool ruled;      /* rule holds from the last change on */
    struct time_rule rule;
    size_t count;
    struct change changes[]; /* ascending */
};

struct block { /* one of a file's two */
    const uint8_t *at;
    size_t wide; /* bytes of an instant */
    size_t ut, standard, leaps, changes, types, names;
    size_t bytes; /* behind the header */
};

static uint32_t be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int64_t instant_at(const struct block *block, size_t i)
{
    const uint8_t *at = block->at + i * block->wide;
    if (block->wide == 4) return (int32_t)be32(at);
    return (int64_t)((uint64_t)be32(at) << 32 | be32(at + 4));
}

/* Counts are below 2^32 and sizes 64 bits wide: no sum of them overflows. */
static bool read_head(const uint8_t *bytes, size_t len, size_t wide, struct block *out)
{
    if (len < HEADER_BYTES || memcmp(bytes, "TZif", 4) != 0) return false;
    out->at = bytes + HEADER_BYTES;
    out->wide = wide;
    out->ut = be32(bytes + 20);
    out->standard = be32(bytes + 24);
    out->leaps = be32(bytes + 28);
    out->changes = be32(bytes + 32);
    out->types = be32(bytes + 36);
    out->names = be32(bytes + 40);
    out->bytes = out->changes * (wide + 1) + out->types * TYPE_BYTES + out->names +
                 out->leaps * (wide + 4) + out->standard + out->ut;
    return out->bytes <= len - HEADER_BYTES && out->types > 0;
}

static bool read_changes(const struct block *block, struct time_zone *zone)
{
    const uint8_t *numbers = block->at + block->changes * block->wide;
    const uint8_t *types = numbers + block->changes;
    zone->first_s = (int32_t)be32(types);
    for (size_t i = 0; i < block->changes; i++) {
        if (numbers[i] >= block->types) return false;
        const uint8_t *type = types + (size_t)numbers[i] * TYPE_BYTES;
        zone->changes[i] = (struct change){ instant_at(block, i), (int32_t)be32(type) };
        if (i && zone->changes[i].from_s <= zone->changes[i - 1].from_s) return false;
        if (!time_rule_offset_fits(zone->changes[i].offset_s)) return false;
    }
    return time_rule_offset_fits(zone->first_s);
}

/* "\n<rule>\n"; an empty one says nothing. */
static bool read_footer(const uint8_t *at, size_t len, struct time_zone *zone)
{
    if (len < 2 || at[0] != '\n') return false;
    const uint8_t *end = memchr(at + 1, '\n', len - 1);
    if (!end) return false;
    const size_t rule = (size_t)(end - at - 1);
    zone->ruled = rule > 0;
    return rule == 0 || time_rule_parse((const char *)at + 1, rule, &zone->rule);
}

static struct time_zone *zone_new(size_t changes)
{
    struct time_zone *zone = mem_zalloc(sizeof *zone + changes * sizeof zone->changes[0]);
    if (zone) zone->count = changes;
    return zone;
}

struct time_zone *time_zone_fixed(int32_t offset_s)
{
    struct time_zone *zone = zone_new(0);
    if (zone) zone->first_s = offset_s;
    return zone;
}

int time_zone_read(const uint8_t *bytes, size_t len, struct time_zone **out)
{
    struct block block;
    if (!read_head(bytes, len, 4, &block)) return KITH_EINVAL;
    const bool second = bytes[4] >= '2';
    const size_t skip = HEADER_BYTES + block.bytes;
    if (second && !read_head(bytes + skip, len - skip, 8, &block)) return KITH_EINVAL;
    struct time_zone *zone = zone_new(block.changes);
    if (!zone) return KITH_ENOMEM;
    const uint8_t *rest = block.at + block.bytes;
    if (!read_changes(&block, zone) ||
        (second && !read_footer(rest, (size_t)(bytes + len - rest), zone))) {
        time_zone_free(zone);
        return KITH_EINVAL;
    }
    *out = zone;
    return 0;
}

void time_zone_free(struct time_zone *zone) { mem_free(zone); }

int32_t time_zone_offset(const struct time_zone *zone, int64_t instant_s)
{
    size_t low = 0, high = zone->count; /* changes before `low` are not later */
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (zone->changes[middle].from_s <= instant_s) low = middle + 1;
        else high = middle;
    }
    if (low == zone->count && zone->ruled) return time_rule_offset(&zone->rule, instant_s);
    return low ? zone->changes[low - 1].offset_s : zone->first_s;
}

static int64_t seconds_of(int64_t micros)
{
    const int64_t seconds = micros / 1000000;
    return seconds - (micros % 1000000 < 0);
}

bool time_zone_parse(const struct time_zone *zone, struct kith_str text, int64_t *micros)
{
    int64_t here, there;
    /* A text with an offset of its own is the same instant wherever it is read. */
    if (!timestamptz_parse(text, 0, &here) || !timestamptz_parse(text, 60, &there)) return false;
    if (here == there) {
        *micros = here;
        return true;
    }
    const int64_t local_s = seconds_of(here);
    const int32_t near_s = time_zone_offset(zone, local_s);
    const int32_t offset_s = time_zone_offset(zone, local_s - near_s);
    return !__builtin_sub_overflow(here, (int64_t)offset_s * 1000000, micros);
}

size_t time_zone_format(const struct time_zone *zone, int64_t micros, char *out)
{
    return timestamptz_format(micros, time_zone_offset(zone, seconds_of(micros)) / 60, out);
}
