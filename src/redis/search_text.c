/* See search_text.h. Stems are those of the analyzers of `text`, one word at a time. */
#include "redis/search_text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "text/analyzer.h"

#define STEM_BYTES_MAX 256u /* a longer word is its own stem */

struct search_stemmer {
    struct analyzer *analyzer;        /* owns */
    struct analyzer_scratch *scratch; /* owns */
    char stem[STEM_BYTES_MAX];
    size_t len;
};

#define W(text) {text, sizeof text - 1}
const struct kith_str search_stop_words[SEARCH_STOP_WORDS] = {
    W("a"),    W("is"),    W("the"),  W("an"),    W("and"),   W("are"),  W("as"),   W("at"),
    W("be"),   W("but"),   W("by"),   W("for"),   W("if"),    W("in"),   W("into"), W("it"),
    W("no"),   W("not"),   W("of"),   W("on"),    W("or"),    W("such"), W("that"), W("their"),
    W("then"), W("there"), W("these"), W("they"), W("this"),  W("to"),   W("was"),  W("will"),
    W("with")};

bool search_is_stop_word(const struct search_index *index, struct kith_str word)
{
    for (size_t i = 0; i < index->stop_word_count; i++) {
        const struct kith_str stop = index->stop_words[i];
        if (stop.len == word.len && strncasecmp(stop.data, word.data, word.len) == 0) return true;
    }
    return false;
}

int search_stemmer_new(struct kith_str language, struct search_stemmer **out)
{
    char json[128], name[32];
    if (language.len == 0 || language.len >= sizeof name) return KITH_EINVAL;
    for (size_t i = 0; i < language.len; i++) {
        const char c = (char)(language.data[i] | 32);
        if (c < 'a' || c > 'z') return KITH_EINVAL;
        name[i] = c;
    }
    name[language.len] = 0;
    const int len = snprintf(json, sizeof json,
                             "{\"tokenizer\":\"whitespace\",\"filter\":[{\"type\":\"stemmer\","
                             "\"language\":\"%s\"}]}",
                             name);
    struct search_stemmer *stemmer = mem_zalloc(sizeof *stemmer);
    if (!stemmer) return KITH_ENOMEM;
    int rc = analyzer_new(json, (size_t)len, &stemmer->analyzer, NULL);
    if (rc == 0) rc = analyzer_scratch_new(stemmer->analyzer, &stemmer->scratch);
    if (rc) search_stemmer_free(stemmer);
    else *out = stemmer;
    return rc;
}

void search_stemmer_free(struct search_stemmer *stemmer)
{
    if (!stemmer) return;
    analyzer_scratch_free(stemmer->scratch);
    analyzer_free(stemmer->analyzer);
    mem_free(stemmer);
}

static int take_stem(void *ctx, const struct token *token)
{
    struct search_stemmer *stemmer = ctx;
    if (token->position || token->text.len >= sizeof stemmer->stem) {
        stemmer->len = 0; /* more than one word, or none that has a stem */
        return 1;
    }
    memcpy(stemmer->stem, token->text.data, token->text.len);
    stemmer->len = token->text.len;
    return 0;
}

int search_stem(struct search_stemmer *stemmer, struct kith_str word, struct kith_str *out)
{
    stemmer->len = 0;
    if (word.len < STEM_BYTES_MAX) {
        const int rc = analyzer_run(stemmer->analyzer, stemmer->scratch, word, take_stem, stemmer);
        if (rc < 0) return rc;
    }
    *out = stemmer->len ? (struct kith_str){stemmer->stem, stemmer->len} : word;
    return 0;
}

/* ---- LANGUAGE_FIELD ---- */

#define LANGUAGES_MAX 64u /* Snowball has fewer */

struct search_languages {
    struct search_stemmer *now; /* borrows; NULL: the index's */
    char names[LANGUAGES_MAX][32];
    struct search_stemmer *stemmers[LANGUAGES_MAX]; /* owns */
    size_t count;
};

struct search_languages *search_languages_new(void)
{
    return mem_zalloc(sizeof(struct search_languages));
}

void search_languages_free(struct search_languages *languages)
{
    for (size_t i = 0; languages && i < languages->count; i++)
        search_stemmer_free(languages->stemmers[i]);
    mem_free(languages);
}

int search_languages_choose(const struct search_index *index, struct kith_str name)
{
    struct search_languages *languages = index->languages;
    languages->now = NULL;
    if (name.len == 0 || name.len >= sizeof languages->names[0]) return 0;
    for (size_t i = 0; i < languages->count && !languages->now; i++)
        if (str_is(name, languages->names[i])) languages->now = languages->stemmers[i];
    if (languages->now || languages->count == LANGUAGES_MAX) return 0;
    const int rc = search_stemmer_new(name, &languages->now);
    if (rc) return rc == KITH_ENOMEM ? rc : 0;
    char *copy = languages->names[languages->count];
    for (size_t i = 0; i < name.len; i++) copy[i] = (char)(name.data[i] | 32);
    languages->stemmers[languages->count++] = languages->now;
    return 0;
}

struct search_stemmer *search_stemmer_now(const struct search_index *index)
{
    return index->languages && index->languages->now ? index->languages->now : index->stemmer;
}
