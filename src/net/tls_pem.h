/*
 * Certificates and keys in PEM, from files or from pipes, into an SSL_CTX: see tls_pem.c.
 */
#ifndef KITH_NET_TLS_PEM_H
#define KITH_NET_TLS_PEM_H

#include <openssl/ssl.h>

#include "net/tls.h"

struct tls_pems *tls_pems_ref(struct tls_pems *pems);
/* Hands the bytes at `path` to use(); false of it is KITH_EINVAL, without a text. KITH_ENOTFOUND,
 * KITH_EIO, KITH_ENOMEM with one. */
KITH_NODISCARD int tls_pem_use(struct tls_pems *pems, const char *path,
                               bool (*use)(SSL_CTX *ssl, BIO *bytes), SSL_CTX *ssl,
                               struct kith_error *err);

bool tls_use_chain(SSL_CTX *ssl, BIO *bytes); /* a certificate, then those that vouch for it */
bool tls_use_key(SSL_CTX *ssl, BIO *bytes);
bool tls_use_authority(SSL_CTX *ssl, BIO *bytes); /* certificates, and lists of revoked ones */

#endif
