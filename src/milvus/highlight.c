/*
 * Highlights: texts of hits are analyzed again, as the index analyzed them, and the terms that a
 * query has are marked. Nothing of it takes part in the search.
 *
 * A fragment begins some characters before its first term and is as long as was asked, or as its
 * first term; terms that end inside it are marked too. Terms that overlap (n-grams) are one mark.
 */
#include "milvus/highlight.h"

#include <string.h>

#include "base/buffer.h"
#include "base/map.h"
#include "text/analyzer.h"

/* ---- the plan ---- */

static bool is_analyzed(const MilvusField *field)
{
    bool analyzed = false;
    (void)milvus_pair_bool(field->type_params, field->n_type_params, "enable_analyzer", &analyzed);
    return analyzed;
}

static MilvusStatus *add_field(struct milvus_call *call, const char *name,
                               const MilvusField *field, struct highlight_plan *out)
{
    if (!field)
        return milvus_status(call, MILVUS_INVALID,
                             "highlight field not found in schema: %.255s: invalid parameter",
                             name);
    if (!is_analyzed(field))
        return milvus_status(call, MILVUS_INVALID,
                             "analyzer is not enabled on field %s: invalid parameter",
                             field->name);
    for (size_t i = 0; i < out->field_count; i++)
        if (out->fields[i] == field) return NULL;
    if (out->field_count == HIGHLIGHT_TASKS_MAX)
        return milvus_status(call, MILVUS_INVALID,
                             "more than %d fields are highlighted: invalid parameter",
                             HIGHLIGHT_TASKS_MAX);
    out->fields[out->field_count++] = field;
    return NULL;
}

/* The text field that fills the field which is searched. */
static const char *input_of(const struct milvus_collection *collection, const MilvusField *output)
{
    const MilvusSchema *schema = collection->record->schema;
    for (size_t i = 0; i < schema->n_functions; i++) {
        const Milvus__Proto__Schema__FunctionSchema *function = schema->functions[i];
        for (size_t j = 0; j < function->n_output_field_names; j++)
            if (strcmp(function->output_field_names[j], output->name) == 0 &&
                function->n_input_field_names)
                return function->input_field_names[0];
    }
    return "";
}

MilvusStatus *highlight_plan_make(struct milvus_call *call,
                                  const struct milvus_collection *collection,
                                  const struct milvus_search *search,
                                  const struct milvus_target *target, struct highlight_plan *out)
{
    const struct milvus_highlighter *how = search->highlighter;
    MilvusStatus *refused = NULL;
    *out = (struct highlight_plan){ .how = how };
    if (!how) return NULL;
    if (search->iterator)
        return milvus_status(call, MILVUS_UNIMPLEMENTED,
                             "highlighters of a search iterator: service unimplemented");
    if (how->search_text && target->metric != KITH_BM25)
        return milvus_status(call, MILVUS_INVALID,
                             "Search highlight only support with metric type \"BM25\" but was: "
                             "\"%s\": invalid parameter",
                             target->metric_name);
    if (how->search_text) {
        const char *name = input_of(collection, target->field);
        out->searched = milvus_field_find(collection, name);
        refused = add_field(call, name, out->searched, out);
    }
    for (size_t i = 0; !refused && i < how->query_count; i++) {
        const char *name = how->queries[i].field;
        refused = add_field(call, name, milvus_field_find(collection, name), out);
    }
    return refused;
}

int highlight_output(struct milvus_call *call, const struct highlight_plan *plan,
                     const struct kith_output *output, struct kith_output *out)
{
    const size_t count = output->count + plan->field_count;
    const char **fields = arena_alloc_array(call->arena, count + 1, sizeof *fields);
    if (!fields) return KITH_ENOMEM;
    for (size_t i = 0; i < output->count; i++) fields[i] = output->fields[i];
    for (size_t i = output->count; i < count; i++)
        fields[i] = plan->fields[i - output->count]->name;
    *out = (struct kith_output){ .fields = fields, .count = count };
    return 0;
}

/* ---- one text ---- */

