/*
 * The load of `kith bench line`: connections over libuv, some loops, no lock between them.
 *
 * Closed loop: a connection sends `pipeline` requests, waits for all replies, and sends again. Open
 * loop: request i is due at t0 + i / rate (or after random gaps), whoever is free sends it, and its
 * latency counts from when it was due: a server that stalls is not excused from the requests that
 * it kept from being sent (G. Tene's "coordinated omission"). A loop that waits for the next due
 * time sleeps until a millisecond before it, then looks at the clock.
 *
 * Every reply is looked at: SET says OK, GET gives the value of the key, or that there is none.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/rng.h"
#include "bench/bench_line.h"
#include "os/thread.h"

#define LAST_WORDS_NS INT64_C(5000000000) /* for replies that are under way at the end */
#define CONNECT_NS INT64_C(10000000000)
#define LOOK_NS 500000 /* between looks at all connections */
#define KEY_BYTES_MAX 48u
#define REQUEST_SPARE 128u

struct shot { /* a request that is under way */
    int64_t due_ns, sent_ns;
    enum bench_request what;
    uint64_t key;
};

struct caller;

struct link { /* a connection */
    struct caller *caller;
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    char *out;          /* owns: requests */
    struct buffer in;   /* owns: replies that are not whole */
    struct shot *shots; /* owns: pipeline of them */
    unsigned sent, answered;
    uint64_t made; /* requests so far */
    bool up, writing, greeting, dead;
};

struct caller { /* a thread */
    const struct os *os;
    const struct bench_load *load;
    uv_loop_t loop;
    struct link *links; /* owns */
    unsigned count, up, dead, next_link;
    struct sockaddr_storage address;
    struct rng rng;
    char *value; /* owns */
    int64_t begin_ns, measure_ns, end_ns; /* measure: behind the warm-up */
    double next_due_ns; /* open loop */
    double gap_ns;
    int64_t last_reply_ns, late_ns;
    bool ended;
    struct bench_load_result *result; /* owns */
    struct os_thread *thread;
    int rc;
};

/* ---- requests ---- */

static uint64_t draw_key(struct caller *caller)
{
    return rng_below(&caller->rng, caller->load->keys);
}

static enum bench_request draw_request(struct caller *caller, const struct link *link)
{
    const struct bench_load *load = caller->load;
    if (load->alternate) return link->made % 2 ? BENCH_GET : BENCH_SET;
    return rng_below(&caller->rng, 100) < load->set_percent ? BENCH_SET : BENCH_GET;
}

static size_t write_request(const struct caller *caller, const struct shot *shot, char *out,
                            size_t room)
{
    char key[KEY_BYTES_MAX];
    const struct bench_load *load = caller->load;
    const int value = (int)load->value_bytes;
    const int key_len = snprintf(key, sizeof key, "bench:%u:%llu", load->value_bytes,
                                 (unsigned long long)shot->key); /* values of one size a key */
    int len;
    if (load->resp && shot->what == BENCH_SET)
        len = snprintf(out, room, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%.*s\r\n", key_len, key,
                       value, value, caller->value);
    else if (load->resp)
        len = snprintf(out, room, "*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", key_len, key);
    else if (shot->what == BENCH_SET)
        len = snprintf(out, room, "SET %s %.*s\n", key, value, caller->value);
    else len = snprintf(out, room, "GET %s\n", key);
    return (size_t)len;
}

static void fail_link(struct link *link)
{
    struct caller *caller = link->caller;
    if (link->dead) return;
    link->dead = true;
    caller->dead++;
    caller->result->errors += link->sent - link->answered;
    if (!link->up) caller->result->refused++;
    uv_close((uv_handle_t *)&link->tcp, NULL);
}

static void on_written(uv_write_t *write, int status)
{
    struct link *link = write->data;
    link->writing = false;
    if (status && status != UV_ECANCELED) fail_link(link);
}

