/*
 * The way of a command through the door: connection commands, the texts of refusals, transactions,
 * channels, blocking, users. In process, both protocols, bytes compared.
 */
#include "redis/door.h"

static void test_connection(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *session = session_open_local(redis);
    EXPECT(session, "PING", "+PONG\r\n");
    EXPECT(session, "ping hello", "$5\r\nhello\r\n");
    EXPECT(session, "*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n", "$2\r\nhi\r\n");
    EXPECT(session, "*2\r\n$4\r\nECHO\r\n", "");
    EXPECT(session, "$2\r\nhi\r\n*1\r\n$4\r\nPING\r\n", "$2\r\nhi\r\n+PONG\r\n");
    EXPECT(session, "SELECT 16", "-ERR DB index is out of range\r\n");
    EXPECT(session, "SELECT 15", "+OK\r\n");
    EXPECT(session, "select x", "-ERR value is not an integer or out of range\r\n");
    EXPECT(session, "*0\r\n\r\n", "");
    EXPECT(session, "HELLO 4", "-NOPROTO unsupported protocol version\r\n");
    EXPECT(session, "HELLO 3 SETNAME", "-ERR Syntax error in HELLO option 'SETNAME'\r\n");
    EXPECT(session, "HELLO x", "-ERR Protocol version is not an integer or out of range\r\n");
    EXPECT_HAS(session, "HELLO 3", "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n");
    session_close_local(session);
    redis_free(redis);
}

static void test_refusals(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *session = session_open_local(redis);
    EXPECT(session, "FOO bar baz",
           "-ERR unknown command 'FOO', with args beginning with: 'bar' 'baz' \r\n");
    EXPECT(session, "echo", "-ERR wrong number of arguments for 'echo' command\r\n");
    EXPECT(session, "PUBSUB", "-ERR wrong number of arguments for 'pubsub' command\r\n");
    EXPECT(session, "PUBSUB nix", "-ERR unknown subcommand 'nix'. Try PUBSUB HELP.\r\n");
    EXPECT(session, "ACL whoami x", "-ERR wrong number of arguments for 'acl|whoami' command\r\n");
    EXPECT(session, "*1\r\n:3\r\n", "-ERR Protocol error: expected '$', got ':'\r\n");
    session_close_local(session);
    redis_free(redis);
}

static void test_channels(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *a = session_open_local(redis), *b = session_open_local(redis);
    EXPECT(a, "SUBSCRIBE news", "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    EXPECT(a, "PSUBSCRIBE n*", "*3\r\n$10\r\npsubscribe\r\n$2\r\nn*\r\n:2\r\n");
    EXPECT(a, "ECHO x",
           "-ERR Can't execute 'echo': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / "
           "RESET are allowed in this context\r\n");
    EXPECT(a, "PING", "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    EXPECT(b, "PUBLISH news hi", ":2\r\n");
    EXPECT_SENT(a, "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n"
                   "*4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$2\r\nhi\r\n");
    EXPECT(b, "PUBSUB NUMSUB news x", "*4\r\n$4\r\nnews\r\n:1\r\n$1\r\nx\r\n:0\r\n");
    EXPECT(b, "PUBSUB NUMPAT", ":1\r\n");
    EXPECT(a, "UNSUBSCRIBE", "*3\r\n$11\r\nunsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    EXPECT(a, "PUNSUBSCRIBE", "*3\r\n$12\r\npunsubscribe\r\n$2\r\nn*\r\n:0\r\n");
    EXPECT(a, "UNSUBSCRIBE", "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n");
    EXPECT(b, "SSUBSCRIBE s", "*3\r\n$10\r\nssubscribe\r\n$1\r\ns\r\n:1\r\n");
    EXPECT(a, "SPUBLISH s x", ":1\r\n");
    EXPECT_SENT(b, "*3\r\n$8\r\nsmessage\r\n$1\r\ns\r\n$1\r\nx\r\n");
    /* One's own message comes behind the reply, as a push. */
    EXPECT_HAS(a, "HELLO 3", "%7");
    EXPECT(a, "SUBSCRIBE me", ">3\r\n$9\r\nsubscribe\r\n$2\r\nme\r\n:1\r\n");
    EXPECT(a, "PUBLISH me x", ":1\r\n>3\r\n$7\r\nmessage\r\n$2\r\nme\r\n$1\r\nx\r\n");
    session_close_local(a);
    session_close_local(b);
    redis_free(redis);
}

static void test_users(void **state)
{
    (void)state;
    static const char *const directives[] = {"requirepass secret",
                                             "user bob on >pw ~b* &* -@all +echo +acl|whoami"};
    struct redis *redis = door_open_with(directives, 2);
    struct session *session = session_open_local(redis);
    EXPECT(session, "RESET", "+RESET\r\n");
    EXPECT(session, "ECHO x", "-NOAUTH Authentication required.\r\n");
    EXPECT(session, "AUTH wrong",
           "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    EXPECT(session, "AUTH bob pw", "+OK\r\n");
    EXPECT(session, "ACL WHOAMI", "$3\r\nbob\r\n");
    EXPECT(session, "ECHO x", "$1\r\nx\r\n");
    EXPECT(session, "ACL LIST",
           "-NOPERM User bob has no permissions to run the 'acl|list' command\r\n");
    EXPECT(session, "AUTH secret", "+OK\r\n");
    EXPECT(session, "ACL SETUSER al on #5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d"
                    "1542d8 ~k* &c* +@read +ping -get", "+OK\r\n");
    EXPECT_HAS(session, "ACL LIST",
               "user al on sanitize-payload #5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef"
               "721d1542d8 ~k* resetchannels &c* -@all +@read +ping -get\r\n");
    EXPECT(session, "AUTH al password", "+OK\r\n");
    EXPECT(session, "AUTH secret", "+OK\r\n");
    EXPECT(session, "ACL SETUSER al >", "+OK\r\n");
    EXPECT(session, "ACL SETUSER al foo",
           "-ERR Error in ACL SETUSER modifier 'foo': Syntax error\r\n");
    EXPECT(session, "ACL SETUSER al +nope",
           "-ERR Error in ACL SETUSER modifier '+nope': Unknown command or category name in "
           "ACL\r\n");
    EXPECT(session, "ACL SETUSER al <zz",
           "-ERR Error in ACL SETUSER modifier '<zz': The password you are trying to remove from "
           "the user does not exist\r\n");
    EXPECT(session, "ACL DELUSER default", "-ERR The 'default' user cannot be removed\r\n");
    EXPECT(session, "ACL DRYRUN al ping", "+OK\r\n");
    EXPECT(session, "ACL DRYRUN nobody ping", "-ERR User 'nobody' not found\r\n");
    EXPECT_HAS(session, "ACL DRYRUN al echo x", "has no permissions to run the 'echo' command");
    EXPECT(session, "ACL DELUSER al nobody", ":1\r\n");
    EXPECT(session, "ACL GETUSER al", "$-1\r\n");
    EXPECT(session, "ACL CAT nix", "-ERR Unknown category 'nix'\r\n");
    EXPECT_HAS(session, "ACL SETUSER sel on nopass -@all (+ping ~x)", "+OK");
    EXPECT(session, "ACL DRYRUN sel ping", "+OK\r\n");
    session_close_local(session);
    redis_free(redis);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connection),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_channels),
        cmocka_unit_test(test_users),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
