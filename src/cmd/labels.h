/*
 * A text file with one label a line, read in step with the rows of another file. Holds the lines
 * of one batch. Line ends are \n or \r\n; UTF-8 is checked. One thread at a time.
 */
#ifndef KITH_CMD_LABELS_H
#define KITH_CMD_LABELS_H

#include <kith/kith.h>

#include "base/error.h"
#include "os/os.h"

struct labels;

KITH_NODISCARD int labels_open(const struct os *os, const char *path, struct labels **out,
                               struct kith_error *err);
void labels_close(struct labels *labels); /* NULL is a no-op */
/* The next `count` labels; *out borrows until the next call. KITH_EINVAL when there are fewer. */
KITH_NODISCARD int labels_next(struct labels *labels, size_t count, const struct kith_str **out,
                               struct kith_error *err);
/* Labels that labels_next has not handed out: 1 when there is any, else 0; < 0: error. */
int labels_left(struct labels *labels, struct kith_error *err);

#endif
