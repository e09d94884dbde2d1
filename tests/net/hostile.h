/*
 * For the tests of hostile clients: a server in the process with a handler of a few words, clients
 * that say bytes and no more than that, frames of HTTP/2 by hand, and how much memory the process
 * has.
 *
 * Paths: "/echo" answers with the body, "/big" with as many bytes as the query says.
 */
#ifndef KITH_TESTS_HOSTILE_H
#define KITH_TESTS_HOSTILE_H

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "net/net.h"

#define H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
enum { H2_DATA = 0, H2_HEADERS = 1, H2_RST = 3, H2_SETTINGS = 4, H2_GOAWAY = 7 };
enum { H2_END_STREAM = 1, H2_ACK = 1, H2_END_HEADERS = 4 };

struct hostile {
    struct net *net;
    struct net_door door;
    uint16_t port;
    void (*log)(void *ctx, int level, const char *text); /* nullable */
    void *log_ctx;
};

static inline void hostile_reply(void *ctx, struct exchange *exchange)
{
    (void)ctx;
    const struct kith_str path = exchange_path(exchange), query = exchange_query(exchange);
    struct buffer *reply = exchange_reply(exchange);
    if (path.len == 4 && memcmp(path.data, "/big", 4) == 0) {
        const size_t len = strtoul(query.data, NULL, 10);
        uint8_t *room = buffer_extend(reply, len);
        if (room) memset(room, 'x', len);
    } else {
        const struct kith_str body = exchange_body(exchange);
        buffer_put(reply, body.data, body.len);
    }
    exchange_end(exchange);
}

/* Large replies come from workers, as those of real handlers do. */
static inline void hostile_answer(void *ctx, struct exchange *exchange)
{
    if (exchange_query(exchange).len < 2) {
        hostile_reply(ctx, exchange);
    } else if (net_work(exchange, hostile_reply, ctx)) {
        exchange_set_status(exchange, 503);
        exchange_set_grpc_status(exchange, 14, "too many calls are waiting");
        exchange_end(exchange);
    }
}

static inline uint16_t hostile_start(struct hostile *hostile, struct net_limits limits)
{
    struct kith_error err = { 0 };
    if (!hostile->door.handle) hostile->door.handle = hostile_answer;
    hostile->door.name = "test";
    hostile->door.bind = "127.0.0.1";
    hostile->door.fd = -1;
    hostile->door.grpc = true;
    if (!hostile->door.body_bytes_max) hostile->door.body_bytes_max = 64u << 20;
    if (!limits.loops) limits.loops = 1;
    if (!limits.workers) limits.workers = 2;
    const struct net_opts opts = { .os = os_real(), .doors = &hostile->door, .door_count = 1,
                                   .limits = limits, .log = hostile->log,
                                   .log_ctx = hostile->log_ctx };
    assert_int_equal(net_new(&opts, &hostile->net, &err), 0);
    assert_int_equal(net_start(hostile->net, &err), 0);
    return hostile->port = net_port(hostile->net, 0);
}

static inline void hostile_stop(struct hostile *hostile)
{
    net_stop(hostile->net, 1000);
    net_free(hostile->net);
}

/* As many descriptors as the system gives. */
static inline void hostile_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* A size of the test: `small`, or what the environment says. */
static inline size_t hostile_size(const char *name, size_t small)
{
    const char *text = getenv(name);
    const size_t size = text ? strtoul(text, NULL, 10) : 0;
    return size ? size : small;
}

/* "VmRSS" or "VmHWM" of this process, in bytes. */
static inline size_t hostile_status(const char *key)
{
    char line[256];
    unsigned long kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0) (void)sscanf(line, "%*s %lu", &kib);
    if (file) (void)fclose(file);
    return (size_t)kib * 1024;
}

/* Resident bytes of this process; what free() kept is given back first. */
static inline size_t hostile_rss(void)
{
    (void)malloc_trim(0);
    return hostile_status("VmRSS:");
}

/* From here on the peak counts anew. Returns what is resident now. */
static inline size_t hostile_peak_begin(void)
{
    const size_t rss = hostile_rss();
    const int fd = open("/proc/self/clear_refs", O_WRONLY);
    if (fd >= 0) {
        if (write(fd, "5", 1) != 1) print_message("the peak of memory is that of the process\n");
        (void)close(fd);
    }
    return rss;
}

