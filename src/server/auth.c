/*
 * Who calls, and what may they: see auth.h for the contract, auth_internal.h for how it is kept.
 */
#include "server/auth_internal.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

static int init(struct auth *auth, struct kith_error *err)
{
    auth->verified = mem_zalloc_array(AUTH_VERIFIED_MAX, sizeof *auth->verified);
    auth->failures = mem_zalloc_array(AUTH_FAILURES_MAX, sizeof *auth->failures);
    if (!auth->verified || !auth->failures || os_mutex_init(auth->os, &auth->change_lock) ||
        os_mutex_init(auth->os, &auth->data_lock) || os_mutex_init(auth->os, &auth->memory_lock))
        return error_set(err, KITH_ENOMEM, "users: no memory");
    os_random(auth->os, auth->key, sizeof auth->key);
    return auth_load(auth, err);
}

int auth_open(struct kith_db *db, const struct os *os, bool enabled, struct auth **out,
              struct kith_error *err)
{
    struct auth *auth = mem_zalloc(sizeof *auth);
    if (!auth) return error_set(err, KITH_ENOMEM, "users: no memory");
    auth->db = db;
    auth->os = os;
    auth->enabled = enabled;
    const int rc = init(auth, err);
    if (rc) auth_close(auth);
    else *out = auth;
    return rc;
}

void auth_close(struct auth *auth)
{
    if (!auth) return;
    auth_data_unref(auth->data);
    OPENSSL_cleanse(auth->key, sizeof auth->key);
    mem_free(auth->verified);
    mem_free(auth->failures);
    os_mutex_release(&auth->memory_lock);
    os_mutex_release(&auth->data_lock);
    os_mutex_release(&auth->change_lock);
    mem_free(auth);
}

bool auth_enabled(const struct auth *auth) { return auth->enabled; }

void auth_anonymous(struct principal *out)
{
    *out = (struct principal){ .name = AUTH_ROOT, .root = true };
}

bool auth_has_first_password(struct auth *auth)
{
    struct auth_data *data = auth_data_ref(auth);
    const bool first = auth_find(data, AUTH_KIND_USER, AUTH_ROOT)->password.iterations == 0;
    auth_data_unref(data);
    return first;
}

/* ---- who ---- */

static enum auth_result verify(struct auth *auth, const struct auth_data *data,
                               const struct auth_credential *credential, const char *peer)
{
    const struct auth_entry *entry = auth_find(data, AUTH_KIND_USER, credential->user);
    if (auth_memory_has(auth, entry, credential)) return AUTH_OK;
    if (!auth_may_try(auth, credential->user, peer)) return AUTH_WRONG;
    /* A user that is not there costs what a wrong password costs: names cannot be probed. */
    static const struct auth_password nobody = { .iterations = AUTH_ITERATIONS };
    const bool same = auth_password_matches(entry ? &entry->password : &nobody,
                                            credential->password);
    if (!entry || !same) return AUTH_WRONG;
    auth_memory_put(auth, entry, credential);
    auth_succeeded(auth, credential->user, peer);
    return AUTH_OK;
}

enum auth_result auth_verify(struct auth *auth, struct kith_str header, bool http,
                             const char *peer, struct principal *out, unsigned *delay_ms)
{
    struct auth_credential credential;
    enum auth_result result = auth_credential_parse(header, http, &credential);
    *delay_ms = 0;
    if (result == AUTH_OK) {
        struct auth_data *data = auth_data_ref(auth);
        result = verify(auth, data, &credential, peer);
        if (result == AUTH_OK) {
            *out = (struct principal){ .generation = data->generation };
            (void)snprintf(out->name, sizeof out->name, "%s", credential.user);
            out->root = strcmp(credential.user, AUTH_ROOT) == 0;
        }
        auth_data_unref(data);
    }
    if (result == AUTH_WRONG || result == AUTH_WRONG_KEY)
        *delay_ms = auth_failed(auth, credential.user, peer);
    auth_credential_wipe(&credential);
    return result;
}

bool auth_is_cached(struct auth *auth, struct kith_str header, bool http)
{
    struct auth_credential credential;
    bool cached = false;
    if (auth_credential_parse(header, http, &credential) == AUTH_OK) {
        struct auth_data *data = auth_data_ref(auth);
        cached = auth_memory_has(auth, auth_find(data, AUTH_KIND_USER, credential.user),
                                 &credential);
        auth_data_unref(data);
    }
    auth_credential_wipe(&credential);
    return cached;
}

/* ---- may they ---- */

static bool any_or(const char *granted, const char *wanted)
{
    return strcmp(granted, "*") == 0 || (wanted && strcmp(granted, wanted) == 0);
}

static bool grant_covers(const struct auth_data *data, const struct grant *grant,
                         const char *privilege, enum auth_object object)
{
    if (strcmp(grant->privilege, "*") == 0 || strcmp(grant->privilege, "All") == 0)
        return grant->object == object;
    return strcmp(grant->privilege, privilege) == 0 ||
           auth_group_covers(data, grant->privilege, privilege);
}

static bool role_allows(const struct auth_data *data, const char *role, const char *privilege,
                        enum auth_object object, const char *database, const char *name)
{
    const struct auth_entry *entry = auth_find(data, AUTH_KIND_ROLE, role);
    for (size_t i = 0; entry && i < entry->grant_count; i++) {
        const struct grant *grant = &entry->grants[i];
        if (any_or(grant->database, database) && any_or(grant->object_name, name) &&
            grant_covers(data, grant, privilege, object))
            return true;
    }
    return false;
}

static bool user_allowed(const struct auth_data *data, const struct auth_entry *user,
                         const char *privilege, enum auth_object object, const char *database,
                         const char *name)
{
    for (size_t i = 0; i < user->name_count; i++)
        if (strcmp(user->names[i], AUTH_ADMIN) == 0 ||
            role_allows(data, user->names[i], privilege, object, database, name))
            return true;
    return role_allows(data, AUTH_PUBLIC, privilege, object, database, name);
}

bool auth_allowed(struct auth *auth, const struct principal *principal, const char *privilege,
                  enum auth_object object, const char *database, const char *collection)
{
    if (principal->root) return true;
    if (object == AUTH_USER && collection && strcmp(collection, principal->name) == 0) return true;
    struct auth_data *data = auth_data_ref(auth);
    const struct auth_entry *user = auth_find(data, AUTH_KIND_USER, principal->name);
    const bool allowed =
        user && user_allowed(data, user, privilege, object, database, collection);
    auth_data_unref(data);
    return allowed;
}
