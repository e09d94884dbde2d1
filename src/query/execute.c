/*
 * Which rows of each segment a read may return: visibility, partitions, filter, as bitmaps.
 *
 * A damaged segment does not fail the read: it is left out, marked, and the answer says that it is
 * not complete.
 */
#include "query/execute.h"

#include <string.h>

#include "base/alloc.h"

static int damaged(struct segment *segment, struct bitset *set, bool *complete)
{
    segment_set_damaged(segment);
    bitset_fill(set, false);
    *complete = false;
    return 0;
}

static int allow_filtered(const struct view_rows *rows, struct segment *segment, struct bitset *set,
                          struct kith_search_stats *stats, bool *complete, struct kith_error *err)
{
    struct chunk_source source;
    segment_source(segment, set->bits, &source);
    int rc = filter_evaluate(rows->filter, &source, set, set, rows->poll, rows->poll_ctx, err);
    stats->filter_rows += set->bits;
    return rc == KITH_ECORRUPT ? damaged(segment, set, complete) : rc;
}

static int allow_segment(const struct view_rows *rows, struct segment *segment, struct bitset *set,
                         struct kith_search_stats *stats, bool *complete, struct kith_error *err)
{
    const size_t expired = segment_expired(segment, rows->oldest_s);
    bool plain = !rows->filter && !rows->partitions && !segment_is_growing(segment) && !expired;
    if (plain && segment_dead(segment) == 0 && !segment_damaged(segment)) {
        set->bits = segment_rows(segment);
        return 0;
    }
    int rc = segment_visible(segment, rows->ts, set);
    if (rc) return error_set(err, rc, "reading a segment: no memory for its bitmap");
    if (segment_damaged(segment)) return damaged(segment, set, complete);
    bitset_clear_first(set, expired);
    if (rows->partitions) {
        rc = segment_keep_partitions(segment, rows->partitions, rows->partition_count, set);
        if (rc == KITH_ECORRUPT) return damaged(segment, set, complete);
        if (rc) return error_set(err, rc, "reading partitions of a segment failed");
    }
    if (!rows->filter || set->bits == 0) return 0;
    return allow_filtered(rows, segment, set, stats, complete, err);
}

void allowed_release(struct allowed *allowed)
{
    for (size_t i = 0; allowed->sets && i < allowed->count; i++) bitset_release(&allowed->sets[i]);
    mem_free(allowed->sets);
    mem_free(allowed->counts);
    memset(allowed, 0, sizeof *allowed);
}

const struct bitset *allowed_rows(struct allowed *allowed, size_t i)
{
    struct bitset *set = &allowed->sets[i];
    size_t bits = set->bits;
    if (!set->words && bits && bitset_init(set, bits, true)) {
        set->bits = bits;
        return NULL;
    }
    return set;
}

int allowed_init(struct allowed *allowed, const struct view_rows *rows,
                 struct kith_search_stats *stats, bool *complete, struct kith_error *err)
{
    *allowed = (struct allowed){ .count = rows->count };
    allowed->sets = mem_zalloc_array(rows->count + 1, sizeof *allowed->sets);
    allowed->counts = mem_zalloc_array(rows->count + 1, sizeof *allowed->counts);
    int rc = 0;
    if (!allowed->sets || !allowed->counts)
        rc = error_set(err, KITH_ENOMEM, "reading a collection: no memory");
    for (size_t i = 0; rc == 0 && i < rows->count; i++) {
        if (rows->poll && (rc = rows->poll(rows->poll_ctx))) {
            error_set(err, rc, "reading stopped: %s", error_name(rc));
            break;
        }
        struct bitset *set = &allowed->sets[i];
        rc = allow_segment(rows, rows->segments[i], set, stats, complete, err);
        if (rc) break;
        allowed->counts[i] = set->words ? bitset_count(set) : set->bits;
        stats->matched_rows += allowed->counts[i];
    }
    stats->segments += rows->count;
    if (rc) allowed_release(allowed);
    return rc;
}
