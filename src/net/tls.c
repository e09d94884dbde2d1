/*
 * TLS by OpenSSL: see tls.h. A context is replaced as a whole on reload; connections hold a
 * reference of OpenSSL's own on the one they began with.
 */
#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "net/tls_pem.h"

#define TLS_SLICE 16384

struct tls_context {
    struct net_tls files; /* borrows the paths: they live as long as the door */
    struct tls_pems *pems; /* owns a reference */
    bool h2;
    _Atomic(SSL_CTX *) ssl; /* owns; swapped on reload */
    SSL_CTX *older;         /* owns: the one before, for threads between load and use */
};

struct tls_conn {
    SSL *ssl;         /* owns, with both BIOs */
    BIO *in, *out;    /* borrow from ssl */
};

static int say(struct kith_error *err, const char *what, const char *path)
{
    const unsigned long code = ERR_get_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return error_set(err, KITH_EINVAL, "TLS: %s '%s': %s", what, path,
                     reason ? reason : "not usable");
}

/* What the client offers is a list of length-prefixed names; ours is in order of preference. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *arg)
{
    (void)ssl;
    static const unsigned char both[] = "\x02h2\x08http/1.1", one[] = "\x08http/1.1";
    const struct tls_context *context = arg;
    const unsigned char *ours = context->h2 ? both : one;
    const unsigned ours_len = context->h2 ? sizeof both - 1 : sizeof one - 1;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_len, ours, ours_len, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int load(struct tls_context *context, SSL_CTX *ssl, struct kith_error *err)
{
    const struct net_tls *files = &context->files;
    (void)SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
    (void)SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(ssl, choose_protocol, context);
    int rc = tls_pem_use(context->pems, files->cert_path, tls_use_chain, ssl, err);
    if (rc) return rc == KITH_EINVAL ? say(err, "certificate", files->cert_path) : rc;
    rc = tls_pem_use(context->pems, files->key_path, tls_use_key, ssl, err);
    if (rc) return rc == KITH_EINVAL ? say(err, "private key", files->key_path) : rc;
    if (SSL_CTX_check_private_key(ssl) != 1)
        return say(err, "the certificate does not belong to the key", files->key_path);
    if (!files->client_ca_path) return 0;
    rc = tls_pem_use(context->pems, files->client_ca_path, tls_use_authority, ssl, err);
    if (rc)
        return rc == KITH_EINVAL
                   ? say(err, "certificates of clients' authority", files->client_ca_path)
                   : rc;
    const int needed = files->client_optional ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | needed, NULL);
    return 0;
}

int tls_context_reload(struct tls_context *context, struct kith_error *err)
{
    SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
    if (!ssl) return error_set(err, KITH_ENOMEM, "TLS: no memory");
    const int rc = load(context, ssl, err);
    if (rc) {
        SSL_CTX_free(ssl);
        return rc;
    }
    SSL_CTX_free(context->older);
    context->older = atomic_exchange(&context->ssl, ssl);
    return 0;
}

int tls_context_new(const struct net_tls *files, struct tls_pems *pems, bool h2,
                    struct tls_context **out, struct kith_error *err)
{
    struct tls_context *context = mem_zalloc(sizeof *context);
    if (!context) return error_set(err, KITH_ENOMEM, "TLS: no memory");
    context->files = *files;
    context->pems = tls_pems_ref(pems);
    context->h2 = h2;
    const int rc = tls_context_reload(context, err);
    if (rc) {
        tls_context_free(context);
        return rc;
    }
    *out = context;
    return 0;
}

void tls_context_free(struct tls_context *context)
{
    if (!context) return;
    SSL_CTX_free(atomic_load(&context->ssl));
    SSL_CTX_free(context->older);
    tls_pems_unref(context->pems);
    mem_free(context);
}

int tls_conn_new(struct tls_context *context, struct tls_conn **out)
{
    struct tls_conn *conn = mem_zalloc(sizeof *conn);
    if (!conn) return KITH_ENOMEM;
    conn->ssl = SSL_new(atomic_load(&context->ssl));
    conn->in = BIO_new(BIO_s_mem());
    conn->out = BIO_new(BIO_s_mem());
    if (!conn->ssl || !conn->in || !conn->out) {
        BIO_free(conn->in);
        BIO_free(conn->out);
        SSL_free(conn->ssl);
        mem_free(conn);
        return KITH_ENOMEM;
    }
    SSL_set_bio(conn->ssl, conn->in, conn->out);
    SSL_set_accept_state(conn->ssl);
    *out = conn;
    return 0;
}

void tls_conn_free(struct tls_conn *conn)
{
    if (!conn) return;
    SSL_free(conn->ssl);
    mem_free(conn);
}

bool tls_conn_ready(const struct tls_conn *conn) { return SSL_is_init_finished(conn->ssl) == 1; }

static int take_out(struct tls_conn *conn, struct buffer *out)
{
    char *data;
    const long len = BIO_get_mem_data(conn->out, &data);
    if (len > 0) buffer_put(out, data, (size_t)len);
    (void)BIO_reset(conn->out);
    return buffer_failed(out) ? KITH_ENOMEM : 0;
}

/* 0: wants more input; KITH_EIO: over. */
static int verdict(struct tls_conn *conn, int rc)
{
    const int error = SSL_get_error(conn->ssl, rc);
    ERR_clear_error();
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : KITH_EIO;
}

int tls_conn_feed(struct tls_conn *conn, const uint8_t *data, size_t len, struct buffer *plain,
                  struct buffer *out)
{
    if (BIO_write(conn->in, data, (int)len) != (int)len) return KITH_ENOMEM;
    int rc = 0;
    for (;;) {
        uint8_t *room = buffer_extend(plain, TLS_SLICE);
        if (!room) return KITH_ENOMEM;
        const int got = SSL_read(conn->ssl, room, TLS_SLICE);
        plain->len -= (size_t)(TLS_SLICE - (got > 0 ? got : 0));
        if (got > 0) continue;
        rc = verdict(conn, got);
        break;
    }
    const int rest = take_out(conn, out);
    return rc ? rc : rest;
}

int tls_conn_seal(struct tls_conn *conn, const uint8_t *data, size_t len, struct buffer *out)
{
    while (len > 0) {
        const int slice = len < TLS_SLICE ? (int)len : TLS_SLICE;
        const int put = SSL_write(conn->ssl, data, slice);
        if (put <= 0) return KITH_EIO; /* memory takes all of it, once the handshake is done */
        data += put;
        len -= (size_t)put;
        const int rc = take_out(conn, out);
        if (rc) return rc;
    }
    return 0;
}

void tls_conn_goodbye(struct tls_conn *conn, struct buffer *out)
{
    (void)SSL_shutdown(conn->ssl);
    (void)take_out(conn, out);
}
