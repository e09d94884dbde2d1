/* Shared by the commands of JSON documents. */
#ifndef KITH_REDIS_CMD_JSON_H
#define KITH_REDIS_CMD_JSON_H

#include "cache/json_path.h"
#include "redis/command.h"

/* The path of a word; false: the error was answered. */
bool json_path_of(struct redis_call *call, struct kith_str text, struct json_path *out);
/* What a path of argv selects in a document; false: the error was answered. */
bool json_select(struct redis_call *call, struct json_tree *tree, const struct json_path *path,
                 struct json_matches *out);
/* "ERR Path '...' does not exist" */
void json_no_path(struct redis_call *call, struct kith_str path);

void run_json_set(struct redis_call *call);
void run_json_mset(struct redis_call *call);
void run_json_merge(struct redis_call *call);
void run_json_del(struct redis_call *call);
void run_json_numincrby(struct redis_call *call);
void run_json_arrappend(struct redis_call *call);

#endif
