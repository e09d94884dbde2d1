/*
 * The Redis door of a program: its redis.conf, its keyspace, the addresses it listens on. Used by
 * `kith serve` and `kith redis-server`.
 */
#ifndef KITH_CMD_REDIS_DOOR_H
#define KITH_CMD_REDIS_DOOR_H

#include "net/net.h"
#include "redis/conf.h"
#include "redis/redis.h"

#define REDIS_ADDRESSES_MAX 8u
#define REDIS_DOORS_MAX (2u * REDIS_ADDRESSES_MAX + 1u) /* clear text, TLS, and a unix socket */

struct redis_door {
    struct conf conf;               /* owns */
    struct redis_settings settings; /* what conf says; the addresses below lie in it */
    struct redis *redis;            /* owns */
    char addresses[REDIS_ADDRESSES_MAX][64];
    bool optional[REDIS_ADDRESSES_MAX]; /* "-::1": may fail */
    size_t address_count;
    struct net_tls tls; /* of tls-port; borrows from the settings */
};

/* Parameters of the conf that was gathered; on KITH_EINVAL err->position is a line's number, or
 * past them when it is about several: a tls-port without its files. */
KITH_NODISCARD int redis_door_settle(struct redis_door *door, struct kith_error *err);
/* After redis_door_settle: takes what is set in opts, and the conf. */
KITH_NODISCARD int redis_door_open(struct redis_door *door, struct redis_opts *opts,
                                   struct kith_error *err);
/* Doors for net_opts, at most REDIS_DOORS_MAX: clear text on `port` (without one only where
 * `any_port` says that the system chooses), TLS on tls-port, the unix socket. `bind` NULL: as the
 * conf says; `optional`: with the addresses that may fail. */
struct redis_door_where {
    const char *bind;
    uint16_t port;
    bool any_port, optional;
};
size_t redis_door_plan(struct redis_door *door, const struct redis_door_where *where,
                       struct net_door *out);
/* Appends the names of directives in files that a program of its own obeys and a door among others
 * does not, because the program has settings for them; commas between. */
void redis_door_left_out(const struct redis_door *door, struct buffer *out);
void redis_door_close(struct redis_door *door); /* after the nets; accepts a zeroed struct */

#endif
