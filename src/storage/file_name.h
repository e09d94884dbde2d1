/*
 * Names of sealed files in a collection's directory:
 *
 *   <id>.seg             columns, raw vectors and the key index of segment <id>
 *   <id>.<number>.idx    one index of it; numbers below 1,024 are fields (storage/manifest.h)
 *   <id>.<number>.del    its dead rows at a checkpoint
 *
 * Numbers are decimal without leading zeros. While a file is being written its name ends in
 * ".tmp"; a start may unlink those. Every reader and writer builds names here.
 */
#ifndef KITH_STORAGE_FILE_NAME_H
#define KITH_STORAGE_FILE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum file_kind { FILE_SEGMENT = 1, FILE_INDEX = 2, FILE_DEAD = 3 }; /* also on disk */

struct file_name {
    enum file_kind kind;
    uint64_t id;   /* of the segment */
    uint64_t part; /* number of the index or of the .del file; 0 for .seg */
    bool temporary;
};

/* "<dir>/<name>" into buf; KITH_EINVAL when it does not fit. */
KITH_NODISCARD int file_name_path(const struct file_name *name, const char *dir, char *buf,
                                  size_t cap);
/* false: not a name made here. `name` is without a directory. */
bool file_name_parse(const char *name, struct file_name *out);

#endif
