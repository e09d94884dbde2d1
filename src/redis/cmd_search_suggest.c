/*
 * FT.SUGADD, FT.SUGGET, FT.SUGDEL, FT.SUGLEN: completions of what somebody types.
 *
 * A dictionary of suggestions is a hash: text -> "score" or "score payload". So it is saved,
 * logged, expired and deleted like any key. SUGGET looks at all of its texts.
 *
 * The score that is shown is the text's own, times e^-2 when a letter differs (FUZZY), divided by
 * the root of 1 + the letters that are still to be typed; the text itself comes first.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/cmd_hash.h"
#include "redis/cmd_search.h"

#define SUGGEST_BYTES_MAX 512u /* a longer prefix completes nothing */

struct suggestion { /* borrows from the hash, or from `own` */
    struct kith_str text, payload;
    float score;
};

/* What a field of the hash says; somebody may have written anything there. */
static void read_value(struct kith_str value, double *score, struct kith_str *payload)
{
    const char *blank = value.len ? memchr(value.data, ' ', value.len) : NULL;
    const size_t len = blank ? (size_t)(blank - value.data) : value.len;
    *payload = blank ? (struct kith_str){blank + 1, value.len - len - 1}
                     : (struct kith_str){NULL, 0};
    if (!text_double((struct kith_str){value.data, len}, score) || !isfinite(*score)) *score = 0;
}

/* ---- FT.SUGADD, FT.SUGDEL, FT.SUGLEN ---- */

struct adding {
    double score;
    bool add_up;
    struct kith_str payload; /* NULL: none */
};

static bool read_adding(struct redis_call *call, struct adding *adding)
{
    *adding = (struct adding){0};
    if (!text_double(call->argv[3], &adding->score) || !isfinite(adding->score)) {
        call_error(call, "ERR invalid score");
        return false;
    }
    for (size_t at = 4; at < call->argc; at++) {
        if (call_is(call, at, "incr")) adding->add_up = true;
        else if (call_is(call, at, "payload") && at + 1 < call->argc)
            adding->payload = call->argv[++at];
        else {
            call_errorf(call, "Unknown argument `%.*s`", (int)(call->argv[at].len & 63),
                        call->argv[at].data);
            return false;
        }
    }
    return true;
}

static int put(struct redis_call *call, struct hash_edit *edit, struct adding *adding)
{
    struct hash_field old;
    struct buffer value;
    struct kith_str payload;
    double score = 0;
    buffer_init(&value);
    if (adding->add_up && hash_get(edit->hash, call->argv[2], &old)) {
        read_value(old.value, &score, &payload);
        adding->score += score;
    }
    buffer_printf(&value, "%.17g", adding->score);
    if (adding->payload.data) {
        buffer_put_u8(&value, ' ');
        buffer_put(&value, adding->payload.data, adding->payload.len);
    }
    int rc = buffer_failed(&value) ? KITH_ENOMEM : 0;
    if (rc == 0)
        rc = hash_set(edit->hash, cache_settings(call->cache), call->argv[2],
                      (struct kith_str){(const char *)value.data, value.len}, CACHE_NO_DEADLINE,
                      NULL);
    buffer_release(&value);
    return rc;
}

void run_ft_sugadd(struct redis_call *call)
{
    struct adding adding;
    struct hash_edit edit;
    if (!read_adding(call, &adding) || !hash_edit(call, call->argv[1], &edit)) return;
    const int rc = put(call, &edit, &adding);
    if (rc || hash_commit(call, &edit) != 0) {
        if (rc) hash_abandon(&edit);
        call_no_memory(call);
        return;
    }
    call_changed(call, call->argv[1], EVENT_MODULE, "ft.sugadd");
    resp_integer(call->reply, (int64_t)hash_count(edit.hash));
}

void run_ft_sugdel(struct redis_call *call)
{
    struct entry *entry = call_write(call, call->argv[1], VALUE_HASH);
    if (call->failed) return;
    const bool gone = entry && hash_remove(entry_value(entry), call->argv[2]);
    if (gone) {
        call_changed(call, call->argv[1], EVENT_MODULE, "ft.sugdel");
        call_delete_empty(call, entry, hash_count(entry_value(entry)) == 0);
    }
    resp_integer(call->reply, gone);
}

void run_ft_suglen(struct redis_call *call)
{
    const struct entry *entry = call_read(call, call->argv[1], VALUE_HASH);
    if (call->failed) return;
    resp_integer(call->reply, entry ? (int64_t)hash_count(entry_value(entry)) : 0);
}

/* ---- FT.SUGGET ---- */

struct asking {
    bool fuzzy, with_scores, with_payloads;
    int64_t most;
    struct kith_str prefix;
    struct suggestion *list; /* owns */
    size_t count, cap;
    struct arena arena;
};

