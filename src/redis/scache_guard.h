/*
 * Whether two prompts that lie close together may share an answer: a pure function of two texts.
 *
 * Vectors say what a text is about and hardly whether it is affirmed: "enable 2FA" lies closer to
 * "disable 2FA" than many a paraphrase does. So what changes an answer must agree:
 *
 * - numbers (digits of any script, small numbers as words), quoted strings and code identifiers, in
 *   order; capitalised names that do not begin a sentence, in order or written small;
 * - negations, units, money, days and months, and every word that no list knows, as multisets;
 * - of words of opposite sense no prompt may have one side alone while the other has the other.
 *
 * Two prompts that are one sentence with something else in one place do not agree, whatever the
 * something is, nor do those whose words or names change places ("paris to london"), that turn
 * active into passive without changing them, that deny another word, or that say something else
 * behind the same preposition, number or name. A refusal is only a miss; so in doubt it refuses.
 *
 * What it cannot see: plain words for other plain words in other sentences ("can dogs eat grapes",
 * "are cats fine with grapes").
 */
#ifndef KITH_REDIS_SCACHE_GUARD_H
#define KITH_REDIS_SCACHE_GUARD_H

#include <stdbool.h>

#include <kith/types.h>

/* Symmetric; true for equal texts. Any bytes; time O(a + b), of texts over 64 KiB none: they
 * agree when they are equal. 20 KiB of the stack. */
bool scache_guard_agrees(struct kith_str a, struct kith_str b);

#endif
