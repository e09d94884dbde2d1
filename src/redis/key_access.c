/*
 * What commands do to their keys: see key_access.h. The facts are those that Redis' COMMAND INFO
 * tells. A command that is not in the table reads its keys, or reads and changes them, as its flags
 * say: nothing is allowed by being left out.
 */
#include "redis/key_access.h"

#include "redis/redis_internal.h"

#define OW_INSERT (KEY_OW | KEY_INSERT)
#define OW_UPDATE (KEY_OW | KEY_UPDATE)
#define RM_DELETE (KEY_RM | KEY_DELETE)
#define RO_ACCESS (KEY_RO | KEY_ACCESS)
#define RW_ACCESS_DELETE (KEY_RW | KEY_ACCESS | KEY_DELETE)
#define RW_DELETE (KEY_RW | KEY_DELETE)
#define RW_INSERT (KEY_RW | KEY_INSERT)
#define RW_UPDATE (KEY_RW | KEY_UPDATE)
#define RO KEY_RO

static const struct {
    const char *name; /* in order, for the search */
    struct key_plan plan;
} table[] = {
    {"append", {RW_INSERT, 0, 0}}, {"bitop", {OW_UPDATE, RO_ACCESS, 0}},
    {"blmove", {RW_ACCESS_DELETE, RW_INSERT, 0}}, {"blmpop", {RW_ACCESS_DELETE, 0, 2}},
    {"blpop", {RW_ACCESS_DELETE, 0, 0}}, {"brpop", {RW_ACCESS_DELETE, 0, 0}},
    {"brpoplpush", {RW_ACCESS_DELETE, RW_INSERT, 0}}, {"bzmpop", {RW_ACCESS_DELETE, 0, 2}},
    {"bzpopmax", {RW_ACCESS_DELETE, 0, 0}}, {"bzpopmin", {RW_ACCESS_DELETE, 0, 0}},
    {"copy", {RO_ACCESS, OW_UPDATE, 0}}, {"del", {RM_DELETE, 0, 0}},
    {"delex", {RW_ACCESS_DELETE, 0, 0}}, {"exists", {RO, 0, 0}}, {"expire", {RW_UPDATE, 0, 0}},
    {"expireat", {RW_UPDATE, 0, 0}}, {"geoadd", {RW_UPDATE, 0, 0}},
    {"georadius", {RO_ACCESS, OW_UPDATE, 0}}, {"georadiusbymember", {RO_ACCESS, OW_UPDATE, 0}},
    {"geosearchstore", {OW_UPDATE, RO_ACCESS, 0}}, {"getdel", {RW_ACCESS_DELETE, 0, 0}},
    {"hdel", {RW_DELETE, 0, 0}}, {"hexists", {RO, 0, 0}}, {"hexpire", {RW_UPDATE, 0, 0}},
    {"hexpireat", {RW_UPDATE, 0, 0}}, {"hgetdel", {RW_ACCESS_DELETE, 0, 0}}, {"hlen", {RO, 0, 0}},
    {"hmset", {RW_UPDATE, 0, 0}}, {"hpersist", {RW_UPDATE, 0, 0}}, {"hpexpire", {RW_UPDATE, 0, 0}},
    {"hpexpireat", {RW_UPDATE, 0, 0}}, {"hset", {RW_UPDATE, 0, 0}}, {"hsetex", {RW_UPDATE, 0, 0}},
    {"hsetnx", {RW_INSERT, 0, 0}}, {"hstrlen", {RO, 0, 0}}, {"linsert", {RW_INSERT, 0, 0}},
    {"llen", {RO, 0, 0}}, {"lmove", {RW_ACCESS_DELETE, RW_INSERT, 0}},
    {"lmpop", {RW_ACCESS_DELETE, 0, 1}}, {"lpop", {RW_ACCESS_DELETE, 0, 0}},
    {"lpush", {RW_INSERT, 0, 0}}, {"lpushx", {RW_INSERT, 0, 0}}, {"lrem", {RW_DELETE, 0, 0}},
    {"lset", {RW_UPDATE, 0, 0}}, {"ltrim", {RW_DELETE, 0, 0}}, {"memory|usage", {RO, 0, 0}},
    {"mset", {OW_UPDATE, 0, 0}}, {"msetex", {OW_UPDATE, 0, 1}}, {"msetnx", {OW_INSERT, 0, 0}},
    {"object|encoding", {RO, 0, 0}}, {"object|freq", {RO, 0, 0}}, {"object|idletime", {RO, 0, 0}},
    {"object|refcount", {RO, 0, 0}}, {"persist", {RW_UPDATE, 0, 0}},
    {"pexpire", {RW_UPDATE, 0, 0}}, {"pexpireat", {RW_UPDATE, 0, 0}},
    {"psetex", {OW_UPDATE, 0, 0}}, {"rename", {RW_ACCESS_DELETE, OW_UPDATE, 0}},
    {"renamenx", {RW_ACCESS_DELETE, OW_INSERT, 0}}, {"restore", {OW_UPDATE, 0, 0}},
    {"rpop", {RW_ACCESS_DELETE, 0, 0}}, {"rpoplpush", {RW_ACCESS_DELETE, RW_INSERT, 0}},
    {"rpush", {RW_INSERT, 0, 0}}, {"rpushx", {RW_INSERT, 0, 0}}, {"sadd", {RW_INSERT, 0, 0}},
    {"scard", {RO, 0, 0}}, {"sdiffstore", {OW_UPDATE, RO_ACCESS, 0}}, {"setex", {OW_UPDATE, 0, 0}},
    {"setnx", {OW_INSERT, 0, 0}}, {"setrange", {RW_UPDATE, 0, 0}},
    {"sintercard", {RO_ACCESS, 0, 1}}, {"sinterstore", {RW_UPDATE, RO_ACCESS, 0}},
    {"sismember", {RO, 0, 0}}, {"smove", {RW_ACCESS_DELETE, RW_INSERT, 0}},
    {"sort", {RO_ACCESS, OW_UPDATE, 0}}, {"spop", {RW_ACCESS_DELETE, 0, 0}},
    {"srem", {RW_DELETE, 0, 0}}, {"strlen", {RO, 0, 0}},
    {"sunionstore", {OW_UPDATE, RO_ACCESS, 0}}, {"touch", {RO, 0, 0}}, {"type", {RO, 0, 0}},
    {"unlink", {RM_DELETE, 0, 0}}, {"watch", {RO, 0, 0}}, {"zadd", {RW_UPDATE, 0, 0}},
    {"zcard", {RO, 0, 0}}, {"zdiff", {RO_ACCESS, 0, 1}}, {"zdiffstore", {OW_UPDATE, RO_ACCESS, 2}},
    {"zinter", {RO_ACCESS, 0, 1}}, {"zintercard", {RO_ACCESS, 0, 1}},
    {"zinterstore", {OW_UPDATE, RO_ACCESS, 2}}, {"zmpop", {RW_ACCESS_DELETE, 0, 1}},
    {"zpopmax", {RW_ACCESS_DELETE, 0, 0}}, {"zpopmin", {RW_ACCESS_DELETE, 0, 0}},
    {"zrangestore", {OW_UPDATE, RO_ACCESS, 0}}, {"zrem", {RW_DELETE, 0, 0}},
    {"zremrangebylex", {RW_DELETE, 0, 0}}, {"zremrangebyrank", {RW_DELETE, 0, 0}},
    {"zremrangebyscore", {RW_DELETE, 0, 0}}, {"zunion", {RO_ACCESS, 0, 1}},
    {"zunionstore", {OW_UPDATE, RO_ACCESS, 2}},
};

