/*
 * The inside of auth: entries (a user, a role, a group), the table of all of them, and what is
 * remembered of credentials.
 *
 * An entry never changes once it is in a table, nor does a table once it is published: a change
 * makes a new entry, writes it (docs/formats/auth.md), and publishes a new table that shares every
 * other entry with the old one. Readers take a reference to the table under a lock that is held for
 * a pointer copy, and then read without one.
 *
 * Locks, in this order: change_lock (one change at a time, held across the metadata write),
 * data_lock (the pointer to the table), memory_lock (verified credentials and failures; a leaf).
 */
#ifndef KITH_SERVER_AUTH_INTERNAL_H
#define KITH_SERVER_AUTH_INTERNAL_H

#include <stdatomic.h>

#include "base/buffer.h"
#include "os/thread.h"
#include "server/auth.h"

#define AUTH_ROOT "root"
#define AUTH_ADMIN "admin"
#define AUTH_PUBLIC "public"

#define AUTH_NAME_BYTES_MAX 63u      /* users, roles, groups: they fit struct principal */
#define AUTH_ENTRIES_MAX 10000u      /* of each kind */
#define AUTH_NAMES_MAX 1024u         /* roles of a user, privileges of a group */
#define AUTH_GRANTS_MAX 4096u        /* of a role */
#define AUTH_HEADER_BYTES_MAX 1024u
#define AUTH_PASSWORD_BYTES_MIN 6u
#define AUTH_PASSWORD_BYTES_MAX 72u
#define AUTH_SALT_BYTES 16u
#define AUTH_HASH_BYTES 32u
#define AUTH_ITERATIONS 120000u      /* a wrong guess costs an attacker, and us, some 30 ms */
#define AUTH_ITERATIONS_MAX 10000000u /* read from a file: bounds what a call may cost */
#define AUTH_VERIFIED_MAX 1024u
#define AUTH_FAILURES_MAX 1024u

enum auth_kind { AUTH_KIND_USER = 0, AUTH_KIND_ROLE = 1, AUTH_KIND_GROUP = 2, AUTH_KINDS = 3 };

struct auth_password {
    uint32_t iterations; /* 0: none was set; the first user has the password everybody knows */
    uint8_t salt[AUTH_SALT_BYTES];
    uint8_t hash[AUTH_HASH_BYTES];
};

struct auth_entry {
    atomic_uint refs;
    enum auth_kind kind;
    uint64_t serial;         /* never reused within the process */
    struct arena arena;      /* owns everything below */
    const char *name, *description;
    struct auth_password password; /* users */
    const char **names;      /* users: roles; groups: privileges. Sorted */
    size_t name_count;
    struct grant *grants;    /* roles */
    size_t grant_count, grant_room;
};

struct auth_list { /* sorted by name */
    struct auth_entry **entries; /* owns the array and a reference each */
    size_t count;
};

struct auth_data {
    atomic_uint refs;
    uint64_t generation;
    struct auth_list lists[AUTH_KINDS];
};

struct auth_verified { /* a pair that was right, for the entry with this serial */
    uint8_t tag[AUTH_HASH_BYTES];
    uint64_t serial; /* 0: empty */
};

struct auth_failures {
    uint64_t who; /* hash of user and peer; 0: empty */
    unsigned count;
    int64_t until_us; /* the last answer is held back until then */
};

struct auth {
    struct kith_db *db;
    const struct os *os;
    bool enabled;
    uint8_t key[32];      /* of the tags; drawn at start */
    struct os_mutex change_lock, data_lock, memory_lock;
    struct auth_data *data; /* guard: data_lock; owns a reference */
    _Atomic uint64_t next_serial;
    struct auth_verified *verified; /* owns; guard: memory_lock */
    struct auth_failures *failures; /* owns; guard: memory_lock */
};

