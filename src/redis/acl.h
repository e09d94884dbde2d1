/*
 * Users of the door and what they may do: commands, keys, channels. Under the keyspace lock.
 *
 * A user holds selectors; what any one of them allows as a whole is allowed. The first is the
 * user's own rules, the others stand in parentheses. A user that may do everything has `unlimited`
 * set, and no other check is made for him. Passwords are kept as SHA-256 only and compared in
 * constant time.
 */
#ifndef KITH_REDIS_ACL_H
#define KITH_REDIS_ACL_H

#include "base/buffer.h"
#include "base/map.h"
#include "redis/registry.h"

#define ACL_HASH_BYTES 32u
#define ACL_RULES_MAX 65536u /* bytes of a selector's command rules */

struct redis;
struct session;

struct acl_pattern {
    char *text; /* owns */
    size_t len;
    bool read, write; /* of keys */
};

struct acl_patterns { /* in the order that they came in, no text twice */
    struct acl_pattern *items; /* owns */
    size_t count, cap;
    struct map places; /* by text, while modifiers of a long list are applied: acl_rules.c */
};

struct acl_selector {
    bool all_keys, all_channels, all_commands; /* the last: also commands yet to come */
    uint64_t commands[COMMANDS_MAX / 64];
    struct acl_patterns keys, channels;
    struct buffer rules; /* "-@all +@read -get": how `commands` came about */
};

struct acl_user {
    char *name; /* owns */
    size_t name_len;
    bool on, nopass, unlimited;
    uint8_t (*passwords)[ACL_HASH_BYTES]; /* owns */
    size_t password_count, password_cap;
    struct map password_places; /* by hash, while many modifiers are applied: acl_user.c */
    struct acl_selector **selectors; /* owns all; the first is the user's own */
    size_t selector_count;
};

struct acl_event { /* of ACL LOG */
    uint64_t count, id;
    const char *reason, *context; /* "auth", "command", "key", "channel"; "toplevel", "multi" */
    char *object, *user, *client; /* own */
    int64_t created_ms, updated_ms;
};

struct acl {
    struct redis *redis;
    struct map users; /* name -> struct acl_user * */
    struct acl_user *standard;
    struct acl_event *events; /* owns; newest first */
    size_t event_count;
    uint64_t last_event;
};

enum acl_denial { ACL_ALLOWED, ACL_DENIED_COMMAND, ACL_DENIED_KEY, ACL_DENIED_CHANNEL };

KITH_NODISCARD int acl_new(struct redis *redis, struct acl **out);
void acl_free(struct acl *acl);
bool acl_default_is_open(const struct acl *acl); /* on, and without a password */

/* acl.c */
struct acl_user *acl_find(const struct acl *acl, struct kith_str name);
struct acl_user *acl_add(struct acl *acl, struct kith_str name); /* NULL: no memory */
void acl_remove(struct acl *acl, struct acl_user *user);
KITH_NODISCARD struct acl_user *acl_user_new(struct kith_str name);
void acl_user_free(struct acl_user *user);
/* Everything but the name. */
KITH_NODISCARD int acl_user_copy(struct acl_user *to, const struct acl_user *from);
bool acl_password_fits(const struct acl_user *user, struct kith_str password);
/* AUTH: sets the session's user. */
bool acl_authenticate(struct session *session, struct kith_str name, struct kith_str password);
/* requirepass: the one password of `default`; empty: nopass. */
KITH_NODISCARD int acl_set_default_password(struct acl *acl, struct kith_str password);

/* acl_rules.c: one modifier. NULL: done; else why not, as ACL SETUSER says it. */
const char *acl_set(const struct redis *redis, struct acl_user *user, struct kith_str rule);
void acl_refresh(struct acl_user *user); /* `unlimited` */
bool acl_category(const char *name, size_t len, uint32_t *bit);
const char *acl_category_name(unsigned i); /* NULL: no more */
/* All modifiers, with the parts of "(+get ~a)" joined that were split at blanks, or none of them.
 * KITH_EINVAL: `error` says which, as "Error in ACL SETUSER modifier '...': ...". */
KITH_NODISCARD int acl_set_all(const struct redis *redis, struct acl_user *user,
                               const struct kith_str *rules, size_t count, struct buffer *error);

/* acl_text.c */
void acl_describe(const struct acl_user *user, struct buffer *out); /* "on nopass ~* ..." */
void acl_describe_commands(const struct acl_selector *selector, struct buffer *out);
void acl_describe_keys(const struct acl_selector *selector, struct buffer *out);
void acl_describe_channels(const struct acl_selector *selector, struct buffer *out, bool list);

/* acl_check.c */
enum acl_denial acl_check(const struct redis *redis, const struct acl_user *user,
                          const struct command_entry *entry, const struct kith_str *argv,
                          size_t argc, size_t *place);
bool acl_may_use_channel(const struct acl_user *user, struct kith_str channel, bool literal);
bool acl_may_use_key(const struct acl_user *user, struct kith_str key, bool read, bool write);
/* Every key that begins so: for what reads keys that no argument names. user: nullable, who may. */
bool acl_may_use_prefix(const struct acl_user *user, struct kith_str prefix, bool read, bool write);
/* The answer to what was denied; also written into ACL LOG. */
void acl_refusal(struct session *session, const struct command_entry *entry, enum acl_denial why,
                 const struct kith_str *argv, size_t place, char text[256]);
void acl_denial_text(const struct acl_user *user, const struct command_entry *entry,
                     enum acl_denial why, char text[256]);
/* Closes what the sessions of a changed user may no longer have. */
void acl_user_changed(struct redis *redis, const struct acl_user *user);

/* acl_log.c */
void acl_log(struct session *session, enum acl_denial why, const char *reason,
             struct kith_str object, struct kith_str user);
void acl_log_trim(struct acl *acl, size_t keep);

/* acl_file.c: KITH_EINVAL names the line. Nothing changes on an error. */
KITH_NODISCARD int acl_load(struct acl *acl, const char *path, struct buffer *error);
KITH_NODISCARD int acl_save(struct acl *acl, const char *path, struct kith_error *err);

#endif
