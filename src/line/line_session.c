/*
 * Connections of the line protocol: what their streams' callbacks do.
 *
 * The first byte decides for the connection's life: '*' hands it to the sessions of the Redis door.
 * The idle clock costs nothing a request: the timer is set once, and when it runs out the time that
 * is left since the last line is set anew.
 */
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "line/line_internal.h"
#include "redis/keep_bind.h"

#define QUEUE_WAIT_US 100000
#define QUEUE_RETRY_US 5000
#define COPY_BYTES_KEPT 16384u

static int64_t now_us(const struct line_conn *conn) { return os_now_us(conn->line->opts.os); }

static void say(struct line_conn *conn, const char *text)
{
    buffer_put(stream_output(conn->stream), text, strlen(text));
    atomic_fetch_add_explicit(&conn->line->counters.said, 1, memory_order_relaxed);
}

/* ---- life ---- */

static void *on_open(void *ctx, struct stream *stream)
{
    static const char busy[] = "ERROR server busy\n";
    struct line *line = ctx;
    struct line_conn *conn = redis_is_crowded(line->redis) ? NULL : mem_zalloc(sizeof *conn);
    if (!conn) {
        buffer_put(stream_output(stream), busy, sizeof busy - 1);
        atomic_fetch_add_explicit(&line->counters.rejected, 1, memory_order_relaxed);
        return NULL;
    }
    conn->line = line;
    conn->stream = stream;
    conn->authenticated = !line->auth;
    conn->active_us = now_us(conn);
    atomic_fetch_add_explicit(&line->counters.connections, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&line->counters.active, 1, memory_order_relaxed);
    if (line->opts.idle_timeout_s) stream_timer(stream, line->opts.idle_timeout_s * 1000);
    return conn;
}

void line_conn_free(struct line_conn *conn)
{
    session_close_local(conn->session);
    if (conn->password.data) OPENSSL_cleanse(conn->password.data, conn->password.cap);
    buffer_release(&conn->password);
    buffer_release(&conn->job.input);
    buffer_release(&conn->job.output);
    mem_free(conn);
}

static void on_close(void *ctx)
{
    struct line_conn *conn = ctx;
    struct line *line = conn->line;
    atomic_fetch_sub_explicit(&line->counters.active, 1, memory_order_relaxed);
    if (conn->resp) line->resp->close(conn->resp);
    os_mutex_lock(&line->lock);
    const bool mine = conn->state != LINE_BUSY || conn->answered;
    conn->closed = true;
    os_mutex_unlock(&line->lock);
    if (mine) line_conn_free(conn);
}

/* Whoever had a busy connection gives it back, or frees it if nobody is there any more. */
static void hand_back(struct line_conn *conn)
{
    struct line *line = conn->line;
    os_mutex_lock(&line->lock);
    const bool closed = conn->closed;
    conn->answered = true;
    if (!closed) stream_wake(conn->stream);
    os_mutex_unlock(&line->lock);
    if (closed) line_conn_free(conn);
}

/* ---- timers ---- */

static void set_timer(struct line_conn *conn, int64_t due_us)
{
    const int64_t left = due_us - now_us(conn);
    const int64_t ms = left <= 0 ? 1 : (left + 999) / 1000;
    stream_timer(conn->stream, ms > INT32_MAX ? INT32_MAX : (unsigned)ms);
}

/* The idle clock, anew. */
static void watch_idle(struct line_conn *conn)
{
    const unsigned limit_s = conn->line->opts.idle_timeout_s;
    if (limit_s == 0 || conn->state != LINE_READING) stream_timer(conn->stream, 0);
    else set_timer(conn, conn->active_us + (int64_t)limit_s * 1000000);
}

static void check_idle(struct line_conn *conn)
{
    const int64_t limit_us = (int64_t)conn->line->opts.idle_timeout_s * 1000000;
    if (limit_us && now_us(conn) - conn->active_us >= limit_us) stream_close(conn->stream, true);
    else watch_idle(conn);
}

/* ---- batches on the pool ---- */

static void run_job(void *arg)
{
    struct line_conn *conn = arg;
    struct line_job *job = &conn->job;
    const size_t used = line_serve(conn, job->input.data, job->input.len, job->last, false,
                                   &job->output, &job->end);
    memmove(job->input.data, job->input.data + used, job->input.len - used);
    job->input.len -= used;
    hand_back(conn);
}

