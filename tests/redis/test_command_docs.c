/*
 * What COMMAND tells about every command: documented, with arguments that read back; what it does
 * to its keys, and that ACL asks for just that.
 */
#include "redis/door.h"

#include <stdio.h>

#include "redis/command_docs.h"
#include "redis/key_access.h"
#include "redis/redis_internal.h"

static bool is_help(const char *name)
{
    const size_t len = strlen(name);
    return len > 5 && strcmp(name + len - 5, "|help") == 0;
}

static void check_brackets(const struct command_doc *doc)
{
    char open[32];
    size_t depth = 0;
    for (const char *at = doc->arguments; *at; at++) {
        if (strchr("[<(", *at)) open[depth++] = *at;
        if (!strchr("]>)", *at)) continue;
        const char want = *at == ']' ? '[' : *at == '>' ? '<' : '(';
        if (!depth || open[--depth] != want) fail_msg("%s: %s", doc->name, doc->arguments);
    }
    if (depth) fail_msg("%s: %s", doc->name, doc->arguments);
}

static void test_every_command_is_told_of(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    for (size_t i = 0; i < redis->registry.count; i++) {
        const struct command_entry *entry = &redis->registry.entries[i];
        if (is_help(entry->name)) continue;
        const struct command_doc *doc = command_doc(entry->name);
        if (!doc) fail_msg("%s has no line in the tables of command_docs.h", entry->name);
        check_brackets(doc);
        /* What needs arguments has them; what takes none has none. */
        const int own = entry->parent ? 2 : 1, arity = entry->command->arity;
        const bool needs = arity > own || arity < -own, none = arity == own;
        if (entry->command->run && ((needs && !doc->arguments[0]) || (none && doc->arguments[0])))
            fail_msg("%s: arity %d, arguments '%s'", doc->name, arity, doc->arguments);
    }
    redis_free(redis);
}

static void test_arguments(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *session = session_open_local(redis);
    EXPECT_HAS(session, "HELLO 3", "%7");
    EXPECT(session, "COMMAND DOCS get",
           "%1\r\n$3\r\nget\r\n%4\r\n$7\r\nsummary\r\n$27\r\nGives the value of a string\r\n"
           "$5\r\nsince\r\n$5\r\n1.0.0\r\n$5\r\ngroup\r\n$6\r\nstring\r\n$9\r\narguments\r\n"
           "*1\r\n%3\r\n$4\r\nname\r\n$3\r\nkey\r\n$4\r\ntype\r\n$3\r\nkey\r\n"
           "$14\r\nkey_spec_index\r\n:0\r\n");
    /* a choice that may be missing, with a word in front of a value */
    EXPECT_HAS(session, "COMMAND DOCS getex",
               "$5\r\noneof\r\n$5\r\nflags\r\n*1\r\n+optional\r\n$9\r\narguments\r\n*5\r\n"
               "%3\r\n$4\r\nname\r\n$7\r\nseconds\r\n$4\r\ntype\r\n$7\r\ninteger\r\n"
               "$5\r\ntoken\r\n$2\r\nEX\r\n");
    /* a block that repeats */
    EXPECT_HAS(session, "COMMAND DOCS hset",
               "$5\r\nblock\r\n$5\r\nflags\r\n*1\r\n+multiple\r\n$9\r\narguments\r\n*2\r\n");
    /* a word that stands before each value */
    EXPECT_HAS(session, "COMMAND DOCS sort",
               "$5\r\ntoken\r\n$3\r\nGET\r\n$5\r\nflags\r\n*3\r\n+optional\r\n+multiple\r\n"
               "+multiple_token\r\n");
    EXPECT_HAS(session, "COMMAND DOCS config|set", "$10\r\nconfig|set\r\n");
    EXPECT(session, "COMMAND DOCS nosuch", "%0\r\n");
    EXPECT(session, "COMMAND INFO nosuch", "*1\r\n_\r\n");
    EXPECT_HAS(session, "COMMAND INFO get", "$5\r\nlimit\r\n:0\r\n~0\r\n"); /* no subcommands */
    session_close_local(session);
    redis_free(redis);
}

