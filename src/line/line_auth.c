/*
 * Passwords of the line protocol: see line_auth.h.
 *
 * Peers that failed are in a table of fixed size, by address without the port; when it is full the
 * one that may soonest try again makes room. Guard of the table: lock, a leaf.
 */
#include "line/line_auth.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "os/pool.h"
#include "os/thread.h"

#define ROUNDS 100000
#define KEY_BYTES 32u
#define FILE_BYTES_MAX 256u
#define CHECKS_MAX 64u
#define PEERS_MAX 256u
#define PEER_BYTES 64u
#define DELAY_FIRST_MS 100u
#define DELAY_MAX_MS 10000u
#define FORGET_US (INT64_C(600) * 1000000)

struct peer {
    char address[PEER_BYTES]; /* "": free */
    unsigned failures;
    int64_t free_us; /* its next password may be looked at */
};

struct line_auth {
    const struct os *os;
    struct pool *pool;
    uint8_t salt[KEY_BYTES], key[KEY_BYTES];
    struct os_mutex lock;
    struct peer peers[PEERS_MAX];
};

/* ---- the key ---- */

static bool derive(const struct line_auth *auth, const void *password, size_t len,
                   uint8_t key[KEY_BYTES])
{
    return len <= INT32_MAX &&
           PKCS5_PBKDF2_HMAC(password, (int)len, auth->salt, KEY_BYTES, ROUNDS, EVP_sha256(),
                             KEY_BYTES, key) == 1;
}

bool line_auth_check(const struct line_auth *auth, const void *password, size_t len)
{
    uint8_t key[KEY_BYTES];
    const bool good = derive(auth, password, len, key) &&
                      CRYPTO_memcmp(key, auth->key, KEY_BYTES) == 0;
    OPENSSL_cleanse(key, sizeof key);
    return good;
}

