/*
 * Gauges: see gauges.h. Names of the process are Prometheus's own, those of the data Milvus's; they
 * carry no labels of collections, because a series of a dropped one would stay for ever.
 */
#include "server/gauges.h"

static void set(const struct gauges *gauges, const char *name, const char *help, double value)
{
    metric_set(metrics_get(gauges->metrics, METRIC_GAUGE, name, help, ""), value);
}

/* Counted by somebody else, so it is set; a counter all the same. */
static void count(const struct gauges *gauges, const char *name, const char *help, double value)
{
    metric_set(metrics_get(gauges->metrics, METRIC_COUNTER, name, help, ""), value);
}

static void measure_process(const struct gauges *gauges)
{
    struct os_usage usage;
    os_usage(&usage);
    set(gauges, "process_resident_memory_bytes", "Memory of the process in RAM.",
        (double)usage.resident_bytes);
    count(gauges, "process_cpu_seconds_total", "CPU time of all threads.",
          (double)usage.cpu_us / 1e6);
}

static void measure_net(const struct gauges *gauges)
{
    struct net_stats stats = { 0 };
    for (size_t i = 0; i < 2; i++) {
        struct net_stats one = { 0 };
        if (gauges->nets[i]) net_stats_get(gauges->nets[i], &one);
        stats.connections += one.connections;
        stats.accepted += one.accepted;
        stats.refused += one.refused;
        stats.exchanges += one.exchanges;
        stats.queued += one.queued;
        stats.bytes_in += one.bytes_in;
        stats.bytes_out += one.bytes_out;
    }
    set(gauges, "kith_connections", "Connections that are open.", (double)stats.connections);
    set(gauges, "kith_calls_running", "Calls that are not answered yet.",
        (double)stats.exchanges);
    set(gauges, "kith_calls_queued", "Calls that wait for a worker.", (double)stats.queued);
    count(gauges, "kith_connections_accepted_total", "Connections accepted.",
          (double)stats.accepted);
    count(gauges, "kith_connections_refused_total", "Connections above the limit.",
          (double)stats.refused);
    count(gauges, "kith_received_bytes_total", "Bytes from clients.", (double)stats.bytes_in);
    count(gauges, "kith_sent_bytes_total", "Bytes to clients.", (double)stats.bytes_out);
}

static uint64_t rows_of(struct kith_db *db, const char *database, const char *name)
{
    struct kith_collection *collection;
    struct kith_collection_info *info;
    uint64_t rows = 0;
    if (kith_collection_open(db, database, name, &collection, NULL)) return 0;
    if (kith_collection_describe(collection, &info, NULL) == 0) {
        rows = info->rows;
        kith_collection_info_free(info);
    }
    kith_collection_release(collection);
    return rows;
}

static void measure_data(const struct gauges *gauges)
{
    struct kith_names databases = { 0 };
    uint64_t collections = 0, rows = 0;
    if (kith_database_list(gauges->db, &databases, NULL)) return;
    for (size_t i = 0; i < databases.count; i++) {
        struct kith_names names = { 0 };
        if (kith_collection_list(gauges->db, databases.names[i], &names, NULL)) continue;
        collections += names.count;
        for (size_t j = 0; j < names.count; j++)
            rows += rows_of(gauges->db, databases.names[i], names.names[j]);
        kith_names_free(&names);
    }
    set(gauges, "milvus_rootcoord_database_num", "Databases.", (double)databases.count);
    set(gauges, "milvus_rootcoord_collection_num", "Collections.", (double)collections);
    set(gauges, "milvus_datacoord_stored_rows_num", "Rows that are alive.", (double)rows);
    set(gauges, "milvus_querynode_entity_num", "Rows that a search can find.", (double)rows);
    kith_names_free(&databases);
}

static void measure(void *ctx)
{
    const struct gauges *gauges = ctx;
    measure_process(gauges);
    measure_net(gauges);
    measure_data(gauges);
    if (gauges->more) gauges->more(gauges->more_ctx);
}

void gauges_begin(struct gauges *gauges)
{
    set(gauges, "process_start_time_seconds", "When the process started, Unix time.",
        (double)os_wall_ms(gauges->os) / 1000);
    metrics_on_render(gauges->metrics, measure, gauges);
}