/* ---- auth_store.c ---- */
struct auth_data *auth_data_ref(struct auth *auth);
void auth_data_unref(struct auth_data *data); /* NULL is a no-op */
struct auth_entry *auth_find(const struct auth_data *data, enum auth_kind kind, const char *name);
KITH_NODISCARD int auth_load(struct auth *auth, struct kith_error *err);

/* A new entry, or a copy of one to change; not published yet. Names of the arrays have room for
 * one more. NULL: no memory. */
struct auth_entry *auth_entry_new(struct auth *auth, enum auth_kind kind, const char *name);
struct auth_entry *auth_entry_copy(struct auth *auth, const struct auth_entry *from);
void auth_entry_unref(struct auth_entry *entry); /* NULL is a no-op */
/* false: no memory, or too many. Adding what is there and removing what is not are fine. */
bool auth_entry_name(struct auth_entry *entry, const char *name, bool add);
bool auth_entry_has(const struct auth_entry *entry, const char *name);
/* ---- auth_roles.c ---- */
/* Of a role, not published yet; one that it has already is fine. false: no memory, or too many. */
bool auth_entry_grant(struct auth_entry *role, const struct grant *grant);
bool auth_grant_copy(struct arena *arena, const struct grant *from, struct grant *out);
bool auth_is_builtin(enum auth_kind kind, const char *name); /* root, admin, public */

struct auth_change {
    enum auth_kind kind;
    const char *name;
    struct auth_entry *entry; /* taken; NULL: remove */
};
/* Writes all changes as one and publishes; under change_lock. Takes the entries, also on error. */
KITH_NODISCARD int auth_commit(struct auth *auth, const struct auth_change *changes, size_t count,
                               struct kith_error *err);
KITH_NODISCARD int auth_names(const struct auth_list *list, struct kith_names *out);
KITH_NODISCARD int auth_copy_names(const char *const *names, size_t count, struct kith_names *out);

/* ---- auth_codec.c: docs/formats/auth.md ---- */
void auth_encode(const struct auth_entry *entry, struct buffer *out);
KITH_NODISCARD int auth_decode(struct auth_entry *entry, const void *bytes, size_t len);

/* ---- auth_password.c ---- */
struct auth_credential {
    char text[AUTH_HEADER_BYTES_MAX]; /* user NUL password; wiped by the caller */
    const char *user;
    struct kith_str password;
};
/* AUTH_OK: *out is filled. */
enum auth_result auth_credential_parse(struct kith_str header, bool http,
                                       struct auth_credential *out);
void auth_credential_wipe(struct auth_credential *credential);
KITH_NODISCARD int auth_password_set(struct auth *auth, struct auth_password *out,
                                     struct kith_str password);
bool auth_password_matches(const struct auth_password *stored, struct kith_str password);
/* entry NULL: no such user; costs the same. */
bool auth_memory_has(struct auth *auth, const struct auth_entry *entry,
                     const struct auth_credential *credential);
void auth_memory_put(struct auth *auth, const struct auth_entry *entry,
                     const struct auth_credential *credential);
/* May this pair be tried now? After failures only when the delay of the last one is over. */
bool auth_may_try(struct auth *auth, const char *user, const char *peer);
unsigned auth_failed(struct auth *auth, const char *user, const char *peer); /* ms to hold back */
void auth_succeeded(struct auth *auth, const char *user, const char *peer);

/* ---- auth_users.c ---- */
/* What a name may look like; `what` is the word for it. */
KITH_NODISCARD int auth_check_name(const char *name, const char *what, struct kith_error *err);

/* ---- auth_privileges.c ---- */
/* enum auth_object of a privilege or a built-in group; -1: unknown. */
int auth_privilege_object(const char *privilege);
bool auth_group_builtin(const char *group);
/* Privileges of a built-in group: *it starts at 0; false at the end. */
bool auth_group_next(const char *group, size_t *it, const char **privilege);
/* Also a group that somebody made. */
bool auth_group_covers(const struct auth_data *data, const char *group, const char *privilege);

#endif
