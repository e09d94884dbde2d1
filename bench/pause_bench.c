/*
 * How long another client waits while something large happens to the keyspace: pause_bench --help.
 *
 * One connection asks GET of a small key every 0.2 ms and keeps the slowest answers; another brings
 * about, one after the other: a million new keys and their removal one by one (the table grows and
 * shrinks), a million keys that expire at one moment, FLUSHALL of a million, sync and async, UNLINK
 * and DEL of values with a million members, a rewrite of the log while such values change, and a
 * limit of memory that is suddenly half of what is used.
 *
 * Where it may (root), server and asking thread run with real-time priority, so that other programs
 * of a busy machine do not count. With --busy-disk another process writes to the same disk and
 * syncs, all the time; "the log changes" is a rewrite of a small keyspace, again and again,
 * beside the same writes without it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    BATCH = 500,
    ASK_US = 200,
    MEMBERS = 1000000,
    CHANGES = 100,          /* of the log, in that part */
    DISK_BYTES = 8 << 20,   /* between two syncs of the other process */
    DISK_FILE_BYTES = 256 << 20
};

static pid_t server, disk_writer;
static char port_text[8], folder[256];
static long members = MEMBERS;
static const char *policy = "everysec";

static double now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static _Noreturn void fail(const char *text)
{
    (void)fprintf(stderr, "pause_bench: %s: %s\n", text, strerror(errno));
    exit(1);
}

static void at_end(void)
{
    char command[300];
    if (disk_writer > 0) (void)kill(disk_writer, SIGKILL), (void)waitpid(disk_writer, NULL, 0);
    if (server > 0) (void)kill(server, SIGKILL), (void)waitpid(server, NULL, 0);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (*folder && system(command)) (void)puts("the folder was not removed");
}

static bool hurry(void)
{
    const struct sched_param param = {.sched_priority = 1};
    return pthread_setschedparam(pthread_self(), SCHED_FIFO, &param) == 0;
}

static void start(const char *kith)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) ||
        getsockname(fd, (struct sockaddr *)&address, &len))
        fail("no port");
    (void)close(fd);
    (void)snprintf(port_text, sizeof port_text, "%u", ntohs(address.sin_port));
    server = fork();
    if (server) return;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)hurry();
    if (!freopen("/dev/null", "w", stdout)) _exit(126);
    (void)execl(kith, kith, "redis-server", "--port", port_text, "--save", "", "--appendonly",
                "yes", "--appendfsync", policy, "--auto-aof-rewrite-percentage", "0", "--dir",
                folder, (char *)NULL);
    _exit(127);
}

/* Another program that needs the same disk. */
static void write_to_disk(void)
{
    static char bytes[DISK_BYTES];
    char path[300];
    disk_writer = fork();
    if (disk_writer) return;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)snprintf(path, sizeof path, "%s/other", folder);
    const int fd = open(path, O_WRONLY | O_CREAT, 0600);
    if (fd < 0) _exit(1);
    for (off_t at = 0;; at = (at + DISK_BYTES) % DISK_FILE_BYTES) {
        memset(bytes, (int)(at / DISK_BYTES), sizeof bytes);
        if (pwrite(fd, bytes, sizeof bytes, at) < 0 || fsync(fd)) _exit(1);
    }
}

struct wire {
    FILE *out, *in;
};

static struct wire dial(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_port = htons((uint16_t)strtoul(port_text, NULL, 10));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 1000; i++) {
        const int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
            return (struct wire){fdopen(fd, "w"), fdopen(dup(fd), "r")};
        (void)close(fd);
        (void)usleep(10000);
    }
    fail("the server did not start");
}

/* One reply of one line, or a bulk; its number. */
static long take(const struct wire *wire)
{
    static _Thread_local char line[65536];
    if (!fgets(line, sizeof line, wire->in)) fail("the server is gone");
    if (line[0] == '-') (void)fprintf(stderr, "%s", line);
    const long number = strtol(line + 1, NULL, 10);
    if (line[0] == '$' && number >= 0)
        for (long left = number + 2; left > 0;) {
            const size_t want = (size_t)left < sizeof line ? (size_t)left : sizeof line;
            left -= (long)fread(line, 1, want, wire->in);
            if (strstr(line, "aof_rewrite_in_progress:1")) return -7;
        }
    return number;
}

