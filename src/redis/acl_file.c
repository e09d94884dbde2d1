/*
 * The ACL file: one line a user, "user <name> <modifiers>", as ACL LIST shows them.
 *
 * Reading makes all users anew and, when every line is good, takes them over: those that are not in
 * the file go, and their clients with them. Writing goes through a second file and a rename.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/acl_internal.h"
#include "redis/redis_internal.h"

#define TEXT_FILE_BYTES_MAX (16u << 20)

struct loading {
    struct acl *acl;
    struct map users; /* name -> struct acl_user *; owned until taken over */
    struct resp_parser words;
    struct buffer *error;
    struct buffer why;
};

static int complain(struct loading *loading, size_t line, const char *text, size_t len)
{
    buffer_printf(loading->error, "line %zu: %.*s", line, (int)len, text);
    return KITH_EINVAL;
}

static int read_user(struct loading *loading, size_t line, const char *text, size_t len)
{
    struct resp_parser *words = &loading->words;
    if (!resp_split(words, text, len)) return complain(loading, line, "unbalanced quotes", 17);
    if (words->arg_count == 0 || words->args[0].data[0] == '#') return 0;
    if (words->arg_count < 2 || !str_is(words->args[0], "user"))
        return complain(loading, line, "should start with user keyword", 30);
    const struct kith_str name = words->args[1];
    if (map_get(&loading->users, name.data, name.len, NULL))
        return complain(loading, line, "this user was defined before", 28);
    struct acl_user *user = acl_user_new(name);
    if (!user || map_put(&loading->users, name.data, name.len, (uintptr_t)user)) {
        acl_user_free(user);
        return KITH_ENOMEM;
    }
    const int rc = acl_set_all(loading->acl->redis, user, words->args + 2, words->arg_count - 2,
                               &loading->why);
    if (rc == KITH_EINVAL)
        return complain(loading, line, (const char *)loading->why.data, loading->why.len);
    return rc;
}

static int read_lines(struct loading *loading, const struct buffer *text)
{
    size_t line = 1;
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < text->len; line++) {
        const char *start = (const char *)text->data + at;
        const char *end = memchr(start, '\n', text->len - at);
        size_t len = end ? (size_t)(end - start) : text->len - at;
        at += len + 1;
        if (len && start[len - 1] == '\r') len--;
        if (len) rc = read_user(loading, line, start, len);
    }
    return rc;
}

/* Cannot fail half-way: what it needs memory for was made before. */
static void take_over(struct loading *loading)
{
    struct acl *acl = loading->acl;
    size_t it = 0, len;
    const void *name;
    uintptr_t value;
    while (map_next(&acl->users, &it, &name, &len, &value)) {
        struct acl_user *old = (struct acl_user *)value;
        if (old == acl->standard || map_get(&loading->users, name, len, NULL)) continue;
        acl_remove(acl, old);
        it = 0; /* removal moves others about */
    }
    it = 0;
    while (map_next(&loading->users, &it, &name, &len, &value)) {
        struct acl_user *fresh = (struct acl_user *)value;
        struct acl_user *old = acl_find(acl, (struct kith_str){name, len});
        if (!old) old = acl_add(acl, (struct kith_str){name, len});
        if (old && acl_user_copy(old, fresh) == 0) acl_user_changed(acl->redis, old);
    }
}

int redis_read_file(const struct redis *redis, const char *path, struct buffer *out,
                    struct kith_error *err)
{
    struct os_file *file;
    uint64_t size = 0;
    size_t got = 0;
    int rc = os_open(redis->os, path, OS_READ, &file, err);
    if (rc) return rc;
    rc = os_size(file, &size, err);
    if (rc == 0 && size > TEXT_FILE_BYTES_MAX)
        rc = error_set(err, KITH_ELIMIT, "%s is larger than 16 MiB", path);
    if (rc == 0 && size) {
        uint8_t *room = buffer_extend(out, (size_t)size);
        rc = room ? os_pread(file, room, (size_t)size, 0, &got, err)
                  : error_set(err, KITH_ENOMEM, "%s: no memory", path);
        if (rc == 0) out->len = got;
    }
    os_close(file);
    return rc;
}

int acl_load(struct acl *acl, const char *path, struct buffer *error)
{
    struct loading loading = {.acl = acl, .error = error};
    struct buffer text;
    struct kith_error err = {0};
    buffer_init(&text);
    buffer_init(&loading.why);
    map_init(&loading.users);
    resp_parser_init(&loading.words);
    int rc = redis_read_file(acl->redis, path, &text, &err);
    if (rc) buffer_printf(error, "%s", err.text);
    else rc = read_lines(&loading, &text);
    if (rc == 0) take_over(&loading);
    size_t it = 0, len;
    const void *name;
    uintptr_t value;
    while (map_next(&loading.users, &it, &name, &len, &value))
        acl_user_free((struct acl_user *)value);
    map_release(&loading.users);
    resp_parser_release(&loading.words);
    buffer_release(&loading.why);
    buffer_release(&text);
    return rc;
}

/* ---- writing ---- */

static void print_users(const struct acl *acl, struct buffer *out)
{
    size_t it = 0, len;
    const void *name;
    uintptr_t value;
    while (map_next(&acl->users, &it, &name, &len, &value)) {
        buffer_printf(out, "user %.*s ", (int)len, (const char *)name);
        acl_describe((const struct acl_user *)value, out);
        buffer_put_u8(out, '\n');
    }
}

int redis_write_file(const struct redis *redis, const char *path, const struct buffer *text,
                     struct kith_error *err)
{
    char fresh[OS_PATH_MAX];
    struct os_file *file;
    if (snprintf(fresh, sizeof fresh, "%s.tmp", path) >= (int)sizeof fresh)
        return error_set(err, KITH_EINVAL, "%s: the path is too long", path);
    int rc = os_open(redis->os, fresh, OS_WRITE | OS_CREATE, &file, err);
    if (rc) return rc;
    rc = os_truncate(file, 0, err);
    if (rc == 0) rc = os_pwrite(file, text->data, text->len, 0, err);
    if (rc == 0) rc = os_sync(file, err);
    os_close(file);
    if (rc == 0) rc = os_rename(redis->os, fresh, path, err);
    return rc;
}

int acl_save(struct acl *acl, const char *path, struct kith_error *err)
{
    struct buffer text;
    buffer_init(&text);
    print_users(acl, &text);
    const int rc = buffer_failed(&text) ? error_set(err, KITH_ENOMEM, "%s: no memory", path)
                                        : redis_write_file(acl->redis, path, &text, err);
    buffer_release(&text);
    return rc;
}
