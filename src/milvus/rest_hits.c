/*
 * What a search found, as JSON: SearchResults' bytes are walked in place, ids, scores and columns
 * side by side. Each hit has its key under the key field's name, its distance, the output
 * fields, and what a highlighter marked.
 */
#include <math.h>
#include <string.h>

#include "milvus/rest.h"
#include "proto/wire.h"

struct found { /* parts of SearchResultData, borrowed */
    struct rest_rows *rows;
    struct wire scores, ids, topks;
    bool text_ids;
    const char *primary;
    struct rest_marks marks;
};

static int enter_packed(const struct wire_field *from, struct wire *out)
{
    struct wire inner;
    struct wire_field field;
    wire_enter(&inner, from);
    const int more = wire_next(&inner, &field);
    if (more != 1) return more;
    if (field.number != 1 || field.type != WIRE_BYTES) return KITH_EINVAL;
    wire_enter(out, &field);
    return 0;
}

static int take_ids(struct found *found, const struct wire_field *field)
{
    struct wire inner;
    struct wire_field ids;
    wire_enter(&inner, field);
    if (wire_next(&inner, &ids) != 1) return 0;
    found->text_ids = ids.number == 2;
    if (ids.number == 1) return enter_packed(&ids, &found->ids);
    wire_enter(&found->ids, &ids);
    return 0;
}

static int take_part(struct rest *rest, struct found *found, const struct wire_field *field)
{
    if (field->type != WIRE_BYTES) return 0;
    switch (field->number) {
    case 3: return rest_rows_add(found->rows, field->data, field->len);
    case 4: wire_enter(&found->scores, field); return 0;
    case 5: return take_ids(found, field);
    case 6: wire_enter(&found->topks, field); return 0;
    case 13:
        found->primary = arena_strndup(rest->call.arena, (const char *)field->data, field->len);
        return found->primary ? 0 : KITH_ENOMEM;
    case 14: return rest_marks_add(&found->marks, field);
    default: return 0;
    }
}

static int read_results(struct rest *rest, const struct buffer *reply, struct found *found)
{
    struct wire wire, inner;
    struct wire_field field;
    int more, rc = 0;
    if (reply->len == 0) return 0;
    wire_init(&wire, reply->data, reply->len);
    while ((more = wire_next(&wire, &field)) == 1 && rc == 0) {
        if (field.number != 2 || field.type != WIRE_BYTES) continue;
        wire_enter(&inner, &field);
        while (rc == 0 && (more = wire_next(&inner, &field)) == 1)
            rc = take_part(rest, found, &field);
        if (more < 0) return more;
    }
    return rc ? rc : more < 0 ? more : 0;
}

static int put_id(const struct rest *rest, struct found *found, struct buffer *out)
{
    struct wire_field field;
    uint64_t id;
    if (!found->text_ids) {
        if (!wire_varint(&found->ids, &id)) return KITH_EINVAL;
        rest_add_id(rest, found->primary, (int64_t)id);
        return 0;
    }
    if (wire_next(&found->ids, &field) != 1 || field.type != WIRE_BYTES) return KITH_EINVAL;
    rest_key(out, found->primary);
    json_write_string(out, (const char *)field.data, field.len);
    return 0;
}

static int put_hit(const struct rest *rest, struct found *found, struct buffer *out)
{
    float score;
    rest_comma(out);
    buffer_put_u8(out, '{');
    int rc = put_id(rest, found, out);
    if (rc || found->scores.end - found->scores.pos < 4) return KITH_EINVAL;
    memcpy(&score, found->scores.pos, sizeof score);
    found->scores.pos += 4;
    rest_key(out, "distance");
    json_write_float(out, isfinite(score) ? score : 0);
    rc = rest_rows_put(found->rows, found->primary, out);
    if (rc == 0) rc = rest_marks_put(&found->marks, out);
    buffer_put_u8(out, '}');
    return rc;
}

static void put_results(struct rest *rest, struct found *found)
{
    struct buffer *out = rest->out;
    const size_t count = (size_t)(found->scores.end - found->scores.pos) / 4;
    uint64_t topk;
    rest_raw(out, ",\"cost\":0,\"data\":[");
    for (size_t i = 0; i < count; i++) {
        if (put_hit(rest, found, out) == 0) continue;
        rest_fail(rest, 1805, "fail to parse search result");
        return;
    }
    rest_raw(out, "],\"topks\":[");
    while (wire_varint(&found->topks, &topk)) {
        rest_comma(out);
        rest_int64(out, (int64_t)topk);
    }
    rest_raw(out, "]");
}

void rest_search_render(struct rest *rest, const struct buffer *reply)
{
    static const uint8_t nothing[1];
    struct found found = { .primary = "id" };
    wire_init(&found.scores, nothing, 0);
    found.ids = found.topks = found.scores;
    if (rest_rows_new(rest, &found.rows)) rest_no_memory(rest);
    else if (read_results(rest, reply, &found))
        rest_fail(rest, 1805, "fail to parse search result");
    else put_results(rest, &found);
}
