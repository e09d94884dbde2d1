/*
 * What clients may hold: query and output buffers are seen in CLIENT LIST and INFO, bounded by
 * client-query-buffer-limit, client-output-buffer-limit and maxmemory-clients (the largest goes
 * first, who said NO-EVICT stays), and are small before authentication. Over sockets.
 */
#include "door.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/hostile.h"
#include "redis/redis_internal.h"

struct server {
    struct redis *redis;
    struct net *net;
    struct net_door door;
    uint16_t port;
};

static void start(struct server *server, const char *const *directives, size_t count)
{
    struct kith_error err = {0};
    *server = (struct server){.redis = door_open_with(directives, count)};
    server->door = (struct net_door){.name = "redis", .bind = "127.0.0.1", .fd = -1,
                                     .stream = redis_stream_ops(), .ctx = server->redis};
    const struct net_opts net = {.os = os_real(), .doors = &server->door, .door_count = 1,
                                 .limits = {.loops = 1, .workers = 1}};
    if (net_new(&net, &server->net, &err) || net_start(server->net, &err)) fail_msg("%s", err.text);
    server->port = net_port(server->net, 0);
}

static void stop(struct server *server)
{
    net_stop(server->net, 100);
    net_free(server->net);
    redis_free(server->redis);
}

static int dial_small(const struct server *server) /* the system holds little for it */
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 4096;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    hostile_connect(fd, server->port);
    return fd;
}

static void ask(int fd, const char *command, const char *part)
{
    char text[8192];
    assert_true(hostile_say(fd, command));
    assert_true(hostile_say(fd, "\r\n"));
    if (!hostile_hear(fd, text, sizeof text, part)) fail_msg("%s gave %s", command, text);
}

static bool closed(int fd)
{
    static char text[1 << 16];
    ssize_t got;
    while ((got = recv(fd, text, sizeof text, 0)) > 0) continue;
    return got == 0 || errno == ECONNRESET;
}

/* A number behind `name` in what the command says; of CLIENT LIST, of the client so named. */
static unsigned long long number_of(struct session *admin, const char *command, const char *line,
                                    const char *name)
{
    const char *at = strstr(door_reply(admin, command), line);
    at = at ? strstr(at, name) : NULL;
    if (!at) fail_msg("%s lacks %s %s", command, line, name);
    return strtoull(at + strlen(name), NULL, 10);
}

/* Waits until it is as much: what a socket took is known a moment later. */
static bool reaches(struct session *admin, const char *command, const char *line, const char *name,
                    unsigned long long least)
{
    for (int i = 0; i < 20000; i++) {
        if (number_of(admin, command, line, name) >= least) return true;
        os_sleep_us(os_real(), 1000);
    }
    return false;
}

enum { VALUE = 1 << 20, HALF = 300000 };

static void set_value(struct session *admin)
{
    struct buffer command, out;
    buffer_init(&command);
    buffer_init(&out);
    buffer_printf(&command, "*3\r\n$3\r\nSET\r\n$5\r\nvalue\r\n$%d\r\n", VALUE);
    uint8_t *room = buffer_extend(&command, VALUE);
    memset(room, 'x', VALUE);
    buffer_put(&command, "\r\n", 2);
    assert_int_equal(session_feed(admin, command.data, command.len, &out), 0);
    assert_memory_equal(out.data, "+OK\r\n", 5);
    buffer_release(&command);
    buffer_release(&out);
}

/* A command of which so many bytes came, and no more. */
static void begin_command(int fd, size_t len)
{
    static char bytes[1 << 16];
    memset(bytes, 'y', sizeof bytes);
    assert_true(hostile_say(fd, "*2\r\n$3\r\nGET\r\n$400000000\r\n"));
    for (size_t put = 0; put < len; put += sizeof bytes)
        assert_true(hostile_send(fd, bytes, sizeof bytes));
}

/* Ten megabytes of replies that nobody reads. */
static void ask_much(int fd)
{
    for (int i = 0; i < 10; i++) assert_true(hostile_say(fd, "GET value\r\n"));
}

