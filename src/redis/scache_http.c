/*
 * The cache's HTTP routes: see scache_http.h.
 *
 * A request runs on a worker of the net, as a private call of a session of its own
 * (private_call.h). A look-up is taken in its steps (scache_look.h), so that the search itself
 * stands between two calls, without the lock. The reply to a change leaves when the log holds it.
 */
#include "redis/scache_http.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "redis/keep_bind.h"
#include "redis/private_call.h"
#include "redis/redis_internal.h"
#include "redis/scache_json.h"
#include "redis/scache_look.h"

#define NAME_MAX_BYTES 512u

struct scache_http {
    struct redis *redis; /* borrows; NULL: there is no keyspace */
    struct auth *auth;   /* borrows */
    struct command_entry entries[SCACHE_VERBS]; /* guard: keyspace lock */
};

/* ---- the routes ---- */

static const struct scache_route routes[] = {
    {"calibrate", "POST", "Upsert", SCACHE_VERB_CALIBRATE},
    {"del", "POST", "Delete", SCACHE_VERB_DEL},
    {"get", "POST", "Search", SCACHE_VERB_GET},
    {"set", "POST", "Upsert", SCACHE_VERB_SET},
    {"stats", "GET", "GetStatistics", SCACHE_VERB_STATS},
};
#define ROUTE_COUNT (sizeof routes / sizeof routes[0])

const struct scache_route *scache_route_at(size_t i) { return i < ROUTE_COUNT ? &routes[i] : NULL; }

static const struct command descriptions[SCACHE_VERBS] = {
    [SCACHE_VERB_SET] = {.name = "cache|set", .flags = CMD_WRITE | CMD_DENY_OOM},
    [SCACHE_VERB_GET] = {.name = "cache|get", .flags = CMD_READ},
    [SCACHE_VERB_DEL] = {.name = "cache|del", .flags = CMD_WRITE},
    [SCACHE_VERB_CALIBRATE] = {.name = "cache|calibrate", .flags = CMD_WRITE | CMD_DENY_OOM},
    [SCACHE_VERB_STATS] = {.name = "cache|stats", .flags = CMD_READ},
};

int scache_http_new(struct redis *redis, struct auth *auth, struct scache_http **out,
                    struct kith_error *err)
{
    struct scache_http *http = mem_zalloc(sizeof *http);
    if (!http) return error_set(err, KITH_ENOMEM, "the cache's routes: no memory");
    http->redis = redis;
    http->auth = auth;
    for (size_t i = 0; i < SCACHE_VERBS; i++)
        private_entry_init(&http->entries[i], &descriptions[i]);
    *out = http;
    return 0;
}

void scache_http_free(struct scache_http *http)
{
    if (!http) return;
    for (size_t i = 0; i < SCACHE_VERBS; i++) private_entry_release(&http->entries[i]);
    mem_free(http);
}

bool scache_http_takes(struct kith_str path)
{
    const size_t len = sizeof SCACHE_HTTP_BASE - 1;
    return path.len >= len && memcmp(path.data, SCACHE_HTTP_BASE, len) == 0;
}

/* ---- replies ---- */

static void add_headers(struct exchange *exchange)
{
    exchange_add_header(exchange, "Access-Control-Allow-Origin", "*");
    exchange_add_header(exchange, "Access-Control-Allow-Credentials", "true");
    exchange_add_header(exchange, "Access-Control-Allow-Headers",
                        "Content-Type, Content-Length, Authorization, Accept");
    exchange_add_header(exchange, "Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    exchange_add_header(exchange, "X-Content-Type-Options", "nosniff");
    exchange_add_header(exchange, "Content-Type", "application/json; charset=utf-8");
}

static const char *error_word(int status)
{
    switch (status) {
    case 400: return "domain";
    case 401: return "unauthorized";
    case 403: return "forbidden";
    case 404: return "not_found";
    case 405: return "method_not_allowed";
    case 422: return "validation";
    case 503: return "unavailable";
    default: return "internal";
    }
}

/* detail: nullable. */
static void fail(struct exchange *exchange, int status, struct kith_str message,
                 const char *detail)
{
    struct buffer *out = exchange_reply(exchange);
    buffer_clear(out);
    exchange_set_status(exchange, status);
    buffer_printf(out, "{\"error\":\"%s\",\"message\":", error_word(status));
    json_write_string(out, message.data, message.len);
    buffer_printf(out, ",\"detail\":");
    if (detail) json_write_string(out, detail, strlen(detail));
    else buffer_printf(out, "null");
    buffer_put_u8(out, '}');
}

static void fail_text(struct exchange *exchange, int status, const char *message)
{
    fail(exchange, status, str_of(message), NULL);
}

/* "-WRONGTYPE Operation ...\r\n": its first word is the detail. */
static void fail_command(struct exchange *exchange, struct kith_str reply)
{
    char code[32];
    const char *text = reply.data + 1, *end = memchr(text, '\r', reply.len - 1);
    const size_t len = end ? (size_t)(end - text) : reply.len - 1;
    const char *blank = memchr(text, ' ', len);
    const size_t word = blank ? (size_t)(blank - text) : 0;
    (void)snprintf(code, sizeof code, "%.*s", (int)(word < 31 ? word : 31), text);
    const bool memory = strcmp(code, "OOM") == 0;
    const struct kith_str message = {text + (word ? word + 1 : 0), len - (word ? word + 1 : 0)};
    fail(exchange, memory ? 503 : 400, message, code[0] ? code : NULL);
}

static void end(struct exchange *exchange)
{
    struct buffer *out = exchange_reply(exchange);
    add_headers(exchange);
    if (buffer_failed(out)) {
        static const char text[] =
            "{\"error\":\"internal\",\"message\":\"no memory\",\"detail\":null}";
        buffer_clear(out);
        exchange_set_status(exchange, 500);
        buffer_put(out, text, sizeof text - 1);
    }
    exchange_end(exchange);
}

/* ---- the path ---- */

struct target {
    const struct scache_route *route;
    char name[NAME_MAX_BYTES];
    struct kith_str cache; /* in name */
};

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool decode_name(struct kith_str text, struct target *out)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '%') {
            if (i + 2 >= text.len) return false;
            const int high = hex_value(text.data[i + 1]), low = hex_value(text.data[i + 2]);
            if (high < 0 || low < 0) return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (len == sizeof out->name) return false;
        out->name[len++] = c;
    }
    out->cache = (struct kith_str){out->name, len};
    return len > 0 && utf8_valid(out->name, len);
}

