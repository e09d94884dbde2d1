/*
 * Keys and certificates for tests, made anew each time: an authority, and whoever it signs.
 */
#ifndef KITH_TESTS_CERTIFICATES_H
#define KITH_TESTS_CERTIFICATES_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

struct certificate {
    EVP_PKEY *key;
    X509 *x509;
};

/* issuer NULL: signs itself, and may sign others. */
static inline void certificate_make(struct certificate *out, const char *name,
                                    const struct certificate *issuer)
{
    static long serial = 1;
    out->key = EVP_EC_gen("P-256");
    out->x509 = X509_new();
    assert_non_null(out->key);
    assert_non_null(out->x509);
    (void)X509_set_version(out->x509, 2);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(out->x509), serial++);
    (void)X509_gmtime_adj(X509_getm_notBefore(out->x509), -3600);
    (void)X509_gmtime_adj(X509_getm_notAfter(out->x509), 86400);
    (void)X509_set_pubkey(out->x509, out->key);
    X509_NAME *subject = X509_get_subject_name(out->x509);
    (void)X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
                                     -1, 0);
    (void)X509_set_issuer_name(out->x509,
                               issuer ? X509_get_subject_name(issuer->x509) : subject);
    if (!issuer) {
        X509_EXTENSION *ca =
            X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
        (void)X509_add_ext(out->x509, ca, -1);
        X509_EXTENSION_free(ca);
    }
    assert_true(X509_sign(out->x509, issuer ? issuer->key : out->key, EVP_sha256()) > 0);
}

static inline void certificate_free(struct certificate *certificate)
{
    X509_free(certificate->x509);
    EVP_PKEY_free(certificate->key);
}

/* Either path may be NULL. */
static inline void certificate_write(const struct certificate *certificate, const char *cert_path,
                                     const char *key_path)
{
    FILE *file = cert_path ? fopen(cert_path, "w") : NULL;
    if (file) (void)PEM_write_X509(file, certificate->x509);
    if (file) (void)fclose(file);
    file = key_path ? fopen(key_path, "w") : NULL;
    if (file) (void)PEM_write_PrivateKey(file, certificate->key, NULL, NULL, 0, NULL, NULL);
    if (file) (void)fclose(file);
}

#endif
