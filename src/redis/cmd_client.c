/*
 * CLIENT: what a connection is called, how it is treated, and who else is there.
 */
#include <stdio.h>
#include <string.h>

#include "net/stream.h"
#include "redis/acl.h"
#include "redis/blocked.h"
#include "redis/client_line.h"
#include "redis/cron.h"
#include "redis/server_commands.h"

/* ---- oneself ---- */

static void run_id(struct redis_call *call)
{
    resp_integer(call->reply, (int64_t)call->session->id);
}

static void run_getname(struct redis_call *call)
{
    if (call->session->name) resp_cstr(call->reply, call->session->name);
    else resp_null(call->reply);
}

static void run_setname(struct redis_call *call)
{
    if (!client_name_is_good(call->argv[2])) call_error(call, CLIENT_NAME_ERROR);
    else if (!client_set_text(&call->session->name, call->argv[2])) call_no_memory(call);
    else resp_ok(call->reply);
}

static void run_setinfo(struct redis_call *call)
{
    const bool name = call_is(call, 2, "lib-name"), version = call_is(call, 2, "lib-ver");
    struct session *session = call->session;
    if (!name && !version) {
        call_errorf(call, "ERR Unrecognized option '%.*s'", (int)call->argv[2].len,
                    call->argv[2].data);
    } else if (!client_name_is_good(call->argv[3])) {
        call_errorf(call, "ERR %s cannot contain spaces, newlines or special characters.",
                    name ? "lib-name" : "lib-ver");
    } else if (!client_set_text(name ? &session->lib_name : &session->lib_version,
                                call->argv[3])) {
        call_no_memory(call);
    } else {
        resp_ok(call->reply);
    }
}

static void run_client_info(struct redis_call *call)
{
    struct buffer line;
    buffer_init(&line);
    client_line(call->session, &line);
    resp_verbatim(call->reply, line.data, line.len);
    buffer_release(&line);
}

static void run_reply(struct redis_call *call)
{
    struct session *session = call->session;
    if (call_is(call, 2, "on")) {
        session->reply_mode = REPLY_ON;
        resp_ok(call->reply);
    } else if (call_is(call, 2, "off")) {
        session->reply_mode = REPLY_OFF;
    } else if (call_is(call, 2, "skip")) {
        if (session->reply_mode == REPLY_ON) session->reply_mode = REPLY_SKIP_NEXT;
    } else {
        call_syntax_error(call);
    }
}

static bool read_on_off(struct redis_call *call, bool *out)
{
    *out = call_is(call, 2, "on");
    if (*out || call_is(call, 2, "off")) return true;
    call_syntax_error(call);
    return false;
}

static void run_no_evict(struct redis_call *call)
{
    if (read_on_off(call, &call->session->no_evict)) resp_ok(call->reply);
}

static void run_no_touch(struct redis_call *call)
{
    if (read_on_off(call, &call->session->no_touch)) resp_ok(call->reply);
}

/* ---- choosing others ---- */

struct choice { /* filters of LIST and KILL; what is not set fits all */
    const struct kith_str *ids; /* borrow the words */
    size_t id_count;
    bool by_type, skip_me;
    enum client_type type;
    const struct kith_str *address, *local, *user;
    int64_t min_age_s;
};

static bool fits(const struct redis_call *call, const struct choice *choice,
                 const struct session *session)
{
    bool id = choice->id_count == 0;
    for (size_t i = 0; i < choice->id_count && !id; i++) {
        int64_t number;
        id = text_integer(choice->ids[i], &number) && (uint64_t)number == session->id;
    }
    if (!id || !session->stream) return id && choice->id_count && session == call->session;
    if (choice->skip_me && session == call->session) return false;
    if (choice->by_type && client_type(session) != choice->type) return false;
    if (choice->address && !str_same(*choice->address, str_of(session_peer(session)))) return false;
    if (choice->local && !str_same(*choice->local, str_of(stream_local(session->stream))))
        return false;
    if (choice->user && !(session->user && str_same(*choice->user, str_of(session->user->name))))
        return false;
    const int64_t age_ms = cache_now_ms(call->cache) - session->opened_ms;
    return !choice->min_age_s || age_ms >= choice->min_age_s * 1000;
}

