/*
 * Any bytes as a snapshot of Ant-Cache, and as lines of its log: what is given lies inside.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/checksum.h"
#include "fuzz.h"
#include "line/ant_files.h"

static int take(void *ctx, const struct ant_item *item)
{
    uint64_t *sum = ctx;
    *sum = hash64(item->key.data, item->key.len, *sum);
    for (size_t i = 0; i < item->count; i++)
        *sum = hash64(item->words[i].data, item->words[i].len, *sum);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint64_t sum = 0;
    int64_t saved;
    struct kith_error err = { 0 };
    struct ant_change change;
    const struct ant_sink sink = { take, &sum };
    const int rc = ant_atd_read(data, len, &sink, &saved, &err);
    if (rc != 0 && rc != KITH_ECORRUPT && rc != KITH_ENOMEM) abort();
    if (ant_acl_line((const char *)data, len, true, &change) == ANT_LINE_GOOD) {
        if (change.key.len + change.value.len > len) abort();
        sum = hash64(change.value.data, change.value.len, sum);
    }
    return 0;
}
