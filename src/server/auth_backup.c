/*
 * Users, roles, groups and grants as one value: taken out, and put into another database.
 *
 * What everybody has (the user root, the role admin) is not in it; of the role public there are its
 * grants. Passwords leave as what is stored of them, a salted derivation, written as text:
 *
 *     pbkdf2-sha256$ITERATIONS$SALT$HASH        salt and hash in lower-case hex
 *
 * so a backup lets nobody in, and yet has to be kept like one that did. Restoring is all or
 * nothing: every entry is made and checked first, then one commit writes them together. Names that
 * are there already are refused. New entries are kept sorted, so that a name is found, and its
 * double seen, in logarithmic time however large the value is.
 *
 * Threading: see auth.h. A restore holds the change lock from its look at the table to its commit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "server/auth_internal.h"

#define PASSWORD_SCHEME "pbkdf2-sha256$"
#define PASSWORD_TEXT_MAX 160u
#define BACKUP_GRANTS_MAX 65536u /* of all roles together */

static int no_memory(struct kith_error *err)
{
    return error_set(err, KITH_ENOMEM, "backup of users: no memory");
}

/* ---- passwords as text ---- */

static char *put_hex(char *out, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    return out;
}

static const char *password_text(struct arena *arena, const struct auth_password *password)
{
    char text[PASSWORD_TEXT_MAX];
    if (!password->iterations) return "";
    const int len = snprintf(text, sizeof text, PASSWORD_SCHEME "%u$", password->iterations);
    char *at = put_hex(text + len, password->salt, AUTH_SALT_BYTES);
    *at++ = '$';
    at = put_hex(at, password->hash, AUTH_HASH_BYTES);
    return arena_strndup(arena, text, (size_t)(at - text));
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Exactly len bytes, then `end`; NULL: not so. */
static const char *take_hex(const char *text, uint8_t *out, size_t len, char end)
{
    for (size_t i = 0; i < len; i++, text += 2) {
        const int high = hex_value(text[0]), low = high < 0 ? -1 : hex_value(text[1]);
        if (low < 0) return NULL;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return *text == end ? text + 1 : NULL;
}

static bool password_read(const char *text, struct auth_password *out)
{
    const size_t scheme = strlen(PASSWORD_SCHEME);
    uint64_t iterations = 0;
    if (strncmp(text, PASSWORD_SCHEME, scheme) != 0) return false;
    text += scheme;
    for (; *text >= '0' && *text <= '9' && iterations <= AUTH_ITERATIONS_MAX; text++)
        iterations = iterations * 10 + (uint64_t)(*text - '0');
    if (*text != '$' || iterations == 0 || iterations > AUTH_ITERATIONS_MAX) return false;
    out->iterations = (uint32_t)iterations;
    text = take_hex(text + 1, out->salt, AUTH_SALT_BYTES, '$');
    return text && take_hex(text, out->hash, AUTH_HASH_BYTES, 0);
}

/* ---- taking out ---- */

static bool names_copy(struct arena *arena, const struct auth_entry *entry,
                       struct auth_backup_entry *out)
{
    const char **names = arena_alloc_array(arena, entry->name_count + 1, sizeof *names);
    if (!names) return false;
    for (; out->name_count < entry->name_count; out->name_count++) {
        const char *name = entry->names[out->name_count];
        names[out->name_count] = arena_strndup(arena, name, strlen(name));
        if (!names[out->name_count]) return false;
    }
    out->names = names;
    return true;
}

static bool entry_copy(struct arena *arena, const struct auth_entry *entry,
                       struct auth_backup_entry *out)
{
    *out = (struct auth_backup_entry){ .password = "" };
    out->name = arena_strndup(arena, entry->name, strlen(entry->name));
    out->description = arena_strndup(arena, entry->description, strlen(entry->description));
    if (entry->kind == AUTH_KIND_USER) out->password = password_text(arena, &entry->password);
    return out->name && out->description && out->password && names_copy(arena, entry, out);
}

static bool list_copy(struct arena *arena, const struct auth_list *list,
                      struct auth_backup_list *out)
{
    out->entries = arena_alloc_array(arena, list->count + 1, sizeof *out->entries);
    for (size_t i = 0; out->entries && i < list->count; i++) {
        const struct auth_entry *entry = list->entries[i];
        if (auth_is_builtin(entry->kind, entry->name)) continue;
        if (!entry_copy(arena, entry, &out->entries[out->count])) return false;
        out->count++;
    }
    return out->entries != NULL;
}

static bool grants_copy(struct arena *arena, const struct auth_list *roles,
                        struct auth_backup *out)
{
    size_t count = 0;
    for (size_t i = 0; i < roles->count; i++) count += roles->entries[i]->grant_count;
    out->grants = arena_alloc_array(arena, count + 1, sizeof *out->grants);
    for (size_t i = 0; out->grants && i < roles->count; i++)
        for (size_t j = 0; j < roles->entries[i]->grant_count; j++)
            if (!auth_grant_copy(arena, &roles->entries[i]->grants[j],
                                 &out->grants[out->grant_count++]))
                return false;
    return out->grants != NULL;
}

int auth_backup(struct auth *auth, struct arena *arena, struct auth_backup *out,
                struct kith_error *err)
{
    struct auth_data *data = auth_data_ref(auth);
    struct auth_backup made = { .grant_count = 0 };
    const bool ok = list_copy(arena, &data->lists[AUTH_KIND_USER], &made.users) &&
                    list_copy(arena, &data->lists[AUTH_KIND_ROLE], &made.roles) &&
                    list_copy(arena, &data->lists[AUTH_KIND_GROUP], &made.groups) &&
                    grants_copy(arena, &data->lists[AUTH_KIND_ROLE], &made);
    auth_data_unref(data);
    if (!ok) return no_memory(err);
    *out = made;
    return 0;
}

/* ---- putting in ---- */

struct restore {
    struct auth *auth;
    struct auth_change *changes; /* owns; sorted by kind and name once all entries are made */
    size_t count;
    struct kith_error *err;
};

static int compare_change(const void *a, const void *b)
{
    const struct auth_change *left = a, *right = b;
    if (left->kind != right->kind) return left->kind < right->kind ? -1 : 1;
    return strcmp(left->name, right->name);
}

static struct auth_entry *made(const struct restore *restore, enum auth_kind kind,
                               const char *name)
{
    const struct auth_change wanted = { .kind = kind, .name = name };
    const struct auth_change *found =
        bsearch(&wanted, restore->changes, restore->count, sizeof wanted, compare_change);
    return found ? found->entry : NULL;
}

static bool exists(const struct restore *restore, enum auth_kind kind, const char *name)
{
    return made(restore, kind, name) || auth_find(restore->auth->data, kind, name);
}

static int make_entry(struct restore *restore, enum auth_kind kind,
                      const struct auth_backup_entry *from)
{
    static const char *const words[AUTH_KINDS] = { "username", "role name",
                                                   "privilege group name" };
    int rc = auth_check_name(from->name, words[kind], restore->err);
    if (rc) return rc;
    struct auth_password password = { .iterations = 0 };
    if (kind == AUTH_KIND_USER && !password_read(from->password, &password))
        return error_set(restore->err, KITH_EINVAL,
                         "the password of user [%s] is not in a form that can be restored",
                         from->name);
    struct auth_entry *entry = auth_entry_new(restore->auth, kind, from->name);
    if (!entry) return no_memory(restore->err);
    entry->password = password;
    entry->description =
        arena_strndup(&entry->arena, from->description, strlen(from->description));
    restore->changes[restore->count++] = (struct auth_change){ kind, entry->name, entry };
    return entry->description ? 0 : no_memory(restore->err);
}

static int make_entries(struct restore *restore, enum auth_kind kind,
                        const struct auth_backup_list *list)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < list->count; i++)
        rc = make_entry(restore, kind, &list->entries[i]);
    return rc;
}

