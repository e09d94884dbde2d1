/*
 * BM25 over the glosses of WordNet, one thread, index only: build, then queries a second.
 *
 *     text_bench [glosses.jsonl] [words | short | gloss] [queries] [rounds] [dump]
 *
 * The queries are taken from every n-th line: its words ("physical entity"), the first six words of
 * its gloss, or the whole gloss. `dump` is a file that gets a line a hit: query number, row, score;
 * and before them a line with the query's text: tests/text/bm25_reference.py compares it with its
 * own answer. With rounds 1, a profile counts little else than searching: valgrind --tool=callgrind
 * --toggle-collect=text_index_search.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "index/text_index.h"

#define K 10
#define CHUNK 4096u

struct glosses {
    struct kith_str *texts, *words;
    size_t rows, room;
};

static char analyzer_json[] = "{\"type\": \"standard\"}";
static char field_name[] = "text";

static int get_chunk(void *ctx, size_t field, size_t number, struct chunk *out)
{
    const struct glosses *g = ctx;
    (void)field;
    const size_t first = number * CHUNK;
    *out = (struct chunk){ .type = KITH_VARCHAR,
                           .rows = g->rows - first < CHUNK ? g->rows - first : CHUNK,
                           .strs = g->texts + first };
    return 0;
}

static struct kith_str unescape(const struct json_value *value)
{
    struct buffer out = { 0 };
    if (json_unescape(value, &out)) abort();
    return (struct kith_str){ (const char *)out.data, out.len };
}

static void take_line(struct glosses *g, const char *line, size_t len)
{
    struct json_value value;
    if (g->rows == g->room) {
        g->room = g->room ? g->room * 2 : 4096;
        g->texts = realloc(g->texts, g->room * sizeof *g->texts);
        g->words = realloc(g->words, g->room * sizeof *g->words);
        if (!g->texts || !g->words) abort();
    }
    const struct json_step text = { .key = "text", .key_len = 4 };
    const struct json_step word[2] = { { .key = "words", .key_len = 5 }, { .index = 0 } };
    if (json_find(line, len, &text, 1, &value)) abort();
    g->texts[g->rows] = unescape(&value);
    if (json_find(line, len, word, 2, &value)) abort();
    g->words[g->rows++] = unescape(&value);
}

static struct glosses read_glosses(const char *path)
{
    struct glosses g = { 0 };
    FILE *file = fopen(path, "r");
    if (!file) {
        fprintf(stderr, "cannot read %s (scripts/get-data.sh glosses)\n", path);
        exit(1);
    }
    char *line = NULL;
    size_t cap = 0;
    for (ssize_t len; (len = getline(&line, &cap, file)) > 0;) take_line(&g, line, (size_t)len);
    free(line);
    fclose(file);
    return g;
}

static struct kith_str query_of(const struct glosses *g, const char *kind, size_t row)
{
    if (strcmp(kind, "words") == 0) return g->words[row];
    struct kith_str text = g->texts[row];
    if (strcmp(kind, "short") != 0) return text;
    size_t len = 0;
    for (unsigned words = 0; len < text.len; len++)
        if (text.data[len] == ' ' && ++words == 6) break;
    return (struct kith_str){ text.data, len };
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void check(int rc)
{
    if (rc == 0) return;
    fprintf(stderr, "status %d\n", rc);
    exit(1);
}

static size_t search(const struct scalar_index *index, const struct analyzer *analyzer,
                     struct kith_str text, struct hit *hits)
{
    struct text_query query;
    struct text_statistics statistics;
    struct text_scoring scoring;
    size_t count;
    check(text_query_init(analyzer, text, &query));
    check(text_statistics_init(&query, &statistics));
    check(text_statistics_add(index, &query, &statistics));
    check(text_scoring_init(&query, &statistics, 1.2, 0.75, &scoring));
    const struct walk_search walk = { .end = text_index_rows(index), .k = K, .bound = INFINITY };
    check(text_index_search(index, &query, &scoring, &walk, hits, &count));
    text_scoring_release(&scoring);
    text_statistics_release(&statistics);
    text_query_release(&query);
    return count;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "data/glosses/glosses.jsonl";
    const char *kind = argc > 2 ? argv[2] : "words";
    const size_t queries = argc > 3 ? strtoul(argv[3], NULL, 10) : 2000;
    const size_t rounds = argc > 4 ? strtoul(argv[4], NULL, 10) : 3;
    struct glosses g = read_glosses(path);
    struct chunk_source source = { .ctx = &g, .rows = g.rows, .chunk_rows = CHUNK,
                                   .get = get_chunk };
    const struct schema_field field = { .name = field_name, .type = KITH_VARCHAR,
                                        .analyzer = analyzer_json };
    const struct scalar_index_params params = { .field = &field };
    const struct index_job job = { .os = os_real(), .threads = 1 };
    struct index_image image = { .count = 0 };
    const double start = seconds();
    check(text_index_ops.build(&source, 0, &params, &job, &image, NULL));
    size_t bytes = 0;
    struct index_view_section views[INDEX_SECTIONS_MAX];
    for (size_t i = 0; i < image.count; i++) {
        views[i] = (struct index_view_section){
            image.sections[i].id, { image.sections[i].data, image.sections[i].len, NULL }
        };
        bytes += image.sections[i].len;
    }
    printf("%zu rows, built in %.3f s, %zu bytes\n", g.rows, seconds() - start, bytes);
    struct scalar_index *index;
    struct analyzer *analyzer;
    check(text_index_ops.open(os_real(), views, image.count, g.rows, &params, &index, NULL));
    check(analyzer_new(analyzer_json, strlen(analyzer_json), &analyzer, NULL));
    FILE *dump = argc > 5 ? fopen(argv[5], "w") : NULL;
    struct hit hits[K];
    for (size_t round = 0; round < rounds; round++) {
        size_t found = 0;
        const double begin = seconds();
        for (size_t q = 0; q < queries; q++) {
            const struct kith_str text = query_of(&g, kind, q * g.rows / queries);
            const size_t count = search(index, analyzer, text, hits);
            found += count;
            if (!dump || round) continue;
            fprintf(dump, "? %.*s\n", (int)text.len, text.data);
            for (size_t i = 0; i < count; i++)
                fprintf(dump, "%zu %u %.9g\n", q, hits[i].id, -(double)hits[i].distance);
        }
        const double spent = seconds() - begin;
        printf("%s: %zu queries, %.1f us each, %.0f a second, %zu hits\n", kind, queries,
               1e6 * spent / (double)queries, (double)queries / spent, found);
    }
    if (dump) fclose(dump);
    index->ops->close(index);
    analyzer_free(analyzer);
    index_image_release(os_real(), &image);
    return 0;
}
