/*
 * `kith redis-server` from outside, as scripts use it: its log lines, a configuration on standard
 * input, commands over TCP and a unix socket in awkward pieces, a kill in the middle, what it
 * refuses to start with, how it stops.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/free_port.h"

static char program[512], dir[64];

struct server {
    pid_t pid;
    unsigned port;
    char log[160], socket[128];
};

/* With a configuration on standard input; output goes to server->log. */
static void spawn(struct server *server, const char *conf)
{
    int in[2];
    (void)snprintf(server->log, sizeof server->log, "%s/log", dir);
    (void)remove(server->log); /* what the one before has said */
    assert_int_equal(pipe(in), 0);
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0) {
        (void)dup2(in[0], 0);
        (void)close(in[1]);
        if (!freopen(server->log, "w", stdout) || dup2(1, 2) < 0) _exit(99);
        execl(program, program, "redis-server", "-", "--dir", dir, (char *)NULL);
        _exit(99);
    }
    (void)close(in[0]);
    assert_int_equal(write(in[1], conf, strlen(conf)), (ssize_t)strlen(conf));
    (void)close(in[1]);
}

static bool has_said(const struct server *server, const char *text)
{
    static char log[65536];
    FILE *in = fopen(server->log, "r");
    if (!in) return false;
    log[fread(log, 1, sizeof log - 1, in)] = 0;
    (void)fclose(in);
    return strstr(log, text) != NULL;
}

static void start(struct server *server, const char *more)
{
    char conf[1024];
    server->port = free_port();
    (void)snprintf(server->socket, sizeof server->socket, "%s/socket", dir);
    (void)snprintf(conf, sizeof conf, "# a comment\n\nport %u\nunixsocket %s\nsave \"\"\n%s",
                   server->port, server->socket, more);
    spawn(server, conf);
    for (int i = 0; i < 6000 && !has_said(server, "Ready to accept connections"); i++)
        (void)usleep(10000);
    assert_true(has_said(server, "Ready to accept connections"));
}

static int stop(struct server *server, int number)
{
    int status = 0;
    if (number) assert_int_equal(kill(server->pid, number), 0);
    assert_int_equal(waitpid(server->pid, &status, 0), server->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int dial(const struct server *server)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)server->port),
                                        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const struct timeval patience = {.tv_sec = 60};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void put(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len) {
        const ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);
        assert_true(sent > 0);
        at += sent;
        len -= (size_t)sent;
    }
}

static void expect(int fd, const void *want, size_t len)
{
    char *got = malloc(len + 1);
    size_t have = 0;
    assert_non_null(got);
    while (have < len) {
        const ssize_t more = recv(fd, got + have, len - have, 0);
        if (more <= 0) break;
        have += (size_t)more;
    }
    got[have] = 0;
    if (have != len || memcmp(got, want, len) != 0)
        fail_msg("got %zu bytes: %.200s; want %zu: %.200s", have, got, len, (const char *)want);
    free(got);
}

static void ask(int fd, const char *sent, const char *want)
{
    put(fd, sent, strlen(sent));
    expect(fd, want, strlen(want));
}

/* ---- tests ---- */

static void test_pieces(void **state)
{
    (void)state;
    static const char command[] = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n";
    struct server server;
    start(&server, "foo bar\n");
    assert_true(has_said(&server, "PID: "));
    assert_true(has_said(&server, "# the unknown directive 'foo' is ignored"));
    const int fd = dial(&server);
    for (size_t i = 0; i + 1 < sizeof command; i++) put(fd, command + i, 1);
    expect(fd, "+OK\r\n", 5);
    ask(fd, "GET k\r\nGET none\r\n", "$5\r\nvalue\r\n$-1\r\n");
    for (int i = 0; i < 2000; i++) put(fd, "INCR n\r\n", 8); /* nobody reads meanwhile */
    for (int i = 1; i <= 2000; i++) {
        char reply[32];
        const int len = snprintf(reply, sizeof reply, ":%d\r\n", i);
        expect(fd, reply, (size_t)len);
    }
    /* What a blocked client sends waits; others go on. */
    const int other = dial(&server);
    put(fd, "BLPOP l 0\r\nPING\r\n", 17);
    ask(other, "RPUSH l x\r\n", ":1\r\n");
    expect(fd, "*2\r\n$1\r\nl\r\n$1\r\nx\r\n+PONG\r\n", 25);
    ask(fd, "BLPOP l 0.05\r\n", "*-1\r\n");
    ask(fd, "QUIT\r\n", "+OK\r\n");
    char end;
    assert_int_equal(recv(fd, &end, 1, 0), 0);
    (void)close(fd);
    (void)close(other);
    assert_int_equal(stop(&server, SIGTERM), 0);
    assert_true(has_said(&server, "bye bye"));
    assert_int_equal(access(server.socket, F_OK), -1);
}

