/*
 * Aliases: second names of collections, in the same name space.
 */
#include <string.h>

#include "milvus/milvus_internal.h"

static bool aliased(const struct milvus_collection *collection, const char *alias)
{
    return collection && strcmp(collection->name, alias) != 0;
}

static MilvusStatus *set(struct milvus_call *call, const char *alias,
                         const struct milvus_collection *collection)
{
    struct kith_error err = {0};
    int rc = kith_alias_set(call->milvus->opts.db, call->database, alias, collection->name, &err);
    if (rc == 0) rc = registry_refresh(call, collection->id, &err);
    return rc ? milvus_error(call, rc, &err) : NULL;
}

static MilvusStatus *conflict(struct milvus_call *call, const char *alias)
{
    return milvus_status(call, MILVUS_ALIAS_CONFLICT,
                         "alias and collection name conflict[database=%.300s][alias=%.300s]",
                         call->database, alias);
}

static MilvusStatus *absent(struct milvus_call *call, const char *alias)
{
    return milvus_status(call, MILVUS_ALIAS_NOT_FOUND,
                         "alias not found[database=%.300s][alias=%.300s]", call->database, alias);
}

static MilvusStatus *create(struct milvus_call *call, const char *alias, const char *name)
{
    MilvusStatus *refusal = milvus_check_alias_name(call, alias), *missing;
    if (refusal) return refusal;
    struct milvus_collection *collection = milvus_collection_get(call, name, false, &refusal);
    if (!collection) return refusal;
    struct milvus_collection *there = milvus_collection_get(call, alias, false, &missing);
    if (there && !aliased(there, alias))
        refusal = conflict(call, alias);
    else if (there && there->id != collection->id)
        refusal = milvus_status(call, MILVUS_ALIAS_EXISTS,
                                "%s is alias to another collection: %s: alias already "
                                "exist[database=%.300s][alias=%s]",
                                alias, there->name, call->database, alias);
    else if (!there)
        refusal = set(call, alias, collection);
    milvus_collection_unref(there);
    milvus_collection_unref(collection);
    return refusal;
}

MILVUS_HANDLER(CreateAlias)
{
    const WIRE(CreateAliasRequest) *in = request;
    milvus_finish(call, reply, create(call, in->alias, in->collection_name));
}

static MilvusStatus *alter(struct milvus_call *call, const char *alias, const char *name)
{
    MilvusStatus *refusal = milvus_check_alias_name(call, alias), *missing;
    if (refusal) return refusal;
    struct milvus_collection *collection = milvus_collection_get(call, name, false, &refusal);
    if (!collection) return refusal;
    struct milvus_collection *there = milvus_collection_get(call, alias, false, &missing);
    if (!there)
        refusal = absent(call, alias);
    else if (!aliased(there, alias))
        refusal = conflict(call, alias);
    else
        refusal = set(call, alias, collection);
    milvus_collection_unref(there);
    milvus_collection_unref(collection);
    return refusal;
}

MILVUS_HANDLER(AlterAlias)
{
    const WIRE(AlterAliasRequest) *in = request;
    milvus_finish(call, reply, alter(call, in->alias, in->collection_name));
}

MILVUS_HANDLER(DropAlias)
{
    const WIRE(DropAliasRequest) *in = request;
    struct kith_error err = {0};
    MilvusStatus *refusal = milvus_check_alias_name(call, in->alias);
    struct milvus_collection *there = refusal ? NULL : milvus_alias_get(call, in->alias);
    if (!refusal) {
        int rc = kith_alias_drop(call->milvus->opts.db, call->database, in->alias, &err);
        if (rc == 0 && there) rc = registry_refresh(call, there->id, &err);
        if (rc && rc != KITH_ENOTFOUND) refusal = milvus_error(call, rc, &err);
    }
    milvus_collection_unref(there);
    milvus_finish(call, reply, refusal);
}

MILVUS_HANDLER(DescribeAlias)
{
    const WIRE(DescribeAliasRequest) *in = request;
    WIRE(DescribeAliasResponse) *out = reply;
    out->status = milvus_check_alias_name(call, in->alias);
    if (out->status) return;
    struct milvus_collection *there = milvus_alias_get(call, in->alias);
    out->status = there ? milvus_success(call) : absent(call, in->alias);
    if (there) {
        out->db_name = milvus_strdup(call, there->database);
        out->alias = in->alias;
        out->collection = milvus_strdup(call, there->name);
    }
    milvus_collection_unref(there);
}

/* ---- ListAliases ---- */

static int add_aliases(struct milvus_call *call, const struct milvus_collection *collection,
                       WIRE(ListAliasesResponse) * out)
{
    struct kith_collection_info *info;
    int rc = kith_collection_describe(collection->handle, &info, NULL);
    if (rc) return rc == KITH_ECLOSED ? 0 : rc; /* dropped meanwhile */
    char **grown =
        arena_alloc_array(call->arena, out->n_aliases + info->alias_count + 1, sizeof *grown);
    if (grown) {
        if (out->n_aliases) memcpy(grown, out->aliases, out->n_aliases * sizeof *grown);
        out->aliases = grown;
        for (size_t i = 0; i < info->alias_count; i++)
            grown[out->n_aliases++] = milvus_strdup(call, info->aliases[i]);
    }
    kith_collection_info_free(info);
    return grown ? 0 : KITH_ENOMEM;
}

static int add_all(struct milvus_call *call, WIRE(ListAliasesResponse) * out)
{
    struct milvus_collection **items;
    size_t count;
    int rc = milvus_collection_list(call, &items, &count);
    if (rc) return rc;
    for (size_t i = 0; i < count; i++) {
        if (rc == 0) rc = add_aliases(call, items[i], out);
        milvus_collection_unref(items[i]);
    }
    return rc;
}

MILVUS_HANDLER(ListAliases)
{
    const WIRE(ListAliasesRequest) *in = request;
    WIRE(ListAliasesResponse) *out = reply;
    int rc;
    out->db_name = milvus_strdup(call, call->database);
    out->collection_name = in->collection_name;
    if (*in->collection_name) {
        struct milvus_collection *collection =
            milvus_collection_get(call, in->collection_name, false, &out->status);
        if (!collection) return;
        rc = add_aliases(call, collection, out);
        milvus_collection_unref(collection);
    } else {
        rc = add_all(call, out);
    }
    out->status = rc ? milvus_error(call, rc, NULL) : milvus_success(call);
}
