/*
 * ann-benchmarks' HDF5 files: data sets train, test (f32), neighbors (i32) and distances (f32), of
 * two dimensions, and an attribute `distance` at the root. A reader reads one of them.
 *
 * This is the one reader that the HDF5 library does the file access of, so it is not seen by the
 * os seam, and what that library does with a damaged file is its own affair. We ask it for shape
 * and type first and never read more than a batch. Its error printing is off while a call runs.
 */
#include "import/import_internal.h"

#ifndef KITH_HAVE_HDF5

int import_open_hdf5(struct import_reader *reader, struct kith_error *err)
{
    return error_set(err, KITH_EUNSUPPORTED, "%s: built without HDF5; install libhdf5-dev and "
                     "build again", reader->path);
}

#else

#include <hdf5.h>
#include <string.h>

#include "base/alloc.h"

struct hdf5 {
    hid_t file, data;
    hid_t memory_type; /* borrows a library constant */
    hsize_t rows, dim;
};

static int no_dataset(const struct import_reader *reader, const char *problem,
                      struct kith_error *err)
{
    return error_set(err, KITH_EINVAL, "%s: data set '%s' %s; try train, test, neighbors or "
                     "distances", reader->path, reader->options.dataset, problem);
}

static int read_shape(const struct import_reader *reader, struct hdf5 *h, struct kith_error *err)
{
    hsize_t dims[2] = {0, 0};
    hid_t space = H5Dget_space(h->data);
    if (space < 0) return no_dataset(reader, "has no shape", err);
    bool plain = H5Sget_simple_extent_ndims(space) == 2 &&
                 H5Sget_simple_extent_dims(space, dims, NULL) == 2;
    H5Sclose(space);
    if (!plain) return no_dataset(reader, "is no table of 2 dimensions", err);
    if (dims[1] < 1 || dims[1] > IMPORT_DIM_MAX) {
        return no_dataset(reader, "has an impossible dimension", err);
    }
    h->rows = dims[0];
    h->dim = dims[1];
    return 0;
}

static int read_type(const struct import_reader *reader, struct hdf5 *h, enum import_kind *kind,
                     struct kith_error *err)
{
    hid_t type = H5Dget_type(h->data);
    H5T_class_t class = type < 0 ? H5T_NO_CLASS : H5Tget_class(type);
    if (type >= 0) H5Tclose(type);
    if (class != H5T_FLOAT && class != H5T_INTEGER) {
        return no_dataset(reader, "holds neither floats nor integers", err);
    }
    *kind = class == H5T_FLOAT ? IMPORT_VECTOR_F32 : IMPORT_VECTOR_I32;
    h->memory_type = class == H5T_FLOAT ? H5T_NATIVE_FLOAT : H5T_NATIVE_INT32;
    return 0;
}

/* The attribute may be of fixed or variable length; absent is fine. */
static void read_distance(struct import_reader *reader, hid_t file)
{
    char *out = reader->description.distance;
    size_t cap = sizeof reader->description.distance;
    if (H5Aexists(file, "distance") <= 0) return;
    hid_t attribute = H5Aopen(file, "distance", H5P_DEFAULT);
    if (attribute < 0) return;
    hid_t type = H5Aget_type(attribute);
    hid_t space = H5Aget_space(attribute);
    bool one = space >= 0 && H5Sget_simple_extent_npoints(space) == 1;
    if (one && H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) > 0) {
        char *text = NULL;
        if (H5Aread(attribute, type, (void *)&text) >= 0 && text) {
            size_t len = strnlen(text, cap - 1);
            memcpy(out, text, len);
            H5free_memory(text);
        }
    } else if (one && H5Tget_class(type) == H5T_STRING && H5Tget_size(type) < cap) {
        if (H5Aread(attribute, type, out) < 0) out[0] = 0;
        out[cap - 1] = 0;
    }
    if (space >= 0) H5Sclose(space);
    if (type >= 0) H5Tclose(type);
    H5Aclose(attribute);
}

