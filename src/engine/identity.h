/*
 * The file KITH: what makes a directory a database. 64 bytes, written once, to a temporary name.
 *
 *   0  8  magic "KITHDB1\n"
 *   8  4  format version (1)
 *  12  4  zero
 *  16  8  database id, random
 *  24  8  created, Unix ms
 *  32 28  zero
 *  60  4  checksum of bytes 0..59
 */
#ifndef KITH_ENGINE_IDENTITY_H
#define KITH_ENGINE_IDENTITY_H

#include <stdint.h>

#include "base/error.h"
#include "os/os.h"

/* KITH_ENOTFOUND: no database there. KITH_ECORRUPT, KITH_EVERSION. */
KITH_NODISCARD int identity_read(const struct os *os, const char *dir, uint64_t *id,
                                 struct kith_error *err);
KITH_NODISCARD int identity_write(const struct os *os, const char *dir, uint64_t *id,
                                  struct kith_error *err);
/* "<dir>/<name>" into out[OS_PATH_MAX]; KITH_ELIMIT when too long. */
KITH_NODISCARD int path_join(char *out, const char *dir, const char *name, struct kith_error *err);

#endif
