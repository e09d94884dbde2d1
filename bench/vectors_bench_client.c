/*
 * The client of vectors_bench: a few blocking connections, each with a batch of requests in flight;
 * the same bytes go to every server.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vectors_bench.h"

#define READ_BYTES 65536u

/* ---- bytes ---- */

static void reserve(struct bytes *bytes, size_t more)
{
    if (bytes->room - bytes->len >= more) return;
    bytes->room = 2 * (bytes->len + more);
    bytes->data = realloc(bytes->data, bytes->room);
    if (!bytes->data) die("no memory for requests");
}

void bytes_put(struct bytes *bytes, const void *data, size_t len)
{
    reserve(bytes, len);
    memcpy(bytes->data + bytes->len, data, len);
    bytes->len += len;
}

void bytes_printf(struct bytes *bytes, const char *fmt, ...)
{
    va_list args;
    reserve(bytes, 512);
    va_start(args, fmt);
    const int len = vsnprintf(bytes->data + bytes->len, 512, fmt, args);
    va_end(args);
    if (len < 0 || len >= 512) die("a request is too long");
    bytes->len += (size_t)len;
}

unsigned vector_words(bool values, uint32_t dim) { return values ? 2 + dim : 2; }

void put_vector(struct bytes *out, bool values, const float *row, uint32_t dim)
{
    char number[32];
    if (!values) {
        bytes_printf(out, "$4\r\nFP32\r\n$%u\r\n", dim * 4);
        bytes_put(out, row, dim * 4);
        bytes_put(out, "\r\n", 2);
        return;
    }
    const int count = snprintf(number, sizeof number, "%u", dim);
    bytes_printf(out, "$6\r\nVALUES\r\n$%d\r\n%s\r\n", count, number);
    for (uint32_t i = 0; i < dim; i++) {
        const int len = snprintf(number, sizeof number, "%.8g", (double)row[i]);
        bytes_printf(out, "$%d\r\n%s\r\n", len, number);
    }
}

/* ---- connections ---- */

void client_open(struct client *client, uint16_t port, unsigned connections, unsigned pipeline)
{
    *client = (struct client){ .connections = connections, .pipeline = pipeline };
    for (unsigned c = 0; c < connections; c++) client->sockets[c] = dial(port);
}

void client_close(struct client *client)
{
    for (unsigned c = 0; c < client->connections; c++) {
        (void)close(client->sockets[c]);
        free(client->in[c].data);
    }
}

static void send_all(int fd, const struct bytes *bytes)
{
    for (size_t at = 0; at < bytes->len;) {
        const ssize_t sent = send(fd, bytes->data + at, bytes->len - at, MSG_NOSIGNAL);
        if (sent <= 0 && errno != EINTR) die("a server closed a connection");
        if (sent > 0) at += (size_t)sent;
    }
}

static void read_more(struct client *client, unsigned c)
{
    struct bytes *in = &client->in[c];
    if (client->at[c] > 0) {
        memmove(in->data, in->data + client->at[c], in->len - client->at[c]);
        in->len -= client->at[c];
        client->at[c] = 0;
    }
    reserve(in, READ_BYTES);
    const ssize_t got = recv(client->sockets[c], in->data + in->len, READ_BYTES, 0);
    if (got <= 0) die("a server closed a connection");
    in->len += (size_t)got;
}

/* ---- replies ---- */

/* The length of a reply of RESP2, 0: it is not whole yet. */
static size_t reply_length(const char *data, size_t len)
{
    const char *end = len > 0 ? memchr(data, '\n', len) : NULL;
    if (!end) return 0;
    size_t at = (size_t)(end - data) + 1;
    const long number = strtol(data + 1, NULL, 10);
    if (data[0] == '$') {
        if (number >= 0) at += (size_t)number + 2;
        return at <= len ? at : 0;
    }
    if (data[0] != '*') return at;
    for (long i = 0; i < number; i++) {
        const size_t part = reply_length(data + at, len - at);
        if (part == 0) return 0;
        at += part;
    }
    return at;
}

unsigned names_in(const char *reply, size_t len, unsigned found[K])
{
    const char *at = reply, *end = reply + len;
    unsigned count = 0;
    for (unsigned i = 0; i < K; i++) found[i] = NONE;
    while (count < K && (at = memchr(at, 'e', (size_t)(end - at))) != NULL)
        found[count++] = (unsigned)strtoul(++at, NULL, 10);
    return count;
}

static void read_reply(struct client *client, unsigned c, const struct exchange *exchange,
                       unsigned i)
{
    const struct bytes *in = &client->in[c];
    size_t len;
    while ((len = reply_length(in->data + client->at[c], in->len - client->at[c])) == 0)
        read_more(client, c);
    const char *reply = in->data + client->at[c];
    if (reply[0] == '-') die("a server answered: %.*s", (int)len, reply);
    if (exchange->got) exchange->got(exchange->ctx, i, reply, len);
    client->at[c] += len;
}

/* ---- requests ---- */

struct turn { /* requests in flight on a connection */
    unsigned first, count;
};

static void send_turn(struct client *client, unsigned c, const struct exchange *exchange,
                      struct turn *turn, unsigned *next)
{
    struct bytes out = { 0 };
    *turn = (struct turn){ *next, 0 };
    for (; turn->count < client->pipeline && *next < exchange->count; ++*next, turn->count++)
        exchange->make(exchange->ctx, *next, &out);
    send_all(client->sockets[c], &out);
    free(out.data);
}

void client_run(struct client *client, const struct exchange *exchange)
{
    struct turn turns[64];
    unsigned next = 0, done = 0;
    for (unsigned c = 0; c < client->connections; c++)
        send_turn(client, c, exchange, &turns[c], &next);
    for (unsigned c = 0; done < exchange->count; c = (c + 1) % client->connections) {
        for (unsigned i = 0; i < turns[c].count; i++)
            read_reply(client, c, exchange, turns[c].first + i);
        done += turns[c].count;
        send_turn(client, c, exchange, &turns[c], &next);
    }
}

bool client_ask(struct client *client, const char *words)
{
    struct bytes out = { 0 };
    bytes_printf(&out, "%s\r\n", words);
    send_all(client->sockets[0], &out);
    free(out.data);
    const struct bytes *in = &client->in[0];
    size_t len;
    while ((len = reply_length(in->data + client->at[0], in->len - client->at[0])) == 0)
        read_more(client, 0);
    const bool fine = in->data[client->at[0]] != '-';
    client->at[0] += len;
    return fine;
}
