/* Functions of expressions: numbers, texts, lists, places. See search_expr.h. */
#include "redis/search_expr.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "redis/search_index.h"

/* ---- numbers ---- */

static int call_number(struct expr_run *run, const struct expr_value *arg, double (*fn)(double),
                       struct expr_value *out)
{
    double number;
    if (arg->kind == EXPR_NOTHING) return 0;
    const int rc = expr_number(run, arg, &number);
    if (rc == 0) *out = expr_of_number(fn(number));
    return rc;
}

#define NUMBER_CALL(name, fn)                                                                      \
    static int name(struct expr_run *run, const struct expr_value *args, size_t count,             \
                    struct expr_value *out)                                                        \
    {                                                                                              \
        (void)count;                                                                               \
        return call_number(run, args, fn, out);                                                    \
    }
static double itself(double number) { return number; }
NUMBER_CALL(run_abs, fabs)
NUMBER_CALL(run_ceil, ceil)
NUMBER_CALL(run_floor, floor)
NUMBER_CALL(run_round, round)
NUMBER_CALL(run_sqrt, sqrt)
NUMBER_CALL(run_log, log)
NUMBER_CALL(run_log2, log2)
NUMBER_CALL(run_exp, exp)
NUMBER_CALL(run_to_number, itself)

/* ---- texts ---- */

static int change_case(struct expr_run *run, const struct expr_value *arg, char from, char to,
                       struct expr_value *out)
{
    char *room;
    if (arg->kind != EXPR_TEXT) return 0;
    const int rc = expr_room(run, arg->text.len, &room);
    if (rc) return rc;
    for (size_t i = 0; i < arg->text.len; i++) {
        const char c = arg->text.data[i];
        room[i] = c >= from && c <= from + 25 ? (char)(c - from + to) : c;
    }
    *out = expr_of_text((struct kith_str){room, arg->text.len});
    return 0;
}

static int run_lower(struct expr_run *run, const struct expr_value *args, size_t count,
                     struct expr_value *out)
{
    (void)count;
    return change_case(run, args, 'A', 'a', out);
}

static int run_upper(struct expr_run *run, const struct expr_value *args, size_t count,
                     struct expr_value *out)
{
    (void)count;
    return change_case(run, args, 'a', 'A', out);
}

static int64_t whole(double number, int64_t most)
{
    if (isnan(number)) return 0;
    return number > (double)most ? most : number < -(double)most ? -most : (int64_t)number;
}

/* substr(text, offset, count): a negative offset counts from the end, a negative count leaves out
 * that many of the rest. */
static int run_substr(struct expr_run *run, const struct expr_value *args, size_t count,
                      struct expr_value *out)
{
    double from, take;
    (void)count;
    if (args[0].kind != EXPR_TEXT) return 0;
    int rc = expr_number(run, &args[1], &from);
    if (rc == 0) rc = expr_number(run, &args[2], &take);
    if (rc) return rc;
    const int64_t len = (int64_t)args[0].text.len;
    int64_t offset = whole(from, len), most = whole(take, len);
    if (offset < 0) offset += len;
    if (most < 0) most = len - offset + most > 0 ? len - offset + most : 0;
    if (offset + most > len) most = len - offset;
    *out = expr_of_text((struct kith_str){args[0].text.data + offset, (size_t)most});
    return 0;
}

static int run_strlen(struct expr_run *run, const struct expr_value *args, size_t count,
                      struct expr_value *out)
{
    struct kith_str text;
    (void)count;
    if (args[0].kind == EXPR_NOTHING) return 0;
    const int rc = expr_text(run, &args[0], &text);
    if (rc == 0) *out = expr_of_number((double)text.len);
    return rc;
}

static int two_texts(struct expr_run *run, const struct expr_value *args, struct kith_str *text,
                     struct kith_str *part)
{
    const int rc = expr_text(run, &args[0], text);
    return rc ? rc : expr_text(run, &args[1], part);
}

