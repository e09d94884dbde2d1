/* What the files of commands of sorted sets share. */
#ifndef KITH_REDIS_CMD_ZSET_H
#define KITH_REDIS_CMD_ZSET_H

#include "cache/zset.h"
#include "redis/command.h"

/* ---- replies ---- */

/* The header of so many members; with scores: flat in RESP2, pairs in RESP3. */
void zset_reply_open(struct redis_call *call, uint64_t count, bool scores);
void zset_reply_member(struct redis_call *call, const struct zset_member *member, bool scores);

/* ---- bounds of ranges ---- */

struct zset_bounds {
    bool by_text;
    double min, max;
    struct kith_str min_text, max_text;
    bool min_past, max_past; /* the bound itself is outside */
    int min_end, max_end;    /* by text: -1 for "-", 1 for "+", 0 for a text */
};
/* Texts of a lower and an upper bound; false: the error was answered. */
bool zset_bounds_read(struct redis_call *call, struct kith_str min, struct kith_str max,
                      bool by_text, struct zset_bounds *out);
/* Ranks of the members inside. */
void zset_bounds_ranks(const struct zset *zset, const struct zset_bounds *bounds, uint64_t *first,
                       uint64_t *count);

/* ---- cmd_zset_range.c ---- */

void run_zrange(struct redis_call *call);
void run_zrangestore(struct redis_call *call);
void run_zrevrange(struct redis_call *call);
void run_zrangebyscore(struct redis_call *call);
void run_zrevrangebyscore(struct redis_call *call);
void run_zrangebylex(struct redis_call *call);
void run_zrevrangebylex(struct redis_call *call);
void run_zcount(struct redis_call *call);
void run_zlexcount(struct redis_call *call);
void run_zremrangebyrank(struct redis_call *call);
void run_zremrangebyscore(struct redis_call *call);
void run_zremrangebylex(struct redis_call *call);

/* ---- cmd_zset_pop.c ---- */

void run_zpopmin(struct redis_call *call);
void run_zpopmax(struct redis_call *call);
void run_zmpop(struct redis_call *call);
void run_bzpopmin(struct redis_call *call);
void run_bzpopmax(struct redis_call *call);
void run_bzmpop(struct redis_call *call);
void run_zrandmember(struct redis_call *call);

/* ---- cmd_zset_algebra.c ---- */

void run_zunion(struct redis_call *call);
void run_zinter(struct redis_call *call);
void run_zdiff(struct redis_call *call);
void run_zunionstore(struct redis_call *call);
void run_zinterstore(struct redis_call *call);
void run_zdiffstore(struct redis_call *call);
void run_zintercard(struct redis_call *call);

#endif
