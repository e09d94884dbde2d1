/*
 * The table of settings, and values in and out of it: see config.h.
 */
#include "server/config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/suggest.h"

#define AT(member) offsetof(struct server_config, member)

static const struct setting settings[] = {
    { "data", "data", NULL, SETTING_TEXT, "kith-data", NULL, "DIR",
      "the database's directory; made when it is not there", 0, AT(data), false },
    { "bind", "bind", NULL, SETTING_TEXT, "127.0.0.1", NULL, "ADDRESS",
      "where to listen; other machines see 0.0.0.0 or ::", 0, AT(bind), false },
    { "insecure", "insecure", NULL, SETTING_BOOL, "false", NULL, NULL,
      "listen beyond this machine without authentication", 0, AT(insecure), false },
    { "milvus.port", "milvus-port", "proxy.port", SETTING_PORT, "19530", NULL, "PORT",
      "gRPC and REST; 0: off, auto: any free", 0, AT(milvus_port), false },
    { "ops.port", "ops-port", NULL, SETTING_PORT, "9091", NULL, "PORT",
      "metrics and health; 0: off, auto: any free", 0, AT(ops_port), false },
    { "ops.bind", "ops-bind", NULL, SETTING_TEXT, "127.0.0.1", NULL, "ADDRESS",
      "where metrics and health listen", 0, AT(ops_bind), false },
    { "redis.port", "redis-port", NULL, SETTING_PORT, "6379", NULL, "PORT",
      "Redis clients; 0: off, auto: any free", 0, AT(redis_port), false },
    { "redis.password", "redis-password", NULL, SETTING_TEXT, "", NULL, "TEXT",
      "Redis clients must give it; as the environment's KITH_REDIS_PASSWORD nobody sees it", 0,
      AT(redis_password), false },
    { "redis.config", "redis-config", NULL, SETTING_TEXT, "", NULL, "FILE",
      "a redis.conf for Redis clients; also `kith serve FILE.conf`", 0, AT(redis_config), false },
    { "line.port", "line-port", NULL, SETTING_PORT, "0", NULL, "PORT",
      "the plain line protocol (Ant-Cache: 8890); 0: off, auto: any free", 0, AT(line_port),
      false },
    { "line.password", "line-password", NULL, SETTING_TEXT, "", NULL, "TEXT",
      "its clients must give it; as the environment's KITH_LINE_PASSWORD nobody sees it", 0,
      AT(line_password), false },
    { "line.auth_file", "line-auth-file", NULL, SETTING_TEXT, "", NULL, "FILE",
      "an auth.dat of Ant-Cache instead of a password", 0, AT(line_auth_file), false },
    { "line.idle_timeout", "line-idle-timeout", NULL, SETTING_NUMBER, "30", NULL, "SECONDS",
      "closes line clients that send no line for so long; 0: never", 86400,
      AT(line_idle_timeout_s), false },
    { "line.mode", "line-mode", NULL, SETTING_CHOICE, "single", "single|pooled", "MODE",
      "lines run on the I/O threads, or on an elastic pool", 0, AT(line_pooled), false },
    { "line.workers", "line-workers", NULL, SETTING_NUMBER, "200", NULL, "N",
      "of that pool: between a quarter and twice as many", 10000, AT(line_workers), false },
    { "line.unterminated_writes", "line-unterminated-writes", NULL, SETTING_BOOL, "false", NULL,
      NULL, "a last line without its end may write", 0, AT(line_unterminated_writes), false },
    { "line.extensions", "line-extensions", NULL, SETTING_BOOL, "false", NULL, NULL,
      "TTL, EXPIRE, PERSIST, EXISTS, INCR, MGET, UNLOCK, PING and STATS in lines, too", 0,
      AT(line_extensions), false },
    { "line.escape_newlines", "line-escape-newlines", NULL, SETTING_BOOL, "false", NULL, NULL,
      "LF, CR and backslash in replies in lines are sent as \\n, \\r, \\\\", 0,
      AT(line_escape_newlines), false },
    { "compression.enabled", "compression", NULL, SETTING_BOOL, "false", NULL, NULL,
      "strings of the keyspace are kept compressed where that is smaller", 0, AT(compression),
      false },
    { "compression.min_size", "compression-min-size", NULL, SETTING_BYTES, "1024", NULL, "BYTES",
      "shorter strings are not", UINT64_MAX, AT(compression_min_bytes), false },
    { "compression.level", "compression-level", NULL, SETTING_CHOICE, "default",
      "default|best_speed|best_compression", "LEVEL", "default, best_speed, best_compression", 0,
      AT(compression_level), false },
    { "auth.enabled", "auth", "common.security.authorizationEnabled", SETTING_BOOL, "false", NULL,
      NULL, "clients must say who they are", 0, AT(auth), false },
    { "tls.mode", "tls", "common.security.tlsMode", SETTING_CHOICE, "off", "off|server|mutual",
      "MODE", "off, server, or mutual: clients need certificates too", 0, AT(tls), false },
    { "tls.cert", "tls-cert", "tls.serverPemPath", SETTING_TEXT, "", NULL, "FILE",
      "the certificate and its chain, PEM", 0, AT(tls_cert), false },
    { "tls.key", "tls-key", "tls.serverKeyPath", SETTING_TEXT, "", NULL, "FILE",
      "its private key, PEM", 0, AT(tls_key), false },
    { "tls.client_ca", "tls-client-ca", "tls.caPemPath", SETTING_TEXT, "", NULL, "FILE",
      "who signs clients' certificates, PEM", 0, AT(tls_client_ca), false },
    { "storage.sync", "sync", NULL, SETTING_CHOICE, "always", "default|always|everysec|no", "WHEN",
      "a write is on disk before its answer: always, everysec, no", 0, AT(sync), false },
    { "storage.memory", "memory", NULL, SETTING_BYTES, "0", NULL, "BYTES",
      "budget of the database; 0: half of the machine's", UINT64_MAX, AT(memory_bytes), false },
    { "storage.threads", "threads", NULL, SETTING_NUMBER, "0", NULL, "N",
      "threads that search and that build; 0: CPUs", 1024, AT(threads), false },
    { "limits.loops", "loops", NULL, SETTING_NUMBER, "0", NULL, "N",
      "threads that read and write sockets; 0: CPUs, at most 4", 64, AT(loops), false },
    { "limits.workers", "workers", NULL, SETTING_NUMBER, "0", NULL, "N",
      "threads that answer calls; 0: CPUs", 1024, AT(workers), false },
    { "limits.queue", "queue", NULL, SETTING_NUMBER, "0", NULL, "N",
      "calls that may wait for one; 0: 4,096", 1000000, AT(queue), false },
    { "limits.connections", "connections", NULL, SETTING_NUMBER, "0", NULL, "N",
      "open at a time; 0: 10,000", 1000000, AT(connections), false },
    { "limits.idle_timeout_s", "idle-timeout", NULL, SETTING_NUMBER, "0", NULL, "SECONDS",
      "HTTP/1.1 between requests; 0: 75", 86400, AT(idle_timeout_s), false },
    { "limits.request_timeout_s", "request-timeout", NULL, SETTING_NUMBER, "0", NULL, "SECONDS",
      "from a request's first byte to its last; 0: 60", 86400, AT(request_timeout_s), false },
    { "limits.handshake_timeout_s", "handshake-timeout", NULL, SETTING_NUMBER, "0", NULL,
      "SECONDS", "to the first bytes of a connection; 0: 10", 86400, AT(handshake_timeout_s),
      false },
    { "limits.output_bytes", "output-bytes", NULL, SETTING_BYTES, "0", NULL, "BYTES",
      "replies that a client has not read; 0: 256m", UINT64_MAX, AT(output_bytes), false },
    { "limits.input_bytes", "input-bytes", NULL, SETTING_BYTES, "0", NULL, "BYTES",
      "requests not answered yet, of all clients; 0: a quarter of the memory", UINT64_MAX,
      AT(input_bytes), false },
    { "drain.grace_s", "grace", NULL, SETTING_NUMBER, "30", NULL, "SECONDS",
      "what runs may go on after SIGTERM", 3600, AT(grace_s), true },
    { "log.level", "log-level", NULL, SETTING_CHOICE, "info", "error|warning|info|debug",
      "LEVEL", "error, warning, info, debug", 0, AT(log_level), true },
    { "log.format", "log-format", NULL, SETTING_CHOICE, "text", "text|json", "FORMAT",
      "text or json", 0, AT(log_format), true },
    { "log.access", "log-access", NULL, SETTING_BOOL, "false", NULL, NULL,
      "a line for each call", 0, AT(log_access), true },
    { "log.slow_query_ms", "slow-query-ms", NULL, SETTING_NUMBER, "0",
      NULL, "MS", "a line for each search or query that takes longer; 0: none", 3600000,
      AT(slow_query_ms), false },
    { "http.int64_numbers", "http-int64-numbers", "proxy.http.acceptTypeAllowInt64", SETTING_BOOL,
      "true", NULL, NULL, "REST writes 64-bit integers as numbers, not as texts", 0,
      AT(rest_int64_numbers), false },
    { "import.dir", "import-dir", NULL, SETTING_TEXT, "", NULL, "DIR",
      "Milvus clients may import files that lie below it; empty: none", 0, AT(import_dir), false },
};
#define SETTING_COUNT (sizeof settings / sizeof settings[0])

