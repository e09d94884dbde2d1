/*
 * Kill -9 at random under appendonly yes: kill_writes KITH. What a client was told is done must be
 * there after the restart, for every type of value (reliability: D1). Most cycles run under
 * appendfsync always; of the other policies a killed process loses nothing either.
 *
 * One connection sends an endless sequence of commands, of which number i is made from i alone:
 * counters, strings set and deleted, lists, hashes, sorted sets, sets, vector sets (new elements,
 * updates, CAS, attributes, removals), transactions over several keys, now and then a rewrite of
 * the log. Another process kills the server after a random time, whatever it is doing. A log keeps
 * the order, so after the restart the keyspace must be exactly what the first n commands give, for
 * one n that is not below what was acknowledged nor above what was sent: nothing lost, nothing
 * half done, nothing deleted is back. The next cycle goes on from there.
 *
 * kill_writes KITH cut: the power goes instead, on a file system in an image (power_cut.h; D2).
 * Under always nothing is lost that was acknowledged. Under everysec what is lost was acknowledged
 * in the last second and one sync, for which a second more is allowed here; the age of the oldest
 * is printed. Under no anything may be lost at the end. What is there is the first n commands,
 * always. Exit status 77: the machine cannot.
 *
 * KITH_KILLS, KITH_CUTS: how many cycles (10, 3). KITH_SEED: of the times and batches; printed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "power_cut.h"

enum {
    KINDS = 10,      /* of commands, in turn */
    FIELDS = 97,     /* names of hash fields, members and elements come again: updates */
    REMOVED_LAG = 5, /* a DEL is of the string that was set so many rounds before */
    REWRITE_EVERY = 1009,
    BATCH_MAX = 24,
    KEPT_MAX = 40000,
    KILL_US_MIN = 5000,
    KILL_US_MAX = 350000,
    CUT_US_MIN = 300000,
    CUT_US_MAX = 4000000,
    LOSS_MS_MAX = 2000, /* under everysec */
    START_MS_MAX = 10000,
    PATH = 256
};

struct text {
    char *data;
    size_t len, cap;
};

static uint64_t seed;

static uint64_t random_next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static _Noreturn void fail(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)fputs("FAIL ", stdout);
    (void)vprintf(fmt, args);
    (void)fputc('\n', stdout);
    va_end(args);
    exit(1); /* at_end kills the server and removes its folder */
}

static void text_put(struct text *text, const char *bytes, size_t len)
{
    if (text->len + len > text->cap) {
        text->cap = (text->len + len) * 2 + 4096;
        text->data = realloc(text->data, text->cap);
        if (!text->data) fail("no memory");
    }
    memcpy(text->data + text->len, bytes, len);
    text->len += len;
}

static void text_putf(struct text *text, const char *fmt, ...)
{
    char line[512];
    va_list args;
    va_start(args, fmt);
    const int len = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    text_put(text, line, (size_t)len);
}

/* ---- the server ---- */

static const char *kith;
static char folder[PATH];
static char port_text[8];
static pid_t server;
static bool cutting;
static const char *policy;

static void at_end(void)
{
    char command[PATH + 16];
    if (server > 0) {
        (void)kill(server, SIGKILL);
        (void)waitpid(server, NULL, 0);
    }
    disk_close();
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (*folder && system(command)) (void)puts("the test's folder was not removed");
}

static struct sockaddr_in address_of(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/* Kept for every server of this run: the socket never listens and stays open, so nobody else is
 * given the port while no server has it, and a server may take it beside us. */
static void choose_port(void)
{
    struct sockaddr_in address = address_of(0);
    socklen_t len = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
        bind(fd, (struct sockaddr *)&address, len) ||
        getsockname(fd, (struct sockaddr *)&address, &len)) {
        fail("no port: %s", strerror(errno));
    }
    (void)snprintf(port_text, sizeof port_text, "%u", ntohs(address.sin_port));
}

