/*
 * maxmemory under a load many times as large (reliability: N5): memory_limit KITH [SECONDS].
 *
 * Values of all types and of sizes from a few bytes to 64 KiB are written over four connections for
 * so long, and until ten times the limit has been sent. Meanwhile the server's anonymous resident
 * memory is looked at every 50 ms, and what it says of itself (used_memory). It runs in a memory
 * cgroup of 1.25 times the limit, where one can be made (root; version 1 or 2), so that exceeding it
 * is a kill.
 *
 * Passes when RssAnon was at most 1.15 times the limit, used_memory at most 1.05 times, in the
 * second half also not below 0.90 times (nothing is thrown away in haste), no command was refused
 * and the server lives.
 *
 * KITH_LIMIT_MB: the limit (256). KITH_SEED: of what is written; printed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 4, BATCH = 64, VALUE_MAX = 64 << 10, SAMPLE_MS = 50, TIMES = 10 };

static uint64_t seed;
static pid_t server;
static char cgroup[256]; /* empty: none */
static char port_text[8];

static uint64_t random_next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static uint64_t below(uint64_t n) { return (random_next() >> 11) % n; }

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static _Noreturn void fail(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)fputs("FAIL ", stdout);
    (void)vprintf(fmt, args);
    (void)fputc('\n', stdout);
    va_end(args);
    exit(1);
}

static void at_end(void)
{
    if (server > 0) {
        (void)kill(server, SIGKILL);
        (void)waitpid(server, NULL, 0);
    }
    for (int i = 0; *cgroup && rmdir(cgroup) && i < 100; i++) (void)usleep(10000);
}

/* ---- the cgroup ---- */

static bool write_file(const char *dir, const char *name, const char *text)
{
    char path[320];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    if (!file) return false;
    const bool good = fputs(text, file) >= 0;
    return fclose(file) == 0 && good;
}

static void make_cgroup(uint64_t bytes)
{
    static const struct { const char *root, *limit; } kinds[] = {
        {"/sys/fs/cgroup/memory", "memory.limit_in_bytes"}, /* version 1 */
        {"/sys/fs/cgroup", "memory.max"},
    };
    char text[32];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)bytes);
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(cgroup, sizeof cgroup, "%s/kith-limit-%d", kinds[i].root, (int)getpid());
        if (mkdir(cgroup, 0755) == 0 && write_file(cgroup, kinds[i].limit, text)) return;
        (void)rmdir(cgroup);
    }
    *cgroup = 0;
}

/* ---- the server ---- */

static int connect_once(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_port = htons((uint16_t)strtoul(port_text, NULL, 10));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) return fd;
    if (fd >= 0) (void)close(fd);
    return -1;
}

static int dial(void)
{
    for (int i = 0; i < 2000; i++) {
        const int fd = connect_once();
        if (fd >= 0) return fd;
        if (waitpid(server, NULL, WNOHANG) == server) break;
        (void)usleep(5000);
    }
    fail("the server did not start");
}

/* The socket never listens and stays open, so nobody else is given the port before the server has
 * it, and the server may take it beside us. */
static void choose_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
        bind(fd, (struct sockaddr *)&address, len) ||
        getsockname(fd, (struct sockaddr *)&address, &len))
        fail("no port: %s", strerror(errno));
    (void)snprintf(port_text, sizeof port_text, "%u", ntohs(address.sin_port));
}

static void start(const char *kith, uint64_t limit)
{
    char limit_text[32];
    (void)snprintf(limit_text, sizeof limit_text, "%llu", (unsigned long long)limit);
    server = fork();
    if (server < 0) fail("fork: %s", strerror(errno));
    if (server > 0) return;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (*cgroup && !write_file(cgroup, "cgroup.procs", "0")) _exit(126);
    if (!freopen("/dev/null", "w", stdout)) _exit(126);
    (void)execl(kith, kith, "redis-server", "--port", port_text, "--save", "", "--maxmemory",
                limit_text, "--maxmemory-policy", "allkeys-lru", (char *)NULL);
    _exit(127);
}

/* ---- the load ---- */

