/*
 * Members of sets, sorted sets and hashes at random: SRANDMEMBER, ZRANDMEMBER, HRANDFIELD. What is
 * drawn from is a source; how many, with or without repeats, and what it costs is the same for all.
 */
#ifndef KITH_REDIS_MEMBER_DRAW_H
#define KITH_REDIS_MEMBER_DRAW_H

#include "redis/command.h"

struct draw_source { /* of a value that is not empty; ctx holds the member that came last */
    void *ctx;
    uint64_t size;
    struct kith_str (*random)(void *ctx); /* any of them, uniformly: its name */
    bool (*next)(void *ctx);              /* in passing, from the first; false: that was the last */
    void (*reply)(void *ctx);             /* answers it */
};

struct draw_args {
    bool counted; /* there is a count: the reply is an array */
    bool with;    /* and the second word, too */
    int64_t wanted;
};
/* "CMD key [count [word]]"; word NULL: there is none. false: the error was answered. */
bool call_draw_args(struct redis_call *call, const char *word, struct draw_args *out);

/* As many as are wanted, each once, or -wanted of them with repeats. */
void call_draw(struct redis_call *call, const struct draw_source *source,
               const struct draw_args *args);

#endif
