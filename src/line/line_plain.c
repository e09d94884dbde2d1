/*
 * Lines as nearly all are, in one look: GET, DEL or SET with their words apart by single blanks.
 *
 * A client that sends many lines at once sends neighbours that ask for the same. They are read as a
 * row: of each line after the first, the name is one comparison with the name of the first, and
 * only the ends of its key and its value are looked for, of sixteen bytes at a time. Whatever is
 * unusual (quotes, tabs, two blanks, a value of several words, a line that is not whole) is left to
 * line_find and line_read, which say what it means. What is taken here, they take in the same way.
 */
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "line/line_parse.h"

#define PLAIN_WORDS 3u
#define NAME_BYTES 4u /* of a name, with its blank */
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

/* The first stop of less than a chunk; len: there is none. */
static size_t short_end(const uint8_t *data, size_t len, size_t at)
{
    while (at < len && !is_stop(data[at])) at++;
    return at;
}

/* Where the first stop is, from `at` on; len: there is none. The last chunk is looked at once more
 * for what is left of it. */
static inline size_t word_end(const uint8_t *data, size_t len, size_t at)
{
    unsigned found;
    for (; at + CHUNK <= len; at += CHUNK) {
        found = stops(data + at);
        if (found) return at + (unsigned)__builtin_ctz(found);
    }
    if (len < CHUNK) return short_end(data, len, at);
    found = stops(data + len - CHUNK) >> (at + CHUNK - len);
    return found ? at + (unsigned)__builtin_ctz(found) : len;
}

/* Four bytes: a name and its blank. */
static uint32_t name_at(const uint8_t *data)
{
    uint32_t name;
    memcpy(&name, data, sizeof name);
    return name;
}

/* In either case: the bit that makes letters small stands in the blank, too. */
static bool is_name(uint32_t name, const char *small)
{
    const char blanks[NAME_BYTES + 1] = "    ";
    return (name | name_at((const uint8_t *)blanks)) == name_at((const uint8_t *)small);
}

static enum line_verb plain_verb(const uint8_t *data)
{
    const uint32_t name = name_at(data);
    if (data[NAME_BYTES - 1] != ' ') return LINE_UNKNOWN;
    if (is_name(name, "get ")) return LINE_GET;
    if (is_name(name, "set ")) return LINE_SET;
    return is_name(name, "del ") ? LINE_DEL : LINE_UNKNOWN;
}

/* Behind the line whose last word ends here; 0: it does not end, or not plainly: bytes beyond ASCII
 * may be a blank, which is cut off at the end of a line. */
static inline size_t line_end(const uint8_t *data, size_t len, size_t at)
{
    if (at == len || data[at - 1] >= 0x7f) return 0;
    if (data[at] == '\n') return at + 1;
    return data[at] == '\r' && at + 1 < len && data[at + 1] == '\n' ? at + 2 : 0;
}

/* A word from `at` on; where it ends, or 0: it is empty. */
static inline size_t take_word(const uint8_t *data, size_t len, size_t at, struct kith_str *word)
{
    const size_t end = word_end(data, len, at);
    *word = (struct kith_str){ (const char *)data + at, end - at };
    return end == at ? 0 : end;
}

/* The words of the line at `from`, whose name is known; what is behind it, or 0. */
static inline size_t take_line(const uint8_t *data, size_t len, size_t from, bool has_value,
                               struct kith_str *words)
{
    words[0] = (struct kith_str){ (const char *)data + from, NAME_BYTES - 1 };
    size_t at = take_word(data, len, from + NAME_BYTES, &words[1]);
    if (at && has_value)
        at = at < len && data[at] == ' ' ? take_word(data, len, at + 1, &words[2]) : 0;
    return at ? line_end(data, len, at) : 0;
}

size_t line_read_row(struct line_words *words, const uint8_t *data, size_t len, size_t most,
                     struct line_request *out)
{
    const enum line_verb verb = len > NAME_BYTES ? plain_verb(data) : LINE_UNKNOWN;
    if (verb == LINE_UNKNOWN) return 0;
    const uint32_t name = name_at(data);
    const size_t count = verb == LINE_SET ? PLAIN_WORDS : PLAIN_WORDS - 1;
    struct kith_str *at = words->at + words->count;
    const struct kith_str *const full = words->at + words->cap - PLAIN_WORDS;
    size_t used = 0, times = 0;
    for (; times < most && at <= full && len - used > NAME_BYTES; times++, at += count) {
        const size_t reach = len - used < LINE_PLAIN_BYTES ? len : used + LINE_PLAIN_BYTES;
        if (name_at(data + used) != name) break;
        const size_t end = take_line(data, reach, used, verb == LINE_SET, at);
        if (end == 0) break;
        used = end;
    }
    if (times == 0) return 0;
    out->verb = verb;
    out->only_new = false;
    out->fault = LINE_FINE;
    out->first = words->count;
    out->count = count;
    out->times = times;
    out->ttl_s = 0;
    words->count += times * count;
    return used;
}

bool line_peek_key(const uint8_t *data, size_t len, struct kith_str *key)
{
    if (len <= NAME_BYTES || data[NAME_BYTES - 1] != ' ') return false;
    const size_t reach = len < LINE_PLAIN_BYTES ? len : LINE_PLAIN_BYTES;
    return take_word(data, reach, NAME_BYTES, key) != 0;
}
