/*
 * What parameters mean to those who do the work: the keyspace, users, notifications, the slow log.
 */
#include <string.h>

#include "redis/acl.h"
#include "redis/client_memory.h"
#include "redis/slowlog.h"
#include "redis/tracking.h"

static enum eviction policy_of(int64_t place) /* in the order of the table's choices */
{
    static const enum eviction policies[] = {
        EVICT_VOLATILE_LRU,    EVICT_VOLATILE_LFU, EVICT_VOLATILE_LRM,
        EVICT_VOLATILE_RANDOM, EVICT_VOLATILE_TTL, EVICT_ALL_LRU,
        EVICT_ALL_LFU,         EVICT_ALL_LRM,      EVICT_ALL_RANDOM,
        EVICT_NEVER,
    };
    return policies[place];
}

static void fill_cache_settings(const struct redis_settings *from, struct cache_settings *to)
{
    to->memory_max = (size_t)from->maxmemory;
    to->policy = policy_of(from->maxmemory_policy);
    to->samples = (unsigned)from->maxmemory_samples;
    to->tenacity = (unsigned)from->maxmemory_tenacity;
    to->lfu_log_factor = (unsigned)from->lfu_log_factor;
    to->lfu_decay_minutes = (unsigned)from->lfu_decay_time;
    to->pack_entries_hash = (size_t)from->hash_entries;
    to->pack_value_hash = (size_t)from->hash_value;
    to->pack_entries_set = (size_t)from->set_entries;
    to->pack_value_set = (size_t)from->set_value;
    to->pack_entries_zset = (size_t)from->zset_entries;
    to->pack_value_zset = (size_t)from->zset_value;
    to->intset_entries = (size_t)from->set_intset;
    to->list_pack_size = from->list_size;
    to->lazy_evict = from->lazy_evict;
    to->lazy_expire = from->lazy_expire;
    to->lazy_server_del = from->lazy_server_del;
    to->lazy_user_del = from->lazy_user_del;
    to->lazy_user_flush = from->lazy_user_flush;
}

void redis_apply_settings(struct redis *redis)
{
    const struct redis_settings *settings = &redis->settings;
    int64_t slow_us = settings->slowlog_slower_than < 0 ? INT64_MAX / 2000
                                                        : settings->slowlog_slower_than;
    if (settings->latency_threshold && settings->latency_threshold < slow_us / 1000)
        slow_us = settings->latency_threshold * 1000;
    redis->slow_ns = slow_us < INT64_MAX / 2000 ? slow_us * 1000 : INT64_MAX;
    if (settings->notify) redis->interests |= INTEREST_EVENTS;
    else redis->interests &= ~(unsigned)INTEREST_EVENTS;
    fill_cache_settings(settings, cache_settings(redis->cache));
    client_memory_apply(redis);
    slowlog_trim(redis);
    acl_log_trim(redis->acl, (size_t)settings->acllog_max_len);
    tracking_limit(redis);
}