const struct setting *config_settings(size_t *count)
{
    *count = SETTING_COUNT;
    return settings;
}

static void *member(struct server_config *config, const struct setting *setting)
{
    return (char *)config + setting->offset;
}

static const struct setting *find(const char *name)
{
    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (strcmp(settings[i].name, name) == 0 ||
            (settings[i].alias && strcmp(settings[i].alias, name) == 0))
            return &settings[i];
    return NULL;
}

static int unknown(const char *name, struct kith_error *err)
{
    const char *names[SETTING_COUNT];
    for (size_t i = 0; i < SETTING_COUNT; i++) names[i] = settings[i].name;
    const char *near = suggest_name(name, names, SETTING_COUNT);
    if (near)
        return error_set(err, KITH_EINVAL, "there is no setting '%s'; did you mean '%s'?", name,
                         near);
    return error_set(err, KITH_EINVAL,
                     "there is no setting '%s'; 'kith serve --help' lists them", name);
}

/* ---- values in ---- */

static bool parse_bool(const char *text, bool *out)
{
    static const char *const yes[] = { "true", "yes", "on", "1" };
    static const char *const no[] = { "false", "no", "off", "0" };
    for (size_t i = 0; i < 4; i++) {
        if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
            *out = strcasecmp(text, yes[i]) == 0;
            return true;
        }
    }
    return false;
}

