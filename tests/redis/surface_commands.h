/*
 * Commands with keys that change nothing, as samples of test_surface.c: the words of
 * replay_commands.h.
 */
#ifndef KITH_TESTS_REDIS_SURFACE_COMMANDS_H
#define KITH_TESTS_REDIS_SURFACE_COMMANDS_H

static const char *const surface_reads[] = {
    "GETBIT %s 1", "BITCOUNT %s", "BITPOS %s 1", "BITFIELD_RO %s GET u8 0",
    "GET %s", "MGET %s %s %k", "STRLEN %s", "GETRANGE %s 0 1", "SUBSTR %s 0 1", "DIGEST %s",
    "LCS %s %s", "EXISTS %k %k %k", "TOUCH %k %k", "TYPE %k", "TTL %k", "PTTL %k", "EXPIRETIME %k",
    "PEXPIRETIME %k", "DUMP %k", "OBJECT ENCODING %k", "OBJECT FREQ %k", "OBJECT IDLETIME %k",
    "OBJECT REFCOUNT %k", "MEMORY USAGE %k", "MEMORY USAGE %k SAMPLES 5", "WATCH %k %k",
    "HGET %h %m", "HMGET %h %m %m", "HGETALL %h", "HKEYS %h", "HVALS %h", "HLEN %h",
    "HSTRLEN %h %m", "HEXISTS %h %m", "HRANDFIELD %h", "HSCAN %h 0", "HTTL %h FIELDS 1 %m",
    "HPTTL %h FIELDS 1 %m", "HEXPIRETIME %h FIELDS 1 %m", "HPEXPIRETIME %h FIELDS 1 %m",
    "LLEN %l", "LINDEX %l 0", "LRANGE %l 0 -1", "LPOS %l %m", "SCARD %e", "SISMEMBER %e %m",
    "SMISMEMBER %e %m %m", "SMEMBERS %e", "SRANDMEMBER %e", "SSCAN %e 0", "SINTER %e %e %e",
    "SUNION %e %e", "SDIFF %e %e", "SINTERCARD 2 %e %e", "SINTERCARD 3 %e %e %e LIMIT 1",
    "ZCARD %z", "ZSCORE %z %m", "ZMSCORE %z %m %m", "ZRANK %z %m", "ZREVRANK %z %m", "ZSCAN %z 0",
    "ZRANGE %z 0 -1", "ZREVRANGE %z 0 -1", "ZRANGEBYSCORE %z 0 1", "ZREVRANGEBYSCORE %z 1 0",
    "ZRANGEBYLEX %z - +", "ZREVRANGEBYLEX %z + -", "ZCOUNT %z 0 1", "ZLEXCOUNT %z - +",
    "ZRANDMEMBER %z", "ZUNION 2 %z %z", "ZINTER 3 %z %z %z WITHSCORES", "ZDIFF 1 %z",
    "ZINTERCARD 2 %z %z LIMIT 1", "SORT %l", "SORT_RO %l ALPHA", "SORT %l STORE %l",
    "SORT %l LIMIT 0 1 STORE %l ALPHA",
    "ZUNIONSTORE %z 3 %z %z %z", "LMPOP 3 %l %l %l LEFT COUNT 2", "MSETEX 3 %s 1 %s 2 %s 3 EX 9",
    "ZMPOP 3 %z %z %z MIN", "BLPOP %l %l %l 1", "BZPOPMAX %z %z %z 1", "BLMPOP 1 2 %l %l LEFT",
    "BZMPOP 1 2 %z %z MIN", "VADD %v VALUES 1 1 %m", "VADD %v REDUCE 1 VALUES 2 1 1 %m",
    "VSIM %v ELE %m", "VSIM %v VALUES 1 1", "VCARD %v", "VDIM %v",
    "VEMB %v %m", "VLINKS %v %m", "VINFO %v", "VGETATTR %v %m", "VRANDMEMBER %v",
    "VISMEMBER %v %m", "VRANGE %v - +", "JSON.GET %j", "JSON.MGET %j %j %j $", "JSON.TYPE %j",
    "JSON.ARRINDEX %j $ 1", "JSON.ARRINSERT %j $ 0 1", "JSON.ARRPOP %j", "JSON.ARRTRIM %j $ 0 1",
    "JSON.CLEAR %j", "JSON.NUMMULTBY %j $ 2", "JSON.RESP %j", "JSON.STRAPPEND %j $ 1",
    "JSON.TOGGLE %j $", "JSON.DEBUG MEMORY %j", "FT.SUGADD %k text 1", "FT.SUGGET %k text",
    "FT.SUGDEL %k text", "FT.SUGLEN %k",
    "JSON.OBJKEYS %j", "JSON.OBJLEN %j", "JSON.ARRLEN %j", "JSON.STRLEN %j",
    "SCACHE.SET %k what that", "SCACHE.GET %k what", "SCACHE.DEL %k what", "SCACHE.STATS %k",
    "SCACHE.CALIBRATE %k PAIRS 1",
    "JSON.MSET %j $ 1 %j $ 2 %j $ 3",
};

#endif
