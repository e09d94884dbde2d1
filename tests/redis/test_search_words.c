/* Words that users teach the search: synonyms, dictionaries, spelling, suggestions. */
#include "redis/search_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cache/heap.h"
#include "redis/redis_internal.h"

static void synonyms(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    ASK(s, "FT.CREATE^i^PREFIX^1^d:^SCHEMA^t^TEXT^k^TAG", "+OK\r\n");
    (void)ask(s, "HSET^d:1^t^a boy runs", 0, 0);
    (void)ask(s, "HSET^d:2^t^the child sleeps", 0, 0);
    (void)ask(s, "HSET^d:3^t^an infant^k^kid", 0, 0);
    ASK(s, "FT.SYNUPDATE^i^g1^Boy^CHILD", "+OK\r\n");
    ASK(s, "FT.SYNUPDATE^i^g2^SKIPINITIALSCAN^child^infant", "+OK\r\n");
    ASK(s, "FT.SEARCH^i^boy^NOCONTENT^SCORER^DOCSCORE", "*3\r\n:2\r\n$3\r\nd:1\r\n$3\r\nd:2\r\n");
    ASK(s, "FT.SEARCH^i^child^LIMIT^0^0", "*1\r\n:3\r\n");
    ASK(s, "FT.SEARCH^i^infant runs^LIMIT^0^0", "*1\r\n:0\r\n");
    ASK(s, "FT.SEARCH^i^child runs^NOCONTENT", "*2\r\n:1\r\n$3\r\nd:1\r\n");
    ASK(s, "FT.SEARCH^i^boy^VERBATIM^NOCONTENT", "*2\r\n:1\r\n$3\r\nd:1\r\n");
    ASK(s, "FT.SEARCH^i^@t:Boys^LIMIT^0^0", "*1\r\n:1\r\n"); /* a stem is none of the group */
    ASK(s, "FT.SYNDUMP^i", "*6\r\n$3\r\nboy\r\n*1\r\n$2\r\ng1\r\n$5\r\nchild\r\n*2\r\n$2\r\ng1\r\n"
                           "$2\r\ng2\r\n$6\r\ninfant\r\n*1\r\n$2\r\ng2\r\n");
    ASK(s, "FT.SYNUPDATE^i^g1^SKIPINITIALSCAN",
        "-ERR wrong number of arguments for 'ft.synupdate' command\r\n");
    ASK(s, "FT.SYNUPDATE^no^g1^x", "-Unknown index name (index not found)\r\n");
    ASK_HAS(s, "FT.ALTER^i^SCHEMA^ADD^u^TEXT", "OK"); /* groups stay */
    ASK(s, "FT.SEARCH^i^child^LIMIT^0^0", "*1\r\n:3\r\n");
    (void)door_reply(s, "HELLO 3");
    ASK_HAS(s, "FT.SYNDUMP^i", "%3\r\n$3\r\nboy\r\n*1\r\n$2\r\ng1\r\n");
    session_close_local(s);
    redis_free(redis);
}

