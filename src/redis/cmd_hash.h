/* What cmd_hash.c, cmd_hash_random.c and cmd_hash_expire.c share. */
#ifndef KITH_REDIS_CMD_HASH_H
#define KITH_REDIS_CMD_HASH_H

#include "cache/hash.h"
#include "redis/command.h"

/* The hash of a key, or a new one that hash_commit adds. */
struct hash_edit {
    struct entry *entry; /* NULL: the hash is new */
    struct hash *hash;
    struct kith_str key;
};
/* false: answered. */
bool hash_edit(struct redis_call *call, struct kith_str key, struct hash_edit *out);
/* A new hash goes to the keyspace; on failure it is freed. */
KITH_NODISCARD int hash_commit(struct redis_call *call, struct hash_edit *edit);
/* Nothing came of it: a new hash is freed. */
void hash_abandon(struct hash_edit *edit);
/* Sets one field and commits. false: there was no memory, which is answered. */
bool hash_put(struct redis_call *call, struct hash_edit *edit, struct kith_str field,
              struct kith_str value, int64_t deadline);

void run_hrandfield(struct redis_call *call);
void run_hscan(struct redis_call *call);
void run_hincrbyfloat(struct redis_call *call);

void run_hexpire(struct redis_call *call);
void run_hpexpire(struct redis_call *call);
void run_hexpireat(struct redis_call *call);
void run_hpexpireat(struct redis_call *call);
void run_httl(struct redis_call *call);
void run_hpttl(struct redis_call *call);
void run_hexpiretime(struct redis_call *call);
void run_hpexpiretime(struct redis_call *call);
void run_hpersist(struct redis_call *call);
void run_hgetex(struct redis_call *call);
void run_hgetdel(struct redis_call *call);
void run_hsetex(struct redis_call *call);

#endif
