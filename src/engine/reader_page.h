/*
 * The page that a writing process shares with readers in other processes: the file READERS of a
 * database, 4 KiB, mapped by all. It says up to where journal and log may be read, and counts its
 * own changes, so that a reader which is up to date pays one load a call.
 *
 *   OFFSET SIZE MEANING
 *        0    8 magic "KITHPAGE"
 *        8    8 database id
 *       16    8 boot id: the page is true while the machine runs that wrote it
 *       64    8 count of changes
 *       72    8 durable place in the journal: file number << 32 | offset / 8
 *       80    8 acknowledged place in the log, likewise
 *
 * All are little-endian and aligned; those from 64 on are atomic. The writer stores a place, then
 * adds to the count (release); a reader loads the count (acquire), then the places, so it never
 * misses what was acknowledged before. After a power cut the boot id differs and the page means
 * nothing until a writer has opened the database. Local file systems only.
 */
#ifndef KITH_ENGINE_READER_PAGE_H
#define KITH_ENGINE_READER_PAGE_H

#include "log/journal.h"
#include "log/wal.h"
#include "os/os.h"

#define READER_PAGE_NAME "READERS"
#define READER_PAGE_BYTES 4096u

struct reader_page {
    const struct os *os;
    uint8_t *map; /* NULL: closed */
    uint64_t boot_id; /* of this machine now */
};

/* `writable`: creates it when missing. Else KITH_ENOTFOUND. */
KITH_NODISCARD int reader_page_open(struct reader_page *page, const struct os *os, const char *dir,
                                    bool writable, struct kith_error *err);
void reader_page_close(struct reader_page *page); /* accepts a zeroed struct */

/* The writer. */
void reader_page_set_journal(struct reader_page *page, struct journal_place place);
void reader_page_set_log(struct reader_page *page, struct wal_place place);
void reader_page_begin(struct reader_page *page, uint64_t database_id); /* after both are set */

/* A reader. */
bool reader_page_valid(const struct reader_page *page, uint64_t database_id);
uint64_t reader_page_changes(const struct reader_page *page);
struct journal_place reader_page_journal(const struct reader_page *page);
struct wal_place reader_page_log(const struct reader_page *page);

#endif
