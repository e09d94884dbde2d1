/*
 * SCACHE.GET cache prompt [FP32 blob | VALUES n v ...] [THRESHOLD t] [FILTER expr] [K n].
 *
 * First the prompt itself, by the hash of its normalised form; then the K nearest within the
 * threshold, in order. Unless the prompts are equal to the byte the guard must agree, in both
 * cases: folding has made "US" of "us". The stored prompt is compared, too: a hash may collide.
 *
 * An element whose entry has gone is removed, and the search begins again. The search runs here,
 * under the keyspace lock.
 */
#include <string.h>

#include "base/alloc.h"
#include "redis/redis_internal.h"
#include "redis/scache.h"
#include "redis/scache_guard.h"
#include "redis/vector_upkeep.h"

#define DEFAULT_THRESHOLD 0.1
#define DEFAULT_K 5
#define K_MAX 1000
#define ROUNDS_MAX 4 /* searches a GET makes when it meets what has gone */

struct get {
    struct kith_str prompt;
    struct vector_arg vector;      /* owns; values NULL: none */
    struct vector_filter *filter;  /* owns; nullable */
    double threshold;
    int64_t k;
    bool refused; /* by the guard: counted once a GET */
};

enum outcome { OUTCOME_HIT, OUTCOME_NO, OUTCOME_GONE, OUTCOME_FAILED };

/* ---- words ---- */

static bool read_filter(struct redis_call *call, struct kith_str text, struct get *get)
{
    size_t at = 0;
    vector_filter_free(get->filter);
    get->filter = NULL;
    const int rc = vector_filter_compile(text.data, text.len, &get->filter, &at);
    if (rc == KITH_ENOMEM) call_no_memory(call);
    else if (rc) call_error(call, "ERR syntax error in FILTER expression");
    return rc == 0;
}

static bool read_threshold(struct redis_call *call, size_t at, struct get *get)
{
    if (text_double(call->argv[at], &get->threshold) && get->threshold >= 0 && get->threshold <= 2)
        return true;
    call_error(call, "ERR THRESHOLD must be between 0 and 2");
    return false;
}

static bool read_option(struct redis_call *call, size_t at, struct get *get)
{
    if (at + 1 < call->argc) {
        if (call_is(call, at, "threshold")) return read_threshold(call, at + 1, get);
        if (call_is(call, at, "filter")) return read_filter(call, call->argv[at + 1], get);
        if (call_is(call, at, "k"))
            return call_range(call, at + 1, 1, K_MAX, &get->k, "ERR K must be between 1 and 1000");
    }
    call_syntax_error(call);
    return false;
}

static bool read_words(struct redis_call *call, struct get *get)
{
    for (size_t at = 3; at < call->argc;) {
        if (!get->vector.values && (call_is(call, at, "fp32") || call_is(call, at, "values"))) {
            if (!vector_arg_read(call, at, false, &get->vector)) return false;
            at = get->vector.next;
        } else {
            if (!read_option(call, at, get)) return false;
            at += 2;
        }
    }
    return true;
}

/* ---- an entry ---- */

static struct kith_str text_of(const struct entry *entry, const char *name, struct hash_field *room)
{
    if (!hash_get(entry_value(entry), str_of(name), room)) return (struct kith_str){NULL, 0};
    return room->value;
}

/* Of the prompt itself: the filter looks at what the entry says. 1: matches; 0; KITH_ENOMEM. */
static int filter_matches(struct redis_call *call, const struct get *get, const struct entry *entry)
{
    if (!get->filter) return 1;
    struct hash_field room;
    const struct kith_str text = text_of(entry, "metadata", &room);
    if (!text.data) return 0;
    struct heap *heap = cache_heap(call->cache);
    struct vector_attribute *attribute = NULL;
    struct filter_value *scratch = vector_filter_scratch(get->filter);
    int result = KITH_ENOMEM;
    if (scratch && vector_attribute_new(heap, text.data, text.len, &attribute) == 0)
        result = vector_filter_matches(get->filter, scratch, attribute);
    heap_free(heap, attribute);
    mem_free(scratch);
    return result;
}

