/*
 * Servers as processes: started on a core of their own, dialled, measured from outside; and how a
 * bench of them fails and takes the time.
 */
#include "redis_bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

/* ---- what every bench needs ---- */

void die(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)fprintf(stderr, "%s: ", program_invocation_short_name);
    (void)vfprintf(stderr, fmt, args);
    (void)fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}

double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

double median(const double *values, unsigned count)
{
    double sorted[ROUNDS_MAX];
    memcpy(sorted, values, count * sizeof *values);
    qsort(sorted, count, sizeof *sorted, by_value);
    return sorted[count / 2];
}

int dial(uint16_t port)
{
    const struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port),
                                         .sin_addr = { htonl(INADDR_LOOPBACK) } };
    const int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address))
        die("cannot connect to port %u", port);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

void pin(unsigned cores)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (unsigned i = 0; i < 32; i++)
        if (cores >> i & 1) CPU_SET(i, &set);
    if (sched_setaffinity(0, sizeof set, &set)) perror("redis_bench: pinning");
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port),
                                 .sin_addr = { htonl(INADDR_LOOPBACK) } };
}

uint16_t free_port(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) ||
        getsockname(fd, (struct sockaddr *)&address, &len))
        die("no free port");
    close(fd);
    return ntohs(address.sin_port);
}

static bool answers(uint16_t port)
{
    const struct sockaddr_in address = loopback(port);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const bool ok = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return ok;
}

static void wait_for(struct server *server)
{
    for (int i = 0; i < 3000; i++) {
        int status;
        if (answers(server->port)) return;
        if (waitpid(server->pid, &status, WNOHANG) == server->pid)
            die("%s ended when it was started", server->name);
        usleep(10000);
    }
    die("%s does not answer on port %u", server->name, server->port);
}

struct server server_start(const char *name, char *const *argv, uint16_t port, unsigned cores)
{
    struct server server = { name, fork(), port };
    if (server.pid < 0) die("fork failed");
    if (server.pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* whatever becomes of us */
        const int null = open("/dev/null", O_WRONLY);
        pin(cores);
        (void)dup2(null, STDOUT_FILENO);
        (void)execvp(argv[0], argv);
        perror(argv[0]);
        _exit(127);
    }
    wait_for(&server);
    return server;
}

/* ---- echo ---- */

static char echo_bytes[65536];

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void)handle;
    (void)suggested;
    *out = uv_buf_init(echo_bytes, sizeof echo_bytes);
}

static void on_closed(uv_handle_t *handle) { free(handle); }

/* As many bytes as came go back: a GET's reply is about as long as a SET's request. */
static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *bytes)
{
    uv_buf_t back = uv_buf_init(bytes->base, len > 0 ? (unsigned)len : 0);
    if (len < 0 || (len > 0 && uv_try_write(stream, &back, 1) != len))
        uv_close((uv_handle_t *)stream, on_closed);
}

static void on_connection(uv_stream_t *listener, int status)
{
    uv_tcp_t *tcp = malloc(sizeof *tcp);
    if (status || !tcp || uv_tcp_init(listener->loop, tcp)) die("echo: a connection failed");
    if (uv_accept(listener, (uv_stream_t *)tcp)) die("echo: accept failed");
    (void)uv_tcp_nodelay(tcp, 1);
    (void)uv_read_start((uv_stream_t *)tcp, on_alloc, on_read);
}

static void echo_main(uint16_t port)
{
    uv_tcp_t listener;
    const struct sockaddr_in address = loopback(port);
    uv_loop_t *loop = uv_default_loop();
    if (uv_tcp_init(loop, &listener) ||
        uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0) ||
        uv_listen((uv_stream_t *)&listener, 511, on_connection))
        die("echo: cannot listen");
    uv_run(loop, UV_RUN_DEFAULT);
}

struct server echo_start(uint16_t port, unsigned cores)
{
    struct server server = { "echo", fork(), port };
    if (server.pid < 0) die("fork failed");
    if (server.pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        pin(cores);
        echo_main(port);
        _exit(0);
    }
    wait_for(&server);
    return server;
}

void server_stop(struct server *server)
{
    int status;
    if (server->pid <= 0) return;
    kill(server->pid, SIGTERM);
    for (int i = 0; i < 1000 && waitpid(server->pid, &status, WNOHANG) == 0; i++) usleep(10000);
    kill(server->pid, SIGKILL);
    (void)waitpid(server->pid, &status, 0);
    server->pid = 0;
}

/* ---- from outside ---- */

/* In nanoseconds, threads that ended included: a server may start one a command. */
double server_cpu_s(const struct server *server)
{
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(server->pid, &clock) || clock_gettime(clock, &used))
        die("%s is gone", server->name);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* A line of the status file, in MB. */
static double status_mb(const struct server *server, const char *name)
{
    char path[64], line[256];
    const size_t len = strlen(name);
    double mb = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)server->pid);
    FILE *status = fopen(path, "r");
    if (!status) die("%s is gone", server->name);
    while (fgets(line, sizeof line, status))
        if (strncmp(line, name, len) == 0) mb = strtod(line + len, NULL) / 1024;
    fclose(status);
    return mb;
}

double server_rss_mb(const struct server *server) { return status_mb(server, "VmRSS:"); }

double server_anon_mb(const struct server *server) { return status_mb(server, "RssAnon:"); }
