/*
 * Writing typed columns of JSON paths: two passes over a JSON column. The first counts paths, the
 * second gathers the values of the chosen ones for one group of 65,536 rows at a time, in memory,
 * and writes them as one section a group.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "storage/sealed_typed.h"

struct typed_column { /* of the group being gathered */
    enum kith_type type;
    uint64_t *valid;     /* owns */
    uint8_t *data;       /* owns: values, or u32 lengths of texts */
    struct buffer bytes; /* of texts */
    bool rest;
};

struct typed_field {
    struct blockfile_writer *writer;
    struct kith_error *err;
    struct path_tree tree;
    struct typed_column *columns; /* owns */
    size_t count;
    size_t group_rows; /* room */
    size_t row;        /* in the group */
    size_t number;     /* of the next section */
};

static int no_memory(struct kith_error *err)
{
    return error_set(err, KITH_ENOMEM, "no memory to seal JSON");
}

/* ---- counting ---- */

static int count_value(void *ctx, uint32_t node, const struct json_value *value)
{
    struct path_tree *tree = ctx;
    const enum path_kind kind = path_kind_of(value);
    if (kind < PATH_KINDS) tree->nodes[node].counts[kind]++;
    return 0;
}

static int count_run(void *ctx, const struct chunk *chunk, size_t from, size_t end)
{
    struct typed_field *f = ctx;
    for (size_t i = from; i < end; i++) {
        if (!chunk_valid(chunk, i)) continue;
        if (path_tree_walk(&f->tree, chunk_str(chunk, i), count_value, &f->tree)) {
            return no_memory(f->err);
        }
    }
    return 0;
}

/* ---- gathering ---- */

static void put_text(struct typed_column *column, size_t row, const struct json_value *value,
                     bool *taken)
{
    const size_t before = column->bytes.len;
    if (value->len > TYPED_TEXT_MAX + 2 || before > TYPED_GROUP_TEXT_MAX) return;
    if (value->has_escapes) {
        (void)!json_unescape(value, &column->bytes); /* its failure is the buffer's */
    } else {
        buffer_put(&column->bytes, value->text + 1, value->len - 2);
    }
    le32_put(column->data + 4 * row, (uint32_t)(column->bytes.len - before));
    *taken = true;
}

static int take_value(void *ctx, uint32_t node, const struct json_value *value)
{
    struct typed_field *f = ctx;
    const uint32_t number = f->tree.nodes[node].column;
    if (number == UINT32_MAX) return 0;
    struct typed_column *column = &f->columns[number];
    const enum path_kind kind = path_kind_of(value);
    bool taken = false;
    if (kind == PATH_INT && column->type == KITH_INT64) {
        le64_put(column->data + 8 * f->row, (uint64_t)value->integer);
        taken = true;
    } else if (kind == PATH_DOUBLE && column->type == KITH_DOUBLE) {
        lef64_put(column->data + 8 * f->row, value->number);
        taken = true;
    } else if (kind == PATH_BOOL && column->type == KITH_BOOL) {
        column->data[f->row] = value->boolean;
        taken = true;
    } else if (kind == PATH_TEXT && column->type == KITH_VARCHAR) {
        put_text(column, f->row, value, &taken);
    }
    if (taken) {
        column->valid[f->row / 64] |= UINT64_C(1) << (f->row % 64);
    } else {
        column->rest = true;
    }
    return buffer_failed(&column->bytes) ? KITH_ENOMEM : 0;
}

/* ---- a group ---- */

static size_t padded(size_t len) { return (len + TYPED_ALIGN - 1) & ~(TYPED_ALIGN - 1); }

static size_t block_bytes(const struct typed_column *column, size_t rows)
{
    const size_t width = typed_width(column->type);
    const size_t values = width > 0 ? rows * width : 4 * (rows + 1) + column->bytes.len;
    return typed_valid_bytes(rows) + padded(values);
}

static void put_directory(const struct typed_field *f, struct buffer *out, uint64_t *len)
{
    uint64_t at = padded(f->count * TYPED_ENTRY_BYTES);
    for (size_t i = 0; i < f->count; i++) {
        buffer_put_u64(out, at);
        buffer_put_u32(out, (uint32_t)f->columns[i].bytes.len);
        buffer_put_u32(out, f->columns[i].rest ? (uint32_t)TYPED_HAS_REST : 0);
        at += block_bytes(&f->columns[i], f->row);
    }
    *len = at;
}

