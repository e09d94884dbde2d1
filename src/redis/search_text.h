/*
 * Texts of search indexes: words, those that are left out, and stems.
 *
 * A text field keeps the words of its text, without stop words and without gaps where they stood,
 * and the stem of each unless the field is NOSTEM. A word of a query finds a word that is the same
 * or has the same stem; in quotes, or VERBATIM, it has to be the same.
 *
 * A stemmer is written to when it is used: one thread at a time.
 */
#ifndef KITH_REDIS_SEARCH_TEXT_H
#define KITH_REDIS_SEARCH_TEXT_H

#include "redis/search_index.h"

/* A Snowball language in any case. KITH_EINVAL: there is none of this name. */
KITH_NODISCARD int search_stemmer_new(struct kith_str language, struct search_stemmer **out);
void search_stemmer_free(struct search_stemmer *stemmer); /* NULL is a no-op */
/* *out borrows the stemmer until the next call. KITH_ENOMEM. */
KITH_NODISCARD int search_stem(struct search_stemmer *stemmer, struct kith_str word,
                               struct kith_str *out);

/* The stemmers of documents that name their language. */
struct search_languages;
struct search_languages *search_languages_new(void); /* NULL: no memory */
void search_languages_free(struct search_languages *languages); /* NULL is a no-op */
/* The next documents are of this language; of no bytes, or one that nobody knows: the index's. */
KITH_NODISCARD int search_languages_choose(const struct search_index *index, struct kith_str name);
/* Of the document that is read. */
struct search_stemmer *search_stemmer_now(const struct search_index *index);

/* What an index leaves out when it names no words of its own. */
#define SEARCH_STOP_WORDS 33u
extern const struct kith_str search_stop_words[SEARCH_STOP_WORDS];
/* word in lower case */
bool search_is_stop_word(const struct search_index *index, struct kith_str word);

/* Letters, digits and underscores; characters outside ASCII count as letters. */
static inline bool search_is_word_byte(char c)
{
    const unsigned char u = (unsigned char)c;
    return u >= 0x80 || u == '_' || (u >= '0' && u <= '9') || ((u | 32) >= 'a' && (u | 32) <= 'z');
}

#endif
