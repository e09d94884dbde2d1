/*
 * Saved postings are never trusted: bytes of a small valid index (of texts, or of sparse vectors) are
 * overwritten as the input says, then it is opened, searched, asked and validated. Any status is
 * fine; a crash, a hang or a row out of range is not.
 *
 * Input: groups of 6 bytes: section, offset (u32 LE, modulo the section's length), value. The first
 * byte of all chooses the index; a group whose section byte has its top bit set cuts the section
 * there instead.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/rng.h"
#include "fuzz.h"
#include "index/sparse_index.h"
#include "index/text_index.h"

#define ROWS 640
#define CHUNK 64u
#define GROUP 6
#define K 20

static char texts[ROWS][64];
static uint8_t vectors[ROWS][8 * 8];
static struct kith_str strs[2][ROWS];
static char analyzer_json[] = "{}";
static char field_name[] = "f";
static struct schema_field fields[2] = {
    { .name = field_name, .type = KITH_VARCHAR, .analyzer = analyzer_json, .enable_match = true },
    { .name = field_name, .type = KITH_SPARSE_VECTOR },
};
static const struct scalar_index_ops *kinds[2];
static struct index_image images[2];
static struct analyzer *analyzer;

static int get_chunk(void *ctx, size_t field, size_t number, struct chunk *out)
{
    (void)ctx;
    *out = (struct chunk){ .type = fields[field].type, .rows = CHUNK,
                           .strs = strs[field] + number * CHUNK };
    return 0;
}

static void prepare(void)
{
    if (images[0].count > 0) return;
    struct rng rng;
    rng_init(&rng, 7);
    for (size_t i = 0; i < ROWS; i++) {
        size_t len = 0;
        for (size_t w = rng_below(&rng, 10); w > 0; w--)
            len += (size_t)sprintf(texts[i] + len, "w%d ", (int)rng_below(&rng, 1 + i % 40));
        strs[0][i] = (struct kith_str){ texts[i], len };
        for (uint32_t e = 0, dim = 0; e < 8; e++) {
            le32_put(vectors[i] + 8 * e, dim += 1 + (uint32_t)rng_below(&rng, 4));
            lef32_put(vectors[i] + 8 * e + 4, (float)(rng_f64(&rng) - 0.3));
        }
        strs[1][i] = (struct kith_str){ (const char *)vectors[i], sizeof vectors[i] };
    }
    kinds[0] = &text_index_ops;
    kinds[1] = &sparse_index_ops;
    if (analyzer_new(analyzer_json, 2, &analyzer, NULL)) abort();
    for (size_t i = 0; i < 2; i++) {
        const struct chunk_source source = { .rows = ROWS, .chunk_rows = CHUNK, .get = get_chunk };
        const struct scalar_index_params params = { .field = &fields[i] };
        const struct index_job job = { .os = os_real(), .threads = 1 };
        if (kinds[i]->build(&source, i, &params, &job, &images[i], NULL)) abort();
    }
}

static void check_hits(int rc, const struct hit *hits, size_t count)
{
    if (rc == 0 && count > K) abort();
    for (size_t i = 0; rc == 0 && i < count; i++)
        if (hits[i].id >= ROWS) abort();
}

static void probe(const struct scalar_index *index, enum probe_kind kind)
{
    struct bitset yes, present;
    if (bitset_init(&yes, ROWS, false) || bitset_init(&present, ROWS, false)) abort();
    struct probe_answer answer = { .yes = &yes, .present = &present };
    const struct probe asked = { .kind = kind, .pattern = { "w0 w1", 5 }, .least = 2, .slop = 1 };
    uint64_t rows;
    (void)!index->ops->probe(index, &asked, &answer);
    (void)!index->ops->estimate(index, &asked, &rows);
    bitset_release(&yes);
    bitset_release(&present);
}

static void ask_text(const struct scalar_index *index)
{
    struct text_query query;
    struct text_statistics statistics;
    struct text_scoring scoring;
    struct hit hits[K];
    size_t count = 0;
    const struct kith_str words = { "w0 w1 w2 w7 w7 w30", 18 };
    if (text_query_init(analyzer, words, &query)) abort();
    if (text_statistics_init(&query, &statistics)) abort();
    (void)!text_statistics_add(index, &query, &statistics);
    if (text_scoring_init(&query, &statistics, 1.2, 0.75, &scoring)) abort();
    const struct walk_search search = { .end = ROWS, .k = K, .bound = INFINITY };
    const int rc = text_index_search(index, &query, &scoring, &search, hits, &count);
    check_hits(rc, hits, count);
    text_scoring_release(&scoring);
    text_statistics_release(&statistics);
    text_query_release(&query);
    probe(index, PROBE_MATCH);
    probe(index, PROBE_PHRASE);
}

static int exact(void *ctx, uint32_t row, float *distance)
{
    (void)ctx;
    if (row >= ROWS) abort();
    *distance = -1;
    return 0;
}

static void ask_sparse(const struct scalar_index *index)
{
    const struct sparse_query query = { vectors[3], 8, exact, NULL };
    const struct walk_search search = { .end = ROWS, .k = K, .bound = INFINITY };
    struct hit hits[K];
    size_t count = 0;
    check_hits(sparse_index_search(index, &query, &search, hits, &count), hits, count);
}

static void mutate(struct index_view_section *views, uint8_t **copies, size_t count,
                   const uint8_t *group)
{
    const size_t s = (group[0] & 0x7fu) % count;
    if (views[s].bytes.len == 0) return;
    const size_t at = le32_get(group + 1) % views[s].bytes.len;
    if (group[0] & 0x80u) {
        views[s].bytes.len = at;
    } else {
        copies[s][at] = group[5];
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    prepare();
    if (size == 0) return 0;
    const size_t which = data[0] & 1u;
    const struct index_image *image = &images[which];
    struct index_view_section views[INDEX_SECTIONS_MAX];
    uint8_t *copies[INDEX_SECTIONS_MAX];
    for (size_t i = 0; i < image->count; i++) {
        const size_t len = image->sections[i].len;
        copies[i] = malloc(len ? len : 1);
        if (!copies[i]) abort();
        if (len) memcpy(copies[i], image->sections[i].data, len);
        views[i] =
            (struct index_view_section){ image->sections[i].id, { copies[i], len, NULL } };
    }
    for (size_t at = 1; at + GROUP <= size; at += GROUP)
        mutate(views, copies, image->count, data + at);
    struct scalar_index *index = NULL;
    const struct scalar_index_params params = { .field = &fields[which] };
    if (kinds[which]->open(os_real(), views, image->count, ROWS, &params, &index, NULL) == 0) {
        if (which == 0) {
            ask_text(index);
        } else {
            ask_sparse(index);
        }
        if (index->ops->validate(index, NULL) > 0) abort();
        index->ops->close(index);
    }
    for (size_t i = 0; i < image->count; i++) free(copies[i]);
    return 0;
}
