/*
 * Error text: written once, where the error happens.
 *
 *     return error_set(err, KITH_EINVAL, "field '%s' has no dimension; set dim >= 1", name);
 *
 * error_set returns its code, so that a failing function is one line. `err` may be NULL.
 */
#ifndef KITH_BASE_ERROR_H
#define KITH_BASE_ERROR_H

#include <kith/status.h>

#define KITH_NODISCARD __attribute__((warn_unused_result))
#define KITH_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Sets code and text (retryable follows from the code). Returns code. */
int error_set(struct kith_error *err, int code, const char *fmt, ...) KITH_PRINTF(3, 4);

/* As error_set, with the offending byte offset, row or element. */
int error_set_at(struct kith_error *err, int code, uint64_t position, const char *fmt, ...)
    KITH_PRINTF(4, 5);

/* Puts "<prefix>: " in front of the text already in err; for context on the way up. Returns
 * code. */
int error_wrap(struct kith_error *err, int code, const char *fmt, ...) KITH_PRINTF(3, 4);

/* The name of a code in words: "corrupt file". Never NULL. */
const char *error_name(int code);

#endif
