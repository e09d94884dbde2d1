/*
 * The main() of a fuzz target built without libFuzzer: runs the target once for every file named,
 * and for every file of every directory named, in sorted order, and prints how many there were.
 * So each corpus is an ordinary test, with any compiler.
 *
 * Exit status: 0 when all ran (a failing target aborts), 1 when there was nothing to run.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The target sees exactly the file's size: a sanitizer sees one byte too far. */
static int run_file(const char *path)
{
    struct stat info;
    FILE *file = fopen(path, "rb");
    if (!file) return -1;
    int rc = -1;
    uint8_t *data = NULL;
    if (fstat(fileno(file), &info) == 0 && S_ISREG(info.st_mode)) {
        size_t size = (size_t)info.st_size;
        data = malloc(size ? size : 1);
        if (data && fread(data, 1, size, file) == size) {
            (void)LLVMFuzzerTestOneInput(data, size);
            rc = 0;
        }
    }
    free(data);
    (void)fclose(file);
    return rc;
}

static int is_visible(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Runs the directory's files; returns how many could be read. */
static size_t run_directory(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, is_visible, by_name);
    if (count < 0) return 0;
    size_t ran = 0;
    for (int i = 0; i < count; i++) {
        char *name = NULL;
        if (asprintf(&name, "%s/%s", path, entries[i]->d_name) >= 0) {
            ran += run_file(name) == 0;
            free(name);
        }
        free(entries[i]);
    }
    free(entries);
    return ran;
}

static size_t run_path(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0) return 0;
    return S_ISDIR(info.st_mode) ? run_directory(path) : run_file(path) == 0;
}

int main(int argc, char **argv)
{
    size_t total = 0;
    for (int i = 1; i < argc; i++) {
        size_t ran = run_path(argv[i]);
        if (ran == 0) {
            (void)fprintf(stderr, "no corpus: %s\n", argv[i]);
            return 1;
        }
        total += ran;
    }
    if (total == 0) {
        (void)fprintf(stderr, "no corpus\n");
        return 1;
    }
    printf("%zu inputs\n", total);
    return 0;
}
