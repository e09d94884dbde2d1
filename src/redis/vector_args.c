/*
 * Vectors among words. Whatever is wrong with one has the same answer; components that are not
 * finite are wrong too, also within FP32 (Redis takes them and then answers nan).
 */
#include "redis/vector_args.h"

#include <math.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "base/json.h"

static bool fail(struct redis_call *call)
{
    call_error(call, "ERR invalid vector specification");
    return false;
}

static bool allocate(struct redis_call *call, struct vector_arg *out)
{
    out->values = mem_alloc_array(out->dim, sizeof *out->values);
    if (!out->values) call_no_memory(call);
    return out->values != NULL;
}

static bool read_blob(struct redis_call *call, size_t at, struct vector_arg *out)
{
    const struct kith_str blob = call->argv[at];
    if (blob.len == 0 || blob.len % 4 != 0 || blob.len / 4 > VSET_DIM_MAX) return fail(call);
    out->dim = (uint32_t)(blob.len / 4);
    if (!allocate(call, out)) return false;
    for (uint32_t i = 0; i < out->dim; i++) {
        out->values[i] = lef32_get(blob.data + 4 * (size_t)i);
        if (!isfinite(out->values[i])) return fail(call);
    }
    out->next = at + 1;
    return true;
}

/* Most numbers are JSON's too, and that reader is quicker than strtod. */
static bool read_number(struct kith_str text, float *out)
{
    struct json_value json;
    size_t used;
    double value;
    if (text.len > 0 && json_read(text.data, text.len, &json, &used, NULL) == 0 &&
        used == text.len && (json.kind == JSON_INT || json.kind == JSON_DOUBLE) &&
        text.data[0] > ' ') {
        value = json.number;
    } else if (!text_double(text, &value)) {
        return false;
    }
    *out = (float)value;
    return isfinite(*out);
}

static bool read_values(struct redis_call *call, size_t at, struct vector_arg *out)
{
    int64_t count;
    if (!text_integer(call->argv[at], &count) || count < 1 || count > VSET_DIM_MAX ||
        call->argc - at - 1 < (size_t)count) {
        return fail(call);
    }
    out->dim = (uint32_t)count;
    if (!allocate(call, out)) return false;
    for (uint32_t i = 0; i < out->dim; i++) {
        if (!read_number(call->argv[at + 1 + i], &out->values[i])) return fail(call);
    }
    out->next = at + 1 + (size_t)count;
    return true;
}

static bool read_vector(struct redis_call *call, size_t at, struct vector_arg *out)
{
    if (call->argc - at < 2) return fail(call);
    if (call_is(call, at, "fp32")) return read_blob(call, at + 1, out);
    if (call_is(call, at, "values")) return read_values(call, at + 1, out);
    return fail(call);
}

bool vector_arg_read(struct redis_call *call, size_t at, bool may_reduce, struct vector_arg *out)
{
    *out = (struct vector_arg){0};
    int64_t reduce = 0;
    const bool reduces = may_reduce && call_is(call, at, "reduce");
    if (reduces) {
        if (call->argc - at < 4 || !text_integer(call->argv[at + 1], &reduce)) return fail(call);
        at += 2;
    }
    bool fine = read_vector(call, at, out);
    if (fine && reduces && (reduce < 1 || reduce > (int64_t)out->dim)) fine = fail(call);
    if (!fine) vector_arg_release(out);
    out->reduce = (uint32_t)reduce;
    return fine;
}

void vector_arg_release(struct vector_arg *arg)
{
    mem_free(arg->values);
    arg->values = NULL;
}

bool vector_arg_reduce(struct redis_call *call, struct vector_arg *arg, uint32_t dim)
{
    float *out = mem_alloc_array(dim, sizeof *out);
    if (!out) {
        call_no_memory(call);
        return false;
    }
    vset_reduce(arg->values, arg->dim, out, dim);
    mem_free(arg->values);
    arg->values = out;
    arg->dim = dim;
    return true;
}
