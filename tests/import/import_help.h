/* Shared by the import tests: building files in memory and reading them to the end. */
#ifndef KITH_TESTS_IMPORT_HELP_H
#define KITH_TESTS_IMPORT_HELP_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "import/import.h"

static inline struct import_reader *open_ok(const void *bytes, size_t len, const char *name)
{
    struct import_reader *reader = NULL;
    struct kith_error err = {0};
    int rc = import_open_bytes(bytes, len, name, NULL, &reader, &err);
    if (rc) fail_msg("open %s: %s", name, err.text);
    return reader;
}

/* The open fails with that code and an error text that contains `part` and the name. */
static inline void open_fails(const void *bytes, size_t len, const char *name, int code,
                              const char *part)
{
    struct import_reader *reader = NULL;
    struct kith_error err = {0};
    int rc = import_open_bytes(bytes, len, name, NULL, &reader, &err);
    if (rc != code || !strstr(err.text, part) || !strstr(err.text, name)) {
        fail_msg("%s: got %d '%s', wanted %d '%s'", name, rc, err.text, code, part);
    }
    assert_null(reader);
}

static inline struct import_batch next_ok(struct import_reader *reader, size_t max_rows)
{
    struct import_batch batch;
    struct kith_error err = {0};
    int rc = import_next(reader, max_rows, &batch, &err);
    if (rc) fail_msg("next: %s", err.text);
    return batch;
}

static inline void next_fails(struct import_reader *reader, size_t max_rows, int code,
                              const char *part)
{
    struct import_batch batch;
    struct kith_error err = {0};
    struct import_position before = import_position(reader);
    int rc = import_next(reader, max_rows, &batch, &err);
    if (rc != code || !strstr(err.text, part)) {
        fail_msg("got %d '%s', wanted %d '%s'", rc, err.text, code, part);
    }
    assert_true(import_position(reader).row == before.row);
    assert_true(import_position(reader).offset == before.offset);
}

#endif