/* The queue may be full: it is asked again for a tenth of a second, then there is no place. */
static void submit_job(struct line_conn *conn)
{
    struct line *line = conn->line;
    conn->state = LINE_BUSY;
    conn->answered = false; /* nobody else has it yet */
    if (line_pool_submit(line->pool, run_job, conn) == 0) {
        stream_timer(conn->stream, 0);
        return;
    }
    const int64_t now = now_us(conn);
    conn->state = LINE_WAITING;
    conn->retry_us = now + QUEUE_RETRY_US;
    if (now < conn->give_up_us) {
        set_timer(conn, conn->retry_us);
        return;
    }
    atomic_fetch_add_explicit(&line->counters.rejected, 1, memory_order_relaxed);
    say(conn, "ERROR server busy\n");
    stream_close(conn->stream, false);
}

static void start_job(struct line_conn *conn)
{
    stream_pause(conn->stream);
    conn->give_up_us = now_us(conn) + QUEUE_WAIT_US;
    submit_job(conn);
}

/* ---- passwords ---- */

static void check_password(void *arg)
{
    struct line_conn *conn = arg;
    conn->good = line_auth_check(conn->line->auth, conn->password.data, conn->password.len);
    hand_back(conn);
}

static void resume(struct line_conn *conn)
{
    conn->checking = false;
    if (conn->job.input.len) { /* what stood behind a password */
        start_job(conn);
        return;
    }
    conn->state = LINE_READING;
    watch_idle(conn);
    stream_resume(conn->stream);
}

static void start_check(struct line_conn *conn)
{
    conn->state = LINE_BUSY;
    conn->answered = false; /* nobody else has it yet */
    stream_timer(conn->stream, 0);
    if (line_auth_submit(conn->line->auth, check_password, conn) == 0) return;
    say(conn, "ERROR authentication error: too many passwords are being checked\n");
    conn->active_us = now_us(conn);
    resume(conn);
}

static void begin_check(struct line_conn *conn)
{
    stream_pause(conn->stream);
    conn->checking = true;
    conn->retry_us = line_auth_admit(conn->line->auth, stream_peer(conn->stream));
    if (conn->retry_us <= now_us(conn)) {
        start_check(conn);
        return;
    }
    conn->state = LINE_WAITING;
    set_timer(conn, conn->retry_us);
}

static void end_check(struct line_conn *conn)
{
    OPENSSL_cleanse(conn->password.data, conn->password.len);
    buffer_clear(&conn->password);
    line_auth_note(conn->line->auth, stream_peer(conn->stream), conn->good);
    if (conn->good) conn->authenticated = true;
    say(conn, conn->good ? "OK authenticated\n" : "ERROR invalid password\n");
    conn->active_us = now_us(conn);
    resume(conn);
}

/* ---- lines ---- */

static void log_attack(struct line_conn *conn)
{
    char text[160];
    const struct line_opts *opts = &conn->line->opts;
    atomic_fetch_add_explicit(&conn->line->counters.attacks, 1, memory_order_relaxed);
    (void)snprintf(text, sizeof text,
                   "line protocol: %.80s sends HTTP; a browser was led here? Closed.",
                   stream_peer(conn->stream));
    if (opts->log) opts->log(opts->log_ctx, 1, text);
}

static void obey(struct line_conn *conn, enum line_end end)
{
    switch (end) {
    case LINE_END_MORE:
    case LINE_END_POOL: break;
    case LINE_END_AUTH: begin_check(conn); break;
    case LINE_END_ATTACK:
        log_attack(conn);
        stream_close(conn->stream, true);
        break;
    case LINE_END_CLOSE: stream_close(conn->stream, false); break;
    }
}

static size_t run_here(struct line_conn *conn, const uint8_t *data, size_t len, bool last)
{
    enum line_end end;
    struct buffer *out = stream_output(conn->stream);
    const size_t used = line_serve(conn, data, len, last, false, out, &end);
    obey(conn, end);
    return end == LINE_END_CLOSE || end == LINE_END_ATTACK ? len : used;
}

/* Whole lines are copied, for a worker; a session is in the queue at most once. */
static size_t hand_over(struct line_conn *conn, const uint8_t *data, size_t len, bool last)
{
    struct buffer *input = &conn->job.input;
    size_t whole = len;
    while (!last && whole && data[whole - 1] != '\n') whole--;
    if (whole == 0) {
        if (len > LINE_BYTES_MAX) stream_close(conn->stream, false);
        return 0;
    }
    if (input->cap > COPY_BYTES_KEPT && whole <= COPY_BYTES_KEPT) buffer_release(input);
    buffer_put(input, data, whole);
    if (buffer_failed(input)) {
        stream_close(conn->stream, true);
        return len;
    }
    conn->job.last = last;
    start_job(conn);
    return whole;
}