struct span { /* bytes of the text */
    size_t start, end;
};
struct marking { /* one field of one search */
    struct milvus_call *call;
    const struct milvus_highlighter *how;
    struct analyzer *analyzer; /* owns */
    struct analyzer_scratch *scratch; /* owns */
    struct map terms;
    struct buffer spans; /* struct span, ascending and apart */
    struct buffer fragment;
};

static int take_term(void *ctx, const struct token *token)
{
    struct marking *m = ctx;
    return map_put(&m->terms, token->text.data, token->text.len, 1);
}

static int take_span(void *ctx, const struct token *token)
{
    struct marking *m = ctx;
    struct span span = { token->start, token->end }, *last = NULL;
    if (!map_get(&m->terms, token->text.data, token->text.len, NULL)) return 0;
    if (m->spans.len) last = (struct span *)(void *)(m->spans.data + m->spans.len) - 1;
    if (last && span.start < last->end) {
        if (span.end > last->end) last->end = span.end;
        return 0;
    }
    buffer_put(&m->spans, &span, sizeof span);
    return buffer_failed(&m->spans) ? KITH_ENOMEM : 0;
}

static bool is_inner(char c) { return ((unsigned char)c & 0xc0) == 0x80; }

static size_t back(struct kith_str text, size_t at, size_t least, int64_t characters)
{
    for (; at > least && characters > 0; characters--)
        do at--;
        while (at > least && is_inner(text.data[at]));
    return at;
}

static size_t forth(struct kith_str text, size_t at, int64_t characters)
{
    for (; at < text.len && characters > 0; characters--)
        do at++;
        while (at < text.len && is_inner(text.data[at]));
    return at;
}

/* spans[0..count) lie in [from, to) */
static char *render(struct marking *m, struct kith_str text, struct span whole,
                    const struct span *spans, size_t count)
{
    struct buffer *out = &m->fragment;
    size_t at = whole.start;
    buffer_clear(out);
    for (size_t i = 0; i < count; i++) {
        const char *pre = m->how->pre[i % m->how->pre_count];
        const char *post = m->how->post[i % m->how->post_count];
        buffer_put(out, text.data + at, spans[i].start - at);
        buffer_put(out, pre, strlen(pre));
        buffer_put(out, text.data + spans[i].start, spans[i].end - spans[i].start);
        buffer_put(out, post, strlen(post));
        at = spans[i].end;
    }
    buffer_put(out, text.data + at, whole.end - at);
    if (buffer_failed(out)) return NULL;
    return arena_strndup(m->call->arena, (const char *)out->data, out->len);
}

/* Where the fragment of spans[0] goes; *inside: how many spans are in it. */
static struct span bounds(const struct marking *m, struct kith_str text, const struct span *spans,
                          size_t count, size_t least, size_t *inside)
{
    struct span whole = { 0, text.len };
    *inside = count;
    if (m->how->fragment_count == 0) return whole;
    whole.start = back(text, spans[0].start, least, m->how->fragment_offset);
    whole.end = forth(text, whole.start, m->how->fragment_size);
    if (whole.end < spans[0].end) whole.end = spans[0].end;
    *inside = 1;
    while (*inside < count && spans[*inside].end <= whole.end) (*inside)++;
    /* One that begins inside and ends outside opens the next fragment. */
    if (*inside < count && spans[*inside].start < whole.end) whole.end = spans[*inside].start;
    return whole;
}

static int mark(struct marking *m, struct kith_str text,
                Milvus__Proto__Common__HighlightData *out)
{
    buffer_clear(&m->spans);
    const int rc = analyzer_run(m->analyzer, m->scratch, text, take_span, m);
    if (rc) return rc;
    const struct span *spans = (const struct span *)(const void *)m->spans.data;
    const size_t count = m->spans.len / sizeof *spans;
    const size_t most = m->how->fragment_count && (size_t)m->how->fragment_count < count
                            ? (size_t)m->how->fragment_count : count;
    out->fragments = arena_alloc_array(m->call->arena, most + 1, sizeof *out->fragments);
    if (!out->fragments) return KITH_ENOMEM;
    for (size_t at = 0, least = 0, inside; at < count && out->n_fragments < most; at += inside) {
        const struct span whole = bounds(m, text, spans + at, count - at, least, &inside);
        char *fragment = render(m, text, whole, spans + at, inside);
        if (!fragment) return KITH_ENOMEM;
        out->fragments[out->n_fragments++] = fragment;
        least = whole.end;
    }
    return 0;
}

