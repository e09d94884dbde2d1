/*
 * JSON lines: one object a line, blank lines skipped.
 *
 * The columns are the keys of the first IMPORT_SAMPLE_ROWS objects, in the order they appear; a
 * row without a key has a null there. A key that appears only later is an error, because dropping
 * data silently is worse, unless options.skip_unknown is set.
 */
#include <string.h>

#include "base/alloc.h"
#include "import/import_internal.h"

struct jsonl {
    struct import_lines lines;
    uint8_t *seen;     /* owns; one a column: the row has that key */
    struct buffer key; /* owns: a key with escapes, decoded */
};

/* What inference knows; released when the file is open. */
struct inference {
    struct import_guess guesses[IMPORT_COLUMNS_MAX];
};

static bool is_blank(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r') return false;
    }
    return true;
}

static unsigned long long line_of(const struct import_reader *reader)
{
    return reader->position.line;
}

/* The next line that holds an object. */
static int next_object(struct import_reader *reader, struct json_value *object, bool *found,
                       struct kith_error *err)
{
    struct jsonl *jsonl = reader->state;
    const char *text = NULL;
    size_t len = 0, used;
    do {
        int rc = import_lines_next(reader, &jsonl->lines, &text, &len, found, err);
        if (rc || !*found) return rc;
    } while (is_blank(text, len));
    int rc = json_validate(text, len, err);
    if (!rc) rc = json_read(text, len, object, &used, err);
    if (rc) return error_wrap(err, rc, "%s: line %llu", reader->path, line_of(reader));
    if (object->kind == JSON_OBJECT) return 0;
    return error_set_at(err, KITH_EINVAL, reader->position.row,
                        "%s: line %llu is no JSON object; write one {...} a line", reader->path,
                        line_of(reader));
}

static int decode_key(struct import_reader *reader, const struct json_value *key,
                      const char **text, size_t *len, struct kith_error *err)
{
    struct jsonl *jsonl = reader->state;
    buffer_clear(&jsonl->key);
    int rc = json_unescape(key, &jsonl->key);
    if (rc || buffer_failed(&jsonl->key)) return import_no_memory(reader, err);
    *text = jsonl->key.data ? (const char *)jsonl->key.data : "";
    *len = jsonl->key.len;
    if (memchr(*text, 0, *len)) {
        return error_set_at(err, KITH_EINVAL, reader->position.row,
                            "%s: line %llu: a key contains NUL", reader->path, line_of(reader));
    }
    return 0;
}

/* The column of that name, looked for from `hint` on; column_count when there is none. */
static size_t find_column(const struct import_reader *reader, const char *name, size_t len,
                          size_t hint)
{
    size_t count = reader->description.column_count;
    for (size_t i = 0; i < count; i++) {
        size_t at = hint + i < count ? hint + i : hint + i - count;
        const char *have = reader->columns[at].name;
        if (strncmp(have, name, len) == 0 && have[len] == 0) return at;
    }
    return count;
}

/* Calls for each member with its column, or column_count for an unknown key. */
typedef int member_fn(struct import_reader *reader, void *ctx, size_t column, const char *name,
                      size_t len, const struct json_value *value, struct kith_error *err);

static int each_member(struct import_reader *reader, const struct json_value *object,
                       member_fn *fn, void *ctx, struct kith_error *err)
{
    struct json_iter iter;
    struct json_value key, value;
    size_t hint = 0;
    int more, rc = 0;
    json_iter_init(&iter, object);
    while (!rc && (more = json_iter_next(&iter, &key, &value)) == 1) {
        const char *name = NULL;
        size_t len = 0;
        rc = decode_key(reader, &key, &name, &len, err);
        if (rc) break;
        size_t column = find_column(reader, name, len, hint);
        hint = column < reader->description.column_count ? column + 1 : 0;
        if (hint >= reader->description.column_count) hint = 0;
        rc = fn(reader, ctx, column, name, len, &value, err);
    }
    return rc;
}

static int infer_member(struct import_reader *reader, void *ctx, size_t column, const char *name,
                        size_t len, const struct json_value *value, struct kith_error *err)
{
    struct inference *inference = ctx;
    if (column == reader->description.column_count) {
        int rc = import_add_column(reader, name, len, IMPORT_STRING, 0, err);
        if (rc) return rc;
        inference->guesses[column] = (struct import_guess){0};
    }
    inference->guesses[column] = import_guess_merge(inference->guesses[column],
                                                    import_guess_json(value), IMPORT_JSON);
    return 0;
}

