/*
 * HTTP/1.1 requests on arbitrary bytes: cut in one place (the first byte says where) the parser must
 * come to the same end as on the whole, stay within its limits, and hand out slices of its own.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "proto/http1.h"

enum { BODY_MAX = 256 };

static size_t run(struct http1 *http, const uint8_t *data, size_t size, size_t cut)
{
    size_t used = 0, total = 0;
    http1_init(http, BODY_MAX);
    if (http1_feed(http, data, cut, &used)) return 0;
    total = used;
    if (used == cut && http1_feed(http, data + cut, size - cut, &used) == 0) total += used;
    return total;
}

static void check(const struct http1 *http)
{
    MUST(http->head.len <= HTTP1_HEAD_BYTES_MAX);
    MUST(http->body.len <= BODY_MAX);
    if (http->state != HTTP1_DONE && http->state != HTTP1_BODY) return;
    const char *low = (const char *)http->head.data, *high = low + http->head.len;
    MUST(http->method.len > 0 && http->target.len > 0);
    for (size_t i = 0; i < http->header_count; i++) {
        const struct http1_header *header = &http->headers[i];
        MUST(header->name.data >= low && header->name.data + header->name.len <= high);
        MUST(header->value.data >= low && header->value.data + header->value.len <= high);
        MUST(memchr(header->value.data, '\n', header->value.len) == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    const size_t cut = data[0] % size;
    data++;
    size--;
    struct http1 whole, cut_once;
    const size_t a = run(&whole, data, size, size);
    const size_t b = run(&cut_once, data, size, cut < size ? cut : size);
    check(&whole);
    MUST(a == b || whole.state == HTTP1_ERROR);
    MUST(whole.state == cut_once.state);
    MUST(whole.status == cut_once.status);
    MUST(whole.state == HTTP1_ERROR || whole.body.len == cut_once.body.len);
    if (whole.state == HTTP1_DONE && whole.body.len > 0)
        MUST(memcmp(whole.body.data, cut_once.body.data, whole.body.len) == 0);
    http1_release(&whole);
    http1_release(&cut_once);
    return 0;
}
