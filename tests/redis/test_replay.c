/*
 * What the log holds gives the same data again. Random commands of every write command there is, on
 * a simulated machine with a virtual clock: transactions, blocked pops that are served, deadlines
 * that pass, evictions, snapshots in the middle. Then the door is closed, or the machine is copied
 * as a kill would leave it, and opened again: every key of every database has the same type, value
 * and deadline. It goes on from there, several times.
 *
 * The seed is printed with the first difference, and with the commands that named the key.
 * KITH_REPLAY_ROUNDS: how many worlds (default 6). KITH_REPLAY_SEED: the first of them.
 * KITH_REPLAY_SHOW: prints all commands.
 */
#include "redis/door.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "os/sim.h"
#include "redis/keep_bind.h"
#include "redis/redis_internal.h"
#include "redis/replay_commands.h"
#include "redis/replay_dump.h"
#include "redis/scache_book.h"

#define WAITERS 3u
#define WORDS_MAX 24u
#define LIVES 4u
#define STEPS 5000u
#define DIR "keyspace"

/* ---- one door on its machine ---- */

struct waiter {
    struct session *session;
    char key[8];
    unsigned waited; /* steps; 0: it does not wait */
    const char *name;
};

struct world {
    uint64_t seed;
    struct rng rng;
    struct os_sim *sim;
    const struct os *os;
    struct redis *redis;
    struct session *session;
    struct waiter waiters[WAITERS];
    struct buffer history; /* lines */
    char said[256]; /* by the log, at level 0 or 1 */
};

static unsigned done[REPLAY_TEMPLATES]; /* changes by template */
static uint64_t evicted, served;

static void hear(void *ctx, int level, const char *text)
{
    struct world *world = ctx;
    if (level <= 1) (void)snprintf(world->said, sizeof world->said, "%s", text);
}

static void open_world(struct world *world)
{
    static const char *const directives[] = {"appendonly yes", "appendfsync everysec",
                                             "databases 3", "maxmemory-policy allkeys-random",
                                             "hash-max-listpack-entries 4",
                                             "set-max-intset-entries 4",
                                             "list-max-listpack-size 2"};
    struct kith_error err = {0};
    const struct redis_opts opts = {.os = world->os, .dir = DIR, .directives = directives,
                                    .directive_count = sizeof directives / sizeof *directives,
                                    .workers = 1, .log = hear, .log_ctx = world};
    if (redis_new(&opts, &world->redis, &err))
        fail_msg("seed %llu: %s", (unsigned long long)world->seed, err.text);
    if (world->said[0]) fail_msg("seed %llu: %s", (unsigned long long)world->seed, world->said);
    cache_settings(world->redis->cache)->piece_members = 3; /* most values come in pieces */
    world->session = session_open_local(world->redis);
    assert_non_null(world->session);
    for (size_t i = 0; i < WAITERS; i++) {
        world->waiters[i] = (struct waiter){.session = session_open_local(world->redis)};
        assert_non_null(world->waiters[i].session);
    }
}

static void close_world(struct world *world)
{
    session_close_local(world->session);
    for (size_t i = 0; i < WAITERS; i++) session_close_local(world->waiters[i].session);
    redis_free(world->redis);
    world->redis = NULL;
}

/* ---- words ---- */

struct line {
    struct kith_str argv[WORDS_MAX];
    size_t argc;
    char text[WORDS_MAX][96];
};

static void put_text(struct line *line, const char *text, size_t len)
{
    assert_true(line->argc < WORDS_MAX && len < sizeof line->text[0]);
    memcpy(line->text[line->argc], text, len);
    line->text[line->argc][len] = 0;
    line->argv[line->argc] = (struct kith_str){line->text[line->argc], len};
    line->argc++;
}

static unsigned draw(struct world *world, unsigned below)
{
    return (unsigned)rng_below(&world->rng, below);
}

static int64_t some_ms(struct world *world)
{
    static const int64_t spans[] = {1, 3, 20, 300, 5000, 100000, 10000000, 10000000};
    return spans[draw(world, 8)];
}

