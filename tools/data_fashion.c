/*
 * The `fashion` set: images of clothes from 0.json to 9.json, {"data": [[784 pixels], ...]}; the
 * number in the file name is the label.
 *
 * Empty entries and exact duplicates of an earlier image are left out. Rows are ordered by XXH3 of
 * the 784 pixel bytes with seed 42: the first 1,000 are queries, the next 1,000 are held out, the
 * rest is the base. Pixels become f32 unchanged.
 */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "make_data.h"

#define DIM 784
#define HELD_OUT 2000
#define LABELS 10

struct images {
    uint8_t (*pixels)[DIM]; /* owns */
    uint8_t *labels;        /* owns */
    uint32_t count, cap;
    uint32_t duplicate, empty; /* rows left out */
};

static void images_grow(struct images *im)
{
    if (im->count < im->cap) return;
    im->cap = im->cap ? im->cap * 2 : 1 << 14;
    im->pixels = data_grow(im->pixels, im->cap, sizeof *im->pixels);
    im->labels = data_grow(im->labels, im->cap, sizeof *im->labels);
}

/* One [pixels]; false when it is the empty list that ends each file. */
static bool read_image(struct scan *scan, uint8_t *pixels)
{
    scan_expect(scan, '[');
    if (scan_accept(scan, ']')) return false;
    for (int d = 0; d < DIM; d++) {
        double v = scan_number(scan);
        if (v < 0 || v > 255) data_die("%s: a pixel is %g", scan->path, v);
        pixels[d] = (uint8_t)v;
        scan_expect(scan, d + 1 < DIM ? ',' : ']');
    }
    return true;
}

static void read_class(struct images *im, struct data_set *seen, const char *dir, int label)
{
    char path[4096], key[16];
    snprintf(path, sizeof path, "%s/%d.json", dir, label);
    struct scan *scan = scan_open(path);
    scan_expect(scan, '{');
    scan_string(scan, key, sizeof key);
    if (strcmp(key, "data") != 0) data_die("%s: expected \"data\"", path);
    scan_expect(scan, ':');
    scan_expect(scan, '[');
    do {
        images_grow(im);
        if (!read_image(scan, im->pixels[im->count])) {
            im->empty++;
        } else if (!data_set_add(seen, im->pixels, DIM, DIM, im->count)) {
            im->duplicate++;
        } else {
            im->labels[im->count++] = (uint8_t)label;
        }
    } while (scan_accept(scan, ','));
    scan_expect(scan, ']');
    scan_close(scan);
}

static void write_part(const struct images *im, const uint32_t *order, uint32_t count,
                       const char *dir, const char *name)
{
    char file[64];
    float row[DIM];
    snprintf(file, sizeof file, "%s.fvecs", name);
    FILE *vectors = data_create(dir, file);
    snprintf(file, sizeof file, "%s.labels.txt", name);
    FILE *labels = data_create(dir, file);
    for (uint32_t i = 0; i < count; i++) {
        for (int d = 0; d < DIM; d++) row[d] = im->pixels[order[i]][d];
        data_put_fvec(vectors, row, DIM);
        fprintf(labels, "%d\n", im->labels[order[i]]);
    }
    data_finish(vectors, name);
    data_finish(labels, name);
}

void make_fashion(const char *json_dir, const char *dir)
{
    struct images im = {0};
    struct data_set seen;
    data_set_init(&seen, 1 << 17);
    for (int label = 0; label < LABELS; label++) read_class(&im, &seen, json_dir, label);
    data_set_release(&seen);
    if (im.count <= HELD_OUT) data_die("%s holds only %u images", json_dir, im.count);

    uint64_t *hash = data_alloc(im.count, sizeof *hash);
    for (uint32_t i = 0; i < im.count; i++) {
        hash[i] = XXH3_64bits_withSeed(im.pixels[i], DIM, DATA_SEED);
    }
    uint32_t *order = data_order(hash, im.count);
    write_part(&im, order, DATA_QUERIES, dir, "query");
    write_part(&im, order + DATA_QUERIES, HELD_OUT - DATA_QUERIES, dir, "held");
    write_part(&im, order + HELD_OUT, im.count - HELD_OUT, dir, "base");
    printf("fashion: %u rows (%u duplicate, %u empty left out), %u base, %u held out, "
           "%u queries\n",
           im.count, im.duplicate, im.empty, im.count - HELD_OUT, HELD_OUT - DATA_QUERIES,
           DATA_QUERIES);
    free(order);
    free(hash);
    free(im.pixels);
    free(im.labels);
}
