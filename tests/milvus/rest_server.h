/*
 * For the tests of RESTful v2: a database in a folder of its own, the door before it, a server on a
 * port of the system's choice, and a client that says one request at a time on one connection.
 */
#ifndef KITH_TESTS_REST_SERVER_H
#define KITH_TESTS_REST_SERVER_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "milvus/milvus.h"

struct rest_server {
    char dir[64], path[80];
    char imports[80]; /* a directory for files of imports */
    struct kith_db *db;
    struct auth *auth;
    struct metrics *metrics;
    struct milvus *milvus;
    struct net *net;
    struct net_door door;
    int fd;
    int status;          /* of the last reply */
    char text[1 << 18];  /* the last reply, headers too */
    const char *body;
};

static inline void server_open(struct rest_server *server, bool with_auth)
{
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    struct kith_error err = { 0 };
    memset(server, 0, sizeof *server);
    (void)snprintf(server->dir, sizeof server->dir, "/tmp/kith-rest-XXXXXX");
    assert_non_null(mkdtemp(server->dir));
    (void)snprintf(server->path, sizeof server->path, "%s/db", server->dir);
    (void)snprintf(server->imports, sizeof server->imports, "%s/imports", server->dir);
    assert_int_equal(mkdir(server->imports, 0700), 0);
    opts.no_threads = true;
    opts.sync = KITH_SYNC_NO;
    assert_int_equal(kith_open(server->path, &opts, &server->db, &err), 0);
    assert_int_equal(auth_open(server->db, os_real(), with_auth, &server->auth, &err), 0);
    assert_int_equal(metrics_new(os_real(), &server->metrics), 0);
    const struct milvus_opts door = { .os = os_real(), .db = server->db, .auth = server->auth,
                                      .metrics = server->metrics, .rest_int64_numbers = true,
                                      .import_dir = server->imports };
    assert_int_equal(milvus_new(&door, &server->milvus, &err), 0);
    server->door = (struct net_door){ .name = "milvus", .bind = "127.0.0.1", .fd = -1,
                                      .grpc = true, .body_bytes_max = 64 << 20,
                                      .handle = milvus_handle, .admit = milvus_admit,
                                      .ctx = server->milvus };
    const struct net_opts net = { .os = os_real(), .doors = &server->door, .door_count = 1,
                                  .limits = { .loops = 1, .workers = 2 } };
    assert_int_equal(net_new(&net, &server->net, &err), 0);
    assert_int_equal(net_start(server->net, &err), 0);
    server->fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr_in address = { .sin_family = AF_INET,
                                         .sin_port = htons(net_port(server->net, 0)),
                                         .sin_addr = { htonl(INADDR_LOOPBACK) } };
    const struct timeval patience = { .tv_sec = 60 };
    assert_int_equal(setsockopt(server->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience),
                     0);
    const int now = 1; /* head and body are two sends: without this the second waits for an ACK */
    assert_int_equal(setsockopt(server->fd, IPPROTO_TCP, TCP_NODELAY, &now, sizeof now), 0);
    assert_int_equal(connect(server->fd, (const struct sockaddr *)&address, sizeof address), 0);
}

static inline int server_unlink(void *dir, const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", (const char *)dir, name);
    (void)unlink(path);
    return 0;
}

static inline void server_close(struct rest_server *server)
{
    (void)close(server->fd);
    net_stop(server->net, 1000);
    net_free(server->net);
    milvus_free(server->milvus);
    metrics_free(server->metrics);
    auth_close(server->auth);
    kith_close(server->db);
    (void)!os_list(os_real(), server->path, server_unlink, server->path, NULL);
    (void)rmdir(server->path);
    (void)!os_list(os_real(), server->imports, server_unlink, server->imports, NULL);
    (void)rmdir(server->imports);
    (void)rmdir(server->dir);
}

static inline void server_send(const struct rest_server *server, const char *text, size_t len)
{
    assert_int_equal(send(server->fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* Reads a reply with its Content-Length. */
static inline void server_receive(struct rest_server *server)
{
    size_t len = 0, whole = sizeof server->text;
    while (len < whole) {
        const ssize_t got = recv(server->fd, server->text + len, sizeof server->text - 1 - len, 0);
        assert_true(got > 0);
        len += (size_t)got;
        server->text[len] = 0;
        const char *end = strstr(server->text, "\r\n\r\n");
        if (!end) continue;
        const char *length = strstr(server->text, "Content-Length: ");
        const size_t body = length && length < end ? strtoul(length + 16, NULL, 10) : 0;
        whole = (size_t)(end - server->text) + 4 + body;
        server->body = end + 4;
        assert_true(whole < sizeof server->text);
    }
    server->status = atoi(server->text + 9); /* NOLINT: "HTTP/1.1 200" */
}

/* headers: whole lines, or "". Returns the body of the reply. */
static inline const char *server_ask(struct rest_server *server, const char *path,
                                     const char *headers, const char *body)
{
    char head[1024];
    const int len = snprintf(head, sizeof head,
                             "POST /v2/vectordb/%s HTTP/1.1\r\n%sContent-Length: %zu\r\n\r\n", path,
                             headers, strlen(body));
    server_send(server, head, (size_t)len);
    server_send(server, body, strlen(body));
    server_receive(server);
    return server->body;
}

/* The reply is exactly this. */
static inline void expect(struct rest_server *server, const char *path, const char *body,
                          const char *reply)
{
    assert_string_equal(server_ask(server, path, "", body), reply);
    assert_int_equal(server->status, 200);
}

/* The reply holds this somewhere. */
static inline void expect_part(struct rest_server *server, const char *path, const char *body,
                               const char *part)
{
    const char *reply = server_ask(server, path, "", body);
    if (!strstr(reply, part)) print_message("%s %s\n  %s\n", path, body, reply);
    assert_non_null(strstr(reply, part));
}

#endif
