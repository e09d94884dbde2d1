/* A database with one collection on a simulated machine, whose clock and crashes are the test's. */
#ifndef KITH_TESTS_ENGINE_WORLD_H
#define KITH_TESTS_ENGINE_WORLD_H

#include "engine/db.h"
#include "engine/engine_fixture.h"
#include "os/sim.h"

struct world {
    struct os_sim *sim;
    struct kith_db *db;
    struct kith_collection *rows;
};

static inline void world_begin(struct world *world)
{
    *world = (struct world){ .sim = os_sim_new(7) };
    assert_non_null(world->sim);
}

/* Without threads, and with segments of 64 rows. */
static inline int world_open_on(struct world *world, const struct os *os)
{
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    opts.no_threads = true;
    opts.seal_rows = 64;
    return db_open_on(os, "db", &opts, &world->db, &why);
}

static inline int world_open(struct world *world)
{
    return world_open_on(world, os_sim_os(world->sim));
}

static inline void world_finish(struct world *world)
{
    kith_collection_release(world->rows);
    kith_close(world->db);
    os_sim_free(world->sim);
}

/* After a power cut on a new machine: what was acknowledged is there, nothing is open. */
static inline void world_cut(struct world *world)
{
    struct os_sim *after = os_sim_crash(world->sim, OS_SIM_KEEP_SYNCED, 3);
    assert_non_null(after);
    world_finish(world);
    *world = (struct world){ .sim = after };
}

/* The same, and what there is of it is opened. */
static inline void world_crash(struct world *world)
{
    world_cut(world);
    OK(world_open(world));
    OK(kith_collection_open(world->db, NULL, "rows", &world->rows, &why));
}

#endif
