/*
 * An analyzer's JSON and a text are both somebody else's. Any status is fine; what an accepted
 * analyzer gives has to be: tokens of valid UTF-8 in order, inside the text, and the same again.
 *
 * Input: the JSON text, a zero byte, the text to analyse.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "fuzz.h"
#include "text/analyzer.h"

struct seen {
    size_t text_len;
    uint32_t end, position;
    uint64_t sum;
};

static int see(void *ctx, const struct token *token)
{
    struct seen *seen = ctx;
    if (token->start < seen->end && token->position != seen->position) abort();
    if (token->start >= token->end || token->end > seen->text_len) abort();
    if (token->position < seen->position || token->text.len == 0) abort();
    if (!utf8_valid(token->text.data, token->text.len)) abort();
    seen->end = token->end;
    seen->position = token->position;
    seen->sum = seen->sum * 31 + token_hash(token->text);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    const size_t len = zero ? (size_t)(zero - data) : size;
    struct analyzer *analyzer;
    if (analyzer_new((const char *)data, len, &analyzer, NULL)) return 0;
    struct analyzer_scratch *scratch;
    if (analyzer_scratch_new(analyzer, &scratch)) abort();
    const struct kith_str text = { zero ? (const char *)zero + 1 : "", zero ? size - len - 1 : 0 };
    struct seen first = { .text_len = text.len }, again = first;
    if (analyzer_run(analyzer, scratch, text, see, &first)) abort();
    if (analyzer_run(analyzer, scratch, text, see, &again)) abort();
    if (first.sum != again.sum) abort();
    analyzer_scratch_free(scratch);
    analyzer_free(analyzer);
    return 0;
}
