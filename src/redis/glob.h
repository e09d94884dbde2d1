/*
 * A pattern that many texts are compared with (KEYS, SCAN), read once: a class in brackets becomes
 * a set of 256 bits, so a byte of a text is one look, however long the class is; and a text that is
 * shorter than what the pattern needs is not looked at. What matches is what text_matches says.
 */
#ifndef KITH_REDIS_GLOB_H
#define KITH_REDIS_GLOB_H

#include "base/buffer.h"
#include "redis/command.h"

#define GLOB_ELEMENTS_MAX 65536u /* of longer patterns only the length is known: see below */

struct glob {
    struct kith_str pattern; /* borrows */
    bool fold_case;
    struct buffer elements; /* of uint32_t: a byte, GLOB_ANY, GLOB_STAR, or a class */
    struct buffer sets;     /* of classes */
    size_t needs;           /* bytes that a text has at least */
    bool whole;             /* all is in elements; else long texts take text_matches */
    uint64_t looked;        /* elements that texts were compared with */
};

/* KITH_ENOMEM. Release in every case. Time O(pattern), memory at most some megabytes. */
KITH_NODISCARD int glob_init(struct glob *glob, struct kith_str pattern, bool fold_case);
void glob_release(struct glob *glob); /* accepts a zeroed struct */
bool glob_matches(struct glob *glob, struct kith_str text);

#endif
