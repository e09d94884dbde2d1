/*
 * Encoding and decoding of the journal's file; the tables are in journal_internal.h. No I/O.
 * Decoding trusts nothing.
 */
#include <stdio.h>
#include <string.h>

#include "base/checksum.h"
#include "base/endian.h"
#include "base/rng.h"
#include "log/journal_internal.h"

static const char MAGIC[8] = {'K', 'I', 'T', 'H', 'M', 'E', 'T', '1'};

#define NAME_DIGITS 16

void journal_file_name(uint64_t number, char out[JOURNAL_NAME_BYTES])
{
    (void)snprintf(out, JOURNAL_NAME_BYTES, "meta-%016llx.kv", (unsigned long long)number);
}

bool journal_file_number(const char *name, uint64_t *number)
{
    static const char digits[] = "0123456789abcdef";
    if (strlen(name) != 5 + NAME_DIGITS + 3) return false;
    if (memcmp(name, "meta-", 5) != 0 || memcmp(name + 5 + NAME_DIGITS, ".kv", 3) != 0)
        return false;
    uint64_t value = 0;
    for (int i = 0; i < NAME_DIGITS; i++) {
        const char *digit = strchr(digits, name[5 + i]);
        if (!digit) return false;
        value = value << 4 | (uint64_t)(digit - digits);
    }
    *number = value;
    return true;
}

int journal_file_path(const char *dir, uint64_t number, char *out, struct kith_error *err)
{
    char name[JOURNAL_NAME_BYTES];
    journal_file_name(number, name);
    const int len = snprintf(out, OS_PATH_MAX, "%s/%s", dir, name);
    if (len > 0 && len < OS_PATH_MAX) return 0;
    return error_set(err, KITH_EINVAL, "path of %s is longer than %d bytes", name, OS_PATH_MAX);
}

static uint32_t header_checksum(const uint8_t *bytes, uint64_t number)
{
    return checksum32(bytes, 36, checksum_seed(0, number, 1));
}

void journal_header_encode(const struct journal_id *id, uint64_t prev_end,
                           uint8_t out[JOURNAL_HEADER_BYTES])
{
    const uint64_t prev = prev_end / 8;
    memset(out, 0, JOURNAL_HEADER_BYTES);
    memcpy(out, MAGIC, sizeof MAGIC);
    le32_put(out + 8, JOURNAL_VERSION);
    le64_put(out + 16, id->database_id);
    le64_put(out + 24, id->number);
    le32_put(out + 32, prev <= UINT32_MAX ? (uint32_t)prev : 0);
    le32_put(out + 36, header_checksum(out, id->number));
}

int journal_header_decode(const struct journal_id *id, const uint8_t *bytes, size_t len,
                          struct journal_header *out)
{
    if (len < JOURNAL_HEADER_BYTES || memcmp(bytes, MAGIC, sizeof MAGIC) != 0) return KITH_ECORRUPT;
    if (le32_get(bytes + 36) != header_checksum(bytes, id->number)) return KITH_ECORRUPT;
    const uint32_t version = le32_get(bytes + 8);
    if (version == 0 || version > JOURNAL_VERSION || le32_get(bytes + 12) != 0)
        return KITH_EVERSION;
    if (le64_get(bytes + 24) != id->number) return KITH_ECORRUPT;
    if (le64_get(bytes + 16) != id->database_id) return KITH_EINVAL;
    *out = (struct journal_header){version, (uint64_t)le32_get(bytes + 32) * 8};
    return 0;
}

static size_t padded(size_t len) { return JOURNAL_TRANSACTION_BYTES + ((len + 7) & ~(size_t)7); }

static uint32_t transaction_checksum(const struct journal_id *id, const uint8_t *bytes, size_t len,
                                     uint64_t offset)
{
    const uint64_t seed = checksum_seed(id->database_id, id->number, offset);
    return checksum32(bytes + 8, len - 8, seed ^ rng_mix(le32_get(bytes)));
}

void journal_encode_begin(struct buffer *buf)
{
    buffer_clear(buf);
    uint8_t *head = buffer_extend(buf, JOURNAL_TRANSACTION_BYTES);
    if (head) memset(head, 0, JOURNAL_TRANSACTION_BYTES);
}

void journal_encode_change(struct buffer *buf, const char *key, const void *value, size_t len)
{
    const size_t key_len = strlen(key);
    buffer_put_u16(buf, (uint16_t)key_len);
    buffer_put_u8(buf, value ? 1 : 0);
    buffer_put(buf, key, key_len);
    if (!value) return;
    buffer_put_u32(buf, (uint32_t)len);
    buffer_put(buf, value, len);
}

void journal_encode_end(struct buffer *buf, const struct journal_id *id, uint64_t offset,
                        uint64_t sequence, uint32_t count, enum journal_kind kind)
{
    if (buffer_failed(buf)) return;
    const size_t len = buf->len - JOURNAL_TRANSACTION_BYTES;
    uint8_t *pad = buffer_extend(buf, padded(len) - buf->len);
    if (!pad) return;
    memset(pad, 0, padded(len) - len - JOURNAL_TRANSACTION_BYTES);
    le32_put(buf->data, (uint32_t)len);
    le64_put(buf->data + 8, sequence);
    le32_put(buf->data + 16, count);
    le32_put(buf->data + 20, (uint32_t)kind);
    le32_put(buf->data + 4, transaction_checksum(id, buf->data, buf->len, offset));
}

void journal_encode_copy(struct buffer *buf, const struct journal_id *id, uint64_t offset)
{
    if (buffer_failed(buf)) return;
    const size_t len = buf->len;
    uint8_t *copy = buffer_extend(buf, len);
    if (!copy) return;
    memcpy(copy, buf->data, len);
    le32_put(copy + 4, transaction_checksum(id, copy, len, offset + len));
}

bool journal_decode(const struct journal_id *id, const uint8_t *bytes, size_t len, uint64_t offset,
                    struct journal_transaction *out)
{
    if (offset > len || len - offset < JOURNAL_TRANSACTION_BYTES) return false;
    const uint8_t *at = bytes + offset;
    const size_t changes = le32_get(at);
    const uint32_t kind = le32_get(at + 20);
    if (changes > JOURNAL_TRANSACTION_MAX || padded(changes) > len - offset) return false;
    if (kind < JOURNAL_PART || kind > JOURNAL_COMMIT) return false;
    if (le32_get(at + 4) != transaction_checksum(id, at, padded(changes), offset)) return false;
    *out = (struct journal_transaction){.sequence = le64_get(at + 8),
                                        .kind = (enum journal_kind)kind,
                                        .count = le32_get(at + 16),
                                        .changes = at + JOURNAL_TRANSACTION_BYTES,
                                        .len = changes,
                                        .next = offset + padded(changes)};
    return true;
}

int journal_decode_change(struct cursor *cur, struct journal_decoded *out)
{
    *out = (struct journal_decoded){.key_len = cursor_u16(cur)};
    const uint8_t op = cursor_u8(cur);
    if (out->key_len == 0 || out->key_len > JOURNAL_KEY_MAX || op > 1) return KITH_ECORRUPT;
    out->key = (const char *)cursor_take(cur, out->key_len);
    if (!out->key || memchr(out->key, 0, out->key_len)) return KITH_ECORRUPT;
    if (op == 0) return 0;
    out->len = cursor_u32(cur);
    if (cursor_failed(cur) || out->len > JOURNAL_VALUE_MAX) return KITH_ECORRUPT;
    if (out->len > cursor_left(cur)) return KITH_ECORRUPT;
    out->value = cur->data + cur->pos;
    cur->pos += out->len;
    return 0;
}
