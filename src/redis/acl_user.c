/*
 * The modifiers of a user as a whole: on, off, passwords, selectors, reset; and lists of modifiers,
 * of which all or none are applied.
 */
#include <string.h>

#include "base/alloc.h"
#include "redis/acl_internal.h"
#include "redis/redis_internal.h"

#define NO_MEMORY "Out of memory"
#define HASH_TEXT (2u * ACL_HASH_BYTES)

/* A long list is looked up by hash. One that was taken out leaves a hole, which is an entry that
 * the map does not know, or knows elsewhere. */
static bool index_passwords(struct acl_user *user)
{
    if (user->password_count <= ACL_FEW || user->password_places.cap) return true;
    for (size_t i = 0; i < user->password_count; i++)
        if (map_put(&user->password_places, user->passwords[i], ACL_HASH_BYTES, i) != 0) {
            map_release(&user->password_places);
            return false;
        }
    return true;
}

static size_t find_password(const struct acl_user *user, const uint8_t hash[ACL_HASH_BYTES])
{
    uintptr_t place;
    size_t i = 0;
    if (user->password_places.cap)
        return map_get(&user->password_places, hash, ACL_HASH_BYTES, &place)
                   ? place : user->password_count;
    while (i < user->password_count && memcmp(user->passwords[i], hash, ACL_HASH_BYTES) != 0) i++;
    return i;
}

/* Closes the holes. */
static void settle_passwords(struct acl_user *user)
{
    size_t kept = 0;
    if (!user->password_places.cap) return;
    for (size_t i = 0; i < user->password_count; i++)
        if (find_password(user, user->passwords[i]) == i)
            memmove(user->passwords[kept++], user->passwords[i], ACL_HASH_BYTES);
    user->password_count = kept;
    map_release(&user->password_places);
}

static void drop_passwords(struct acl_user *user)
{
    user->password_count = 0;
    map_release(&user->password_places);
}

static bool make_password_room(struct acl_user *user)
{
    size_t bytes;
    if (user->password_count < user->password_cap) return true;
    const size_t cap = user->password_count * 2 + 1;
    if (!size_mul(cap, ACL_HASH_BYTES, &bytes)) return false;
    uint8_t(*fresh)[ACL_HASH_BYTES] = mem_realloc(user->passwords, bytes);
    if (!fresh) return false;
    user->passwords = fresh;
    user->password_cap = cap;
    return true;
}

static const char *add_password(struct acl_user *user, const uint8_t hash[ACL_HASH_BYTES])
{
    user->nopass = false;
    if (!index_passwords(user)) return NO_MEMORY;
    if (find_password(user, hash) < user->password_count) return NULL;
    if (!make_password_room(user)) return NO_MEMORY;
    if (user->password_places.cap &&
        map_put(&user->password_places, hash, ACL_HASH_BYTES, user->password_count) != 0)
        return NO_MEMORY;
    memcpy(user->passwords[user->password_count++], hash, ACL_HASH_BYTES);
    return NULL;
}

