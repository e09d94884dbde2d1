/*
 * Resource groups: there is one machine, so they are names with a configuration, kept in memory
 * while the server runs, for tools that create what they then refer to. The default one is always
 * there and has the one node. Under ddl_lock.
 */
#include <string.h>

#include "base/alloc.h"
#include "milvus/milvus_internal.h"

#define GROUP_DEFAULT "__default_resource_group"
#define GROUPS_MAX    1024

typedef Milvus__Proto__Rg__ResourceGroupConfig Config;

struct milvus_group {
    char *name;      /* own */
    uint8_t *config; /* owns: packed */
    size_t config_len;
    struct milvus_group *next; /* owns */
};

void milvus_groups_free(struct milvus_group *groups)
{
    while (groups) {
        struct milvus_group *next = groups->next;
        mem_free(groups->name);
        mem_free(groups->config);
        mem_free(groups);
        groups = next;
    }
}

/* The link that holds it, or the last, empty one. */
static struct milvus_group **find(struct milvus *milvus, const char *name)
{
    struct milvus_group **at = &milvus->groups;
    while (*at && strcmp((*at)->name, name) != 0) at = &(*at)->next;
    return at;
}

static bool exists(struct milvus *milvus, const char *name)
{
    return strcmp(name, GROUP_DEFAULT) == 0 || *find(milvus, name);
}

static MilvusStatus *not_found(struct milvus_call *call, const char *name)
{
    return milvus_status(call, 300, "resource group not found[rg=%.300s]", name);
}

/* Packed, in the arena. */
static struct kith_str config_bytes(struct milvus_call *call, const Config *config)
{
    if (!config) return (struct kith_str){"", 0};
    const size_t len = protobuf_c_message_get_packed_size(&config->base);
    uint8_t *bytes = arena_alloc(call->arena, len + 1);
    if (!bytes) return (struct kith_str){NULL, 0};
    (void)protobuf_c_message_pack(&config->base, bytes);
    return (struct kith_str){(const char *)bytes, len};
}

static MilvusStatus *set_config(struct milvus_call *call, struct milvus_group *group,
                                struct kith_str bytes)
{
    uint8_t *copy = bytes.data ? mem_alloc(bytes.len + 1) : NULL;
    if (!copy) return milvus_error(call, KITH_ENOMEM, NULL);
    memcpy(copy, bytes.data, bytes.len);
    mem_free(group->config);
    group->config = copy;
    group->config_len = bytes.len;
    return NULL;
}

static MilvusStatus *add(struct milvus_call *call, struct milvus_group **at, const char *name,
                         struct kith_str bytes)
{
    struct milvus_group *group = mem_zalloc(sizeof *group);
    MilvusStatus *refusal = group && (group->name = mem_strdup(name))
                                ? set_config(call, group, bytes)
                                : milvus_error(call, KITH_ENOMEM, NULL);
    if (refusal)
        milvus_groups_free(group);
    else
        *at = group;
    return refusal;
}

static MilvusStatus *create(struct milvus_call *call, const char *name, struct kith_str bytes)
{
    struct milvus *milvus = call->milvus;
    size_t count = 1;
    for (struct milvus_group *group = milvus->groups; group; group = group->next) count++;
    struct milvus_group **at = find(milvus, name);
    const bool there = exists(milvus, name);
    if (there && *at && (*at)->config_len == bytes.len &&
        memcmp((*at)->config, bytes.data, bytes.len) == 0)
        return NULL;
    if (there)
        return milvus_status(call, 301,
                             "resource group already exist, but create with different "
                             "config[rg=%.300s]",
                             name);
    if (count >= GROUPS_MAX)
        return milvus_status(call, 302, "resource group num reach limit[rg=%.300s]", name);
    return add(call, at, name, bytes);
}

MILVUS_HANDLER(CreateResourceGroup)
{
    const WIRE(CreateResourceGroupRequest) *in = request;
    const struct kith_str bytes = config_bytes(call, in->config);
    MilvusStatus *refusal;
    os_mutex_lock(&call->milvus->ddl_lock);
    if (!*in->resource_group)
        refusal = milvus_status(call, MILVUS_INVALID,
                                "resource group name couldn't be empty: invalid parameter");
    else
        refusal = create(call, in->resource_group, bytes);
    os_mutex_unlock(&call->milvus->ddl_lock);
    milvus_finish(call, reply, refusal);
}

MILVUS_HANDLER(UpdateResourceGroups)
{
    const WIRE(UpdateResourceGroupsRequest) *in = request;
    MilvusStatus *refusal = NULL;
    os_mutex_lock(&call->milvus->ddl_lock);
    for (size_t i = 0; !refusal && i < in->n_resource_groups; i++) {
        const char *name = in->resource_groups[i]->key;
        struct milvus_group **at = find(call->milvus, name);
        const struct kith_str bytes = config_bytes(call, in->resource_groups[i]->value);
        if (!exists(call->milvus, name))
            refusal = not_found(call, name);
        else if (*at)
            refusal = set_config(call, *at, bytes);
        else
            refusal = add(call, at, name, bytes); /* the default one's first configuration */
    }
    os_mutex_unlock(&call->milvus->ddl_lock);
    milvus_finish(call, reply, refusal);
}

