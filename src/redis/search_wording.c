/* See search_wording.h: the options. How texts are shown is in search_show.c. */
#include "redis/search_wording.h"

#include <string.h>
#include <strings.h>

#include "redis/search_text.h"

void search_wording_init(struct search_wording *wording)
{
    *wording = (struct search_wording){.options = {.slop = -1, .tanh_factor = 4},
                                       .open = str_of("<b>"),
                                       .close = str_of("</b>"),
                                       .separator = str_of("... "),
                                       .fragments = 3,
                                       .length = 20};
}

void search_wording_release(struct search_wording *wording)
{
    search_stemmer_free(wording->stemmer);
    wording->stemmer = NULL;
}

static int fail(struct redis_call *call, const char *what)
{
    call_error(call, what);
    return -1;
}

/* argv[*at]: a count, and so many names. */
static int read_names(struct redis_call *call, size_t *at, struct search_names *names)
{
    int64_t count;
    if (*at >= call->argc || !text_integer(call->argv[*at], &count) || count < 0 ||
        (uint64_t)count > call->argc - *at - 1)
        return fail(call, "ERR Bad arguments: a count is expected");
    names->items = call->argv + *at + 1;
    names->count = (size_t)count;
    *at += 1 + (size_t)count;
    return 1;
}

static bool read_number(const struct redis_call *call, size_t *at, int64_t least, int64_t *out)
{
    int64_t number;
    if (*at + 1 >= call->argc || !text_integer(call->argv[*at + 1], &number) || number < least ||
        number > INT32_MAX)
        return false;
    *out = number;
    *at += 2;
    return true;
}

/* ---- SCORER ---- */

static int read_scorer(struct redis_call *call, size_t at, struct search_wording *wording)
{
    static const struct {
        const char *name;
        enum search_scorer scorer;
    } known[] = {{"bm25", SCORER_BM25},
                 {"bm25std", SCORER_BM25},
                 {"bm25std.tanh", SCORER_BM25_TANH},
                 {"bm25std.norm", SCORER_BM25_NORM},
                 {"tfidf", SCORER_TFIDF},
                 {"tfidf.docnorm", SCORER_TFIDF_DOCNORM},
                 {"dismax", SCORER_DISMAX},
                 {"docscore", SCORER_DOCSCORE}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!call_is(call, at, known[i].name)) continue;
        wording->options.scorer = known[i].scorer;
        return 1;
    }
    call_errorf(call, "No such scorer %.*s", (int)(call->argv[at].len & 63), call->argv[at].data);
    return -1;
}

/* Stems and synonyms are always looked for; expanders of extensions there are none. */
static int read_expander(struct redis_call *call, size_t at)
{
    if (call_is(call, at, "default") || call_is(call, at, "sbstem") || call_is(call, at, "synonym"))
        return 1;
    call_errorf(call, "No such expander %.*s", (int)(call->argv[at].len & 63),
                call->argv[at].data);
    return -1;
}

/* ---- HIGHLIGHT and SUMMARIZE ---- */

static int read_highlight(struct redis_call *call, size_t *at, struct search_wording *wording)
{
    wording->highlight = true;
    ++*at;
    for (;;) {
        if (*at < call->argc && call_is(call, *at, "fields")) {
            ++*at;
            if (read_names(call, at, &wording->highlighted) < 0) return -1;
        } else if (*at + 2 < call->argc && call_is(call, *at, "tags")) {
            wording->open = call->argv[*at + 1];
            wording->close = call->argv[*at + 2];
            *at += 3;
        } else {
            return 1;
        }
    }
}

static int read_summarize(struct redis_call *call, size_t *at, struct search_wording *wording)
{
    wording->summarize = true;
    ++*at;
    while (*at < call->argc) {
        if (call_is(call, *at, "fields")) {
            ++*at;
            if (read_names(call, at, &wording->summarized) < 0) return -1;
        } else if (call_is(call, *at, "frags")) {
            if (!read_number(call, at, 1, &wording->fragments))
                return fail(call, "ERR FRAGS needs a number");
        } else if (call_is(call, *at, "len")) {
            if (!read_number(call, at, 1, &wording->length))
                return fail(call, "ERR LEN needs a number");
        } else if (*at + 1 < call->argc && call_is(call, *at, "separator")) {
            wording->separator = call->argv[*at + 1];
            *at += 2;
        } else {
            break;
        }
    }
    return 1;
}

/* ---- all ---- */

static bool read_flag(const struct redis_call *call, size_t at, struct query_options *options)
{
    if (call_is(call, at, "verbatim")) options->verbatim = true;
    else if (call_is(call, at, "nostopwords")) options->keep_stop_words = true;
    else if (call_is(call, at, "inorder")) options->in_order = true;
    else return false;
    return true;
}

static int read_asked(struct redis_call *call, size_t *at, struct search_wording *wording)
{
    int rc = 1;
    if (read_flag(call, *at, &wording->options)) {
        ++*at;
    } else if (call_is(call, *at, "infields")) {
        ++*at;
        rc = read_names(call, at, &wording->fields);
        wording->by_fields = wording->fields.count > 0;
    } else if (call_is(call, *at, "slop")) {
        if (!read_number(call, at, -1, &wording->options.slop))
            rc = fail(call, "ERR SLOP needs a number");
    } else if (*at + 1 < call->argc && call_is(call, *at, "language")) {
        wording->language = call->argv[*at + 1];
        *at += 2;
    } else if (*at + 1 < call->argc && call_is(call, *at, "expander")) {
        rc = read_expander(call, *at + 1);
        *at += 2;
    } else if (*at + 1 < call->argc && call_is(call, *at, "scorer")) {
        rc = read_scorer(call, *at + 1, wording);
        *at += 2;
    } else {
        return 0;
    }
    wording->asked = true;
    return rc;
}

int search_wording_read(struct redis_call *call, size_t *at, struct search_wording *wording)
{
    int64_t factor;
    if (call_is(call, *at, "highlight")) return read_highlight(call, at, wording);
    if (call_is(call, *at, "summarize")) return read_summarize(call, at, wording);
    if (call_is(call, *at, "bm25std_tanh_factor")) {
        if (!read_number(call, at, 1, &factor)) return fail(call, "ERR the factor is a number");
        wording->options.tanh_factor = (double)factor;
        return 1;
    }
    return read_asked(call, at, wording);
}

bool search_wording_settle(struct redis_call *call, const struct search_index *index,
                           struct search_wording *wording)
{
    const struct kith_str own = index->language.len ? index->language : str_of("english");
    for (size_t i = 0; i < wording->fields.count; i++) {
        const struct search_field *field = search_field_of(index, wording->fields.items[i]);
        const size_t place = field ? (size_t)(field - index->fields) : 0;
        if (field) wording->set.bits[place / 64] |= 1ull << (place % 64);
    }
    if (wording->by_fields) wording->options.fields = &wording->set;
    const struct kith_str language = wording->language;
    if (!language.len || (language.len == own.len &&
                          strncasecmp(language.data, own.data, own.len) == 0))
        return true;
    const int rc = search_stemmer_new(language, &wording->stemmer);
    wording->options.stemmer = wording->stemmer;
    if (rc == KITH_EINVAL)
        call_errorf(call, "No such language %.*s", (int)(language.len & 63), language.data);
    else if (rc) call_no_memory(call);
    return rc == 0;
}
