/*
 * Every write command of the Redis door, as templates of test_replay.c. A word %x is drawn:
 *
 *   s l e h z v j   a key, mostly of a string, list, set, hash, sorted set, vector set, JSON
 *   k   any key       m  a member or field      w  a value         i  -4 .. 4      n  1 .. 3
 *   f   a float       D  ms from now            A  Unix ms         E  s from now   X  Unix s
 *   d   a database
 *
 * Those that begin with B are run by sessions that may wait.
 */
#ifndef KITH_TESTS_REDIS_REPLAY_COMMANDS_H
#define KITH_TESTS_REDIS_REPLAY_COMMANDS_H

static const char *const replay_templates[] = {
    /* strings */
    "SET %s %w", "SET %s %i", "SET %s %w PX %D", "SET %s %w EX %E", "SET %s %w KEEPTTL",
    "SET %s %w NX", "SET %s %w XX GET", "SET %s %w PXAT %A", "SET %s %w EXAT %X", "SETEX %s %E %w",
    "PSETEX %s %D %w", "SETNX %s %w", "GETSET %s %w", "GETDEL %s", "GETEX %s PX %D",
    "GETEX %s PERSIST", "GETEX %s EXAT %X", "GETEX %s PXAT %A", "MSET %s %w %s %w %s %i",
    "MSETNX %s %w %s %w", "MSETEX 2 %s %w %s %w PX %D", "MSETEX 1 %s %w NX",
    "MSETEX 2 %s %w %s %i KEEPTTL", "MSETEX 1 %s %w XX PXAT %A",
    "APPEND %s %w", "SETRANGE %s %n %w", "INCR %s", "DECR %s", "INCRBY %s %i",
    "DECRBY %s %i", "INCRBYFLOAT %s %f", "INCREX %s", "INCREX %s BYINT %i PX %D",
    "INCREX %s BYFLOAT %f UBOUND 3 SATURATE", "INCREX %s BYINT 1 EX %E ENX", "DELEX %s",
    "DELEX %s IFEQ %i", "DELEX %s IFNE %w", "SET %s 1", "SET %s 2",
    /* bits */
    "SETBIT %s %n 1", "SETBIT %s 70 0", "BITOP AND %s %s %s", "BITOP XOR %s %s %s", "BITOP NOT %s %s",
    "BITOP ONE %s %s %s %s", "BITFIELD %s SET u4 #%n 9", "BITFIELD %s OVERFLOW SAT INCRBY i5 #%n 7",
    "BITFIELD %s OVERFLOW FAIL INCRBY u2 100 3",
    /* keys */
    "DEL %k %k", "UNLINK %k", "RENAME %k %k", "RENAMENX %k %k", "COPY %k %k", "COPY %k %k REPLACE",
    "COPY %k %k DB %d REPLACE", "MOVE %k %d", "EXPIRE %k %E", "EXPIRE %k %E NX", "PEXPIRE %k %D",
    "PEXPIRE %k %D GT", "PEXPIRE %k %D LT", "EXPIREAT %k %X", "PEXPIREAT %k %A", "PERSIST %k",
    "PEXPIRE %k 0", "FLUSHDB", "FLUSHALL", "FLUSHDB ASYNC", "SWAPDB %d %d", "SWAPDB 0 1",
    "RESTORE %k 0 x REPLACE", "RESTORE %k %D x REPLACE", "RESTORE %k %A x ABSTTL",
    /* hashes */
    "HSET %h %m %w %m %w", "HSET %h %m %i", "HMSET %h %m %w %m %i", "HSETNX %h %m %w",
    "HDEL %h %m %m", "HINCRBY %h %m %i", "HINCRBYFLOAT %h %m %f", "HEXPIRE %h %E FIELDS 2 %m %m",
    "HPEXPIRE %h %D FIELDS 2 %m %m", "HPEXPIRE %h %D NX FIELDS 1 %m", "HEXPIREAT %h %X FIELDS 1 %m",
    "HPEXPIREAT %h %A FIELDS 2 %m %m", "HPERSIST %h FIELDS 2 %m %m",
    "HGETEX %h PX %D FIELDS 1 %m", "HGETEX %h PERSIST FIELDS 2 %m %m",
    "HGETEX %h PXAT %A FIELDS 2 %m %m", "HGETDEL %h FIELDS 2 %m %m",
    "HSETEX %h PX %D FIELDS 1 %m %w", "HSETEX %h FXX PXAT %A FIELDS 1 %m %w",
    "HSETEX %h KEEPTTL FIELDS 1 %m %w", "HSETEX %h FNX EX %E FIELDS 2 %m %w %m %w",
    "HSETEX %h FIELDS 1 %m %w", "HPEXPIRE %h 1 FIELDS 3 %m %m %m", "HEXPIRE %h 0 FIELDS 1 %m",
    /* lists */
    "LPUSH %l %w %m", "RPUSH %l %m %m %m", "LPUSHX %l %m", "RPUSHX %l %w", "LPOP %l", "RPOP %l",
    "LPOP %l %n", "RPOP %l %n", "LSET %l %i %w", "LINSERT %l BEFORE %m %w",
    "LINSERT %l AFTER %m %m",
    "LREM %l %i %m", "LTRIM %l %i %i", "LMOVE %l %l LEFT RIGHT", "LMOVE %l %l RIGHT LEFT",
    "RPOPLPUSH %l %l", "LMPOP 2 %l %l LEFT", "LMPOP 1 %l RIGHT COUNT %n", "BLPOP %l 0",
    "BRPOP %l %l 0", "BLMOVE %l %l LEFT LEFT 0", "BRPOPLPUSH %l %l 0",
    "BLMPOP 0 1 %l LEFT COUNT %n", "RPUSH %l %m %w", "LPUSH %l 3 1 2",
    /* sets */
    "SADD %e %m %m %m", "SADD %e %w %i", "SADD %e %i", "SREM %e %m %m", "SPOP %e", "SPOP %e %n",
    "SPOP %e 100", "SMOVE %e %e %m", "SINTERSTORE %e %e %e", "SUNIONSTORE %e %e %e",
    "SDIFFSTORE %e %e %e",
    /* sorted sets */
    "ZADD %z %f %m %f %m", "ZADD %z NX %f %m", "ZADD %z XX GT CH %f %m", "ZADD %z INCR %f %m",
    "ZADD %z 0 %w", "ZINCRBY %z %f %m", "ZREM %z %m %m", "ZRANGESTORE %z %z 0 %n",
    "ZRANGESTORE %z %z -inf %f BYSCORE", "ZREMRANGEBYRANK %z 0 0", "ZREMRANGEBYSCORE %z 3 4",
    "ZREMRANGEBYLEX %z [m0 [m3", "ZPOPMIN %z", "ZPOPMAX %z %n", "BZPOPMIN %z %z 0", "BZPOPMAX %z 0",
    "ZMPOP 2 %z %z MIN", "BZMPOP 0 1 %z MAX COUNT %n", "ZUNIONSTORE %z 2 %z %z WEIGHTS %f %f",
    "ZUNIONSTORE %z 2 %z %e AGGREGATE MAX", "ZINTERSTORE %z 2 %z %z AGGREGATE MIN",
    "ZDIFFSTORE %z 2 %z %z",
    /* sort */
    "SORT %l ALPHA STORE %l", "SORT %e ALPHA DESC LIMIT 0 3 STORE %l", "SORT %e BY nosort STORE %l",
    "SORT %z BY nosort DESC STORE %l", "SORT %e BY s* GET # GET s* STORE %l",
    "SORT %l BY h*->m1 ALPHA GET # STORE %l", "SORT %e BY nosort LIMIT 0 2 STORE %l",
    "SORT %e ALPHA BY x* LIMIT 0 2 STORE %l",
    /* vector sets */
    "VADD v0 VALUES 3 %f %f %f %m", "VADD v0 VALUES 3 %f %f %f %m CAS SETATTR {\"a\":1}",
    "VADD v1 VALUES 3 %f %f %f %m NOQUANT EF 20", "VADD v1 VALUES 3 %f %f %f %m NOQUANT",
    "VADD v2 VALUES 9 1 -1 %f %f 1 1 -1 %f -1 %m BIN", "VADD v3 REDUCE 2 VALUES 4 %f %f %f 1 %m",
    "VADD v4 VALUES 2 %f %f %m M 8 SETATTR x", "VADD v0 VALUES 3 %f %f %f %m SETATTR {\"b\":2}",
    "VREM %v %m", "VSETATTR %v %m {\"a\":5}", "VSETATTR %v %m %w", "VSETATTR %v %m {\"c\":7}",
    "VADD v1 VALUES 3 0 0 0 %m NOQUANT CAS", "VADD v0 VALUES 3 1e30 -1e-30 0 %m",
    /* JSON */
    "JSON.SET %j $ {\"a\":1,\"b\":[1,2],\"c\":\"x\"}", "JSON.SET %j $.a %i",
    "JSON.SET %j $.d {\"e\":1.5}",
    "JSON.SET %j $ [1,{\"a\":2},3] NX", "JSON.SET %j $.a %f XX", "JSON.MSET %j $ {\"a\":7} %j $ 5",
    "JSON.MERGE %j $ {\"a\":null,\"z\":3}", "JSON.MERGE %j $.b {\"q\":1}", "JSON.DEL %j $.a",
    "JSON.DEL %j $..a", "JSON.FORGET %j $.b", "JSON.FORGET %j", "JSON.NUMINCRBY %j $.a %f",
    "JSON.NUMINCRBY %j $..a 1", "JSON.ARRAPPEND %j $.b %i \"t\"", "JSON.ARRAPPEND %j $..b 1.0",
    "JSON.NUMMULTBY %j $..a 3", "JSON.ARRINSERT %j $.b 0 %i", "JSON.ARRPOP %j $.b",
    "JSON.ARRTRIM %j $.b 0 1", "JSON.CLEAR %j $.b", "JSON.SET %j $.t true", "JSON.TOGGLE %j $.t",
    "JSON.STRAPPEND %j $.c \"s\"", "JSON.DEL %j $..[?(@.e)]",
    /* indexes: their definitions are kept, and DD removes keys of database 0 */
    "FT.CREATE i1 ON HASH PREFIX 1 h1 SCHEMA m1 TAG", "FT.ALTER i1 SCHEMA ADD m2 TAG",
    "FT.DROPINDEX i1 DD", "FT.DROPINDEX i1",
    "FT.CREATE i2 ON JSON PREFIX 1 j SCHEMA $.a AS a NUMERIC", "FT.DROPINDEX i2",
    "FT.ALIASADD x i1", "FT.ALIASUPDATE x i2", "FT.ALIASDEL x",
    "FT._CREATEIFNX i3 PREFIX 1 h1 SCHEMA m1 TAG", "FT._DROPINDEXIFX i3", "FT._ALIASADDIFNX y i1",
    "FT._ALIASDELIFX y", "FT.SYNUPDATE i1 g %m %m", "FT.DICTADD words %m %m", "FT.DICTDEL words %m",
    "FT.SUGADD %h %m %f", "FT.SUGADD %h %m 1 INCR PAYLOAD %m", "FT.SUGDEL %h %m",
    /* the semantic cache; its keys begin with its name. An entry with a deadline has no vector
     * here: that goes with it, while the server is down too, and a dump would differ */
    "SCACHE.SET c %n %w", "SCACHE.SET c %n %w VALUES 2 %f %f", "SCACHE.SET c %n %w TTL %E",
    "SCACHE.SET c %n %w VALUES 2 %f %f ATTR {\"a\":1}", "SCACHE.GET c %n",
    "SCACHE.GET c %n VALUES 2 %f %f", "SCACHE.SET c %n %w VALUES 2 %f %f MODEL a",
    "SCACHE.CALIBRATE c PAIRS [{\"same\":true,\"distance\":0},{\"same\":false,\"distance\":1}]",
    "SCACHE.DEL c 8b3b92f140bc40a526eb36f3bcea4819", /* of the prompt 1 */
    "SCACHE.DEL c FALSEHIT 9448bfc9c56e8baca8dfd38cf507b6ad",
};
#define REPLAY_TEMPLATES (sizeof replay_templates / sizeof *replay_templates)

/* There should be something to work on. */
static const char *const replay_makers[] = {
    "SET %s %w", "SET %s %i", "SET %s %f", "HSET %h %m %w %m %i", "HSET %h %m %i %m %w %m %w",
    "RPUSH %l %m %m %m", "RPUSH %l %w %i", "SADD %e %m %m %m", "SADD %e %i %i %i", "SADD %e %w %m",
    "ZADD %z %f %m %f %m %i %m", "ZADD %z %i %w", "VADD v0 VALUES 3 %f %f %f %m",
    "VADD v1 VALUES 3 %f %f %f %m NOQUANT", "JSON.SET %j $ {\"a\":1,\"b\":[1,2],\"c\":\"x\"}",
    "JSON.SET %j $ {\"a\":2.5,\"b\":[1,{\"a\":3}],\"c\":\"x\"}",
    "PEXPIRE %k %D", "HPEXPIRE %h %D FIELDS 2 %m %m", "SCACHE.SET c %n %w VALUES 2 %f %f",
};
#define REPLAY_MAKERS (sizeof replay_makers / sizeof *replay_makers)

#endif
