/*
 * Patterns: matching ends in pattern * text steps whatever the pattern (a backtracking matcher would
 * hang here), gives the same as a table of dynamic programming where there are no classes, and a
 * pattern with every byte escaped matches exactly its text. A pattern that was read once (glob.h)
 * says the same as one that is read each time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "redis/glob.h"

enum { PART_MAX = 256 };

/* can[i][j]: the first i bytes of the pattern match the first j of the text. */
static bool by_table(struct kith_str pattern, struct kith_str text)
{
    static bool can[PART_MAX + 1][PART_MAX + 1];
    memset(can, 0, sizeof can);
    can[0][0] = true;
    for (size_t i = 1; i <= pattern.len; i++) {
        const char p = pattern.data[i - 1];
        can[i][0] = p == '*' && can[i - 1][0];
        for (size_t j = 1; j <= text.len; j++) {
            if (p == '*') can[i][j] = can[i - 1][j] || can[i][j - 1];
            else can[i][j] = can[i - 1][j - 1] && (p == '?' || p == text.data[j - 1]);
        }
    }
    return can[pattern.len][text.len];
}

static bool is_plain(struct kith_str pattern)
{
    for (size_t i = 0; i < pattern.len; i++)
        if (pattern.data[i] == '[' || pattern.data[i] == '\\') return false;
    return true;
}

static bool by_glob(struct kith_str pattern, struct kith_str text, bool fold_case)
{
    struct glob glob;
    const bool made = glob_init(&glob, pattern, fold_case) == 0;
    const bool matches = made && glob_matches(&glob, text);
    MUST(made);
    glob_release(&glob);
    return matches;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    const char *bytes = (const char *)data + 1;
    size_t cut = data[0] < size - 1 ? data[0] : size - 1;
    size_t rest = size - 1 - cut;
    if (cut > PART_MAX) cut = PART_MAX;
    if (rest > PART_MAX) rest = PART_MAX;
    const struct kith_str pattern = {bytes, cut}, text = {bytes + cut, rest};
    const bool matches = text_matches(pattern, text, false);
    if (is_plain(pattern)) MUST(matches == by_table(pattern, text));
    MUST(by_glob(pattern, text, false) == matches);
    MUST(by_glob(pattern, text, true) == text_matches(pattern, text, true));
    char escaped[2 * PART_MAX];
    for (size_t i = 0; i < rest; i++) {
        escaped[2 * i] = '\\';
        escaped[2 * i + 1] = text.data[i];
    }
    MUST(text_matches((struct kith_str){escaped, 2 * rest}, text, false));
    return 0;
}
