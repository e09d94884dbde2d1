/*
 * A connection to a server, for programs that ask and wait: the command-line clients. One thread.
 */
#ifndef KITH_CLIENT_CLIENT_H
#define KITH_CLIENT_CLIENT_H

#include "base/buffer.h"
#include "base/error.h"

struct client;

/* Tries the addresses of a name one by one. KITH_EIO names the address and says why. */
KITH_NODISCARD int client_open(const char *host, unsigned port, unsigned timeout_ms,
                               struct client **out, struct kith_error *err);
void client_close(struct client *client); /* NULL is a no-op */
/* All of it, or KITH_EIO, KITH_ETIMEDOUT. */
KITH_NODISCARD int client_send(struct client *client, const void *data, size_t len,
                               struct kith_error *err);
/* Appends what comes next, at least one byte. KITH_ECLOSED: the server closed the connection. */
KITH_NODISCARD int client_receive(struct client *client, struct buffer *in, struct kith_error *err);

/* ---- replies ---- */

/* The bytes of the first whole reply of RESP in data; 0: more is needed, SIZE_MAX: it is none. */
size_t client_reply_bytes(const uint8_t *data, size_t len);
/* A whole reply for people: quoted strings, numbered elements, as redis-cli shows them; or with
 * `raw` as scripts want it: the bytes and a newline. */
void client_print_reply(const uint8_t *data, size_t len, bool raw, struct buffer *out);

#endif
