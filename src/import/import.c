/*
 * Opening, format detection, and the part of a batch that is the same for all formats.
 *
 * Invariant: between calls the reader's position is the start of a row. When a format's next()
 * fails in the middle of a batch, import_next() seeks back to where the batch began.
 */
#include "import/import.h"

#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "import/import_internal.h"

static const struct {
    const char *name;
    int (*open)(struct import_reader *reader, struct kith_error *err);
} formats[] = {
    [IMPORT_AUTO] = {"auto", NULL},
    [IMPORT_FVECS] = {"fvecs", import_open_vecs},
    [IMPORT_BVECS] = {"bvecs", import_open_vecs},
    [IMPORT_IVECS] = {"ivecs", import_open_vecs},
    [IMPORT_FBIN] = {"fbin", import_open_bin},
    [IMPORT_U8BIN] = {"u8bin", import_open_bin},
    [IMPORT_I8BIN] = {"i8bin", import_open_bin},
    [IMPORT_IBIN] = {"ibin", import_open_bin},
    [IMPORT_NPY] = {"npy", import_open_npy},
    [IMPORT_JSONL] = {"jsonl", import_open_jsonl},
    [IMPORT_CSV] = {"csv", import_open_csv},
    [IMPORT_HDF5] = {"hdf5", import_open_hdf5},
    [IMPORT_SAMPLE] = {"sample", import_open_sample},
};
#define FORMAT_COUNT (sizeof formats / sizeof *formats)
#define FORMAT_LIST                                                                              \
    "fvecs, bvecs, ivecs, fbin, u8bin, i8bin, ibin, npy, jsonl, csv, hdf5 or sample"

const char *import_format_name(enum import_format format)
{
    return (size_t)format < FORMAT_COUNT ? formats[format].name : "unknown";
}

int import_format_parse(const char *name, enum import_format *out, struct kith_error *err)
{
    static const struct {
        const char *name;
        enum import_format format;
    } others[] = {{"ndjson", IMPORT_JSONL}, {"h5", IMPORT_HDF5}};
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        if (strcasecmp(name, formats[i].name) == 0) return *out = (enum import_format)i, 0;
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (strcasecmp(name, others[i].name) == 0) return *out = others[i].format, 0;
    }
    return error_set(err, KITH_EINVAL, "no format '%s'; use " FORMAT_LIST, name);
}

int import_no_memory(const struct import_reader *reader, struct kith_error *err)
{
    return error_set(err, KITH_ENOMEM, "%s: out of memory; read smaller batches", reader->path);
}

int import_read(struct import_reader *reader, void *buf, size_t len, uint64_t offset, size_t *got,
                struct kith_error *err)
{
    if (reader->file) return os_pread(reader->file, buf, len, offset, got, err);
    uint64_t left = offset < reader->size ? reader->size - offset : 0;
    size_t n = len < left ? len : (size_t)left;
    if (n) memcpy(buf, reader->memory + offset, n);
    *got = n;
    return 0;
}

int import_read_exact(struct import_reader *reader, void *buf, size_t len, uint64_t offset,
                      struct kith_error *err)
{
    size_t got;
    int rc = import_read(reader, buf, len, offset, &got, err);
    if (rc) return rc;
    if (got == len) return 0;
    return error_set_at(err, KITH_ECORRUPT, offset,
                        "%s: the file ends at byte %llu, inside what should be there; get it again",
                        reader->path, (unsigned long long)(offset + got));
}

int import_add_column(struct import_reader *reader, const char *name, size_t len,
                      enum import_kind kind, uint32_t dim, struct kith_error *err)
{
    size_t count = reader->description.column_count;
    if (count == IMPORT_COLUMNS_MAX || len > IMPORT_NAME_MAX) {
        return error_set(err, KITH_ELIMIT, "%s: more than %d columns or a name above %d bytes",
                         reader->path, IMPORT_COLUMNS_MAX, IMPORT_NAME_MAX);
    }
    struct import_column *columns = mem_realloc(reader->columns, (count + 1) * sizeof *columns);
    if (!columns) return import_no_memory(reader, err);
    reader->columns = columns;
    reader->description.columns = columns;
    char *copy = mem_strndup(name, len);
    if (!copy) return import_no_memory(reader, err);
    columns[count] = (struct import_column){copy, kind, dim};
    reader->description.column_count = count + 1;
    return 0;
}

static int detect(struct import_reader *reader, enum import_format *out, struct kith_error *err)
{
    static const struct {
        const char *magic;
        size_t len;
        enum import_format format;
    } magics[] = {{"\x93NUMPY", 6, IMPORT_NPY},
                  {"\x89HDF\r\n\x1a\n", 8, IMPORT_HDF5},
                  {"KITHWS1\n", 8, IMPORT_SAMPLE}};
    char head[8] = {0};
    size_t got;
    int rc = import_read(reader, head, sizeof head, 0, &got, err);
    if (rc) return rc;
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        if (got >= magics[i].len && memcmp(head, magics[i].magic, magics[i].len) == 0) {
            return *out = magics[i].format, 0;
        }
    }
    const char *dot = strrchr(reader->path, '.');
    if (dot && import_format_parse(dot + 1, out, NULL) == 0 && *out != IMPORT_AUTO) return 0;
    return error_set(err, KITH_EINVAL, "%s: cannot tell its format; name it: " FORMAT_LIST,
                     reader->path);
}

