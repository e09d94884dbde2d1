/*
 * Credentials: reading them from a header, deriving keys, and remembering what was right and what
 * was wrong.
 *
 * Deriving is slow on purpose (PBKDF2-HMAC-SHA256, RFC 8018), and every call carries credentials,
 * so a pair that was right is remembered by HMAC-SHA256 under a key that this process drew,
 * together with the serial of the user's entry: a change of the user makes a new serial, and what
 * was remembered is worth nothing. Two fixed tables of slots, chosen by hash; a collision forgets.
 *
 * A wrong password is answered late (100 ms, doubled by each further one of that user from that
 * peer, to 3.2 s), and a try before the delay is over is not looked at: guessing is bounded
 * whatever the number of connections, and so is what guesses cost us.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "server/auth_internal.h"

/* ---- the header ---- */

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* With or without padding; no blanks. out has room for len * 3 / 4 bytes. */
static bool base64_decode(const char *text, size_t len, char *out, size_t *out_len)
{
    unsigned bits = 0, held = 0;
    size_t used = 0;
    for (int pad = 0; pad < 2 && len > 0 && text[len - 1] == '='; pad++) len--;
    if (len % 4 == 1) return false;
    for (size_t i = 0; i < len; i++) {
        const int value = base64_value(text[i]);
        if (value < 0) return false;
        held = (held << 6 | (unsigned)value) & 0xffffu;
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        out[used++] = (char)(held >> bits & 0xffu);
    }
    *out_len = used;
    return true;
}

static bool strip_word(struct kith_str *text, const char *word)
{
    const size_t len = strlen(word);
    if (text->len <= len || OPENSSL_strncasecmp(text->data, word, len) != 0) return false;
    *text = (struct kith_str){ text->data + len, text->len - len };
    return true;
}

static enum auth_result split_pair(struct auth_credential *out, size_t len)
{
    char *colon = memchr(out->text, ':', len);
    if (!colon) return AUTH_WRONG_KEY;
    *colon = 0;
    out->user = out->text;
    out->password = (struct kith_str){ colon + 1, len - (size_t)(colon + 1 - out->text) };
    const size_t user_len = (size_t)(colon - out->text);
    return user_len == 0 || user_len > AUTH_NAME_BYTES_MAX || strlen(out->user) != user_len
               ? AUTH_WRONG
               : AUTH_OK;
}

enum auth_result auth_credential_parse(struct kith_str header, bool http,
                                       struct auth_credential *out)
{
    size_t len = header.len;
    out->user = "";
    out->password = (struct kith_str){ "", 0 };
    if (header.len == 0) return AUTH_MISSING;
    if (header.len >= AUTH_HEADER_BYTES_MAX) return AUTH_MALFORMED;
    const bool bearer = http && strip_word(&header, "Bearer ");
    if (http && !bearer && !strip_word(&header, "Basic ")) return AUTH_MALFORMED;
    if (bearer) memcpy(out->text, header.data, len = header.len);
    else if (!base64_decode(header.data, header.len, out->text, &len)) return AUTH_MALFORMED;
    return split_pair(out, len);
}

void auth_credential_wipe(struct auth_credential *credential)
{
    OPENSSL_cleanse(credential->text, sizeof credential->text);
}

/* ---- derivation ---- */

static bool derive(struct kith_str password, const uint8_t *salt, uint32_t iterations,
                   uint8_t out[AUTH_HASH_BYTES])
{
    return PKCS5_PBKDF2_HMAC(password.data, (int)password.len, salt, AUTH_SALT_BYTES,
                             (int)iterations, EVP_sha256(), AUTH_HASH_BYTES, out) == 1;
}

int auth_password_set(struct auth *auth, struct auth_password *out, struct kith_str password)
{
    struct auth_password fresh = { .iterations = AUTH_ITERATIONS };
    os_random(auth->os, fresh.salt, sizeof fresh.salt);
    if (!derive(password, fresh.salt, fresh.iterations, fresh.hash)) return KITH_ENOMEM;
    *out = fresh;
    return 0;
}

/* The first password is in every manual, so it needs no derivation; the comparison takes as long
 * whatever was sent. */
static bool matches_first(struct kith_str password)
{
    static const char first[] = "Milvus";
    char padded[sizeof first] = "";
    const size_t len = sizeof first - 1;
    memcpy(padded, password.data, password.len < len ? password.len : len);
    return CRYPTO_memcmp(padded, first, len) == 0 && password.len == len;
}

bool auth_password_matches(const struct auth_password *stored, struct kith_str password)
{
    uint8_t hash[AUTH_HASH_BYTES];
    if (stored->iterations == 0) return matches_first(password);
    const bool same = derive(password, stored->salt, stored->iterations, hash) &&
                      CRYPTO_memcmp(hash, stored->hash, sizeof hash) == 0;
    OPENSSL_cleanse(hash, sizeof hash);
    return same;
}

