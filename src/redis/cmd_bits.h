/*
 * Bits of strings: what the files of their commands share. Bit 0 is the highest of the first byte.
 */
#ifndef KITH_REDIS_CMD_BITS_H
#define KITH_REDIS_CMD_BITS_H

#include "redis/command.h"

/* A place of a bit: 0 up to eight times proto-max-bulk-len. `width` not 0: "#3" means 3 * width.
 * false: it was answered. */
bool bits_offset(struct redis_call *call, size_t arg, unsigned width, uint64_t *out);
/* The string of a key, so long that it has this bit; *bytes for writing, *grown: it was longer
 * made, or made. false: it was answered. */
bool bits_edit(struct redis_call *call, uint64_t last_bit, uint8_t **bytes, bool *grown);

void run_setbit(struct redis_call *call);
void run_getbit(struct redis_call *call);
void run_bitcount(struct redis_call *call);
void run_bitpos(struct redis_call *call);
/* cmd_bitop.c */
void run_bitop(struct redis_call *call);
/* cmd_bitfield.c */
void run_bitfield(struct redis_call *call);
void run_bitfield_ro(struct redis_call *call);

#endif
