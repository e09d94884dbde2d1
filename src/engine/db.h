/*
 * Opening a database on a machine other than the real one: for tests with faults and crash states.
 */
#ifndef KITH_ENGINE_DB_H
#define KITH_ENGINE_DB_H

#include <kith/kith.h>

#include "os/os.h"

/* As kith_open, on the given machine (borrowed until kith_close). */
KITH_NODISCARD int db_open_on(const struct os *os, const char *path, const struct kith_open_opts *opts,
                              struct kith_db **out, struct kith_error *err);

#endif
