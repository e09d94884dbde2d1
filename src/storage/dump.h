/*
 * Files in words, and their verification: for `kith dump` and `kith check`.
 */
#ifndef KITH_STORAGE_DUMP_H
#define KITH_STORAGE_DUMP_H

#include "base/error.h"
#include "os/os.h"

/* Describes a .seg, .idx or .del file (also of a damaged one, as far as it goes). */
KITH_NODISCARD int storage_dump(const char *path, void (*line)(void *ctx, const char *text),
                                void *ctx, struct kith_error *err);
/* Verifies header, directory, every page checksum and the structure inside (graph, keys, offsets).
 * problem is called for each finding; 0 also when there were some. */
KITH_NODISCARD int storage_verify(const struct os *os, const char *path, uint64_t database_id,
                                  void (*problem)(void *ctx, uint64_t offset, const char *text),
                                  void *ctx, uint64_t *bytes, struct kith_error *err);

#endif