static void spelling(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    const size_t before = heap_used(cache_heap(redis_cache(redis)));
    ASK(s, "FT.DICTADD^names^Hello^hallo^hello", ":3\r\n");
    assert_true(heap_used(cache_heap(redis_cache(redis))) > before + 15);
    ASK(s, "FT.DICTDEL^names^Hello^hallo^hello", ":3\r\n");
    assert_int_equal(heap_used(cache_heap(redis_cache(redis))), before);
    ASK(s, "FT.DICTADD^names^Hello^hallo^hello", ":3\r\n");
    ASK(s, "FT.DICTADD^names^hallo^help", ":1\r\n");
    ASK(s, "FT.DICTDUMP^names",
        "*4\r\n$5\r\nHello\r\n$5\r\nhallo\r\n$5\r\nhello\r\n$4\r\nhelp\r\n");
    ASK(s, "FT.DICTDEL^names^Hello^nobody", ":1\r\n");
    ASK(s, "FT.DICTDEL^nothing^x", ":0\r\n");
    ASK(s, "FT.DICTDUMP^nothing", "-could not open dict key\r\n");
    ASK(s, "FT.CREATE^i^PREFIX^1^d:^SCHEMA^t^TEXT^u^TEXT", "+OK\r\n");
    (void)ask(s, "HSET^d:1^t^name hello", 0, 0);
    (void)ask(s, "HSET^d:2^t^name held name", 0, 0);
    (void)ask(s, "HSET^d:3^u^nama", 0, 0);
    ASK(s, "FT.SPELLCHECK^i^name hello", "*0\r\n");
    ASK(s, "FT.SPELLCHECK^i^namr helo nothingelse",
        "*3\r\n*3\r\n$4\r\nTERM\r\n$4\r\nnamr\r\n*2\r\n*2\r\n$19\r\n0.66666666666666663\r\n"
        "$4\r\nname\r\n*2\r\n$19\r\n0.33333333333333331\r\n$4\r\nnama\r\n"
        "*3\r\n$4\r\nTERM\r\n$4\r\nhelo\r\n*2\r\n*2\r\n$19\r\n0.33333333333333331\r\n$4\r\nheld\r\n"
        "*2\r\n$19\r\n0.33333333333333331\r\n$5\r\nhello\r\n"
        "*3\r\n$4\r\nTERM\r\n$11\r\nnothingelse\r\n*0\r\n");
    ASK(s, "FT.SPELLCHECK^i^@u:namr^TERMS^INCLUDE^names",
        "*1\r\n*3\r\n$4\r\nTERM\r\n$4\r\nnamr\r\n*1\r\n*2\r\n$19\r\n0.33333333333333331\r\n"
        "$4\r\nnama\r\n");
    ASK(s, "FT.SPELLCHECK^i^hallu^TERMS^INCLUDE^names^DISTANCE^1",
        "*1\r\n*3\r\n$4\r\nTERM\r\n$5\r\nhallu\r\n*1\r\n*2\r\n$1\r\n0\r\n$5\r\nhallo\r\n");
    ASK(s, "FT.SPELLCHECK^i^help^TERMS^EXCLUDE^names", "*0\r\n");
    ASK(s, "FT.SPELLCHECK^i^x^DISTANCE^5",
        "-bad distance given, distance must be a natural number between 1 to 4\r\n");
    ASK(s, "FT.SPELLCHECK^i^x^TERMS^INCLUDE^none", "-the given dict are not exists\r\n");
    (void)door_reply(s, "HELLO 3");
    ASK(s, "FT.SPELLCHECK^i^halo^TERMS^INCLUDE^names",
        "%1\r\n$7\r\nresults\r\n%1\r\n$4\r\nhalo\r\n*1\r\n%1\r\n$5\r\nhallo\r\n,0\r\n");
    session_close_local(s);
    redis_free(redis);
}