/* ---- auth.dat ---- */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    const int letter = c | 0x20;
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* 64 digits and the end of the line (or of the text). */
static bool hex_line(const uint8_t **at, const uint8_t *end, uint8_t out[KEY_BYTES])
{
    if ((size_t)(end - *at) < (size_t)2 * KEY_BYTES) return false;
    for (size_t i = 0; i < KEY_BYTES; i++) {
        const int high = hex_digit((*at)[2 * i]), low = hex_digit((*at)[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    *at += (size_t)2 * KEY_BYTES;
    if (*at < end && **at == '\r') ++*at;
    if (*at == end) return true;
    return *(*at)++ == '\n';
}

bool line_auth_parse(const void *text, size_t len, uint8_t salt[32], uint8_t key[32])
{
    const uint8_t *at = text, *end = at + len;
    return len && hex_line(&at, end, salt) && hex_line(&at, end, key) && at == end;
}

static int read_file(struct line_auth *auth, const char *path, struct kith_error *err)
{
    uint8_t text[FILE_BYTES_MAX];
    struct os_file *file;
    size_t have = 0;
    int rc = os_open(auth->os, path, OS_READ, &file, err);
    if (rc) return rc;
    rc = os_pread(file, text, sizeof text, 0, &have, err);
    os_close(file);
    if (rc) return rc;
    if (line_auth_parse(text, have, auth->salt, auth->key)) return 0;
    return error_set(err, KITH_ECORRUPT, "%s: not two lines of 64 hexadecimal digits", path);
}

/* ---- life ---- */

int line_auth_new(const struct os *os, const char *password, const char *file,
                  struct line_auth **out, struct kith_error *err)
{
    struct line_auth *auth = mem_zalloc(sizeof *auth);
    if (!auth) return error_set(err, KITH_ENOMEM, "the line protocol's password: no memory");
    auth->os = os;
    int rc = os_mutex_init(os, &auth->lock);
    if (rc == 0) rc = pool_new(os, "line-auth", 1, 0, CHECKS_MAX, &auth->pool, err);
    if (rc == 0 && file) {
        rc = read_file(auth, file, err);
    } else if (rc == 0) {
        os_random(os, auth->salt, sizeof auth->salt);
        if (!derive(auth, password, strlen(password), auth->key))
            rc = error_set(err, KITH_EIO, "the line protocol's password: no PBKDF2");
    }
    if (rc == 0) *out = auth;
    else line_auth_free(auth);
    return rc;
}

void line_auth_free(struct line_auth *auth)
{
    if (!auth) return;
    pool_free(auth->pool);
    os_mutex_release(&auth->lock);
    OPENSSL_cleanse(auth->key, sizeof auth->key);
    mem_free(auth);
}

/* ---- auth.dat, made by a person ---- */

static void put_hex(char *out, const uint8_t bytes[KEY_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < KEY_BYTES; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * KEY_BYTES] = '\n';
}

/* Beside it, then in its place: there is always a whole one. */
static int put_file(const struct os *os, const char *path, const char *text, size_t len,
                    struct kith_error *err)
{
    char fresh[OS_PATH_MAX];
    struct os_file *file;
    if (snprintf(fresh, sizeof fresh, "%s.new", path) >= (int)sizeof fresh)
        return error_set(err, KITH_EINVAL, "the path is too long");
    int rc = os_open(os, fresh, OS_WRITE | OS_CREATE, &file, err);
    if (rc) return rc;
    rc = os_truncate(file, 0, err);
    if (rc == 0) rc = os_pwrite(file, text, len, 0, err);
    if (rc == 0) rc = os_sync(file, err);
    os_close(file);
    return rc ? rc : os_rename(os, fresh, path, err);
}

int line_auth_save(const struct os *os, const char *path, const char *password,
                   struct kith_error *err)
{
    char text[2 * (2 * KEY_BYTES + 1)];
    uint8_t key[KEY_BYTES];
    struct line_auth *auth = mem_zalloc(sizeof *auth);
    if (!auth) return error_set(err, KITH_ENOMEM, "the line protocol's password: no memory");
    os_random(os, auth->salt, sizeof auth->salt);
    int rc = derive(auth, password, strlen(password), key) ? 0 : KITH_EIO;
    if (rc) error_set(err, rc, "the line protocol's password: no PBKDF2");
    put_hex(text, auth->salt);
    put_hex(text + 2 * KEY_BYTES + 1, key);
    if (rc == 0) rc = put_file(os, path, text, sizeof text, err);
    OPENSSL_cleanse(key, sizeof key);
    mem_free(auth);
    return rc;
}

int line_auth_compare(const struct os *os, const char *path, const char *password, bool *good,
                      struct kith_error *err)
{
    struct line_auth *auth = mem_zalloc(sizeof *auth);
    if (!auth) return error_set(err, KITH_ENOMEM, "the line protocol's password: no memory");
    auth->os = os;
    const int rc = read_file(auth, path, err);
    if (rc == 0) *good = line_auth_check(auth, password, strlen(password));
    OPENSSL_cleanse(auth->key, sizeof auth->key);
    mem_free(auth);
    return rc;
}

int line_auth_submit(struct line_auth *auth, void (*fn)(void *arg), void *arg)
{
    return pool_submit(auth->pool, fn, arg);
}

/* ---- peers ---- */

unsigned line_auth_delay_ms(unsigned failures)
{
    if (failures < 2) return 0;
    const unsigned doublings = failures - 2;
    return doublings >= 7 ? DELAY_MAX_MS : DELAY_FIRST_MS << doublings;
}

static size_t address_len(const char *peer)
{
    const char *port = strrchr(peer, ':');
    const size_t len = port ? (size_t)(port - peer) : strlen(peer);
    return len < PEER_BYTES - 1 ? len : PEER_BYTES - 1;
}

/* Under the lock; NULL: it is not there and none is to be made. */
static struct peer *find_peer(struct line_auth *auth, const char *address, bool make)
{
    struct peer *least = &auth->peers[0];
    const size_t len = address_len(address);
    for (size_t i = 0; i < PEERS_MAX; i++) {
        struct peer *peer = &auth->peers[i];
        if (peer->failures && strncmp(peer->address, address, len) == 0 && !peer->address[len])
            return peer;
        if (!peer->failures || peer->free_us < least->free_us) least = peer;
    }
    if (!make) return NULL;
    *least = (struct peer){ .free_us = 0 };
    memcpy(least->address, address, len);
    return least;
}

int64_t line_auth_admit(struct line_auth *auth, const char *address)
{
    int64_t when = os_now_us(auth->os);
    os_mutex_lock(&auth->lock);
    struct peer *peer = find_peer(auth, address, false);
    if (peer && when - peer->free_us > FORGET_US) peer->failures = 0;
    else if (peer) {
        if (peer->free_us > when) when = peer->free_us;
        peer->free_us = when + (int64_t)line_auth_delay_ms(peer->failures) * 1000;
    }
    os_mutex_unlock(&auth->lock);
    return when;
}

void line_auth_note(struct line_auth *auth, const char *address, bool good)
{
    const int64_t now = os_now_us(auth->os);
    os_mutex_lock(&auth->lock);
    struct peer *peer = find_peer(auth, address, !good);
    if (peer && good) {
        peer->failures = 0;
    } else if (peer) {
        if (peer->failures < UINT32_MAX) peer->failures++;
        const int64_t until = now + (int64_t)line_auth_delay_ms(peer->failures) * 1000;
        if (peer->free_us < until) peer->free_us = until;
    }
    os_mutex_unlock(&auth->lock);
}
