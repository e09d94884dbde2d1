/* See json_path.h. */
#include "cache/json_filter.h"

#include <string.h>

#include "base/alloc.h"
#include "base/map.h"

/* ---- from text ---- */

struct reader {
    const char *at, *end;
    bool inner;       /* of a filter: an operator ends a name */
    unsigned nesting; /* of filters */
};

static bool is_name(const struct reader *in, char c)
{
    return !strchr(".[]'\"()?*, ", c) && !(in->inner && strchr("<>=!&|~\t\r\n", c));
}

static const char *read_name(struct reader *in, struct json_path_step *step)
{
    const char *start = in->at;
    while (in->at < in->end && is_name(in, *in->at)) in->at++; /* a NUL is none */
    if (in->at == start) return "a name is expected";
    *step = (struct json_path_step){.kind = STEP_MEMBER,
                                    .name = {start, (size_t)(in->at - start)}};
    return NULL;
}

static const char *read_quoted(struct reader *in, struct json_path_step *step)
{
    const char quote = *in->at++, *start = in->at;
    while (in->at < in->end && *in->at != quote) {
        if (*in->at == '\\') return "escapes in names are not supported";
        in->at++;
    }
    if (in->at == in->end) return "a quote is not closed";
    *step = (struct json_path_step){.kind = STEP_MEMBER,
                                    .name = {start, (size_t)(in->at - start)}};
    in->at++;
    return NULL;
}

static const char *read_number(struct reader *in, int64_t *out)
{
    int64_t index = 0;
    const bool negative = in->at < in->end && *in->at == '-';
    if (negative) in->at++;
    const char *start = in->at;
    for (; in->at < in->end && *in->at >= '0' && *in->at <= '9'; in->at++) {
        if (in->at - start > 9) return "an index is too large";
        index = index * 10 + (*in->at - '0');
    }
    if (in->at == start) return "an index or a name in quotes is expected";
    *out = negative ? -index : index;
    return NULL;
}

static void skip_blanks(struct reader *in)
{
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\t')) in->at++;
}

static bool is_at(struct reader *in, char c)
{
    skip_blanks(in);
    return in->at < in->end && *in->at == c;
}

/* begin:end:stride, each of which may be absent; the first was read. */
static const char *read_slice(struct reader *in, struct json_path_step *step, int64_t begin)
{
    const char *why = NULL;
    *step = (struct json_path_step){.kind = STEP_SLICE, .index = begin, .end = INT64_MAX,
                                    .stride = 1};
    in->at++;
    if (!is_at(in, ':') && !is_at(in, ']') && !is_at(in, ',')) why = read_number(in, &step->end);
    if (why || !is_at(in, ':')) return why;
    in->at++;
    if (!is_at(in, ']') && !is_at(in, ',')) why = read_number(in, &step->stride);
    return why || step->stride > 0 ? why : "the step of a slice is not positive";
}

/* One selector between brackets. */
static const char *read_selector(struct reader *in, struct json_path_step *step)
{
    int64_t number = 0;
    skip_blanks(in);
    if (in->at == in->end) return "a bracket is not closed";
    if (*in->at == '*') {
        *step = (struct json_path_step){.kind = STEP_ALL};
        in->at++;
        return NULL;
    }
    if (*in->at == '\'' || *in->at == '"') return read_quoted(in, step);
    if (*in->at == '?') {
        const char *start = ++in->at;
        const char *why = json_filter_check(&in->at, in->end, in->nesting + 1);
        *step = (struct json_path_step){.kind = STEP_FILTER,
                                        .name = {start, (size_t)(in->at - start)}};
        return why;
    }
    const char *why = *in->at == ':' ? NULL : read_number(in, &number);
    if (why) return why;
    if (is_at(in, ':')) return read_slice(in, step, number);
    *step = (struct json_path_step){.kind = STEP_INDEX, .index = number};
    return NULL;
}

static const char *read_brackets(struct reader *in, struct json_path_step *step)
{
    const char *start = ++in->at;
    const char *why = read_selector(in, step);
    size_t count = 1;
    for (; !why && is_at(in, ','); count++) {
        in->at++;
        why = read_selector(in, step);
    }
    if (why) return why;
    if (!is_at(in, ']')) return "a bracket is not closed";
    if (count > 1)
        *step = (struct json_path_step){.kind = STEP_UNION,
                                        .name = {start, (size_t)(in->at - start)}};
    in->at++;
    return NULL;
}

