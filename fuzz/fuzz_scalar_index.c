/*
 * A saved scalar index is never trusted: bytes of a small valid one are overwritten as the input
 * says, then it is opened, asked and validated. Any status is fine; a crash, a hang or a row out of
 * range is not.
 *
 * Input: byte 0 chooses the index; then groups of 6 bytes: section, offset (u32 LE, modulo the
 * section's length), value. A section byte with its top bit set cuts the section there instead.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/rng.h"
#include "fuzz.h"
#include "index/scalar_index.h"
#include "os/os.h"

#define ROWS 300
#define GROUP 6
#define TEXT_MAX 60

enum { SUBJECT_SORT, SUBJECT_BITMAP, SUBJECT_TRIE, SUBJECT_NGRAM, SUBJECT_RTREE, SUBJECT_ARRAY,
       SUBJECT_JSON, SUBJECTS };

static const struct {
    const char *kind;
    enum kith_type type, element, cast;
} subjects[SUBJECTS] = {
    { "STL_SORT", KITH_INT64, 0, 0 },           { "BITMAP", KITH_VARCHAR, 0, 0 },
    { "TRIE", KITH_VARCHAR, 0, 0 },             { "NGRAM", KITH_VARCHAR, 0, 0 },
    { "RTREE", KITH_GEOMETRY, 0, 0 },           { "INVERTED", KITH_ARRAY, KITH_INT16, 0 },
    { "INVERTED", KITH_JSON, 0, KITH_DOUBLE },
};

static struct {
    struct schema_field field;
    struct scalar_index_params params;
    struct index_image image;
    int64_t ints[ROWS];
    char bytes[ROWS][TEXT_MAX];
    struct kith_str texts[ROWS];
    uint64_t valid[ROWS / 64 + 1];
} made[SUBJECTS];

static int source_get(void *ctx, size_t which, size_t number, struct chunk *out)
{
    (void)ctx;
    (void)number;
    *out = (struct chunk){ .type = made[which].field.type, .width = made[which].field.width,
                           .rows = ROWS, .data = (const uint8_t *)made[which].ints,
                           .valid = made[which].valid, .strs = made[which].texts };
    return 0;
}

static int write_text(size_t which, char *out, struct rng *rng)
{
    const unsigned a = (unsigned)rng_below(rng, 90), b = (unsigned)rng_below(rng, 7);
    switch (which) {
    case SUBJECT_BITMAP: return snprintf(out, TEXT_MAX, "value %u", b);
    case SUBJECT_RTREE: return snprintf(out, TEXT_MAX, "LINESTRING (%u %u, %u 9)", a, b, a + b);
    case SUBJECT_JSON: return snprintf(out, TEXT_MAX, "{\"a\": %u.5e%u}", a, b);
    case SUBJECT_ARRAY:
        for (unsigned i = 0; i < b; i++) le16_put(out + 2 * i, (uint16_t)rng_below(rng, 30));
        return (int)(2 * b);
    default: return snprintf(out, TEXT_MAX, "%u and then %u", a * a, b);
    }
}

static void prepare(void)
{
    struct rng rng;
    if (made[0].image.count > 0) return;
    rng_init(&rng, 7);
    for (size_t w = 0; w < SUBJECTS; w++) {
        made[w].field = (struct schema_field){ .type = subjects[w].type,
                                               .element_type = subjects[w].element,
                                               .width = type_width(subjects[w].type, 0) };
        made[w].params = (struct scalar_index_params){ .field = &made[w].field,
                                                       .cast = subjects[w].cast };
        if (w == SUBJECT_JSON) made[w].params.path = (struct kith_str){ "/a", 2 };
        for (size_t row = 0; row < ROWS; row++) {
            made[w].ints[row] = (int64_t)rng_below(&rng, 200) - 100;
            const int len = write_text(w, made[w].bytes[row], &rng);
            made[w].texts[row] = (struct kith_str){ made[w].bytes[row], (size_t)len };
            if (rng_below(&rng, 9) > 0) made[w].valid[row / 64] |= UINT64_C(1) << (row % 64);
        }
        const struct chunk_source source = { .rows = ROWS, .chunk_rows = 320, .get = source_get };
        const struct index_job job = { .os = os_real(), .threads = 1 };
        if (scalar_index_ops_find(subjects[w].kind)->build(&source, w, &made[w].params, &job,
                                                           &made[w].image, NULL)) {
            abort();
        }
    }
}

static void ask(const struct scalar_index *index, const struct probe *probe)
{
    struct bitset yes, present;
    uint64_t rows = 0;
    if (bitset_init(&yes, ROWS, false) || bitset_init(&present, ROWS, false)) abort();
    struct probe_answer answer = { .yes = &yes, .present = &present };
    if (index->ops->probe(index, probe, &answer) > 0) abort();
    if ((yes.words[ROWS / 64] | present.words[ROWS / 64]) >> (ROWS % 64)) abort();
    if (index->ops->estimate(index, probe, &rows) == 0 && rows > ROWS) abort();
    bitset_release(&yes);
    bitset_release(&present);
}

static void ask_all(const struct scalar_index *index, struct kith_str path)
{
    static const uint16_t like[] = { '1', PROBE_LIKE_RUN, 'a', 'n', 'd', PROBE_LIKE_RUN };
    static const struct kith_value numbers[] = { { .type = KITH_INT64, .i = 5 },
                                                 { .type = KITH_INT64, .i = 17 } };
    static const struct kith_value texts[] = {
        { .type = KITH_VARCHAR, .s = { "value 3", 7 } },
        { .type = KITH_VARCHAR, .s = { "value 5 and", 11 } },
    };
    for (int kind = PROBE_PRESENT; kind <= PROBE_BOX; kind++) {
        struct probe p = { .kind = (enum probe_kind)kind, .path = path, .like = like,
                           .like_count = 6, .has_low = true, .has_high = true,
                           .box = { 3, 2, 40, 8 }, .term_count = 2 };
        for (int side = 0; side < 2; side++) {
            p.terms = side ? numbers : texts;
            p.low = p.terms[0];
            p.high = p.terms[1];
            p.like_count = side ? 6 : 2;
            ask(index, &p);
        }
    }
}

static void mutate(struct index_view_section *views, uint8_t **copies, size_t count,
                   const uint8_t *group)
{
    const size_t s = (group[0] & 0x7fu) % count;
    if (views[s].bytes.len == 0) return;
    const size_t at = le32_get(group + 1) % views[s].bytes.len;
    if (group[0] & 0x80u) views[s].bytes.len = at;
    else copies[s][at] = group[5];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    prepare();
    if (size == 0) return 0;
    const size_t w = data[0] % SUBJECTS;
    const struct index_image *image = &made[w].image;
    struct index_view_section views[INDEX_SECTIONS_MAX];
    uint8_t *copies[INDEX_SECTIONS_MAX];
    struct scalar_index *index = NULL;
    for (size_t i = 0; i < image->count; i++) {
        copies[i] = malloc(image->sections[i].len);
        if (!copies[i]) abort();
        memcpy(copies[i], image->sections[i].data, image->sections[i].len);
        views[i] = (struct index_view_section){ image->sections[i].id,
                                                { copies[i], image->sections[i].len, NULL } };
    }
    for (size_t at = 1; at + GROUP <= size; at += GROUP)
        mutate(views, copies, image->count, data + at);
    if (scalar_index_ops_find(subjects[w].kind)->open(os_real(), views, image->count, ROWS,
                                                      &made[w].params, &index, NULL) == 0) {
        ask_all(index, made[w].params.path);
        if (index->ops->validate(index, NULL) > 0) abort();
        index->ops->close(index);
    }
    for (size_t i = 0; i < image->count; i++) free(copies[i]);
    return 0;
}
