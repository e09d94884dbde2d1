/*
 * Error text: formatting, wrapping, and the names of the codes.
 *
 * Text is formatted into a local array first and copied afterwards, so an argument may point into
 * the very error that is being written (error_set(err, code, "%s; try again", err->text)). Text
 * that does not fit is cut and ends in "...".
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const NAMES[] = {
    [-KITH_OK] = "ok",
    [-KITH_ENOMEM] = "out of memory",
    [-KITH_EINVAL] = "invalid argument",
    [-KITH_ENOTFOUND] = "not found",
    [-KITH_EEXISTS] = "already exists",
    [-KITH_EDIM] = "dimension mismatch",
    [-KITH_EIO] = "input/output error",
    [-KITH_ENOSPC] = "disk full",
    [-KITH_ECORRUPT] = "corrupt file",
    [-KITH_ECLOSED] = "closed",
    [-KITH_EREADONLY] = "read-only",
    [-KITH_ELOCKED] = "locked by another process",
    [-KITH_ETIMEDOUT] = "timed out",
    [-KITH_ECANCELLED] = "cancelled",
    [-KITH_EBUSY] = "busy",
    [-KITH_EUNSUPPORTED] = "unsupported",
    [-KITH_EFILTER] = "invalid filter",
    [-KITH_EVERSION] = "unknown format version",
    [-KITH_EOUTCOME] = "outcome unknown",
    [-KITH_ELIMIT] = "limit exceeded",
};

#define NAME_COUNT ((int)(sizeof NAMES / sizeof NAMES[0]))

const char *error_name(int code)
{
    if (code > 0 || code <= -NAME_COUNT) return "unknown error";
    return NAMES[-code];
}

/* The cause is outside of the call and may go away: memory, space, locks, queues, time. An unknown
 * outcome (KITH_EOUTCOME) is not retryable: the write may already be there. */
static bool is_retryable(int code)
{
    return code == KITH_ENOMEM || code == KITH_ENOSPC || code == KITH_ELOCKED ||
           code == KITH_ETIMEDOUT || code == KITH_EBUSY;
}

/* Marks the end of text whose full length would have been `full`. */
static void mark_cut(char *text, int full)
{
    if (full >= KITH_ERROR_TEXT_MAX) memcpy(text + KITH_ERROR_TEXT_MAX - 4, "...", 4);
}

KITH_PRINTF(4, 0)
static void put(struct kith_error *err, int code, uint64_t position, const char *fmt, va_list args)
{
    char text[KITH_ERROR_TEXT_MAX];
    int full = vsnprintf(text, sizeof text, fmt, args);
    if (full < 0) text[0] = 0;
    mark_cut(text, full);
    err->code = code;
    err->retryable = is_retryable(code);
    err->position = position;
    memcpy(err->text, text, strlen(text) + 1);
}

int error_set(struct kith_error *err, int code, const char *fmt, ...)
{
    if (!err) return code;
    va_list args;
    va_start(args, fmt);
    put(err, code, 0, fmt, args);
    va_end(args);
    return code;
}

int error_set_at(struct kith_error *err, int code, uint64_t position, const char *fmt, ...)
{
    if (!err) return code;
    va_list args;
    va_start(args, fmt);
    put(err, code, position, fmt, args);
    va_end(args);
    return code;
}

int error_wrap(struct kith_error *err, int code, const char *fmt, ...)
{
    if (!err) return code;
    char old[KITH_ERROR_TEXT_MAX];
    memcpy(old, err->text, sizeof old);
    old[sizeof old - 1] = 0;
    va_list args;
    va_start(args, fmt);
    put(err, code, err->position, fmt, args); /* a wrapped error keeps its position */
    va_end(args);
    size_t len = strlen(err->text);
    int more = snprintf(err->text + len, sizeof err->text - len, ": %s", old);
    mark_cut(err->text, more < 0 ? 0 : (int)len + more);
    return code;
}