static bool parse_number(const char *text, uint64_t max, bool bytes, uint64_t *out)
{
    uint64_t value = 0;
    const char *at = text;
    for (; isdigit((unsigned char)*at); at++) {
        if (value > (UINT64_MAX - 9) / 10) return false;
        value = value * 10 + (uint64_t)(*at - '0');
    }
    if (at == text) return false;
    static const char units[] = "kmg";
    const char *unit = bytes && *at ? strchr(units, tolower((unsigned char)*at)) : NULL;
    if (unit) {
        const unsigned shift = 10 * (unsigned)(unit - units + 1);
        if (value > UINT64_MAX >> shift) return false;
        value <<= shift;
        at++;
    }
    if (*at || value > max) return false;
    *out = value;
    return true;
}

/* The word's place among the choices, or that number itself (Milvus counts its TLS modes). */
static bool parse_choice(const char *text, const char *choices, uint64_t *out)
{
    uint64_t place = 0, number = UINT64_MAX;
    const size_t len = strlen(text);
    if (!parse_number(text, 9, false, &number)) number = UINT64_MAX;
    for (const char *at = choices; at; place++) {
        const size_t word = strcspn(at, "|");
        if ((word == len && strncasecmp(at, text, len) == 0) || place == number) {
            *out = place;
            return true;
        }
        at = at[word] ? at + word + 1 : NULL;
    }
    return false;
}

