/*
 * The operations door: /metrics for Prometheus, /healthz and /readyz for whoever watches over the
 * process. Everything else is 404. HTTP/1.1 only, without authentication, so it binds to loopback
 * unless told otherwise.
 */
#ifndef KITH_SERVER_OPS_H
#define KITH_SERVER_OPS_H

#include <stdatomic.h>

#include "net/net.h"
#include "server/metrics.h"

struct ops {
    struct metrics *metrics; /* borrows */
    atomic_bool ready;       /* false while starting and draining: /readyz is 503 */
};

void ops_handle(void *ops, struct exchange *exchange); /* net_door.handle */

#endif
