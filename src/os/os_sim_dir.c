/*
 * Names and directories of the simulated machine.
 */
#include <string.h>

#include "base/alloc.h"
#include "os/os_sim.h"

static int missing(struct kith_error *err, const char *operation, const char *path)
{
    return error_set(err, KITH_ENOTFOUND, "%s '%s': No such file or directory", operation, path);
}

static int finish(struct os_sim *sim, int rc, const char *operation, const char *path,
                  struct kith_error *err)
{
    sim_leave(sim);
    if (rc == KITH_ENOMEM) return error_set(err, rc, "%s '%s': out of memory", operation, path);
    return rc;
}

int sim_mkdir(const struct os *os, const char *path, struct kith_error *err)
{
    struct os_sim *sim = sim_of(os);
    struct sim_path at;
    sim_enter(sim);
    int rc = sim_resolve(sim, path, &at, "mkdir", err);
    if (rc == 0 && at.node && !at.node->is_dir)
        rc = error_set(err, KITH_EEXISTS, "mkdir '%s': File exists", path);
    if (rc == 0 && !at.node) {
        struct sim_inode *node = sim_inode_new(sim, true);
        rc = node ? sim_change_names(sim, NULL, NULL, at.dir, at.name, node) : KITH_ENOMEM;
        sim_inode_unref(sim, node);
    }
    return finish(sim, rc, "mkdir", path, err);
}

static int resolve_two(struct os_sim *sim, const char *from, const char *to, struct sim_path *a,
                       struct sim_path *b, const char *operation, struct kith_error *err)
{
    int rc = sim_resolve(sim, from, a, operation, err);
    if (rc == 0) rc = sim_resolve(sim, to, b, operation, err);
    if (rc == 0 && (!a->node || !a->dir)) rc = missing(err, operation, from);
    if (rc == 0 && !b->dir) rc = error_set(err, KITH_EINVAL, "%s to '%s'", operation, to);
    return rc;
}

static int rename_locked(struct os_sim *sim, const char *from, const char *to,
                         struct kith_error *err)
{
    struct sim_path a;
    struct sim_path b;
    int rc = resolve_two(sim, from, to, &a, &b, "rename", err);
    if (rc || a.node == b.node) return rc;
    if (b.node && (a.node->is_dir != b.node->is_dir || b.node->live_names.count))
        return error_set(err, KITH_EEXISTS, "rename to '%s': File exists", to);
    return sim_change_names(sim, a.dir, a.name, b.dir, b.name, a.node);
}

int sim_rename(const struct os *os, const char *from, const char *to, struct kith_error *err)
{
    struct os_sim *sim = sim_of(os);
    sim_enter(sim);
    return finish(sim, rename_locked(sim, from, to, err), "rename", from, err);
}

int sim_link(const struct os *os, const char *from, const char *to, struct kith_error *err)
{
    struct os_sim *sim = sim_of(os);
    struct sim_path a;
    struct sim_path b;
    sim_enter(sim);
    int rc = resolve_two(sim, from, to, &a, &b, "link", err);
    if (rc == 0 && b.node) rc = error_set(err, KITH_EEXISTS, "link '%s': File exists", to);
    if (rc == 0 && a.node->is_dir)
        rc = error_set(err, KITH_EIO, "link '%s': Operation not permitted", from);
    if (rc == 0) rc = sim_change_names(sim, NULL, NULL, b.dir, b.name, a.node);
    return finish(sim, rc, "link", from, err);
}

static int remove_name(const struct os *os, const char *path, bool is_dir, const char *operation,
                       struct kith_error *err)
{
    struct os_sim *sim = sim_of(os);
    struct sim_path at;
    sim_enter(sim);
    int rc = sim_resolve(sim, path, &at, operation, err);
    if (rc == 0 && (!at.node || !at.dir)) rc = missing(err, operation, path);
    if (rc == 0 && at.node->is_dir != is_dir)
        rc = error_set(err, is_dir ? KITH_ENOTFOUND : KITH_EIO, "%s '%s': %s a directory",
                       operation, path, is_dir ? "Not" : "Is");
    if (rc == 0 && at.node->live_names.count)
        rc = error_set(err, KITH_EEXISTS, "%s '%s': Directory not empty", operation, path);
    if (rc == 0) rc = sim_change_names(sim, at.dir, at.name, NULL, NULL, NULL);
    return finish(sim, rc, operation, path, err);
}

