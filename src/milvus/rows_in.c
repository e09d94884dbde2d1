/*
 * Heads of a write request, and the frame around the values of a column: see rows_in.h.
 */
#include "milvus/rows_in.h"

#include <string.h>

#include "base/endian.h"

static struct kith_str slice(const struct wire_field *field)
{
    return (struct kith_str){ (const char *)field->data, field->len };
}

/* ---- pieces of the wire format ---- */

/* One packed run is the rule; then *out is in place and *pieces is 1. */
static int run_measure(struct kith_str message, uint32_t number, struct kith_str *out,
                       size_t *pieces)
{
    struct wire wire;
    struct wire_field field;
    int rc;
    *pieces = 0;
    *out = (struct kith_str){ "", 0 };
    wire_init(&wire, message.data, message.len);
    while ((rc = wire_next(&wire, &field)) > 0) {
        if (field.number != number) continue;
        (*pieces)++;
        if (field.type == WIRE_BYTES) *out = slice(&field);
        else *pieces = 2; /* not packed: always gathered */
        if (*pieces > 1) *pieces = 2;
    }
    return rc;
}

static uint8_t *put_element(uint8_t *to, enum wire_type element, uint64_t value)
{
    if (element == WIRE_FIXED32) {
        le32_put(to, (uint32_t)value);
        return to + 4;
    }
    if (element == WIRE_FIXED64) {
        le64_put(to, value);
        return to + 8;
    }
    while (value >= 0x80) {
        *to++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *to++ = (uint8_t)value;
    return to;
}

/* What is gathered is never longer than the message: each unpacked element loses its tag. */
static int run_gather(struct kith_str message, uint32_t number, enum wire_type element,
                      struct arena *arena, struct kith_str *out)
{
    struct wire wire;
    struct wire_field field;
    int rc;
    uint8_t *bytes = arena_alloc(arena, message.len + 1), *to = bytes;
    if (!bytes) return KITH_ENOMEM;
    wire_init(&wire, message.data, message.len);
    while ((rc = wire_next(&wire, &field)) > 0) {
        if (field.number != number) continue;
        if (field.type == WIRE_BYTES) {
            if (field.len) memcpy(to, field.data, field.len);
            to += field.len;
        } else if (field.type == element) {
            to = put_element(to, element, field.value);
        } else {
            return KITH_EINVAL;
        }
    }
    *out = (struct kith_str){ (const char *)bytes, (size_t)(to - bytes) };
    return rc;
}

int rows_run(struct kith_str message, uint32_t number, enum wire_type element, struct arena *arena,
             struct kith_str *out)
{
    size_t pieces;
    const int rc = run_measure(message, number, out, &pieces);
    if (rc || pieces < 2) return rc;
    return run_gather(message, number, element, arena, out);
}

int rows_slices(struct kith_str message, uint32_t number, struct arena *arena,
                struct kith_str **out, size_t *count)
{
    struct wire wire;
    struct wire_field field;
    size_t n = 0;
    int rc;
    wire_init(&wire, message.data, message.len);
    while ((rc = wire_next(&wire, &field)) > 0) n += field.number == number;
    if (rc) return rc;
    *out = arena_alloc_array(arena, n + 1, sizeof **out);
    if (!*out) return KITH_ENOMEM;
    *count = 0;
    wire_init(&wire, message.data, message.len);
    while ((rc = wire_next(&wire, &field)) > 0) {
        if (field.number != number) continue;
        if (field.type != WIRE_BYTES) return KITH_EINVAL;
        (*out)[(*count)++] = slice(&field);
    }
    return rc;
}

int rows_member(struct kith_str message, uint32_t *number, struct kith_str *inner)
{
    struct wire wire;
    struct wire_field field;
    int rc;
    *number = 0;
    *inner = (struct kith_str){ "", 0 };
    wire_init(&wire, message.data, message.len);
    while ((rc = wire_next(&wire, &field)) > 0) {
        if (field.type != WIRE_BYTES || field.number > 16) continue; /* 17: validity of elements */
        *number = field.number;
        *inner = slice(&field);
    }
    return rc;
}

/* ---- heads ---- */

static int head_read(struct kith_str message, struct rows_head *out)
{
    struct wire wire;
    struct wire_field field;
    int rc;
    *out = (struct rows_head){ .message = message, .name = { "", 0 } };
    wire_init(&wire, message.data, message.len);
    while ((rc = wire_next(&wire, &field)) > 0) {
        const bool bytes = field.type == WIRE_BYTES;
        switch (field.number) {
        case 1: out->type = (int)field.value; break;
        case 2: if (bytes) out->name = slice(&field); break;
        case 3: if (bytes) out->scalars = slice(&field); break;
        case 4: if (bytes) out->vectors = slice(&field); break;
        case 5: out->id = (int64_t)field.value; break;
        case 6: out->dynamic = field.value != 0; break;
        case 7: out->has_valid = out->has_valid || !bytes || field.len > 0; break;
        default: break;
        }
    }
    return rc;
}

static const char *text_of(struct arena *arena, struct kith_str text)
{
    return arena_strndup(arena, text.data, text.len);
}

static int op_read(struct kith_str message, struct arena *arena, struct milvus_field_op *out)
{
    struct wire wire;
    struct wire_field field;
    int rc;
    *out = (struct milvus_field_op){ "", MILVUS_OP_REPLACE };
    wire_init(&wire, message.data, message.len);
    while ((rc = wire_next(&wire, &field)) > 0) {
        if (field.number == 1 && field.type == WIRE_BYTES)
            out->field = text_of(arena, slice(&field));
        if (field.number == 2 && field.value <= 2) out->op = (enum milvus_op)field.value;
    }
    return rc ? rc : out->field ? 0 : KITH_ENOMEM;
}

static void top_read(const struct wire_field *field, bool upsert, struct arena *arena,
                     struct rows_request *out)
{
    const bool bytes = field->type == WIRE_BYTES;
    switch (field->number) {
    case 2: if (bytes) out->database = text_of(arena, slice(field)); break;
    case 3: if (bytes) out->collection = text_of(arena, slice(field)); break;
    case 4: if (bytes) out->partition = text_of(arena, slice(field)); break;
    case 7: out->rows = field->value; break;
    case 8: out->schema_timestamp = field->value; break;
    case 9: if (upsert && !bytes) out->partial = field->value != 0; break;
    default: break;
    }
}

static int lists_read(struct kith_str bytes, bool upsert, struct arena *arena,
                      struct rows_request *out)
{
    struct kith_str *columns, *ops = NULL;
    size_t count, op_count = 0;
    int rc = rows_slices(bytes, 5, arena, &columns, &count);
    if (rc == 0 && upsert) rc = rows_slices(bytes, 11, arena, &ops, &op_count);
    if (rc) return rc;
    out->heads = arena_alloc_array(arena, count + 1, sizeof *out->heads);
    out->ops = arena_alloc_array(arena, op_count + 1, sizeof *out->ops);
    if (!out->heads || !out->ops) return KITH_ENOMEM;
    for (; rc == 0 && out->head_count < count; out->head_count++)
        rc = head_read(columns[out->head_count], &out->heads[out->head_count]);
    for (; rc == 0 && out->op_count < op_count; out->op_count++)
        rc = op_read(ops[out->op_count], arena, &out->ops[out->op_count]);
    return rc;
}

int rows_request_read(struct kith_str bytes, bool upsert, struct arena *arena,
                      struct rows_request *out)
{
    struct wire wire;
    struct wire_field field;
    int rc;
    *out = (struct rows_request){ .database = "", .collection = "", .partition = "" };
    wire_init(&wire, bytes.data, bytes.len);
    while ((rc = wire_next(&wire, &field)) > 0) top_read(&field, upsert, arena, out);
    if (rc) return rc;
    if (!out->database || !out->collection || !out->partition) return KITH_ENOMEM;
    return lists_read(bytes, upsert, arena, out);
}

/* ---- columns ---- */

MilvusStatus *rows_in_malformed(const struct rows_in *in)
{
    return milvus_status(in->call, MILVUS_INVALID,
                         "the data of field (%.255s) is malformed: invalid parameter", in->name);
}

MilvusStatus *rows_in_count(const struct rows_in *in, size_t count)
{
    if (count == in->wanted) return NULL;
    if (in->valid)
        return milvus_status(in->call, MILVUS_INVALID,
                             "the length of field is wrong: invalid parameter[expected=%zu]"
                             "[actual=%zu]",
                             in->wanted, count);
    return milvus_status(
        in->call, MILVUS_INVALID,
        "the num_rows (%zu) of field (%.255s) is not equal to passed num_rows (%zu)"
        ": invalid parameter[expected=%zu][actual=%zu]",
        count, in->name, in->rows, in->rows, count);
}

/* valid_data: one bool a row. The engine gets bytes, and compact values. */
static MilvusStatus *valid_read(struct rows_in *in)
{
    struct kith_str run;
    const int rc = rows_run(in->head->message, 7, WIRE_VARINT, in->call->arena, &run);
    if (rc) return rc == KITH_ENOMEM ? milvus_no_memory(in->call) : rows_in_malformed(in);
    if (run.len == 0) return NULL;
    uint8_t *valid = arena_alloc(in->call->arena, in->rows + 1);
    if (!valid) return milvus_no_memory(in->call);
    struct wire wire;
    uint64_t value;
    size_t count = 0;
    wire_init(&wire, run.data, run.len);
    in->wanted = 0;
    while (count < in->rows && wire_varint(&wire, &value)) {
        valid[count++] = value != 0;
        in->wanted += value != 0;
    }
    if (count != in->rows || wire.pos != wire.end)
        return milvus_status(in->call, MILVUS_INVALID,
                             "the length of valid_data of field(%.255s) is wrong: invalid "
                             "parameter[expected=%zu][actual=%zu]",
                             in->name, in->rows,
                             wire_varint_count((const uint8_t *)run.data, run.len));
    in->valid = valid;
    in->out->valid = valid;
    in->out->compact = true;
    return NULL;
}

static const MilvusField *field_of(const struct milvus_collection *collection,
                                   const struct rows_head *head)
{
    const MilvusSchema *schema = collection->record->schema;
    for (size_t i = 0; i < schema->n_fields; i++) {
        const MilvusField *field = schema->fields[i];
        if (head->name.len ? strlen(field->name) == head->name.len &&
                                 memcmp(field->name, head->name.data, head->name.len) == 0
                           : head->id != 0 && field->fieldid == head->id)
            return field;
    }
    return NULL;
}

static bool is_meta(const struct rows_head *head)
{
    return (head->name.len == 5 && memcmp(head->name.data, "$meta", 5) == 0) ||
           (head->dynamic && head->name.len == 0);
}

static MilvusStatus *find_target(struct rows_in *in)
{
    const struct rows_head *head = in->head;
    in->field = is_meta(head) ? NULL : field_of(in->collection, head);
    in->name = in->field ? in->field->name : "$meta";
    if (in->field) return NULL;
    if (!is_meta(head))
        return milvus_status(in->call, MILVUS_PLAIN, "field %.*s not exist",
                             head->name.len > 255 ? 255 : (int)head->name.len, head->name.data);
    if (in->collection->record->schema->enable_dynamic_field) return NULL;
    return milvus_status(in->call, MILVUS_INVALID,
                         "without dynamic schema enabled, the field name cannot be set to $meta: "
                         "invalid parameter");
}

static MilvusStatus *column_in(struct rows_in *in)
{
    MilvusStatus *refused = find_target(in);
    if (refused) return refused;
    in->out->field = in->name;
    in->wanted = in->rows;
    if (in->head->has_valid && (refused = valid_read(in))) return refused;
    const int type = in->field ? (int)in->field->data_type : KITH_JSON;
    return type >= KITH_BINARY_VECTOR ? rows_in_vectors(in, type) : rows_in_scalars(in, type);
}

MilvusStatus *rows_in_columns(struct milvus_call *call, const struct milvus_collection *collection,
                              const struct rows_request *request, struct milvus_rows *out)
{
    out->partition = request->partition;
    out->rows = (size_t)request->rows;
    out->partial = request->partial;
    out->schema_timestamp = request->schema_timestamp;
    out->ops = request->ops;
    out->op_count = request->op_count;
    if (request->rows == 0)
        return milvus_status(call, MILVUS_INVALID,
                             "num_rows should be greater than 0: invalid parameter[expected=valid "
                             "rows][actual=0]");
    if (request->rows > 1000000)
        return milvus_status(call, MILVUS_TOO_LARGE, "parameter too large[num_rows=%llu]",
                             (unsigned long long)request->rows);
    out->columns = arena_zalloc(call->arena, (request->head_count + 1) * sizeof *out->columns);
    if (!out->columns) return milvus_no_memory(call);
    MilvusStatus *refused = NULL;
    for (size_t i = 0; !refused && i < request->head_count; i++) {
        struct rows_in in = { .call = call, .collection = collection, .head = &request->heads[i],
                              .rows = out->rows, .out = &out->columns[i] };
        refused = column_in(&in);
        out->column_count++;
    }
    return refused;
}
