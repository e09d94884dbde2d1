/*
 * Zone maps: the least and greatest value and the nulls of each 4,096 rows of a scalar column of
 * fixed width. 24 bytes a block, 0.07 % of an int64 column; a filter that evaluates block by block
 * skips those that cannot match, and a whole segment when all blocks say so.
 */
#ifndef KITH_STORAGE_SEALED_ZONE_H
#define KITH_STORAGE_SEALED_ZONE_H

#include "storage/sealed_internal.h"

#define ZONE_BLOCK_ROWS 4096u

enum zone_offset { /* of a block; values are i64 or f64 by the column's type */
    ZONE_AT_LOW = 0,
    ZONE_AT_HIGH = 8,
    ZONE_AT_NULLS = 16,
    ZONE_AT_FLAGS = 20,
    ZONE_BYTES = 24
};
enum zone_flag { ZONE_HAS_VALUES = 1, ZONE_HAS_NAN = 2 };

struct zone_builder {
    enum kith_type type;
    size_t rows; /* of the block so far */
    bool nan;
    struct zone zone;
    struct buffer bytes; /* blocks so far; its failure is for the end */
};

bool zone_has(const struct schema_field *field); /* does a column of it have zones? */
void zone_builder_init(struct zone_builder *builder, enum kith_type type);
/* ctx is a zone_builder: rows [from, end) of the chunk come next. Returns 0. */
int zone_builder_run(void *ctx, const struct chunk *chunk, size_t from, size_t end);
/* Ends the last block. KITH_ENOMEM. */
KITH_NODISCARD int zone_builder_end(struct zone_builder *builder);
void zone_builder_release(struct zone_builder *builder);

#endif
