/*
 * The words sample: docs/formats/words-sample.md. Two columns: word, and vector as f32.
 *
 * The words block is read whole when the file is opened, after its size was compared with the
 * file's, and checked for as many line ends as there are rows. The checksum is verified too, in
 * pieces: the file is at most a few megabytes and is then known to be good.
 */
#include <string.h>
#define XXH_STATIC_LINKING_ONLY /* the size of the state, to keep it on the stack */
#include <xxhash.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "import/import_internal.h"

#define HEADER_BYTES 32
#define PIECE 65536

struct sample {
    uint32_t rows, dim, word_bytes;
    char *words;       /* owns */
    uint32_t *starts;  /* owns; rows + 1 offsets in words */
    struct buffer raw; /* owns: a batch's scales and codes */
};

static int damaged(const struct import_reader *reader, const char *problem,
                   struct kith_error *err)
{
    return error_set(err, KITH_ECORRUPT, "%s: %s; get it again", reader->path, problem);
}

static int read_header(struct import_reader *reader, struct sample *sample, uint64_t *checksum,
                       struct kith_error *err)
{
    uint8_t head[HEADER_BYTES];
    int rc = import_read_exact(reader, head, sizeof head, 0, err);
    if (rc) return rc;
    if (memcmp(head, "KITHWS1\n", 8) != 0) return damaged(reader, "is no words sample", err);
    sample->rows = le32_get(head + 8);
    sample->dim = le32_get(head + 12);
    sample->word_bytes = le32_get(head + 16);
    *checksum = le64_get(head + 24);
    if (sample->dim < 1 || sample->dim > IMPORT_DIM_MAX) {
        return damaged(reader, "impossible dimension", err);
    }
    uint64_t want = HEADER_BYTES + (uint64_t)sample->rows * (4 + (uint64_t)sample->dim) +
                    sample->word_bytes; /* below 2^49 */
    return want == reader->size ? 0 : damaged(reader, "its size is not what it says", err);
}

static int verify(struct import_reader *reader, uint64_t want, struct kith_error *err)
{
    XXH3_state_t state;
    uint8_t *piece = mem_alloc(PIECE);
    if (!piece) return import_no_memory(reader, err);
    XXH3_64bits_reset(&state);
    size_t got = 1;
    int rc = 0;
    for (uint64_t at = HEADER_BYTES; !rc && got; at += got) {
        rc = import_read(reader, piece, PIECE, at, &got, err);
        if (!rc) XXH3_64bits_update(&state, piece, got);
    }
    mem_free(piece);
    if (rc) return rc;
    return XXH3_64bits_digest(&state) == want ? 0 : damaged(reader, "its checksum is wrong", err);
}

static int index_words(const struct import_reader *reader, struct sample *sample,
                       struct kith_error *err)
{
    uint32_t row = 0;
    if (!utf8_valid(sample->words, sample->word_bytes)) {
        return damaged(reader, "its words are not UTF-8", err);
    }
    for (uint32_t i = 0; i < sample->word_bytes; i++) {
        if (sample->words[i] != '\n') continue;
        if (row == sample->rows) return damaged(reader, "it has more words than rows", err);
        sample->starts[++row] = i + 1;
    }
    bool all = row == sample->rows && sample->starts[row] == sample->word_bytes;
    return all ? 0 : damaged(reader, "it has fewer words than rows", err);
}

static int read_words(struct import_reader *reader, struct sample *sample,
                      struct kith_error *err)
{
    uint64_t at = reader->size - sample->word_bytes;
    sample->words = mem_alloc(sample->word_bytes ? sample->word_bytes : 1);
    sample->starts = mem_zalloc_array((size_t)sample->rows + 1, sizeof *sample->starts);
    if (!sample->words || !sample->starts) return import_no_memory(reader, err);
    int rc = import_read_exact(reader, sample->words, sample->word_bytes, at, err);
    return rc ? rc : index_words(reader, sample, err);
}

static void store_row(struct import_reader *reader, const struct sample *sample, uint64_t row,
                      const uint8_t *scale, const uint8_t *codes)
{
    float factor = lef32_get(scale);
    const char *word = sample->words + sample->starts[row];
    size_t len = sample->starts[row + 1] - sample->starts[row] - 1;
    import_store_text(&reader->stores[0], word, len);
    for (uint32_t d = 0; d < sample->dim; d++) {
        int code = codes[d] < 128 ? codes[d] : codes[d] - 256;
        buffer_put_f32(&reader->stores[1].values, factor * (float)code);
    }
    buffer_put_u8(&reader->stores[1].nulls, 0);
}

static int sample_next(struct import_reader *reader, size_t max_rows, struct kith_error *err)
{
    struct sample *sample = reader->state;
    uint64_t row = reader->position.row, left = sample->rows - row;
    size_t fit = IMPORT_BATCH_BYTES / (sizeof(float) * sample->dim);
    size_t rows = max_rows < fit ? max_rows : fit ? fit : 1;
    if (rows > left) rows = (size_t)left;
    if (rows == 0) return 0;
    size_t scales = rows * sizeof(float), codes = rows * sample->dim;
    buffer_clear(&sample->raw);
    uint8_t *raw = buffer_extend(&sample->raw, scales + codes);
    if (!raw) return import_no_memory(reader, err);
    uint64_t codes_at = HEADER_BYTES + (uint64_t)sample->rows * sizeof(float);
    int rc = import_read_exact(reader, raw, scales, HEADER_BYTES + row * sizeof(float), err);
    if (!rc) rc = import_read_exact(reader, raw + scales, codes, codes_at + row * sample->dim, err);
    if (rc) return rc;
    for (size_t i = 0; i < rows; i++) {
        store_row(reader, sample, row + i, raw + i * sizeof(float),
                  raw + scales + i * sample->dim);
    }
    reader->position.row += rows;
    reader->position.offset = HEADER_BYTES + reader->position.row * (4 + (uint64_t)sample->dim);
    if (reader->position.row == sample->rows) reader->position.offset = reader->size;
    return 0;
}

static int sample_seek(struct import_reader *reader, struct import_position to,
                       struct kith_error *err)
{
    const struct sample *sample = reader->state;
    if (to.row <= sample->rows) return 0;
    return error_set(err, KITH_EINVAL, "%s: row %llu is past its end; start again", reader->path,
                     (unsigned long long)to.row);
}

static void sample_close(struct import_reader *reader)
{
    struct sample *sample = reader->state;
    mem_free(sample->words);
    mem_free(sample->starts);
    buffer_release(&sample->raw);
    mem_free(sample);
}

static const struct import_ops sample_ops = {sample_next, sample_seek, sample_close};

int import_open_sample(struct import_reader *reader, struct kith_error *err)
{
    uint64_t checksum = 0;
    struct sample *sample = mem_zalloc(sizeof *sample);
    if (!sample) return import_no_memory(reader, err);
    reader->state = sample;
    reader->ops = &sample_ops;
    int rc = read_header(reader, sample, &checksum, err);
    if (!rc) rc = verify(reader, checksum, err);
    if (!rc) rc = read_words(reader, sample, err);
    if (rc) return rc;
    reader->position.offset = HEADER_BYTES;
    reader->description.rows = sample->rows;
    rc = import_add_column(reader, "word", 4, IMPORT_STRING, 0, err);
    return rc ? rc : import_add_column(reader, "vector", 6, IMPORT_VECTOR_F32, sample->dim, err);
}
