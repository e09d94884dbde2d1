/*
 * Commands of lists, sets, sorted sets, hashes and SORT as transcripts: what a random comparison
 * with another server cannot see. Later additions to Redis, both protocols, waiting, events,
 * encodings, deadlines of fields, and what is logged.
 */
#include "redis/door.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "cache/hash.h"
#include "redis/redis_internal.h"

#define WRONG "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"

struct room {
    struct redis *redis;
    struct session *a, *b;
};

static int setup(void **state)
{
    static struct room room;
    room.redis = door_open();
    room.a = session_open_local(room.redis);
    room.b = session_open_local(room.redis);
    *state = &room;
    return 0;
}

static int teardown(void **state)
{
    struct room *room = *state;
    session_close_local(room->a);
    session_close_local(room->b);
    redis_free(room->redis);
    return 0;
}

static void test_lists(void **state)
{
    struct session *a = ((struct room *)*state)->a;
    EXPECT(a, "RPUSH l a b c d", ":4\r\n");
    EXPECT(a, "LPOP l 2", "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
    EXPECT(a, "LPOP l 0", "*0\r\n");
    EXPECT(a, "LPOP none 2", "*-1\r\n");
    EXPECT(a, "LPOP none", "$-1\r\n");
    EXPECT(a, "LPOP l -1", "-ERR value is out of range, must be positive\r\n");
    EXPECT(a, "LPOP l 1 2", "-ERR wrong number of arguments for 'lpop' command\r\n");
    EXPECT(a, "LMOVE l l LEFT RIGHT", "$1\r\nc\r\n");
    EXPECT(a, "LRANGE l 0 -1", "*2\r\n$1\r\nd\r\n$1\r\nc\r\n");
    EXPECT(a, "LMPOP 2 none l RIGHT COUNT 5", "*2\r\n$1\r\nl\r\n*2\r\n$1\r\nc\r\n$1\r\nd\r\n");
    EXPECT(a, "LMPOP 1 l LEFT", "*-1\r\n");
    EXPECT(a, "EXISTS l", ":0\r\n");
    EXPECT(a, "LPOS l a RANK 0", "-ERR RANK can't be zero: use 1 to start from the first match, 2 "
                                 "from the second ... or use negative to start from the end of the "
                                 "list\r\n");
    EXPECT(a, "LPOS l a COUNT 1", "*0\r\n");
    EXPECT(a, "LSET l 0 x", "-ERR no such key\r\n");
    EXPECT(a, "SADD s x", ":1\r\n");
    EXPECT(a, "LPUSH s y", WRONG);
    EXPECT(a, "BLPOP l -1", "-ERR timeout is negative\r\n");
    EXPECT(a, "BLPOP l x", "-ERR timeout is not a float or out of range\r\n");
    EXPECT(a, "MULTI\r\nBLMOVE none x LEFT LEFT 0\r\nBLMPOP 0 1 none LEFT\r\nEXEC",
           "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n$-1\r\n*-1\r\n");
}

static void test_waiting(void **state)
{
    const struct room *room = *state;
    EXPECT(room->a, "BLPOP x l 0", "");
    EXPECT(room->b, "RPUSH l 1 2", ":2\r\n");
    EXPECT_SENT(room->a, "*2\r\n$1\r\nl\r\n$1\r\n1\r\n");
    EXPECT(room->b, "DEL l", ":1\r\n");
    EXPECT(room->a, "BLMOVE l t RIGHT LEFT 0", "");
    EXPECT(room->b, "SADD l x", ":1\r\n"); /* another type does not wake */
    EXPECT_SENT(room->a, "");
    EXPECT(room->b, "DEL l\r\nLPUSH l v", ":1\r\n:1\r\n");
    EXPECT_SENT(room->a, "$1\r\nv\r\n");
    EXPECT(room->a, "BZMPOP 0 2 z y MAX COUNT 2", "");
    EXPECT(room->b, "ZADD y 1 a 2 b 3 c", ":3\r\n");
    EXPECT_SENT(room->a, "*2\r\n$1\r\ny\r\n*2\r\n*2\r\n$1\r\nc\r\n$1\r\n3\r\n*2\r\n$1\r\nb\r\n$1"
                         "\r\n2\r\n");
    EXPECT(room->a, "BZPOPMIN z y 0", "*3\r\n$1\r\ny\r\n$1\r\na\r\n$1\r\n1\r\n");
}

static void test_sets(void **state)
{
    struct session *a = ((struct room *)*state)->a;
    EXPECT(a, "SADD s 1 2 3 3", ":3\r\n");
    EXPECT(a, "OBJECT ENCODING s", "$6\r\nintset\r\n");
    EXPECT(a, "SADD s x", ":1\r\n");
    EXPECT(a, "OBJECT ENCODING s", "$8\r\nlistpack\r\n");
    EXPECT(a, "SINTERCARD 3 s s", "-ERR Number of keys can't be greater than number of args\r\n");
    EXPECT(a, "SINTERCARD 2 s s LIMIT 2", ":2\r\n");
    EXPECT(a, "SRANDMEMBER s -9223372036854775808",
           "-ERR value is out of range, value must between -9223372036854775807 and "
           "9223372036854775807\r\n");
    EXPECT(a, "SPOP s x", "-ERR value is out of range, must be positive\r\n");
    EXPECT_HAS(a, "SRANDMEMBER s -9", "*9\r\n");
    EXPECT_HAS(a, "SRANDMEMBER s 3", "*3\r\n");
    EXPECT_HAS(a, "SPOP s 3", "*3\r\n");
    EXPECT(a, "SCARD s", ":1\r\n");
    EXPECT_HAS(a, "SPOP s", "$1\r\n");
    EXPECT(a, "SPOP s", "$-1\r\n");
    EXPECT(a, "SSCAN s x", "-ERR invalid cursor\r\n");
    EXPECT(a, "SSCAN s 0", "*2\r\n$1\r\n0\r\n*0\r\n");
    EXPECT(a, "SADD s aa ab b", ":3\r\n");
    EXPECT(a, "SSCAN s 0 MATCH a* COUNT 1", "*2\r\n$1\r\n0\r\n*2\r\n$2\r\naa\r\n$2\r\nab\r\n");
    EXPECT(a, "SSCAN s 0 COUNT 0", "-ERR syntax error\r\n");
    EXPECT(a, "SDIFFSTORE s s s", ":0\r\n");
    EXPECT(a, "EXISTS s", ":0\r\n");
}

static void test_zsets(void **state)
{
    struct session *a = ((struct room *)*state)->a;
    EXPECT(a, "ZADD z 1 a 2 b -0 c", ":3\r\n");
    EXPECT(a, "ZSCORE z c", "$1\r\n0\r\n");
    EXPECT(a, "ZRANK z b WITHSCORE", "*2\r\n:2\r\n$1\r\n2\r\n");
    EXPECT(a, "ZREVRANK z b WITHSCORE", "*2\r\n:0\r\n$1\r\n2\r\n");
    EXPECT(a, "ZRANK z x WITHSCORE", "*-1\r\n");
    EXPECT(a, "ZRANK z x", "$-1\r\n");
    EXPECT(a, "ZINCRBY z 0.1 b", "$3\r\n2.1\r\n");
    EXPECT(a, "ZADD z NX XX 1 a",
           "-ERR XX and NX options at the same time are not compatible\r\n");
    EXPECT(a, "ZADD z GT LT 1 a",
           "-ERR GT, LT, and/or NX options at the same time are not compatible\r\n");
    EXPECT(a, "ZADD z INCR 1 a 2 b",
           "-ERR INCR option supports a single increment-element pair\r\n");
    EXPECT(a, "ZADD z nan a", "-ERR value is not a valid float\r\n");
    EXPECT(a, "ZADD z inf i\r\nZINCRBY z -inf i",
           ":1\r\n-ERR resulting score is not a number (NaN)\r\n");
    EXPECT(a, "ZRANGE z 0 -1 LIMIT 0 1",
           "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or "
           "BYLEX\r\n");
    EXPECT(a, "ZRANGE z - + BYLEX WITHSCORES",
           "-ERR syntax error, WITHSCORES not supported in combination with BYLEX\r\n");
    EXPECT(a, "ZUNIONSTORE d 0 z",
           "-ERR at least 1 input key is needed for 'zunionstore' command\r\n");
    EXPECT(a, "ZPOPMIN z -1", "-ERR value is out of range, must be positive\r\n");
    EXPECT(a, "OBJECT ENCODING z", "$8\r\nlistpack\r\n");
    EXPECT_HAS(a, "HELLO 3", "%7");
    EXPECT(a, "ZRANGE z 0 1 WITHSCORES",
           "*2\r\n*2\r\n$1\r\nc\r\n,0\r\n*2\r\n$1\r\na\r\n,1\r\n");
    EXPECT(a, "ZPOPMIN z", "*2\r\n$1\r\nc\r\n,0\r\n");
    EXPECT(a, "ZPOPMAX z 1", "*1\r\n*2\r\n$1\r\ni\r\n,inf\r\n");
    EXPECT(a, "ZSCORE z nix", "_\r\n");
    EXPECT(a, "ZRANDMEMBER z 5 WITHSCORES",
           "*2\r\n*2\r\n$1\r\na\r\n,1\r\n*2\r\n$1\r\nb\r\n,2.1\r\n");
    EXPECT(a, "ZSCAN z 0", "*2\r\n$1\r\n0\r\n*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$3\r\n2.1\r\n");
    EXPECT(a, "ZMPOP 1 z MIN", "*2\r\n$1\r\nz\r\n*1\r\n*2\r\n$1\r\na\r\n,1\r\n");
}

static void test_hashes(void **state)
{
    struct session *a = ((struct room *)*state)->a;
    EXPECT(a, "HSET h a 1 b 2", ":2\r\n");
    EXPECT(a, "HSET h a", "-ERR wrong number of arguments for 'hset' command\r\n");
    EXPECT(a, "HMSET h a", "-ERR wrong number of arguments for 'hmset' command\r\n");
    EXPECT(a, "HINCRBYFLOAT h f 0.1\r\nHINCRBYFLOAT h f 0.2", "$3\r\n0.1\r\n$3\r\n0.3\r\n");
    EXPECT(a, "HSET h t x\r\nHINCRBY h t 1\r\nHINCRBYFLOAT h t 1",
           ":1\r\n-ERR hash value is not an integer\r\n-ERR hash value is not a float\r\n");
    EXPECT(a, "HSCAN h 0 MATCH a NOVALUES", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n");
    EXPECT(a, "HRANDFIELD none 3", "*0\r\n");
    EXPECT_HAS(a, "HRANDFIELD h -3 WITHVALUES", "*6\r\n");
    EXPECT_HAS(a, "HELLO 3", "%7");
    EXPECT_HAS(a, "HRANDFIELD h -3 WITHVALUES", "*3\r\n*2\r\n");
    EXPECT_HAS(a, "HGETALL h", "%4\r\n");
}

static void test_field_deadlines(void **state)
{
    struct session *a = ((struct room *)*state)->a;
    EXPECT(a, "HSET h a 1 b 2 c 3", ":3\r\n");
    EXPECT(a, "HEXPIRE h 100 FIELDS 2 a x", "*2\r\n:1\r\n:-2\r\n");
    EXPECT(a, "OBJECT ENCODING h", "$10\r\nlistpackex\r\n");
    EXPECT(a, "HEXPIRE h 200 NX FIELDS 2 a b", "*2\r\n:0\r\n:1\r\n");
    EXPECT(a, "HEXPIRE h 50 GT FIELDS 3 a b c", "*3\r\n:0\r\n:0\r\n:0\r\n");
    EXPECT(a, "HEXPIRE h 50 LT FIELDS 3 a b c", "*3\r\n:1\r\n:1\r\n:1\r\n");
    EXPECT(a, "HTTL h FIELDS 2 a x", "*2\r\n:50\r\n:-2\r\n");
    EXPECT(a, "HPERSIST h FIELDS 3 a a x", "*3\r\n:1\r\n:-1\r\n:-2\r\n");
    EXPECT(a, "HTTL none FIELDS 1 a", "*1\r\n:-2\r\n");
    EXPECT(a, "HEXPIRE h 0 FIELDS 1 c", "*1\r\n:2\r\n");
    EXPECT(a, "HEXPIRE h -1 FIELDS 1 c", "-ERR invalid expire time, must be >= 0\r\n");
    EXPECT(a, "HEXPIRE h 5 FIELDS 0 c",
           "-ERR Parameter `numFields` should be greater than 0\r\n");
    EXPECT(a, "HEXPIRE h 5 FIELDS 2 c", "-ERR wrong number of arguments\r\n");
    EXPECT(a, "HEXPIRE h 5 WHAT FIELDS 1 c", "-ERR unknown argument: WHAT\r\n");
    EXPECT(a, "HEXPIRE h 99999999999999 FIELDS 1 c",
           "-ERR invalid expire time in 'hexpire' command\r\n");
    EXPECT(a, "HGETEX h PX 60000 FIELDS 2 a none", "*2\r\n$1\r\n1\r\n$-1\r\n");
    EXPECT(a, "HGETEX none FIELDS 2 a b", "*2\r\n$-1\r\n$-1\r\n");
    EXPECT(a, "HTTL h FIELDS 1 a", "*1\r\n:60\r\n");
    EXPECT(a, "HINCRBY h a 1\r\nHTTL h FIELDS 1 a", ":2\r\n*1\r\n:60\r\n");
    EXPECT(a, "HSET h a 1\r\nHTTL h FIELDS 1 a", ":0\r\n*1\r\n:-1\r\n");
    EXPECT(a, "HSETEX h EX 30 FIELDS 2 a x n y\r\nHTTL h FIELDS 2 a n",
           ":1\r\n*2\r\n:30\r\n:30\r\n");
    EXPECT(a, "HSETEX h KEEPTTL FIELDS 1 a z\r\nHTTL h FIELDS 1 a", ":1\r\n*1\r\n:30\r\n");
    EXPECT(a, "HSETEX h FNX FIELDS 2 a z new 1", ":0\r\n");
    EXPECT(a, "HSETEX h FXX FIELDS 1 a w", ":1\r\n");
    EXPECT(a, "HSETEX h FNX FXX FIELDS 1 a w",
           "-ERR Only one of FXX or FNX arguments can be specified\r\n");
    EXPECT(a, "HGETDEL h FIELDS 3 a n none", "*3\r\n$1\r\nw\r\n$1\r\ny\r\n$-1\r\n");
    EXPECT(a, "HGETEX h EXAT 1 FIELDS 1 b\r\nEXISTS h", "*1\r\n$1\r\n2\r\n:0\r\n");
    EXPECT(a, "HSETEX h EX 0 FIELDS 1 a x\r\nEXISTS h", ":1\r\n:0\r\n");
}

static void forward(struct redis *redis, int64_t ms)
{
    cache_lock(redis->cache);
    cache_set_now(redis->cache, cache_now_ms(redis->cache) + ms);
    cache_unlock(redis->cache);
}

/* The lookup of a hash removes its fields that are due, and the last one takes the key along. The
 * batch of a session reads the clock, so the keyspace is asked directly. */
static void test_fields_expire(void **state)
{
    const struct room *room = *state;
    const struct kith_str key = { "h", 1 };
    EXPECT(room->a, "HSET h a 1 b 2", ":2\r\n");
    EXPECT(room->a, "HPEXPIRE h 1000 FIELDS 1 a", "*1\r\n:1\r\n");
    EXPECT(room->a, "HPEXPIRE h 5000 FIELDS 1 b", "*1\r\n:1\r\n");
    struct cache *cache = room->redis->cache;
    forward(room->redis, 2000);
    cache_lock(cache);
    struct entry *entry = cache_read(cache, 0, key, 0);
    assert_non_null(entry);
    assert_int_equal(hash_count(entry_value(entry)), 1);
    cache_set_now(cache, cache_now_ms(cache) + 5000);
    assert_null(cache_read(cache, 0, key, 0));
    cache_unlock(cache);
}

/* ---- what is logged ---- */

struct taken {
    struct buffer text;
};

static void take_effects(void *ctx, const struct effect *effects, size_t count)
{
    struct taken *taken = ctx;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < effects[i].argc; j++) {
            buffer_printf(&taken->text, "%s%.*s", j ? " " : "", (int)effects[i].argv[j].len,
                          effects[i].argv[j].data);
        }
        buffer_put(&taken->text, "\n", 1);
    }
}