static long ask(const struct wire *wire, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vfprintf(wire->out, fmt, args);
    va_end(args);
    (void)fputs("\r\n", wire->out);
    (void)fflush(wire->out);
    return take(wire);
}

/* ---- the one who asks ---- */

static _Atomic bool over;
static _Atomic double worst_ms;
static _Atomic long over_5, asked;

static void *ask_all_the_time(void *arg)
{
    const struct wire wire = dial();
    (void)arg;
    if (!hurry()) (void)puts("without real-time priority: other programs count, too");
    (void)ask(&wire, "SET small 1");
    while (!atomic_load(&over)) {
        const double began = now_ms();
        (void)ask(&wire, "EXISTS small");
        const double took = now_ms() - began;
        if (took > atomic_load(&worst_ms)) atomic_store(&worst_ms, took);
        if (took > 5) atomic_fetch_add(&over_5, 1);
        atomic_fetch_add(&asked, 1);
        (void)usleep(ASK_US);
    }
    return NULL;
}

static double begin(void)
{
    (void)usleep(200000);
    atomic_store(&worst_ms, 0);
    atomic_store(&over_5, 0);
    atomic_store(&asked, 0);
    return now_ms();
}

static void end(const char *what, double began)
{
    (void)usleep(50000);
    (void)printf("%-44s slowest %7.2f ms, %4ld over 5 ms of %6ld, %6.0f ms\n", what,
                 atomic_load(&worst_ms), atomic_load(&over_5), atomic_load(&asked),
                 now_ms() - began);
    (void)fflush(stdout);
}

/* ---- what happens ---- */

/* An inline command: # is the number, @ is `more`. */
static void put_command(FILE *out, const char *words, long number, long long more)
{
    for (; *words; words++) {
        if (*words == '#') (void)fprintf(out, "%ld", number);
        else if (*words == '@') (void)fprintf(out, "%lld", more);
        else (void)fputc(*words, out);
    }
    (void)fputs("\r\n", out);
}

/* As many commands as there are members. */
static void each(const struct wire *wire, const char *words, long long more)
{
    for (long i = 0; i < members; i += BATCH) {
        for (long k = i; k < i + BATCH; k++) put_command(wire->out, words, k, more);
        (void)fflush(wire->out);
        for (long k = 0; k < BATCH; k++) (void)take(wire);
    }
}

static long long wall_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void keys(const struct wire *wire)
{
    double began = begin();
    each(wire, "SET key:# value", 0);
    end("a million new keys", began);
    began = begin();
    each(wire, "DEL key:#", 0);
    end("their removal one by one", began);
    const long long due = wall_ms() + 20000 + members / 50;
    began = begin();
    each(wire, "SET key:# value PXAT @", due);
    end("a million keys with a deadline", began);
    while (wall_ms() < due - 300) (void)usleep(10000);
    began = begin();
    while (ask(wire, "DBSIZE") > 1) (void)usleep(5000);
    end("they expire", began);
    each(wire, "SET key:# value", 0);
    began = begin();
    (void)ask(wire, "FLUSHALL ASYNC");
    (void)ask(wire, "SET small 1");
    (void)usleep(500000);
    end("FLUSHALL ASYNC of a million", began);
    each(wire, "SET key:# value", 0);
    began = begin();
    (void)ask(wire, "FLUSHALL SYNC");
    end("FLUSHALL SYNC of a million", began);
    (void)ask(wire, "SET small 1");
}

static const struct {
    const char *name, *add, *change;
} values[] = {
    {"set", "SADD set m:#", "SADD set new:#"},
    {"zset", "ZADD zset # m:#", "ZINCRBY zset 1 m:#"},
    {"hash", "HSET hash f:# value", "HSET hash f:# other-value"},
    {"list", "RPUSH list element:#", "LPOP list"},
};

static void removals(const struct wire *wire)
{
    char what[64];
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        for (int how = 0; how < 2; how++) {
            each(wire, values[i].add, 0);
            const double began = begin();
            (void)ask(wire, "%s %s", how ? "DEL" : "UNLINK", values[i].name);
            (void)usleep(300000);
            (void)snprintf(what, sizeof what, "%s of a %s of a million",
                           how ? "DEL" : "UNLINK", values[i].name);
            end(what, began);
        }
}