static int put_padding(struct typed_field *f, size_t len)
{
    static const uint8_t zeros[TYPED_ALIGN];
    return blockfile_put(f->writer, zeros, padded(len) - len, f->err);
}

static int put_texts(struct typed_field *f, const struct typed_column *column, size_t rows)
{
    uint8_t offset[4];
    uint32_t at = 0;
    le32_put(offset, at);
    int rc = blockfile_put(f->writer, offset, sizeof offset, f->err);
    for (size_t row = 0; !rc && row < rows; row++) {
        at += le32_get(column->data + 4 * row);
        le32_put(offset, at);
        rc = blockfile_put(f->writer, offset, sizeof offset, f->err);
    }
    if (!rc) rc = blockfile_put(f->writer, column->bytes.data, column->bytes.len, f->err);
    return rc ? rc : put_padding(f, 4 * (rows + 1) + column->bytes.len);
}

static int put_column(struct typed_field *f, const struct typed_column *column)
{
    const size_t width = typed_width(column->type);
    const size_t valid = BITSET_WORDS(f->row) * sizeof(uint64_t);
    int rc = blockfile_put(f->writer, column->valid, valid, f->err);
    if (!rc) rc = put_padding(f, valid);
    if (rc) return rc;
    if (width == 0) return put_texts(f, column, f->row);
    rc = blockfile_put(f->writer, column->data, f->row * width, f->err);
    return rc ? rc : put_padding(f, f->row * width);
}

static int put_group(struct typed_field *f, const struct buffer *directory, uint64_t len)
{
    int rc = blockfile_begin(f->writer, SECTION_TYPED, f->number++, 0, len, f->err);
    if (!rc) rc = blockfile_put(f->writer, directory->data, directory->len, f->err);
    if (!rc) rc = put_padding(f, directory->len);
    for (size_t i = 0; !rc && i < f->count; i++) rc = put_column(f, &f->columns[i]);
    return rc ? rc : blockfile_end(f->writer, f->err);
}

static void clear_group(struct typed_field *f)
{
    for (size_t i = 0; i < f->count; i++) {
        struct typed_column *column = &f->columns[i];
        memset(column->valid, 0, BITSET_WORDS(f->row) * sizeof(uint64_t));
        memset(column->data, 0,
               f->row * (typed_width(column->type) ? typed_width(column->type) : 4));
        column->bytes.len = 0;
        column->rest = false;
    }
    f->row = 0;
}

static int end_group(struct typed_field *f)
{
    struct buffer directory;
    uint64_t len = 0;
    if (f->row == 0) return 0;
    buffer_init(&directory);
    put_directory(f, &directory, &len);
    const int rc = buffer_failed(&directory) ? no_memory(f->err) : put_group(f, &directory, len);
    buffer_release(&directory);
    clear_group(f);
    return rc;
}

static int gather_run(void *ctx, const struct chunk *chunk, size_t from, size_t end)
{
    struct typed_field *f = ctx;
    for (size_t i = from; i < end; i++) {
        if (chunk_valid(chunk, i) &&
            path_tree_walk(&f->tree, chunk_str(chunk, i), take_value, f)) {
            return no_memory(f->err);
        }
        if (++f->row < SEALED_CHUNK_ROWS) continue;
        const int rc = end_group(f);
        if (rc) return rc;
    }
    return 0;
}

/* ---- a field ---- */

static enum kith_type type_of(enum path_kind kind)
{
    static const enum kith_type types[PATH_KINDS] = {KITH_INT64, KITH_DOUBLE, KITH_BOOL,
                                                     KITH_VARCHAR};
    return types[kind];
}