static void server_start(void)
{
    static const char *const policies[] = {"always", "everysec", "always", "everysec", "no"};
    static unsigned starts;
    policy = policies[(cutting ? starts++ : random_next() >> 20) % 5];
    server = fork();
    if (server < 0) fail("fork: %s", strerror(errno));
    if (server > 0) return;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* should the test itself be killed */
    char said[PATH + 8];
    (void)snprintf(said, sizeof said, "%s/said", folder);
    const int fd = open(said, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    (void)dup2(fd, STDOUT_FILENO);
    (void)dup2(fd, STDERR_FILENO);
    (void)execl(kith, kith, "redis-server", "--port", port_text, "--save", "", "--appendonly",
                "yes", "--appendfsync", policy, "--dir", folder, (char *)NULL);
    _exit(127);
}

static int connect_once(void)
{
    const struct sockaddr_in address = address_of((unsigned)strtoul(port_text, NULL, 10));
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) return fd;
    if (fd >= 0) (void)close(fd);
    return -1;
}

/* The port opens when snapshot and log are read. */
static int server_connect(void)
{
    for (int waited_ms = 0; waited_ms < START_MS_MAX; waited_ms += 5) {
        const int fd = connect_once();
        if (fd >= 0) return fd;
        if (waitpid(server, NULL, WNOHANG) == server) {
            server = 0;
            fail("the server ended while it started; see --dir %s", folder);
        }
        (void)usleep(5000);
    }
    fail("the server did not start in %d ms", START_MS_MAX);
}

/* ---- replies ---- */

/* Where the reply that begins at `at` ends; 0: not all of it is there. */
static size_t reply_end(const struct text *in, size_t at)
{
    const char *line = in->data + at;
    const char *end = memchr(line, '\n', in->len - at);
    if (!end) return 0;
    size_t next = (size_t)(end - in->data) + 1;
    const long count = strtol(line + 1, NULL, 10);
    if (*line == '$' && count >= 0) {
        next += (size_t)count + 2;
        return next <= in->len ? next : 0;
    }
    if (*line == '*') {
        for (long i = 0; i < count; i++) {
            next = next < in->len ? reply_end(in, next) : 0;
            if (next == 0) return 0;
        }
    }
    return next;
}

static void send_all(int fd, const struct text *out)
{
    for (size_t done = 0; done < out->len;) {
        const ssize_t n = send(fd, out->data + done, out->len - done, MSG_NOSIGNAL);
        if (n <= 0) return; /* killed: the replies say how far it came */
        done += (size_t)n;
    }
}

/* false: the connection is over. */
static bool receive(int fd, struct text *in)
{
    char bytes[65536];
    const ssize_t n = recv(fd, bytes, sizeof bytes, 0);
    if (n <= 0) return false;
    text_put(in, bytes, (size_t)n);
    return true;
}

/* ---- command number i ---- */

static double component(uint64_t i, unsigned which)
{
    const double angle = (double)(i * 2 + which % 2) * 0.7 + (double)(which / 2);
    return which % 2 ? sin(angle) : cos(angle);
}

static void put_vector(struct text *out, uint64_t i)
{
    text_putf(out, "VALUES 4");
    for (unsigned c = 0; c < 4; c++) text_putf(out, " %.6f", component(i, c));
}

/* How many replies it has. */
static unsigned command_put(struct text *out, uint64_t i)
{
    const unsigned long long n = i, round = i / KINDS, name = round % FIELDS;
    if (i % REWRITE_EVERY == REWRITE_EVERY - 1) {
        text_putf(out, "BGREWRITEAOF\r\n");
        return 1;
    }
    switch (i % KINDS) {
    case 0: text_putf(out, "INCR counter\r\n"); return 1;
    case 1: text_putf(out, "SET s:%llu v%llu\r\n", round, n); return 1;
    case 2: text_putf(out, "RPUSH list %llu\r\n", n); return 1;
    case 3: text_putf(out, "HSET hash f%llu %llu\r\n", name, n); return 1;
    case 4: text_putf(out, "ZADD zset %llu m%llu\r\n", n, name); return 1;
    case 5: text_putf(out, "SADD set %llu\r\n", n); return 1;
    case 6:
        text_putf(out, "VADD vset ");
        put_vector(out, i);
        text_putf(out, " e%llu %s NOQUANT SETATTR \"{\\\"n\\\":%llu}\"\r\n", name,
                  round % 3 ? "CAS" : "", n);
        return 1;
    case 7:
        text_putf(out, "MULTI\r\nSET t:string %llu\r\nRPUSH t:list %llu\r\n", n, n);
        text_putf(out, "ZADD t:zset %llu a\r\nVADD t:vset ", n);
        put_vector(out, i);
        text_putf(out, " e NOQUANT SETATTR %llu\r\nEXEC\r\n", n);
        return 6;
    case 8: text_putf(out, "DEL s:%llu\r\n", round - (round < REMOVED_LAG ? round : REMOVED_LAG));
        return 1;
    default: text_putf(out, "VREM vset e%llu\r\n", (round * 7) % FIELDS); return 1;
    }
}

