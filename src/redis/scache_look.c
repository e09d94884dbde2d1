/*
 * A look-up in a semantic cache: see scache_look.h.
 *
 * First the prompt itself, by the hash of its normalised form; then the K nearest within the
 * threshold, in order. Unless the prompts are equal to the byte the guard must agree, in both
 * cases: folding has made "US" of "us". The stored prompt is compared, too: a hash may collide.
 *
 * An element whose entry has gone is noted for removal and is none of the K: the search is made
 * again, wider, if too few are left.
 */
#include "redis/scache_look.h"

#include <string.h>

#include "base/alloc.h"
#include "redis/redis_internal.h"
#include "redis/scache_book.h"
#include "redis/scache_guard.h"
#include "redis/vector_upkeep.h"

#define DEFAULT_K 5
#define K_MAX 1000
#define ROUNDS_MAX 4 /* searches when what is met has gone */

enum outcome { OUTCOME_HIT, OUTCOME_NO, OUTCOME_GONE, OUTCOME_FAILED };

/* ---- words ---- */

static bool read_filter(struct redis_call *call, struct kith_str text, struct scache_look *look)
{
    size_t at = 0;
    vector_filter_free(look->filter);
    look->filter = NULL;
    const int rc = vector_filter_compile(text.data, text.len, &look->filter, &at);
    if (rc == KITH_ENOMEM) call_no_memory(call);
    else if (rc) call_error(call, "ERR syntax error in FILTER expression");
    return rc == 0;
}

static bool read_threshold(struct redis_call *call, size_t at, struct scache_look *look)
{
    if (text_double(call->argv[at], &look->threshold) && look->threshold >= 0 &&
        look->threshold <= 2)
        return true;
    call_error(call, "ERR THRESHOLD must be between 0 and 2");
    return false;
}

static bool read_option(struct redis_call *call, size_t at, struct scache_look *look)
{
    if (at + 1 < call->argc) {
        if (call_is(call, at, "threshold")) return read_threshold(call, at + 1, look);
        if (call_is(call, at, "filter")) return read_filter(call, call->argv[at + 1], look);
        if (call_is(call, at, "k"))
            return call_range(call, at + 1, 1, K_MAX, &look->k, "ERR K must be between 1 and 1000");
        if (call_is(call, at, "model")) {
            look->model = call->argv[at + 1];
            return true;
        }
    }
    call_syntax_error(call);
    return false;
}

bool scache_look_read(struct redis_call *call, struct scache_look *look)
{
    look->threshold = -1;
    look->k = DEFAULT_K;
    for (size_t at = 3; at < call->argc;) {
        if (!look->vector.values && (call_is(call, at, "fp32") || call_is(call, at, "values"))) {
            if (!vector_arg_read(call, at, false, &look->vector)) return false;
            at = look->vector.next;
        } else {
            if (!read_option(call, at, look)) return false;
            at += 2;
        }
    }
    return true;
}

void scache_look_release(struct scache_look *look)
{
    vector_arg_release(&look->vector);
    vector_filter_free(look->filter);
    vset_unpin(look->view);
    mem_free(look->hits);
    *look = (struct scache_look){.rc = 0};
}

/* ---- an entry ---- */

static struct kith_str text_of(const struct entry *entry, const char *name, struct hash_field *room)
{
    if (!hash_get(entry_value(entry), str_of(name), room)) return (struct kith_str){NULL, 0};
    return room->value;
}

/* Of the prompt itself: the filter looks at what the entry says. 1: matches; 0; KITH_ENOMEM. */
static int filter_matches(struct redis_call *call, const struct scache_look *look,
                          const struct entry *entry)
{
    if (!look->filter) return 1;
    struct hash_field room;
    const struct kith_str text = text_of(entry, "metadata", &room);
    if (!text.data) return 0;
    struct heap *heap = cache_heap(call->cache);
    struct vector_attribute *attribute = NULL;
    struct filter_value *scratch = vector_filter_scratch(look->filter);
    int result = KITH_ENOMEM;
    if (scratch && vector_attribute_new(heap, text.data, text.len, &attribute) == 0)
        result = vector_filter_matches(look->filter, scratch, attribute);
    heap_free(heap, attribute);
    mem_free(scratch);
    return result;
}

