/*
 * Doors with TLS: who needs a certificate and shows none, or another authority's, is turned away
 * before a byte of a request is read; certificates are read again without a new start; a peer in
 * the middle of its handshake has so long and no longer; no door falls back to clear text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net/certificates.h"
#include "net/hostile.h"
#include "net/tls.h"

struct secure {
    char dir[64], cert[96], key[96], ca[96];
    struct certificate authority, server, client, stranger;
    struct net_tls tls;
    struct hostile hostile;
};

enum clients { ANY, MUTUAL, OPTIONAL };

static struct secure *secure_open(enum clients clients, unsigned handshake_timeout_s)
{
    struct secure *secure = test_calloc(1, sizeof *secure);
    (void)snprintf(secure->dir, sizeof secure->dir, "/tmp/kith-tls-XXXXXX");
    assert_non_null(mkdtemp(secure->dir));
    (void)snprintf(secure->cert, sizeof secure->cert, "%s/cert", secure->dir);
    (void)snprintf(secure->key, sizeof secure->key, "%s/key", secure->dir);
    (void)snprintf(secure->ca, sizeof secure->ca, "%s/ca", secure->dir);
    certificate_make(&secure->authority, "authority", NULL);
    certificate_make(&secure->server, "first", &secure->authority);
    certificate_make(&secure->client, "client", &secure->authority);
    certificate_make(&secure->stranger, "stranger", NULL);
    certificate_write(&secure->server, secure->cert, secure->key);
    certificate_write(&secure->authority, secure->ca, NULL);
    secure->tls = (struct net_tls){ .cert_path = secure->cert, .key_path = secure->key,
                                    .client_ca_path = clients ? secure->ca : NULL,
                                    .client_optional = clients == OPTIONAL };
    secure->hostile.door.tls = &secure->tls;
    (void)hostile_start(&secure->hostile,
                        (struct net_limits){ .handshake_timeout_s = handshake_timeout_s });
    return secure;
}

static void secure_close(struct secure *secure)
{
    hostile_stop(&secure->hostile);
    (void)unlink(secure->cert);
    (void)unlink(secure->key);
    (void)unlink(secure->ca);
    (void)rmdir(secure->dir);
    certificate_free(&secure->authority);
    certificate_free(&secure->server);
    certificate_free(&secure->client);
    certificate_free(&secure->stranger);
    test_free(secure);
}

/* One request with this certificate (NULL: none) and these versions. The name in the server's
 * certificate, or "" when there was no answer. */
static void ask(const struct secure *secure, const struct certificate *own, int newest, char *name,
                size_t room)
{
    static const char request[] = "GET /big?3 HTTP/1.1\r\n\r\n";
    char text[512];
    size_t len = 0;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    (void)SSL_CTX_set_max_proto_version(context, newest);
    if (newest && newest < TLS1_2_VERSION) SSL_CTX_set_security_level(context, 0);
    if (own) {
        assert_int_equal(SSL_CTX_use_certificate(context, own->x509), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(context, own->key), 1);
    }
    SSL *ssl = SSL_new(context);
    const int fd = hostile_dial(secure->hostile.port);
    (void)SSL_set_fd(ssl, fd);
    name[0] = 0;
    if (SSL_connect(ssl) == 1 && SSL_write(ssl, request, sizeof request - 1) > 0) {
        int got;
        while (len < sizeof text - 1 &&
               (got = SSL_read(ssl, text + len, (int)(sizeof text - 1 - len))) > 0) {
            len += (size_t)got;
            text[len] = 0;
            if (strstr(text, "\r\n\r\nxxx")) break;
        }
        text[len] = 0;
        X509 *peer = SSL_get1_peer_certificate(ssl);
        if (strstr(text, "\r\n\r\nxxx") && peer)
            (void)X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, name,
                                            (int)room);
        X509_free(peer);
    }
    ERR_clear_error();
    SSL_free(ssl);
    SSL_CTX_free(context);
    (void)close(fd);
}

/* Copies a file into a pipe, once, as whoever reads it opens it. */
static pid_t feed_pipe(const char *from, const char *pipe)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child > 0) return child;
    char bytes[8192];
    FILE *file = fopen(from, "r");
    const size_t len = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    FILE *out = fopen(pipe, "w");
    _exit(out && fwrite(bytes, 1, len, out) == len && fclose(out) == 0 ? 0 : 1);
}

/* Certificate and key come out of pipes, which give them once: several doors and a reload take
 * them all the same. Whoever opened one again would wait until the alarm. */
