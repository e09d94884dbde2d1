/*
 * Groups of privileges that somebody made, beside the built-in ones.
 */
#include <string.h>

#include "base/alloc.h"
#include "server/auth_internal.h"

static int no_group(const char *group, struct kith_error *err)
{
    return error_set(err, KITH_ENOTFOUND, "there is no privilege group name [%s] to operate",
                     group);
}

int auth_group_create(struct auth *auth, const char *group, struct kith_error *err)
{
    int rc = auth_check_name(group, "privilege group name", err);
    if (rc) return rc;
    if (auth_privilege_object(group) >= 0)
        return error_set(err, KITH_EEXISTS,
                         "privilege group name [%s] is defined by built in privileges or "
                         "privilege groups in system",
                         group);
    os_mutex_lock(&auth->change_lock);
    struct auth_entry *entry = auth_entry_new(auth, AUTH_KIND_GROUP, group);
    if (!entry) rc = error_set(err, KITH_ENOMEM, "privilege groups: no memory");
    else if (auth_find(auth->data, AUTH_KIND_GROUP, group))
        rc = error_set(err, KITH_EEXISTS, "privilege group [%s] already exists", group);
    if (rc) auth_entry_unref(entry);
    else
        rc = auth_commit(auth, &(struct auth_change){ AUTH_KIND_GROUP, entry->name, entry }, 1,
                         err);
    os_mutex_unlock(&auth->change_lock);
    return rc;
}

static const char *role_that_uses(const struct auth_data *data, const char *group)
{
    const struct auth_list *roles = &data->lists[AUTH_KIND_ROLE];
    for (size_t i = 0; i < roles->count; i++)
        for (size_t j = 0; j < roles->entries[i]->grant_count; j++)
            if (strcmp(roles->entries[i]->grants[j].privilege, group) == 0)
                return roles->entries[i]->name;
    return NULL;
}

int auth_group_drop(struct auth *auth, const char *group, struct kith_error *err)
{
    int rc;
    os_mutex_lock(&auth->change_lock);
    const char *user = role_that_uses(auth->data, group);
    if (!auth_find(auth->data, AUTH_KIND_GROUP, group)) rc = no_group(group, err);
    else if (user)
        rc = error_set(err, KITH_EEXISTS,
                       "privilege group [%s] is used by role [%s], Use REVOKE API to revoke it "
                       "first",
                       group, user);
    else rc = auth_commit(auth, &(struct auth_change){ AUTH_KIND_GROUP, group, NULL }, 1, err);
    os_mutex_unlock(&auth->change_lock);
    return rc;
}

/* Privileges and built-in groups may be in a group; groups that somebody made may not. */
static int edit(struct auth_entry *entry, const char *const *privileges, size_t count, bool add,
                struct kith_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (auth_privilege_object(privileges[i]) < 0)
            return error_set(err, KITH_EINVAL,
                             "there is no privilege name or privilege group name [%s] defined in "
                             "system to operate",
                             privileges[i]);
        if (!auth_entry_name(entry, privileges[i], add))
            return error_set(err, KITH_ELIMIT, "a privilege group has at most %u privileges",
                             AUTH_NAMES_MAX);
    }
    return 0;
}

int auth_group_change(struct auth *auth, const char *group, const char *const *privileges,
                      size_t count, bool add, struct kith_error *err)
{
    int rc;
    os_mutex_lock(&auth->change_lock);
    const struct auth_entry *before = auth_find(auth->data, AUTH_KIND_GROUP, group);
    struct auth_entry *entry = before ? auth_entry_copy(auth, before) : NULL;
    if (!before) rc = no_group(group, err);
    else if (!entry) rc = error_set(err, KITH_ENOMEM, "privilege groups: no memory");
    else rc = edit(entry, privileges, count, add, err);
    if (rc) auth_entry_unref(entry);
    else
        rc = auth_commit(auth, &(struct auth_change){ AUTH_KIND_GROUP, entry->name, entry }, 1,
                         err);
    os_mutex_unlock(&auth->change_lock);
    return rc;
}

int auth_group_list(struct auth *auth, struct kith_names *out)
{
    struct auth_data *data = auth_data_ref(auth);
    const int rc = auth_names(&data->lists[AUTH_KIND_GROUP], out);
    auth_data_unref(data);
    return rc;
}

static int builtin_privileges(const char *group, struct kith_names *out, struct kith_error *err)
{
    const char *names[128];
    size_t count = 0, it = 0;
    while (count < sizeof names / sizeof names[0] && auth_group_next(group, &it, &names[count]))
        count++;
    const int rc = auth_copy_names(names, count, out);
    return rc ? error_set(err, rc, "privilege groups: no memory") : 0;
}

int auth_group_privileges(struct auth *auth, const char *group, struct kith_names *out,
                          struct kith_error *err)
{
    if (auth_group_builtin(group)) return builtin_privileges(group, out, err);
    struct auth_data *data = auth_data_ref(auth);
    const struct auth_entry *entry = auth_find(data, AUTH_KIND_GROUP, group);
    int rc = entry ? auth_copy_names(entry->names, entry->name_count, out) : no_group(group, err);
    if (entry && rc) error_set(err, rc, "privilege groups: no memory");
    auth_data_unref(data);
    return rc;
}

bool auth_privilege_known(const struct auth *auth, const char *privilege)
{
    if (auth_privilege_object(privilege) >= 0) return true;
    struct auth *shared = (struct auth *)(uintptr_t)auth; /* a lock is not part of the value */
    struct auth_data *data = auth_data_ref(shared);
    const bool known = auth_find(data, AUTH_KIND_GROUP, privilege) != NULL;
    auth_data_unref(data);
    return known;
}
