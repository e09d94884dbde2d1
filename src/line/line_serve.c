/*
 * From bytes to replies: lines are read into a batch without any lock, then the keyspace lock is
 * taken once for all of them, and their replies go straight to the output. Neighbours that ask for
 * the same are one request of the batch, from the parser to the keyspace.
 *
 * A batch lies on the stack of who serves it; only lines with very many words or with quotes need
 * other memory, which goes with the batch.
 */
#include <string.h>

#include "line/line_internal.h"

#define BATCH_LINES 64u
#define BATCH_WORDS 192u
#define QUICK_BYTES 65536u /* of a line */
#define QUICK_BATCHES 16u  /* at a time, on a loop */
#define UNKNOWN_LINE_MAX 16384u /* of a client without a password where one is wanted */

struct batch {
    struct line_words words;
    struct line_request requests[BATCH_LINES];
    size_t count;
    size_t lines; /* of all requests; each has a hash in `hashes` */
    uint64_t hashes[BATCH_LINES];
    bool touches; /* one of them needs the keyspace */
    bool slow;    /* one of them takes long */
    bool seen;    /* there was a line that is not empty */
    enum line_end end;
};

/* A line that was cut off must not write: who dies inside "SET k 1000" must not store "10". */
static bool runs_unterminated(const struct line_conn *conn, const struct line_request *request)
{
    if (conn->line->opts.unterminated_writes) return true;
    switch (request->verb) {
    case LINE_GET:
    case LINE_KEYS:
    case LINE_AUTH: return true;
    default: return false;
    }
}

static void drop_last(struct batch *batch)
{
    batch->count--;
    batch->lines--;
}

/* A password to be checked ends the batch. */
static void take_password(struct line_conn *conn, struct batch *batch,
                          const struct line_request *request)
{
    const struct kith_str *words = batch->words.at + request->first;
    if (!conn->line->auth || request->count != 2) return;
    drop_last(batch);
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
    const unsigned may = (conn->authenticated ? LINE_MAY_RUN : 0u) |
                         (conn->line->opts.extensions ? LINE_MAY_EXTEND : 0u);
    if (line_read(&batch->words, data, len, may, request)) {
        batch->end = LINE_END_CLOSE;
        return false;
    }
    if (!whole && !runs_unterminated(conn, request)) return true;
    batch->count++;
    batch->lines++;
    if (request->verb == LINE_HTTP) {
        drop_last(batch);
        batch->end = LINE_END_ATTACK;
    } else if (request->verb == LINE_AUTH && request->fault == LINE_FINE) {
        take_password(conn, batch, request);
    } else if (request->fault == LINE_FINE && request->verb < (int)LINE_KEYSPACE_VERBS) {
        batch->touches = true;
        if (request->verb == LINE_KEYS || request->verb == LINE_FLUSHALL || len > QUICK_BYTES)
            batch->slow = true;
    }
    return batch->end == LINE_END_MORE;
}

/* A row of lines, if they are written as nearly all are. Returns the bytes it takes. */
static size_t take_row(const struct line_conn *conn, struct batch *batch, const uint8_t *data,
                       size_t len)
{
    struct line_request *request = &batch->requests[batch->count];
    if (!conn->authenticated) return 0;
    const size_t used =
        line_read_row(&batch->words, data, len, BATCH_LINES - batch->lines, request);
    if (used == 0) return 0;
    batch->count++;
    batch->lines += request->times;
    batch->touches = batch->seen = true;
    return used;
}

/* One line, whatever it is; *used: its bytes. false: the batch ends here. */
static bool take_any(struct line_conn *conn, struct batch *batch, const uint8_t *data, size_t len,
                     bool last, size_t *used)
{
    const size_t most = conn->authenticated ? LINE_BYTES_MAX : UNKNOWN_LINE_MAX;
    size_t line_len = 0;
    enum line_found found = line_find(data, len, &line_len, used);
    if ((found == LINE_PARTIAL ? len : line_len) > most) found = LINE_TOO_LONG;
    if (found == LINE_TOO_LONG) batch->end = LINE_END_CLOSE;
    if (found == LINE_PARTIAL && last) line_len = *used = len;
    if (found != LINE_WHOLE && !(found == LINE_PARTIAL && last)) {
        *used = 0;
        return false;
    }
    return line_len == 0 || take_line(conn, batch, data, line_len, found == LINE_WHOLE);
}

/* Lines until the batch is full or there are no more. Returns the bytes they took. */
static size_t collect(struct line_conn *conn, struct batch *batch, const uint8_t *data, size_t len,
                      bool last)
{
    size_t at = 0;
    bool more = true;
    while (more && at < len && batch->lines < BATCH_LINES && batch->words.count < BATCH_WORDS) {
        size_t used = take_row(conn, batch, data + at, len - at);
        if (used == 0) more = take_any(conn, batch, data + at, len - at, last, &used);
        at += used;
    }
    return at;
}

static void answer_auth(const struct line_conn *conn, struct buffer *out)
{
    buffer_printf(out, conn->line->auth ? "ERROR AUTH requires password\n"
                                        : "OK no authentication required\n");
}

