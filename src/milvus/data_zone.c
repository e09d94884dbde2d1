/*
 * Zones of time by name. Names of the IANA database are read from the system's zone files, once
 * each, and kept until the door closes; without such files there is a short list of zones that have
 * no summer time. Names come from clients: letters, digits and few marks, so they stay inside the
 * folder of zones.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "milvus/milvus_data.h"

enum { FILE_BYTES_MAX = 256 << 10, ZONES_MAX = 8192, NAME_MAX_BYTES = 64 };

struct zone_entry {
    char name[NAME_MAX_BYTES];
    struct time_zone *zone; /* owns */
};
struct milvus_zones { /* guard: zones_lock */
    size_t count, cap;
    struct zone_entry *entries; /* owns */
};

static const struct {
    const char *name;
    int minutes;
} fixed[] = {
    { "UTC", 0 }, { "utc", 0 }, { "Z", 0 }, { "GMT", 0 }, { "Etc/UTC", 0 }, { "Etc/GMT", 0 },
    { "Asia/Shanghai", 480 }, { "Asia/Hong_Kong", 480 }, { "Asia/Taipei", 480 },
    { "Asia/Singapore", 480 }, { "Asia/Tokyo", 540 }, { "Asia/Seoul", 540 },
    { "Asia/Kolkata", 330 }, { "Asia/Dubai", 240 }, { "Asia/Bangkok", 420 },
    { "Asia/Jakarta", 420 }, { "Asia/Manila", 480 }, { "Africa/Nairobi", 180 },
    { "Africa/Lagos", 60 }, { "Africa/Johannesburg", 120 }, { "America/Bogota", -300 },
    { "America/Phoenix", -420 }, { "Pacific/Honolulu", -600 }, { "Australia/Brisbane", 600 },
};

/* ---- fixed offsets ---- */

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

static bool fixed_minutes(const char *name, int *out)
{
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        if (strcmp(fixed[i].name, name)) continue;
        *out = fixed[i].minutes;
        return true;
    }
    return offset_parse(name, out);
}

/* ---- files ---- */

/* Area/Place, abbreviations: no dots, so nothing above the folder. */
static bool is_zone_name(const char *text)
{
    const size_t len = strlen(text);
    if (len == 0 || len >= NAME_MAX_BYTES) return false;
    for (const char *c = text; *c; c++) {
        const bool letter = (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z');
        const bool other = (*c >= '0' && *c <= '9') || strchr("/_+-", *c);
        if (!letter && (c == text || !other)) return false;
    }
    return true;
}

static int read_file(const struct os *os, const char *path, struct time_zone **out)
{
    struct os_file *file;
    uint64_t size = 0;
    size_t got = 0;
    int rc = os_open(os, path, OS_READ, &file, NULL);
    if (rc) return rc;
    rc = os_size(file, &size, NULL);
    if (rc == 0 && size > FILE_BYTES_MAX) rc = KITH_EINVAL;
    uint8_t *bytes = rc ? NULL : mem_alloc((size_t)size + 1);
    if (rc == 0 && !bytes) rc = KITH_ENOMEM;
    if (rc == 0) rc = os_pread(file, bytes, (size_t)size, 0, &got, NULL);
    if (rc == 0) rc = time_zone_read(bytes, got, out);
    mem_free(bytes);
    os_close(file);
    return rc;
}

static int read_zone(const struct os *os, const char *name, struct time_zone **out)
{
    static const char *const folders[] = { "/usr/share/zoneinfo", "/usr/lib/zoneinfo",
                                           "/usr/share/lib/zoneinfo", "/etc/zoneinfo" };
    char path[128];
    int rc = KITH_ENOTFOUND, minutes;
    for (size_t i = 0; rc && rc != KITH_ENOMEM && is_zone_name(name) && i < 4; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folders[i], name);
        rc = read_file(os, path, out);
    }
    if (rc == 0 || rc == KITH_ENOMEM) return rc;
    if (!fixed_minutes(name, &minutes)) return KITH_ENOTFOUND;
    *out = time_zone_fixed(minutes * 60);
    return *out ? 0 : KITH_ENOMEM;
}

/* ---- the zones of a door ---- */

static const struct time_zone *kept(const struct milvus_zones *zones, const char *name)
{
    for (size_t i = 0; zones && i < zones->count; i++)
        if (strcmp(zones->entries[i].name, name) == 0) return zones->entries[i].zone;
    return NULL;
}

static int make_room(struct milvus *milvus)
{
    if (!milvus->zones && !(milvus->zones = mem_zalloc(sizeof *milvus->zones))) return KITH_ENOMEM;
    struct milvus_zones *zones = milvus->zones;
    if (zones->count < zones->cap) return 0;
    if (zones->count == ZONES_MAX) return KITH_ELIMIT;
    const size_t cap = zones->cap ? 2 * zones->cap : 8;
    struct zone_entry *entries = mem_realloc(zones->entries, cap * sizeof *entries);
    if (!entries) return KITH_ENOMEM;
    zones->entries = entries;
    zones->cap = cap;
    return 0;
}

/* Under zones_lock. A zone stays where it is when the list grows. */
static int find(struct milvus *milvus, const char *name, const struct time_zone **out)
{
    struct time_zone *zone;
    if ((*out = kept(milvus->zones, name))) return 0;
    if (strlen(name) >= NAME_MAX_BYTES) return KITH_ENOTFOUND;
    int rc = make_room(milvus);
    if (rc == 0) rc = read_zone(milvus->opts.os, name, &zone);
    if (rc) return rc;
    struct zone_entry *entry = &milvus->zones->entries[milvus->zones->count++];
    memcpy(entry->name, name, strlen(name) + 1);
    entry->zone = zone;
    *out = zone;
    return 0;
}

void milvus_zones_free(struct milvus_zones *zones)
{
    for (size_t i = 0; zones && i < zones->count; i++) time_zone_free(zones->entries[i].zone);
    if (zones) mem_free(zones->entries);
    mem_free(zones);
}

MilvusStatus *milvus_zone_find(struct milvus_call *call, const char *name,
                               const struct time_zone **out)
{
    struct milvus *milvus = call->milvus;
    os_mutex_lock(&milvus->zones_lock);
    const int rc = find(milvus, name, out);
    os_mutex_unlock(&milvus->zones_lock);
    if (rc == KITH_ENOMEM || rc == KITH_ELIMIT) return milvus_no_memory(call);
    if (rc == 0) return NULL;
    return milvus_status(call, MILVUS_INVALID,
                         "unknown or invalid IANA Time Zone ID: %.100s: invalid parameter", name);
}

MilvusStatus *milvus_zone(struct milvus_call *call, const struct milvus_collection *collection,
                          const char *requested, const struct time_zone **out)
{
    const Kith__Door__CollectionRecord *record = collection->record;
    if (requested && *requested) return milvus_zone_find(call, requested, out);
    const char *name = milvus_pair_get(record->properties, record->n_properties, "timezone");
    if (!name || !*name) name = milvus_database_property(call, collection->database, "timezone");
    /* One that was kept and is not known here any more: UTC. */
    if (name && *name && milvus_zone_find(call, name, out) == NULL) return NULL;
    return milvus_zone_find(call, "UTC", out);
}

struct milvus_times milvus_times_read(MilvusPair *const *pairs, size_t count)
{
    struct milvus_times times = { milvus_pair_get(pairs, count, "timezone"),
                                  milvus_pair_get(pairs, count, "time_fields") };
    if (times.parts && !*times.parts) times.parts = NULL;
    return times;
}
