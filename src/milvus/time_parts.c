/*
 * Parts of instants instead of their texts (`time_fields`): an array of numbers for each row, in
 * the order that was asked for.
 */
#include <string.h>

#include "base/endian.h"
#include "milvus/milvus_data.h"
#include "model/timestamptz.h"

enum { PARTS = 7, ASKED_MAX = 16 };

static bool find_part(const char *text, size_t len, size_t *out)
{
    static const char *const names[PARTS] = { "year",   "month",  "day",        "hour",
                                              "minute", "second", "microsecond" };
    for (size_t i = 0; i < PARTS; i++) {
        if (strlen(names[i]) != len || memcmp(names[i], text, len) != 0) continue;
        *out = i;
        return true;
    }
    return false;
}

static MilvusStatus *read_names(struct milvus_call *call, const char *text, size_t *parts,
                                size_t *count)
{
    *count = 0;
    for (const char *at = text; *at;) {
        at += strspn(at, " ,");
        const size_t len = strcspn(at, " ,");
        if (len == 0) break;
        if (*count == ASKED_MAX || !find_part(at, len, &parts[*count]))
            return milvus_status(call, MILVUS_INVALID,
                                 "unsupported time field: %.*s: invalid parameter",
                                 (int)(len > 100 ? 100 : len), at);
        (*count)++;
        at += len;
    }
    return NULL;
}

static int64_t digits(const char **at)
{
    int64_t value = 0;
    while (**at >= '0' && **at <= '9') value = value * 10 + (*(*at)++ - '0');
    return value;
}

/* "2030-07-01T12:00:00.5+02:00", which is ours. */
static void take_apart(const char *text, int64_t out[PARTS])
{
    const char *at = text;
    const bool negative = *at == '-';
    if (*at == '-' || *at == '+') at++;
    for (size_t i = 0; i < PARTS - 1; i++) {
        out[i] = digits(&at);
        if (i < PARTS - 2 && *at) at++; /* - T : */
    }
    if (negative) out[0] = -out[0];
    out[PARTS - 1] = 0;
    if (*at != '.') return;
    int64_t unit = 100000;
    for (at++; *at >= '0' && *at <= '9'; at++, unit /= 10) out[PARTS - 1] += (*at - '0') * unit;
}

MilvusStatus *milvus_times_parts(struct milvus_call *call, const struct time_zone *zone,
                                 const char *names, const int64_t *micros, size_t rows,
                                 struct milvus_column *out)
{
    size_t parts[ASKED_MAX], count;
    MilvusStatus *refused = read_names(call, names, parts, &count);
    if (refused) return refused;
    struct kith_str *arrays = arena_alloc_array(call->arena, rows + 1, sizeof *arrays);
    char *values = arena_alloc_array(call->arena, rows + 1, (count + 1) * sizeof(int64_t));
    if (!arrays || !values) return milvus_no_memory(call);
    for (size_t row = 0; row < rows; row++) {
        char text[TIMESTAMPTZ_TEXT_BYTES];
        int64_t all[PARTS];
        arrays[row] = (struct kith_str){ values, 0 };
        if (out->valid && !out->valid[row]) continue;
        (void)time_zone_format(zone, micros[row], text);
        take_apart(text, all);
        for (size_t i = 0; i < count; i++, values += 8) le64_put(values, (uint64_t)all[parts[i]]);
        arrays[row].len = count * 8;
    }
    out->type = KITH_ARRAY;
    out->element = KITH_INT64;
    out->data = arrays;
    return NULL;
}