static int make_word(struct world *world, char kind, char out[96])
{
    static const char types[] = "slehzvj";
    const int64_t now = os_wall_ms(world->os);
    if (strchr(types, kind)) {
        if (draw(world, 40) == 0) kind = types[draw(world, 7)];
        return snprintf(out, 96, "%c%u", kind, draw(world, 5));
    }
    switch (kind) {
    case 'k': return snprintf(out, 96, "%c%u", types[draw(world, 7)], draw(world, 5));
    case 'i': return snprintf(out, 96, "%d", (int)draw(world, 9) - 4);
    case 'n': return snprintf(out, 96, "%u", 1 + draw(world, 3));
    case 'f': return snprintf(out, 96, "%.3g", (double)draw(world, 2000) / 300.0 - 3.0);
    case 'w': return snprintf(out, 96, "%.*s%u", (int)draw(world, 80),
              "a-rather-long-text-that-is-kept-apart-from-the-small-ones-with-its-own-memory-of-80",
              draw(world, 100));
    case 'm': return snprintf(out, 96, draw(world, 2) ? "%u" : "m%u", draw(world, 12));
    case 'D': return snprintf(out, 96, "%lld", (long long)some_ms(world));
    case 'A': return snprintf(out, 96, "%lld", (long long)(now + some_ms(world) -
                                                          (draw(world, 9) ? 0 : 5000)));
    case 'E': return snprintf(out, 96, "%lld", (long long)((some_ms(world) + 999) / 1000));
    case 'X': return snprintf(out, 96, "%lld", (long long)((now + some_ms(world)) / 1000));
    case 'd': return snprintf(out, 96, "%u", draw(world, 3));
    default: fail_msg("a template says %%%c", kind); return 0;
    }
}

static void expand(struct world *world, const char *template, struct line *line)
{
    line->argc = 0;
    for (const char *at = template; *at;) {
        const size_t len = strcspn(at, " ");
        char word[96];
        if (at[0] == '%' && len == 2)
            put_text(line, word, (size_t)make_word(world, at[1], word));
        else put_text(line, at, len);
        at += len + (at[len] == ' ');
    }
}

/* ---- commands ---- */

static void remember(struct world *world, const char *who, const struct line *line,
                     const struct buffer *out)
{
    buffer_put(&world->history, who, strlen(who));
    for (size_t i = 0; i < line->argc; i++) {
        buffer_put(&world->history, " ", 1);
        buffer_put(&world->history, line->argv[i].data, line->argv[i].len);
    }
    buffer_put(&world->history, " -> ", 4);
    for (size_t i = 0; i < out->len && i < 60; i++) {
        const char c = (char)out->data[i];
        buffer_put(&world->history, c >= ' ' && c < 127 ? &c : ".", 1);
    }
    buffer_put(&world->history, "\n", 1);
}

static void run_on(struct world *world, struct session *session, const struct line *line,
                   struct buffer *out)
{
    assert_int_equal(session_run(session, line->argv, line->argc, out), 0);
    remember(world, session == world->session ? "" : "(waiter)", line, out);
}

static void say(struct world *world, const char *template)
{
    struct line line;
    struct buffer out;
    buffer_init(&out);
    expand(world, template, &line);
    run_on(world, world->session, &line, &out);
    buffer_release(&out);
}

/* The bytes of some key under another name. */
static void restore(struct world *world, unsigned template)
{
    struct line line;
    struct buffer out;
    buffer_init(&out);
    expand(world, "DUMP %k", &line);
    assert_int_equal(session_run(world->session, line.argv, line.argc, &out), 0);
    const char *end = out.len > 4 && out.data[0] == '$' && out.data[1] != '-'
                          ? memchr(out.data, '\n', out.len) : NULL;
    if (end) {
        const size_t at = (size_t)(end + 1 - (const char *)out.data);
        struct buffer answer;
        buffer_init(&answer);
        expand(world, replay_templates[template], &line);
        line.argv[3] = (struct kith_str){end + 1, out.len - 2 - at};
        const uint64_t before = world->redis->dirty;
        assert_int_equal(session_run(world->session, line.argv, line.argc, &answer), 0);
        done[template] += world->redis->dirty != before;
        line.argv[3] = (struct kith_str){"(dump)", 6};
        remember(world, "", &line, &answer);
        buffer_release(&answer);
    }
    buffer_release(&out);
}

/* Another session runs it, and may wait for its key. */
static void wait_for(struct world *world, struct waiter *waiter, unsigned template)
{
    struct line line;
    struct buffer out;
    buffer_init(&out);
    expand(world, replay_templates[template], &line);
    const uint64_t before = world->redis->dirty;
    run_on(world, waiter->session, &line, &out);
    done[template] += world->redis->dirty != before;
    if (out.len == 0) {
        size_t at = 1;
        while (at + 1 < line.argc && !strchr("lz", line.argv[at].data[0])) at++;
        (void)snprintf(waiter->key, sizeof waiter->key, "%.*s", (int)line.argv[at].len,
                       line.argv[at].data);
        waiter->waited = 1;
        waiter->name = replay_templates[template];
    }
    buffer_release(&out);
}