static bool read_rows(const struct hdf5 *h, uint64_t row, size_t rows, void *out)
{
    hsize_t start[2] = {row, 0}, count[2] = {rows, h->dim};
    hid_t disk = H5Dget_space(h->data);
    hid_t memory = H5Screate_simple(2, count, NULL);
    bool done = disk >= 0 && memory >= 0 &&
                H5Sselect_hyperslab(disk, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
                H5Dread(h->data, h->memory_type, memory, disk, H5P_DEFAULT, out) >= 0;
    if (memory >= 0) H5Sclose(memory);
    if (disk >= 0) H5Sclose(disk);
    return done;
}

static int hdf5_next(struct import_reader *reader, size_t max_rows, struct kith_error *err)
{
    const struct hdf5 *h = reader->state;
    struct import_store *store = &reader->stores[0];
    uint64_t row = reader->position.row, left = h->rows - row;
    size_t bytes = (size_t)h->dim * 4, fit = IMPORT_BATCH_BYTES / bytes;
    size_t rows = max_rows < fit ? max_rows : fit;
    bool done = true;
    if (rows > left) rows = (size_t)left;
    if (rows == 0) return 0;
    uint8_t *values = buffer_extend(&store->values, rows * bytes);
    uint8_t *nulls = buffer_extend(&store->nulls, rows);
    if (!values || !nulls) return import_no_memory(reader, err);
    memset(nulls, 0, rows);
    H5E_BEGIN_TRY { done = read_rows(h, row, rows, values); } H5E_END_TRY
    if (!done) {
        return error_set_at(err, KITH_ECORRUPT, row, "%s: cannot read '%s' from row %llu on; get "
                            "the file again", reader->path, reader->options.dataset,
                            (unsigned long long)row);
    }
    reader->position.row += rows;
    reader->position.offset = (uint64_t)((double)reader->position.row / (double)h->rows *
                                         (double)reader->size);
    return 0;
}

static int hdf5_seek(struct import_reader *reader, struct import_position to,
                     struct kith_error *err)
{
    const struct hdf5 *h = reader->state;
    if (to.row <= h->rows) return 0;
    return error_set(err, KITH_EINVAL, "%s: row %llu is past the end; start again", reader->path,
                     (unsigned long long)to.row);
}

static void hdf5_close(struct import_reader *reader)
{
    struct hdf5 *h = reader->state;
    if (h->data >= 0) H5Dclose(h->data);
    if (h->file >= 0) H5Fclose(h->file);
    mem_free(h);
}

static const struct import_ops hdf5_ops = {hdf5_next, hdf5_seek, hdf5_close};

static int open_dataset(struct import_reader *reader, struct hdf5 *h, enum import_kind *kind,
                        struct kith_error *err)
{
    h->file = H5Fopen(reader->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (h->file < 0) {
        return error_set(err, KITH_ECORRUPT, "%s: the HDF5 library cannot open it; is it whole?",
                         reader->path);
    }
    h->data = H5Dopen2(h->file, reader->options.dataset, H5P_DEFAULT);
    if (h->data < 0) return no_dataset(reader, "is not there", err);
    int rc = read_shape(reader, h, err);
    if (!rc) rc = read_type(reader, h, kind, err);
    if (!rc) read_distance(reader, h->file);
    return rc;
}

int import_open_hdf5(struct import_reader *reader, struct kith_error *err)
{
    enum import_kind kind = IMPORT_VECTOR_F32;
    int rc = 0;
    if (!reader->file) {
        return error_set(err, KITH_EUNSUPPORTED, "%s: HDF5 can be read from a file only",
                         reader->path);
    }
    struct hdf5 *h = mem_zalloc(sizeof *h);
    if (!h) return import_no_memory(reader, err);
    h->file = h->data = -1;
    reader->state = h;
    reader->ops = &hdf5_ops;
    H5E_BEGIN_TRY { rc = open_dataset(reader, h, &kind, err); } H5E_END_TRY
    if (rc) return rc;
    reader->description.rows = h->rows;
    return import_add_column(reader, "vector", 6, kind, (uint32_t)h->dim, err);
}

#endif
