/*
 * Rows of JSON files: an array of objects, {"rows": [...]}, or objects one after the other, a line
 * each. A row ends where its braces do; what is between is checked as JSON and as UTF-8.
 */
#include <string.h>

#include "base/alloc.h"
#include "milvus/job.h"

struct json_rows {
    struct job_text text; /* first */
    bool array, wrapped;  /* `array` also when wrapped */
};

static int malformed(struct kith_error *err, const char *what)
{
    return error_set(err, KITH_EINVAL, "%s", what);
}

/* Whether `word` stands next; then pos is behind it. KITH_*: a status. */
static int accept(struct job_text *text, const char *word, bool *is, struct kith_error *err)
{
    const size_t len = strlen(word);
    const int first = job_text_skip(text, err);
    if (first < -1) return first;
    *is = false;
    for (size_t i = 0; i < len; i++) {
        const int c = job_text_peek(text, i, err);
        if (c < -1) return c;
        if (c != (unsigned char)word[i]) return 0;
    }
    text->pos += len;
    *is = true;
    return 0;
}

/* What begins with {"rows": [ is that; any other object is the first of several. */
static int find_shape(struct json_rows *json, struct kith_error *err)
{
    static const char *const words[] = { "{", "\"rows\"", ":", "[" };
    struct job_text *text = &json->text;
    bool is = false;
    int rc = accept(text, "\xef\xbb\xbf", &is, err);
    if (rc == 0) rc = accept(text, "[", &json->array, err);
    if (rc || json->array) return rc;
    const struct job_place start = text->rows.ops->place(&text->rows);
    is = true;
    for (size_t i = 0; rc == 0 && is && i < 4; i++) rc = accept(text, words[i], &is, err);
    if (rc) return rc;
    json->array = json->wrapped = is;
    if (!is) text->rows.ops->seek(&text->rows, start);
    return 0;
}

/* Behind the last row; pos stays, so that the end is found again. */
static int check_end(struct json_rows *json, struct kith_error *err)
{
    struct job_text *text = &json->text;
    const struct job_place at = text->rows.ops->place(&text->rows);
    bool is = false;
    int rc = accept(text, "]", &is, err);
    if (rc == 0 && json->wrapped) rc = accept(text, "}", &is, err);
    if (rc) return rc;
    const int c = job_text_skip(text, err);
    if (c < -1) return c;
    text->rows.ops->seek(&text->rows, at);
    return is && c == -1 ? 0 : malformed(err, "the file goes on behind its rows, or breaks off");
}

/* The bytes of the object at pos. */
static int object_len(struct job_text *text, size_t *len, struct kith_error *err)
{
    size_t at = 0, depth = 0;
    bool quoted = false;
    do {
        const int c = job_text_peek(text, at, err);
        if (c < -1) return c;
        if (c == -1) return malformed(err, "the file ends inside it");
        at++;
        if (quoted) {
            if (c == '\\') at++;
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    } while (depth > 0);
    *len = at;
    return 0;
}

static int take_object(struct job_text *text, struct buffer *out, struct kith_error *err)
{
    size_t len = 0;
    int rc = object_len(text, &len, err);
    if (rc) return rc;
    const char *at = (const char *)text->window.data + text->pos;
    if (!utf8_valid(at, len)) return malformed(err, "it is not UTF-8");
    rc = json_validate(at, len, err);
    if (rc) return rc;
    buffer_put(out, at, len);
    text->pos += len;
    return 0;
}

static int next_row(struct job_text *text, struct buffer *out, bool *found, struct kith_error *err)
{
    struct json_rows *json = (struct json_rows *)text;
    int c = job_text_skip(text, err);
    if (json->array && text->rows.row > 0 && c == ',') {
        text->pos++;
        c = job_text_skip(text, err);
        if (c == ']') return malformed(err, "a comma stands behind the last row");
    } else if (json->array && text->rows.row > 0 && c == '{') {
        return malformed(err, "no comma stands before it");
    }
    if (c < -1) return c;
    *found = false;
    if (json->array && (c == ']' || c == -1)) return check_end(json, err);
    if (c == -1) return 0;
    if (c != '{') return malformed(err, "a row is no JSON object");
    *found = true;
    return take_object(text, out, err);
}

int job_json_open(const struct job_source *source, struct job_rows **out, struct kith_error *err)
{
    struct json_rows *json = mem_zalloc(sizeof *json);
    if (!json) return error_set(err, KITH_ENOMEM, "no memory to read a file");
    json->text.row = next_row;
    int rc = job_text_open(source, &json->text, err);
    if (rc == 0) rc = find_shape(json, err);
    if (rc) job_text_ops.close(&json->text.rows);
    else *out = &json->text.rows;
    return rc;
}
