/*
 * The framing of gRPC: a message out of a stream that is cut anywhere, the time that a call may
 * take, texts of errors, and compressed messages. The first byte chooses.
 *
 * Oracle: a message that is cut is the message in one piece; a text that was encoded is printable;
 * nothing is unpacked beyond its limit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "net/net_internal.h"

#define UNPACKED_MAX 65536u

static void frames(const uint8_t *data, size_t len, size_t cut)
{
    struct grpc_message whole = { .len = 0 }, pieces = { .len = 0 };
    if (cut > len) cut = len;
    const int a = grpc_message_feed(&whole, data, len);
    int b = grpc_message_feed(&pieces, data, cut);
    if (b == 0) b = grpc_message_feed(&pieces, data + cut, len - cut);
    MUST(a == b);
    MUST(a || grpc_message_whole(&whole) == grpc_message_whole(&pieces));
    MUST(whole.body.len <= len);
    if (a == 0 && whole.body.len)
        MUST(memcmp(whole.body.data, pieces.body.data, whole.body.len) == 0);
    grpc_message_release(&whole);
    grpc_message_release(&pieces);
}

static void timeout(const uint8_t *data, size_t len)
{
    int64_t us = -1;
    if (grpc_timeout_parse((const char *)data, len, &us)) MUST(us >= 0);
    else MUST(us == -1);
}

static void text(const uint8_t *data, size_t len)
{
    struct buffer out, in;
    buffer_init(&out);
    buffer_init(&in);
    buffer_put(&in, data, len);
    buffer_put_u8(&in, 0);
    grpc_text_encode(&out, (const char *)in.data);
    for (size_t i = 0; i < out.len; i++) MUST(out.data[i] >= 0x20 && out.data[i] <= 0x7e);
    MUST(out.len <= 3 * len);
    buffer_release(&out);
    buffer_release(&in);
}

static void packed(const uint8_t *data, size_t len)
{
    struct buffer out;
    buffer_init(&out);
    if (net_gunzip(data, len, UNPACKED_MAX, &out) == 0) MUST(out.len <= UNPACKED_MAX);
    MUST(out.len <= 2 * UNPACKED_MAX + 65536);
    buffer_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2) return 0;
    switch (data[0] % 4) {
    case 0: frames(data + 2, len - 2, data[1]); break;
    case 1: timeout(data + 1, len - 1); break;
    case 2: text(data + 1, len - 1); break;
    default: packed(data + 1, len - 1);
    }
    return 0;
}
