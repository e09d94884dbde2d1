/*
 * The memory budget: one total and one figure per class, reserved by compare-and-swap. Nothing is
 * published through these numbers, so their order is relaxed. The class figures follow the total
 * and may trail it for a moment.
 */
#include "base/budget.h"

void budget_init(struct budget *budget, uint64_t limit_bytes)
{
    budget->limit_bytes = limit_bytes;
    atomic_init(&budget->used_bytes, 0);
    for (int i = 0; i < BUDGET_CLASS_COUNT; i++) atomic_init(&budget->class_bytes[i], 0);
}

bool budget_reserve(struct budget *budget, enum budget_class cls, uint64_t bytes)
{
    uint64_t limit = budget->limit_bytes ? budget->limit_bytes : UINT64_MAX;
    uint64_t used = atomic_load_explicit(&budget->used_bytes, memory_order_relaxed);
    do {
        if (used > limit || bytes > limit - used) return false;
    } while (!atomic_compare_exchange_weak_explicit(&budget->used_bytes, &used, used + bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    atomic_fetch_add_explicit(&budget->class_bytes[cls], bytes, memory_order_relaxed);
    return true;
}

void budget_force(struct budget *budget, enum budget_class cls, uint64_t bytes)
{
    atomic_fetch_add_explicit(&budget->used_bytes, bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&budget->class_bytes[cls], bytes, memory_order_relaxed);
}

void budget_release(struct budget *budget, enum budget_class cls, uint64_t bytes)
{
    atomic_fetch_sub_explicit(&budget->class_bytes[cls], bytes, memory_order_relaxed);
    atomic_fetch_sub_explicit(&budget->used_bytes, bytes, memory_order_relaxed);
}
