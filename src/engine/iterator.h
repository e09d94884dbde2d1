/*
 * What the two kinds of iterators have in common: kith_iterator_next and _close go through this.
 */
#ifndef KITH_ENGINE_ITERATOR_H
#define KITH_ENGINE_ITERATOR_H

#include <kith/kith.h>

struct iterator_ops {
    int (*next)(struct kith_iterator *iterator, const struct kith_call *call,
                struct kith_result **out, struct kith_error *err);
    void (*close)(struct kith_iterator *iterator);
};
struct kith_iterator { /* first in each kind's own struct */
    const struct iterator_ops *ops;
};

#endif
