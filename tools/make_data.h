/*
 * Shared by the parts of kith-make-data, the small program behind scripts/get-data.sh.
 *
 * It is a build tool and no part of libkith: it reads archives whose checksum the script has
 * already verified, runs once and exits with a sentence when anything is wrong. That is why it
 * uses stdio and a terminating allocator where the library may not.
 */
#ifndef KITH_TOOLS_MAKE_DATA_H
#define KITH_TOOLS_MAKE_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define DATA_SEED 42     /* of the hash that orders rows */
#define DATA_QUERIES 1000 /* rows of every query file */

/* ---- data_out.c ---- */
_Noreturn void data_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void *data_alloc(size_t count, size_t size);               /* zeroed; never NULL */
void *data_grow(void *ptr, size_t count, size_t size);     /* realloc; never NULL */
FILE *data_create(const char *dir, const char *name);
void data_finish(FILE *file, const char *name);            /* close, checking every write */
void data_put(FILE *file, const void *bytes, size_t len);
void data_put_fvec(FILE *file, const float *row, uint32_t dim);
/* Row numbers 0..count in ascending order of hash[row] (ties by row number). The caller frees. */
uint32_t *data_order(const uint64_t *hash, uint32_t count);

/* A set of fixed-size keys with the row that brought each; for skipping exact duplicates. */
struct data_set {
    uint32_t *rows; /* owns; row + 1, 0 is empty */
    size_t cap;     /* power of two */
};
void data_set_init(struct data_set *set, size_t rows_max);
void data_set_release(struct data_set *set);
/* true when key (key_bytes long, row `row` of the table `keys` with that stride) is new. */
bool data_set_add(struct data_set *set, const void *keys, size_t stride, size_t key_bytes,
                  uint32_t row);

/* ---- data_scan.c: a pull scanner for JSON that is too big to hold ---- */
struct scan {
    FILE *file; /* owns */
    const char *path; /* borrows */
    uint64_t offset;
    size_t pos, len;
    char buf[1 << 16];
};
struct scan *scan_open(const char *path);
void scan_close(struct scan *scan);
int scan_peek(struct scan *scan);             /* the next byte that is no blank; EOF at the end */
bool scan_accept(struct scan *scan, char c);  /* takes c if it is next */
void scan_expect(struct scan *scan, char c);
double scan_number(struct scan *scan);
size_t scan_string(struct scan *scan, char *out, size_t cap); /* decoded; length without the NUL */
void scan_skip(struct scan *scan);            /* one value of any kind */

/* ---- one per data set ---- */
void make_words(const char *json, const char *dir);
void make_words_sample(const char *json, const char *path, uint32_t rows);
void make_fashion(const char *json_dir, const char *dir);
void make_glosses(const char *wordnet_dir, const char *dir);

struct gen_options {
    uint64_t rows; /* of base and query file together */
    uint32_t dim, latent, clusters;
    uint64_t seed;
    bool normalise;
};
void make_gen(const struct gen_options *options, const char *dir);

#endif
