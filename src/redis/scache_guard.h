/*
 * Whether two prompts that lie close together may share an answer: a pure function of two texts.
 *
 * Vectors say what a text is about and hardly whether it is affirmed: "enable 2FA" lies closer to
 * "disable 2FA" than many a paraphrase does. So what changes an answer must agree: numbers (digits
 * of any script, small numbers as words), quoted strings, capitalised names that do not begin a
 * sentence and code identifiers, in order; negations, words of opposite sense, units, money, days
 * and months, as multisets. Two prompts that are one sentence with something else in one place do
 * not agree, whatever the something is, nor do those whose words change places around another one
 * ("paris to london") or turn active into passive without changing them, nor those that say
 * something else behind the same preposition. A refusal is only a miss; so in doubt it refuses.
 *
 * What it cannot see: other words in other sentences ("cats are mammals", "is a dog a mammal").
 */
#ifndef KITH_REDIS_SCACHE_GUARD_H
#define KITH_REDIS_SCACHE_GUARD_H

#include <stdbool.h>

#include <kith/types.h>

/* Symmetric; true for equal texts. Any bytes; time O(a + b), and 20 KiB of the stack. */
bool scache_guard_agrees(struct kith_str a, struct kith_str b);

#endif