static void expect_logged(struct taken *taken, struct session *session, const char *sent,
                          const char *want)
{
    buffer_clear(&taken->text);
    (void)door_reply(session, sent);
    buffer_put_u8(&taken->text, 0);
    assert_string_equal((const char *)taken->text.data, want);
}

static void test_log(void **state)
{
    const struct room *room = *state;
    struct taken taken;
    buffer_init(&taken.text);
    room->redis->sink = (struct effect_sink){ take_effects, &taken };
    expect_logged(&taken, room->a, "SADD s 7", "SADD s 7\n");
    expect_logged(&taken, room->a, "SPOP s", "SREM s 7\n");
    expect_logged(&taken, room->a, "SPOP s", "");
    expect_logged(&taken, room->a, "RPUSH l a b", "RPUSH l a b\n");
    expect_logged(&taken, room->a, "BRPOP x l 0", "RPOP l\n");
    expect_logged(&taken, room->a, "BLMOVE l m LEFT RIGHT 0", "LMOVE l m LEFT RIGHT\n");
    expect_logged(&taken, room->a, "ZADD z 1 a 2 b", "ZADD z 1 a 2 b\n");
    expect_logged(&taken, room->a, "BZPOPMAX z 0", "ZPOPMAX z\n");
    expect_logged(&taken, room->a, "HINCRBYFLOAT h f 0.5", "HSET h f 0.5\n");
    expect_logged(&taken, room->a, "HPEXPIREAT h 9000000000000 FIELDS 2 f none",
                  "HPEXPIREAT h 9000000000000 FIELDS 1 f\n");
    expect_logged(&taken, room->a, "HINCRBYFLOAT h f 0.5", "HSETEX h KEEPTTL FIELDS 1 f 1\n");
    expect_logged(&taken, room->a, "HSETEX h FNX PXAT 9000000000000 FIELDS 1 g 1",
                  "HSETEX h PXAT 9000000000000 FIELDS 1 g 1\n");
    expect_logged(&taken, room->a, "HGETEX h PERSIST FIELDS 1 g", "HPERSIST h FIELDS 1 g\n");
    expect_logged(&taken, room->a, "HEXPIRE h 0 FIELDS 1 g", "HDEL h g\n");
    expect_logged(&taken, room->a, "HEXPIRE h 0 FIELDS 1 g", "");
    expect_logged(&taken, room->a, "LREM m 0 none", "");
    room->redis->sink = (struct effect_sink){ 0 };
    buffer_release(&taken.text);
}

