/*
 * The process as a service of the system: systemd's two conventions (a socket that is told how we
 * are, listening sockets that were opened for us), and what the process uses.
 *
 * Both conventions are a few environment variables; see sd_notify(3) and sd_listen_fds(3). Nothing
 * here fails loudly: without a service manager there is nobody to tell.
 */
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_FD_FIRST 3
#define LISTEN_FDS_MAX 64

void os_service_notify(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@')) return;
    const size_t len = strlen(path);
    if (len < 2 || len >= sizeof address.sun_path) return;
    memcpy(address.sun_path, path, len);
    if (path[0] == '@') address.sun_path[0] = 0; /* the abstract name space */
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    const socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    (void)!sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&address, size);
    (void)close(fd);
}

static size_t listen_count(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    if (!pid || !count || strtoul(pid, NULL, 10) != (unsigned long)getpid()) return 0;
    const unsigned long n = strtoul(count, NULL, 10);
    return n > LISTEN_FDS_MAX ? LISTEN_FDS_MAX : (size_t)n;
}

static bool listens(int fd)
{
    int on = 0;
    socklen_t len = sizeof on;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on;
}

/* Names are separated by colons and in the order of the descriptors. */
int os_service_socket(const char *name)
{
    const size_t count = listen_count(), name_len = strlen(name);
    const char *at = getenv("LISTEN_FDNAMES");
    for (size_t i = 0; i < count && at; i++) {
        const size_t len = strcspn(at, ":");
        const int fd = LISTEN_FD_FIRST + (int)i;
        if (len == name_len && memcmp(at, name, len) == 0 && listens(fd)) {
            (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
            (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
            return fd;
        }
        at = at[len] ? at + len + 1 : NULL;
    }
    return -1;
}

void os_usage(struct os_usage *out)
{
    struct rusage usage;
    *out = (struct os_usage){0};
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        out->cpu_us = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000) +
                      usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    char text[128];
    const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    const ssize_t n = read(fd, text, sizeof text - 1);
    (void)close(fd);
    unsigned long total = 0, resident = 0, of_files = 0;
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    text[n > 0 ? n : 0] = 0;
    if (sscanf(text, "%lu %lu %lu", &total, &resident, &of_files) != 3) return;
    out->resident_bytes = resident * page;
    out->anonymous_bytes = (resident > of_files ? resident - of_files : 0) * page;
}
