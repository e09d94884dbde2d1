/*
 * Words of texts in memory: for growing segments, and for sealed ones whose index is not built yet
 * or is damaged. The first reader that needs them makes them (index/text_growing.h); a segment that
 * nobody searches by words has none.
 *
 * One list a field with an analyzer, all made at once and published by one compare-and-swap.
 */
#include "index/text_growing.h"

#include "base/alloc.h"
#include "storage/segment_internal.h"

struct segment_texts {
    size_t count;
    struct text_growing *fields[]; /* owns: one a field, NULL without an analyzer */
};

static void texts_free(struct segment_texts *texts)
{
    for (size_t i = 0; texts && i < texts->count; i++) text_growing_free(texts->fields[i]);
    mem_free(texts);
}

static int texts_make(const struct segment *segment, struct segment_texts **out)
{
    const struct schema *schema = segment->schema;
    struct segment_texts *texts =
        mem_zalloc(sizeof *texts + schema->field_count * sizeof texts->fields[0]);
    if (!texts) return KITH_ENOMEM;
    texts->count = schema->field_count;
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct schema_field *field = &schema->fields[i];
        if (!field->analyzer || field->type != KITH_VARCHAR) continue;
        const int rc =
            text_growing_new(segment->os, segment->budget, field, &texts->fields[i]);
        if (!rc) continue;
        texts_free(texts);
        return rc;
    }
    *out = texts;
    return 0;
}

static int texts_of(const struct segment *segment, struct segment_texts **out)
{
    *out = atomic_load_explicit(&segment->texts, memory_order_acquire);
    if (*out) return 0;
    struct segment_texts *made;
    const int rc = texts_make(segment, &made);
    if (rc) return rc;
    struct segment *shared = (struct segment *)(uintptr_t)segment; /* the cache is not its value */
    if (atomic_compare_exchange_strong_explicit(&shared->texts, out, made, memory_order_acq_rel,
                                                memory_order_acquire)) {
        *out = made;
    } else {
        texts_free(made);
    }
    return 0;
}

int segment_texts(const struct segment *segment, size_t field, size_t rows,
                  struct text_runs **out, struct kith_error *err)
{
    struct segment_texts *texts;
    int rc = texts_of(segment, &texts);
    if (rc) return error_set(err, rc, "no memory for an index of texts");
    if (field >= texts->count || !texts->fields[field])
        return error_set(err, KITH_EINVAL, "field %zu has no analyzer", field);
    const size_t have = segment_rows(segment);
    struct chunk_source source;
    segment_source(segment, have, &source);
    return text_growing_take(texts->fields[field], &source, field, rows < have ? rows : have, out,
                             err);
}

void segment_texts_free(struct segment *segment)
{
    texts_free(atomic_load_explicit(&segment->texts, memory_order_acquire));
    atomic_store_explicit(&segment->texts, NULL, memory_order_relaxed);
}

void segment_texts_cut(struct segment *segment, size_t rows)
{
    struct segment_texts *texts = atomic_load_explicit(&segment->texts, memory_order_acquire);
    for (size_t i = 0; texts && i < texts->count; i++)
        if (texts->fields[i]) text_growing_cut(texts->fields[i], rows);
}

/* ---- filters ---- */

static bool is_about_words(const struct segment *segment, const struct probe *probe)
{
    const struct schema *schema = segment->schema;
    return (probe->kind == PROBE_MATCH || probe->kind == PROBE_PHRASE) &&
           probe->field < schema->field_count && schema->fields[probe->field].analyzer;
}

/* Without memory for the index the rows can still be read. */
static int give_up(int rc) { return rc == KITH_ECORRUPT ? rc : KITH_EUNSUPPORTED; }

int segment_texts_probe(const struct segment *segment, const struct probe *probe,
                        struct probe_answer *answer)
{
    struct text_runs *runs;
    if (!is_about_words(segment, probe)) return KITH_EUNSUPPORTED;
    int rc = segment_texts(segment, probe->field, answer->yes->bits, &runs, NULL);
    if (rc) return give_up(rc);
    rc = text_runs_probe(runs, probe, answer);
    text_runs_drop(runs);
    return rc;
}

/* Words are looked up in what was indexed for searches so far; an estimate builds nothing. */
int segment_texts_estimate(const struct segment *segment, const struct probe *probe,
                           uint64_t *rows)
{
    struct text_runs *runs;
    if (!is_about_words(segment, probe)) return KITH_EUNSUPPORTED;
    int rc = segment_texts(segment, probe->field, 0, &runs, NULL);
    if (rc) return give_up(rc);
    if (runs->rows == 0) {
        rc = KITH_EUNSUPPORTED;
    } else {
        rc = text_runs_estimate(runs, probe, rows);
    }
    text_runs_drop(runs);
    return rc;
}
