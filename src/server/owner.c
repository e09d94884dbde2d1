/* See owner.h. */
#include "server/owner.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

#define KEY_MAX 640

static bool write_key(char out[KEY_MAX], const char *database, const char *name)
{
    const int len = snprintf(out, KEY_MAX, "owner/%s/%s", database ? database : "default", name);
    return len > 0 && len < KEY_MAX;
}

static int change(struct kith_db *db, const char *database, const char *name, const char *owner,
                  struct kith_error *err)
{
    char key[KEY_MAX];
    if (!write_key(key, database, name)) return error_set(err, KITH_EINVAL, "the name is too long");
    const struct kith_meta_change one = {key, owner, owner ? strlen(owner) : 0};
    return kith_meta_write(db, &one, 1, err);
}

int owner_set(struct kith_db *db, const char *database, const char *name, const char *owner,
              struct kith_error *err)
{
    return change(db, database, name, owner, err);
}

int owner_clear(struct kith_db *db, const char *database, const char *name, struct kith_error *err)
{
    return change(db, database, name, NULL, err);
}

bool owner_is_redis(struct kith_db *db, const char *database, const char *name)
{
    char key[KEY_MAX];
    void *value;
    size_t len;
    if (!write_key(key, database, name) || kith_meta_get(db, key, &value, &len, NULL)) return false;
    const bool is = len == strlen(OWNER_REDIS) && memcmp(value, OWNER_REDIS, len) == 0;
    kith_meta_free(value);
    return is;
}

int owner_list(struct kith_db *db, const char *database, struct kith_names *out,
               struct kith_error *err)
{
    char prefix[KEY_MAX];
    if (!write_key(prefix, database, ""))
        return error_set(err, KITH_EINVAL, "the name is too long");
    const int rc = kith_meta_list(db, prefix, out, err);
    const size_t len = strlen(prefix);
    for (size_t i = 0; rc == 0 && i < out->count; i++)
        memmove(out->names[i], out->names[i] + len, strlen(out->names[i]) - len + 1);
    return rc;
}

void owner_refusal(const char *name, char *out, size_t size)
{
    (void)snprintf(out, size,
                   "collection '%.200s' is a search index of the Redis door: its rows are keys "
                   "there. Write with HSET, JSON.SET or DEL through that door, change the index "
                   "with FT.ALTER, remove it with FT.DROPINDEX",
                   name);
}