static void put(struct link *link, const char *data, size_t len)
{
    uv_stream_t *stream = (uv_stream_t *)&link->tcp;
    uv_buf_t bytes = uv_buf_init((char *)(uintptr_t)data, (unsigned)len);
    const int done = uv_try_write(stream, &bytes, 1);
    if (done == (int)len) return;
    if (done < 0 && done != UV_EAGAIN) {
        fail_link(link);
        return;
    }
    const size_t at = done > 0 ? (size_t)done : 0;
    bytes = uv_buf_init((char *)(uintptr_t)data + at, (unsigned)(len - at));
    link->write.data = link;
    link->writing = true;
    if (uv_write(&link->write, stream, &bytes, 1, on_written)) fail_link(link);
}

static bool is_over(const struct caller *caller, const struct link *link, int64_t now)
{
    if (caller->load->requests && link->made >= caller->load->requests) return true;
    return now >= caller->end_ns;
}

static size_t request_room(const struct bench_load *load)
{
    return load->value_bytes + REQUEST_SPARE;
}

/* Sends up to a pipeline of requests; open loop: those that are due. */
static void shoot(struct link *link, int64_t now)
{
    struct caller *caller = link->caller;
    const struct bench_load *load = caller->load;
    const size_t room = request_room(load);
    size_t len = 0;
    link->sent = link->answered = 0;
    while (link->sent < load->pipeline && !is_over(caller, link, now)) {
        if (load->rate > 0 && caller->next_due_ns > (double)now) break;
        struct shot *shot = &link->shots[link->sent++];
        *shot = (struct shot){ .due_ns = now, .sent_ns = now, .key = draw_key(caller) };
        shot->what = draw_request(caller, link);
        if (load->rate > 0) {
            shot->due_ns = (int64_t)caller->next_due_ns;
            const double draw = load->poisson ? -log(1 - rng_f64(&caller->rng)) : 1;
            caller->next_due_ns += caller->gap_ns * draw;
            caller->late_ns = now - shot->due_ns;
        }
        link->made++;
        len += write_request(caller, shot, link->out + len, room);
    }
    if (len) put(link, link->out, len);
}

/* ---- replies ---- */

static void note(struct caller *caller, const struct shot *shot, int64_t now)
{
    struct bench_load_result *result = caller->result;
    if (shot->due_ns < caller->measure_ns) return;
    bench_histogram_add(&result->latency[shot->what], (uint64_t)(now - shot->due_ns));
    bench_histogram_add(&result->service, (uint64_t)(now - shot->sent_ns));
    caller->last_reply_ns = now;
}

/* The line without its end; of RESP's bulk strings, the bytes. */
static void judge(struct caller *caller, const struct shot *shot, const char *text, size_t len,
                  bool missing)
{
    struct bench_load_result *result = caller->result;
    const bool resp = caller->load->resp;
    const bool set = shot->what == BENCH_SET;
    const bool ok = resp ? len == 3 && memcmp(text, "+OK", 3) == 0
                         : len == 2 && memcmp(text, "OK", 2) == 0;
    const bool value = len == caller->load->value_bytes && memcmp(text, caller->value, len) == 0;
    const bool failed = (len && resp && *text == '-') ||
                        (len >= 5 && !resp && memcmp(text, "ERROR", 5) == 0);
    if (shot->due_ns < caller->measure_ns) return;
    if (failed) result->errors++;
    else if (set ? ok : missing || value) result->ok++;
    else result->wrong++;
}

/* Bytes of the first reply; 0: it is not whole. */
static size_t take_reply(struct caller *caller, const struct shot *shot, const char *data,
                         size_t len)
{
    const char *lf = len ? memchr(data, '\n', len) : NULL;
    if (!lf) return 0;
    size_t line = (size_t)(lf - data);
    const size_t used = line + 1;
    if (!caller->load->resp) {
        judge(caller, shot, data, line, line == 4 && memcmp(data, "NULL", 4) == 0);
        return used;
    }
    if (line && data[line - 1] == '\r') line--;
    const bool bulk = *data == '$' && data[1] != '-';
    const size_t value = caller->load->value_bytes; /* another length is wrong anyway */
    if (bulk && len < used + value + 2) return 0;
    if (bulk) judge(caller, shot, data + used, value, false);
    else judge(caller, shot, data, line, *data == '$' || *data == '_');
    return bulk ? used + value + 2 : used;
}

