/*
 * Who calls, and may they: the same questions for both transports.
 */
#include <stdio.h>
#include <string.h>

#include "milvus/milvus_internal.h"
#include "proto/grpc.h"

static const char *reason(enum auth_result result)
{
    switch (result) {
    case AUTH_OK: break;
    case AUTH_MISSING: return "missing authorization in header";
    case AUTH_MALFORMED: return "invalid token format";
    case AUTH_WRONG_KEY: return "auth check failure, please check api key is correct";
    case AUTH_WRONG: break;
    }
    return "auth check failure, please check username and password are correct";
}

bool milvus_authenticate(struct milvus_call *call, struct exchange *exchange, bool http,
                         int *grpc_status, const char **text)
{
    struct auth *auth = call->milvus->opts.auth;
    if (!auth_enabled(auth)) {
        auth_anonymous(&call->principal);
        exchange_trust(exchange);
        return true;
    }
    unsigned delay_ms = 0;
    const enum auth_result result =
        auth_verify(auth, exchange_header(exchange, "authorization"), http, call->peer,
                    &call->principal, &delay_ms);
    if (result == AUTH_OK) {
        exchange_trust(exchange);
        return true;
    }
    exchange_delay(exchange, delay_ms); /* a worker that slept would be had by anybody */
    *grpc_status = GRPC_UNAUTHENTICATED;
    *text = reason(result);
    return false;
}

/* The look-up that follows when the call runs is one of what is remembered. */
bool milvus_admit(void *milvus, struct exchange *exchange)
{
    struct milvus_call call;
    int grpc_status;
    const char *text;
    milvus_call_init(&call, milvus, exchange);
    if (milvus_authenticate(&call, exchange, false, &grpc_status, &text)) return true;
    exchange_set_grpc_status(exchange, grpc_status, text);
    return false;
}

bool milvus_permit(struct milvus_call *call, const struct milvus_rpc *rpc, const char *collection,
                   const char **text)
{
    struct auth *auth = call->milvus->opts.auth;
    if (!auth_enabled(auth) || !rpc->privilege) return true;
    const char *object = rpc->object == AUTH_GLOBAL ? NULL : collection;
    if (auth_allowed(auth, &call->principal, rpc->privilege, rpc->object, call->database, object))
        return true;
    char full[512];
    (void)snprintf(full, sizeof full, "Privilege%s: permission deny to %s in the `%s` database",
                   rpc->privilege, call->principal.name, call->database);
    *text = milvus_strdup(call, full);
    return false;
}