/* The role public, to which grants may be added. */
static int make_public(struct restore *restore)
{
    const struct auth_entry *now = auth_find(restore->auth->data, AUTH_KIND_ROLE, AUTH_PUBLIC);
    struct auth_entry *entry = auth_entry_copy(restore->auth, now);
    if (!entry) return no_memory(restore->err);
    restore->changes[restore->count++] =
        (struct auth_change){ AUTH_KIND_ROLE, entry->name, entry };
    return 0;
}

static int check_new(const struct restore *restore)
{
    static const char *const words[AUTH_KINDS] = { "user", "role", "privilege group" };
    for (size_t i = 0; i < restore->count; i++) {
        const struct auth_change *change = &restore->changes[i];
        const bool twice = i > 0 && compare_change(change - 1, change) == 0;
        const bool shared = change->kind == AUTH_KIND_ROLE &&
                            strcmp(change->name, AUTH_PUBLIC) == 0;
        if (twice || (!shared && auth_find(restore->auth->data, change->kind, change->name)) ||
            (change->kind == AUTH_KIND_GROUP && auth_privilege_object(change->name) >= 0))
            return error_set(restore->err, KITH_EEXISTS, "%s [%s] already exists",
                             words[change->kind], change->name);
    }
    return 0;
}

/* Roles of users, privileges of groups. */
static int put_names(struct restore *restore, enum auth_kind kind,
                     const struct auth_backup_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct auth_backup_entry *from = &list->entries[i];
        struct auth_entry *entry = made(restore, kind, from->name);
        for (size_t j = 0; j < from->name_count; j++) {
            const bool known = kind == AUTH_KIND_USER
                                   ? exists(restore, AUTH_KIND_ROLE, from->names[j])
                                   : auth_privilege_object(from->names[j]) >= 0;
            if (!known)
                return error_set(restore->err, KITH_ENOTFOUND, "[%s] has [%s], which is not there",
                                 from->name, from->names[j]);
            if (auth_entry_name(entry, from->names[j], true)) continue;
            if (entry->name_count < AUTH_NAMES_MAX) return no_memory(restore->err);
            return error_set(restore->err, KITH_ELIMIT, "[%s] has more than %u names", from->name,
                             AUTH_NAMES_MAX);
        }
    }
    return 0;
}

