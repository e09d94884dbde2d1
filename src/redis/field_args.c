/* See field_args.h. */
#include "redis/field_args.h"

bool field_deadline_read(struct redis_call *call, size_t arg, bool seconds, bool relative,
                         int64_t *out)
{
    int64_t value;
    if (!call_integer(call, arg, &value)) return false;
    if (value < 0) {
        call_error(call, "ERR invalid expire time, must be >= 0");
        return false;
    }
    const int64_t most = FIELD_DEADLINE_MAX - (relative ? cache_now_ms(call->cache) : 0);
    if (value > (seconds ? most / 1000 : most)) {
        call_errorf(call, "ERR invalid expire time in '%s' command", call->command->name);
        return false;
    }
    if (seconds) value *= 1000;
    *out = value + (relative ? cache_now_ms(call->cache) : 0);
    return true;
}

static bool read_fields(struct redis_call *call, size_t arg, unsigned known,
                        struct field_args *out, size_t *next)
{
    int64_t count;
    const size_t stride = known & FIELD_PAIRS ? 2 : 1;
    if (arg + 1 >= call->argc) {
        call_error(call, "ERR wrong number of arguments");
        return false;
    }
    if (!text_integer(call->argv[arg + 1], &count) || count < 1 || count > INT32_MAX) {
        call_error(call, "ERR Parameter `numFields` should be greater than 0");
        return false;
    }
    if ((uint64_t)count > (call->argc - arg - 2) / stride) {
        call_error(call, "ERR wrong number of arguments");
        return false;
    }
    out->first = arg + 2;
    out->count = (size_t)count;
    *next = out->first + out->count * stride;
    return true;
}

struct option {
    const char *word;
    enum field_option option;
};

static const struct option plain_options[] = {
    { "NX", FIELD_NX },   { "XX", FIELD_XX },     { "GT", FIELD_GT },       { "LT", FIELD_LT },
    { "FNX", FIELD_FNX }, { "FXX", FIELD_FXX },   { "PERSIST", FIELD_PERSIST },
    { "KEEPTTL", FIELD_KEEP },
};

static const struct time_option {
    const char *word;
    bool seconds, relative;
} time_options[] = {
    { "EX", true, true }, { "PX", false, true }, { "EXAT", true, false }, { "PXAT", false, false },
};

/* Two words of one kind exclude each other. */
static bool give(struct redis_call *call, struct field_args *out, unsigned option)
{
    static const struct {
        unsigned kind;
        const char *error;
    } kinds[] = {
        { FIELD_CONDITIONS, "ERR Multiple condition flags specified" },
        { FIELD_FNX | FIELD_FXX, "ERR Only one of FXX or FNX arguments can be specified" },
        { FIELD_TIME | FIELD_PERSIST | FIELD_KEEP, NULL },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!(option & kinds[i].kind) || !(out->given & kinds[i].kind)) continue;
        if (kinds[i].error) {
            call_error(call, kinds[i].error);
        } else {
            call_errorf(call, "ERR Only one of EX, PX, EXAT, PXAT or %s arguments can be specified",
                        (out->given | option) & FIELD_KEEP ? "KEEPTTL" : "PERSIST");
        }
        return false;
    }
    out->given |= option;
    return true;
}

/* An option at *arg, which moves behind it. */
static bool read_option(struct redis_call *call, unsigned known, struct field_args *out,
                        size_t *arg)
{
    for (size_t i = 0; i < sizeof plain_options / sizeof plain_options[0]; i++) {
        if (!(known & plain_options[i].option) || !call_is(call, *arg, plain_options[i].word)) {
            continue;
        }
        ++*arg;
        return give(call, out, plain_options[i].option);
    }
    for (size_t i = 0; (known & FIELD_TIME) && i < 4; i++) {
        const struct time_option *option = &time_options[i];
        if (!call_is(call, *arg, option->word) || *arg + 1 >= call->argc) continue;
        *arg += 2;
        return give(call, out, FIELD_TIME) &&
               field_deadline_read(call, *arg - 1, option->seconds, option->relative,
                                   &out->deadline);
    }
    call_errorf(call, "ERR unknown argument: %.*s",
                (int)(call->argv[*arg].len > 128 ? 128 : call->argv[*arg].len),
                call->argv[*arg].data);
    return false;
}

bool field_args_read(struct redis_call *call, size_t from, unsigned known, struct field_args *out)
{
    *out = (struct field_args){ 0 };
    for (size_t arg = from; arg < call->argc;) {
        if (call_is(call, arg, "FIELDS") && out->count == 0) {
            if (!read_fields(call, arg, known, out, &arg)) return false;
        } else if (!read_option(call, known, out, &arg)) {
            return false;
        }
    }
    if (out->count > 0) return true;
    call_error(call, "ERR Mandatory argument FIELDS is missing or not at the right position");
    return false;
}
