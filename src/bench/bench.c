/*
 * `kith bench`: picks the measurement, prints help, turns an error into a line and a status.
 */
#include "bench/bench.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "bench/bench_internal.h"
#include "bench/bench_line.h"

static const char help_all[] =
    "kith bench: measure speed and recall\n"
    "\n"
    "usage: kith bench WHAT [options]\n"
    "\n"
    "  ann     recall, speed and size of a vector index over one data set\n"
    "  gt      exact nearest neighbours of a query set, kept for 'ann'\n"
    "  filter  speed and recall of filtered searches over selectivities, by plan\n"
    "  recall  whether recall targets are met without anybody setting ef\n"
    "  line    requests a second and latency of a server of the line protocol, or of RESP\n"
    "\n"
    "'kith bench WHAT --help' says more.\n"
    "\n"
    "for example:\n"
    "  kith bench ann --base data/words/base.fvecs --query data/words/query.fvecs \\\n"
    "      --metric cosine\n"
    "\n`scripts/get-data.sh words` of the source fetches these files.\n";

static const char help_ann[] =
    "usage: kith bench ann --base F --query F [options]\n"
    "\n"
    "Builds an index over the base vectors, searches it with each value of its knob, and prints\n"
    "recall beside speed. Recall is against exact neighbours; without --truth they are computed\n"
    "once and kept beside the base file.\n"
    "\n"
    "  --base F, --query F  vectors: fvecs, bvecs, fbin, npy, HDF5, ... An HDF5 file of\n"
    "                       ann-benchmarks needs only --base: it has queries and truth inside\n"
    "  --truth F            exact neighbours: ivecs, ibin, npy or HDF5\n"
    "  --metric M           l2, ip or cosine (default: what the data says, else l2)\n"
    "  --index I            flat, or hnsw[,M=16][,ef_construction=200] (default: hnsw, adaptive)\n"
    "  --k N                neighbours a query asks for (default 10)\n"
    "  --sweep A,B,...      values of ef (default 10,16,24,32,48,64,96,128,192,256)\n"
    "  --build-threads N    default: all cores\n"
    "  --threads N          threads that search at once (default 1)\n"
    "  --repeat N           times each point is measured; the best counts (default 3)\n"
    "  --json OUT           write the results to OUT; - prints them instead of the table\n"
    "\n"
    "Example:\n"
    "  kith bench ann --base data/words/base.fvecs --query data/words/query.fvecs \\\n"
    "      --metric cosine --index hnsw,M=16,ef_construction=200 --k 10 --sweep 10,20,40,80\n";

static const char help_gt[] =
    "usage: kith bench gt --base F --query F [--metric l2|ip|cosine] [--k N] [--out F]\n"
    "\n"
    "Computes the exact neighbours of all queries with all cores and keeps them beside the base\n"
    "file, where `kith bench ann` finds them. --out also writes their numbers as ivecs.\n"
    "\n"
    "Example:\n"
    "  kith bench gt --base data/words/base.fvecs --query data/words/query.fvecs \\\n"
    "      --metric l2 --out truth.ivecs\n";

static const char help_filter[] =
    "usage: kith bench filter --base F --query F [--metric l2|ip|cosine] [--k N] [options]\n"
    "\n"
    "Puts the base vectors into a database beside the base file (kept), then searches it under\n"
    "filters that keep .001 to .9 of the rows: without regard to the vectors (rand), in one\n"
    "corner of the space (near), and in the opposite one (far). Each with the planner's choice\n"
    "and with every plan forced, in turns; `of best` is the speed of the choice as a share of\n"
    "the better of scan and overfetch.\n"
    "\n"
    "  --index I     hnsw[,M=16][,ef_construction=200] (default: adaptive)\n"
    "  --threads N   search threads (default 1)\n"
    "  --repeat N    rounds; the best of each plan counts (default 3)\n"
    "  --json OUT    also write the results to OUT\n"
    "\n"
    "Example:\n"
    "  kith bench filter --base data/words/base.fvecs --query data/words/query.fvecs \\\n"
    "      --metric cosine --json out.json\n";

static const char help_recall[] =
    "usage: kith bench recall --base F --query F [--metric l2|ip|cosine] [--k N] [options]\n"
    "\n"
    "Searches the database of `kith bench filter` (built when it is not there) with recall\n"
    "targets of .90, .95 and .99 instead of ef, without a filter and under filters that keep .01\n"
    "to .9 of the rows, and compares the recall of up to 1,000 queries with it: ok (within .01),\n"
    "low, exact (more, because rows are scanned), least (more, though the walk is as narrow as k)\n"
    "or high. `first` is the call that finds how wide the walk has to be before queries came.\n"
    "\n"
    "  --index I     hnsw[,M=16][,ef_construction=200] (default: adaptive)\n"
    "  --threads N   search threads (default 1)\n"
    "  --repeat N    rounds; the fastest counts (default 3)\n"
    "  --json OUT    also write the results to OUT\n"
    "\n"
    "Example:\n"
    "  kith bench recall --base data/words/base.fvecs --query data/words/query.fvecs \\\n"
    "      --metric cosine --json out.json\n";

struct verb {
    const char *name;
    const char *help;
    int (*run)(const struct bench_options *options, struct kith_error *err);
};
static const struct verb verbs[] = {{"ann", help_ann, bench_ann}, {"gt", help_gt, bench_gt},
                                    {"filter", help_filter, bench_filter},
                                    {"recall", help_recall, bench_recall}};

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

static int run(const struct verb *verb, int argc, char **argv)
{
    struct bench_options options;
    struct kith_error err = {0};
    if (bench_options_parse(&options, argc, argv, &err)) {
        fprintf(stderr, "kith bench %s: %s\nTry `kith bench %s --help`.\n", verb->name, err.text,
                verb->name);
        return 2;
    }
    if (options.help) {
        fputs(verb->help, stdout);
        return 0;
    }
    if (verb->run(&options, &err)) {
        fprintf(stderr, "kith bench %s: %s\n", verb->name, err.text);
        return 1;
    }
    return 0;
}

int bench_main(int argc, char **argv)
{
    if (argc >= 2 && is_help(argv[1])) {
        fputs(help_all, stdout);
        return 0;
    }
    if (argc >= 2 && strcmp(argv[1], "line") == 0) return bench_line_main(argc - 1, argv + 1);
    for (size_t i = 0; argc >= 2 && i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(argv[1], verbs[i].name) == 0) return run(&verbs[i], argc - 1, argv + 1);
    }
    if (argc >= 2) fprintf(stderr, "kith bench: there is no '%s'\n", argv[1]);
    fputs(help_all, stderr);
    return 2;
}
