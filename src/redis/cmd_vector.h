/* What the files of the vector set's commands share. */
#ifndef KITH_REDIS_CMD_VECTOR_H
#define KITH_REDIS_CMD_VECTOR_H

#include "redis/vector_args.h"

void run_vadd(struct redis_call *call);   /* cmd_vector_add.c */
void run_vsim(struct redis_call *call);   /* cmd_vector_search.c */
void run_vlinks(struct redis_call *call); /* cmd_vector_links.c */
void run_vrange(struct redis_call *call); /* cmd_vector_names.c */
void run_vrandmember(struct redis_call *call);

#endif
