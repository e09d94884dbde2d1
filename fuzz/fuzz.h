/* What all targets have: their entry, and what must hold, with sanitizers and without. */
#ifndef KITH_FUZZ_FUZZ_H
#define KITH_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                               \
    do {                                                                              \
        if (!(condition)) {                                                           \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);     \
            abort();                                                                  \
        }                                                                             \
    } while (0)

#endif
