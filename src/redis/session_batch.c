/*
 * The commands of one read, parsed before the keyspace lock is taken: the lock is held for their
 * execution alone. Words borrow the bytes they were parsed from. Nothing is allocated for as many
 * commands as most clients send at once.
 */
#include <string.h>

#include "base/alloc.h"
#include "redis/redis_internal.h"

#define BATCH_COMMANDS_MAX 512u /* then others get the lock */
#define BATCH_WORDS_MAX 16384u
#define SHORT_WORDS_MAX 16u /* of a command that is parsed in one look */
#define UNKNOWN_BULK_MAX 16384u /* before authentication */
#define UNKNOWN_ARGS_MAX 10u

void batch_init(struct batch *batch)
{
    batch->words = batch->first_words;
    batch->word_cap = BATCH_WORDS_FIRST;
    batch->items = batch->first_items;
    batch->cap = BATCH_ITEMS_FIRST;
    batch->word_count = batch->count = batch->done = batch->done_words = 0;
    batch->head = (struct resp_head){0};
}

void batch_release(struct batch *batch)
{
    if (batch->words != batch->first_words) mem_free(batch->words);
    if (batch->items != batch->first_items) mem_free(batch->items);
}

/* A larger array with what stood in `array`; NULL: no memory. */
static void *grown(void *array, bool is_first, size_t item, size_t need, size_t *cap)
{
    size_t fresh = *cap, bytes;
    while (fresh < need) fresh *= 2;
    if (!size_mul(fresh, item, &bytes)) return NULL;
    void *moved = is_first ? mem_alloc(bytes) : mem_realloc(array, bytes);
    if (!moved) return NULL;
    if (is_first) memcpy(moved, array, *cap * item);
    *cap = fresh;
    return moved;
}

static bool has_words(struct batch *batch, size_t more)
{
    const size_t need = batch->word_count + more;
    if (need <= batch->word_cap) return true;
    void *words = grown(batch->words, batch->words == batch->first_words, sizeof *batch->words,
                        need, &batch->word_cap);
    if (words) batch->words = words;
    return words;
}

static bool has_item(struct batch *batch)
{
    if (batch->count < batch->cap) return true;
    void *items = grown(batch->items, batch->items == batch->first_items, sizeof *batch->items,
                        batch->count + 1, &batch->cap);
    if (items) batch->items = items;
    return items;
}

static bool add(struct batch *batch, const struct kith_str *args, size_t count, size_t end)
{
    if (!has_words(batch, count) || !has_item(batch)) return false;
    memcpy(&batch->words[batch->word_count], args, count * sizeof *args);
    batch->word_count += count;
    batch->items[batch->count++] = (struct batch_item){.words = (uint32_t)count, .end = end};
    batch->head.len = 0;
    return true;
}

/* The words go straight to where they stay. Returns the command's bytes; 0: it is not short. */
static size_t add_short(const struct session *session, struct batch *batch,
                        const struct resp_limits *limits, const uint8_t *data, size_t len,
                        size_t before)
{
    struct resp_head *head = &batch->head;
    if (session->parser.args_due || session->parser.looked) return 0;
    if (!has_words(batch, SHORT_WORDS_MAX) || !has_item(batch)) return 0;
    const size_t took = resp_parse_short(limits, data, len, head, &batch->words[batch->word_count],
                                         SHORT_WORDS_MAX);
    if (took == 0) return 0;
    batch->word_count += head->words;
    batch->items[batch->count++] = (struct batch_item){head->words, head->alike, before + took, 0};
    return took;
}

enum batch_end batch_parse(struct session *session, struct batch *batch, const uint8_t *data,
                           size_t len, bool authenticated, size_t *used)
{
    const size_t bulk_max = (size_t)session->redis->settings.bulk_bytes_max;
    const struct resp_limits limits = {
        .args_max = authenticated ? INT32_MAX : UNKNOWN_ARGS_MAX,
        .bulk_bytes_max = authenticated ? bulk_max : UNKNOWN_BULK_MAX,
        .authenticated = authenticated,
    };
    batch->word_count = batch->count = batch->done = batch->done_words = 0;
    *used = 0;
    while (batch->count < BATCH_COMMANDS_MAX && batch->word_count < BATCH_WORDS_MAX) {
        size_t took = 0;
        if (*used == len) return BATCH_MORE;
        if (authenticated) {
            took = add_short(session, batch, &limits, data + *used, len - *used, *used);
            *used += took;
            if (took) continue;
        }
        const bool inlined = data[*used] != '*';
        const enum resp_result result =
            resp_parse(&session->parser, &limits, data + *used, len - *used, &took);
        if (result == RESP_MORE) return BATCH_MORE;
        if (result == RESP_ERROR) return BATCH_ERROR;
        if (result == RESP_HTTP) return BATCH_HTTP;
        if (result == RESP_ENOMEM) return BATCH_NO_MEMORY;
        *used += took;
        if (session->parser.arg_count == 0) continue;
        if (!add(batch, session->parser.args, session->parser.arg_count, *used))
            return BATCH_NO_MEMORY;
        if (inlined || !authenticated) return BATCH_ALONE;
    }
    return BATCH_FULL;
}

size_t batch_rewind(struct session *session, const struct batch *batch)
{
    session->parser.args_due = session->parser.pos = session->parser.looked = 0;
    return batch->done ? batch->items[batch->done - 1].end : 0;
}

void session_trim_parser(struct session *session)
{
    const struct resp_parser *parser = &session->parser;
    if (!parser->args_due && !parser->looked) resp_parser_release(&session->parser);
}

/* ---- commands that are kept ---- */

struct words *words_copy(const struct kith_str *argv, size_t argc)
{
    size_t bytes, text = 0;
    for (size_t i = 0; i < argc; i++)
        if (!size_add(text, argv[i].len, &text)) return NULL;
    if (!size_mul(argc, sizeof *argv, &bytes) || !size_add(bytes, sizeof(struct words), &bytes) ||
        !size_add(bytes, text, &text))
        return NULL;
    struct words *words = mem_alloc(text);
    if (!words) return NULL;
    words->argc = argc;
    words->argv = (struct kith_str *)(void *)(words + 1);
    char *at = (char *)words + bytes;
    for (size_t i = 0; i < argc; i++) {
        if (argv[i].len) memcpy(at, argv[i].data, argv[i].len);
        words->argv[i] = (struct kith_str){at, argv[i].len};
        at += argv[i].len;
    }
    return words;
}

void words_free(const struct words *words)
{
    void *block;
    memcpy(&block, &words, sizeof block);
    mem_free(block);
}

size_t words_bytes(const struct words *words)
{
    size_t bytes = sizeof *words + words->argc * sizeof *words->argv;
    for (size_t i = 0; i < words->argc; i++) bytes += words->argv[i].len;
    return bytes;
}
