/*
 * The rules of one field, apart from the schema that it stands in: used by schema.c alone.
 */
#ifndef KITH_MODEL_FIELD_INTERNAL_H
#define KITH_MODEL_FIELD_INTERNAL_H

#include "model/schema.h"

/* Validates one field and fills out, which owns its copies (name, default); out is released by
 * field_release even after a failure, and must be zeroed before. */
KITH_NODISCARD int field_from_public(const struct kith_field *given, size_t number,
                                     struct schema_field *out, struct kith_error *err);
void field_release(struct schema_field *field);

#endif
