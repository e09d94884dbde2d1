/*
 * gRPC over HTTP/2 but for the HTTP/2: message frames, timeouts, error texts. Source: the gRPC
 * project's PROTOCOL-HTTP2 document. No I/O: bytes in, bytes out.
 */
#ifndef KITH_PROTO_GRPC_H
#define KITH_PROTO_GRPC_H

#include "base/buffer.h"

#define GRPC_PREFIX_BYTES 5u
#define GRPC_REQUEST_BYTES_MAX (64u << 20)
#define GRPC_REPLY_BYTES_MAX (256u << 20)

enum grpc_status {
    GRPC_OK = 0,
    GRPC_CANCELLED = 1,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_UNAUTHENTICATED = 16
};

/* One message out of a stream of DATA bytes, which may cut it anywhere. The body grows as bytes
 * arrive, never by what the prefix announces. */
struct grpc_message {
    uint8_t prefix[GRPC_PREFIX_BYTES];
    size_t prefix_len;
    bool compressed;
    uint32_t len;       /* announced; valid when prefix_len is whole */
    struct buffer body; /* owns */
};
void grpc_message_release(struct grpc_message *message); /* accepts a zeroed struct */
/* Takes all `len` bytes. KITH_ELIMIT: announced length above GRPC_REQUEST_BYTES_MAX (then
 * message->len says it); KITH_EINVAL: a flag other than 0 or 1, or bytes after the message (a unary
 * call has one); KITH_ENOMEM. */
KITH_NODISCARD int grpc_message_feed(struct grpc_message *message, const uint8_t *data, size_t len);
static inline bool grpc_message_whole(const struct grpc_message *message)
{
    return message->prefix_len == GRPC_PREFIX_BYTES && message->body.len == message->len;
}

/* "250m" -> 250,000 us. false: not of the form <1-8 digits><H|M|S|m|u|n>. */
bool grpc_timeout_parse(const char *text, size_t len, int64_t *us);
/* Percent-encodes `%` and every byte outside 0x20..0x7E. */
void grpc_text_encode(struct buffer *out, const char *text);

#endif
