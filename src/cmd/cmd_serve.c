/*
 * kith serve: the database behind its doors.
 *
 * Settings come from defaults, a file, the environment and flags, in that order; the flags are made
 * from the table of settings. Then everything is opened, one line says so, and the main thread
 * sleeps until a signal asks for a reload or for the end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/serve.h"

#define FLAGS_MAX 96

struct serve_flags {
    const char *redis_conf; /* the operand */
    const char *config;
    bool check;
    const char *texts[FLAGS_MAX]; /* by setting; NULL: not given */
    bool bools[FLAGS_MAX];
};

static const struct args_option first_options[] = {
    {.name = "config", .kind = ARGS_TEXT, .value = "FILE", .help = "settings, as YAML",
     .offset = offsetof(struct serve_flags, config)},
    {.name = "check-config", .kind = ARGS_FLAG,
     .help = "print the settings that would be used, or what is wrong with them, and stop",
     .offset = offsetof(struct serve_flags, check)},
};
#define FIRST_COUNT (sizeof first_options / sizeof first_options[0])

static const struct args_option operands[] = {
    {.name = "FILE.conf", .kind = ARGS_TEXT, .help = "a redis.conf for Redis clients",
     .offset = offsetof(struct serve_flags, redis_conf)},
};

static const struct args_spec plain_spec = {
    .verb = "serve",
    .summary = "answer the Milvus protocol and Redis clients over the network",
    .details = "Settings are taken from --config, then from the environment (tls.cert is "
               "KITH_TLS_CERT),\nthen from flags. SIGTERM lets calls end and stops; SIGHUP reads "
               "settings and certificates\nagain. docs/serve.md tells the rest.",
    .operands = operands,
    .operand_count = sizeof operands / sizeof operands[0],
    .example = "kith serve --data data\nkith serve --data data --check-config\n"
               "kith serve --data data --bind 0.0.0.0 --auth",
};

/* Flags of the settings behind those above. */
static size_t fill_options(struct args_option *options)
{
    size_t count;
    const struct setting *settings = config_settings(&count);
    memcpy(options, first_options, sizeof first_options);
    for (size_t i = 0; i < count && i < FLAGS_MAX; i++) {
        const bool flag = settings[i].kind == SETTING_BOOL;
        options[FIRST_COUNT + i] = (struct args_option){
            .name = settings[i].flag,
            .kind = flag ? ARGS_FLAG : ARGS_TEXT,
            .value = settings[i].value,
            .help = settings[i].help,
            .offset = flag ? offsetof(struct serve_flags, bools) + i * sizeof(bool)
                           : offsetof(struct serve_flags, texts) + i * sizeof(const char *),
        };
    }
    return FIRST_COUNT + (count < FLAGS_MAX ? count : FLAGS_MAX);
}

static int take_flags(struct server_config *config, const struct serve_flags *flags,
                      struct kith_error *err)
{
    size_t count;
    const struct setting *settings = config_settings(&count);
    int rc = flags->redis_conf ? config_set(config, "redis.config", flags->redis_conf, err) : 0;
    for (size_t i = 0; rc == 0 && i < count && i < FLAGS_MAX; i++) {
        const char *text = flags->bools[i] ? "true" : flags->texts[i];
        if (text) rc = config_set(config, settings[i].name, text, err);
    }
    return rc;
}

static int gather(struct server_config *config, const struct serve_flags *flags,
                  struct kith_error *err)
{
    int rc = config_init(config, err);
    if (rc == 0 && flags->config) rc = config_file(config, os_real(), flags->config, err);
    if (rc == 0) rc = config_environment(config, err);
    if (rc == 0) rc = take_flags(config, flags, err);
    if (rc == 0) rc = config_check(config, err);
    return rc;
}

static int print_config(const struct server_config *config)
{
    struct buffer out;
    buffer_init(&out);
    config_write(config, &out);
    if (out.len) fwrite(out.data, 1, out.len, stdout);
    buffer_release(&out);
    return CMD_OK;
}

/* "ready in 12.3 ms: milvus 127.0.0.1:19530, ops 127.0.0.1:9091" */
static void announce(const struct serve *serve, int64_t start_us)
{
    printf("ready in %.1f ms:", (double)(os_now_us(serve->os) - start_us) / 1000);
    for (size_t i = 0; i < serve->door_count; i++) {
        const struct net_door *door = &serve->doors[i];
        printf("%s %s ", i ? "," : "", door->name);
        if (door->path) printf("%s", door->path);
        else printf("%s:%u", door->bind, net_port(serve->net, i));
    }
    if (serve->ops_net)
        printf("%s ops %s:%u", serve->door_count ? "," : "", serve->ops_door.bind,
               net_port(serve->ops_net, 0));
    printf("\n");
    (void)fflush(stdout);
    os_service_notify("READY=1");
}

static void reload(struct serve *serve, const struct serve_flags *flags)
{
    struct server_config fresh;
    struct kith_error err = {0};
    char text[64];
    (void)snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld",
                   (long long)os_now_us(serve->os));
    os_service_notify(text);
    if (gather(&fresh, flags, &err)) logger_line(serve->logger, LOG_ERROR, err.text);
    else serve_reload(serve, &fresh);
    config_release(&fresh);
    os_service_notify("READY=1");
}

static int run(struct server_config *config, const struct serve_flags *flags, int64_t start_us)
{
    struct serve serve;
    struct kith_error err = {0};
    os_signals_hold();
    const int rc = serve_open(&serve, os_real(), config, &err);
    if (rc == 0) {
        announce(&serve, start_us);
        while (os_signal_wait() == OS_SIGNAL_RELOAD) reload(&serve, flags);
        os_service_notify("STOPPING=1");
    }
    serve_close(&serve);
    return rc ? cmd_fail("serve", &err) : CMD_OK;
}

int cmd_serve(int argc, char **argv)
{
    const int64_t start_us = os_now_us(os_real());
    struct args_option options[FIRST_COUNT + FLAGS_MAX];
    struct args_spec spec = plain_spec;
    struct serve_flags flags = {0};
    struct server_config config;
    struct kith_error err = {0};
    int exit_code;
    if (argc > 1 && strcmp(argv[1], "--ant-cache") == 0) return cmd_ant_cache(argc - 1, argv + 1);
    spec.options = options;
    spec.option_count = fill_options(options);
    if (!cmd_begin(&spec, argc, argv, &flags, &exit_code)) return exit_code;
    int rc = gather(&config, &flags, &err);
    if (rc == 0 && flags.check) rc = serve_check(os_real(), &config, &err);
    if (rc) exit_code = cmd_usage("serve", "%s", err.text);
    else if (flags.check) exit_code = print_config(&config);
    else exit_code = run(&config, &flags, start_us);
    config_release(&config);
    return exit_code;
}
