/*
 * The door's beginning and end, and which transport an exchange came by.
 */
#include "milvus/job.h"

#include "base/alloc.h"

static int make_series(struct milvus *milvus)
{
    size_t count = 0;
    while (milvus_rpc_at(count)) count++;
    milvus->series = mem_zalloc_array(count, sizeof *milvus->series);
    return milvus->series ? 0 : KITH_ENOMEM;
}

int milvus_new(const struct milvus_opts *opts, struct milvus **out, struct kith_error *err)
{
    struct milvus *milvus = mem_zalloc(sizeof *milvus);
    if (!milvus) return error_set(err, KITH_ENOMEM, "the Milvus door: no memory");
    milvus->opts = *opts;
    map_init(&milvus->names);
    map64_init(&milvus->places);
    int rc = os_mutex_init(opts->os, &milvus->change_lock);
    if (rc == 0) rc = os_mutex_init(opts->os, &milvus->names_lock);
    if (rc == 0) rc = os_mutex_init(opts->os, &milvus->ddl_lock);
    if (rc == 0) rc = os_mutex_init(opts->os, &milvus->zones_lock);
    if (rc == 0) rc = make_series(milvus);
    if (rc) error_set(err, rc, "the Milvus door: no memory");
    else rc = registry_open(milvus, err);
    if (rc == 0) rc = jobs_open(milvus, err);
    if (rc) {
        milvus_free(milvus);
        return rc;
    }
    *out = milvus;
    return 0;
}

void milvus_free(struct milvus *milvus)
{
    if (!milvus) return;
    jobs_close(milvus);
    registry_close(milvus);
    milvus_groups_free(milvus->groups);
    map_release(&milvus->names);
    os_mutex_release(&milvus->names_lock);
    os_mutex_release(&milvus->change_lock);
    os_mutex_release(&milvus->ddl_lock);
    os_mutex_release(&milvus->zones_lock);
    milvus_zones_free(milvus->zones);
    mem_free(milvus->series);
    mem_free(milvus);
}

void milvus_handle(void *ctx, struct exchange *exchange)
{
    if (exchange_kind(exchange) == EXCHANGE_GRPC) milvus_grpc(ctx, exchange);
    else milvus_rest(ctx, exchange);
}

/* Hybrid, as the engine's own commit timestamps are; never the same twice, never backwards. */
uint64_t milvus_timestamp(struct milvus *milvus)
{
    const uint64_t now = (uint64_t)os_wall_ms(milvus->opts.os) << 18;
    uint64_t last = atomic_load(&milvus->last_ts), next;
    do {
        next = now > last ? now : last + 1;
    } while (!atomic_compare_exchange_weak(&milvus->last_ts, &last, next));
    return next;
}
