/* Comparisons of times. */
#include "query/filter_special.h"

int time_test(const struct plan *plan, int64_t micros)
{
    (void)plan, (void)micros;
    return -1;
}