/* ---- what the first n commands give ---- */

struct model {
    uint64_t counter, rounds;
    uint64_t fields[FIELDS], members[FIELDS], elements[FIELDS]; /* 0: none; else number + 1 */
    uint64_t transaction;                                       /* 0: none */
    bool *strings;                                              /* by round */
    uint64_t *list, *set, *moved;                               /* what was added, in order */
    size_t list_len, set_len, moved_len, cap;
};

static void *grown(void *old, size_t old_count, size_t count, size_t size)
{
    char *data = realloc(old, count * size);
    if (!data) fail("no memory");
    memset(data + old_count * size, 0, (count - old_count) * size);
    return data;
}

static void model_room(struct model *model, uint64_t round)
{
    if (round + 2 < model->cap) return;
    const size_t cap = (size_t)(round + 2) * 2 + 1024;
    model->strings = grown(model->strings, model->cap, cap, sizeof *model->strings);
    model->list = grown(model->list, model->cap, cap, sizeof *model->list);
    model->set = grown(model->set, model->cap, cap, sizeof *model->set);
    model->moved = grown(model->moved, model->cap, cap, sizeof *model->moved);
    model->cap = cap;
}

static void model_free(struct model *model)
{
    free(model->strings);
    free(model->list);
    free(model->set);
    free(model->moved);
}

static void model_apply(struct model *model, uint64_t i)
{
    const uint64_t round = i / KINDS, name = round % FIELDS;
    model_room(model, round);
    model->rounds = round + 1;
    if (i % REWRITE_EVERY == REWRITE_EVERY - 1) return;
    switch (i % KINDS) {
    case 0: model->counter++; break;
    case 1: model->strings[round] = true; break;
    case 2: model->list[model->list_len++] = i; break;
    case 3: model->fields[name] = i + 1; break;
    case 4: model->members[name] = i + 1; break;
    case 5: model->set[model->set_len++] = i; break;
    case 6: model->elements[name] = i + 1; break;
    case 7:
        model->transaction = i + 1;
        model->moved[model->moved_len++] = i;
        break;
    case 8: model->strings[round - (round < REMOVED_LAG ? round : REMOVED_LAG)] = false; break;
    default: model->elements[(round * 7) % FIELDS] = 0; break;
    }
}

static void put_bulk(struct text *out, const char *fmt, ...)
{
    char line[64];
    va_list args;
    va_start(args, fmt);
    const int len = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    text_putf(out, "$%d\r\n%s\r\n", len, line);
}

static void put_list(struct text *out, const uint64_t *values, size_t count)
{
    text_putf(out, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++) put_bulk(out, "%llu", (unsigned long long)values[i]);
}

/* One of FIELDS: the number that it was last set with, or null. */
static void put_numbers(struct text *out, const uint64_t *numbers)
{
    text_putf(out, "*%d\r\n", FIELDS);
    for (size_t k = 0; k < FIELDS; k++) {
        if (numbers[k]) put_bulk(out, "%llu", (unsigned long long)numbers[k] - 1);
        else text_putf(out, "$-1\r\n");
    }
}

