/*
 * Privileges granted and revoked, by object (first generation) or by database and collection
 * (second one), and groups of privileges.
 */
#include <string.h>

#include "milvus/milvus_internal.h"

static const char *const objects[] = {"Collection", "Global", "User"}; /* of enum auth_object */

bool milvus_grant_object(const char *name, enum auth_object *out)
{
    for (int i = 0; i < 3; i++) {
        if (strcmp(objects[i], name) != 0) continue;
        *out = (enum auth_object)i;
        return true;
    }
    return false;
}

static MilvusStatus *operate(struct milvus_call *call, struct grant *grant, bool revoke)
{
    struct kith_error err = {0};
    if (!grant->role || !*grant->role)
        return milvus_status(call, MILVUS_INVALID,
                             "the role entity in the request is nil: invalid parameter");
    if (!grant->privilege || !*grant->privilege)
        return milvus_status(call, MILVUS_INVALID,
                             "the privilege name in the request is empty: invalid parameter");
    if (strcmp(grant->privilege, "*") &&
        !auth_privilege_known(call->milvus->opts.auth, grant->privilege))
        return milvus_status(call, MILVUS_PLAIN, "not found the privilege name[%.100s]",
                             grant->privilege);
    grant->grantor = call->principal.name;
    const int rc = auth_grant(call->milvus->opts.auth, grant, revoke, &err);
    return rc ? milvus_auth_error(call, rc, &err) : NULL;
}

static const char *privilege_of(const WIRE(GrantorEntity) * grantor)
{
    return grantor && grantor->privilege ? grantor->privilege->name : NULL;
}

MILVUS_HANDLER(OperatePrivilege)
{
    const WIRE(OperatePrivilegeRequest) *in = request;
    const WIRE(GrantEntity) *entity = in->entity;
    struct grant grant = {.database = call->database};
    MilvusStatus *refusal;
    if (!entity || !entity->object || !milvus_grant_object(entity->object->name, &grant.object)) {
        refusal = milvus_status(call, MILVUS_PLAIN,
                                "not found the object type[name: %.100s], "
                                "supported the object types: [Collection, Global, User]",
                                entity && entity->object ? entity->object->name : "");
    } else {
        if (*entity->db_name) grant.database = entity->db_name;
        grant.role = entity->role ? entity->role->name : NULL;
        grant.object_name = *entity->object_name ? entity->object_name : "*";
        grant.privilege = privilege_of(entity->grantor);
        refusal = operate(call, &grant,
                          in->type == MILVUS__PROTO__MILVUS__OPERATE_PRIVILEGE_TYPE__Revoke);
    }
    milvus_finish(call, reply, refusal);
}

MILVUS_HANDLER(OperatePrivilegeV2)
{
    const WIRE(OperatePrivilegeV2Request) *in = request;
    struct grant grant = {.role = in->role ? in->role->name : NULL,
                          .object = AUTH_COLLECTION,
                          .object_name = *in->collection_name ? in->collection_name : "*",
                          .database = *in->db_name ? in->db_name : call->database,
                          .privilege = privilege_of(in->grantor)};
    milvus_finish(
        call, reply,
        operate(call, &grant, in->type == MILVUS__PROTO__MILVUS__OPERATE_PRIVILEGE_TYPE__Revoke));
}

/* ---- SelectGrant ---- */

WIRE(GrantEntity) * milvus_grant_entity(struct milvus_call *call, const struct grant *from)
{
    WIRE(GrantEntity) *out = milvus_message(call, &milvus__proto__milvus__grant_entity__descriptor);
    if (!out) return NULL;
    out->role = milvus_message(call, &milvus__proto__milvus__role_entity__descriptor);
    out->object = milvus_message(call, &milvus__proto__milvus__object_entity__descriptor);
    WIRE(GrantorEntity) *grantor =
        milvus_message(call, &milvus__proto__milvus__grantor_entity__descriptor);
    if (!out->role || !out->object || !grantor) return NULL;
    grantor->user = milvus_message(call, &milvus__proto__milvus__user_entity__descriptor);
    grantor->privilege = milvus_message(call, &milvus__proto__milvus__privilege_entity__descriptor);
    if (!grantor->user || !grantor->privilege) return NULL;
    out->role->name = milvus_text(from->role);
    out->object->name = milvus_text(objects[from->object]);
    out->object_name = milvus_text(from->object_name);
    out->db_name = milvus_text(from->database);
    grantor->user->name = milvus_text(from->grantor);
    grantor->privilege->name = milvus_text(from->privilege);
    out->grantor = grantor;
    return out;
}

