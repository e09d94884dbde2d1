/*
 * INFO: its sections (info_*.c). Under the keyspace lock.
 */
#ifndef KITH_REDIS_INFO_H
#define KITH_REDIS_INFO_H

#include "redis/redis_internal.h"

struct info {
    struct redis *redis;
    struct buffer *out;
    struct cache_stats cache;
    struct os_usage usage;
};

/* "name:value\r\n" */
void info_line(struct info *info, const char *name, const char *fmt, ...) KITH_PRINTF(3, 4);
void info_human(struct info *info, const char *name, uint64_t bytes);

/* info_server.c */
void info_server(struct info *info);
void info_clients(struct info *info);
void info_memory(struct info *info);
void info_persistence(struct info *info);
void info_stats(struct info *info);
void info_replication(struct info *info);
void info_cpu(struct info *info);
void info_modules(struct info *info);
void info_cluster(struct info *info);
/* info_commands.c */
void info_commandstats(struct info *info);
void info_errorstats(struct info *info);
void info_latencystats(struct info *info);
void info_keyspace(struct info *info);

void info_reset(struct redis *redis); /* CONFIG RESETSTAT */
/* Called now and then: takes a sample each tenth of a second. */
void info_sample(struct redis *redis);
/* A second: 0 commands, 1 bytes in, 2 bytes out. */
uint64_t info_rate(const struct redis *redis, unsigned which);

#endif
