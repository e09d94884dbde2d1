/*
 * Open files and mappings of the simulated machine.
 *
 * A write is noted as pending before it is done, so that an out-of-memory leaves both or neither.
 * os_map gives a copy (mapped files are immutable by then), os_map_shared the file's own bytes:
 * all openers of one file see each other's stores, as on the real machine. Stores into a mapping
 * become durable with the next os_sync of the file.
 */
#include <string.h>

#include "base/alloc.h"
#include "os/os_sim.h"

static struct sim_file *file_of(struct os_file *file)
{
    return (struct sim_file *)file;
}

static int no_memory(struct kith_error *err, const char *operation, const char *path)
{
    return error_set(err, KITH_ENOMEM, "%s '%s': out of memory", operation, path);
}

/* ---- open and close ---- */

static int create(struct os_sim *sim, struct sim_path *at, const char *path,
                  struct kith_error *err)
{
    struct sim_inode *node = sim_inode_new(sim, false);
    int rc = node ? sim_change_names(sim, NULL, NULL, at->dir, at->name, node) : KITH_ENOMEM;
    at->node = node;
    sim_inode_unref(sim, node); /* the name holds it now, or nothing does */
    return rc ? no_memory(err, "open", path) : 0;
}

static int open_node(struct os_sim *sim, const char *path, unsigned flags,
                     struct sim_inode **node, struct kith_error *err)
{
    struct sim_path at;
    bool creating = (flags & OS_WRITE) && (flags & OS_CREATE);
    int rc = sim_resolve(sim, path, &at, "open", err);
    if (rc) return rc;
    if (at.node && creating && (flags & OS_EXCL))
        return error_set(err, KITH_EEXISTS, "open '%s': File exists", path);
    if (at.node && at.node->is_dir && (flags & OS_WRITE))
        return error_set(err, KITH_EIO, "open '%s': Is a directory", path);
    if (!at.node && !creating)
        return error_set(err, KITH_ENOTFOUND, "open '%s': No such file or directory", path);
    if (!at.node) rc = create(sim, &at, path, err);
    *node = at.node;
    return rc;
}

int sim_open(const struct os *os, const char *path, unsigned flags, struct os_file **out,
             struct kith_error *err)
{
    struct os_sim *sim = sim_of(os);
    size_t len = strlen(path) + 1;
    struct sim_file *file = mem_zalloc(sizeof *file + len);
    if (!file) return no_memory(err, "open", path);
    file->base.os = os;
    file->sim = sim;
    file->writable = (flags & OS_WRITE) != 0;
    memcpy(file->path, path, len);
    sim_enter(sim);
    int rc = open_node(sim, path, flags, &file->node, err);
    if (rc == 0) sim_inode_ref(file->node)->links++;
    sim_leave(sim);
    if (rc)
        mem_free(file);
    else
        *out = &file->base;
    return rc;
}

void sim_close(struct os_file *file)
{
    struct sim_file *handle = file_of(file);
    struct os_sim *sim = handle->sim;
    sim_enter(sim);
    if (handle->node->locked_by == file) handle->node->locked_by = NULL;
    handle->node->links--;
    sim_inode_unref(sim, handle->node);
    sim_leave(sim);
    mem_free(handle);
}

int sim_lock(struct os_file *file, struct kith_error *err)
{
    struct sim_file *handle = file_of(file);
    sim_enter(handle->sim);
    bool free_or_ours = !handle->node->locked_by || handle->node->locked_by == file;
    if (free_or_ours) handle->node->locked_by = file;
    sim_leave(handle->sim);
    if (free_or_ours) return 0;
    return error_set(err, KITH_ELOCKED, "lock '%s': held by another opener; close it first",
                     handle->path);
}

/* ---- reading and writing ---- */

int sim_pread(struct os_file *file, void *buf, size_t len, uint64_t offset, size_t *got,
              struct kith_error *err)
{
    struct sim_file *handle = file_of(file);
    if (handle->node->is_dir)
        return error_set(err, KITH_EIO, "read '%s': Is a directory", handle->path);
    sim_enter(handle->sim);
    const struct sim_content *live = &handle->node->live;
    uint64_t left = offset < live->size ? live->size - offset : 0;
    size_t n = left < len ? (size_t)left : len;
    sim_content_read(live, buf, n, offset);
    sim_leave(handle->sim);
    *got = n;
    return 0;
}

int sim_size(struct os_file *file, uint64_t *size, struct kith_error *err)
{
    (void)err;
    struct sim_file *handle = file_of(file);
    sim_enter(handle->sim);
    *size = handle->node->live.size;
    sim_leave(handle->sim);
    return 0;
}

/* Whether the file may grow to `end`. */
static int check_room(const struct sim_file *handle, uint64_t end, const char *operation,
                      struct kith_error *err)
{
    const struct os_sim *sim = handle->sim;
    uint64_t size = handle->node->live.size;
    if (!handle->writable)
        return error_set(err, KITH_EIO, "%s '%s': not open for writing", operation, handle->path);
    if (end <= size) return 0;
    bool full = end > SIM_FILE_BYTES_MAX;
    if (!full && sim->disk_limit) {
        uint64_t chunk = SIM_CHUNK_BYTES;
        uint64_t more = ((end + chunk - 1) / chunk - (size + chunk - 1) / chunk) * chunk;
        full = more && sim_disk_used(sim) + more > sim->disk_limit;
    }
    if (!full) return 0;
    return error_set(err, KITH_ENOSPC, "%s '%s': No space left on device; free disk space or move "
                     "the database to a larger disk", operation, handle->path);
}

