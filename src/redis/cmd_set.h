/* What cmd_set.c and cmd_set_algebra.c share. */
#ifndef KITH_REDIS_CMD_SET_H
#define KITH_REDIS_CMD_SET_H

#include "cache/set.h"
#include "redis/command.h"

void run_sinter(struct redis_call *call);
void run_sinterstore(struct redis_call *call);
void run_sintercard(struct redis_call *call);
void run_sunion(struct redis_call *call);
void run_sunionstore(struct redis_call *call);
void run_sdiff(struct redis_call *call);
void run_sdiffstore(struct redis_call *call);

#endif