static bool asked(const WIRE(GrantEntity) * filter, const struct grant *grant)
{
    const char *object = filter->object ? filter->object->name : "";
    if (*object && strcmp(object, objects[grant->object]) != 0) return false;
    if (*filter->object_name && strcmp(filter->object_name, grant->object_name) != 0) return false;
    return !*filter->db_name || strcmp(filter->db_name, "*") == 0 ||
           strcmp(grant->database, "*") == 0 || strcmp(filter->db_name, grant->database) == 0;
}

MILVUS_HANDLER(SelectGrant)
{
    const WIRE(SelectGrantRequest) *in = request;
    WIRE(SelectGrantResponse) *out = reply;
    struct kith_error err = {0};
    struct grant *grants = NULL;
    size_t count = 0;
    if (!in->entity || !in->entity->role || !*in->entity->role->name) {
        out->status = milvus_status(
            call, MILVUS_INVALID, "the role entity in the grant entity is nil: invalid parameter");
        return;
    }
    const int rc = auth_grants(call->milvus->opts.auth, in->entity->role->name, call->arena,
                               &grants, &count, &err);
    out->status = rc ? milvus_auth_error(call, rc, &err) : milvus_success(call);
    if (rc) return;
    out->entities = arena_alloc_array(call->arena, count + 1, sizeof *out->entities);
    for (size_t i = 0; out->entities && i < count; i++) {
        if (!asked(in->entity, &grants[i])) continue;
        WIRE(GrantEntity) *one = milvus_grant_entity(call, &grants[i]);
        if (one) out->entities[out->n_entities++] = one;
    }
}

/* ---- groups ---- */

static MilvusStatus *outcome(struct milvus_call *call, int rc, const struct kith_error *err)
{
    return rc ? milvus_auth_error(call, rc, err) : NULL;
}

MILVUS_HANDLER(CreatePrivilegeGroup)
{
    const WIRE(CreatePrivilegeGroupRequest) *in = request;
    struct kith_error err = {0};
    milvus_finish(
        call, reply,
        outcome(call, auth_group_create(call->milvus->opts.auth, in->group_name, &err), &err));
}

MILVUS_HANDLER(DropPrivilegeGroup)
{
    const WIRE(DropPrivilegeGroupRequest) *in = request;
    struct kith_error err = {0};
    milvus_finish(
        call, reply,
        outcome(call, auth_group_drop(call->milvus->opts.auth, in->group_name, &err), &err));
}

MILVUS_HANDLER(OperatePrivilegeGroup)
{
    const WIRE(OperatePrivilegeGroupRequest) *in = request;
    struct kith_error err = {0};
    const bool add = in->type ==
                     MILVUS__PROTO__MILVUS__OPERATE_PRIVILEGE_GROUP_TYPE__AddPrivilegesToGroup;
    const char **names = arena_alloc_array(call->arena, in->n_privileges + 1, sizeof *names);
    int rc = names ? 0 : KITH_ENOMEM;
    for (size_t i = 0; names && i < in->n_privileges; i++) names[i] = in->privileges[i]->name;
    if (rc == 0)
        rc = auth_group_change(call->milvus->opts.auth, in->group_name, names, in->n_privileges,
                               add, &err);
    milvus_finish(call, reply, outcome(call, rc, &err));
}

static WIRE(PrivilegeGroupInfo) * group_info(struct milvus_call *call, const char *name)
{
    struct kith_names privileges;
    WIRE(PrivilegeGroupInfo) *out =
        milvus_message(call, &milvus__proto__milvus__privilege_group_info__descriptor);
    if (!out || auth_group_privileges(call->milvus->opts.auth, name, &privileges, NULL))
        return NULL;
    out->group_name = milvus_strdup(call, name);
    out->privileges = arena_alloc_array(call->arena, privileges.count + 1, sizeof *out->privileges);
    for (size_t i = 0; out->privileges && i < privileges.count; i++) {
        WIRE(PrivilegeEntity) *one =
            milvus_message(call, &milvus__proto__milvus__privilege_entity__descriptor);
        if (!one) break;
        one->name = milvus_strdup(call, privileges.names[i]);
        out->privileges[out->n_privileges++] = one;
    }
    kith_names_free(&privileges);
    return out;
}

MILVUS_HANDLER(ListPrivilegeGroups)
{
    (void)request;
    WIRE(ListPrivilegeGroupsResponse) *out = reply;
    struct kith_names names;
    const int rc = auth_group_list(call->milvus->opts.auth, &names);
    out->status = rc ? milvus_error(call, rc, NULL) : milvus_success(call);
    if (rc) return;
    out->privilege_groups =
        arena_alloc_array(call->arena, names.count + 1, sizeof *out->privilege_groups);
    for (size_t i = 0; out->privilege_groups && i < names.count; i++) {
        WIRE(PrivilegeGroupInfo) *one = group_info(call, names.names[i]);
        if (one) out->privilege_groups[out->n_privilege_groups++] = one;
    }
    kith_names_free(&names);
}