static const char *read_step(struct reader *in, struct json_path_step *step)
{
    bool descends = false;
    if (*in->at == '.') {
        in->at++;
        descends = in->at < in->end && *in->at == '.';
        if (descends) in->at++;
        if (in->at == in->end) return "a path ends with a point";
    }
    const char *why = NULL;
    if (*in->at == '[') {
        why = read_brackets(in, step);
    } else if (*in->at == '*') {
        *step = (struct json_path_step){.kind = STEP_ALL};
        in->at++;
    } else {
        why = read_name(in, step);
    }
    step->descends = descends;
    return why;
}

const char *json_path_parse_inner(const char **at, const char *end, unsigned nesting,
                                  struct json_path *out)
{
    struct reader in = {*at, end, true, nesting};
    *out = (struct json_path){0};
    while (in.at < in.end && (*in.at == '.' || *in.at == '[')) {
        if (out->count == JSON_PATH_STEPS_MAX) return "a path has too many steps";
        const char *why = read_step(&in, &out->steps[out->count++]);
        if (why) return why;
    }
    *at = in.at;
    return NULL;
}

const char *json_path_parse(struct kith_str text, struct json_path *out)
{
    struct reader in = {text.data, text.data + text.len, false, 0};
    out->count = 0;
    out->legacy = text.len == 0 || text.data[0] != '$';
    if (!out->legacy) in.at++;
    else if (text.len == 1 && text.data[0] == '.') return NULL;
    if (!out->legacy && in.at < in.end && *in.at != '.' && *in.at != '[')
        return "after $ a point or a bracket is expected";
    while (in.at < in.end) {
        if (out->count == JSON_PATH_STEPS_MAX) return "a path has too many steps";
        const char *why = read_step(&in, &out->steps[out->count++]);
        if (why) return why;
    }
    return NULL;
}

/* ---- selecting ---- */

void json_matches_release(struct json_matches *matches)
{
    mem_free(matches->items);
    *matches = (struct json_matches){0};
}

static int add(struct json_matches *out, const struct json_match *match)
{
    if (out->count == out->cap) {
        const size_t cap = out->cap ? out->cap * 2 : 4;
        size_t bytes;
        if (!size_mul(cap, sizeof *out->items, &bytes)) return KITH_ENOMEM;
        struct json_match *items = mem_realloc(out->items, bytes);
        if (!items) return KITH_ENOMEM;
        out->items = items;
        out->cap = cap;
    }
    out->items[out->count++] = *match;
    return 0;
}

struct selecting {
    struct json_node *root;
    uint64_t *left; /* values that may be looked at */
    const struct json_path_step *step;
    struct json_matches *out;
    struct map64 seen; /* of steps that descend: nodes that were given */
};

static int look(struct selecting *state, uint64_t cost)
{
    if (*state->left < cost) return KITH_ELIMIT;
    *state->left -= cost;
    return 0;
}

static int add_child(struct selecting *state, const struct json_match *from, uint32_t index)
{
    const struct json_match match = {json_node_child(from->node, index), from->node, index,
                                     from->depth + 1};
    if (state->step->descends) {
        const uint64_t key = (uint64_t)(uintptr_t)match.node;
        uint64_t old;
        if (map64_get(&state->seen, key, &old)) return 0;
        if (map64_put(&state->seen, key, 1) != 0) return KITH_ENOMEM;
    }
    return add(state->out, &match);
}

/* begin:end of so many, in order */
static void clamp(const struct json_path_step *step, int64_t count, int64_t *first, int64_t *end)
{
    *first = step->index < 0 ? step->index + count : step->index;
    *end = step->end < 0 ? step->end + count : step->end;
    if (*first < 0) *first = 0;
    if (*end > count) *end = count;
}

static bool is_in_slice(const struct json_path_step *step, int64_t place, int64_t count)
{
    int64_t first, end;
    clamp(step, count, &first, &end);
    return place >= first && place < end && (place - first) % step->stride == 0;
}

/* The place of the child that a name or an index means; UINT32_MAX: none. */
static int find_child(struct selecting *state, const struct json_path_step *step,
                      const struct json_node *node, uint32_t *at)
{
    const bool list = node->kind == JSON_ARRAY;
    *at = UINT32_MAX;
    if (list != (step->kind == STEP_INDEX)) return 0;
    if (list) {
        const int64_t count = node->count;
        const int64_t place = step->index < 0 ? step->index + count : step->index;
        if (place >= 0 && place < count) *at = (uint32_t)place;
        return 0;
    }
    if (node->kind != JSON_OBJECT) return 0;
    *at = json_node_find(node, step->name); /* looks at names one by one */
    return look(state, node->count / 4);
}

/* 1: the selector names this child; 0: it does not. */
static int names_child(struct selecting *state, const struct json_path_step *step,
                       const struct json_node *node, uint32_t place)
{
    if (look(state, 1)) return KITH_ELIMIT;
    if (step->kind == STEP_ALL) return 1;
    if (step->kind == STEP_SLICE)
        return node->kind == JSON_ARRAY && is_in_slice(step, place, node->count);
    if (look(state, 1 + step->name.len / 8)) return KITH_ELIMIT;
    return json_filter_test(step->name, state->root, json_node_child(node, place), state->left);
}

