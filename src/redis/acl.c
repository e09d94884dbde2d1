/*
 * Users, passwords and who is who: see acl.h.
 */
#include "redis/acl_internal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/redis_internal.h"

/* ---- passwords ---- */

static bool hash_password(struct kith_str password, uint8_t out[ACL_HASH_BYTES])
{
    unsigned len = 0;
    return EVP_Digest(password.data, password.len, out, &len, EVP_sha256(), NULL) == 1 &&
           len == ACL_HASH_BYTES;
}

bool acl_hash(struct kith_str password, uint8_t out[ACL_HASH_BYTES])
{
    return hash_password(password, out);
}

bool acl_password_fits(const struct acl_user *user, struct kith_str password)
{
    uint8_t hash[ACL_HASH_BYTES];
    int fits = 0;
    if (!user->on) return false;
    if (user->nopass) return true;
    if (!hash_password(password, hash)) return false;
    for (size_t i = 0; i < user->password_count; i++)
        fits |= CRYPTO_memcmp(hash, user->passwords[i], sizeof hash) == 0;
    return fits != 0;
}

bool acl_authenticate(struct session *session, struct kith_str name, struct kith_str password)
{
    struct acl_user *user = acl_find(session->redis->acl, name);
    if (!user || !acl_password_fits(user, password)) {
        session->redis->counters.denied_auth++;
        acl_log(session, ACL_DENIED_COMMAND, "auth", str_of("AUTH"), name);
        return false;
    }
    session->user = user;
    session->authenticated = true;
    session_refresh(session);
    return true;
}

int acl_set_default_password(struct acl *acl, struct kith_str password)
{
    struct acl_user *user = acl->standard;
    uint8_t(*fresh)[ACL_HASH_BYTES] = NULL;
    if (password.len) {
        fresh = mem_alloc(sizeof *fresh);
        if (!fresh || !hash_password(password, fresh[0])) {
            mem_free(fresh);
            return KITH_ENOMEM;
        }
    }
    mem_free(user->passwords);
    user->passwords = fresh;
    user->password_count = user->password_cap = fresh != NULL;
    user->nopass = fresh == NULL;
    return 0;
}

bool acl_default_is_open(const struct acl *acl)
{
    return acl->standard->on && acl->standard->nopass;
}

/* ---- selectors and users ---- */

void acl_patterns_release(struct acl_patterns *patterns)
{
    for (size_t i = 0; i < patterns->count; i++) mem_free(patterns->items[i].text);
    mem_free(patterns->items);
    map_release(&patterns->places);
    *patterns = (struct acl_patterns){0};
}

void acl_selector_free(struct acl_selector *selector)
{
    if (!selector) return;
    acl_patterns_release(&selector->keys);
    acl_patterns_release(&selector->channels);
    buffer_release(&selector->rules);
    mem_free(selector);
}

struct acl_selector *acl_selector_new(void)
{
    struct acl_selector *selector = mem_zalloc(sizeof *selector);
    if (!selector) return NULL;
    buffer_init(&selector->rules);
    buffer_put(&selector->rules, "-@all", 5);
    if (!buffer_failed(&selector->rules)) return selector;
    acl_selector_free(selector);
    return NULL;
}

int acl_add_selector(struct acl_user *user, struct acl_selector *selector)
{
    size_t bytes;
    if (!size_mul(user->selector_count + 1, sizeof(struct acl_selector *), &bytes))
        return KITH_ENOMEM;
    struct acl_selector **fresh = mem_realloc(user->selectors, bytes);
    if (!fresh) return KITH_ENOMEM;
    user->selectors = fresh;
    user->selectors[user->selector_count++] = selector;
    return 0;
}

static void release_user(struct acl_user *user)
{
    for (size_t i = 0; i < user->selector_count; i++) acl_selector_free(user->selectors[i]);
    mem_free(user->selectors);
    mem_free(user->passwords);
    map_release(&user->password_places);
}

void acl_user_free(struct acl_user *user)
{
    if (!user) return;
    release_user(user);
    mem_free(user->name);
    mem_free(user);
}

struct acl_user *acl_user_new(struct kith_str name)
{
    struct acl_user *user = mem_zalloc(sizeof *user);
    if (!user) return NULL;
    user->name = mem_strndup(name.data ? name.data : "", name.len);
    user->name_len = name.len;
    struct acl_selector *root = acl_selector_new();
    if (user->name && root && acl_add_selector(user, root) == 0) return user;
    if (!user->selector_count) acl_selector_free(root);
    acl_user_free(user);
    return NULL;
}