static int run_startswith(struct expr_run *run, const struct expr_value *args, size_t count,
                          struct expr_value *out)
{
    struct kith_str text, part;
    (void)count;
    if (args[0].kind == EXPR_NOTHING || args[1].kind == EXPR_NOTHING) return 0;
    const int rc = two_texts(run, args, &text, &part);
    if (rc) return rc;
    *out = expr_of_number(part.len <= text.len &&
                          (part.len == 0 || memcmp(text.data, part.data, part.len) == 0));
    return 0;
}

/* How often; a text of no bytes stands before and behind every byte. */
static int run_contains(struct expr_run *run, const struct expr_value *args, size_t count,
                        struct expr_value *out)
{
    struct kith_str text, part;
    size_t found = 0;
    (void)count;
    if (args[0].kind == EXPR_NOTHING || args[1].kind == EXPR_NOTHING) return 0;
    const int rc = two_texts(run, args, &text, &part);
    if (rc) return rc;
    const char *at = text.data, *end = text.data + text.len;
    while (part.len && (at = memmem(at, (size_t)(end - at), part.data, part.len)) != NULL) {
        at += part.len;
        found++;
    }
    *out = expr_of_number((double)(part.len ? found : text.len + 1));
    return 0;
}

static int run_to_str(struct expr_run *run, const struct expr_value *args, size_t count,
                      struct expr_value *out)
{
    struct kith_str text;
    (void)count;
    if (args[0].kind == EXPR_NOTHING) return 0;
    const int rc = expr_text(run, &args[0], &text);
    if (rc == 0) *out = expr_of_text(text);
    return rc;
}

/* format("%s of %s", ...): %s and %% only. Bytes are counted first, then written. */
static int run_format(struct expr_run *run, const struct expr_value *args, size_t count,
                      struct expr_value *out)
{
    struct kith_str texts[EXPR_ARGUMENTS_MAX];
    char *room = NULL;
    if (args[0].kind != EXPR_TEXT) return expr_fail(run, "format needs a text first");
    for (size_t i = 1; i < count; i++) {
        const int rc = expr_text(run, &args[i], &texts[i]);
        if (rc) return rc;
    }
    const struct kith_str form = args[0].text;
    for (int write = 0; write < 2; write++) {
        size_t len = 0, used = 1;
        for (size_t i = 0; i < form.len; i++) {
            struct kith_str piece = {form.data + i, 1};
            if (form.data[i] == '%') {
                const char kind = ++i < form.len ? form.data[i] : 0;
                if (kind != 's' && kind != '%')
                    return expr_fail(run, "format knows %s and %% only");
                if (kind == 's' && used == count)
                    return expr_fail(run, "Not enough arguments for format");
                if (kind == 's') piece = texts[used++];
            }
            if (write && piece.len) memcpy(room + len, piece.data, piece.len);
            len += piece.len;
        }
        const int rc = write ? 0 : expr_room(run, len, &room);
        if (rc) return rc;
        *out = expr_of_text((struct kith_str){room, len});
    }
    return 0;
}

static bool among(char c, struct kith_str set)
{
    return set.len && memchr(set.data, c, set.len) != NULL;
}

/* split(text[, separators[, blanks]]): pieces between any of the separators, blanks taken off both
 * ends, empty ones left out. */
static int run_split(struct expr_run *run, const struct expr_value *args, size_t count,
                     struct expr_value *out)
{
    struct kith_str text, marks = str_of(","), strip = str_of(" "), *list;
    if (args[0].kind == EXPR_NOTHING) return 0;
    int rc = expr_text(run, &args[0], &text);
    if (rc == 0 && count > 1) rc = expr_text(run, &args[1], &marks);
    if (rc == 0 && count > 2) rc = expr_text(run, &args[2], &strip);
    if (rc) return rc;
    size_t most = 1;
    for (size_t i = 0; i < text.len; i++) most += among(text.data[i], marks);
    if (run->arena->used_bytes > EXPR_BYTES_MAX) return KITH_ELIMIT;
    if (!(list = arena_alloc_array(run->arena, most, sizeof *list))) return KITH_ENOMEM;
    *out = (struct expr_value){.kind = EXPR_LIST, .list = list};
    for (size_t start = 0; start <= text.len;) {
        size_t end = start;
        while (end < text.len && !among(text.data[end], marks)) end++;
        size_t from = start, to = end;
        while (from < to && among(text.data[from], strip)) from++;
        while (to > from && among(text.data[to - 1], strip)) to--;
        if (to > from)
            list[out->list_count++] = (struct kith_str){text.data + from, to - from};
        start = end + 1;
    }
    return 0;
}

