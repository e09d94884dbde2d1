/*
 * CONFIG, CLIENT, COMMAND, INFO, SLOWLOG, MEMORY and the small commands of a server.
 */
#include "redis/door.h"

#include <stdlib.h>

#include "redis/session.h"

static int setup(void **state)
{
    static const char *const directives[] = {"rename-command ECHO say", "save 900 1",
                                             "save 60 10", "enable-debug-command yes",
                                             "nonsense 1"};
    static struct session *session;
    session = session_open_local(door_open_with(directives, 5));
    *state = session;
    return 0;
}

static int teardown(void **state)
{
    struct session *session = *state;
    struct redis *redis = session->redis;
    session_close_local(session);
    redis_free(redis);
    return 0;
}

static void test_config(void **state)
{
    struct session *s = *state;
    EXPECT(s, "CONFIG GET save", "*2\r\n$4\r\nsave\r\n$11\r\n900 1 60 10\r\n");
    EXPECT(s, "CONFIG GET nix", "*0\r\n");
    EXPECT(s, "CONFIG GET maxmemory port MAXMEMORY",
           "*4\r\n$4\r\nport\r\n$4\r\n6379\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n");
    EXPECT(s, "CONFIG SET maxmemory 64mb hash-max-ziplist-entries 7", "+OK\r\n");
    EXPECT(s, "CONFIG GET hash-max-*-entries",
           "*4\r\n$25\r\nhash-max-listpack-entries\r\n$1\r\n7\r\n"
           "$24\r\nhash-max-ziplist-entries\r\n$1\r\n7\r\n");
    EXPECT(s, "CONFIG GET client-output-buffer-limit",
           "*2\r\n$26\r\nclient-output-buffer-limit\r\n$67\r\nnormal 0 0 0 slave 268435456 "
           "67108864 60 pubsub 33554432 8388608 60\r\n");
}

static void test_config_errors(void **state)
{
    struct session *s = *state;
#define FAILED(name, why)                                                                          \
    "-ERR CONFIG SET failed (possibly related to argument '" name "') - " why "\r\n"
    EXPECT(s, "CONFIG SET nix 1",
           "-ERR Unknown option or number of arguments for CONFIG SET - 'nix'\r\n");
    EXPECT(s, "CONFIG SET maxmemory x", FAILED("maxmemory", "argument must be a memory value"));
    EXPECT(s, "CONFIG SET hz -1",
           FAILED("hz", "argument must be between 0 and 2147483647 inclusive"));
    EXPECT(s, "CONFIG SET latency-tracking-info-percentiles \"50 101\"",
           FAILED("latency-tracking-info-percentiles",
                  "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"));
    EXPECT(s, "CONFIG SET latency-tracking-info-percentiles x",
           FAILED("latency-tracking-info-percentiles",
                  "Invalid latency-tracking-info-percentiles parameters"));
    EXPECT(s, "CONFIG SET hz x", FAILED("hz", "argument couldn't be parsed into an integer"));
    EXPECT(s, "CONFIG SET protected-mode maybe",
           FAILED("protected-mode", "argument must be 'yes' or 'no'"));
    EXPECT(s, "CONFIG SET appendfsync maybe",
           FAILED("appendfsync",
                  "argument(s) must be one of the following: everysec, always, no"));
    EXPECT(s, "CONFIG SET databases 3", FAILED("databases", "can't set immutable config"));
    EXPECT(s, "CONFIG SET hz 10 hz 11", FAILED("hz", "duplicate parameter"));
    EXPECT(s, "CONFIG SET save \"1 x\"", FAILED("save", "Invalid save parameters"));
    EXPECT(s, "CONFIG SET client-output-buffer-limit \"normal 1 1\"",
           FAILED("client-output-buffer-limit",
                  "Wrong number of arguments in buffer limit configuration."));
    /* All or nothing. */
    EXPECT(s, "CONFIG SET timeout 5 maxclients 0",
           FAILED("maxclients", "argument must be between 1 and 4294967295 inclusive"));
    EXPECT(s, "CONFIG GET timeout", "*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n");
    EXPECT(s, "CONFIG REWRITE", "-ERR The server is running without a config file\r\n");
    EXPECT(s, "CONFIG RESETSTAT", "+OK\r\n");
}