static int make_columns(struct typed_field *f, const enum path_kind *kinds)
{
    f->columns = mem_zalloc_array(f->count, sizeof *f->columns);
    for (size_t i = 0; f->columns && i < f->count; i++) {
        struct typed_column *column = &f->columns[i];
        column->type = type_of(kinds[i]);
        buffer_init(&column->bytes);
        const size_t width = typed_width(column->type);
        column->valid = mem_zalloc_array(BITSET_WORDS(f->group_rows), sizeof *column->valid);
        column->data = mem_zalloc_array(f->group_rows, width > 0 ? width : 4);
        if (!column->valid || !column->data) return no_memory(f->err);
    }
    return f->columns ? 0 : no_memory(f->err);
}

static void field_release(struct typed_field *f)
{
    for (size_t i = 0; f->columns && i < f->count; i++) {
        buffer_release(&f->columns[i].bytes);
        mem_free(f->columns[i].valid);
        mem_free(f->columns[i].data);
    }
    mem_free(f->columns);
    path_tree_release(&f->tree);
}

static void list_paths(const struct typed_field *f, size_t field, const uint32_t *nodes,
                       struct buffer *out)
{
    struct buffer pointer;
    buffer_init(&pointer);
    for (size_t i = 0; i < f->count; i++) {
        pointer.len = 0;
        path_tree_pointer(&f->tree, nodes[i], &pointer);
        if (buffer_failed(&pointer)) out->failed = true;
        buffer_put_u32(out, (uint32_t)field);
        buffer_put_u32(out, (uint32_t)f->columns[i].type);
        buffer_put_u32(out, (uint32_t)pointer.len);
        buffer_put(out, pointer.data, pointer.len);
    }
    buffer_release(&pointer);
}

struct typed_file {
    struct blockfile_writer *writer;
    size_t rows;
    typed_rows_fn *each;
    void *each_ctx;
    struct buffer paths; /* entries so far */
    size_t path_count;
    size_t slots;
};

static int write_field(struct typed_file *file, size_t field, struct kith_error *err)
{
    enum path_kind kinds[PATHS_MAX];
    uint32_t nodes[PATHS_MAX];
    struct typed_field f = {.writer = file->writer, .err = err};
    f.number = file->slots * sealed_groups(file->rows);
    f.group_rows = file->rows < SEALED_CHUNK_ROWS ? file->rows : SEALED_CHUNK_ROWS;
    int rc = path_tree_init(&f.tree) ? no_memory(err) : 0;
    if (!rc) rc = file->each(file->each_ctx, field, count_run, &f);
    if (!rc) {
        f.count = path_tree_choose(&f.tree, file->rows, PATHS_MAX - file->path_count, kinds, nodes);
    }
    if (!rc && f.count > 0) {
        rc = make_columns(&f, kinds);
        if (!rc) rc = file->each(file->each_ctx, field, gather_run, &f);
        if (!rc) rc = end_group(&f);
        if (!rc) list_paths(&f, field, nodes, &file->paths);
        file->path_count += f.count;
        file->slots++;
    }
    field_release(&f);
    return rc;
}

static int write_paths(const struct typed_file *file, struct kith_error *err)
{
    uint8_t count[4];
    le32_put(count, (uint32_t)file->path_count);
    if (buffer_failed(&file->paths)) return no_memory(err);
    int rc = blockfile_begin(file->writer, SECTION_PATHS, 0, 0, 4 + file->paths.len, err);
    if (!rc) rc = blockfile_put(file->writer, count, sizeof count, err);
    if (!rc) rc = blockfile_put(file->writer, file->paths.data, file->paths.len, err);
    return rc ? rc : blockfile_end(file->writer, err);
}

int sealed_write_typed(struct blockfile_writer *writer, const struct schema *schema, size_t rows,
                       typed_rows_fn *each, void *each_ctx, struct kith_error *err)
{
    struct typed_file file = {.writer = writer, .rows = rows, .each = each, .each_ctx = each_ctx};
    buffer_init(&file.paths);
    int rc = 0;
    for (size_t i = 0; !rc && i < schema->field_count && file.path_count < PATHS_MAX; i++) {
        const struct schema_field *field = &schema->fields[i];
        if (field->type == KITH_JSON && !field->dropped) rc = write_field(&file, i, err);
    }
    if (!rc && file.path_count > 0) rc = write_paths(&file, err);
    buffer_release(&file.paths);
    return rc;
}
