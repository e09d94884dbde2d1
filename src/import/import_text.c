/*
 * Records of a text file: lines, or CSV records whose quoted cells may contain line breaks. Reads
 * ahead in pieces of 256 KiB and holds one piece plus one record.
 *
 * A byte order mark at the start of the file is skipped. A record ends with \n or \r\n; the last
 * one may lack it. A record above IMPORT_RECORD_MAX is an error, so a file without line breaks
 * cannot make us hold it.
 */
#include <string.h>

#include "import/import_internal.h"

#define PIECE (256u << 10)

void import_lines_seek(struct import_lines *lines, uint64_t offset)
{
    buffer_clear(&lines->data);
    lines->data_offset = offset;
    lines->pos = 0;
}

void import_lines_release(struct import_lines *lines)
{
    buffer_release(&lines->data);
}

/* Drops what was consumed and appends a piece. *more is false at the end of the file. */
static int refill(struct import_reader *reader, struct import_lines *lines, bool *more,
                  struct kith_error *err)
{
    struct buffer *data = &lines->data;
    size_t got;
    if (lines->pos) {
        memmove(data->data, data->data + lines->pos, data->len - lines->pos);
        data->len -= lines->pos;
        lines->data_offset += lines->pos;
        lines->pos = 0;
    }
    size_t had = data->len;
    uint8_t *room = buffer_extend(data, PIECE);
    if (!room) return import_no_memory(reader, err);
    int rc = import_read(reader, room, PIECE, lines->data_offset + had, &got, err);
    data->len = had + (rc ? 0 : got);
    *more = !rc && got > 0;
    return rc;
}

/* Looks for the end of the record from *scanned on, keeping the quote state. */
static bool find_end(const struct import_lines *lines, size_t *scanned, bool *in_quotes)
{
    const uint8_t *data = lines->data.data;
    size_t len = lines->data.len;
    if (!lines->quoted) {
        if (*scanned == len) return false;
        const uint8_t *at = memchr(data + *scanned, '\n', len - *scanned);
        *scanned = at ? (size_t)(at - data) : len;
        return at != NULL;
    }
    for (; *scanned < len; ++*scanned) {
        if (data[*scanned] == '"') *in_quotes = !*in_quotes;
        if (data[*scanned] == '\n' && !*in_quotes) return true;
    }
    return false;
}

static int too_long(const struct import_reader *reader, struct kith_error *err)
{
    return error_set_at(err, KITH_ELIMIT, reader->position.row,
                        "%s: line %llu: a record above %u bytes; is a quote left open?",
                        reader->path, (unsigned long long)reader->position.line + 1,
                        IMPORT_RECORD_MAX);
}

static void skip_mark(struct import_reader *reader, struct import_lines *lines)
{
    if (lines->data_offset + lines->pos != 0 || lines->data.len < 3) return;
    if (memcmp(lines->data.data, "\xEF\xBB\xBF", 3) == 0) {
        lines->pos = 3;
        reader->position.offset = 3;
    }
}

static uint64_t count_breaks(const uint8_t *text, size_t len)
{
    uint64_t count = 0;
    for (size_t i = 0; i < len; i++) count += text[i] == '\n';
    return count;
}

int import_lines_next(struct import_reader *reader, struct import_lines *lines,
                      const char **text, size_t *len, bool *found, struct kith_error *err)
{
    bool in_quotes = false, more = true, ended = false;
    size_t scanned;
    if (lines->data_offset == 0 && lines->data.len == 0) {
        int rc = refill(reader, lines, &more, err);
        if (rc) return rc;
        skip_mark(reader, lines);
    }
    for (scanned = lines->pos; !(ended = find_end(lines, &scanned, &in_quotes)) && more;) {
        if (scanned - lines->pos > IMPORT_RECORD_MAX) return too_long(reader, err);
        scanned -= lines->pos;
        int rc = refill(reader, lines, &more, err);
        if (rc) return rc;
    }
    *found = scanned > lines->pos || ended;
    if (!*found) return 0;
    size_t record = scanned - lines->pos;
    if (record > IMPORT_RECORD_MAX) return too_long(reader, err);
    const uint8_t *start = lines->data.data + lines->pos;
    reader->position.line += 1 + (lines->quoted ? count_breaks(start, record) : 0);
    reader->position.offset += record + (ended ? 1 : 0);
    lines->pos = scanned + (ended ? 1 : 0);
    *text = (const char *)start;
    *len = record && start[record - 1] == '\r' ? record - 1 : record;
    return 0;
}
