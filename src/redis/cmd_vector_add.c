/*
 * VADD: the vector first, then the options, then the key and whether it fits the set that is there.
 * The order is part of the contract: a malformed vector wins over a wrong type.
 *
 * What is logged replays in any state: the floats as they were understood, no CAS, M and the
 * quantization always. CAS is accepted and changes nothing: adding a row needs no search here.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "redis/cmd_vector.h"
#include "redis/vector_upkeep.h"

#define DEFAULT_M 16
#define DEFAULT_EF 200

struct add {
    struct redis_call *call;
    struct vector_arg vector; /* owns: as it came */
    struct vector_arg stored; /* owns: the projection, if there is one */
    struct kith_str element;
    enum vset_quant quant;
    int64_t m, ef;
    bool set_attribute;
    struct kith_str attribute;
};

/* ---- options ---- */

static bool read_number(struct add *add, size_t at, int64_t min, int64_t max, const char *error,
                        int64_t *out)
{
    if (text_integer(add->call->argv[at], out) && *out >= min && *out <= max) return true;
    call_error(add->call, error);
    return false;
}

/* Words that stand alone. */
static bool read_flag(struct add *add, size_t at)
{
    const struct redis_call *call = add->call;
    if (call_is(call, at, "cas")) return true;
    if (call_is(call, at, "noquant")) add->quant = VSET_F32;
    else if (call_is(call, at, "bin")) add->quant = VSET_BIN;
    else if (call_is(call, at, "q8")) add->quant = VSET_Q8;
    else return false;
    return true;
}

static bool read_options(struct add *add, size_t at)
{
    struct redis_call *call = add->call;
    for (; at < call->argc; at++) {
        const bool more = at + 1 < call->argc;
        if (read_flag(add, at)) continue;
        if (more && call_is(call, at, "ef")) {
            if (!read_number(add, ++at, 1, VSET_EF_MAX, "ERR invalid EF", &add->ef)) return false;
        } else if (more && call_is(call, at, "m")) {
            if (!read_number(add, ++at, VSET_M_MIN, VSET_M_MAX, "ERR invalid M", &add->m))
                return false;
        } else if (more && call_is(call, at, "setattr")) {
            add->set_attribute = true;
            add->attribute = call->argv[++at];
        } else {
            call_error(call, "ERR invalid option after element");
            return false;
        }
    }
    return true;
}

static bool read_words(struct add *add)
{
    struct redis_call *call = add->call;
    if (!vector_arg_read(call, 2, true, &add->vector)) return false;
    if (add->vector.next >= call->argc) {
        call_arity_error(call);
        return false;
    }
    add->element = call->argv[add->vector.next];
    return read_options(add, add->vector.next + 1);
}

/* ---- whether it fits ---- */

static bool mismatch(struct add *add, uint32_t got, uint32_t has)
{
    call_errorf(add->call, "ERR Vector dimension mismatch - got %u but set has %u", got, has);
    return false;
}

static bool dimensions_fit(struct add *add, const struct vset_params *params)
{
    const uint32_t dim = add->vector.dim, reduce = add->vector.reduce;
    if (params->input_dim == 0 && dim != params->dim) return mismatch(add, dim, params->dim);
    if (params->input_dim > 0 && reduce != params->dim) return mismatch(add, dim, params->dim);
    if (reduce > 0 && params->input_dim == 0) {
        call_error(add->call,
                   "ERR cannot add projection to existing set without projection");
        return false;
    }
    if (params->input_dim > 0 && dim != params->input_dim) {
        call_errorf(add->call,
                    "ERR Input dimension mismatch for projection - got %u but projection "
                    "expects %u",
                    dim, params->input_dim);
        return false;
    }
    return true;
}

static bool fits(struct add *add, const struct vset_params *params)
{
    if (params->quant != add->quant) {
        call_error(add->call, "ERR asked quantization mismatch with existing vector set");
        return false;
    }
    if (params->m != add->m) {
        call_error(add->call, "ERR asked M value mismatch with existing vector set");
        return false;
    }
    return dimensions_fit(add, params);
}

/* ---- adding ---- */

static const float *stored_values(const struct add *add)
{
    return add->stored.values ? add->stored.values : add->vector.values;
}