/* ---- events ---- */

static void expect_events(struct room *room, const char *sent, const char *const *events)
{
    char want[1024];
    size_t len = 0;
    (void)door_reply(room->a, sent);
    for (; *events; events++) {
        len += (size_t)snprintf(want + len, sizeof want - len,
                                "*4\r\n$8\r\npmessage\r\n$15\r\n__keyspace@0__*\r\n$16\r\n"
                                "__keyspace@0__:k\r\n$%zu\r\n%s\r\n", strlen(*events), *events);
    }
    want[len] = 0;
    EXPECT_SENT(room->b, want);
}
#define EVENTS(room, sent, ...) \
    expect_events((room), (sent), (const char *const[]){ __VA_ARGS__, NULL })

static void test_events(void **state)
{
    struct room *room = *state;
    (void)door_reply(room->b, "PSUBSCRIBE __keyspace@0__*");
    EXPECT(room->a, "CONFIG SET notify-keyspace-events KA", "+OK\r\n");
    EVENTS(room, "LPUSH k a b c", "lpush");
    EVENTS(room, "LSET k 0 x", "lset");
    EVENTS(room, "LTRIM k 1 1", "ltrim");
    EVENTS(room, "RPOP k", "rpop", "del");
    EVENTS(room, "SADD k a", "sadd");
    EVENTS(room, "SADD k a\r\nSPOP k", "spop", "del");
    EVENTS(room, "ZADD k 1 a", "zadd");
    EVENTS(room, "ZINCRBY k 1 a", "zincr");
    EVENTS(room, "ZREMRANGEBYRANK k 0 -1", "zremrangebyrank", "del");
    EVENTS(room, "HSET k f 1", "hset");
    EVENTS(room, "HEXPIRE k 10 FIELDS 1 f", "hexpire");
    EVENTS(room, "HPERSIST k FIELDS 1 f", "hpersist");
    EVENTS(room, "HDEL k f", "hdel", "del");
}

