/*
 * Members at random: see member_draw.h.
 *
 * A few of many are drawn until so many different ones came; when a quarter or more is wanted the
 * value is passed through once, and each member is taken or not (sample_takes), so that the cost
 * is never more than that of a few draws a member.
 */
#include "redis/member_draw.h"

#include "base/map.h"
#include "redis/member_args.h"

bool call_draw_args(struct redis_call *call, const char *word, struct draw_args *out)
{
    *out = (struct draw_args){ .counted = call->argc > 2, .with = call->argc == 4, .wanted = 1 };
    if (!word && call->argc > 3) {
        call_syntax_error(call);
        return false;
    }
    if (out->counted && !call_range(call, 2, -INT64_MAX, INT64_MAX, &out->wanted,
                                    "ERR value is out of range, value must between "
                                    "-9223372036854775807 and 9223372036854775807"))
        return false;
    if (call->argc > 4 || (out->with && !call_is(call, 3, word))) {
        call_syntax_error(call);
        return false;
    }
    if (out->with && (out->wanted < -INT64_MAX / 2 || out->wanted > INT64_MAX / 2)) {
        call_error(call, "ERR value is out of range");
        return false;
    }
    return true;
}

static void draw_passing(struct redis_call *call, const struct draw_source *source, uint64_t count)
{
    for (uint64_t left = source->size; count > 0 && source->next(source->ctx); left--) {
        if (!sample_takes(cache_rng(call->cache), left, count)) continue;
        source->reply(source->ctx);
        count--;
    }
}

static void draw_different(struct redis_call *call, const struct draw_source *source,
                           uint64_t count)
{
    struct map seen;
    map_init(&seen);
    while (seen.count < count) {
        const struct kith_str name = source->random(source->ctx);
        if (map_get(&seen, name.data, name.len, NULL)) continue;
        if (map_put(&seen, name.data, name.len, 0) != 0) break;
        source->reply(source->ctx);
    }
    if (seen.count < count) draw_passing(call, source, count - seen.count);
    map_release(&seen);
}

/* The reply begins at `before`: an error may have to stand in its place. */
static void draw_repeating(struct redis_call *call, const struct draw_source *source,
                           uint64_t count, size_t before)
{
    for (uint64_t i = 0; i < count && call_draw_fits(call, before); i++) {
        (void)source->random(source->ctx);
        source->reply(source->ctx);
    }
}

void call_draw(struct redis_call *call, const struct draw_source *source,
               const struct draw_args *args)
{
    const bool repeats = args->wanted < 0;
    const size_t before = call->reply->out->len;
    uint64_t count = (uint64_t)(repeats ? -args->wanted : args->wanted);
    if (!repeats && count > source->size) count = source->size;
    resp_array(call->reply, args->with && call->reply->version == 2 ? count * 2 : count);
    if (repeats) draw_repeating(call, source, count, before);
    else if (count < source->size / 4) draw_different(call, source, count);
    else draw_passing(call, source, count);
}
