/*
 * Entries and tables of users, roles and groups: see auth_internal.h.
 *
 * What everybody has (the user root, the roles admin and public) is in the table from the start and
 * is stored only once it was changed.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "server/auth_internal.h"

static const char *const prefixes[AUTH_KINDS] = { "auth/user/", "auth/role/", "auth/group/" };

/* ---- entries ---- */

struct auth_entry *auth_entry_new(struct auth *auth, enum auth_kind kind, const char *name)
{
    struct auth_entry *entry = mem_zalloc(sizeof *entry);
    if (!entry) return NULL;
    atomic_init(&entry->refs, 1);
    arena_init(&entry->arena);
    entry->kind = kind;
    entry->serial = ++auth->next_serial;
    entry->description = "";
    entry->name = arena_strndup(&entry->arena, name, strlen(name));
    if (entry->name) return entry;
    auth_entry_unref(entry);
    return NULL;
}

void auth_entry_unref(struct auth_entry *entry)
{
    if (!entry || atomic_fetch_sub(&entry->refs, 1) != 1) return;
    arena_release(&entry->arena);
    mem_free(entry);
}

/* By way of its bytes: one description of what an entry is. */
struct auth_entry *auth_entry_copy(struct auth *auth, const struct auth_entry *from)
{
    struct buffer bytes;
    buffer_init(&bytes);
    struct auth_entry *entry = auth_entry_new(auth, from->kind, from->name);
    auth_encode(from, &bytes);
    if (entry && (buffer_failed(&bytes) || auth_decode(entry, bytes.data, bytes.len))) {
        auth_entry_unref(entry);
        entry = NULL;
    }
    buffer_release(&bytes);
    return entry;
}

static size_t place_of(const struct auth_entry *entry, const char *name, bool *there)
{
    size_t at = 0;
    int order = 1;
    while (at < entry->name_count && (order = strcmp(entry->names[at], name)) < 0) at++;
    *there = at < entry->name_count && order == 0;
    return at;
}

bool auth_entry_has(const struct auth_entry *entry, const char *name)
{
    bool there;
    (void)place_of(entry, name, &there);
    return there;
}

bool auth_entry_name(struct auth_entry *entry, const char *name, bool add)
{
    bool there;
    const size_t at = place_of(entry, name, &there);
    if (there == add) return true;
    if (!add) {
        entry->name_count--;
        for (size_t i = at; i < entry->name_count; i++) entry->names[i] = entry->names[i + 1];
        return true;
    }
    if (entry->name_count == AUTH_NAMES_MAX) return false;
    const char **grown =
        arena_alloc_array(&entry->arena, entry->name_count + 1, sizeof *grown);
    char *copy = arena_strndup(&entry->arena, name, strlen(name));
    if (!grown || !copy) return false;
    for (size_t i = 0; i < at; i++) grown[i] = entry->names[i];
    grown[at] = copy;
    for (size_t i = at; i < entry->name_count; i++) grown[i + 1] = entry->names[i];
    entry->names = grown;
    entry->name_count++;
    return true;
}

/* ---- tables ---- */

static void list_release(struct auth_list *list)
{
    for (size_t i = 0; i < list->count; i++) auth_entry_unref(list->entries[i]);
    mem_free(list->entries);
    *list = (struct auth_list){ .count = 0 };
}

void auth_data_unref(struct auth_data *data)
{
    if (!data || atomic_fetch_sub(&data->refs, 1) != 1) return;
    for (int kind = 0; kind < AUTH_KINDS; kind++) list_release(&data->lists[kind]);
    mem_free(data);
}

struct auth_data *auth_data_ref(struct auth *auth)
{
    os_mutex_lock(&auth->data_lock);
    struct auth_data *data = auth->data;
    atomic_fetch_add(&data->refs, 1);
    os_mutex_unlock(&auth->data_lock);
    return data;
}

static size_t list_place(const struct auth_list *list, const char *name, bool *there)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(list->entries[middle]->name, name) < 0) low = middle + 1;
        else high = middle;
    }
    *there = low < list->count && strcmp(list->entries[low]->name, name) == 0;
    return low;
}

struct auth_entry *auth_find(const struct auth_data *data, enum auth_kind kind, const char *name)
{
    bool there;
    const size_t at = list_place(&data->lists[kind], name, &there);
    return there ? data->lists[kind].entries[at] : NULL;
}

