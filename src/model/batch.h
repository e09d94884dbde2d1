/*
 * A normalised batch: one column per schema field, in schema order, full length (not compact),
 * nulls and defaults filled in, every value checked against the schema. It is what the log holds
 * and what a growing segment takes, so replay and insert are one path.
 *
 * Encoded form (little-endian; docs/formats/wal.md refers here):
 *   u32 rows · u32 columns · per column: u8 type · u8 kind · u16 0 · u32 dim ·
 *     [kind 1: rows bytes of 0/1] · fixed: rows * width bytes, or
 *     variable: rows x u32 length, then the bytes of all rows
 *   columns in schema order. The output of a function (kind 0) and a dropped field (kind 2) have a
 *   head and nothing else: data is NULL. Values of before a field was dropped are passed over.
 */
#ifndef KITH_MODEL_BATCH_H
#define KITH_MODEL_BATCH_H

#include "base/arena.h"
#include "base/buffer.h"
#include "model/schema.h"

/* Checks `given` and fills `out` (columns in the arena; data borrowed from `given` where no
 * conversion was needed). Automatic keys are not made here: with AUTO_ID the key column must be
 * absent (unless given->keep_keys) and out's primary column has data == NULL for the caller to fill
 * before batch_encode.
 * KITH_EINVAL names the field, with the row in err's position; KITH_EDIM: another dimension;
 * KITH_ELIMIT: too many rows, too long a JSON text or sparse vector. out also borrows names and
 * defaults from the schema. */
KITH_NODISCARD int batch_normalise(const struct schema *schema, const struct kith_batch *given,
                                   struct arena *arena, struct kith_batch *out,
                                   struct kith_error *err);
/* Appends the encoded form of rows; out's sticky failure means no memory. */
void batch_encode(const struct schema *schema, const struct kith_batch *batch, struct buffer *out);
/* Decodes untrusted bytes; a batch that was encoded before fields were added has nulls or defaults
 * in them. Columns borrow from them (strings and unaligned data are laid out in the
 * arena). Checks shape and lengths, and everything batch_normalise checks; what breaks a rule is
 * KITH_ECORRUPT. Bytes after the batch are left in the cursor; out has no partition. */
KITH_NODISCARD int batch_decode(const struct schema *schema, struct cursor *cur,
                                struct arena *arena, struct kith_batch *out,
                                struct kith_error *err);
/* A column that nobody gave: nulls or the default value. */
KITH_NODISCARD int batch_missing_column(const struct schema *schema, size_t number, size_t rows,
                                        struct arena *arena, struct kith_column *out,
                                        struct kith_error *err);
/* A batch of the given rows only (in the arena), for policies that skip some. The bytes of texts
 * are shared with `batch`. 0 or KITH_ENOMEM. */
KITH_NODISCARD int batch_select(const struct schema *schema, const struct kith_batch *batch,
                                const uint32_t *rows, size_t count, struct arena *arena,
                                struct kith_batch *out);

#endif
