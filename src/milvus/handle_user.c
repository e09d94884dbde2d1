/*
 * Users and roles, over server/auth.h. Passwords come as base64 of the clear text.
 */
#include <string.h>

#include "milvus/milvus_internal.h"

MilvusStatus *milvus_auth_error(struct milvus_call *call, int rc, const struct kith_error *err)
{
    switch (rc) {
    case KITH_EEXISTS:
    case KITH_ENOTFOUND: return milvus_status(call, MILVUS_PLAIN, "%s", err->text);
    case KITH_EUNSUPPORTED: return milvus_status(call, MILVUS_NOT_PERMITTED, "%s", err->text);
    case KITH_ELOCKED: return milvus_status(call, MILVUS_NOT_AUTHENTICATED, "%s", err->text);
    case KITH_EINVAL: return milvus_status(call, MILVUS_INVALID, "%s", err->text);
    default: return milvus_error(call, rc, err);
    }
}

static MilvusStatus *outcome(struct milvus_call *call, int rc, const struct kith_error *err)
{
    return rc ? milvus_auth_error(call, rc, err) : NULL;
}

static unsigned digit_of(char c)
{
    if (c >= 'A' && c <= 'Z') return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z') return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9') return (unsigned)(c - '0') + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : 64;
}

/* Into the arena. false: not base64, or no memory. */
static bool decode(struct milvus_call *call, const char *text, struct kith_str *out)
{
    size_t len = strlen(text), made = 0;
    char *bytes = arena_alloc(call->arena, len / 4 * 3 + 4);
    uint32_t group = 0;
    unsigned bits = 0;
    while (len > 0 && text[len - 1] == '=') len--;
    if (!bytes) return false;
    for (size_t i = 0; i < len; i++) {
        const unsigned digit = digit_of(text[i]);
        if (digit == 64) return false;
        group = (group << 6) | digit;
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        bytes[made++] = (char)(group >> bits & 0xff);
    }
    *out = (struct kith_str){bytes, made};
    return true;
}

static MilvusStatus *bad_password(struct milvus_call *call)
{
    return milvus_status(call, MILVUS_INVALID, "decode password failed: invalid parameter");
}

MILVUS_HANDLER(CreateCredential)
{
    const WIRE(CreateCredentialRequest) *in = request;
    struct kith_error err = {0};
    struct kith_str password;
    const char *description =
        in->description_given_case ==
                MILVUS__PROTO__MILVUS__CREATE_CREDENTIAL_REQUEST__DESCRIPTION_GIVEN_DESCRIPTION
            ? in->description
            : "";
    milvus_finish(call, reply,
                  decode(call, in->password, &password)
                      ? outcome(call,
                                auth_user_create(call->milvus->opts.auth, in->username, password,
                                                 description, &err),
                                &err)
                      : bad_password(call));
}

MILVUS_HANDLER(UpdateCredential)
{
    const WIRE(UpdateCredentialRequest) *in = request;
    struct kith_error err = {0};
    struct kith_str old, fresh;
    MilvusStatus *refusal = NULL;
    if (!decode(call, in->oldpassword, &old) || !decode(call, in->newpassword, &fresh))
        refusal = bad_password(call);
    else
        refusal = outcome(
            call, auth_user_password(call->milvus->opts.auth, in->username, old, fresh, true, &err),
            &err);
    milvus_finish(call, reply, refusal);
}

MILVUS_HANDLER(DeleteCredential)
{
    const WIRE(DeleteCredentialRequest) *in = request;
    struct kith_error err = {0};
    milvus_finish(call, reply,
                  outcome(call, auth_user_drop(call->milvus->opts.auth, in->username, &err), &err));
}

static char **copy_names(struct milvus_call *call, const struct kith_names *names)
{
    char **copy = arena_alloc_array(call->arena, names->count + 1, sizeof *copy);
    for (size_t i = 0; copy && i < names->count; i++)
        copy[i] = milvus_strdup(call, names->names[i]);
    return copy;
}

MILVUS_HANDLER(ListCredUsers)
{
    (void)request;
    WIRE(ListCredUsersResponse) *out = reply;
    struct kith_names names;
    const int rc = auth_user_list(call->milvus->opts.auth, &names);
    out->status = rc ? milvus_error(call, rc, NULL) : milvus_success(call);
    if (rc) return;
    if ((out->usernames = copy_names(call, &names))) out->n_usernames = names.count;
    kith_names_free(&names);
}

/* ---- roles ---- */

MILVUS_HANDLER(CreateRole)
{
    const WIRE(CreateRoleRequest) *in = request;
    struct kith_error err = {0};
    const char *name = in->entity ? in->entity->name : "";
    const char *description = in->entity ? in->entity->description : "";
    milvus_finish(
        call, reply,
        outcome(call, auth_role_create(call->milvus->opts.auth, name, description, &err), &err));
}

/* Descriptions of roles are not shown by anything, so a new one only needs its role. */
MILVUS_HANDLER(AlterRole)
{
    const WIRE(AlterRoleRequest) *in = request;
    struct kith_error err = {0};
    struct kith_names users = {0};
    const int rc = auth_role_users(call->milvus->opts.auth, in->role_name, &users, &err);
    if (rc == 0) kith_names_free(&users);
    milvus_finish(call, reply, outcome(call, rc, &err));
}

