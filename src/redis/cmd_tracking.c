/*
 * CLIENT TRACKING and what belongs to it: see tracking.h.
 */
#include <string.h>

#include "base/alloc.h"
#include "redis/server_commands.h"
#include "redis/tracking.h"

#define PREFIXES_MAX 1024u

struct wish {
    struct tracking tracking;
    struct kith_str prefixes[PREFIXES_MAX]; /* borrow the words */
    size_t prefix_count;
};

static bool read_redirect(struct redis_call *call, size_t arg, struct wish *wish)
{
    int64_t id;
    if (!call_integer(call, arg, &id)) return false;
    if (id > 0 && session_of_id(call->redis, (uint64_t)id)) {
        wish->tracking.redirect = (uint64_t)id == call->session->id ? 0 : (uint64_t)id;
        return true;
    }
    call_error(call, "ERR The client ID you want redirect to does not exist");
    return false;
}

static bool read_options(struct redis_call *call, struct wish *wish)
{
    struct tracking *tracking = &wish->tracking;
    for (size_t i = 3; i < call->argc; i++) {
        const bool more = i + 1 < call->argc;
        if (call_is(call, i, "redirect") && more) {
            if (!read_redirect(call, ++i, wish)) return false;
        } else if (call_is(call, i, "prefix") && more && wish->prefix_count < PREFIXES_MAX) {
            wish->prefixes[wish->prefix_count++] = call->argv[++i];
        } else if (call_is(call, i, "bcast")) {
            tracking->bcast = true;
        } else if (call_is(call, i, "optin")) {
            tracking->optin = true;
        } else if (call_is(call, i, "optout")) {
            tracking->optout = true;
        } else if (call_is(call, i, "noloop")) {
            tracking->noloop = true;
        } else {
            call_syntax_error(call);
            return false;
        }
    }
    return true;
}

static const char *contradiction(const struct session *session, const struct wish *wish)
{
    const struct tracking *tracking = &wish->tracking, *now = &session->tracking;
    if (wish->prefix_count && !tracking->bcast)
        return "ERR PREFIX option requires BCAST mode to be enabled";
    if (now->on && now->bcast != tracking->bcast)
        return "ERR You can't switch BCAST mode on/off before disabling tracking for this client, "
               "and then re-enabling it with a different mode.";
    if (tracking->bcast && (tracking->optin || tracking->optout))
        return "ERR OPTIN and OPTOUT are not compatible with BCAST";
    if (tracking->optin && tracking->optout)
        return "ERR You can't specify both OPTIN mode and OPTOUT mode";
    if ((tracking->optin && now->optout) || (tracking->optout && now->optin))
        return "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, "
               "and then re-enabling it with a different mode.";
    return NULL;
}

static bool begins_with(struct kith_str text, struct kith_str prefix)
{
    return prefix.len <= text.len && (!prefix.len || !memcmp(text.data, prefix.data, prefix.len));
}

/* One prefix must not begin another: a key would be told twice. */
static bool overlap(const struct wish *wish, size_t *first, size_t *second)
{
    for (size_t i = 0; i < wish->prefix_count; i++) {
        for (size_t k = 0; k < wish->prefix_count; k++) {
            const struct kith_str *a = &wish->prefixes[i], *b = &wish->prefixes[k];
            *first = i;
            *second = k;
            if (i != k && begins_with(*b, *a)) return true;
        }
    }
    return false;
}

/* Prefixes add up over calls. Those there were are put behind the new ones, unless there are none:
 * that means every key. false: they overlap, or are too many; it was answered. */
static bool add_former(struct redis_call *call, struct wish *wish)
{
    static const struct kith_str every = {"", 0};
    const struct tracking *now = &call->session->tracking;
    if (!now->on || !now->bcast || !wish->prefix_count) return true;
    const struct kith_str *former = now->prefix_count ? now->prefixes : &every;
    const size_t former_count = now->prefix_count ? now->prefix_count : 1;
    const size_t fresh = wish->prefix_count;
    if (fresh + former_count > PREFIXES_MAX) {
        call_syntax_error(call);
        return false;
    }
    for (size_t i = 0; i < fresh; i++) {
        for (size_t k = 0; k < former_count; k++) {
            const struct kith_str a = wish->prefixes[i], b = former[k];
            if (!begins_with(a, b) && !begins_with(b, a)) continue;
            call_errorf(call, "ERR Prefix '%.*s' overlaps with an existing prefix '%.*s'. "
                              "Prefixes for a single client must not overlap.",
                        (int)a.len, a.data, (int)b.len, b.data);
            return false;
        }
    }
    memcpy(wish->prefixes + fresh, former, former_count * sizeof *former);
    wish->prefix_count += former_count;
    return true;
}

