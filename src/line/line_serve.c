/*
 * From bytes to replies: lines are read into a batch without any lock, then the keyspace lock is
 * taken once for all of them, and their replies go straight to the output.
 *
 * A batch lies on the stack of who serves it; only lines with very many words or with quotes need
 * other memory, which goes with the batch.
 */
#include <string.h>

#include "line/line_internal.h"

#define BATCH_REQUESTS 64u
#define BATCH_WORDS 192u

struct batch {
    struct line_words words;
    struct line_request requests[BATCH_REQUESTS];
    size_t count;
    bool touches; /* one of them needs the keyspace */
    bool seen;    /* there was a line that is not empty */
    enum line_end end;
};

/* A line that was cut off must not write: who dies inside "SET k 1000" must not store "10". */
static bool runs_unterminated(const struct line_conn *conn, const struct line_request *request)
{
    if (conn->line->opts.unterminated_writes) return true;
    return request->verb == LINE_GET || request->verb == LINE_KEYS || request->verb == LINE_AUTH;
}

/* A password to be checked ends the batch. */
static void take_password(struct line_conn *conn, struct batch *batch,
                          const struct line_request *request)
{
    const struct kith_str *words = batch->words.at + request->first;
    if (!conn->line->auth || request->count != 2) return;
    batch->count--;
    buffer_clear(&conn->password);
    buffer_put(&conn->password, words[1].data, words[1].len);
    batch->end = buffer_failed(&conn->password) ? LINE_END_CLOSE : LINE_END_AUTH;
}

/* One line more; false: the batch ends with it. */
static bool take_line(struct line_conn *conn, struct batch *batch, const uint8_t *data, size_t len,
                      bool whole)
{
    struct line_request *request = &batch->requests[batch->count];
    batch->seen = true;
    if (line_read(&batch->words, data, len, conn->authenticated, request)) {
        batch->end = LINE_END_CLOSE;
        return false;
    }
    if (!whole && !runs_unterminated(conn, request)) return true;
    batch->count++;
    if (request->verb == LINE_HTTP) {
        batch->count--;
        batch->end = LINE_END_ATTACK;
    } else if (request->verb == LINE_AUTH && request->fault == LINE_FINE) {
        take_password(conn, batch, request);
    } else if (request->fault == LINE_FINE) {
        batch->touches = true;
    }
    return batch->end == LINE_END_MORE;
}

/* Lines until the batch is full or there are no more. Returns the bytes they took. */
static size_t collect(struct line_conn *conn, struct batch *batch, const uint8_t *data, size_t len,
                      bool last)
{
    size_t at = 0, line_len, used;
    while (at < len && batch->count < BATCH_REQUESTS && batch->words.count < BATCH_WORDS) {
        const enum line_found found = line_find(data + at, len - at, &line_len, &used);
        if (found == LINE_TOO_LONG) batch->end = LINE_END_CLOSE;
        if (found == LINE_PARTIAL && last) line_len = used = len - at;
        if (found == LINE_TOO_LONG || (found == LINE_PARTIAL && !last)) break;
        const uint8_t *line = data + at;
        at += used;
        if (line_len && !take_line(conn, batch, line, line_len, found == LINE_WHOLE)) break;
    }
    return at;
}

static void answer_auth(const struct line_conn *conn, struct buffer *out)
{
    buffer_printf(out, conn->line->auth ? "ERROR AUTH requires password\n"
                                        : "OK no authentication required\n");
}

static void answer(struct line_conn *conn, struct batch *batch, struct buffer *out)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct line_request *request = &batch->requests[i];
        if (line_fault_text(request, out)) continue;
        if (request->verb == LINE_AUTH) answer_auth(conn, out);
        else line_command_run(&conn->line->commands, conn->session, request, &batch->words, out);
    }
}

/* false: the session was killed, or there is no memory for one. */
static bool execute(struct line_conn *conn, struct batch *batch, size_t bytes, struct buffer *out)
{
    if (batch->touches && !conn->session) conn->session = session_open_local(conn->line->redis);
    if (batch->touches && !conn->session) return false;
    if (batch->touches && private_begin(conn->session, out, bytes)) return false;
    answer(conn, batch, out);
    if (batch->touches) private_end(conn->session);
    return true;
}

static void count(struct line *line, const struct batch *batch)
{
    const size_t requests = batch->count + (batch->end == LINE_END_AUTH);
    atomic_fetch_add_explicit(&line->counters.requests, requests, memory_order_relaxed);
    atomic_fetch_add_explicit(&line->counters.responses, batch->count, memory_order_relaxed);
}

size_t line_serve(struct line_conn *conn, const uint8_t *data, size_t len, bool last,
                  struct buffer *out, enum line_end *end)
{
    size_t at = 0;
    bool seen = false;
    *end = LINE_END_MORE;
    while (at < len && *end == LINE_END_MORE) {
        struct batch batch;
        line_words_init(&batch.words);
        batch.count = 0;
        batch.touches = batch.seen = false;
        batch.end = LINE_END_MORE;
        const size_t used = collect(conn, &batch, data + at, len - at, last);
        if (!execute(conn, &batch, used, out)) batch.end = LINE_END_CLOSE;
        count(conn->line, &batch);
        line_words_release(&batch.words);
        seen = seen || batch.seen;
        *end = batch.end;
        at += used;
        if (used == 0) break;
    }
    if (seen) conn->active_us = os_now_us(conn->line->opts.os);
    return at;
}
