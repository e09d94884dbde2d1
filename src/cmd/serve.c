/*
 * A running server: see serve.h.
 */
#include "cmd/serve.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "net/stream.h"

#define STDERR_FD 2
#define DOOR_BODY_BYTES_MAX (64u << 20)
#define OPS_CONNECTIONS_MAX 64u
#define OPS_OUTPUT_BYTES_MAX (16u << 20)
#define OPS_GRACE_MS 100u
#define REDIS_PORT 6379u

static void say(struct serve *serve, int level, const char *fmt, ...) KITH_PRINTF(3, 4);
static void say(struct serve *serve, int level, const char *fmt, ...)
{
    char text[KITH_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    logger_line(serve->logger, level, text);
}

/* ---- the access log ---- */

/* A copy that ends in NUL, cut to what fits. */
static const char *cut(char *out, size_t size, struct kith_str text)
{
    const size_t len = text.len < size - 1 ? text.len : size - 1;
    memcpy(out, text.data, len);
    out[len] = 0;
    return out;
}

static void on_end(void *ctx, const struct exchange *exchange, const struct net_ended *ended)
{
    struct serve *serve = ctx;
    char method[16], path[256];
    if (!atomic_load_explicit(&serve->log_access, memory_order_relaxed)) return;
    const bool grpc = exchange_kind(exchange) == EXCHANGE_GRPC;
    const struct logger_pair pairs[] = {
        { "peer", exchange_peer(exchange), 0 },
        { "method", grpc ? "gRPC" : cut(method, sizeof method, exchange_method(exchange)), 0 },
        { "path", cut(path, sizeof path, exchange_path(exchange)), 0 },
        { "status", NULL, ended->status },
        { "in", NULL, (double)exchange_body(exchange).len },
        { "out", NULL, (double)ended->reply_bytes },
        { "ms", NULL, (double)ended->us / 1000 },
    };
    logger_event(serve->logger, LOG_INFO, "access", pairs, sizeof pairs / sizeof pairs[0]);
}

/* ---- opening ---- */

static void apply(struct serve *serve)
{
    const struct server_config *config = serve->config;
    logger_set(serve->logger, (int)config->log_level, config->log_format == 1);
    atomic_store(&serve->log_access, config->log_access);
}

static int open_shared(struct serve *serve, struct kith_error *err)
{
    const struct server_config *config = serve->config;
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    opts.sync = (enum kith_sync)config->sync;
    opts.memory_bytes = config->memory_bytes;
    opts.threads = (uint32_t)config->threads;
    opts.log = logger_line;
    opts.log_ctx = serve->logger;
    int rc = kith_open(config->data, &opts, &serve->db, err);
    if (rc == 0) rc = auth_open(serve->db, serve->os, config->auth, &serve->auth, err);
    if (rc == 0 && config->auth && auth_has_first_password(serve->auth))
        say(serve, LOG_WARNING, "the user root still has the password of every manual: change it");
    return rc;
}

static int open_milvus(struct serve *serve, struct kith_error *err)
{
    const struct milvus_opts opts = { .os = serve->os,
                                      .db = serve->db,
                                      .auth = serve->auth,
                                      .metrics = serve->metrics,
                                      .rest_int64_numbers = serve->config->rest_int64_numbers,
                                      .import_dir = serve->config->import_dir,
                                      .slow_query_ms = (unsigned)serve->config->slow_query_ms,
                                      .log = logger_line,
                                      .log_ctx = serve->logger };
    return milvus_new(&opts, &serve->milvus, err);
}

/* ---- the Milvus port: its own calls, and routes of others beside them ---- */

static void handle_call(void *ctx, struct exchange *exchange)
{
    struct serve *serve = ctx;
    const bool http = exchange_kind(exchange) == EXCHANGE_HTTP;
    if (http && scache_http_takes(exchange_path(exchange)))
        scache_http_handle(serve->cache_http, exchange);
    else milvus_handle(serve->milvus, exchange);
}

static bool admit_call(void *ctx, struct exchange *exchange)
{
    struct serve *serve = ctx;
    return milvus_admit(serve->milvus, exchange);
}

static void on_shutdown(void *ctx, bool save)
{
    (void)ctx;
    (void)save;
    os_signal_stop();
}

/* The settings of ours that are directives of a redis.conf, before the file: it may say more. */
static int gather_redis(struct serve *serve, struct kith_error *err)
{
    const struct server_config *config = serve->config;
    struct conf *conf = &serve->redis.conf;
    char line[KITH_ERROR_TEXT_MAX];
    int rc = conf_add(conf, "appendonly yes");
    if (rc == 0 && config->insecure) rc = conf_add(conf, "protected-mode no");
    for (size_t i = 0; rc == 0 && i < 3 && config->redis_directives[i]; i++)
        rc = conf_add(conf, config->redis_directives[i]);
    if (rc) return error_set(err, rc, "the settings: no memory");
    if (*config->redis_config) rc = conf_read(conf, serve->os, config->redis_config, err);
    if (rc == 0 && *config->redis_password) {
        (void)snprintf(line, sizeof line, "requirepass \"%s\"", config->redis_password);
        rc = conf_add(conf, line);
        if (rc) error_set(err, rc, "the settings: no memory");
    }
    if (rc == 0) rc = redis_door_settle(&serve->redis, err);
    if (rc == KITH_EINVAL && err->position < conf->count)
        error_wrap(err, rc, "%s, line %zu", conf->lines[err->position].file,
                   conf->lines[err->position].line);
    return rc;
}

/* A redis.conf was written for a process of its own. */
static void tell_left_out(struct serve *serve)
{
    struct buffer names;
    buffer_init(&names);
    redis_door_left_out(&serve->redis, &names);
    if (names.len)
        say(serve, LOG_WARNING, "%s: ignored, because settings of kith serve stand for them: %.*s",
            serve->config->redis_config, (int)names.len, (const char *)names.data);
    buffer_release(&names);
}

static bool has_redis(const struct serve *serve)
{
    return serve->config->redis_port || os_service_socket("redis") >= 0;
}

/* It stands on the keyspace of the Redis door, which is there even if no Redis client may come. */
static bool has_line(const struct serve *serve)
{
    return serve->config->line_port || os_service_socket("line") >= 0;
}

/* What the command line says of port and address wins over the file. */
static uint64_t redis_port(const struct serve *serve)
{
    const uint64_t port = serve->config->redis_port;
    const bool preset = port == REDIS_PORT && *serve->config->redis_config;
    return preset ? (uint64_t)serve->redis.settings.port : port;
}

int serve_check(const struct os *os, struct server_config *config, struct kith_error *err)
{
    struct serve serve = {.os = os, .config = config};
    const int rc = gather_redis(&serve, err);
    if (rc == 0) config->redis_port = redis_port(&serve);
    redis_door_close(&serve.redis);
    return rc;
}

static const int deflate_levels[] = { 6, 1, 9 }; /* by compression.level */

static size_t deflate_from(const struct server_config *config)
{
    if (!config->compression) return 0;
    return config->compression_min_bytes ? (size_t)config->compression_min_bytes : 1;
}

static int open_redis(struct serve *serve, struct kith_error *err)
{
    const struct server_config *config = serve->config;
    char dir[OS_PATH_MAX];
    if (!has_redis(serve) && !has_line(serve)) return 0;
    int rc = gather_redis(serve, err);
    if (rc) return rc;
    tell_left_out(serve);
    if (snprintf(dir, sizeof dir, "%s/keyspace", config->data) >= (int)sizeof dir)
        return error_set(err, KITH_EINVAL, "the path of the data is too long");
    const uint64_t port = redis_port(serve);
    struct redis_opts opts = { .os = serve->os,
                               .db = serve->db,
                               .metrics = serve->metrics,
                               .dir = dir,
                               .config_file = *config->redis_config ? config->redis_config : NULL,
                               .port = port == CONFIG_PORT_AUTO ? 0 : (unsigned)port,
                               .workers = (unsigned)config->workers,
                               .deflate_from = deflate_from(config),
                               .deflate_level = deflate_levels[config->compression_level],
                               .log = logger_line,
                               .log_ctx = serve->logger,
                               .shutdown = on_shutdown };
    return redis_door_open(&serve->redis, &opts, err);
}

static int open_line(struct serve *serve, struct kith_error *err)
{
    const struct server_config *config = serve->config;
    if (!has_line(serve)) return 0;
    const struct line_opts opts = {
        .os = serve->os,
        .redis = serve->redis.redis,
        .metrics = serve->metrics,
        .password = *config->line_password ? config->line_password : config->redis_password,
        .auth_file = *config->line_auth_file ? config->line_auth_file : NULL,
        .idle_timeout_s = (unsigned)config->line_idle_timeout_s,
        .pooled = config->line_pooled == 1,
        .workers = (unsigned)config->line_workers,
        .unterminated_writes = config->line_unterminated_writes,
        .extensions = config->line_extensions,
        .escape_newlines = config->line_escape_newlines,
        .log = logger_line,
        .log_ctx = serve->logger,
    };
    return line_new(&opts, &serve->line, err);
}

static void plan_redis(struct serve *serve)
{
    struct net_door doors[REDIS_DOORS_MAX];
    const struct server_config *config = serve->config;
    if (!serve->redis.redis || !has_redis(serve)) return;
    const bool from_file = *config->redis_config && !strcmp(config->bind, "127.0.0.1");
    const uint64_t port = redis_port(serve);
    const struct redis_door_where where = {
        .bind = from_file ? NULL : config->bind,
        .port = port == CONFIG_PORT_AUTO ? 0 : (uint16_t)port,
        .any_port = port == CONFIG_PORT_AUTO || os_service_socket("redis") >= 0,
    };
    const size_t count = redis_door_plan(&serve->redis, &where, doors);
    for (size_t i = 0; i < count; i++) {
        const bool clear = !doors[i].tls && !doors[i].path;
        if (clear && config->tls != CONFIG_TLS_OFF) doors[i].tls = &serve->tls;
        if (clear && i == 0) doors[i].fd = os_service_socket("redis");
        serve->doors[serve->door_count++] = doors[i];
    }
}

/* A socket that the service manager opened is used whatever the port says. false: no door. */
static bool place_door(struct net_door *door, uint64_t port)
{
    door->fd = os_service_socket(door->name);
    door->port = port == CONFIG_PORT_AUTO ? 0 : (uint16_t)port;
    return port || door->fd >= 0;
}

static void add_door(struct serve *serve, struct net_door door, uint64_t port)
{
    if (place_door(&door, port)) serve->doors[serve->door_count++] = door;
}

static void plan_doors(struct serve *serve)
{
    const struct server_config *config = serve->config;
    serve->tls = (struct net_tls){ .cert_path = config->tls_cert, .key_path = config->tls_key };
    if (config->tls == CONFIG_TLS_MUTUAL) serve->tls.client_ca_path = config->tls_client_ca;
    add_door(serve,
             (struct net_door){ .name = "milvus",
                                .bind = config->bind,
                                .grpc = true,
                                .body_bytes_max = DOOR_BODY_BYTES_MAX,
                                .tls = config->tls == CONFIG_TLS_OFF ? NULL : &serve->tls,
                                .handle = handle_call,
                                .admit = admit_call,
                                .ctx = serve },
             config->milvus_port);
    plan_redis(serve);
    if (serve->line)
        add_door(serve,
                 (struct net_door){ .name = "line",
                                    .bind = config->bind,
                                    .tls = config->tls == CONFIG_TLS_OFF ? NULL : &serve->tls,
                                    .stream = line_stream_ops(),
                                    .keepalive_s = LINE_KEEPALIVE_S,
                                    .socket_bytes = LINE_SOCKET_BYTES,
                                    .ctx = serve->line },
                 config->line_port);
}

/* First of all, with a thread of its own: it says "not ready" while the data is being read and
 * while calls come to their end, and a crowd at the other doors does not keep it from answering. */
static int open_ops(struct serve *serve, struct kith_error *err)
{
    const struct server_config *config = serve->config;
    serve->ops.metrics = serve->metrics;
    serve->ops_door = (struct net_door){ .name = "ops",
                                         .bind = config->ops_bind,
                                         .until_end = true,
                                         .handle = ops_handle,
                                         .ctx = &serve->ops };
    if (!place_door(&serve->ops_door, config->ops_port)) return 0;
    const struct net_opts opts = {
        .os = serve->os,
        .doors = &serve->ops_door,
        .door_count = 1,
        .limits = { .loops = 1, .workers = 1, .queue_max = 64,
                    .connections_max = OPS_CONNECTIONS_MAX,
                    .output_bytes_max = OPS_OUTPUT_BYTES_MAX },
        .log = logger_line,
        .log_ctx = serve->logger,
        .on_end = on_end,
        .on_end_ctx = serve,
    };
    const int rc = net_new(&opts, &serve->ops_net, err);
    return rc ? rc : net_start(serve->ops_net, err);
}

static void on_settled(void *net) { net_settled(net); }

static void on_measure(void *ctx)
{
    struct serve *serve = ctx;
    if (serve->redis.redis) redis_measure(serve->redis.redis);
    if (serve->line) line_measure(serve->line);
}

/* The one port that is likely to be taken: by a Redis. */
static int hint_redis(const struct serve *serve, int rc, struct kith_error *err)
{
    char port[16];
    (void)snprintf(port, sizeof port, ":%u", (unsigned)redis_port(serve));
    if (rc != KITH_ELOCKED || !err || !serve->redis.redis || !strstr(err->text, port)) return rc;
    const struct kith_error first = *err;
    return error_set(err, rc, "%.400s; another Redis? --redis-port PORT takes another port, "
                              "--redis-port 0 none",
                     first.text);
}

static int open_net(struct serve *serve, struct kith_error *err)
{
    const struct server_config *config = serve->config;
    const struct net_opts opts = {
        .os = serve->os,
        .doors = serve->doors,
        .door_count = serve->door_count,
        .limits = { .loops = (unsigned)config->loops,
                    .workers = (unsigned)config->workers,
                    .queue_max = (unsigned)config->queue,
                    .connections_max = (unsigned)config->connections,
                    .idle_timeout_s = (unsigned)config->idle_timeout_s,
                    .request_timeout_s = (unsigned)config->request_timeout_s,
                    .handshake_timeout_s = (unsigned)config->handshake_timeout_s,
                    .output_bytes_max = (size_t)config->output_bytes,
                    .input_bytes_all = (size_t)config->input_bytes },
        .log = logger_line,
        .log_ctx = serve->logger,
        .on_end = on_end,
        .on_end_ctx = serve,
    };
    if (serve->door_count > 0) {
        const int rc = net_new(&opts, &serve->net, err);
        if (rc) return hint_redis(serve, rc, err);
    }
    serve->gauges = (struct gauges){ .os = serve->os, .metrics = serve->metrics, .db = serve->db,
                                     .nets = { serve->net, serve->ops_net },
                                     .more = on_measure, .more_ctx = serve };
    gauges_begin(&serve->gauges);
    if (serve->net && serve->redis.redis)
        redis_set_settled(serve->redis.redis, on_settled, serve->net);
    return serve->net ? net_start(serve->net, err) : 0;
}

static void settle_indexes(void *redis) { redis_settle_indexes(redis); }
static void collections_changed(void *redis) { redis_collections_changed(redis); }

int serve_open(struct serve *serve, const struct os *os, struct server_config *config,
               struct kith_error *err)
{
    *serve = (struct serve){ .os = os, .config = config };
    int rc = logger_new(os, STDERR_FD, &serve->logger, err);
    if (rc) return rc;
    apply(serve);
    if (metrics_new(os, &serve->metrics))
        return error_set(err, KITH_ENOMEM, "metrics: no memory");
    rc = open_ops(serve, err);
    if (rc == 0) rc = open_shared(serve, err);
    if (rc == 0) rc = open_milvus(serve, err);
    if (rc == 0) rc = open_redis(serve, err);
    if (rc == 0 && serve->redis.redis) {
        milvus_set_settle(serve->milvus, settle_indexes, serve->redis.redis);
        milvus_set_changed(serve->milvus, collections_changed, serve->redis.redis);
    }
    if (rc == 0) rc = scache_http_new(serve->redis.redis, serve->auth, &serve->cache_http, err);
    if (rc == 0) rc = open_line(serve, err);
    if (rc) return rc;
    plan_doors(serve);
    rc = open_net(serve, err);
    if (rc == 0) atomic_store(&serve->ops.ready, true);
    return rc;
}

void serve_close(struct serve *serve)
{
    atomic_store(&serve->ops.ready, false);
    if (serve->net) net_stop(serve->net, (unsigned)serve->config->grace_s * 1000);
    if (serve->ops_net) net_stop(serve->ops_net, OPS_GRACE_MS);
    line_free(serve->line);
    if (serve->redis.redis) redis_set_settled(serve->redis.redis, NULL, NULL);
    net_free(serve->net); /* the paths of its doors are the settings' */
    scache_http_free(serve->cache_http);
    if (serve->milvus) milvus_set_settle(serve->milvus, NULL, NULL);
    if (serve->milvus) milvus_set_changed(serve->milvus, NULL, NULL);
    redis_door_close(&serve->redis);
    net_free(serve->ops_net);
    milvus_free(serve->milvus);
    metrics_free(serve->metrics);
    auth_close(serve->auth);
    kith_close(serve->db);
    logger_free(serve->logger);
}

/* ---- reloading ---- */

static bool differs(const struct server_config *a, const struct server_config *b,
                    const struct setting *setting, struct buffer *value)
{
    struct buffer before;
    buffer_init(&before);
    buffer_clear(value);
    config_value(a, setting, &before);
    config_value(b, setting, value);
    const bool other = before.len != value->len ||
                       (before.len && memcmp(before.data, value->data, before.len) != 0);
    buffer_release(&before);
    return other;
}

void serve_reload(struct serve *serve, const struct server_config *fresh)
{
    size_t count;
    struct kith_error err = { 0 };
    struct buffer value;
    const struct setting *settings = config_settings(&count);
    buffer_init(&value);
    for (size_t i = 0; i < count; i++) {
        const struct setting *setting = &settings[i];
        if (!differs(serve->config, fresh, setting, &value)) continue;
        buffer_put_u8(&value, 0);
        const bool secret = strcmp(setting->name, "redis.password") == 0 ||
                            strcmp(setting->name, "line.password") == 0;
        const char *text = buffer_failed(&value) || secret ? "?" : (const char *)value.data;
        if (!setting->at_run_time)
            say(serve, LOG_WARNING, "%s = %s needs a new start", setting->name, text);
        else if (config_set(serve->config, setting->name, text, &err) == 0)
            say(serve, LOG_INFO, "%s = %s", setting->name, text);
    }
    buffer_release(&value);
    apply(serve);
    if (serve->net && net_reload_tls(serve->net, &err))
        say(serve, LOG_ERROR, "%s; the old stay", err.text);
}