static void test_sort(void **state)
{
    struct session *a = ((struct room *)*state)->a;
    EXPECT(a, "RPUSH l 3 1 2\r\nSET w_1 b\r\nSET w_2 a\r\nHSET o_3 f x",
           ":3\r\n+OK\r\n+OK\r\n:1\r\n");
    EXPECT(a, "SORT l BY w_* ALPHA", "*3\r\n$1\r\n3\r\n$1\r\n2\r\n$1\r\n1\r\n");
    EXPECT(a, "SORT l DESC GET o_*->f GET #",
           "*6\r\n$1\r\nx\r\n$1\r\n3\r\n$-1\r\n$1\r\n2\r\n$-1\r\n$1\r\n1\r\n");
    EXPECT(a, "SORT l BY nosort LIMIT 1 1", "*1\r\n$1\r\n1\r\n");
    EXPECT(a, "SORT l STORE d\r\nLRANGE d 0 -1",
           ":3\r\n*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n");
    EXPECT(a, "SORT_RO l STORE d", "-ERR syntax error\r\n");
    EXPECT(a, "RPUSH l x\r\nSORT l",
           ":4\r\n-ERR One or more scores can't be converted into double\r\n");
    EXPECT(a, "SORT none STORE d\r\nEXISTS d", ":0\r\n:0\r\n");
    EXPECT(a, "SORT o_3", WRONG);
}

