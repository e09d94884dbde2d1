/*
 * Words that users teach the search: synonyms of an index (FT.SYNUPDATE) and dictionaries for
 * FT.SPELLCHECK (FT.DICTADD). Both are defined anew by commands when a log is written afresh.
 *
 * A word of a query finds the words of every group of synonyms that it is in, unless the query is
 * VERBATIM; groups are applied to the query, so a change counts for all documents at once. Words
 * are kept in lower case. Guard: the keyspace lock.
 */
#ifndef KITH_REDIS_SEARCH_LEXICON_H
#define KITH_REDIS_SEARCH_LEXICON_H

#include "redis/search_index.h"

#define LEXICON_WORD_BYTES 512u /* a longer one is refused */

struct keep;

struct search_lexicon { /* a group of synonyms, or a dictionary */
    struct search_lexicon *next;
    char *name;        /* owns */
    struct map words;  /* a set */
    struct heap *heap; /* borrows; its words are counted there */
    size_t counted;
};

/* By name; NULL. */
struct search_lexicon *search_lexicon_find(struct search_lexicon *list, struct kith_str name);
/* The one of this name, made if need be; NULL: no memory. */
struct search_lexicon *search_lexicon_get(struct search_lexicon **list, struct heap *heap,
                                          struct kith_str name);
/* In lower case or not. *fresh: it was not there. KITH_EINVAL: too long; KITH_ENOMEM. */
KITH_NODISCARD int search_lexicon_add(struct search_lexicon *lexicon, struct kith_str word,
                                      bool fold, bool *fresh);
bool search_lexicon_drop(struct search_lexicon *lexicon, struct kith_str word);
/* All of the list. */
void search_lexicon_free(struct search_lexicon **list);
void search_lexicon_remove(struct search_lexicon **list, struct search_lexicon *lexicon);
/* The words, sorted; mem_free, also of none. They borrow the lexicon. NULL: no memory. */
struct kith_str *search_lexicon_sorted(const struct search_lexicon *lexicon);
/* Commands that make it: `head`, then words. */
void search_lexicon_define(const struct search_lexicon *lexicon, struct keep *keep,
                           const struct kith_str *head, size_t head_count);

#endif
