/*
 * An opened text index: sections, terms, blocks. Nothing in a file is believed before it was
 * compared with the sections it points into; a decoded block has to end at the row that its entry
 * names, which with the padding behind it bounds everything that is read.
 */
#include <string.h>

#include "base/alloc.h"
#include "index/text_format.h"
#include "index/text_internal.h"

static int damaged(struct kith_error *err, const char *what)
{
    return error_set(err, KITH_ECORRUPT, "text index: %s", what);
}

/* ---- terms ---- */

int text_term_get(const struct text_index *index, size_t number, struct text_term *out)
{
    const size_t at = number * TEXT_TERM_BYTES_EACH;
    if (section_touch(&index->sections[TEXT_TERMS], at, TEXT_TERM_BYTES_EACH)) return KITH_ECORRUPT;
    const uint8_t *entry = index->sections[TEXT_TERMS].data + at;
    *out = (struct text_term){ .rows = le32_get(entry + TEXT_TERM_AT_ROWS),
                               .first_block = le32_get(entry + TEXT_TERM_AT_BLOCK),
                               .postings = le64_get(entry + TEXT_TERM_AT_POSTINGS),
                               .positions = le64_get(entry + TEXT_TERM_AT_POSITIONS),
                               .impacts = entry + TEXT_TERM_AT_IMPACTS };
    if (out->rows == 0 || out->rows > index->rows) return KITH_ECORRUPT;
    out->block_count = (out->rows + WALK_BLOCK_ROWS - 1) / WALK_BLOCK_ROWS;
    const size_t first = (size_t)out->first_block * TEXT_BLOCK_BYTES;
    const size_t bytes = (size_t)out->block_count * TEXT_BLOCK_BYTES;
    if (section_touch(&index->sections[TEXT_BLOCKS], first, bytes)) return KITH_ECORRUPT;
    out->blocks = index->sections[TEXT_BLOCKS].data + first;
    return 0;
}

static int term_text(const struct text_index *index, size_t number, struct kith_str *out)
{
    if (section_touch(&index->sections[TEXT_TERM_OFFSETS], number * 4, 8)) return KITH_ECORRUPT;
    const uint8_t *offsets = index->sections[TEXT_TERM_OFFSETS].data + number * 4;
    const uint32_t from = le32_get(offsets), to = le32_get(offsets + 4);
    if (from > to || section_touch(&index->sections[TEXT_TERM_BYTES], from, to - from))
        return KITH_ECORRUPT;
    const char *bytes = (const char *)index->sections[TEXT_TERM_BYTES].data;
    *out = (struct kith_str){ bytes + from, to - from };
    return 0;
}

