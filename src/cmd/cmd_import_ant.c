/*
 * kith import ant: the files of an Ant-Cache into a keyspace, while no server runs on it.
 *
 * The snapshot first, then what the log says after the snapshot's time. What has expired is left
 * out; a time to live counts from when it was written. A line that cannot be told apart is counted,
 * not guessed. FLUSHALL was never logged there: keys that it removed may come back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "cmd/args.h"
#include "cmd/cmd.h"
#include "line/ant_files.h"
#include "line/ant_log.h"
#include "net/net_internal.h"
#include "redis/redis.h"

#define LISTED_MAX 20u /* odd lines that are named */
#define FILE_BYTES_MAX (UINT64_C(4) << 30)
#define UNPACKED_BYTES_MAX ((size_t)16 << 30)

struct ant_line_flags {
    const char *atd, *acl, *data;
    bool first_bar, partial, rotated;
};

static const struct args_option options[] = {
    {.name = "atd", .kind = ARGS_TEXT, .value = "FILE", .help = "a snapshot",
     .offset = offsetof(struct ant_line_flags, atd)},
    {.name = "acl", .kind = ARGS_TEXT, .value = "FILE", .help = "an append log",
     .offset = offsetof(struct ant_line_flags, acl)},
    {.name = "data", .kind = ARGS_TEXT, .value = "DIR", .help = "the server's; kith-data",
     .offset = offsetof(struct ant_line_flags, data)},
    {.name = "first-bar", .kind = ARGS_FLAG,
     .help = "split an ambiguous line of the log at its first bar",
     .offset = offsetof(struct ant_line_flags, first_bar)},
    {.name = "rotated", .kind = ARGS_FLAG,
     .help = "the log's rotated files, FILE.YYYYMMDD_HHMMSS, too",
     .offset = offsetof(struct ant_line_flags, rotated)},
    {.name = "partial", .kind = ARGS_FLAG, .help = "keep what came before damage",
     .offset = offsetof(struct ant_line_flags, partial)},
};

static const struct args_spec spec = {
    .verb = "import ant",
    .summary = "read the files of an Ant-Cache into the keyspace of a server that is stopped",
    .example = "kith import ant --atd cache.atd --acl cache.acl --rotated --data kith-data",
    .options = options,
    .option_count = sizeof options / sizeof *options,
};

struct ant_import {
    const struct ant_line_flags *flags;
    struct redis *redis;     /* owns */
    struct session *session; /* owns */
    struct kith_str *words;  /* owns */
    size_t word_cap;
    int64_t now_ms, saved_s;
    const char *file; /* that is being read */
    size_t logs;
    unsigned long long items, expired, changes, ambiguous, bad, refused;
};

/* ---- into the keyspace ---- */

static int run(struct ant_import *job, const struct kith_str *argv, size_t argc)
{
    struct buffer reply;
    buffer_init(&reply);
    const int rc = session_run(job->session, argv, argc, &reply);
    if (rc == 0 && reply.len && reply.data[0] == '-') job->refused++;
    buffer_release(&reply);
    return rc;
}

static struct kith_str word(const char *text) { return (struct kith_str){text, strlen(text)}; }

static int put(struct ant_import *job, const struct ant_item *item)
{
    static const char *const names[] = {"", "SET", "RPUSH", "HSET"};
    char digits[24];
    const int64_t deadline_ms = item->expiry_ns / 1000000;
    if (item->expiry_ns > 0 && deadline_ms <= job->now_ms) {
        const struct kith_str gone[] = {word("DEL"), item->key}; /* it had taken the place */
        job->expired++;
        return run(job, gone, 2);
    }
    if (item->count + 2 > job->word_cap) {
        struct kith_str *fresh = mem_realloc(job->words, (item->count + 2) * sizeof *fresh);
        if (!fresh) return KITH_ENOMEM;
        job->words = fresh;
        job->word_cap = item->count + 2;
    }
    job->items++;
    job->words[0] = word("DEL");
    job->words[1] = item->key;
    int rc = run(job, job->words, 2);
    job->words[0] = word(names[item->kind]);
    for (size_t i = 0; i < item->count; i++) job->words[i + 2] = item->words[i];
    if (rc == 0 && item->count) rc = run(job, job->words, item->count + 2);
    (void)snprintf(digits, sizeof digits, "%lld", (long long)deadline_ms);
    const struct kith_str expire[] = {word("PEXPIREAT"), item->key, word(digits)};
    return rc == 0 && item->expiry_ns > 0 ? run(job, expire, 3) : rc;
}

static int put_item(void *ctx, const struct ant_item *item) { return put(ctx, item); }

/* ---- files ---- */

