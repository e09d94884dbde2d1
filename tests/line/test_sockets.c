/*
 * The line protocol over TCP, in both modes: pipelines in order, half-closed peers, passwords, RESP
 * on the same port, the idle clock, peers that go away in the middle.
 */
#include "line_door.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "line/line_internal.h"
#include "net/net.h"
#include "server/metrics.h"

struct service {
    struct redis *redis;
    struct line *line;
    struct net *net;
    struct net_door door;
    uint16_t port;
};

static void on_settled(void *net) { net_settled(net); }

/* A door without a password is none beside one that has it. */
static void no_way_around(void **state)
{
    static const char *const directives[] = { "requirepass secret" };
    struct redis *redis;
    struct line *line;
    struct kith_error err = { 0 };
    const struct redis_opts opts = { .os = os_real(), .workers = 1, .directives = directives,
                                     .directive_count = 1 };
    (void)state;
    assert_int_equal(redis_new(&opts, &redis, &err), 0);
    const struct line_opts open = { .os = os_real(), .redis = redis };
    assert_int_equal(line_new(&open, &line, &err), KITH_EINVAL);
    redis_free(redis);
}

static void start(struct service *service, const struct line_opts *extra)
{
    struct kith_error err = { 0 };
    const struct redis_opts redis = { .os = os_real(), .workers = 1 };
    struct line_opts opts = *extra;
    *service = (struct service){ .net = NULL };
    if (redis_new(&redis, &service->redis, &err)) fail_msg("%s", err.text);
    opts.os = os_real();
    opts.redis = service->redis;
    if (line_new(&opts, &service->line, &err)) fail_msg("%s", err.text);
    service->door = (struct net_door){ .name = "line", .bind = "127.0.0.1", .fd = -1,
                                       .stream = line_stream_ops(), .ctx = service->line };
    const struct net_opts net = { .os = os_real(), .doors = &service->door, .door_count = 1,
                                  .limits = { .loops = 2, .workers = 1 } };
    if (net_new(&net, &service->net, &err)) fail_msg("%s", err.text);
    redis_set_settled(service->redis, on_settled, service->net);
    if (net_start(service->net, &err)) fail_msg("%s", err.text);
    service->port = net_port(service->net, 0);
}

static void stop(struct service *service)
{
    net_stop(service->net, 100);
    redis_set_settled(service->redis, NULL, NULL);
    line_free(service->line);
    redis_free(service->redis);
    net_free(service->net);
}

static int dial(const struct service *service)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct timeval patience = { .tv_sec = 60 };
    const struct sockaddr_in address = { .sin_family = AF_INET,
                                         .sin_port = htons(service->port),
                                         .sin_addr = { htonl(INADDR_LOOPBACK) } };
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(fd, (const void *)&address, sizeof address), 0);
    return fd;
}

static void put(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void expect(int fd, const char *want)
{
    static char got[65536];
    size_t len = 0;
    while (len < strlen(want)) {
        const ssize_t more = recv(fd, got + len, strlen(want) - len, 0);
        if (more <= 0) break;
        len += (size_t)more;
    }
    got[len] = 0;
    assert_string_equal(got, want);
}

/* Closed by the server, with nothing more said: by a reset, if it did not read all that was sent.
 * That it stays open is seen by recv's patience running out. */
static void expect_end(int fd)
{
    char byte;
    const ssize_t len = recv(fd, &byte, 1, 0);
    assert_true(len == 0 || (len < 0 && errno == ECONNRESET));
    close(fd);
}

static void talk(const struct service *service, const char *sent, const char *want)
{
    const int fd = dial(service);
    put(fd, sent);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    expect(fd, want);
    expect_end(fd);
}

static const struct line_opts modes[] = {
    { .idle_timeout_s = 30 },
    { .idle_timeout_s = 30, .pooled = true, .workers = 8 },
};

static void both_modes(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct service service;
        start(&service, &modes[i]);
        talk(&service, "SET a 1\nGET a\nset b 1\r\nSETS l x y\nGET l\nSET a 2",
             "OK\n1\nOK\nOK\n[x y]\n");
        talk(&service, "GET a", "1\n");
        talk(&service, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n", "$1\r\n1\r\n");
        talk(&service, "SET a 3\nPOST / HTTP/1.1\r\nHost: x\r\n\r\n", "");
        const int fd = dial(&service);
        put(fd, "GE");
        os_sleep_us(os_real(), 20000);
        put(fd, "T a\r");
        put(fd, "\nGET a\n");
        expect(fd, "3\n3\n");
        close(fd);
        stop(&service);
    }
}

static void long_pipelines(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct service service;
        struct buffer sent, want;
        start(&service, &modes[i]);
        buffer_init(&sent);
        buffer_init(&want);
        for (unsigned k = 0; k < 3000; k++) {
            buffer_printf(&sent, "SET k%u v%u\nGET k%u\n", k % 50, k, k % 50);
            buffer_printf(&want, "OK\nv%u\n", k);
        }
        buffer_put_u8(&sent, 0);
        buffer_put_u8(&want, 0);
        talk(&service, (const char *)sent.data, (const char *)want.data);
        buffer_release(&sent);
        buffer_release(&want);
        stop(&service);
    }
}

