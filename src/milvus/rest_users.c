/*
 * The routes below "databases", "users", "roles" and "privilege_groups".
 */
#include <string.h>

#include "milvus/rest.h"

static void *message(struct rest *rest, const ProtobufCMessageDescriptor *type)
{
    ProtobufCMessage *made = rest_array(rest, 1, type->sizeof_message);
    if (made) protobuf_c_message_init(type, made);
    return made;
}

/* ---- databases ---- */

REST_HANDLER(databases_list)
{
    const Milvus__Proto__Milvus__ListDatabasesResponse *reply =
        rest_run(rest, "ListDatabases", rest_request(rest, "ListDatabases"));
    if (!reply) return;
    rest_key(rest->out, "data");
    rest_names(rest->out, reply->db_names, reply->n_db_names);
}

REST_HANDLER(databases_create)
{
    Milvus__Proto__Milvus__CreateDatabaseRequest *request = rest_request(rest, "CreateDatabase");
    if (!request) return;
    request->properties =
        rest_value_pairs(rest, &rest->body.at[REST_PROPERTIES], &request->n_properties);
    (void)rest_run(rest, "CreateDatabase", request);
}

REST_HANDLER(databases_describe)
{
    const Milvus__Proto__Milvus__DescribeDatabaseResponse *reply =
        rest_run(rest, "DescribeDatabase", rest_request(rest, "DescribeDatabase"));
    if (!reply) return;
    rest_raw(rest->out, ",\"data\":{");
    rest_add_text(rest->out, "dbName", reply->db_name);
    rest_add_int(rest->out, "dbID", reply->dbid);
    rest_key(rest->out, "properties");
    rest_pairs(rest->out, reply->properties, reply->n_properties);
    rest_raw(rest->out, "}");
}

/* ---- users ---- */

/* Passwords travel as base64 in the messages. */
static char *encoded(struct rest *rest, enum rest_key key)
{
    const char *text = rest_text(rest, &rest->body, key);
    struct buffer out;
    buffer_init(&out);
    rest_base64(&out, (const uint8_t *)text, strlen(text));
    char *copy = buffer_failed(&out)
                     ? NULL
                     : arena_strndup(rest->call.arena, (const char *)out.data + 1, out.len - 2);
    buffer_release(&out);
    if (!copy) rest_no_memory(rest);
    return copy ? copy : (char *)(uintptr_t)"";
}

REST_HANDLER(users_list)
{
    const Milvus__Proto__Milvus__ListCredUsersResponse *reply =
        rest_run(rest, "ListCredUsers", rest_request(rest, "ListCredUsers"));
    if (!reply) return;
    rest_key(rest->out, "data");
    rest_names(rest->out, reply->usernames, reply->n_usernames);
}

REST_HANDLER(users_create)
{
    Milvus__Proto__Milvus__CreateCredentialRequest *request =
        rest_request(rest, "CreateCredential");
    if (!request) return;
    request->password = encoded(rest, REST_PASSWORD);
    (void)rest_run(rest, "CreateCredential", request);
}

REST_HANDLER(users_password)
{
    Milvus__Proto__Milvus__UpdateCredentialRequest *request =
        rest_request(rest, "UpdateCredential");
    if (!request) return;
    request->oldpassword = encoded(rest, REST_PASSWORD);
    request->newpassword = encoded(rest, REST_NEW_PASSWORD);
    (void)rest_run(rest, "UpdateCredential", request);
}

REST_HANDLER(users_describe)
{
    Milvus__Proto__Milvus__SelectUserRequest *request = rest_request(rest, "SelectUser");
    Milvus__Proto__Milvus__UserEntity *user =
        message(rest, &milvus__proto__milvus__user_entity__descriptor);
    if (!request || !user) return;
    user->name = rest_text(rest, &rest->body, REST_USER_NAME);
    request->user = user;
    request->include_role_info = true;
    const Milvus__Proto__Milvus__SelectUserResponse *reply = rest_run(rest, "SelectUser", request);
    if (!reply) return;
    rest_raw(rest->out, ",\"data\":[");
    for (size_t i = 0; i < reply->n_results; i++) {
        for (size_t j = 0; j < reply->results[i]->n_roles; j++) {
            const char *name = reply->results[i]->roles[j]->name;
            rest_comma(rest->out);
            json_write_string(rest->out, name, strlen(name));
        }
    }
    rest_raw(rest->out, "]");
}

