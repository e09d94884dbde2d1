/*
 * SCACHE.CALIBRATE cache (FILE name | PAIRS json) [RATE r] [MODEL m]: from labelled pairs to the
 * threshold of a cache, kept in c:model. What pairs are: scache_pairs.h.
 *
 * A file is one of the folder that CONFIG GET dir shows, by its plain name, and reading one needs
 * the rights of an administrator (CONFIG GET). Reading and counting happen on a worker.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "os/os.h"
#include "redis/acl.h"
#include "redis/redis_internal.h"
#include "redis/scache.h"
#include "redis/scache_pairs.h"

#define DEFAULT_RATE 0.01

struct calibration {
    const struct redis *redis;
    char path[OS_PATH_MAX]; /* empty: the text was given */
    struct buffer text;     /* owns */
    double rate;
    struct scache_pairs_found found;
    struct kith_error err;
    int rc;
};

static void calibration_free(struct calibration *job)
{
    buffer_release(&job->text);
    mem_free(job);
}

/* ---- words ---- */

/* Of the folder itself: no way into another one. */
static bool is_plain_name(struct kith_str name)
{
    return name.len > 0 && name.len < 256 && name.data[0] != '.' &&
           !memchr(name.data, '/', name.len) && !memchr(name.data, 0, name.len);
}

/* May this user make the server read files? */
static bool may_read_files(struct redis_call *call)
{
    const struct acl_user *user = call->session ? call->session->user : NULL;
    struct command_entry *config;
    const struct kith_str words[] = {str_of("config"), str_of("get"), str_of("dir")};
    size_t place;
    if (!user || user->unlimited) return user != NULL;
    config = registry_of(&call->redis->registry, words, 3);
    return config && acl_check(call->redis, user, config, words, 3, &place) == ACL_ALLOWED;
}

static bool read_file_name(struct redis_call *call, struct calibration *job)
{
    const struct kith_str name = call->argv[3];
    const char *dir = call->redis->settings.dir;
    if (!may_read_files(call)) {
        call_error(call, "NOPERM FILE needs the right to CONFIG GET");
        return false;
    }
    const int len = is_plain_name(name) && dir
                        ? snprintf(job->path, sizeof job->path, "%s/%.*s", dir, (int)name.len,
                                   name.data)
                        : 0;
    if (len > 0 && len < (int)sizeof job->path) return true;
    call_error(call, "ERR FILE is the plain name of a file in the folder 'dir'");
    return false;
}

static bool read_source(struct redis_call *call, struct calibration *job)
{
    if (call_is(call, 2, "file")) return read_file_name(call, job);
    if (!call_is(call, 2, "pairs")) {
        call_syntax_error(call);
        return false;
    }
    buffer_put(&job->text, call->argv[3].data, call->argv[3].len);
    if (buffer_failed(&job->text)) call_no_memory(call);
    return !call->failed;
}

static bool read_rate(struct redis_call *call, size_t at, struct calibration *job)
{
    if (text_double(call->argv[at], &job->rate) && job->rate >= 0 && job->rate < 1) return true;
    call_error(call, "ERR RATE must be at least 0 and below 1");
    return false;
}

/* The model's id; len 0: none. It is looked for again when the work is done. */
static struct kith_str model_of(const struct redis_call *call)
{
    struct kith_str model = {"", 0};
    for (size_t at = 4; at + 1 < call->argc; at += 2)
        if (call_is(call, at, "model")) model = call->argv[at + 1];
    return model;
}

static bool read_options(struct redis_call *call, struct calibration *job)
{
    for (size_t at = 4; at < call->argc; at += 2) {
        if (at + 1 < call->argc && call_is(call, at, "rate")) {
            if (!read_rate(call, at + 1, job)) return false;
        } else if (at + 1 == call->argc || !call_is(call, at, "model")) {
            call_syntax_error(call);
            return false;
        }
    }
    if (model_of(call).len <= SCACHE_MODEL_MAX) return true;
    call_error(call, "ERR MODEL is longer than 256 bytes");
    return false;
}

/* ---- the work ---- */

static void work(void *ctx)
{
    struct calibration *job = ctx;
    if (job->path[0]) {
        job->rc = redis_read_file(job->redis, job->path, &job->text, &job->err);
        if (job->rc) return;
    }
    const struct kith_str text = {job->text.len ? (const char *)job->text.data : "",
                                  job->text.len};
    job->rc = scache_pairs_read(text, job->rate, &job->found, &job->err);
}

static void answer(struct redis_call *call, const struct calibration *job)
{
    struct resp *reply = call->reply;
    resp_map(reply, 4);
    resp_cstr(reply, "threshold");
    resp_double(reply, job->found.threshold);
    resp_cstr(reply, "false_hit_rate");
    resp_double(reply, job->found.false_hits);
    resp_cstr(reply, "hit_rate");
    resp_double(reply, job->found.hits);
    resp_cstr(reply, "pairs");
    resp_integer(reply, (int64_t)job->found.pairs);
}

static void done(struct redis_call *call, void *ctx)
{
    struct calibration *job = ctx;
    const struct scache_calibration found = {.model = model_of(call),
                                             .threshold = job->found.threshold,
                                             .rate = job->rate,
                                             .false_hits = job->found.false_hits,
                                             .hits = job->found.hits,
                                             .pairs = (int64_t)job->found.pairs};
    if (call->session) (void)call_write(call, call->argv[1], VALUE_VECTORS);
    if (!call->session) call->failed = true; /* gone: nobody would know */
    else if (!call->failed && job->rc == KITH_ENOMEM) call_no_memory(call);
    else if (!call->failed && job->rc) call_errorf(call, "ERR %s", job->err.text);
    else if (!call->failed && scache_model_store(call, &found)) answer(call, job);
    calibration_free(job);
}

void run_scache_calibrate(struct redis_call *call)
{
    if (!scache_permits(call, true)) return;
    struct calibration *job = mem_zalloc(sizeof *job);
    if (!job) {
        call_no_memory(call);
        return;
    }
    job->redis = call->redis;
    job->rate = DEFAULT_RATE;
    const bool fine = read_source(call, job) && read_options(call, job);
    if (!fine || !call_offload(call, work, done, job)) calibration_free(job);
}
