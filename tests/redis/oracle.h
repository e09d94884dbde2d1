/*
 * The reference for behaviour, where it is installed: a redis-server of one's own on a unix socket
 * in a new directory, asked over that socket. And replies as trees, so that those of two servers
 * can be compared where their order means nothing.
 */
#ifndef KITH_TESTS_REDIS_ORACLE_H
#define KITH_TESTS_REDIS_ORACLE_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"

struct oracle {
    pid_t pid;
    int fd;
    char dir[64];
    char path[96];
    struct buffer in;
};

static inline bool oracle_connect(struct oracle *oracle)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    memcpy(address.sun_path, oracle->path, strlen(oracle->path) + 1);
    for (int tries = 0; tries < 3000; tries++) {
        const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        const struct sockaddr *to = (const struct sockaddr *)&address;
        if (connect(fd, to, sizeof address) == 0) {
            oracle->fd = fd;
            return true;
        }
        close(fd);
        if (waitpid(oracle->pid, NULL, WNOHANG) != 0) {
            oracle->pid = 0; /* it has ended */
            return false;
        }
        usleep(20000);
    }
    return false;
}

/* settings: further words of its command line, NULL at the end. false: there is none here. */
static inline bool oracle_start(struct oracle *oracle, const char *const *settings)
{
    *oracle = (struct oracle){ .fd = -1 };
    memcpy(oracle->dir, "/tmp/kith-oracle-XXXXXX", 24);
    if (access("/usr/bin/redis-server", X_OK) != 0 || !mkdtemp(oracle->dir)) return false;
    (void)snprintf(oracle->path, sizeof oracle->path, "%s/s", oracle->dir);
    oracle->pid = fork();
    if (oracle->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)!freopen("/dev/null", "w", stderr);
        const char *argv[64] = { "redis-server", "--port", "0", "--save", "", "--appendonly", "no",
                                 "--unixsocket", oracle->path, "--dir", oracle->dir, "--loglevel",
                                 "warning" };
        size_t count = 13;
        for (; *settings && count < 63; settings++) argv[count++] = *settings;
        argv[count] = NULL;
        if (!freopen("/dev/null", "w", stdout)) _exit(126);
        execv("/usr/bin/redis-server", (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    buffer_init(&oracle->in);
    return oracle_connect(oracle);
}

static inline void oracle_stop(struct oracle *oracle)
{
    if (oracle->fd >= 0) close(oracle->fd);
    if (oracle->pid > 0) {
        kill(oracle->pid, SIGKILL);
        waitpid(oracle->pid, NULL, 0);
    }
    unlink(oracle->path);
    rmdir(oracle->dir);
    buffer_release(&oracle->in);
}

/* ---- replies as trees ---- */

struct reply {
    char type;
    char *text; /* owns; of what is no aggregate */
    size_t len;
    struct reply *items; /* owns */
    size_t count;
};

static inline void reply_release(struct reply *reply)
{
    for (size_t i = 0; i < reply->count; i++) reply_release(&reply->items[i]);
    free(reply->items);
    free(reply->text);
    *reply = (struct reply){ 0 };
}

/* Of the line at `text` alone: strtoll would look for digits beyond the bytes of a bare "_". */
static inline long long reply_number(const uint8_t *text, size_t len)
{
    char digits[24] = "";
    memcpy(digits, text, len < sizeof digits ? len : sizeof digits - 1);
    return strtoll(digits, NULL, 10);
}

/* Bytes used; 0: not whole. */
static inline size_t reply_parse(const uint8_t *data, size_t len, struct reply *out)
{
    const uint8_t *end = len ? memchr(data, '\n', len) : NULL;
    *out = (struct reply){ 0 };
    if (!end || end - data < 2) return 0;
    const size_t head = (size_t)(end - data) + 1;
    out->type = (char)data[0];
    const long long number = reply_number(data + 1, head - 3);
    if (strchr("$=", out->type) && number >= 0) {
        if (len < head + (size_t)number + 2) return 0;
        out->len = (size_t)number;
        out->text = malloc(out->len + 1);
        memcpy(out->text, data + head, out->len);
        out->text[out->len] = 0;
        return head + out->len + 2;
    }
    if (!strchr("*%~>", out->type) || number < 0) {
        out->len = head - 3;
        out->text = strndup((const char *)data + 1, out->len);
        if (strchr("$*", out->type)) out->type = '_';
        return head;
    }
    out->count = (size_t)number * (out->type == '%' ? 2 : 1);
    out->items = calloc(out->count + 1, sizeof *out->items);
    size_t used = head;
    for (size_t i = 0; i < out->count; i++) {
        const size_t item = reply_parse(data + used, len - used, &out->items[i]);
        if (item == 0) {
            reply_release(out);
            return 0;
        }
        used += item;
    }
    return used;
}

/* Texts of doubles: 7.0 prints 17 digits, later servers the fewest that read back the same. */
static inline bool reply_same_double(const struct reply *ours, const struct reply *theirs)
{
    char text[64];
    char *end;
    if (!ours->len || !theirs->len || !strchr("$,", ours->type)) return false;
    const double a = strtod(ours->text, &end);
    if (*end) return false;
    const double b = strtod(theirs->text, &end);
    if (*end || a != b) return false;
    (void)snprintf(text, sizeof text, "%.17g", b);
    return strcmp(text, theirs->text) == 0;
}

static inline int reply_compare(const struct reply *a, const struct reply *b)
{
    if (a->type != b->type) return a->type < b->type ? -1 : 1;
    if (a->count != b->count) return a->count < b->count ? -1 : 1;
    if (a->len != b->len) return a->len < b->len ? -1 : 1;
    int order = a->len ? memcmp(a->text, b->text, a->len) : 0;
    for (size_t i = 0; i < a->count && order == 0; i++) {
        order = reply_compare(&a->items[i], &b->items[i]);
    }
    return order;
}

static inline bool reply_same(const struct reply *ours, const struct reply *theirs)
{
    if (ours->type != theirs->type || ours->count != theirs->count) return false;
    for (size_t i = 0; i < ours->count; i++) {
        if (!reply_same(&ours->items[i], &theirs->items[i])) return false;
    }
    return ours->count > 0 || reply_compare(ours, theirs) == 0 || reply_same_double(ours, theirs);
}

static inline int reply_order(const void *a, const void *b) { return reply_compare(a, b); }

struct reply_pair {
    struct reply name, value;
};

static inline int reply_pair_order(const void *a, const void *b)
{
    const struct reply_pair *left = a, *right = b;
    return reply_compare(&left->name, &right->name);
}

/* Sorts the items, one by one or two by two. */
static inline void reply_sort(struct reply *reply, bool pairs)
{
    if (reply->count == 0) return;
    if (pairs && reply->count % 2 == 0) {
        qsort(reply->items, reply->count / 2, sizeof(struct reply_pair), reply_pair_order);
    } else {
        qsort(reply->items, reply->count, sizeof *reply->items, reply_order);
    }
}

static inline void reply_print(const struct reply *reply, struct buffer *out)
{
    if (strchr("*%~>", reply->type)) {
        buffer_printf(out, "%c%zu[", reply->type, reply->count);
        for (size_t i = 0; i < reply->count; i++) {
            reply_print(&reply->items[i], out);
            buffer_put(out, " ", 1);
        }
        buffer_put(out, "]", 1);
        return;
    }
    buffer_printf(out, "%c", reply->type);
    buffer_put(out, reply->text, reply->len);
}

static inline bool oracle_ask(struct oracle *oracle, const void *data, size_t len,
                              struct reply *out)
{
    for (size_t sent = 0; sent < len;) {
        const ssize_t n = write(oracle->fd, (const char *)data + sent, len - sent);
        if (n <= 0) return false;
        sent += (size_t)n;
    }
    buffer_clear(&oracle->in);
    for (;;) {
        if (oracle->in.len && reply_parse(oracle->in.data, oracle->in.len, out)) return true;
        uint8_t *room = buffer_extend(&oracle->in, 65536);
        const ssize_t n = room ? read(oracle->fd, room, 65536) : -1;
        oracle->in.len -= 65536 - (size_t)(n > 0 ? n : 0);
        if (n <= 0) return false;
    }
}

#endif
