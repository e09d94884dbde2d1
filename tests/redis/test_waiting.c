/*
 * What sessions do to each other: transactions and WATCH, commands that wait, invalidations,
 * notifications, MONITOR. Two or three local sessions, bytes compared.
 */
#include "os/stopped_clock.h"
#include "redis/door.h"

struct room {
    struct stopped_clock clock;
    struct redis *redis;
    struct session *a, *b, *c;
};

static int setup(void **state)
{
    static struct room room;
    stopped_clock_init(&room.clock);
    room.redis = door_open_on(&room.clock.os, NULL, 0);
    room.a = session_open_local(room.redis);
    room.b = session_open_local(room.redis);
    room.c = session_open_local(room.redis);
    *state = &room;
    return 0;
}

static int teardown(void **state)
{
    struct room *room = *state;
    session_close_local(room->a);
    session_close_local(room->b);
    session_close_local(room->c);
    redis_free(room->redis);
    return 0;
}

static void test_multi(void **state)
{
    struct room *room = *state;
    EXPECT(room->a, "EXEC", "-ERR EXEC without MULTI\r\n");
    EXPECT(room->a, "DISCARD", "-ERR DISCARD without MULTI\r\n");
    EXPECT(room->a, "MULTI", "+OK\r\n");
    EXPECT(room->a, "MULTI", "-ERR MULTI calls can not be nested\r\n");
    EXPECT(room->a, "WATCH k", "-ERR WATCH inside MULTI is not allowed\r\n");
    EXPECT(room->a, "SET k 1", "+QUEUED\r\n");
    EXPECT(room->b, "GET k", "$-1\r\n");
    EXPECT(room->a, "LPUSH k x", "+QUEUED\r\n");
    EXPECT(room->a, "INCR k", "+QUEUED\r\n");
    EXPECT(room->a, "EXEC", "*3\r\n+OK\r\n-WRONGTYPE Operation against a key holding the wrong "
                            "kind of value\r\n:2\r\n");
    EXPECT(room->a, "MULTI\r\nNOPE", "+OK\r\n-ERR unknown command 'NOPE', with args beginning "
                                     "with: \r\n");
    EXPECT(room->a, "SET k 3\r\nEXEC",
           "+QUEUED\r\n-EXECABORT Transaction discarded because of previous errors.\r\n");
    EXPECT(room->a, "MULTI\r\nSHUTDOWN", "+OK\r\n-ERR Command not allowed inside a "
                                         "transaction\r\n");
    EXPECT(room->a, "DISCARD", "+OK\r\n");
    EXPECT(room->a, "GET k", "$1\r\n2\r\n");
    EXPECT(room->a, "MULTI\r\nEXEC", "+OK\r\n*0\r\n");
    EXPECT(room->a, "MULTI\r\nSET k 9\r\nEXEC now",
           "+OK\r\n+QUEUED\r\n-EXECABORT Transaction discarded because of: wrong number of arguments "
           "for 'exec' command\r\n");
    EXPECT(room->a, "EXEC\r\nGET k", "-ERR EXEC without MULTI\r\n$1\r\n2\r\n");
    EXPECT(room->a, "MULTI\r\nSUBSCRIBE c\r\nEXEC",
           "+OK\r\n+QUEUED\r\n*1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    EXPECT(room->a, "EXEC", "-EXECABORT Transaction discarded because of: Can't execute 'exec': only "
                            "(P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in "
                            "this context\r\n");
    EXPECT(room->a, "UNSUBSCRIBE c", "*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n");
    /* One that would wait answers as when its time is over. */
    EXPECT(room->a, "MULTI\r\nBLPOP none 0\r\nEXEC", "+OK\r\n+QUEUED\r\n*1\r\n*-1\r\n");
}

static void test_watch(void **state)
{
    struct room *room = *state;
    EXPECT(room->a, "WATCH k\r\nMULTI\r\nPING", "+OK\r\n+OK\r\n+QUEUED\r\n");
    EXPECT(room->b, "SET k 1", "+OK\r\n");
    EXPECT(room->a, "EXEC", "*-1\r\n");
    EXPECT(room->a, "MULTI\r\nPING\r\nEXEC", "+OK\r\n+QUEUED\r\n*1\r\n+PONG\r\n");
    /* What changes nothing does not count. */
    EXPECT(room->a, "WATCH none\r\nMULTI", "+OK\r\n+OK\r\n");
    EXPECT(room->b, "DEL none", ":0\r\n");
    EXPECT(room->a, "EXEC", "*0\r\n");
    EXPECT(room->a, "WATCH k\r\nUNWATCH\r\nMULTI", "+OK\r\n+OK\r\n+OK\r\n");
    EXPECT(room->b, "SET k 2", "+OK\r\n");
    EXPECT(room->a, "EXEC", "*0\r\n");
    /* Flushed, swapped, expired. */
    EXPECT(room->a, "WATCH k\r\nMULTI", "+OK\r\n+OK\r\n");
    EXPECT(room->b, "FLUSHALL", "+OK\r\n");
    EXPECT(room->a, "EXEC", "*-1\r\n");
    EXPECT(room->a, "WATCH k\r\nMULTI", "+OK\r\n+OK\r\n");
    EXPECT(room->b, "FLUSHALL", "+OK\r\n");
    EXPECT(room->a, "EXEC", "*0\r\n");
    EXPECT(room->b, "SELECT 1\r\nSET k 9\r\nSELECT 0", "+OK\r\n+OK\r\n+OK\r\n");
    EXPECT(room->a, "WATCH k\r\nMULTI", "+OK\r\n+OK\r\n");
    EXPECT(room->b, "SWAPDB 0 1", "+OK\r\n");
    EXPECT(room->a, "EXEC", "*-1\r\n");
    EXPECT(room->b, "SET soon 1 PX 200", "+OK\r\n");
    EXPECT(room->a, "WATCH soon\r\nMULTI", "+OK\r\n+OK\r\n");
    stopped_clock_pass_ms(&room->clock, 201);
    EXPECT(room->a, "EXEC", "*-1\r\n");
}

