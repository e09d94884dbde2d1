/*
 * The queue of a transaction (cmd_multi.c). Under the keyspace lock.
 */
#ifndef KITH_REDIS_MULTI_H
#define KITH_REDIS_MULTI_H

#include "redis/redis_internal.h"

/* Ends MULTI and forgets what was queued; watches stay. */
void multi_clear(struct session *session);
/* false: no memory, and EXEC will refuse. */
bool multi_queue(struct session *session, struct command_entry *entry, const struct kith_str *argv,
                 size_t argc);

#endif
