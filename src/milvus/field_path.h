/*
 * Names with a path below a JSON field or a key of the dynamic field.
 */
#ifndef KITH_MILVUS_FIELD_PATH_H
#define KITH_MILVUS_FIELD_PATH_H

#include "base/arena.h"
#include "base/json.h"

#define FIELD_PATH_STEPS_MAX 16
#define FIELD_PATH_INDEX_MAX 1000000

struct field_path { /* in the arena */
    const char *head;
    struct json_step *steps;
    size_t count;
};
/* false: it is none, or there is no memory. */
KITH_NODISCARD bool field_path_parse(const char *text, struct arena *arena,
                                     struct field_path *out);

#endif
