/*
 * The operations door: see ops.h. Health is answered on the loop; rendering metrics takes locks and
 * asks the engine, so it runs on a worker.
 */
#include "server/ops.h"

#include <string.h>

static bool is(struct kith_str text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.data, word, text.len) == 0;
}

static void end_with(struct exchange *exchange, int status, const char *text)
{
    exchange_set_status(exchange, status);
    exchange_add_header(exchange, "Content-Type", "text/plain; charset=utf-8");
    buffer_put(exchange_reply(exchange), text, strlen(text));
    exchange_end(exchange);
}

static void render(void *ctx, struct exchange *exchange)
{
    const struct ops *ops = ctx;
    exchange_add_header(exchange, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    metrics_render(ops->metrics, exchange_reply(exchange));
    exchange_end(exchange);
}

void ops_handle(void *ctx, struct exchange *exchange)
{
    struct ops *ops = ctx;
    const struct kith_str method = exchange_method(exchange), path = exchange_path(exchange);
    const bool known = is(path, "/metrics") || is(path, "/healthz") || is(path, "/readyz");
    if (!known) {
        end_with(exchange, 404, "");
    } else if (!is(method, "GET") && !is(method, "HEAD")) {
        exchange_add_header(exchange, "Allow", "GET, HEAD");
        end_with(exchange, 405, "");
    } else if (is(path, "/healthz")) {
        end_with(exchange, 200, "OK");
    } else if (is(path, "/readyz")) {
        const bool ready = atomic_load(&ops->ready);
        end_with(exchange, ready ? 200 : 503, ready ? "OK" : "not ready");
    } else if (net_work(exchange, render, ops)) {
        end_with(exchange, 503, "too many calls are waiting");
    }
}