static bool find_route(struct kith_str path, struct target *out)
{
    const size_t base = sizeof SCACHE_HTTP_BASE - 1;
    const struct kith_str rest = {path.data + base, path.len - base};
    const char *slash = memchr(rest.data, '/', rest.len);
    if (!slash) return false;
    const struct kith_str name = {rest.data, (size_t)(slash - rest.data)};
    const struct kith_str action = {slash + 1, rest.len - name.len - 1};
    out->route = NULL;
    for (size_t i = 0; i < ROUTE_COUNT; i++)
        if (str_same(action, str_of(routes[i].action))) out->route = &routes[i];
    return out->route && decode_name(name, out);
}

/* ---- who may ---- */

static bool is_permitted(struct scache_http *http, struct exchange *exchange,
                         const struct target *target)
{
    struct principal principal;
    unsigned delay_ms = 0;
    char object[NAME_MAX_BYTES + 8];
    if (!auth_enabled(http->auth)) {
        const bool open = !http->redis || redis_is_open(http->redis);
        if (!open)
            fail_text(exchange, 403, "the keyspace has a password: these routes need users "
                                     "(--auth) then");
        if (open) exchange_trust(exchange);
        return open;
    }
    if (auth_verify(http->auth, exchange_header(exchange, "authorization"), true,
                    exchange_peer(exchange), &principal, &delay_ms) != AUTH_OK) {
        exchange_delay(exchange, delay_ms);
        fail_text(exchange, 401, "user hasn't authenticated");
        return false;
    }
    exchange_trust(exchange);
    (void)snprintf(object, sizeof object, "cache/%.*s", (int)target->cache.len, target->cache.data);
    if (auth_allowed(http->auth, &principal, target->route->privilege, AUTH_COLLECTION, "default",
                     object))
        return true;
    fail_text(exchange, 403, "permission deny");
    return false;
}

/* ---- running ---- */

struct run {
    struct scache_http *http;
    struct exchange *exchange;
    struct session *session;
    struct scache_words words;
    struct buffer reply; /* owns: RESP3 */
    struct scache_look look;
    enum scache_step step;
    uint64_t ticket;
};

static void on_begin(struct redis_call *call, void *ctx)
{
    struct run *run = ctx;
    run->step = SCACHE_ANSWERED;
    if (scache_look_read(call, &run->look)) run->step = scache_look_begin(call, &run->look);
    if (run->step == SCACHE_ANSWERED) scache_look_release(&run->look);
}

static void on_end(struct redis_call *call, void *ctx)
{
    struct run *run = ctx;
    run->step = scache_look_end(call, &run->look);
    if (run->step == SCACHE_ANSWERED) scache_look_release(&run->look);
}

static void on_set(struct redis_call *call, void *ctx) { (void)ctx, run_scache_set(call); }
static void on_del(struct redis_call *call, void *ctx) { (void)ctx, run_scache_del(call); }
static void on_stats(struct redis_call *call, void *ctx) { (void)ctx, run_scache_stats(call); }
static void on_calibrate(struct redis_call *call, void *ctx)
{
    (void)ctx;
    run_scache_calibrate(call);
}

