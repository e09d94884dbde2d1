/*
 * Any bytes as lines of the line protocol: every word lies in the line or in the arena, lines never
 * overlap, and a request without fault has the words its command needs. Lines of an odd length may
 * be extensions.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/checksum.h"
#include "fuzz.h"
#include "line/line_parse.h"

static void check(struct line_words *words, const struct line_request *request)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < request->count * request->times; i++) {
        const struct kith_str word = words->at[request->first + i];
        if (word.len == 0) abort();
        sum = hash64(word.data, word.len, sum);
    }
    if (request->fault != LINE_FINE) return;
    if (request->first + request->count > words->count || request->ttl_s < 0) abort();
    if (request->count < 3 || request->verb != LINE_SET) return;
    const struct kith_str value = line_join(words, request->first + 2, request->count - 2);
    if (!value.data || hash64(value.data, value.len, sum) == 1) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct buffer out;
    struct line_words words;
    size_t at = 0, line_len, used;
    buffer_init(&out);
    line_words_init(&words);
    while (at < len && line_find(data + at, len - at, &line_len, &used) == LINE_WHOLE) {
        struct line_request request;
        const size_t words_before = words.count;
        const size_t row = line_read_row(&words, data + at, len - at, SIZE_MAX, &request);
        if (row > len - at) abort();
        if (row) check(&words, &request);
        words.count = words_before;
        const size_t plain = line_read_row(&words, data + at, len - at, 1, &request);
        if ((plain && plain != used) || plain > row) abort();
        words.count = words_before;
        if (used == 0 || used > len - at || line_len >= used) abort();
        const unsigned may = LINE_MAY_RUN | (line_len & 1 ? (unsigned)LINE_MAY_EXTEND : 0u);
        if (line_read(&words, data + at, line_len, may, &request)) abort();
        check(&words, &request);
        (void)line_fault_text(&request, &out);
        at += used;
    }
    line_words_release(&words);
    buffer_release(&out);
    return 0;
}