static void test_pipes(void **state)
{
    (void)state;
    struct secure *secure = secure_open(ANY, 10);
    struct kith_error err = { 0 };
    struct tls_context *doors[3] = { NULL };
    char cert[112], key[112];
    int status;
    (void)snprintf(cert, sizeof cert, "%s.pipe", secure->cert);
    (void)snprintf(key, sizeof key, "%s.pipe", secure->key);
    assert_int_equal(mkfifo(cert, 0600), 0);
    assert_int_equal(mkfifo(key, 0600), 0);
    const pid_t writers[2] = { feed_pipe(secure->cert, cert), feed_pipe(secure->key, key) };
    const struct net_tls files = { .cert_path = cert, .key_path = key };
    struct tls_pems *pems = tls_pems_new(os_real());
    assert_non_null(pems);
    (void)alarm(20);
    for (int i = 0; i < 3; i++)
        assert_int_equal(tls_context_new(&files, pems, i > 0, &doors[i], &err), 0);
    tls_pems_unref(pems);
    for (int i = 0; i < 3; i++) assert_int_equal(tls_context_reload(doors[i], &err), 0);
    (void)alarm(0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(waitpid(writers[i], &status, 0), writers[i]);
        assert_int_equal(status, 0);
    }
    for (int i = 0; i < 3; i++) tls_context_free(doors[i]);
    (void)unlink(cert);
    (void)unlink(key);
    secure_close(secure);
}

static void test_mutual(void **state)
{
    (void)state;
    char name[64];
    struct secure *secure = secure_open(MUTUAL, 10);
    ask(secure, &secure->client, 0, name, sizeof name);
    assert_string_equal(name, "first");
    ask(secure, NULL, 0, name, sizeof name);
    assert_string_equal(name, "");
    ask(secure, &secure->stranger, 0, name, sizeof name);
    assert_string_equal(name, "");
    ask(secure, &secure->client, TLS1_2_VERSION, name, sizeof name);
    assert_string_equal(name, "first");
    ask(secure, NULL, TLS1_2_VERSION, name, sizeof name);
    assert_string_equal(name, "");
    ask(secure, &secure->client, TLS1_1_VERSION, name, sizeof name);
    assert_string_equal(name, "");
    secure_close(secure);
}

/* Who shows no certificate is let in, who shows one has to be known. */
static void test_optional(void **state)
{
    (void)state;
    char name[64];
    struct secure *secure = secure_open(OPTIONAL, 10);
    static const int versions[] = { 0, TLS1_2_VERSION };
    for (size_t i = 0; i < 2; i++) {
        ask(secure, &secure->client, versions[i], name, sizeof name);
        assert_string_equal(name, "first");
        ask(secure, NULL, versions[i], name, sizeof name);
        assert_string_equal(name, "first");
        ask(secure, &secure->stranger, versions[i], name, sizeof name);
        assert_string_equal(name, "");
    }
    secure_close(secure);
}

/* New files count for new connections; files that do not fit each other leave the old ones. */
static void test_reload(void **state)
{
    (void)state;
    char name[64];
    struct kith_error err = { 0 };
    struct certificate second;
    struct secure *secure = secure_open(ANY, 10);
    ask(secure, NULL, 0, name, sizeof name);
    assert_string_equal(name, "first");
    certificate_make(&second, "second", &secure->authority);
    certificate_write(&second, secure->cert, NULL); /* but the key is still the first's */
    assert_int_equal(net_reload_tls(secure->hostile.net, &err), KITH_EINVAL);
    ask(secure, NULL, 0, name, sizeof name);
    assert_string_equal(name, "first");
    certificate_write(&second, NULL, secure->key);
    assert_int_equal(net_reload_tls(secure->hostile.net, &err), 0);
    ask(secure, NULL, 0, name, sizeof name);
    assert_string_equal(name, "second");
    (void)unlink(secure->cert);
    assert_int_equal(net_reload_tls(secure->hostile.net, &err), KITH_EINVAL);
    ask(secure, NULL, 0, name, sizeof name);
    assert_string_equal(name, "second");
    certificate_free(&second);
    secure_close(secure);
}

/* Half-open handshakes end by themselves; clear text gets no answer. */
static void test_handshakes(void **state)
{
    (void)state;
    static const char hello[] = "\x16\x03\x01\x02\x00\x01"; /* of a ClientHello, the beginning */
    enum { COUNT = 50 };
    int fds[COUNT];
    char name[64], text[256];
    struct secure *secure = secure_open(ANY, 1);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = hostile_dial(secure->hostile.port);
        if (i % 2) assert_true(hostile_send(fds[i], hello, sizeof hello - 1));
    }
    ask(secure, NULL, 0, name, sizeof name); /* others get in meanwhile */
    assert_string_equal(name, "first");
    assert_true(hostile_left(&secure->hostile, 0, 20000));
    for (int i = 0; i < COUNT; i++) (void)close(fds[i]);
    const int fd = hostile_dial(secure->hostile.port);
    assert_true(hostile_say(fd, "GET /big?3 HTTP/1.1\r\n\r\n"));
    (void)hostile_hear(fd, text, sizeof text, NULL);
    assert_null(strstr(text, "HTTP/1.1"));
    (void)close(fd);
    secure_close(secure);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipes),
        cmocka_unit_test(test_mutual),
        cmocka_unit_test(test_optional),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_handshakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
