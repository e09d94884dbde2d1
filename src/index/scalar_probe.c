/*
 * Answering probes over a dictionary of values, and guessing how many rows an answer has.
 *
 * A range of values is one run of terms. A pattern is answered from the distinct texts: those that
 * begin with its literal front are one run of terms too, and when the rest of the pattern asks for
 * more, each text of the run is matched once. A pattern without a front over texts that are mostly
 * distinct is KITH_EUNSUPPORTED: reading the rows costs the same and can be cut to fewer rows.
 */
#include "base/alloc.h"
#include "index/scalar_terms.h"

/* ---- patterns ---- */

size_t scalar_like_prefix(const struct probe *probe, uint8_t *out)
{
    size_t n = 0;
    for (; n < probe->like_count && probe->like[n] < PROBE_LIKE_ONE; n++)
        out[n] = (uint8_t)probe->like[n];
    return n;
}

struct pattern { /* a LIKE over the dictionary */
    const struct scalar_set *set;
    const struct probe *probe;
    size_t prefix;     /* literal bytes in front */
    size_t first, end; /* terms that begin so */
    bool whole;        /* all terms of the run match */
    struct bitset *yes;
};

static int pattern_run(struct pattern *p, struct kith_str prefix)
{
    const bool equal = p->prefix == p->probe->like_count;
    bool exact, ignored;
    int rc = scalar_texts_find(p->set, prefix, false, &p->first, &exact);
    if (rc) return rc;
    if (equal) p->end = p->first + exact;
    else rc = scalar_texts_find(p->set, prefix, true, &p->end, &ignored);
    if (p->end < p->first) return KITH_ECORRUPT;
    p->whole = equal || (p->probe->like_count == p->prefix + 1 &&
                         p->probe->like[p->prefix] == PROBE_LIKE_RUN);
    return rc;
}

static int pattern_open(struct pattern *p, const struct scalar_set *set, const struct probe *probe)
{
    *p = (struct pattern){ .set = set, .probe = probe };
    if (set->header.key != SCALAR_TEXT) return KITH_EUNSUPPORTED;
    uint8_t *prefix = mem_alloc(probe->like_count + 1);
    if (!prefix) return KITH_ENOMEM;
    p->prefix = scalar_like_prefix(probe, prefix);
    const int rc = pattern_run(p, (struct kith_str){ (const char *)prefix, p->prefix });
    mem_free(prefix);
    if (!rc && !p->whole && p->prefix == 0 && set->header.terms > set->header.postings / 2)
        return KITH_EUNSUPPORTED;
    return rc;
}

static int match_text(void *ctx, size_t term, struct kith_str text)
{
    struct pattern *p = ctx;
    if (!scalar_like_matches(p->probe->like, p->probe->like_count, text)) return 0;
    return scalar_rows_add(p->set, term, term + 1, p->yes);
}

static int probe_like(const struct scalar_set *set, const struct probe *probe, struct bitset *yes)
{
    struct pattern p;
    const int rc = pattern_open(&p, set, probe);
    if (rc) return rc;
    if (p.whole) return scalar_rows_add(set, p.first, p.end, yes);
    p.yes = yes;
    return scalar_texts_each(set, p.first, p.end, match_text, &p);
}

/* ---- values ---- */

static int probe_range(const struct scalar_set *set, const struct probe *probe, struct bitset *yes)
{
    size_t first, end;
    const int rc = scalar_range(set, probe, &first, &end);
    return rc ? rc : scalar_rows_add(set, first, end, yes);
}

static int probe_any(const struct scalar_set *set, const struct probe *probe, struct bitset *yes)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < probe->term_count; i++) {
        size_t term;
        rc = scalar_term(set, &probe->terms[i], &term);
        if (rc == KITH_ENOTFOUND) rc = 0;
        else if (!rc) rc = scalar_rows_add(set, term, term + 1, yes);
    }
    return rc;
}

static int probe_all(const struct scalar_set *set, const struct probe *probe, struct bitset *yes)
{
    bool missing = false;
    int rc = 0;
    if (probe->term_count == 0) return scalar_typed_get(set, yes);
    size_t *terms = mem_alloc_array(probe->term_count, sizeof *terms);
    if (!terms) return KITH_ENOMEM;
    for (size_t i = 0; !rc && i < probe->term_count; i++) {
        rc = scalar_term(set, &probe->terms[i], &terms[i]);
        missing |= rc == KITH_ENOTFOUND;
        if (rc == KITH_ENOTFOUND) rc = 0;
    }
    if (!rc && !missing) rc = scalar_rows_intersect(set, terms, probe->term_count, yes);
    mem_free(terms);
    return rc;
}