static int read_whole(const char *path, struct buffer *out, struct kith_error *err)
{
    struct os_file *file;
    uint64_t size = 0;
    size_t got = 0;
    int rc = os_open(os_real(), path, OS_READ, &file, err);
    if (rc) return rc;
    rc = os_size(file, &size, err);
    if (rc == 0 && size > FILE_BYTES_MAX) rc = error_set(err, KITH_ELIMIT, "%s: too large", path);
    uint8_t *room = rc == 0 && size ? buffer_extend(out, (size_t)size) : NULL;
    if (rc == 0 && size && !room) rc = error_set(err, KITH_ENOMEM, "%s: no memory", path);
    if (room) rc = os_pread(file, room, (size_t)size, 0, &got, err);
    if (room && rc == 0) out->len = got;
    os_close(file);
    return rc;
}

static int read_snapshot(struct ant_import *job, const char *path, struct kith_error *err)
{
    struct buffer packed, plain;
    const struct ant_sink sink = {put_item, job};
    buffer_init(&packed);
    buffer_init(&plain);
    int rc = read_whole(path, &packed, err);
    if (rc == 0) {
        rc = net_gunzip(packed.data, packed.len, UNPACKED_BYTES_MAX, &plain);
        if (rc && !(rc == KITH_EINVAL && job->flags->partial && plain.len))
            error_set(err, rc, "%s: no whole gzip stream", path);
        else rc = ant_atd_read(plain.data, plain.len, &sink, &job->saved_s, err);
        if (rc == KITH_ECORRUPT && job->flags->partial) rc = 0;
    }
    buffer_release(&packed);
    buffer_release(&plain);
    return rc;
}

/* "a b" or "k:v k2:v2" as words; returns how many, at most max. */
static size_t split(const struct ant_change *change, struct kith_str *out, size_t max)
{
    const char *at = change->value.data, *end = at + change->value.len;
    size_t count = 0;
    if (change->value_kind == ANT_STRING) {
        out[0] = change->value;
        return 1;
    }
    while (at < end && count + 2 <= max) {
        const char *stop = memchr(at, ' ', (size_t)(end - at));
        if (!stop) stop = end;
        const char *colon = change->value_kind == ANT_OBJECT
                                ? memchr(at, ':', (size_t)(stop - at)) : NULL;
        out[count++] = (struct kith_str){at, (size_t)((colon ? colon : stop) - at)};
        if (colon) out[count++] = (struct kith_str){colon + 1, (size_t)(stop - colon - 1)};
        else if (change->value_kind == ANT_OBJECT) out[count++] = (struct kith_str){"", 0};
        at = stop + 1;
    }
    return count;
}

static bool is_there(struct ant_import *job, struct kith_str key)
{
    const struct kith_str argv[] = {word("EXISTS"), key};
    struct buffer reply;
    buffer_init(&reply);
    const int rc = session_run(job->session, argv, 2, &reply);
    const bool there = rc == 0 && reply.len > 1 && reply.data[1] == '1';
    buffer_release(&reply);
    return there;
}

static int apply(struct ant_import *job, const struct ant_change *change)
{
    struct ant_item item = {.kind = change->value_kind, .key = change->key};
    if (change->unix_ns / 1000000000 < job->saved_s) return 0;
    job->changes++;
    if (change->kind == ANT_REMOVE) {
        const struct kith_str argv[] = {word("DEL"), change->key};
        return run(job, argv, 2);
    }
    if (change->kind == ANT_PUT_NEW && is_there(job, change->key)) return 0;
    const size_t most = change->value.len * 2 + 2;
    struct kith_str *words = mem_alloc_array(most, sizeof *words);
    if (!words) return KITH_ENOMEM;
    item.words = words;
    item.count = split(change, words, most);
    if (change->ttl_ns > 0)
        item.expiry_ns = change->ttl_ns > INT64_MAX - change->unix_ns
                             ? INT64_MAX : change->unix_ns + change->ttl_ns;
    const int rc = put(job, &item);
    mem_free(words);
    return rc;
}

/* ---- logs ---- */

struct log_file {
    char path[OS_PATH_MAX];
    struct buffer text; /* owns */
};

struct log_files {
    const char *base; /* the name of the present one, without its folder */
    const char *path;
    int base_at;             /* where it begins in path */
    struct log_file *files;  /* owns; the oldest first */
    size_t count;
};

/* What cannot be told apart is counted, and the first are named. */
static void note_odd(void *ctx, enum ant_line why, size_t number)
{
    struct ant_import *job = ctx;
    if (why == ANT_LINE_AMBIGUOUS) job->ambiguous++;
    else job->bad++;
    if (job->ambiguous + job->bad <= LISTED_MAX)
        cmd_warn("import ant", "%s, line %zu: %s; skipped", job->file, number,
                 why == ANT_LINE_AMBIGUOUS ? "more than one '|' in key and value"
                                           : "not of the shape time|TYPE|key|value|ttl");
}

