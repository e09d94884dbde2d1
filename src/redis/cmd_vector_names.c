/*
 * Names of a vector set's elements: in order (VRANGE) and by chance (VRANDMEMBER).
 */
#include "base/alloc.h"
#include "base/map.h"
#include "base/rng.h"
#include "redis/cmd_vector.h"
#include "redis/redis_internal.h"

/* ---- VRANGE ---- */

/* '-' and '+' are open wherever they stand; the caller looks at where. */
static bool read_bound(struct kith_str text, struct vset_bound *out)
{
    *out = (struct vset_bound){0};
    if (text.len == 1 && (text.data[0] == '-' || text.data[0] == '+')) {
        out->open = true;
        return true;
    }
    if (text.len < 2 || (text.data[0] != '[' && text.data[0] != '(')) return false;
    out->inclusive = text.data[0] == '[';
    out->name = (struct kith_str){text.data + 1, text.len - 1};
    return true;
}

static bool read_bounds(struct redis_call *call, struct vset_bound *from, struct vset_bound *to)
{
    const char *error = NULL;
    if (!read_bound(call->argv[2], from)) error = "ERR invalid start range format";
    else if (!read_bound(call->argv[3], to)) error = "ERR invalid end range format";
    else if ((from->open && call->argv[2].data[0] == '+') ||
             (to->open && call->argv[3].data[0] == '-'))
        error = "ERR '-' can only be used as first argument, '+' only as second";
    if (error) call_error(call, error);
    return error == NULL;
}

static void answer_name(void *ctx, struct vset_element *element)
{
    resp_str(ctx, vset_name(element));
}

static void answer_range(struct redis_call *call, const struct vector_set *set,
                         const struct vset_bound *from, const struct vset_bound *to, int64_t count)
{
    uint64_t there = set ? vset_range_count(set, from, to) : 0;
    if (count >= 0 && (uint64_t)count < there) there = (uint64_t)count;
    resp_array(call->reply, there);
    if (there > 0) vset_range(set, from, to, there, answer_name, call->reply);
}

void run_vrange(struct redis_call *call)
{
    struct vset_bound from, to;
    int64_t count = -1;
    if (call->argc > 5) {
        call_arity_error(call);
        return;
    }
    if (!read_bounds(call, &from, &to)) return;
    if (call->argc == 5 && !text_integer(call->argv[4], &count)) {
        call_error(call, "ERR invalid COUNT value");
        return;
    }
    struct entry *entry = call_read(call, call->argv[1], VALUE_VECTORS);
    if (call->failed) return;
    answer_range(call, entry ? vector_set_of(entry) : NULL, &from, &to, count);
}

/* ---- VRANDMEMBER ---- */

#define DRAWS_MAX (INT64_C(1) << 30)
#define REPLY_BYTES_MAX (UINT64_C(1) << 30) /* where the client has no limit of its own */
#define FEW 8u /* one in so many: drawn one by one, the rest by going through all */

static void answer_draws(struct redis_call *call, const struct vector_set *set, int64_t count)
{
    const uint64_t limit = call->redis->settings.output[0].hard;
    const uint64_t most = limit > 0 && limit < REPLY_BYTES_MAX ? limit : REPLY_BYTES_MAX;
    const size_t before = call->reply->out->len;
    resp_array(call->reply, (size_t)count);
    for (int64_t i = 0; i < count; i++) {
        resp_str(call->reply, vset_name(vset_random(set, cache_rng(call->cache))));
        if (call->reply->out->len - before <= most) continue;
        call->reply->out->len = before;
        call_error(call, "ERR value is out of range");
        return;
    }
}

struct sample {
    struct resp *reply;
    struct rng *rng;
    uint64_t left, wanted; /* elements not seen yet, names not given yet */
};

/* Knuth, TAOCP 2, 3.4.2, algorithm S: each is taken with the odds that make the number right. */
static void answer_sample(void *ctx, struct vset_element *element)
{
    struct sample *sample = ctx;
    if (rng_below(sample->rng, sample->left--) >= sample->wanted) return;
    resp_str(sample->reply, vset_name(element));
    sample->wanted--;
}

static void answer_many(struct redis_call *call, const struct vector_set *set, uint64_t count)
{
    const struct vset_bound all = {.open = true};
    struct sample sample = {call->reply, cache_rng(call->cache), vset_count(set), count};
    resp_array(call->reply, count);
    vset_range(set, &all, &all, vset_count(set), answer_sample, &sample);
}

static void answer_few(struct redis_call *call, const struct vector_set *set, uint64_t count)
{
    struct map64 drawn;
    const size_t before = call->reply->out->len;
    map64_init(&drawn);
    resp_array(call->reply, count);
    while (count > 0) {
        const struct vset_element *element = vset_random(set, cache_rng(call->cache));
        const uint64_t key = (uint64_t)(uintptr_t)element;
        if (map64_get(&drawn, key, NULL)) continue;
        if (map64_put(&drawn, key, 1)) {
            call->reply->out->len = before;
            call_no_memory(call);
            break;
        }
        resp_str(call->reply, vset_name(element));
        count--;
    }
    map64_release(&drawn);
}

static void answer_count(struct redis_call *call, const struct vector_set *set, int64_t count)
{
    if (!set || count == 0) {
        resp_array(call->reply, 0);
    } else if (count < -DRAWS_MAX) {
        call_error(call, "ERR value is out of range");
    } else if (count < 0) {
        answer_draws(call, set, -count);
    } else {
        const uint64_t there = vset_count(set);
        const uint64_t wanted = (uint64_t)count < there ? (uint64_t)count : there;
        if (wanted <= there / FEW) answer_few(call, set, wanted);
        else answer_many(call, set, wanted);
    }
}

void run_vrandmember(struct redis_call *call)
{
    int64_t count = 1;
    if (call->argc > 3) {
        call_arity_error(call);
        return;
    }
    if (call->argc == 3 && !text_integer(call->argv[2], &count)) {
        call_error(call, "ERR COUNT value is not an integer");
        return;
    }
    struct entry *entry = call_read(call, call->argv[1], VALUE_VECTORS);
    if (call->failed) return;
    const struct vector_set *set = entry ? vector_set_of(entry) : NULL;
    if (call->argc == 3) answer_count(call, set, count);
    else if (set) resp_str(call->reply, vset_name(vset_random(set, cache_rng(call->cache))));
    else resp_null(call->reply);
}
