/*
 * Certificates and keys in PEM: read whole, then taken by OpenSSL out of memory.
 *
 * A path may be a pipe (`--tls-key <(...)`, a secret that a manager hands over). To open one waits
 * for who writes, and after the last byte nobody does: whoever opens it again waits for ever. So
 * what is no regular file is read once and kept, for the other doors that name it and for the next
 * reload; regular files are read each time.
 */
#include "net/tls_pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/alloc.h"

#define PEM_BYTES_MAX (1 << 20)

struct pem {
    struct pem *next;
    char *path;          /* owns */
    struct buffer bytes; /* owns */
};

struct tls_pems {
    const struct os *os;
    unsigned refs;
    struct pem *kept; /* owns */
};

struct tls_pems *tls_pems_new(const struct os *os)
{
    struct tls_pems *pems = mem_zalloc(sizeof *pems);
    if (!pems) return NULL;
    pems->os = os;
    pems->refs = 1;
    return pems;
}

struct tls_pems *tls_pems_ref(struct tls_pems *pems)
{
    pems->refs++;
    return pems;
}

/* Keys are not left behind in free memory. */
static void wipe(struct buffer *bytes)
{
    if (bytes->data) OPENSSL_cleanse(bytes->data, bytes->cap);
    buffer_release(bytes);
}

static void pem_free(struct pem *pem)
{
    if (!pem) return;
    wipe(&pem->bytes);
    mem_free(pem->path);
    mem_free(pem);
}

void tls_pems_unref(struct tls_pems *pems)
{
    if (!pems || --pems->refs > 0) return;
    while (pems->kept) {
        struct pem *pem = pems->kept;
        pems->kept = pem->next;
        pem_free(pem);
    }
    mem_free(pems);
}

/* All at once, so that no key is copied as a buffer grows. */
static int read_all(const char *path, struct buffer *out, struct kith_error *err)
{
    BIO *file = BIO_new_file(path, "r");
    if (!file) return KITH_EINVAL; /* OpenSSL knows why */
    uint8_t *room = buffer_extend(out, PEM_BYTES_MAX);
    size_t len = 0;
    int got = 1;
    while (room && len < PEM_BYTES_MAX && got > 0) {
        got = BIO_read(file, room + len, (int)(PEM_BYTES_MAX - len));
        if (got > 0) len += (size_t)got;
    }
    BIO_free(file);
    if (!room) return error_set(err, KITH_ENOMEM, "TLS: no memory");
    out->len = len;
    return 0;
}

static struct pem *find(const struct tls_pems *pems, const char *path)
{
    struct pem *pem = pems->kept;
    while (pem && strcmp(pem->path, path) != 0) pem = pem->next;
    return pem;
}

/* Takes the bytes when it succeeds. */
static int keep(struct tls_pems *pems, const char *path, struct buffer *bytes,
                struct kith_error *err)
{
    struct pem *pem = mem_zalloc(sizeof *pem);
    if (pem) pem->path = mem_strdup(path);
    if (!pem || !pem->path) {
        mem_free(pem);
        return error_set(err, KITH_ENOMEM, "TLS: no memory");
    }
    pem->bytes = *bytes;
    buffer_init(bytes);
    pem->next = pems->kept;
    pems->kept = pem;
    return 0;
}

static int apply(const struct buffer *bytes, bool (*use)(SSL_CTX *ssl, BIO *bytes), SSL_CTX *ssl,
                 struct kith_error *err)
{
    BIO *memory = BIO_new_mem_buf(bytes->data, (int)bytes->len);
    if (!memory) return error_set(err, KITH_ENOMEM, "TLS: no memory");
    const bool good = use(ssl, memory);
    BIO_free(memory);
    return good ? 0 : KITH_EINVAL;
}

int tls_pem_use(struct tls_pems *pems, const char *path, bool (*use)(SSL_CTX *ssl, BIO *bytes),
                SSL_CTX *ssl, struct kith_error *err)
{
    struct buffer bytes;
    struct os_stat about;
    const struct pem *pem = find(pems, path);
    if (pem) return apply(&pem->bytes, use, ssl, err);
    const bool pipe = os_stat(pems->os, path, &about, NULL) == 0 && !about.is_file && !about.is_dir;
    buffer_init(&bytes);
    int rc = read_all(path, &bytes, err);
    if (rc == 0) rc = apply(&bytes, use, ssl, err);
    if (rc == 0 && pipe) rc = keep(pems, path, &bytes, err);
    wipe(&bytes);
    return rc;
}

/* ---- what is in them ---- */

/* The end of the bytes is no error. */
static bool is_end(void)
{
    const unsigned long code = ERR_peek_last_error();
    const bool end =
        ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
    if (end) ERR_clear_error();
    return end;
}

bool tls_use_chain(SSL_CTX *ssl, BIO *bytes)
{
    X509 *own = PEM_read_bio_X509_AUX(bytes, NULL, NULL, NULL);
    const bool used = own && SSL_CTX_use_certificate(ssl, own) == 1;
    X509_free(own);
    if (!used || SSL_CTX_clear_chain_certs(ssl) != 1) return false;
    for (X509 *more; (more = PEM_read_bio_X509(bytes, NULL, NULL, NULL));) {
        if (SSL_CTX_add0_chain_cert(ssl, more) == 1) continue; /* it owns it now */
        X509_free(more);
        return false;
    }
    return is_end();
}

bool tls_use_key(SSL_CTX *ssl, BIO *bytes)
{
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bytes, NULL, NULL, NULL);
    const bool used = key && SSL_CTX_use_PrivateKey(ssl, key) == 1;
    EVP_PKEY_free(key);
    return used;
}

bool tls_use_authority(SSL_CTX *ssl, BIO *bytes)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ssl);
    STACK_OF(X509_INFO) *all = PEM_X509_INFO_read_bio(bytes, NULL, NULL, NULL);
    bool good = true, found = false;
    for (int i = 0; all && good && i < sk_X509_INFO_num(all); i++) {
        const X509_INFO *one = sk_X509_INFO_value(all, i);
        if (one->x509) good = X509_STORE_add_cert(store, one->x509) == 1;
        if (good && one->crl) good = X509_STORE_add_crl(store, one->crl) == 1;
        found = found || one->x509;
    }
    sk_X509_INFO_pop_free(all, X509_INFO_free);
    return good && found;
}
