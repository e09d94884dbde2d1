/*
 * Users, roles, groups and grants out of one server and into another, over server/auth.h.
 *
 * Passwords leave as what is stored of them (server/auth_backup.c says how), so a backup of a
 * server that derives passwords otherwise cannot be restored here, and is refused by the user's
 * name.
 */
#include <string.h>

#include "milvus/milvus_internal.h"

/* ---- out ---- */

static WIRE(UserInfo) * user_out(struct milvus_call *call, const struct auth_backup_entry *from)
{
    WIRE(UserInfo) *out = milvus_message(call, &milvus__proto__milvus__user_info__descriptor);
    if (!out) return NULL;
    out->user = milvus_text(from->name);
    out->password = milvus_text(from->password);
    out->roles = arena_alloc_array(call->arena, from->name_count + 1, sizeof *out->roles);
    for (size_t i = 0; out->roles && i < from->name_count; i++) {
        WIRE(RoleEntity) *role =
            milvus_message(call, &milvus__proto__milvus__role_entity__descriptor);
        if (!role) return NULL;
        role->name = milvus_text(from->names[i]);
        out->roles[out->n_roles++] = role;
    }
    return out->roles ? out : NULL;
}

static WIRE(RoleEntity) * role_out(struct milvus_call *call, const struct auth_backup_entry *from)
{
    WIRE(RoleEntity) *out = milvus_message(call, &milvus__proto__milvus__role_entity__descriptor);
    if (!out) return NULL;
    out->name = milvus_text(from->name);
    out->description = milvus_text(from->description);
    return out;
}

static WIRE(PrivilegeGroupInfo) *
    group_out(struct milvus_call *call, const struct auth_backup_entry *from)
{
    WIRE(PrivilegeGroupInfo) *out =
        milvus_message(call, &milvus__proto__milvus__privilege_group_info__descriptor);
    if (!out) return NULL;
    out->group_name = milvus_text(from->name);
    out->privileges = arena_alloc_array(call->arena, from->name_count + 1, sizeof *out->privileges);
    for (size_t i = 0; out->privileges && i < from->name_count; i++) {
        WIRE(PrivilegeEntity) *one =
            milvus_message(call, &milvus__proto__milvus__privilege_entity__descriptor);
        if (!one) return NULL;
        one->name = milvus_text(from->names[i]);
        out->privileges[out->n_privileges++] = one;
    }
    return out->privileges ? out : NULL;
}

