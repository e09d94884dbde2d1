/*
 * The input is the first meta file of database 1. Opening may fail but must not crash; what opens
 * takes a commit and opens again with it.
 */
#include <stdint.h>
#include <stdlib.h>

#include "fuzz.h"
#include "log/journal.h"
#include "os/sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct os_sim *sim = os_sim_new(1);
    struct os_file *file = NULL;
    struct journal *journal = NULL;
    struct buffer value = {0};
    const struct journal_change change = {"key", "value", 5};
    if (!sim) abort();
    if (os_open(os_sim_os(sim), "meta-0000000000000001.kv", OS_WRITE | OS_CREATE, &file, NULL)) abort();
    if (os_pwrite(file, data, size, 0, NULL)) abort();
    os_close(file);
    if (journal_open(os_sim_os(sim), ".", 1, false, &journal, NULL) == 0) {
        if (journal_commit(journal, &change, 1, NULL)) abort();
        journal_close(journal);
        if (journal_open(os_sim_os(sim), ".", 1, false, &journal, NULL)) abort();
        if (journal_get(journal, "key", &value)) abort();
        journal_close(journal);
    }
    buffer_release(&value);
    os_sim_free(sim);
    return 0;
}
