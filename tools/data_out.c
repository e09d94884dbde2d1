/*
 * What every data set needs: files that are known to be complete, the order by hash, and the set
 * that finds duplicates.
 *
 * fvecs, the format of all vector files here: for each row a little-endian u32 dimension and then
 * that many f32.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "make_data.h"

void data_die(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs("kith-make-data: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

void *data_alloc(size_t count, size_t size)
{
    void *ptr = calloc(count ? count : 1, size ? size : 1);
    if (!ptr) data_die("out of memory (%zu x %zu bytes)", count, size);
    return ptr;
}

void *data_grow(void *ptr, size_t count, size_t size)
{
    void *grown = reallocarray(ptr, count, size);
    if (!grown) data_die("out of memory (%zu x %zu bytes)", count, size);
    return grown;
}

FILE *data_create(const char *dir, const char *name)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (n < 0 || (size_t)n >= sizeof path) data_die("path too long: %s/%s", dir, name);
    FILE *file = fopen(path, "wb");
    if (!file) data_die("cannot create %s: %s", path, strerror(errno));
    return file;
}

void data_finish(FILE *file, const char *name)
{
    bool failed = ferror(file) != 0;
    if (fclose(file) != 0 || failed) data_die("cannot write %s: %s", name, strerror(errno));
}

void data_put(FILE *file, const void *bytes, size_t len)
{
    if (fwrite(bytes, 1, len, file) != len) data_die("write failed: %s", strerror(errno));
}

void data_put_fvec(FILE *file, const float *row, uint32_t dim)
{
    data_put(file, &dim, sizeof dim);
    data_put(file, row, dim * sizeof *row);
}

struct hashed {
    uint64_t hash;
    uint32_t row;
};

static int compare_hashed(const void *a, const void *b)
{
    const struct hashed *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

uint32_t *data_order(const uint64_t *hash, uint32_t count)
{
    struct hashed *keys = data_alloc(count, sizeof *keys);
    for (uint32_t i = 0; i < count; i++) keys[i] = (struct hashed){hash[i], i};
    qsort(keys, count, sizeof *keys, compare_hashed);
    uint32_t *order = data_alloc(count, sizeof *order);
    for (uint32_t i = 0; i < count; i++) order[i] = keys[i].row;
    free(keys);
    return order;
}

void data_set_init(struct data_set *set, size_t rows_max)
{
    set->cap = 1024;
    while (set->cap < rows_max * 2) set->cap *= 2;
    set->rows = data_alloc(set->cap, sizeof *set->rows);
}

void data_set_release(struct data_set *set)
{
    free(set->rows);
    *set = (struct data_set){0};
}

bool data_set_add(struct data_set *set, const void *keys, size_t stride, size_t key_bytes,
                  uint32_t row)
{
    const char *base = keys;
    const char *key = base + row * stride;
    size_t slot = XXH3_64bits(key, key_bytes) & (set->cap - 1);
    for (; set->rows[slot]; slot = (slot + 1) & (set->cap - 1)) {
        if (memcmp(base + (set->rows[slot] - 1) * stride, key, key_bytes) == 0) return false;
    }
    set->rows[slot] = row + 1;
    return true;
}
