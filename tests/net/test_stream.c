/*
 * Doors that speak bytes: lines in, lines out, over TCP and over a unix socket; input in pieces,
 * pausing, waking from another thread, timers, the end of input, refusal, peers that do not read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "net/stream.h"
#include "os/thread.h"

struct service {
    struct net *net;
    struct os_mutex lock;
    struct session *_Atomic asleep; /* set under the lock */
    _Atomic unsigned opened, closed;
    _Atomic bool refuse;
    _Atomic uint64_t written, settled; /* tickets */
    _Atomic unsigned asked, announced;
    char path[64];
};

struct session {
    struct service *service;
    struct stream *stream;
    bool timer;
};

static void *open_session(void *ctx, struct stream *stream)
{
    struct service *service = ctx;
    if (service->refuse) {
        buffer_put(stream_output(stream), "no\n", 3);
        return NULL;
    }
    struct session *session = mem_zalloc(sizeof *session);
    session->service = service;
    session->stream = stream;
    service->opened++;
    return session;
}

static void wait_for_wake(struct session *session)
{
    os_mutex_lock(&session->service->lock);
    session->service->asleep = session;
    os_mutex_unlock(&session->service->lock);
}

/* One line. "pause" stops reading until woken, "timer" answers in 20 ms, "big" with 1 MB,
 * "kilo" with 1 KB, "bye" closes behind the answer, "now" before it, "nap" keeps the loop for 5 ms;
 * other lines come back. */
static void on_line(struct session *session, const char *line, size_t len)
{
    struct buffer *out = stream_output(session->stream);
    if (len == 5 && memcmp(line, "pause", 5) == 0) {
        stream_pause(session->stream);
        wait_for_wake(session);
    } else if (len == 5 && memcmp(line, "timer", 5) == 0) {
        session->timer = true;
        stream_timer(session->stream, 20);
    } else if ((len == 3 && memcmp(line, "big", 3) == 0) ||
               (len == 4 && memcmp(line, "kilo", 4) == 0)) {
        const size_t bytes = len == 3 ? 1 << 20 : 1 << 10;
        uint8_t *room = buffer_extend(out, bytes);
        if (room) memset(room, 'x', bytes);
    } else {
        buffer_put(out, line, len + 1);
        if (len == 3 && memcmp(line, "nap", 3) == 0) os_sleep_us(os_real(), 5000);
        if (len == 3 && memcmp(line, "bye", 3) == 0) stream_close(session->stream, false);
        if (len == 3 && memcmp(line, "now", 3) == 0) stream_close(session->stream, true);
    }
}

static size_t input(void *ctx, const uint8_t *data, size_t len, bool end)
{
    struct session *session = ctx;
    size_t used = 0;
    for (const uint8_t *line; (line = memchr(data + used, '\n', len - used)) != NULL;) {
        on_line(session, (const char *)data + used, (size_t)(line - data) - used);
        used = (size_t)(line - data) + 1;
        if (session->service->asleep == session) return used;
        if (used == len) break;
    }
    if (end) buffer_put(stream_output(session->stream), used < len ? "cut\n" : "end\n", 4);
    return used;
}

static void announced(void *ctx, const struct stream_input *inputs, size_t count)
{
    struct service *service = ctx;
    bool good = count > 1 && count <= STREAM_INPUTS_MAX;
    for (size_t i = 0; i < count; i++) {
        const struct session *session = inputs[i].session;
        good = good && session && session->service == service && inputs[i].len > 0;
    }
    if (!good) abort();
    service->announced += (unsigned)count;
}

static void woken(void *ctx)
{
    struct session *session = ctx;
    buffer_put(stream_output(session->stream), session->timer ? "time\n" : "woken\n",
               session->timer ? 5 : 6);
    session->timer = false;
    stream_resume(session->stream);
}

static void close_session(void *ctx)
{
    struct session *session = ctx;
    struct service *service = session->service;
    os_mutex_lock(&service->lock);
    if (service->asleep == session) service->asleep = NULL;
    os_mutex_unlock(&service->lock);
    mem_free(session);
    service->closed++;
}

static size_t output_max(void *session)
{
    (void)session;
    return 4 << 20;
}

static uint64_t ticket(void *ctx)
{
    const struct session *session = ctx;
    const uint64_t written = session->service->written;
    return written > session->service->settled ? written : 0;
}

static uint64_t settle(void *ctx)
{
    struct service *service = ctx;
    service->asked++;
    return service->settled;
}

static const struct stream_ops ops = { open_session,  input,      announced, woken,
                                       close_session, output_max, ticket,    settle };

static void wake_sleeper(struct service *service)
{
    for (int i = 0; i < 20000; i++) {
        os_mutex_lock(&service->lock);
        struct session *session = service->asleep;
        if (session) stream_wake(session->stream);
        service->asleep = NULL;
        os_mutex_unlock(&service->lock);
        if (session) return;
        os_sleep_us(os_real(), 1000);
    }
    fail_msg("nobody sleeps");
}

static struct net_door doors[2];

