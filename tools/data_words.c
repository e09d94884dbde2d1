/*
 * The `words` set: English word vectors from {"vectors": {word: [100 floats, norm, rank]}}.
 *
 * Rows whose vector is zero, and rows whose first 8 components equal an earlier row's, are left
 * out. Vectors are divided by their length (computed in double), rows are ordered by XXH3 of the
 * word with seed 42: the first 1,000 are queries, the next 9,000 are held out (rows for later
 * inserts), the rest is the base.
 *
 * The sample for the tests is written from the same rows: docs/formats/words-sample.md.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "make_data.h"

#define DIM 100
#define WORD_MAX 512
#define HELD_OUT 10000
#define KEY_COMPONENTS 8

struct words {
    float (*vectors)[DIM]; /* owns; length 1 */
    float (*keys)[KEY_COMPONENTS]; /* owns; components before normalisation */
    char **words;          /* owns */
    uint32_t *ranks;       /* owns */
    uint32_t count, cap;
    uint32_t zero, duplicate; /* rows left out */
};

static void words_grow(struct words *w)
{
    if (w->count < w->cap) return;
    w->cap = w->cap ? w->cap * 2 : 1 << 16;
    w->vectors = data_grow(w->vectors, w->cap, sizeof *w->vectors);
    w->keys = data_grow(w->keys, w->cap, sizeof *w->keys);
    w->words = data_grow(w->words, w->cap, sizeof *w->words);
    w->ranks = data_grow(w->ranks, w->cap, sizeof *w->ranks);
}

static void words_release(struct words *w)
{
    for (uint32_t i = 0; i < w->count; i++) free(w->words[i]);
    free(w->words);
    free(w->vectors);
    free(w->keys);
    free(w->ranks);
}

/* Reads one [100 floats, norm, rank] into the next free row; false when the vector is zero. */
static bool read_row(struct scan *scan, struct words *w)
{
    double x[DIM], norm2 = 0;
    scan_expect(scan, '[');
    for (int d = 0; d < DIM; d++) {
        x[d] = scan_number(scan);
        norm2 += x[d] * x[d];
        scan_expect(scan, ',');
    }
    scan_number(scan); /* the stored norm is rounded; ours is exact */
    scan_expect(scan, ',');
    w->ranks[w->count] = (uint32_t)scan_number(scan);
    scan_expect(scan, ']');
    if (norm2 == 0) return false;
    double scale = 1 / sqrt(norm2);
    for (int d = 0; d < DIM; d++) w->vectors[w->count][d] = (float)(x[d] * scale);
    for (int d = 0; d < KEY_COMPONENTS; d++) w->keys[w->count][d] = (float)x[d];
    return true;
}

static void read_vectors(struct scan *scan, struct words *w)
{
    struct data_set seen;
    char word[WORD_MAX];
    data_set_init(&seen, 1 << 19);
    scan_expect(scan, '{');
    do {
        words_grow(w);
        size_t len = scan_string(scan, word, sizeof word);
        scan_expect(scan, ':');
        if (!read_row(scan, w)) {
            w->zero++;
        } else if (!data_set_add(&seen, w->keys, sizeof *w->keys, sizeof *w->keys, w->count)) {
            w->duplicate++;
        } else {
            if (memchr(word, '\n', len)) data_die("a word contains a line break");
            w->words[w->count] = data_alloc(len + 1, 1);
            memcpy(w->words[w->count++], word, len);
        }
    } while (scan_accept(scan, ','));
    scan_expect(scan, '}');
    data_set_release(&seen);
}

static void words_read(struct words *w, const char *json)
{
    struct scan *scan = scan_open(json);
    char key[WORD_MAX];
    *w = (struct words){0};
    scan_expect(scan, '{');
    do {
        scan_string(scan, key, sizeof key);
        scan_expect(scan, ':');
        if (strcmp(key, "vectors") == 0) {
            read_vectors(scan, w);
        } else {
            scan_skip(scan);
        }
    } while (scan_accept(scan, ','));
    scan_close(scan);
    if (w->count <= HELD_OUT) data_die("%s holds only %u vectors", json, w->count);
}