static int allocate_stores(struct import_reader *reader, struct kith_error *err)
{
    size_t count = reader->description.column_count;
    reader->stores = mem_zalloc_array(count, sizeof *reader->stores);
    reader->values = mem_zalloc_array(count, sizeof *reader->values);
    return reader->stores && reader->values ? 0 : import_no_memory(reader, err);
}

/* Everything after the source of bytes is known. */
static int open_format(struct import_reader *reader, struct kith_error *err)
{
    enum import_format format = reader->options.format;
    int rc = 0;
    if ((size_t)format >= FORMAT_COUNT) {
        return error_set(err, KITH_EINVAL, "%s: no such format", reader->path);
    }
    if (format == IMPORT_AUTO) rc = detect(reader, &format, err);
    if (rc) return rc;
    reader->description.format = format;
    reader->description.bytes = reader->size;
    reader->description.rows = IMPORT_ROWS_UNKNOWN;
    rc = formats[format].open(reader, err);
    return rc ? rc : allocate_stores(reader, err);
}

static int reader_new(const char *path, const struct import_options *options,
                      struct import_reader **out, struct kith_error *err)
{
    struct import_reader *reader = mem_zalloc(sizeof *reader);
    if (!reader) return error_set(err, KITH_ENOMEM, "%s: out of memory", path);
    if (options) reader->options = *options;
    reader->path = mem_strdup(path);
    reader->dataset = mem_strdup(options && options->dataset ? options->dataset : "train");
    if (!reader->path || !reader->dataset) {
        import_close(reader);
        return error_set(err, KITH_ENOMEM, "%s: out of memory", path);
    }
    reader->options.dataset = reader->dataset;
    *out = reader;
    return 0;
}

int import_open(const struct os *os, const char *path, const struct import_options *options,
                struct import_reader **out, struct kith_error *err)
{
    struct import_reader *reader = NULL;
    int rc = reader_new(path, options, &reader, err);
    if (rc) return rc;
    rc = os_open(os, path, OS_READ, &reader->file, err);
    if (!rc) rc = os_size(reader->file, &reader->size, err);
    if (!rc) rc = open_format(reader, err);
    if (rc) import_close(reader);
    else *out = reader;
    return rc;
}

int import_open_bytes(const void *bytes, size_t len, const char *name,
                      const struct import_options *options, struct import_reader **out,
                      struct kith_error *err)
{
    struct import_reader *reader = NULL;
    int rc = reader_new(name, options, &reader, err);
    if (rc) return rc;
    reader->memory = bytes;
    reader->size = len;
    rc = open_format(reader, err);
    if (rc) import_close(reader);
    else *out = reader;
    return rc;
}

void import_close(struct import_reader *reader)
{
    if (!reader) return;
    if (reader->ops) reader->ops->close(reader);
    for (size_t i = 0; i < reader->description.column_count; i++) {
        char *name;
        memcpy(&name, &reader->columns[i].name, sizeof name); /* ours; const is for callers */
        mem_free(name);
        if (reader->stores) import_store_release(&reader->stores[i]);
    }
    mem_free(reader->columns);
    mem_free(reader->stores);
    mem_free(reader->values);
    os_close(reader->file);
    mem_free(reader->dataset);
    mem_free(reader->path);
    mem_free(reader);
}

const struct import_description *import_describe(const struct import_reader *reader)
{
    return &reader->description;
}

struct import_position import_position(const struct import_reader *reader)
{
    return reader->position;
}

int import_seek(struct import_reader *reader, struct import_position position,
                struct kith_error *err)
{
    if (position.offset > reader->size) {
        return error_set(err, KITH_EINVAL, "%s: position %llu is past its end; start again",
                         reader->path, (unsigned long long)position.offset);
    }
    int rc = reader->ops->seek(reader, position, err);
    if (!rc) reader->position = position;
    return rc;
}

static int fill(struct import_reader *reader, size_t max_rows, struct kith_error *err)
{
    size_t count = reader->description.column_count;
    for (size_t i = 0; i < count; i++) import_store_clear(&reader->stores[i]);
    int rc = reader->ops->next(reader, max_rows, err);
    for (size_t i = 0; !rc && i < count; i++) {
        rc = import_store_finish(&reader->stores[i], &reader->columns[i], &reader->values[i]);
        if (rc) return import_no_memory(reader, err);
    }
    return rc;
}

int import_next(struct import_reader *reader, size_t max_rows, struct import_batch *batch,
                struct kith_error *err)
{
    struct import_position start = reader->position;
    if (max_rows == 0) return error_set(err, KITH_EINVAL, "max_rows is 0; ask for at least 1");
    int rc = fill(reader, max_rows, err);
    if (rc) {
        int back = reader->ops->seek(reader, start, NULL);
        (void)back; /* start was a position a moment ago; if the file is gone, next says so */
        reader->position = start;
        return rc;
    }
    *batch = (struct import_batch){start.row, (size_t)(reader->position.row - start.row),
                                   reader->values};
    return 0;
}
