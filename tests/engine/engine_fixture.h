/*
 * What the tests of this room have in common: calls that must succeed, fields of schemas, a
 * directory of a test's own.
 */
#ifndef KITH_TESTS_ENGINE_FIXTURE_H
#define KITH_TESTS_ENGINE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include <kith/kith.h>

static struct kith_error why; /* of the call that failed */

#define OK(call)                                                              \
    do {                                                                      \
        const int status_ = (call);                                           \
        if (status_) fail_msg("%s: %d %s", #call, status_, why.text);         \
    } while (0)

static inline struct kith_field plain_field(const char *name, enum kith_type type)
{
    struct kith_field field = KITH_FIELD_INIT;
    field.name = name;
    field.type = type;
    return field;
}

static inline struct kith_field key_field(const char *name)
{
    struct kith_field field = plain_field(name, KITH_INT64);
    field.flags = KITH_FIELD_PRIMARY;
    return field;
}

static inline struct kith_field vector_field(const char *name, uint32_t dim)
{
    struct kith_field field = plain_field(name, KITH_FLOAT_VECTOR);
    field.dim = dim;
    return field;
}

/* 0: made. Its path is written to dir. */
static inline int dir_begin(char dir[64], const char *name)
{
    (void)snprintf(dir, 64, "/tmp/kith-%s-XXXXXX", name);
    return mkdtemp(dir) ? 0 : -1;
}

static inline int dir_end(const char *dir)
{
    char command[256];
    (void)snprintf(command, sizeof command, "rm -rf '%s' '%s-copy'", dir, dir);
    return system(command);
}

#endif
