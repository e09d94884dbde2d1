/*
 * Commands that look into a string or change part of it: APPEND, SETRANGE, GETRANGE, STRLEN, and
 * those of its digest.
 */
#include <string.h>

#include "base/checksum.h"
#include "redis/cmd_string.h"
#include "redis/redis_internal.h"

static size_t text_len(const struct entry *entry)
{
    char scratch[ENTRY_TEXT_MAX];
    return entry ? entry_text(entry, scratch).len : 0;
}

/* false: longer than a string may be, which was answered */
static bool check_len(struct redis_call *call, size_t len, size_t more)
{
    uint64_t max = (uint64_t)call->redis->settings.bulk_bytes_max;
    if (len <= max && more <= max - len) return true;
    call_error(call, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    return false;
}

void run_append(struct redis_call *call)
{
    struct kith_str key = call->argv[1];
    struct kith_str more = call->argv[2];
    struct entry *entry = call_write(call, key, VALUE_STRING);
    if (call->failed) return;
    size_t len = text_len(entry);
    if (!check_len(call, len, more.len)) return;
    if (!entry) {
        if (!call_set(call, key, more, CACHE_NO_DEADLINE)) return;
    } else {
        char *bytes;
        if (cache_edit_string(call->cache, call->db, &entry, len + more.len, &bytes)) {
            call_no_memory(call);
            return;
        }
        if (more.len) memcpy(bytes + len, more.data, more.len);
    }
    call_changed(call, key, EVENT_STRING, "append");
    resp_integer(call->reply, (int64_t)(len + more.len));
}

void run_strlen(struct redis_call *call)
{
    const struct entry *entry = call_read(call, call->argv[1], VALUE_STRING);
    if (!call->failed) resp_integer(call->reply, (int64_t)text_len(entry));
}

/* Writes text at an offset into a string that is there. */
static void overwrite(struct redis_call *call, struct entry *entry, size_t offset,
                      struct kith_str text)
{
    size_t len = text_len(entry);
    if (offset + text.len > len) len = offset + text.len;
    char *bytes;
    if (cache_edit_string(call->cache, call->db, &entry, len, &bytes)) {
        call_no_memory(call);
        return;
    }
    memcpy(bytes + offset, text.data, text.len);
    call_changed(call, call->argv[1], EVENT_STRING, "setrange");
    resp_integer(call->reply, (int64_t)len);
}

void run_setrange(struct redis_call *call)
{
    struct kith_str key = call->argv[1];
    struct kith_str text = call->argv[3];
    int64_t offset;
    if (!call_integer(call, 2, &offset)) return;
    if (offset < 0) {
        call_error(call, "ERR offset is out of range");
        return;
    }
    struct entry *entry = call_write(call, key, VALUE_STRING);
    if (call->failed) return;
    if (text.len == 0) {
        resp_integer(call->reply, (int64_t)text_len(entry));
        return;
    }
    const size_t len = text_len(entry), end = (size_t)offset + text.len;
    if (!check_len(call, (size_t)offset, text.len) ||
        (end > len && !call_may_grow(call, end - len)))
        return;
    bool made = !entry;
    if (made && cache_set_string(call->cache, call->db, key, (struct kith_str){"", 0},
                                 CACHE_NO_DEADLINE, true, &entry)) {
        call_no_memory(call);
        return;
    }
    overwrite(call, entry, (size_t)offset, text);
    if (!call->failed || !made) return;
    entry = cache_write(call->cache, call->db, key);
    if (entry) cache_remove(call->cache, call->db, entry, REMOVED_DELETED);
}

void run_getrange(struct redis_call *call)
{
    int64_t first, last;
    if (!call_integer(call, 2, &first) || !call_integer(call, 3, &last)) return;
    const struct entry *entry = call_read(call, call->argv[1], VALUE_STRING);
    if (call->failed) return;
    char scratch[ENTRY_TEXT_MAX];
    struct kith_str text = entry ? entry_text(entry, scratch) : (struct kith_str){"", 0};
    int64_t len = (int64_t)text.len;
    bool empty = len == 0 || (first < 0 && last < 0 && first > last);
    if (first < 0) first = first + len > 0 ? first + len : 0;
    if (last < 0) last = last + len > 0 ? last + len : 0;
    if (last >= len) last = len - 1;
    if (empty || first > last) {
        resp_bulk(call->reply, "", 0);
    } else {
        resp_bulk(call->reply, text.data + first, (size_t)(last - first + 1));
    }
}

/* ---- digests ---- */

void run_digest(struct redis_call *call)
{
    const struct entry *entry = call_read(call, call->argv[1], VALUE_STRING);
    if (call->failed) return;
    if (!entry) {
        resp_null(call->reply);
        return;
    }
    char scratch[ENTRY_TEXT_MAX];
    struct kith_str text = entry_text(entry, scratch);
    resp_printf(call->reply, "%016llx", (unsigned long long)hash64(text.data, text.len, 0));
}

void run_delex(struct redis_call *call)
{
    struct value_condition condition = {0};
    size_t at = 2;
    if (call->argc > 2 && (!value_condition_take(call, &at, &condition) || at + 1 < call->argc)) {
        call_syntax_error(call);
        return;
    }
    if (!value_condition_check(call, &condition)) return;
    struct entry *entry = condition.kind == IF_NONE
                              ? cache_write(call->cache, call->db, call->argv[1])
                              : call_write(call, call->argv[1], VALUE_STRING);
    if (call->failed) return;
    bool goes = entry && value_condition_holds(&condition, entry);
    if (goes) {
        call_logf(call, "DEL %S", &call->argv[1]);
        call_drop(call, call->argv[1], entry);
    }
    resp_integer(call->reply, goes);
}
