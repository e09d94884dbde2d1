/*
 * Whether two prompts that lie close together may share an answer: a pure function of two texts.
 *
 * Vectors say what a text is about and hardly whether it is affirmed: "enable 2FA" lies closer to
 * "disable 2FA" than many a paraphrase does. So what changes an answer must agree, as multisets:
 * numbers, negations and words of opposite sense, quoted strings, capitalised names that do not
 * begin a sentence, code identifiers. A refusal is only a miss; so in doubt it refuses.
 *
 * What it cannot see: a name that begins a sentence, and words it does not know ("cats", "dogs").
 */
#ifndef KITH_REDIS_SCACHE_GUARD_H
#define KITH_REDIS_SCACHE_GUARD_H

#include <stdbool.h>

#include <kith/types.h>

/* Symmetric; true for equal texts. Any bytes; time O(a + b), no memory. */
bool scache_guard_agrees(struct kith_str a, struct kith_str b);

#endif
