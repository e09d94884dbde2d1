/*
 * `kith serve` from outside: its ready line, its doors, what it refuses, how it stops and reloads,
 * and what it tells a service manager. Fails when the program was not built.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"

static char program[1024], dir[64], path[128];

struct child {
    pid_t pid;
    int out; /* standard output */
    unsigned milvus, ops;
};

/* Standard error goes to "<dir>/err". */
static void spawn(struct child *child, char *const *argv)
{
    int pipe_fds[2];
    char err[128];
    (void)snprintf(err, sizeof err, "%s/err", dir);
    assert_int_equal(pipe(pipe_fds), 0);
    child->pid = fork();
    assert_true(child->pid >= 0);
    if (child->pid == 0) {
        const int fd = open(err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        (void)dup2(pipe_fds[1], 1);
        (void)dup2(fd, 2);
        (void)close(pipe_fds[0]);
        (void)execv(program, argv);
        _exit(127);
    }
    (void)close(pipe_fds[1]);
    child->out = pipe_fds[0];
}

static int reap(struct child *child)
{
    int status;
    assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
    (void)close(child->out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void read_err(char *text, size_t room)
{
    char file[128];
    (void)snprintf(file, sizeof file, "%s/err", dir);
    FILE *in = fopen(file, "r");
    assert_non_null(in);
    text[fread(text, 1, room - 1, in)] = 0;
    (void)fclose(in);
}

static void start(struct child *child, char *extra)
{
    char line[512];
    size_t len = 0;
    char verb[] = "serve", data[] = "--data", m[] = "--milvus-port", o[] = "--ops-port",
         any[] = "auto";
    char *argv[] = { program, verb, data, path, m, any, o, any, extra, NULL };
    spawn(child, argv);
    while (len < sizeof line - 1 && read(child->out, line + len, 1) == 1 && line[len] != '\n')
        len++;
    line[len] = 0;
    double ms;
    assert_int_equal(sscanf(line, "ready in %lf ms: milvus 127.0.0.1:%u, ops 127.0.0.1:%u", &ms,
                            &child->milvus, &child->ops), 3);
}

static void ask(unsigned port, const char *request, char *reply, size_t room)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                                         .sin_addr = { htonl(INADDR_LOOPBACK) } };
    const struct timeval patience = { .tv_sec = 60 };
    size_t len = 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_true(send(fd, request, strlen(request), MSG_NOSIGNAL) > 0);
    for (ssize_t got; len < room - 1 && (got = recv(fd, reply + len, room - 1 - len, 0)) > 0;)
        len += (size_t)got;
    reply[len] = 0;
    (void)close(fd);
}

static void get(unsigned port, const char *target, const char *expected)
{
    char request[256];
    static char reply[65536];
    (void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nConnection: close\r\n\r\n", target);
    ask(port, request, reply, sizeof reply);
    if (!strstr(reply, expected)) print_message("%s\n", reply);
    assert_non_null(strstr(reply, expected));
}

static void test_doors_and_drain(void **state)
{
    (void)state;
    struct child child;
    char none[] = "--log-access";
    start(&child, none);
    get(child.ops, "/healthz", "\r\n\r\nOK");
    get(child.ops, "/readyz", "\r\n\r\nOK");
    get(child.ops, "/metrics", "process_resident_memory_bytes ");
    get(child.ops, "/metrics", "kith_connections 1\n");
    get(child.ops, "/other", "HTTP/1.1 404 ");
    assert_int_equal(kill(child.pid, SIGTERM), 0);
    assert_int_equal(reap(&child), 0);
    char err[4096];
    read_err(err, sizeof err);
    assert_non_null(strstr(err, "info    access peer=127.0.0.1:"));
    assert_non_null(strstr(err, "method=GET path=/healthz status=200 in=0 out=2 ms="));
}

static void refuse(const char *extra, const char *value, const char *text)
{
    struct child child;
    char verb[] = "serve", err[4096];
    char one[64], two[128];
    (void)snprintf(one, sizeof one, "%s", extra);
    (void)snprintf(two, sizeof two, "%s", value ? value : "");
    char *argv[] = { program, verb, one, value ? two : NULL, NULL };
    spawn(&child, argv);
    assert_int_equal(reap(&child), 2);
    read_err(err, sizeof err);
    if (!strstr(err, text)) print_message("%s\n", err);
    assert_non_null(strstr(err, text));
}

static void test_refusals(void **state)
{
    (void)state;
    refuse("--bind", "0.0.0.0", "refusing to listen on 0.0.0.0 without authentication");
    refuse("--ops-bind", "::", "refusing to listen for metrics on ::");
    refuse("--milvus-prot", "1", "did you mean '--milvus-port'?");
    refuse("--milvus-port", "70000", "'70000' is no port");
    refuse("--tls", "server", "tls.mode needs tls.cert and tls.key");
}

static void write_file(const char *name, const char *text)
{
    FILE *out = fopen(name, "w");
    assert_non_null(out);
    (void)fputs(text, out);
    (void)fclose(out);
}

static void test_check_config(void **state)
{
    (void)state;
    struct child child;
    char file[128], text[4096];
    (void)snprintf(file, sizeof file, "%s/k.yaml", dir);
    write_file(file, "milvus:\n  port: 1234\n");
    char verb[] = "serve", config[] = "--config", check[] = "--check-config";
    char *argv[] = { program, verb, config, file, check, NULL };
    spawn(&child, argv);
    size_t len = 0;
    for (ssize_t got; (got = read(child.out, text + len, sizeof text - 1 - len)) > 0;)
        len += (size_t)got;
    text[len] = 0;
    assert_int_equal(reap(&child), 0);
    assert_non_null(strstr(text, "milvus:\n  port: 1234\nops:\n  port: 9091\n"));
    write_file(file, "milvus:\n  prot: 1234\n");
    spawn(&child, argv);
    assert_int_equal(reap(&child), 2);
    read_err(text, sizeof text);
    assert_non_null(strstr(text, "line 2: there is no setting 'milvus.prot'; did you mean "
                                 "'milvus.port'?"));
    unsetenv("KITH_REDIS_PORT"); /* it would stand for the one of a redis.conf, which is read, too */
    write_file(file, "port 1235\n");
    char redis[] = "--redis-config";
    argv[2] = redis;
    spawn(&child, argv);
    len = 0;
    for (ssize_t got; (got = read(child.out, text + len, sizeof text - 1 - len)) > 0;)
        len += (size_t)got;
    text[len] = 0;
    assert_int_equal(reap(&child), 0);
    assert_non_null(strstr(text, "redis:\n  port: 1235\n"));
    write_file(file, "port 1235\nmaxmemory x\n");
    spawn(&child, argv);
    assert_int_equal(reap(&child), 2);
    read_err(text, sizeof text);
    assert_non_null(strstr(text, ", line 2: argument must be a memory value"));
    setenv("KITH_REDIS_PORT", "0", 1);
}

/* A port that is taken is an error of the run, and it says whose. */
static void test_taken_port(void **state)
{
    (void)state;
    struct child child, second;
    char none[] = "--log-level=error", err[4096], port[16];
    char verb[] = "serve", data[] = "--data", other[160], m[] = "--milvus-port", o[] = "--ops-port",
         zero[] = "0";
    start(&child, none);
    (void)snprintf(port, sizeof port, "%u", child.milvus);
    (void)snprintf(other, sizeof other, "%s2", path);
    char *argv[] = { program, verb, data, other, m, port, o, zero, NULL };
    spawn(&second, argv);
    assert_int_equal(reap(&second), 1);
    read_err(err, sizeof err);
    assert_non_null(strstr(err, "another program has it"));
    char *locked[] = { program, verb, data, path, m, zero, NULL };
    spawn(&second, locked);
    assert_int_equal(reap(&second), 1);
    assert_int_equal(kill(child.pid, SIGINT), 0);
    assert_int_equal(reap(&child), 0);
}

static void expect_note(int fd, const char *text)
{
    char note[256];
    const ssize_t len = recv(fd, note, sizeof note - 1, 0);
    assert_true(len > 0);
    note[len] = 0;
    assert_memory_equal(note, text, strlen(text));
}

static void test_service_manager(void **state)
{
    (void)state;
    struct child child;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const struct timeval patience = { .tv_sec = 60 };
    char none[] = "--log-format=json";
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", dir);
    const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    setenv("KITH_DRAIN_GRACE_S", "20", 1);
    start(&child, none);
    expect_note(fd, "READY=1");
    assert_int_equal(kill(child.pid, SIGHUP), 0);
    expect_note(fd, "RELOADING=1\nMONOTONIC_USEC=");
    expect_note(fd, "READY=1");
    get(child.ops, "/readyz", "OK");
    assert_int_equal(kill(child.pid, SIGTERM), 0);
    expect_note(fd, "STOPPING=1");
    assert_int_equal(reap(&child), 0);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("KITH_DRAIN_GRACE_S");
    (void)close(fd);
}

static int remove_one(const char *name, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info, (void)kind, (void)walk;
    return remove(name);
}

static int setup(void **state)
{
    (void)state;
    setenv("KITH_REDIS_PORT", "0", 1); /* beside other tests, and a Redis */
    const char *build = getenv("KITH_BINARY_DIR");
    (void)snprintf(program, sizeof program, "%s/kith", build ? build : "build");
    (void)snprintf(dir, sizeof dir, "/tmp/kith-serve-XXXXXX");
    if (!mkdtemp(dir)) return 1;
    (void)snprintf(path, sizeof path, "%s/db", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doors_and_drain), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_check_config),    cmocka_unit_test(test_taken_port),
        cmocka_unit_test(test_service_manager),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
