/*
 * Instants in filters: a text behind ISO without an offset is of the zone of the request, else of
 * the collection, of its database, or UTC. The engine reads UTC; so what has no offset is given to
 * it as the instant that is meant. Everything else of the filter stays as it came, also what is no
 * instant: the engine says so.
 */
#include <ctype.h>
#include <string.h>

#include "milvus/milvus_data.h"
#include "model/time_zone.h"
#include "model/timestamptz.h"

struct scan {
    const char *pos; /* NUL-terminated */
    const struct time_zone *zone;
    struct buffer *out;
};

static void copy(struct scan *scan, size_t len)
{
    buffer_put(scan->out, scan->pos, len);
    scan->pos += len;
}

/* Of the literal at `text`, with its quotes; up to the end where it has none. */
static size_t literal_len(const char *text)
{
    size_t len = 1;
    while (text[len] && text[len] != text[0]) len += text[len] == '\\' && text[len + 1] ? 2 : 1;
    return len + (text[len] != 0);
}

static void put_instant(struct scan *scan)
{
    char text[TIMESTAMPTZ_TEXT_BYTES];
    int64_t micros;
    const size_t len = literal_len(scan->pos);
    const struct kith_str inner = { scan->pos + 1, len > 2 ? len - 2 : 0 };
    if (!time_zone_parse(scan->zone, inner, &micros)) {
        copy(scan, len);
        return;
    }
    buffer_put_u8(scan->out, '"');
    buffer_put(scan->out, text, timestamptz_format(micros, 0, text));
    buffer_put_u8(scan->out, '"');
    scan->pos += len;
}

static size_t word_len(const char *text)
{
    size_t len = 0;
    while (isalnum((unsigned char)text[len]) || text[len] == '_' || text[len] == '$') len++;
    return len;
}

static void put_word(struct scan *scan, size_t len)
{
    const bool iso = len == 3 && (memcmp(scan->pos, "iso", 3) == 0 ||
                                  memcmp(scan->pos, "ISO", 3) == 0);
    copy(scan, len);
    if (!iso) return;
    copy(scan, strspn(scan->pos, " \t\r\n"));
    if (*scan->pos == '"' || *scan->pos == '\'') put_instant(scan);
}

static void put_all(struct scan *scan)
{
    while (*scan->pos) {
        const size_t word = word_len(scan->pos);
        if (word) put_word(scan, word);
        else copy(scan, *scan->pos == '"' || *scan->pos == '\'' ? literal_len(scan->pos) : 1);
    }
}

MilvusStatus *milvus_expr_zoned(struct milvus_call *call,
                                const struct milvus_collection *collection, const char *requested,
                                const char *expr, const char **out)
{
    struct buffer text;
    struct scan scan = { .pos = expr, .out = &text };
    *out = expr;
    if (!expr || (!strstr(expr, "iso") && !strstr(expr, "ISO"))) return NULL;
    MilvusStatus *refused = milvus_zone(call, collection, requested, &scan.zone);
    if (refused) return refused;
    buffer_init(&text);
    put_all(&scan);
    *out = buffer_failed(&text)
               ? NULL
               : arena_strndup(call->arena, (const char *)text.data, text.len);
    buffer_release(&text);
    return *out ? NULL : milvus_no_memory(call);
}