static void test_what_is_shown(void **state)
{
    (void)state;
    struct server server;
    start(&server, NULL, 0);
    struct session *admin = session_open_local(server.redis);
    set_value(admin);
    const unsigned long long used = number_of(admin, "INFO memory", "#", "used_memory:");
    const int input = dial_small(&server), output = dial_small(&server);
    ask(input, "CLIENT SETNAME input", "+OK");
    ask(output, "CLIENT SETNAME output", "+OK");
    begin_command(input, HALF);
    ask_much(output);
    assert_true(reaches(admin, "CLIENT LIST", "name=input ", " qbuf=", HALF));
    assert_true(reaches(admin, "CLIENT LIST", "name=input ", " tot-mem=", HALF));
    assert_true(reaches(admin, "CLIENT LIST", "name=output ", " omem=", 5 * VALUE));
    assert_true(reaches(admin, "CLIENT LIST", "name=output ", " tot-mem=", 5 * VALUE));
    assert_true(number_of(admin, "CLIENT LIST", "name=output ", " tot-mem=") < 12 * VALUE);
    assert_true(reaches(admin, "INFO memory", "#", "mem_clients_normal:", HALF + 5 * VALUE));
    assert_true(reaches(admin, "INFO clients", "#", "client_recent_max_input_buffer:", HALF));
    assert_true(reaches(admin, "INFO clients", "#", "client_recent_max_output_buffer:",
                        5 * VALUE));
    /* Query buffers are within maxmemory, output is not. */
    const unsigned long long now = number_of(admin, "INFO memory", "#", "used_memory:");
    assert_in_range(now - used, HALF, HALF + VALUE);
    (void)close(input);
    (void)close(output);
    for (int i = 0; i < 20000; i++) {
        if (number_of(admin, "INFO memory", "#", "mem_clients_normal:") < 100000) break;
        os_sleep_us(os_real(), 1000);
    }
    assert_true(number_of(admin, "INFO memory", "#", "mem_clients_normal:") < 100000);
    assert_int_equal(number_of(admin, "INFO memory", "#", "used_memory:"), used);
    session_close_local(admin);
    stop(&server);
}

/* Input that waits takes room from keys, as far as maxmemory goes, and gives it back. */
static void test_input_within_maxmemory(void **state)
{
    (void)state;
    static const char *const directives[] = {"maxmemory 4mb", "maxmemory-policy noeviction"};
    struct server server;
    start(&server, directives, 2);
    struct session *admin = session_open_local(server.redis);
    const int fd = dial_small(&server);
    EXPECT(admin, "SET a 1", "+OK\r\n");
    begin_command(fd, 5 << 20);
    bool refused = false;
    for (int i = 0; i < 20000 && !refused; i++) {
        refused = strncmp(door_reply(admin, "SET b 1"), "-OOM", 4) == 0;
        os_sleep_us(os_real(), 1000);
    }
    assert_true(refused);
    (void)close(fd);
    for (int i = 0; i < 20000 && refused; i++) {
        refused = strncmp(door_reply(admin, "SET b 1"), "-OOM", 4) == 0;
        os_sleep_us(os_real(), 1000);
    }
    assert_false(refused);
    session_close_local(admin);
    stop(&server);
}

static void check_evicted(const char *limit, bool by_input)
{
    struct server server;
    const char *const directives[] = {"maxmemory 100mb", limit};
    start(&server, directives, 2);
    struct session *admin = session_open_local(server.redis);
    set_value(admin);
    const int small = dial_small(&server), large = dial_small(&server);
    begin_command(small, HALF);
    if (by_input) {
        /* The system may take the rest after it was closed. */
        static char bytes[1 << 16];
        assert_true(hostile_say(large, "*2\r\n$3\r\nGET\r\n$400000000\r\n"));
        for (int i = 0; i < 5 * 16; i++)
            if (!hostile_send(large, bytes, sizeof bytes)) break;
    } else {
        ask_much(large);
    }
    assert_true(closed(large));
    assert_int_equal(number_of(admin, "INFO stats", "#", "evicted_clients:"), 1);
    assert_true(hostile_say(small, "yy")); /* is there still */
    const int other = dial_small(&server);
    ask(other, "PING", "+PONG");
    assert_int_equal(number_of(admin, "INFO clients", "#", "connected_clients:"), 2);
    (void)close(small);
    (void)close(large);
    (void)close(other);
    session_close_local(admin);
    stop(&server);
}

static void test_the_largest_goes(void **state)
{
    (void)state;
    check_evicted("maxmemory-clients 3mb", false);
    check_evicted("maxmemory-clients 3mb", true);
    check_evicted("maxmemory-clients 3%", false);
}

static void test_no_evict(void **state)
{
    (void)state;
    static const char *const directives[] = {"maxmemory-clients 3mb"};
    struct server server;
    start(&server, directives, 1);
    struct session *admin = session_open_local(server.redis);
    set_value(admin);
    const int stays = dial_small(&server), goes = dial_small(&server);
    ask(stays, "CLIENT NO-EVICT ON", "+OK");
    ask(stays, "CLIENT SETNAME stays", "+OK");
    ask(goes, "PING", "+PONG");
    ask_much(stays);
    assert_true(closed(goes)); /* the only one that may be closed, small as it is */
    assert_true(reaches(admin, "CLIENT LIST", "name=stays ", " tot-mem=", 5 * VALUE));
    EXPECT_HAS(admin, "CLIENT LIST", "flags=e ");
    assert_int_equal(number_of(admin, "INFO stats", "#", "evicted_clients:"), 1);
    (void)close(stays);
    (void)close(goes);
    session_close_local(admin);
    stop(&server);
}