/* A scan gives everything that was there all the time, while others come and go. */
static void test_scan_guarantee(void **state)
{
    struct session *a = ((struct room *)*state)->a;
    char line[128], seen[500] = { 0 };
    for (int i = 0; i < 500; i++) {
        (void)snprintf(line, sizeof line, "ZADD z %d keep:%d", i, i);
        (void)door_reply(a, line);
    }
    unsigned long long cursor = 0;
    int extra = 0;
    do {
        (void)snprintf(line, sizeof line, "ZSCAN z %llu COUNT 20", cursor);
        const char *reply = door_reply(a, line);
        cursor = strtoull(strstr(reply, "\r\n$") ? strstr(strstr(reply, "$") + 1, "\r\n") + 2 : "0",
                          NULL, 10);
        for (const char *at = reply; (at = strstr(at, "keep:")) != NULL; at++) {
            seen[strtol(at + 5, NULL, 10)] = 1;
        }
        for (int i = 0; i < 40; i++, extra++) {
            (void)snprintf(line, sizeof line, extra < 800 ? "ZADD z 1 x%d" : "ZREM z x%d",
                           extra % 800);
            (void)door_reply(a, line);
        }
    } while (cursor != 0);
    for (int i = 0; i < 500; i++) assert_int_equal(seen[i], 1);
}

