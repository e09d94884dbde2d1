/*
 * kith redis-server: the Redis door alone, started as Redis is: a redis.conf, `--name value`
 * directives, its log lines, its pidfile. Also what runs when the program's name ends in
 * "redis-server".
 *
 * Nothing of ours is asked for: an unknown directive is a warning, a bad value of a known one is
 * the message that scripts look for.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "cmd/cmd.h"
#include "cmd/redis_door.h"
#include "net/stream.h"
#include "os/thread.h"
#include "server/logger.h"

#define STOP_MS 2000u
#define SECOND_SIGNAL_US 300000

struct running {
    const struct os *os;
    struct redis_door door;
    struct logger *logger; /* owns */
    int log_fd;
    struct net *net; /* owns */
    struct net_door doors[REDIS_DOORS_MAX];
    char folder[OS_PATH_MAX], config[OS_PATH_MAX];
    bool pidfile_written;
};

/* ---- the command line ---- */

static int print_version(void)
{
    printf("Redis server v=7.4.0 sha=00000000:0 malloc=libc bits=%zu build=kith-%s\n",
           sizeof(void *) * 8, kith_version());
    return CMD_OK;
}

static int print_help(void)
{
    printf("Usage: kith redis-server [FILE] [--name value ...]\n"
           "       kith redis-server - (read the configuration from standard input)\n"
           "       kith redis-server --version | --help\n\n"
           "Answers Redis clients. FILE is a redis.conf; directives on the command line come\n"
           "after it and win.\n\n"
           "Examples:\n  kith redis-server\n  kith redis-server redis.conf --port 7000\n"
           "  echo 'maxmemory 128mb' | kith redis-server -\n");
    return CMD_OK;
}

static void put_word(struct buffer *line, const char *word)
{
    buffer_put(line, " \"", 2);
    for (; *word; word++) {
        if (*word == '"' || *word == '\\') buffer_put_u8(line, '\\');
        buffer_put_u8(line, (uint8_t)*word);
    }
    buffer_put_u8(line, '"');
}

/* "--name value value" up to the next "--": one directive. "--save ''" keeps its empty word. */
static int take_directives(struct conf *conf, int argc, char **argv)
{
    struct buffer line;
    int rc = 0;
    buffer_init(&line);
    for (int i = 0; rc == 0 && i < argc;) {
        buffer_clear(&line);
        const char *name = argv[i++];
        while (*name == '-') name++;
        buffer_put(&line, name, strlen(name));
        while (i < argc && strncmp(argv[i], "--", 2) != 0) put_word(&line, argv[i++]);
        buffer_put_u8(&line, 0);
        rc = buffer_failed(&line) ? KITH_ENOMEM : conf_add(conf, (const char *)line.data);
    }
    buffer_release(&line);
    return rc;
}

static int read_command_line(struct running *run, int argc, char **argv, struct kith_error *err)
{
    int at = 1;
    if (at < argc && strncmp(argv[at], "--", 2) != 0) {
        const int rc = conf_read(&run->door.conf, run->os, argv[at], err);
        if (rc) return rc;
        if (strcmp(argv[at], "-") != 0) {
            const bool absolute = argv[at][0] == '/';
            if (os_folder(run->folder, sizeof run->folder)) run->folder[0] = 0;
            (void)snprintf(run->config, sizeof run->config, "%.*s%s%s",
                           absolute ? 0 : 2047, run->folder, absolute ? "" : "/", argv[at]);
        }
        at++;
    }
    const int rc = take_directives(&run->door.conf, argc - at, argv + at);
    return rc ? error_set(err, rc, "no memory") : 0;
}

static int fatal(const struct running *run, const struct kith_error *err)
{
    const struct conf *conf = &run->door.conf;
    fprintf(stderr, "\n*** FATAL CONFIG FILE ERROR (Redis 7.4.0) ***\n");
    if (err->code == KITH_EINVAL && err->position < conf->count) {
        const struct conf_line *line = &conf->lines[err->position];
        fprintf(stderr, "Reading the configuration file, at line %zu\n>>> '%s'\n", line->line,
                line->text);
    }
    fprintf(stderr, "%s\n", err->text);
    return CMD_FAILED;
}

