/*
 * Lines as nearly all are, in one look: GET, DEL or SET with their words apart by single blanks.
 *
 * One pass finds the words and the end of the line together: of sixteen bytes at a time it learns
 * which are blanks, control bytes or quotes, and only those are looked at singly. Whatever is
 * unusual (quotes, tabs, two blanks, a value of several words, a line that is not whole) is left to
 * line_find and line_read, which say what it means. What is taken here, they take in the same way.
 */
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "line/line_parse.h"

#define PLAIN_WORDS 3u
#define CHUNK 16u

static bool is_stop(uint8_t c) { return c <= ' ' || c == '"' || c == '\''; }

/* A bit for each of sixteen bytes that is a blank, a control byte or a quote. */
static unsigned stops(const uint8_t *data)
{
#ifdef __SSE2__
    const __m128i blank = _mm_set1_epi8(' ');
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)data);
    const __m128i low = _mm_cmpeq_epi8(_mm_max_epu8(bytes, blank), blank);
    const __m128i quotes = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                        _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\'')));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(low, quotes));
#else
    unsigned found = 0;
    for (unsigned i = 0; i < CHUNK; i++) found |= (unsigned)is_stop(data[i]) << i;
    return found;
#endif
}

/* The same of what is left from `at` on, if that is fewer. */
static unsigned last_stops(const uint8_t *data, size_t len, size_t at)
{
    const size_t left = len - at;
    unsigned found = 0;
    if (left >= CHUNK) return stops(data + at);
    if (len >= CHUNK) return stops(data + len - CHUNK) >> (CHUNK - left);
    for (size_t i = 0; i < left; i++) found |= (unsigned)is_stop(data[at + i]) << i;
    return found;
}

/* Of the next two chunks. */
static inline uint32_t next_stops(const uint8_t *data, size_t len, size_t at)
{
    if (len - at >= 2 * CHUNK)
        return stops(data + at) | (uint32_t)stops(data + at + CHUNK) << CHUNK;
    const uint32_t first = last_stops(data, len, at);
    return len - at > CHUNK ? first | (uint32_t)last_stops(data, len, at + CHUNK) << CHUNK : first;
}

struct walk {
    const uint8_t *data;
    size_t len, start; /* where the present word begins */
    struct kith_str *words;
    size_t count;
};

enum step { STEP_ON, STEP_END, STEP_ODD };

/* The next stop stands at `at`. */
static enum step take_stop(struct walk *walk, size_t at)
{
    const uint8_t c = walk->data[at];
    if (at == walk->start || walk->count == PLAIN_WORDS) return STEP_ODD;
    walk->words[walk->count++] =
        (struct kith_str){ (const char *)walk->data + walk->start, at - walk->start };
    walk->start = at + 1;
    if (c == ' ') return STEP_ON;
    if (c == '\n') return STEP_END;
    if (c != '\r' || at + 1 == walk->len || walk->data[at + 1] != '\n') return STEP_ODD;
    walk->start++;
    return STEP_END;
}

/* The words of the line in front; walk->start is behind its end then. */
static bool walk_line(struct walk *walk)
{
    for (size_t at = 0; at < walk->len; at += 2 * CHUNK) {
        for (uint32_t found = next_stops(walk->data, walk->len, at); found; found &= found - 1) {
            const enum step step = take_stop(walk, at + (unsigned)__builtin_ctz(found));
            if (step != STEP_ON) return step == STEP_END;
        }
    }
    return false;
}

static bool is_name(struct kith_str word, const char *upper)
{
    if (word.len != 3) return false;
    for (unsigned i = 0; i < 3; i++)
        if ((word.data[i] & ~0x20) != upper[i]) return false;
    return true;
}

static enum line_verb plain_verb(const struct walk *walk)
{
    if (walk->count == 2 && is_name(walk->words[0], "GET")) return LINE_GET;
    if (walk->count == 3 && is_name(walk->words[0], "SET")) return LINE_SET;
    if (walk->count == 2 && is_name(walk->words[0], "DEL")) return LINE_DEL;
    return LINE_UNKNOWN;
}

/* Bytes beyond ASCII may be a blank, which is cut off at the end of a line. */
static bool ends_plainly(struct kith_str word)
{
    const uint8_t last = (uint8_t)word.data[word.len - 1];
    return last < 0x7f;
}

size_t line_read_plain(struct line_words *words, const uint8_t *data, size_t len,
                       struct line_request *out)
{
    struct walk walk = { .data = data,
                         .len = len < LINE_PLAIN_BYTES ? len : LINE_PLAIN_BYTES,
                         .words = words->at + words->count };
    if (words->cap - words->count < PLAIN_WORDS || !walk_line(&walk)) return 0;
    const enum line_verb verb = plain_verb(&walk);
    if (verb == LINE_UNKNOWN || !ends_plainly(walk.words[walk.count - 1])) return 0;
    *out = (struct line_request){ .verb = verb, .first = words->count, .count = walk.count };
    words->count += walk.count;
    return walk.start;
}
