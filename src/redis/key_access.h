/*
 * What a command does to each of its keys: for ACL, which asks for the right to read or to write
 * key by key, and for COMMAND, which tells clients.
 */
#ifndef KITH_REDIS_KEY_ACCESS_H
#define KITH_REDIS_KEY_ACCESS_H

#include "redis/registry.h"

enum key_access { /* bits; the words of COMMAND are the same ones */
    KEY_RO = 1 << 0, /* reads of the value, or of what is known about it */
    KEY_RW = 1 << 1,
    KEY_OW = 1 << 2, /* what was there does not matter */
    KEY_RM = 1 << 3,
    KEY_ACCESS = 1 << 4, /* a client learns of the value: needs the right to read */
    KEY_UPDATE = 1 << 5, /* these three need the right to write */
    KEY_INSERT = 1 << 6,
    KEY_DELETE = 1 << 7
};
#define KEY_WRITES (KEY_UPDATE | KEY_INSERT | KEY_DELETE)

struct key_plan {
    unsigned first, rest; /* of the first key; of the others; rest 0: as the first */
    unsigned count_at;    /* the place of the number of keys (of the others, if rest); 0: none */
};

/* The widest that the command may do. */
struct key_plan key_plan(const struct command_entry *entry);
/* What these words do to the key at this place. */
unsigned key_access(const struct command_entry *entry, const struct kith_str *argv, size_t argc,
                    size_t place);
/* The word of one bit, as COMMAND has it. */
const char *key_access_word(unsigned bit);

#endif