static char value[VALUE_MAX];
static double sent; /* bytes of words */
static uint64_t members; /* of the largest containers: a few hundredths of the limit */

/* As many short ones as long ones, by the logarithm. */
static size_t some_size(void)
{
    const uint64_t most = UINT64_C(1) << (4 + below(13));
    return (size_t)(most / 2 + below(most / 2));
}

static void put_bulk(FILE *out, const void *bytes, size_t len)
{
    sent += (double)len;
    (void)fprintf(out, "$%zu\r\n", len);
    (void)fwrite(bytes, 1, len, out);
    (void)fputs("\r\n", out);
}

static void put_words(FILE *out, int count, const char *const *words)
{
    for (int i = 0; i < count; i++) put_bulk(out, words[i], strlen(words[i]));
}

/* One command, of which one in ten reads. Long values are strings; containers grow by short ones. */
static void put_command(FILE *out)
{
    char key[40], member[40], number[24];
    const uint64_t what = below(20);
    const size_t size = some_size(), small = size % 200 + 1;
    (void)snprintf(member, sizeof member, "member:%llu", (unsigned long long)below(members));
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)below(1000000));
    (void)snprintf(key, sizeof key, "%c:%llu", "sssssssssehhelzlzbsg"[what],
                   (unsigned long long)below(what < 9 ? 1000000 : what == 17 ? 20 : 3000));
    if (what < 9 || what == 18) {
        (void)fprintf(out, "*3\r\n");
        put_words(out, 2, (const char *const[]){"SET", key});
        put_bulk(out, value, size);
    } else if (what == 10 || what == 11) {
        (void)fprintf(out, "*4\r\n");
        put_words(out, 3, (const char *const[]){"HSET", key, member});
        put_bulk(out, value, small);
    } else if (what == 13 || what == 15) {
        (void)fprintf(out, "*3\r\n");
        put_words(out, 2, (const char *const[]){"RPUSH", key});
        put_bulk(out, value, small);
    } else if (what == 14 || what == 16 || what == 17) { /* 17: few and large */
        (void)fprintf(out, "*4\r\n");
        put_words(out, 4, (const char *const[]){"ZADD", key, number, member});
    } else if (what == 19) {
        (void)fprintf(out, "*2\r\n");
        put_words(out, 2, (const char *const[]){"GET", key});
    } else {
        (void)fprintf(out, "*3\r\n");
        put_words(out, 3, (const char *const[]){"SADD", key, member});
    }
}

static uint64_t refused;

/* Skips so many replies; all are one line or a bulk. */
static void take_replies(FILE *in, int count)
{
    static char line[VALUE_MAX + 8];
    for (; count > 0; count--) {
        if (!fgets(line, sizeof line, in)) fail("the server is gone");
        if (line[0] == '-') refused++;
        if (line[0] == '-' && refused == 1) (void)printf("refused: %s", line);
        const long len = line[0] == '$' ? strtol(line + 1, NULL, 10) : -1;
        if (len >= 0 && fread(line, 1, (size_t)len + 2, in) != (size_t)len + 2)
            fail("the server is gone");
    }
}

/* ---- samples ---- */

struct wire { /* a connection */
    FILE *out, *in;
};

struct samples {
    double limit, rss_max, used_max, used_min, rss_sum;
    uint64_t count, late;
};

static double rss_anon(void)
{
    char path[64], line[256];
    double kib = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)server);
    FILE *file = fopen(path, "r");
    if (!file) fail("the server is gone");
    while (fgets(line, sizeof line, file))
        if (strncmp(line, "RssAnon:", 8) == 0) kib = strtod(line + 8, NULL);
    (void)fclose(file);
    return kib * 1024;
}

static double info_number(const struct wire *wire, const char *section, const char *name)
{
    char line[512];
    double found = -1;
    const size_t len = strlen(name);
    (void)fprintf(wire->out, "INFO %s\r\n", section);
    (void)fflush(wire->out);
    if (!fgets(line, sizeof line, wire->in)) fail("the server is gone");
    long left = strtol(line + 1, NULL, 10) + 2;
    for (; left > 0 && fgets(line, sizeof line, wire->in); left -= (long)strlen(line))
        if (strncmp(line, name, len) == 0 && line[len] == ':') found = strtod(line + len + 1, NULL);
    return found;
}

