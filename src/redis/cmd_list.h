/* What cmd_list.c and cmd_list_move.c share. */
#ifndef KITH_REDIS_CMD_LIST_H
#define KITH_REDIS_CMD_LIST_H

#include "cache/list.h"
#include "redis/command.h"

/* Answers the element at the head or the tail, or several; removes them, tells of it, and deletes
 * the key with the last one. */
void list_take_one(struct redis_call *call, struct entry *entry, struct kith_str key, bool tail);
void list_take(struct redis_call *call, struct entry *entry, struct kith_str key, bool tail,
               uint64_t count);

void run_lmove(struct redis_call *call);
void run_rpoplpush(struct redis_call *call);
void run_lmpop(struct redis_call *call);
void run_blpop(struct redis_call *call);
void run_brpop(struct redis_call *call);
void run_blmove(struct redis_call *call);
void run_brpoplpush(struct redis_call *call);
void run_blmpop(struct redis_call *call);

#endif
