/*
 * Who may run what: every command and subcommand of the tables, as nobody, with a wrong password,
 * as a user without rights, as a reader, as one with two commands, as one with the keys a:*. What
 * is refused was not executed (its counter of calls stands still), what is allowed was not refused,
 * ACL DRYRUN says the same; and each key of each command is checked, wherever it stands.
 *
 * The key samples are those of test_replay.c and of surface_commands.h: a command with keys that
 * has none fails the test. KITH_SURFACE_ROUNDS: how often with other words (default 3).
 */
#include "redis/door.h"

#include <stdio.h>
#include <stdlib.h>

#include "redis/redis_internal.h"
#include "redis/replay_commands.h"
#include "redis/surface_commands.h"

#define WORDS_MAX 24u

static struct redis *open_guarded(void)
{
    static const char *const directives[] = {"requirepass secret"};
    struct redis *redis = door_open_with(directives, 1);
    struct session *admin = session_open_local(redis);
    EXPECT(admin, "AUTH secret", "+OK\r\n");
    EXPECT(admin, "ACL SETUSER none on nopass", "+OK\r\n");
    EXPECT(admin, "ACL SETUSER reader on nopass ~* &* +@read", "+OK\r\n");
    EXPECT(admin, "ACL SETUSER two on nopass ~* +get +config|get", "+OK\r\n");
    EXPECT(admin, "ACL SETUSER keys on nopass ~a:* &* +@all", "+OK\r\n");
    EXPECT(admin, "ACL SETUSER asks on nopass %R~a:* &* +@all", "+OK\r\n");
    session_close_local(admin);
    return redis;
}

static struct session *open_as(struct redis *redis, const char *user)
{
    char text[64];
    struct session *session = session_open_local(redis);
    (void)snprintf(text, sizeof text, "AUTH %s x", user);
    EXPECT(session, text, "+OK\r\n");
    return session;
}

static struct session *open_as_nobody(struct redis *redis)
{
    struct session *session = session_open_local(redis);
    EXPECT(session, "RESET", "+RESET\r\n");
    assert_false(session->authenticated);
    return session;
}

/* ---- words ---- */

struct line {
    struct kith_str argv[WORDS_MAX];
    size_t argc;
    char text[WORDS_MAX][64];
};

static void put_word(struct line *line, const char *text, size_t len)
{
    assert_true(line->argc < WORDS_MAX && len < sizeof line->text[0]);
    memcpy(line->text[line->argc], text, len);
    line->argv[line->argc] = (struct kith_str){line->text[line->argc], len};
    line->argc++;
}

/* As few words as the command takes. */
static void fill(const struct command_entry *entry, struct line *line)
{
    const int arity = entry->command->arity;
    const size_t words = (size_t)(arity < 0 ? -arity : arity);
    line->argc = 0;
    if (entry->parent) put_word(line, entry->parent->command->name,
                                strlen(entry->parent->command->name));
    put_word(line, entry->command->name, strlen(entry->command->name));
    while (line->argc < words) put_word(line, "1", 1);
}

static const char *run_line(struct session *session, const struct line *line)
{
    static char text[4096];
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(session_run(session, line->argv, line->argc, &out), 0);
    const size_t len = out.len < sizeof text - 1 ? out.len : sizeof text - 1;
    if (len) memcpy(text, out.data, len);
    text[len] = 0;
    buffer_release(&out);
    return text;
}

static const char *shown(const struct line *line)
{
    static char text[1024];
    size_t at = 0;
    for (size_t i = 0; i < line->argc; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%.*s ", (int)line->argv[i].len,
                               line->argv[i].data);
    return text;
}

