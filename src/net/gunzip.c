/*
 * Compressed messages of gRPC: gzip (RFC 1952) and deflate (RFC 1950), told apart by their headers.
 *
 * A few bytes may say that there are very many, so what comes out is bounded: one message by
 * GRPC_REQUEST_BYTES_MAX, and all that are held at a time by as much as requests may take
 * (input_bytes_all). The output grows as it is written, never by what a header announces. Runs on a
 * worker: 64 MiB take longer than a loop may.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "net/net_internal.h"

#define GUNZIP_SLICE 65536u
#define GUNZIP_ANY_HEADER (15 + 32) /* the largest window; gzip or zlib, by its first bytes */

static void *take(void *ctx, unsigned count, unsigned size)
{
    (void)ctx;
    return mem_zalloc_array(count, size);
}

static void give(void *ctx, void *memory)
{
    (void)ctx;
    mem_free(memory);
}

/* One slice of output. Z_OK: there is more. */
static int step(z_stream *stream, struct buffer *out)
{
    uint8_t *room = buffer_extend(out, GUNZIP_SLICE);
    if (!room) return Z_MEM_ERROR;
    stream->next_out = room;
    stream->avail_out = GUNZIP_SLICE;
    const int rc = inflate(stream, Z_NO_FLUSH);
    out->len -= stream->avail_out;
    if (rc == Z_OK && stream->avail_out == GUNZIP_SLICE) return Z_BUF_ERROR; /* cut off */
    return rc;
}

int net_gunzip(const uint8_t *data, size_t len, size_t out_max, struct buffer *out)
{
    z_stream stream = { .zalloc = take, .zfree = give };
    stream.next_in = (Bytef *)(uintptr_t)data; /* zlib reads it only */
    stream.avail_in = (unsigned)len;
    if (inflateInit2(&stream, GUNZIP_ANY_HEADER) != Z_OK) return KITH_ENOMEM;
    int rc = Z_OK;
    while (rc == Z_OK && out->len <= out_max) rc = step(&stream, out);
    const bool all = stream.avail_in == 0;
    (void)inflateEnd(&stream);
    if (out->len > out_max) return KITH_ELIMIT;
    if (rc == Z_MEM_ERROR) return KITH_ENOMEM;
    return rc == Z_STREAM_END && all ? 0 : KITH_EINVAL;
}

static void fail(struct exchange *exchange, int rc)
{
    char text[128];
    if (rc == KITH_ELIMIT) {
        (void)snprintf(text, sizeof text, "grpc: received message larger than max (%u vs. %u)",
                       GRPC_REQUEST_BYTES_MAX + 1, GRPC_REQUEST_BYTES_MAX);
        exchange_set_grpc_status(exchange, GRPC_RESOURCE_EXHAUSTED, text);
    } else if (rc == KITH_EINVAL) {
        exchange_set_grpc_status(exchange, GRPC_INTERNAL, "the compressed message is malformed");
    } else if (rc == KITH_EBUSY) {
        exchange_set_grpc_status(exchange, GRPC_UNAVAILABLE,
                                 "the server holds too many requests; try again");
    } else {
        exchange_set_grpc_status(exchange, GRPC_RESOURCE_EXHAUSTED, "no memory for the request");
    }
    exchange_end(exchange);
}

/* On a worker. Strangers are not listened to; then room for the largest outcome is reserved: what
 * comes is not known. */
static void unpack(void *ctx, struct exchange *exchange)
{
    struct net *net = ctx;
    struct grpc_message *message = &exchange->message;
    struct buffer out;
    const struct net_door *door = exchange->door;
    if (door->admit && !door->admit(door->ctx, exchange)) {
        exchange_end(exchange);
        return;
    }
    buffer_init(&out);
    int rc = KITH_EBUSY;
    const uint64_t held = atomic_fetch_add(&net->unpacked_bytes, GRPC_REQUEST_BYTES_MAX);
    if (held + GRPC_REQUEST_BYTES_MAX <= net->limits.input_bytes_all)
        rc = net_gunzip(message->body.data, message->body.len, GRPC_REQUEST_BYTES_MAX, &out);
    exchange->unpacked_bytes = rc ? 0 : out.len;
    atomic_fetch_sub(&net->unpacked_bytes, GRPC_REQUEST_BYTES_MAX - exchange->unpacked_bytes);
    if (rc) {
        buffer_release(&out);
        fail(exchange, rc);
        return;
    }
    buffer_release(&message->body);
    message->body = out;
    message->len = (uint32_t)out.len;
    door->handle(door->ctx, exchange);
}

static bool is(struct kith_str text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.data, word, text.len) == 0;
}

void net_unpack_and_handle(struct exchange *exchange)
{
    const struct kith_str encoding = exchange_header(exchange, "grpc-encoding");
    if (!is(encoding, "gzip") && !is(encoding, "deflate")) {
        exchange_set_grpc_status(exchange, GRPC_UNIMPLEMENTED,
                                 "the message is compressed, and neither by gzip nor by deflate");
        exchange_end(exchange);
    } else if (net_work(exchange, unpack, exchange->net)) {
        exchange_set_grpc_status(exchange, GRPC_RESOURCE_EXHAUSTED,
                                 "too many calls are waiting; try again");
        exchange_end(exchange);
    }
}