static void write_part(const struct words *w, const uint32_t *order, uint32_t count,
                       const char *dir, const char *name)
{
    char file[64];
    snprintf(file, sizeof file, "%s.fvecs", name);
    FILE *vectors = data_create(dir, file);
    snprintf(file, sizeof file, "%s.txt", name);
    FILE *text = data_create(dir, file);
    for (uint32_t i = 0; i < count; i++) {
        data_put_fvec(vectors, w->vectors[order[i]], DIM);
        data_put(text, w->words[order[i]], strlen(w->words[order[i]]));
        data_put(text, "\n", 1);
    }
    data_finish(vectors, name);
    data_finish(text, name);
}

void make_words(const char *json, const char *dir)
{
    struct words w;
    words_read(&w, json);
    uint64_t *hash = data_alloc(w.count, sizeof *hash);
    for (uint32_t i = 0; i < w.count; i++) {
        hash[i] = XXH3_64bits_withSeed(w.words[i], strlen(w.words[i]), DATA_SEED);
    }
    uint32_t *order = data_order(hash, w.count);
    write_part(&w, order, DATA_QUERIES, dir, "query");
    write_part(&w, order + DATA_QUERIES, HELD_OUT - DATA_QUERIES, dir, "held");
    write_part(&w, order + HELD_OUT, w.count - HELD_OUT, dir, "base");
    printf("words: %u rows (%u zero, %u duplicate left out), %u base, %u held out, %u queries\n",
           w.count, w.zero, w.duplicate, w.count - HELD_OUT, HELD_OUT - DATA_QUERIES,
           DATA_QUERIES);
    free(order);
    free(hash);
    words_release(&w);
}

struct sample_header {
    char magic[8];
    uint32_t rows, dim, word_bytes, reserved;
    uint64_t checksum; /* XXH3 of what follows */
};
_Static_assert(sizeof(struct sample_header) == 32, "docs/formats/words-sample.md");

static float quantize(const float *x, int8_t *codes)
{
    float peak = 0;
    for (int d = 0; d < DIM; d++) peak = fmaxf(peak, fabsf(x[d]));
    for (int d = 0; d < DIM; d++) codes[d] = (int8_t)lrintf(x[d] * 127.0f / peak);
    return peak / 127.0f;
}

void make_words_sample(const char *json, const char *path, uint32_t rows)
{
    struct words w;
    words_read(&w, json);
    if (rows > w.count) data_die("only %u words", w.count);
    uint64_t *rank = data_alloc(w.count, sizeof *rank);
    for (uint32_t i = 0; i < w.count; i++) rank[i] = w.ranks[i];
    uint32_t *order = data_order(rank, w.count);
    size_t word_bytes = 0;
    for (uint32_t i = 0; i < rows; i++) word_bytes += strlen(w.words[order[i]]) + 1;

    size_t codes_at = rows * sizeof(float), words_at = codes_at + (size_t)rows * DIM;
    char *body = data_alloc(words_at + word_bytes, 1), *text = body + words_at;
    for (uint32_t i = 0; i < rows; i++) {
        int8_t codes[DIM];
        float scale = quantize(w.vectors[order[i]], codes);
        memcpy(body + i * sizeof scale, &scale, sizeof scale);
        memcpy(body + codes_at + (size_t)i * DIM, codes, DIM);
        size_t len = strlen(w.words[order[i]]);
        memcpy(text, w.words[order[i]], len);
        text[len] = '\n';
        text += len + 1;
    }
    struct sample_header header = {"KITHWS1\n", rows, DIM, (uint32_t)word_bytes, 0,
                                   XXH3_64bits(body, words_at + word_bytes)};
    FILE *file = data_create(".", path);
    data_put(file, &header, sizeof header);
    data_put(file, body, words_at + word_bytes);
    data_finish(file, path);
    printf("sample: %u words, %zu bytes\n", rows, sizeof header + words_at + word_bytes);
    free(body);
    free(order);
    free(rank);
    words_release(&w);
}
