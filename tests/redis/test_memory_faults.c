/*
 * Out of memory at every place: the door is opened with the n-th allocation failing, for every n;
 * then a transcript is run so. A door that opened works, a session may be lost but never the door,
 * and nothing leaks (the sanitizers say).
 */
#include "base/alloc.h"
#include "redis/door.h"

static const char *const directives[] = {"requirepass \"\"", "user bob on >pw ~* &* +@all",
                                         "rename-command ECHO say"};

static int open_door(struct redis **out)
{
    struct kith_error err = {0};
    const struct redis_opts opts = {
        .os = os_real(), .directives = directives, .directive_count = 3, .workers = 1};
    return redis_new(&opts, out, &err);
}

static void test_opening(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct redis *redis = NULL;
        alloc_fault_arm(n, false);
        const int rc = open_door(&redis);
        const bool reached = alloc_fault_count() >= n;
        alloc_fault_disarm();
        if (rc == 0) redis_free(redis);
        else assert_true(rc == KITH_ENOMEM || rc == KITH_EINVAL); /* a value there is no room for */
        if (!reached) {
            assert_int_equal(rc, 0);
            assert_true(n > 20);
            return;
        }
    }
}

static const char transcript[] =
    "CLIENT SETNAME me\r\nSET k v EX 100\r\nMULTI\r\nINCR n\r\nPING\r\nEXEC\r\n"
    "WATCH k\r\nSET k w\r\nMULTI\r\nEXEC\r\nSUBSCRIBE c d\r\nUNSUBSCRIBE\r\nPSUBSCRIBE x*\r\n"
    "RESET\r\nACL SETUSER al on >pw ~k* (+get ~a)\r\nACL GETUSER al\r\nACL LIST\r\nAUTH al no\r\n"
    "ACL LOG\r\nCONFIG SET maxmemory 100mb notify-keyspace-events KEA\r\nCONFIG GET *\r\n"
    "INFO everything\r\nCOMMAND DOCS get\r\nCLIENT LIST\r\nSLOWLOG GET\r\nHELLO 3\r\n"
    "CLIENT TRACKING on bcast prefix a prefix b\r\nSET a 1\r\nCLIENT TRACKING off\r\n"
    "CLIENT TRACKING on\r\nGET a\r\nSET a 2\r\nFLUSHALL\r\n"
    "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\nabc\r\nBLPOP l m 0\r\n";

static void run_transcript(struct redis *redis)
{
    struct buffer out;
    buffer_init(&out);
    struct session *session = session_open_local(redis), *other = session_open_local(redis);
    for (size_t at = 0; session && at < sizeof transcript - 1; at += 7) {
        const size_t left = sizeof transcript - 1 - at;
        if (session_feed(session, transcript + at, left < 7 ? left : 7, &out) == KITH_ECLOSED)
            break;
        buffer_clear(&out);
    }
    if (other) {
        const int rc = session_feed(other, "RPUSH l x\r\nPUBLISH c y\r\n", 24, &out);
        assert_true(rc == 0 || rc == KITH_ENOMEM);
    }
    session_close_local(session);
    session_close_local(other);
    buffer_release(&out);
}

static void test_running(void **state)
{
    (void)state;
    struct redis *redis = NULL;
    assert_int_equal(open_door(&redis), 0);
    bool reached = true;
    for (uint64_t n = 1; reached; n++) {
        alloc_fault_arm(n, false);
        run_transcript(redis);
        reached = alloc_fault_count() >= n;
        alloc_fault_disarm();
        struct session *session = session_open_local(redis);
        EXPECT(session, "PING", "+PONG\r\n");
        EXPECT(session, "FLUSHALL\r\nACL DELUSER al nobody\r\nCONFIG SET maxmemory 0",
               strstr(door_reply(session, "ACL USERS"), "al\r\n") ? "+OK\r\n:1\r\n+OK\r\n"
                                                                  : "+OK\r\n:0\r\n+OK\r\n");
        session_close_local(session);
    }
    redis_free(redis);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opening),
        cmocka_unit_test(test_running),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
