/*
 * Values of parameters in and out: see settings.h.
 */
#include "redis/settings.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/notify.h"
#include "redis/redis_internal.h"

#define WORDS_MAX (2u * SAVE_POINTS_MAX)

static const char *const output_classes[OUTPUT_CLASSES] = {"normal", "slave", "pubsub"};

static int64_t *number_of(struct redis_settings *settings, const struct parameter *parameter)
{
    return (int64_t *)(void *)((char *)settings + parameter->offset);
}

static char **text_of(struct redis_settings *settings, const struct parameter *parameter)
{
    return (char **)(void *)((char *)settings + parameter->offset);
}

static int64_t number_in(const struct redis_settings *settings, const struct parameter *parameter)
{
    int64_t value;
    memcpy(&value, (const char *)settings + parameter->offset, sizeof value);
    return value;
}

static char *text_in(const struct redis_settings *settings, const struct parameter *parameter)
{
    char *value;
    memcpy(&value, (const char *)settings + parameter->offset, sizeof value);
    return value;
}

/* ---- values in ---- */

bool settings_memory(struct kith_str text, int64_t *out)
{
    static const struct {
        const char *unit;
        int64_t bytes;
    } units[] = {
        {"", 1}, {"b", 1}, {"k", 1000}, {"kb", 1024}, {"m", 1000000}, {"mb", 1 << 20},
        {"g", 1000000000}, {"gb", 1 << 30}, {"t", INT64_C(1000000000000)}, {"tb", INT64_C(1) << 40},
    };
    size_t digits = 0;
    int64_t value;
    while (digits < text.len && text.data[digits] >= '0' && text.data[digits] <= '9') digits++;
    if (!text_integer((struct kith_str){text.data, digits}, &value)) return false;
    const struct kith_str unit = {text.data + digits, text.len - digits};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (str_is(unit, units[i].unit)) return !__builtin_mul_overflow(value, units[i].bytes, out);
    return false;
}

static size_t split(struct kith_str text, struct kith_str words[WORDS_MAX])
{
    size_t count = 0;
    for (size_t at = 0; at < text.len;) {
        size_t len = 0;
        while (at + len < text.len && text.data[at + len] != ' ') len++;
        if (len && count == WORDS_MAX) return WORDS_MAX + 1;
        if (len) words[count++] = (struct kith_str){text.data + at, len};
        at += len + 1;
    }
    return count;
}

static const char *set_number(struct redis_settings *trial, const struct parameter *parameter,
                              struct kith_str value, char error[SETTING_ERROR_MAX])
{
    int64_t number;
    const bool share = parameter->kind == PARAMETER_PERCENT && value.len &&
                       value.data[value.len - 1] == '%';
    if (share) {
        if (!text_integer((struct kith_str){value.data, value.len - 1}, &number) || number < 0 ||
            number > 100)
            return "argument must be a memory or percent value";
        number = -number;
    } else if (parameter->kind == PARAMETER_PERCENT) {
        if (!settings_memory(value, &number)) return "argument must be a memory or percent value";
    } else if (parameter->kind == PARAMETER_MEMORY) {
        if (!settings_memory(value, &number)) return "argument must be a memory value";
    } else if (parameter->kind == PARAMETER_OCTAL) {
        number = 0;
        for (size_t i = 0; i < value.len; i++) {
            const char c = value.data[i];
            if (c < '0' || c > '7' || number > 0777)
                return "argument couldn't be parsed into an integer";
            number = number * 8 + (c - '0');
        }
    } else if (!text_integer(value, &number)) {
        return "argument couldn't be parsed into an integer";
    }
    if (number < parameter->min || number > parameter->max) {
        (void)snprintf(error, SETTING_ERROR_MAX, "argument must be between %lld and %lld inclusive",
                       (long long)parameter->min, (long long)parameter->max);
        return error;
    }
    *number_of(trial, parameter) = number;
    return NULL;
}

static const char *set_yes_no(struct redis_settings *trial, const struct parameter *parameter,
                              struct kith_str value)
{
    const bool yes = str_is(value, "yes");
    if (!yes && !str_is(value, "no")) return "argument must be 'yes' or 'no'";
    *number_of(trial, parameter) = yes;
    return NULL;
}

