/*
 * Crash images: the disk as a power cut would leave it.
 *
 * Every inode is copied (sharing chunks), from its durable side or, for OS_SIM_KEEP_ALL, its live
 * side; for OS_SIM_RANDOM the pending operations are then replayed on the copy, each with a fate
 * drawn from the seed. A write of several 512-byte sectors may be torn between any two of them, or
 * leave zeros where a size was updated before the data arrived. Real file systems order more than
 * this (a journal commits names in order), so what survives here survives there.
 * Inodes that no name reaches go away with their last reference.
 */
#include "base/alloc.h"
#include "os/os_sim.h"

#define SECTOR_BYTES 512u

enum fate { FATE_KEEP, FATE_DROP, FATE_TORN, FATE_ZERO };

struct draw {
    struct rng rng;
    uint64_t cut;       /* operations from this number on are gone */
    bool prefix;        /* and all before it are kept whole */
    uint64_t keep_of_8; /* how many operations in eight are kept */
};

static void draw_init(struct draw *draw, const struct os_sim *sim, uint64_t seed)
{
    rng_init(&draw->rng, seed);
    draw->prefix = rng_below(&draw->rng, 4) == 0;
    draw->keep_of_8 = 1 + rng_below(&draw->rng, 7);
    uint64_t oldest = sim->seq;
    for (const struct sim_inode *node = sim->inodes; node; node = node->next)
        if (node->write_count && node->writes[0].seq < oldest) oldest = node->writes[0].seq;
    if (sim->change_count && sim->changes[0].seq < oldest) oldest = sim->changes[0].seq;
    draw->cut = oldest + rng_below(&draw->rng, sim->seq - oldest + 1);
}

static enum fate draw_fate(struct draw *draw, uint64_t seq)
{
    if (draw->prefix) return seq < draw->cut ? FATE_KEEP : FATE_DROP;
    if (rng_below(&draw->rng, 8) < draw->keep_of_8) return FATE_KEEP;
    uint64_t pick = rng_below(&draw->rng, 4);
    return pick < 2 ? FATE_DROP : pick == 2 ? FATE_TORN : FATE_ZERO;
}

static int replay_torn(struct draw *draw, struct sim_content *content,
                       const struct sim_write *write)
{
    int rc = 0;
    for (uint64_t done = 0; rc == 0 && done < write->len;) {
        uint64_t room = SECTOR_BYTES - (write->offset + done) % SECTOR_BYTES;
        uint64_t n = write->len - done < room ? write->len - done : room;
        if (rng_below(&draw->rng, 2))
            rc = sim_content_write(content, write->bytes ? write->bytes + done : NULL, n,
                                   write->offset + done);
        done += n;
    }
    return rc;
}

static int replay_write(struct draw *draw, struct sim_content *content,
                        const struct sim_write *write)
{
    enum fate fate = draw_fate(draw, write->seq);
    if (write->is_resize)
        return fate == FATE_KEEP ? sim_content_resize(content, write->size) : 0;
    switch (fate) {
    case FATE_DROP: return 0;
    case FATE_TORN: return replay_torn(draw, content, write);
    case FATE_ZERO: return sim_content_write(content, NULL, write->len, write->offset);
    case FATE_KEEP:
    default: return sim_content_write(content, write->bytes, write->len, write->offset);
    }
}

static int copy_content(struct sim_inode *copy, const struct sim_inode *node,
                        enum os_sim_loss loss, struct draw *draw)
{
    int rc = sim_content_clone(&copy->live,
                               loss == OS_SIM_KEEP_ALL ? &node->live : &node->durable);
    if (loss == OS_SIM_RANDOM)
        for (size_t i = 0; rc == 0 && i < node->write_count; i++)
            rc = replay_write(draw, &copy->live, &node->writes[i]);
    return rc ? rc : sim_content_clone(&copy->durable, &copy->live);
}

