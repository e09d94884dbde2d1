/*
 * The semantic cache over HTTP: the routes below /v1/cache, for whoever has a port that speaks HTTP
 * (the Milvus port of `kith serve`).
 *
 *     POST /v1/cache/{cache}/set         {prompt, response, vector, ttl, attr, model}  {entry}
 *     POST /v1/cache/{cache}/get         {prompt, vector, threshold, filter, k, model}
 *                                        {response, entry, distance, kind, ttl_left}
 *     POST /v1/cache/{cache}/del         {entry, falsehit}                             {deleted}
 *     POST /v1/cache/{cache}/calibrate   {pairs, rate, model}      {threshold, ...}
 *     GET  /v1/cache/{cache}/stats                                 {exact_hits, ...}
 *
 * Each is the command of that name in database 0; a reply of RESP3 becomes JSON as it stands.
 * Errors are {error, message, detail}: 400 the command said no, 401 who are you, 403 you may not,
 * 404 no such path, 405 another method, 422 the body is not as it should be, 503 no keyspace.
 *
 * Rights: with users (server/auth.h) a route needs its privilege on the collection "cache/" + name,
 * which no collection can be called. Without users, everybody may; but while the keyspace has a
 * password nobody may, for a password must not be gone round.
 *
 * No look-up holds the keyspace lock while it searches. Threads: any.
 */
#ifndef KITH_REDIS_SCACHE_HTTP_H
#define KITH_REDIS_SCACHE_HTTP_H

#include "net/net.h"
#include "redis/redis.h"
#include "server/auth.h"

#define SCACHE_HTTP_BASE "/v1/cache/"

struct scache_http;
/* redis NULL: there is no keyspace, and every route says so. Both are borrowed. */
KITH_NODISCARD int scache_http_new(struct redis *redis, struct auth *auth,
                                   struct scache_http **out, struct kith_error *err);
void scache_http_free(struct scache_http *http); /* NULL is a no-op; when no exchange runs */
bool scache_http_takes(struct kith_str path);
void scache_http_handle(void *http, struct exchange *exchange);

/* What each route needs: for tests. NULL past the end. */
struct scache_route {
    const char *action, *method, *privilege;
    size_t command; /* in scache_http.c */
};
const struct scache_route *scache_route_at(size_t i);

#endif
