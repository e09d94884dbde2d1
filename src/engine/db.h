/*
 * Opening a database on a machine other than the real one: for tests with faults and crash states.
 * And what every call on a database asks first.
 */
#ifndef KITH_ENGINE_DB_H
#define KITH_ENGINE_DB_H

#include <kith/kith.h>

#include "os/os.h"

/* As kith_open, on the given machine (borrowed until kith_close). */
KITH_NODISCARD int db_open_on(const struct os *os, const char *path,
                              const struct kith_open_opts *opts, struct kith_db **out,
                              struct kith_error *err);

/* Open, and writable when `write`; a read-only one beside a writer is brought up to date first. */
KITH_NODISCARD int db_usable(struct kith_db *db, bool write, struct kith_error *err);

/* As kith_check, on the given machine. */
KITH_NODISCARD int check_on(const struct os *os, const char *path,
                            void (*problem)(void *ctx, const char *file, uint64_t offset,
                                            const char *text),
                            void *ctx, struct kith_check_report *out, struct kith_error *err);

#endif
