/*
 * The input is the first file of a log (of database 1). Opening may report anything but must not
 * crash, and a second opening finds the same records.
 */
#include <stdint.h>
#include <stdlib.h>

#include "fuzz.h"
#include "log/wal.h"
#include "os/sim.h"

static uint64_t open_once(const struct os *os)
{
    struct wal *wal = NULL;
    struct wal_replay_report report = {0};
    const struct wal_opts opts = {.os = os, .dir = ".", .database_id = 1};
    if (wal_open(&opts, NULL, NULL, &report, &wal, NULL) != 0) return UINT64_MAX;
    wal_close(wal);
    return report.records;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct os_sim *sim = os_sim_new(1);
    struct os_file *file = NULL;
    if (!sim) abort();
    if (os_open(os_sim_os(sim), "wal-0000000000000001.log", OS_WRITE | OS_CREATE, &file, NULL)) abort();
    if (os_pwrite(file, data, size, 0, NULL)) abort();
    os_close(file);
    const uint64_t records = open_once(os_sim_os(sim));
    if (records != UINT64_MAX && open_once(os_sim_os(sim)) != records) abort();
    os_sim_free(sim);
    return 0;
}
