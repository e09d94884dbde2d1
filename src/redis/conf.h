/*
 * redis.conf: a list of directives, from a file and the command line, and their way into settings.
 */
#ifndef KITH_REDIS_CONF_H
#define KITH_REDIS_CONF_H

#include "redis/redis_internal.h"

/* Directives as redis_opts has them. An unknown name is a warning in the log. KITH_EINVAL: a bad
 * value; the text is the reason and err->position the number of the directive (from 0). */
KITH_NODISCARD int conf_apply(struct redis *redis, const char *const *directives, size_t count,
                              struct kith_error *err);

#endif
