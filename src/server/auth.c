/*
 * Users, roles, privileges: see auth.h.
 */
#include "server/auth.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

struct auth {
    struct kith_db *db;
    const struct os *os;
    bool enabled;
};

int auth_open(struct kith_db *db, const struct os *os, bool enabled, struct auth **out,
              struct kith_error *err)
{
    struct auth *auth = mem_zalloc(sizeof *auth);
    if (!auth) return error_set(err, KITH_ENOMEM, "users: no memory");
    auth->db = db;
    auth->os = os;
    auth->enabled = enabled;
    *out = auth;
    return 0;
}

void auth_close(struct auth *auth) { mem_free(auth); }

bool auth_enabled(const struct auth *auth) { return auth->enabled; }

void auth_anonymous(struct principal *out) { *out = (struct principal){ .name = "root", .root = true }; }

enum auth_result auth_verify(struct auth *auth, struct kith_str header, bool http,
                             const char *peer, struct principal *out, unsigned *delay_ms)
{
    (void)auth, (void)http, (void)peer, (void)out;
    *delay_ms = 100;
    return header.len ? AUTH_WRONG : AUTH_MISSING;
}

bool auth_allowed(struct auth *auth, const struct principal *principal, const char *privilege,
                  enum auth_object object, const char *database, const char *collection)
{
    (void)auth, (void)privilege, (void)object, (void)database, (void)collection;
    return principal->root;
}
