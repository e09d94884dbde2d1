/*
 * EXPLAIN for people: the JSON of a result as a few lines and a table of segments.
 */
#ifndef KITH_CMD_EXPLAIN_VIEW_H
#define KITH_CMD_EXPLAIN_VIEW_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

/* text: as docs/explain.md describes. 0, KITH_ENOMEM, or KITH_EINVAL when it is something else. */
KITH_NODISCARD int explain_view_print(const char *text, bool colours, FILE *out);

#endif
