/*
 * SLOWLOG and MONITOR: see slowlog.h.
 *
 * Entries are a list, newest first; each is one block with its words cut as they are shown.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/acl.h"
#include "redis/server_commands.h"
#include "redis/slowlog.h"

#define WORDS_SHOWN 32u
#define WORD_BYTES_SHOWN 128u
#define WORD_ROOM (WORD_BYTES_SHOWN + 40u)

struct slow {
    struct slow *next;
    uint64_t id;
    int64_t unix_s, us;
    struct words *words; /* owns; peer and name at the end */
};

struct slowlog {
    struct slow *first;
    size_t count;
    uint64_t next_id;
};

int slowlog_init(struct redis *redis)
{
    redis->slowlog = mem_zalloc(sizeof *redis->slowlog);
    return redis->slowlog ? 0 : KITH_ENOMEM;
}

static void drop_behind(struct slowlog *log, size_t keep)
{
    struct slow **at = &log->first;
    for (size_t i = 0; i < keep && *at; i++) at = &(*at)->next;
    while (*at) {
        struct slow *old = *at;
        *at = old->next;
        words_free(old->words);
        mem_free(old);
        log->count--;
    }
}

void slowlog_trim(struct redis *redis)
{
    if (redis->slowlog) drop_behind(redis->slowlog, (size_t)redis->settings.slowlog_max_len);
}

void slowlog_release(struct redis *redis)
{
    if (redis->slowlog) drop_behind(redis->slowlog, 0);
    mem_free(redis->slowlog);
    redis->slowlog = NULL;
}

bool command_is_secret(const struct command_entry *entry, const struct kith_str *argv,
                       size_t argc, size_t place)
{
    const char *name = entry->name;
    if (place == 0) return false;
    if (!strcmp(name, "auth")) return true;
    if (!strcmp(name, "acl|setuser")) return place >= 3;
    if (!strcmp(name, "hello"))
        for (size_t i = 2; i + 2 < argc; i++)
            if (str_is(argv[i], "auth")) return place == i + 1 || place == i + 2;
    if (!strcmp(name, "config|set") && place >= 3 && place % 2 == 1)
        return str_is(argv[place - 1], "requirepass") || str_is(argv[place - 1], "masterauth");
    return false;
}

static struct kith_str shown(struct kith_str word, char room[WORD_ROOM])
{
    if (word.len <= WORD_BYTES_SHOWN) return word;
    memcpy(room, word.data, WORD_BYTES_SHOWN);
    const int more = snprintf(room + WORD_BYTES_SHOWN, WORD_ROOM - WORD_BYTES_SHOWN,
                              "... (%zu more bytes)", word.len - WORD_BYTES_SHOWN);
    return (struct kith_str){room, WORD_BYTES_SHOWN + (size_t)more};
}

static struct words *shown_words(const struct session *session, const struct command_entry *entry,
                                 const struct kith_str *argv, size_t argc)
{
    struct kith_str words[WORDS_SHOWN + 2];
    char rooms[WORDS_SHOWN][WORD_ROOM];
    const size_t count = argc > WORDS_SHOWN ? WORDS_SHOWN : argc;
    for (size_t i = 0; i < count; i++)
        words[i] = command_is_secret(entry, argv, argc, i) ? str_of("(redacted)")
                                                           : shown(argv[i], rooms[i]);
    if (argc > WORDS_SHOWN) {
        const int len = snprintf(rooms[count - 1], WORD_ROOM, "... (%zu more arguments)",
                                 argc - WORDS_SHOWN + 1);
        words[count - 1] = (struct kith_str){rooms[count - 1], (size_t)len};
    }
    words[count] = str_of(session ? session_peer(session) : "");
    words[count + 1] = str_of(session && session->name ? session->name : "");
    return words_copy(words, count + 2);
}

void slowlog_add(struct redis *redis, const struct session *session,
                 const struct command_entry *entry, const struct kith_str *argv, size_t argc,
                 int64_t us)
{
    struct slowlog *log = redis->slowlog;
    struct slow *slow = mem_alloc(sizeof *slow);
    struct words *words = slow ? shown_words(session, entry, argv, argc) : NULL;
    if (!words) {
        mem_free(slow);
        return;
    }
    *slow = (struct slow){log->first, log->next_id++, cache_now_ms(redis->cache) / 1000, us, words};
    log->first = slow;
    log->count++;
    slowlog_trim(redis);
}

