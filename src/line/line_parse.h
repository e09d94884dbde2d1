/*
 * Lines of the line protocol into words, and words into requests. Bytes in, views out: no I/O, no
 * clock, no keyspace.
 *
 *     line    = WS* token *( 1*(SP / HTAB) token ) WS*
 *     token   = 1*( bare / quoted )              adjacent pieces join: a"b c"d is one token
 *     bare    = any byte but SP HTAB " '
 *     quoted  = "..." or '...', with \n \t \r \\ \" \' inside either
 *
 * A bare token is a view into the line; only a token with quotes is written anew, into an arena. An
 * empty quoted piece adds nothing, so "" alone is no token. An open quote runs to the line's end.
 */
#ifndef KITH_LINE_LINE_PARSE_H
#define KITH_LINE_LINE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kith/types.h>

#include "base/arena.h"

#define LINE_BYTES_MAX 1048575u /* before the LF */
#define LINE_TTL_SECONDS_MAX INT64_C(9223372036)
#define LINE_FEW_WORDS 256u

/* The words of some lines, one line's behind the other's. */
struct line_words {
    struct kith_str *at; /* owns, unless it is `few` */
    size_t count, cap;
    struct arena text; /* of tokens that had quotes, and of joined values */
    struct kith_str few[LINE_FEW_WORDS];
};
static inline void line_words_init(struct line_words *words)
{
    words->at = words->few;
    words->count = 0;
    words->cap = LINE_FEW_WORDS;
    words->text = (struct arena){ NULL, 0 };
}
void line_words_free(struct line_words *words); /* what it has beyond `few` */
static inline void line_words_release(struct line_words *words)
{
    if (words->at != words->few || words->text.head) line_words_free(words);
}

/* Appends the tokens of a line (without its end). KITH_ENOMEM. */
KITH_NODISCARD int line_split(struct line_words *words, const void *line, size_t len);
/* Words first to first + count as one text with single blanks; a view where the line has it so.
 * data NULL: no memory. */
struct kith_str line_join(struct line_words *words, size_t first, size_t count);

enum line_ttl { LINE_TTL_GOOD, LINE_TTL_FORMAT, LINE_TTL_NUMBER };
/* Seconds; 0: no expiry. LINE_TTL_NUMBER: *digits are what does not fit. */
enum line_ttl line_ttl_parse(struct kith_str text, int64_t *seconds, struct kith_str *digits);

enum line_verb {
    LINE_GET, LINE_SET, LINE_SETS, LINE_SETX, LINE_DEL, LINE_KEYS, LINE_FLUSHALL,
    LINE_TTL, LINE_EXPIRE, LINE_PERSIST, LINE_EXISTS, LINE_INCR, LINE_MGET,
    LINE_UNLOCK, /* the last that runs on the keyspace */
    LINE_PING, LINE_STATS,
    LINE_AUTH,
    LINE_HTTP,   /* POST or Host: a browser was sent here */
    LINE_UNKNOWN
};

#define LINE_KEYSPACE_VERBS (LINE_UNLOCK + 1)

enum line_may { LINE_MAY_RUN = 1, /* authenticated */ LINE_MAY_EXTEND = 2 /* TTL to STATS, too */ };

enum line_fault { /* in the order of the checks */
    LINE_FINE,
    LINE_NO_TOKEN,
    LINE_NOT_AUTHENTICATED,
    LINE_BAD_TTL,
    LINE_BAD_TTL_NUMBER,
    LINE_UNKNOWN_COMMAND,
    LINE_TOO_FEW,
    LINE_ODD
};

struct line_request {
    enum line_verb verb;
    bool only_new; /* the NX forms */
    enum line_fault fault;
    size_t first, count;  /* of its words; the TTL pair is gone */
    size_t times;         /* that many ask for the same, the words of each behind the last's */
    int64_t ttl_s;        /* 0: none; also what EXPIRE says */
    struct kith_str detail; /* of a bad TTL */
};
/* What a line asks for; `may` are bits of line_may. KITH_ENOMEM. */
KITH_NODISCARD int line_read(struct line_words *words, const void *line, size_t len, unsigned may,
                             struct line_request *out);
/* line_plain.c: both steps (line_find, line_read) in one look, of a peer that may run commands, for
 * the lines in front of data that are written as nearly all are and begin with the same name: at
 * most so many, as one request without a fault. Returns the bytes they take, their LFs too; 0: the
 * first is something else, and nothing was done. */
#define LINE_PLAIN_BYTES 4096u
size_t line_read_row(struct line_words *words, const uint8_t *data, size_t len, size_t most,
                     struct line_request *out);
/* The second word of data if it begins with a name of three letters, as nearly all lines do. */
bool line_peek_key(const uint8_t *data, size_t len, struct kith_str *key);
/* "ERROR ...\n" of a fault; false: there is none. */
struct buffer;
bool line_fault_text(const struct line_request *request, struct buffer *out);

enum line_found { LINE_WHOLE, LINE_PARTIAL, LINE_TOO_LONG };
/* The first line of data: *line_len without LF and the CR before it, *used with them. */
enum line_found line_find(const uint8_t *data, size_t len, size_t *line_len, size_t *used);

#endif
