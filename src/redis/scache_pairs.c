/*
 * From labelled pairs to a threshold: see scache_pairs.h.
 *
 * Distances of the two kinds are kept as two sorted arrays, the guard's refusals only as counts.
 * Of the ones that should not hit, ascending, the first that is one too many bounds the threshold
 * from above; the largest of the others below that bound is the threshold.
 */
#include "redis/scache_pairs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "redis/scache_guard.h"

#define DIM_MAX 65536u
#define PAIRS_MAX 1000000u

struct distances {
    double *at; /* owns */
    size_t count, cap;
    size_t refused; /* by the guard: pairs without a place above */
};

struct pair {
    struct json_value same, distance, prompts[2], vectors[2]; /* text NULL: not there */
};

struct reading {
    struct distances same, other;
    size_t pairs;
    struct buffer texts[2], numbers[2]; /* of one pair */
    struct kith_error *err;
};

/* ---- one pair ---- */

static int wrong(const struct reading *in, const char *what)
{
    return error_set(in->err, KITH_EINVAL, "pair %zu: %s", in->pairs + 1, what);
}

static int take_member(const struct reading *in, struct pair *pair, const struct json_value *key,
                       const struct json_value *value)
{
    static const char *const names[] = {"same", "distance", "a", "b", "vector_a", "vector_b"};
    struct json_value *const places[] = {&pair->same, &pair->distance, &pair->prompts[0],
                                         &pair->prompts[1], &pair->vectors[0], &pair->vectors[1]};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!json_string_equals(key, names[i], strlen(names[i]))) continue;
        *places[i] = *value;
        return 0;
    }
    return wrong(in, "a key that is none of same, distance, a, b, vector_a, vector_b");
}

static int read_members(const struct reading *in, const struct json_value *object,
                        struct pair *pair)
{
    struct json_iter iter;
    struct json_value key, value;
    int more;
    memset(pair, 0, sizeof *pair);
    json_iter_init(&iter, object);
    while ((more = json_iter_next(&iter, &key, &value)) == 1) {
        const int rc = take_member(in, pair, &key, &value);
        if (rc) return rc;
    }
    if (more < 0) return wrong(in, "it is no JSON");
    if (!pair->same.text || pair->same.kind != JSON_BOOL)
        return wrong(in, "\"same\" is true or false");
    return 0;
}

static int read_vector(struct reading *in, const struct json_value *array, struct buffer *out)
{
    struct json_iter iter;
    struct json_value key, value;
    int more;
    buffer_clear(out);
    if (array->kind != JSON_ARRAY) return wrong(in, "a vector is an array of numbers");
    json_iter_init(&iter, array);
    while ((more = json_iter_next(&iter, &key, &value)) == 1) {
        const bool number = value.kind == JSON_INT || value.kind == JSON_DOUBLE;
        if (!number || !isfinite(value.number) || out->len >= DIM_MAX * sizeof(double))
            return wrong(in, "a vector is an array of at most 65,536 numbers");
        buffer_put(out, &value.number, sizeof value.number);
    }
    if (buffer_failed(out)) return error_set(in->err, KITH_ENOMEM, "no memory");
    return more < 0 ? wrong(in, "it is no JSON") : 0;
}

/* Through copies of eight bytes: a buffer promises no alignment. */
static double number_at(const struct buffer *numbers, size_t i)
{
    double value;
    memcpy(&value, numbers->data + i * sizeof value, sizeof value);
    return value;
}

static int cosine_distance(struct reading *in, double *out)
{
    double product = 0, a = 0, b = 0;
    const size_t dim = in->numbers[0].len / sizeof(double);
    if (dim == 0 || in->numbers[0].len != in->numbers[1].len)
        return wrong(in, "its vectors are not of one length");
    for (size_t i = 0; i < dim; i++) {
        const double x = number_at(&in->numbers[0], i), y = number_at(&in->numbers[1], i);
        product += x * y;
        a += x * x;
        b += y * y;
    }
    const double length = sqrt(a) * sqrt(b);
    if (!(length > 0) || !isfinite(length) || !isfinite(product))
        return wrong(in, "a vector has no direction");
    *out = 1 - product / length;
    return 0;
}

static int distance_of(struct reading *in, const struct pair *pair, double *out)
{
    if (pair->distance.text) {
        const enum json_kind kind = pair->distance.kind;
        *out = pair->distance.number;
        if ((kind == JSON_INT || kind == JSON_DOUBLE) && *out >= 0 && *out <= 2) return 0;
        return wrong(in, "\"distance\" is between 0 and 2");
    }
    if (!pair->vectors[0].text || !pair->vectors[1].text)
        return wrong(in, "texts alone need an embedder, and none is configured: give \"distance\", "
                         "or \"vector_a\" and \"vector_b\"");
    int rc = read_vector(in, &pair->vectors[0], &in->numbers[0]);
    if (rc == 0) rc = read_vector(in, &pair->vectors[1], &in->numbers[1]);
    return rc ? rc : cosine_distance(in, out);
}