static bool read_type(struct redis_call *call, size_t arg, struct choice *choice)
{
    choice->by_type = true;
    if (call_is(call, arg, "normal")) choice->type = CLIENT_NORMAL;
    else if (call_is(call, arg, "pubsub")) choice->type = CLIENT_PUBSUB;
    else if (call_is(call, arg, "master") || call_is(call, arg, "replica") ||
             call_is(call, arg, "slave"))
        choice->type = CLIENT_REPLICA;
    else {
        call_errorf(call, "ERR Unknown client type '%.*s'", (int)call->argv[arg].len,
                    call->argv[arg].data);
        return false;
    }
    return true;
}

static size_t read_ids(const struct redis_call *call, size_t arg, struct choice *choice)
{
    int64_t number;
    choice->ids = &call->argv[arg];
    while (arg + choice->id_count < call->argc &&
           text_integer(call->argv[arg + choice->id_count], &number) && number > 0)
        choice->id_count++;
    return choice->id_count;
}

static void run_list(struct redis_call *call)
{
    struct choice choice = {0};
    struct buffer lines;
    if (call_is(call, 2, "type") && call->argc == 4) {
        if (!read_type(call, 3, &choice)) return;
    } else if (call_is(call, 2, "id") && call->argc > 3) {
        if (read_ids(call, 3, &choice) != call->argc - 3) {
            call_error(call, "ERR Invalid client ID");
            return;
        }
    } else if (call->argc != 2) {
        call_syntax_error(call);
        return;
    }
    buffer_init(&lines);
    const struct session *last = call->redis->sessions; /* newest first: from the other end */
    while (last && last->next) last = last->next;
    for (const struct session *at = last; at; at = at->prev)
        if (fits(call, &choice, at)) client_line(at, &lines);
    resp_verbatim(call->reply, lines.data, lines.len);
    buffer_release(&lines);
}

/* ---- KILL ---- */

static bool read_skip(struct redis_call *call, size_t arg, bool *skip)
{
    *skip = call_is(call, arg, "yes");
    if (*skip || call_is(call, arg, "no")) return true;
    call_syntax_error(call);
    return false;
}

/* One option and its value at `arg`; gives how many words they are, 0 on an error. */
static size_t read_filter(struct redis_call *call, size_t arg, struct choice *choice)
{
    const struct kith_str *value = &call->argv[arg + 1];
    if (call_is(call, arg, "id")) {
        const size_t count = read_ids(call, arg + 1, choice);
        if (count) return count + 1;
        call_error(call, "ERR client-id should be greater than 0");
        return 0;
    }
    if (call_is(call, arg, "type")) return read_type(call, arg + 1, choice) ? 2 : 0;
    if (call_is(call, arg, "skipme")) return read_skip(call, arg + 1, &choice->skip_me) ? 2 : 0;
    if (call_is(call, arg, "addr")) choice->address = value;
    else if (call_is(call, arg, "laddr")) choice->local = value;
    else if (call_is(call, arg, "user")) {
        if (!acl_find(call->redis->acl, *value)) {
            call_errorf(call, "ERR No such user '%.*s'", (int)value->len, value->data);
            return 0;
        }
        choice->user = value;
    } else if (call_is(call, arg, "maxage")) {
        if (!call_range(call, arg + 1, 1, INT32_MAX, &choice->min_age_s, NULL)) return 0;
    } else {
        call_syntax_error(call);
        return 0;
    }
    return 2;
}

static int64_t kill_all(struct redis_call *call, const struct choice *choice)
{
    int64_t count = 0;
    for (struct session *at = call->redis->sessions; at; at = at->next) {
        if (!at->stream || at->closing || !fits(call, choice, at)) continue;
        session_kill(at, at != call->session); /* its own reply still goes out */
        count++;
    }
    return count;
}