static int infer(struct import_reader *reader, struct inference *inference,
                 struct kith_error *err)
{
    for (int row = 0; row < IMPORT_SAMPLE_ROWS; row++) {
        struct json_value object;
        bool found;
        int rc = next_object(reader, &object, &found, err);
        if (!rc && !found) break;
        if (!rc) rc = each_member(reader, &object, infer_member, inference, err);
        if (rc) return rc;
    }
    for (size_t i = 0; i < reader->description.column_count; i++) {
        struct import_guess guess = inference->guesses[i];
        reader->columns[i].kind = guess.known ? guess.kind : IMPORT_JSON;
        reader->columns[i].dim = guess.known ? guess.dim : 0;
    }
    if (reader->description.column_count) return 0;
    return error_set(err, KITH_EINVAL, "%s: no JSON object with a key in it", reader->path);
}

static int store_member(struct import_reader *reader, void *ctx, size_t column, const char *name,
                        size_t len, const struct json_value *value, struct kith_error *err)
{
    struct jsonl *jsonl = ctx;
    int shown = len < 64 ? (int)len : 64;
    uint64_t row = reader->position.row;
    if (column == reader->description.column_count) {
        if (reader->options.skip_unknown) return 0;
        return error_set_at(err, KITH_EINVAL, row,
                            "%s: line %llu: key '%.*s' is not in the first %d rows; move a row "
                            "with it to the top or skip unknown keys", reader->path,
                            line_of(reader), shown, name, IMPORT_SAMPLE_ROWS);
    }
    if (jsonl->seen[column]) {
        return error_set_at(err, KITH_EINVAL, row, "%s: line %llu: key '%.*s' is there twice",
                            reader->path, line_of(reader), shown, name);
    }
    jsonl->seen[column] = 1;
    const struct import_column *to = &reader->columns[column];
    int rc = import_store_json(&reader->stores[column], to, value);
    if (rc == 0 || rc == KITH_ENOMEM) return rc ? import_no_memory(reader, err) : 0;
    return error_set_at(err, KITH_EINVAL, row,
                        "%s: line %llu: '%.*s' is no %s as in the first %d rows%s; make it one "
                        "or null", reader->path, line_of(reader), shown, name,
                        import_kind_name(to->kind), IMPORT_SAMPLE_ROWS,
                        to->dim ? " (or of another dimension)" : "");
}

static int store_object(struct import_reader *reader, const struct json_value *object,
                        size_t *bytes, struct kith_error *err)
{
    struct jsonl *jsonl = reader->state;
    size_t count = reader->description.column_count;
    memset(jsonl->seen, 0, count);
    int rc = each_member(reader, object, store_member, jsonl, err);
    if (rc) return rc;
    *bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (!jsonl->seen[i]) import_store_null(&reader->stores[i], &reader->columns[i]);
        *bytes += import_store_bytes(&reader->stores[i]);
    }
    return 0;
}

static int jsonl_next(struct import_reader *reader, size_t max_rows, struct kith_error *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < max_rows && bytes < IMPORT_BATCH_BYTES; i++) {
        struct json_value object;
        bool found;
        int rc = next_object(reader, &object, &found, err);
        if (rc || !found) return rc;
        rc = store_object(reader, &object, &bytes, err);
        if (rc) return rc;
        reader->position.row++;
    }
    return 0;
}

static int jsonl_seek(struct import_reader *reader, struct import_position to,
                      struct kith_error *err)
{
    struct jsonl *jsonl = reader->state;
    (void)err;
    import_lines_seek(&jsonl->lines, to.offset);
    return 0;
}

static void jsonl_close(struct import_reader *reader)
{
    struct jsonl *jsonl = reader->state;
    import_lines_release(&jsonl->lines);
    buffer_release(&jsonl->key);
    mem_free(jsonl->seen);
    mem_free(jsonl);
}

static const struct import_ops jsonl_ops = {jsonl_next, jsonl_seek, jsonl_close};

int import_open_jsonl(struct import_reader *reader, struct kith_error *err)
{
    struct jsonl *jsonl = mem_zalloc(sizeof *jsonl);
    if (!jsonl) return import_no_memory(reader, err);
    reader->state = jsonl;
    reader->ops = &jsonl_ops;
    struct inference *inference = mem_zalloc(sizeof *inference);
    if (!inference) return import_no_memory(reader, err);
    int rc = infer(reader, inference, err);
    mem_free(inference);
    if (rc) return rc;
    jsonl->seen = mem_zalloc(reader->description.column_count);
    if (!jsonl->seen) return import_no_memory(reader, err);
    import_lines_seek(&jsonl->lines, 0);
    reader->position = (struct import_position){0};
    return 0;
}