static uint16_t start(struct service *service)
{
    *service = (struct service){ .net = NULL };
    assert_int_equal(os_mutex_init(os_real(), &service->lock), 0);
    (void)snprintf(service->path, sizeof service->path, "/tmp/kith-stream-%d.sock", (int)getpid());
    doors[0] = (struct net_door){ .name = "lines", .bind = "127.0.0.1", .fd = -1, .stream = &ops,
                                  .ctx = service };
    doors[1] = (struct net_door){ .name = "unix", .fd = -1, .stream = &ops, .ctx = service,
                                  .path = service->path, .path_mode = 0600 };
    const struct net_opts opts = { .os = os_real(), .doors = doors, .door_count = 2,
                                   .limits = { .loops = 2, .workers = 1 } };
    struct kith_error err;
    assert_int_equal(net_new(&opts, &service->net, &err), 0);
    assert_int_equal(net_start(service->net, &err), 0);
    return net_port(service->net, 0);
}

static void stop(struct service *service)
{
    net_stop(service->net, 1000);
    net_free(service->net);
    assert_int_equal(service->opened, service->closed);
    assert_int_not_equal(access(service->path, F_OK), 0);
    os_mutex_release(&service->lock);
}

static int dial_to(int family, const void *address, socklen_t len)
{
    const int fd = socket(family, SOCK_STREAM, 0);
    const struct timeval patience = { .tv_sec = 60 };
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(fd, address, len), 0);
    return fd;
}

static int dial(uint16_t port)
{
    const struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port),
                                         .sin_addr = { htonl(INADDR_LOOPBACK) } };
    return dial_to(AF_INET, &address, sizeof address);
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Exactly this comes. */
static void expect(int fd, const char *text)
{
    char got[256];
    size_t len = 0;
    const size_t want = strlen(text);
    while (len < want) {
        const ssize_t more = recv(fd, got + len, want - len, 0);
        if (more <= 0) break;
        len += (size_t)more;
    }
    got[len] = 0;
    assert_string_equal(got, text);
}

/* Closed by the server, with nothing more said; that it stays open is seen by recv's patience. */
static void expect_end(int fd)
{
    char byte;
    const ssize_t len = recv(fd, &byte, 1, 0);
    assert_true(len == 0 || (len < 0 && errno == ECONNRESET));
}

static void test_lines(void **state)
{
    (void)state;
    struct service service;
    const uint16_t port = start(&service);
    const int fd = dial(port);
    say(fd, "a\nb\n");
    expect(fd, "a\nb\n");
    say(fd, "half");
    os_sleep_us(os_real(), 20000);
    say(fd, " and half\nrest");
    expect(fd, "half and half\n");
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    expect(fd, "cut\n");
    expect_end(fd);
    close(fd);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", service.path);
    const int local = dial_to(AF_UNIX, &address, sizeof address);
    say(local, "x\nbye\nnot read\n");
    expect(local, "x\nbye\n");
    close(local);
    const int cut = dial(port);
    say(cut, "now\n");
    expect_end(cut);
    close(cut);
    stop(&service);
}

static void test_pause_and_wake(void **state)
{
    (void)state;
    struct service service;
    const int fd = dial(start(&service));
    say(fd, "a\npause\nb\n");
    expect(fd, "a\n");
    say(fd, "c\n");
    wake_sleeper(&service);
    expect(fd, "woken\nb\nc\n");
    say(fd, "timer\nd\n");
    expect(fd, "d\ntime\n");
    say(fd, "pause\n");
    for (int i = 0; i < 20000 && !service.asleep; i++) os_sleep_us(os_real(), 1000);
    stop(&service); /* with a sleeper */
    close(fd);
}

static void test_refused(void **state)
{
    (void)state;
    struct service service;
    const uint16_t port = start(&service);
    service.refuse = true;
    const int fd = dial(port);
    expect(fd, "no\n");
    expect_end(fd);
    close(fd);
    stop(&service);
}

/* Output waits until what it tells of is settled; that of others does not. */
static void test_held_output(void **state)
{
    (void)state;
    struct service service;
    const uint16_t port = start(&service);
    const int fd = dial(port), other = dial(port);
    char byte;
    service.written = 1;
    say(fd, "a\nbye\n");
    while (service.asked == 0) os_sleep_us(os_real(), 1000);
    os_sleep_us(os_real(), 20000);
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    service.settled = 1;
    say(other, "x\n"); /* its loop's turn may be another loop's */
    expect(other, "x\n");
    net_settled(service.net);
    expect(fd, "a\nbye\n");
    expect_end(fd);
    service.written = 2;
    say(other, "y\n");
    os_sleep_us(os_real(), 20000);
    close(fd);
    stop(&service); /* with output that waits */
    close(other);
}

enum { PEERS = 60, NAPPERS = 8, LONG_BYTES = 150000 };

static bool sends_much(int peer) { return peer % 20 == 9; }

static void fill_round(const int *fds, int round, char *lines)
{
    char text[32];
    memset(lines, '\n', LONG_BYTES);
    for (int i = 0; i < NAPPERS; i++) say(fds[i], "nap\n");
    for (int i = NAPPERS; i < PEERS; i++) {
        (void)snprintf(text, sizeof text, "%d of %d\nha", i, round);
        if (sends_much(i)) assert_int_equal(send(fds[i], lines, LONG_BYTES, 0), LONG_BYTES);
        else say(fds[i], text);
    }
    for (int i = NAPPERS; i < PEERS; i++) say(fds[i], "lf\n");
}

