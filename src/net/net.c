/*
 * Starting and stopping: sockets, loops, workers.
 */
#include "net/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "net/net_internal.h"
#include "net/tls.h"

#define STOP_POLL_US 2000

static unsigned or_default(unsigned value, unsigned otherwise) { return value ? value : otherwise; }

static void resolve_limits(struct net *net)
{
    struct net_limits *limits = &net->limits;
    *limits = net->opts.limits;
    const unsigned cpus = os_cpu_count(net->opts.os);
    limits->loops = or_default(limits->loops, cpus < 4 ? cpus : 4);
    limits->workers = or_default(limits->workers, cpus);
    limits->queue_max = or_default(limits->queue_max, 4096);
    limits->connections_max = or_default(limits->connections_max, 10000);
    limits->idle_timeout_s = or_default(limits->idle_timeout_s, 75);
    limits->request_timeout_s = or_default(limits->request_timeout_s, 60);
    limits->handshake_timeout_s = or_default(limits->handshake_timeout_s, 10);
    if (!limits->output_bytes_max) limits->output_bytes_max = 256u << 20;
    if (!limits->output_bytes_all) limits->output_bytes_all = os_memory_bytes(net->opts.os) / 4;
    if (!limits->input_bytes_all) limits->input_bytes_all = os_memory_bytes(net->opts.os) / 4;
}

static bool take_address(const char *bind, uint16_t port, struct sockaddr_storage *out,
                         socklen_t *len)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, bind, &v4.sin_addr) == 1) {
        memcpy(out, &v4, *len = sizeof v4);
        return true;
    }
    if (inet_pton(AF_INET6, bind, &v6.sin6_addr) != 1) return false;
    memcpy(out, &v6, *len = sizeof v6);
    return true;
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &len)) return 0;
    if (address.ss_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, &address, sizeof v6);
        return ntohs(v6.sin6_port);
    }
    struct sockaddr_in v4;
    memcpy(&v4, &address, sizeof v4);
    return ntohs(v4.sin_port);
}

/* Whether or not it is there. */
static void remove_path(const struct net *net, const char *path)
{
    struct kith_error unread;
    const int rc = os_unlink(net->opts.os, path, &unread);
    (void)rc;
}

/* A unix socket. One that a dead process left behind is replaced; whether somebody still listens
 * there is what a connection says. */
static int bind_path(struct net *net, size_t i, struct kith_error *err)
{
    const struct net_door *door = &net->opts.doors[i];
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(door->path) >= sizeof address.sun_path)
        return error_set(err, KITH_EINVAL, "the path of the %s socket is longer than %zu bytes: %s",
                         door->name, sizeof address.sun_path - 1, door->path);
    memcpy(address.sun_path, door->path, strlen(door->path) + 1);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return error_set(err, KITH_EIO, "no socket for %s", door->path);
    net->fds[i] = fd;
    const struct sockaddr *at = (const struct sockaddr *)&address;
    if (connect(fd, at, sizeof address) == 0 || errno == EAGAIN)
        return error_set(err, KITH_ELOCKED, "%s (%s): another program listens there", door->path,
                         door->name);
    remove_path(net, door->path);
    if (bind(fd, at, sizeof address) || (door->path_mode && chmod(door->path, door->path_mode)))
        return error_set(err, KITH_EIO, "%s (%s): %s", door->path, door->name, strerror(errno));
    return 0;
}

/* On the machine itself there is no congestion to control; one that measures and paces, as some
 * systems choose for the long way, costs a part of every packet. Its connections inherit it. */
static void spare_congestion(int fd, const struct sockaddr_storage *address)
{
    static const char plain[] = "reno"; /* always there, and allowed to everybody */
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    memcpy(&v4, address, sizeof v4);
    memcpy(&v6, address, sizeof v6);
    const bool here = address->ss_family == AF_INET ? ntohl(v4.sin_addr.s_addr) >> 24 == 127
                                                    : IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
    if (here) (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, plain, sizeof plain - 1);
}

static int bind_door(struct net *net, size_t i, struct kith_error *err)
{
    const struct net_door *door = &net->opts.doors[i];
    if (door->fd >= 0) {
        net->fds[i] = door->fd;
        net->ports[i] = bound_port(door->fd);
        return 0;
    }
    if (door->path) return bind_path(net, i, err);
    struct sockaddr_storage address;
    socklen_t len;
    if (!take_address(door->bind, door->port, &address, &len))
        return error_set(err, KITH_EINVAL, "'%s' is no IP address to bind the %s port to",
                         door->bind, door->name);
    const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    if (fd < 0) return error_set(err, KITH_EIO, "no socket for the %s port", door->name);
    net->fds[i] = fd;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    spare_congestion(fd, &address);
    if (bind(fd, (const struct sockaddr *)&address, len) == 0) {
        net->ports[i] = bound_port(fd);
        return 0;
    }
    const int code = errno == EADDRINUSE ? KITH_ELOCKED : KITH_EIO;
    return error_set(err, code, "%s:%u (%s): %s%s", door->bind, door->port, door->name,
                     strerror(errno),
                     code == KITH_ELOCKED ? "; another program has it, or choose another port"
                                          : "");
}

