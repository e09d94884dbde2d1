/*
 * One memory budget for a process (or a database): a reservation precedes every allocation over
 * 64 KiB and may fail. Classes say who holds what; the owner of a class gives way by its own rule.
 */
#ifndef KITH_BASE_BUDGET_H
#define KITH_BASE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum budget_class {
    BUDGET_GROWING, BUDGET_HOT, BUDGET_KEYSPACE, BUDGET_QUERY, BUDGET_BUILD, BUDGET_CONNECTION,
    BUDGET_FILLED, /* default values of fields that were added, until they are in files */
    BUDGET_CLASS_COUNT
};

struct budget {
    uint64_t limit_bytes; /* 0: unlimited; constant after init */
    _Atomic uint64_t used_bytes;
    _Atomic uint64_t class_bytes[BUDGET_CLASS_COUNT];
};

void budget_init(struct budget *budget, uint64_t limit_bytes);
bool budget_reserve(struct budget *budget, enum budget_class cls, uint64_t bytes); /* false: full */
/* Counts what has to be held whatever the limit is; whoever reserves next feels it. */
void budget_force(struct budget *budget, enum budget_class cls, uint64_t bytes);
void budget_release(struct budget *budget, enum budget_class cls, uint64_t bytes);

#endif