/* A table with room for `more` entries of each kind, sharing what `from` (nullable) has. */
static struct auth_data *data_copy(const struct auth_data *from, size_t more)
{
    struct auth_data *data = mem_zalloc(sizeof *data);
    if (!data) return NULL;
    atomic_init(&data->refs, 1);
    data->generation = from ? from->generation + 1 : 1;
    for (int kind = 0; kind < AUTH_KINDS; kind++) {
        const struct auth_list *old = from ? &from->lists[kind] : NULL;
        struct auth_list *list = &data->lists[kind];
        const size_t count = old ? old->count : 0;
        list->entries = mem_alloc_array(count + more + 1, sizeof *list->entries);
        if (!list->entries) {
            auth_data_unref(data);
            return NULL;
        }
        for (; list->count < count; list->count++) {
            list->entries[list->count] = old->entries[list->count];
            atomic_fetch_add(&old->entries[list->count]->refs, 1);
        }
    }
    return data;
}

/* Into a table that nobody else has; takes the reference. There is room. */
static void list_put(struct auth_list *list, const char *name, struct auth_entry *entry)
{
    bool there;
    const size_t at = list_place(list, name, &there);
    if (there) auth_entry_unref(list->entries[at]);
    if (there && entry) {
        list->entries[at] = entry;
    } else if (there) {
        list->count--;
        for (size_t i = at; i < list->count; i++) list->entries[i] = list->entries[i + 1];
    } else if (entry) {
        for (size_t i = list->count; i > at; i--) list->entries[i] = list->entries[i - 1];
        list->entries[at] = entry;
        list->count++;
    }
}

static void publish(struct auth *auth, struct auth_data *data)
{
    os_mutex_lock(&auth->data_lock);
    struct auth_data *old = auth->data;
    auth->data = data;
    os_mutex_unlock(&auth->data_lock);
    auth_data_unref(old);
}

/* ---- changes ---- */

static int write_changes(struct auth *auth, const struct auth_change *changes, size_t count,
                         struct kith_error *err)
{
    struct arena arena;
    arena_init(&arena);
    struct kith_meta_change *meta = arena_alloc_array(&arena, count, sizeof *meta);
    int rc = meta ? 0 : KITH_ENOMEM;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        char key[128];
        struct buffer bytes;
        buffer_init(&bytes);
        (void)snprintf(key, sizeof key, "%s%s", prefixes[changes[i].kind], changes[i].name);
        meta[i] = (struct kith_meta_change){ .key = arena_strndup(&arena, key, strlen(key)) };
        if (changes[i].entry) {
            auth_encode(changes[i].entry, &bytes);
            meta[i].value = buffer_failed(&bytes)
                                ? NULL
                                : arena_strndup(&arena, (const char *)bytes.data, bytes.len);
            meta[i].len = bytes.len;
        }
        if (!meta[i].key || (changes[i].entry && !meta[i].value)) rc = KITH_ENOMEM;
        buffer_release(&bytes);
    }
    if (rc) error_set(err, rc, "users: no memory");
    else rc = kith_meta_write(auth->db, meta, count, err);
    arena_release(&arena);
    return rc;
}

static int check_room(const struct auth_data *data, const struct auth_change *changes,
                      size_t count, struct kith_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (changes[i].entry && data->lists[changes[i].kind].count >= AUTH_ENTRIES_MAX &&
            !auth_find(data, changes[i].kind, changes[i].name))
            return error_set(err, KITH_ELIMIT, "there are %u of them already", AUTH_ENTRIES_MAX);
    return 0;
}

int auth_commit(struct auth *auth, const struct auth_change *changes, size_t count,
                struct kith_error *err)
{
    struct auth_data *data = data_copy(auth->data, count);
    int rc = data ? check_room(auth->data, changes, count, err)
                  : error_set(err, KITH_ENOMEM, "users: no memory");
    if (rc == 0) rc = write_changes(auth, changes, count, err);
    for (size_t i = 0; i < count; i++) {
        if (rc) auth_entry_unref(changes[i].entry);
        else list_put(&data->lists[changes[i].kind], changes[i].name, changes[i].entry);
    }
    if (rc) auth_data_unref(data);
    else publish(auth, data);
    return rc;
}

/* ---- loading ---- */

static int load_entry(struct auth *auth, enum auth_kind kind, const char *key,
                      struct auth_list *list, struct kith_error *err)
{
    void *value = NULL;
    size_t len;
    const char *name = key + strlen(prefixes[kind]);
    int rc = kith_meta_get(auth->db, key, &value, &len, err);
    if (rc) return rc;
    struct auth_entry *entry = auth_entry_new(auth, kind, name);
    rc = entry ? auth_decode(entry, value, len) : KITH_ENOMEM;
    if (rc == 0 && strlen(name) > AUTH_NAME_BYTES_MAX) rc = KITH_ECORRUPT;
    if (rc) {
        error_set(err, rc, "'%s' in the database's metadata is not readable", key);
        auth_entry_unref(entry);
    } else {
        list_put(list, name, entry);
    }
    kith_meta_free(value);
    return rc;
}

