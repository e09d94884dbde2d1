/*
 * An ann-benchmarks file, written here with the HDF5 library and read back through the reader;
 * wrong data sets, and a file cut short. Skipped when the build has no HDF5.
 */
#include "import_help.h"

#include <stdio.h>
#include <unistd.h>

static void path_of(char *out, size_t cap)
{
    const char *dir = getenv("KITH_BINARY_DIR");
    snprintf(out, cap, "%s/test_hdf5_%ld.hdf5", dir ? dir : "/tmp", (long)getpid());
}

static int open_dataset(const char *path, const char *dataset, struct import_reader **out,
                        struct kith_error *err)
{
    const struct import_options options = {.format = IMPORT_HDF5, .dataset = dataset};
    return import_open(os_real(), path, &options, out, err);
}

#if __has_include(<hdf5.h>)
#include <hdf5.h>
#define HAVE_WRITER 1

static void put_table(hid_t file, const char *name, hid_t type, hsize_t rows, hsize_t dim,
                      const void *data)
{
    hsize_t dims[2] = {rows, dim};
    hid_t space = H5Screate_simple(2, dims, NULL);
    hid_t table = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(table, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Dclose(table);
    H5Sclose(space);
}

static void write_file(const char *path)
{
    float train[10 * 3];
    int32_t neighbors[2 * 2] = {4, 3, 2, 1};
    for (int i = 0; i < 30; i++) train[i] = (float)i;
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    put_table(file, "train", H5T_NATIVE_FLOAT, 10, 3, train);
    put_table(file, "neighbors", H5T_NATIVE_INT32, 2, 2, neighbors);
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, 7);
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(file, "distance", type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, type, "angular");
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    H5Fclose(file);
}
#else
#define HAVE_WRITER 0
static void write_file(const char *path) { (void)path; }
#endif

static void check_tables(const char *path)
{
    struct import_reader *reader;
    struct kith_error err = {0};
    if (open_dataset(path, NULL, &reader, &err)) fail_msg("%s", err.text);
    const struct import_description *about = import_describe(reader);
    assert_int_equal(about->rows, 10);
    assert_int_equal(about->columns[0].dim, 3);
    assert_string_equal(about->distance, "angular");
    assert_int_equal(next_ok(reader, 4).rows, 4);
    struct import_position at = import_position(reader);
    assert_int_equal(next_ok(reader, 100).rows, 6);
    assert_int_equal(next_ok(reader, 100).rows, 0);
    assert_int_equal(import_seek(reader, at, NULL), 0);
    struct import_batch batch = next_ok(reader, 1);
    assert_true(((const float *)batch.columns[0].values)[2] == 14.0f);
    import_close(reader);
    assert_int_equal(open_dataset(path, "neighbors", &reader, &err), 0);
    assert_int_equal(import_describe(reader)->columns[0].kind, IMPORT_VECTOR_I32);
    batch = next_ok(reader, 9);
    assert_int_equal(((const int32_t *)batch.columns[0].values)[3], 1);
    import_close(reader);
    assert_int_equal(open_dataset(path, "test", &reader, &err), KITH_EINVAL);
    assert_non_null(strstr(err.text, "'test' is not there"));
}

static void test_hdf5(void **state)
{
    (void)state;
    char path[4096];
    struct import_reader *reader;
    struct kith_error err = {0};
    if (!HAVE_WRITER) skip();
    path_of(path, sizeof path);
    write_file(path);
    int rc = open_dataset(path, NULL, &reader, &err);
    if (rc == KITH_EUNSUPPORTED) {
        unlink(path);
        skip();
    }
    if (!rc) import_close(reader);
    check_tables(path);
    assert_int_equal(truncate(path, 500), 0);
    assert_int_equal(open_dataset(path, NULL, &reader, &err), KITH_ECORRUPT);
    unlink(path);
}

static void test_bytes_refused(void **state)
{
    (void)state;
    open_fails("\x89HDF\r\n\x1a\n", 8, "x.hdf5", KITH_EUNSUPPORTED, "HDF5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hdf5),
        cmocka_unit_test(test_bytes_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