static int refuse(const struct setting *setting, const char *value, struct kith_error *err)
{
    switch (setting->kind) {
    case SETTING_BOOL:
        return error_set(err, KITH_EINVAL, "%s: '%s' is neither true nor false", setting->name,
                         value);
    case SETTING_PORT:
        return error_set(err, KITH_EINVAL,
                         "%s: '%s' is no port; 1 to 65535, 0 for off, or auto", setting->name,
                         value);
    case SETTING_CHOICE:
        return error_set(err, KITH_EINVAL, "%s: '%s' is none of %s", setting->name, value,
                         setting->choices);
    case SETTING_BYTES:
        return error_set(err, KITH_EINVAL, "%s: '%s' is no number of bytes, as 64m or 2g",
                         setting->name, value);
    case SETTING_TEXT: break;
    case SETTING_NUMBER:
        return error_set(err, KITH_EINVAL, "%s: '%s' is no number from 0 to %llu", setting->name,
                         value, (unsigned long long)setting->max);
    }
    return error_set(err, KITH_EINVAL, "%s: '%s' is no value for it", setting->name, value);
}

static bool parse(struct server_config *config, const struct setting *setting, const char *value)
{
    void *out = member(config, setting);
    switch (setting->kind) {
    case SETTING_TEXT: break;
    case SETTING_BOOL: return parse_bool(value, out);
    case SETTING_NUMBER: return parse_number(value, setting->max, false, out);
    case SETTING_BYTES: return parse_number(value, setting->max, true, out);
    case SETTING_CHOICE: return parse_choice(value, setting->choices, out);
    case SETTING_PORT:
        if (strcasecmp(value, "auto") != 0) return parse_number(value, 65535, false, out);
        *(uint64_t *)out = CONFIG_PORT_AUTO;
        return true;
    }
    const char *copy = arena_strndup(&config->arena, value, strlen(value));
    if (copy) *(const char **)out = copy;
    return copy != NULL;
}

int config_set(struct server_config *config, const char *name, const char *value,
               struct kith_error *err)
{
    const struct setting *setting = find(name);
    if (!setting) return unknown(name, err);
    return parse(config, setting, value) ? 0 : refuse(setting, value, err);
}

int config_init(struct server_config *config, struct kith_error *err)
{
    memset(config, 0, sizeof *config);
    arena_init(&config->arena);
    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (!parse(config, &settings[i], settings[i].preset))
            return error_set(err, KITH_ENOMEM, "settings: no memory");
    return 0;
}

void config_release(struct server_config *config) { arena_release(&config->arena); }

/* KITH_ and the name in capitals, with _ for dots. */
int config_environment(struct server_config *config, struct kith_error *err)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        char name[CONFIG_NAME_MAX + 8];
        (void)snprintf(name, sizeof name, "KITH_%s", settings[i].name);
        for (char *c = name; *c; c++)
            *c = *c == '.' ? '_' : (char)toupper((unsigned char)*c);
        const char *value = getenv(name);
        if (!value) continue;
        const int rc = config_set(config, settings[i].name, value, err);
        if (rc) return error_wrap(err, rc, "%s", name);
    }
    return 0;
}

/* ---- values out ---- */

void config_value(const struct server_config *config, const struct setting *setting,
                  struct buffer *out)
{
    const char *at = (const char *)config + setting->offset;
    const char *text;
    uint64_t number = 0;
    bool boolean;
    if (setting->kind == SETTING_TEXT) {
        memcpy(&text, at, sizeof text);
        buffer_printf(out, "%s", text);
        return;
    }
    if (setting->kind == SETTING_BOOL) {
        memcpy(&boolean, at, sizeof boolean);
        buffer_printf(out, "%s", boolean ? "true" : "false");
        return;
    }
    memcpy(&number, at, sizeof number);
    if (setting->kind == SETTING_PORT && number == CONFIG_PORT_AUTO) {
        buffer_printf(out, "auto");
    } else if (setting->kind == SETTING_CHOICE) {
        const char *word = setting->choices;
        for (; number > 0; number--) word += strcspn(word, "|") + 1;
        buffer_put(out, word, strcspn(word, "|"));
    } else {
        buffer_printf(out, "%llu", (unsigned long long)number);
    }
}

