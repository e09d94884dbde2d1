/*
 * Any bytes as RESP commands, whole, a piece at a time, and short ones in one look: all ways see the
 * same commands.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "fuzz.h"
#include "proto/resp.h"

static uint64_t sum_args(const struct resp_parser *parser, uint64_t sum)
{
    for (size_t i = 0; i < parser->arg_count; i++)
        sum = hash64(parser->args[i].data, parser->args[i].len, sum + i);
    return sum + parser->arg_count;
}

/* Feeds in steps; a checksum of all commands and of how it ended. */
static uint64_t run(const uint8_t *data, size_t len, size_t step)
{
    const struct resp_limits limits = { INT32_MAX, RESP_BULK_BYTES_MAX, true };
    struct resp_parser parser;
    uint64_t sum = 0;
    size_t begin = 0, have = 0, used = 0;
    enum resp_result got = RESP_MORE;
    resp_parser_init(&parser);
    while (have < len && got == RESP_MORE) {
        have = len - have < step ? len : have + step;
        do {
            got = resp_parse(&parser, &limits, data + begin, have - begin, &used);
            if (got != RESP_COMMAND) break;
            if (used == 0 || used > have - begin) abort();
            sum = sum_args(&parser, sum);
            begin += used;
        } while (begin < have);
        if (got == RESP_COMMAND) got = RESP_MORE;
    }
    resp_parser_release(&parser);
    return sum * 8 + (uint64_t)got;
}

/* Short commands as a batch reads them: each is what the long way makes of the same bytes. */
static void check_short(const uint8_t *data, size_t len)
{
    const struct resp_limits limits = { INT32_MAX, RESP_BULK_BYTES_MAX, true };
    struct kith_str words[16];
    struct resp_head head = { 0 };
    for (size_t at = 0, used = 0; at < len; at += used) {
        struct resp_parser parser;
        resp_parser_init(&parser);
        const size_t took = resp_parse_short(&limits, data + at, len - at, &head, words, 16);
        const enum resp_result got = resp_parse(&parser, &limits, data + at, len - at, &used);
        bool same = !took || (got == RESP_COMMAND && took == used &&
                              head.words == parser.arg_count);
        for (size_t i = 0; took && same && i < head.words; i++)
            same = words[i].data == parser.args[i].data && words[i].len == parser.args[i].len;
        if (!took) head.len = 0;
        resp_parser_release(&parser);
        if (!same) abort();
        if (got != RESP_COMMAND) break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (run(data, len, SIZE_MAX / 2) != run(data, len, 1 + len % 7)) abort();
    check_short(data, len);
    return 0;
}