/* ---- without memory ---- */

static const char *const script[] = {
    "RPUSH l 3 1 2 a b c d e f", "LINSERT l BEFORE 2 x", "LSET l 0 a-longer-text-than-was-there",
    "LMOVE l m LEFT RIGHT", "LMPOP 2 none l LEFT COUNT 2", "SORT l ALPHA STORE sorted",
    "SORT l BY w_* ALPHA GET # GET w_*", "SADD s 1 2 3", "SADD s a b c", "SADD t b c d",
    "SUNIONSTORE u s t", "SINTER s t", "SDIFFSTORE u s t", "SPOP s 2", "SRANDMEMBER t 2",
    "SMOVE s v c", "ZADD z 1 a 2 b 3 c", "ZADD z INCR 1 d", "ZUNIONSTORE y 2 z t WEIGHTS 2 3",
    "ZRANGESTORE x z 0 -1", "ZINTER 2 z t WITHSCORES", "ZPOPMIN z 2", "ZRANDMEMBER y 2",
    "HSET h a 1 b 2", "HEXPIRE h 100 FIELDS 2 a b", "HSETEX h EX 100 FIELDS 2 c 3 d 4",
    "HSETEX i EX 100 FIELDS 1 c 3", "HGETEX h PERSIST FIELDS 1 a", "HINCRBYFLOAT h a 1.5",
    "HRANDFIELD h 2", "HGETDEL h FIELDS 1 a", "HEXPIRE h 0 FIELDS 1 b", "HSCAN h 0", "HGETALL h",
};

