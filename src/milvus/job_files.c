/*
 * Which files an import may read: regular ones below the directory of the setting import.dir,
 * wherever links lead. A name is relative to it, or absolute and below it.
 */
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "milvus/job.h"

enum job_kind job_kind_of(const char *name)
{
    static const struct {
        const char *extension;
        enum job_kind kind;
    } known[] = {{".json", JOB_JSON},  {".jsonl", JOB_JSON},      {".ndjson", JOB_JSON},
                 {".csv", JOB_CSV},    {".npy", JOB_NUMPY},       {".parquet", JOB_PARQUET}};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof known / sizeof known[0]; i++)
        if (strcasecmp(dot, known[i].extension) == 0) return known[i].kind;
    return JOB_OTHER;
}

static bool climbs(const char *name)
{
    for (const char *at = name; at; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == 0)) return true;
    }
    return false;
}

static bool is_elsewhere(const char *dir, const char *name)
{
    size_t len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/') len--;
    return name[0] == '/' && (strncmp(name, dir, len) != 0 || (len > 1 && name[len] != '/'));
}

static MilvusStatus *refuse(struct milvus_call *call, const char *why, const char *name)
{
    return milvus_status(call, MILVUS_IMPORT, "%s: %.500s: importing data failed", why, name);
}

static MilvusStatus *check_name(struct milvus_call *call, const char *name)
{
    const char *dir = call->milvus->opts.import_dir;
    const enum job_kind kind = job_kind_of(name);
    if (!*name || strlen(name) > JOB_PATH_MAX || !utf8_valid(name, strlen(name)))
        return refuse(call, "the name of a file is empty or too long", "");
    if (climbs(name) || is_elsewhere(dir, name))
        return refuse(call, "the file is not in the directory of the setting import.dir", name);
    if (kind == JOB_PARQUET)
        return refuse(call, "Parquet files are not read by this server; write JSON, CSV or NumPy",
                      name);
    return kind == JOB_OTHER ? refuse(call, "unexpected file type", name) : NULL;
}

MilvusStatus *job_files_check(struct milvus_call *call, char *const *names, size_t count)
{
    MilvusStatus *refused = NULL;
    if (count == 0)
        return milvus_status(call, MILVUS_IMPORT,
                             "import request is empty: importing data failed");
    for (size_t i = 0; !refused && i < count; i++) refused = check_name(call, names[i]);
    for (size_t i = 0; !refused && count > 1 && i < count; i++)
        if (job_kind_of(names[i]) != JOB_NUMPY)
            refused = refuse(call, "only NumPy files are read together, one a field", names[i]);
    return refused;
}

int job_file_path(const char *dir, const char *name, char **out, struct kith_error *err)
{
    char path[OS_PATH_MAX];
    const int rc = os_beneath(dir, name, path, sizeof path, err);
    if (rc) return rc;
    *out = mem_strdup(path);
    return *out ? 0 : error_set(err, KITH_ENOMEM, "no memory for the name of a file");
}
