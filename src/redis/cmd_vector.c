/*
 * The commands of vector sets that look at one element or at the set, and the table of all.
 *
 * Names are upper case in error texts, as those of a module of Redis are.
 */
#include "redis/cmd_vector.h"

#include "base/alloc.h"
#include "redis/vector_upkeep.h"

/* The element of argv[2]; NULL: no such key or element, or it failed. */
static struct vset_element *find_element(struct redis_call *call, struct entry *entry)
{
    return entry ? vset_find(vector_set_of(entry), call->argv[2]) : NULL;
}

/* ---- changes ---- */

static void run_vrem(struct redis_call *call)
{
    struct entry *entry = call_write(call, call->argv[1], VALUE_VECTORS);
    if (call->failed) return;
    struct vset_element *element = find_element(call, entry);
    if (element) {
        struct vector_set *set = vector_set_of(entry);
        vset_remove(set, element);
        vector_upkeep(call->redis, set);
        call_changed(call, call->argv[1], EVENT_MODULE, "vrem");
        call_delete_empty(call, entry, vset_count(set) == 0);
    }
    resp_bool(call->reply, element != NULL);
}

static void run_vsetattr(struct redis_call *call)
{
    struct entry *entry = call_write(call, call->argv[1], VALUE_VECTORS);
    if (call->failed) return;
    struct vset_element *element = find_element(call, entry);
    if (element) {
        const int rc = vset_set_attribute(vector_set_of(entry), element, call->argv[3]);
        if (rc) {
            call_no_memory(call);
            return;
        }
        call_changed(call, call->argv[1], EVENT_MODULE, "vsetattr");
    }
    resp_bool(call->reply, element != NULL);
}

/* ---- looking ---- */

static void run_vgetattr(struct redis_call *call)
{
    struct entry *entry = call_read(call, call->argv[1], VALUE_VECTORS);
    if (call->failed) return;
    const struct vset_element *element = find_element(call, entry);
    const struct kith_str text = element ? vset_attribute(element) : (struct kith_str){0};
    if (text.data) resp_str(call->reply, text);
    else resp_null(call->reply);
}

static void run_vismember(struct redis_call *call)
{
    struct entry *entry = call_read(call, call->argv[1], VALUE_VECTORS);
    if (call->failed) return;
    resp_bool(call->reply, find_element(call, entry) != NULL);
}

static void run_vcard(struct redis_call *call)
{
    struct entry *entry = call_read(call, call->argv[1], VALUE_VECTORS);
    if (call->failed) return;
    resp_integer(call->reply, entry ? (int64_t)vset_count(vector_set_of(entry)) : 0);
}

static void run_vdim(struct redis_call *call)
{
    struct entry *entry = call_read(call, call->argv[1], VALUE_VECTORS);
    if (call->failed) return;
    if (entry) resp_integer(call->reply, vset_params(vector_set_of(entry))->dim);
    else call_error(call, "ERR key does not exist");
}

static const char *quant_name(enum vset_quant quant)
{
    static const char *const names[] = {"f32", "int8", "bin"};
    return names[quant];
}

static void answer_raw(struct redis_call *call, const struct vector_set *set,
                       const struct vset_element *element)
{
    const enum vset_quant quant = vset_params(set)->quant;
    const struct vset_raw raw = vset_raw(set, element);
    resp_array(call->reply, quant == VSET_Q8 ? 4 : 3);
    resp_status(call->reply, quant_name(quant));
    resp_bulk(call->reply, raw.code, raw.len);
    resp_double(call->reply, (double)raw.norm);
    if (quant == VSET_Q8) resp_double(call->reply, (double)raw.range);
}

static void answer_vector(struct redis_call *call, const struct vector_set *set,
                          const struct vset_element *element)
{
    const uint32_t dim = vset_params(set)->dim;
    float *values = mem_alloc_array(dim, sizeof *values);
    if (!values) {
        call_no_memory(call);
        return;
    }
    vset_read(set, element, values);
    resp_array(call->reply, dim);
    for (uint32_t i = 0; i < dim; i++) resp_double(call->reply, (double)values[i]);
    mem_free(values);
}

static void run_vemb(struct redis_call *call)
{
    for (size_t i = 3; i < call->argc; i++) {
        if (!call_is(call, i, "raw")) {
            call_error(call, "ERR invalid option");
            return;
        }
    }
    struct entry *entry = call_read(call, call->argv[1], VALUE_VECTORS);
    if (call->failed) return;
    const struct vset_element *element = find_element(call, entry);
    if (!element) resp_null(call->reply);
    else if (call->argc > 3) answer_raw(call, vector_set_of(entry), element);
    else answer_vector(call, vector_set_of(entry), element);
}

static void answer_info(struct resp *reply, const char *name, uint64_t value)
{
    resp_status(reply, name);
    resp_integer(reply, (int64_t)(value & INT64_MAX));
}

static void run_vinfo(struct redis_call *call)
{
    struct entry *entry = call_read(call, call->argv[1], VALUE_VECTORS);
    if (call->failed) return;
    struct resp *reply = call->reply;
    if (!entry) {
        resp_null_array(reply);
        return;
    }
    const struct vector_set *set = vector_set_of(entry);
    const struct vset_params *params = vset_params(set);
    resp_map(reply, 9);
    resp_status(reply, "quant-type");
    resp_status(reply, quant_name(params->quant));
    answer_info(reply, "hnsw-m", params->m);
    answer_info(reply, "vector-dim", params->dim);
    answer_info(reply, "projection-input-dim", params->input_dim);
    answer_info(reply, "size", vset_count(set));
    answer_info(reply, "max-level", vset_level_max(set));
    answer_info(reply, "attributes-count", vset_attribute_count(set));
    answer_info(reply, "vset-uid", vset_uid(set));
    answer_info(reply, "hnsw-max-node-uid", vset_node_uid(set));
}

/* ---- the table ---- */

#define COMMAND(text, function, words, flag_bits)                                        \
    {.name = (text), .run = (function), .arity = (words), .categories = CAT_VECTORSET,   \
     .flags = (flag_bits) | CMD_UPPER_NAME, .first_key = 1, .last_key = 1, .key_step = 1}

const struct command vector_commands[] = {
    COMMAND("vadd", run_vadd, -5, CMD_WRITE | CMD_DENY_OOM),
    COMMAND("vsim", run_vsim, -4, CMD_READ),
    COMMAND("vrem", run_vrem, 3, CMD_WRITE),
    COMMAND("vcard", run_vcard, 2, CMD_READ | CMD_FAST),
    COMMAND("vdim", run_vdim, 2, CMD_READ | CMD_FAST),
    COMMAND("vemb", run_vemb, -3, CMD_READ | CMD_FAST),
    COMMAND("vlinks", run_vlinks, -3, CMD_READ),
    COMMAND("vinfo", run_vinfo, 2, CMD_READ | CMD_FAST),
    COMMAND("vsetattr", run_vsetattr, 4, CMD_WRITE | CMD_DENY_OOM | CMD_FAST),
    COMMAND("vgetattr", run_vgetattr, 3, CMD_READ | CMD_FAST),
    COMMAND("vrandmember", run_vrandmember, -2, CMD_READ),
    COMMAND("vismember", run_vismember, 3, CMD_READ | CMD_FAST),
    COMMAND("vrange", run_vrange, -4, CMD_READ),
    {.name = NULL},
};
