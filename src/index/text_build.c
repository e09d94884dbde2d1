/*
 * Building a text index: rows are read once and their tokens gathered (text_collect.c); then term
 * after term, in order of bytes, becomes blocks. The bytes depend on the texts and the analyzer
 * only.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "index/text_format.h"
#include "index/text_internal.h"

struct build {
    const struct chunk_source *source;
    const struct index_job *job;
    size_t field;
    size_t first, rows; /* of the source: what the index is over */
    struct analyzer *analyzer;
    struct analyzer_scratch *scratch;
    struct arena arena;
    struct text_gather gather;
    uint64_t reserved; /* of the job's budget */
    uint32_t row;
    uint32_t row_tokens;
    uint64_t texts, tokens;
    uint16_t *lengths;  /* owns until it is in the image */
    uint64_t *valid;    /* the same */
    struct buffer offsets, bytes, terms, blocks, postings, block_positions, positions;
    struct impact *impacts; /* of the blocks of the term that is written */
    size_t impact_room;
};

/* ---- reading ---- */

static int take_token(void *ctx, const struct token *token)
{
    struct build *build = ctx;
    if (build->row_tokens < TEXT_COUNT_MAX) build->row_tokens++;
    return text_gather_add(&build->gather, build->row, token);
}

static int charge(struct build *build)
{
    const uint64_t used = build->arena.used_bytes;
    if (!build->job->budget || used <= build->reserved) return 0;
    const uint64_t more = used - build->reserved + (1u << 20);
    if (!budget_reserve(build->job->budget, BUDGET_BUILD, more)) return KITH_EBUSY;
    build->reserved += more;
    return 0;
}

/* Rows [from, to) of the chunk; the first of them is row `at` of the index. */
static int read_chunk(struct build *build, const struct chunk *chunk, size_t from, size_t to,
                      size_t at)
{
    for (size_t i = from; i < to; i++, at++) {
        if (!chunk_valid(chunk, i)) continue;
        build->row = (uint32_t)at;
        build->row_tokens = 0;
        const int rc = analyzer_run(build->analyzer, build->scratch, chunk_str(chunk, i),
                                    take_token, build);
        if (rc) return rc;
        build->lengths[at] = (uint16_t)build->row_tokens;
        build->valid[at / 64] |= UINT64_C(1) << (at % 64);
        build->tokens += build->row_tokens;
        build->texts++;
    }
    return 0;
}

static int read_rows(struct build *build)
{
    const struct chunk_source *source = build->source;
    const size_t end = build->first + build->rows;
    for (size_t row = build->first; row < end;) {
        struct chunk chunk;
        const size_t number = row / source->chunk_rows, base = number * source->chunk_rows;
        const size_t to = end - base < source->chunk_rows ? end - base : source->chunk_rows;
        int rc = source->get(source->ctx, build->field, number, &chunk);
        if (rc) return rc;
        if (chunk.type != KITH_VARCHAR) return KITH_EINVAL;
        if (chunk.rows < to) return KITH_ECORRUPT;
        rc = read_chunk(build, &chunk, row - base, to, row - build->first);
        if (rc == 0) rc = charge(build);
        if (rc) return rc;
        row = base + to;
        const struct index_job *job = build->job;
        if (job->cancel && atomic_load(job->cancel)) return KITH_ECANCELLED;
        if (job->progress) job->progress(job->progress_ctx, row - build->first, build->rows);
    }
    return text_gather_finish(&build->gather);
}

/* ---- writing ---- */

static void put_impacts(struct buffer *out, const struct impact impacts[TEXT_IMPACTS])
{
    for (size_t i = 0; i < TEXT_IMPACTS; i++) {
        buffer_put_u16(out, impacts[i].tf);
        buffer_put_u16(out, impacts[i].dl);
    }
}

static uint32_t highest(const uint32_t *numbers, size_t count)
{
    uint32_t most = 0;
    for (size_t i = 0; i < count; i++) most = numbers[i] > most ? numbers[i] : most;
    return most;
}

struct term_writing {
    struct text_chain_reader counts, positions;
    size_t postings, positions_at; /* where the term begins */
    uint32_t row; /* the one before */
};

