/*
 * Analyzers: a text in, its tokens out. What an analyzer does is given by the JSON text that Milvus
 * knows: {"type": "standard" | "english"} or {"tokenizer": "standard" | "whitespace",
 * "filter": [...]}; "" and "{}" are the standard one. Analyzers that need dictionaries (chinese,
 * jieba, lindera, icu) are refused by name: KITH_EUNSUPPORTED.
 *
 * An analyzer is immutable, so threads share it; what a run needs to write is in a scratch, one a
 * thread.
 */
#ifndef KITH_TEXT_ANALYZER_H
#define KITH_TEXT_ANALYZER_H

#include <kith/kith.h>

#include "base/error.h"

struct analyzer;
struct analyzer_scratch;

struct token {
    struct kith_str text; /* borrowed until the callback returns */
    uint32_t start, end;  /* bytes of the analysed text */
    uint32_t position;    /* counts tokens before filters dropped any */
};

/* json is len bytes of untrusted text; NULL with len 0: standard. KITH_EINVAL with the place. */
KITH_NODISCARD int analyzer_new(const char *json, size_t len, struct analyzer **out,
                                struct kith_error *err);
void analyzer_free(struct analyzer *analyzer); /* NULL is a no-op */
KITH_NODISCARD int analyzer_scratch_new(const struct analyzer *analyzer,
                                        struct analyzer_scratch **out);
void analyzer_scratch_free(struct analyzer_scratch *scratch); /* NULL is a no-op */
/* fn for each token, in order; a non-zero return stops and is returned. Text that is no UTF-8 is
 * read byte for byte as Latin-1 where it breaks. KITH_ENOMEM. */
KITH_NODISCARD int analyzer_run(const struct analyzer *analyzer, struct analyzer_scratch *scratch,
                                struct kith_str text,
                                int (*fn)(void *ctx, const struct token *token), void *ctx);
/* crc32 (IEEE) of the first 100 bytes, modulo 2^32 - 1: the term id of Milvus' sparse form. */
uint32_t token_hash(struct kith_str text);

#endif
