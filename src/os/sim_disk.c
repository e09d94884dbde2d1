/*
 * The simulated disk's structure: inodes, names, pending writes and name changes; see os_sim.h.
 */
#include <string.h>

#include "base/alloc.h"
#include "os/os_sim.h"

/* ---- inodes ---- */

struct sim_inode *sim_inode_new(struct os_sim *sim, bool is_dir)
{
    struct sim_inode *node = mem_zalloc(sizeof *node);
    if (!node) return NULL;
    node->refs = 1;
    node->is_dir = is_dir;
    node->next = sim->inodes;
    if (node->next) node->next->prev = node;
    sim->inodes = node;
    return node;
}

struct sim_inode *sim_inode_ref(struct sim_inode *node)
{
    if (node) node->refs++;
    return node;
}

static void names_release(struct os_sim *sim, struct sim_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        mem_free(names->list[i].name);
        sim_inode_unref(sim, names->list[i].node);
    }
    mem_free(names->list);
    *names = (struct sim_names){0};
}

void sim_inode_unref(struct os_sim *sim, struct sim_inode *node)
{
    if (!node || --node->refs > 0) return;
    if (node->prev) node->prev->next = node->next;
    if (node->next) node->next->prev = node->prev;
    if (sim->inodes == node) sim->inodes = node->next;
    names_release(sim, &node->live_names);
    names_release(sim, &node->durable_names);
    sim_writes_clear(node);
    mem_free(node->writes);
    sim_content_release(&node->live);
    sim_content_release(&node->durable);
    mem_free(node);
}

uint64_t sim_disk_used(const struct os_sim *sim)
{
    uint64_t used = 0;
    for (const struct sim_inode *node = sim->inodes; node; node = node->next)
        if (node->links)
            used += (node->live.size + SIM_CHUNK_BYTES - 1) / SIM_CHUNK_BYTES * SIM_CHUNK_BYTES;
    return used;
}

/* ---- names of one directory ---- */

static struct sim_name *find_name(const struct sim_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->list[i].name, name) == 0) return &names->list[i];
    return NULL;
}

struct sim_inode *sim_names_get(const struct sim_names *names, const char *name)
{
    const struct sim_name *found = find_name(names, name);
    return found ? found->node : NULL;
}

static int names_reserve(struct sim_names *names)
{
    if (names->count < names->cap) return 0;
    size_t cap = names->cap ? names->cap * 2 : 8;
    struct sim_name *list = mem_realloc(names->list, cap * sizeof *list);
    if (!list) return KITH_ENOMEM;
    names->list = list;
    names->cap = cap;
    return 0;
}

int sim_names_set(struct os_sim *sim, struct sim_names *names, const char *name,
                  struct sim_inode *node)
{
    struct sim_name *found = find_name(names, name);
    if (found) {
        struct sim_inode *old = found->node;
        found->node = sim_inode_ref(node);
        sim_inode_unref(sim, old);
        return 0;
    }
    char *copy = mem_strdup(name);
    if (!copy || names_reserve(names)) {
        mem_free(copy);
        return KITH_ENOMEM;
    }
    names->list[names->count++] = (struct sim_name){copy, sim_inode_ref(node)};
    return 0;
}

void sim_names_remove(struct os_sim *sim, struct sim_names *names, const char *name)
{
    struct sim_name *found = find_name(names, name);
    if (!found) return;
    struct sim_name gone = *found;
    *found = names->list[--names->count];
    mem_free(gone.name);
    sim_inode_unref(sim, gone.node);
}

/* ---- pending changes of names ---- */

void sim_change_release(struct os_sim *sim, struct sim_change *change)
{
    sim_inode_unref(sim, change->from_dir);
    sim_inode_unref(sim, change->to_dir);
    sim_inode_unref(sim, change->node);
    mem_free(change->from);
    mem_free(change->to);
}

