/*
 * Reading a log without changing it: which files there are, which records in them verify, and
 * whether what does not verify is damage or a torn tail. wal_open and wal_inspect are visitors.
 */
#ifndef KITH_LOG_WAL_SCAN_H
#define KITH_LOG_WAL_SCAN_H

#include "log/wal_format.h"

struct wal_scan_file {
    uint64_t number;
    uint64_t size;
    uint64_t end;      /* of the log in this file; after wal_scan_run */
    int header_status; /* of wal_header_decode */
    struct wal_file_header header; /* when header_status is 0 */
};

struct wal_visitor { /* functions are nullable; a negative return stops the scan */
    int (*file)(void *ctx, const struct wal_scan_file *file); /* before its entries */
    int (*entry)(void *ctx, uint64_t number, const struct wal_entry *entry);
    /* [from, to) was durable and is lost. `to` may be past the file's end. */
    void (*damage)(void *ctx, uint64_t number, uint64_t from, uint64_t to, const char *what);
    void (*torn)(void *ctx, uint64_t number, uint64_t from, uint64_t to);
    void *ctx;
};

struct wal_scan {
    const struct os *os;
    const char *dir; /* borrows */
    uint64_t database_id;
    struct wal_scan_file *files; /* owns; by number */
    size_t count, cap;
    size_t unborn;    /* at the end of files: their creation did not complete, nothing is in them */
    uint64_t last_ts; /* of records that verified */
};

/* Lists the files and reads their headers. Release it after failure too. */
KITH_NODISCARD int wal_scan_init(struct wal_scan *scan, const struct os *os, const char *dir,
                                 uint64_t database_id, struct kith_error *err);
void wal_scan_release(struct wal_scan *scan);
/* Visits every file but the unborn. */
KITH_NODISCARD int wal_scan_run(struct wal_scan *scan, const struct wal_visitor *visitor,
                                struct kith_error *err);
#endif
