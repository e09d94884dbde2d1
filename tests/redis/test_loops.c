/*
 * Many clients over sockets at once, on several loops: commands of every kind beside waiting
 * clients, messages, snapshots, eviction, and clients that are killed. What can be counted is
 * counted: each acknowledged INCR is there, transactions stay whole, no element is popped twice.
 * Under the sanitizers this is the test of the room's locks and lifetimes.
 *
 * KITH_ROUNDS (default 1) times the usual length.
 */
#include "door.h"

#include <ftw.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/rng.h"
#include "os/thread.h"

#define CLIENTS 6u

struct server {
    struct redis *redis;
    struct net *net;
    struct net_door door;
    uint16_t port;
    char dir[64];
    unsigned steps;
    _Atomic uint64_t increments, pushed, popped, pop_sum, push_sum;
    _Atomic uint64_t dialled, lost, killed, heard; /* connections; messages */
    _Atomic bool done;
};

/* ---- a client ---- */

struct client {
    struct server *server;
    int fd;
    char text[65536]; /* what came and was not looked at */
    size_t len;
};

static bool dial(struct client *client)
{
    const struct sockaddr_in address = { .sin_family = AF_INET,
                                         .sin_port = htons(client->server->port),
                                         .sin_addr = { htonl(INADDR_LOOPBACK) } };
    const struct timeval patience = { .tv_sec = 60 };
    client->fd = socket(AF_INET, SOCK_STREAM, 0);
    client->len = 0;
    client->server->dialled++;
    (void)setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return connect(client->fd, (const struct sockaddr *)&address, sizeof address) == 0;
}

/* Where the reply at `at` ends; 0: not whole yet. */
static size_t reply_end(const struct client *client, size_t at)
{
    const char *line = client->text + at;
    const char *end = client->len > at ? memchr(line, '\n', client->len - at) : NULL;
    if (!end) return 0;
    size_t next = (size_t)(end - client->text) + 1;
    const long count = strtol(line + 1, NULL, 10);
    if (*line == '$') {
        next += count < 0 ? 0 : (size_t)count + 2;
        return next <= client->len ? next : 0;
    }
    for (long i = 0; *line == '*' && i < count && next; i++) next = reply_end(client, next);
    return next;
}

static void drop(struct client *client, size_t len)
{
    client->len -= len;
    memmove(client->text, client->text + len, client->len);
}

/* Sends and waits for the whole reply; NULL: the connection is gone. Good until the next call.
 * A reply that does not come while the connection stands is none that a kill explains. */
static const char *ask(struct client *client, const char *command)
{
    static _Thread_local char reply[65536];
    const size_t len = strlen(command);
    if (send(client->fd, command, len, MSG_NOSIGNAL) != (ssize_t)len) return NULL;
    size_t end;
    while ((end = reply_end(client, 0)) == 0) {
        const ssize_t got = recv(client->fd, client->text + client->len,
                                 sizeof client->text - client->len, 0);
        if (got < 0 && errno == EAGAIN) fail_msg("no reply to %s", command);
        if (got <= 0) return NULL;
        client->len += (size_t)got;
    }
    memcpy(reply, client->text, end);
    reply[end] = 0;
    drop(client, end);
    return reply;
}