/* Fills the repeated field `to` with what `make` makes of each of the `n` of `from`. */
#define EACH_OUT(to, n, from, make)                                         \
    do {                                                                    \
        out->to = arena_alloc_array(call->arena, (n) + 1, sizeof *out->to); \
        if (!out->to) return NULL;                                          \
        for (; out->n_##to < (n); out->n_##to++) {                          \
            out->to[out->n_##to] = make(call, &(from)[out->n_##to]);        \
            if (!out->to[out->n_##to]) return NULL;                         \
        }                                                                   \
    } while (0)

static WIRE(RBACMeta) * meta_out(struct milvus_call *call, const struct auth_backup *from)
{
    WIRE(RBACMeta) *out = milvus_message(call, &milvus__proto__milvus__rbacmeta__descriptor);
    if (!out) return NULL;
    EACH_OUT(users, from->users.count, from->users.entries, user_out);
    EACH_OUT(roles, from->roles.count, from->roles.entries, role_out);
    EACH_OUT(privilege_groups, from->groups.count, from->groups.entries, group_out);
    EACH_OUT(grants, from->grant_count, from->grants, milvus_grant_entity);
    return out;
}

MILVUS_HANDLER(BackupRBAC)
{
    (void)request;
    WIRE(BackupRBACMetaResponse) *out = reply;
    struct kith_error err = {0};
    struct auth_backup backup;
    int rc = auth_backup(call->milvus->opts.auth, call->arena, &backup, &err);
    if (rc == 0 && !(out->rbac_meta = meta_out(call, &backup)))
        rc = error_set(&err, KITH_ENOMEM, "backup of users: no memory");
    out->status = rc ? milvus_auth_error(call, rc, &err) : milvus_success(call);
}

/* ---- in ---- */

static int user_in(struct milvus_call *call, const WIRE(UserInfo) * from,
                   struct auth_backup_entry *out)
{
    const char **names = arena_alloc_array(call->arena, from->n_roles + 1, sizeof *names);
    if (!names) return KITH_ENOMEM;
    for (size_t i = 0; i < from->n_roles; i++) names[i] = from->roles[i]->name;
    *out = (struct auth_backup_entry){.name = from->user, .description = "",
                                      .password = from->password, .names = names,
                                      .name_count = from->n_roles};
    return 0;
}

static int role_in(struct milvus_call *call, const WIRE(RoleEntity) * from,
                   struct auth_backup_entry *out)
{
    (void)call;
    *out = (struct auth_backup_entry){.name = from->name, .description = from->description};
    return 0;
}

static int group_in(struct milvus_call *call, const WIRE(PrivilegeGroupInfo) * from,
                    struct auth_backup_entry *out)
{
    const char **names = arena_alloc_array(call->arena, from->n_privileges + 1, sizeof *names);
    if (!names) return KITH_ENOMEM;
    for (size_t i = 0; i < from->n_privileges; i++) names[i] = from->privileges[i]->name;
    *out = (struct auth_backup_entry){.name = from->group_name, .description = "",
                                      .names = names, .name_count = from->n_privileges};
    return 0;
}

static int grant_in(struct milvus_call *call, const WIRE(GrantEntity) * from, struct grant *out)
{
    const WIRE(GrantorEntity) *grantor = from->grantor;
    if (!from->role || !from->object || !grantor || !grantor->privilege ||
        !milvus_grant_object(from->object->name, &out->object))
        return KITH_EINVAL;
    out->role = from->role->name;
    out->object_name = *from->object_name ? from->object_name : "*";
    out->database = *from->db_name ? from->db_name : call->database;
    out->privilege = grantor->privilege->name;
    out->grantor = grantor->user ? grantor->user->name : call->principal.name;
    return 0;
}

/* Fills `to` with what `make` makes of each of the `n` of `from`. */
#define EACH_IN(to, count, n, from, make)                                \
    do {                                                                 \
        (to) = arena_alloc_array(call->arena, (n) + 1, sizeof *(to));    \
        int rc_ = (to) ? 0 : KITH_ENOMEM;                                \
        for (; rc_ == 0 && (count) < (n); (count)++)                     \
            rc_ = make(call, (from)[count], &(to)[count]);               \
        if (rc_) return rc_;                                             \
    } while (0)

static int meta_in(struct milvus_call *call, const WIRE(RBACMeta) * from, struct auth_backup *out)
{
    EACH_IN(out->users.entries, out->users.count, from->n_users, from->users, user_in);
    EACH_IN(out->roles.entries, out->roles.count, from->n_roles, from->roles, role_in);
    EACH_IN(out->groups.entries, out->groups.count, from->n_privilege_groups,
            from->privilege_groups, group_in);
    EACH_IN(out->grants, out->grant_count, from->n_grants, from->grants, grant_in);
    return 0;
}

MILVUS_HANDLER(RestoreRBAC)
{
    const WIRE(RestoreRBACMetaRequest) *in = request;
    struct kith_error err = {0};
    struct auth_backup backup = {.grant_count = 0};
    int rc = in->rbac_meta ? meta_in(call, in->rbac_meta, &backup) : 0;
    if (rc == KITH_EINVAL) error_set(&err, rc, "a grant lacks its role, object or privilege");
    else if (rc) error_set(&err, rc, "restoring users: no memory");
    else rc = auth_restore(call->milvus->opts.auth, &backup, &err);
    milvus_finish(call, reply, rc ? milvus_auth_error(call, rc, &err) : NULL);
}