/* By how much the process was larger since. */
static inline size_t hostile_peak(size_t since)
{
    const size_t peak = hostile_status("VmHWM:");
    return peak > since ? peak - since : 0;
}

/* A sanitizer's own memory is many times ours: nothing to measure. */
#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HOSTILE_MEASURES 0
#endif
#endif
#ifdef HOSTILE_MEASURES
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HOSTILE_MEASURES 0
#else
#define HOSTILE_MEASURES 1
#endif

static inline void hostile_connect(int fd, uint16_t port)
{
    const struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port),
                                         .sin_addr = { htonl(INADDR_LOOPBACK) } };
    const struct timeval patience = { .tv_sec = 60 };
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
}

static inline int hostile_dial(uint16_t port)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    hostile_connect(fd, port);
    return fd;
}

/* Sends all of it; false: the peer closed. */
static inline bool hostile_send(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        const ssize_t put = send(fd, at, len, MSG_NOSIGNAL);
        if (put <= 0) return false;
        at += put;
        len -= (size_t)put;
    }
    return true;
}

static inline bool hostile_say(int fd, const char *text)
{
    return hostile_send(fd, text, strlen(text));
}

/* Reads until `part` was seen (NULL: until the peer closes). false: closed or too late before. */
static inline bool hostile_hear(int fd, char *text, size_t room, const char *part)
{
    size_t len = 0;
    text[0] = 0;
    while (len + 1 < room) {
        const ssize_t got = recv(fd, text + len, room - len - 1, 0);
        if (got < 0 && errno != ECONNRESET) return false;
        if (got <= 0) return part == NULL;
        len += (size_t)got;
        text[len] = 0;
        if (part && memmem(text, len, part, strlen(part))) return true;
    }
    return false;
}

/* One request on a connection of its own, as a client that means well would see it. */
static inline bool hostile_works(uint16_t port)
{
    char text[1024];
    const int fd = hostile_dial(port);
    const bool works = hostile_say(fd, "GET /big?3 HTTP/1.1\r\n\r\n") &&
                       hostile_hear(fd, text, sizeof text, "\r\n\r\nxxx");
    (void)close(fd);
    return works;
}

/* Waits until so few connections are left. */
static inline bool hostile_left(const struct hostile *hostile, uint64_t connections, int ms)
{
    struct net_stats stats;
    for (int i = 0; i < ms; i++) {
        net_stats_get(hostile->net, &stats);
        if (stats.connections <= connections) return true;
        os_sleep_us(os_real(), 1000);
    }
    return false;
}

/* ---- HTTP/2 by hand ---- */

