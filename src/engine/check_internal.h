/*
 * Shared by check.c (files, and what manifests name) and check_index.c (what is in the indexes).
 */
#ifndef KITH_ENGINE_CHECK_INTERNAL_H
#define KITH_ENGINE_CHECK_INTERNAL_H

#include "engine/engine.h"

struct checking {
    const struct os *os;
    const char *dir;
    uint64_t database_id;
    void (*problem)(void *ctx, const char *file, uint64_t offset, const char *text);
    void *ctx;
    struct kith_check_report report;
    const char *file; /* the one being verified */
    struct kith_error *err;
};

/* Reports a problem of checking->file. */
void check_found(void *checking, uint64_t offset, const char *text);
/* Opens every segment of the collection and validates its indexes. KITH_ENOMEM only. */
KITH_NODISCARD int check_indexes(struct checking *checking, const struct manifest *manifest);

#endif
