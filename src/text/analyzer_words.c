/*
 * Lists of stop words that come with Kith: "_english_", the 33 words that Lucene and Milvus drop.
 */
#include "text/analyzer_internal.h"

#include <string.h>

const char *const text_stop_english[] = {
    "a",     "an",   "and",  "are",   "as",    "at",   "be",   "but",  "by",
    "for",   "if",   "in",   "into",  "is",    "it",   "no",   "not",  "of",
    "on",    "or",   "such", "that",  "the",   "their", "then", "there", "these",
    "they",  "this", "to",   "was",   "will",  "with", NULL,
};

int text_stop_list(const char *name, size_t len, struct map *out, struct kith_error *err)
{
    if (len != strlen("_english_") || memcmp(name, "_english_", len) != 0) {
        return error_set(err, KITH_EUNSUPPORTED,
                         "analyzer: there is no list of stop words '%.*s', only _english_",
                         (int)(len < 64 ? len : 64), name);
    }
    for (size_t i = 0; text_stop_english[i]; i++) {
        const char *word = text_stop_english[i];
        if (map_put(out, word, strlen(word), 1)) {
            return error_set(err, KITH_ENOMEM, "analyzer: no memory for stop words");
        }
    }
    return 0;
}