static const char *set_choice(struct redis_settings *trial, const struct parameter *parameter,
                              struct kith_str value, char error[SETTING_ERROR_MAX])
{
    int64_t place = 0;
    for (const char *at = parameter->choices; *at; place++) {
        const size_t len = strcspn(at, "|");
        char word[64];
        (void)snprintf(word, sizeof word, "%.*s", (int)len, at);
        if (str_is(value, word)) {
            *number_of(trial, parameter) = place;
            return NULL;
        }
        at += len + (at[len] == '|');
    }
    size_t used = (size_t)snprintf(error, SETTING_ERROR_MAX,
                                   "argument(s) must be one of the following: ");
    for (const char *c = parameter->choices; *c && used + 3 < SETTING_ERROR_MAX; c++) {
        error[used++] = *c == '|' ? ',' : *c;
        if (*c == '|') error[used++] = ' ';
    }
    error[used] = 0;
    return error;
}

static const char *set_text(const struct redis_settings *settings, struct redis_settings *trial,
                            const struct parameter *parameter, struct kith_str value)
{
    char *copy = NULL;
    if (value.len) {
        copy = mem_strndup(value.data, value.len);
        if (!copy) return "out of memory";
    }
    char **at = text_of(trial, parameter);
    if (*at != text_in(settings, parameter)) mem_free(*at);
    *at = copy;
    return NULL;
}

size_t settings_percents(struct kith_str text, double out[PERCENTS_MAX], const char **why)
{
    struct kith_str words[WORDS_MAX];
    const size_t count = split(text, words);
    *why = count > PERCENTS_MAX ? "Invalid latency-tracking-info-percentiles parameters" : NULL;
    for (size_t i = 0; !*why && i < count; i++) {
        if (!text_double(words[i], &out[i]))
            *why = "Invalid latency-tracking-info-percentiles parameters";
        else if (!(out[i] >= 0 && out[i] <= 100))
            *why = "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]";
    }
    return *why ? 0 : count;
}

static const char *set_percents(const struct redis_settings *settings,
                                struct redis_settings *trial, const struct parameter *parameter,
                                struct kith_str value)
{
    double numbers[PERCENTS_MAX];
    const char *why;
    (void)settings_percents(value, numbers, &why);
    return why ? why : set_text(settings, trial, parameter, value);
}

static const char *set_saves(struct redis_settings *trial, struct kith_str value)
{
    static const char wrong[] = "Invalid save parameters";
    struct kith_str words[WORDS_MAX];
    struct save_point points[SAVE_POINTS_MAX];
    const size_t count = split(value, words);
    if (count % 2 || count > WORDS_MAX) return wrong;
    for (size_t i = 0; i < count / 2; i++) {
        struct save_point *point = &points[i];
        if (!text_integer(words[2 * i], &point->seconds) || point->seconds < 1 ||
            !text_integer(words[2 * i + 1], &point->changes) || point->changes < 0)
            return wrong;
    }
    memcpy(trial->saves, points, count / 2 * sizeof points[0]);
    trial->save_count = count / 2;
    return NULL;
}

static int output_class(struct kith_str word)
{
    if (str_is(word, "replica")) return 1;
    for (int i = 0; i < (int)OUTPUT_CLASSES; i++)
        if (str_is(word, output_classes[i])) return i;
    return -1;
}

static const char *set_output(struct redis_settings *trial, struct kith_str value)
{
    struct kith_str words[WORDS_MAX];
    const size_t count = split(value, words);
    if (count == 0 || count % 4 || count > WORDS_MAX)
        return "Wrong number of arguments in buffer limit configuration.";
    for (size_t i = 0; i < count; i += 4) {
        const int class = output_class(words[i]);
        int64_t hard, soft, seconds;
        if (class < 0) return "Invalid client class specified in buffer limit configuration.";
        if (!settings_memory(words[i + 1], &hard) || !settings_memory(words[i + 2], &soft) ||
            !text_integer(words[i + 3], &seconds) || seconds < 0)
            return "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
        trial->output[class] = (struct output_limit){(uint64_t)hard, (uint64_t)soft, seconds};
    }
    return NULL;
}

static const char *set_notify(struct redis_settings *trial, struct kith_str value)
{
    const int64_t flags = notify_parse(value);
    if (flags < 0) return "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";
    trial->notify = flags;
    return NULL;
}

const char *settings_set(const struct redis_settings *settings, struct redis_settings *trial,
                         const struct parameter *parameter, struct kith_str value,
                         char error[SETTING_ERROR_MAX])
{
    switch (parameter->kind) {
    case PARAMETER_NUMBER:
    case PARAMETER_MEMORY:
    case PARAMETER_PERCENT:
    case PARAMETER_OCTAL: return set_number(trial, parameter, value, error);
    case PARAMETER_YES_NO: return set_yes_no(trial, parameter, value);
    case PARAMETER_CHOICE: return set_choice(trial, parameter, value, error);
    case PARAMETER_TEXT:
        return parameter->flags & PARAMETER_PERCENTS
                   ? set_percents(settings, trial, parameter, value)
                   : set_text(settings, trial, parameter, value);
    case PARAMETER_SAVE: return set_saves(trial, value);
    case PARAMETER_OUTPUT: return set_output(trial, value);
    case PARAMETER_NOTIFY: return set_notify(trial, value);
    }
    return "unknown kind";
}