static void passwords(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct service service;
        struct line_opts opts = modes[i];
        opts.password = "secret";
        opts.idle_timeout_s = 0; /* it is the peer's end that closes */
        start(&service, &opts);
        talk(&service, "GET a\nAUTH wrong\nGET a\nAUTH secret\nSET a 1\nGET a\nAUTH secret",
             "ERROR authentication required\nERROR invalid password\n"
             "ERROR authentication required\nOK authenticated\nOK\n1\nOK authenticated\n");
        talk(&service, "*1\r\n$4\r\nPING\r\n",
             "-NOAUTH this port has a password and Redis clients have none: set one\r\n");
        const int gone = dial(&service); /* goes away while its password is looked at */
        put(gone, "AUTH secret\nSET a 2\n");
        close(gone);
        stop(&service);
    }
    assert_int_equal(line_auth_delay_ms(1), 0);
    assert_int_equal(line_auth_delay_ms(2), 100);
    assert_int_equal(line_auth_delay_ms(3), 200);
    assert_int_equal(line_auth_delay_ms(1000), 10000);
}

/* Sends so many times what is sent until the server hangs up; how much it took. */
static size_t pour(int fd, const char *piece, size_t times)
{
    size_t sent = 0;
    const struct timeval patience = { .tv_sec = 10 };
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), 0);
    for (size_t i = 0; i < times; i++) {
        const ssize_t took = send(fd, piece, strlen(piece), MSG_NOSIGNAL);
        if (took <= 0) break;
        sent += (size_t)took;
    }
    return sent;
}

/* Who has no password yet gets lines of 16 KiB, and 64 KiB of answers that he does not read. */
static void strangers(void **state)
{
    (void)state;
    static char line[20001];
    memset(line, 'x', sizeof line - 1);
    for (size_t i = 0; i < 2; i++) {
        struct service service;
        struct line_opts opts = modes[i];
        opts.password = "secret";
        start(&service, &opts);
        char text[16300];
        (void)snprintf(text, sizeof text, "GET %.16000s\n", line);
        talk(&service, text, "ERROR authentication required\n");
        for (size_t whole = 0; whole < 2; whole++) {
            const int fd = dial(&service);
            put(fd, "GET a\n");
            put(fd, line);
            if (whole) put(fd, "\n");
            expect(fd, "ERROR authentication required\n");
            expect_end(fd);
            const int known = dial(&service);
            put(known, "AUTH secret\nGET ");
            expect(known, "OK authenticated\n");
            put(known, line);
            put(known, "\n");
            expect(known, "NULL\n");
            close(known);
        }
        const int fd = dial(&service), small = 4096;
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
        (void)snprintf(text, sizeof text, "%s", "");
        for (size_t j = 0; j < 1000; j++) memcpy(text + 6 * j, "GET a\n", 7);
        assert_true(pour(fd, text, 20000) < (size_t)60 << 20); /* 120 MB, and 600 MB of answers */
        close(fd);
        stop(&service);
    }
}

static bool is_closed(int fd)
{
    char byte;
    const ssize_t len = recv(fd, &byte, 1, MSG_DONTWAIT);
    return len == 0 || (len < 0 && errno == ECONNRESET);
}

/* What comes slowly does not restart the clock, nor do empty lines: a client that goes on with them
 * is closed all the same. */
