/*
 * The rules of one field, apart from the schema that it stands in, and those of functions: used by
 * the files of schemas alone.
 */
#ifndef KITH_MODEL_FIELD_INTERNAL_H
#define KITH_MODEL_FIELD_INTERNAL_H

#include "model/schema.h"

/* Validates one field and fills out, which owns its copies (name, default); out is released by
 * field_release even after a failure, and must be zeroed before. */
KITH_NODISCARD int field_from_public(const struct kith_field *given, size_t number,
                                     struct schema_field *out, struct kith_error *err);
void field_release(struct schema_field *field);

/* Copies a versioned struct: what the caller's version does not have is zero. */
void schema_copy_sized(void *to, size_t to_size, const void *from, size_t from_size);
/* As schema_from_public; dropped (nullable) says of each field whether it was dropped. */
KITH_NODISCARD int schema_from_public_dropped(const struct kith_schema *given, const bool *dropped,
                                              struct schema *out, struct kith_error *err);
/* Makes a dropped field of one. */
void field_drop(struct schema_field *field);

/* Adds the functions, once the fields are there. out->functions are released by functions_release,
 * also after a failure. */
KITH_NODISCARD int functions_from_public(const struct kith_schema *given, struct schema *out,
                                         struct kith_error *err);
void functions_release(struct schema *schema);

#endif