/* Who has waited long gets what he waits for: the key is made anew. */
static void look_after(struct world *world, struct waiter *waiter)
{
    struct buffer out;
    char text[64];
    buffer_init(&out);
    assert_int_equal(session_feed(waiter->session, "", 0, &out), 0);
    if (out.len) {
        const struct line line = {.argc = 0};
        remember(world, "(served)", &line, &out);
        waiter->waited = 0;
        served++;
    } else if (waiter->waited++ % 12 == 11) {
        say(world, "SELECT 0");
        (void)snprintf(text, sizeof text, "DEL %s", waiter->key);
        say(world, text);
        (void)snprintf(text, sizeof text, waiter->key[0] == 'z' ? "ZADD %s 1 a 2 b 3 c"
                                                                : "RPUSH %s a b c", waiter->key);
        say(world, text);
    }
    buffer_release(&out);
}

static void limit_memory(struct world *world)
{
    struct cache_stats stats;
    char text[64];
    if (draw(world, 60)) return;
    cache_lock(world->redis->cache);
    cache_stats_get(world->redis->cache, &stats);
    cache_unlock(world->redis->cache);
    (void)snprintf(text, sizeof text, "CONFIG SET maxmemory %zu",
                   stats.used > 600 ? stats.used - 600 : 1);
    say(world, text);
    for (unsigned i = 0; i < 3; i++) say(world, "SET %s %w");
    say(world, "CONFIG SET maxmemory 0");
}

static void transact(struct world *world)
{
    const unsigned count = 2 + draw(world, 5);
    say(world, "MULTI");
    for (unsigned i = 0; i < count; i++) {
        const unsigned template = draw(world, REPLAY_TEMPLATES);
        if (strncmp(replay_templates[template], "RESTORE", 7))
            say(world, replay_templates[template]);
    }
    say(world, draw(world, 8) ? "EXEC" : "DISCARD");
}

static void one_command(struct world *world)
{
    const unsigned template = draw(world, REPLAY_TEMPLATES);
    const char *text = replay_templates[template];
    const bool rare = !strncmp(text, "FLUSH", 5) || !strncmp(text, "SWAPDB", 6);
    struct waiter *waiter = &world->waiters[draw(world, WAITERS)];
    if (rare && draw(world, 12)) return;
    if (!strncmp(text, "RESTORE", 7)) {
        restore(world, template);
    } else if (text[0] == 'B') {
        if (!waiter->waited) wait_for(world, waiter, template);
    } else {
        const uint64_t before = world->redis->dirty;
        say(world, text);
        done[template] += world->redis->dirty != before;
    }
}

static void step(struct world *world)
{
    const unsigned what = draw(world, 100);
    limit_memory(world);
    if (what < 4) say(world, "SELECT %d");
    else if (what < 10) say(world, "SELECT 0");
    else if (what < 14) transact(world);
    else if (what < 18) os_sleep_us(world->os, 1000 * (int64_t)(1 + draw(world, 200)));
    else if (what < 45) say(world, replay_makers[draw(world, REPLAY_MAKERS)]);
    else one_command(world);
    for (size_t i = 0; i < WAITERS; i++)
        if (world->waiters[i].waited) look_after(world, &world->waiters[i]);
}

/* ---- the same? ---- */

static void print_history(const struct world *world, const char *key)
{
    const char *at = (const char *)world->history.data, *end = at + world->history.len;
    const size_t len = strlen(key);
    while (at < end) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        bool named = false;
        for (const char *c = at; c + len <= eol && !named; c++)
            named = !memcmp(c, key, len) && (c + len == eol || c[len] == ' ');
        const bool all = memmem(at, (size_t)(eol - at), "FLUSH", 5) ||
                         memmem(at, (size_t)(eol - at), "SWAPDB", 6) ||
                         memmem(at, (size_t)(eol - at), "SELECT", 6) ||
                         memmem(at, (size_t)(eol - at), "(", 1);
        if (named || all) print_error("  %.*s\n", (int)(eol - at), at);
        at = eol + 1;
    }
}

static void differ(const struct world *world, const struct item *item, const struct buffer *a,
                   const struct buffer *b)
{
    print_history(world, item->key);
    fail_msg("seed %llu: database %u, key %s\n  before: %.*s\n  after:  %.*s",
             (unsigned long long)world->seed, item->db, item->key, (int)a->len,
             (const char *)a->data, (int)b->len, (const char *)b->data);
}