static int put(struct add *add, struct vector_set *set, bool *added)
{
    const struct vset_put one = {.name = add->element, .vector = stored_values(add),
                                 .ef = (uint32_t)add->ef, .set_attribute = add->set_attribute,
                                 .attribute = add->attribute};
    return vset_put(set, &one, added);
}

/* The first element of a set that is not there yet. */
static int put_first(struct add *add)
{
    struct redis_call *call = add->call;
    const uint32_t dim = add->vector.dim, reduce = add->vector.reduce;
    const struct vset_params params = {add->quant, reduce ? reduce : dim, reduce ? dim : 0,
                                       (uint32_t)add->m};
    struct vector_set *set;
    bool added;
    int rc = vset_new(cache_heap(call->cache), &params, rng_u64(cache_rng(call->cache)) >> 2,
                      &set);
    if (rc) return rc;
    rc = put(add, set, &added);
    if (rc) {
        vset_free(set);
        return rc;
    }
    return cache_add(call->cache, call->db, call->argv[1], VALUE_VECTORS, set, CACHE_NO_DEADLINE,
                     NULL);
}

/* ---- the log ---- */

#define WORDS_MAX 14u
#define NUMBER_BYTES 16u

struct log_line {
    struct kith_str argv[WORDS_MAX];
    size_t argc;
    char numbers[3][NUMBER_BYTES];
    size_t number_count;
};

static void say(struct log_line *line, const char *text)
{
    line->argv[line->argc++] = (struct kith_str){text, strlen(text)};
}

static void say_number(struct log_line *line, int64_t value)
{
    char *text = line->numbers[line->number_count++];
    (void)snprintf(text, NUMBER_BYTES, "%d", (int)value); /* at most 1,000,000 */
    say(line, text);
}

static void log_add(const struct add *add)
{
    static const char *const quants[] = {"NOQUANT", "Q8", "BIN"};
    struct log_line line = {.argc = 0};
    say(&line, "VADD");
    line.argv[line.argc++] = add->call->argv[1];
    if (add->vector.reduce > 0) {
        say(&line, "REDUCE");
        say_number(&line, add->vector.reduce);
    }
    say(&line, "FP32");
    line.argv[line.argc++] =
        (struct kith_str){(const char *)add->vector.values, 4 * (size_t)add->vector.dim};
    line.argv[line.argc++] = add->element;
    say(&line, quants[add->quant]);
    say(&line, "M");
    say_number(&line, add->m);
    say(&line, "EF");
    say_number(&line, add->ef);
    if (add->set_attribute) {
        say(&line, "SETATTR");
        line.argv[line.argc++] = add->attribute;
    }
    call_log(add->call, line.argv, line.argc);
}

/* ---- all of it ---- */

static bool project(struct add *add)
{
    if (add->vector.reduce == 0) return true;
    add->stored = (struct vector_arg){.dim = add->vector.reduce};
    add->stored.values = mem_alloc_array(add->stored.dim, sizeof *add->stored.values);
    if (!add->stored.values) {
        call_no_memory(add->call);
        return false;
    }
    vset_reduce(add->vector.values, add->vector.dim, add->stored.values, add->stored.dim);
    return true;
}

static void add_element(struct add *add)
{
    struct redis_call *call = add->call;
    struct entry *entry = call_write(call, call->argv[1], VALUE_VECTORS);
    if (call->failed) return;
    struct vector_set *set = entry ? vector_set_of(entry) : NULL;
    if ((set && !fits(add, vset_params(set))) || !project(add)) return;
    bool added = true;
    const int rc = set ? put(add, set, &added) : put_first(add);
    if (rc) {
        call_no_memory(call);
        return;
    }
    if (set) vector_upkeep(call->redis, set);
    log_add(add);
    call_changed(call, call->argv[1], EVENT_MODULE, "vadd");
    resp_bool(call->reply, added);
}

void run_vadd(struct redis_call *call)
{
    struct add add = {.call = call, .quant = VSET_Q8, .m = DEFAULT_M, .ef = DEFAULT_EF};
    if (read_words(&add)) add_element(&add);
    vector_arg_release(&add.vector);
    vector_arg_release(&add.stored);
}