static void run_script(struct redis *redis)
{
    struct session *session = session_open_local(redis);
    for (size_t i = 0; session && i < sizeof script / sizeof script[0]; i++) {
        struct buffer out;
        char line[128];
        const size_t len = (size_t)snprintf(line, sizeof line, "%s\r\n", script[i]);
        buffer_init(&out);
        const int rc = session_feed(session, line, len, &out);
        buffer_release(&out);
        if (rc != 0) break; /* the session itself had no memory and is closed */
    }
    session_close_local(session);
}

/* Any reply will do, as long as what is left can be read and removed. */
static void test_no_memory(void **state)
{
    const struct room *room = *state;
    for (const char *limit = "512"; limit; limit = strcmp(limit, "512") == 0 ? "1" : NULL) {
        struct cache_settings *limits = cache_settings(room->redis->cache);
        const size_t entries = strtoull(limit, NULL, 10);
        limits->pack_entries_hash = limits->pack_entries_set = limits->pack_entries_zset = entries;
        limits->intset_entries = entries;
        limits->list_pack_size = (int64_t)entries;
        bool fired = true;
        uint64_t nth = 1;
        for (; fired && nth < 20000; nth++) {
            alloc_fault_arm(nth, false);
            run_script(room->redis);
            fired = alloc_fault_count() >= nth;
            alloc_fault_disarm();
            (void)door_reply(room->a, "LRANGE l 0 -1");
            (void)door_reply(room->a, "ZRANGE z 0 -1 WITHSCORES");
            (void)door_reply(room->a, "HGETALL h");
            EXPECT(room->a, "FLUSHALL", "+OK\r\n");
        }
        assert_false(fired);
        assert_true(nth > 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lists, setup, teardown),
        cmocka_unit_test_setup_teardown(test_waiting, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_zsets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hashes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_field_deadlines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fields_expire, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log, setup, teardown),
        cmocka_unit_test_setup_teardown(test_events, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sort, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scan_guarantee, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