int sim_unlink(const struct os *os, const char *path, struct kith_error *err)
{
    return remove_name(os, path, false, "unlink", err);
}

int sim_rmdir(const struct os *os, const char *path, struct kith_error *err)
{
    return remove_name(os, path, true, "rmdir", err);
}

/* Moves the pending changes that touch `dir` to the durable names, in order. */
static int sync_names(struct os_sim *sim, const struct sim_inode *dir)
{
    size_t kept = 0;
    int rc = 0;
    for (size_t i = 0; i < sim->change_count; i++) {
        struct sim_change *change = &sim->changes[i];
        bool ours = rc == 0 && (change->from_dir == dir || change->to_dir == dir);
        if (ours && change->to_dir)
            rc = sim_names_set(sim, &change->to_dir->durable_names, change->to, change->node);
        if (!ours || rc) {
            sim->changes[kept++] = *change;
            continue;
        }
        if (change->from_dir)
            sim_names_remove(sim, &change->from_dir->durable_names, change->from);
        sim_change_release(sim, change);
    }
    sim->change_count = kept;
    return rc;
}

int sim_sync_dir(const struct os *os, const char *path, struct kith_error *err)
{
    struct os_sim *sim = sim_of(os);
    struct sim_path at;
    sim_enter(sim);
    int rc = sim_resolve(sim, path, &at, "sync directory", err);
    if (rc == 0 && (!at.node || !at.node->is_dir)) rc = missing(err, "sync directory", path);
    if (rc == 0) {
        sim_inode_ref(at.node); /* the last reference may be a change's */
        rc = sync_names(sim, at.node);
        sim_inode_unref(sim, at.node);
    }
    return finish(sim, rc, "sync directory", path, err);
}

int sim_stat(const struct os *os, const char *path, struct os_stat *out, struct kith_error *err)
{
    struct os_sim *sim = sim_of(os);
    struct sim_path at;
    sim_enter(sim);
    int rc = sim_resolve(sim, path, &at, "stat", err);
    if (rc == 0 && !at.node) rc = missing(err, "stat", path);
    if (rc == 0) *out = (struct os_stat){.size = at.node->live.size, .is_dir = at.node->is_dir,
                                      .is_file = !at.node->is_dir};
    return finish(sim, rc, "stat", path, err);
}

/* Copies the names, starting at a drawn one: nobody may rely on an order. */
static int copy_names(struct os_sim *sim, const struct sim_names *names, char ***out)
{
    char **list = mem_zalloc_array(names->count + 1, sizeof *list);
    if (!list) return KITH_ENOMEM;
    *out = list;
    size_t first = names->count ? (size_t)rng_below(&sim->entropy_rng, names->count) : 0;
    for (size_t i = 0; i < names->count; i++) {
        list[i] = mem_strdup(names->list[(first + i) % names->count].name);
        if (!list[i]) return KITH_ENOMEM;
    }
    return 0;
}

int sim_list(const struct os *os, const char *path, os_list_fn *fn, void *ctx,
             struct kith_error *err)
{
    struct os_sim *sim = sim_of(os);
    struct sim_path at;
    char **list = NULL; /* ends with NULL */
    sim_enter(sim);
    int rc = sim_resolve(sim, path, &at, "list", err);
    if (rc == 0 && (!at.node || !at.node->is_dir)) rc = missing(err, "list", path);
    if (rc == 0) rc = copy_names(sim, &at.node->live_names, &list);
    rc = finish(sim, rc, "list", path, err);
    for (size_t i = 0; rc == 0 && list[i]; i++) rc = fn(ctx, list[i]);
    for (size_t i = 0; list && list[i]; i++) mem_free(list[i]);
    mem_free(list);
    return rc;
}

int sim_disk_free(const struct os *os, const char *path, uint64_t *free_bytes,
                  uint64_t *total_bytes, struct kith_error *err)
{
    struct os_sim *sim = sim_of(os);
    struct sim_path at;
    sim_enter(sim);
    int rc = sim_resolve(sim, path, &at, "disk space of", err);
    if (rc == 0 && !at.node) rc = missing(err, "disk space of", path);
    uint64_t total = sim->disk_limit ? sim->disk_limit : (uint64_t)1 << 40;
    uint64_t used = sim_disk_used(sim);
    if (rc == 0) {
        *free_bytes = used < total ? total - used : 0;
        *total_bytes = total;
    }
    return finish(sim, rc, "disk space of", path, err);
}