static void change_member(struct rest *rest, Milvus__Proto__Milvus__OperateUserRoleType type)
{
    Milvus__Proto__Milvus__OperateUserRoleRequest *request = rest_request(rest, "OperateUserRole");
    if (request) request->type = type;
    (void)rest_run(rest, "OperateUserRole", request);
}

REST_HANDLER(users_grant)
{
    change_member(rest, MILVUS__PROTO__MILVUS__OPERATE_USER_ROLE_TYPE__AddUserToRole);
}

REST_HANDLER(users_revoke)
{
    change_member(rest, MILVUS__PROTO__MILVUS__OPERATE_USER_ROLE_TYPE__RemoveUserFromRole);
}

/* ---- roles ---- */

static Milvus__Proto__Milvus__RoleEntity *role_of(struct rest *rest)
{
    Milvus__Proto__Milvus__RoleEntity *role =
        message(rest, &milvus__proto__milvus__role_entity__descriptor);
    if (role) role->name = rest_text(rest, &rest->body, REST_ROLE_NAME);
    return role;
}

REST_HANDLER(roles_list)
{
    const Milvus__Proto__Milvus__SelectRoleResponse *reply =
        rest_run(rest, "SelectRole", rest_request(rest, "SelectRole"));
    if (!reply) return;
    rest_raw(rest->out, ",\"data\":[");
    for (size_t i = 0; i < reply->n_results; i++) {
        const char *name = reply->results[i]->role ? reply->results[i]->role->name : "";
        rest_comma(rest->out);
        json_write_string(rest->out, name, strlen(name));
    }
    rest_raw(rest->out, "]");
}

REST_HANDLER(roles_create)
{
    Milvus__Proto__Milvus__CreateRoleRequest *request = rest_request(rest, "CreateRole");
    if (request) {
        request->entity = role_of(rest);
        if (request->entity)
            request->entity->description = rest_text(rest, &rest->body, REST_DESCRIPTION);
    }
    (void)rest_run(rest, "CreateRole", request);
}

static void put_grant(struct buffer *out, const Milvus__Proto__Milvus__GrantEntity *grant)
{
    const Milvus__Proto__Milvus__GrantorEntity *grantor = grant->grantor;
    rest_comma(out);
    rest_raw(out, "{");
    rest_add_text(out, "objectType", grant->object ? grant->object->name : "");
    rest_add_text(out, "objectName", grant->object_name);
    rest_add_text(out, "privilege",
                  grantor && grantor->privilege ? grantor->privilege->name : "");
    rest_add_text(out, "dbName", grant->db_name);
    rest_add_text(out, "grantor", grantor && grantor->user ? grantor->user->name : "");
    rest_raw(out, "}");
}

REST_HANDLER(roles_describe)
{
    Milvus__Proto__Milvus__SelectGrantRequest *request = rest_request(rest, "SelectGrant");
    Milvus__Proto__Milvus__GrantEntity *grant =
        message(rest, &milvus__proto__milvus__grant_entity__descriptor);
    if (!request || !grant) return;
    grant->role = role_of(rest);
    grant->db_name = milvus_strdup(&rest->call, rest->call.database);
    request->entity = grant;
    const Milvus__Proto__Milvus__SelectGrantResponse *reply =
        rest_run(rest, "SelectGrant", request);
    if (!reply) return;
    rest_raw(rest->out, ",\"data\":[");
    for (size_t i = 0; i < reply->n_entities; i++) put_grant(rest->out, reply->entities[i]);
    rest_raw(rest->out, "]");
}

static Milvus__Proto__Milvus__GrantorEntity *grantor_of(struct rest *rest)
{
    Milvus__Proto__Milvus__GrantorEntity *grantor =
        message(rest, &milvus__proto__milvus__grantor_entity__descriptor);
    Milvus__Proto__Milvus__PrivilegeEntity *privilege =
        message(rest, &milvus__proto__milvus__privilege_entity__descriptor);
    Milvus__Proto__Milvus__UserEntity *user =
        message(rest, &milvus__proto__milvus__user_entity__descriptor);
    if (!grantor || !privilege || !user) return NULL;
    privilege->name = rest_text(rest, &rest->body, REST_PRIVILEGE);
    user->name = milvus_strdup(&rest->call, rest->call.principal.name);
    grantor->privilege = privilege;
    grantor->user = user;
    return grantor;
}