/* A limit that is set later is in force at once. */
static void test_settings(void **state)
{
    (void)state;
    struct server server;
    start(&server, NULL, 0);
    struct session *admin = session_open_local(server.redis);
    set_value(admin);
    const int fd = dial_small(&server);
    ask(fd, "CLIENT SETNAME large", "+OK");
    ask_much(fd);
    assert_true(reaches(admin, "CLIENT LIST", "name=large ", " tot-mem=", 5 * VALUE));
    EXPECT(admin, "CONFIG GET maxmemory-clients", "*2\r\n$17\r\nmaxmemory-clients\r\n$1\r\n0\r\n");
    EXPECT(admin, "CONFIG SET maxmemory-clients 5%", "+OK\r\n"); /* of no maxmemory: none */
    EXPECT(admin, "CONFIG GET maxmemory-clients", "*2\r\n$17\r\nmaxmemory-clients\r\n$2\r\n5%\r\n");
    EXPECT_HAS(admin, "CONFIG SET maxmemory-clients 101%", "-ERR");
    EXPECT_HAS(admin, "CONFIG SET maxmemory-clients -1", "-ERR");
    EXPECT_HAS(admin, "CONFIG SET maxmemory-clients x%", "-ERR");
    EXPECT_HAS(admin, "CLIENT LIST", "name=large ");
    EXPECT(admin, "CONFIG SET maxmemory-clients 1mb", "+OK\r\n");
    assert_true(closed(fd));
    (void)close(fd);
    session_close_local(admin);
    stop(&server);
}

static void test_output_limit(void **state)
{
    (void)state;
    static const char *const directives[] = {"client-output-buffer-limit normal 3mb 0 0"};
    struct server server;
    start(&server, directives, 1);
    struct session *admin = session_open_local(server.redis);
    set_value(admin);
    const int reads = dial_small(&server), other = dial_small(&server);
    for (int i = 0; i < 5; i++) {
        static char text[VALUE + 64];
        assert_true(hostile_say(reads, "GET value\r\n"));
        assert_true(hostile_hear(reads, text, sizeof text, "xx\r\n"));
    }
    ask_much(other);
    assert_true(closed(other));
    ask(reads, "PING", "+PONG");
    (void)close(reads);
    (void)close(other);
    session_close_local(admin);
    stop(&server);
}

/* A client that once said very much and is idle now holds no more than others. */
static void test_idle_after_much(void **state)
{
    (void)state;
    struct server server;
    struct buffer command;
    start(&server, NULL, 0);
    const int fd = dial_small(&server);
    buffer_init(&command);
    buffer_put(&command, "*100001\r\n$3\r\nDEL\r\n", 18);
    for (int i = 0; i < 100000; i++) buffer_put(&command, "$1\r\nk\r\n", 7);
    assert_true(hostile_send(fd, command.data, command.len));
    char text[64];
    assert_true(hostile_hear(fd, text, sizeof text, ":0\r\n"));
    const struct session *session = server.redis->sessions;
    assert_true(session->parser.arg_cap <= PARSER_WORDS_KEPT);
    ask(fd, "PING", "+PONG");
    (void)close(fd);
    buffer_release(&command);
    stop(&server);
}

/* Before authentication: 10 words of 16 KiB, 64 KiB of replies that are not read. */
static void test_unknown_clients(void **state)
{
    (void)state;
    static const char *const directives[] = {"requirepass secret"};
    struct server server;
    start(&server, directives, 1);
    static char word[16386];
    memset(word, 'z', sizeof word);
    static const struct {
        const char *head;
        size_t len;
        bool open;
    } tries[] = {
        {"*2\r\n$4\r\nPING\r\n$16384\r\n", 16384, true},
        {"*2\r\n$4\r\nPING\r\n$16385\r\n", 0, false},
        {"*2\r\n$4\r\nPING\r\n$2147483648\r\n", 0, false},
        {"*10\r\n$4\r\nPING\r\n$1\r\n", 1, true},
        {"*11\r\n", 0, false},
        {"*2147483647\r\n", 0, false},
    };
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        char text[256];
        const int fd = dial_small(&server);
        assert_true(hostile_say(fd, tries[i].head));
        if (tries[i].len) assert_true(hostile_send(fd, word, tries[i].len));
        if (tries[i].open && i == 0) assert_true(hostile_say(fd, "\r\n"));
        if (tries[i].open && i > 0) {
            const struct timeval soon = {.tv_usec = 50000};
            (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
            assert_int_equal(recv(fd, text, 1, 0), -1); /* waits for the rest */
            assert_int_equal(errno, EAGAIN);
        } else {
            assert_true(hostile_hear(fd, text, sizeof text, i ? "unauthenticated" : "-NOAUTH") ||
                        strstr(text, "invalid"));
        }
        if (!tries[i].open) assert_true(closed(fd));
        (void)close(fd);
    }
    const int fd = dial_small(&server); /* refusals that nobody reads */
    bool open = true;
    for (int i = 0; i < 200000 && open; i++) open = hostile_say(fd, "GET a\r\nGET a\r\nGET a\r\n");
    assert_false(open);
    assert_true(closed(fd));
    (void)close(fd);
    stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_shown),    cmocka_unit_test(test_input_within_maxmemory),
        cmocka_unit_test(test_the_largest_goes), cmocka_unit_test(test_no_evict),
        cmocka_unit_test(test_settings),         cmocka_unit_test(test_output_limit),
        cmocka_unit_test(test_unknown_clients),  cmocka_unit_test(test_idle_after_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