static void compare(const struct world *world, const struct dump *before, const struct dump *after,
                    int64_t now)
{
    struct buffer a, b;
    size_t i = 0, k = 0;
    buffer_init(&a);
    buffer_init(&b);
    while (i < before->count || k < after->count) {
        if (i < before->count && !show(&before->items[i], now, &a)) i++;
        else if (k < after->count && !show(&after->items[k], now, &b)) k++;
        else {
            const int order = i == before->count ? 1 : k == after->count ? -1
                              : by_key(&before->items[i], &after->items[k]);
            if (order < 0) buffer_clear(&b);
            if (order > 0) buffer_clear(&a);
            const bool same = order == 0 && a.len == b.len && !memcmp(a.data, b.data, a.len);
            if (!same) differ(world, order > 0 ? &after->items[k] : &before->items[i], &a, &b);
            i++;
            k++;
        }
    }
    buffer_release(&a);
    buffer_release(&b);
}

/* ---- lives ---- */

/* The machine as a kill leaves it, when all that was written is with the system. */
static void die(struct world *world)
{
    while (redis_settle(world->redis), world->redis->keep &&
           redis_settle_log(world->redis) < redis_ticket(world->redis))
        os_sleep_us(world->os, 100);
    struct os_sim *image = os_sim_crash(world->sim, OS_SIM_KEEP_ALL, world->seed + 1);
    assert_non_null(image);
    close_world(world);
    os_sim_free(world->sim);
    world->sim = image;
    world->os = os_sim_os(image);
}

static void live(struct world *world, bool save, bool kill)
{
    struct dump before, after;
    for (unsigned i = 0; i < STEPS; i++) {
        if (save && i % 300 == 150) say(world, draw(world, 2) ? "BGREWRITEAOF" : "BGSAVE");
        step(world);
    }
    struct cache_stats stats;
    cache_lock(world->redis->cache);
    cache_stats_get(world->redis->cache, &stats);
    scache_fold(world->redis, true); /* counts of look-ups may be lost, and are not changes */
    redis_settle(world->redis);
    cache_unlock(world->redis->cache);
    evicted += stats.evicted;
    take_dump(world->session, &before);
    int64_t now = os_wall_ms(world->os);
    if (kill) die(world);
    else close_world(world);
    if (draw(world, 2)) os_sleep_us(world->os, 1000 * some_ms(world)); /* it was down so long */
    if (os_wall_ms(world->os) > now) now = os_wall_ms(world->os);
    open_world(world);
    take_dump(world->session, &after);
    if (os_wall_ms(world->os) > now) now = os_wall_ms(world->os);
    compare(world, &before, &after, now);
    free_dump(&before);
    free_dump(&after);
}

static void run_world(uint64_t seed)
{
    struct world world = {.seed = seed};
    rng_init(&world.rng, seed);
    buffer_init(&world.history);
    world.sim = os_sim_new(seed);
    assert_non_null(world.sim);
    world.os = os_sim_os(world.sim);
    open_world(&world);
    for (unsigned i = 0; i < LIVES; i++) live(&world, i % 2 || seed % 2, (i + seed) / 2 % 2);
    close_world(&world);
    os_sim_free(world.sim);
    if (getenv("KITH_REPLAY_SHOW"))
        (void)fwrite(world.history.data, 1, world.history.len, stdout);
    buffer_release(&world.history);
}

/* ---- every command was there ---- */

static void every_write_command_was_there(void)
{
    static const struct command *const tables[] = {
        string_commands, key_commands,  hash_commands,   list_commands, set_commands,
        zset_commands,   sort_commands, vector_commands, json_commands, search_commands,
        scache_commands};
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        for (const struct command *command = tables[t]; command->name; command++) {
            if (!(command->flags & CMD_WRITE)) continue;
            const size_t len = strlen(command->name);
            unsigned times = 0;
            for (size_t i = 0; i < REPLAY_TEMPLATES; i++) {
                const struct kith_str word = {replay_templates[i], strcspn(replay_templates[i],
                                                                           " ")};
                if (word.len == len && str_is(word, command->name)) times += done[i];
            }
            if (times == 0) print_error("%s changed nothing\n", command->name);
            assert_true(times > 0);
        }
    }
    assert_true(evicted > 0);
    assert_true(served > 0);
}

static void test_what_is_logged_is_the_data(void **state)
{
    (void)state;
    const char *rounds = getenv("KITH_REPLAY_ROUNDS"), *seed = getenv("KITH_REPLAY_SEED");
    const uint64_t first = seed ? strtoull(seed, NULL, 10) : 1;
    const uint64_t count = rounds ? strtoull(rounds, NULL, 10) : 6;
    for (uint64_t i = 0; i < count; i++) run_world(first + i);
    if (count >= 6) every_write_command_was_there();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_is_logged_is_the_data)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