/* One block; adds its impacts to build->impacts[*impacts..). */
static int write_block(struct build *build, struct term_writing *term, size_t count,
                       size_t *impacts)
{
    uint32_t gaps[WALK_BLOCK_ROWS], counts[WALK_BLOCK_ROWS];
    struct impact all[WALK_BLOCK_ROWS];
    const size_t positions_at = build->positions.len - term->positions_at;
    for (size_t i = 0; i < count; i++) {
        gaps[i] = text_chain_next(&term->counts);
        counts[i] = text_chain_next(&term->counts);
        term->row += gaps[i] + 1;
        all[i] = (struct impact){ (uint16_t)(counts[i] + 1), build->lengths[term->row] };
        for (uint32_t p = 0; build->gather.positions && p <= counts[i]; p++)
            buffer_put_varint(&build->positions, text_chain_next(&term->positions));
    }
    const size_t at = build->postings.len - term->postings;
    if (at > UINT32_MAX || positions_at > UINT32_MAX) return KITH_ELIMIT;
    const unsigned gap_bits = pack_width(highest(gaps, count));
    const unsigned count_bits = pack_width(highest(counts, count));
    buffer_put_u8(&build->postings, (uint8_t)gap_bits);
    buffer_put_u8(&build->postings, (uint8_t)count_bits);
    pack_numbers(gaps, count, gap_bits, &build->postings);
    pack_numbers(counts, count, count_bits, &build->postings);
    impacts_cover(all, count, build->impacts + *impacts);
    buffer_put_u32(&build->blocks, term->row);
    buffer_put_u32(&build->blocks, (uint32_t)at);
    put_impacts(&build->blocks, build->impacts + *impacts);
    *impacts += TEXT_IMPACTS;
    if (build->gather.positions) buffer_put_u32(&build->block_positions, (uint32_t)positions_at);
    return 0;
}

static int reserve_impacts(struct build *build, size_t count)
{
    if (count <= build->impact_room) return 0;
    mem_free(build->impacts);
    build->impact_room = 0;
    build->impacts = mem_alloc_array(count * 2, sizeof *build->impacts);
    if (!build->impacts) return KITH_ENOMEM;
    build->impact_room = count * 2;
    return 0;
}

static int write_term(struct build *build, const struct text_gather_term *gathered)
{
    struct term_writing term = { .postings = build->postings.len,
                                 .positions_at = build->positions.len,
                                 .row = UINT32_MAX };
    const size_t first_block = build->blocks.len / TEXT_BLOCK_BYTES;
    const size_t blocks = (gathered->rows + WALK_BLOCK_ROWS - 1) / WALK_BLOCK_ROWS;
    text_chain_read(&gathered->counts, &term.counts);
    text_chain_read(&gathered->positions, &term.positions);
    int rc = reserve_impacts(build, blocks * TEXT_IMPACTS);
    size_t impacts = 0;
    for (size_t done = 0; rc == 0 && done < gathered->rows; done += WALK_BLOCK_ROWS) {
        const size_t left = gathered->rows - done;
        rc = write_block(build, &term, left < WALK_BLOCK_ROWS ? left : WALK_BLOCK_ROWS, &impacts);
    }
    if (rc) return rc;
    if (first_block > UINT32_MAX || build->bytes.len + gathered->len > UINT32_MAX)
        return KITH_ELIMIT;
    struct impact cover[TEXT_IMPACTS];
    impacts_cover(build->impacts, impacts, cover);
    buffer_put(&build->bytes, gathered->text, gathered->len);
    buffer_put_u32(&build->offsets, (uint32_t)build->bytes.len);
    buffer_put_u32(&build->terms, gathered->rows);
    buffer_put_u32(&build->terms, (uint32_t)first_block);
    buffer_put_u64(&build->terms, term.postings);
    buffer_put_u64(&build->terms, term.positions_at);
    put_impacts(&build->terms, cover);
    return 0;
}

static int by_text(const void *a, const void *b)
{
    const struct text_gather_term *x = a, *y = b;
    const int order = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);
    if (order) return order;
    return x->len < y->len ? -1 : x->len > y->len;
}

static int write_terms(struct build *build)
{
    struct text_gather *gather = &build->gather;
    if (gather->term_count)
        qsort(gather->terms, gather->term_count, sizeof *gather->terms, by_text);
    buffer_put_u32(&build->offsets, 0);
    for (size_t i = 0; i < gather->term_count; i++) {
        const int rc = write_term(build, &gather->terms[i]);
        if (rc) return rc;
    }
    const uint8_t zeros[TEXT_PADDING] = { 0 };
    buffer_put(&build->postings, zeros, sizeof zeros);
    return 0;
}

/* ---- the image ---- */

static void add_section(struct index_image *image, uint32_t id, void *data, size_t len, bool hot)
{
    image->sections[image->count++] =
        (struct index_section){ .id = id, .data = data, .len = len, .hot = hot };
}

/* The buffer's bytes go over to the image, also when there are none. */
static int give(struct index_image *image, uint32_t id, struct buffer *bytes, bool hot)
{
    if (buffer_failed(bytes) || (!bytes->data && buffer_reserve(bytes, 1))) return KITH_ENOMEM;
    add_section(image, id, bytes->data, bytes->len, hot);
    *bytes = (struct buffer){ 0 };
    return 0;
}

