/* FT.SYNUPDATE, FT.SYNDUMP, FT.DICTADD, FT.DICTDEL, FT.DICTDUMP. */
#include <string.h>

#include "base/alloc.h"
#include "redis/cmd_search.h"
#include "redis/search_lexicon.h"

static void note(struct redis_call *call)
{
    call_log(call, call->argv, call->argc);
    call->redis->dirty++;
}

/* Too long a word is refused before the first is taken in. */
static bool words_fit(struct redis_call *call, size_t first)
{
    for (size_t i = first; i < call->argc; i++) {
        if (call->argv[i].len && call->argv[i].len <= LEXICON_WORD_BYTES) continue;
        call_error(call, "ERR a word has 1 to 512 bytes");
        return false;
    }
    return true;
}

/* How many were new; SIZE_MAX: answered. */
static size_t add_words(struct redis_call *call, struct search_lexicon **list, struct kith_str name,
                        size_t first, bool fold)
{
    struct search_lexicon *lexicon = search_lexicon_get(list, cache_heap(call->cache), name);
    size_t added = 0;
    int rc = lexicon ? 0 : KITH_ENOMEM;
    for (size_t i = first; rc == 0 && i < call->argc; i++) {
        bool fresh = false;
        rc = search_lexicon_add(lexicon, call->argv[i], fold, &fresh);
        added += fresh;
    }
    if (lexicon && lexicon->words.count == 0) search_lexicon_remove(list, lexicon);
    if (rc) call_no_memory(call);
    return rc ? SIZE_MAX : added;
}

/* ---- synonyms ---- */

void run_ft_synupdate(struct redis_call *call)
{
    struct search_index *index = search_known(call, call->argv[1]);
    const size_t first = call_is(call, 3, "skipinitialscan") ? 4 : 3;
    if (!index) return;
    if (first == call->argc) {
        call_arity_error(call);
        return;
    }
    if (!words_fit(call, first) ||
        add_words(call, &index->synonyms, call->argv[2], first, true) == SIZE_MAX)
        return;
    note(call);
    resp_ok(call->reply);
}

/* Every word once, with the groups that it is in. */
static size_t dump_group(struct redis_call *call, struct search_index *index,
                         const struct search_lexicon *group, struct map *seen)
{
    struct kith_str *words = search_lexicon_sorted(group);
    size_t shown = 0;
    for (size_t i = 0; words && i < group->words.count; i++) {
        const struct kith_str word = words[i];
        if (map_get(seen, word.data, word.len, NULL)) continue;
        if (map_put(seen, word.data, word.len, 1) != 0) call->reply->out->failed = true;
        resp_str(call->reply, word);
        size_t count = 0;
        const size_t place = resp_open(call->reply);
        for (const struct search_lexicon *at = index->synonyms; at; at = at->next) {
            if (!map_get(&at->words, word.data, word.len, NULL)) continue;
            resp_cstr(call->reply, at->name);
            count++;
        }
        resp_close(call->reply, place, '*', count);
        shown++;
    }
    if (!words) call->reply->out->failed = true;
    mem_free(words);
    return shown;
}

void run_ft_syndump(struct redis_call *call)
{
    struct search_index *index = search_known(call, call->argv[1]);
    struct map seen;
    size_t count = 0;
    if (!index) return;
    map_init(&seen);
    const size_t place = resp_open(call->reply);
    for (const struct search_lexicon *at = index->synonyms; at; at = at->next)
        count += dump_group(call, index, at, &seen);
    if (call->reply->version >= 3) resp_close(call->reply, place, '%', count);
    else resp_close(call->reply, place, '*', 2 * count);
    map_release(&seen);
}

/* ---- dictionaries ---- */

void run_ft_dictadd(struct redis_call *call)
{
    struct search *search = search_of(call->redis);
    if (!words_fit(call, 2)) return;
    const size_t added = add_words(call, &search->dictionaries, call->argv[1], 2, false);
    if (added == SIZE_MAX) return;
    note(call);
    resp_integer(call->reply, (int64_t)added);
}

void run_ft_dictdel(struct redis_call *call)
{
    struct search *search = search_of(call->redis);
    struct search_lexicon *dictionary =
        search_lexicon_find(search->dictionaries, call->argv[1]);
    int64_t removed = 0;
    for (size_t i = 2; dictionary && i < call->argc; i++)
        removed += search_lexicon_drop(dictionary, call->argv[i]);
    if (dictionary && dictionary->words.count == 0)
        search_lexicon_remove(&search->dictionaries, dictionary);
    if (removed) note(call);
    resp_integer(call->reply, removed);
}

void run_ft_dictdump(struct redis_call *call)
{
    const struct search_lexicon *dictionary =
        search_lexicon_find(search_of(call->redis)->dictionaries, call->argv[1]);
    if (!dictionary) {
        call_error(call, "could not open dict key");
        return;
    }
    struct kith_str *words = search_lexicon_sorted(dictionary);
    if (!words) {
        call_no_memory(call);
        return;
    }
    resp_set(call->reply, dictionary->words.count);
    for (size_t i = 0; i < dictionary->words.count; i++) resp_str(call->reply, words[i]);
    mem_free(words);
}
