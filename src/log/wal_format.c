/*
 * Encoding and decoding of log files; the tables are in wal_format.h. No I/O, no allocation, no
 * state. Decoding trusts nothing: lengths are compared with what is there before they are used.
 */
#include "log/wal_format.h"

#include <stdio.h>
#include <string.h>

#include "base/checksum.h"
#include "base/endian.h"
#include "base/rng.h"

static const char MAGIC[8] = {'K', 'I', 'T', 'H', 'W', 'A', 'L', '1'};

#define NAME_DIGITS 16
#define NAME_LEN (4 + NAME_DIGITS + 4)

void wal_file_name(uint64_t number, char out[WAL_NAME_BYTES])
{
    (void)snprintf(out, WAL_NAME_BYTES, "wal-%016llx.log", (unsigned long long)number);
}

/* The one spelling that wal_file_name makes: 16 lower-case digits. */
bool wal_file_number(const char *name, uint64_t *number)
{
    static const char digits[] = "0123456789abcdef";
    if (strlen(name) != NAME_LEN) return false;
    if (memcmp(name, "wal-", 4) != 0 || memcmp(name + 4 + NAME_DIGITS, ".log", 4) != 0)
        return false;
    uint64_t value = 0;
    for (int i = 0; i < NAME_DIGITS; i++) {
        const char *digit = strchr(digits, name[4 + i]);
        if (!digit) return false;
        value = value << 4 | (uint64_t)(digit - digits);
    }
    *number = value;
    return true;
}

int wal_file_path(const char *dir, uint64_t number, char *out, struct kith_error *err)
{
    char name[WAL_NAME_BYTES];
    wal_file_name(number, name);
    const int len = snprintf(out, OS_PATH_MAX, "%s/%s", dir, name);
    if (len > 0 && len < OS_PATH_MAX) return 0;
    return error_set(err, KITH_EINVAL, "path of %s is longer than %d bytes", name, OS_PATH_MAX);
}

/* The database is not in this seed: a file of another one shall be named as such, not as damage. */
static uint32_t header_checksum(const uint8_t *bytes, uint64_t number)
{
    return checksum32(bytes, 60, checksum_seed(0, number, 0));
}

void wal_header_encode(const struct wal_file_header *header, uint8_t out[WAL_HEADER_BYTES])
{
    memset(out, 0, WAL_HEADER_BYTES);
    memcpy(out, MAGIC, sizeof MAGIC);
    le32_put(out + 8, WAL_VERSION);
    le64_put(out + 16, header->id.database_id);
    le64_put(out + 24, header->id.number);
    le64_put(out + 32, header->prev_number);
    le64_put(out + 40, header->prev_end);
    le64_put(out + 48, header->base_ts);
    le32_put(out + 60, header_checksum(out, header->id.number));
}

int wal_header_decode(const struct wal_file_id *id, const uint8_t *bytes, size_t len,
                      struct wal_file_header *out)
{
    if (len < WAL_HEADER_BYTES || memcmp(bytes, MAGIC, sizeof MAGIC) != 0) return KITH_ECORRUPT;
    if (le32_get(bytes + 60) != header_checksum(bytes, id->number)) return KITH_ECORRUPT;
    if (le32_get(bytes + 8) != WAL_VERSION || le32_get(bytes + 12) != 0) return KITH_EVERSION;
    if (le64_get(bytes + 24) != id->number) return KITH_ECORRUPT;
    if (le64_get(bytes + 16) != id->database_id) return KITH_EINVAL;
    *out = (struct wal_file_header){.id = *id,
                                    .prev_number = le64_get(bytes + 32),
                                    .prev_end = le64_get(bytes + 40),
                                    .base_ts = le64_get(bytes + 48)};
    return 0;
}

void wal_record_encode(uint8_t *out, uint64_t ts, uint32_t channel, uint16_t type, size_t len)
{
    le32_put(out, (uint32_t)len);
    le32_put(out + 4, 0);
    le64_put(out + 8, ts);
    le32_put(out + 16, channel);
    le16_put(out + 20, type);
    le16_put(out + 22, 0);
}

void wal_group_encode(uint8_t *out, uint64_t ts, uint64_t durable_file, uint64_t durable_offset)
{
    wal_record_encode(out, ts, 0, 0, WAL_GROUP_PAYLOAD_BYTES);
    le16_put(out + 22, WAL_FLAG_GROUP);
    le64_put(out + 24, durable_file);
    le64_put(out + 32, durable_offset);
}

static uint32_t record_checksum(const struct wal_file_id *id, const uint8_t *bytes, size_t padded,
                                uint64_t offset)
{
    const uint64_t seed = checksum_seed(id->database_id, id->number, offset);
    return checksum32(bytes + 8, padded - 8, seed ^ rng_mix(le32_get(bytes)));
}

size_t wal_record_seal(const struct wal_file_id *id, uint8_t *bytes, uint64_t offset)
{
    const size_t padded = wal_padded(le32_get(bytes));
    le32_put(bytes + 4, record_checksum(id, bytes, padded, offset));
    return padded;
}

/* What every writer keeps to, so that bytes which verify by chance are still refused. */
static bool has_legal_fields(const struct wal_entry *entry, unsigned flags)
{
    if (flags == 0) return entry->record.ts > 0;
    return flags == WAL_FLAG_GROUP && entry->record.len == WAL_GROUP_PAYLOAD_BYTES &&
           entry->record.channel == 0 && entry->record.type == 0;
}

bool wal_record_decode_part(const struct wal_file_id *id, const uint8_t *bytes, size_t len,
                            uint64_t base, uint64_t offset, struct wal_entry *out)
{
    const uint64_t inside = offset - base;
    if (offset < base || inside > len || len - inside < WAL_RECORD_HEADER_BYTES) return false;
    const uint8_t *at = bytes + inside;
    const size_t payload_len = le32_get(at);
    if (payload_len > WAL_RECORD_MAX || wal_padded(payload_len) > len - inside) return false;
    struct wal_entry entry = {.offset = offset, .next = offset + wal_padded(payload_len)};
    entry.record = (struct wal_record){.ts = le64_get(at + 8),
                                       .channel = le32_get(at + 16),
                                       .type = le16_get(at + 20),
                                       .payload = at + WAL_RECORD_HEADER_BYTES,
                                       .len = payload_len};
    if (!has_legal_fields(&entry, le16_get(at + 22))) return false;
    if (le32_get(at + 4) != record_checksum(id, at, wal_padded(payload_len), offset)) return false;
    entry.is_group = le16_get(at + 22) == WAL_FLAG_GROUP;
    if (entry.is_group) {
        entry.durable_file = le64_get(at + 24);
        entry.durable_offset = le64_get(at + 32);
    }
    *out = entry;
    return true;
}

bool wal_record_decode(const struct wal_file_id *id, const uint8_t *bytes, size_t len,
                       uint64_t offset, struct wal_entry *out)
{
    return wal_record_decode_part(id, bytes, len, 0, offset, out);
}