/* ---- opening ---- */

static void say(const struct running *run, int level, const char *text)
{
    logger_line(run->logger, level, text);
}

static int enter(struct running *run, struct kith_error *err)
{
    const struct redis_settings *settings = &run->door.settings;
    if (settings->daemonize && os_daemonize()) return error_set(err, KITH_EIO, "daemonize failed");
    return settings->dir ? os_enter(settings->dir, err) : 0;
}

static int open_log(struct running *run, struct kith_error *err)
{
    static const int levels[] = {LOG_DEBUG, LOG_DEBUG, LOG_INFO, LOG_WARNING, -1};
    const struct redis_settings *settings = &run->door.settings;
    int rc = settings->logfile ? os_log_open(settings->logfile, &run->log_fd, err) : 0;
    if (rc == 0) rc = logger_new(run->os, run->log_fd, &run->logger, err);
    if (rc) return rc;
    logger_set_redis(run->logger);
    logger_set(run->logger, levels[settings->loglevel], false);
    return 0;
}

static int write_pidfile(struct running *run, struct kith_error *err)
{
    const struct redis_settings *settings = &run->door.settings;
    const char *path = settings->pidfile;
    struct os_file *file;
    char text[32];
    if (!path && settings->daemonize) path = "/var/run/redis.pid";
    if (!path) return 0;
    int rc = os_open(run->os, path, OS_WRITE | OS_CREATE, &file, err);
    if (rc) return settings->pidfile ? rc : 0;
    const int len = snprintf(text, sizeof text, "%llu\n",
                             (unsigned long long)os_process_id(run->os));
    rc = os_truncate(file, 0, err);
    if (rc == 0) rc = os_pwrite(file, text, (size_t)len, 0, err);
    os_close(file);
    run->pidfile_written = rc == 0;
    return rc;
}

static void on_shutdown(void *ctx, bool save)
{
    (void)ctx;
    (void)save;
    os_signal_stop();
}

static int open_redis(struct running *run, struct kith_error *err)
{
    const struct redis_settings *settings = &run->door.settings;
    struct redis_opts opts = {.os = run->os,
                              .dir = "keyspace",
                              .config_file = run->config[0] ? run->config : NULL,
                              .port = (unsigned)settings->port,
                              .log = logger_line,
                              .log_ctx = run->logger,
                              .shutdown = on_shutdown};
    return redis_door_open(&run->door, &opts, err);
}

static int listen_on(struct running *run, bool optional, struct kith_error *err)
{
    const struct redis_settings *settings = &run->door.settings;
    const struct redis_door_where where = {.port = (uint16_t)settings->port, .optional = optional};
    const size_t count = redis_door_plan(&run->door, &where, run->doors);
    const struct net_opts opts = {
        .os = run->os,
        .doors = run->doors,
        .door_count = count,
        .limits = {.loops = (unsigned)settings->io_threads,
                   .workers = 1,
                   .connections_max = (unsigned)settings->maxclients + 32},
        .log = logger_line,
        .log_ctx = run->logger,
    };
    return net_new(&opts, &run->net, err);
}

static void on_settled(void *net) { net_settled(net); }

static int open_net(struct running *run, struct kith_error *err)
{
    char text[64];
    int rc = listen_on(run, true, err);
    if (rc) rc = listen_on(run, false, err);
    if (rc) {
        const struct redis_settings *settings = &run->door.settings;
        const bool tls = strstr(err->text, "(redis-tls)") != NULL;
        say(run, LOG_ERROR, err->text);
        (void)snprintf(text, sizeof text, "Failed listening on port %lld (%s), aborting.",
                       (long long)(tls ? settings->tls_port : settings->port),
                       tls ? "tls" : "tcp");
        return error_set(err, rc, "%s", text);
    }
    redis_set_settled(run->door.redis, on_settled, run->net);
    return net_start(run->net, err);
}