/* What is quick is done where it came: two switches of threads take longer than it does. */
static size_t run_pooled(struct line_conn *conn, const uint8_t *data, size_t len, bool last)
{
    enum line_end end;
    struct buffer *out = stream_output(conn->stream);
    const size_t used = line_serve(conn, data, len, last, true, out, &end);
    if (end == LINE_END_POOL) return used + hand_over(conn, data + used, len - used, last);
    obey(conn, end);
    return end == LINE_END_CLOSE || end == LINE_END_ATTACK ? len : used;
}

static void end_job(struct line_conn *conn)
{
    struct line_job *job = &conn->job;
    struct buffer *out = stream_output(conn->stream);
    buffer_put(out, job->output.data, job->output.len);
    if (buffer_failed(&job->output)) out->failed = true;
    if (job->output.cap > COPY_BYTES_KEPT) buffer_release(&job->output);
    else buffer_clear(&job->output);
    if (job->end == LINE_END_MORE) resume(conn);
    else obey(conn, job->end);
}

static bool decide(struct line_conn *conn, uint8_t first)
{
    struct line *line = conn->line;
    conn->decided = true;
    if (first != '*') return true;
    stream_timer(conn->stream, 0);
    /* RESP must not be the way around the password of lines. */
    if (line->auth && redis_is_open(line->redis))
        say(conn, "-NOAUTH this port has a password and Redis clients have none: set one\r\n");
    else conn->resp = line->resp->open(line->redis, conn->stream);
    if (!conn->resp) stream_close(conn->stream, false);
    return conn->resp != NULL;
}

static size_t on_input(void *ctx, const uint8_t *data, size_t len, bool ended)
{
    struct line_conn *conn = ctx;
    if (!conn->decided && len && !decide(conn, data[0])) return len;
    if (conn->resp) return conn->line->resp->input(conn->resp, data, len, ended);
    if (conn->state != LINE_READING) return 0;
    return conn->line->pool ? run_pooled(conn, data, len, ended)
                            : run_here(conn, data, len, ended);
}

static void on_expect(void *ctx, const struct stream_input *inputs, size_t count)
{
    struct line *line = ctx;
    struct redis_key keys[STREAM_INPUTS_MAX];
    struct stream_input others[STREAM_INPUTS_MAX];
    size_t found = 0, other_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct line_conn *conn = inputs[i].session;
        if (conn->resp) {
            others[other_count] = inputs[i];
            others[other_count++].session = conn->resp;
        } else if (conn->state == LINE_READING && conn->authenticated) {
            if (conn->session) private_expect(conn->session);
            keys[found].db = 0;
            found += line_peek_key(inputs[i].data, inputs[i].len, &keys[found].name);
        }
    }
    if (found > 1) redis_expect_keys(line->redis, keys, found);
    if (other_count > 1) line->resp->expect(line->redis, others, other_count);
}

static void on_wake(void *ctx)
{
    struct line_conn *conn = ctx;
    if (conn->resp) {
        conn->line->resp->wake(conn->resp);
        return;
    }
    os_mutex_lock(&conn->line->lock);
    const bool answered = conn->answered;
    os_mutex_unlock(&conn->line->lock);
    switch (conn->state) {
    case LINE_READING: check_idle(conn); break;
    case LINE_WAITING:
        if (conn->retry_us > now_us(conn)) set_timer(conn, conn->retry_us);
        else if (conn->checking) start_check(conn);
        else submit_job(conn);
        break;
    case LINE_BUSY:
        if (answered && conn->checking) end_check(conn);
        else if (answered) end_job(conn);
        break;
    }
}

/* ---- the rest ---- */

#define UNKNOWN_OUTPUT_MAX 65536u /* replies that an unknown client has not read */

static size_t on_output_max(void *ctx)
{
    const struct line_conn *conn = ctx;
    if (conn->resp) return conn->line->resp->output_max(conn->resp);
    return conn->authenticated ? 0 : UNKNOWN_OUTPUT_MAX;
}

static uint64_t on_ticket(void *ctx)
{
    const struct line_conn *conn = ctx;
    return redis_ticket(conn->line->redis);
}

static uint64_t on_settle(void *ctx)
{
    const struct line *line = ctx;
    return redis_settle_log(line->redis);
}

static const struct stream_ops ops = {
    .open = on_open,
    .input = on_input,
    .expect = on_expect,
    .wake = on_wake,
    .close = on_close,
    .output_max = on_output_max,
    .ticket = on_ticket,
    .settle = on_settle,
};

const struct stream_ops *line_stream_ops(void) { return &ops; }
