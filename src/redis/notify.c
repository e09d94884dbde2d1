/*
 * Events to channels: see notify.h. Nothing is formatted unless somebody may listen: the class is
 * asked for, and there is a subscriber at all.
 */
#include "redis/notify.h"

#include <stdio.h>
#include <string.h>

#include "redis/pubsub.h"

static const char letters[] = "KEg$lshzxetdmn"; /* in the order in which they are printed */
#define ALL_LETTERS "g$lshzxetd"

static int64_t bit_of(char letter)
{
    const char *at = letter ? strchr(letters, letter) : NULL;
    return at ? INT64_C(1) << (at - letters) : 0;
}

static int64_t all_classes(void)
{
    int64_t flags = 0;
    for (const char *c = ALL_LETTERS; *c; c++) flags |= bit_of(*c);
    return flags;
}

int64_t notify_parse(struct kith_str text)
{
    int64_t flags = 0;
    for (size_t i = 0; i < text.len; i++) {
        const int64_t bits = text.data[i] == 'A' ? all_classes() : bit_of(text.data[i]);
        if (!bits) return -1;
        flags |= bits;
    }
    return flags;
}

void notify_print(int64_t flags, struct buffer *out)
{
    const int64_t all = all_classes();
    const bool whole = (flags & all) == all;
    if (whole) buffer_put_u8(out, 'A');
    for (const char *c = letters + 2; *c; c++)
        if ((flags & bit_of(*c)) && !(whole && (all & bit_of(*c)))) buffer_put_u8(out, (uint8_t)*c);
    if (flags & NOTIFY_KEYSPACE) buffer_put_u8(out, 'K');
    if (flags & NOTIFY_KEYEVENT) buffer_put_u8(out, 'E');
}

void notify_event(struct redis *redis, unsigned db, struct kith_str key, enum event_class class,
                  const char *event)
{
    const int64_t flags = redis->settings.notify;
    struct buffer channel;
    if (!(flags & bit_of((char)class)) || !redis->subscriber_count) return;
    buffer_init(&channel);
    if (flags & NOTIFY_KEYSPACE) {
        buffer_printf(&channel, "__keyspace@%u__:", db);
        buffer_put(&channel, key.data, key.len);
        if (!buffer_failed(&channel))
            (void)pubsub_publish(redis, (struct kith_str){(char *)channel.data, channel.len},
                                 str_of(event));
    }
    buffer_clear(&channel);
    if (flags & NOTIFY_KEYEVENT) {
        buffer_printf(&channel, "__keyevent@%u__:%s", db, event);
        if (!buffer_failed(&channel))
            (void)pubsub_publish(redis, (struct kith_str){(char *)channel.data, channel.len}, key);
    }
    buffer_release(&channel);
}
