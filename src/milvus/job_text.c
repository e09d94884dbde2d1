/*
 * Rows of text files: a window over the file that grows while a row does not end, and batches of
 * rows as an array of JSON objects, which become columns as those of a REST insert do.
 */
#include <string.h>

#include "base/alloc.h"
#include "milvus/job.h"

enum { STEP = 1 << 20 };

int job_text_open(const struct job_source *source, struct job_text *text, struct kith_error *err)
{
    text->rows = (struct job_rows){ .ops = &job_text_ops, .name = source->names[0] };
    text->collection = source->collection;
    buffer_init(&text->window);
    buffer_init(&text->array);
    int rc = os_open(source->os, source->paths[0], OS_READ, &text->file, err);
    if (rc == 0) rc = os_size(text->file, &text->rows.bytes, err);
    return rc;
}

/* Reads on behind the window, whose bytes before pos are dropped. *got 0: the end. */
static int fill(struct job_text *text, size_t *got, struct kith_error *err)
{
    struct buffer *window = &text->window;
    const size_t left = window->len - text->pos;
    if (left > JOB_ROW_BYTES_MAX)
        return error_set(err, KITH_ELIMIT, "it is larger than %u bytes", JOB_ROW_BYTES_MAX);
    if (text->pos) {
        memmove(window->data, window->data + text->pos, left);
        window->len = left;
        text->window_at += text->pos;
        text->pos = 0;
    }
    uint8_t *room = buffer_extend(window, STEP);
    if (!room) return error_set(err, KITH_ENOMEM, "no memory to read");
    *got = 0;
    const int rc = os_pread(text->file, room, STEP, text->window_at + left, got, err);
    window->len = left + (rc ? 0 : *got);
    return rc;
}

int job_text_peek(struct job_text *text, size_t ahead, struct kith_error *err)
{
    while (text->window.len - text->pos <= ahead) {
        size_t got;
        const int rc = fill(text, &got, err);
        if (rc) return rc < -1 ? rc : KITH_EIO;
        if (got == 0) return -1;
    }
    return text->window.data[text->pos + ahead];
}

int job_text_skip(struct job_text *text, struct kith_error *err)
{
    for (;; text->pos++) {
        const int c = job_text_peek(text, 0, err);
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return c;
    }
}

static int gather(struct job_text *text, size_t max_rows, size_t *count, struct kith_error *err)
{
    struct buffer *array = &text->array;
    int rc = 0;
    buffer_clear(array);
    buffer_put_u8(array, '[');
    for (*count = 0; *count < max_rows && array->len < JOB_BATCH_BYTES; ++*count) {
        bool found = false;
        if (*count) buffer_put_u8(array, ',');
        rc = text->row(text, array, &found, err);
        if (rc) return rc;
        if (!found) {
            if (*count) array->len--;
            break;
        }
        text->rows.row++;
    }
    buffer_put_u8(array, ']');
    return buffer_failed(array) ? error_set(err, KITH_ENOMEM, "no memory for rows") : 0;
}

static int text_next(struct job_rows *rows, struct rest *rest, size_t max_rows,
                     struct buffer *columns, size_t *count, struct kith_error *err)
{
    struct job_text *text = (struct job_text *)rows;
    struct json_value array;
    size_t used;
    int rc = gather(text, max_rows, count, err);
    if (rc || *count == 0) return rc;
    rc = json_read((const char *)text->array.data, text->array.len, &array, &used, err);
    if (rc) return rc;
    /* rest says why */
    return rest_rows_in(rest, text->collection, &array, false, columns, count) ? 0 : KITH_EINVAL;
}

static struct job_place text_place(const struct job_rows *rows)
{
    const struct job_text *text = (const struct job_text *)rows;
    return (struct job_place){ text->window_at + text->pos, rows->row };
}

static void text_seek(struct job_rows *rows, struct job_place place)
{
    struct job_text *text = (struct job_text *)rows;
    buffer_clear(&text->window);
    text->window_at = place.offset;
    text->pos = 0;
    rows->row = place.row;
}

static void text_close(struct job_rows *rows)
{
    struct job_text *text = (struct job_text *)rows;
    if (text->release) text->release(text);
    os_close(text->file);
    buffer_release(&text->window);
    buffer_release(&text->array);
    mem_free(text);
}

const struct job_rows_ops job_text_ops = { text_next, text_place, text_seek, text_close };