static void test_help_of_containers(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *session = session_open_local(redis);
    EXPECT_HAS(session, "slowlog help",
               "*9\r\n+SLOWLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\r\n"
               "+GET [count]\r\n+    Gives commands that took long.\r\n");
    for (size_t i = 0; i < redis->registry.count; i++) {
        const struct command_entry *entry = &redis->registry.entries[i];
        char line[64];
        if (!entry->command->subcommands || strchr(entry->name, '.')) continue;
        (void)snprintf(line, sizeof line, "%s help", entry->name);
        EXPECT_HAS(session, line, "+HELP\r\n");
        (void)snprintf(line, sizeof line, "%s help x", entry->name);
        EXPECT_HAS(session, line, "-ERR wrong number of arguments");
    }
    session_close_local(session);
    redis_free(redis);
}

static void test_keys_and_flags(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *session = session_open_local(redis);
#define ASK "COMMAND GETKEYSANDFLAGS "
    EXPECT(session, ASK "GET k", "*1\r\n*2\r\n$1\r\nk\r\n*2\r\n+RO\r\n+access\r\n");
    EXPECT(session, ASK "SET k v", "*1\r\n*2\r\n$1\r\nk\r\n*2\r\n+OW\r\n+update\r\n");
    EXPECT(session, ASK "SET k v GET",
           "*1\r\n*2\r\n$1\r\nk\r\n*3\r\n+RW\r\n+access\r\n+update\r\n");
    EXPECT(session, ASK "SORT k STORE d",
           "*2\r\n*2\r\n$1\r\nk\r\n*2\r\n+RO\r\n+access\r\n"
           "*2\r\n$1\r\nd\r\n*2\r\n+OW\r\n+update\r\n");
    EXPECT(session, ASK "ZUNIONSTORE d 1 k",
           "*2\r\n*2\r\n$1\r\nd\r\n*2\r\n+OW\r\n+update\r\n"
           "*2\r\n$1\r\nk\r\n*2\r\n+RO\r\n+access\r\n");
    EXPECT(session, ASK "PING", "-ERR The command has no key arguments\r\n");
    EXPECT(session, ASK "NOSUCH k", "-ERR Invalid command specified\r\n");
    EXPECT(session, ASK "GET a b", "-ERR Invalid number of arguments specified for command\r\n");
#undef ASK
    session_close_local(session);
    redis_free(redis);
}

/* The right to read is asked for where a value is learnt, the right to write where it changes. */
static void test_rights_to_keys(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *session = session_open_local(redis);
    const char *denied = "-NOPERM No permissions to access a key\r\n";
    EXPECT(session, "ACL SETUSER u on nopass +@all %R~in* %W~out*", "+OK\r\n");
    EXPECT(session, "RPUSH in 3 1 2", ":3\r\n");
    EXPECT(session, "RPUSH out 9", ":1\r\n");
    EXPECT(session, "AUTH u x", "+OK\r\n");
    EXPECT(session, "SORT in STORE out", ":3\r\n");
    EXPECT(session, "COPY in out2", ":1\r\n");
    EXPECT(session, "RPUSH out 4", ":4\r\n");
    EXPECT(session, "EXISTS in out", ":2\r\n");
    EXPECT(session, "SET out3 v", "+OK\r\n");
    EXPECT(session, "DEL out3", ":1\r\n");
    EXPECT(session, "SET out3 v GET", denied);
    EXPECT(session, "SET out3 v IFEQ w", denied);
    EXPECT(session, "GET out3", denied);
    EXPECT(session, "LRANGE out 0 -1", denied);
    EXPECT(session, "LPOP out", denied);
    EXPECT(session, "COPY out2 out", denied);
    EXPECT(session, "COPY in in2", denied);
    EXPECT(session, "RENAME in out", denied);
    EXPECT(session, "LMOVE in out LEFT LEFT", denied);
    EXPECT(session, "RPUSH in 4", denied);
    EXPECT(session, "DEL in", denied);
    EXPECT(session, "EXISTS other", denied);
    session_close_local(session);
    redis_free(redis);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_command_is_told_of),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_help_of_containers),
        cmocka_unit_test(test_keys_and_flags),
        cmocka_unit_test(test_rights_to_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
