/*
 * A sealed file is never trusted: bytes of a valid segment are overwritten as the input says and
 * all checksums are made right again, so that what is behind them is reached; then it is opened,
 * read through, searched by key and verified. Any status is fine; a crash, a hang or a row out of range
 * is not.
 *
 * Input: a first byte, odd when checksums are to be made right; then groups of 7 bytes: offset (u32
 * LE), value, and u16 LE that is added to the offset when the first byte is odd; modulo the length.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "fuzz.h"
#include "os/sim.h"
#include "storage/blockfile.h"
#include "storage/blockfile_format.h"
#include "storage/dump.h"
#include "storage/segment.h"

#define ROWS 300
#define GROUP 7
#define DATABASE 5

static struct os_sim *sim;
static struct schema schema;
static uint8_t *intact;
static size_t intact_len;

static void must(bool ok)
{
    if (!ok) abort();
}

static void make_schema(void)
{
    const struct kith_field fields[] = {
        {.size = sizeof fields[0], .name = "key", .type = KITH_VARCHAR,
         .flags = KITH_FIELD_PRIMARY},
        {.size = sizeof fields[0], .name = "n", .type = KITH_INT32, .flags = KITH_FIELD_NULLABLE},
        {.size = sizeof fields[0], .name = "v", .type = KITH_FLOAT_VECTOR, .dim = 3},
    };
    const struct kith_schema given = {.size = sizeof given, .fields = fields, .field_count = 3};
    must(schema_from_public(&given, &schema, NULL) == 0);
}

static void prepare(void)
{
    if (intact) return;
    static char text[ROWS][8];
    static struct kith_str keys[ROWS];
    static int32_t numbers[ROWS];
    static uint8_t valid[ROWS];
    static float vectors[ROWS * 3];
    static uint32_t partitions[ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        const size_t digits = 1 + i % 3;
        for (size_t d = 0; d < digits; d++) text[i][d] = (char)('a' + (i >> (4 * d)) % 16);
        keys[i] = (struct kith_str){text[i], digits};
        valid[i] = i % 7 != 0;
        partitions[i] = (uint32_t)(i % 2);
    }
    make_schema();
    const struct kith_column columns[] = {
        {.data = keys}, {.data = numbers, .valid = valid}, {.data = vectors}};
    const struct kith_batch batch = {.size = sizeof batch, .rows = ROWS, .columns = columns,
                                     .column_count = 3};
    sim = os_sim_new(1);
    must(sim && os_mkdir(os_sim_os(sim), "c", NULL) == 0);
    struct segment *growing = NULL;
    must(growing_new(os_sim_os(sim), &schema, NULL, 1, ROWS, &growing) == 0);
    must(growing_append(growing, &batch, partitions, 1, NULL) == 0);
    const struct seal_input input = {.os = os_sim_os(sim), .dir = "c", .database_id = DATABASE,
                                     .id = 2, .schema = &schema, .segments = &growing, .count = 1,
                                     .ts = 2};
    size_t rows = 0;
    must(sealed_write(&input, NULL, &rows, NULL) == 0 && rows == ROWS);
    segment_unref(growing);
    uint8_t *bytes;
    must(os_sim_file_bytes(sim, "c/2.seg", &bytes, &intact_len) == 0);
    intact = malloc(intact_len);
    must(intact != NULL);
    memcpy(intact, bytes, intact_len);
}

static void sign(uint8_t *bytes, size_t offset, size_t len, uint64_t where, uint8_t *to)
{
    const struct file_name name = {.kind = FILE_SEGMENT, .id = 2};
    const uint64_t seed = checksum_seed(DATABASE, blockfile_identity(&name), where);
    le32_put(to, checksum32(bytes + offset, len, seed));
}

/* Makes every checksum right, by the layout of the intact file. */
static void sign_all(uint8_t *bytes)
{
    const size_t end = intact_len - BLOCKFILE_TRAILER_BYTES;
    const size_t sums = (size_t)le64_get(intact + end + TRAILER_AT_SUMS);
    const size_t directory = (size_t)le64_get(intact + end + TRAILER_AT_DIRECTORY);
    uint8_t *trailer = bytes + end;
    sign(bytes, 0, HEADER_AT_CHECKSUM, SEED_HEADER, bytes + HEADER_AT_CHECKSUM);
    for (size_t at = 0; at < sums; at += PAGE_BYTES) {
        const size_t len = sums - at < PAGE_BYTES ? sums - at : PAGE_BYTES;
        sign(bytes, at, len, at / PAGE_BYTES, bytes + sums + at / PAGE_BYTES * 4);
    }
    sign(bytes, sums, directory - sums, SEED_SUMS, trailer + TRAILER_AT_SUMS_CHECKSUM);
    sign(bytes, directory, end - directory, SEED_DIRECTORY,
         trailer + TRAILER_AT_DIRECTORY_CHECKSUM);
    sign(bytes, end, TRAILER_AT_CHECKSUM, SEED_TRAILER, trailer + TRAILER_AT_CHECKSUM);
}

static unsigned sum; /* keeps reads of values alive */

static void read_chunk(const struct chunk *chunk)
{
    for (size_t row = 0; row < chunk->rows; row++) {
        sum += chunk_valid(chunk, row);
        if (chunk->width > 0) {
            sum += chunk->data[row * chunk->width];
            continue;
        }
        const struct kith_str s = chunk_str(chunk, row);
        for (size_t i = 0; i < s.len; i++) sum += (unsigned char)s.data[i];
    }
}

static void read_all(const struct segment *segment)
{
    const size_t rows = segment_rows(segment);
    struct chunk_source source;
    struct chunk chunk;
    segment_source(segment, rows, &source);
    for (size_t field = 0; field < 3; field++) {
        for (size_t n = 0; source.get(source.ctx, field, n, &chunk) == 0; n++) read_chunk(&chunk);
    }
    for (size_t row = 0; row < rows && row < 2 * ROWS; row++) {
        struct key key;
        uint32_t found[4];
        sum += segment_partition(segment, row);
        if (segment_key(segment, row, &key)) continue;
        const int count = segment_find(segment, key, 9, found, 4);
        for (int i = 0; i < count; i++) must(found[i] < rows);
    }
}

static void ignore(void *ctx, uint64_t offset, const char *text)
{
    (void)ctx;
    (void)offset;
    sum += (unsigned char)text[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    prepare();
    if (size == 0) return 0;
    uint8_t *bytes;
    size_t len;
    must(os_sim_file_bytes(sim, "c/2.seg", &bytes, &len) == 0 && len == intact_len);
    memcpy(bytes, intact, len);
    const bool resign = data[0] & 1u;
    for (size_t at = 1; at + GROUP <= size; at += GROUP) {
        const size_t where = (size_t)le32_get(data + at) + (resign ? le16_get(data + at + 5) : 0);
        bytes[where % len] = data[at + 4];
    }
    if (resign) sign_all(bytes);
    const struct sealed_opts opts = {.os = os_sim_os(sim), .dir = "c", .database_id = DATABASE,
                                     .id = 2, .schema = &schema};
    struct segment *segment = NULL;
    if (sealed_open(&opts, &segment, NULL, NULL) == 0) {
        read_all(segment);
        segment_unref(segment);
    }
    uint64_t checked = 0;
    must(storage_verify(os_sim_os(sim), "c/2.seg", DATABASE, ignore, NULL, &checked, NULL) == 0);
    return 0;
}