static void take_replies(struct link *link, int64_t now)
{
    struct caller *caller = link->caller;
    size_t at = 0;
    if (link->greeting) { /* AUTH, whatever it says: requests will tell */
        const char *lf = link->in.len ? memchr(link->in.data, '\n', link->in.len) : NULL;
        if (!lf) return;
        buffer_clear(&link->in);
        link->greeting = false;
        if (caller->load->rate <= 0) shoot(link, now);
        return;
    }
    while (link->answered < link->sent) {
        const struct shot *shot = &link->shots[link->answered];
        const size_t used = take_reply(caller, shot, (const char *)link->in.data + at,
                                       link->in.len - at);
        if (!used) break;
        note(caller, shot, now);
        link->answered++;
        at += used;
    }
    if (at) memmove(link->in.data, link->in.data + at, link->in.len - at);
    link->in.len -= at;
    if (link->answered == link->sent && link->sent && !link->writing) {
        link->sent = link->answered = 0;
        shoot(link, now);
    }
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct link *link = handle->data;
    const bool room = buffer_reserve(&link->in, suggested) == 0;
    *out = uv_buf_init(room ? (char *)link->in.data + link->in.len : NULL,
                       room ? (unsigned)suggested : 0);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *bytes)
{
    struct link *link = stream->data;
    (void)bytes;
    if (len < 0) fail_link(link);
    if (len <= 0) return;
    link->in.len += (size_t)len;
    take_replies(link, os_now_ns(link->caller->os));
}

/* ---- connecting ---- */

static void greet(struct link *link)
{
    char text[256];
    const char *password = link->caller->load->password;
    const int len = link->caller->load->resp
                        ? snprintf(text, sizeof text, "*2\r\n$4\r\nAUTH\r\n$%zu\r\n%.128s\r\n",
                                   strlen(password), password)
                        : snprintf(text, sizeof text, "AUTH %.128s\n", password);
    link->greeting = true;
    if (len > 0 && uv_try_write((uv_stream_t *)&link->tcp,
                                &(uv_buf_t){ .base = text, .len = (size_t)len }, 1) != len)
        fail_link(link);
}

static void on_connect(uv_connect_t *connect, int status)
{
    struct link *link = connect->data;
    if (status == UV_ECANCELED) return;
    if (status || uv_read_start((uv_stream_t *)&link->tcp, on_room, on_read)) {
        fail_link(link);
        return;
    }
    (void)uv_tcp_nodelay(&link->tcp, 1);
    link->up = true;
    link->caller->up++;
}

static int open_link(struct caller *caller, struct link *link)
{
    const struct bench_load *load = caller->load;
    size_t bytes;
    link->caller = caller;
    buffer_init(&link->in);
    if (!size_mul(load->pipeline, request_room(load), &bytes)) return KITH_ENOMEM;
    link->out = mem_alloc(bytes);
    link->shots = mem_zalloc_array(load->pipeline, sizeof *link->shots);
    if (!link->out || !link->shots) return KITH_ENOMEM;
    (void)uv_tcp_init(&caller->loop, &link->tcp);
    link->tcp.data = link->connect.data = link;
    if (uv_tcp_connect(&link->connect, &link->tcp, (struct sockaddr *)&caller->address, on_connect))
        fail_link(link);
    return 0;
}

/* ---- a thread ---- */

static void on_nap(uv_timer_t *timer) { (void)timer; }

/* Open loop: whoever is free takes what is due; then a nap until shortly before the next. */
static void give_due(struct caller *caller, uv_timer_t *timer, int64_t now)
{
    unsigned tried = 0;
    while (caller->next_due_ns <= (double)now && tried < caller->count) {
        struct link *link = &caller->links[caller->next_link++ % caller->count];
        tried++;
        if (link->dead || link->greeting || link->sent || link->writing) continue;
        shoot(link, now);
        tried = 0;
        if (is_over(caller, link, now)) return;
    }
    const double left_ms = (caller->next_due_ns - (double)now) / 1e6;
    (void)uv_timer_stop(timer);
    if (tried >= caller->count) (void)uv_timer_start(timer, on_nap, 1, 0);
    else if (left_ms > 2) (void)uv_timer_start(timer, on_nap, (uint64_t)left_ms - 1, 0);
}