static int load_kind(struct auth *auth, enum auth_kind kind, struct auth_data *data,
                     struct kith_error *err)
{
    struct kith_names keys = { 0 };
    int rc = kith_meta_list(auth->db, prefixes[kind], &keys, err);
    if (rc) return rc;
    struct auth_list *list = &data->lists[kind];
    mem_free(list->entries);
    list->entries = mem_alloc_array(keys.count + 3, sizeof *list->entries);
    if (!list->entries) rc = error_set(err, KITH_ENOMEM, "users: no memory");
    for (size_t i = 0; rc == 0 && i < keys.count; i++)
        rc = load_entry(auth, kind, keys.names[i], list, err);
    kith_names_free(&keys);
    return rc;
}

static int builtin(struct auth *auth, struct auth_data *data, enum auth_kind kind,
                   const char *name)
{
    if (auth_find(data, kind, name)) return 0;
    struct auth_entry *entry = auth_entry_new(auth, kind, name);
    if (!entry) return KITH_ENOMEM;
    if (kind == AUTH_KIND_USER && !auth_entry_name(entry, AUTH_ADMIN, true)) {
        auth_entry_unref(entry);
        return KITH_ENOMEM;
    }
    list_put(&data->lists[kind], name, entry);
    return 0;
}

static const char *const public_privileges[] = { "DescribeCollection", "ListAliases",
                                                 "IndexDetail" };

static int grant_to_public(struct auth_data *data)
{
    struct auth_entry *role = auth_find(data, AUTH_KIND_ROLE, AUTH_PUBLIC);
    const size_t count = sizeof public_privileges / sizeof public_privileges[0];
    if (role->grants) return 0; /* it was read, so it says itself what it has */
    role->grants = arena_alloc_array(&role->arena, count, sizeof *role->grants);
    if (!role->grants) return KITH_ENOMEM;
    for (; role->grant_count < count; role->grant_count++) {
        const char *privilege = public_privileges[role->grant_count];
        role->grants[role->grant_count] = (struct grant){
            .role = role->name, .object = (enum auth_object)auth_privilege_object(privilege),
            .object_name = "*", .database = "*", .privilege = privilege, .grantor = AUTH_ROOT };
    }
    return 0;
}

int auth_load(struct auth *auth, struct kith_error *err)
{
    struct auth_data *data = data_copy(NULL, 0);
    if (!data) return error_set(err, KITH_ENOMEM, "users: no memory");
    int rc = 0;
    for (int kind = 0; rc == 0 && kind < AUTH_KINDS; kind++)
        rc = load_kind(auth, (enum auth_kind)kind, data, err);
    if (rc == 0 && (builtin(auth, data, AUTH_KIND_USER, AUTH_ROOT) ||
                    builtin(auth, data, AUTH_KIND_ROLE, AUTH_ADMIN) ||
                    builtin(auth, data, AUTH_KIND_ROLE, AUTH_PUBLIC) || grant_to_public(data)))
        rc = error_set(err, KITH_ENOMEM, "users: no memory");
    if (rc) {
        auth_data_unref(data);
        return rc;
    }
    publish(auth, data);
    return 0;
}

/* ---- lists of names ---- */

int auth_copy_names(const char *const *names, size_t count, struct kith_names *out)
{
    struct kith_names copy = { 0 };
    copy.names = mem_zalloc_array(count + 1, sizeof *copy.names);
    if (!copy.names) return KITH_ENOMEM;
    for (; copy.count < count; copy.count++) {
        copy.names[copy.count] = mem_strdup(names[copy.count]);
        if (copy.names[copy.count]) continue;
        kith_names_free(&copy);
        return KITH_ENOMEM;
    }
    *out = copy;
    return 0;
}

int auth_names(const struct auth_list *list, struct kith_names *out)
{
    const char **names = mem_alloc_array(list->count + 1, sizeof *names);
    if (!names) return KITH_ENOMEM;
    for (size_t i = 0; i < list->count; i++) names[i] = list->entries[i]->name;
    const int rc = auth_copy_names(names, list->count, out);
    mem_free(names);
    return rc;
}
