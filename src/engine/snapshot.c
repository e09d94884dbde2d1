/*
 * kith_snapshot: a copy of the directory that opens as a database.
 *
 * The step lock keeps publications away and the catalog lock keeps creation and dropping away, so
 * the journal and the files it names stand still. The log goes on being written: what is copied of
 * it is a prefix, and its torn end is cut when the copy is opened.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/engine.h"
#include "engine/identity.h"

#define COPY_BYTES (1u << 20)

static int copy_file(const struct os *os, const char *from, const char *to, struct request *request,
                     struct kith_error *err)
{
    struct os_file *in = NULL, *out = NULL;
    uint8_t *block = mem_alloc(COPY_BYTES);
    int rc = block ? os_open(os, from, OS_READ, &in, err)
                   : error_set(err, KITH_ENOMEM, "snapshot: no memory");
    if (rc == 0) rc = os_open(os, to, OS_WRITE | OS_CREATE | OS_EXCL, &out, err);
    uint64_t at = 0;
    size_t got = COPY_BYTES;
    while (rc == 0 && got == COPY_BYTES) {
        if ((rc = request_poll(request))) {
            error_set(err, rc, "snapshot stopped: %s", error_name(rc));
            break;
        }
        rc = os_pread(in, block, COPY_BYTES, at, &got, err);
        if (rc == 0 && got) rc = os_pwrite(out, block, got, at, err);
        at += got;
    }
    if (rc == 0) rc = os_sync(out, err);
    os_close(in);
    os_close(out);
    mem_free(block);
    return rc;
}

static int add_name(void *ctx, const char *name)
{
    struct kith_names *names = ctx;
    size_t len = strlen(name);
    if (strcmp(name, "LOCK") == 0 || strcmp(name, READER_PAGE_NAME) == 0 ||
        (len > 4 && strcmp(name + len - 4, ".tmp") == 0))
        return 0;
    char **grown = mem_realloc(names->names, (names->count + 1) * sizeof *grown);
    if (!grown) return KITH_ENOMEM;
    names->names = grown;
    if (!(grown[names->count] = mem_strdup(name))) return KITH_ENOMEM;
    names->count++;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Log files in order, and the identity last: a copy without it is not a database. */
static int copy_all(struct kith_db *db, const char *to, struct request *request,
                    struct kith_error *err)
{
    struct kith_names names = { 0 };
    int rc = os_list(db->os, db->dir, add_name, &names, err);
    if (rc == 0 && names.count) qsort(names.names, names.count, sizeof *names.names, by_name);
    char from[OS_PATH_MAX], into[OS_PATH_MAX];
    for (int last = 0; last < 2; last++) {
        for (size_t i = 0; rc == 0 && i < names.count; i++) {
            if ((strcmp(names.names[i], "KITH") == 0) != (last == 1)) continue;
            rc = path_join(from, db->dir, names.names[i], err);
            if (rc == 0) rc = path_join(into, to, names.names[i], err);
            if (rc == 0) rc = copy_file(db->os, from, into, request, err);
        }
    }
    kith_names_free(&names);
    return rc ? rc : os_sync_dir(db->os, to, err);
}

int kith_snapshot(struct kith_db *db, const char *path, const struct kith_call *call,
                  struct kith_error *err)
{
    if (atomic_load(&db->closed)) return error_set(err, KITH_ECLOSED, "the database is closed");
    if (db->following)
        return error_set(err, KITH_EREADONLY,
                         "a snapshot beside a writing process is made by that one");
    struct os_stat stat;
    if (os_stat(db->os, path, &stat, NULL) == 0)
        return error_set(err, KITH_EEXISTS, "'%s' exists; a snapshot makes a new directory", path);
    struct request request;
    request_init(&request, db->os, call);
    os_mutex_lock(&db->step_lock);
    os_mutex_lock(&db->seal_lock);
    os_mutex_lock(&db->catalog_lock);
    int rc = os_mkdir(db->os, path, err);
    if (rc == 0) rc = copy_all(db, path, &request, err);
    os_mutex_unlock(&db->catalog_lock);
    os_mutex_unlock(&db->seal_lock);
    os_mutex_unlock(&db->step_lock);
    return rc;
}