static int changes_reserve(struct os_sim *sim)
{
    if (sim->change_count < sim->change_cap) return 0;
    size_t cap = sim->change_cap ? sim->change_cap * 2 : 16;
    struct sim_change *list = mem_realloc(sim->changes, cap * sizeof *list);
    if (!list) return KITH_ENOMEM;
    sim->changes = list;
    sim->change_cap = cap;
    return 0;
}

static int change_live(struct os_sim *sim, const struct sim_change *change)
{
    if (change->to_dir) {
        struct sim_inode *old = sim_names_get(&change->to_dir->live_names, change->to);
        if (old) old->links--;
        int rc = sim_names_set(sim, &change->to_dir->live_names, change->to, change->node);
        if (rc) return rc; /* only a new name allocates, so old was NULL */
        change->node->links++;
    }
    if (change->from_dir) {
        struct sim_inode *old = sim_names_get(&change->from_dir->live_names, change->from);
        if (old) old->links--;
        sim_names_remove(sim, &change->from_dir->live_names, change->from);
    }
    return 0;
}

int sim_change_names(struct os_sim *sim, struct sim_inode *from_dir, const char *from,
                     struct sim_inode *to_dir, const char *to, struct sim_inode *node)
{
    struct sim_change change = {
        .seq = sim->seq++,
        .from_dir = sim_inode_ref(from_dir),
        .to_dir = sim_inode_ref(to_dir),
        .node = sim_inode_ref(node),
        .from = from_dir ? mem_strdup(from) : NULL,
        .to = to_dir ? mem_strdup(to) : NULL,
    };
    bool copied = (!from_dir || change.from) && (!to_dir || change.to);
    int rc = copied ? changes_reserve(sim) : KITH_ENOMEM;
    if (rc == 0) rc = change_live(sim, &change);
    if (rc)
        sim_change_release(sim, &change);
    else
        sim->changes[sim->change_count++] = change;
    return rc;
}

/* ---- pending writes of one file ---- */

int sim_note_write(struct os_sim *sim, struct sim_inode *node, struct sim_write write)
{
    if (node->write_count == node->write_cap) {
        size_t cap = node->write_cap ? node->write_cap * 2 : 8;
        struct sim_write *list = mem_realloc(node->writes, cap * sizeof *list);
        if (!list) return KITH_ENOMEM;
        node->writes = list;
        node->write_cap = cap;
    }
    write.seq = sim->seq++;
    node->writes[node->write_count++] = write;
    return 0;
}

void sim_writes_clear(struct sim_inode *node)
{
    for (size_t i = 0; i < node->write_count; i++) mem_free(node->writes[i].bytes);
    node->write_count = 0;
}

/* ---- paths ---- */

/* Copies the next name of the path, past slashes and "."; false at the end or a bad name. */
static bool next_name(const char **path, char *name, bool *bad)
{
    for (;;) {
        const char *at = *path + strspn(*path, "/");
        size_t len = strcspn(at, "/");
        *path = at + len;
        if (len == 0) return false;
        if (len == 1 && at[0] == '.') continue;
        *bad = len >= SIM_NAME_BYTES || (len == 2 && at[0] == '.' && at[1] == '.');
        if (*bad) return false;
        memcpy(name, at, len);
        name[len] = 0;
        return true;
    }
}

int sim_resolve(struct os_sim *sim, const char *path, struct sim_path *out, const char *operation,
                struct kith_error *err)
{
    const char *rest = path;
    char name[SIM_NAME_BYTES];
    bool bad = false;
    *out = (struct sim_path){.node = sim->root};
    while (next_name(&rest, name, &bad)) {
        if (!out->node || !out->node->is_dir)
            return error_set(err, KITH_ENOTFOUND, "%s '%s': No such file or directory", operation,
                             path);
        out->dir = out->node;
        out->node = sim_names_get(&out->dir->live_names, name);
        memcpy(out->name, name, sizeof name);
    }
    if (bad)
        return error_set(err, KITH_EINVAL,
                         "%s '%s': the simulated disk has no '..' and no names over 255 bytes",
                         operation, path);
    return 0;
}
