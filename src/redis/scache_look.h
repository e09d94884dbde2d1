/*
 * A look-up in a semantic cache in three steps, of which the middle one needs no lock: so a search
 * among many vectors holds nobody up, whichever door it came by.
 *
 *     begin    under the lock: the prompt itself; pins the vectors
 *     search   anywhere
 *     end      under the lock again: the nearest that may answer; SCACHE_SEARCH: once more, wider
 *
 * call->argv[1] and [2] are cache and prompt in every step, perhaps as copies. Replies go to
 * call->reply.
 */
#ifndef KITH_REDIS_SCACHE_LOOK_H
#define KITH_REDIS_SCACHE_LOOK_H

#include "redis/scache.h"

struct scache_look {
    struct vector_arg vector;     /* owns; values NULL: none */
    struct vector_filter *filter; /* owns; nullable */
    struct vset_view *view;       /* owns */
    struct vset_hit *hits;        /* owns */
    struct kith_str model;        /* borrows until begin has returned; len 0: nobody said */
    size_t found, wanted;
    double threshold; /* negative: the cache's own */
    int64_t k;
    int rc;
    unsigned rounds;
    bool refused; /* by the guard: counted once */
    bool small;   /* the search costs less than another thread */
};

enum scache_step { SCACHE_ANSWERED, SCACHE_SEARCH };

/* Reads the words behind the prompt; false: an answer was given. */
bool scache_look_read(struct redis_call *call, struct scache_look *look);
enum scache_step scache_look_begin(struct redis_call *call, struct scache_look *look);
void scache_look_search(void *look);
enum scache_step scache_look_end(struct redis_call *call, struct scache_look *look);
void scache_look_release(struct scache_look *look); /* accepts a zeroed struct */

#endif