static void test_large(void **state)
{
    (void)state;
    enum { SIZE = 8 << 20 };
    char head[64], *value = malloc(SIZE + 2);
    struct server server;
    start(&server, "");
    const int fd = dial(&server);
    assert_non_null(value);
    memset(value, 'v', SIZE);
    memcpy(value + SIZE, "\r\n", 2);
    const int len = snprintf(head, sizeof head, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n", SIZE);
    put(fd, head, (size_t)len);
    put(fd, value, SIZE + 2);
    expect(fd, "+OK\r\n", 5);
    put(fd, "GET k\r\n", 7);
    const int got = snprintf(head, sizeof head, "$%d\r\n", SIZE);
    expect(fd, head, (size_t)got);
    expect(fd, value, SIZE + 2);
    free(value);
    /* Another protocol is shown the door, and nonsense is told so. */
    const int web = dial(&server), odd = dial(&server);
    put(web, "POST / HTTP/1.1\r\n", 17);
    char end;
    assert_int_equal(recv(web, &end, 1, 0), 0);
    ask(odd, "*1\r\n:1\r\n", "-ERR Protocol error: expected '$', got ':'\r\n");
    assert_int_equal(recv(odd, &end, 1, 0), 0);
    (void)close(web);
    (void)close(odd);
    (void)close(fd);
    assert_int_equal(stop(&server, SIGINT), 0);
}

static void test_strangers(void **state)
{
    (void)state;
    struct server server;
    start(&server, "requirepass secret\nmaxclients 2\n");
    const int fd = dial(&server), second = dial(&server);
    ask(fd, "PING\r\n", "-NOAUTH Authentication required.\r\n");
    ask(second, "PING\r\n", "-NOAUTH Authentication required.\r\n");
    const int third = dial(&server);
    expect(third, "-ERR max number of clients reached\r\n", 36);
    ask(fd, "AUTH secret\r\nPING\r\n", "+OK\r\n+PONG\r\n");
    ask(second, "*1\r\n$20000\r\n", "-ERR Protocol error: unauthenticated bulk length\r\n");
    (void)close(second);
    (void)close(third);
    const int unix_fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%.100s", server.socket);
    assert_int_equal(connect(unix_fd, (const struct sockaddr *)&address, sizeof address), 0);
    ask(unix_fd, "AUTH secret\r\n", "+OK\r\n");
    put(fd, "SHUTDOWN NOSAVE\r\n", 17);
    assert_int_equal(stop(&server, 0), 0);
    (void)close(unix_fd);
    (void)close(fd);
}

/* Who does not read what he is told may leave 64 KiB of it, without the password. */
static void test_stranger_who_does_not_read(void **state)
{
    (void)state;
    struct server server;
    char text[6001];
    start(&server, "requirepass secret\n");
    const int fd = dial(&server), small = 4096;
    const struct timeval patience = {.tv_sec = 10};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    for (size_t i = 0; i < 1000; i++) memcpy(text + 6 * i, "PING\r\n", 7);
    size_t sent = 0;
    ssize_t took = 1;
    while (took > 0 && sent < (size_t)60 << 20) { /* the system holds some MiB of it */
        took = send(fd, text, 6000, MSG_NOSIGNAL);
        if (took > 0) sent += (size_t)took;
    }
    assert_int_equal(took, -1); /* closed; that it is only not read is seen by send's patience */
    assert_true(errno == EPIPE || errno == ECONNRESET);
    (void)close(fd);
    assert_int_equal(stop(&server, SIGTERM), 0);
}

/* The end of the connection is what SHUTDOWN answers: no error for kith cli. */
static void test_shutdown_by_cli(void **state)
{
    (void)state;
    struct server server;
    char line[800], said[256] = "";
    start(&server, "");
    (void)snprintf(line, sizeof line, "%s cli -p %u SHUTDOWN NOSAVE 2>&1", program, server.port);
    FILE *out = popen(line, "r");
    assert_non_null(out);
    said[fread(said, 1, sizeof said - 1, out)] = 0;
    assert_int_equal(pclose(out), 0);
    assert_string_equal(said, "");
    assert_int_equal(stop(&server, 0), 0);
}

static void test_kill(void **state)
{
    (void)state;
    struct server server;
    start(&server, "appendonly yes\nappendfsync always\n");
    int fd = dial(&server);
    ask(fd, "SET a 1\r\nMULTI\r\nINCR a\r\nRPUSH l x y\r\nEXEC\r\nSET t v EX 1000\r\n",
        "+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:2\r\n:2\r\n+OK\r\n");
    assert_int_equal(stop(&server, SIGKILL), -1);
    (void)close(fd);
    start(&server, "appendonly yes\n");
    fd = dial(&server);
    ask(fd, "GET a\r\nLRANGE l 0 -1\r\nPERSIST t\r\n",
        "$1\r\n2\r\n*2\r\n$1\r\nx\r\n$1\r\ny\r\n:1\r\n");
    ask(fd, "BGREWRITEAOF\r\n", "+Background append only file rewriting started\r\n");
    (void)close(fd);
    assert_int_equal(stop(&server, SIGTERM), 0);
}

/* The reply to INFO persistence has this line, within some seconds. */
static void await_persistence(int fd, const char *line)
{
    char reply[4096];
    for (int i = 0; i < 1000; i++) {
        size_t have = 0;
        put(fd, "INFO persistence\r\n", 18);
        do {
            const ssize_t more = recv(fd, reply + have, sizeof reply - 1 - have, 0);
            assert_true(more > 0);
            have += (size_t)more;
            reply[have] = 0;
        } while (!strstr(reply, "aof_last_write_status") || strcmp(reply + have - 4, "\r\n\r\n"));
        if (strstr(reply, line)) return;
        (void)usleep(10000);
    }
    fail_msg("no %s", line);
}

/* A log that begins in a server that kept nothing: what is there by then is in it, what an earlier
 * server left is not. */
static void test_begin_late(void **state)
{
    (void)state;
    struct server server;
    start(&server, "appendonly yes\n");
    int fd = dial(&server);
    ask(fd, "SET old 1\r\n", "+OK\r\n");
    (void)close(fd);
    assert_int_equal(stop(&server, SIGTERM), 0);
    start(&server, "");
    fd = dial(&server);
    ask(fd, "GET old\r\nSET a 1\r\nRPUSH l x y\r\n", "$-1\r\n+OK\r\n:2\r\n");
    ask(fd, "CONFIG SET appendonly yes appendfsync always\r\nSET b 2\r\n", "+OK\r\n+OK\r\n");
    await_persistence(fd, "aof_enabled:1\r\naof_rewrite_in_progress:0");
    ask(fd, "INCR a\r\n", ":2\r\n");
    assert_int_equal(stop(&server, SIGKILL), -1);
    (void)close(fd);
    start(&server, "appendonly yes\n");
    fd = dial(&server);
    ask(fd, "GET old\r\nGET a\r\nGET b\r\nLLEN l\r\n",
        "$-1\r\n$1\r\n2\r\n$1\r\n2\r\n:2\r\n");
    (void)close(fd);
    assert_int_equal(stop(&server, SIGTERM), 0);
}

/* SAVE saves, though nothing was to be kept when it started. */
static void test_save_late(void **state)
{
    (void)state;
    struct server server;
    start(&server, "");
    int fd = dial(&server);
    ask(fd, "FLUSHALL\r\nSET kept 1\r\nSAVE\r\nSET lost 1\r\n", "+OK\r\n+OK\r\n+OK\r\n+OK\r\n");
    assert_int_equal(stop(&server, SIGKILL), -1);
    (void)close(fd);
    start(&server, "save 3600 1\n");
    fd = dial(&server);
    ask(fd, "GET kept\r\nGET lost\r\n", "$1\r\n1\r\n$-1\r\n");
    (void)close(fd);
    assert_int_equal(stop(&server, SIGTERM), 0);
}

static void test_refusals(void **state)
{
    (void)state;
    struct server server, second;
    char conf[128];
    spawn(&server, "port 1\nmaxmemory lots\n");
    assert_int_equal(stop(&server, 0), 1);
    assert_true(has_said(&server, "*** FATAL CONFIG FILE ERROR"));
    assert_true(has_said(&server, "at line 2\n>>> 'maxmemory lots'\nargument must be a memory"));
    start(&server, "");
    const unsigned taken = server.port;
    (void)snprintf(conf, sizeof conf, "port %u\nsave \"\"\n", taken);
    spawn(&second, conf);
    assert_int_equal(stop(&second, 0), 1);
    assert_true(has_said(&second, "Failed listening on port"));
    assert_int_equal(stop(&server, SIGTERM), 0);
}

/* ---- around them ---- */

static int remove_one(const char *name, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info, (void)kind, (void)walk;
    return remove(name);
}

static int setup(void **state)
{
    (void)state;
    const char *build = getenv("KITH_BINARY_DIR");
    (void)snprintf(program, sizeof program, "%s/kith", build ? build : "build");
    (void)snprintf(dir, sizeof dir, "/tmp/kith-redis-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pieces), TEST(test_large), TEST(test_strangers),
        TEST(test_stranger_who_does_not_read), TEST(test_shutdown_by_cli), TEST(test_kill),
        TEST(test_begin_late), TEST(test_save_late), TEST(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
