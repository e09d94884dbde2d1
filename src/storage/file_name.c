/*
 * Names of sealed files: see file_name.h.
 */
#include "storage/file_name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int file_name_path(const struct file_name *name, const char *dir, char *buf, size_t cap)
{
    const char *end = name->temporary ? ".tmp" : "";
    int len = -1;
    switch (name->kind) {
    case FILE_SEGMENT:
        len = snprintf(buf, cap, "%s/%" PRIu64 ".seg%s", dir, name->id, end);
        break;
    case FILE_INDEX:
        len = snprintf(buf, cap, "%s/%" PRIu64 ".%" PRIu64 ".idx%s", dir, name->id, name->part,
                       end);
        break;
    case FILE_DEAD:
        len = snprintf(buf, cap, "%s/%" PRIu64 ".%" PRIu64 ".del%s", dir, name->id, name->part,
                       end);
        break;
    }
    return len < 0 || (size_t)len >= cap ? KITH_EINVAL : 0;
}

/* A decimal number without leading zeros; moves *at past it. */
static bool parse_number(const char **at, uint64_t *out)
{
    const char *p = *at;
    uint64_t value = 0;
    if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9')) return false;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(value, UINT64_C(10), &value)) return false;
        if (__builtin_add_overflow(value, (uint64_t)(*p - '0'), &value)) return false;
    }
    *at = p;
    *out = value;
    return true;
}

static bool parse_ending(const char *at, const char *ending, bool *temporary)
{
    const size_t len = strlen(ending);
    if (strncmp(at, ending, len) != 0) return false;
    *temporary = strcmp(at + len, ".tmp") == 0;
    return *temporary || at[len] == 0;
}

bool file_name_parse(const char *name, struct file_name *out)
{
    struct file_name n = {.kind = FILE_SEGMENT};
    if (!parse_number(&name, &n.id)) return false;
    if (parse_ending(name, ".seg", &n.temporary)) {
        *out = n;
        return true;
    }
    if (*name++ != '.' || !parse_number(&name, &n.part)) return false;
    n.kind = FILE_INDEX;
    if (!parse_ending(name, ".idx", &n.temporary)) {
        n.kind = FILE_DEAD;
        if (!parse_ending(name, ".del", &n.temporary)) return false;
    }
    *out = n;
    return true;
}