static const char *dry_run(struct session *admin, const char *user, const struct line *line)
{
    struct line asked = {.argc = 0};
    put_word(&asked, "ACL", 3);
    put_word(&asked, "DRYRUN", 6);
    put_word(&asked, user, strlen(user));
    for (size_t i = 0; i < line->argc; i++)
        put_word(&asked, line->argv[i].data, line->argv[i].len);
    return run_line(admin, &asked);
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* ---- commands ---- */

static bool nobody_may(const struct command_entry *entry) { return entry->flags & CMD_NO_AUTH; }
static bool reader_may(const struct command_entry *entry)
{
    return (entry->categories & CAT_READ) != 0;
}
static bool two_may(const struct command_entry *entry)
{
    return !strcmp(entry->name, "get") || !strcmp(entry->name, "config|get");
}
static bool none_may(const struct command_entry *entry) { return entry == NULL; }

/* EXEC says it in the words of a transaction that ends. */
static bool is_refused(const struct command_entry *entry, const char *answer, const char *refusal)
{
    static const char ended[] = "-EXECABORT Transaction discarded because of: ";
    if (strcmp(entry->name, "exec") != 0) return begins(answer, refusal);
    return begins(answer, ended) && begins(answer + sizeof ended - 1, refusal + 1);
}

/* All commands as this user; `refusal` is how the answer begins for those he may not. */
static unsigned try_all(struct session *session, const char *user, const char *refusal,
                        bool (*may)(const struct command_entry *entry))
{
    struct redis *redis = session->redis;
    struct session *admin = session_open_local(redis);
    unsigned refused = 0;
    EXPECT(admin, "AUTH secret", "+OK\r\n");
    for (size_t i = 0; i < redis->registry.count; i++) {
        const struct command_entry *entry = &redis->registry.entries[i];
        struct line line;
        if (!entry->command->run || nobody_may(entry)) continue;
        fill(entry, &line);
        const uint64_t calls = entry->stats.calls;
        const char *answer = run_line(session, &line);
        const bool told = is_refused(entry, answer, refusal), allowed = may(entry);
        if (told == allowed || (told && entry->stats.calls != calls))
            fail_msg("%s as %s: %s(%llu calls)", entry->name, user, answer,
                     (unsigned long long)(entry->stats.calls - calls));
        if (begins(refusal, "-NOPERM")) {
            const char *dry = dry_run(admin, user, &line);
            if (begins(dry, "+OK") != allowed) fail_msg("DRYRUN %s: %s", shown(&line), dry);
        }
        refused += told;
    }
    session_close_local(admin);
    return refused;
}

static void test_without_a_password(void **state)
{
    (void)state;
    struct redis *redis = open_guarded();
    struct session *session = open_as_nobody(redis);
    const unsigned refused = try_all(session, "nobody", "-NOAUTH", none_may);
    EXPECT_HAS(session, "AUTH wrong", "-WRONGPASS");
    EXPECT_HAS(session, "AUTH default wrong", "-WRONGPASS");
    EXPECT_HAS(session, "HELLO 3 AUTH default wrong", "-WRONGPASS");
    EXPECT_HAS(session, "HELLO 3", "-NOAUTH");
    assert_int_equal(try_all(session, "nobody", "-NOAUTH", none_may), refused);
    assert_true(refused > 250);
    print_message("%u commands refused to nobody\n", refused);
    session_close_local(session);
    redis_free(redis);
}

static void test_users_of_some_commands(void **state)
{
    (void)state;
    struct redis *redis = open_guarded();
    struct session *none = open_as(redis, "none"), *two = open_as(redis, "two"),
                   *reader = open_as(redis, "reader");
    const unsigned all = try_all(none, "none", "-NOPERM", none_may);
    assert_int_equal(try_all(two, "two", "-NOPERM", two_may), all - 2);
    const unsigned writes = try_all(reader, "reader", "-NOPERM", reader_may);
    assert_true(writes > 100 && writes < all);
    session_close_local(none);
    session_close_local(two);
    session_close_local(reader);
    redis_free(redis);
}

/* ---- keys ---- */

/* The sample with key number `foreign` (from 0) outside of the pattern; gives how many there are.
 */
static unsigned key_line(const char *sample, unsigned foreign, unsigned round, struct line *line)
{
    unsigned keys = 0;
    line->argc = 0;
    for (const char *at = sample; *at;) {
        const size_t len = strcspn(at, " ");
        char word[64];
        int n = snprintf(word, sizeof word, "%.*s", (int)len, at);
        if (at[0] == '%' && len == 2) {
            if (strchr("slehzvjk", at[1]))
                n = snprintf(word, sizeof word, "%s%c%u", keys++ == foreign ? "b:" : "a:", at[1],
                             round);
            else n = snprintf(word, sizeof word, at[1] == 'd' ? "1" : "%u", 1 + round);
        }
        put_word(line, word, (size_t)n);
        at += len + (at[len] == ' ');
    }
    return keys;
}

static void try_keys(struct session *keys, struct session *admin, const char *sample,
                     unsigned round, bool *seen)
{
    struct redis *redis = keys->redis;
    struct line line;
    const unsigned count = key_line(sample, UINT32_MAX, round, &line);
    const struct command_entry *entry = registry_of(&redis->registry, line.argv, line.argc);
    if (!entry) fail_msg("there is no command for '%s'", sample);
    seen[entry->id] = seen[entry->id] || count > 0;
    for (unsigned foreign = 0; foreign < count; foreign++) {
        (void)key_line(sample, foreign, round, &line);
        const uint64_t calls = entry->stats.calls;
        const char *answer = run_line(keys, &line);
        if (!begins(answer, "-NOPERM") || entry->stats.calls != calls)
            fail_msg("'%s' with foreign key %u: %s", shown(&line), foreign, answer);
        const char *dry = dry_run(admin, "keys", &line);
        if (begins(dry, "+OK")) fail_msg("DRYRUN '%s'", shown(&line));
    }
    (void)key_line(sample, UINT32_MAX, round, &line);
    if (count == 0 || line.argv[0].data[0] == 'B') return; /* no keys, or it might wait */
    const uint64_t calls = entry->stats.calls;
    const char *answer = run_line(keys, &line);
    if (begins(answer, "-NOPERM") || entry->stats.calls != calls + 1)
        fail_msg("'%s' with own keys: %s", shown(&line), answer);
    const char *dry = dry_run(admin, "keys", &line);
    if (!begins(dry, "+OK")) fail_msg("DRYRUN '%s': %s", shown(&line), dry);
}

static void test_every_key_is_checked(void **state)
{
    (void)state;
    static bool seen[COMMANDS_MAX];
    const char *text = getenv("KITH_SURFACE_ROUNDS");
    const unsigned rounds = text ? (unsigned)strtoul(text, NULL, 10) : 3;
    struct redis *redis = open_guarded();
    struct session *keys = open_as(redis, "keys"), *admin = session_open_local(redis);
    EXPECT(admin, "AUTH secret", "+OK\r\n");
    for (unsigned round = 0; round < rounds; round++) {
        for (size_t i = 0; i < REPLAY_TEMPLATES; i++)
            try_keys(keys, admin, replay_templates[i], round, seen);
        for (size_t i = 0; i < sizeof surface_reads / sizeof *surface_reads; i++)
            try_keys(keys, admin, surface_reads[i], round, seen);
    }
    for (size_t i = 0; i < redis->registry.count; i++) {
        const struct command_entry *entry = &redis->registry.entries[i];
        const bool has_keys = entry->command->first_key || entry->command->keys;
        if (has_keys && !seen[entry->id]) fail_msg("no sample of %s", entry->name);
    }
    session_close_local(keys);
    session_close_local(admin);
    redis_free(redis);
}

/* Keys that no argument names whole. */
static void test_keys_by_pattern(void **state)
{
    (void)state;
    struct redis *redis = open_guarded();
    struct session *admin = session_open_local(redis), *keys = open_as(redis, "keys");
    EXPECT(admin, "AUTH secret", "+OK\r\n");
    EXPECT(admin, "SET b:1 hidden", "+OK\r\n");
    EXPECT(keys, "RPUSH a:l 1", ":1\r\n");
    EXPECT_HAS(keys, "SORT a:l GET b:*", "denied due to insufficient ACL permissions");
    EXPECT_HAS(keys, "SORT_RO a:l GET b:*", "denied due to insufficient ACL permissions");
    EXPECT_HAS(keys, "SORT a:l BY b:* ALPHA", "denied due to insufficient ACL permissions");
    EXPECT_HAS(keys, "SORT a:l GET b:* STORE a:m", "denied due to insufficient ACL permissions");
    EXPECT(keys, "EXISTS a:m", ":0\r\n");
    EXPECT(keys, "SORT a:l BY nosort", "*1\r\n$1\r\n1\r\n");
    EXPECT(admin, "SORT a:l GET b:*", "*1\r\n$6\r\nhidden\r\n");
    session_close_local(keys);
    session_close_local(admin);
    redis_free(redis);
}

/* An index shows documents that no argument names. */
static void test_keys_of_an_index(void **state)
{
    (void)state;
    static const char *const asked[] = {"FT.SEARCH i *", "FT.AGGREGATE i * LOAD 1 u", "FT.INFO i",
                                        "FT.TAGVALS i u", "FT.DROPINDEX i DD", "FT.DROPINDEX i",
                                        "FT.ALIASADD n i", "FT.ALIASUPDATE n i",
                                        "FT.CURSOR READ i 1", "FT.SEARCH n *", "FT.SEARCH e *",
                                        "FT.ALIASDEL x"};
    struct redis *redis = open_guarded();
    struct session *admin = session_open_local(redis), *keys = open_as(redis, "keys"),
                   *asks = open_as(redis, "asks");
    EXPECT(admin, "AUTH secret", "+OK\r\n");
    EXPECT(admin, "FT.CREATE i PREFIX 2 a: b: SCHEMA u TAG", "+OK\r\n");
    EXPECT(admin, "FT.CREATE e SCHEMA u TAG", "+OK\r\n");
    EXPECT(admin, "FT.CREATE own PREFIX 1 a:1 SCHEMA u TAG", "+OK\r\n");
    EXPECT(admin, "FT.ALIASADD x i", "+OK\r\n");
    EXPECT(admin, "HSET b:1 u hidden", ":1\r\n");
    EXPECT(admin, "HSET a:1 u shown", ":1\r\n");
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        const char *answer = door_reply(keys, asked[i]);
        if (answer[0] != '-' || strstr(answer, "hidden")) fail_msg("%s: %s", asked[i], answer);
    }
    EXPECT_HAS(admin, "FT.SEARCH x *", "hidden");
    EXPECT_HAS(keys, "FT.SEARCH own *", "shown");
    EXPECT_HAS(asks, "FT.SEARCH own *", "shown");
    EXPECT_HAS(asks, "FT.DROPINDEX own DD", "-NOPERM");
    EXPECT(keys, "FT.DROPINDEX own DD", "+OK\r\n");
    EXPECT(admin, "EXISTS a:1 b:1", ":1\r\n");
    session_close_local(asks);
    session_close_local(keys);
    session_close_local(admin);
    redis_free(redis);
}

