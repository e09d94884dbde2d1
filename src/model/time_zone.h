/*
 * Zones of time out of TZif files (RFC 8536), the form in which systems keep the IANA time zone
 * database. Bytes in, offsets out: who reads the file is the caller's business. Kith keeps
 * instants; a zone only says how a text without an offset is read and how an instant is written.
 *
 * The version 2 block with 64-bit instants is used, else version 1. Behind the last change the rule
 * of the footer holds (POSIX.1: "CET-1CEST,M3.5.0,M10.5.0/3"), so summer time goes on for ever.
 * Leap seconds of "right/" zones are passed over. The bytes are untrusted: every count is checked
 * against their length before memory is taken. A zone does not change: any thread may ask.
 */
#ifndef KITH_MODEL_TIME_ZONE_H
#define KITH_MODEL_TIME_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include <kith/types.h>

#include "base/error.h"

struct time_zone;

/* Always the same offset, east of UTC. NULL: no memory. */
struct time_zone *time_zone_fixed(int32_t offset_s);
/* KITH_EINVAL: no TZif file, or a damaged one; KITH_ENOMEM. */
KITH_NODISCARD int time_zone_read(const uint8_t *bytes, size_t len, struct time_zone **out);
void time_zone_free(struct time_zone *zone); /* NULL is a no-op */

/* Seconds east of UTC at an instant in seconds since 1970. */
int32_t time_zone_offset(const struct time_zone *zone, int64_t instant_s);

/* ISO 8601 as timestamptz_parse has it; a text without an offset is of the zone. A clock time that
 * comes twice or not at all takes one of the two offsets around it. */
KITH_NODISCARD bool time_zone_parse(const struct time_zone *zone, struct kith_str text,
                                    int64_t *micros);
/* timestamptz_format with the offset of that instant; whole minutes of it. */
size_t time_zone_format(const struct time_zone *zone, int64_t micros, char *out);

#endif