/* ---- one field ---- */

/* The terms of one query of the search: its own text, and the texts beside it. */
static int set_terms(struct marking *m, const struct highlight_plan *plan, const MilvusField *field,
                     const struct milvus_search *search, size_t query)
{
    int rc = 0;
    map_release(&m->terms);
    map_init(&m->terms);
    if (field == plan->searched && query < search->vectors.count)
        rc = analyzer_run(m->analyzer, m->scratch, search->vectors.values[query], take_term, m);
    for (size_t i = 0; rc == 0 && i < m->how->query_count; i++) {
        const struct highlight_query *from = &m->how->queries[i];
        const struct kith_str text = { from->text, strlen(from->text) };
        if (strcmp(from->field, field->name) == 0)
            rc = analyzer_run(m->analyzer, m->scratch, text, take_term, m);
    }
    return rc;
}

static int mark_rows(struct marking *m, const struct highlight_plan *plan, const MilvusField *field,
                     const struct milvus_search *search, const struct milvus_hits *hits,
                     HighlightResult *out)
{
    const struct kith_column *column = milvus_column_find(hits->result, field->name);
    int rc = column ? 0 : KITH_EINVAL;
    for (size_t q = 0, at = 0; rc == 0 && q < hits->query_count; q++) {
        rc = set_terms(m, plan, field, search, q);
        for (size_t i = 0; rc == 0 && i < hits->counts[q]; i++, at++) {
            const size_t row = hits->page.order ? hits->page.order[at] : at;
            Milvus__Proto__Common__HighlightData *data =
                milvus_message(m->call, &milvus__proto__common__highlight_data__descriptor);
            if (!data) return KITH_ENOMEM;
            out->datas[out->n_datas++] = data;
            if (column->valid && !column->valid[row]) continue;
            rc = mark(m, ((const struct kith_str *)column->data)[row], data);
        }
    }
    return rc;
}

static int mark_field(struct milvus_call *call, const struct highlight_plan *plan,
                      const MilvusField *field, const struct milvus_search *search,
                      const struct milvus_hits *hits, HighlightResult *out)
{
    const char *params =
        milvus_pair_get(field->type_params, field->n_type_params, "analyzer_params");
    struct marking m = { .call = call, .how = plan->how };
    if (!params || !*params) params = "{}";
    int rc = analyzer_new(params, strlen(params), &m.analyzer, NULL);
    if (rc) return rc;
    map_init(&m.terms);
    buffer_init(&m.spans);
    buffer_init(&m.fragment);
    rc = analyzer_scratch_new(m.analyzer, &m.scratch);
    if (rc == 0) rc = mark_rows(&m, plan, field, search, hits, out);
    analyzer_scratch_free(m.scratch);
    analyzer_free(m.analyzer);
    map_release(&m.terms);
    buffer_release(&m.spans);
    buffer_release(&m.fragment);
    return rc;
}

MilvusStatus *highlight_make(struct milvus_call *call, const struct highlight_plan *plan,
                             const struct milvus_search *search, struct milvus_hits *out)
{
    out->highlights = arena_alloc_array(call->arena, plan->field_count + 1, sizeof(void *));
    int rc = out->highlights ? 0 : KITH_ENOMEM;
    for (size_t i = 0; rc == 0 && i < plan->field_count; i++) {
        HighlightResult *one =
            milvus_message(call, &milvus__proto__common__highlight_result__descriptor);
        if (!one) return milvus_no_memory(call);
        one->field_name = plan->fields[i]->name;
        one->datas = arena_alloc_array(call->arena, out->page.rows + 1, sizeof *one->datas);
        rc = one->datas ? mark_field(call, plan, plan->fields[i], search, out, one) : KITH_ENOMEM;
        out->highlights[out->highlight_count++] = one;
    }
    return rc ? milvus_error(call, rc, NULL) : NULL;
}
