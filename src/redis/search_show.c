/*
 * How the text of a field is shown: its best fragments (SUMMARIZE), with the words of the query
 * between tags (HIGHLIGHT).
 *
 * A fragment holds LEN words around words that match; the FRAGS with the most matches are shown in
 * the order of the text, each with the separator behind it. A text without a match is cut after LEN
 * words. Words of a phrase are marked wherever they stand.
 */
#include <string.h>

#include "base/alloc.h"
#include "redis/search_text.h"
#include "redis/search_wording.h"

struct shown_word {
    size_t start, end;
    bool match;
};
struct fragment {
    size_t first, end, matches; /* words */
    bool chosen;
};
struct showing {
    const struct search_wording *wording;
    const struct search_query *query;
    const struct search_field *field;
    struct kith_str text;
    struct shown_word *words; /* owns */
    size_t count;
    bool mark;
    struct buffer *out;
};

static bool names_field(const struct search_names *names, const struct search_field *field)
{
    for (size_t i = 0; i < names->count; i++)
        if (str_same(names->items[i], field->name) || str_same(names->items[i], field->identifier))
            return true;
    return names->count == 0;
}

bool search_is_decorated(const struct search_wording *wording, const struct search_field *field)
{
    return field && field->type == SEARCH_TEXT &&
           ((wording->highlight && names_field(&wording->highlighted, field)) ||
            (wording->summarize && names_field(&wording->summarized, field)));
}

/* ---- which words match ---- */

static bool node_matches(const struct showing *show, const struct query_node *node,
                         struct kith_str word, const struct kith_str *stem)
{
    const size_t place = (size_t)(show->field - show->query->index->fields);
    if (node->kind == QUERY_NOT) return false;
    if (node->kind == QUERY_WORD || node->kind == QUERY_PHRASE) {
        if ((node->field && node->field != show->field) || !query_has_field(node->fields, place))
            return false;
        for (size_t i = 0; i < node->word_count; i++)
            if (query_word_matches(&node->words[i], word, stem)) return true;
        return false;
    }
    for (const struct query_node *at = node->first; at; at = at->next)
        if (node_matches(show, at, word, stem)) return true;
    return false;
}

static int word_matches(const struct showing *show, struct kith_str text, bool *match)
{
    char folded[128];
    struct kith_str stem;
    const struct search_index *index = show->query->index;
    *match = false;
    if (text.len > sizeof folded) return 0;
    for (size_t i = 0; i < text.len; i++)
        folded[i] = text.data[i] >= 'A' && text.data[i] <= 'Z' ? (char)(text.data[i] + 32)
                                                               : text.data[i];
    const struct kith_str word = {folded, text.len};
    const bool stemmed = index->stemmer && !show->field->no_stem;
    const int rc = stemmed ? search_stem(index->stemmer, word, &stem) : 0;
    if (rc == 0) *match = node_matches(show, show->query->root, word, stemmed ? &stem : NULL);
    return rc;
}

static int read_words(struct showing *show)
{
    const struct kith_str text = show->text;
    size_t most = 0;
    for (size_t i = 0; i < text.len; i++)
        most += search_is_word_byte(text.data[i]) &&
                (i == 0 || !search_is_word_byte(text.data[i - 1]));
    show->words = mem_alloc_array(most + 1, sizeof *show->words);
    if (!show->words) return KITH_ENOMEM;
    for (size_t i = 0; i < text.len;) {
        size_t end = i;
        while (end < text.len && search_is_word_byte(text.data[end])) end++;
        if (end > i) {
            struct shown_word *word = &show->words[show->count++];
            *word = (struct shown_word){.start = i, .end = end};
            const int rc =
                word_matches(show, (struct kith_str){text.data + i, end - i}, &word->match);
            if (rc) return rc;
        }
        i = end + 1;
    }
    return 0;
}

/* ---- writing ---- */

/* Bytes from..to of the text, with marks around words that match. */
static void put_span(const struct showing *show, size_t from, size_t to, size_t first, size_t end)
{
    size_t at = from;
    for (size_t i = first; show->mark && i < end; i++) {
        const struct shown_word *word = &show->words[i];
        if (!word->match) continue;
        buffer_put(show->out, show->text.data + at, word->start - at);
        buffer_put(show->out, show->wording->open.data, show->wording->open.len);
        buffer_put(show->out, show->text.data + word->start, word->end - word->start);
        buffer_put(show->out, show->wording->close.data, show->wording->close.len);
        at = word->end;
    }
    buffer_put(show->out, show->text.data + at, to - at);
}

/* Fragments around matches, none over another. */
static size_t cut(const struct showing *show, struct fragment *fragments)
{
    const size_t len = (size_t)show->wording->length;
    size_t count = 0, free_from = 0;
    for (size_t i = 0; i < show->count; i++) {
        if (!show->words[i].match) continue;
        const size_t before = len / 2 < i ? i - len / 2 : 0;
        struct fragment *now = &fragments[count++];
        *now = (struct fragment){.first = before > free_from ? before : free_from};
        now->end = now->first + len < show->count ? now->first + len : show->count;
        if (now->end <= i) now->end = i + 1;
        for (size_t j = now->first; j < now->end; j++) now->matches += show->words[j].match;
        free_from = now->end;
        i = now->end - 1;
    }
    return count;
}

static void choose(struct fragment *fragments, size_t count, size_t most)
{
    for (size_t n = 0; n < most && n < count; n++) {
        struct fragment *best = NULL;
        for (size_t i = 0; i < count; i++)
            if (!fragments[i].chosen && (!best || fragments[i].matches > best->matches))
                best = &fragments[i];
        best->chosen = true;
    }
}

static int put_fragments(const struct showing *show)
{
    struct fragment *fragments = mem_alloc_array(show->count + 1, sizeof *fragments);
    if (!fragments) return KITH_ENOMEM;
    const size_t count = cut(show, fragments);
    choose(fragments, count, (size_t)show->wording->fragments);
    for (size_t i = 0; i < count; i++) {
        const struct fragment *now = &fragments[i];
        if (!now->chosen) continue;
        put_span(show, show->words[now->first].start, show->words[now->end - 1].end, now->first,
                 now->end);
        buffer_put(show->out, show->wording->separator.data, show->wording->separator.len);
    }
    if (count == 0) {
        const size_t end = (size_t)show->wording->length < show->count
                               ? (size_t)show->wording->length
                               : show->count;
        buffer_put(show->out, show->text.data, end ? show->words[end - 1].end : show->text.len);
    }
    mem_free(fragments);
    return 0;
}

int search_decorate(const struct search_wording *wording, const struct search_query *query,
                    const struct search_field *field, struct kith_str text, struct buffer *out)
{
    struct showing show = {.wording = wording, .query = query, .field = field, .text = text,
                           .out = out};
    show.mark = wording->highlight && names_field(&wording->highlighted, field);
    int rc = read_words(&show);
    if (rc == 0 && wording->summarize && names_field(&wording->summarized, field))
        rc = put_fragments(&show);
    else if (rc == 0)
        put_span(&show, 0, text.len, 0, show.count);
    mem_free(show.words);
    return rc ? rc : buffer_failed(out) ? KITH_ENOMEM : 0;
}