static void expect_round(const int *fds, int round, char *lines)
{
    char text[32];
    for (int i = 0; i < NAPPERS; i++) expect(fds[i], "nap\n");
    for (int i = NAPPERS; i < PEERS; i++) {
        (void)snprintf(text, sizeof text, "%d of %d\nhalf\n", i, round);
        if (sends_much(i))
            assert_int_equal(recv(fds[i], lines, LONG_BYTES, MSG_WAITALL), LONG_BYTES);
        expect(fds[i], sends_much(i) ? "lf\n" : text);
    }
}

/* Who comes while the loop is busy is announced together with others, and answered alone: with long
 * input, half a line, an end, and peers that are closed or wait. */
static void test_announced(void **state)
{
    (void)state;
    struct service service;
    const uint16_t port = start(&service);
    char *lines = malloc(LONG_BYTES);
    int fds[PEERS];
    for (int i = 0; i < PEERS; i++) fds[i] = dial(port);
    for (int round = 0; round < 3; round++) {
        fill_round(fds, round, lines);
        expect_round(fds, round, lines);
    }
    assert_true(service.announced > 0);
    for (int i = 0; i < NAPPERS; i++) say(fds[i], "nap\n");
    say(fds[20], "now\n");
    say(fds[21], "x\nbye\n");
    say(fds[22], "y\npause\nz\n");
    assert_int_equal(shutdown(fds[23], SHUT_WR), 0);
    expect_end(fds[20]);
    expect(fds[21], "x\nbye\n");
    expect(fds[22], "y\n");
    wake_sleeper(&service);
    expect(fds[22], "woken\nz\n");
    expect(fds[23], "end\n");
    for (int i = 0; i < PEERS; i++) close(fds[i]);
    free(lines);
    stop(&service);
}

/* Past the limit of output the connection goes, not the server. */
static void test_not_reading(void **state)
{
    (void)state;
    struct service service;
    const uint16_t port = start(&service);
    const int fd = dial(port);
    for (int i = 0; i < 64; i++)
        if (send(fd, "big\n", 4, MSG_NOSIGNAL) != 4) break;
    for (int i = 0; i < 20000 && service.closed == 0; i++) os_sleep_us(os_real(), 1000);
    assert_int_equal(service.closed, 1);
    const int other = dial(port);
    say(other, "still\n");
    expect(other, "still\n");
    close(other);
    close(fd);
    stop(&service);
}

/* The same by many short replies, which wait for those of others before they are sent. */
static void test_not_reading_short_ones(void **state)
{
    (void)state;
    struct service service;
    const uint16_t port = start(&service);
    const int fd = dial(port), other = dial(port);
    for (int i = 0; i < 100000 && service.closed == 0; i++) {
        if (send(fd, "kilo\n", 5, MSG_NOSIGNAL) != 5) break;
        if (i % 1000) continue;
        say(other, "still\n");
        expect(other, "still\n");
    }
    for (int i = 0; i < 20000 && service.closed == 0; i++) os_sleep_us(os_real(), 1000);
    assert_int_equal(service.closed, 1);
    close(other);
    close(fd);
    stop(&service);
}

enum { MANY = 150 };

/* More at a time than wait for each other. */
static void test_many_at_once(void **state)
{
    (void)state;
    struct service service;
    int fds[MANY];
    const uint16_t port = start(&service);
    for (int i = 0; i < MANY; i++) fds[i] = dial(port);
    for (int round = 0; round < 20; round++) {
        char text[32];
        for (int i = 0; i < MANY; i++) {
            (void)snprintf(text, sizeof text, "%d of %d\n", i, round);
            say(fds[i], text);
        }
        for (int i = 0; i < MANY; i++) {
            (void)snprintf(text, sizeof text, "%d of %d\n", i, round);
            expect(fds[i], text);
        }
    }
    for (int i = 0; i < MANY; i++) close(fds[i]);
    stop(&service);
}

/* A path in use is not taken over; one left behind is. */
static void test_unix_path(void **state)
{
    (void)state;
    struct service service;
    (void)start(&service);
    struct net *net;
    struct kith_error err;
    const struct net_opts opts = { .os = os_real(), .doors = &doors[1], .door_count = 1 };
    assert_int_equal(net_new(&opts, &net, &err), KITH_ELOCKED);
    assert_non_null(strstr(err.text, "another program listens"));
    stop(&service);
    FILE *left = fopen(service.path, "w");
    assert_non_null(left);
    fclose(left);
    (void)start(&service);
    stop(&service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),       cmocka_unit_test(test_pause_and_wake),
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_not_reading),
        cmocka_unit_test(test_unix_path),   cmocka_unit_test(test_held_output),
        cmocka_unit_test(test_announced),
        cmocka_unit_test(test_not_reading_short_ones), cmocka_unit_test(test_many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
