/*
 * Clocks, entropy and identity of the real machine.
 */
#include "os/os_real.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/checksum.h"

int64_t real_now_us(const struct os *os)
{
    (void)os;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t real_now_ns(const struct os *os)
{
    (void)os;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t real_wall_us(const struct os *os)
{
    (void)os;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* With these flags getrandom fails only when interrupted; going on with weak bytes after any
 * other failure would be worse than stopping. */
void real_random(const struct os *os, void *buf, size_t len)
{
    (void)os;
    uint8_t *at = buf;
    while (len) {
        ssize_t n = getrandom(at, len, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) abort();
        at += n;
        len -= (size_t)n;
    }
}

void real_sleep_us(const struct os *os, int64_t us)
{
    int64_t now = real_now_us(os);
    int64_t end = us > INT64_MAX - now ? INT64_MAX : now + us;
    struct timespec until = {.tv_sec = end / 1000000, .tv_nsec = (end % 1000000) * 1000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) continue;
}

/* The CPUs this process may run on, which a container or taskset can make fewer than there are. */
unsigned real_cpu_count(const struct os *os)
{
    (void)os;
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (unsigned)CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (unsigned)n : 1;
}

uint64_t real_process_id(const struct os *os)
{
    (void)os;
    return (uint64_t)getpid();
}

/* A text of 36 characters that the kernel draws when it starts. */
uint64_t real_boot_id(const struct os *os)
{
    (void)os;
    char text[64];
    const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    const ssize_t n = read(fd, text, sizeof text);
    (void)close(fd);
    if (n < 36) return 0;
    return (uint64_t)checksum32(text, 36, 1) << 32 | checksum32(text, 36, 2);
}

uint64_t real_memory_bytes(const struct os *os)
{
    (void)os;
    const long pages = sysconf(_SC_PHYS_PAGES);
    const long bytes = sysconf(_SC_PAGESIZE);
    return pages > 0 && bytes > 0 ? (uint64_t)pages * (uint64_t)bytes : UINT64_C(1) << 32;
}