/* One selector of a union: what it names gets a mark. */
static int mark_children(struct selecting *state, const struct json_path_step *step,
                         const struct json_node *node, uint8_t *marks)
{
    int rc = 0;
    if (step->kind == STEP_MEMBER || step->kind == STEP_INDEX) {
        uint32_t at;
        rc = find_child(state, step, node, &at);
        if (rc == 0 && at != UINT32_MAX) marks[at] = 1;
        return rc;
    }
    for (uint32_t i = 0; rc >= 0 && i < node->count; i++) {
        rc = marks[i] ? 0 : names_child(state, step, node, i);
        if (rc > 0) marks[i] = 1;
    }
    return rc < 0 ? rc : 0;
}

/* Every selector marks what it means; so the children come in order, and each once. */
static int step_union(struct selecting *state, const struct json_match *from)
{
    const struct kith_str text = state->step->name;
    struct reader in = {text.data, text.data + text.len, false, 0};
    const uint32_t count = json_node_children(from->node);
    if (count == 0) return 0;
    uint8_t *marks = mem_zalloc(count);
    int rc = marks ? look(state, 1 + text.len / 8 + count / 8) : KITH_ENOMEM;
    while (rc == 0 && in.at < in.end) { /* it was read before: every selector is one */
        struct json_path_step one;
        if (read_selector(&in, &one)) break;
        rc = mark_children(state, &one, from->node, marks);
        if (!is_at(&in, ',')) break;
        in.at++;
    }
    for (uint32_t i = 0; rc == 0 && i < count; i++)
        if (marks[i]) rc = add_child(state, from, i);
    mem_free(marks);
    return rc;
}

/* The children of one node that the step names. */
static int step_into(struct selecting *state, const struct json_match *from)
{
    const struct json_path_step *step = state->step;
    uint32_t at;
    int rc = 0;
    if (step->kind == STEP_UNION) return step_union(state, from);
    if (step->kind == STEP_MEMBER || step->kind == STEP_INDEX) {
        rc = find_child(state, step, from->node, &at);
        return rc || at == UINT32_MAX ? rc : add_child(state, from, at);
    }
    for (uint32_t i = 0; rc == 0 && i < json_node_children(from->node); i++) {
        rc = names_child(state, step, from->node, i);
        if (rc > 0) rc = add_child(state, from, i);
    }
    return rc;
}

static int descend(struct selecting *state, const struct json_match *from)
{
    int rc = step_into(state, from);
    for (uint32_t i = 0; rc == 0 && i < json_node_children(from->node); i++) {
        const struct json_match child = {json_node_child(from->node, i), from->node, i,
                                         from->depth + 1};
        rc = look(state, 1);
        if (rc == 0) rc = descend(state, &child);
    }
    return rc;
}

static int take_step(struct json_node *root, uint64_t *left, const struct json_path_step *step,
                     const struct json_matches *from, struct json_matches *out)
{
    struct selecting state = {.root = root, .left = left, .step = step, .out = out};
    int rc = 0;
    map64_init(&state.seen);
    for (size_t i = 0; rc == 0 && i < from->count; i++)
        rc = step->descends ? descend(&state, &from->items[i]) : step_into(&state, &from->items[i]);
    map64_release(&state.seen);
    return rc;
}

static int select_from(struct json_node *root, struct json_node *node,
                       const struct json_path *path, size_t steps, uint64_t *left,
                       struct json_matches *out)
{
    const struct json_match first = {node, NULL, 0, 0};
    struct json_matches now = {0};
    int rc = add(&now, &first);
    for (size_t i = 0; rc == 0 && i < steps; i++) {
        struct json_matches next = {0};
        rc = take_step(root, left, &path->steps[i], &now, &next);
        json_matches_release(&now);
        now = next;
    }
    if (rc) json_matches_release(&now);
    else *out = now;
    return rc;
}

int json_path_select(struct json_node *root, const struct json_path *path, size_t steps,
                     struct json_matches *out)
{
    uint64_t left = JSON_PATH_WORK;
    return select_from(root, root, path, steps, &left, out);
}

int json_path_select_within(struct json_node *root, const struct json_path *path, uint64_t *left,
                            struct json_matches *out)
{
    return select_from(root, root, path, path->count, left, out);
}

int json_path_select_below(struct json_node *root, struct json_node *node,
                           const struct json_path *path, uint64_t *left, struct json_matches *out)
{
    return select_from(root, node, path, path->count, left, out);
}