/* The commands that read all of it back; `rounds` strings, more than there can be. */
static void queries_put(struct text *out, uint64_t rounds)
{
    text_putf(out, "GET counter\r\nLRANGE list 0 -1\r\nHMGET hash");
    for (int k = 0; k < FIELDS; k++) text_putf(out, " f%d", k);
    text_putf(out, "\r\nZMSCORE zset");
    for (int k = 0; k < FIELDS; k++) text_putf(out, " m%d", k);
    text_putf(out, "\r\nSORT set\r\nGET t:string\r\nLRANGE t:list 0 -1\r\n"
                   "ZSCORE t:zset a\r\nVGETATTR t:vset e\r\nVCARD vset\r\n");
    for (int k = 0; k < FIELDS; k++) text_putf(out, "VGETATTR vset e%d\r\n", k);
    for (uint64_t r = 0; r < rounds; r++) text_putf(out, "GET s:%llu\r\n", (unsigned long long)r);
}

static void put_number(struct text *out, uint64_t number_plus_one)
{
    if (number_plus_one) put_bulk(out, "%llu", (unsigned long long)number_plus_one - 1);
    else text_putf(out, "$-1\r\n");
}

static void answers_put(struct text *out, const struct model *model, uint64_t rounds)
{
    size_t elements = 0;
    if (model->counter) put_bulk(out, "%llu", (unsigned long long)model->counter);
    else text_putf(out, "$-1\r\n");
    put_list(out, model->list, model->list_len);
    put_numbers(out, model->fields);
    put_numbers(out, model->members);
    put_list(out, model->set, model->set_len);
    put_number(out, model->transaction);
    put_list(out, model->moved, model->moved_len);
    put_number(out, model->transaction);
    put_number(out, model->transaction);
    for (size_t k = 0; k < FIELDS; k++) elements += model->elements[k] > 0;
    text_putf(out, ":%zu\r\n", elements);
    for (size_t k = 0; k < FIELDS; k++) {
        if (model->elements[k])
            put_bulk(out, "{\"n\":%llu}", (unsigned long long)model->elements[k] - 1);
        else text_putf(out, "$-1\r\n");
    }
    for (uint64_t r = 0; r < rounds; r++) {
        if (r < model->cap && model->strings[r])
            put_bulk(out, "v%llu", (unsigned long long)(r * KINDS + 1));
        else text_putf(out, "$-1\r\n");
    }
}

/* ---- a cycle ---- */

static uint64_t sent, acknowledged, kept; /* numbers of commands; kept: what the last check found */
static uint64_t before; /* the same of what FLUSHALL removed */
static double *stopped; /* when the power went; shared with the one who cuts */
static double worst_loss_s;
static unsigned rewrites;

/* Reads the replies of the commands from `acknowledged` on; an error is a failure. */
static size_t take_replies(const struct text *in, size_t at)
{
    struct text scratch = {0};
    for (size_t end = at; acknowledged < sent; at = end, acknowledged++) {
        scratch.len = 0;
        const unsigned count = command_put(&scratch, acknowledged);
        const bool rewrite = scratch.data[0] == 'B';
        end = at;
        for (unsigned r = 0; r < count; r++) {
            const size_t begin = end;
            end = begin < in->len ? reply_end(in, begin) : 0;
            if (end == 0) goto out;
            if (in->data[begin] == '-' && !rewrite)
                fail("command %llu: %.*s", (unsigned long long)acknowledged,
                     (int)(end - begin), in->data + begin);
            if (rewrite && in->data[begin] == '+') rewrites++;
        }
    }
out:
    free(scratch.data);
    return at;
}

/* What was acknowledged when: under everysec the answer to what may be lost. */
static struct { double at; uint64_t acknowledged; } history[1 << 16];
static size_t history_len;

static void note_history(void)
{
    const double now = disk_now();
    const size_t cap = sizeof history / sizeof *history;
    if (history_len && now < history[(history_len - 1) % cap].at + 0.001) return;
    history[history_len % cap].at = now;
    history[history_len++ % cap].acknowledged = acknowledged;
}

/* What had been acknowledged by then. */
static uint64_t acknowledged_at(double when)
{
    const size_t cap = sizeof history / sizeof *history;
    for (size_t i = history_len; i > 0 && i + cap > history_len; i--)
        if (history[(i - 1) % cap].at <= when) return history[(i - 1) % cap].acknowledged;
    return 0;
}

