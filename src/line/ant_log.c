/*
 * Append logs of Ant-Cache as one: see ant_log.h.
 */
#include "line/ant_log.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define FIRST_LINES 1024u

static int add(struct ant_log *log, const struct ant_change *change)
{
    if (log->count == log->cap) {
        size_t cap = log->cap ? log->cap : FIRST_LINES / 2, bytes;
        if (!size_mul(cap, 2 * sizeof *log->lines, &bytes)) return KITH_ENOMEM;
        struct ant_log_line *fresh = mem_realloc(log->lines, bytes);
        if (!fresh) return KITH_ENOMEM;
        log->lines = fresh;
        log->cap = 2 * cap;
    }
    log->lines[log->count] = (struct ant_log_line){ *change, log->count };
    log->count++;
    return 0;
}

int ant_log_read(struct ant_log *log, const char *text, size_t len)
{
    const char *at = text, *end = text + len;
    for (size_t number = 1; at < end; number++) {
        struct ant_change change;
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        const size_t line_len = (size_t)((lf ? lf : end) - at);
        const enum ant_line got =
            line_len ? ant_acl_line(at, line_len, log->first_bar, &change) : ANT_LINE_BAD;
        const int rc = got == ANT_LINE_GOOD ? add(log, &change) : 0;
        if (rc) return rc;
        if (got != ANT_LINE_GOOD && line_len && log->odd) log->odd(log->ctx, got, number);
        at = lf ? lf + 1 : end;
    }
    return 0;
}

static int by_time(const void *a, const void *b)
{
    const struct ant_log_line *x = a, *y = b;
    if (x->change.unix_ns != y->change.unix_ns)
        return x->change.unix_ns < y->change.unix_ns ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

void ant_log_sort(struct ant_log *log)
{
    if (log->count > 1) qsort(log->lines, log->count, sizeof *log->lines, by_time);
}

void ant_log_release(struct ant_log *log)
{
    mem_free(log->lines);
    log->lines = NULL;
    log->count = log->cap = 0;
}

bool ant_log_is_rotated(const char *base, const char *name)
{
    static const char shape[] = ".00000000_000000";
    const size_t len = strlen(base);
    if (strncmp(name, base, len) != 0 || strlen(name + len) != sizeof shape - 1) return false;
    for (size_t i = 0; i + 1 < sizeof shape; i++) {
        const char c = name[len + i];
        if (shape[i] == '0' ? c < '0' || c > '9' : c != shape[i]) return false;
    }
    return true;
}
