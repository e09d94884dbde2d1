/*
 * What is measured only when somebody looks: the process, its connections, the database.
 */
#ifndef KITH_SERVER_GAUGES_H
#define KITH_SERVER_GAUGES_H

#include "net/net.h"
#include "server/metrics.h"

struct gauges { /* all borrowed */
    const struct os *os;
    struct metrics *metrics;
    struct kith_db *db;
    const struct net *nets[2]; /* borrow; NULL: none */
    void (*more)(void *ctx); /* nullable: figures of others, measured with these */
    void *more_ctx;
};
/* Sets them before every rendering; `gauges` outlives the last one. */
void gauges_begin(struct gauges *gauges);

#endif
