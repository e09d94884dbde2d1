/*
 * Users: made, changed, dropped, and which roles they have.
 */
#include <string.h>

#include "server/auth_internal.h"

static const char no_user[] =
    "not found the user, maybe the user isn't existed or internal system error";
static const char no_role[] =
    "not found the role, maybe the role isn't existed or internal system error";

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* What a name may look like, for users, roles and groups. `what` is the word for it. */
int auth_check_name(const char *name, const char *what, struct kith_error *err)
{
    const size_t len = strlen(name);
    if (len == 0) return error_set(err, KITH_EINVAL, "%s must be not empty", what);
    if (len > AUTH_NAME_BYTES_MAX)
        return error_set(err, KITH_EINVAL,
                         "invalid %s, the length of %s must be less than %u", what, what,
                         AUTH_NAME_BYTES_MAX + 1);
    if (!is_letter(name[0]) && name[0] != '_')
        return error_set(err, KITH_EINVAL,
                         "invalid %s: %s, the first character must be an underscore or letter",
                         what, name);
    for (const char *c = name; *c; c++)
        if (!is_letter(*c) && !(*c >= '0' && *c <= '9') && !strchr("_-.$", *c))
            return error_set(err, KITH_EINVAL,
                             "invalid %s: %s, it can only contain numbers, letters, underscores, "
                             "hyphens, dots and dollars",
                             what, name);
    return 0;
}

static int check_password(struct kith_str password, struct kith_error *err)
{
    if (password.len >= AUTH_PASSWORD_BYTES_MIN && password.len <= AUTH_PASSWORD_BYTES_MAX)
        return 0;
    return error_set(err, KITH_EINVAL,
                     "invalid password length: invalid parameter[%zu out of range %u <= value <= "
                     "%u]",
                     password.len, AUTH_PASSWORD_BYTES_MIN, AUTH_PASSWORD_BYTES_MAX);
}

/* The password is derived before any lock: it takes tens of milliseconds. */
int auth_user_create(struct auth *auth, const char *user, struct kith_str password,
                     const char *description, struct kith_error *err)
{
    int rc = auth_check_name(user, "username", err);
    if (rc == 0) rc = check_password(password, err);
    if (rc) return rc;
    struct auth_entry *entry = auth_entry_new(auth, AUTH_KIND_USER, user);
    if (entry && description)
        entry->description = arena_strndup(&entry->arena, description, strlen(description));
    if (!entry || !entry->description || auth_password_set(auth, &entry->password, password)) {
        auth_entry_unref(entry);
        return error_set(err, KITH_ENOMEM, "users: no memory");
    }
    os_mutex_lock(&auth->change_lock);
    if (auth_find(auth->data, AUTH_KIND_USER, user)) {
        rc = error_set(err, KITH_EEXISTS, "user already exists: %s", user);
        auth_entry_unref(entry);
    } else {
        rc = auth_commit(auth, &(struct auth_change){ AUTH_KIND_USER, entry->name, entry }, 1, err);
    }
    os_mutex_unlock(&auth->change_lock);
    return rc;
}

static int check_old(struct auth *auth, const char *user, struct kith_str old,
                     struct kith_error *err)
{
    struct auth_data *data = auth_data_ref(auth);
    const struct auth_entry *entry = auth_find(data, AUTH_KIND_USER, user);
    const bool same = entry && auth_password_matches(&entry->password, old);
    auth_data_unref(data);
    if (same) return 0;
    if (!entry) return error_set(err, KITH_ENOTFOUND, "%s", no_user);
    return error_set(err, KITH_ELOCKED, "old password not correct for %s: not authenticated", user);
}

int auth_user_password(struct auth *auth, const char *user, struct kith_str old,
                       struct kith_str fresh, bool check, struct kith_error *err)
{
    struct auth_password password;
    int rc = check_password(fresh, err);
    if (rc == 0 && check) rc = check_old(auth, user, old, err);
    if (rc) return rc;
    if (auth_password_set(auth, &password, fresh))
        return error_set(err, KITH_ENOMEM, "users: no memory");
    os_mutex_lock(&auth->change_lock);
    const struct auth_entry *before = auth_find(auth->data, AUTH_KIND_USER, user);
    struct auth_entry *entry = before ? auth_entry_copy(auth, before) : NULL;
    if (!before) {
        rc = error_set(err, KITH_ENOTFOUND, "%s", no_user);
    } else if (!entry) {
        rc = error_set(err, KITH_ENOMEM, "users: no memory");
    } else {
        entry->password = password;
        rc = auth_commit(auth, &(struct auth_change){ AUTH_KIND_USER, entry->name, entry }, 1, err);
    }
    os_mutex_unlock(&auth->change_lock);
    return rc;
}

int auth_user_drop(struct auth *auth, const char *user, struct kith_error *err)
{
    if (strcmp(user, AUTH_ROOT) == 0)
        return error_set(err, KITH_EUNSUPPORTED,
                         "root user cannot be deleted: privilege not permitted");
    os_mutex_lock(&auth->change_lock);
    const int rc =
        auth_find(auth->data, AUTH_KIND_USER, user)
            ? auth_commit(auth, &(struct auth_change){ AUTH_KIND_USER, user, NULL }, 1, err)
            : error_set(err, KITH_ENOTFOUND, "%s", no_user);
    os_mutex_unlock(&auth->change_lock);
    return rc;
}

int auth_user_list(struct auth *auth, struct kith_names *out)
{
    struct auth_data *data = auth_data_ref(auth);
    const int rc = auth_names(&data->lists[AUTH_KIND_USER], out);
    auth_data_unref(data);
    return rc;
}

int auth_user_roles(struct auth *auth, const char *user, struct kith_names *out,
                    struct kith_error *err)
{
    struct auth_data *data = auth_data_ref(auth);
    const struct auth_entry *entry = auth_find(data, AUTH_KIND_USER, user);
    int rc = entry ? auth_copy_names(entry->names, entry->name_count, out) : KITH_ENOTFOUND;
    if (!entry) error_set(err, rc, "%s", no_user);
    else if (rc) error_set(err, rc, "users: no memory");
    auth_data_unref(data);
    return rc;
}

static int change_member(struct auth *auth, const char *user, const char *role, bool add,
                         struct kith_error *err)
{
    const struct auth_entry *before = auth_find(auth->data, AUTH_KIND_USER, user);
    if (!before) return error_set(err, KITH_ENOTFOUND, "%s", no_user);
    if (!auth_find(auth->data, AUTH_KIND_ROLE, role))
        return error_set(err, KITH_ENOTFOUND, "%s", no_role);
    struct auth_entry *entry = auth_entry_copy(auth, before);
    if (!entry) return error_set(err, KITH_ENOMEM, "users: no memory");
    if (!auth_entry_name(entry, role, add)) {
        auth_entry_unref(entry);
        return error_set(err, KITH_ELIMIT, "a user has at most %u roles", AUTH_NAMES_MAX);
    }
    return auth_commit(auth, &(struct auth_change){ AUTH_KIND_USER, entry->name, entry }, 1, err);
}

int auth_role_member(struct auth *auth, const char *user, const char *role, bool add,
                     struct kith_error *err)
{
    os_mutex_lock(&auth->change_lock);
    const int rc = change_member(auth, user, role, add, err);
    os_mutex_unlock(&auth->change_lock);
    return rc;
}