static int compare_texts(struct kith_str a, struct kith_str b)
{
    const int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    if (order) return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

int text_term_find(const struct text_index *index, struct kith_str text, struct text_term *out)
{
    size_t low = 0, high = index->terms;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        struct kith_str term;
        if (term_text(index, middle, &term)) return KITH_ECORRUPT;
        const int order = compare_texts(term, text);
        if (order == 0) return text_term_get(index, middle, out);
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return KITH_ENOTFOUND;
}

/* ---- blocks ---- */

int text_block_rows(const struct text_index *index, const struct text_term *term, size_t i,
                    uint32_t *rows, size_t *count, struct text_counts *counts)
{
    const uint8_t *block = term->blocks + i * TEXT_BLOCK_BYTES;
    const struct section *postings = &index->sections[TEXT_POSTINGS];
    const uint64_t at = term->postings + le32_get(block + TEXT_BLOCK_AT_POSTINGS);
    const size_t last = term->block_count - 1;
    const size_t n = i < last ? WALK_BLOCK_ROWS : term->rows - last * WALK_BLOCK_ROWS;
    if (at < term->postings || section_touch(postings, at, 2)) return KITH_ECORRUPT;
    const unsigned gap_bits = postings->data[at], count_bits = postings->data[at + 1];
    if (gap_bits > 26 || count_bits > 16) return KITH_ECORRUPT;
    const size_t gap_bytes = pack_bytes(n, gap_bits);
    const size_t bytes = gap_bytes + pack_bytes(n, count_bits) + TEXT_PADDING;
    if (section_touch(postings, at + 2, bytes)) return KITH_ECORRUPT;
    unpack_numbers(postings->data + at + 2, n, gap_bits, rows);
    uint64_t row = i == 0 ? 0 : (uint64_t)le32_get(block - TEXT_BLOCK_BYTES) + 1;
    for (size_t j = 0; j < n; j++) {
        row += rows[j];
        rows[j] = (uint32_t)row++;
    }
    if (row - 1 != le32_get(block + TEXT_BLOCK_AT_LAST) || row > index->rows) return KITH_ECORRUPT;
    *counts = (struct text_counts){ postings->data + at + 2 + gap_bytes, count_bits };
    *count = n;
    return 0;
}

int text_block_load(const struct text_index *index, const struct text_term *term, size_t i,
                    uint32_t *rows, uint32_t *counts, size_t *count)
{
    struct text_counts packed;
    const int rc = text_block_rows(index, term, i, rows, count, &packed);
    if (rc) return rc;
    unpack_numbers(packed.bytes, *count, packed.width, counts);
    for (size_t j = 0; j < *count; j++) counts[j]++;
    return 0;
}

/* ---- open, close ---- */

static bool take_sections(struct text_index *index, const struct index_view_section *sections,
                          size_t count)
{
    bool *seen = index->has;
    for (size_t i = 0; i < count; i++) {
        const uint32_t id = sections[i].id;
        if (id == 0 || id >= TEXT_SECTIONS || seen[id]) return false;
        seen[id] = true;
        index->sections[id] = sections[i].bytes;
    }
    for (uint32_t id = TEXT_HEADER; id <= TEXT_POSTINGS; id++) {
        if (!seen[id] && id != TEXT_VALID) return false;
    }
    return seen[TEXT_POSITIONS] == seen[TEXT_BLOCK_POSITIONS];
}

static bool has_bytes(const struct text_index *index, enum text_section id, uint64_t count,
                      size_t each)
{
    size_t bytes;
    return size_mul(count, each, &bytes) && index->sections[id].len == bytes;
}

static bool take_header(struct text_index *index, size_t rows)
{
    const struct section *header = &index->sections[TEXT_HEADER];
    if (header->len != TEXT_HEADER_BYTES || section_touch(header, 0, header->len)) return false;
    const uint8_t *bytes = header->data;
    if (le32_get(bytes + TEXT_AT_VERSION) != TEXT_VERSION) return false;
    index->positions = le32_get(bytes + TEXT_AT_POSITIONS) != 0;
    index->rows = rows;
    index->texts = le64_get(bytes + TEXT_AT_TEXTS);
    index->tokens = le64_get(bytes + TEXT_AT_TOKENS);
    index->terms = le64_get(bytes + TEXT_AT_TERMS);
    index->blocks = le64_get(bytes + TEXT_AT_BLOCKS);
    return le64_get(bytes + TEXT_AT_ROWS) == rows && rows <= UINT32_MAX / 64 &&
           index->texts <= rows && index->tokens <= (uint64_t)rows * TEXT_COUNT_MAX &&
           index->terms < UINT32_MAX && index->blocks <= UINT32_MAX;
}

static bool sizes_fit(const struct text_index *index)
{
    const bool has_valid = index->has[TEXT_VALID];
    const bool positions = index->has[TEXT_POSITIONS];
    return has_bytes(index, TEXT_LENGTHS, index->rows, 2) &&
           has_valid == (index->texts < index->rows) &&
           (!has_valid || has_bytes(index, TEXT_VALID, BITSET_WORDS(index->rows), 8)) &&
           has_bytes(index, TEXT_TERM_OFFSETS, index->terms + 1, 4) &&
           has_bytes(index, TEXT_TERMS, index->terms, TEXT_TERM_BYTES_EACH) &&
           has_bytes(index, TEXT_BLOCKS, index->blocks, TEXT_BLOCK_BYTES) &&
           index->sections[TEXT_POSTINGS].len >= TEXT_PADDING && positions == index->positions &&
           (!positions || has_bytes(index, TEXT_BLOCK_POSITIONS, index->blocks, 4));
}

static void text_close(struct scalar_index *base)
{
    struct text_index *index = (struct text_index *)base;
    analyzer_free(index->analyzer);
    mem_free(index);
}

static int text_open(const struct os *os, const struct index_view_section *sections, size_t count,
                     size_t rows, const struct scalar_index_params *params,
                     struct scalar_index **out, struct kith_error *err)
{
    (void)os;
    const char *json = params->field->analyzer;
    if (!json)
        return error_set(err, KITH_EINVAL, "field '%s' has no analyzer", params->field->name);
    struct text_index *index = mem_zalloc(sizeof *index);
    if (!index) return error_set(err, KITH_ENOMEM, "text index: no memory");
    index->base.ops = &text_index_ops;
    int rc = 0;
    if (!take_sections(index, sections, count)) {
        rc = damaged(err, "a section is missing or unknown");
    } else if (!take_header(index, rows)) {
        rc = damaged(err, "another version, or not of these rows");
    } else if (!sizes_fit(index)) {
        rc = damaged(err, "a section has a wrong size");
    }
    if (rc == 0) rc = analyzer_new(json, strlen(json), &index->analyzer, err);
    if (rc) {
        text_close(&index->base);
        return rc;
    }
    *out = &index->base;
    return 0;
}

/* ---- the slow check of everything ---- */

static int validate_term(const struct text_index *index, size_t number, uint64_t *blocks,
                         struct kith_error *err)
{
    struct text_term term;
    struct kith_str text, before;
    if (term_text(index, number, &text) || text.len == 0) return damaged(err, "a term's text");
    if (number > 0 && (term_text(index, number - 1, &before) || compare_texts(before, text) >= 0))
        return damaged(err, "terms are not ascending");
    if (text_term_get(index, number, &term)) return damaged(err, "a term");
    if (term.first_block != *blocks) return damaged(err, "blocks of a term");
    *blocks += term.block_count;
    for (size_t i = 0; i < term.block_count; i++) {
        uint32_t rows[WALK_BLOCK_ROWS], counts[WALK_BLOCK_ROWS];
        size_t count;
        if (text_block_load(index, &term, i, rows, counts, &count)) return damaged(err, "a block");
        for (size_t j = 0; j < count; j++) {
            const uint32_t dl = le16_get(index->sections[TEXT_LENGTHS].data + 2 * rows[j]);
            const struct impact one = { (uint16_t)counts[j], (uint16_t)dl };
            if (counts[j] > dl || !text_impacts_cover(term.impacts, one) ||
                !text_impacts_cover(term.blocks + i * TEXT_BLOCK_BYTES + TEXT_BLOCK_AT_IMPACTS,
                                    one)) {
                return damaged(err, "the bounds of a block");
            }
        }
        if (index->positions && text_positions_check(index, &term, i, counts, count))
            return damaged(err, "positions");
    }
    return 0;
}

bool text_impacts_cover(const uint8_t *impacts, struct impact one)
{
    for (size_t i = 0; i < TEXT_IMPACTS; i++) {
        if (le16_get(impacts + 4 * i) >= one.tf && le16_get(impacts + 4 * i + 2) <= one.dl)
            return true;
    }
    return false;
}

static int text_validate(const struct scalar_index *base, struct kith_error *err)
{
    const struct text_index *index = (const struct text_index *)base;
    for (size_t id = 1; id < TEXT_SECTIONS; id++) {
        const struct section *section = &index->sections[id];
        if (section->len && section_touch(section, 0, section->len))
            return damaged(err, "a page is damaged");
    }
    uint64_t tokens = 0, blocks = 0;
    for (size_t row = 0; row < index->rows; row++)
        tokens += le16_get(index->sections[TEXT_LENGTHS].data + 2 * row);
    if (tokens != index->tokens) return damaged(err, "lengths and their sum differ");
    for (size_t i = 0; i < index->terms; i++) {
        const int rc = validate_term(index, i, &blocks, err);
        if (rc) return rc;
    }
    return blocks == index->blocks ? 0 : damaged(err, "blocks of no term");
}

size_t text_index_rows(const struct scalar_index *index)
{
    return ((const struct text_index *)index)->rows;
}

const struct scalar_index_ops text_index_ops = {
    .kind = "TEXT",
    .build = text_index_build,
    .open = text_open,
    .probe = text_index_probe,
    .estimate = text_index_estimate,
    .validate = text_validate,
    .close = text_close,
};
