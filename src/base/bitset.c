/*
 * Dense bits. Every operation keeps the bits past the end zero, so counting and walking need no
 * special case for the last word.
 */
#include "base/bitset.h"

#include <string.h>

#include "base/alloc.h"

/* Restores the invariant after an operation that may have set bits past the end. */
static void clear_tail(struct bitset *set)
{
    size_t rest = set->bits & 63;
    if (rest) set->words[set->bits >> 6] &= (1ull << rest) - 1;
}

int bitset_init(struct bitset *set, size_t bits, bool value)
{
    uint64_t *words = mem_alloc_array(bits / 64 + 1, sizeof *words);
    if (!words) return KITH_ENOMEM;
    *set = (struct bitset){.words = words, .bits = bits, .owned = true};
    bitset_fill(set, value);
    return 0;
}

void bitset_wrap(struct bitset *set, uint64_t *words, size_t bits)
{
    *set = (struct bitset){.words = words, .bits = bits, .owned = false};
}

void bitset_release(struct bitset *set)
{
    if (set->owned) mem_free(set->words);
    *set = (struct bitset){0};
}

void bitset_fill(struct bitset *set, bool value)
{
    size_t count = BITSET_WORDS(set->bits);
    if (count == 0) return;
    memset(set->words, value ? 0xff : 0, count * sizeof *set->words);
    clear_tail(set);
}

void bitset_and(struct bitset *set, const struct bitset *other)
{
    for (size_t i = 0; i < BITSET_WORDS(set->bits); i++) set->words[i] &= other->words[i];
}

void bitset_or(struct bitset *set, const struct bitset *other)
{
    for (size_t i = 0; i < BITSET_WORDS(set->bits); i++) set->words[i] |= other->words[i];
}

void bitset_andnot(struct bitset *set, const struct bitset *other)
{
    for (size_t i = 0; i < BITSET_WORDS(set->bits); i++) set->words[i] &= ~other->words[i];
}

void bitset_not(struct bitset *set)
{
    for (size_t i = 0; i < BITSET_WORDS(set->bits); i++) set->words[i] = ~set->words[i];
    clear_tail(set);
}

static inline size_t popcount(uint64_t word) { return (size_t)__builtin_popcountll(word); }

#define BLOCK_WORDS 31 /* a byte of the sums below holds 31 * 8 */

/* Bits of up to 31 words: counted in the bytes of each word and the bytes added up, which needs no
 * popcnt instruction and is vectors of 64-bit steps to the compiler. A quarter of the time that
 * the library's routine takes a word (the baseline instruction set has none). */
static size_t count_block(const uint64_t *words, size_t count)
{
    uint64_t sums = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t x = words[i];
        x -= (x >> 1) & 0x5555555555555555u;
        x = (x & 0x3333333333333333u) + ((x >> 2) & 0x3333333333333333u);
        sums += (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    }
    sums = (sums & 0x00ff00ff00ff00ffu) + ((sums >> 8) & 0x00ff00ff00ff00ffu);
    return (size_t)((sums * 0x0001000100010001u) >> 48);
}

static size_t count_words(const uint64_t *words, size_t count)
{
    size_t bits = 0, i = 0;
    for (; i + BLOCK_WORDS <= count; i += BLOCK_WORDS) bits += count_block(words + i, BLOCK_WORDS);
    return bits + count_block(words + i, count - i);
}

size_t bitset_count(const struct bitset *set)
{
    size_t count = 0;
    count += count_words(set->words, BITSET_WORDS(set->bits));
    return count;
}

void bitset_clear_first(struct bitset *set, size_t count)
{
    if (count > set->bits) count = set->bits;
    if (count == 0) return;
    memset(set->words, 0, count / 64 * sizeof *set->words);
    if (count % 64) set->words[count / 64] &= ~0ull << (count % 64);
}

size_t bitset_count_range(const struct bitset *set, size_t first, size_t end)
{
    if (end > set->bits) end = set->bits;
    if (first >= end) return 0;
    size_t word = first >> 6;
    size_t last = (end - 1) >> 6;
    uint64_t head_mask = ~0ull << (first & 63);
    uint64_t tail_mask = ~0ull >> (63 - ((end - 1) & 63));
    if (word == last) return popcount(set->words[word] & head_mask & tail_mask);
    size_t count = popcount(set->words[word] & head_mask);
    count += count_words(set->words + word + 1, last - word - 1);
    return count + popcount(set->words[last] & tail_mask);
}

size_t bitset_next(const struct bitset *set, size_t from)
{
    if (from >= set->bits) return set->bits;
    size_t i = from >> 6;
    uint64_t word = set->words[i] & (~0ull << (from & 63));
    while (word == 0) {
        if (++i >= BITSET_WORDS(set->bits)) return set->bits;
        word = set->words[i];
    }
    return i * 64 + (size_t)__builtin_ctzll(word);
}