/* Settings of one group stand together in the table. */
void config_write(const struct server_config *config, struct buffer *out)
{
    size_t group = 0;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const char *name = settings[i].name, *dot = strchr(name, '.');
        const size_t len = dot ? (size_t)(dot - name) : 0;
        const bool same = i > 0 && len && len == group &&
                          strncmp(settings[i - 1].name, name, len + 1) == 0;
        if (dot && !same) buffer_printf(out, "%.*s:\n", (int)len, name);
        group = len;
        buffer_printf(out, "%s%s: ", dot ? "  " : "", dot ? dot + 1 : name);
        const bool quoted = settings[i].kind == SETTING_TEXT;
        if (quoted) buffer_put(out, "\"", 1);
        config_value(config, &settings[i], out);
        buffer_printf(out, "%s\n", quoted ? "\"" : "");
    }
}

/* ---- together ---- */

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static int check_ports(const struct server_config *config, struct kith_error *err)
{
    const struct {
        const char *name;
        uint64_t port;
    } doors[] = { { "milvus.port", config->milvus_port },
                  { "redis.port", config->redis_port },
                  { "line.port", config->line_port },
                  { "ops.port", config->ops_port } };
    const size_t count = sizeof doors / sizeof doors[0];
    for (size_t i = 0; i < count; i++)
        for (size_t k = i + 1; k < count; k++)
            if (doors[i].port && doors[i].port == doors[k].port &&
                doors[i].port < CONFIG_PORT_AUTO)
                return error_set(err, KITH_EINVAL, "%s and %s are both %u", doors[i].name,
                                 doors[k].name, (unsigned)doors[i].port);
    return 0;
}

static int check_line(const struct server_config *config, struct kith_error *err)
{
    const bool open =
        !*config->line_password && !*config->line_auth_file && !*config->redis_password;
    if (!config->line_port || is_loopback(config->bind) || config->insecure || !open) return 0;
    return error_set(err, KITH_EINVAL,
                     "refusing to listen on %s for the line protocol without a password: use "
                     "--line-password, --line-port 0, or --insecure where the network is trusted",
                     config->bind);
}

int config_check(const struct server_config *config, struct kith_error *err)
{
    if (!config->milvus_port && !config->ops_port && !config->redis_port && !config->line_port)
        return error_set(err, KITH_EINVAL, "every port is off; set milvus.port");
    int rc = check_ports(config, err);
    if (rc == 0) rc = check_line(config, err);
    if (rc) return rc;
    if (!is_loopback(config->bind) && config->milvus_port && !config->auth && !config->insecure)
        return error_set(err, KITH_EINVAL,
                         "refusing to listen on %s without authentication: whoever reaches it "
                         "could read and delete everything. Use --auth, or --insecure where the "
                         "network is trusted",
                         config->bind);
    if (!is_loopback(config->bind) && config->redis_port && !*config->redis_password &&
        !*config->redis_config && !config->insecure)
        return error_set(err, KITH_EINVAL,
                         "refusing to listen on %s for Redis clients without a password: use "
                         "--redis-password, --redis-port 0, or --insecure where the network is "
                         "trusted",
                         config->bind);
    if (!is_loopback(config->ops_bind) && !config->insecure)
        return error_set(err, KITH_EINVAL,
                         "refusing to listen for metrics on %s: they have no authentication. Use "
                         "a loopback address, or --insecure where the network is trusted",
                         config->ops_bind);
    if (config->tls != CONFIG_TLS_OFF && (!*config->tls_cert || !*config->tls_key))
        return error_set(err, KITH_EINVAL, "tls.mode needs tls.cert and tls.key");
    if (config->tls == CONFIG_TLS_MUTUAL && !*config->tls_client_ca)
        return error_set(err, KITH_EINVAL, "tls.mode mutual needs tls.client_ca");
    if (config->tls == CONFIG_TLS_OFF && *config->tls_cert)
        return error_set(err, KITH_EINVAL, "tls.cert is set and tls.mode is off");
    return 0;
}