/* ---- as a whole ---- */

typedef void text_fn(const struct redis_settings *settings, struct redis_settings *trial,
                     const struct parameter *parameter);

static void each_text(const struct redis_settings *settings, struct redis_settings *trial,
                      text_fn *fn)
{
    size_t count;
    const struct parameter *all = parameters(&count);
    for (size_t i = 0; i < count; i++)
        if (all[i].kind == PARAMETER_TEXT) fn(settings, trial, &all[i]);
}

static void drop_new(const struct redis_settings *settings, struct redis_settings *trial,
                     const struct parameter *parameter)
{
    char **at = text_of(trial, parameter);
    if (*at != text_in(settings, parameter)) mem_free(*at);
    *at = NULL;
}

static void drop_old(const struct redis_settings *settings, struct redis_settings *trial,
                     const struct parameter *parameter)
{
    if (*text_of(trial, parameter) != text_in(settings, parameter))
        mem_free(text_in(settings, parameter));
}

void settings_try(const struct redis_settings *settings, struct redis_settings *trial)
{
    *trial = *settings;
}

void settings_drop(const struct redis_settings *settings, struct redis_settings *trial)
{
    each_text(settings, trial, drop_new);
}

void settings_commit(struct redis_settings *settings, struct redis_settings *trial)
{
    each_text(settings, trial, drop_old);
    *settings = *trial;
}

int settings_init(struct redis_settings *settings)
{
    const struct redis_settings nothing = {0};
    char error[SETTING_ERROR_MAX];
    size_t count;
    const struct parameter *all = parameters(&count);
    *settings = nothing;
    for (size_t i = 0; i < count; i++) {
        if (settings_set(&nothing, settings, &all[i], str_of(all[i].preset), error)) {
            settings_release(settings);
            return KITH_ENOMEM;
        }
    }
    return 0;
}

void settings_release(struct redis_settings *settings)
{
    const struct redis_settings nothing = {0};
    settings_drop(&nothing, settings);
}

/* ---- values out ---- */

static void print_choice(const struct parameter *parameter, int64_t place, struct buffer *out)
{
    const char *at = parameter->choices;
    for (; place > 0; place--) at += strcspn(at, "|") + 1;
    buffer_put(out, at, strcspn(at, "|"));
}

static void print_saves(const struct redis_settings *settings, struct buffer *out)
{
    for (size_t i = 0; i < settings->save_count; i++)
        buffer_printf(out, "%s%lld %lld", i ? " " : "", (long long)settings->saves[i].seconds,
                      (long long)settings->saves[i].changes);
}

static void print_output(const struct redis_settings *settings, struct buffer *out)
{
    for (size_t i = 0; i < OUTPUT_CLASSES; i++) {
        const struct output_limit *limit = &settings->output[i];
        buffer_printf(out, "%s%s %llu %llu %lld", i ? " " : "", output_classes[i],
                      (unsigned long long)limit->hard, (unsigned long long)limit->soft,
                      (long long)limit->soft_seconds);
    }
}

void settings_print(const struct redis_settings *settings, const struct parameter *parameter,
                    struct buffer *out)
{
    const char *text;
    switch (parameter->kind) {
    case PARAMETER_NUMBER:
    case PARAMETER_MEMORY:
        buffer_printf(out, "%lld", (long long)number_in(settings, parameter));
        break;
    case PARAMETER_PERCENT: {
        const long long number = number_in(settings, parameter);
        buffer_printf(out, number < 0 ? "%lld%%" : "%lld", number < 0 ? -number : number);
        break;
    }
    case PARAMETER_OCTAL:
        buffer_printf(out, "%llo", (unsigned long long)number_in(settings, parameter));
        break;
    case PARAMETER_YES_NO:
        buffer_printf(out, "%s", number_in(settings, parameter) ? "yes" : "no");
        break;
    case PARAMETER_CHOICE: print_choice(parameter, number_in(settings, parameter), out); break;
    case PARAMETER_TEXT:
        text = text_in(settings, parameter);
        if (text) buffer_put(out, text, strlen(text));
        break;
    case PARAMETER_SAVE: print_saves(settings, out); break;
    case PARAMETER_OUTPUT: print_output(settings, out); break;
    case PARAMETER_NOTIFY: notify_print(settings->notify, out); break;
    }
}
