/*
 * The load: one thread, epoll, requests that are written once and whose keys are patched in.
 *
 * A closed loop with as many connections as there are: what is measured is how long a request takes
 * when all others are in flight too. A batch of `pipeline` requests counts as one latency.
 */
#include "redis_bench.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEY_DIGITS 12u
#define BUCKETS 200000u /* of 0.1 us up to 20 ms */
#define REPLY_BYTES 65536u

struct client {
    int fd;
    char *batch;       /* owns */
    size_t batch_bytes, sent;
    size_t replies_due;
    size_t bulk_left;  /* of a bulk reply, with its CR LF, not read yet */
    bool in_line;      /* behind the first byte of a reply line */
    bool is_bulk;
    long length;
    double began;
};

struct run {
    const struct load *load;
    struct client *clients;
    int poll;
    uint64_t rng, requests, errors;
    uint32_t *histogram;
    bool stopping;
};

static uint64_t draw(struct run *run)
{
    run->rng ^= run->rng << 13;
    run->rng ^= run->rng >> 7;
    run->rng ^= run->rng << 17;
    return run->rng;
}

/* One request with a key of zeros; *key_at: where its digits stand. */
static size_t compose(const struct load *load, char *out, size_t *key_at)
{
    char value[4096];
    const unsigned bytes = load->value_bytes < sizeof value ? load->value_bytes : sizeof value;
    memset(value, 'v', bytes);
    const bool set = load->request == REQUEST_SET;
    int len;
    if (load->protocol == LINE) {
        len = set ? sprintf(out, "SET key:%012d %.*s\n", 0, (int)bytes, value)
                  : sprintf(out, "GET key:%012d\n", 0);
        *key_at = 8;
        return (size_t)len;
    }
    len = set ? sprintf(out, "*3\r\n$3\r\nSET\r\n$16\r\nkey:%012d\r\n$%u\r\n%.*s\r\n", 0, bytes,
                        (int)bytes, value)
              : sprintf(out, "*2\r\n$3\r\nGET\r\n$16\r\nkey:%012d\r\n", 0);
    *key_at = 4 + 9 + 5 + 4;
    return (size_t)len;
}

static void patch(char *digits, uint64_t key)
{
    for (unsigned i = KEY_DIGITS; i-- > 0; key /= 10) digits[i] = (char)('0' + key % 10);
}

static void send_rest(struct client *client)
{
    while (client->sent < client->batch_bytes) {
        const ssize_t sent = send(client->fd, client->batch + client->sent,
                                  client->batch_bytes - client->sent, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (sent < 0) die("a connection broke: %s", strerror(errno));
        client->sent += (size_t)sent;
    }
}

static void send_batch(struct run *run, struct client *client, size_t request_bytes,
                       size_t key_at)
{
    for (unsigned i = 0; i < run->load->pipeline; i++)
        patch(client->batch + i * request_bytes + key_at, draw(run) % run->load->keys);
    client->sent = 0;
    client->replies_due = run->load->protocol == ECHO ? client->batch_bytes : run->load->pipeline;
    client->began = now_s();
    send_rest(client);
}

/* Counts whole replies in what came: lines, and bulk strings behind theirs. */
static void count_replies(struct run *run, struct client *client, const char *data, size_t len)
{
    if (run->load->protocol == ECHO) {
        client->replies_due -= len;
        return;
    }
    for (size_t i = 0; i < len;) {
        if (client->bulk_left) {
            const size_t take = len - i < client->bulk_left ? len - i : client->bulk_left;
            client->bulk_left -= take;
            i += take;
            if (client->bulk_left == 0) client->replies_due--;
            continue;
        }
        const char c = data[i++];
        if (!client->in_line) {
            client->in_line = true;
            client->is_bulk = run->load->protocol == RESP && c == '$';
            client->length = 0;
            if (c == '-' || (run->load->protocol == LINE && c == 'E')) run->errors++;
        } else if (c == '\n') {
            client->in_line = false;
            if (client->is_bulk && client->length >= 0)
                client->bulk_left = (size_t)client->length + 2;
            else client->replies_due--;
        } else if (c == '-') {
            client->length = -1000000;
        } else if (c >= '0' && c <= '9' && client->is_bulk) {
            client->length = client->length * 10 + (c - '0');
        }
    }
}

static void finish_batch(struct run *run, const struct client *client)
{
    const double us = (now_s() - client->began) * 1e6;
    const size_t bucket = us < BUCKETS / 10.0 ? (size_t)(us * 10) : BUCKETS - 1;
    run->histogram[bucket]++;
    run->requests += run->load->pipeline;
}

static double percentile(const uint32_t *histogram, double share)
{
    uint64_t all = 0, seen = 0;
    for (size_t i = 0; i < BUCKETS; i++) all += histogram[i];
    for (size_t i = 0; i < BUCKETS; i++) {
        seen += histogram[i];
        if ((double)seen >= share * (double)all) return ((double)i + 0.5) / 10;
    }
    return 0;
}

static void loop(struct run *run, double until, size_t request_bytes, size_t key_at)
{
    static char replies[REPLY_BYTES];
    struct epoll_event events[CONNECTIONS_MAX];
    for (unsigned open = run->load->connections; open > 0;) {
        const int ready = epoll_wait(run->poll, events, CONNECTIONS_MAX, 5000);
        if (ready == 0) die("no reply in 5 s");
        const bool stop = now_s() >= until;
        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;
            const ssize_t len = recv(client->fd, replies, sizeof replies, MSG_DONTWAIT);
            if (len < 0 && (errno == EAGAIN || errno == EINTR)) continue;
            if (len <= 0) die("the server closed a connection");
            count_replies(run, client, replies, (size_t)len);
            if (client->replies_due) continue;
            finish_batch(run, client);
            if (stop) open--;
            else send_batch(run, client, request_bytes, key_at);
        }
    }
}