static bool is_done(const struct caller *caller, int64_t now)
{
    for (unsigned i = 0; i < caller->count; i++) {
        const struct link *link = &caller->links[i];
        if (link->dead) continue;
        if (link->sent > link->answered || link->greeting || !is_over(caller, link, now))
            return false;
    }
    return true;
}

static void run(struct caller *caller, uv_timer_t *timer)
{
    const bool open = caller->load->rate > 0;
    int64_t now = os_now_ns(caller->os), look_ns = now;
    for (unsigned i = 0; i < caller->count && !open; i++)
        if (!caller->links[i].dead && !caller->links[i].greeting) shoot(&caller->links[i], now);
    while (now < caller->end_ns + LAST_WORDS_NS) {
        bool spins = false;
        if (now >= look_ns && is_done(caller, now)) break;
        if (now >= look_ns) look_ns = now + LOOK_NS;
        if (open && now < caller->end_ns) {
            give_due(caller, timer, now);
            spins = caller->next_due_ns - (double)now < 2e6;
        } else {
            (void)uv_timer_start(timer, on_nap, 1, 0);
        }
        (void)uv_run(&caller->loop, spins ? UV_RUN_NOWAIT : UV_RUN_ONCE);
        now = os_now_ns(caller->os);
    }
}

/* What never came: as old as it is, and a timeout. */
static void count_lost(struct caller *caller, int64_t now)
{
    for (unsigned i = 0; i < caller->count; i++) {
        const struct link *link = &caller->links[i];
        for (unsigned s = link->answered; !link->dead && s < link->sent; s++) {
            note(caller, &link->shots[s], now);
            caller->result->timeouts++;
        }
    }
}

static void set_clock(struct caller *caller)
{
    const struct bench_load *load = caller->load;
    caller->begin_ns = os_now_ns(caller->os);
    caller->measure_ns = caller->begin_ns + (int64_t)(load->warmup * 1e9);
    caller->end_ns = load->seconds > 0 ? caller->measure_ns + (int64_t)(load->seconds * 1e9)
                                       : INT64_MAX - LAST_WORDS_NS;
    caller->gap_ns = load->rate > 0 ? 1e9 * load->threads / load->rate : 0;
    caller->next_due_ns = (double)caller->begin_ns;
    caller->last_reply_ns = caller->measure_ns;
}

static void on_close_each(uv_handle_t *handle, void *ctx)
{
    (void)ctx;
    if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

static void call(void *arg)
{
    struct caller *caller = arg;
    uv_timer_t timer;
    (void)uv_timer_init(&caller->loop, &timer);
    const int64_t patience = os_now_ns(caller->os) + CONNECT_NS;
    for (unsigned i = 0; i < caller->count && caller->rc == 0; i++)
        caller->rc = open_link(caller, &caller->links[i]);
    while (caller->rc == 0 && caller->up + caller->dead < caller->count &&
           os_now_ns(caller->os) < patience) {
        (void)uv_timer_start(&timer, on_nap, 10, 0);
        (void)uv_run(&caller->loop, UV_RUN_ONCE);
    }
    for (unsigned i = 0; i < caller->count && caller->rc == 0; i++) {
        if (!caller->links[i].up) fail_link(&caller->links[i]);
        else if (caller->load->password) greet(&caller->links[i]);
    }
    set_clock(caller);
    if (caller->rc == 0) run(caller, &timer);
    count_lost(caller, os_now_ns(caller->os));
    uv_walk(&caller->loop, on_close_each, NULL);
    (void)uv_run(&caller->loop, UV_RUN_DEFAULT);
}

/* ---- all of them ---- */

static int find_address(const struct bench_load *load, struct sockaddr_storage *out,
                        struct kith_error *err)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC };
    char digits[16];
    uv_loop_t loop;
    uv_getaddrinfo_t names;
    (void)snprintf(digits, sizeof digits, "%u", load->port);
    if (uv_loop_init(&loop)) return error_set(err, KITH_ENOMEM, "no event loop");
    const int status = uv_getaddrinfo(&loop, &names, NULL, load->host, digits, &hints);
    if (status == 0) {
        memcpy(out, names.addrinfo->ai_addr, names.addrinfo->ai_addrlen);
        uv_freeaddrinfo(names.addrinfo);
    }
    (void)uv_loop_close(&loop);
    return status ? error_set(err, KITH_EINVAL, "%s: %s", load->host, uv_strerror(status)) : 0;
}

