/*
 * Roles and their grants.
 */
#include <string.h>

#include "base/alloc.h"
#include "server/auth_internal.h"

static const char no_role[] =
    "not found the role, maybe the role isn't existed or internal system error";

bool auth_is_builtin(enum auth_kind kind, const char *name)
{
    if (kind == AUTH_KIND_USER) return strcmp(name, AUTH_ROOT) == 0;
    return kind == AUTH_KIND_ROLE &&
           (strcmp(name, AUTH_ADMIN) == 0 || strcmp(name, AUTH_PUBLIC) == 0);
}

int auth_role_create(struct auth *auth, const char *role, const char *description,
                     struct kith_error *err)
{
    int rc = auth_check_name(role, "role name", err);
    if (rc) return rc;
    os_mutex_lock(&auth->change_lock);
    struct auth_entry *entry = NULL;
    if (auth_find(auth->data, AUTH_KIND_ROLE, role)) {
        rc = error_set(err, KITH_EEXISTS, "role [%s] already exists", role);
    } else {
        entry = auth_entry_new(auth, AUTH_KIND_ROLE, role);
        if (entry && description)
            entry->description = arena_strndup(&entry->arena, description, strlen(description));
        if (!entry || !entry->description) {
            auth_entry_unref(entry);
            rc = error_set(err, KITH_ENOMEM, "roles: no memory");
        }
    }
    if (rc == 0)
        rc = auth_commit(auth, &(struct auth_change){ AUTH_KIND_ROLE, entry->name, entry }, 1, err);
    os_mutex_unlock(&auth->change_lock);
    return rc;
}

/* The role, and the name of it in every user that has it. */
static int drop(struct auth *auth, const char *role, struct kith_error *err)
{
    const struct auth_list *users = &auth->data->lists[AUTH_KIND_USER];
    struct auth_change *changes = mem_zalloc_array(users->count + 1, sizeof *changes);
    if (!changes) return error_set(err, KITH_ENOMEM, "roles: no memory");
    size_t count = 0;
    int rc = 0;
    changes[count++] = (struct auth_change){ AUTH_KIND_ROLE, role, NULL };
    for (size_t i = 0; rc == 0 && i < users->count; i++) {
        if (!auth_entry_has(users->entries[i], role)) continue;
        struct auth_entry *user = auth_entry_copy(auth, users->entries[i]);
        if (!user) {
            rc = error_set(err, KITH_ENOMEM, "roles: no memory");
            continue;
        }
        (void)auth_entry_name(user, role, false);
        changes[count++] = (struct auth_change){ AUTH_KIND_USER, user->name, user };
    }
    if (rc == 0) rc = auth_commit(auth, changes, count, err);
    else for (size_t i = 1; i < count; i++) auth_entry_unref(changes[i].entry);
    mem_free(changes);
    return rc;
}

int auth_role_drop(struct auth *auth, const char *role, bool force, struct kith_error *err)
{
    if (auth_is_builtin(AUTH_KIND_ROLE, role))
        return error_set(err, KITH_EUNSUPPORTED,
                         "the role[%s] is a default role, which can't be dropped: privilege not "
                         "permitted",
                         role);
    int rc;
    os_mutex_lock(&auth->change_lock);
    const struct auth_entry *entry = auth_find(auth->data, AUTH_KIND_ROLE, role);
    if (!entry) rc = error_set(err, KITH_ENOTFOUND, "%s", no_role);
    else if (entry->grant_count && !force)
        rc = error_set(err, KITH_EEXISTS,
                       "fail to drop the role that it has privileges. Use REVOKE API to revoke "
                       "privileges");
    else rc = drop(auth, role, err);
    os_mutex_unlock(&auth->change_lock);
    return rc;
}

int auth_role_list(struct auth *auth, struct kith_names *out)
{
    struct auth_data *data = auth_data_ref(auth);
    const int rc = auth_names(&data->lists[AUTH_KIND_ROLE], out);
    auth_data_unref(data);
    return rc;
}

static int users_of(const struct auth_data *data, const char *role, struct kith_names *out,
                    struct kith_error *err)
{
    const struct auth_list *users = &data->lists[AUTH_KIND_USER];
    const char **names = mem_alloc_array(users->count + 1, sizeof *names);
    size_t count = 0;
    for (size_t i = 0; names && i < users->count; i++)
        if (auth_entry_has(users->entries[i], role)) names[count++] = users->entries[i]->name;
    const int rc = names ? auth_copy_names(names, count, out) : KITH_ENOMEM;
    mem_free(names);
    return rc ? error_set(err, rc, "roles: no memory") : 0;
}

int auth_role_users(struct auth *auth, const char *role, struct kith_names *out,
                    struct kith_error *err)
{
    struct auth_data *data = auth_data_ref(auth);
    const int rc = auth_find(data, AUTH_KIND_ROLE, role)
                       ? users_of(data, role, out, err)
                       : error_set(err, KITH_ENOTFOUND, "%s", no_role);
    auth_data_unref(data);
    return rc;
}

/* ---- grants ---- */

static bool grant_is(const struct grant *a, const struct grant *b)
{
    return a->object == b->object && strcmp(a->object_name, b->object_name) == 0 &&
           strcmp(a->database, b->database) == 0 && strcmp(a->privilege, b->privilege) == 0;
}

