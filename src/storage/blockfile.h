/*
 * The container of every sealed file: header, sections, page checksums, directory, trailer. Written
 * as a stream front to back, read by mapping. docs/formats/segment.md has the byte tables.
 *
 * At open the header, trailer, directory and the array of page checksums are verified, and every
 * offset and count against the file's size; pages of sections are verified at first touch through
 * one guard for the file (base/pages.h). Checksums are seeded with database, file and position, so
 * an intact page in the wrong place or file does not verify.
 *
 * Threading: a writer is one thread's; an open blockfile is immutable but for its guard.
 */
#ifndef KITH_STORAGE_BLOCKFILE_H
#define KITH_STORAGE_BLOCKFILE_H

#include "base/buffer.h"
#include "base/pages.h"
#include "os/os.h"
#include "storage/file_name.h"

#define BLOCKFILE_HEADER_BYTES 128u
#define BLOCKFILE_TRAILER_BYTES 64u
#define BLOCKFILE_ENTRY_BYTES 32u
#define BLOCKFILE_SECTIONS_MAX 16384u
#define BLOCKFILE_VERSION 1u

enum blockfile_flag { BLOCKFILE_HOT = 1 }; /* worth a copy in huge pages */

struct blockfile_section {
    uint32_t id;    /* meaning is the file kind's */
    uint32_t field;
    uint32_t flags;
    uint64_t offset;
    uint64_t len;
};

/* ---- writing ---- */

struct blockfile_writer {
    const struct os *os;
    struct os_file *file; /* owns */
    char *temp_path;      /* owns */
    char *path;           /* owns */
    char *dir;            /* owns */
    uint64_t database_id;
    uint64_t file_id;     /* in checksums */
    uint8_t *block;       /* owns: bytes not yet written */
    size_t block_len;
    uint64_t block_offset;
    struct buffer sums;      /* u32 a page */
    struct buffer directory; /* entries */
    struct blockfile_section open; /* the section being written */
    uint64_t data_end;
};

/* Starts a temporary file. On failure there is nothing to abort. */
KITH_NODISCARD int blockfile_create(struct blockfile_writer *writer, const struct os *os,
                                    const char *dir, const struct file_name *name,
                                    uint64_t database_id, struct kith_error *err);
/* len: how long it will be (for its alignment; blockfile_end takes what was put). */
KITH_NODISCARD int blockfile_begin(struct blockfile_writer *writer, uint32_t id, size_t field,
                                   uint32_t flags, uint64_t len, struct kith_error *err);
KITH_NODISCARD int blockfile_put(struct blockfile_writer *writer, const void *data, size_t len,
                                 struct kith_error *err);
KITH_NODISCARD int blockfile_end(struct blockfile_writer *writer, struct kith_error *err);
/* Sections of one piece. */
KITH_NODISCARD int blockfile_add(struct blockfile_writer *writer, uint32_t id, size_t field,
                                 uint32_t flags, const void *data, size_t len,
                                 struct kith_error *err);
/* Writes the rest, syncs, renames, syncs the directory, and releases the writer in any case; on
 * failure no file of that name is made (one that was there before stays). */
KITH_NODISCARD int blockfile_commit(struct blockfile_writer *writer, struct kith_error *err);
void blockfile_abort(struct blockfile_writer *writer); /* a zeroed or committed one is a no-op */

/* ---- reading ---- */

struct blockfile {
    const struct os *os;
    const uint8_t *map; /* owns */
    size_t len;
    struct page_guard guard;
    struct file_name name;    /* as the header has it */
    uint64_t database_id;
    const uint8_t *directory; /* into the map; verified */
    size_t count;
};

/* KITH_ECORRUPT unless it is exactly this file; KITH_EVERSION when it is of a newer format. The
 * struct must not move while open (sections borrow its guard). */
KITH_NODISCARD int blockfile_open(struct blockfile *file, const struct os *os, const char *dir,
                                  const struct file_name *name, uint64_t database_id,
                                  struct kith_error *err);
/* As above, whatever segment or part it is; database_id NULL: whatever database. */
KITH_NODISCARD int blockfile_open_path(struct blockfile *file, const struct os *os,
                                       const char *path, const uint64_t *database_id,
                                       struct kith_error *err);
void blockfile_close(struct blockfile *file); /* accepts a zeroed struct */
struct blockfile_section blockfile_entry(const struct blockfile *file, size_t number);
/* false: there is none; `out` becomes empty. */
bool blockfile_find(struct blockfile *file, uint32_t id, size_t field, struct section *out);
struct section blockfile_bytes(struct blockfile *file, const struct blockfile_section *entry);

#endif