static int write_locked(struct sim_file *handle, const void *buf, size_t len, uint64_t offset,
                        struct kith_error *err)
{
    int rc = check_room(handle, offset + len, "write", err);
    if (rc) return rc;
    struct sim_write write = {.offset = offset, .len = len, .bytes = mem_alloc(len)};
    if (!write.bytes) return no_memory(err, "write", handle->path);
    memcpy(write.bytes, buf, len);
    rc = sim_note_write(handle->sim, handle->node, write);
    if (rc) {
        mem_free(write.bytes);
        return no_memory(err, "write", handle->path);
    }
    rc = sim_content_write(&handle->node->live, buf, len, offset);
    return rc ? no_memory(err, "write", handle->path) : 0;
}

int sim_pwrite(struct os_file *file, const void *buf, size_t len, uint64_t offset,
               struct kith_error *err)
{
    struct sim_file *handle = file_of(file);
    sim_enter(handle->sim);
    int rc = write_locked(handle, buf, len, offset, err);
    sim_leave(handle->sim);
    return rc;
}

static int resize_locked(struct sim_file *handle, uint64_t size, const char *operation,
                         struct kith_error *err)
{
    int rc = check_room(handle, size, operation, err);
    if (rc) return rc;
    uint64_t old = handle->node->live.size;
    struct sim_write write = {.is_resize = true, .size = size};
    write.offset = size < old ? size : old;
    write.len = size < old ? old - size : size - old;
    rc = sim_note_write(handle->sim, handle->node, write);
    if (rc == 0) rc = sim_content_resize(&handle->node->live, size);
    return rc ? no_memory(err, operation, handle->path) : 0;
}

int sim_truncate(struct os_file *file, uint64_t size, struct kith_error *err)
{
    struct sim_file *handle = file_of(file);
    sim_enter(handle->sim);
    int rc = resize_locked(handle, size, "truncate", err);
    sim_leave(handle->sim);
    return rc;
}

int sim_allocate(struct os_file *file, uint64_t offset, uint64_t len, struct kith_error *err)
{
    struct sim_file *handle = file_of(file);
    sim_enter(handle->sim);
    int rc = 0;
    if (offset + len > handle->node->live.size)
        rc = resize_locked(handle, offset + len, "allocate", err);
    sim_leave(handle->sim);
    return rc;
}

/* Durable becomes live wherever a pending write touched it, and in what is mapped. */
static int sync_locked(struct sim_inode *node)
{
    const struct sim_content *live = &node->live;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < node->write_count; i++)
        rc = sim_content_share(&node->durable, live, node->writes[i].offset, node->writes[i].len);
    if (rc == 0)
        rc = sim_content_share(&node->durable, live, 0,
                               (uint64_t)live->flat_chunks * SIM_CHUNK_BYTES);
    if (rc == 0) rc = sim_content_resize(&node->durable, live->size);
    if (rc == 0) sim_writes_clear(node);
    return rc;
}

int sim_sync(struct os_file *file, struct kith_error *err)
{
    struct sim_file *handle = file_of(file);
    sim_enter(handle->sim);
    int rc = sync_locked(handle->node);
    sim_leave(handle->sim);
    return rc ? no_memory(err, "sync", handle->path) : 0;
}

/* ---- mappings ---- */

/* What is mapped stays: a copy (node NULL) or the file's own bytes. */
static int map_locked(struct sim_file *handle, size_t len, struct sim_mapping *mapping,
                      bool shared)
{
    struct sim_inode *node = handle->node;
    if (node->live.size < len) return KITH_EINVAL;
    mapping->len = len;
    if (shared) {
        int rc = sim_content_flatten(&node->live, len);
        if (rc) return rc;
        mapping->node = sim_inode_ref(node);
        mapping->ptr = node->live.flat;
    } else {
        uint8_t *copy = mem_alloc_aligned(len, SIM_CHUNK_BYTES);
        if (!copy) return KITH_ENOMEM;
        sim_content_read(&node->live, copy, len, 0);
        mapping->ptr = copy;
    }
    mapping->next = handle->sim->mappings;
    handle->sim->mappings = mapping;
    return 0;
}

static int map_any(struct sim_file *handle, size_t len, bool shared, const uint8_t **out,
                   struct kith_error *err)
{
    struct sim_mapping *mapping = mem_zalloc(sizeof *mapping);
    if (!mapping) return no_memory(err, "map", handle->path);
    sim_enter(handle->sim);
    int rc = map_locked(handle, len, mapping, shared);
    if (rc == 0) *out = mapping->ptr;
    sim_leave(handle->sim);
    if (rc == 0) return 0;
    mem_free(mapping);
    return error_set(err, rc, "map '%s': %s", handle->path,
                     rc == KITH_EINVAL ? "the file is shorter" : error_name(rc));
}

int sim_map(struct os_file *file, size_t len, const uint8_t **out, struct kith_error *err)
{
    return map_any(file_of(file), len, false, out, err);
}

int sim_map_shared(struct os_file *file, size_t len, bool writable, uint8_t **out,
                   struct kith_error *err)
{
    (void)writable;
    const uint8_t *ptr = NULL;
    int rc = map_any(file_of(file), len, true, &ptr, err);
    if (rc == 0) *out = (uint8_t *)(uintptr_t)ptr;
    return rc;
}

void sim_unmap(const struct os *os, const uint8_t *ptr, size_t len)
{
    struct os_sim *sim = sim_of(os);
    sim_enter(sim);
    struct sim_mapping **at = &sim->mappings;
    while (*at && ((*at)->ptr != ptr || (*at)->len != len)) at = &(*at)->next;
    struct sim_mapping *mapping = *at;
    if (!mapping) sim_fail(sim, "os_unmap of what is not mapped");
    *at = mapping->next;
    if (!mapping->node) mem_free((void *)(uintptr_t)mapping->ptr);
    sim_inode_unref(sim, mapping->node);
    sim_leave(sim);
    mem_free(mapping);
}
