/*
 * Delete: by listed keys, or what a filter matches.
 */
#include <string.h>

#include "milvus/rows_out.h"

/* Filters that hold for every row, as far as one sees without reading rows. */
static bool always_true(const char *expr)
{
    static const char *const forms[] = { "true", "True", "TRUE", "(true)", "1==1", "1 == 1" };
    while (*expr && strchr(" \t\r\n", *expr)) expr++;
    size_t len = strlen(expr);
    while (len && strchr(" \t\r\n", expr[len - 1])) len--;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (strlen(forms[i]) == len && memcmp(forms[i], expr, len) == 0) return true;
    return len == 0;
}

static MilvusStatus *failed(struct milvus_call *call, int rc, const struct kith_error *err,
                            const struct milvus_delete *request)
{
    if (rc == KITH_ENOTFOUND && request->partition && *request->partition)
        return milvus_status(call, MILVUS_PARTITION_NOT_FOUND,
                             "partition not found[partition=%.255s]", request->partition);
    return milvus_filter_error(call, rc, err, request->expr, "delete");
}

static int delete_matching(struct milvus_call *call, const struct milvus_collection *collection,
                           const struct milvus_delete *request, const char *filter,
                           struct kith_written *out, struct kith_error *err)
{
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    opts.filter = filter;
    opts.filter_params = request->expr_params;
    if (request->partition && *request->partition) {
        opts.partitions = &request->partition;
        opts.partition_count = 1;
    }
    return kith_delete_matching(collection->handle, &opts, call->call, out, err);
}

MilvusStatus *milvus_delete_run(struct milvus_call *call,
                                const struct milvus_collection *collection,
                                const struct milvus_delete *request, struct milvus_mutation *out)
{
    struct kith_error err = { 0 };
    struct kith_keys keys;
    const bool named = request->partition && *request->partition;
    *out = (struct milvus_mutation){ 0 };
    MilvusStatus *owned = milvus_owned(call, collection);
    if (owned) return owned;
    if (always_true(request->expr))
        return milvus_status(
            call, MILVUS_INVALID,
            "delete plan can't be empty or always true : %.500s: invalid parameter", request->expr);
    if (named && milvus_partition_key(collection))
        return milvus_status(call, MILVUS_PLAIN,
                             "not support manually specifying the partition names if partition key "
                             "mode is used");
    const char *zoned;
    MilvusStatus *refused = milvus_expr_zoned(call, collection, NULL, request->expr, &zoned);
    if (refused) return refused;
    const bool listed =
        milvus_key_list(call, collection, request->expr, request->expr_params, &keys);
    const int rc = listed && !named
                       ? kith_delete(collection->handle, &keys, call->call, &out->written, &err)
                       : delete_matching(call, collection, request, zoned, &out->written, &err);
    if (rc) return failed(call, rc, &err, request);
    out->deleted = listed ? keys.count : out->written.deleted;
    return NULL;
}

static MilvusStatus *run(struct milvus_call *call, const struct milvus_collection *collection,
                         const void *request, void *done)
{
    const Milvus__Proto__Milvus__DeleteRequest *in = request;
    struct milvus_delete asked = { .expr = in->expr, .partition = in->partition_name };
    struct milvus_template *templates;
    MILVUS_TEMPLATES(call, in->expr_template_values, in->n_expr_template_values, templates);
    MilvusStatus *refused = milvus_templates_text(call, templates, in->n_expr_template_values,
                                                  &asked.expr_params);
    return refused ? refused : milvus_delete_run(call, collection, &asked, done);
}

static void put(struct buffer *reply, struct milvus_call *call,
                const struct milvus_collection *collection, const char *asked_name,
                const void *done)
{
    (void)collection;
    (void)asked_name;
    rows_mutation_put(reply, call, done);
}

static void release(void *done) { kith_written_free(&((struct milvus_mutation *)done)->written); }

MILVUS_RAW(Delete)
{
    static const struct milvus_frame frame = {
        "Delete", "mutation", &milvus__proto__milvus__delete_request__descriptor, run, put, release
    };
    struct milvus_mutation done = { 0 };
    return milvus_frame_run(call, &frame, request, &done, reply);
}