static bool guard_passes(const struct redis_call *call, struct scache_look *look,
                         struct kith_str stored)
{
    if (str_same(stored, call->argv[2]) || scache_guard_agrees(stored, call->argv[2])) return true;
    look->refused = true;
    return false;
}

static int64_t ttl_left(struct redis_call *call, const struct entry *entry)
{
    const int64_t deadline = entry_deadline(entry);
    if (deadline == CACHE_NO_DEADLINE) return -1;
    return (deadline - cache_now_ms(call->cache) + 999) / 1000;
}

static void answer(struct redis_call *call, const struct entry *entry, struct kith_str id,
                   float distance, bool exact)
{
    struct hash_field room;
    struct resp *reply = call->reply;
    resp_map(reply, 5);
    resp_cstr(reply, "response");
    resp_str(reply, text_of(entry, "response", &room));
    resp_cstr(reply, "entry");
    resp_str(reply, id);
    resp_cstr(reply, "distance");
    resp_double(reply, (double)distance);
    resp_cstr(reply, "kind");
    resp_cstr(reply, exact ? "exact" : "semantic");
    resp_cstr(reply, "ttl_left");
    resp_integer(reply, ttl_left(call, entry));
}

/* The entry of an id; NULL: gone, no memory, or something else has its key. */
static const struct entry *find_entry(struct redis_call *call, struct kith_str id, bool *gone)
{
    struct buffer buf;
    buffer_init(&buf);
    const struct kith_str key = scache_key(&buf, call->argv[1], id);
    const bool failed = buffer_failed(&buf);
    const struct entry *entry = failed ? NULL : cache_read(call->cache, call->db, key, 0);
    *gone = !entry && !failed;
    buffer_release(&buf);
    return entry && entry_type(entry) == VALUE_HASH ? entry : NULL;
}

/* ---- exact ---- */

static bool same_normalised(struct kith_str a, struct kith_str b)
{
    struct buffer left, right;
    buffer_init(&left);
    buffer_init(&right);
    scache_normalise(a, &left);
    scache_normalise(b, &right);
    const bool same = !buffer_failed(&left) && !buffer_failed(&right) && left.len == right.len &&
                      (left.len == 0 || memcmp(left.data, right.data, left.len) == 0);
    buffer_release(&left);
    buffer_release(&right);
    return same;
}

static enum outcome try_exact(struct redis_call *call, struct scache_look *look)
{
    struct scache_id id;
    struct hash_field room;
    bool gone;
    if (scache_id_of(call->argv[2], &id)) return OUTCOME_FAILED;
    const struct kith_str name = {id.text, SCACHE_ID_LEN};
    const struct entry *entry = find_entry(call, name, &gone);
    if (!entry) return OUTCOME_NO;
    const struct kith_str stored = text_of(entry, "prompt", &room);
    if (!stored.data || !same_normalised(stored, call->argv[2])) return OUTCOME_NO;
    const int matches = filter_matches(call, look, entry);
    if (matches < 0) return OUTCOME_FAILED;
    if (!matches || !guard_passes(call, look, stored)) return OUTCOME_NO;
    answer(call, entry, name, 0, true);
    scache_count(call, SCACHE_EXACT_HITS);
    return OUTCOME_HIT;
}

/* ---- semantic ---- */

static void note_gone(struct redis_call *call, struct kith_str id)
{
    struct buffer buf;
    buffer_init(&buf);
    const struct kith_str key = scache_key(&buf, call->argv[1], id);
    if (!buffer_failed(&buf)) scache_note_gone(call->redis, call->db, key);
    buffer_release(&buf);
}

static enum outcome try_hit(struct redis_call *call, struct scache_look *look,
                            const struct vset_element *element, float distance)
{
    struct scache_id id;
    struct hash_field room;
    bool gone;
    if (!element) return OUTCOME_GONE;
    if (vset_name(element).len != SCACHE_ID_LEN) return OUTCOME_NO;
    memcpy(id.text, vset_name(element).data, SCACHE_ID_LEN);
    const struct kith_str name = {id.text, SCACHE_ID_LEN};
    const struct entry *entry = find_entry(call, name, &gone);
    if (gone) note_gone(call, name);
    if (!entry) return gone ? OUTCOME_GONE : OUTCOME_NO;
    const struct kith_str stored = text_of(entry, "prompt", &room);
    if (!stored.data || !guard_passes(call, look, stored)) return OUTCOME_NO;
    answer(call, entry, name, distance, false);
    scache_count(call, SCACHE_SEMANTIC_HITS);
    return OUTCOME_HIT;
}

