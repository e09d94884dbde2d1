/*
 * Between the files of the users (acl*.c).
 */
#ifndef KITH_REDIS_ACL_INTERNAL_H
#define KITH_REDIS_ACL_INTERNAL_H

#include "redis/acl.h"

#define ACL_FEW 16u /* patterns, passwords: so many are compared one by one */

bool acl_hash(struct kith_str password, uint8_t out[ACL_HASH_BYTES]);
KITH_NODISCARD struct acl_selector *acl_selector_new(void); /* nothing is allowed */
void acl_selector_free(struct acl_selector *selector);
void acl_patterns_release(struct acl_patterns *patterns); /* none are left; may be used again */
/* Takes it when it succeeds. */
KITH_NODISCARD int acl_add_selector(struct acl_user *user, struct acl_selector *selector);
/* The rules of a user as a whole (acl_user.c): on, >password, reset, ... */
const char *acl_set_user(const struct redis *redis, struct acl_user *user, struct kith_str rule);
const char *acl_set_selector_text(const struct redis *redis, struct acl_user *user,
                                  struct kith_str text);

#endif
