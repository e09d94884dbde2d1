/*
 * Full text over rows that are still being added: a list of runs in memory, each a text index as a
 * file has it, over the rows that came since the run before. Nothing is done when a row is
 * inserted; the first reader after it brings the runs up to what it may see. Runs that the new one
 * is no smaller than half of are built into it, so n rows are in about log n runs and each row is
 * analysed about log n times, whatever the batches were.
 *
 * Threading: a lock guards the list; who brings it up to date works under it, so rows are analysed
 * once, and who comes meanwhile waits. Runs are immutable and counted: readers search theirs
 * without the lock. Memory is reserved of the budget as BUDGET_GROWING.
 */
#ifndef KITH_INDEX_TEXT_GROWING_H
#define KITH_INDEX_TEXT_GROWING_H

#include "index/text_index.h"

struct text_growing;

struct text_run {
    size_t first; /* row of the source that is row 0 of the index */
    const struct scalar_index *index;
};
struct text_runs { /* ascending, without gaps */
    struct text_run *runs;
    size_t count;
    size_t rows; /* that they cover: at least what was asked for */
};

/* field is borrowed; it has an analyzer. budget is nullable. */
KITH_NODISCARD int text_growing_new(const struct os *os, struct budget *budget,
                                    const struct schema_field *field, struct text_growing **out);
void text_growing_free(struct text_growing *texts); /* NULL is a no-op; no reader is left */
/* Runs over at least the first `rows` rows of the source, whose field `field` this is. Rows that
 * were read do not change, but for text_growing_cut. KITH_EBUSY: the budget is full. */
KITH_NODISCARD int text_growing_take(struct text_growing *texts, const struct chunk_source *source,
                                     size_t field, size_t rows, struct text_runs **out,
                                     struct kith_error *err);
void text_runs_drop(struct text_runs *runs); /* NULL is a no-op */
/* Rows from `rows` on are not what they were. */
void text_growing_cut(struct text_growing *texts, size_t rows);
uint64_t text_growing_bytes(struct text_growing *texts);

/* As scalar_index_ops: yes->bits is at most runs->rows. */
KITH_NODISCARD int text_runs_probe(const struct text_runs *runs, const struct probe *probe,
                                   struct probe_answer *answer);
KITH_NODISCARD int text_runs_estimate(const struct text_runs *runs, const struct probe *probe,
                                      uint64_t *rows);

#endif
