/*
 * What the readers of one format each share: the reader struct, its source of bytes, and the
 * column stores that batches are built in.
 */
#ifndef KITH_IMPORT_IMPORT_INTERNAL_H
#define KITH_IMPORT_IMPORT_INTERNAL_H

#include "base/buffer.h"
#include "base/json.h"
#include "import/import.h"

struct import_ops {
    /* Appends at most max_rows rows to the stores and advances position. */
    int (*next)(struct import_reader *reader, size_t max_rows, struct kith_error *err);
    int (*seek)(struct import_reader *reader, struct import_position to, struct kith_error *err);
    void (*close)(struct import_reader *reader); /* releases reader->state */
};

/* A column of the batch in the making. Texts are kept as offsets while `bytes` may still move. */
struct import_store {
    struct buffer values; /* owns: the array of the kind; of a text: struct import_span */
    struct buffer nulls;  /* owns: one byte a row */
    struct buffer bytes;  /* owns: the texts' bytes */
    struct buffer texts;  /* owns: struct import_text[], made when the batch is complete */
    bool has_nulls;
};

struct import_span {
    size_t offset, len;
};

struct import_reader {
    const struct import_ops *ops;
    void *state; /* owns, by ops->close */
    char *path;  /* owns; for errors */
    struct os_file *file;  /* owns; NULL when reading bytes */
    const uint8_t *memory; /* borrows; when file is NULL */
    uint64_t size;
    struct import_options options;
    char *dataset; /* owns; what options.dataset points to */
    struct import_description description;
    struct import_column *columns; /* owns; names too */
    struct import_store *stores;   /* owns; one a column */
    struct import_values *values;  /* owns; what a batch points to */
    struct import_position position;
};

/* ---- import.c ---- */
/* Reads up to len bytes at offset; *got < len only at the end. */
KITH_NODISCARD int import_read(struct import_reader *reader, void *buf, size_t len,
                               uint64_t offset, size_t *got, struct kith_error *err);
/* Reads exactly len bytes; a shorter file is KITH_ECORRUPT. */
KITH_NODISCARD int import_read_exact(struct import_reader *reader, void *buf, size_t len,
                                     uint64_t offset, struct kith_error *err);
/* Adds a column; name is copied. */
KITH_NODISCARD int import_add_column(struct import_reader *reader, const char *name, size_t len,
                                     enum import_kind kind, uint32_t dim, struct kith_error *err);
KITH_NODISCARD int import_no_memory(const struct import_reader *reader, struct kith_error *err);

/* ---- import_store.c ---- */
size_t import_kind_bytes(enum import_kind kind, uint32_t dim); /* of one row in values */
bool import_kind_is_text(enum import_kind kind);
void import_store_clear(struct import_store *store);
void import_store_release(struct import_store *store);
size_t import_store_bytes(const struct import_store *store);
void import_store_null(struct import_store *store, const struct import_column *column);
void import_store_text(struct import_store *store, const char *text, size_t len);
/* Appends a JSON value to a column of any kind. KITH_EINVAL: it does not fit the kind (no text is
 * written: the caller knows the line). KITH_ENOMEM. */
KITH_NODISCARD int import_store_json(struct import_store *store,
                                     const struct import_column *column,
                                     const struct json_value *value);
/* Makes the arrays that the batch shows. */
KITH_NODISCARD int import_store_finish(struct import_store *store,
                                       const struct import_column *column,
                                       struct import_values *out);

/* What is known of a text column's kind so far. */
struct import_guess {
    bool known;
    enum import_kind kind;
    uint32_t dim;
};
struct import_guess import_guess_json(const struct json_value *value);
/* Combines two guesses; `other` is what a column becomes that holds different kinds. */
struct import_guess import_guess_merge(struct import_guess a, struct import_guess b,
                                       enum import_kind other);

/* ---- import_text.c: records of text files ---- */
struct import_lines {
    struct buffer data;   /* owns: bytes of the file from data_offset */
    uint64_t data_offset;
    size_t pos;           /* of the next record in data */
    bool quoted;          /* line breaks inside "..." do not end a record */
};
/* The next record without its line break. *found is false at the end. text borrows until the next
 * call. Advances position.offset and position.line, not position.row. */
KITH_NODISCARD int import_lines_next(struct import_reader *reader, struct import_lines *lines,
                                     const char **text, size_t *len, bool *found,
                                     struct kith_error *err);
void import_lines_seek(struct import_lines *lines, uint64_t offset);
void import_lines_release(struct import_lines *lines);

/* ---- import_fixed.c: headers, then rows of one size ---- */
enum import_element { ELEMENT_F16, ELEMENT_F32, ELEMENT_F64, ELEMENT_U8, ELEMENT_I8, ELEMENT_I32,
                      ELEMENT_I64, ELEMENT_BOOL, ELEMENT_I16, ELEMENT_U16, ELEMENT_U32,
                      ELEMENT_UCS4, ELEMENT_BYTES }; /* the last two: texts padded with zeros */
struct import_layout {
    uint64_t data_offset;
    uint64_t rows;
    uint32_t dim;          /* 0: a scalar a row */
    enum import_element element;
    uint32_t text_len;     /* of texts: characters of a value */
    bool prefixed;         /* each row starts with its dimension as u32 */
};
/* Checks the layout against the file's size and sets the reader up for it. */
KITH_NODISCARD int import_open_fixed(struct import_reader *reader,
                                     const struct import_layout *layout, struct kith_error *err);
size_t import_element_bytes(enum import_element element);

/* ---- one opener a format ---- */
int import_open_vecs(struct import_reader *reader, struct kith_error *err);
int import_open_bin(struct import_reader *reader, struct kith_error *err);
int import_open_npy(struct import_reader *reader, struct kith_error *err);
int import_open_jsonl(struct import_reader *reader, struct kith_error *err);
int import_open_csv(struct import_reader *reader, struct kith_error *err);
int import_open_hdf5(struct import_reader *reader, struct kith_error *err);
int import_open_sample(struct import_reader *reader, struct kith_error *err);

#endif