static int put_grant(struct restore *restore, const struct grant *from)
{
    struct grant grant = *from;
    const int object = auth_privilege_object(grant.privilege);
    struct auth_entry *role = made(restore, AUTH_KIND_ROLE, grant.role);
    if (object >= 0) grant.object = (enum auth_object)object;
    if (!role)
        return error_set(restore->err, KITH_ENOTFOUND,
                         "a grant is of role [%s], which is not in the backup", grant.role);
    if (object < 0 && strcmp(grant.privilege, "*") != 0 &&
        !exists(restore, AUTH_KIND_GROUP, grant.privilege))
        return error_set(restore->err, KITH_EINVAL, "not found the privilege name[%s]",
                         grant.privilege);
    if (strlen(grant.object_name) > 255 || strlen(grant.database) > 255)
        return error_set(restore->err, KITH_EINVAL, "the name of the object is too long");
    if (auth_entry_grant(role, &grant)) return 0;
    if (role->grant_count < AUTH_GRANTS_MAX) return no_memory(restore->err);
    return error_set(restore->err, KITH_ELIMIT, "a role has at most %u grants", AUTH_GRANTS_MAX);
}

static int fill(struct restore *restore, const struct auth_backup *from)
{
    int rc = make_entries(restore, AUTH_KIND_USER, &from->users);
    if (rc == 0) rc = make_entries(restore, AUTH_KIND_ROLE, &from->roles);
    if (rc == 0) rc = make_entries(restore, AUTH_KIND_GROUP, &from->groups);
    if (rc == 0) rc = make_public(restore);
    qsort(restore->changes, restore->count, sizeof *restore->changes, compare_change);
    if (rc == 0) rc = check_new(restore);
    if (rc == 0) rc = put_names(restore, AUTH_KIND_USER, &from->users);
    if (rc == 0) rc = put_names(restore, AUTH_KIND_GROUP, &from->groups);
    for (size_t i = 0; rc == 0 && i < from->grant_count; i++)
        rc = put_grant(restore, &from->grants[i]);
    return rc;
}

int auth_restore(struct auth *auth, const struct auth_backup *from, struct kith_error *err)
{
    struct restore restore = { .auth = auth, .err = err };
    if (from->users.count > AUTH_ENTRIES_MAX || from->roles.count > AUTH_ENTRIES_MAX ||
        from->groups.count > AUTH_ENTRIES_MAX || from->grant_count > BACKUP_GRANTS_MAX)
        return error_set(err, KITH_ELIMIT, "a backup has at most %u users, roles and groups each, "
                                           "and %u grants",
                         AUTH_ENTRIES_MAX, BACKUP_GRANTS_MAX);
    const size_t count = from->users.count + from->roles.count + from->groups.count;
    restore.changes = mem_alloc_array(count + 1, sizeof *restore.changes);
    if (!restore.changes) return no_memory(err);
    os_mutex_lock(&auth->change_lock);
    int rc = fill(&restore, from);
    if (rc == 0) rc = auth_commit(auth, restore.changes, restore.count, err);
    else for (size_t i = 0; i < restore.count; i++) auth_entry_unref(restore.changes[i].entry);
    os_mutex_unlock(&auth->change_lock);
    mem_free(restore.changes);
    return rc;
}
