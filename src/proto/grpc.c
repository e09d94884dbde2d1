/*
 * gRPC framing: see grpc.h.
 */
#include "proto/grpc.h"

#include <string.h>

#include "base/endian.h"

void grpc_message_release(struct grpc_message *message)
{
    buffer_release(&message->body);
    *message = (struct grpc_message){ .len = 0 };
}

static int take_prefix(struct grpc_message *message)
{
    if (message->prefix[0] > 1) return KITH_EINVAL;
    message->compressed = message->prefix[0] == 1;
    message->len = (uint32_t)message->prefix[1] << 24 | (uint32_t)message->prefix[2] << 16 |
                   (uint32_t)message->prefix[3] << 8 | message->prefix[4];
    return message->len > GRPC_REQUEST_BYTES_MAX ? KITH_ELIMIT : 0;
}

int grpc_message_feed(struct grpc_message *message, const uint8_t *data, size_t len)
{
    while (message->prefix_len < GRPC_PREFIX_BYTES && len > 0) {
        message->prefix[message->prefix_len++] = *data++;
        len--;
        if (message->prefix_len < GRPC_PREFIX_BYTES) continue;
        const int rc = take_prefix(message);
        if (rc) return rc;
    }
    if (len == 0) return 0;
    if (len > message->len - message->body.len) return KITH_EINVAL;
    buffer_put(&message->body, data, len);
    return buffer_failed(&message->body) ? KITH_ENOMEM : 0;
}

bool grpc_timeout_parse(const char *text, size_t len, int64_t *us)
{
    if (len < 2 || len > 9) return false;
    int64_t value = 0;
    for (size_t i = 0; i + 1 < len; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        value = value * 10 + (text[i] - '0');
    }
    switch (text[len - 1]) {
    case 'H': *us = value * 3600 * 1000000; return true;
    case 'M': *us = value * 60 * 1000000; return true;
    case 'S': *us = value * 1000000; return true;
    case 'm': *us = value * 1000; return true;
    case 'u': *us = value; return true;
    case 'n': *us = (value + 999) / 1000; return true;
    default: return false;
    }
}

void grpc_text_encode(struct buffer *out, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p >= 0x20 && *p <= 0x7e && *p != '%') {
            buffer_put_u8(out, *p);
            continue;
        }
        buffer_put_u8(out, '%');
        buffer_put_u8(out, (uint8_t)hex[*p >> 4]);
        buffer_put_u8(out, (uint8_t)hex[*p & 15]);
    }
}