static void test_blocking(void **state)
{
    struct room *room = *state;
    EXPECT(room->a, "BLPOP l m 0", "");
    EXPECT(room->b, "BRPOP l 0", "");
    EXPECT_HAS(room->c, "INFO clients", "blocked_clients:2\r\n");
    EXPECT(room->c, "SET l 1", "+OK\r\n"); /* another type wakes nobody */
    EXPECT_SENT(room->a, "");
    EXPECT(room->c, "DEL l", ":1\r\n");
    EXPECT(room->c, "RPUSH l 1 2 3", ":3\r\n");
    EXPECT_SENT(room->a, "*2\r\n$1\r\nl\r\n$1\r\n1\r\n");
    EXPECT_SENT(room->b, "*2\r\n$1\r\nl\r\n$1\r\n3\r\n");
    EXPECT(room->c, "LLEN l", ":1\r\n");
    EXPECT(room->a, "BLPOP none 0.01", "");
    stopped_clock_pass_ms(&room->clock, 11);
    EXPECT_SENT(room->a, "*-1\r\n");
    EXPECT(room->a, "BLPOP none 0", "");
    EXPECT(room->a, "PING", ""); /* waits its turn */
    const char *list = door_reply(room->c, "CLIENT UNBLOCK 1 ERROR");
    assert_string_equal(list, ":1\r\n");
    EXPECT_SENT(room->a, "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n+PONG\r\n");
    EXPECT(room->c, "CLIENT UNBLOCK 1", ":0\r\n");
    /* A transaction is one change: both elements are there when the waiting one is served. */
    EXPECT(room->a, "BRPOP t 0", "");
    EXPECT(room->c, "MULTI\r\nLPUSH t x\r\nLPUSH t y\r\nEXEC",
           "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:2\r\n");
    EXPECT_SENT(room->a, "*2\r\n$1\r\nt\r\n$1\r\nx\r\n");
    EXPECT(room->a, "BLPOP gone 0", "");
    session_close_local(room->a); /* while it waits */
    EXPECT(room->c, "RPUSH gone x", ":1\r\n");
    room->a = session_open_local(room->redis);
    EXPECT(room->a, "LLEN gone", ":1\r\n");
}