static void test_clients(void **state)
{
    struct session *s = *state;
    EXPECT(s, "CLIENT ID", ":1\r\n");
    EXPECT(s, "CLIENT GETNAME", "$-1\r\n");
    EXPECT(s, "CLIENT SETNAME \"a b\"",
           "-ERR Client names cannot contain spaces, newlines or special characters.\r\n");
    EXPECT(s, "CLIENT SETNAME me\r\nCLIENT GETNAME", "+OK\r\n$2\r\nme\r\n");
    EXPECT(s, "CLIENT SETINFO LIB-NAME x\r\nCLIENT SETINFO lib-ver 1", "+OK\r\n+OK\r\n");
    EXPECT(s, "CLIENT SETINFO nix 1", "-ERR Unrecognized option 'nix'\r\n");
    EXPECT(s, "CLIENT SETINFO lib-name \"a b\"",
           "-ERR lib-name cannot contain spaces, newlines or special characters.\r\n");
    EXPECT_HAS(s, "CLIENT INFO", "cmd=client|info user=default redir=-1 resp=2 lib-name=x lib-ver=1");
    EXPECT(s, "CLIENT LIST TYPE nix", "-ERR Unknown client type 'nix'\r\n");
    EXPECT(s, "CLIENT KILL 1.2.3.4:5", "-ERR No such client\r\n");
    EXPECT(s, "CLIENT KILL ID 99", ":0\r\n");
    EXPECT(s, "CLIENT PAUSE -1", "-ERR timeout is negative\r\n");
    EXPECT(s, "CLIENT PAUSE x", "-ERR timeout is not an integer or out of range\r\n");
    EXPECT(s, "CLIENT MAINT_NOTIFICATIONS ON",
           "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.\r\n");
    EXPECT_HAS(s, "CLIENT TRACKINGINFO", "*6\r\n$5\r\nflags\r\n*1\r\n$3\r\noff\r\n");
}

static void test_commands(void **state)
{
    struct session *s = *state;
    EXPECT_HAS(s, "ECHO x", "-ERR unknown command 'ECHO'");
    EXPECT(s, "say x", "$1\r\nx\r\n");
    EXPECT(s, "COMMAND INFO nix", "*1\r\n$-1\r\n");
    EXPECT_HAS(s, "COMMAND INFO get", "*1\r\n*10\r\n$3\r\nget\r\n:2\r\n");
    EXPECT(s, "COMMAND GETKEYS SET a b", "*1\r\n$1\r\na\r\n");
    EXPECT(s, "COMMAND GETKEYS MSET a b c d", "*2\r\n$1\r\na\r\n$1\r\nc\r\n");
    EXPECT(s, "COMMAND GETKEYS PING", "-ERR The command has no key arguments\r\n");
    EXPECT(s, "COMMAND GETKEYS NOPE", "-ERR Invalid command specified\r\n");
    EXPECT(s, "COMMAND LIST FILTERBY PATTERN psubs*", "*1\r\n$10\r\npsubscribe\r\n");
    EXPECT_HAS(s, "COMMAND DOCS get", "*2\r\n$3\r\nget\r\n*8\r\n");
}

/* TIME tells microseconds: not all of a hundred are whole milliseconds. */
static void test_microseconds(void **state)
{
    struct session *s = *state;
    size_t whole = 0;
    for (size_t i = 0; i < 100; i++) {
        const char *text = door_reply(s, "TIME"), *last = strstr(text, "\r\n$");
        last = last ? strstr(last + 3, "\r\n$") : NULL;
        last = last ? strstr(last + 3, "\r\n") : NULL;
        assert_non_null(last);
        whole += strtol(last + 2, NULL, 10) % 1000 == 0;
    }
    assert_true(whole < 50);
}

