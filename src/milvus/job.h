/*
 * Import jobs: files of a directory that the operator allowed, into a collection, in the
 * background.
 *
 *   job.c         the list: asked for, shown, kept over a start under "milvus/j/<id>"
 *   job_files.c   what may be read, and what kind of file it is
 *   job_run.c     one job: every row is looked at first, then they are written in batches
 *   job_text.c    rows of text files: a window over the file, rows as JSON
 *   job_json.c, job_csv.c, job_numpy.c    the kinds of files
 *
 * A source gives batches of rows as the columns of an InsertRequest (field 5), so that they go the
 * way of rows that a client sends, and are refused with the same words. One thread runs the jobs,
 * one after the other, in the order that they were asked for.
 */
#ifndef KITH_MILVUS_JOB_H
#define KITH_MILVUS_JOB_H

#include "milvus/rest.h"

#define JOB_ROW_BYTES_MAX (16u << 20) /* of one row of a text file */
#define JOB_BATCH_BYTES   (8u << 20)  /* a batch ends above this */
#define JOB_FILES_MAX     1024
#define JOB_PATH_MAX      1024

typedef Kith__Door__ImportJobRecord JobRecord;
typedef Kith__Door__ImportFileRecord JobFile;

enum job_state { JOB_PENDING = 1, JOB_IMPORTING, JOB_FAILED, JOB_COMPLETED };

/* ---- rows of files ---- */

struct job_source { /* borrows all, for the life of the rows */
    const struct os *os;
    const struct milvus_collection *collection;
    MilvusPair *const *options;
    size_t option_count;
    char *const *paths; /* of the machine; one, or one a column */
    char *const *names; /* as they were asked for, for errors */
    size_t count;
};
struct job_place {
    uint64_t offset, row;
};
struct job_rows;
struct job_rows_ops {
    /* Appends the columns of at most max_rows rows; *count 0: the end. After an error, which may be
     * any row's of the batch, the rows stand somewhere: seek. */
    int (*next)(struct job_rows *rows, struct rest *rest, size_t max_rows, struct buffer *columns,
                size_t *count, struct kith_error *err);
    struct job_place (*place)(const struct job_rows *rows);
    void (*seek)(struct job_rows *rows, struct job_place place);
    void (*close)(struct job_rows *rows);
};
struct job_rows {
    const struct job_rows_ops *ops;
    const char *name; /* of the file, or the first; borrows */
    uint64_t bytes;   /* of all files */
    uint64_t row;     /* the next */
};
/* By the names' extension. */
KITH_NODISCARD int job_rows_open(const struct job_source *source, struct job_rows **out,
                                 struct kith_error *err);
KITH_NODISCARD int job_json_open(const struct job_source *source, struct job_rows **out,
                                 struct kith_error *err);
KITH_NODISCARD int job_csv_open(const struct job_source *source, struct job_rows **out,
                                struct kith_error *err);
KITH_NODISCARD int job_numpy_open(const struct job_source *source, struct job_rows **out,
                                  struct kith_error *err);

/* ---- job_text.c ---- */

struct job_text {
    struct job_rows rows; /* first */
    const struct milvus_collection *collection;
    struct os_file *file; /* owns */
    struct buffer window; /* owns: bytes of the file from window_at */
    uint64_t window_at;
    size_t pos; /* of the next byte in the window */
    struct buffer array; /* owns: the rows of a batch */
    /* Appends the next row as a JSON object. */
    int (*row)(struct job_text *text, struct buffer *out, bool *found, struct kith_error *err);
    void (*release)(struct job_text *text); /* of what the kind added; nullable */
};
/* Opens the file into a zeroed struct, which the kind's own struct begins with. */
KITH_NODISCARD int job_text_open(const struct job_source *source, struct job_text *text,
                                 struct kith_error *err);
/* The byte `ahead` of pos, or -1 at the end of the file, or a status below -1. */
int job_text_peek(struct job_text *text, size_t ahead, struct kith_error *err);
/* Likewise the first byte that is no blank, which pos is moved to. */
int job_text_skip(struct job_text *text, struct kith_error *err);
extern const struct job_rows_ops job_text_ops;

/* ---- job_files.c ---- */

enum job_kind { JOB_JSON, JOB_CSV, JOB_NUMPY, JOB_PARQUET, JOB_OTHER };
enum job_kind job_kind_of(const char *name);
/* Refuses what leads out of the directory by its letters; links are looked at when it is read. */
MilvusStatus *job_files_check(struct milvus_call *call, char *const *names, size_t count);
/* The real path, in the heap. */
KITH_NODISCARD int job_file_path(const char *dir, const char *name, char **out,
                                 struct kith_error *err);

/* ---- job_run.c ---- */

struct milvus_jobs;
struct job_progress { /* what a run says as it goes; under the jobs' lock it is copied */
    bool writing;  /* the second time through */
    size_t file;
    uint64_t rows; /* of that file so far, this time */
    unsigned percent;
};
struct job_run {
    struct milvus *milvus;
    const JobRecord *record; /* borrows: does not change while it runs, but for what report does */
    const atomic_bool *stop;
    const struct kith_cancel *cancel; /* fired when *stop is set */
    void (*report)(void *ctx, const struct job_progress *progress);
    void *report_ctx;
};
/* 0: all rows are there. Else err says which file, which row, and why. */
KITH_NODISCARD int job_run(const struct job_run *run, struct kith_error *err);

/* ---- job.c ---- */

KITH_NODISCARD int jobs_open(struct milvus *milvus, struct kith_error *err);
void jobs_close(struct milvus *milvus); /* stops the job that runs; NULL jobs are fine */
struct job_request {
    const char *collection, *partition;
    char *const *const *groups; /* names of files that are read together */
    const size_t *group_sizes;
    size_t group_count;
    MilvusPair **options;
    size_t option_count;
};
MilvusStatus *jobs_create(struct milvus_call *call, const struct job_request *request,
                          int64_t *id);
struct job_view { /* a copy in the call's arena */
    const JobRecord *record;
    unsigned percent;
};
/* A job that the caller may see; else the status of one that does not exist. */
MilvusStatus *jobs_find(struct milvus_call *call, int64_t id, struct job_view *out);
/* Those of the call's database, or of one collection of it ("": of all), newest first; limit 0:
 * all. */
MilvusStatus *jobs_list(struct milvus_call *call, const char *collection, size_t limit,
                        struct job_view **out, size_t *count);
uint64_t job_rows_total(const JobRecord *record);
uint64_t job_rows_written(const JobRecord *record);
const char *job_state_name(int state); /* "Importing" */

#endif