bool auth_grant_copy(struct arena *arena, const struct grant *from, struct grant *out)
{
    *out = (struct grant){ .object = from->object };
    out->role = arena_strndup(arena, from->role, strlen(from->role));
    out->object_name = arena_strndup(arena, from->object_name, strlen(from->object_name));
    out->database = arena_strndup(arena, from->database, strlen(from->database));
    out->privilege = arena_strndup(arena, from->privilege, strlen(from->privilege));
    out->grantor = arena_strndup(arena, from->grantor, strlen(from->grantor));
    return out->role && out->object_name && out->database && out->privilege && out->grantor;
}

static int check_grant(const struct auth *auth, const struct grant *grant, struct kith_error *err)
{
    if (!auth_find(auth->data, AUTH_KIND_ROLE, grant->role))
        return error_set(err, KITH_ENOTFOUND, "%s", no_role);
    if (strcmp(grant->role, AUTH_ADMIN) == 0)
        return error_set(err, KITH_EUNSUPPORTED,
                         "the role[admin] has every privilege: privilege not permitted");
    if (strcmp(grant->privilege, "*") != 0 && !auth_privilege_known(auth, grant->privilege))
        return error_set(err, KITH_EINVAL, "not found the privilege name[%s]", grant->privilege);
    if (strlen(grant->object_name) > 255 || strlen(grant->database) > 255)
        return error_set(err, KITH_EINVAL, "the name of the object is too long");
    return 0;
}

static bool find_grant(const struct auth_entry *role, const struct grant *grant, size_t *at)
{
    for (*at = 0; *at < role->grant_count; (*at)++)
        if (grant_is(&role->grants[*at], grant)) return true;
    return false;
}

bool auth_entry_grant(struct auth_entry *role, const struct grant *grant)
{
    size_t at;
    if (find_grant(role, grant, &at)) return true;
    if (role->grant_count == AUTH_GRANTS_MAX) return false;
    if (role->grant_count == role->grant_room) {
        const size_t room = role->grant_count * 2 + 1;
        struct grant *grown = arena_alloc_array(&role->arena, room, sizeof *grown);
        if (!grown) return false;
        if (role->grant_count) memcpy(grown, role->grants, role->grant_count * sizeof *grown);
        role->grants = grown;
        role->grant_room = room;
    }
    if (!auth_grant_copy(&role->arena, grant, &role->grants[role->grant_count])) return false;
    role->grant_count++;
    return true;
}

/* Adds to or takes from a copy of the role; false: no memory, or full. */
static bool edit_grants(struct auth_entry *role, const struct grant *grant, bool revoke)
{
    size_t at;
    if (!revoke) return auth_entry_grant(role, grant);
    if (find_grant(role, grant, &at)) role->grants[at] = role->grants[--role->grant_count];
    return true;
}

static int change_grant(struct auth *auth, const struct grant *grant, bool revoke,
                        struct kith_error *err)
{
    int rc = check_grant(auth, grant, err);
    if (rc) return rc;
    struct grant wanted = *grant;
    const int object = auth_privilege_object(grant->privilege);
    if (object >= 0) wanted.object = (enum auth_object)object;
    struct auth_entry *entry =
        auth_entry_copy(auth, auth_find(auth->data, AUTH_KIND_ROLE, grant->role));
    if (!entry || !edit_grants(entry, &wanted, revoke)) {
        const bool full = entry && entry->grant_count >= AUTH_GRANTS_MAX;
        auth_entry_unref(entry);
        return full ? error_set(err, KITH_ELIMIT, "a role has at most %u grants", AUTH_GRANTS_MAX)
                    : error_set(err, KITH_ENOMEM, "roles: no memory");
    }
    return auth_commit(auth, &(struct auth_change){ AUTH_KIND_ROLE, entry->name, entry }, 1, err);
}

int auth_grant(struct auth *auth, const struct grant *grant, bool revoke, struct kith_error *err)
{
    os_mutex_lock(&auth->change_lock);
    const int rc = change_grant(auth, grant, revoke, err);
    os_mutex_unlock(&auth->change_lock);
    return rc;
}

int auth_grants(struct auth *auth, const char *role, struct arena *arena, struct grant **out,
                size_t *count, struct kith_error *err)
{
    int rc = 0;
    struct auth_data *data = auth_data_ref(auth);
    const struct auth_entry *entry = auth_find(data, AUTH_KIND_ROLE, role);
    struct grant *grants =
        entry ? arena_alloc_array(arena, entry->grant_count + 1, sizeof *grants) : NULL;
    if (!entry) rc = error_set(err, KITH_ENOTFOUND, "%s", no_role);
    else if (!grants) rc = error_set(err, KITH_ENOMEM, "roles: no memory");
    for (size_t i = 0; rc == 0 && i < entry->grant_count; i++)
        if (!auth_grant_copy(arena, &entry->grants[i], &grants[i]))
            rc = error_set(err, KITH_ENOMEM, "roles: no memory");
    if (rc == 0) {
        *out = grants;
        *count = entry->grant_count;
    }
    auth_data_unref(data);
    return rc;
}
