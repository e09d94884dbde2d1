/*
 * Zones of time: TZif files and the rules in their footers.
 *
 * Oracle: a zone that reads has offsets of less than 26 hours, from the beginning of time to its
 * end; a text that it writes reads back as the same instant; a rule alone is as good.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "model/time_rule.h"
#include "model/time_zone.h"
#include "model/timestamptz.h"

static void must(bool condition, const char *what)
{
    if (condition) return;
    (void)fprintf(stderr, "%s\n", what);
    abort();
}

static void check_zone(const struct time_zone *zone)
{
    for (int64_t at = -62135596800; at < 253402300800; at += 1000000007) {
        char text[TIMESTAMPTZ_TEXT_BYTES];
        int64_t back;
        must(time_rule_offset_fits(time_zone_offset(zone, at)), "an offset is too large");
        const size_t size = time_zone_format(zone, at * 1000000, text);
        must(size < sizeof text, "a text is too long");
        must(time_zone_parse(zone, (struct kith_str){ text, size }, &back), "a text does not read");
        must(back == at * 1000000, "a text is another instant");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct time_rule rule;
    struct time_zone *zone;
    if (time_rule_parse((const char *)data, len, &rule))
        for (int64_t at = -62135596800; at < 253402300800; at += 100000007)
            must(time_rule_offset_fits(time_rule_offset(&rule, at)), "a rule is too large");
    if (time_zone_read(data, len, &zone)) return 0;
    check_zone(zone);
    time_zone_free(zone);
    return 0;
}
