/*
 * A running server: the database, what doors share, and the doors, opened in order and closed in
 * the opposite order. One thread opens, reloads and closes it.
 */
#ifndef KITH_CMD_SERVE_H
#define KITH_CMD_SERVE_H

#include "cmd/redis_door.h"
#include "line/line.h"
#include "milvus/milvus.h"
#include "net/net.h"
#include "redis/scache_http.h"
#include "server/auth.h"
#include "server/config.h"
#include "server/gauges.h"
#include "server/logger.h"
#include "server/ops.h"

#define SERVE_DOORS (2 + REDIS_DOORS_MAX)

struct serve {
    const struct os *os;
    struct server_config *config; /* borrows */
    struct logger *logger;        /* owns; so are the next */
    struct kith_db *db;
    struct auth *auth;
    struct metrics *metrics;
    struct milvus *milvus;
    struct redis_door redis;
    struct scache_http *cache_http; /* on the Milvus port */
    struct line *line;
    struct net *net;
    struct net *ops_net; /* of its own: it answers while the rest starts, drains or is flooded */
    struct ops ops;
    struct gauges gauges;
    struct net_tls tls;
    struct net_door doors[SERVE_DOORS];
    size_t door_count;
    struct net_door ops_door;
    atomic_bool log_access;
};

/* Whether serve_open could read a redis.conf that is named; its port becomes that of config. */
KITH_NODISCARD int serve_check(const struct os *os, struct server_config *config,
                               struct kith_error *err);
/* On error, close what there is. */
KITH_NODISCARD int serve_open(struct serve *serve, const struct os *os,
                              struct server_config *config, struct kith_error *err);
/* Lets what runs come to its end, for config->grace_s at most. Accepts a half-open one. */
void serve_close(struct serve *serve);
/* Takes over what may change at run time and reads certificates again; logs what may not. */
void serve_reload(struct serve *serve, const struct server_config *fresh);

#endif
