/*
 * Dead rows in a file: rows and times of kills, in ts order. A missing or damaged one fails the
 * open of its segment, as deleted rows must not come back.
 */
#include <inttypes.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "storage/sealed_internal.h"

static int write_lists(const struct sealed_opts *opts, uint64_t number, const struct buffer *rows,
                       const struct buffer *times, struct kith_error *err)
{
    const struct file_name name = {.kind = FILE_DEAD, .id = opts->id, .part = number};
    struct blockfile_writer writer;
    int rc = blockfile_create(&writer, opts->os, opts->dir, &name, opts->database_id, err);
    if (rc) return rc;
    rc = blockfile_add(&writer, SECTION_DEAD_ROWS, 0, 0, rows->data, rows->len, err);
    if (!rc) {
        rc = blockfile_add(&writer, SECTION_DEAD_TIMES, 0, 0, times->data, times->len, err);
    }
    if (!rc) return blockfile_commit(&writer, err);
    blockfile_abort(&writer);
    return rc;
}

int sealed_write_dead(const struct sealed_opts *opts, const struct segment *segment, uint64_t ts,
                      uint64_t number, struct kith_error *err)
{
    struct buffer rows;
    struct buffer times;
    buffer_init(&rows);
    buffer_init(&times);
    const size_t count = tombstones_count(&segment->dead);
    for (size_t i = 0; i < count; i++) {
        const struct tombstone t = tombstones_at(&segment->dead, i);
        if (t.ts > ts) break;
        buffer_put_u32(&rows, t.row);
        buffer_put_u64(&times, t.ts);
    }
    int rc = buffer_failed(&rows) || buffer_failed(&times) ? KITH_ENOMEM : 0;
    if (rc) {
        rc = error_set(err, rc, "no memory to write the dead rows of segment %" PRIu64, opts->id);
    } else {
        rc = write_lists(opts, number, &rows, &times, err);
    }
    buffer_release(&rows);
    buffer_release(&times);
    return rc;
}

static int apply(struct sealed *s, const struct section *rows, const struct section *times)
{
    if (rows->len % 4 != 0 || times->len / 8 != rows->len / 4 || times->len % 8 != 0 ||
        section_touch(rows, 0, rows->len) || section_touch(times, 0, times->len)) {
        return KITH_ECORRUPT;
    }
    uint64_t last = 0;
    for (size_t i = 0; i < rows->len / 4; i++) {
        const uint64_t ts = le64_get(times->data + 8 * i);
        const int rc = tombstones_kill(&s->segment.dead, le32_get(rows->data + 4 * i), ts);
        if (rc == KITH_ENOMEM) return rc;
        if (rc || ts < last) return KITH_ECORRUPT;
        last = ts;
    }
    return 0;
}

int sealed_read_dead(struct sealed *s, uint64_t database_id, uint64_t number,
                     struct kith_error *err)
{
    const struct file_name name = {.kind = FILE_DEAD, .id = s->segment.id, .part = number};
    struct blockfile file;
    int rc = blockfile_open(&file, s->segment.os, s->dir, &name, database_id, err);
    if (rc) return rc;
    struct section rows;
    struct section times;
    if (!blockfile_find(&file, SECTION_DEAD_ROWS, 0, &rows) ||
        !blockfile_find(&file, SECTION_DEAD_TIMES, 0, &times)) {
        rc = KITH_ECORRUPT;
    } else {
        rc = apply(s, &rows, &times);
    }
    if (rc) {
        rc = error_set(err, rc, "the dead rows of segment %" PRIu64 " cannot be read",
                       s->segment.id);
    }
    atomic_fetch_add(&s->disk_bytes, file.len);
    blockfile_close(&file);
    return rc;
}
