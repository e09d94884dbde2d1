/*
 * Doors that speak bytes, not requests: a connection of such a door is a *stream*, and what its
 * bytes
 * mean is the owner's of the door (RESP, the line protocol). A door has either `handle` (net.h) or
 * `stream`.
 *
 * All callbacks of a stream run on its loop's thread, one at a time. Other threads may call
 * stream_wake() only.
 */
#ifndef KITH_NET_STREAM_H
#define KITH_NET_STREAM_H

#include "net/net.h"

struct stream;

#define STREAM_INPUTS_MAX 16u
struct stream_input {
    void *session;
    const uint8_t *data;
    size_t len; /* not 0 */
};

struct stream_ops {
    /* A connection was taken. Returns the session; NULL refuses: what stands in stream_output() is
     * sent and the connection closed; close is not called then. */
    void *(*open)(void *ctx, struct stream *stream);
    /* Everything not consumed yet. Returns how many bytes were; the rest comes again with more
     * behind. `end`: the peer sends nothing more. Must not block. */
    size_t (*input)(void *session, const uint8_t *data, size_t len, bool end);
    /* Nullable. Bytes came for several streams, STREAM_INPUTS_MAX at most; `input` follows for each
     * in this order, with what it had left before in front of them. What those calls will look at
     * can be asked for here, for all together, so that the ways from memory overlap. A hint: it
     * changes nothing, and not every input is announced. */
    void (*expect)(void *ctx, const struct stream_input *inputs, size_t count);
    /* After stream_wake, and after stream_timer ran out. */
    void (*wake)(void *session);
    /* The last call; no stream_* function may be called after it. */
    void (*close)(void *session);
    /* Unsent output past this closes the stream; 0: the limit of net. Asked after callbacks. What
     * all connections hold together is bounded besides. */
    size_t (*output_max)(void *session);
    /* Output may have to wait: nobody may read what a crash takes back. `ticket` says what for,
     * after each callback that wrote (0: nothing). Before what a turn of the loop gathered is sent
     * (64 connections at most), `settle` is called once with the door's ctx and answers up to which
     * ticket all is well; what waits for a later one is asked about again at the end of this turn
     * and the next, or after net_settled(). Both nullable. settle must not wait for a disk. */
    uint64_t (*ticket)(void *session);
    uint64_t (*settle)(void *ctx);
};
/* Something was settled elsewhere: every loop asks again. Any thread, until net_free. */
void net_settled(struct net *net);

/* The reply bytes: append; they are sent when the callback returns. Loop's thread. */
struct buffer *stream_output(struct stream *stream);
size_t stream_unsent(const struct stream *stream);
/* What the socket did not take, as last tried. Any thread, while `close` has not returned. */
size_t stream_held(const struct stream *stream);
/* No input callback until resumed; bytes wait in the socket, at most one read of them here. */
void stream_pause(struct stream *stream);
/* Calls input again for what waits, at the end of the present callback. */
void stream_resume(struct stream *stream);
/* Nothing more is read; closes when the output is out, or at once with `now`. */
void stream_close(struct stream *stream, bool now);
/* Calls wake after so many milliseconds; 0 stops it. One timer a stream. */
void stream_timer(struct stream *stream, unsigned ms);
/* From any thread, while `close` has not returned (the caller sees to that under its own lock):
 * calls
 * wake soon. Several may fall together. */
void stream_wake(struct stream *stream);
/* "127.0.0.1:50312"; a unix socket: its path */
const char *stream_peer(const struct stream *stream);
const char *stream_local(const struct stream *stream); /* the address it came to */
bool stream_peer_is_local(const struct stream *stream); /* loopback or a unix socket */
uint64_t stream_number(const struct stream *stream);   /* never reused; ascending */
struct kith_str stream_pending(const struct stream *stream); /* input that was not consumed */

#endif