static int give_header(struct build *build, struct index_image *image)
{
    struct buffer header = { 0 };
    uint8_t *bytes = buffer_extend(&header, TEXT_HEADER_BYTES);
    if (!bytes) return KITH_ENOMEM;
    memset(bytes, 0, TEXT_HEADER_BYTES);
    le32_put(bytes + TEXT_AT_VERSION, TEXT_VERSION);
    le32_put(bytes + TEXT_AT_POSITIONS, build->gather.positions);
    le64_put(bytes + TEXT_AT_ROWS, build->rows);
    le64_put(bytes + TEXT_AT_TEXTS, build->texts);
    le64_put(bytes + TEXT_AT_TOKENS, build->tokens);
    le64_put(bytes + TEXT_AT_TERMS, build->gather.term_count);
    le64_put(bytes + TEXT_AT_BLOCKS, build->blocks.len / TEXT_BLOCK_BYTES);
    return give(image, TEXT_HEADER, &header, true);
}

static int give_all(struct build *build, struct index_image *image)
{
    const size_t rows = build->rows;
    int rc = give_header(build, image);
    if (rc) return rc;
    add_section(image, TEXT_LENGTHS, (uint8_t *)build->lengths, rows * sizeof(uint16_t), true);
    build->lengths = NULL;
    if (build->texts < rows) {
        add_section(image, TEXT_VALID, (uint8_t *)build->valid,
                    BITSET_WORDS(rows) * sizeof(uint64_t), true);
        build->valid = NULL;
    }
    rc = give(image, TEXT_TERM_OFFSETS, &build->offsets, true);
    if (rc == 0) rc = give(image, TEXT_TERM_BYTES, &build->bytes, true);
    if (rc == 0) rc = give(image, TEXT_TERMS, &build->terms, true);
    if (rc == 0) rc = give(image, TEXT_BLOCKS, &build->blocks, true);
    if (rc == 0) rc = give(image, TEXT_POSTINGS, &build->postings, true);
    if (rc || !build->gather.positions) return rc;
    rc = give(image, TEXT_BLOCK_POSITIONS, &build->block_positions, false);
    return rc ? rc : give(image, TEXT_POSITIONS, &build->positions, false);
}

static int prepare(struct build *build, const struct scalar_index_params *params,
                   struct kith_error *err)
{
    const size_t rows = build->rows;
    const char *json = params->field->analyzer;
    if (!json || params->field->type != KITH_VARCHAR)
        return error_set(err, KITH_EINVAL, "field '%s' has no analyzer", params->field->name);
    int rc = analyzer_new(json, strlen(json), &build->analyzer, err);
    if (rc) return rc;
    rc = analyzer_scratch_new(build->analyzer, &build->scratch);
    build->lengths = mem_zalloc_array(rows + 1, sizeof(uint16_t));
    build->valid = mem_zalloc_array(BITSET_WORDS(rows) + 1, sizeof(uint64_t));
    if (rc || !build->lengths || !build->valid)
        return error_set(err, KITH_ENOMEM, "text index: no memory");
    build->gather.arena = &build->arena;
    build->gather.positions = params->field->enable_match;
    return 0;
}

static void build_release(struct build *build)
{
    text_gather_release(&build->gather);
    arena_release(&build->arena);
    analyzer_scratch_free(build->scratch);
    analyzer_free(build->analyzer);
    if (build->reserved) budget_release(build->job->budget, BUDGET_BUILD, build->reserved);
    mem_free(build->lengths);
    mem_free(build->valid);
    mem_free(build->impacts);
    buffer_release(&build->offsets);
    buffer_release(&build->bytes);
    buffer_release(&build->terms);
    buffer_release(&build->blocks);
    buffer_release(&build->postings);
    buffer_release(&build->block_positions);
    buffer_release(&build->positions);
}

int text_index_build_rows(const struct chunk_source *source, size_t field, size_t first,
                          size_t rows, const struct scalar_index_params *params,
                          const struct index_job *job, struct index_image *out,
                          struct kith_error *err)
{
    if (rows > UINT32_MAX / 64) return error_set(err, KITH_ELIMIT, "text index: too many rows");
    struct build *build = mem_zalloc(sizeof *build);
    if (!build) return error_set(err, KITH_ENOMEM, "text index: no memory");
    *build = (struct build){ .source = source, .job = job, .field = field, .first = first,
                             .rows = rows };
    arena_init(&build->arena);
    struct index_image image = { .count = 0 };
    int rc = prepare(build, params, err);
    if (rc == 0) {
        rc = read_rows(build);
        if (rc == 0) rc = write_terms(build);
        if (rc == 0) rc = give_all(build, &image);
        if (rc) error_set(err, rc, "text index: %s", error_name(rc));
    }
    build_release(build);
    mem_free(build);
    if (rc) {
        index_image_release(job->os, &image);
    } else {
        *out = image;
    }
    return rc;
}

int text_index_build(const struct chunk_source *source, size_t field,
                     const struct scalar_index_params *params, const struct index_job *job,
                     struct index_image *out, struct kith_error *err)
{
    return text_index_build_rows(source, field, 0, source->rows, params, job, out, err);
}
