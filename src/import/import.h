/*
 * Reading foreign files: opens a file of any supported format and hands out its rows in columnar
 * batches. This is the room's whole contract.
 *
 *     open -> description (columns, rows, bytes) -> next, next, ... (rows == 0: end) -> close
 *
 * Formats
 *     fvecs bvecs ivecs     rows of u32 dimension + values (f32, u8, i32)
 *     fbin u8bin i8bin ibin u32 rows, u32 dimension, then the values (f32, u8, i8, i32)
 *     npy                   NumPy 1 to 3: f2 f4 f8 i1 u1 i4 i8; 2-D = vectors, 1-D = scalars,
 *                           which may be b1 i2 u2 u4 U S too
 *     jsonl                 one JSON object a line; kinds inferred from the first rows
 *     csv                   RFC 4180 with a header row; kinds inferred; "[1,2]" is a vector
 *     hdf5                  ann-benchmarks files, one data set of them (when built with HDF5)
 *     sample                docs/formats/words-sample.md
 *
 * Every file is untrusted. A count in a header is compared with the file's size before anything
 * of that size is allocated, and what a reader holds is bounded by a batch (IMPORT_BATCH_BYTES)
 * or one text record (IMPORT_RECORD_MAX). Errors name the file, the row or line, and a remedy.
 *
 * A reader is used by one thread at a time.
 */
#ifndef KITH_IMPORT_IMPORT_H
#define KITH_IMPORT_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "os/os.h"

#define IMPORT_DIM_MAX 65536
#define IMPORT_COLUMNS_MAX 1024
#define IMPORT_NAME_MAX 255               /* bytes of a column's name */
#define IMPORT_RECORD_MAX (16u << 20)     /* bytes of one JSON line or CSV record */
#define IMPORT_BATCH_BYTES (16u << 20)    /* a batch ends early above this */
#define IMPORT_SAMPLE_ROWS 1000           /* rows that kinds are inferred from */
#define IMPORT_ROWS_UNKNOWN UINT64_MAX

enum import_format {
    IMPORT_AUTO, IMPORT_FVECS, IMPORT_BVECS, IMPORT_IVECS, IMPORT_FBIN, IMPORT_U8BIN,
    IMPORT_I8BIN, IMPORT_IBIN, IMPORT_NPY, IMPORT_JSONL, IMPORT_CSV, IMPORT_HDF5, IMPORT_SAMPLE
};

enum import_kind {
    IMPORT_I64,        /* int64_t a row */
    IMPORT_F64,        /* double */
    IMPORT_BOOL,       /* uint8_t, 0 or 1 */
    IMPORT_STRING,     /* struct import_text, UTF-8 */
    IMPORT_JSON,       /* struct import_text, one valid JSON value */
    IMPORT_VECTOR_F32, /* float[dim]; finite when it came from text */
    IMPORT_VECTOR_U8,  /* uint8_t[dim] */
    IMPORT_VECTOR_I8,  /* int8_t[dim] */
    IMPORT_VECTOR_I32  /* int32_t[dim] */
};

struct import_text {
    const char *text; /* borrows; not NUL-terminated */
    size_t len;
};

struct import_column {
    const char *name; /* owned by the reader */
    enum import_kind kind;
    uint32_t dim; /* vectors only, else 0 */
};

struct import_description {
    enum import_format format;
    const struct import_column *columns; /* owned by the reader */
    size_t column_count;
    uint64_t rows;     /* IMPORT_ROWS_UNKNOWN for text */
    uint64_t bytes;    /* of the file; progress is import_position().offset / bytes */
    char distance[32]; /* HDF5's attribute of that name, "" elsewhere */
};

/* One column of a batch. */
struct import_values {
    const void *values;   /* borrows: the array its kind says */
    /* borrows: 1 = no value in that row (its array element is zero or ""); NULL: none */
    const uint8_t *nulls;
};

struct import_batch {
    uint64_t first_row;
    size_t rows; /* 0: end of file */
    const struct import_values *columns; /* as in the description; borrows until the next call */
};

/* Where a reader stands: enough to go on in another process with the same file and options. */
struct import_position {
    uint64_t offset; /* bytes of the file consumed */
    uint64_t row;    /* the next row */
    uint64_t line;   /* text formats: lines consumed */
};

struct import_options {
    enum import_format format;
    const char *dataset; /* HDF5: "train" when NULL, or test, neighbors, distances */
    bool skip_unknown;   /* JSON lines: skip keys that the first rows do not have (else: error) */
};

struct import_reader;

/* path's format comes from the options, else from the first bytes, else from the extension.
 * options may be NULL. Reads the header, or the first IMPORT_SAMPLE_ROWS rows of text. */
KITH_NODISCARD int import_open(const struct os *os, const char *path,
                               const struct import_options *options,
                               struct import_reader **out, struct kith_error *err);
/* As import_open on bytes, which are borrowed until import_close; name stands in for the path in
 * errors and for the extension. Not for HDF5. */
KITH_NODISCARD int import_open_bytes(const void *bytes, size_t len, const char *name,
                                     const struct import_options *options,
                                     struct import_reader **out, struct kith_error *err);
void import_close(struct import_reader *reader); /* NULL is a no-op */

/* Borrows until import_close. */
const struct import_description *import_describe(const struct import_reader *reader);
/* Up to max_rows (> 0) rows, fewer when they are large. After an error the reader stands before
 * the batch that failed; err's position is the row. */
KITH_NODISCARD int import_next(struct import_reader *reader, size_t max_rows,
                               struct import_batch *batch, struct kith_error *err);
struct import_position import_position(const struct import_reader *reader);
/* Goes to a position that import_position gave for the same file. KITH_EINVAL when it cannot be. */
KITH_NODISCARD int import_seek(struct import_reader *reader, struct import_position position,
                               struct kith_error *err);

const char *import_format_name(enum import_format format); /* "fvecs"; never NULL */
/* A format's name, as on a command line. KITH_EINVAL with the list of names. */
KITH_NODISCARD int import_format_parse(const char *name, enum import_format *out,
                                       struct kith_error *err);
const char *import_kind_name(enum import_kind kind);

#endif
