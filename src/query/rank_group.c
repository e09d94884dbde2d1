/*
 * Groups of ranked rows: see rank.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "query/rank.h"

struct group {
    size_t first; /* number of its best row in the list */
    size_t count; /* rows kept, at most the group's size */
    double score;
};

struct grouping {
    const struct rank_groups *groups;
    const struct ranked *items;
    struct group *list; /* in the arena */
    size_t count;
    size_t *of; /* group of each item; SIZE_MAX: its group is full */
};

static void take_row(struct grouping *grouping, size_t item, size_t number)
{
    struct group *group = &grouping->list[number];
    grouping->of[item] = SIZE_MAX;
    if (group->count == grouping->groups->size) return;
    const double score = grouping->items[item].place.distance;
    if (group->count == 0) *group = (struct group){ .first = item, .score = score };
    else if (grouping->groups->scorer != KITH_SCORE_MAX) group->score += score;
    group->count++;
    grouping->of[item] = number;
}

static int collect(struct grouping *grouping, const struct rank_rows *rows, struct ranked *items,
                   size_t count)
{
    struct map64 numbers;
    map64_init(&numbers);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        uint64_t number = grouping->count;
        rc = rows->group(rows->ctx, &items[i].place, &items[i].group);
        if (rc) break;
        if (!map64_get(&numbers, items[i].group, &number)) {
            rc = map64_put(&numbers, items[i].group, number);
            if (rc) break;
            grouping->list[grouping->count++] = (struct group){ .count = 0 };
        }
        take_row(grouping, i, (size_t)number);
    }
    map64_release(&numbers);
    return rc;
}

static int compare_groups(const void *a, const void *b, void *ctx)
{
    const struct grouping *grouping = ctx;
    const struct group *x = a, *y = b;
    if (x->score != y->score)
        return (grouping->groups->ascending ? x->score < y->score : x->score > y->score) ? -1 : 1;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return key_compare(grouping->items[x->first].key, grouping->items[y->first].key);
}

/* Full groups first under `strict`, as many as were asked for. */
static size_t choose(struct grouping *grouping)
{
    size_t kept = 0;
    const struct rank_groups *groups = grouping->groups;
    for (size_t i = 0; groups->strict && i < grouping->count; i++)
        kept += grouping->list[i].count == groups->size;
    if (kept >= groups->limit) {
        size_t full = 0;
        for (size_t i = 0; i < grouping->count; i++)
            if (grouping->list[i].count == groups->size) grouping->list[full++] = grouping->list[i];
        grouping->count = full;
    }
    return grouping->count < groups->limit ? grouping->count : groups->limit;
}

/* The rows of the chosen groups, group after group. `next` maps a group's number to the place of
 * its next row. */
static size_t write_out(const struct grouping *grouping, size_t chosen, size_t count,
                        const size_t *number_of_first, size_t *next, struct ranked *out)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) next[i] = SIZE_MAX;
    for (size_t g = 0; g < chosen; g++) {
        next[number_of_first[grouping->list[g].first]] = n;
        n += grouping->list[g].count;
    }
    for (size_t i = 0; i < count; i++)
        if (grouping->of[i] != SIZE_MAX && next[grouping->of[i]] != SIZE_MAX)
            out[next[grouping->of[i]]++] = grouping->items[i];
    return n;
}

int rank_group(const struct rank_groups *groups, const struct rank_rows *rows, struct arena *arena,
               struct ranked *items, size_t *count, struct kith_error *err)
{
    struct grouping grouping = { .groups = groups, .items = items };
    grouping.list = arena_alloc_array(arena, *count + 1, sizeof *grouping.list);
    grouping.of = arena_alloc_array(arena, *count + 1, sizeof *grouping.of);
    size_t *firsts = arena_alloc_array(arena, *count + 1, sizeof *firsts);
    size_t *next = arena_alloc_array(arena, *count + 1, sizeof *next);
    struct ranked *out = arena_alloc_array(arena, *count + 1, sizeof *out);
    if (!grouping.list || !grouping.of || !firsts || !next || !out)
        return error_set(err, KITH_ENOMEM, "grouping: no memory");
    int rc = collect(&grouping, rows, items, *count);
    if (rc) return error_set(err, rc, "grouping: reading a row failed: %s", error_name(rc));
    for (size_t g = 0; g < grouping.count; g++) {
        firsts[grouping.list[g].first] = g;
        if (groups->scorer == KITH_SCORE_AVG)
            grouping.list[g].score /= (double)grouping.list[g].count;
    }
    const size_t chosen = choose(&grouping);
    qsort_r(grouping.list, grouping.count, sizeof *grouping.list, compare_groups, &grouping);
    *count = write_out(&grouping, chosen, *count, firsts, next, out);
    memcpy(items, out, *count * sizeof *out);
    return 0;
}