/* Of the nearest, K that are there. GONE: fewer than K were, and there may be others. */
static enum outcome try_hits(struct redis_call *call, struct scache_look *look)
{
    int64_t left = look->k;
    for (size_t i = 0; i < look->found && left > 0; i++) {
        const struct vset_hit *hit = &look->hits[i];
        if ((double)hit->distance > look->threshold) return OUTCOME_NO;
        const enum outcome one =
            try_hit(call, look, vset_hit_element(look->view, hit), hit->distance);
        if (one == OUTCOME_HIT || one == OUTCOME_FAILED) return one;
        left -= one == OUTCOME_NO;
    }
    return left > 0 && look->found == look->wanted ? OUTCOME_GONE : OUTCOME_NO;
}

/* ---- the three steps ---- */

static enum scache_step miss(struct redis_call *call, struct scache_look *look)
{
    if (look->refused) scache_count(call, SCACHE_GUARD_REFUSED);
    scache_count(call, SCACHE_MISSES);
    resp_null(call->reply);
    return SCACHE_ANSWERED;
}

static enum scache_step conclude(struct redis_call *call, struct scache_look *look,
                                 enum outcome result)
{
    if (result == OUTCOME_HIT) {
        if (look->refused) scache_count(call, SCACHE_GUARD_REFUSED);
        return SCACHE_ANSWERED;
    }
    if (result == OUTCOME_NO) return miss(call, look);
    call_no_memory(call);
    return SCACHE_ANSWERED;
}

static bool take_threshold(struct redis_call *call, struct scache_look *look)
{
    struct scache_model model;
    if (!scache_model_fits(call, look->model, false)) return false;
    if (look->threshold >= 0) return true;
    scache_model_read(call, &model);
    look->threshold = model.threshold >= 0 ? model.threshold : SCACHE_THRESHOLD;
    return true;
}

static enum scache_step pin(struct redis_call *call, struct scache_look *look)
{
    struct entry *entry = call_read(call, call->argv[1], VALUE_VECTORS);
    if (call->failed) return SCACHE_ANSWERED;
    if (!entry) return miss(call, look);
    struct vector_set *set = vector_set_of(entry);
    const uint32_t dim = vset_params(set)->dim;
    if (look->vector.dim != dim) {
        call_errorf(call, "ERR Vector dimension mismatch - got %u but set has %u",
                    look->vector.dim, dim);
        return SCACHE_ANSWERED;
    }
    vector_upkeep(call->redis, set);
    look->view = vset_pin(set);
    const struct vset_search job = {.count = look->wanted, .filter = look->filter};
    look->small = vset_search_cost(set, &job) <= VSET_COST_HERE ||
                  call->redis->settings.vset_single_threaded;
    if (look->view) return SCACHE_SEARCH;
    call_no_memory(call);
    return SCACHE_ANSWERED;
}

enum scache_step scache_look_begin(struct redis_call *call, struct scache_look *look)
{
    (void)call_read(call, call->argv[1], VALUE_VECTORS);
    if (call->failed) return SCACHE_ANSWERED;
    const enum outcome result = try_exact(call, look);
    if (result != OUTCOME_NO || !look->vector.values) return conclude(call, look, result);
    if (!take_threshold(call, look)) return SCACHE_ANSWERED;
    look->wanted = (size_t)look->k;
    return pin(call, look);
}

void scache_look_search(void *ctx)
{
    struct scache_look *look = ctx;
    const struct vset_search job = {
        .vector = look->vector.values, .count = look->wanted, .filter = look->filter};
    mem_free(look->hits);
    look->hits = NULL;
    look->found = 0;
    look->rc = vset_search(look->view, &job, &look->hits, &look->found);
}

enum scache_step scache_look_end(struct redis_call *call, struct scache_look *look)
{
    if (look->rc) return conclude(call, look, OUTCOME_FAILED);
    const enum outcome result = try_hits(call, look);
    if (result != OUTCOME_GONE) return conclude(call, look, result);
    if (++look->rounds >= ROUNDS_MAX) return miss(call, look);
    look->wanted *= 4;
    return SCACHE_SEARCH;
}
