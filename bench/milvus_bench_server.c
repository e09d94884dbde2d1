/*
 * The server under test: started on a core of its own with a fresh directory, and what /proc says
 * of it.
 */
#include <errno.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "milvus_bench.h"

void pin_to(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set)) die("core %d: %s", cpu, strerror(errno));
}

static void become_server(const struct options *options, const char *data, int out)
{
    pin_to(options->server_cpu);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* when we die it is not left behind */
    (void)dup2(out, 1);
    execl(options->kith, options->kith, "serve", "--data", data, "--milvus-port", "auto",
          "--ops-port", "0", "--redis-port", "0", "--sync", "everysec", (char *)NULL);
    die("%s: %s", options->kith, strerror(errno));
}

/* "ready in 12.3 ms: milvus 127.0.0.1:19530" */
static uint16_t read_port(int fd)
{
    char line[256];
    size_t len = 0;
    while (len < sizeof line - 1) {
        const ssize_t n = read(fd, line + len, sizeof line - 1 - len);
        if (n <= 0) die("the server did not start");
        len += (size_t)n;
        line[len] = 0;
        if (strchr(line, '\n')) break;
    }
    const char *at = strstr(line, "milvus ");
    const char *colon = at ? strrchr(at, ':') : NULL;
    if (!colon) die("the server says: %s", line);
    return (uint16_t)strtoul(colon + 1, NULL, 10);
}

void server_start(const struct options *options, const char *name, struct server *out)
{
    int fds[2];
    (void)snprintf(out->data, sizeof out->data, "%s/%s", options->dir, name);
    if (pipe(fds)) die("pipe: %s", strerror(errno));
    const double start = now_s();
    out->pid = fork();
    if (out->pid < 0) die("fork: %s", strerror(errno));
    if (out->pid == 0) become_server(options, out->data, fds[1]);
    close(fds[1]);
    out->port = read_port(fds[0]);
    out->ready_s = now_s() - start;
    close(fds[0]);
}

void server_stop(struct server *server)
{
    int status;
    (void)kill(server->pid, SIGTERM);
    if (waitpid(server->pid, &status, 0) != server->pid || status)
        die("the server ended with status %d", status);
}

struct cpu server_cpu(const struct server *server)
{
    char path[64], text[1024];
    unsigned long user, system;
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)server->pid);
    FILE *file = fopen(path, "r");
    const size_t len = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file) fclose(file);
    text[len] = 0;
    const char *at = strrchr(text, ')');
    if (!at || sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                      &system) != 2)
        die("%s does not read", path);
    const double tick = (double)sysconf(_SC_CLK_TCK);
    return (struct cpu){ (double)user / tick, (double)system / tick };
}

double server_rss_bytes(const struct server *server)
{
    char path[64], line[256];
    double kb = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)server->pid);
    FILE *file = fopen(path, "r");
    if (!file) die("%s: %s", path, strerror(errno));
    while (fgets(line, sizeof line, file))
        if (strncmp(line, "VmRSS:", 6) == 0) kb = strtod(line + 6, NULL);
    fclose(file);
    return kb * 1024;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

void remove_dir(const char *dir) { (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS); }