/* Until the connection breaks. */
static void write_until_killed(int fd)
{
    struct text out = {0}, in = {0};
    size_t at = 0;
    sent = acknowledged = kept;
    for (bool open = true; open;) {
        const uint64_t batch = 1 + random_next() % BATCH_MAX;
        out.len = 0;
        for (uint64_t k = 0; k < batch; k++) (void)command_put(&out, sent + k);
        sent += batch;
        send_all(fd, &out);
        while (open && acknowledged < sent) {
            open = receive(fd, &in);
            at = take_replies(&in, at);
            if (cutting) note_history();
        }
        if (at == in.len) at = in.len = 0;
    }
    free(out.data);
    free(in.data);
}

static void kill_after(useconds_t delay_us)
{
    const pid_t victim = server;
    const pid_t killer = fork();
    if (killer < 0) fail("fork: %s", strerror(errno));
    if (killer == 0) {
        (void)usleep(delay_us);
        if (cutting) (void)kill(victim, SIGSTOP);
        *stopped = disk_now();
        const bool good = !cutting || disk_copy();
        (void)kill(victim, SIGKILL);
        _exit(good ? 0 : 1);
    }
}

/* The number of commands that must be there. */
static uint64_t promised(void)
{
    if (!cutting || strcmp(policy, "always") == 0) return acknowledged;
    if (strcmp(policy, "no") == 0) return 0;
    return acknowledged_at(*stopped - LOSS_MS_MAX / 1000.0);
}

static void note_loss(const char *under)
{
    double age = 0;
    for (double back = 0; back < 60 && kept < acknowledged_at(*stopped - back); back += 0.01)
        age = back;
    (void)printf("cut under %s: %llu acknowledged, %llu kept", under,
                 (unsigned long long)acknowledged, (unsigned long long)kept);
    if (kept < acknowledged) (void)printf(", the oldest loss is %.2f s old", age);
    (void)puts("");
    (void)fflush(stdout);
    if (strcmp(under, "everysec") == 0 && age > worst_loss_s) worst_loss_s = age;
}

static void ask(int fd, const struct text *queries, size_t count, struct text *in)
{
    send_all(fd, queries);
    for (size_t at = 0; count > 0;) {
        const size_t end = at < in->len ? reply_end(in, at) : 0;
        if (end == 0 && !receive(fd, in)) fail("the connection broke while it was read back");
        if (end) at = end, count--;
    }
}

static void show_difference(const struct text *got, const struct text *wanted)
{
    size_t at = 0;
    while (at < got->len && at < wanted->len && got->data[at] == wanted->data[at]) at++;
    const size_t from = at > 80 ? at - 80 : 0;
    (void)printf("got at %zu:\n%.*s\nwanted:\n%.*s\n", at,
                 (int)(got->len - from < 200 ? got->len - from : 200), got->data + from,
                 (int)(wanted->len - from < 200 ? wanted->len - from : 200), wanted->data + from);
}

/* Every element finds itself, by the vector that it was last given. */
static void check_vectors(int fd, const struct model *model)
{
    struct text out = {0}, in = {0}, wanted = {0};
    size_t count = 0;
    for (size_t k = 0; k < FIELDS; k++) {
        if (!model->elements[k]) continue;
        text_putf(&out, "VSIM vset ");
        put_vector(&out, model->elements[k] - 1);
        text_putf(&out, " COUNT 1\r\n");
        text_putf(&wanted, "*1\r\n");
        put_bulk(&wanted, "e%zu", k);
        count++;
    }
    ask(fd, &out, count, &in);
    if (in.len != wanted.len || (in.len && memcmp(in.data, wanted.data, in.len) != 0)) {
        show_difference(&in, &wanted);
        fail("an element does not find itself");
    }
    free(out.data);
    free(in.data);
    free(wanted.data);
}

/* Finds the n whose keyspace this is; the model is then there. */
static void check(int fd, struct model *model, uint64_t least)
{
    struct text out = {0}, in = {0}, wanted = {0};
    const uint64_t rounds = sent / KINDS + 1;
    queries_put(&out, rounds);
    ask(fd, &out, 10 + FIELDS + rounds, &in);
    const char *first = memchr(in.data, '\n', in.len); /* of the counter: where to look */
    const uint64_t counter = in.data[1] == '-' ? 0 : strtoull(first + 1, NULL, 10);
    for (;; model_apply(model, kept++)) {
        if (kept >= least && model->counter == counter) {
            wanted.len = 0;
            answers_put(&wanted, model, rounds);
            if (in.len == wanted.len && memcmp(in.data, wanted.data, in.len) == 0) break;
        }
        if (kept < sent) continue;
        show_difference(&in, &wanted);
        fail("no n from %llu (promised) to %llu (sent) gives what is there",
             (unsigned long long)least, (unsigned long long)sent);
    }
    check_vectors(fd, model);
    free(out.data);
    free(in.data);
    free(wanted.data);
}

