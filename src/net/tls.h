/*
 * TLS by OpenSSL, over memory: bytes of the socket in, plain bytes out, and back. 1.2 at least;
 * ALPN offers h2 (where the door speaks it) and http/1.1.
 */
#ifndef KITH_NET_TLS_H
#define KITH_NET_TLS_H

#include "base/buffer.h"
#include "net/net.h"

struct tls_context; /* certificate and key of a door; shared, counted */
struct tls_conn;

/* What was read of certificates and keys that are no regular files. A pipe gives its bytes once,
 * and several doors may name it: it is read once, and its bytes are kept. Counted; one thread. */
struct tls_pems;
struct tls_pems *tls_pems_new(const struct os *os); /* NULL: no memory */
void tls_pems_unref(struct tls_pems *pems);         /* NULL is a no-op */

/* Holds a reference to pems. */
KITH_NODISCARD int tls_context_new(const struct net_tls *files, struct tls_pems *pems, bool h2,
                                   struct tls_context **out, struct kith_error *err);
/* Reads the files again, but for pipes; connections that stand keep what they have. The old ones
 * stay on error. */
KITH_NODISCARD int tls_context_reload(struct tls_context *context, struct kith_error *err);
void tls_context_free(struct tls_context *context); /* NULL is a no-op */

KITH_NODISCARD int tls_conn_new(struct tls_context *context, struct tls_conn **out);
void tls_conn_free(struct tls_conn *conn); /* NULL is a no-op */
/* Bytes from the socket; plain bytes are appended to `plain`, bytes for the socket to `out`.
 * KITH_EIO: the connection is over (an alert may lie in `out`). */
KITH_NODISCARD int tls_conn_feed(struct tls_conn *conn, const uint8_t *data, size_t len,
                                 struct buffer *plain, struct buffer *out);
/* Plain bytes for the peer, encrypted into `out`. */
KITH_NODISCARD int tls_conn_seal(struct tls_conn *conn, const uint8_t *data, size_t len,
                                 struct buffer *out);
bool tls_conn_ready(const struct tls_conn *conn); /* the handshake is done */
void tls_conn_goodbye(struct tls_conn *conn, struct buffer *out); /* close_notify */

#endif
