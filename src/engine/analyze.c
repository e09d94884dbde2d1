/*
 * kith_analyze: what an analyzer makes of a text. Tokens and their texts are one block.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "engine/engine.h"
#include "text/analyzer.h"

struct listing {
    struct buffer tokens; /* struct kith_token; text.data not yet set */
    struct buffer bytes;
};

static int list_token(void *ctx, const struct token *token)
{
    struct listing *list = ctx;
    const struct kith_token out = { .text = { NULL, token->text.len },
                                    .start = token->start,
                                    .end = token->end,
                                    .position = token->position,
                                    .hash = token_hash(token->text) };
    buffer_put(&list->tokens, &out, sizeof out);
    buffer_put(&list->bytes, token->text.data, token->text.len);
    return buffer_failed(&list->tokens) || buffer_failed(&list->bytes) ? KITH_ENOMEM : 0;
}

static int take_listing(const struct listing *list, struct kith_tokens *out)
{
    uint8_t *block = mem_alloc(list->tokens.len + list->bytes.len + 1);
    if (!block) return KITH_ENOMEM;
    char *bytes = (char *)block + list->tokens.len;
    if (list->tokens.len) memcpy(block, list->tokens.data, list->tokens.len);
    if (list->bytes.len) memcpy(bytes, list->bytes.data, list->bytes.len);
    out->tokens = (struct kith_token *)(void *)block;
    out->count = list->tokens.len / sizeof *out->tokens;
    for (size_t i = 0; i < out->count; i++) {
        out->tokens[i].text.data = bytes;
        bytes += out->tokens[i].text.len;
    }
    return 0;
}

int kith_analyze(const char *json, struct kith_str text, struct kith_tokens *out,
                 struct kith_error *err)
{
    struct analyzer *analyzer = NULL;
    struct analyzer_scratch *scratch = NULL;
    struct listing list = { .tokens = { 0 } };
    int rc = analyzer_new(json, json ? strlen(json) : 0, &analyzer, err);
    if (rc) return rc;
    rc = analyzer_scratch_new(analyzer, &scratch);
    if (rc == 0) rc = analyzer_run(analyzer, scratch, text, list_token, &list);
    if (rc == 0) rc = take_listing(&list, out);
    buffer_release(&list.tokens);
    buffer_release(&list.bytes);
    analyzer_scratch_free(scratch);
    analyzer_free(analyzer);
    return rc ? error_set(err, rc, "analyzer: %s", error_name(rc)) : 0;
}

void kith_tokens_free(struct kith_tokens *tokens)
{
    if (!tokens) return;
    mem_free(tokens->tokens);
    *tokens = (struct kith_tokens){ 0, NULL };
}
