/*
 * What took long, and who watches: SLOWLOG, MONITOR, and which words are nobody's business. Under
 * the keyspace lock.
 */
#ifndef KITH_REDIS_SLOWLOG_H
#define KITH_REDIS_SLOWLOG_H

#include "redis/redis_internal.h"

KITH_NODISCARD int slowlog_init(struct redis *redis);
void slowlog_release(struct redis *redis);
void slowlog_add(struct redis *redis, const struct session *session,
                 const struct command_entry *entry, const struct kith_str *argv, size_t argc,
                 int64_t us);
void slowlog_trim(struct redis *redis);

/* Is this word a password? */
bool command_is_secret(const struct command_entry *entry, const struct kith_str *argv,
                       size_t argc, size_t place);
/* To all that watch, before the command runs. */
void monitor_feed(struct redis *redis, const struct session *session,
                  const struct command_entry *entry, const struct kith_str *argv, size_t argc);
void monitor_end(struct session *session);

/* ---- cmd_latency.c ---- */
KITH_NODISCARD int latency_init(struct redis *redis);
void latency_release(struct redis *redis);
void latency_add(struct redis *redis, const char *event, int64_t ms);
unsigned stats_bucket(int64_t ns);
double stats_bucket_us(unsigned bucket); /* its upper end */
void stats_count(struct command_stats *stats, int64_t ns, unsigned calls); /* calls of ns each */

#endif
