/*
 * FT.ALTER index SCHEMA ADD field ...: the words of the FT.CREATE with the new fields behind them
 * define the index anew; a rewritten log has that one command. FT.EXPLAIN and FT.EXPLAINCLI.
 */
#include <string.h>

#include "base/alloc.h"
#include "redis/cmd_search.h"
#include "redis/search_derived.h"
#include "redis/search_wording.h"

#define ALTER_WORDS_MAX 16384u

void run_ft_alter(struct redis_call *call)
{
    struct search_index *index = search_known(call, call->argv[1]);
    if (!index) return;
    if (!call_is(call, 2, "schema") || !call_is(call, 3, "add")) {
        call_error(call, call_is(call, 2, "skipinitialscan")
                             ? "SKIPINITIALSCAN of FT.ALTER is not supported"
                             : "ERR FT.ALTER index SCHEMA ADD field ...");
        return;
    }
    const size_t more = call->argc - 4, count = index->word_count + more;
    if (count > ALTER_WORDS_MAX || index->skip_scan) {
        call_error(call, index->skip_scan
                             ? "FT.ALTER of an index with SKIPINITIALSCAN is not supported"
                             : "Too many words in a schema");
        return;
    }
    struct kith_str *words = mem_alloc_array(count, sizeof *words);
    if (!words) {
        call_no_memory(call);
        return;
    }
    memcpy(words, index->words, index->word_count * sizeof *words);
    memcpy(words + index->word_count, call->argv + 4, more * sizeof *words);
    struct search_index *fresh = search_define(call, words, count);
    mem_free(words);
    if (!fresh) return;
    search_redefine(index, fresh);
    search_sync_poke(call->redis); /* its collection is made anew, too */
    call_log(call, call->argv, call->argc);
    call->redis->dirty++;
    resp_ok(call->reply);
}

/* ---- FT.EXPLAIN ---- */

static bool read_options(struct redis_call *call, struct search_wording *wording,
                         struct query_param *params, size_t *count)
{
    search_wording_init(wording);
    for (size_t at = 3; at < call->argc;) {
        if (call_is(call, at, "params")) {
            if (!search_params(call, at, params, count, &at)) return false;
            continue;
        }
        const int rc = search_wording_read(call, &at, wording);
        if (rc < 0) return false;
        if (rc > 0) continue;
        if (at + 1 >= call->argc || !call_is(call, at, "dialect")) {
            call_errorf(call, "ERR Unknown argument `%.*s`", (int)(call->argv[at].len & 63),
                        call->argv[at].data);
            return false;
        }
        at += 2;
    }
    return true;
}

static bool explain(struct redis_call *call, struct buffer *text)
{
    struct search_wording wording;
    struct search_query query;
    struct query_param params[SEARCH_PARAMS_MAX];
    size_t count = 0;
    const struct search_index *index = search_ready(call, call->argv[1]);
    if (!index) return false;
    bool ok = read_options(call, &wording, params, &count) &&
              search_wording_settle(call, index, &wording);
    if (ok) {
        ok = search_parse(call, index, call->argv[2], params, count, &wording.options, &query);
        if (ok) search_query_describe(&query, text);
        search_query_release(&query);
    }
    search_wording_release(&wording);
    if (ok && buffer_failed(text)) call_no_memory(call);
    return ok && !buffer_failed(text);
}

void run_ft_explain(struct redis_call *call)
{
    struct buffer text;
    buffer_init(&text);
    if (explain(call, &text)) resp_bulk(call->reply, (const char *)text.data, text.len);
    buffer_release(&text);
}

void run_ft_explaincli(struct redis_call *call)
{
    struct buffer text;
    buffer_init(&text);
    if (explain(call, &text)) {
        size_t lines = 0;
        const size_t place = resp_open(call->reply);
        const char *at = (const char *)text.data, *end = at + text.len;
        for (; at < end; lines++) {
            const char *stop = memchr(at, '\n', (size_t)(end - at));
            if (!stop) stop = end;
            resp_bulk(call->reply, at, (size_t)(stop - at));
            at = stop + 1;
        }
        resp_close(call->reply, place, '*', lines);
    }
    buffer_release(&text);
}
