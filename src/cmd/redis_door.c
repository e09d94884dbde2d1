/*
 * The Redis door of a program: see redis_door.h.
 */
#include "cmd/redis_door.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

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

enum { CLIENTS_NEED_NONE, CLIENTS_NEED_ONE, CLIENTS_MAY_HAVE_ONE }; /* tls-auth-clients */

static int settle_tls(struct redis_door *door, struct kith_error *err)
{
    const struct redis_settings *settings = &door->settings;
    const bool ask = settings->tls_auth_clients != CLIENTS_NEED_NONE;
    const char *why = NULL;
    if (!settings->tls_port) return 0;
    if (!settings->tls_cert || !settings->tls_key)
        why = "tls-port needs tls-cert-file and tls-key-file";
    else if (ask && !settings->tls_ca)
        why = "tls-auth-clients needs tls-ca-cert-file; 'tls-auth-clients no' asks for no "
              "certificates of clients";
    if (why) return error_set_at(err, KITH_EINVAL, SIZE_MAX, "%s", why);
    door->tls = (struct net_tls){.cert_path = settings->tls_cert,
                                 .key_path = settings->tls_key,
                                 .client_ca_path = ask ? settings->tls_ca : NULL,
                                 .client_optional =
                                     settings->tls_auth_clients == CLIENTS_MAY_HAVE_ONE};
    return 0;
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
    if (rc == 0) rc = settle_tls(door, err);
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

/* The same door at each address. */
static size_t at_addresses(struct redis_door *door, const struct redis_door_where *where,
                           struct net_door plain, struct net_door *out)
{
    size_t count = 0;
    plain.bind = where->bind;
    if (where->bind) out[count++] = plain;
    for (size_t i = 0; !where->bind && i < door->address_count; i++) {
        if (door->optional[i] && !where->optional) continue;
        plain.bind = door->addresses[i];
        out[count++] = plain;
    }
    return count;
}

size_t redis_door_plan(struct redis_door *door, const struct redis_door_where *where,
                       struct net_door *out)
{
    struct net_door plain = {.name = "redis",
                             .port = where->port,
                             .fd = -1,
                             .keepalive_s = (unsigned)door->settings.tcp_keepalive,
                             .stream = redis_stream_ops(),
                             .ctx = door->redis};
    size_t count = 0;
    if (where->port || where->any_port) count += at_addresses(door, where, plain, out);
    if (door->settings.tls_port) {
        struct net_door sealed = plain;
        sealed.name = "redis-tls";
        sealed.port = (uint16_t)door->settings.tls_port;
        sealed.tls = &door->tls;
        count += at_addresses(door, where, sealed, out + count);
    }
    if (door->settings.unixsocket) {
        plain.path = door->settings.unixsocket;
        plain.path_mode = (unsigned)door->settings.unixsocketperm;
        plain.port = 0;
        plain.keepalive_s = 0;
        out[count++] = plain;
    }
    return count;
}

void redis_door_left_out(const struct redis_door *door, struct buffer *out)
{
    static const char *const names[] = {"dir", "daemonize", "pidfile", "logfile", "loglevel",
                                        "io-threads", "supervised"};
    for (size_t i = 0; i < door->conf.count; i++) {
        const struct conf_line *line = &door->conf.lines[i];
        const size_t len = strcspn(line->text, " \t");
        for (size_t k = 0; *line->file && k < sizeof names / sizeof names[0]; k++) {
            if (strlen(names[k]) != len || strncasecmp(line->text, names[k], len) != 0) continue;
            buffer_printf(out, "%s%s", out->len ? ", " : "", names[k]);
        }
    }
}

void redis_door_close(struct redis_door *door)
{
    redis_free(door->redis);
    settings_release(&door->settings);
    conf_release(&door->conf);
    memset(door, 0, sizeof *door);
}
