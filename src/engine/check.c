/*
 * kith_check: every file of a database verified without opening it for writing, and what the
 * manifests name compared with what is there; check_index.c looks inside.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/check_internal.h"
#include "engine/db.h"
#include "engine/identity.h"
#include "storage/dump.h"
#include "storage/file_name.h"

void check_found(void *ctx, uint64_t offset, const char *text)
{
    struct checking *checking = ctx;
    checking->report.problems++;
    if (checking->problem) checking->problem(checking->ctx, checking->file, offset, text);
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), e = strlen(end);
    return n > e && strcmp(name + n - e, end) == 0;
}

static int check_file(struct checking *checking, const char *path, const char *name, bool *known)
{
    uint64_t bytes = 0;
    struct os_stat stat;
    *known = true;
    if (ends_with(name, ".seg") || ends_with(name, ".idx") || ends_with(name, ".del"))
        return storage_verify(checking->os, path, checking->database_id, check_found, checking,
                              &bytes, checking->err);
    if (strncmp(name, "wal-", 4) == 0 && ends_with(name, ".log"))
        return wal_inspect(checking->os, path, checking->database_id, NULL, check_found, checking,
                           checking->err);
    if (strncmp(name, "meta-", 5) == 0 && ends_with(name, ".kv"))
        return journal_inspect(checking->os, path, checking->database_id, NULL, check_found,
                               checking, checking->err);
    *known = false;
    return os_stat(checking->os, path, &stat, checking->err);
}

static int check_name(void *ctx, const char *name)
{
    struct checking *checking = ctx;
    char path[OS_PATH_MAX];
    bool known = false;
    checking->file = name;
    int rc = path_join(path, checking->dir, name, checking->err);
    if (rc == 0) rc = check_file(checking, path, name, &known);
    if (rc == KITH_ENOMEM) return rc;
    struct os_stat stat;
    if (os_stat(checking->os, path, &stat, NULL)) return 0; /* unlinked meanwhile by a writer */
    if (rc) check_found(checking, 0, "the file cannot be read");
    if (rc == 0 && known) {
        checking->report.files++;
        checking->report.bytes += stat.size;
    }
    return 0;
}

static int check_named(void *ctx, const struct file_name *name)
{
    struct checking *checking = ctx;
    char path[OS_PATH_MAX];
    struct os_stat stat;
    if (file_name_path(name, checking->dir, path, sizeof path)) return 0;
    checking->file = path + strlen(checking->dir) + 1;
    if (os_stat(checking->os, path, &stat, NULL))
        check_found(checking, 0, "a manifest names this file, and it is not there");
    return 0;
}

static int check_manifest(void *ctx, const char *key, const uint8_t *value, size_t len)
{
    struct checking *checking = ctx;
    struct manifest manifest = { 0 };
    struct kith_error why = { 0 };
    int rc = manifest_decode(value, len, &manifest, &why);
    if (rc == KITH_ENOMEM) return rc;
    if (rc) {
        checking->file = key;
        check_found(checking, 0, why.text);
        return 0;
    }
    (void)manifest_files(&manifest, check_named, checking);
    rc = check_indexes(checking, &manifest);
    manifest_release(&manifest);
    return rc;
}

int kith_check(const char *path,
               void (*problem)(void *ctx, const char *file, uint64_t offset, const char *text),
               void *ctx, struct kith_check_report *out, struct kith_error *err)
{
    return check_on(os_real(), path, problem, ctx, out, err);
}

int check_on(const struct os *os, const char *path,
             void (*problem)(void *ctx, const char *file, uint64_t offset, const char *text),
             void *ctx, struct kith_check_report *out, struct kith_error *err)
{
    struct checking checking = {.os = os, .dir = path, .problem = problem, .ctx = ctx, .err = err};
    checking.file = "KITH";
    int rc = identity_read(checking.os, path, &checking.database_id, err);
    if (rc == KITH_ENOTFOUND) return error_set(err, rc, "no Kith database in '%s'", path);
    if (rc == KITH_ECORRUPT) {
        check_found(&checking, 0,
                    "the identity of the database is damaged; nothing else can be verified");
        *out = checking.report;
        return 0;
    }
    if (rc) return rc;
    rc = os_list(checking.os, path, check_name, &checking, err);
    struct journal *journal;
    struct kith_error why = { 0 };
    if (rc == 0) {
        rc = journal_open(checking.os, path, checking.database_id, true, &journal, &why);
        if (rc == 0) {
            rc = journal_range(journal, "c/", check_manifest, &checking);
            journal_close(journal);
        } else if (rc == KITH_ECORRUPT) {
            checking.file = "meta";
            check_found(&checking, 0, why.text);
            rc = 0;
        }
    }
    if (rc)
        return error_set(err, rc, "checking '%s': %s", path,
                         why.text[0] ? why.text : error_name(rc));
    *out = checking.report;
    return 0;
}