/* 1: it lets them pass, or there are no prompts; 0: it refuses. */
static int guard_passes(struct reading *in, const struct pair *pair)
{
    struct kith_str texts[2];
    for (size_t i = 0; i < 2; i++) {
        if (!pair->prompts[i].text) return 1;
        if (pair->prompts[i].kind != JSON_STRING) return wrong(in, "\"a\" and \"b\" are texts");
        buffer_clear(&in->texts[i]);
        if (json_unescape(&pair->prompts[i], &in->texts[i]))
            return error_set(in->err, KITH_ENOMEM, "no memory");
        texts[i] = (struct kith_str){in->texts[i].len ? (const char *)in->texts[i].data : "",
                                     in->texts[i].len};
    }
    return scache_guard_agrees(texts[0], texts[1]);
}

static int append(struct distances *to, double value)
{
    if (to->count == to->cap) {
        const size_t cap = to->cap ? to->cap * 2 : 64;
        double *fresh = mem_realloc(to->at, cap * sizeof *fresh); /* PAIRS_MAX: it fits */
        if (!fresh) return KITH_ENOMEM;
        to->at = fresh;
        to->cap = cap;
    }
    to->at[to->count++] = value;
    return 0;
}

static int take_pair(struct reading *in, const struct json_value *object)
{
    struct pair pair;
    double distance = 0;
    if (object->kind != JSON_OBJECT) return wrong(in, "it is no object");
    if (in->pairs >= PAIRS_MAX) return wrong(in, "more than 1,000,000 are too many");
    int rc = read_members(in, object, &pair);
    if (rc == 0) rc = distance_of(in, &pair, &distance);
    if (rc) return rc;
    struct distances *kind = pair.same.boolean ? &in->same : &in->other;
    const int passes = guard_passes(in, &pair);
    if (passes < 0) return passes;
    in->pairs++;
    if (passes == 0) {
        kind->refused++;
        return 0;
    }
    return append(kind, distance) ? error_set(in->err, KITH_ENOMEM, "no memory") : 0;
}

/* ---- all of them ---- */

static int take_array(struct reading *in, const struct json_value *array)
{
    struct json_iter iter;
    struct json_value key, value;
    int more;
    json_iter_init(&iter, array);
    while ((more = json_iter_next(&iter, &key, &value)) == 1) {
        const int rc = take_pair(in, &value);
        if (rc) return rc;
    }
    return more < 0 ? wrong(in, "it is no JSON") : 0;
}

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static int take_text(struct reading *in, struct kith_str text)
{
    size_t at = 0;
    for (;;) {
        struct json_value value;
        size_t used;
        while (at < text.len && is_blank(text.data[at])) at++;
        if (at == text.len) return 0;
        if (json_read(text.data + at, text.len - at, &value, &used, NULL))
            return wrong(in, "it is no JSON");
        const int rc =
            value.kind == JSON_ARRAY ? take_array(in, &value) : take_pair(in, &value);
        if (rc) return rc;
        at += used;
    }
}

static int ascending(const void *a, const void *b)
{
    double left, right;
    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    return (left > right) - (left < right);
}

static void sort(struct distances *list)
{
    if (list->count > 1) qsort(list->at, list->count, sizeof *list->at, ascending);
}

static size_t within(const struct distances *list, double threshold)
{
    size_t count = 0;
    while (count < list->count && list->at[count] <= threshold) count++;
    return count;
}

static int conclude(struct reading *in, double rate, struct scache_pairs_found *out)
{
    const size_t same = in->same.count + in->same.refused;
    const size_t other = in->other.count + in->other.refused;
    if (same == 0 || other == 0)
        return error_set(in->err, KITH_EINVAL, "pairs that share an answer and pairs that do not "
                                               "are needed, both");
    sort(&in->same);
    sort(&in->other);
    const size_t may = (size_t)(rate * (double)other);
    const double bound = may < in->other.count ? in->other.at[may] : 3;
    size_t hits = in->same.count;
    while (hits > 0 && in->same.at[hits - 1] >= bound) hits--;
    if (hits == 0)
        return error_set(in->err, KITH_EINVAL, "no threshold keeps that rate of false hits");
    out->threshold = in->same.at[hits - 1];
    out->hits = (double)hits / (double)same;
    out->false_hits = (double)within(&in->other, out->threshold) / (double)other;
    out->pairs = in->pairs;
    return 0;
}

int scache_pairs_read(struct kith_str text, double rate, struct scache_pairs_found *out,
                      struct kith_error *err)
{
    struct reading in = {.err = err};
    int rc = take_text(&in, text);
    if (rc == 0) rc = conclude(&in, rate, out);
    for (size_t i = 0; i < 2; i++) {
        buffer_release(&in.texts[i]);
        buffer_release(&in.numbers[i]);
    }
    mem_free(in.same.at);
    mem_free(in.other.at);
    return rc;
}