static void test_server(void **state)
{
    struct session *s = *state;
    EXPECT(s, "INFO nix", "$0\r\n\r\n");
    EXPECT_HAS(s, "INFO", "# Server\r\nredis_version:7.4.0\r\n");
    EXPECT_HAS(s, "INFO replication", "role:master\r\n");
    EXPECT_HAS(s, "INFO persistence", "loading:0\r\n");
    EXPECT_HAS(s, "SET k 1\r\nINFO keyspace", "db0:keys=1,expires=0,avg_ttl=0,subexpiry=0\r\n");
    EXPECT_HAS(s, "NOPE\r\nINFO errorstats", "errorstat_ERR:count=1\r\n");
    EXPECT_HAS(s, "INFO commandstats", "cmdstat_set:calls=1,usec=");
    EXPECT_HAS(s, "INFO latencystats", "latency_percentiles_usec_set:p50=");
    EXPECT(s, "CONFIG SET latency-tracking-info-percentiles \"7.5 100\" hz 0", "+OK\r\n");
    EXPECT_HAS(s, "INFO latencystats", "latency_percentiles_usec_set:p7.5=");
    EXPECT_HAS(s, "INFO latencystats", ",p100=");
    EXPECT_HAS(s, "INFO server", "\r\nhz:1\r\nconfigured_hz:0\r\n");
    EXPECT(s, "ROLE", "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
    EXPECT(s, "WAIT 0 0", ":0\r\n");
    EXPECT(s, "CLUSTER INFO", "-ERR This instance has cluster support disabled\r\n");
    EXPECT(s, "SCRIPT EXISTS a b", "*2\r\n:0\r\n:0\r\n");
    EXPECT(s, "SCRIPT KILL", "-NOTBUSY No scripts in execution right now.\r\n");
    EXPECT(s, "FUNCTION FLUSH\r\nFUNCTION LIST", "+OK\r\n*0\r\n");
    EXPECT(s, "FAILOVER", "-ERR FAILOVER requires connected replicas.\r\n");
    EXPECT(s, "MEMORY USAGE none", "$-1\r\n");
    EXPECT_HAS(s, "MEMORY USAGE k", ":");
    EXPECT(s, "SHUTDOWN nix", "-ERR syntax error\r\n");
    EXPECT(s, "DEBUG PROTOCOL map", "*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n");
    EXPECT_HAS(s, "LATENCY HISTOGRAM set", "$5\r\ncalls\r\n:1\r\n");
    EXPECT_HAS(s, "MODULE LIST", "$9\r\nvectorset\r\n");
}

static void test_slowlog(void **state)
{
    struct session *s = *state;
    EXPECT(s, "CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 2", "+OK\r\n");
    EXPECT(s, "SLOWLOG RESET", "+OK\r\n");
    EXPECT(s, "PING\r\nCONFIG SET requirepass hush", "+PONG\r\n+OK\r\n");
    EXPECT(s, "SLOWLOG LEN", ":2\r\n");
    EXPECT_HAS(s, "SLOWLOG GET 2", "$10\r\n(redacted)\r\n");
    EXPECT(s, "SLOWLOG GET -2", "-ERR count should be greater than or equal to -1\r\n");
    EXPECT(s, "CONFIG SET slowlog-log-slower-than -1", "+OK\r\n");
    EXPECT(s, "SLOWLOG RESET\r\nPING\r\nSLOWLOG GET", "+OK\r\n+PONG\r\n*0\r\n");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_config),   TEST(test_config_errors), TEST(test_clients),
        TEST(test_commands), TEST(test_microseconds), TEST(test_server),
        TEST(test_slowlog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
