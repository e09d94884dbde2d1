/*
 * The highlighter of a search over REST: {"type": "Lexical", "params": {"pre_tags": ["<b>"], ...}}
 * into the request's bytes, and of each hit {"highlight": {"field": ["fragment", ...]}}.
 *
 * What the parameters may be is decided where both transports meet (highlight_params.c).
 */
#include <string.h>
#include <strings.h>

#include "milvus/rest.h"

typedef Milvus__Proto__Common__Highlighter Highlighter;

static bool read_type(struct rest *rest, const struct json_value *value, Highlighter *out)
{
    static const struct json_step step = { "type", 4, 0 };
    struct json_value type;
    if (json_find(value->text, value->len, &step, 1, &type)) return true; /* the lexical one */
    const char *text = rest_value_any(rest, &type);
    if (!text) return false;
    if (strcasecmp(text, "Semantic") == 0)
        out->type = MILVUS__PROTO__COMMON__HIGHLIGHT_TYPE__Semantic;
    else if (strcasecmp(text, "Lexical") != 0)
        rest_fail(rest, MILVUS_INVALID, "unknown type of highlighter: %.100s: invalid parameter",
                  text);
    return !rest->failed;
}

bool rest_highlighter(struct rest *rest, const struct json_value *value, uint32_t number,
                      struct buffer *out)
{
    static const struct json_step step = { "params", 6, 0 };
    Highlighter how = MILVUS__PROTO__COMMON__HIGHLIGHTER__INIT;
    struct json_value params;
    if (!value->text) return true;
    if (value->kind != JSON_OBJECT) {
        rest_fail(rest, 1801, "can only accept json format request, error: highlighter");
        return false;
    }
    if (!read_type(rest, value, &how)) return false;
    if (json_find(value->text, value->len, &step, 1, &params) == 0)
        how.params = rest_value_pairs(rest, &params, &how.n_params);
    if (rest->failed) return false;
    const size_t len = milvus__proto__common__highlighter__get_packed_size(&how);
    wire_put_head(out, number, len);
    uint8_t *room = buffer_extend(out, len);
    if (room && len) (void)milvus__proto__common__highlighter__pack(&how, room);
    return true;
}

/* ---- out ---- */

int rest_marks_add(struct rest_marks *marks, const struct wire_field *result)
{
    struct wire_field field;
    struct rest_mark *mark = &marks->at[marks->count];
    if (marks->count == REST_MARKS_MAX) return KITH_ELIMIT;
    *mark = (struct rest_mark){ .name = { "", 0 } };
    wire_enter(&mark->rows, result);
    struct wire look = mark->rows;
    int more;
    while ((more = wire_next(&look, &field)) == 1)
        if (field.number == 1 && field.type == WIRE_BYTES)
            mark->name = (struct kith_str){ (const char *)field.data, field.len };
    marks->count++;
    return more;
}

/* The fragments of the next hit. */
static int put_fragments(struct rest_mark *mark, struct buffer *out)
{
    struct wire fragments;
    struct wire_field field;
    int more;
    do more = wire_next(&mark->rows, &field);
    while (more == 1 && (field.number != 2 || field.type != WIRE_BYTES));
    if (more != 1) return KITH_EINVAL;
    wire_enter(&fragments, &field);
    buffer_put_u8(out, '[');
    while ((more = wire_next(&fragments, &field)) == 1) {
        if (field.number != 1 || field.type != WIRE_BYTES) continue;
        rest_comma(out);
        json_write_string(out, (const char *)field.data, field.len);
    }
    buffer_put_u8(out, ']');
    return more;
}

int rest_marks_put(struct rest_marks *marks, struct buffer *out)
{
    int rc = 0;
    if (marks->count == 0) return 0;
    rest_key(out, "highlight");
    buffer_put_u8(out, '{');
    for (size_t i = 0; rc == 0 && i < marks->count; i++) {
        rest_comma(out);
        json_write_string(out, marks->at[i].name.data, marks->at[i].name.len);
        buffer_put_u8(out, ':');
        rc = put_fragments(&marks->at[i], out);
    }
    buffer_put_u8(out, '}');
    return rc;
}
