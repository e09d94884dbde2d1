/* See search_lexicon.h. */
#include "redis/search_lexicon.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cache/heap.h"
#include "redis/keep.h"

#define DEFINE_WORDS 256u /* of one command of a log */

struct search_lexicon *search_lexicon_find(struct search_lexicon *list, struct kith_str name)
{
    while (list && !str_same(str_of(list->name), name)) list = list->next;
    return list;
}

/* A word in a map of words. */
static size_t bytes_of(size_t len) { return len + 48; }

struct search_lexicon *search_lexicon_get(struct search_lexicon **list, struct heap *heap,
                                          struct kith_str name)
{
    struct search_lexicon *lexicon = search_lexicon_find(*list, name);
    if (lexicon) return lexicon;
    lexicon = mem_zalloc(sizeof *lexicon);
    if (lexicon) lexicon->name = mem_strndup(name.data, name.len);
    if (!lexicon || !lexicon->name) {
        mem_free(lexicon);
        return NULL;
    }
    map_init(&lexicon->words);
    lexicon->heap = heap;
    while (*list) list = &(*list)->next;
    *list = lexicon;
    return lexicon;
}

int search_lexicon_add(struct search_lexicon *lexicon, struct kith_str word, bool fold, bool *fresh)
{
    char folded[LEXICON_WORD_BYTES];
    if (word.len == 0 || word.len > sizeof folded) return KITH_EINVAL;
    for (size_t i = 0; i < word.len; i++) {
        const char c = word.data[i];
        folded[i] = fold && c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    *fresh = !map_get(&lexicon->words, folded, word.len, NULL);
    if (!*fresh) return 0;
    if (map_put(&lexicon->words, folded, word.len, 1) != 0) return KITH_ENOMEM;
    heap_count(lexicon->heap, bytes_of(word.len));
    lexicon->counted += bytes_of(word.len);
    return 0;
}

bool search_lexicon_drop(struct search_lexicon *lexicon, struct kith_str word)
{
    if (!map_remove(&lexicon->words, word.data, word.len)) return false;
    heap_uncount(lexicon->heap, bytes_of(word.len));
    lexicon->counted -= bytes_of(word.len);
    return true;
}

void search_lexicon_remove(struct search_lexicon **list, struct search_lexicon *lexicon)
{
    while (*list != lexicon) list = &(*list)->next;
    *list = lexicon->next;
    heap_uncount(lexicon->heap, lexicon->counted);
    map_release(&lexicon->words);
    mem_free(lexicon->name);
    mem_free(lexicon);
}

void search_lexicon_free(struct search_lexicon **list)
{
    while (*list) search_lexicon_remove(list, *list);
}

static int compare(const void *left, const void *right)
{
    const struct kith_str *a = left, *b = right;
    const int order = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);
    return order ? order : (a->len > b->len) - (a->len < b->len);
}

struct kith_str *search_lexicon_sorted(const struct search_lexicon *lexicon)
{
    struct kith_str *words = mem_alloc_array(lexicon->words.count + 1, sizeof *words);
    const void *data;
    size_t it = 0, len, count = 0;
    uintptr_t value;
    if (!words) return NULL;
    while (map_next(&lexicon->words, &it, &data, &len, &value))
        words[count++] = (struct kith_str){data, len};
    qsort(words, count, sizeof *words, compare);
    return words;
}

void search_lexicon_define(const struct search_lexicon *lexicon, struct keep *keep,
                           const struct kith_str *head, size_t head_count)
{
    struct kith_str words[DEFINE_WORDS];
    const void *data;
    size_t it = 0, len, count = head_count;
    uintptr_t value;
    memcpy(words, head, head_count * sizeof *words);
    while (map_next(&lexicon->words, &it, &data, &len, &value)) {
        words[count++] = (struct kith_str){data, len};
        if (count < DEFINE_WORDS) continue;
        keep_definition(keep, 0, words, count);
        count = head_count;
    }
    if (count > head_count) keep_definition(keep, 0, words, count);
}
