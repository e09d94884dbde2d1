/*
 * Running a filter's program over one attribute: a stack machine of doubles, slices and tuples.
 *
 * A value becomes a number where an operator wants one: a string by strtod if that takes all of it,
 * else 0; null and tuples 0. Strings compare with strings byte by byte; of tuples one equals only
 * itself, and against anything else it is 0.
 */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "cache/vector_filter_internal.h"

static struct filter_value number_value(double number)
{
    return (struct filter_value){.kind = FILTER_NUMBER, .number = number};
}

static bool is_tuple(const struct filter_value *value)
{
    return value->kind == FILTER_TUPLE || value->kind == FILTER_ARRAY;
}

static double to_number(const struct filter_value *value)
{
    double number;
    if (value->kind == FILTER_NUMBER) return value->number;
    if (value->kind != FILTER_STRING) return 0;
    return filter_number(value->text, value->len, &number) ? number : 0;
}

static bool truth(const struct filter_value *value)
{
    switch (value->kind) {
    case FILTER_NUMBER: return value->number != 0;
    case FILTER_STRING: return value->len > 0;
    case FILTER_NULL: return false;
    default: return true;
    }
}

static bool same_tuple(const struct filter_value *a, const struct filter_value *b)
{
    if (a->kind != b->kind) return false;
    return a->kind == FILTER_ARRAY ? a->text == b->text : a->first == b->first && a->len == b->len;
}

static bool equal(const struct filter_value *a, const struct filter_value *b)
{
    if (a->kind == FILTER_STRING && b->kind == FILTER_STRING) {
        return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
    }
    if (a->kind == FILTER_NULL || b->kind == FILTER_NULL) return a->kind == b->kind;
    if (is_tuple(a) && is_tuple(b)) return same_tuple(a, b);
    return to_number(a) == to_number(b);
}

static struct filter_value json_scalar(const struct json_value *item)
{
    switch (item->kind) {
    case JSON_BOOL: return number_value(item->boolean);
    case JSON_NULL: return (struct filter_value){.kind = FILTER_NULL};
    default: return number_value(item->number);
    }
}

/* Of two equal texts one is decoded while it is compared. */
static bool equals_decoded(const struct filter_value *value, const char *text, size_t len)
{
    char piece[2];
    size_t at = 0;
    for (size_t i = 0; i < len;) {
        const size_t take = text[i] == '\\' && i + 1 < len ? 2 : 1;
        const size_t got = attribute_decode(text + i, take, piece);
        if (value->len - at < got || memcmp(value->text + at, piece, got) != 0) return false;
        at += got;
        i += take;
    }
    return at == value->len;
}

static bool equals_item(const struct filter_value *value, const struct json_value *item)
{
    if (item->kind != JSON_STRING) {
        const struct filter_value member = json_scalar(item);
        return equal(value, &member);
    }
    const char *text = item->text + 1;
    const size_t len = item->len - 2;
    if (value->kind == FILTER_STRING) return equals_decoded(value, text, len);
    const struct filter_value member = {.kind = FILTER_STRING, .text = text, .len = len};
    return equal(value, &member);
}

static bool in_array(const struct filter_value *value, const struct filter_value *array)
{
    struct json_value root, item;
    struct json_iter iter;
    size_t used;
    if (json_read(array->text, array->len, &root, &used, NULL)) return false;
    json_iter_init(&iter, &root);
    while (json_iter_next(&iter, NULL, &item) > 0) {
        if (equals_item(value, &item)) return true;
    }
    return false;
}

static bool is_in(const struct vector_filter *filter, const struct filter_value *value,
                  const struct filter_value *set)
{
    if (set->kind == FILTER_ARRAY) return in_array(value, set);
    if (set->kind == FILTER_TUPLE) {
        for (size_t i = 0; i < set->len; i++) {
            if (equal(value, &filter->items[set->first + i])) return true;
        }
        return false;
    }
    if (set->kind != FILTER_STRING || value->kind != FILTER_STRING) return false;
    return value->len == 0 || memmem(set->text, set->len, value->text, value->len) != NULL;
}

static double compute(enum filter_op op, double a, double b)
{
    switch (op) {
    case FILTER_POW: return pow(a, b);
    case FILTER_MUL: return a * b;
    case FILTER_DIV: return a / b;
    case FILTER_MOD: return fmod(a, b);
    case FILTER_ADD: return a + b;
    case FILTER_SUB: return a - b;
    case FILTER_GT: return a > b;
    case FILTER_GE: return a >= b;
    case FILTER_LT: return a < b;
    default: return a <= b;
    }
}

static struct filter_value apply(const struct vector_filter *filter, enum filter_op op,
                                 const struct filter_value *a, const struct filter_value *b)
{
    switch (op) {
    case FILTER_EQ: return number_value(equal(a, b));
    case FILTER_NE: return number_value(!equal(a, b));
    case FILTER_IN: return number_value(is_in(filter, a, b));
    case FILTER_AND: return number_value(truth(a) && truth(b));
    case FILTER_OR: return number_value(truth(a) || truth(b));
    default: return number_value(compute(op, to_number(a), to_number(b)));
    }
}

/* false: the name is not there, or what it holds has no meaning here */
static bool select_value(const struct vector_attribute *attribute, const struct filter_value *name,
                         struct filter_value *out)
{
    const struct attribute_entry *entry = attribute_find(attribute, name->text, name->len);
    if (!entry || name->len == 0) return false;
    const char *text = attribute_text(attribute) + entry->value_at;
    *out = (struct filter_value){.text = text, .len = entry->value_len};
    switch ((enum attribute_kind)entry->kind) {
    case ATTRIBUTE_NUMBER: return filter_number(text, entry->value_len, &out->number);
    case ATTRIBUTE_STRING: out->kind = FILTER_STRING; return true;
    case ATTRIBUTE_TRUE: out->number = 1; return true;
    case ATTRIBUTE_FALSE: out->number = 0; return true;
    case ATTRIBUTE_NULL: out->kind = FILTER_NULL; return true;
    case ATTRIBUTE_TUPLE: out->kind = FILTER_ARRAY; return true;
    case ATTRIBUTE_OTHER: break;
    }
    return false;
}

bool vector_filter_matches(const struct vector_filter *filter, struct filter_value *scratch,
                           const struct vector_attribute *attribute)
{
    if (!attribute) return false;
    struct filter_value *top = scratch; /* the next free place; depth was counted by the compiler */
    for (size_t i = 0; i < filter->step_count; i++) {
        const struct filter_value *step = &filter->steps[i];
        if (step->kind == FILTER_SELECTOR) {
            if (!select_value(attribute, step, top++)) return false;
        } else if (step->kind != FILTER_OPERATOR) {
            *top++ = *step;
        } else if (step->op == FILTER_NOT) {
            top[-1] = number_value(!truth(&top[-1]));
        } else {
            top[-2] = apply(filter, step->op, &top[-2], &top[-1]);
            top--;
        }
    }
    return truth(&scratch[0]);
}
