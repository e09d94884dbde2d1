/*
 * The rule of the elastic pool: see line_scale.h.
 */
#include "line/line_scale.h"

#include <stdbool.h>

#define QUICK_US 1000u

unsigned line_scale_floor(unsigned configured) { return configured < 4 ? 1 : configured / 4; }

unsigned line_scale_ceiling(unsigned configured)
{
    if (configured == 0) return 1;
    return configured > UINT32_MAX / 2 ? UINT32_MAX : configured * 2;
}

static bool is_pressed(unsigned now, const struct line_sample *sample)
{
    return sample->queued > now / 2 || (uint64_t)sample->busy * 10 >= (uint64_t)now * 9;
}

static bool is_calm(unsigned now, const struct line_sample *sample)
{
    return sample->queued == 0 && (uint64_t)sample->busy * 2 < now;
}

unsigned line_scale(unsigned configured, unsigned now, const struct line_sample *samples,
                    size_t count, uint64_t mean_us)
{
    const unsigned least = line_scale_floor(configured), most = line_scale_ceiling(configured);
    size_t pressed = 0, calm = 0;
    for (size_t i = 0; i < count; i++) {
        pressed += is_pressed(now, &samples[i]);
        calm += is_calm(now, &samples[i]);
    }
    if (now < least) return least;
    if (now > most) return most;
    if (count && pressed * 2 > count) {
        const unsigned step = now / 4 ? now / 4 : 1;
        return step > most - now ? most : now + step;
    }
    if (count && calm == count && mean_us < QUICK_US) {
        const unsigned step = now / 8 ? now / 8 : 1;
        return now - least < step ? least : now - step;
    }
    return now;
}