/* Reading everything back takes longer and longer: from time to time all is begun anew. */
static void forget(int fd, struct model *model)
{
    struct text out = {0}, in = {0};
    text_putf(&out, "FLUSHALL\r\nWAITAOF 1 0 20000\r\n");
    ask(fd, &out, 2, &in);
    if (!memmem(in.data, in.len, ":1\r\n", 4)) fail("the log was not synced");
    model_free(model);
    *model = (struct model){0};
    before += kept;
    kept = 0;
    free(out.data);
    free(in.data);
}

/* Those who came after the cut do not know of it. */
static void await_children(void)
{
    int status;
    for (pid_t pid; (pid = wait(&status)) > 0;)
        if (pid != server && (!WIFEXITED(status) || WEXITSTATUS(status)))
            fail("the disk could not be copied");
    if (cutting && !disk_swap()) fail("the copy of the disk could not be mounted");
}

static void cycle(struct model *model)
{
    const uint64_t low = cutting ? CUT_US_MIN : KILL_US_MIN;
    const uint64_t high = cutting ? CUT_US_MAX : KILL_US_MAX;
    int fd = server_connect();
    if (kept > KEPT_MAX && strcmp(policy, "no") != 0) forget(fd, model);
    history_len = 0;
    kill_after((useconds_t)(low + random_next() % (high - low)));
    write_until_killed(fd);
    (void)close(fd);
    await_children();
    const uint64_t least = promised();
    const char *under = policy;
    server_start();
    fd = server_connect();
    check(fd, model, least);
    if (cutting) note_loss(under);
    (void)close(fd);
}

static void prepare_cuts(void)
{
    if (!disk_open()) {
        (void)puts("skipped: power cuts need root, loop devices and mkfs.ext4");
        exit(77);
    }
    (void)snprintf(folder, sizeof folder, "%s/mnt/data", disk_base);
    if (!disk_shell("mkdir mnt/data && sync -f mnt")) fail("the disk cannot be written");
}

int main(int argc, char **argv)
{
    const char *seed_text = getenv("KITH_SEED");
    cutting = argc == 3 && strcmp(argv[2], "cut") == 0;
    const char *kills_text = getenv(cutting ? "KITH_CUTS" : "KITH_KILLS");
    const unsigned long kills = kills_text ? strtoul(kills_text, NULL, 10) : cutting ? 3 : 10;
    struct model model = {0};
    char where[] = "/tmp/kith-kill-writes-XXXXXX";
    if (argc != 2 && !cutting) {
        (void)fputs("usage: kill_writes KITH [cut]\n", stderr);
        return 2;
    }
    kith = argv[1];
    seed = seed_text ? strtoull(seed_text, NULL, 10) : (uint64_t)time(NULL) * 1000003u + 1;
    (void)printf("seed %llu\n", (unsigned long long)seed);
    (void)fflush(stdout);
    stopped = mmap(NULL, sizeof *stopped, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (stopped == MAP_FAILED) fail("no memory");
    (void)atexit(at_end);
    if (cutting) prepare_cuts();
    else if (!mkdtemp(where)) fail("no folder: %s", strerror(errno));
    else (void)snprintf(folder, sizeof folder, "%s", where);
    choose_port();
    server_start();
    for (unsigned long k = 0; k < kills; k++) cycle(&model);
    (void)printf("%s: %lu, %llu writes kept, %u rewrites of the log, nothing lost that was promised",
                 cutting ? "power cuts" : "kills", kills, (unsigned long long)(before + kept),
                 rewrites);
    if (cutting) (void)printf("; the oldest loss under everysec: %.2f s", worst_loss_s);
    (void)puts("");
    model_free(&model);
    return 0;
}