static bool read_asking(struct redis_call *call, struct asking *asking)
{
    asking->prefix = call->argv[2];
    asking->most = 5;
    for (size_t at = 3; at < call->argc; at++) {
        if (call_is(call, at, "fuzzy")) asking->fuzzy = true;
        else if (call_is(call, at, "withscores")) asking->with_scores = true;
        else if (call_is(call, at, "withpayloads")) asking->with_payloads = true;
        else if (call_is(call, at, "max") && at + 1 < call->argc &&
                 text_integer(call->argv[at + 1], &asking->most) && asking->most > 0)
            at++;
        else {
            call_errorf(call, "Unrecognized argument: %.*s", (int)(call->argv[at].len & 63),
                        call->argv[at].data);
            return false;
        }
    }
    return true;
}

static char fold(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

static size_t letters(struct kith_str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return count;
}

/* Changes that make the prefix the beginning of the text, if none or one does; else 2. */
static unsigned changes(struct kith_str prefix, struct kith_str text, bool fuzzy)
{
    size_t same = 0;
    while (same < prefix.len && same < text.len && fold(prefix.data[same]) == fold(text.data[same]))
        same++;
    if (same == prefix.len) return 0;
    if (!fuzzy) return 2;
    /* one letter of the prefix changed, left out, or one put in */
    static const size_t skips[3][2] = {{1, 1}, {1, 0}, {0, 1}};
    for (size_t way = 0; way < 3; way++) {
        size_t i = same + skips[way][0], j = same + skips[way][1];
        while (i < prefix.len && j < text.len && fold(prefix.data[i]) == fold(text.data[j]))
            i++, j++;
        if (i == prefix.len && j <= text.len) return 1;
    }
    return 2;
}

static float shown_score(const struct asking *asking, struct kith_str text, double own,
                         unsigned changed)
{
    const size_t have = letters(asking->prefix), want = letters(text);
    const double apart = want > have ? (double)(want - have) : (double)(have - want);
    float score = (float)own;
    if (text.len == asking->prefix.len && !changed) score = (float)INT32_MAX;
    if (asking->fuzzy) score *= (float)exp(-2.0 * changed);
    return (float)((double)score / sqrt(1 + apart));
}

/* The name and the value of a packed hash lie in the iterator: they are copied. */
static int add(struct asking *asking, const struct hash_field *field, unsigned changed)
{
    struct kith_str payload;
    double own;
    if (asking->count == asking->cap) {
        const size_t cap = asking->cap ? asking->cap * 2 : 16;
        struct suggestion *list = mem_realloc(asking->list, cap * sizeof *list);
        if (!list) return KITH_ENOMEM;
        asking->list = list;
        asking->cap = cap;
    }
    read_value(field->value, &own, &payload);
    const char *text = arena_strndup(&asking->arena, field->name.data, field->name.len);
    const char *more = payload.data ? arena_strndup(&asking->arena, payload.data, payload.len)
                                    : NULL;
    if (!text || (payload.data && !more)) return KITH_ENOMEM;
    asking->list[asking->count++] =
        (struct suggestion){{text, field->name.len}, {more, payload.len},
                            shown_score(asking, field->name, own, changed)};
    return 0;
}

static int compare(const void *left, const void *right)
{
    const struct suggestion *a = left, *b = right;
    if (a->score > b->score) return -1;
    if (a->score < b->score) return 1;
    const size_t len = a->text.len < b->text.len ? a->text.len : b->text.len;
    const int order = len ? memcmp(a->text.data, b->text.data, len) : 0;
    return order ? order : (a->text.len > b->text.len) - (a->text.len < b->text.len);
}

static void answer(struct redis_call *call, const struct asking *asking)
{
    struct resp *reply = call->reply;
    const size_t count = asking->count < (size_t)asking->most ? asking->count
                                                              : (size_t)asking->most;
    resp_array(reply, count * (1u + asking->with_scores + asking->with_payloads));
    for (size_t i = 0; i < count; i++) {
        const struct suggestion *at = &asking->list[i];
        resp_str(reply, at->text);
        if (asking->with_scores && reply->version >= 3) resp_double(reply, (double)at->score);
        else if (asking->with_scores) resp_printf(reply, "%.17g", (double)at->score);
        if (asking->with_payloads && at->payload.data) resp_str(reply, at->payload);
        else if (asking->with_payloads) resp_null(reply);
    }
}

void run_ft_sugget(struct redis_call *call)
{
    const struct entry *entry = call_read(call, call->argv[1], VALUE_HASH);
    struct asking asking = {0};
    struct hash_iter it = {0};
    struct hash_field field;
    int rc = 0;
    if (call->failed || !read_asking(call, &asking)) return;
    if (!entry) {
        resp_null(call->reply);
        return;
    }
    arena_init(&asking.arena);
    while (rc == 0 && asking.prefix.len <= SUGGEST_BYTES_MAX &&
           hash_next(entry_value(entry), &it, &field)) {
        const unsigned changed = changes(asking.prefix, field.name, asking.fuzzy);
        if (changed < 2) rc = add(&asking, &field, changed);
    }
    if (rc == 0 && asking.count) qsort(asking.list, asking.count, sizeof *asking.list, compare);
    if (rc == 0) answer(call, &asking);
    else call_no_memory(call);
    mem_free(asking.list);
    arena_release(&asking.arena);
}