static int add_file(struct log_files *all, const char *name)
{
    struct log_file *fresh = mem_realloc(all->files, (all->count + 1) * sizeof *fresh);
    if (!fresh) return KITH_ENOMEM;
    all->files = fresh;
    struct log_file *file = &fresh[all->count];
    buffer_init(&file->text);
    const int len =
        snprintf(file->path, sizeof file->path, "%.*s%s", all->base_at, all->path, name);
    if (len < 0 || (size_t)len >= sizeof file->path) return KITH_EINVAL;
    all->count++;
    return 0;
}

static int take_rotated(void *ctx, const char *name)
{
    struct log_files *all = ctx;
    return ant_log_is_rotated(all->base, name) ? add_file(all, name) : 0;
}

static int by_path(const void *a, const void *b)
{
    const struct log_file *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static int find_logs(struct log_files *all, const char *path, bool rotated, struct kith_error *err)
{
    char folder[OS_PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    *all = (struct log_files){ .base = slash ? slash + 1 : path, .path = path };
    all->base_at = (int)(all->base - path);
    if (all->base_at >= (int)sizeof folder)
        return error_set(err, KITH_EINVAL, "%s: too long", path);
    if (slash) (void)snprintf(folder, sizeof folder, "%.*s", all->base_at, path);
    int rc = rotated ? os_list(os_real(), folder, take_rotated, all, err) : 0;
    if (all->count > 1) qsort(all->files, all->count, sizeof *all->files, by_path);
    if (rc == 0) rc = add_file(all, all->base);
    if (rc && err->code != rc) error_set(err, rc, "%s: no memory", path);
    return rc;
}

static int read_logs(struct ant_import *job, const char *path, struct kith_error *err)
{
    struct log_files all;
    struct ant_log log = { .first_bar = job->flags->first_bar, .odd = note_odd, .ctx = job };
    int rc = find_logs(&all, path, job->flags->rotated, err);
    for (size_t i = 0; rc == 0 && i < all.count; i++) {
        struct log_file *file = &all.files[i];
        job->file = file->path;
        rc = read_whole(file->path, &file->text, err);
        if (rc == 0 && file->text.len &&
            ant_log_read(&log, (const char *)file->text.data, file->text.len))
            rc = error_set(err, KITH_ENOMEM, "%s: no memory", file->path);
    }
    job->logs = all.count;
    ant_log_sort(&log);
    for (size_t i = 0; rc == 0 && i < log.count; i++) rc = apply(job, &log.lines[i].change);
    if (rc && !err->text[0]) error_set(err, rc, "%s: no memory", path);
    ant_log_release(&log);
    for (size_t i = 0; i < all.count; i++) buffer_release(&all.files[i].text);
    mem_free(all.files);
    return rc;
}

static int begin(struct ant_import *job, struct kith_error *err)
{
    static const char *const directives[] = {"appendonly yes", "appendfsync no"};
    const char *data = job->flags->data ? job->flags->data : "kith-data";
    char dir[OS_PATH_MAX];
    if (snprintf(dir, sizeof dir, "%s/keyspace", data) >= (int)sizeof dir)
        return error_set(err, KITH_EINVAL, "the path of the data is too long");
    int rc = os_mkdir(os_real(), data, err);
    if (rc && rc != KITH_EEXISTS) return rc;
    const struct redis_opts opts = {.os = os_real(), .dir = dir, .workers = 1,
                                    .directives = directives, .directive_count = 2};
    rc = redis_new(&opts, &job->redis, err);
    if (rc) return rc;
    job->now_ms = os_wall_ms(os_real());
    job->session = session_open_local(job->redis);
    return job->session ? 0 : error_set(err, KITH_ENOMEM, "no memory");
}

int cmd_import_ant(int argc, char **argv)
{
    struct ant_line_flags flags = {0};
    struct ant_import job = {.flags = &flags};
    struct kith_error err = {0};
    int exit_code;
    if (!cmd_begin(&spec, argc, argv, &flags, &exit_code)) return exit_code;
    if (!flags.atd && !flags.acl) return cmd_usage("import ant", "neither --atd nor --acl");
    int rc = begin(&job, &err);
    if (rc == 0 && flags.atd) rc = read_snapshot(&job, flags.atd, &err);
    if (rc == 0 && flags.acl) rc = read_logs(&job, flags.acl, &err);
    session_close_local(job.session);
    redis_free(job.redis);
    mem_free(job.words);
    printf("%llu values, %llu expired before, %llu changes of %zu logs; skipped: %llu ambiguous "
           "and %llu unreadable lines, %llu refused\n",
           job.items, job.expired, job.changes, job.logs, job.ambiguous, job.bad, job.refused);
    if (flags.acl) printf("FLUSHALL was never logged: keys that it removed may be here again\n");
    return rc ? cmd_fail("import ant", &err) : CMD_OK;
}
