/*
 * Looking words up in the guard's table (scache_guard_table.c): the entries that begin with the
 * same two bytes are found by halving, and each is held against the word as its kind says.
 */
#include <string.h>

#include "redis/scache_guard_internal.h"

#define GUARD_MARKS ((unsigned)(GUARD_NUMBER | GUARD_WORD | GUARD_VERB | GUARD_UNIT))

static bool same(const char *word, size_t len, const char *text)
{
    return strlen(text) == len && memcmp(word, text, len) == 0;
}

/* "stop": stops, stopped, stopping; "enable": enables, enabled, enabling */
static bool has_stem(const char *word, size_t len, const char *stem)
{
    static const char *const ends[] = {"", "s", "es", "d", "ed", "ing"};
    size_t at = strlen(stem);
    if (len == at + 2 && stem[at - 1] == 'e' && memcmp(word, stem, at - 1) == 0 &&
        memcmp(word + at - 1, "ing", 3) == 0)
        return true;
    if (len < at || memcmp(word, stem, at) != 0) return false;
    if (at > 2 && len > at + 1 && word[at] == stem[at - 1]) at++;
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        if (same(word + at, len - at, ends[i])) return true;
    return false;
}

static bool has_plural(const char *word, size_t len, const char *stem)
{
    const size_t at = strlen(stem);
    return (len == at || (len == at + 1 && at > 2 && word[at] == 's')) &&
           memcmp(word, stem, at) == 0;
}

static bool fits(const struct guard_entry *entry, const char *word, size_t len)
{
    if (entry->kind == GUARD_VERB || entry->kind == GUARD_SENSE)
        return has_stem(word, len, entry->word);
    if (entry->kind == GUARD_UNIT) return has_plural(word, len, entry->word);
    return same(word, len, entry->word);
}

/* The first two bytes in order; no word of two letters has an ending that changes them. */
static unsigned head_of(const char *word, size_t len)
{
    return (unsigned)(unsigned char)word[0] << 8 | (len > 1 ? (unsigned char)word[1] : 0u);
}

static unsigned entry_head(size_t i)
{
    return head_of(guard_table[i].word, guard_table[i].word[1] ? 2 : 1);
}