static void test_tracking(void **state)
{
    struct room *room = *state;
    EXPECT(room->b, "SET k 1", "+OK\r\n");
    EXPECT_HAS(room->a, "HELLO 3", "%7");
    EXPECT(room->a, "CLIENT TRACKING on", "+OK\r\n");
    EXPECT(room->a, "GET k", "$1\r\n1\r\n");
    EXPECT(room->b, "SET k 2", "+OK\r\n");
    EXPECT_SENT(room->a, ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
    EXPECT(room->b, "SET k 3", "+OK\r\n");
    EXPECT_SENT(room->a, ""); /* told once */
    EXPECT(room->a, "GET k", "$1\r\n3\r\n");
    EXPECT(room->a, "SET k 4", "+OK\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
    EXPECT(room->b, "FLUSHALL", "+OK\r\n");
    EXPECT_SENT(room->a, ">2\r\n$10\r\ninvalidate\r\n_\r\n");
    EXPECT(room->a, "CLIENT TRACKING on optin optout",
           "-ERR You can't specify both OPTIN mode and OPTOUT mode\r\n");
    EXPECT(room->a, "CLIENT CACHING yes",
           "-ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.\r\n");
    /* said again: what was read before is remembered */
    EXPECT(room->a, "GET k\r\nCLIENT TRACKING on noloop", "_\r\n+OK\r\n");
    EXPECT(room->b, "SET k 5", "+OK\r\n");
    EXPECT_SENT(room->a, ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
    EXPECT(room->a, "CLIENT TRACKING off\r\nCLIENT CACHING yes",
           "+OK\r\n-ERR CLIENT CACHING can be called only when the client is in tracking mode with "
           "OPTIN or OPTOUT mode enabled\r\n");
    /* prefixes add up */
    EXPECT(room->a, "CLIENT TRACKING on bcast prefix t:", "+OK\r\n");
    EXPECT(room->a, "CLIENT TRACKING on bcast prefix t:x",
           "-ERR Prefix 't:x' overlaps with an existing prefix 't:'. Prefixes for a single client "
           "must not overlap.\r\n");
    EXPECT(room->a, "CLIENT TRACKING on bcast prefix u:", "+OK\r\n");
    EXPECT_HAS(room->a, "CLIENT TRACKINGINFO", "$8\r\nprefixes\r\n*2\r\n");
    EXPECT(room->b, "SET t:1 x", "+OK\r\n");
    EXPECT_SENT(room->a, ">2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nt:1\r\n");
    EXPECT(room->b, "SET u:1 x\r\nSET v:1 x", "+OK\r\n+OK\r\n");
    EXPECT_SENT(room->a, ">2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nu:1\r\n");
    EXPECT(room->a, "CLIENT TRACKING off\r\nCLIENT TRACKING on optin", "+OK\r\n+OK\r\n");
    EXPECT(room->a, "GET u:1\r\nCLIENT CACHING yes\r\nGET v:1\r\nGET u:1",
           "$1\r\nx\r\n+OK\r\n$1\r\nx\r\n$1\r\nx\r\n");
    EXPECT(room->b, "DEL u:1 v:1", ":2\r\n");
    EXPECT_SENT(room->a, ">2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nv:1\r\n");
    /* RESP2: by a second connection. */
    EXPECT(room->c, "SUBSCRIBE __redis__:invalidate",
           "*3\r\n$9\r\nsubscribe\r\n$20\r\n__redis__:invalidate\r\n:1\r\n");
    EXPECT(room->b, "CLIENT TRACKING on REDIRECT 3", "+OK\r\n");
    EXPECT(room->b, "CLIENT GETREDIR", ":3\r\n");
    EXPECT(room->b, "SET r 1\r\nGET r\r\nSET r 2", "+OK\r\n$1\r\n1\r\n+OK\r\n");
    EXPECT_SENT(room->c, "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\nr\r\n");
    EXPECT(room->b, "CLIENT TRACKING on REDIRECT 99",
           "-ERR The client ID you want redirect to does not exist\r\n");
}

static void test_notifications(void **state)
{
    struct room *room = *state;
    EXPECT(room->b, "CONFIG SET notify-keyspace-events KEA", "+OK\r\n");
    EXPECT(room->b, "CONFIG GET notify-keyspace-events",
           "*2\r\n$22\r\nnotify-keyspace-events\r\n$3\r\nAKE\r\n");
    EXPECT(room->a, "PSUBSCRIBE __keyevent@0__:*",
           "*3\r\n$10\r\npsubscribe\r\n$16\r\n__keyevent@0__:*\r\n:1\r\n");
#define EVENT(len, name, klen, key)                                                                \
    "*4\r\n$8\r\npmessage\r\n$16\r\n__keyevent@0__:*\r\n$" len "\r\n__keyevent@0__:" name          \
    "\r\n$" klen "\r\n" key "\r\n"
    EXPECT(room->b, "SET k 1 EX 100", "+OK\r\n");
    EXPECT_SENT(room->a, EVENT("18", "set", "1", "k") EVENT("21", "expire", "1", "k"));
    EXPECT(room->b, "RPUSH l x", ":1\r\n");
    EXPECT_SENT(room->a, EVENT("20", "rpush", "1", "l"));
    EXPECT(room->b, "LPOP l", "$1\r\nx\r\n");
    EXPECT_SENT(room->a, EVENT("19", "lpop", "1", "l") EVENT("18", "del", "1", "l"));
    EXPECT(room->b, "DEL none", ":0\r\n");
    EXPECT_SENT(room->a, "");
    EXPECT(room->b, "SET e 1 PX 1", "+OK\r\n");
    stopped_clock_pass_ms(&room->clock, 2);
    EXPECT(room->b, "GET e", "$-1\r\n");
    EXPECT_SENT(room->a, EVENT("18", "set", "1", "e") EVENT("21", "expire", "1", "e")
                             EVENT("22", "expired", "1", "e"));
    EXPECT(room->b, "CONFIG SET notify-keyspace-events q",
           "-ERR CONFIG SET failed (possibly related to argument 'notify-keyspace-events') - "
           "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.\r\n");
}

static void test_replies_held_back(void **state)
{
    struct room *room = *state;
    EXPECT(room->a, "CLIENT REPLY SKIP\r\nPING\r\nPING", "+PONG\r\n");
    EXPECT(room->a, "CLIENT REPLY OFF\r\nPING\r\nNOPE\r\nCLIENT REPLY ON", "+OK\r\n");
    EXPECT(room->a, "MONITOR", "+OK\r\n");
    EXPECT(room->b, "ECHO \"a\\n\"", "$2\r\na\n\r\n");
    EXPECT_HAS(room->a, "", "\"ECHO\" \"a\\n\"\r\n");
    EXPECT(room->a, "RESET", "+RESET\r\n");
    EXPECT(room->b, "ECHO x", "$1\r\nx\r\n");
    EXPECT_SENT(room->a, "");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_multi),         TEST(test_watch),
        TEST(test_blocking),      TEST(test_tracking),
        TEST(test_notifications), TEST(test_replies_held_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
