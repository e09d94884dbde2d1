/*
 * Zones of time by offset. Kith keeps instants; a zone only says how a text without an offset is
 * read and how an instant is written. Zones with summer time need a list that Kith does not have:
 * they are read from the system's zone files by the caller that has one, and are UTC here.
 */
#include <string.h>

#include "milvus/milvus_data.h"

static const struct {
    const char *name;
    int minutes;
} fixed[] = {
    { "UTC", 0 }, { "utc", 0 }, { "Z", 0 }, { "GMT", 0 }, { "Etc/UTC", 0 }, { "Etc/GMT", 0 },
    { "Asia/Shanghai", 480 }, { "Asia/Chongqing", 480 }, { "Asia/Hong_Kong", 480 },
    { "Asia/Taipei", 480 }, { "Asia/Singapore", 480 }, { "Asia/Tokyo", 540 },
    { "Asia/Seoul", 540 }, { "Asia/Kolkata", 330 }, { "Asia/Calcutta", 330 },
    { "Asia/Dubai", 240 }, { "Asia/Bangkok", 420 }, { "Asia/Ho_Chi_Minh", 420 },
    { "Asia/Jakarta", 420 }, { "Asia/Manila", 480 }, { "Asia/Karachi", 300 },
    { "Asia/Kathmandu", 345 }, { "Asia/Dhaka", 360 }, { "Africa/Nairobi", 180 },
    { "Africa/Lagos", 60 }, { "Africa/Johannesburg", 120 }, { "America/Sao_Paulo", -180 },
    { "America/Bogota", -300 }, { "America/Phoenix", -420 }, { "Pacific/Honolulu", -600 },
    { "Australia/Brisbane", 600 }, { "Europe/Moscow", 180 }, { "Europe/Istanbul", 180 },
};

static bool digits2(const char *text, int *out)
{
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') return false;
    *out = (text[0] - '0') * 10 + (text[1] - '0');
    return true;
}

/* "+08:00", "-0530", "+08" */
static bool offset_parse(const char *text, int *out)
{
    int hours, minutes = 0;
    if ((*text != '+' && *text != '-') || !digits2(text + 1, &hours)) return false;
    const char *rest = text + 3;
    if (*rest == ':') rest++;
    if (*rest && (!digits2(rest, &minutes) || rest[2])) return false;
    if (hours > 23 || minutes > 59) return false;
    *out = (*text == '-' ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

bool milvus_zone_parse(const char *name, int *offset_minutes)
{
    int64_t hours;
    *offset_minutes = 0;
    if (!name || !*name) return true;
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        if (strcmp(fixed[i].name, name)) continue;
        *offset_minutes = fixed[i].minutes;
        return true;
    }
    /* POSIX has the sign the other way round: Etc/GMT-8 is east. */
    if (strncmp(name, "Etc/GMT", 7) == 0 && milvus_parse_int(name + 7, &hours) && hours >= -14 &&
        hours <= 12) {
        *offset_minutes = (int)hours * -60;
        return true;
    }
    return offset_parse(name, offset_minutes);
}

int milvus_zone(const struct milvus_collection *collection, const char *requested)
{
    const Kith__Door__CollectionRecord *record = collection->record;
    int minutes = 0;
    if (!requested || !*requested)
        requested = milvus_pair_get(record->properties, record->n_properties, "timezone");
    (void)milvus_zone_parse(requested, &minutes);
    return minutes;
}
