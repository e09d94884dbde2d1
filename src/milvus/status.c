/*
 * Statuses: code, legacy code, text. The table is section 6.2 of the protocol notes.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "milvus/milvus_internal.h"

static const struct {
    int code;
    int legacy; /* Milvus__Proto__Common__ErrorCode */
    bool retriable;
    const char *text; /* the base text: what a plain engine error is introduced by */
} codes[] = {
    {MILVUS_NOT_READY, 56, true, "service not ready"},
    {2, 1, true, "service unavailable"},
    {MILVUS_MEMORY_LIMIT, 52, false, "memory limit exceeded"},
    {MILVUS_BUSY, 1, true, "too many concurrent requests, queue is full"},
    {MILVUS_INTERNAL, 1, false, "service internal error"},
    {MILVUS_DISK_LIMIT, 54, false, "disk limit exceeded"},
    {MILVUS_RATE_LIMIT, 49, true, "rate limit exceeded"},
    {MILVUS_QUOTA, 48, false, "quota exceeded"},
    {MILVUS_UNIMPLEMENTED, 1, false, "service unimplemented"},
    {MILVUS_COLLECTION_NOT_FOUND, 4, false, "collection not found"},
    {MILVUS_COLLECTION_NOT_LOADED, 1, false, "collection not loaded"},
    {103, 1, true, "collection not fully loaded"},
    {MILVUS_SCHEMA_MISMATCH, 62, false, "collection schema mismatch"},
    {MILVUS_PARTITION_NOT_FOUND, 15, false, "partition not found"},
    {MILVUS_PARTITION_NOT_LOADED, 1, false, "partition not loaded"},
    {202, 1, true, "partition not fully loaded"},
    {400, 15, false, "replica not found"},
    {401, 46, false, "replica not available"},
    {12, 1, true, "service resource insufficient"},
    {11, 55, false, "time tick long delay"},
    {501, 15, false, "channel lacks"},
    {503, 46, false, "channel not available"},
    {600, 47, false, "segment not found"},
    {1807, 1, true, "request is rejected by limiter"},
    {MILVUS_INDEX_NOT_FOUND, 25, false, "index not found"},
    {MILVUS_IO, 1, false, "IO failed"},
    {MILVUS_INVALID, 5, false, "invalid parameter"},
    {MILVUS_CANCELED, 1, false, "context canceled"},
    {MILVUS_DEADLINE, 1, false, "context deadline exceeded"},
};

static const MilvusStatus status_no_memory = {
    .base = PROTOBUF_C_MESSAGE_INIT(&milvus__proto__common__status__descriptor),
    .error_code = MILVUS__PROTO__COMMON__ERROR_CODE__InsufficientMemoryToLoad,
    .code = MILVUS_MEMORY_LIMIT,
    .reason = (char *)(uintptr_t) "memory limit exceeded",
    .detail = (char *)(uintptr_t) "",
};

/* Packing only reads it. */
static MilvusStatus *no_memory(void) { return (MilvusStatus *)(uintptr_t)&status_no_memory; }

/* Base errors that are the asker's: informative, clients that know the key show it. */
static bool is_input_error(int code)
{
    return code == MILVUS_COLLECTION_NOT_FOUND || code == MILVUS_DATABASE_NOT_FOUND ||
           code == MILVUS_FIELD_NOT_FOUND || code == MILVUS_TOO_LARGE;
}

static void mark_input_error(struct milvus_call *call, MilvusStatus *status)
{
    Milvus__Proto__Common__Status__ExtraInfoEntry *entry =
        milvus_message(call, &milvus__proto__common__status__extra_info_entry__descriptor);
    status->extra_info = arena_alloc(call->arena, sizeof *status->extra_info);
    if (!entry || !status->extra_info) return;
    entry->key = milvus_text("is_input_error");
    entry->value = milvus_text("true");
    status->extra_info[status->n_extra_info++] = entry;
}

static MilvusStatus *status_new(struct milvus_call *call, int code, const char *text)
{
    MilvusStatus *status = arena_alloc(call->arena, sizeof *status);
    if (!status) return no_memory();
    milvus__proto__common__status__init(status);
    status->code = code;
    if (code == MILVUS_OK) return status;
    status->error_code = MILVUS__PROTO__COMMON__ERROR_CODE__UnexpectedError;
    status->reason = status->detail = milvus_strdup(call, text);
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i].code != code) continue;
        status->error_code = (Milvus__Proto__Common__ErrorCode)codes[i].legacy;
        status->retriable = codes[i].retriable;
    }
    if (is_input_error(code)) mark_input_error(call, status);
    return status;
}

MilvusStatus *milvus_success(struct milvus_call *call) { return status_new(call, MILVUS_OK, ""); }

MilvusStatus *milvus_status(struct milvus_call *call, int code, const char *fmt, ...)
{
    char text[2048];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return status_new(call, code, text);
}

static int code_of(int rc)
{
    switch (rc) {
    case KITH_ENOMEM: return MILVUS_MEMORY_LIMIT;
    case KITH_EINVAL:
    case KITH_EDIM:
    case KITH_ELIMIT:
    case KITH_EFILTER: return MILVUS_INVALID;
    case KITH_ENOSPC: return MILVUS_DISK_LIMIT;
    case KITH_EIO:
    case KITH_ECORRUPT:
    case KITH_EOUTCOME: return MILVUS_IO;
    case KITH_ETIMEDOUT: return MILVUS_DEADLINE;
    case KITH_ECANCELLED: return MILVUS_CANCELED;
    case KITH_EBUSY: return MILVUS_BUSY;
    case KITH_EUNSUPPORTED: return MILVUS_UNIMPLEMENTED;
    default: return MILVUS_PLAIN;
    }
}

MilvusStatus *milvus_error(struct milvus_call *call, int rc, const struct kith_error *err)
{
    const int code = code_of(rc);
    const char *text = err && err->text[0] ? err->text : kith_status_text(rc);
    if (code == MILVUS_INVALID) return milvus_status(call, code, "%s: invalid parameter", text);
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].code == code && code != MILVUS_PLAIN)
            return milvus_status(call, code, "%s: %s", codes[i].text, text);
    return milvus_status(call, code, "%s", text);
}
