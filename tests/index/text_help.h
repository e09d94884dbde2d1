/*
 * A column of texts as a chunk source, a text index over it, and BM25 the slow way: every row, term
 * by term, from the formulas.
 */
#ifndef KITH_TESTS_INDEX_TEXT_HELP_H
#define KITH_TESTS_INDEX_TEXT_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "index/text_index.h"

#define TEXT_CHUNK 64u

struct texts {
    struct kith_str *strs;
    uint64_t *valid; /* NULL: all */
    size_t rows;
};

static int texts_chunk(void *ctx, size_t field, size_t number, struct chunk *out)
{
    const struct texts *texts = ctx;
    (void)field;
    const size_t first = number * TEXT_CHUNK;
    *out = (struct chunk){ .type = KITH_VARCHAR,
                           .rows = texts->rows - first < TEXT_CHUNK ? texts->rows - first
                                                                    : TEXT_CHUNK,
                           .strs = texts->strs + first,
                           .valid = texts->valid ? texts->valid + first / 64 : NULL };
    return 0;
}

static inline struct chunk_source texts_source(struct texts *texts)
{
    return (struct chunk_source){ .ctx = texts, .rows = texts->rows, .chunk_rows = TEXT_CHUNK,
                                  .get = texts_chunk };
}

static inline bool texts_valid(const struct texts *texts, size_t row)
{
    return !texts->valid || ((texts->valid[row / 64] >> (row % 64)) & 1);
}

/* Rows of words "w<n>", n by a steep law, so that there are common and rare ones. */
static inline struct texts texts_random(struct rng *rng, size_t rows, size_t words, size_t longest,
                                        bool nulls)
{
    struct texts texts = { calloc(rows + 1, sizeof(struct kith_str)),
                           nulls ? calloc(rows / 64 + 1, 8) : NULL, rows };
    for (size_t i = 0; i < rows; i++) {
        const size_t count = rng_below(rng, longest + 1);
        char *text = malloc(count * 8 + 1);
        size_t len = 0;
        for (size_t t = 0; t < count; t++) {
            const double u = rng_f64(rng);
            len += (size_t)sprintf(text + len, "w%d ", (int)((double)words * u * u * u));
        }
        texts.strs[i] = (struct kith_str){ text, len };
        if (nulls && rng_below(rng, 5)) texts.valid[i / 64] |= UINT64_C(1) << (i % 64);
    }
    return texts;
}

static inline void texts_free(struct texts *texts)
{
    for (size_t i = 0; i < texts->rows; i++) free((void *)(uintptr_t)texts->strs[i].data);
    free(texts->strs);
    free(texts->valid);
}

static char text_field_name[] = "text";
static inline struct schema_field text_field(char *analyzer, bool match)
{
    return (struct schema_field){ .name = text_field_name, .type = KITH_VARCHAR,
                                  .analyzer = analyzer, .enable_match = match };
}

struct built { /* an index over its image */
    struct index_image image;
    struct scalar_index *index;
};

static inline struct built text_built(struct texts *texts, const struct schema_field *field)
{
    struct built built = { .index = NULL };
    const struct scalar_index_params params = { .field = field };
    const struct index_job job = { .os = os_real(), .threads = 1 };
    struct chunk_source source = texts_source(texts);
    struct kith_error err = { 0 };
    if (text_index_ops.build(&source, 0, &params, &job, &built.image, &err)) fail_msg("%s", err.text);
    struct index_view_section views[INDEX_SECTIONS_MAX];
    for (size_t i = 0; i < built.image.count; i++) {
        const struct index_section *section = &built.image.sections[i];
        views[i] = (struct index_view_section){ section->id, { section->data, section->len, NULL } };
    }
    if (text_index_ops.open(os_real(), views, built.image.count, texts->rows, &params, &built.index,
                            &err)) {
        fail_msg("%s", err.text);
    }
    if (text_index_ops.validate(built.index, &err)) fail_msg("%s", err.text);
    return built;
}

static inline void built_free(struct built *built)
{
    built->index->ops->close(built->index);
    index_image_release(os_real(), &built->image);
}

/* ---- the reference: words between blanks, which is what the random texts are */

static inline size_t naive_count(struct kith_str text, struct kith_str word)
{
    size_t count = 0;
    for (size_t at = 0; at < text.len;) {
        size_t end = at;
        while (end < text.len && text.data[end] != ' ') end++;
        if (end - at == word.len && memcmp(text.data + at, word.data, word.len) == 0) count++;
        at = end + 1;
    }
    return count;
}

static inline size_t naive_length(struct kith_str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) count += text.data[i] == ' ';
    return count;
}

struct naive { /* scores of one query over several parts */
    double *scores; /* one a row of all parts, in order */
    size_t rows;
};

static inline struct naive naive_scores(const struct texts *parts, size_t part_count,
                                        const char *query, double k1, double b)
{
    size_t rows = 0;
    double total = 0, tokens = 0;
    for (size_t p = 0; p < part_count; p++) {
        for (size_t i = 0; i < parts[p].rows; i++) {
            if (!texts_valid(&parts[p], i)) continue;
            total++;
            tokens += (double)naive_length(parts[p].strs[i]);
        }
        rows += parts[p].rows;
    }
    const double average = fmax(1, tokens / total);
    struct naive naive = { calloc(rows + 1, sizeof(double)), rows };
    for (const char *at = query; *at;) {
        const size_t len = strcspn(at, " ");
        const struct kith_str word = { at, len };
        double holding = 0;
        for (size_t p = 0; p < part_count; p++)
            for (size_t i = 0; i < parts[p].rows; i++)
                holding += texts_valid(&parts[p], i) && naive_count(parts[p].strs[i], word) > 0;
        const double idf = log(1 + (total - holding + 0.5) / (holding + 0.5));
        size_t row = 0;
        for (size_t p = 0; p < part_count; p++) {
            for (size_t i = 0; i < parts[p].rows; i++, row++) {
                if (!texts_valid(&parts[p], i)) continue;
                const double tf = (double)naive_count(parts[p].strs[i], word);
                const double dl = (double)naive_length(parts[p].strs[i]);
                naive.scores[row] += idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * dl / average));
            }
        }
        at += len + (at[len] == ' ');
    }
    return naive;
}

#endif
