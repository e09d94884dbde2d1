/*
 * VLINKS: the neighbours of an element, level by level from its own down to 0.
 *
 * Redis shows the links of its graph. Here a set has several graphs, or none while it is small,
 * so what is shown is what links stand for: the nearest elements among those that reach the
 * level, at most M of them, and 2 M on level 0, which comes from the same search as VSIM; the
 * levels above are exact. Levels are drawn with the odds of Redis, by a hash of the name.
 */
#include <string.h>

#include "base/alloc.h"
#include "redis/cmd_vector.h"

struct links {
    struct vset_view *view; /* owns */
    float *vector;          /* owns */
    unsigned level;
    uint32_t m;
    bool with_scores;
    struct vset_hit *hits[VSET_LEVELS]; /* owns: by level */
    size_t found[VSET_LEVELS];
    int rc;
};

static void links_free(struct links *links)
{
    for (unsigned level = 0; level <= links->level; level++) mem_free(links->hits[level]);
    vset_unpin(links->view);
    mem_free(links->vector);
    mem_free(links);
}

static void search(void *ctx)
{
    struct links *links = ctx;
    for (unsigned level = 0; level <= links->level && !links->rc; level++) {
        /* One more than is shown: the element itself is the nearest. */
        const size_t count = (level == 0 ? 2 * (size_t)links->m : links->m) + 1;
        const struct vset_search job = {
            .vector = links->vector, .count = count, .level_min = level};
        links->rc =
            vset_search(links->view, &job, &links->hits[level], &links->found[level]);
    }
}

/* Leaves out the element itself, or the last, and what was removed since. */
static size_t keep_hits(struct links *links, unsigned level, struct kith_str self)
{
    const size_t most = level == 0 ? 2 * (size_t)links->m : links->m;
    size_t kept = 0;
    for (size_t i = 0; i < links->found[level] && kept < most; i++) {
        const struct vset_element *element = vset_hit_element(links->view, &links->hits[level][i]);
        if (!element) continue;
        const struct kith_str name = vset_name(element);
        if (name.len == self.len && memcmp(name.data, self.data, self.len) == 0) continue;
        links->hits[level][kept++] = links->hits[level][i];
    }
    return kept;
}

static void answer_level(struct resp *reply, const struct links *links, unsigned level,
                         size_t count)
{
    if (links->with_scores) resp_map(reply, count);
    else resp_array(reply, count);
    for (size_t i = 0; i < count; i++) {
        const struct vset_hit *hit = &links->hits[level][i];
        resp_str(reply, vset_name(vset_hit_element(links->view, hit)));
        /* A float here, unlike VSIM. */
        if (links->with_scores) resp_double(reply, (double)(float)vset_score(hit->distance));
    }
}

static void finish(struct redis_call *call, void *ctx)
{
    struct links *links = ctx;
    if (links->rc) {
        call_no_memory(call);
    } else {
        resp_array(call->reply, (size_t)links->level + 1);
        for (unsigned level = links->level + 1; level-- > 0;) {
            answer_level(call->reply, links, level, keep_hits(links, level, call->argv[2]));
        }
    }
    links_free(links);
}

static struct links *links_new(struct vector_set *set, const struct vset_element *element)
{
    struct links *links = mem_zalloc(sizeof *links);
    if (!links) return NULL;
    links->level = vset_level(element);
    links->m = vset_params(set)->m;
    links->view = vset_pin(set);
    links->vector = mem_alloc_array(vset_params(set)->dim, sizeof *links->vector);
    if (links->view && links->vector) {
        vset_read(set, element, links->vector);
        return links;
    }
    links_free(links);
    return NULL;
}

void run_vlinks(struct redis_call *call)
{
    if (call->argc > 4 || (call->argc == 4 && !call_is(call, 3, "withscores"))) {
        call_arity_error(call);
        return;
    }
    struct entry *entry = call_read(call, call->argv[1], VALUE_VECTORS);
    if (call->failed) return;
    struct vset_element *element =
        entry ? vset_find(vector_set_of(entry), call->argv[2]) : NULL;
    if (!element) {
        resp_null(call->reply);
        return;
    }
    struct links *links = links_new(vector_set_of(entry), element);
    if (!links) {
        call_no_memory(call);
        return;
    }
    links->with_scores = call->argc == 4;
    if (!call_offload(call, search, finish, links)) links_free(links);
}
