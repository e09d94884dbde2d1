/*
 * What surrounds a call: deadline, cancel token, log sink, version texts.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "engine/engine.h"
#include "kernel/kernel.h"

struct kith_cancel {
    atomic_bool fired;
};

int kith_cancel_new(struct kith_cancel **out)
{
    struct kith_cancel *cancel = mem_zalloc(sizeof *cancel);
    if (!cancel) return KITH_ENOMEM;
    *out = cancel;
    return 0;
}

void kith_cancel_fire(struct kith_cancel *cancel)
{
    atomic_store_explicit(&cancel->fired, true, memory_order_relaxed);
}

void kith_cancel_free(struct kith_cancel *cancel) { mem_free(cancel); }

void request_init(struct request *request, const struct os *os, const struct kith_call *call)
{
    *request = (struct request){ .os = os, .deadline_us = OS_FOREVER };
    if (!call) return;
    request->cancel = call->cancel;
    if (call->timeout_ms) request->deadline_us = os_now_us(os) + (int64_t)call->timeout_ms * 1000;
}

int request_poll(void *ctx)
{
    const struct request *request = ctx;
    if (request->cancel && atomic_load_explicit(&request->cancel->fired, memory_order_relaxed))
        return KITH_ECANCELLED;
    if (request->deadline_us != OS_FOREVER && os_now_us(request->os) > request->deadline_us)
        return KITH_ETIMEDOUT;
    return 0;
}

void engine_log(const struct kith_db *db, int level, const char *fmt, ...)
{
    if (!db->log) return;
    char text[KITH_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    db->log(db->log_ctx, level, text);
}

const char *kith_version(void) { return KITH_VERSION_TEXT; }
const char *kith_status_text(int status) { return error_name(status); }
const char *kith_features(void) { return kernel_isa(); }
