/*
 * Bodies of the cache's HTTP routes: JSON into the words of a command, a RESP3 reply into JSON.
 */
#ifndef KITH_REDIS_SCACHE_JSON_H
#define KITH_REDIS_SCACHE_JSON_H

#include <kith/types.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"

enum scache_verb { SCACHE_VERB_SET, SCACHE_VERB_GET, SCACHE_VERB_DEL, SCACHE_VERB_CALIBRATE,
                   SCACHE_VERB_STATS, SCACHE_VERBS };

struct scache_words {
    struct kith_str *argv; /* in the arena, or borrowed from the body */
    size_t argc;
};

/* KITH_EINVAL: err->text is the message, *key the key it is about (nullable); KITH_ENOMEM. */
KITH_NODISCARD int scache_json_read(enum scache_verb verb, struct kith_str cache,
                                    struct kith_str body, struct arena *arena,
                                    struct scache_words *out, const char **key,
                                    struct kith_error *err);
/* One whole reply that is no error. A null at the top is {"response":null}, another value that is
 * no map stands under `name`. KITH_EINVAL: it is none of the shapes that caches answer. */
KITH_NODISCARD int scache_json_write(struct kith_str reply, const char *name, struct buffer *out);

#endif
