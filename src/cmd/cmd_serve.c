/*
 * kith serve: the database behind its doors. Opens everything in order, says so in one line, waits
 * for a signal, and closes everything in the opposite order.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "milvus/milvus.h"
#include "net/net.h"
#include "server/ops.h"

struct serve_options {
    const char *data, *bind, *milvus_port;
    uint64_t ops_port;
    bool auth;
};

static const struct args_option options_table[] = {
    {.name = "data", .kind = ARGS_TEXT, .value = "DIR", .help = "the database's directory",
     .offset = offsetof(struct serve_options, data)},
    {.name = "bind", .kind = ARGS_TEXT, .value = "ADDRESS", .help = "where to listen",
     .offset = offsetof(struct serve_options, bind)},
    {.name = "milvus-port", .kind = ARGS_TEXT, .value = "PORT", .help = "0: off; auto: any free",
     .offset = offsetof(struct serve_options, milvus_port)},
    {.name = "ops-port", .kind = ARGS_NUMBER, .value = "PORT", .help = "0: off", .max = 65535,
     .offset = offsetof(struct serve_options, ops_port)},
    {.name = "auth", .kind = ARGS_FLAG, .help = "clients must say who they are",
     .offset = offsetof(struct serve_options, auth)},
};

static const struct args_spec spec = {
    .verb = "serve",
    .summary = "answer the Milvus protocol over the network",
    .example = "kith serve --data data",
    .options = options_table,
    .option_count = sizeof options_table / sizeof options_table[0],
};

struct serve {
    struct kith_db *db;
    struct auth *auth;
    struct metrics *metrics;
    struct milvus *milvus;
    struct ops ops;
    struct net_door doors[2];
    size_t door_count;
    struct net *net;
};

static void log_line(void *ctx, int level, const char *text)
{
    (void)ctx;
    if (level < 2) cmd_warn("serve", "%s", text);
}

static void serve_close(struct serve *serve)
{
    atomic_store(&serve->ops.ready, false);
    if (serve->net) net_stop(serve->net, 30000);
    net_free(serve->net);
    milvus_free(serve->milvus);
    if (serve->metrics) metrics_free(serve->metrics);
    if (serve->auth) auth_close(serve->auth);
    kith_close(serve->db);
}

static int open_net(struct serve *serve, const struct serve_options *options,
                    struct kith_error *err)
{
    const bool any = strcmp(options->milvus_port, "auto") == 0;
    const unsigned long port = any ? 0 : strtoul(options->milvus_port, NULL, 10);
    if (any || port)
        serve->doors[serve->door_count++] = (struct net_door){
            .name = "milvus", .bind = options->bind, .port = (uint16_t)port, .fd = -1, .grpc = true,
            .body_bytes_max = 64u << 20, .handle = milvus_handle, .ctx = serve->milvus };
    if (options->ops_port)
        serve->doors[serve->door_count++] = (struct net_door){
            .name = "ops", .bind = "127.0.0.1", .port = (uint16_t)options->ops_port, .fd = -1,
            .handle = ops_handle, .ctx = &serve->ops };
    const struct net_opts opts = { .os = os_real(), .doors = serve->doors,
                                   .door_count = serve->door_count, .log = log_line };
    int rc = net_new(&opts, &serve->net, err);
    if (rc == 0) rc = net_start(serve->net, err);
    return rc;
}

static int serve_open(struct serve *serve, const struct serve_options *options,
                      struct kith_error *err)
{
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    opts.log = log_line;
    int rc = kith_open(options->data, &opts, &serve->db, err);
    if (rc == 0) rc = auth_open(serve->db, os_real(), options->auth, &serve->auth, err);
    if (rc == 0 && metrics_new(os_real(), &serve->metrics))
        rc = error_set(err, KITH_ENOMEM, "metrics: no memory");
    serve->ops.metrics = serve->metrics;
    const struct milvus_opts milvus = { .os = os_real(), .db = serve->db, .auth = serve->auth,
                                        .metrics = serve->metrics, .rest_int64_numbers = true,
                                        .log = log_line };
    if (rc == 0) rc = milvus_new(&milvus, &serve->milvus, err);
    return rc ? rc : open_net(serve, options, err);
}

int cmd_serve(int argc, char **argv)
{
    struct serve_options options = { .data = "kith-data", .bind = "127.0.0.1",
                                     .milvus_port = "19530", .ops_port = 9091 };
    struct serve serve = {0};
    struct kith_error err = {0};
    int exit_code;
    if (!cmd_begin(&spec, argc, argv, &options, &exit_code)) return exit_code;
    const int64_t start_us = os_now_us(os_real());
    os_signals_hold();
    if (serve_open(&serve, &options, &err)) {
        serve_close(&serve);
        return cmd_fail("serve", &err);
    }
    atomic_store(&serve.ops.ready, true);
    printf("ready in %.1f ms:", (double)(os_now_us(os_real()) - start_us) / 1000);
    for (size_t i = 0; i < serve.door_count; i++)
        printf(" %s %s:%u", serve.doors[i].name, serve.doors[i].bind, net_port(serve.net, i));
    printf("\n");
    (void)fflush(stdout);
    while (os_signal_wait() != OS_SIGNAL_STOP) continue;
    serve_close(&serve);
    return CMD_OK;
}