static int copy_inodes(struct os_sim *image, struct os_sim *sim, enum os_sim_loss loss,
                       struct draw *draw)
{
    for (struct sim_inode *node = sim->inodes; node; node = node->next) {
        if (node == sim->root)
            node->clone = sim_inode_ref(image->root);
        else
            node->clone = sim_inode_new(image, node->is_dir);
        if (!node->clone || copy_content(node->clone, node, loss, draw)) return KITH_ENOMEM;
    }
    return 0;
}

static int copy_names(struct os_sim *image, const struct os_sim *sim, enum os_sim_loss loss)
{
    int rc = 0;
    for (const struct sim_inode *node = sim->inodes; rc == 0 && node; node = node->next) {
        const struct sim_names *names =
            loss == OS_SIM_KEEP_ALL ? &node->live_names : &node->durable_names;
        for (size_t i = 0; rc == 0 && i < names->count; i++)
            rc = sim_names_set(image, &node->clone->live_names, names->list[i].name,
                               names->list[i].node->clone);
    }
    return rc;
}

/* A name change happens or does not: one directory entry is never torn. */
static int replay_changes(struct os_sim *image, const struct os_sim *sim, struct draw *draw)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sim->change_count; i++) {
        const struct sim_change *change = &sim->changes[i];
        if (draw_fate(draw, change->seq) != FATE_KEEP) continue;
        if (change->to_dir)
            rc = sim_names_set(image, &change->to_dir->clone->live_names, change->to,
                               change->node->clone);
        if (change->from_dir)
            sim_names_remove(image, &change->from_dir->clone->live_names, change->from);
    }
    return rc;
}

/* What the image shows is also what it has on disk. */
static int settle(struct os_sim *image)
{
    int rc = 0;
    for (struct sim_inode *node = image->inodes; rc == 0 && node; node = node->next) {
        for (size_t i = 0; rc == 0 && i < node->live_names.count; i++) {
            struct sim_name *name = &node->live_names.list[i];
            name->node->links++;
            rc = sim_names_set(image, &node->durable_names, name->name, name->node);
        }
    }
    return rc;
}

/* Drops the creation references of the copies. An inode frees what it alone holds, never one whose
 * own creation reference is still there, so the walk over `sim` is safe. */
static void drop_clones(struct os_sim *image, struct os_sim *sim)
{
    for (struct sim_inode *node = sim->inodes; node; node = node->next) {
        sim_inode_unref(image, node->clone);
        node->clone = NULL;
    }
}

static int fill(struct os_sim *image, struct os_sim *sim, enum os_sim_loss loss, uint64_t seed)
{
    struct draw draw;
    draw_init(&draw, sim, seed);
    int rc = copy_inodes(image, sim, loss, &draw);
    if (rc == 0) rc = copy_names(image, sim, loss);
    if (rc == 0 && loss == OS_SIM_RANDOM) rc = replay_changes(image, sim, &draw);
    drop_clones(image, sim);
    return rc ? rc : settle(image);
}

struct os_sim *os_sim_crash(const struct os_sim *crashed, enum os_sim_loss loss, uint64_t seed)
{
    struct os_sim *image = os_sim_new(seed);
    if (!image) return NULL;
    struct os_sim *sim = (struct os_sim *)(uintptr_t)crashed; /* locked; `clone` is scratch */
    (void)pthread_mutex_lock(&sim->lock); /* not sim_enter: taking an image is not an event */
    image->clock_us = sim->clock_us + 1000000; /* a restart takes a second */
    image->process_id = sim->process_id + 1;
    image->boot_id = loss == OS_SIM_KEEP_ALL ? sim->boot_id : sim->boot_id + 1;
    image->disk_limit = sim->disk_limit;
    int rc = fill(image, sim, loss, seed);
    (void)pthread_mutex_unlock(&sim->lock);
    if (rc == 0) return image;
    os_sim_free(image);
    return NULL;
}