/* NULL, or why it did not run. */
static const char *step(struct run *run, size_t verb, void (*fn)(struct redis_call *, void *))
{
    const size_t bytes = exchange_body(run->exchange).len;
    if (private_begin(run->session, &run->reply, bytes)) return "CLOSED the session was ended";
    run->session->reply.version = 3;
    const char *why = private_run(run->session, &run->http->entries[verb], run->words.argv,
                                  run->words.argc, fn, run);
    run->ticket = redis_ticket(run->http->redis);
    private_end(run->session);
    return why;
}

static const char *look_up(struct run *run)
{
    const char *why = step(run, SCACHE_VERB_GET, on_begin);
    while (!why && run->step == SCACHE_SEARCH) {
        scache_look_search(&run->look);
        why = step(run, SCACHE_VERB_GET, on_end);
    }
    if (run->look.view || run->look.hits) { /* it was stopped on its way */
        cache_lock(run->http->redis->cache);
        scache_look_release(&run->look);
        cache_unlock(run->http->redis->cache);
    }
    return why;
}

static const char *run_verb(struct run *run, size_t verb)
{
    static void (*const functions[SCACHE_VERBS])(struct redis_call *, void *) = {
        [SCACHE_VERB_SET] = on_set, [SCACHE_VERB_DEL] = on_del,
        [SCACHE_VERB_CALIBRATE] = on_calibrate, [SCACHE_VERB_STATS] = on_stats};
    return verb == SCACHE_VERB_GET ? look_up(run) : step(run, verb, functions[verb]);
}

static void answer(struct run *run, size_t verb, const char *why)
{
    struct exchange *exchange = run->exchange;
    const struct kith_str reply = {(const char *)run->reply.data, run->reply.len};
    const bool writes = descriptions[verb].flags & CMD_WRITE;
    struct keep *keep = writes ? run->http->redis->keep : NULL;
    const char *name = verb == SCACHE_VERB_DEL ? "deleted" : "entry";
    if (why) fail_text(exchange, 503, why);
    else if (buffer_failed(&run->reply) || reply.len == 0) fail_text(exchange, 500, "no memory");
    else if (reply.data[0] == '-') fail_command(exchange, reply);
    else if (keep && keep_wait(keep, run->ticket))
        fail_text(exchange, 500, "the log cannot be written");
    else if (scache_json_write(reply, name, exchange_reply(exchange)) == KITH_EINVAL)
        fail_text(exchange, 500, "the answer has no form in JSON");
}

static void execute(struct scache_http *http, struct exchange *exchange, size_t verb,
                    const struct scache_words *words)
{
    struct run run = {.http = http, .exchange = exchange, .words = *words};
    buffer_init(&run.reply);
    run.session = session_open_local(http->redis);
    if (run.session) answer(&run, verb, run_verb(&run, verb));
    else fail_text(exchange, 500, "no memory");
    session_close_local(run.session);
    buffer_release(&run.reply);
}

static void work(void *ctx, struct exchange *exchange)
{
    struct scache_http *http = ctx;
    struct target target;
    struct scache_words words;
    struct kith_error err = {0};
    const char *key = NULL;
    if (!find_route(exchange_path(exchange), &target)) {
        fail_text(exchange, 404, "no such path");
    } else if (is_permitted(http, exchange, &target)) {
        const size_t verb = target.route->command;
        const int rc = !http->redis ? KITH_ECLOSED
                                    : scache_json_read((enum scache_verb)verb, target.cache,
                                                       exchange_body(exchange),
                                                       exchange_arena(exchange), &words, &key,
                                                       &err);
        if (rc == KITH_ECLOSED)
            fail_text(exchange, 503, "there is no keyspace: the server was started without a "
                                     "port for Redis clients (--redis-port)");
        else if (rc == KITH_EINVAL) fail(exchange, 422, str_of(err.text), key);
        else if (rc) fail_text(exchange, 500, "no memory");
        else execute(http, exchange, verb, &words);
    }
    end(exchange);
}

/* ---- what costs nothing is answered on the loop ---- */

static void refuse(struct exchange *exchange, int status, const char *text)
{
    fail_text(exchange, status, text);
    end(exchange);
}

void scache_http_handle(void *http, struct exchange *exchange)
{
    struct target target;
    const struct kith_str method = exchange_method(exchange);
    if (str_same(method, str_of("OPTIONS"))) {
        exchange_set_status(exchange, 204);
        end(exchange);
    } else if (!find_route(exchange_path(exchange), &target)) {
        refuse(exchange, 404, "no such path");
    } else if (!str_same(method, str_of(target.route->method))) {
        exchange_add_header(exchange, "Allow", target.route->method);
        refuse(exchange, 405, "another method than this route's");
    } else if (net_work(exchange, work, http)) {
        refuse(exchange, 503, "too many calls are waiting");
    }
}
