/*
 * Users, roles, privileges: who may do what through the Milvus door and the HTTP routes beside it.
 *
 * Kept in the database's own metadata (kith_meta_*, keys "auth/..."), so they survive with the data
 * and are in its snapshots. Passwords are stored as salted PBKDF2-HMAC-SHA256; a pair that was
 * verified once is remembered by a keyed hash, so that the derivation runs once a user and not once
 * a call; the memory is emptied when that user changes. Comparisons take constant time, a wrong
 * password costs its caller a delay that grows per user and peer.
 *
 * Rules (roles admin and public, grants of both generations, privilege groups) for users: "Who may
 * connect" in docs/serve.md. Threads: any; readers do not wait for each other.
 */
#ifndef KITH_SERVER_AUTH_H
#define KITH_SERVER_AUTH_H

#include <kith/kith.h>

#include "base/arena.h"
#include "os/os.h"

struct auth;

struct principal { /* who calls; made by auth_verify, or auth_anonymous when nobody has to say */
    char name[64];
    bool root;
    uint64_t generation; /* of auth's data when it was made */
};

enum auth_object { AUTH_COLLECTION = 0, AUTH_GLOBAL = 1, AUTH_USER = 2 };

KITH_NODISCARD int auth_open(struct kith_db *db, const struct os *os, bool enabled,
                             struct auth **out, struct kith_error *err);
void auth_close(struct auth *auth); /* NULL is a no-op */
bool auth_enabled(const struct auth *auth);
bool auth_has_first_password(struct auth *auth); /* root's was never changed */
void auth_anonymous(struct principal *out); /* passes every check; only when not enabled */

enum auth_result {
    AUTH_OK = 0,
    AUTH_MISSING,      /* "missing authorization in header" */
    AUTH_MALFORMED,    /* "invalid token format" */
    AUTH_WRONG,        /* "auth check failure, please check username and password are correct" */
    AUTH_WRONG_KEY     /* "auth check failure, please check api key is correct" */
};
/* `header` is what gRPC metadata carry (base64 of user:password) or, with `http`, the value of an
 * Authorization header (Bearer user:password, or Basic). *delay_ms: how long to wait with the
 * answer. May derive a key (tens of milliseconds): call it on a worker when auth_is_cached() is
 * false. */
enum auth_result auth_verify(struct auth *auth, struct kith_str header, bool http,
                             const char *peer, struct principal *out, unsigned *delay_ms);
bool auth_is_cached(struct auth *auth, struct kith_str header, bool http);

/* Has the principal this privilege ("Search", "CreateCollection") on the object? collection NULL:
 * global; of AUTH_USER it is the user asked for, and everybody may see and change themselves. root
 * and the role admin have all. */
bool auth_allowed(struct auth *auth, const struct principal *principal, const char *privilege,
                  enum auth_object object, const char *database, const char *collection);

/* ---- management. Texts of refusals are those of the protocol; KITH_EEXISTS, KITH_ENOTFOUND,
 * KITH_EINVAL (names, lengths), KITH_EUNSUPPORTED (built-in roles, root: 1401), KITH_ELOCKED (the
 * old password is wrong: 1400). The text is the whole reason, ready to be sent. Granting what is
 * granted and revoking what is not are fine. A role that has grants is dropped with `force` only
 * (KITH_EEXISTS). Passwords are clear text here. ---- */

KITH_NODISCARD int auth_user_create(struct auth *auth, const char *user, struct kith_str password,
                                    const char *description, struct kith_error *err);
KITH_NODISCARD int auth_user_password(struct auth *auth, const char *user, struct kith_str old,
                                      struct kith_str fresh, bool check_old,
                                      struct kith_error *err);
KITH_NODISCARD int auth_user_drop(struct auth *auth, const char *user, struct kith_error *err);
KITH_NODISCARD int auth_user_list(struct auth *auth, struct kith_names *out);
KITH_NODISCARD int auth_user_roles(struct auth *auth, const char *user, struct kith_names *out,
                                   struct kith_error *err);
KITH_NODISCARD int auth_role_create(struct auth *auth, const char *role, const char *description,
                                    struct kith_error *err);
KITH_NODISCARD int auth_role_drop(struct auth *auth, const char *role, bool force,
                                  struct kith_error *err);
KITH_NODISCARD int auth_role_list(struct auth *auth, struct kith_names *out);
KITH_NODISCARD int auth_role_users(struct auth *auth, const char *role, struct kith_names *out,
                                   struct kith_error *err);
KITH_NODISCARD int auth_role_member(struct auth *auth, const char *user, const char *role, bool add,
                                    struct kith_error *err);

struct grant { /* strings borrow from the arena they were listed into */
    const char *role;
    enum auth_object object;
    const char *object_name; /* a collection, or "*" */
    const char *database;    /* or "*" */
    const char *privilege;   /* a privilege, a group, or "*" */
    const char *grantor;
};
KITH_NODISCARD int auth_grant(struct auth *auth, const struct grant *grant, bool revoke,
                              struct kith_error *err);
KITH_NODISCARD int auth_grants(struct auth *auth, const char *role, struct arena *arena,
                               struct grant **out, size_t *count, struct kith_error *err);
KITH_NODISCARD int auth_group_create(struct auth *auth, const char *group, struct kith_error *err);
KITH_NODISCARD int auth_group_drop(struct auth *auth, const char *group, struct kith_error *err);
KITH_NODISCARD int auth_group_change(struct auth *auth, const char *group,
                                     const char *const *privileges, size_t count, bool add,
                                     struct kith_error *err);
KITH_NODISCARD int auth_group_list(struct auth *auth, struct kith_names *out);
KITH_NODISCARD int auth_group_privileges(struct auth *auth, const char *group,
                                         struct kith_names *out, struct kith_error *err);
bool auth_privilege_known(const struct auth *auth, const char *privilege); /* also groups */

/* ---- all of it as one value: without root and admin; of public its grants ---- */

struct auth_backup_entry {
    const char *name, *description;
    const char *password; /* users: derived and salted, as text (auth_backup.c); "": never set */
    const char *const *names; /* roles of a user, privileges of a group */
    size_t name_count;
};
struct auth_backup_list {
    struct auth_backup_entry *entries;
    size_t count;
};
struct auth_backup { /* everything borrows: from the arena, or from who asks for a restore */
    struct auth_backup_list users, roles, groups;
    struct grant *grants;
    size_t grant_count;
};
KITH_NODISCARD int auth_backup(struct auth *auth, struct arena *arena, struct auth_backup *out,
                               struct kith_error *err);
/* All or nothing. KITH_EEXISTS: a user, role or group of that name is there already. */
KITH_NODISCARD int auth_restore(struct auth *auth, const struct auth_backup *from,
                                struct kith_error *err);

#endif
