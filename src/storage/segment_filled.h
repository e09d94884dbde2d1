/*
 * Columns of fields that a segment does not hold, as they were added after it was made: see
 * segment_filled.c.
 */
#ifndef KITH_STORAGE_SEGMENT_FILLED_H
#define KITH_STORAGE_SEGMENT_FILLED_H

#include "storage/segment_internal.h"

/* As segment_ops' chunk and zone, of a field that is not held. */
KITH_NODISCARD int filled_chunk(const struct segment *segment, size_t field, size_t number,
                                struct chunk *out);
int filled_zone(const struct segment *segment, size_t field, size_t rows, struct zone *out);

#endif