static void announce(const struct running *run)
{
    const struct redis_settings *settings = &run->door.settings;
    char text[128];
    (void)snprintf(text, sizeof text, "kith %s speaks Redis. Port: %lld, PID: %llu",
                   kith_version(), (long long)settings->port,
                   (unsigned long long)os_process_id(run->os));
    say(run, LOG_INFO, text);
    if (!run->config[0])
        say(run, LOG_INFO, "no config file specified, using the default config");
}

static int open_all(struct running *run, struct kith_error *err)
{
    const struct redis_settings *settings = &run->door.settings;
    announce(run);
    int rc = write_pidfile(run, err);
    if (rc == 0) rc = open_redis(run, err);
    if (rc == 0) rc = open_net(run, err);
    if (rc) return rc;
    if (!settings->protected_mode && !settings->requirepass)
        say(run, LOG_WARNING, "protected-mode is off and there is no password: whoever reaches "
                              "this port may read and delete everything");
    if (settings->port) say(run, LOG_INFO, "Ready to accept connections tcp");
    if (settings->tls_port) say(run, LOG_INFO, "Ready to accept connections tls");
    if (settings->unixsocket) say(run, LOG_INFO, "Ready to accept connections unix");
    os_service_notify("READY=1");
    return 0;
}

/* ---- running and closing ---- */

/* A second signal does not wait for anything. The thread outlives whatever main frees. */
static void watch_second(void *arg)
{
    const struct os *os = os_real();
    const int64_t first_us = os_now_us(os);
    (void)arg;
    for (;;) { /* one that comes at once is the first again: to the process and to its group */
        const enum os_signal signal = os_signal_wait();
        if (signal != OS_SIGNAL_RELOAD && os_now_us(os) - first_us > SECOND_SIGNAL_US) break;
    }
    os_exit_now(1);
}

static void wait_for_stop(struct running *run)
{
    struct os_thread *watcher; /* the process ends with it */
    while (os_signal_wait() == OS_SIGNAL_RELOAD) continue;
    say(run, LOG_INFO, "Received SIGTERM scheduling shutdown...");
    say(run, LOG_INFO, "User requested shutdown...");
    if (os_thread_start(run->os, "signals", 0, watch_second, NULL, &watcher, NULL)) return;
}

static void close_all(struct running *run)
{
    const struct redis_settings *settings = &run->door.settings;
    if (run->net) net_stop(run->net, STOP_MS);
    if (run->pidfile_written && settings->pidfile)
        (void)!os_unlink(run->os, settings->pidfile, NULL);
    if (run->door.redis) redis_set_settled(run->door.redis, NULL, NULL);
    net_free(run->net); /* the paths of its doors are the settings' */
    redis_door_close(&run->door);
    if (run->logger) say(run, LOG_WARNING, "Redis is now ready to exit, bye bye...");
    logger_free(run->logger);
    os_log_close(run->log_fd);
}

static int serve(struct running *run)
{
    struct kith_error err = {0};
    os_signals_hold();
    int rc = open_log(run, &err);
    if (rc == 0) rc = open_all(run, &err);
    if (rc == 0) wait_for_stop(run);
    else if (run->logger) say(run, LOG_ERROR, err.text);
    else fprintf(stderr, "%s\n", err.text);
    close_all(run);
    return rc ? CMD_FAILED : CMD_OK;
}

int cmd_redis_server(int argc, char **argv)
{
    struct kith_error err = {0};
    if (argc == 2 && (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-v")))
        return print_version();
    if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) return print_help();
    struct running *run = mem_zalloc(sizeof *run);
    if (!run) return CMD_FAILED;
    run->os = os_real();
    run->log_fd = 1;
    int rc = read_command_line(run, argc, argv, &err);
    if (rc == 0) rc = redis_door_settle(&run->door, &err);
    if (rc == 0) rc = enter(run, &err);
    int exit_code;
    if (rc) {
        exit_code = fatal(run, &err);
        redis_door_close(&run->door);
    } else {
        exit_code = serve(run);
    }
    mem_free(run);
    return exit_code;
}
