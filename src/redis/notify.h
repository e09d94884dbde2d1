/*
 * Keyspace notifications: what happens to keys, as messages on channels. Under the keyspace lock.
 */
#ifndef KITH_REDIS_NOTIFY_H
#define KITH_REDIS_NOTIFY_H

#include "redis/redis_internal.h"

enum { /* of settings.notify: K and E; the classes have their letter's place in notify_letters */
    NOTIFY_KEYSPACE = 1,
    NOTIFY_KEYEVENT = 2
};

/* -1: a letter that is none */
int64_t notify_parse(struct kith_str text);
/* Normalised: all classes but m and n are "A". */
void notify_print(int64_t flags, struct buffer *out);
void notify_event(struct redis *redis, unsigned db, struct kith_str key, enum event_class class,
                  const char *event);

#endif
