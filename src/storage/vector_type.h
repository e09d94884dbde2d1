/*
 * Which kernel serves a field: the public names of element types and metrics in those of kernel.h.
 */
#ifndef KITH_STORAGE_VECTOR_TYPE_H
#define KITH_STORAGE_VECTOR_TYPE_H

#include <kith/kith.h>

#include "index/index.h"
#include "model/schema.h"

/* false: sparse vectors and what is no vector have no kernel; `out` is untouched. */
bool kernel_type_of(enum kith_type type, enum kernel_type *out);
/* false: DEFAULT (the schema resolves it) and unknown ones. */
bool kernel_metric_of(enum kith_metric metric, enum kernel_metric *out);
/* Everything of *out but rows and count. false: not a dense vector field. */
bool vectors_of_field(const struct schema_field *field, struct vectors *out);

#endif