/* The first entry whose head is not before this one. */
static size_t place_of(unsigned head)
{
    size_t low = 0, high = guard_table_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (entry_head(middle) < head)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* NULL: it is none of these kinds. */
static const struct guard_entry *entry_of(const char *word, size_t len, unsigned kinds)
{
    if (len == 0) return NULL;
    const unsigned head = head_of(word, len);
    for (size_t i = place_of(head); i < guard_table_count && entry_head(i) == head; i++) {
        const struct guard_entry *entry = &guard_table[i];
        if ((entry->kind & kinds) && fits(entry, word, len)) return entry;
    }
    return NULL;
}

static const char *sense_of(const struct guard_entry *entry)
{
    return entry && !entry->sense ? entry->word : entry ? entry->sense : NULL;
}

static const char *look_up(const char *word, size_t len, unsigned kinds)
{
    return sense_of(entry_of(word, len, kinds));
}

/* n't, with either apostrophe */
static bool ends_in_not(const char *word, size_t len)
{
    return (len >= 3 && memcmp(word + len - 3, "n't", 3) == 0) ||
           (len > 5 && memcmp(word + len - 5, "n\xe2\x80\x99t", 5) == 0);
}

const char *guard_cue(const char *word, size_t len)
{
    if (ends_in_not(word, len)) return "not";
    if (len > 2 && memcmp(word, "n'", 2) == 0) return "ne"; /* "n'est" */
    return look_up(word, len, GUARD_WORD | GUARD_VERB | GUARD_UNIT);
}

const char *guard_mark(const char *word, size_t len, bool *number)
{
    *number = false;
    if (memchr(word, '\'', len) || memchr(word, '\xe2', len)) return guard_cue(word, len);
    const struct guard_entry *entry = entry_of(word, len, GUARD_MARKS);
    *number = entry && entry->kind == GUARD_NUMBER;
    return sense_of(entry);
}

bool guard_is(const char *word, size_t len, unsigned kinds)
{
    return entry_of(word, len, kinds) != NULL;
}

struct guard_known guard_know(const char *word, size_t len)
{
    const struct guard_entry *mark = NULL, *sense = NULL;
    struct guard_known out = {0, false, NULL, NULL};
    if (len == 0) return out;
    const unsigned head = head_of(word, len);
    for (size_t i = place_of(head); i < guard_table_count && entry_head(i) == head; i++) {
        const struct guard_entry *entry = &guard_table[i];
        const bool cue = entry->kind & GUARD_MARKS;
        if ((cue && mark) || (entry->kind == GUARD_SENSE && sense) || !fits(entry, word, len))
            continue;
        out.kinds |= entry->kind;
        if (cue)
            mark = entry;
        else if (entry->kind == GUARD_SENSE)
            sense = entry;
    }
    out.sense = sense_of(sense);
    const bool apostrophe = memchr(word, '\'', len) || memchr(word, '\xe2', len);
    out.mark = apostrophe ? guard_cue(word, len) : sense_of(mark);
    out.number = !apostrophe && mark && mark->kind == GUARD_NUMBER;
    return out;
}

static size_t letters(const char *text, size_t len)
{
    size_t count = 0;
    for (size_t at = 0, bytes; at < len; at += bytes, count++)
        (void)guard_point(text + at, len - at, &bytes);
    return count;
}

/* That both begin with. */
static size_t shared_letters(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t count = 0, bytes;
    const size_t most = a_len < b_len ? a_len : b_len;
    for (size_t at = 0; at < most; at += bytes, count++) {
        const uint32_t point = guard_point(a + at, a_len - at, &bytes);
        if (point != guard_point(b + at, b_len - at, &bytes)) break;
    }
    return count;
}

/* Without the endings of grammar: "runs" and "running" are "run", "live" and "living" are "liv". */
static size_t stem_of(const char *word, size_t len)
{
    static const char *const ends[] = {"ing", "ed", "es", "s"};
    size_t at = len;
    for (size_t i = 0; i < COUNT_OF(ends) && at == len; i++) {
        const size_t size = strlen(ends[i]);
        if (len >= size + 3 && memcmp(word + len - size, ends[i], size) == 0) at = len - size;
    }
    if (at > 3 && (word[at - 1] == 'e' || word[at - 1] == word[at - 2])) at--;
    return at;
}

bool guard_same_stem(const char *a, size_t a_len, const char *b, size_t b_len)
{
    if (a_len == 0 || b_len == 0 || a[0] != b[0]) return a_len == b_len && a_len == 0;
    const size_t stem = stem_of(a, a_len);
    if (stem >= 3 && stem == stem_of(b, b_len) && memcmp(a, b, stem) == 0) return true;
    const size_t common = shared_letters(a, a_len, b, b_len);
    const size_t mine = letters(a, a_len), theirs = letters(b, b_len);
    const size_t rest = (mine > theirs ? mine : theirs) - common;
    return rest == 0 || (common >= 4 && rest <= 3) || (common >= 3 && rest == 1);
}

const char *guard_sense(const char *word, size_t len) { return look_up(word, len, GUARD_SENSE); }

bool guard_same_sense(const char *a, size_t a_len, const char *b, size_t b_len)
{
    if (guard_same_stem(a, a_len, b, b_len)) return true;
    const char *left = guard_sense(a, a_len), *right = left ? guard_sense(b, b_len) : NULL;
    return right && strcmp(left, right) == 0;
}

size_t guard_dense_mark(const char *text, size_t len, bool *number)
{
    static const char *const no[] = {"不", "没", "沒", "無",   "无",   "未",   "非",     "别",
                                     "別", "勿", "莫", "否",   "ない", "なく", "ません", "なし",
                                     "안", "못", "없", "아니", "않",   "말",   "ไม่",     "มิ"};
    static const char *const numerals[] = {"零", "二", "两", "兩", "三", "四", "五", "六", "七",
                                           "八", "九", "十", "百", "千", "万", "萬", "億", "亿"};
    for (size_t i = 0; i < COUNT_OF(no) + COUNT_OF(numerals); i++) {
        *number = i >= COUNT_OF(no);
        const char *mark = *number ? numerals[i - COUNT_OF(no)] : no[i];
        const size_t size = strlen(mark);
        if (size <= len && memcmp(text, mark, size) == 0) return size;
    }
    return 0;
}