MILVUS_HANDLER(DropRole)
{
    const WIRE(DropRoleRequest) *in = request;
    struct kith_error err = {0};
    milvus_finish(
        call, reply,
        outcome(call, auth_role_drop(call->milvus->opts.auth, in->role_name, in->force_drop, &err),
                &err));
}

MILVUS_HANDLER(OperateUserRole)
{
    const WIRE(OperateUserRoleRequest) *in = request;
    struct kith_error err = {0};
    const bool add = in->type == MILVUS__PROTO__MILVUS__OPERATE_USER_ROLE_TYPE__AddUserToRole;
    milvus_finish(
        call, reply,
        outcome(call,
                auth_role_member(call->milvus->opts.auth, in->username, in->role_name, add, &err),
                &err));
}

static WIRE(RoleEntity) * role_entity(struct milvus_call *call, const char *name)
{
    WIRE(RoleEntity) *role = milvus_message(call, &milvus__proto__milvus__role_entity__descriptor);
    if (role) role->name = milvus_strdup(call, name);
    return role;
}

static WIRE(UserEntity) * user_entity(struct milvus_call *call, const char *name)
{
    WIRE(UserEntity) *user = milvus_message(call, &milvus__proto__milvus__user_entity__descriptor);
    if (user) user->name = milvus_strdup(call, name);
    return user;
}

/* NULL with a refusal. */
static WIRE(RoleResult) *
    role_result(struct milvus_call *call, const char *name, bool with_users, MilvusStatus **refusal)
{
    struct kith_names users;
    struct kith_error err = {0};
    WIRE(RoleResult) *out = milvus_message(call, &milvus__proto__milvus__role_result__descriptor);
    const int rc = auth_role_users(call->milvus->opts.auth, name, &users, &err);
    *refusal = rc ? milvus_auth_error(call, rc, &err) : NULL;
    if (rc) return NULL;
    if (out && (out->role = role_entity(call, name)) &&
        (out->users = arena_alloc_array(call->arena, users.count + 1, sizeof *out->users)))
        for (size_t i = 0; with_users && i < users.count; i++)
            if ((out->users[out->n_users] = user_entity(call, users.names[i]))) out->n_users++;
    kith_names_free(&users);
    return out;
}

MILVUS_HANDLER(SelectRole)
{
    const WIRE(SelectRoleRequest) *in = request;
    WIRE(SelectRoleResponse) *out = reply;
    struct kith_names names;
    char *wanted = in->role ? in->role->name : milvus_text("");
    const bool all = !*wanted;
    int rc = all ? auth_role_list(call->milvus->opts.auth, &names) : 0;
    if (!all) names = (struct kith_names){1, &wanted};
    MilvusStatus *refusal = rc ? milvus_error(call, rc, NULL) : NULL;
    if (!refusal)
        out->results = arena_alloc_array(call->arena, names.count + 1, sizeof *out->results);
    for (size_t i = 0; !refusal && out->results && i < names.count; i++) {
        WIRE(RoleResult) *one = role_result(call, names.names[i], in->include_user_info, &refusal);
        if (one) out->results[out->n_results++] = one;
    }
    if (all && rc == 0) kith_names_free(&names);
    out->status = refusal ? refusal : milvus_success(call);
}

static WIRE(UserResult) *
    user_result(struct milvus_call *call, const char *name, bool with_roles, MilvusStatus **refusal)
{
    struct kith_names roles;
    struct kith_error err = {0};
    WIRE(UserResult) *out = milvus_message(call, &milvus__proto__milvus__user_result__descriptor);
    const int rc = auth_user_roles(call->milvus->opts.auth, name, &roles, &err);
    *refusal = rc ? milvus_auth_error(call, rc, &err) : NULL;
    if (rc) return NULL;
    if (out && (out->user = user_entity(call, name)) &&
        (out->roles = arena_alloc_array(call->arena, roles.count + 1, sizeof *out->roles)))
        for (size_t i = 0; with_roles && i < roles.count; i++)
            if ((out->roles[out->n_roles] = role_entity(call, roles.names[i]))) out->n_roles++;
    kith_names_free(&roles);
    return out;
}

MILVUS_HANDLER(SelectUser)
{
    const WIRE(SelectUserRequest) *in = request;
    WIRE(SelectUserResponse) *out = reply;
    struct kith_names names;
    char *wanted = in->user ? in->user->name : milvus_text("");
    const bool all = !*wanted;
    int rc = all ? auth_user_list(call->milvus->opts.auth, &names) : 0;
    if (!all) names = (struct kith_names){1, &wanted};
    MilvusStatus *refusal = rc ? milvus_error(call, rc, NULL) : NULL;
    if (!refusal)
        out->results = arena_alloc_array(call->arena, names.count + 1, sizeof *out->results);
    for (size_t i = 0; !refusal && out->results && i < names.count; i++) {
        WIRE(UserResult) *one = user_result(call, names.names[i], in->include_role_info, &refusal);
        if (one) out->results[out->n_results++] = one;
    }
    if (all && rc == 0) kith_names_free(&names);
    out->status = refusal ? refusal : milvus_success(call);
}
