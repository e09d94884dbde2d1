/*
 * What the files of string commands share: expiry options, values as replies, conditions.
 */
#ifndef KITH_REDIS_CMD_STRING_H
#define KITH_REDIS_CMD_STRING_H

#include "redis/command.h"

/* EX s, PX ms, EXAT s, PXAT ms, KEEPTTL, PERSIST: at most one of them. */
struct expiry_option {
    enum { EXPIRY_NONE, EXPIRY_KEEP, EXPIRY_PERSIST, EXPIRY_AT } kind;
    size_t arg;    /* where the number stands */
    bool relative; /* to now */
    bool seconds;
};

/* Tries argv[*at] as an expiry option; the number behind it is passed over. false: it is another
 * word, or a second one of these. */
bool expiry_option_take(const struct redis_call *call, size_t *at, struct expiry_option *out);
/* The deadline, CACHE_NO_DEADLINE or CACHE_KEEP_DEADLINE; false: the number is not good, and that
 * was answered. */
bool call_expiry(struct redis_call *call, const struct expiry_option *option, int64_t *deadline);
/* A number of ms or s as a deadline; false: it is out of range, "invalid expire time" was
 * answered. */
bool call_expiry_time(struct redis_call *call, int64_t number, bool relative, bool seconds,
                      int64_t *deadline);

/* IFEQ x, IFNE x, IFDEQ digest, IFDNE digest */
struct value_condition {
    enum { IF_NONE, IF_EQUAL, IF_NOT_EQUAL, IF_DIGEST, IF_NOT_DIGEST } kind;
    struct kith_str operand;
};
bool value_condition_take(const struct redis_call *call, size_t *at, struct value_condition *out);
/* false: the digest is malformed, which was answered */
bool value_condition_check(struct redis_call *call, const struct value_condition *condition);
bool value_condition_holds(const struct value_condition *condition, const struct entry *entry);

/* The value of a string; null for NULL. */
void reply_value(struct redis_call *call, const struct entry *entry);
/* Removes a key that is there: "del". */
void call_drop(struct redis_call *call, struct kith_str key, struct entry *entry);
/* Sets a string and answers -OOM when that fails. */
bool call_set(struct redis_call *call, struct kith_str key, struct kith_str value,
              int64_t deadline);
/* Logs what was set in a form that can be replayed at any time. */
void log_set(struct redis_call *call, struct kith_str key, struct kith_str value,
             int64_t deadline);

/* cmd_string_number.c */
void run_incr(struct redis_call *call);
void run_decr(struct redis_call *call);
void run_incrby(struct redis_call *call);
void run_decrby(struct redis_call *call);
void run_incrbyfloat(struct redis_call *call);
void run_increx(struct redis_call *call);
/* cmd_string_edit.c */
void run_append(struct redis_call *call);
void run_strlen(struct redis_call *call);
void run_setrange(struct redis_call *call);
void run_getrange(struct redis_call *call);
void run_digest(struct redis_call *call);
void run_delex(struct redis_call *call);
/* cmd_lcs.c */
void run_lcs(struct redis_call *call);

#endif
