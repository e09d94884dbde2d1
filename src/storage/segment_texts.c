/*
 * Words of texts in memory: for growing segments, and for sealed ones whose index is not built yet
 * or is damaged. The first reader that needs them makes them (index/text_growing.h); a segment that
 * nobody searches by words has none.
 *
 * One a field with an analyzer, made when it is first asked and pushed by one compare-and-swap.
 */
#include "index/text_growing.h"

#include "base/alloc.h"
#include "storage/segment_internal.h"

struct segment_texts {
    struct segment_texts *next; /* made before it */
    size_t field;
    struct text_growing *words; /* owns */
};

static void texts_free(struct segment_texts *texts)
{
    while (texts) {
        struct segment_texts *next = texts->next;
        text_growing_free(texts->words);
        mem_free(texts);
        texts = next;
    }
}

static struct segment_texts *texts_find(struct segment_texts *texts, size_t field)
{
    while (texts && texts->field != field) texts = texts->next;
    return texts;
}

static int texts_make(const struct segment *segment, size_t field, struct segment_texts **out)
{
    const struct schema *schema = segment->schema;
    struct segment_texts *texts = mem_zalloc(sizeof *texts);
    if (!texts) return KITH_ENOMEM;
    texts->field = field;
    const int rc = text_growing_new(segment->os, segment->budget, &schema->fields[field],
                                    &texts->words);
    if (rc) {
        mem_free(texts);
    } else {
        *out = texts;
    }
    return rc;
}

/* Whoever is first to push the field's index has it shared by the others. */
static int texts_of(const struct segment *segment, size_t field, struct text_growing **out)
{
    struct segment *shared = (struct segment *)(uintptr_t)segment; /* the cache is not its value */
    struct segment_texts *head = atomic_load_explicit(&shared->texts, memory_order_acquire);
    struct segment_texts *made = NULL, *there;
    while (!(there = texts_find(head, field))) {
        const int rc = made ? 0 : texts_make(segment, field, &made);
        if (rc) return rc;
        made->next = head;
        if (!atomic_compare_exchange_weak_explicit(&shared->texts, &head, made,
                                                   memory_order_acq_rel, memory_order_acquire))
            continue;
        there = made;
        made = NULL;
        break;
    }
    if (made) made->next = NULL;
    texts_free(made);
    *out = there->words;
    return 0;
}

static bool has_words(const struct segment *segment, size_t field)
{
    const struct schema *schema = segment->schema;
    return field < schema->field_count && schema->fields[field].analyzer &&
           schema->fields[field].type == KITH_VARCHAR;
}

int segment_texts(const struct segment *segment, size_t field, size_t rows,
                  struct text_runs **out, struct kith_error *err)
{
    struct text_growing *words;
    if (!has_words(segment, field))
        return error_set(err, KITH_EINVAL, "field %zu has no analyzer", field);
    const int rc = texts_of(segment, field, &words);
    if (rc) return error_set(err, rc, "no memory for an index of texts");
    const size_t have = segment_rows(segment);
    struct chunk_source source;
    segment_source(segment, have, &source);
    return text_growing_take(words, &source, field, rows < have ? rows : have, out, err);
}

void segment_texts_free(struct segment *segment)
{
    texts_free(atomic_load_explicit(&segment->texts, memory_order_acquire));
    atomic_store_explicit(&segment->texts, NULL, memory_order_relaxed);
}

void segment_texts_cut(struct segment *segment, size_t rows)
{
    struct segment_texts *texts = atomic_load_explicit(&segment->texts, memory_order_acquire);
    for (; texts; texts = texts->next) text_growing_cut(texts->words, rows);
}

/* ---- filters ---- */

static bool is_about_words(const struct segment *segment, const struct probe *probe)
{
    return (probe->kind == PROBE_MATCH || probe->kind == PROBE_PHRASE) &&
           has_words(segment, probe->field);
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
