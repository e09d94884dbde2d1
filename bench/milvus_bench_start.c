/*
 * What a server costs that does nothing: time to ready, memory, processor time while idle, memory
 * of idle connections.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "milvus_bench.h"

#define IDLE_CONNECTIONS 1000

static void line(const struct options *options, const char *name, double value, const char *unit,
                 double bound)
{
    if (options->json)
        printf("{\"bench\":\"start\",\"name\":\"%s\",\"value\":%.3f,\"unit\":\"%s\","
               "\"bound\":%g}\n", name, value, unit, bound);
    else
        printf("%-44s %9.2f %-6s (< %g)%s\n", name, value, unit, bound,
               value < bound || (value <= 0 && bound <= 0) ? "" : "  MISSED");
    (void)fflush(stdout);
}

/* The first bytes of a client: the preface and empty SETTINGS; or a request of HTTP/1.1. */
static const char h2_hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
static const char h1_hello[] = "POST /v2/vectordb/collections/list HTTP/1.1\r\nHost: a\r\n"
                               "Content-Length: 2\r\n\r\n{}";

static void idle_connections(const struct options *options, const struct server *server,
                             const char *name, const char *hello, size_t len)
{
    int fds[IDLE_CONNECTIONS];
    char bytes[4096];
    const double before = server_rss_bytes(server);
    for (size_t i = 0; i < IDLE_CONNECTIONS; i++) {
        fds[i] = connect_to(server->port);
        if (len && (write(fds[i], hello, len) != (ssize_t)len ||
                    read(fds[i], bytes, sizeof bytes) <= 0))
            die("a connection was refused");
    }
    (void)usleep(200000);
    const double each = (server_rss_bytes(server) - before) / IDLE_CONNECTIONS;
    line(options, name, each / 1024, "KB", 20);
    for (size_t i = 0; i < IDLE_CONNECTIONS; i++) close(fds[i]);
    (void)usleep(200000);
}

static void idle_cpu(const struct options *options, const struct server *server)
{
    const struct cpu before = server_cpu(server);
    (void)usleep((useconds_t)(options->idle_seconds * 1e6));
    const struct cpu after = server_cpu(server);
    const double spent = after.user_s + after.system_s - before.user_s - before.system_s;
    line(options, "idle processor time", 100 * spent / options->idle_seconds, "%", 0.05);
}

/* The best of several starts: what others do on the machine only adds. */
static double best_ready(const struct options *options, const char *name, unsigned times, bool anew)
{
    double best = 0;
    for (unsigned i = 0; i < times; i++) {
        struct server server;
        server_start(options, name, &server);
        if (i == 0 || server.ready_s < best) best = server.ready_s;
        server_stop(&server);
        if (anew) remove_dir(server.data);
    }
    return best * 1e3;
}

static void empty(const struct options *options)
{
    struct server server;
    line(options, "ready, directory not there, best of 5", best_ready(options, "new", 5, true),
         "ms", 50);
    line(options, "ready, empty database, best of 5", best_ready(options, "empty", 5, false), "ms",
         50);
    server_start(options, "empty", &server);
    line(options, "resident, empty", server_rss_bytes(&server) / (1 << 20), "MiB", 20);
    idle_cpu(options, &server);
    idle_connections(options, &server, "idle connection, only opened", "", 0);
    idle_connections(options, &server, "idle connection, HTTP/1.1 after a request", h1_hello,
                     sizeof h1_hello - 1);
    idle_connections(options, &server, "idle connection, HTTP/2 after its settings", h2_hello,
                     sizeof h2_hello - 1);
    line(options, "resident, after 3,000 connections", server_rss_bytes(&server) / (1 << 20),
         "MiB", 40);
    server_stop(&server);
    remove_dir(server.data);
}

/* The rows of 100,000, ten times over under other ids. */
static void fill(const struct options *options, const struct server *server)
{
    struct data data;
    struct load_result result;
    const size_t count = options->insert_rows / options->batch;
    struct buffer *bodies = calloc(count, sizeof *bodies);
    if (!bodies) die("no memory");
    data_make(options, options->batch * 100, 1, &data);
    for (size_t i = 0; i < count; i++)
        insert_message(&data, COLLECTION, i * options->batch, options->batch, &bodies[i]);
    collection_create(server->port, options, COLLECTION, false);
    const struct load load = { .port = server->port, .bodies = bodies, .count = count,
                               .path = "/milvus.proto.milvus.MilvusService/Insert",
                               .connections = 1, .flight = 4, .requests = count };
    load_run(&load, &result);
    for (size_t i = 0; i < count; i++) buffer_release(&bodies[i]);
    free(bodies);
    data_release(&data);
}

static void full(const struct options *options)
{
    struct server server;
    server_start(options, "full", &server);
    fill(options, &server);
    collection_flush(server.port, COLLECTION);
    server_stop(&server);
    line(options, "ready, with rows, best of 3", best_ready(options, "full", 3, false), "ms", 200);
    server_start(options, "full", &server);
    line(options, "resident, with rows, idle", server_rss_bytes(&server) / (1 << 20), "MiB", 2000);
    server_stop(&server);
    remove_dir(server.data);
}

void bench_start(const struct options *options)
{
    empty(options);
    full(options);
}
