/*
 * Opening, closing and asking: see keep.h.
 */
#include "redis/keep.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/keep_internal.h"

/* The folder's own name is durable, too. */
static int make_folder(struct keep *keep, struct kith_error *err)
{
    char parent[OS_PATH_MAX];
    const char *slash = strrchr(keep->dir, '/');
    const size_t len = slash ? (size_t)(slash - keep->dir) : 0;
    if (len >= sizeof parent)
        return error_set(err, KITH_EINVAL, "the path of the keyspace is too long");
    (void)snprintf(parent, sizeof parent, "%.*s", (int)len, keep->dir);
    const int rc = os_mkdir(keep->opts.os, keep->dir, err);
    if (rc) return rc;
    return os_sync_dir(keep->opts.os, len ? parent : slash ? "/" : ".", err);
}

static int take_lock(struct keep *keep, struct kith_error *err)
{
    char path[OS_PATH_MAX];
    const struct os *os = keep->opts.os;
    int rc = make_folder(keep, err);
    if (rc) return rc;
    (void)snprintf(path, sizeof path, "%s/lock", keep->dir);
    rc = os_open(os, path, OS_READ | OS_WRITE | OS_CREATE, &keep->lock_file, err);
    if (rc == 0) rc = os_lock(keep->lock_file, err);
    if (rc == KITH_ELOCKED)
        return error_set(err, rc, "%s: another process keeps its keys there", keep->dir);
    return rc;
}

static int init(struct keep *keep, struct kith_error *err)
{
    const struct os *os = keep->opts.os;
    if (os_mutex_init(os, &keep->lock) || os_cond_init(os, &keep->work) ||
        os_cond_init(os, &keep->done))
        return error_set(err, KITH_ENOMEM, "keep: no memory");
    keep->save_seconds = -1;
    keep->saved_at_ms = os_wall_ms(os);
    keep->policy = FSYNC_EVERYSEC;
    return 0;
}

int keep_open(const struct keep_opts *opts, struct keep **out, struct kith_error *err)
{
    struct keep *keep = mem_zalloc(sizeof *keep);
    if (!keep || !(keep->dir = mem_strdup(opts->dir))) {
        mem_free(keep);
        return error_set(err, KITH_ENOMEM, "keep: no memory");
    }
    keep->opts = *opts;
    keep->opts.dir = keep->dir;
    int rc = init(keep, err);
    if (rc == 0) rc = take_lock(keep, err);
    if (rc == 0) rc = keep_read_current(keep, err);
    if (rc == 0) rc = opts->fresh ? keep_pass_by(keep, err) : keep_load(keep, err);
    if (rc == 0) *out = keep;
    else keep_close(keep);
    return rc;
}

static void stop_threads(struct keep *keep)
{
    os_mutex_lock(&keep->lock);
    keep->stopping = true;
    os_cond_broadcast(&keep->work);
    os_cond_broadcast(&keep->done);
    while (keep->saver_running) (void)os_cond_wait(&keep->done, &keep->lock, OS_FOREVER);
    os_mutex_unlock(&keep->lock);
    keep_join_saver(keep);
    if (keep->syncer) os_thread_join(keep->syncer);
    keep->syncer = NULL;
}

void keep_close(struct keep *keep)
{
    if (!keep) return;
    if (keep->lock.os) stop_threads(keep);
    keep_log_off(keep);
    if (keep->lock.os) keep_drop_log(keep);
    os_close(keep->next.file);
    os_close(keep->lock_file);
    buffer_release(&keep->pending);
    buffer_release(&keep->group);
    buffer_release(&keep->saving.block);
    os_cond_release(&keep->work);
    os_cond_release(&keep->done);
    os_mutex_release(&keep->lock);
    mem_free(keep->dir);
    mem_free(keep);
}

/* The logs that were read are durable. */
static int begin_log(struct keep *keep, struct kith_error *err)
{
    struct keep_log log = { .number = keep->log_end, .durable = KEEP_HEADER_BYTES,
                            .allocated = KEEP_HEADER_BYTES };
    const struct keep_log before = { .offset = keep->tail, .chain = keep->tail_chain };
    int rc = keep_create(keep, KEEP_LOG, log.number, &log.file, err);
    if (rc) return rc;
    rc = keep_link(keep, &log, &before, err);
    if (rc) {
        os_close(log.file);
        return rc;
    }
    keep_take_turn(keep);
    os_mutex_lock(&keep->lock);
    keep->log = log;
    keep->log_end++;
    os_mutex_unlock(&keep->lock);
    keep_end_turn(keep);
    keep->logging = true;
    return 0;
}

int keep_log(struct keep *keep, enum fsync_policy policy, bool save, struct kith_error *err)
{
    os_mutex_lock(&keep->lock);
    keep->policy = (int)policy;
    keep->sync_due = keep->synced < keep->end;
    os_cond_broadcast(&keep->work);
    os_mutex_unlock(&keep->lock);
    int rc = keep_start_syncer(keep, err);
    if (rc || keep->logging) return rc;
    if (!save) return begin_log(keep, err);
    keep->begins = true;
    rc = keep_save_begin(keep, err);
    if (rc) keep->begins = false;
    return rc;
}

void keep_log_off(struct keep *keep)
{
    if (!keep->logging) return;
    keep->logging = false;
    int rc = keep_sync(keep);
    if (rc == 0) rc = keep_write(keep);
    if (rc == 0) rc = keep_sync(keep);
    (void)rc; /* it was said */
    keep_drop_log(keep);
}

bool keep_is_logging(const struct keep *keep) { return keep->logging; }

const char *keep_refusal(const struct keep *keep)
{
    return keep->logging && (keep->write_failed || keep->sync_failed) ? keep->refusal : NULL;
}

void keep_info_get(struct keep *keep, struct keep_info *out)
{
    os_mutex_lock(&keep->lock);
    const int64_t idle_ms = (os_now_us(keep->opts.os) - keep->tried_us) / 1000;
    *out = (struct keep_info){ .logging = keep->logging,
                               .saving = keep->saver_running,
                               .log_failed = keep->write_failed || keep->sync_failed,
                               .save_failed = keep->save_failed,
                               .between_logs = keep->cut_due && !keep->saver_running,
                               .lost_for_ms = keep->sync_failed ? idle_ms + 1 : 0,
                               .log_bytes = keep->log_bytes,
                               .log_base_bytes = keep->log_base_bytes,
                               .pending_bytes = keep->pending.len,
                               .saved_at_ms = keep->saved_at_ms,
                               .save_seconds = keep->save_seconds,
                               .saving_since_ms = keep->saving_since_ms,
                               .saves = keep->saves,
                               .changes_before = keep->changes_before };
    os_mutex_unlock(&keep->lock);
}
