/*
 * What clients hold of the memory: `maxmemory-clients`, and query buffers inside `maxmemory`.
 *
 * Nothing is counted as it changes while no limit is set: CLIENT LIST and INFO add up when they are
 * asked. With a limit, who grew says so, and when the sum is too much those that hold the most are
 * closed first, except who said CLIENT NO-EVICT.
 *
 * Guard: the keyspace lock.
 */
#ifndef KITH_REDIS_CLIENT_MEMORY_H
#define KITH_REDIS_CLIENT_MEMORY_H

#include "redis/redis_internal.h"

#define CLIENT_GREW_BYTES 16384u /* less is looked at when the client says its next command */

/* Input that waits, output that was not taken, queued commands, and the session itself. */
size_t client_memory(const struct session *session);
/* Of that, output: also what the socket did not take yet. */
size_t client_memory_output(const struct session *session);
/* Counts the session anew and closes those that hold the most while it is too much. */
void client_memory_changed(struct session *session);
/* The same for all: a setting was changed. */
void client_memory_apply(struct redis *redis);
/* Input that waits now, the places of its words with it: with the keys it has to keep within
 * maxmemory. Above client-query-buffer-limit the session is closed. */
void client_memory_query(struct session *session, size_t bytes);
/* The same for what MULTI holds; sets queue_bytes. */
void client_memory_queue(struct session *session, size_t bytes);
/* Of maxmemory, what the process takes without keys and clients. */
size_t client_memory_process(const struct redis *redis);
void client_memory_forget(struct session *session); /* in session_free */

#endif
