/*
 * The bytes of a user, a role or a group: docs/formats/auth.md.
 *
 *     offset  size  meaning
 *     0       1     version: 1
 *     1       1     kind: 0 user, 1 role, 2 group
 *     2       4     iterations of the derivation; 0: no password (not a user, or never set)
 *     6       16    salt
 *     22      32    derived key: PBKDF2-HMAC-SHA256
 *     54      ...   description; number of names, names; number of grants, grants
 *
 * Numbers behind offset 54 are varints, texts a varint length and bytes. A grant is one byte of
 * object kind and four texts: object name, database, privilege, grantor. Names ascend. The bytes
 * come from a file: every length is checked, and every count against its maximum.
 */
#include <string.h>

#include "base/buffer.h"
#include "base/json.h"
#include "server/auth_internal.h"

#define AUTH_VERSION 1u

void auth_encode(const struct auth_entry *entry, struct buffer *out)
{
    buffer_put_u8(out, AUTH_VERSION);
    buffer_put_u8(out, (uint8_t)entry->kind);
    buffer_put_u32(out, entry->password.iterations);
    buffer_put(out, entry->password.salt, AUTH_SALT_BYTES);
    buffer_put(out, entry->password.hash, AUTH_HASH_BYTES);
    buffer_put_cstr(out, entry->description);
    buffer_put_varint(out, entry->name_count);
    for (size_t i = 0; i < entry->name_count; i++) buffer_put_cstr(out, entry->names[i]);
    buffer_put_varint(out, entry->grant_count);
    for (size_t i = 0; i < entry->grant_count; i++) {
        const struct grant *grant = &entry->grants[i];
        buffer_put_u8(out, (uint8_t)grant->object);
        buffer_put_cstr(out, grant->object_name);
        buffer_put_cstr(out, grant->database);
        buffer_put_cstr(out, grant->privilege);
        buffer_put_cstr(out, grant->grantor);
    }
}

/* NULL: short, not UTF-8, with a NUL inside, or no memory; *rc says which. */
static const char *take_text(struct auth_entry *entry, struct cursor *cur, int *rc)
{
    size_t len = 0;
    const uint8_t *bytes = cursor_bytes(cur, &len);
    const char *text = (const char *)bytes;
    if (!bytes || !utf8_valid(text, len) || memchr(text, 0, len)) {
        *rc = KITH_ECORRUPT;
        return NULL;
    }
    char *copy = arena_strndup(&entry->arena, text, len);
    if (!copy) *rc = KITH_ENOMEM;
    return copy;
}

static int take_names(struct auth_entry *entry, struct cursor *cur)
{
    int rc = 0;
    const uint64_t count = cursor_varint(cur);
    if (cursor_failed(cur) || count > AUTH_NAMES_MAX) return KITH_ECORRUPT;
    entry->names = arena_alloc_array(&entry->arena, (size_t)count + 1, sizeof *entry->names);
    if (!entry->names) return KITH_ENOMEM;
    for (; rc == 0 && entry->name_count < count; entry->name_count++) {
        const char *name = take_text(entry, cur, &rc);
        if (!name) return rc;
        entry->names[entry->name_count] = name;
        if (entry->name_count && strcmp(entry->names[entry->name_count - 1], name) >= 0)
            return KITH_ECORRUPT;
    }
    return rc;
}

static int take_grants(struct auth_entry *entry, struct cursor *cur)
{
    int rc = 0;
    const uint64_t count = cursor_varint(cur);
    if (cursor_failed(cur) || count > AUTH_GRANTS_MAX) return KITH_ECORRUPT;
    entry->grants = arena_alloc_array(&entry->arena, (size_t)count + 1, sizeof *entry->grants);
    if (!entry->grants) return KITH_ENOMEM;
    entry->grant_room = (size_t)count + 1;
    for (; rc == 0 && entry->grant_count < count; entry->grant_count++) {
        struct grant *grant = &entry->grants[entry->grant_count];
        const uint8_t object = cursor_u8(cur);
        if (object > AUTH_USER) return KITH_ECORRUPT;
        *grant = (struct grant){ .role = entry->name, .object = (enum auth_object)object };
        grant->object_name = take_text(entry, cur, &rc);
        if (rc == 0) grant->database = take_text(entry, cur, &rc);
        if (rc == 0) grant->privilege = take_text(entry, cur, &rc);
        if (rc == 0) grant->grantor = take_text(entry, cur, &rc);
    }
    return rc;
}

int auth_decode(struct auth_entry *entry, const void *bytes, size_t len)
{
    struct cursor cur;
    cursor_init(&cur, bytes, len);
    if (cursor_u8(&cur) != AUTH_VERSION) return KITH_EVERSION;
    if (cursor_u8(&cur) != entry->kind) return KITH_ECORRUPT;
    entry->password.iterations = cursor_u32(&cur);
    const uint8_t *salt = cursor_take(&cur, AUTH_SALT_BYTES);
    const uint8_t *hash = cursor_take(&cur, AUTH_HASH_BYTES);
    if (!salt || !hash || entry->password.iterations > AUTH_ITERATIONS_MAX) return KITH_ECORRUPT;
    memcpy(entry->password.salt, salt, AUTH_SALT_BYTES);
    memcpy(entry->password.hash, hash, AUTH_HASH_BYTES);
    int rc = 0;
    entry->description = take_text(entry, &cur, &rc);
    if (rc == 0) rc = take_names(entry, &cur);
    if (rc == 0) rc = take_grants(entry, &cur);
    if (rc == 0 && (cursor_failed(&cur) || cursor_left(&cur))) rc = KITH_ECORRUPT;
    return rc;
}
