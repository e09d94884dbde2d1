/*
 * The bytes of a log file: what wal.c writes and wal_scan.c reads. docs/formats/wal.md is the
 * description for readers from outside; the tables here are the same.
 *
 * File header, 64 bytes:
 *
 *   OFFSET SIZE MEANING
 *        0    8 magic "KITHWAL1"
 *        8    4 version, 1
 *       12    4 features a reader must know, 0
 *       16    8 database id
 *       24    8 number of this file
 *       32    8 number of the file before it; 0: none
 *       40    8 end of the log in that file: everything before was synced when this file began
 *       48    8 the last timestamp before this file
 *       56    4 0
 *       60    4 checksum of bytes 0..59, seeded with the number
 *
 * Record, at a multiple of 8:
 *
 *        0    4 length of the payload
 *        4    4 checksum of bytes 8.. to the padded end; seeded with database id, file number,
 *               offset and length, so that a whole record in the wrong place does not verify
 *        8    8 timestamp
 *       16    4 channel
 *       20    2 type, the channel's own
 *       22    2 flags: 1 = begins a group
 *       24    n payload, then zeros to the next multiple of 8
 *
 * A group is what one leader wrote at once: a record with flag 1 (its timestamp is the last one
 * before the group) whose payload is
 *
 *        0    8 number of the file in which the durable end was when the group was written
 *        8    8 offset of that end
 *
 * and then its records up to the next group.
 */
#ifndef KITH_LOG_WAL_FORMAT_H
#define KITH_LOG_WAL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/wal.h"

#define WAL_VERSION 1u
#define WAL_HEADER_BYTES 64u
#define WAL_RECORD_HEADER_BYTES 24u
#define WAL_GROUP_PAYLOAD_BYTES 16u
#define WAL_GROUP_BYTES (WAL_RECORD_HEADER_BYTES + WAL_GROUP_PAYLOAD_BYTES)
#define WAL_FLAG_GROUP 1u
#define WAL_NAME_BYTES 32

struct wal_file_id {
    uint64_t database_id;
    uint64_t number;
};

struct wal_file_header {
    struct wal_file_id id;
    uint64_t prev_number, prev_end;
    uint64_t base_ts;
};

struct wal_entry { /* a decoded record of either kind */
    struct wal_record record;
    uint64_t offset;
    uint64_t next;   /* offset of what follows */
    bool is_group;
    uint64_t durable_file, durable_offset; /* of a group */
};

/* Bytes of a record in the file. */
static inline size_t wal_padded(size_t payload_len)
{
    return WAL_RECORD_HEADER_BYTES + ((payload_len + 7u) & ~(size_t)7u);
}

void wal_file_name(uint64_t number, char out[WAL_NAME_BYTES]); /* "wal-0000000000000001.log" */
bool wal_file_number(const char *name, uint64_t *number);      /* false: not a log file's name */
/* Into a buffer of OS_PATH_MAX bytes. KITH_EINVAL when it does not fit. */
KITH_NODISCARD int wal_file_path(const char *dir, uint64_t number, char *out,
                                 struct kith_error *err);

void wal_header_encode(const struct wal_file_header *header, uint8_t out[WAL_HEADER_BYTES]);
/* KITH_ECORRUPT: not a header. KITH_EVERSION: a newer one. KITH_EINVAL: of another database. */
KITH_NODISCARD int wal_header_decode(const struct wal_file_id *id, const uint8_t *bytes, size_t len,
                                     struct wal_file_header *out);

/* Fills the header but the checksum, which needs the final place. */
void wal_record_encode(uint8_t *out, uint64_t ts, uint32_t channel, uint16_t type, size_t len);
/* The whole group record but its checksum. */
void wal_group_encode(uint8_t *out, uint64_t ts, uint64_t durable_file, uint64_t durable_offset);
/* Writes the checksum of the encoded, padded record that will be at `offset`. Returns its bytes. */
size_t wal_record_seal(const struct wal_file_id *id, uint8_t *bytes, uint64_t offset);
/* The record at `offset` of the file's bytes; false: none that verifies. */
bool wal_record_decode(const struct wal_file_id *id, const uint8_t *bytes, size_t len,
                       uint64_t offset, struct wal_entry *out);
/* The same when bytes are those of the file from offset `base` on. */
bool wal_record_decode_part(const struct wal_file_id *id, const uint8_t *bytes, size_t len,
                            uint64_t base, uint64_t offset, struct wal_entry *out);

#endif