static int probe_values(const struct scalar_set *set, const struct probe *probe,
                        struct bitset *yes)
{
    const bool contains = probe->kind == PROBE_CONTAINS_ANY || probe->kind == PROBE_CONTAINS_ALL;
    if (contains != set->header.array) return KITH_EUNSUPPORTED;
    switch (probe->kind) {
    case PROBE_RANGE: return probe_range(set, probe, yes);
    case PROBE_LIKE: return probe_like(set, probe, yes);
    case PROBE_TERMS: case PROBE_CONTAINS_ANY: return probe_any(set, probe, yes);
    case PROBE_CONTAINS_ALL: return probe_all(set, probe, yes);
    default: return KITH_EUNSUPPORTED;
    }
}

int scalar_set_probe(const struct scalar_index *index, const struct probe *probe,
                     struct probe_answer *answer)
{
    const struct scalar_set *set = (const struct scalar_set *)index;
    const size_t rows = set->header.rows;
    if (!scalar_set_fits(set, probe)) return KITH_EUNSUPPORTED;
    if (answer->yes->bits != rows || (answer->present && answer->present->bits != rows))
        return KITH_EINVAL;
    int rc = probe->kind == PROBE_PRESENT ? scalar_exists_get(set, answer->yes)
                                          : probe_values(set, probe, answer->yes);
    if (!rc && answer->present) {
        if (probe->kind == PROBE_PRESENT) bitset_fill(answer->present, true);
        else rc = scalar_typed_get(set, answer->present);
    }
    if (!rc) answer->exact = true;
    return rc;
}

/* ---- estimates ---- */

static int count_rows(const struct scalar_set *set, size_t first, size_t end, uint64_t *rows)
{
    size_t from, to;
    const int rc = scalar_postings(set, first, end, &from, &to);
    if (!rc) *rows = to - from;
    return rc;
}

static int count_terms(const struct scalar_set *set, const struct probe *probe, uint64_t *rows)
{
    const bool all = probe->kind == PROBE_CONTAINS_ALL;
    uint64_t sum = 0, least = set->header.typed;
    for (size_t i = 0; i < probe->term_count; i++) {
        uint64_t here = 0;
        size_t term;
        int rc = scalar_term(set, &probe->terms[i], &term);
        if (!rc) rc = count_rows(set, term, term + 1, &here);
        if (rc && rc != KITH_ENOTFOUND) return rc;
        sum += here;
        if (here < least) least = here;
    }
    *rows = all ? least : sum;
    return 0;
}

/* Of a run that must be matched text by text a tenth is assumed. */
static int count_like(const struct scalar_set *set, const struct probe *probe, uint64_t *rows)
{
    struct pattern p;
    int rc = pattern_open(&p, set, probe);
    if (!rc) rc = count_rows(set, p.first, p.end, rows);
    if (!rc && !p.whole) *rows = (*rows + 9) / 10;
    return rc;
}

static int count_values(const struct scalar_set *set, const struct probe *probe, uint64_t *rows)
{
    const bool contains = probe->kind == PROBE_CONTAINS_ANY || probe->kind == PROBE_CONTAINS_ALL;
    size_t first, end;
    int rc;
    if (contains != set->header.array) return KITH_EUNSUPPORTED;
    switch (probe->kind) {
    case PROBE_RANGE:
        rc = scalar_range(set, probe, &first, &end);
        return rc ? rc : count_rows(set, first, end, rows);
    case PROBE_LIKE: return count_like(set, probe, rows);
    case PROBE_TERMS: case PROBE_CONTAINS_ANY: case PROBE_CONTAINS_ALL:
        return count_terms(set, probe, rows);
    default: return KITH_EUNSUPPORTED;
    }
}

int scalar_set_estimate(const struct scalar_index *index, const struct probe *probe,
                        uint64_t *rows)
{
    const struct scalar_set *set = (const struct scalar_set *)index;
    uint64_t count = set->header.existing;
    if (!scalar_set_fits(set, probe)) return KITH_EUNSUPPORTED;
    if (probe->kind != PROBE_PRESENT) {
        const int rc = count_values(set, probe, &count);
        if (rc) return rc;
    }
    *rows = count < set->header.rows ? count : set->header.rows;
    return 0;
}