static void rewrite(const struct wire *wire)
{
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) each(wire, values[i].add, 0);
    const double began = begin();
    (void)ask(wire, "BGREWRITEAOF");
    long changes = 0;
    do {
        for (int k = 0; k < 50; k++, changes++)
            put_command(wire->out, values[changes % 4].change, changes * 7919 % members, 0);
        (void)fflush(wire->out);
        for (int k = 0; k < 50; k++) (void)take(wire);
        (void)usleep(500);
    } while (ask(wire, "INFO persistence") == -7);
    end("BGREWRITEAOF of four values, changing", began);
    (void)printf("  (%ld changes meanwhile)\n", changes);
}

static void count(const struct wire *wire)
{
    for (int k = 0; k < 20; k++) {
        (void)ask(wire, "INCR counter:%d", k);
        (void)usleep(500);
    }
}

/* Writes of one client as they come; then the same while the log changes. */
static void changes_of_log(const struct wire *wire)
{
    for (long i = 0; i < 1000; i++) (void)ask(wire, "SET few:%ld value", i);
    double began = begin();
    for (int i = 0; i < CHANGES; i++) count(wire);
    end("the log does not change", began);
    began = begin();
    for (int i = 0; i < CHANGES; i++) {
        (void)ask(wire, "BGREWRITEAOF");
        do count(wire);
        while (ask(wire, "INFO persistence") == -7);
    }
    end("the log changes, 100 times", began);
}

static void limit(const struct wire *wire)
{
    (void)ask(wire, "FLUSHALL");
    (void)ask(wire, "SET small 1");
    each(wire, "SET key:# value", 0);
    const double began = begin();
    (void)ask(wire, "CONFIG SET maxmemory-policy allkeys-random maxmemory 40mb");
    for (int i = 0; i < 100; i++) {
        (void)ask(wire, "SET more:%d value", i);
        (void)usleep(10000);
    }
    end("a limit of half, and writes", began);
}

static const struct {
    const char *name;
    void (*run)(const struct wire *wire);
} parts[] = {
    {"keys", keys}, {"removals", removals}, {"rewrite", rewrite}, {"changes", changes_of_log},
    {"limit", limit},
};

static int usage(void)
{
    (void)puts("Usage: pause_bench KITH [OPTIONS]\n"
               "Starts `KITH redis-server` in a folder of its own and prints how long one client\n"
               "waits for an answer while another does something large.\n\n"
               "  --only PART      keys, removals, rewrite, changes (of the log) or limit;\n"
               "                   without: all of them\n"
               "  --members N      of the large values, and keys (1000000)\n"
               "  --policy P       appendfsync: always, everysec (the default) or no\n"
               "  --busy-disk      another process writes to the same disk and syncs\n"
               "  --dir FOLDER     where to make the folder (/tmp)\n\n"
               "Example: pause_bench build/kith --only changes --busy-disk");
    return 0;
}

static int fail_usage(void)
{
    (void)fputs("pause_bench: see pause_bench --help\n", stderr);
    return 2;
}

static const char *only, *where = "/tmp";
static bool busy_disk;

/* false: it is no option of ours, or lacks its value. */
static bool take_option(char **argv, int *at)
{
    const char *name = argv[*at], *value = argv[*at + 1];
    if (strcmp(name, "--busy-disk") == 0) return busy_disk = true;
    if (!value) return false;
    ++*at;
    if (strcmp(name, "--only") == 0) only = value;
    else if (strcmp(name, "--members") == 0) members = strtol(value, NULL, 10) / BATCH * BATCH;
    else if (strcmp(name, "--policy") == 0) policy = value;
    else if (strcmp(name, "--dir") == 0) where = value;
    else return false;
    return true;
}

static bool is_part(const char *name)
{
    bool found = !name;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !found; i++)
        found = strcmp(parts[i].name, name) == 0;
    return found;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    bool right = argc > 1;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0) return usage();
    for (int i = 2; i < argc; i++) right = take_option(argv, &i) && right;
    if (!right || !is_part(only) || members < BATCH) return fail_usage();
    (void)snprintf(folder, sizeof folder, "%s/kith-pause-XXXXXX", where);
    if (!mkdtemp(folder)) fail("no folder");
    (void)atexit(at_end);
    start(argv[1]);
    const struct wire wire = dial();
    if (busy_disk) write_to_disk();
    if (pthread_create(&thread, NULL, ask_all_the_time, NULL)) fail("no thread");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!only || strcmp(parts[i].name, only) == 0) parts[i].run(&wire);
    atomic_store(&over, true);
    (void)pthread_join(thread, NULL);
    return 0;
}