/* What was allowed when it came is not when it runs. */
static void test_rights_taken_away(void **state)
{
    (void)state;
    struct redis *redis = open_guarded();
    struct session *admin = session_open_local(redis), *waits = open_as(redis, "keys"),
                   *queues = open_as(redis, "keys"), *asks = open_as(redis, "asks");
    EXPECT(admin, "AUTH secret", "+OK\r\n");
    EXPECT_HAS(asks, "SET a:1 x", "-NOPERM");
    EXPECT_HAS(asks, "COPY a:1 a:2", "-NOPERM");
    EXPECT(asks, "GET a:1", "$-1\r\n");
    EXPECT(waits, "BLPOP a:q 0", "");
    EXPECT(queues, "MULTI", "+OK\r\n");
    EXPECT(queues, "SET a:1 x", "+QUEUED\r\n");
    EXPECT(admin, "ACL SETUSER keys resetkeys ~c:*", "+OK\r\n");
    EXPECT_HAS(queues, "EXEC", "-NOPERM");
    EXPECT(admin, "EXISTS a:1", ":0\r\n");
    EXPECT(admin, "RPUSH a:q hidden", ":1\r\n");
    EXPECT_HAS(waits, "", "-NOPERM");
    EXPECT(admin, "LLEN a:q", ":1\r\n");
    EXPECT(waits, "GET c:1", "$-1\r\n");
    session_close_local(asks);
    session_close_local(queues);
    session_close_local(waits);
    session_close_local(admin);
    redis_free(redis);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_password),
        cmocka_unit_test(test_users_of_some_commands),
        cmocka_unit_test(test_every_key_is_checked),
        cmocka_unit_test(test_keys_by_pattern),
        cmocka_unit_test(test_keys_of_an_index),
        cmocka_unit_test(test_rights_taken_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