static const char *askf(struct client *client, const char *fmt, ...) KITH_PRINTF(2, 3);
static const char *askf(struct client *client, const char *fmt, ...)
{
    char command[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(command, sizeof command, fmt, args);
    va_end(args);
    return ask(client, command);
}

/* ---- what clients do ---- */

static bool count_up(struct client *client, struct rng *rng)
{
    const char *reply = askf(client, "INCR count:%u\r\n", (unsigned)rng_below(rng, 3));
    if (reply && reply[0] == ':') client->server->increments++;
    return reply != NULL;
}

/* Two keys that are only changed together are always equal. */
static bool change_together(struct client *client)
{
    if (!ask(client, "MULTI\r\n") || !ask(client, "INCR twin:a\r\n") ||
        !ask(client, "INCR twin:b\r\n") || !ask(client, "EXEC\r\n"))
        return false;
    char a[64], b[64];
    const char *reply = ask(client, "MGET twin:a twin:b\r\n");
    if (!reply) return false;
    if (sscanf(reply, "*2\r\n$%*d\r\n%63s\r\n$%*d\r\n%63s", a, b) != 2 || strcmp(a, b))
        fail_msg("a transaction was seen in parts: %s", reply);
    return true;
}

static bool push(struct client *client, struct rng *rng)
{
    struct server *server = client->server;
    const unsigned value = (unsigned)rng_below(rng, 1000);
    const char *reply = askf(client, "RPUSH queue %u\r\n", value);
    if (!reply) return false;
    server->pushed++;
    server->push_sum += value;
    return true;
}

static bool pop(struct client *client)
{
    struct server *server = client->server;
    unsigned value;
    const char *reply = ask(client, "BLPOP queue 0.02\r\n");
    if (!reply) return false;
    if (sscanf(reply, "*2\r\n$5\r\nqueue\r\n$%*d\r\n%u", &value) == 1) {
        server->popped++;
        server->pop_sum += value;
    }
    return true;
}

static bool anything(struct client *client, struct rng *rng)
{
    const unsigned key = (unsigned)rng_below(rng, 200), n = (unsigned)rng_below(rng, 100);
    switch (rng_below(rng, 18)) {
    case 0: return askf(client, "SET s:%u %0*u\r\n", key, (int)n * 4 + 1, n);
    case 1: return askf(client, "SET s:%u v PX %u\r\n", key, n + 1);
    case 2: return askf(client, "HSET h:%u f%u v\r\n", key, n);
    case 3: return askf(client, "ZADD z:%u %u m%u\r\n", key, n, n);
    case 4: return askf(client, "SADD set:%u %u\r\n", key, n);
    case 5: return askf(client, "DEL s:%u h:%u z:%u\r\n", key, key, key);
    case 6: return askf(client, "VADD v:%u VALUES 4 1 %u 3 %u e%u\r\n", key % 4, n, key, n);
    case 7: return askf(client, "VSIM v:%u VALUES 4 1 2 %u 4 COUNT 5\r\n", key % 4, n);
    case 16: return askf(client, "VLINKS v:%u e%u\r\n", key % 4, n); /* on a worker */
    case 17: return askf(client, "VREM v:%u e%u\r\n", key % 4, n);
    case 8: return askf(client, "PUBLISH channel %u\r\n", n);
    case 9: return askf(client, "SCAN 0 COUNT %u\r\n", n + 1);
    case 10: return askf(client, "EXPIRE h:%u 1\r\n", key);
    case 11: return ask(client, "BGREWRITEAOF\r\n");
    case 12: return ask(client, "INFO memory\r\n");
    case 13: return askf(client, "GET s:%u\r\n", key);
    case 14: return askf(client, "HGETALL h:%u\r\n", key);
    default: return ask(client, "CLIENT LIST\r\n");
    }
}

/* One of the others, or this one itself, is cut off; whoever is, comes again. */
static bool kill_one(struct client *client, struct rng *rng)
{
    const uint64_t newest = client->server->dialled; /* numbers are those of connections, about */
    const uint64_t back = rng_below(rng, 3 * CLIENTS);
    const char *reply = askf(client, "CLIENT KILL ID %llu SKIPME no\r\n",
                             (unsigned long long)(newest > back ? newest - back : 1));
    if (reply && !strcmp(reply, ":1\r\n")) client->server->killed++;
    return reply != NULL;
}

static void run_client(void *ctx)
{
    struct server *server = ctx;
    struct client *client = calloc(1, sizeof *client);
    struct rng rng;
    static _Atomic uint64_t seed = 1;
    assert_non_null(client);
    rng_init(&rng, seed++);
    client->server = server;
    assert_true(dial(client));
    for (unsigned step = 0; step < server->steps; step++) {
        const uint64_t what = rng_below(&rng, 100);
        const bool there = what < 20   ? count_up(client, &rng)
                           : what < 30 ? change_together(client)
                           : what < 40 ? push(client, &rng)
                           : what < 50 ? pop(client)
                           : what < 51 ? kill_one(client, &rng)
                                       : anything(client, &rng);
        if (there) continue;
        server->lost++;
        close(client->fd);
        assert_true(dial(client));
    }
    close(client->fd);
    free(client);
}

/* Nothing but whole messages of the channel comes. */
static void take_messages(struct client *client)
{
    static const char subscribed[] = "*3\r\n$9\r\nsubscribe\r\n$7\r\nchannel\r\n:1\r\n";
    static const char message[] = "*3\r\n$7\r\nmessage\r\n$7\r\nchannel\r\n$";
    for (size_t end; (end = reply_end(client, 0)); drop(client, end)) {
        const bool heard = end >= sizeof message &&
                           !memcmp(client->text, message, sizeof message - 1);
        if (heard) client->server->heard++;
        else if (end != sizeof subscribed - 1 || memcmp(client->text, subscribed, end))
            fail_msg("a listener was told %.*s", (int)end, client->text);
    }
}

/* Listens until all is done, now and then on a new connection. */
static void run_listener(void *ctx)
{
    struct server *server = ctx;
    struct client *client = calloc(1, sizeof *client);
    assert_non_null(client);
    client->server = server;
    while (!server->done) {
        const struct timeval patience = { .tv_usec = 50000 };
        assert_true(dial(client));
        (void)setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        (void)!send(client->fd, "SUBSCRIBE channel\r\n", 19, MSG_NOSIGNAL);
        for (int i = 0; i < 20 && !server->done; i++) {
            const ssize_t got = recv(client->fd, client->text + client->len,
                                     sizeof client->text - client->len, 0);
            if (got == 0 || (got < 0 && errno != EAGAIN)) break; /* it was killed */
            if (got > 0) client->len += (size_t)got;
            take_messages(client);
        }
        close(client->fd);
    }
    free(client);
}

/* ---- the server ---- */

static void on_settled(void *net) { net_settled(net); }

static void start(struct server *server, const char *const *directives, size_t count)
{
    struct kith_error err = { 0 };
    const struct redis_opts opts = { .os = os_real(), .directives = directives,
                                     .directive_count = count, .dir = server->dir,
                                     .workers = 2 };
    if (redis_new(&opts, &server->redis, &err)) fail_msg("%s", err.text);
    server->door = (struct net_door){ .name = "redis", .bind = "127.0.0.1", .fd = -1,
                                      .stream = redis_stream_ops(), .ctx = server->redis };
    const struct net_opts net = { .os = os_real(), .doors = &server->door, .door_count = 1,
                                  .limits = { .loops = 3, .workers = 1 } };
    if (net_new(&net, &server->net, &err)) fail_msg("%s", err.text);
    redis_set_settled(server->redis, on_settled, server->net);
    if (net_start(server->net, &err)) fail_msg("%s", err.text);
    server->port = net_port(server->net, 0);
}

static void stop(struct server *server)
{
    net_stop(server->net, 1000);
    redis_set_settled(server->redis, NULL, NULL);
    net_free(server->net);
    redis_free(server->redis);
}

static uint64_t sum_of_counts(struct session *session)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < 3; i++) {
        char command[32];
        unsigned long long value = 0;
        (void)snprintf(command, sizeof command, "GET count:%u", i);
        (void)sscanf(door_reply(session, command), "$%*d\r\n%llu", &value);
        sum += value;
    }
    return sum;
}