/* The texts lie behind the array: one block. */
static bool keep_prefixes(struct wish *wish)
{
    if (!wish->prefix_count) return true;
    const struct words *copy = words_copy(wish->prefixes, wish->prefix_count);
    if (!copy) return false;
    wish->tracking.words = copy;
    wish->tracking.prefixes = copy->argv;
    wish->tracking.prefix_count = copy->argc;
    return true;
}

void run_client_tracking(struct redis_call *call)
{
    struct wish wish;
    memset(&wish.tracking, 0, sizeof wish.tracking);
    wish.prefix_count = 0;
    if (!read_options(call, &wish)) return;
    if (call_is(call, 2, "off")) {
        tracking_end(call->session);
        resp_ok(call->reply);
        return;
    }
    if (!call_is(call, 2, "on")) {
        call_syntax_error(call);
        return;
    }
    const char *why = contradiction(call->session, &wish);
    size_t a, b;
    if (why) {
        call_error(call, why);
    } else if (overlap(&wish, &a, &b)) {
        call_errorf(call, "ERR Prefix '%.*s' overlaps with another provided prefix '%.*s'. "
                          "Prefixes for a single client must not overlap.",
                    (int)wish.prefixes[a].len, wish.prefixes[a].data, (int)wish.prefixes[b].len,
                    wish.prefixes[b].data);
    } else if (!add_former(call, &wish)) {
        return;
    } else if (!keep_prefixes(&wish)) {
        call_no_memory(call);
    } else {
        tracking_begin(call->session, &wish.tracking);
        resp_ok(call->reply);
    }
}

void run_client_caching(struct redis_call *call)
{
    struct tracking *tracking = &call->session->tracking;
    const bool yes = call_is(call, 2, "yes");
    if (!tracking->on) {
        call_error(call, "ERR CLIENT CACHING can be called only when the client is in tracking "
                         "mode with OPTIN or OPTOUT mode enabled");
    } else if (!yes && !call_is(call, 2, "no")) {
        call_syntax_error(call);
    } else if (yes ? !tracking->optin : !tracking->optout) {
        call_errorf(call,
                    "ERR CLIENT CACHING %s is only valid when tracking is enabled in %s mode.",
                    yes ? "YES" : "NO", yes ? "OPTIN" : "OPTOUT");
    } else {
        tracking->caching = true;
        call->session->tracking_keep = true;
        resp_ok(call->reply);
    }
}

void run_client_getredir(struct redis_call *call)
{
    const struct tracking *tracking = &call->session->tracking;
    resp_integer(call->reply, tracking->on ? (int64_t)tracking->redirect : -1);
}

void run_client_trackinginfo(struct redis_call *call)
{
    const struct tracking *tracking = &call->session->tracking;
    const struct {
        bool set;
        const char *name;
    } flags[] = {
        {!tracking->on, "off"},
        {tracking->on, "on"},
        {tracking->bcast, "bcast"},
        {tracking->optin, "optin"},
        {tracking->optin && tracking->caching, "caching-yes"},
        {tracking->optout, "optout"},
        {tracking->optout && tracking->caching, "caching-no"},
        {tracking->noloop, "noloop"},
        {tracking->broken, "broken_redirect"},
    };
    size_t count = 0;
    resp_map(call->reply, 3);
    resp_cstr(call->reply, "flags");
    const size_t place = resp_open(call->reply);
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (!flags[i].set) continue;
        resp_cstr(call->reply, flags[i].name);
        count++;
    }
    resp_close(call->reply, place, '~', count);
    resp_cstr(call->reply, "redirect");
    resp_integer(call->reply, tracking->on ? (int64_t)tracking->redirect : -1);
    resp_cstr(call->reply, "prefixes");
    const bool every = tracking->on && tracking->bcast && !tracking->prefix_count;
    resp_array(call->reply, every ? 1 : tracking->prefix_count);
    if (every) resp_cstr(call->reply, ""); /* the prefix of all keys */
    for (size_t i = 0; i < tracking->prefix_count; i++)
        resp_str(call->reply, tracking->prefixes[i]);
}
