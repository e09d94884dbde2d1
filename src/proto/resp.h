/*
 * RESP, both ways, without I/O: bytes of a client become commands, replies become bytes in RESP2 or
 * RESP3. The rules are those of the Redis protocol specification (redis.io, "Redis serialization
 * protocol specification"); the error texts are Redis' own, because clients read them.
 *
 * Reading: resp_parse() looks at bytes that somebody else keeps and says what stands first: a whole
 * command, not enough, or nonsense. The arguments borrow the caller's bytes; only words of an
 * inline
 * command that had quotes or escapes are copied, into the parser. Nothing is allocated by what a
 * header announces, only by what has come: a half command remembers how far it was read, so that
 * feeding a byte at a time costs O(n) in all.
 *
 * Writing: functions that append to a buffer. A reply is the same calls for both protocols; where
 * the shapes differ (null, map, set, double, boolean, push), the writer knows.
 */
#ifndef KITH_PROTO_RESP_H
#define KITH_PROTO_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kith/types.h>

#include "base/buffer.h"

#define RESP_INLINE_BYTES_MAX 65536u
#define RESP_BULK_BYTES_MAX (512u << 20) /* proto-max-bulk-len, unless set */
#define RESP_ERROR_BYTES_MAX 128u
#define RESP_OUTPUT_BYTES_MAX (UINT64_C(1) << 30) /* no text is put behind so much: out fails */

struct resp_limits {
    size_t args_max;       /* 2^31 - 1; before authentication 10 */
    size_t bulk_bytes_max; /* of one argument; before authentication 16,384 */
    bool authenticated;    /* chooses the error text */
};

enum resp_result {
    RESP_MORE,    /* not a whole command yet */
    RESP_COMMAND, /* args, arg_count; arg_count 0: an empty line or array: no reply is due */
    RESP_ERROR,   /* error holds the text without '-': answer it and close */
    RESP_HTTP,    /* the first word is POST or Host: : close without an answer */
    RESP_ENOMEM
};

struct resp_parser {
    size_t args_due;       /* of the array under way; 0: none */
    size_t looked;         /* up to where no end of the line was found */
    struct kith_str *args; /* owns the array; the bytes are the caller's, or `words` */
    size_t arg_count, arg_cap;
    size_t *offsets;       /* owns: where each stands, because the bytes may move meanwhile */
    size_t pos;            /* how far the half command was read */
    struct buffer words;   /* of an inline command, unquoted */
    char error[RESP_ERROR_BYTES_MAX];
};

void resp_parser_init(struct resp_parser *parser);
void resp_parser_release(struct resp_parser *parser); /* accepts a zeroed struct */
/* data: everything not consumed yet, from the first byte of a command. After RESP_MORE the same
 * bytes come again, perhaps elsewhere in memory, with more behind them. *used is set with
 * RESP_COMMAND only. The arguments are good until the next call or until the bytes move. */
enum resp_result resp_parse(struct resp_parser *parser, const struct resp_limits *limits,
                            const uint8_t *data, size_t len, size_t *used);
/* A short command's first bytes, up to where its second word is announced:
 * "*2\r\n$3\r\nGET\r\n$". Those that follow each other mostly begin alike, and are known by three
 * comparisons. Zeroed at first. */
struct resp_head {
    uint64_t first, middle, last; /* its bytes, overlapping where it has less than 24 */
    uint8_t len;                  /* 8 to 24; 0: nothing was read yet, or it was longer */
    uint8_t name_at, name_len;
    bool alike;     /* the last command that was read has the name and count of the one before */
    uint32_t words; /* of the last command that was read */
};
/* A whole command of at most `max` arguments, each shorter than 1,000 bytes, as nearly all are:
 * read in one look, the arguments (head->words of them) written to out. Limits and max must be the
 * same for all that share a head. Returns the bytes it takes; 0: it is something else, or not
 * whole, or not allowed: ask resp_parse, which knows what to say. Only between commands. */
size_t resp_parse_short(const struct resp_limits *limits, const uint8_t *data, size_t len,
                        struct resp_head *head, struct kith_str *out, size_t max);
/* The second word of a short command, nearly always its key, if data begins with one; no promise
 * that the rest of the command is there or good. */
bool resp_peek_key(const uint8_t *data, size_t len, struct kith_str *key);
/* Splits a line as an inline command is split (redis.conf uses the same words): RESP_COMMAND, with
 * args in the parser's own memory; RESP_ERROR for unbalanced quotes; RESP_ENOMEM. */
enum resp_result resp_split(struct resp_parser *parser, const char *line, size_t len);

/* ---- replies ---- */

struct resp {
    struct buffer *out; /* borrows; its sticky failure stands for a reply that did not fit */
    unsigned version;   /* 2 or 3 */
};

void resp_ok(struct resp *resp); /* +OK */
void resp_status(struct resp *resp, const char *text);
/* text with its code: "ERR syntax error". CR and LF become blanks. */
void resp_error(struct resp *resp, const char *text);
void resp_errorf(struct resp *resp, const char *fmt, ...) KITH_PRINTF(2, 3);
void resp_integer(struct resp *resp, int64_t value);
void resp_bulk(struct resp *resp, const void *data, size_t len);
void resp_str(struct resp *resp, struct kith_str text);
void resp_cstr(struct resp *resp, const char *text);
void resp_printf(struct resp *resp, const char *fmt, ...) KITH_PRINTF(2, 3); /* a bulk string */
void resp_bulk_integer(struct resp *resp, int64_t value);
void resp_null(struct resp *resp);       /* $-1 or _ */
void resp_null_array(struct resp *resp); /* *-1 or _ */
void resp_bool(struct resp *resp, bool value); /* :1 or #t */
void resp_double(struct resp *resp, double value); /* bulk or , ; text as resp_double_text */
void resp_verbatim(struct resp *resp, const void *data, size_t len); /* bulk or = with txt: */
void resp_array(struct resp *resp, size_t count);
void resp_map(struct resp *resp, size_t pairs);  /* *2n or % */
void resp_set(struct resp *resp, size_t count);  /* * or ~ */
void resp_push(struct resp *resp, size_t count); /* * or > */
/* A header whose count is known later: returns its place; resp_close_* writes the count there and
 * moves what stands behind it by the few bytes that the header is shorter. `kind` is '*', '%'
 * (count
 * pairs) or '~', as RESP3 has them. */
size_t resp_open(struct resp *resp);
void resp_close(struct resp *resp, size_t place, char kind, size_t count);

#define RESP_DOUBLE_TEXT_MAX 40u
/* The text of a double as Redis 7.2 and later print it; no NUL. Returns the length. */
size_t resp_double_text(double value, char out[RESP_DOUBLE_TEXT_MAX]);

#endif