static void suggestions(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    ASK(s, "FT.SUGGET^sug^hell", "$-1\r\n");
    ASK(s, "FT.SUGLEN^sug", ":0\r\n");
    ASK(s, "FT.SUGADD^sug^hello^1", ":1\r\n");
    ASK(s, "FT.SUGADD^sug^hell^1^PAYLOAD^some words", ":2\r\n");
    ASK(s, "FT.SUGADD^sug^Help me^2", ":3\r\n");
    ASK(s, "FT.SUGADD^sug^hello^1", ":3\r\n");
    ASK(s, "FT.SUGLEN^sug", ":3\r\n");
    /* the transcript of Redis' documentation */
    ASK(s, "FT.SUGGET^sug^hell^FUZZY^MAX^2^WITHSCORES",
        "*4\r\n$4\r\nhell\r\n$10\r\n2147483648\r\n$5\r\nhello\r\n$19\r\n0.70710676908493042\r\n");
    ASK(s, "FT.SUGGET^sug^HE", "*3\r\n$7\r\nHelp me\r\n$4\r\nhell\r\n$5\r\nhello\r\n");
    ASK(s, "FT.SUGGET^sug^he^MAX^1", "*1\r\n$7\r\nHelp me\r\n");
    ASK(s, "FT.SUGGET^sug^hell^WITHPAYLOADS",
        "*4\r\n$4\r\nhell\r\n$10\r\nsome words\r\n$5\r\nhello\r\n$-1\r\n");
    ASK(s, "FT.SUGGET^sug^hxl^FUZZY", "*3\r\n$7\r\nHelp me\r\n$4\r\nhell\r\n$5\r\nhello\r\n");
    ASK(s, "FT.SUGGET^sug^ello^FUZZY", "*1\r\n$5\r\nhello\r\n");
    ASK(s, "FT.SUGGET^sug^hxll", "*0\r\n");
    ASK(s, "FT.SUGADD^sug^hello^4^INCR", ":3\r\n");
    ASK(s, "FT.SUGGET^sug^hello^WITHSCORES", "*2\r\n$5\r\nhello\r\n$10\r\n2147483648\r\n");
    ASK(s, "FT.SUGGET^sug^hel^MAX^1", "*1\r\n$5\r\nhello\r\n");
    ASK(s, "FT.SUGADD^sug^x^nan", "-ERR invalid score\r\n");
    ASK(s, "FT.SUGGET^sug^x^MAX^0", "-Unrecognized argument: MAX\r\n");
    ASK(s, "FT.SUGDEL^sug^hell", ":1\r\n");
    ASK(s, "FT.SUGDEL^sug^hell", ":0\r\n");
    ASK(s, "SET^text^x", "+OK\r\n");
    ASK_HAS(s, "FT.SUGADD^text^a^1", "-WRONGTYPE");
    (void)door_reply(s, "HELLO 3");
    ASK(s, "FT.SUGGET^sug^hell^WITHSCORES^WITHPAYLOADS",
        "*3\r\n$5\r\nhello\r\n,3.535533905029297\r\n_\r\n");
    ASK(s, "FT.SUGDEL^sug^hello", ":1\r\n");
    ASK(s, "FT.SUGDEL^sug^Help me", ":1\r\n");
    ASK(s, "EXISTS^sug", ":0\r\n");
    session_close_local(s);
    redis_free(redis);
}

static void forget(const char *dir)
{
    char line[128];
    (void)snprintf(line, sizeof line, "rm -rf %s", dir);
    assert_int_equal(system(line), 0);
}

/* What the words are taught comes again from the log, and from a snapshot. */
static void comes_again(const char *const directives[2])
{
    char dir[] = "/tmp/kith-words-XXXXXX";
    assert_non_null(mkdtemp(dir));
    const struct redis_opts opts = {.os = os_real(), .dir = dir, .port = 6379,
                                    .directives = directives, .directive_count = 2, .workers = 1};
    for (int round = 0; round < 3; round++) {
        struct redis *redis = NULL;
        assert_int_equal(redis_new(&opts, &redis, NULL), 0);
        struct session *s = session_open_local(redis);
        if (round == 0) {
            ASK(s, "FT.CREATE^i^SCHEMA^t^TEXT", "+OK\r\n");
            ASK(s, "FT.SYNUPDATE^i^g^boy^child", "+OK\r\n");
            ASK(s, "FT.DICTADD^names^ann^bob", ":2\r\n");
            ASK(s, "FT.DICTDEL^names^ann", ":1\r\n");
        }
        ASK(s, "FT.SYNDUMP^i",
            "*4\r\n$3\r\nboy\r\n*1\r\n$1\r\ng\r\n$5\r\nchild\r\n*1\r\n$1\r\ng\r\n");
        ASK(s, "FT.DICTDUMP^names", "*1\r\n$3\r\nbob\r\n");
        ASK(s, "SET^x^y", "+OK\r\n");
        session_close_local(s);
        redis_free(redis);
    }
    forget(dir);
}

static void restarts(void **state)
{
    (void)state;
    static const char *const log[] = {"appendonly yes", "save \"\""};
    static const char *const snapshot[] = {"appendonly no", "save 3600 1"};
    comes_again(log);
    comes_again(snapshot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(synonyms),
        cmocka_unit_test(spelling),
        cmocka_unit_test(suggestions),
        cmocka_unit_test(restarts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
