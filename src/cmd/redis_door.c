/*
 * The Redis door of a program: see redis_door.h.
 */
#include "cmd/redis_door.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "net/stream.h"

/* "127.0.0.1 -::1 *": words; '-' in front means that it may fail, '*' every address. */
static void read_addresses(struct redis_door *door)
{
    const char *at = door->settings.bind ? door->settings.bind : "";
    door->address_count = 0;
    while (*at && door->address_count < REDIS_ADDRESSES_MAX) {
        size_t len = strcspn(at, " ");
        const char *word = at;
        at += len + (at[len] == ' ');
        if (!len) continue;
        const bool optional = *word == '-';
        if (optional) word++, len--;
        char *out = door->addresses[door->address_count];
        if (len == 1 && *word == '*') (void)snprintf(out, 64, "0.0.0.0");
        else if (len == 3 && !strncmp(word, "::*", 3)) (void)snprintf(out, 64, "::");
        else (void)snprintf(out, 64, "%.*s", (int)(len < 63 ? len : 63), word);
        door->optional[door->address_count++] = optional;
    }
}

int redis_door_settle(struct redis_door *door, struct kith_error *err)
{
    const char *const *texts = conf_texts(&door->conf);
    int rc = texts ? settings_init(&door->settings) : KITH_ENOMEM;
    if (rc) error_set(err, rc, "the configuration: no memory");
    else rc = conf_preview(texts, door->conf.count, &door->settings, err);
    void *array;
    memcpy(&array, &texts, sizeof array);
    mem_free(array);
    if (rc == 0) read_addresses(door);
    return rc;
}

int redis_door_open(struct redis_door *door, struct redis_opts *opts, struct kith_error *err)
{
    const char *const *texts = conf_texts(&door->conf);
    if (!texts) return error_set(err, KITH_ENOMEM, "the configuration: no memory");
    opts->directives = texts;
    opts->directive_count = door->conf.count;
    const int rc = redis_new(opts, &door->redis, err);
    void *array;
    memcpy(&array, &texts, sizeof array);
    mem_free(array);
    return rc;
}

size_t redis_door_plan(struct redis_door *door, const char *bind, uint16_t port, bool optional,
                       struct net_door *out)
{
    struct net_door plain = {.name = "redis",
                             .bind = bind,
                             .port = port,
                             .fd = -1,
                             .stream = redis_stream_ops(),
                             .ctx = door->redis};
    size_t count = 0;
    if (bind) out[count++] = plain;
    for (size_t i = 0; !bind && i < door->address_count; i++) {
        if (door->optional[i] && !optional) continue;
        plain.bind = door->addresses[i];
        out[count++] = plain;
    }
    if (door->settings.unixsocket) {
        plain.path = door->settings.unixsocket;
        plain.path_mode = (unsigned)door->settings.unixsocketperm;
        plain.port = 0;
        out[count++] = plain;
    }
    return count;
}

void redis_door_close(struct redis_door *door)
{
    redis_free(door->redis);
    settings_release(&door->settings);
    conf_release(&door->conf);
    memset(door, 0, sizeof *door);
}