static uint64_t sum_of_queue(struct session *session, long long count)
{
    uint64_t sum = 0;
    for (long long i = 0; i < count; i++) {
        char command[48];
        unsigned value = 0;
        (void)snprintf(command, sizeof command, "LINDEX queue %lld", i);
        assert_int_equal(sscanf(door_reply(session, command), "$%*d\r\n%u", &value), 1);
        sum += value;
    }
    return sum;
}

/* What every reply promised holds, in memory and after a new start. */
static void check(struct server *server)
{
    struct session *session = session_open_local(server->redis);
    const uint64_t counted = sum_of_counts(session);
    long long left = 0;
    /* A client that was killed may not have seen the reply of its last command. */
    assert_in_range(counted, server->increments, server->increments + server->lost);
    assert_int_equal(sscanf(door_reply(session, "LLEN queue"), ":%lld", &left), 1);
    const uint64_t rest = sum_of_queue(session, left);
    assert_true((uint64_t)left + server->popped + server->lost >= server->pushed);
    assert_true((uint64_t)left + server->popped <= server->pushed + server->lost);
    assert_true(rest + server->pop_sum + 1000 * server->lost >= server->push_sum);
    assert_true(rest + server->pop_sum <= server->push_sum + 1000 * server->lost);
    session_close_local(session);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void crowd(const char *const *directives, size_t count, bool evicts)
{
    const char *rounds = getenv("KITH_ROUNDS");
    static struct server server;
    struct os_thread *threads[CLIENTS], *listener;
    struct kith_error err;
    memset(&server, 0, sizeof server);
    server.steps = 600 * (rounds ? (unsigned)strtoul(rounds, NULL, 10) : 1);
    (void)snprintf(server.dir, sizeof server.dir, "/tmp/kith-loops-XXXXXX");
    assert_non_null(mkdtemp(server.dir));
    start(&server, directives, count);
    assert_int_equal(os_thread_start(os_real(), "listen", 0, run_listener, &server, &listener,
                                     &err), 0);
    for (unsigned i = 0; i < CLIENTS; i++)
        assert_int_equal(os_thread_start(os_real(), "client", 0, run_client, &server, &threads[i],
                                         &err), 0);
    for (unsigned i = 0; i < CLIENTS; i++) os_thread_join(threads[i]);
    server.done = true;
    os_thread_join(listener);
    assert_true(server.increments > server.steps / 2);
    assert_true(server.killed > 0);
    assert_true(server.heard > 0);
    if (!evicts) check(&server);
    stop(&server);
    start(&server, directives, count);
    if (!evicts) check(&server);
    stop(&server);
    assert_int_equal(nftw(server.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void test_always(void **state)
{
    (void)state;
    static const char *const directives[] = { "appendonly yes", "appendfsync always" };
    crowd(directives, 2, false);
}

static void test_everysec(void **state)
{
    (void)state;
    static const char *const directives[] = { "appendonly yes", "appendfsync everysec" };
    crowd(directives, 2, false);
}

static void test_eviction(void **state)
{
    (void)state;
    static const char *const directives[] = { "maxmemory 3mb", "maxmemory-policy allkeys-random",
                                              "save \"\"" };
    crowd(directives, 3, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_always),
        cmocka_unit_test(test_everysec),
        cmocka_unit_test(test_eviction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
