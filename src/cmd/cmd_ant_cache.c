/*
 * kith serve --ant-cache, and a link to kith that is named ant-cache: the door of the line protocol
 * alone, started with the flags and the JSON file of Ant-Cache.
 *
 * Its intervals become ours: a snapshot each atd_interval if something changed, the log synced each
 * second. Its files are never written; `kith import ant` reads them. An auth.dat beside the data of
 * an Ant-Cache is taken if the settings name no password.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cli.h"
#include "cmd/cmd.h"
#include "cmd/serve.h"
#include "line/ant_config.h"
#include "os/thread.h"

static int usage(void)
{
    printf("Usage: kith serve --ant-cache [flags]\n\n"
           "  -config FILE          settings as JSON; config.json if that is there\n"
           "  -host ADDRESS         localhost\n"
           "  -port PORT            8890\n"
           "  -server MODE          single-goroutine or pooled-goroutine\n"
           "  -workers N            200, of the pool\n"
           "  -atd FILE             \"\": no snapshots\n"
           "  -acl FILE             \"\": no log\n"
           "  -atd-interval TIME    1h, between snapshots\n"
           "  -acl-interval TIME    1s, between syncs of the log\n"
           "  -cli                  a prompt at this terminal; leaving it stops the server\n"
           "  -insecure             listen beyond this machine without a password\n"
           "  -query                print the settings that would be used, and stop\n\n"
           "Data are kept in kith-data, in kith's own formats.\n");
    return CMD_OK;
}

#define AUTH_FILE "auth.dat"

static bool has_auth_file(const struct ant_config *ant)
{
    struct os_stat stat;
    return !*ant->password && os_stat(os_real(), AUTH_FILE, &stat, NULL) == 0;
}

/* Settings of ours, by name. */
static int translate(const struct ant_config *ant, struct server_config *config,
                     struct kith_error *err)
{
    char port[16], workers[16], min_size[24];
    (void)snprintf(port, sizeof port, "%llu", (unsigned long long)ant->port);
    (void)snprintf(workers, sizeof workers, "%llu", (unsigned long long)ant->workers);
    (void)snprintf(min_size, sizeof min_size, "%llu",
                   (unsigned long long)ant->compression_min_bytes);
    const char *const host = strcmp(ant->host, "localhost") ? ant->host : "127.0.0.1";
    const char *const pairs[][2] = {
        { "bind", host },
        { "milvus.port", "0" },
        { "redis.port", "0" },
        { "ops.port", "0" },
        { "line.port", port },
        { "line.password", ant->password },
        { "line.auth_file", has_auth_file(ant) ? AUTH_FILE : "" },
        { "line.workers", workers },
        { "line.mode", ant->pooled ? "pooled" : "single" },
        { "insecure", ant->insecure ? "true" : "false" },
        { "compression.enabled", ant->compression ? "true" : "false" },
        { "compression.min_size", min_size },
        { "compression.level", ant->compression_level },
    };
    int rc = config_init(config, err);
    if (rc == 0) rc = config_environment(config, err);
    for (size_t i = 0; rc == 0 && i < sizeof pairs / sizeof pairs[0]; i++)
        rc = config_set(config, pairs[i][0], pairs[i][1], err);
    return rc ? rc : config_check(config, err);
}

static void keep_as(const struct ant_config *ant, struct server_config *config, char save[64])
{
    const long long seconds = (long long)ant->atd_interval_ms / 1000;
    if (!*ant->atd_file || seconds <= 0) (void)snprintf(save, 64, "save \"\"");
    else (void)snprintf(save, 64, "save %lld 1", seconds);
    config->redis_directives[0] = save;
    config->redis_directives[1] = *ant->acl_file ? "appendonly yes" : "appendonly no";
    config->redis_directives[2] = ant->acl_interval_ms > 0 ? "appendfsync everysec"
                                                            : "appendfsync always";
}

/* ---- the prompt ---- */

struct prompt {
    struct cli cli;
    struct os_thread *thread;
    atomic_bool ended;
};

static void talk(void *arg)
{
    struct prompt *prompt = arg;
    (void)cli_talk(&prompt->cli);
    atomic_store(&prompt->ended, true);
    os_signal_stop();
}

/* On a thread of its own: the main one waits for signals. */
static int start_prompt(struct prompt *prompt, const struct serve *serve, const char *password,
                        struct kith_error *err)
{
    const char *const bind = serve->doors[0].bind;
    const bool any = !strcmp(bind, "0.0.0.0") || !strcmp(bind, "::");
    cli_init(&prompt->cli, any ? "127.0.0.1" : bind, net_port(serve->net, 0), true);
    if (*password) prompt->cli.password = password;
    return os_thread_start(serve->os, "prompt", 0, talk, prompt, &prompt->thread, err);
}

static int serve(struct server_config *config, const struct ant_config *ant)
{
    struct serve serve;
    struct prompt prompt = { .thread = NULL };
    struct kith_error err = { 0 };
    os_signals_hold();
    int rc = serve_open(&serve, os_real(), config, &err);
    if (rc == 0) {
        printf("ready: line %s:%u\n", serve.doors[0].bind, net_port(serve.net, 0));
        (void)fflush(stdout);
        os_service_notify("READY=1");
    }
    if (rc == 0 && ant->cli) rc = start_prompt(&prompt, &serve, ant->password, &err);
    while (rc == 0 && os_signal_wait() == OS_SIGNAL_RELOAD) continue;
    os_service_notify("STOPPING=1");
    serve_close(&serve);
    if (atomic_load(&prompt.ended)) { /* else it waits for somebody, and ends with the program */
        os_thread_join(prompt.thread);
        cli_release(&prompt.cli);
    }
    return rc ? cmd_fail("serve", &err) : CMD_OK;
}

static int print_settings(const struct ant_config *ant)
{
    struct buffer out;
    buffer_init(&out);
    ant_config_write(ant, &out);
    if (out.len) fwrite(out.data, 1, out.len, stdout);
    buffer_release(&out);
    return CMD_OK;
}

static int start(const struct ant_config *ant)
{
    struct server_config config = { 0 };
    struct kith_error err = { 0 };
    char save[64];
    int exit_code;
    const int rc = translate(ant, &config, &err);
    keep_as(ant, &config, save);
    exit_code = rc ? cmd_usage("serve", "%s", err.text) : serve(&config, ant);
    config_release(&config);
    return exit_code;
}

int cmd_ant_cache(int argc, char **argv)
{
    struct ant_config ant = { 0 };
    struct kith_error err = { 0 };
    int exit_code;
    const int rc = ant_config_gather(&ant, os_real(), argv + 1, argc - 1, &err);
    if (ant.notes.len) fwrite(ant.notes.data, 1, ant.notes.len, stderr);
    if (rc) exit_code = cmd_usage("serve", "%s", err.text);
    else if (ant.help) exit_code = usage();
    else if (ant.query) exit_code = print_settings(&ant);
    else exit_code = start(&ant);
    ant_config_release(&ant);
    return exit_code;
}