static void change_grant(struct rest *rest, Milvus__Proto__Milvus__OperatePrivilegeType type)
{
    Milvus__Proto__Milvus__OperatePrivilegeRequest *request =
        rest_request(rest, "OperatePrivilege");
    Milvus__Proto__Milvus__GrantEntity *grant =
        message(rest, &milvus__proto__milvus__grant_entity__descriptor);
    Milvus__Proto__Milvus__ObjectEntity *object =
        message(rest, &milvus__proto__milvus__object_entity__descriptor);
    if (!request || !grant || !object) return;
    object->name = rest_text(rest, &rest->body, REST_OBJECT_TYPE);
    grant->role = role_of(rest);
    grant->object = object;
    grant->object_name = rest_text(rest, &rest->body, REST_OBJECT_NAME);
    grant->grantor = grantor_of(rest);
    grant->db_name = milvus_strdup(&rest->call, rest->call.database);
    request->entity = grant;
    request->type = type;
    (void)rest_run(rest, "OperatePrivilege", request);
}

REST_HANDLER(roles_grant)
{
    change_grant(rest, MILVUS__PROTO__MILVUS__OPERATE_PRIVILEGE_TYPE__Grant);
}

REST_HANDLER(roles_revoke)
{
    change_grant(rest, MILVUS__PROTO__MILVUS__OPERATE_PRIVILEGE_TYPE__Revoke);
}

static void change_grant_v2(struct rest *rest, Milvus__Proto__Milvus__OperatePrivilegeType type)
{
    Milvus__Proto__Milvus__OperatePrivilegeV2Request *request =
        rest_request(rest, "OperatePrivilegeV2");
    if (request) {
        request->role = role_of(rest);
        request->grantor = grantor_of(rest);
        request->type = type;
    }
    (void)rest_run(rest, "OperatePrivilegeV2", request);
}

REST_HANDLER(roles_grant_v2)
{
    change_grant_v2(rest, MILVUS__PROTO__MILVUS__OPERATE_PRIVILEGE_TYPE__Grant);
}

REST_HANDLER(roles_revoke_v2)
{
    change_grant_v2(rest, MILVUS__PROTO__MILVUS__OPERATE_PRIVILEGE_TYPE__Revoke);
}

/* ---- privilege groups ---- */

REST_HANDLER(groups_list)
{
    const Milvus__Proto__Milvus__ListPrivilegeGroupsResponse *reply =
        rest_run(rest, "ListPrivilegeGroups", rest_request(rest, "ListPrivilegeGroups"));
    if (!reply) return;
    struct buffer *out = rest->out;
    rest_raw(out, ",\"data\":{\"privilegeGroups\":[");
    for (size_t i = 0; i < reply->n_privilege_groups; i++) {
        const Milvus__Proto__Milvus__PrivilegeGroupInfo *group = reply->privilege_groups[i];
        rest_comma(out);
        rest_raw(out, "{");
        rest_add_text(out, "privilegeGroupName", group->group_name);
        rest_key(out, "privileges");
        rest_raw(out, "\"");
        for (size_t j = 0; j < group->n_privileges; j++) { /* names of letters and digits */
            if (j) rest_raw(out, ",");
            rest_raw(out, group->privileges[j]->name);
        }
        rest_raw(out, "\"}");
    }
    rest_raw(out, "]}");
}

static void change_group(struct rest *rest, Milvus__Proto__Milvus__OperatePrivilegeGroupType type)
{
    Milvus__Proto__Milvus__OperatePrivilegeGroupRequest *request =
        rest_request(rest, "OperatePrivilegeGroup");
    size_t count;
    char **names = rest_value_texts(rest, &rest->body.at[REST_PRIVILEGES], &count);
    if (!request || !names) return;
    request->privileges = rest_array(rest, count, sizeof *request->privileges);
    for (size_t i = 0; i < count && request->privileges; i++) {
        Milvus__Proto__Milvus__PrivilegeEntity *one =
            message(rest, &milvus__proto__milvus__privilege_entity__descriptor);
        if (!one) return;
        one->name = names[i];
        request->privileges[request->n_privileges++] = one;
    }
    request->type = type;
    (void)rest_run(rest, "OperatePrivilegeGroup", request);
}

REST_HANDLER(groups_add)
{
    change_group(rest,
                 MILVUS__PROTO__MILVUS__OPERATE_PRIVILEGE_GROUP_TYPE__AddPrivilegesToGroup);
}

REST_HANDLER(groups_remove)
{
    change_group(rest,
                 MILVUS__PROTO__MILVUS__OPERATE_PRIVILEGE_GROUP_TYPE__RemovePrivilegesFromGroup);
}
