/*
 * ACL LOG: what was denied lately. Equal denials within a minute are counted in one entry.
 */
#include <string.h>

#include "base/alloc.h"
#include "redis/acl_internal.h"
#include "redis/client_line.h"
#include "redis/redis_internal.h"

#define SAME_WITHIN_MS 60000

static void free_event(struct acl_event *event)
{
    mem_free(event->object);
    mem_free(event->user);
    mem_free(event->client);
}

void acl_log_trim(struct acl *acl, size_t keep)
{
    while (acl->event_count > keep) free_event(&acl->events[--acl->event_count]);
}

static bool is_same(const struct acl_event *event, const char *reason, const char *context,
                    struct kith_str object, struct kith_str user, int64_t now)
{
    return strcmp(event->reason, reason) == 0 && strcmp(event->context, context) == 0 &&
           str_same(str_of(event->object), object) && str_same(str_of(event->user), user) &&
           now - event->created_ms <= SAME_WITHIN_MS;
}

static void set_client(struct acl_event *event, const struct session *session)
{
    struct buffer line;
    buffer_init(&line);
    client_line(session, &line);
    if (line.len && line.data[line.len - 1] == '\n') line.len--;
    char *text = buffer_failed(&line) ? NULL : mem_strndup((const char *)line.data, line.len);
    if (text) {
        mem_free(event->client);
        event->client = text;
    }
    buffer_release(&line);
}

static bool make_room(struct acl *acl, size_t max)
{
    acl_log_trim(acl, max - 1);
    size_t bytes;
    if (!size_mul(acl->event_count + 1, sizeof *acl->events, &bytes)) return false;
    struct acl_event *fresh = mem_realloc(acl->events, bytes);
    if (!fresh) return false;
    acl->events = fresh;
    memmove(fresh + 1, fresh, acl->event_count * sizeof *fresh);
    acl->event_count++;
    memset(fresh, 0, sizeof *fresh);
    return true;
}

void acl_log(struct session *session, enum acl_denial why, const char *reason,
             struct kith_str object, struct kith_str user)
{
    struct redis *redis = session->redis;
    struct acl *acl = redis->acl;
    const int64_t now = cache_now_ms(redis->cache), max = redis->settings.acllog_max_len;
    const char *context = redis->depth > 1 || session->in_multi ? "multi" : "toplevel";
    (void)why;
    if (max <= 0) return;
    for (size_t i = 0; i < acl->event_count && i < 10; i++) {
        struct acl_event *event = &acl->events[i];
        if (!is_same(event, reason, context, object, user, now)) continue;
        event->count++;
        event->updated_ms = now;
        set_client(event, session);
        return;
    }
    char *object_copy = mem_strndup(object.data, object.len);
    char *user_copy = mem_strndup(user.data ? user.data : "", user.len);
    if (!object_copy || !user_copy || !make_room(acl, (size_t)max)) {
        mem_free(object_copy);
        mem_free(user_copy);
        return;
    }
    acl->events[0] = (struct acl_event){.count = 1, .id = acl->last_event++, .reason = reason,
                                        .context = context, .object = object_copy,
                                        .user = user_copy, .created_ms = now, .updated_ms = now};
    set_client(&acl->events[0], session);
}
