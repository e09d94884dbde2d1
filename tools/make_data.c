/*
 * kith-make-data: turns the files of scripts/get-data.sh into the project's data sets and
 * generates the synthetic one. See make_data.h for what it may do that the library may not.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "make_data.h"

static const char usage[] =
    "usage: kith-make-data words JSON OUT_DIR\n"
    "       kith-make-data words-sample JSON OUT_FILE\n"
    "       kith-make-data fashion JSON_DIR OUT_DIR\n"
    "       kith-make-data glosses WORDNET_DIR OUT_DIR\n"
    "       kith-make-data gen N D LATENT CLUSTERS SEED OUT_DIR [--normalise]\n"
    "\n"
    "Vectors are written as base.fvecs and query.fvecs into OUT_DIR, which exists.\n"
    "gen: N rows in all, of which the last 1,000 (a tenth when N < 10,000) are the queries.\n"
    "  kith-make-data gen 1000000 128 24 200 1 data/gen-128\n"
    "  kith-make-data gen 200000 768 64 200 1 data/gen-768 --normalise\n";

static uint64_t parse_count(const char *text, uint64_t min, uint64_t max)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text == '-' || value < min || value > max) {
        data_die("'%s' is not a number from %llu to %llu", text, (unsigned long long)min,
                 (unsigned long long)max);
    }
    return value;
}

static void run_gen(char **args, bool normalise)
{
    struct gen_options options = {
        .rows = parse_count(args[0], 10, 4000000000u),
        .dim = (uint32_t)parse_count(args[1], 1, 65536),
        .latent = (uint32_t)parse_count(args[2], 1, 4096),
        .clusters = (uint32_t)parse_count(args[3], 1, 1000000),
        .seed = parse_count(args[4], 0, UINT64_MAX),
        .normalise = normalise,
    };
    make_gen(&options, args[5]);
}

int main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    if (argc == 4 && strcmp(verb, "words") == 0) {
        make_words(argv[2], argv[3]);
    } else if (argc == 4 && strcmp(verb, "words-sample") == 0) {
        make_words_sample(argv[2], argv[3], 20000);
    } else if (argc == 4 && strcmp(verb, "fashion") == 0) {
        make_fashion(argv[2], argv[3]);
    } else if (argc == 4 && strcmp(verb, "glosses") == 0) {
        make_glosses(argv[2], argv[3]);
    } else if ((argc == 8 || (argc == 9 && strcmp(argv[8], "--normalise") == 0)) &&
               strcmp(verb, "gen") == 0) {
        run_gen(argv + 2, argc == 9);
    } else {
        bool help = argc == 2 && strcmp(verb, "--help") == 0;
        fputs(usage, help ? stdout : stderr);
        return help ? 0 : 2;
    }
    return 0;
}