static inline void h2_frame(struct buffer *out, uint8_t type, uint8_t flags, uint32_t stream,
                            const void *payload, size_t len)
{
    const uint8_t head[9] = { (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len, type, flags,
                              (uint8_t)(stream >> 24), (uint8_t)(stream >> 16),
                              (uint8_t)(stream >> 8), (uint8_t)stream };
    buffer_put(out, head, sizeof head);
    buffer_put(out, payload, len);
}

static inline void h2_preface(struct buffer *out)
{
    buffer_put(out, H2_PREFACE, 24);
    h2_frame(out, H2_SETTINGS, 0, 0, NULL, 0);
    h2_frame(out, H2_SETTINGS, H2_ACK, 0, NULL, 0); /* of those that come */
}

/* A length of HPACK, 7 bits first. */
static inline void hpack_len(struct buffer *out, size_t len)
{
    if (len < 127) {
        buffer_put_u8(out, (uint8_t)len);
        return;
    }
    buffer_put_u8(out, 127);
    for (len -= 127; len > 127; len >>= 7) buffer_put_u8(out, (uint8_t)(len | 128));
    buffer_put_u8(out, (uint8_t)len);
}

/* Neither indexed nor compressed. */
static inline void hpack_put(struct buffer *out, const char *name, const char *value)
{
    buffer_put_u8(out, 0);
    hpack_len(out, strlen(name));
    buffer_put(out, name, strlen(name));
    hpack_len(out, strlen(value));
    buffer_put(out, value, strlen(value));
}

/* The headers of a gRPC call; more: NULL, or one more header. */
static inline void h2_call(struct buffer *out, uint32_t stream, const char *path,
                           const char *more, const char *value)
{
    struct buffer block;
    buffer_init(&block);
    hpack_put(&block, ":method", "POST");
    hpack_put(&block, ":scheme", "http");
    hpack_put(&block, ":authority", "x");
    hpack_put(&block, ":path", path);
    hpack_put(&block, "content-type", "application/grpc");
    if (more) hpack_put(&block, more, value);
    h2_frame(out, H2_HEADERS, H2_END_HEADERS, stream, block.data, block.len);
    buffer_release(&block);
}

/* A message with its prefix, cut into frames. */
static inline void h2_message(struct buffer *out, uint32_t stream, const void *data, size_t len)
{
    uint8_t first[5] = { 0, (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                         (uint8_t)len };
    const uint8_t *at = data;
    h2_frame(out, H2_DATA, len ? 0 : H2_END_STREAM, stream, first, sizeof first);
    while (len > 0) {
        const size_t slice = len < 16384 ? len : 16384;
        h2_frame(out, H2_DATA, slice == len ? H2_END_STREAM : 0, stream, at, slice);
        at += slice;
        len -= slice;
    }
}

/* What a server answers: frames are read and headers unpacked, one reader a connection. */
struct h2_reader {
    int fd;
    nghttp2_hd_inflater *inflater;
    uint8_t bytes[1 << 17];
    size_t len;
    char text[256]; /* grpc-message */
};
enum { H2_LATE = -1, H2_CLOSED = -2, H2_RESET = -3, H2_GONE = -4 };

static inline void h2_reader_init(struct h2_reader *reader, int fd)
{
    reader->fd = fd;
    reader->len = 0;
    reader->text[0] = 0;
    assert_int_equal(nghttp2_hd_inflate_new(&reader->inflater), 0);
}

static inline void h2_reader_release(struct h2_reader *reader)
{
    nghttp2_hd_inflate_del(reader->inflater);
    (void)close(reader->fd);
}

/* The status of gRPC in a block, HTTP's when it is no 200, or H2_LATE: neither. */
static inline int h2_block_status(struct h2_reader *reader, const uint8_t *data, size_t len)
{
    int status = H2_LATE, flags = 0;
    while (!(flags & NGHTTP2_HD_INFLATE_FINAL)) {
        nghttp2_nv nv;
        const ssize_t used =
            nghttp2_hd_inflate_hd2(reader->inflater, &nv, &flags, data, len, 1);
        if (used < 0) return H2_CLOSED;
        data += used;
        len -= (size_t)used;
        if (!(flags & NGHTTP2_HD_INFLATE_EMIT)) continue;
        const char *value = (const char *)nv.value;
        if (nv.namelen == 11 && memcmp(nv.name, "grpc-status", 11) == 0) status = atoi(value);
        if (nv.namelen == 7 && memcmp(nv.name, ":status", 7) == 0 && strcmp(value, "200") != 0)
            status = atoi(value);
        if (nv.namelen == 12 && memcmp(nv.name, "grpc-message", 12) == 0)
            (void)snprintf(reader->text, sizeof reader->text, "%s", value);
    }
    (void)nghttp2_hd_inflate_end_headers(reader->inflater);
    return status;
}

/* How the next call ends; `message` (nullable) gets its DATA. */
static inline int h2_status(struct h2_reader *reader, struct buffer *message)
{
    for (;;) {
        const uint8_t *at = reader->bytes;
        const size_t len = reader->len < 9 ? 0 : (size_t)at[0] << 16 | (size_t)at[1] << 8 | at[2];
        if (reader->len >= 9 && reader->len >= 9 + len) {
            int status = H2_LATE;
            if (at[3] == H2_HEADERS) status = h2_block_status(reader, at + 9, len);
            if (at[3] == H2_DATA && message) buffer_put(message, at + 9, len);
            if (at[3] == H2_RST) status = H2_RESET;
            if (at[3] == H2_GOAWAY) status = H2_GONE;
            reader->len -= 9 + len;
            memmove(reader->bytes, at + 9 + len, reader->len);
            if (status != H2_LATE) return status;
            continue;
        }
        const ssize_t got = recv(reader->fd, reader->bytes + reader->len,
                                 sizeof reader->bytes - reader->len, 0);
        if (got < 0 && errno == EAGAIN) return H2_LATE;
        if (got <= 0) return H2_CLOSED;
        reader->len += (size_t)got;
    }
}

#endif
