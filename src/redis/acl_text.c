/*
 * A user in words: ACL LIST, ACL GETUSER, the ACL file.
 */
#include <string.h>

#include "redis/acl_internal.h"
#include "redis/redis_internal.h"

static void blank(struct buffer *out, size_t from)
{
    if (out->len > from) buffer_put_u8(out, ' ');
}

static void put(struct buffer *out, size_t from, const char *text)
{
    blank(out, from);
    buffer_put(out, text, strlen(text));
}

void acl_describe_commands(const struct acl_selector *selector, struct buffer *out)
{
    buffer_put(out, selector->rules.data, selector->rules.len);
}

void acl_describe_keys(const struct acl_selector *selector, struct buffer *out)
{
    const size_t from = out->len;
    if (selector->all_keys) put(out, from, "~*");
    for (size_t i = 0; i < selector->keys.count; i++) {
        const struct acl_pattern *key = &selector->keys.items[i];
        put(out, from, key->read && key->write ? "~" : key->read ? "%R~" : "%W~");
        buffer_put(out, key->text, key->len);
    }
}

void acl_describe_channels(const struct acl_selector *selector, struct buffer *out, bool list)
{
    const size_t from = out->len;
    if (list && !selector->all_channels) put(out, from, "resetchannels");
    if (selector->all_channels) put(out, from, "&*");
    for (size_t i = 0; i < selector->channels.count; i++) {
        put(out, from, "&");
        buffer_put(out, selector->channels.items[i].text, selector->channels.items[i].len);
    }
}

static void describe_selector(const struct acl_selector *selector, struct buffer *out)
{
    const size_t from = out->len;
    acl_describe_keys(selector, out);
    blank(out, from);
    acl_describe_channels(selector, out, true);
    blank(out, from);
    acl_describe_commands(selector, out);
}

void acl_describe(const struct acl_user *user, struct buffer *out)
{
    const size_t from = out->len;
    put(out, from, user->on ? "on" : "off");
    if (user->nopass) put(out, from, "nopass");
    put(out, from, "sanitize-payload");
    for (size_t i = 0; i < user->password_count; i++) {
        put(out, from, "#");
        for (size_t k = 0; k < ACL_HASH_BYTES; k++)
            buffer_printf(out, "%02x", user->passwords[i][k]);
    }
    blank(out, from);
    describe_selector(user->selectors[0], out);
    for (size_t i = 1; i < user->selector_count; i++) {
        put(out, from, "(");
        describe_selector(user->selectors[i], out);
        buffer_put_u8(out, ')');
    }
}