struct key_plan key_plan(const struct command_entry *entry)
{
    size_t low = 0, high = sizeof table / sizeof table[0];
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const int order = strcmp(entry->name, table[middle].name);
        if (order == 0) return table[middle].plan;
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    const bool write = entry->flags & CMD_WRITE;
    return (struct key_plan){write ? KEY_RW | KEY_ACCESS | KEY_UPDATE : RO_ACCESS, 0, 0};
}

/* SET tells the old value with GET only, and its conditions tell of it too. */
static bool set_reads(const struct kith_str *argv, size_t argc)
{
    static const char *const words[] = {"get", "ifeq", "ifne", "ifdeq", "ifdne"};
    for (size_t arg = 3; arg < argc; arg++)
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            if (str_is(argv[arg], words[i])) return true;
    return false;
}

/* BITFIELD without SET and INCRBY changes nothing. */
static bool bitfield_writes(const struct kith_str *argv, size_t argc)
{
    for (size_t arg = 2; arg < argc; arg++)
        if (str_is(argv[arg], "set") || str_is(argv[arg], "incrby")) return true;
    return false;
}

unsigned key_access(const struct command_entry *entry, const struct kith_str *argv, size_t argc,
                    size_t place)
{
    const struct key_plan plan = key_plan(entry);
    if (plan.rest && place != (size_t)entry->command->first_key) return plan.rest;
    if (strcmp(entry->name, "set") == 0 && !set_reads(argv, argc)) return OW_UPDATE;
    if (strcmp(entry->name, "bitfield") == 0 && !bitfield_writes(argv, argc)) return RO_ACCESS;
    return plan.first;
}

const char *key_access_word(unsigned bit)
{
    static const char *const words[] = {"RO", "RW", "OW", "RM", "access", "update", "insert",
                                        "delete"};
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
        if (bit == 1u << i) return words[i];
    return "";
}
