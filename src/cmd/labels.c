/*
 * Reading labels; see labels.h.
 *
 * `bytes` holds what was read and not yet dropped. labels_next drops the lines of the call before,
 * then scans on, reading a piece whenever the scan meets the end; when enough line ends are known,
 * the slices are made, since `bytes` does not move any more.
 */
#include "cmd/labels.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/json.h"
#include "model/limits.h"

#define PIECE 65536

struct labels {
    char *path;          /* owns */
    struct os_file *file; /* owns */
    uint64_t offset;     /* in the file, of what was read */
    bool at_end;
    uint64_t line;       /* lines handed out */
    struct buffer bytes; /* owns */
    size_t used;         /* bytes handed out */
    struct buffer slices; /* owns: struct kith_str */
};

int labels_open(const struct os *os, const char *path, struct labels **out, struct kith_error *err)
{
    struct labels *labels = mem_zalloc(sizeof *labels);
    if (!labels) return error_set(err, KITH_ENOMEM, "no memory to read '%s'", path);
    buffer_init(&labels->bytes);
    buffer_init(&labels->slices);
    labels->path = mem_strdup(path);
    int rc = labels->path ? os_open(os, path, OS_READ, &labels->file, err)
                          : error_set(err, KITH_ENOMEM, "no memory to read '%s'", path);
    if (rc) {
        labels_close(labels);
        return rc;
    }
    *out = labels;
    return 0;
}

void labels_close(struct labels *labels)
{
    if (!labels) return;
    os_close(labels->file);
    buffer_release(&labels->bytes);
    buffer_release(&labels->slices);
    mem_free(labels->path);
    mem_free(labels);
}

static int read_piece(struct labels *labels, struct kith_error *err)
{
    size_t got = 0;
    uint8_t *room = buffer_extend(&labels->bytes, PIECE);
    if (!room) return error_set(err, KITH_ENOMEM, "no memory for the labels of '%s'", labels->path);
    labels->bytes.len -= PIECE;
    int rc = os_pread(labels->file, room, PIECE, labels->offset, &got, err);
    if (rc) return rc;
    labels->bytes.len += got;
    labels->offset += got;
    labels->at_end = got < PIECE;
    return 0;
}

static int too_long(const struct labels *labels, uint64_t line, struct kith_error *err)
{
    return error_set_at(err, KITH_ELIMIT, line, "%s, at or after line %llu: a line is longer than "
                        "%d bytes; a label is a short text", labels->path,
                        (unsigned long long)line, LIMIT_VARCHAR_BYTES);
}

/* Where the line that begins at `from` ends; the end of the file ends the last one. */
static int find_end(struct labels *labels, size_t from, size_t *end, bool *found,
                    struct kith_error *err)
{
    size_t scanned = from;
    *found = true;
    for (;;) {
        const uint8_t *line_end = scanned < labels->bytes.len
            ? memchr(labels->bytes.data + scanned, '\n', labels->bytes.len - scanned) : NULL;
        if (line_end) {
            *end = (size_t)(line_end - labels->bytes.data);
            return 0;
        }
        scanned = labels->bytes.len;
        if (labels->at_end) break;
        if (scanned - from > LIMIT_VARCHAR_BYTES + 1) return too_long(labels, labels->line, err);
        int rc = read_piece(labels, err);
        if (rc) return rc;
    }
    *end = scanned;
    *found = scanned > from;
    return 0;
}

static int check(const struct labels *labels, const struct kith_str *label, uint64_t line,
                 struct kith_error *err)
{
    if (label->len > LIMIT_VARCHAR_BYTES) return too_long(labels, line, err);
    if (utf8_valid(label->data, label->len)) return 0;
    return error_set_at(err, KITH_EINVAL, line, "%s, line %llu: is not UTF-8; convert the file",
                        labels->path, (unsigned long long)line);
}

/* The bounds of `count` lines, as pairs of offsets, which survive a growing buffer. */
static int find_lines(struct labels *labels, size_t count, struct buffer *bounds,
                      struct kith_error *err)
{
    size_t from = labels->used;
    for (size_t i = 0; i < count; i++) {
        size_t end;
        bool found;
        int rc = find_end(labels, from, &end, &found, err);
        if (rc) return rc;
        if (!found) {
            return error_set(err, KITH_EINVAL, "%s has %llu lines, fewer than the file has rows; "
                             "it needs one a row, or use --limit", labels->path,
                             (unsigned long long)(labels->line + i));
        }
        buffer_put_u64(bounds, from);
        buffer_put_u64(bounds, end);
        from = end < labels->bytes.len ? end + 1 : end;
    }
    labels->used = from;
    return buffer_failed(bounds) ? error_set(err, KITH_ENOMEM, "no memory for labels") : 0;
}

static int make_slices(struct labels *labels, const struct buffer *bounds, struct kith_error *err)
{
    struct cursor cur;
    cursor_init(&cur, bounds->data, bounds->len);
    buffer_clear(&labels->slices);
    while (cursor_left(&cur)) {
        size_t from = (size_t)cursor_u64(&cur), end = (size_t)cursor_u64(&cur);
        if (end > from && labels->bytes.data[end - 1] == '\r') end--;
        const struct kith_str label = {(const char *)labels->bytes.data + from, end - from};
        int rc = check(labels, &label, ++labels->line, err);
        if (rc) return rc;
        buffer_put(&labels->slices, &label, sizeof label);
    }
    return buffer_failed(&labels->slices) ? error_set(err, KITH_ENOMEM, "no memory for labels") : 0;
}

static void drop_used(struct labels *labels)
{
    if (!labels->used) return;
    memmove(labels->bytes.data, labels->bytes.data + labels->used,
            labels->bytes.len - labels->used);
    labels->bytes.len -= labels->used;
    labels->used = 0;
}

int labels_next(struct labels *labels, size_t count, const struct kith_str **out,
                struct kith_error *err)
{
    struct buffer bounds;
    buffer_init(&bounds);
    drop_used(labels);
    int rc = find_lines(labels, count, &bounds, err);
    if (!rc) rc = make_slices(labels, &bounds, err);
    buffer_release(&bounds);
    if (rc) return rc;
    const void *slices = labels->slices.data;
    *out = slices;
    return 0;
}

int labels_left(struct labels *labels, struct kith_error *err)
{
    size_t end;
    bool found;
    int rc = find_end(labels, labels->used, &end, &found, err);
    return rc ? rc : found;
}