static int bind_doors(struct net *net, struct kith_error *err)
{
    struct tls_pems *pems = tls_pems_new(net->opts.os);
    int rc = pems ? 0 : error_set(err, KITH_ENOMEM, "starting the server: no memory");
    for (size_t i = 0; rc == 0 && i < net->opts.door_count; i++) {
        const struct net_door *door = &net->opts.doors[i];
        rc = bind_door(net, i, err);
        if (rc == 0 && door->tls)
            rc = tls_context_new(door->tls, pems, door->grpc, &net->tls[i], err);
    }
    tls_pems_unref(pems);
    return rc;
}

int net_new(const struct net_opts *opts, struct net **out, struct kith_error *err)
{
    struct net *net = mem_zalloc(sizeof *net);
    if (!net) return error_set(err, KITH_ENOMEM, "starting the server: no memory");
    net->opts = *opts;
    resolve_limits(net);
    net->fds = mem_alloc_array(opts->door_count + 1, sizeof *net->fds);
    net->ports = mem_zalloc_array(opts->door_count + 1, sizeof *net->ports);
    net->tls = mem_zalloc_array(opts->door_count + 1, sizeof *net->tls);
    net->loops = mem_zalloc_array(net->limits.loops, sizeof *net->loops);
    int rc = 0;
    if (!net->fds || !net->ports || !net->tls || !net->loops)
        rc = error_set(err, KITH_ENOMEM, "starting the server: no memory");
    for (size_t i = 0; rc == 0 && i < opts->door_count; i++) net->fds[i] = -1;
    if (rc == 0) rc = bind_doors(net, err);
    if (rc) {
        net_free(net);
        return rc;
    }
    *out = net;
    return 0;
}

uint16_t net_port(const struct net *net, size_t door) { return net->ports[door]; }

int net_start(struct net *net, struct kith_error *err)
{
    const struct os *os = net->opts.os;
    int rc = pool_new(os, "worker", net->limits.workers, 0, net->limits.queue_max, &net->pool, err);
    for (; rc == 0 && net->loop_count < net->limits.loops; net->loop_count++)
        rc = loop_init(&net->loops[net->loop_count], net, err);
    for (; rc == 0 && net->loops_running < net->loop_count; net->loops_running++) {
        struct loop *loop = &net->loops[net->loops_running];
        rc = os_thread_start(os, "net", 0, loop_main, loop, &loop->thread, err);
        if (rc) break;
    }
    net->started = true;
    return rc;
}

static void order_all(struct net *net, enum loop_order order)
{
    for (unsigned i = 0; i < net->loops_running; i++) loop_ask(&net->loops[i], order);
}

/* Handlers and clients end by their own pace: nothing wakes us when the last did, so look. */
static void wait_for_quiet(struct net *net, bool connections, int64_t until_us)
{
    while ((net->exchanges > 0 || (connections && net->connections > 0)) &&
           os_now_us(net->opts.os) < until_us)
        os_sleep_us(net->opts.os, STOP_POLL_US);
}

void net_stop(struct net *net, unsigned grace_ms)
{
    order_all(net, LOOP_DRAIN);
    wait_for_quiet(net, true, os_now_us(net->opts.os) + (int64_t)grace_ms * 1000);
    order_all(net, LOOP_CLOSE);
    wait_for_quiet(net, false, INT64_MAX);
    order_all(net, LOOP_END);
    for (unsigned i = 0; i < net->loops_running; i++) os_thread_join(net->loops[i].thread);
    net->loops_running = 0;
}

void net_free(struct net *net)
{
    if (!net) return;
    pool_free(net->pool);
    for (unsigned i = 0; i < net->loop_count; i++) loop_release(&net->loops[i]);
    for (size_t i = 0; net->fds && i < net->opts.door_count; i++) {
        if (net->fds[i] < 0) continue;
        (void)close(net->fds[i]);
        const char *path = net->opts.doors[i].path;
        if (path && net->started) remove_path(net, path);
    }
    for (size_t i = 0; net->tls && i < net->opts.door_count; i++) tls_context_free(net->tls[i]);
    mem_free(net->tls);
    mem_free(net->fds);
    mem_free(net->ports);
    mem_free(net->loops);
    mem_free(net);
}

int net_reload_tls(struct net *net, struct kith_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < net->opts.door_count; i++)
        if (net->tls[i]) rc = tls_context_reload(net->tls[i], err);
    return rc;
}

void net_stats_get(const struct net *net, struct net_stats *out)
{
    *out = (struct net_stats){ .connections = net->connections,
                               .accepted = net->accepted,
                               .refused = net->refused,
                               .exchanges = net->exchanges,
                               .queued = net->queued };
    for (unsigned i = 0; i < net->loop_count; i++) {
        out->bytes_in += atomic_load_explicit(&net->loops[i].bytes_in, memory_order_relaxed);
        out->bytes_out += atomic_load_explicit(&net->loops[i].bytes_out, memory_order_relaxed);
    }
}