static void sample(struct samples *samples, const struct wire *wire, bool late)
{
    const double rss = rss_anon(), used = info_number(wire, "memory", "used_memory");
    samples->count++;
    samples->rss_sum += rss;
    if (rss > samples->rss_max) samples->rss_max = rss;
    if (used > samples->used_max) samples->used_max = used;
    if (late && (!samples->late++ || used < samples->used_min)) samples->used_min = used;
}

/* ---- all ---- */

static void report(const struct samples *samples, double seconds, double evicted)
{
    (void)printf("%.0f s, %.1f times the limit of %.0f MiB sent, %.0f keys evicted, cgroup of 1.25: "
                 "%s\n", seconds, sent / samples->limit, samples->limit / 1048576, evicted,
                 *cgroup ? "yes" : "none could be made");
    (void)printf("RssAnon: at most %.3f of the limit, %.3f on average; used_memory: %.3f at most, "
                 "%.3f at least in the second half; %llu refused\n",
                 samples->rss_max / samples->limit,
                 samples->rss_sum / (double)samples->count / samples->limit,
                 samples->used_max / samples->limit, samples->used_min / samples->limit,
                 (unsigned long long)refused);
    if (refused) fail("commands were refused");
    if (samples->rss_max > 1.15 * samples->limit) fail("RssAnon is above 1.15");
    if (samples->used_max > 1.05 * samples->limit) fail("used_memory is above 1.05");
    if (samples->used_min < 0.9 * samples->limit) fail("used_memory is below 0.90");
}

static void open_wires(struct wire *wires)
{
    for (int c = 0; c < CONNECTIONS; c++) {
        const int fd = dial();
        wires[c].out = fdopen(fd, "w");
        wires[c].in = fdopen(dup(fd), "r");
        if (!wires[c].out || !wires[c].in) fail("no memory");
        (void)setvbuf(wires[c].out, NULL, _IOFBF, 256 << 10);
    }
}

static void load(double seconds, uint64_t limit)
{
    struct wire wires[CONNECTIONS];
    struct samples samples = {.limit = (double)limit};
    const double began = now_s(), all = TIMES * (double)limit;
    double next = began;
    open_wires(wires);
    while (now_s() - began < seconds || sent < all) {
        for (int c = 0; c < CONNECTIONS; c++) {
            for (int i = 0; i < BATCH; i++) put_command(wires[c].out);
            (void)fflush(wires[c].out);
        }
        for (int c = 0; c < CONNECTIONS; c++) take_replies(wires[c].in, BATCH);
        if (now_s() < next) continue;
        next = now_s() + SAMPLE_MS / 1000.0;
        sample(&samples, &wires[0], now_s() - began > seconds / 2 && sent > all / 2);
    }
    sample(&samples, &wires[0], true);
    report(&samples, now_s() - began, info_number(&wires[0], "stats", "evicted_keys"));
}

int main(int argc, char **argv)
{
    const char *seed_text = getenv("KITH_SEED"), *limit_text = getenv("KITH_LIMIT_MB");
    const uint64_t limit = (limit_text ? strtoull(limit_text, NULL, 10) : 256) << 20;
    if (argc < 2 || argc > 3 || limit == 0) {
        (void)fputs("usage: memory_limit KITH [SECONDS]\n", stderr);
        return 2;
    }
    seed = seed_text ? strtoull(seed_text, NULL, 10) : (uint64_t)time(NULL) * 1000003u + 1;
    (void)printf("seed %llu\n", (unsigned long long)seed);
    (void)fflush(stdout);
    for (size_t i = 0; i < sizeof value; i++) value[i] = (char)('a' + random_next() % 26);
    members = 100000 * (limit >> 20) / 256 + 1;
    (void)atexit(at_end);
    make_cgroup(limit + limit / 4);
    choose_port();
    start(argv[1], limit);
    load(argc == 3 ? strtod(argv[2], NULL) : 0, limit);
    return 0;
}
