/*
 * What peers may make the process hold: requests that are not answered yet, and replies that are
 * not read.
 *
 * Requests. Every exchange counts what its headers and its body take, for its connection and for
 * all. Past `input_bytes_all`, or with half of that on one connection, large requests are refused
 * with an answer that clients repeat; small ones have another quarter, so that uploads do not keep
 * searches out. Until the handler has said that it knows who asks (exchange_trust), a connection
 * has few streams and little room for headers: HPACK says much with few bytes.
 *
 * Replies. A connection that holds more than `output_bytes_max` is closed where that is seen. When
 * all together hold more than `output_bytes_all`, it is not the one that happens to put the next
 * byte that has to go: every loop is woken and closes those of its connections that hold the most,
 * until it is enough. A connection that holds no more than 16 KiB, or than half of an even share,
 * is never closed for the others. Workers wait for it a moment before they make more, and then
 * refuse.
 *
 * HTTP/1.1 is answered in order: while a reply is not read, the next request is not begun. So such
 * a connection holds one reply.
 *
 * Threading: an exchange's and a connection's counts are their loop's; those of the net are atomic.
 */
#include "net/net_internal.h"

#define SMALL_REQUEST_BYTES 65536u
#define STRANGER_HEADER_BYTES_MAX 262144u    /* of all requests that a connection has under way */
#define SHED_BYTES_MIN 16384u
#define WAIT_STEPS 400
#define WAIT_STEP_US 500
#define KNOWN_HEADER_BYTES_MAX (8u << 20)

/* ---- requests ---- */

static bool fits(const struct net *net, const struct conn *conn, size_t request_bytes)
{
    const uint64_t all = net->input_bytes, max = net->limits.input_bytes_all;
    if (request_bytes <= SMALL_REQUEST_BYTES) return all <= max + max / 4;
    return all <= max && conn->input_bytes <= max / 2;
}

bool budget_take(struct conn *conn, size_t *counted, size_t bytes)
{
    *counted += bytes;
    conn->input_bytes += bytes;
    conn->loop->net->input_bytes += bytes;
    return fits(conn->loop->net, conn, *counted);
}

void budget_give(struct conn *conn, struct net *net, size_t *counted)
{
    if (conn) conn->input_bytes -= *counted;
    net->input_bytes -= *counted;
    *counted = 0;
}

bool budget_headers(struct conn *conn, struct exchange *exchange, size_t bytes)
{
    exchange->header_bytes += bytes;
    conn->header_bytes += bytes;
    return exchange->header_bytes <= NET_HEADER_BYTES_MAX &&
           conn->header_bytes <=
               (conn->known ? KNOWN_HEADER_BYTES_MAX : STRANGER_HEADER_BYTES_MAX) &&
           budget_take(conn, &exchange->input_bytes, bytes);
}

/* ---- replies ---- */

static size_t holds(const struct conn *conn) { return conn_output_bytes(conn) + conn->held_bytes; }

static struct conn *worst_of(const struct loop *loop)
{
    const struct net *net = loop->net;
    size_t most = (size_t)(net->limits.output_bytes_all / (2 * (net->connections + 1)));
    if (most < SHED_BYTES_MIN) most = SHED_BYTES_MIN;
    struct conn *worst = NULL;
    for (struct conn *conn = loop->conns; conn; conn = conn->next) {
        if (holds(conn) <= most) continue;
        most = holds(conn);
        worst = conn;
    }
    return worst;
}

void budget_shed(struct loop *loop)
{
    struct net *net = loop->net;
    if (!net->shedding) return;
    while (net->output_bytes > net->limits.output_bytes_all) {
        struct conn *worst = worst_of(loop);
        if (!worst) break;
        net_log(net, 1, "%s: closed, it holds %zu bytes of replies and all hold too much",
                worst->peer, holds(worst));
        conn_close(worst);
    }
    net->shedding = false;
}

static void ask_to_shed(struct net *net)
{
    if (net->output_bytes <= net->limits.output_bytes_all || atomic_exchange(&net->shedding, true))
        return;
    for (unsigned i = 0; i < net->loop_count; i++) loop_ring(&net->loops[i]);
}

void budget_reply(struct exchange *exchange)
{
    exchange->reply_bytes = exchange->reply.len;
    exchange->net->output_bytes += exchange->reply_bytes;
}

bool budget_wait(struct net *net)
{
    for (int i = 0; net->output_bytes > net->limits.output_bytes_all; i++) {
        if (i == WAIT_STEPS) return false;
        ask_to_shed(net);
        os_sleep_us(net->opts.os, WAIT_STEP_US);
    }
    return true;
}

bool budget_output(struct conn *conn)
{
    return budget_output_within(conn, conn->loop->net->limits.output_bytes_max);
}

bool budget_output_within(struct conn *conn, size_t most)
{
    struct net *net = conn->loop->net;
    if (conn_unsent(conn) + conn->held_bytes > most) {
        net_log(net, 1, "%s: closed, it does not read its replies", conn->peer);
        conn_close(conn);
        return false;
    }
    ask_to_shed(net);
    return true;
}