static int prepare(struct caller *caller, const struct os *os, const struct bench_load *load,
                   unsigned number)
{
    caller->os = os;
    caller->load = load;
    caller->count = load->connections / load->threads +
                    (number < load->connections % load->threads ? 1 : 0);
    rng_init(&caller->rng, load->seed + number);
    caller->links = mem_zalloc_array(caller->count + 1, sizeof *caller->links);
    caller->value = mem_alloc(load->value_bytes + 1);
    caller->result = mem_zalloc(sizeof *caller->result);
    if (!caller->links || !caller->value || !caller->result) return KITH_ENOMEM;
    memset(caller->value, 'v', load->value_bytes);
    return uv_loop_init(&caller->loop) ? KITH_ENOMEM : 0;
}

static void gather(struct caller *caller, struct bench_load_result *out)
{
    const struct bench_load_result *from = caller->result;
    for (unsigned i = 0; i < BENCH_REQUESTS; i++)
        bench_histogram_merge(&out->latency[i], &from->latency[i]);
    bench_histogram_merge(&out->service, &from->service);
    out->ok += from->ok;
    out->errors += from->errors;
    out->wrong += from->wrong;
    out->timeouts += from->timeouts;
    out->refused += from->refused;
    const double seconds = (double)(caller->last_reply_ns - caller->measure_ns) / 1e9;
    if (seconds > out->seconds) out->seconds = seconds;
    const double behind = (double)caller->late_ns / 1e9;
    if (behind > out->behind_s) out->behind_s = behind;
}

static void release(struct caller *caller)
{
    for (unsigned i = 0; caller->links && i < caller->count; i++) {
        mem_free(caller->links[i].out);
        mem_free(caller->links[i].shots);
        buffer_release(&caller->links[i].in);
    }
    if (caller->loop.data == caller) (void)uv_loop_close(&caller->loop);
    mem_free(caller->links);
    mem_free(caller->value);
    mem_free(caller->result);
}

int bench_load_run(const struct os *os, const struct bench_load *load,
                   struct bench_load_result *result, struct kith_error *err)
{
    struct caller *callers = mem_zalloc_array(load->threads, sizeof *callers);
    struct sockaddr_storage address = { 0 };
    int rc = callers ? find_address(load, &address, err) : KITH_ENOMEM;
    unsigned started = 0;
    for (unsigned i = 0; rc == 0 && i < load->threads; i++) {
        rc = prepare(&callers[i], os, load, i);
        if (rc == 0) callers[i].loop.data = &callers[i];
        callers[i].address = address;
    }
    for (; rc == 0 && started < load->threads; started += rc == 0)
        rc = os_thread_start(os, "load", 0, call, &callers[started], &callers[started].thread, err);
    for (unsigned i = 0; i < started; i++) {
        os_thread_join(callers[i].thread);
        if (rc == 0) rc = callers[i].rc;
        gather(&callers[i], result);
    }
    for (unsigned i = 0; callers && i < load->threads; i++) release(&callers[i]);
    mem_free(callers);
    if (rc == 0 && result->refused >= load->connections)
        return error_set(err, KITH_EIO, "%s:%u takes no connection", load->host, load->port);
    if (rc && !err->text[0]) error_set(err, rc, "no memory for %u connections", load->connections);
    return rc;
}
