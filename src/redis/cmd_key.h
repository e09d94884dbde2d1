/*
 * What the files of key commands share.
 */
#ifndef KITH_REDIS_CMD_KEY_H
#define KITH_REDIS_CMD_KEY_H

#include "redis/command.h"

/* A database number. false: it is none, or out of range, which was answered. */
bool call_database(struct redis_call *call, size_t arg, unsigned *out);
const char *entry_type_name(const struct entry *entry);
/* Nothing but the key's own commands counts as an access. */
enum { LOOK_ONLY = CACHE_NO_TOUCH | CACHE_NO_STATS };

/* cmd_expire.c */
void run_expire(struct redis_call *call);
void run_pexpire(struct redis_call *call);
void run_expireat(struct redis_call *call);
void run_pexpireat(struct redis_call *call);
void run_ttl(struct redis_call *call);
void run_pttl(struct redis_call *call);
void run_expiretime(struct redis_call *call);
void run_pexpiretime(struct redis_call *call);
void run_persist(struct redis_call *call);
/* cmd_scan.c */
void run_keys(struct redis_call *call);
void run_scan(struct redis_call *call);
void run_randomkey(struct redis_call *call);
void run_dbsize(struct redis_call *call);
void run_flushdb(struct redis_call *call);
void run_flushall(struct redis_call *call);
void run_swapdb(struct redis_call *call);
/* cmd_object.c */
extern const struct command object_commands[];
void run_dump(struct redis_call *call);
void run_restore(struct redis_call *call);
void run_wait(struct redis_call *call);
void time_out_wait(struct redis_call *call);

#endif