static void idle_clock(void **state)
{
    static const char *const pieces[] = { "\n", "S" };
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct service service;
        struct line_opts opts = modes[i / 2];
        opts.idle_timeout_s = 1;
        start(&service, &opts);
        const int64_t begin = os_now_us(os_real());
        const int fd = dial(&service);
        put(fd, "GET a\n");
        expect(fd, "NULL\n");
        unsigned times = 0;
        for (; times < 100 && !is_closed(fd); times++) {
            (void)send(fd, pieces[i % 2], 1, MSG_NOSIGNAL);
            os_sleep_us(os_real(), 200000);
        }
        assert_in_range(times, 1, 99);
        assert_true(os_now_us(os_real()) - begin > 900000);
        close(fd);
        stop(&service);
    }
}

/* What a worker runs stands in the same order as what a loop runs. */
static void workers_keep_the_order(void **state)
{
    struct service service;
    struct buffer sent, want;
    (void)state;
    start(&service, &modes[1]);
    buffer_init(&sent);
    buffer_init(&want);
    for (unsigned k = 0; k < 200; k++) {
        buffer_printf(&sent, "SET k %u\nKEYS\nGET k\nDEL k\nKEYS *\nFLUSHALL\n", k);
        buffer_printf(&want, "OK\nk\n%u\nOK\nEMPTY\nOK\n", k);
    }
    buffer_put_u8(&sent, 0);
    buffer_put_u8(&want, 0);
    talk(&service, (const char *)sent.data, (const char *)want.data);
    buffer_release(&sent);
    buffer_release(&want);
    assert_true(service.line->counters.on_loops < 2000);
    struct line_pool_stats stats;
    for (int i = 0; i < 2000; i++) { /* a worker counts when the answer is on its way */
        line_pool_stats_get(service.line->pool, &stats);
        if (stats.completed == stats.tasks) break;
        os_sleep_us(os_real(), 1000);
    }
    assert_true(stats.tasks > 0 && stats.completed == stats.tasks);
    stop(&service);
}

/* Who has the keyspace for long stops the workers that want it, not the loops. */
static void loops_do_not_wait(void **state)
{
    struct service service;
    struct line_opts opts = modes[1];
    (void)state;
    opts.extensions = true;
    start(&service, &opts);
    int waiting[6];
    const int other = dial(&service);
    put(other, "SET a 1\n");
    expect(other, "OK\n");
    for (size_t i = 0; i < 6; i++) waiting[i] = dial(&service);
    for (size_t i = 0; i < 6; i++) { /* accepted, and known */
        put(waiting[i], "PING\n");
        expect(waiting[i], "PONG\n");
    }
    cache_lock(redis_cache(service.redis));
    for (size_t i = 0; i < 6; i++) put(waiting[i], "GET a\nGET a\n");
    for (unsigned i = 0; i < 20; i++) {
        put(other, "PING\nNOPE\n");
        expect(other, "PONG\nERROR unknown command\n");
    }
    cache_unlock(redis_cache(service.redis));
    for (size_t i = 0; i < 6; i++) {
        expect(waiting[i], "1\n1\n");
        close(waiting[i]);
    }
    close(other);
    stop(&service);
}

static void counters(void **state)
{
    struct service service;
    struct buffer info;
    (void)state;
    start(&service, &modes[1]);
    talk(&service, "SET a 1\nGET a\n", "OK\n1\n");
    talk(&service, "*2\r\n$4\r\nINFO\r\n$7\r\nmetrics\r\n", "$0\r\n\r\n");
    buffer_init(&info);
    line_write_info(service.line, &info);
    buffer_put_u8(&info, 0);
    const char *text = (const char *)info.data;
    assert_non_null(strstr(text, "mode:pooled\r\ntotal_connections:2\r\n"));
    assert_non_null(strstr(text, "requests:2\r\nresponses:2\r\nrejected:0\r\n"));
    assert_non_null(strstr(text, "min_workers:2\r\nmax_workers:16\r\n"));
    buffer_release(&info);
    stop(&service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_modes), cmocka_unit_test(long_pipelines),
        cmocka_unit_test(strangers),
        cmocka_unit_test(passwords),  cmocka_unit_test(idle_clock),
        cmocka_unit_test(counters),   cmocka_unit_test(no_way_around),
        cmocka_unit_test(workers_keep_the_order), cmocka_unit_test(loops_do_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