/* ---- any value ---- */

static int run_exists(struct expr_run *run, const struct expr_value *args, size_t count,
                      struct expr_value *out)
{
    (void)run;
    (void)count;
    *out = expr_of_number(args[0].kind != EXPR_NOTHING);
    return 0;
}

static int run_case(struct expr_run *run, const struct expr_value *args, size_t count,
                    struct expr_value *out)
{
    (void)run;
    (void)count;
    *out = args[expr_is_true(&args[0]) ? 1 : 2];
    return 0;
}

/* geodistance of two places, each a text "lon,lat" or two numbers: metres, to the centimetre. */
static int read_place(struct expr_run *run, const struct expr_value *args, size_t *at,
                      size_t count, double place[2])
{
    const struct expr_value *arg = *at < count ? &args[*at] : NULL;
    double number;
    if (arg && arg->kind == EXPR_TEXT && !text_double(arg->text, &number)) {
        ++*at;
        if (search_read_geo(arg->text, &place[0], &place[1])) return 0;
        return expr_fail(run, "geodistance: a place is longitude and latitude");
    }
    for (size_t i = 0; i < 2; i++, ++*at) {
        if (*at >= count) return expr_fail(run, "geodistance needs two places");
        const int rc = expr_number(run, &args[*at], &place[i]);
        if (rc) return rc;
    }
    return 0;
}

static int run_geodistance(struct expr_run *run, const struct expr_value *args, size_t count,
                           struct expr_value *out)
{
    double a[2], b[2];
    size_t at = 0;
    for (size_t i = 0; i < count; i++)
        if (args[i].kind == EXPR_NOTHING) return 0;
    int rc = read_place(run, args, &at, count, a);
    if (rc == 0) rc = read_place(run, args, &at, count, b);
    if (rc == 0 && at != count) rc = expr_fail(run, "geodistance needs two places");
    if (rc == 0)
        *out = expr_of_number(round(search_geo_distance(a[0], a[1], b[0], b[1]) * 100) / 100);
    return rc;
}

/* ---- the table ---- */

static const struct expr_function functions[] = {
    {"abs", 1, 1, run_abs},
    {"case", 3, 3, run_case},
    {"ceil", 1, 1, run_ceil},
    {"contains", 2, 2, run_contains},
    {"exists", 1, 1, run_exists},
    {"exp", 1, 1, run_exp},
    {"floor", 1, 1, run_floor},
    {"format", 1, EXPR_ARGUMENTS_MAX, run_format},
    {"geodistance", 2, 4, run_geodistance},
    {"log", 1, 1, run_log},
    {"log2", 1, 1, run_log2},
    {"lower", 1, 1, run_lower},
    {"round", 1, 1, run_round},
    {"split", 1, 3, run_split},
    {"sqrt", 1, 1, run_sqrt},
    {"startswith", 2, 2, run_startswith},
    {"strlen", 1, 1, run_strlen},
    {"substr", 3, 3, run_substr},
    {"to_number", 1, 1, run_to_number},
    {"to_str", 1, 1, run_to_str},
    {"upper", 1, 1, run_upper},
    {NULL, 0, 0, NULL},
};

static const struct expr_function *find(const struct expr_function *at, struct kith_str name)
{
    while (at->name && !str_is(name, at->name)) at++;
    return at->name ? at : NULL;
}

const struct expr_function *expr_function_of(struct kith_str name)
{
    const struct expr_function *found = find(functions, name);
    return found ? found : find(expr_time_functions, name);
}
