/*
 * Status codes and error text, shared by every layer and by users of libkith.
 *
 * A fallible function returns 0 or a negative `enum kith_status`. Where it takes a `struct
 * kith_error *`, that pointer may be NULL; otherwise the text is written once, where the error
 * happens: what failed, where, and what the caller can do about it. The struct is owned by the
 * caller; nothing in it needs releasing. It is left untouched on success.
 */
#ifndef KITH_STATUS_H
#define KITH_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum kith_status {
    KITH_OK = 0,
    KITH_ENOMEM = -1,       /* an allocation failed; state is unchanged */
    KITH_EINVAL = -2,       /* validation failed: the arguments or the data break a rule */
    KITH_ENOTFOUND = -3,    /* no such document, collection, index, ... */
    KITH_EEXISTS = -4,      /* already exists */
    KITH_EDIM = -5,         /* vector dimension mismatch */
    KITH_EIO = -6,          /* the operating system reported an I/O error */
    KITH_ENOSPC = -7,       /* disk full or above the high-water mark; deletes still work */
    KITH_ECORRUPT = -8,     /* a checksum or an invariant of a file does not hold */
    KITH_ECLOSED = -9,      /* the handle's database or collection is closed or dropped */
    KITH_EREADONLY = -10,   /* a write on a read-only database */
    KITH_ELOCKED = -11,     /* another process has the database open for writing */
    KITH_ETIMEDOUT = -12,   /* the deadline passed */
    KITH_ECANCELLED = -13,  /* the cancel token fired */
    KITH_EBUSY = -14,       /* a queue or the memory budget is full; retry later */
    KITH_EUNSUPPORTED = -15, /* reserved or not built in */
    KITH_EFILTER = -16,     /* invalid filter expression; `position` is its byte offset */
    KITH_EVERSION = -17,    /* a file of a newer or an unknown format version */
    KITH_EOUTCOME = -18,    /* the write may or may not be durable (its sync failed) */
    KITH_ELIMIT = -19       /* a maximum of model/limits.h was exceeded */
};

#define KITH_ERROR_TEXT_MAX 512

struct kith_error {
    int code;          /* enum kith_status */
    bool retryable;    /* the same call may succeed later without change */
    uint64_t position; /* offending byte offset, row or element; 0 when meaningless */
    char text[KITH_ERROR_TEXT_MAX];
};

#ifdef __cplusplus
}
#endif
#endif
