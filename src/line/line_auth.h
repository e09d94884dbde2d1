/*
 * Passwords of the line protocol: PBKDF2-HMAC-SHA256, 100,000 rounds, salt and key of 32 bytes. It
 * takes tens of milliseconds, so it runs on a thread of its own with a bounded queue, and a peer
 * whose passwords were wrong waits longer each time before the next is looked at.
 */
#ifndef KITH_LINE_LINE_AUTH_H
#define KITH_LINE_LINE_AUTH_H

#include "base/buffer.h"
#include "os/os.h"

struct line_auth;

/* file: an auth.dat (salt in hex, LF, hash in hex, LF); NULL: password. */
KITH_NODISCARD int line_auth_new(const struct os *os, const char *password, const char *file,
                                 struct line_auth **out, struct kith_error *err);
void line_auth_free(struct line_auth *auth); /* after the last check ended; NULL is a no-op */
/* The text of an auth.dat. Untrusted. */
bool line_auth_parse(const void *text, size_t len, uint8_t salt[32], uint8_t key[32]);
bool line_auth_check(const struct line_auth *auth, const void *password, size_t len); /* slow */
/* Runs fn(arg) on the thread. KITH_EBUSY: too many wait. */
KITH_NODISCARD int line_auth_submit(struct line_auth *auth, void (*fn)(void *arg), void *arg);

/* When the next password of this peer ("127.0.0.1:50312") may be looked at (os_now_us); it takes
 * that place: others of the same address come after it. */
int64_t line_auth_admit(struct line_auth *auth, const char *peer);
void line_auth_note(struct line_auth *auth, const char *peer, bool good);
/* Milliseconds after so many failures: none after the first, then doubling, at most 10 s. */
unsigned line_auth_delay_ms(unsigned failures);


#define LINE_PASSWORD_MIN 6u /* of one that somebody types */
/* Makes an auth.dat for a password, or puts a new one in its place. */
KITH_NODISCARD int line_auth_save(const struct os *os, const char *path, const char *password,
                                  struct kith_error *err);
/* Whether the password is that of an auth.dat. KITH_ENOTFOUND: there is none. */
KITH_NODISCARD int line_auth_compare(const struct os *os, const char *path, const char *password,
                                     bool *good, struct kith_error *err);

#endif