/* ---- what was right ---- */

static bool make_tag(const struct auth *auth, const struct auth_credential *credential,
                     uint8_t tag[AUTH_HASH_BYTES])
{
    const size_t len = (size_t)(credential->password.data - credential->text) +
                       credential->password.len;
    unsigned tag_len = 0;
    return HMAC(EVP_sha256(), auth->key, sizeof auth->key, (const uint8_t *)credential->text, len,
                tag, &tag_len) != NULL &&
           tag_len == AUTH_HASH_BYTES;
}

static struct auth_verified *slot_of(struct auth *auth, const uint8_t tag[AUTH_HASH_BYTES])
{
    return &auth->verified[(tag[0] | (unsigned)tag[1] << 8) % AUTH_VERIFIED_MAX];
}

bool auth_memory_has(struct auth *auth, const struct auth_entry *entry,
                     const struct auth_credential *credential)
{
    uint8_t tag[AUTH_HASH_BYTES];
    if (!entry || !make_tag(auth, credential, tag)) return false;
    os_mutex_lock(&auth->memory_lock);
    const struct auth_verified *slot = slot_of(auth, tag);
    const bool same = slot->serial == entry->serial &&
                      CRYPTO_memcmp(slot->tag, tag, sizeof tag) == 0;
    os_mutex_unlock(&auth->memory_lock);
    return same;
}

void auth_memory_put(struct auth *auth, const struct auth_entry *entry,
                     const struct auth_credential *credential)
{
    uint8_t tag[AUTH_HASH_BYTES];
    if (!make_tag(auth, credential, tag)) return;
    os_mutex_lock(&auth->memory_lock);
    struct auth_verified *slot = slot_of(auth, tag);
    memcpy(slot->tag, tag, sizeof tag);
    slot->serial = entry->serial;
    os_mutex_unlock(&auth->memory_lock);
}

/* ---- what was wrong ---- */

#define FAILURE_DELAY_MS 100u
#define FAILURE_DOUBLINGS_MAX 5u
#define FAILURE_MEMORY_US INT64_C(60000000)

/* The peer's port changes with every connection, so it does not count. FNV-1a, keyed. */
static uint64_t who_is(const struct auth *auth, const char *user, const char *peer)
{
    uint64_t hash;
    memcpy(&hash, auth->key, sizeof hash);
    const char *colon = strrchr(peer, ':');
    const size_t peer_len = colon ? (size_t)(colon - peer) : strlen(peer);
    for (; *user; user++) hash = (hash ^ (uint8_t)*user) * UINT64_C(0x100000001b3);
    hash *= UINT64_C(0x100000001b3);
    for (size_t i = 0; i < peer_len; i++)
        hash = (hash ^ (uint8_t)peer[i]) * UINT64_C(0x100000001b3);
    return hash ? hash : 1;
}

static struct auth_failures *failures_of(struct auth *auth, uint64_t who)
{
    struct auth_failures *slot = &auth->failures[(who >> 32) % AUTH_FAILURES_MAX];
    if (slot->who != who || os_now_us(auth->os) > slot->until_us + FAILURE_MEMORY_US)
        *slot = (struct auth_failures){ .who = who };
    return slot;
}

bool auth_may_try(struct auth *auth, const char *user, const char *peer)
{
    const uint64_t who = who_is(auth, user, peer);
    os_mutex_lock(&auth->memory_lock);
    const struct auth_failures *slot = &auth->failures[(who >> 32) % AUTH_FAILURES_MAX];
    const bool may = slot->who != who || os_now_us(auth->os) >= slot->until_us;
    os_mutex_unlock(&auth->memory_lock);
    return may;
}

unsigned auth_failed(struct auth *auth, const char *user, const char *peer)
{
    const uint64_t who = who_is(auth, user, peer);
    os_mutex_lock(&auth->memory_lock);
    struct auth_failures *slot = failures_of(auth, who);
    const unsigned doublings =
        slot->count < FAILURE_DOUBLINGS_MAX ? slot->count : FAILURE_DOUBLINGS_MAX;
    const unsigned delay_ms = FAILURE_DELAY_MS << doublings;
    const int64_t now = os_now_us(auth->os);
    if (now >= slot->until_us) { /* tries before it do not make it longer */
        slot->count++;
        slot->until_us = now + (int64_t)delay_ms * 1000;
    }
    os_mutex_unlock(&auth->memory_lock);
    return delay_ms;
}

void auth_succeeded(struct auth *auth, const char *user, const char *peer)
{
    const uint64_t who = who_is(auth, user, peer);
    os_mutex_lock(&auth->memory_lock);
    struct auth_failures *slot = &auth->failures[(who >> 32) % AUTH_FAILURES_MAX];
    if (slot->who == who) *slot = (struct auth_failures){ .who = 0 };
    os_mutex_unlock(&auth->memory_lock);
}