static int copy_patterns(struct acl_patterns *to, const struct acl_patterns *from)
{
    *to = (struct acl_patterns){0};
    if (!from->count) return 0;
    to->items = mem_alloc_array(from->count, sizeof *to->items);
    if (!to->items) return KITH_ENOMEM;
    for (to->cap = from->count; to->count < from->count; to->count++) {
        struct acl_pattern *item = &to->items[to->count];
        *item = from->items[to->count];
        item->text = mem_strndup(item->text, item->len);
        if (!item->text) return KITH_ENOMEM;
    }
    return 0;
}

static struct acl_selector *copy_selector(const struct acl_selector *from)
{
    struct acl_selector *to = mem_zalloc(sizeof *to);
    if (!to) return NULL;
    *to = *from;
    to->keys = to->channels = (struct acl_patterns){0};
    buffer_init(&to->rules);
    buffer_put(&to->rules, from->rules.data, from->rules.len);
    int rc = buffer_failed(&to->rules) ? KITH_ENOMEM : 0;
    if (rc == 0) rc = copy_patterns(&to->keys, &from->keys);
    if (rc == 0) rc = copy_patterns(&to->channels, &from->channels);
    if (rc == 0) return to;
    acl_selector_free(to);
    return NULL;
}

int acl_user_copy(struct acl_user *to, const struct acl_user *from)
{
    struct acl_user fresh = *from;
    fresh.name = to->name;
    fresh.name_len = to->name_len;
    fresh.selectors = NULL;
    fresh.selector_count = 0;
    fresh.passwords = NULL;
    fresh.password_cap = from->password_count;
    map_init(&fresh.password_places);
    int rc = 0;
    if (from->password_count) {
        fresh.passwords = mem_alloc_array(from->password_count, sizeof *fresh.passwords);
        if (fresh.passwords)
            memcpy(fresh.passwords, from->passwords,
                   from->password_count * sizeof *fresh.passwords);
        else rc = KITH_ENOMEM;
    }
    for (size_t i = 0; rc == 0 && i < from->selector_count; i++) {
        struct acl_selector *selector = copy_selector(from->selectors[i]);
        rc = selector ? acl_add_selector(&fresh, selector) : KITH_ENOMEM;
        if (rc) acl_selector_free(selector);
    }
    if (rc) {
        release_user(&fresh);
        return rc;
    }
    release_user(to);
    *to = fresh;
    return 0;
}

/* ---- the list ---- */

struct acl_user *acl_find(const struct acl *acl, struct kith_str name)
{
    uintptr_t value;
    return map_get(&acl->users, name.data, name.len, &value) ? (struct acl_user *)value : NULL;
}

struct acl_user *acl_add(struct acl *acl, struct kith_str name)
{
    struct acl_user *user = acl_user_new(name);
    if (user && acl->redis->settings.acl_pubsub_default == CHANNELS_ALL)
        user->selectors[0]->all_channels = true;
    if (user && map_put(&acl->users, name.data, name.len, (uintptr_t)user)) {
        acl_user_free(user);
        return NULL;
    }
    return user;
}

void acl_remove(struct acl *acl, struct acl_user *user)
{
    for (struct session *at = acl->redis->sessions; at; at = at->next) {
        if (at->user != user) continue;
        at->user = acl->standard;
        at->authenticated = false;
        session_refresh(at);
        session_kill(at, false);
    }
    (void)map_remove(&acl->users, user->name, user->name_len);
    acl_user_free(user);
}

int acl_new(struct redis *redis, struct acl **out)
{
    static const char *const open_rules[] = {"on", "nopass", "~*", "&*", "+@all"};
    struct acl *acl = mem_zalloc(sizeof *acl);
    if (!acl) return KITH_ENOMEM;
    acl->redis = redis;
    map_init(&acl->users);
    acl->standard = acl_add(acl, str_of("default"));
    bool ok = acl->standard != NULL;
    for (size_t i = 0; ok && i < sizeof open_rules / sizeof open_rules[0]; i++)
        ok = acl_set(redis, acl->standard, str_of(open_rules[i])) == NULL;
    if (ok) *out = acl;
    else acl_free(acl);
    return ok ? 0 : KITH_ENOMEM;
}

void acl_free(struct acl *acl)
{
    if (!acl) return;
    size_t it = 0, len;
    const void *name;
    uintptr_t value;
    while (map_next(&acl->users, &it, &name, &len, &value))
        acl_user_free((struct acl_user *)value);
    map_release(&acl->users);
    acl_log_trim(acl, 0);
    mem_free(acl->events);
    mem_free(acl);
}