static bool has_key(const struct line_request *request)
{
    return request->fault == LINE_FINE && request->count > 1 &&
           request->verb < (int)LINE_KEYSPACE_VERBS;
}

/* What the lookups of a batch will read is fetched for all of them at a time. Their hashes are
 * kept: the commands need them again. */
static void prefetch(struct cache *cache, struct batch *batch)
{
    uint64_t *hashes = batch->hashes;
    for (size_t i = 0; i < batch->count; hashes += batch->requests[i++].times) {
        const struct line_request *request = &batch->requests[i];
        if (has_key(request))
            cache_prefetch_row(cache, 0, batch->words.at + request->first + 1, request->count,
                               request->times, hashes);
    }
}

static void answer_one(struct line_conn *conn, struct batch *batch,
                       const struct line_request *request, const uint64_t *hashes,
                       struct buffer *out)
{
    if (request->fault != LINE_FINE && line_fault_text(request, out)) return;
    if (request->verb == LINE_AUTH) answer_auth(conn, out);
    else if (request->verb == LINE_PING) buffer_put(out, "PONG\n", 5);
    else if (request->verb == LINE_STATS) line_write_json(conn->line, out);
    else line_command_run(&conn->line->commands, conn->session, request, &batch->words,
                          hashes && has_key(request) ? hashes : NULL, out);
}

static void answer(struct line_conn *conn, struct batch *batch, struct buffer *out)
{
    const bool warm = batch->touches && batch->lines > 1; /* one alone comes as soon as its key */
    const uint64_t *hashes = warm ? batch->hashes : NULL;
    if (warm) prefetch(redis_cache(conn->line->redis), batch);
    for (size_t i = 0; i < batch->count; i++) {
        answer_one(conn, batch, &batch->requests[i], hashes, out);
        if (hashes) hashes += batch->requests[i].times;
    }
}

static int open_session(struct line_conn *conn, bool quick)
{
    if (quick) return private_open_soon(conn->line->redis, &conn->session);
    conn->session = session_open_local(conn->line->redis);
    return conn->session ? 0 : KITH_ENOMEM;
}

static void add(atomic_uint_fast64_t *counter, uint64_t more)
{
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

/* With one writer at a time it need not be one step. */
static void add_locked(atomic_uint_fast64_t *counter, uint64_t more)
{
    const uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, before + more, memory_order_relaxed);
}

/* Those that touch keys have the keyspace lock, and need no more. */
static void count(struct line_counters *counters, const struct batch *batch, bool quick)
{
    if (batch->touches) {
        add_locked(&counters->keyed, batch->lines);
        if (quick) add_locked(&counters->on_loops, 1);
    } else {
        add(&counters->others, batch->lines);
    }
    if (batch->end == LINE_END_AUTH) add(&counters->passwords, 1);
}

/* KITH_ECLOSED: the session was killed. KITH_EBUSY: it is not for a loop, and nothing was done. */
static int execute(struct line_conn *conn, struct batch *batch, size_t bytes, bool quick,
                   struct buffer *out)
{
    int rc = 0;
    if (quick && batch->slow) return KITH_EBUSY;
    if (batch->touches && !conn->session) rc = open_session(conn, quick);
    if (rc) return rc;
    if (batch->touches && quick) rc = private_begin_soon(conn->session, out, bytes);
    else if (batch->touches) rc = private_begin(conn->session, out, bytes);
    if (rc) return rc;
    answer(conn, batch, out);
    count(&conn->line->counters, batch, quick);
    if (batch->touches) conn->active_us = private_end(conn->session) / 1000;
    else if (batch->seen) conn->active_us = os_now_us(conn->line->opts.os);
    return 0;
}

/* One batch; *used stays 0 if it is not for this thread. */
static enum line_end serve_batch(struct line_conn *conn, struct batch *batch, const uint8_t *data,
                                 size_t len, bool last, bool quick, struct buffer *out,
                                 size_t *used)
{
    line_words_init(&batch->words);
    batch->count = batch->lines = 0;
    batch->touches = batch->slow = batch->seen = false;
    batch->end = LINE_END_MORE;
    *used = collect(conn, batch, data, len, last);
    const int rc = execute(conn, batch, *used, quick, out);
    line_words_release(&batch->words);
    if (rc == KITH_EBUSY) {
        *used = 0;
        return LINE_END_POOL;
    }
    if (rc) batch->end = LINE_END_CLOSE;
    return batch->end;
}

size_t line_serve(struct line_conn *conn, const uint8_t *data, size_t len, bool last, bool quick,
                  struct buffer *out, enum line_end *end)
{
    struct batch batch;
    size_t at = 0, batches = 0;
    *end = LINE_END_MORE;
    while (at < len && *end == LINE_END_MORE) {
        size_t used = 0;
        if (quick && batches++ == QUICK_BATCHES) *end = LINE_END_POOL;
        else *end = serve_batch(conn, &batch, data + at, len - at, last, quick, out, &used);
        at += used;
        if (used == 0) break;
    }
    return at;
}