static void run_kill(struct redis_call *call)
{
    struct choice choice = {0};
    if (call->argc == 3) {
        choice.address = &call->argv[2];
        if (kill_all(call, &choice)) resp_ok(call->reply);
        else call_error(call, "ERR No such client");
        return;
    }
    choice.skip_me = true;
    for (size_t i = 2; i < call->argc;) {
        if (i + 1 == call->argc) {
            call_syntax_error(call);
            return;
        }
        const size_t took = read_filter(call, i, &choice);
        if (!took) return;
        i += took;
    }
    resp_integer(call->reply, kill_all(call, &choice));
}

/* ---- PAUSE, UNBLOCK ---- */

static void run_pause(struct redis_call *call)
{
    struct redis *redis = call->redis;
    int64_t ms;
    if (!text_integer(call->argv[2], &ms)) {
        call_error(call, "ERR timeout is not an integer or out of range");
        return;
    }
    if (ms < 0) {
        call_error(call, "ERR timeout is negative");
        return;
    }
    if (call->argc > 4 ||
        (call->argc == 4 && !call_is(call, 3, "write") && !call_is(call, 3, "all"))) {
        call_error(call, "ERR CLIENT PAUSE mode must be WRITE or ALL");
        return;
    }
    const int64_t now = cache_now_ms(call->cache);
    redis->paused_until_ms = ms > INT64_MAX - now ? INT64_MAX : now + ms;
    redis->paused_all = !call_is(call, 3, "write");
    cache_set_paused(call->cache, true);
    redis_refresh(redis);
    cron_poke(redis);
    resp_ok(call->reply);
}

static void run_unpause(struct redis_call *call)
{
    redis_end_pause(call->redis);
    resp_ok(call->reply);
}

static void run_unblock(struct redis_call *call)
{
    int64_t id;
    const bool error = call_is(call, 3, "error");
    if (call->argc > 4 || (call->argc == 4 && !error && !call_is(call, 3, "timeout"))) {
        call_error(call, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
        return;
    }
    if (!call_integer(call, 2, &id)) return;
    struct session *session = session_of_id(call->redis, (uint64_t)id);
    resp_integer(call->reply, session && blocked_release(session, error));
}

#define CLIENT_FLAGS (CMD_LOADING | CMD_NO_SCRIPT)
#define SUBCOMMAND(word, fn, count, more)                                                          \
    {.name = word, .run = fn, .arity = count, .flags = CLIENT_FLAGS | (more),                      \
     .categories = CAT_CONNECTION}

static const struct command client_subcommands[] = {
    SUBCOMMAND("id", run_id, 2, 0),
    SUBCOMMAND("getname", run_getname, 2, 0),
    SUBCOMMAND("setname", run_setname, 3, 0),
    SUBCOMMAND("setinfo", run_setinfo, 4, 0),
    SUBCOMMAND("info", run_client_info, 2, 0),
    SUBCOMMAND("list", run_list, -2, CMD_ADMIN),
    SUBCOMMAND("kill", run_kill, -3, CMD_ADMIN),
    SUBCOMMAND("reply", run_reply, 3, 0),
    SUBCOMMAND("pause", run_pause, -3, CMD_ADMIN),
    SUBCOMMAND("unpause", run_unpause, 2, CMD_ADMIN),
    SUBCOMMAND("unblock", run_unblock, -3, CMD_ADMIN),
    SUBCOMMAND("no-evict", run_no_evict, 3, CMD_ADMIN),
    SUBCOMMAND("no-touch", run_no_touch, 3, 0),
    SUBCOMMAND("tracking", run_client_tracking, -3, 0),
    SUBCOMMAND("caching", run_client_caching, 3, 0),
    SUBCOMMAND("getredir", run_client_getredir, 2, 0),
    SUBCOMMAND("trackinginfo", run_client_trackinginfo, 2, 0),
    HELP_SUBCOMMAND(CAT_CONNECTION),
    {.name = NULL},
};

const struct command client_commands[] = {
    {.name = "client", .arity = -2, .subcommands = client_subcommands,
     .categories = CAT_CONNECTION},
    {.name = NULL},
};
