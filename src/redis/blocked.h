/*
 * Commands that wait for keys (blocked.c) and for work elsewhere (offload.c). Under the keyspace
 * lock.
 */
#ifndef KITH_REDIS_BLOCKED_H
#define KITH_REDIS_BLOCKED_H

#include "redis/redis_internal.h"

void blocked_key_changed(struct redis *redis, unsigned db, struct kith_str key);
void blocked_databases_changed(struct redis *redis, unsigned a, unsigned b); /* SWAPDB */
/* Runs what can go on now. Not inside a command. */
void blocked_serve(struct redis *redis);
int64_t blocked_deadline(const struct session *session); /* of os_now_us; OS_FOREVER */
void blocked_time_out(struct session *session); /* answers, and the session goes on */
/* CLIENT UNBLOCK; false: it was not blocked. */
bool blocked_release(struct session *session, bool with_error);
/* It waits no more, without an answer. */
void blocked_leave(struct session *session);

KITH_NODISCARD int offload_init(struct redis *redis, unsigned workers, struct kith_error *err);
void offload_release(struct redis *redis);     /* ends what runs; without the lock */
void offload_forget(struct session *session); /* its reply goes nowhere */

#endif