static const char *remove_password(struct acl_user *user, const uint8_t hash[ACL_HASH_BYTES])
{
    if (!index_passwords(user)) return NO_MEMORY;
    const size_t at = find_password(user, hash);
    if (at == user->password_count)
        return "The password you are trying to remove from the user does not exist";
    if (user->password_places.cap) {
        (void)map_remove(&user->password_places, hash, ACL_HASH_BYTES);
        return NULL;
    }
    user->password_count--;
    memmove(user->passwords[at], user->passwords[at + 1],
            (user->password_count - at) * ACL_HASH_BYTES);
    return NULL;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hash(struct kith_str text, uint8_t out[ACL_HASH_BYTES])
{
    if (text.len != HASH_TEXT) return false;
    for (size_t i = 0; i < ACL_HASH_BYTES; i++) {
        const int high = hex_digit(text.data[2 * i]), low = hex_digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

/* ">clear", "<clear", "#hash", "!hash" */
static const char *set_password(struct acl_user *user, struct kith_str rule)
{
    uint8_t hash[ACL_HASH_BYTES];
    const struct kith_str rest = {rule.data + 1, rule.len - 1};
    const char sign = rule.data[0];
    const bool clear = sign == '>' || sign == '<';
    if (clear && !acl_hash(rest, hash)) return NO_MEMORY;
    if (!clear && !read_hash(rest, hash))
        return "The password hash must be exactly 64 characters and contain only lowercase "
               "hexadecimal characters";
    return sign == '>' || sign == '#' ? add_password(user, hash) : remove_password(user, hash);
}

static void clear_selectors(struct acl_user *user)
{
    while (user->selector_count > 1) acl_selector_free(user->selectors[--user->selector_count]);
}

static const char *reset(const struct redis *redis, struct acl_user *user)
{
    static const char *const rules[] = {"resetpass", "resetkeys", "resetchannels", "off", "-@all",
                                        "clearselectors"};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const char *error = acl_set(redis, user, str_of(rules[i]));
        if (error) return error;
    }
    return NULL;
}

const char *acl_set_user(const struct redis *redis, struct acl_user *user, struct kith_str rule)
{
    if (str_is(rule, "on")) return user->on = true, NULL;
    if (str_is(rule, "off")) return user->on = false, NULL;
    if (str_is(rule, "sanitize-payload") || str_is(rule, "skip-sanitize-payload")) return NULL;
    if (str_is(rule, "nopass")) {
        user->nopass = true;
        drop_passwords(user);
        return NULL;
    }
    if (str_is(rule, "resetpass")) {
        user->nopass = false;
        drop_passwords(user);
        return NULL;
    }
    if (str_is(rule, "clearselectors")) return clear_selectors(user), NULL;
    if (str_is(rule, "reset")) return reset(redis, user);
    if (rule.data[0] && strchr("><#!", rule.data[0])) return set_password(user, rule);
    return "Syntax error";
}

void acl_refresh(struct acl_user *user)
{
    const struct acl_selector *root = user->selectors[0];
    user->unlimited = root->all_commands && root->all_keys && root->all_channels;
}

/* ---- lists ---- */

static int refuse(struct buffer *error, struct kith_str rule, const char *why)
{
    buffer_clear(error);
    buffer_printf(error, "Error in ACL SETUSER modifier '%.*s': %s", (int)rule.len, rule.data,
                  why);
    return KITH_EINVAL;
}

/* From rules[*at], which begins with '(', to the one that ends with ')', as one text. */
static int join(const struct kith_str *rules, size_t count, size_t *at, struct buffer *out)
{
    buffer_clear(out);
    for (; *at < count; ++*at) {
        const struct kith_str part = rules[*at];
        if (out->len) buffer_put_u8(out, ' ');
        buffer_put(out, part.data, part.len);
        if (part.len && part.data[part.len - 1] == ')') return buffer_failed(out) ? KITH_ENOMEM : 0;
    }
    return KITH_EINVAL;
}

int acl_set_all(const struct redis *redis, struct acl_user *user, const struct kith_str *rules,
                size_t count, struct buffer *error)
{
    struct buffer joined;
    struct acl_user *fresh =
        acl_user_new((struct kith_str){user->name, user->name_len});
    if (!fresh) return KITH_ENOMEM;
    buffer_init(&joined);
    int rc = acl_user_copy(fresh, user);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct kith_str rule = rules[i];
        if (rule.len && rule.data[0] == '(') {
            rc = join(rules, count, &i, &joined);
            if (rc == KITH_EINVAL) {
                buffer_clear(error);
                buffer_printf(error, "Unmatched parenthesis in acl selector starting at '%.*s'.",
                              (int)rule.len, rule.data);
            }
            rule = (struct kith_str){(const char *)joined.data, joined.len};
        }
        const char *why = rc == 0 ? acl_set(redis, fresh, rule) : NULL;
        if (why) rc = refuse(error, rule, why);
    }
    settle_passwords(fresh);
    if (rc == 0) rc = acl_user_copy(user, fresh);
    buffer_release(&joined);
    acl_user_free(fresh);
    return rc;
}