static void put_slow(struct resp *reply, const struct slow *slow)
{
    const size_t count = slow->words->argc - 2;
    resp_array(reply, 6);
    resp_integer(reply, (int64_t)slow->id);
    resp_integer(reply, slow->unix_s);
    resp_integer(reply, slow->us);
    resp_array(reply, count);
    for (size_t i = 0; i < count; i++) resp_str(reply, slow->words->argv[i]);
    resp_str(reply, slow->words->argv[count]);
    resp_str(reply, slow->words->argv[count + 1]);
}

static void run_get(struct redis_call *call)
{
    int64_t count = 10;
    const struct slowlog *log = call->redis->slowlog;
    if (call->argc > 3) {
        call_arity_error(call);
        return;
    }
    if (call->argc == 3 && (!text_integer(call->argv[2], &count) || count < -1)) {
        call_error(call, "ERR count should be greater than or equal to -1");
        return;
    }
    if (count < 0 || (uint64_t)count > log->count) count = (int64_t)log->count;
    resp_array(call->reply, (size_t)count);
    const struct slow *at = log->first;
    for (; count > 0 && at; count--, at = at->next) put_slow(call->reply, at);
}

static void run_len(struct redis_call *call)
{
    resp_integer(call->reply, (int64_t)call->redis->slowlog->count);
}

static void run_reset(struct redis_call *call)
{
    drop_behind(call->redis->slowlog, 0);
    resp_ok(call->reply);
}

const struct command slowlog_subcommands[] = {
    {.name = "get", .run = run_get, .arity = -2, .flags = CMD_ADMIN | CMD_LOADING},
    {.name = "len", .run = run_len, .arity = 2, .flags = CMD_ADMIN | CMD_LOADING},
    {.name = "reset", .run = run_reset, .arity = 2, .flags = CMD_ADMIN | CMD_LOADING},
    HELP_SUBCOMMAND(0),
    {.name = NULL},
};

/* ---- MONITOR ---- */

static void put_quoted(struct buffer *out, struct kith_str word)
{
    buffer_put_u8(out, '"');
    for (size_t i = 0; i < word.len; i++) {
        const char c = word.data[i];
        static const char plain[] = "\n\r\t\a\b", letters[] = "nrtab";
        const char *special = c ? strchr(plain, c) : NULL;
        if (c == '"' || c == '\\') buffer_printf(out, "\\%c", c);
        else if (special) buffer_printf(out, "\\%c", letters[special - plain]);
        else if (c < ' ' || c > '~') buffer_printf(out, "\\x%02x", (unsigned char)c);
        else buffer_put_u8(out, (uint8_t)c);
    }
    buffer_put_u8(out, '"');
}

void monitor_feed(struct redis *redis, const struct session *session,
                  const struct command_entry *entry, const struct kith_str *argv, size_t argc)
{
    struct buffer line;
    const int64_t now = cache_now_ms(redis->cache);
    if (entry->flags & (CMD_NO_MONITOR | CMD_ADMIN)) return;
    buffer_init(&line);
    buffer_printf(&line, "+%lld.%06lld [%u %s]", (long long)(now / 1000),
                  (long long)(now % 1000) * 1000, session->db,
                  session->stream ? session_peer(session) : "local");
    for (size_t i = 0; i < argc; i++) {
        buffer_put_u8(&line, ' ');
        put_quoted(&line, command_is_secret(entry, argv, argc, i) ? str_of("(redacted)")
                                                                  : argv[i]);
    }
    buffer_put(&line, "\r\n", 2);
    for (struct session *at = redis->sessions; at && !buffer_failed(&line); at = at->next) {
        if (!at->monitor || at == session) continue;
        struct resp out = session_push_begin(at);
        buffer_put(out.out, line.data, line.len);
        session_push_end(at);
    }
    buffer_release(&line);
}

void monitor_end(struct session *session)
{
    if (!session->monitor) return;
    session->monitor = false;
    session->redis->monitor_count--;
    redis_refresh(session->redis);
}

void run_monitor(struct redis_call *call)
{
    struct session *session = call->session;
    if (!session->monitor) call->redis->monitor_count++;
    session->monitor = true;
    redis_refresh(call->redis);
    resp_ok(call->reply);
}