static bool guard_passes(struct get *get, struct kith_str stored)
{
    if (str_same(stored, get->prompt) || scache_guard_agrees(stored, get->prompt)) return true;
    get->refused = true;
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
static const struct entry *find_entry(struct redis_call *call, struct kith_str id)
{
    struct buffer buf;
    buffer_init(&buf);
    const struct kith_str key = scache_key(&buf, call->argv[1], id);
    const struct entry *entry =
        buffer_failed(&buf) ? NULL : cache_read(call->cache, call->db, key, 0);
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

static enum outcome try_exact(struct redis_call *call, struct get *get)
{
    struct scache_id id;
    struct hash_field room;
    if (scache_id_of(get->prompt, &id)) return OUTCOME_FAILED;
    const struct kith_str name = {id.text, SCACHE_ID_LEN};
    const struct entry *entry = find_entry(call, name);
    if (!entry) return OUTCOME_NO;
    const struct kith_str stored = text_of(entry, "prompt", &room);
    if (!stored.data || !same_normalised(stored, get->prompt)) return OUTCOME_NO;
    const int matches = filter_matches(call, get, entry);
    if (matches < 0) return OUTCOME_FAILED;
    if (!matches || !guard_passes(get, stored)) return OUTCOME_NO;
    answer(call, entry, name, 0, true);
    scache_count(call, "exact_hits");
    return OUTCOME_HIT;
}

/* ---- semantic ---- */

static enum outcome try_hit(struct redis_call *call, struct get *get,
                            const struct vset_element *element, float distance)
{
    struct scache_id id;
    struct hash_field room;
    if (!element || vset_name(element).len != SCACHE_ID_LEN) return OUTCOME_NO;
    memcpy(id.text, vset_name(element).data, SCACHE_ID_LEN);
    const struct kith_str name = {id.text, SCACHE_ID_LEN};
    const struct entry *entry = find_entry(call, name);
    if (!entry) {
        scache_drop_vector(call, name);
        return OUTCOME_GONE;
    }
    const struct kith_str stored = text_of(entry, "prompt", &room);
    if (!stored.data || !guard_passes(get, stored)) return OUTCOME_NO;
    answer(call, entry, name, distance, false);
    scache_count(call, "semantic_hits");
    return OUTCOME_HIT;
}

static enum outcome try_hits(struct redis_call *call, struct get *get,
                             const struct vset_view *view, const struct vset_hit *hits,
                             size_t count)
{
    enum outcome result = OUTCOME_NO;
    for (size_t i = 0; i < count && (double)hits[i].distance <= get->threshold; i++) {
        const enum outcome one =
            try_hit(call, get, vset_hit_element(view, &hits[i]), hits[i].distance);
        if (one == OUTCOME_HIT) return one;
        if (one == OUTCOME_GONE) result = one;
    }
    return result;
}

static enum outcome search(struct redis_call *call, struct get *get, struct vector_set *set)
{
    const struct vset_search job = {
        .vector = get->vector.values, .count = (size_t)get->k, .filter = get->filter};
    struct vset_view *view = vset_pin(set);
    struct vset_hit *hits = NULL;
    size_t found = 0;
    enum outcome result = OUTCOME_FAILED;
    if (view && vset_search(view, &job, &hits, &found) == 0)
        result = try_hits(call, get, view, hits, found);
    mem_free(hits);
    vset_unpin(view);
    return result;
}

static enum outcome try_semantic(struct redis_call *call, struct get *get)
{
    enum outcome result = OUTCOME_GONE;
    for (int round = 0; round < ROUNDS_MAX && result == OUTCOME_GONE; round++) {
        struct entry *entry = call_read(call, call->argv[1], VALUE_VECTORS);
        if (!entry) return OUTCOME_NO;
        struct vector_set *set = vector_set_of(entry);
        const uint32_t dim = vset_params(set)->dim;
        if (get->vector.dim != dim) {
            call_errorf(call, "ERR Vector dimension mismatch - got %u but set has %u",
                        get->vector.dim, dim);
            return OUTCOME_NO;
        }
        vector_upkeep(call->redis, set);
        result = search(call, get, set);
    }
    return result;
}

/* ---- all of it ---- */

static void look_up(struct redis_call *call, struct get *get)
{
    (void)call_read(call, call->argv[1], VALUE_VECTORS);
    if (call->failed) return;
    enum outcome result = try_exact(call, get);
    if (result == OUTCOME_NO && get->vector.values) result = try_semantic(call, get);
    if (call->failed) return;
    if (get->refused) scache_count(call, "guard_refused");
    if (result == OUTCOME_HIT) return;
    if (result == OUTCOME_FAILED) {
        call_no_memory(call);
        return;
    }
    scache_count(call, "misses");
    resp_null(call->reply);
}

void run_scache_get(struct redis_call *call)
{
    struct get get = {.prompt = call->argv[2], .threshold = DEFAULT_THRESHOLD, .k = DEFAULT_K};
    if (read_words(call, &get)) look_up(call, &get);
    vector_arg_release(&get.vector);
    vector_filter_free(get.filter);
}