MILVUS_HANDLER(DropResourceGroup)
{
    const WIRE(DropResourceGroupRequest) *in = request;
    MilvusStatus *refusal = NULL;
    os_mutex_lock(&call->milvus->ddl_lock);
    struct milvus_group **at = find(call->milvus, in->resource_group), *group = *at;
    if (strcmp(in->resource_group, GROUP_DEFAULT) == 0) {
        refusal =
            milvus_status(call, MILVUS_INVALID,
                          "delete default resource group is not permitted: invalid parameter");
    } else if (group) {
        *at = group->next;
        group->next = NULL;
        milvus_groups_free(group);
    }
    os_mutex_unlock(&call->milvus->ddl_lock);
    milvus_finish(call, reply, refusal);
}

MILVUS_HANDLER(ListResourceGroups)
{
    (void)request;
    WIRE(ListResourceGroupsResponse) *out = reply;
    size_t count = 1;
    os_mutex_lock(&call->milvus->ddl_lock);
    for (struct milvus_group *group = call->milvus->groups; group; group = group->next) count++;
    out->resource_groups = arena_alloc_array(call->arena, count, sizeof(char *));
    if (out->resource_groups)
        out->resource_groups[out->n_resource_groups++] = milvus_text(GROUP_DEFAULT);
    for (struct milvus_group *group = call->milvus->groups; out->resource_groups && group;
         group = group->next)
        if (strcmp(group->name, GROUP_DEFAULT) != 0)
            out->resource_groups[out->n_resource_groups++] = milvus_strdup(call, group->name);
    os_mutex_unlock(&call->milvus->ddl_lock);
    out->status = out->resource_groups ? milvus_success(call)
                                       : milvus_error(call, KITH_ENOMEM, NULL);
}

static WIRE(ResourceGroup) *
    describe(struct milvus_call *call, const char *name, const struct milvus_group *group)
{
    ProtobufCAllocator allocator = milvus_allocator(call->arena);
    WIRE(ResourceGroup) *out =
        milvus_message(call, &milvus__proto__milvus__resource_group__descriptor);
    if (!out) return NULL;
    out->name = milvus_text(name);
    if (group)
        out->config = milvus__proto__rg__resource_group_config__unpack(
            &allocator, group->config_len, group->config);
    if (strcmp(name, GROUP_DEFAULT) == 0)
        out->capacity = out->num_available_node = 1;
    else if (out->config && out->config->requests)
        out->capacity = out->config->requests->node_num;
    return out;
}

MILVUS_HANDLER(DescribeResourceGroup)
{
    const WIRE(DescribeResourceGroupRequest) *in = request;
    WIRE(DescribeResourceGroupResponse) *out = reply;
    os_mutex_lock(&call->milvus->ddl_lock);
    if (exists(call->milvus, in->resource_group))
        out->resource_group =
            describe(call, in->resource_group, *find(call->milvus, in->resource_group));
    else
        out->status = not_found(call, in->resource_group);
    os_mutex_unlock(&call->milvus->ddl_lock);
    if (!out->status)
        out->status = out->resource_group ? milvus_success(call)
                                          : milvus_error(call, KITH_ENOMEM, NULL);
}

/* Nothing moves, but both have to be there. */
static MilvusStatus *check_both(struct milvus_call *call, const char *source, const char *target)
{
    MilvusStatus *refusal = NULL;
    os_mutex_lock(&call->milvus->ddl_lock);
    if (!exists(call->milvus, source))
        refusal = not_found(call, source);
    else if (!exists(call->milvus, target))
        refusal = not_found(call, target);
    else if (strcmp(source, target) == 0)
        refusal = milvus_status(call, MILVUS_INVALID,
                                "source resource group and target resource group should not be the "
                                "same, resource group: %s: invalid parameter",
                                source);
    os_mutex_unlock(&call->milvus->ddl_lock);
    return refusal;
}

MILVUS_HANDLER(TransferNode)
{
    const WIRE(TransferNodeRequest) *in = request;
    milvus_finish(call, reply,
                  check_both(call, in->source_resource_group, in->target_resource_group));
}

MILVUS_HANDLER(TransferReplica)
{
    const WIRE(TransferReplicaRequest) *in = request;
    MilvusStatus *refusal = check_both(call, in->source_resource_group, in->target_resource_group);
    if (!refusal)
        milvus_collection_unref(milvus_collection_get(call, in->collection_name, false, &refusal));
    milvus_finish(call, reply, refusal);
}
