/*
 * FLAT: no structure at all, every search is a scan. Its image is one section that only says which
 * rows it was made for. Also the list of index kinds, and what all kinds share.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "index/graph_format.h"
#include "index/index.h"

/* Section 1: OFFSET 0 SIZE 4 magic "KFL1" · 4 SIZE 4 dim · 8 SIZE 8 rows. */
#define FLAT_MAGIC UINT32_C(0x314c464b)
#define FLAT_BYTES ((size_t)16)

struct flat {
    struct index index; /* first */
    const struct vectors *vectors; /* borrows */
};

static int flat_build(const struct vectors *vectors, const struct index_params *params,
                      const struct index_job *job, struct index_image *out, struct kith_error *err)
{
    (void)params;
    (void)job;
    uint8_t *data = mem_zalloc(FLAT_BYTES);
    if (!data) return error_set(err, KITH_ENOMEM, "no memory to write a flat index");
    le32_put(data, FLAT_MAGIC);
    le32_put(data + 4, vectors->dim);
    le64_put(data + 8, vectors->count);
    *out = (struct index_image){.count = 1};
    out->sections[0] = (struct index_section){.id = 1, .data = data, .len = FLAT_BYTES};
    return 0;
}

static int check_section(const struct section *s, const struct vectors *vectors,
                         struct kith_error *err)
{
    if (s->len != FLAT_BYTES || section_touch(s, 0, s->len) || le32_get(s->data) != FLAT_MAGIC) {
        return error_set(err, KITH_ECORRUPT, "flat index: header is damaged");
    }
    if (le32_get(s->data + 4) != vectors->dim || le64_get(s->data + 8) != vectors->count) {
        return error_set(err, KITH_ECORRUPT, "flat index belongs to other vectors");
    }
    return 0;
}

static int flat_open(const struct os *os, const struct index_view_section *sections, size_t count,
                     const struct vectors *vectors, struct index **out, struct kith_error *err)
{
    (void)os;
    const struct section none = {0};
    const int rc = check_section(count > 0 ? &sections[0].bytes : &none, vectors, err);
    if (rc) return rc;
    struct flat *flat = mem_zalloc(sizeof *flat);
    if (!flat) return error_set(err, KITH_ENOMEM, "no memory to open a flat index");
    flat->index.ops = index_ops_find("FLAT");
    flat->vectors = vectors;
    *out = &flat->index;
    return 0;
}

static int flat_search(const struct index *index, const struct index_search *search,
                       struct hit *hits, size_t *count, struct kith_error *err)
{
    return index_scan(((const struct flat *)index)->vectors, search, hits, count, err);
}

static int flat_validate(const struct index *index, struct kith_error *err)
{
    (void)index;
    (void)err;
    return 0;
}

static void flat_close(struct index *index) { mem_free(index); }

static const struct index_ops kinds[] = {
    {"FLAT", flat_build, flat_open, flat_search, flat_validate, flat_close},
    {"HNSW", graph_build, graph_open, graph_search, graph_validate, graph_close},
};

const struct index_ops *index_ops_find(const char *kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].kind, kind) == 0) return &kinds[i];
    }
    return NULL;
}

void index_image_release(const struct os *os, struct index_image *image)
{
    for (size_t i = 0; i < image->count; i++) {
        struct index_section *section = &image->sections[i];
        if (section->pages) {
            os_pages_free(os, section->data, section->len);
        } else {
            mem_free(section->data);
        }
    }
    *image = (struct index_image){0};
}
