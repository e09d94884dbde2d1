/* The steps of an aggregation, shared by FT.AGGREGATE and FT.HYBRID. */
#ifndef KITH_REDIS_SEARCH_STEPS_H
#define KITH_REDIS_SEARCH_STEPS_H

#include "redis/cmd_search.h"
#include "redis/search_table.h"
#include "redis/search_wording.h"

struct aggregation {
    struct redis_call *call;
    struct search_table table;
    struct query_param params[SEARCH_PARAMS_MAX];
    size_t param_count, first_step;
    bool cursor;
    int64_t batch, idle_ms;
    struct search_wording wording; /* stands before the steps */
};

/* The step at argv[*at]; *at goes behind it. False: answered. */
bool search_step(struct aggregation *run, size_t *at);
/* False: what went wrong is answered. */
bool search_step_done(struct aggregation *run, int rc);
void search_put_cell(struct resp *reply, const struct search_cell *cell);
/* Names and values of a row, those that are there. */
void search_put_cells(struct resp *reply, const struct search_table *table, size_t row);

#endif
