/*
 * HTTP/1.1 requests, parsed from bytes as they arrive. RFC 9112, as a server needs it: request
 * line, headers, a body by Content-Length or chunked. What a proxy could read in two ways is
 * refused: both lengths at once, a length that is no plain number, white space before a colon,
 * folded lines, bare CR, control characters.
 *
 * One `struct http1` parses one request after another. Limits hold before anything is kept: 16 KiB
 * of request line and headers, 100 headers, and `body_max` bytes of body. Names and values borrow
 * from the parser's own copy until http1_next().
 */
#ifndef KITH_PROTO_HTTP1_H
#define KITH_PROTO_HTTP1_H

#include <kith/kith.h>

#include "base/buffer.h"

#define HTTP1_HEAD_BYTES_MAX 16384u
#define HTTP1_HEADERS_MAX 100u

enum http1_state {
    HTTP1_HEAD,  /* wants more of the request line or headers */
    HTTP1_BODY,  /* headers are there (see expect_continue), the body is not complete */
    HTTP1_DONE,  /* a whole request; call http1_next() when it is answered */
    HTTP1_ERROR  /* answer `status` and close */
};

struct http1_header {
    struct kith_str name; /* lower case */
    struct kith_str value;
};

struct http1 {
    enum http1_state state;
    int status;       /* HTTP1_ERROR: 400, 413, 431, 501 or 505 */
    size_t body_max;  /* set by the owner */
    struct kith_str method, target;
    struct http1_header headers[HTTP1_HEADERS_MAX];
    size_t header_count;
    bool keep_alive;
    bool expect_continue;
    struct buffer head; /* owns: the bytes up to the empty line */
    struct buffer body; /* owns */
    uint64_t body_left; /* of Content-Length, or of the chunk */
    int chunk;          /* enum of http1.c; 0: not chunked */
    size_t line_len;    /* of the chunk line or trailer being read */
    uint64_t chunk_size;
};

void http1_init(struct http1 *http, size_t body_max);
void http1_release(struct http1 *http); /* accepts a zeroed struct */
/* Takes bytes until a request is whole or wrong; *used says how many. 0 or KITH_ENOMEM. */
KITH_NODISCARD int http1_feed(struct http1 *http, const uint8_t *data, size_t len, size_t *used);
void http1_next(struct http1 *http);
/* An empty one when absent. name in lower case. */
struct kith_str http1_header_get(const struct http1 *http, const char *name);
/* "Not Found" */
const char *http1_reason(int status);

#endif