void load_run(const struct load *load, struct load_result *out)
{
    char request[8192];
    size_t key_at;
    const size_t bytes = compose(load, request, &key_at);
    struct run run = { .load = load, .rng = 88172645463325252ull, .poll = epoll_create1(0) };
    run.clients = calloc(load->connections, sizeof *run.clients);
    run.histogram = calloc(BUCKETS, sizeof *run.histogram);
    if (!run.clients || !run.histogram || run.poll < 0) die("no memory");
    for (unsigned i = 0; i < load->connections; i++) {
        struct client *client = &run.clients[i];
        struct epoll_event event = { .events = EPOLLIN, .data = { .ptr = client } };
        client->fd = dial(load->port);
        client->batch_bytes = bytes * load->pipeline;
        client->batch = malloc(client->batch_bytes);
        if (!client->batch || epoll_ctl(run.poll, EPOLL_CTL_ADD, client->fd, &event))
            die("no memory");
        for (unsigned p = 0; p < load->pipeline; p++)
            memcpy(client->batch + p * bytes, request, bytes);
    }
    const double began = now_s();
    for (unsigned i = 0; i < load->connections; i++)
        send_batch(&run, &run.clients[i], bytes, key_at);
    loop(&run, began + load->seconds, bytes, key_at);
    *out = (struct load_result){ run.requests, run.errors, now_s() - began,
                                 percentile(run.histogram, .5), percentile(run.histogram, .95),
                                 percentile(run.histogram, .99) };
    for (unsigned i = 0; i < load->connections; i++) {
        close(run.clients[i].fd);
        free(run.clients[i].batch);
    }
    close(run.poll);
    free(run.clients);
    free(run.histogram);
}

/* ---- filling ---- */

static void drain(int fd, const struct load *load, uint64_t replies)
{
    static char data[REPLY_BYTES];
    while (replies > 0) {
        const ssize_t len = recv(fd, data, sizeof data, 0);
        if (len <= 0) die("the server closed the connection while it was filled");
        for (ssize_t i = 0; i < len; i++) {
            if (data[i] == '-' && load->protocol == RESP) die("filling: %.80s", data + i);
            replies -= data[i] == '\n';
        }
    }
}

void load_fill(const struct load *load, uint64_t keys, unsigned key_bytes, bool with_ttl)
{
    enum { BATCH = 1000 };
    char value[4096];
    const int fd = dial(load->port);
    char *batch = malloc((size_t)BATCH * (load->value_bytes + 200));
    if (!batch || load->value_bytes > sizeof value) die("no memory");
    memset(value, 'v', sizeof value);
    for (uint64_t done = 0; done < keys; done += BATCH) {
        size_t len = 0;
        for (unsigned i = 0; i < BATCH; i++) {
            len += (size_t)sprintf(batch + len, "*%d\r\n$3\r\nSET\r\n$%u\r\nkey:%0*llu\r\n$%u\r\n",
                                   with_ttl ? 5 : 3, key_bytes, (int)key_bytes - 4,
                                   (unsigned long long)(done + i), load->value_bytes);
            memcpy(batch + len, value, load->value_bytes);
            len += load->value_bytes;
            len += (size_t)sprintf(batch + len, "\r\n%s",
                                   with_ttl ? "$2\r\nEX\r\n$6\r\n100000\r\n" : "");
        }
        for (size_t sent = 0; sent < len;) {
            const ssize_t more = send(fd, batch + sent, len - sent, MSG_NOSIGNAL);
            if (more < 0) die("the connection broke while it was filled");
            sent += (size_t)more;
        }
        drain(fd, load, BATCH);
    }
    free(batch);
    close(fd);
}
