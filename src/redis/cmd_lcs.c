/*
 * LCS: the longest common subsequence of two strings, its length, or the ranges it is made of
 * (Wagner and Fischer, 1974). With two lengths n and m it is n * m steps; the length alone needs
 * two rows, the others the whole table of 4 bytes a cell, which is temporary memory with a limit.
 */
#include "base/alloc.h"
#include "redis/cmd_string.h"
#include "redis/redis_internal.h"

struct lcs {
    struct kith_str a, b;
    uint32_t *cells; /* owns; (a.len + 1) * (b.len + 1), or two rows */
    bool want_len, want_ranges, want_match_len;
    int64_t match_min;
};

static uint32_t *cell(const struct lcs *lcs, size_t i, size_t j)
{
    return &lcs->cells[i * (lcs->b.len + 1) + j];
}

static bool options_take(struct redis_call *call, struct lcs *lcs)
{
    for (size_t i = 3; i < call->argc; i++) {
        if (call_is(call, i, "IDX")) {
            lcs->want_ranges = true;
        } else if (call_is(call, i, "LEN")) {
            lcs->want_len = true;
        } else if (call_is(call, i, "WITHMATCHLEN")) {
            lcs->want_match_len = true;
        } else if (call_is(call, i, "MINMATCHLEN") && i + 1 < call->argc) {
            if (!call_integer(call, ++i, &lcs->match_min)) return false;
            if (lcs->match_min < 0) lcs->match_min = 0;
        } else {
            call_syntax_error(call);
            return false;
        }
    }
    if (!lcs->want_len || !lcs->want_ranges) return true;
    call_error(call, "ERR If you want both the length and indexes, please just use IDX.");
    return false;
}

static bool text_at(struct redis_call *call, size_t arg, char scratch[ENTRY_TEXT_MAX],
                    struct kith_str *out)
{
    const struct entry *entry = cache_read(call->cache, call->db, call->argv[arg], 0);
    *out = (struct kith_str){"", 0};
    if (entry && entry_type(entry) != VALUE_STRING) {
        call_error(call, "ERR The specified keys must contain string values");
        return false;
    }
    if (entry) *out = entry_text(entry, scratch);
    return true;
}

static bool table_new(struct redis_call *call, struct lcs *lcs)
{
    size_t rows = lcs->want_len ? 2 : lcs->a.len + 1;
    size_t cells, bytes;
    uint64_t max = (uint64_t)call->redis->settings.bulk_bytes_max;
    if (lcs->a.len >= UINT32_MAX - 1 || lcs->b.len >= UINT32_MAX - 1) {
        call_error(call, "ERR String too long for LCS");
        return false;
    }
    if (size_mul(rows, lcs->b.len + 1, &cells) && size_mul(cells, sizeof *lcs->cells, &bytes) &&
        bytes <= max)
        lcs->cells = mem_zalloc(bytes);
    if (lcs->cells) return true;
    call_error(call, "ERR Insufficient memory, transient memory for LCS exceeds "
                     "proto-max-bulk-len");
    return false;
}

static uint32_t max_of(uint32_t x, uint32_t y) { return x > y ? x : y; }

static void fill(struct lcs *lcs)
{
    for (size_t i = 1; i <= lcs->a.len; i++) {
        size_t row = lcs->want_len ? i & 1 : i;
        size_t above = lcs->want_len ? row ^ 1 : i - 1;
        for (size_t j = 1; j <= lcs->b.len; j++) {
            bool same = lcs->a.data[i - 1] == lcs->b.data[j - 1];
            *cell(lcs, row, j) = same ? *cell(lcs, above, j - 1) + 1
                                      : max_of(*cell(lcs, above, j), *cell(lcs, row, j - 1));
        }
    }
}

struct range_pair {
    size_t a0, a1, b0, b1; /* inclusive */
};

static void reply_range(struct redis_call *call, const struct lcs *lcs,
                        const struct range_pair *range)
{
    resp_array(call->reply, lcs->want_match_len ? 3 : 2);
    resp_array(call->reply, 2);
    resp_integer(call->reply, (int64_t)range->a0);
    resp_integer(call->reply, (int64_t)range->a1);
    resp_array(call->reply, 2);
    resp_integer(call->reply, (int64_t)range->b0);
    resp_integer(call->reply, (int64_t)range->b1);
    if (lcs->want_match_len) resp_integer(call->reply, (int64_t)(range->a1 - range->a0 + 1));
}

/* Writes a range that is complete, if it is long enough. */
static size_t end_range(struct redis_call *call, const struct lcs *lcs, struct range_pair *range,
                        bool *open)
{
    bool whole = *open && (int64_t)(range->a1 - range->a0 + 1) >= lcs->match_min;
    if (whole) reply_range(call, lcs, range);
    *open = false;
    return whole;
}

/* Back from the last cell: the text backwards into text, or the ranges into the reply. */
static size_t walk(struct redis_call *call, const struct lcs *lcs, char *text)
{
    size_t i = lcs->a.len, j = lcs->b.len, at = *cell(lcs, i, j), ranges = 0;
    struct range_pair range = {0};
    bool open = false;
    while (i > 0 && j > 0) {
        if (lcs->a.data[i - 1] == lcs->b.data[j - 1]) {
            if (text) text[--at] = lcs->a.data[i - 1];
            bool joins = open && range.a0 == i && range.b0 == j;
            if (!joins) {
                if (!text) ranges += end_range(call, lcs, &range, &open);
                range.a1 = i - 1;
                range.b1 = j - 1;
            }
            range.a0 = --i;
            range.b0 = --j;
            open = true;
        } else if (*cell(lcs, i - 1, j) > *cell(lcs, i, j - 1)) {
            i--;
        } else {
            j--;
        }
    }
    return text ? 0 : ranges + end_range(call, lcs, &range, &open);
}

static void reply_ranges(struct redis_call *call, const struct lcs *lcs)
{
    resp_map(call->reply, 2);
    resp_cstr(call->reply, "matches");
    size_t place = resp_open(call->reply);
    size_t ranges = walk(call, lcs, NULL);
    resp_close(call->reply, place, '*', ranges);
    resp_cstr(call->reply, "len");
    resp_integer(call->reply, *cell(lcs, lcs->a.len, lcs->b.len));
}

static void reply_text(struct redis_call *call, const struct lcs *lcs)
{
    size_t len = *cell(lcs, lcs->a.len, lcs->b.len);
    char *text = mem_alloc(len);
    if (!text) {
        call_no_memory(call);
        return;
    }
    (void)walk(call, lcs, text);
    resp_bulk(call->reply, text, len);
    mem_free(text);
}

void run_lcs(struct redis_call *call)
{
    struct lcs lcs = {0};
    char a[ENTRY_TEXT_MAX], b[ENTRY_TEXT_MAX];
    if (!text_at(call, 1, a, &lcs.a) || !text_at(call, 2, b, &lcs.b)) return;
    if (!options_take(call, &lcs) || !table_new(call, &lcs)) return;
    fill(&lcs);
    if (lcs.want_len) {
        resp_integer(call->reply, *cell(&lcs, lcs.a.len & 1, lcs.b.len));
    } else if (lcs.want_ranges) {
        reply_ranges(call, &lcs);
    } else {
        reply_text(call, &lcs);
    }
    mem_free(lcs.cells);
}
