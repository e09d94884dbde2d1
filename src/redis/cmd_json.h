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
void json_select_failed(struct redis_call *call, int rc); /* answers */
/* "ERR Path '...' does not exist" */
void json_no_path(struct redis_call *call, struct kith_str path);

#define JSON_NOT_THERE "ERR could not perform this operation on a key that doesn't exist"

/* A document that is changed: what a path selects in it. */
struct json_edit {
    struct json_tree *tree;
    struct json_path path;
    struct json_matches found; /* owns */
    struct kith_str text;      /* of the path */
};
/* False: answered; nothing is to be released. A legacy path has to select a value of this kind
 * (JSON_NULL: any). */
bool json_edit_begin(struct redis_call *call, struct kith_str text, enum json_kind kind,
                     struct json_edit *edit);
size_t json_edit_shown(const struct json_edit *edit); /* matches that count: 1 of a legacy path */
/* Matches became answers: index 1 and the length in depth; index 0 is null. */
void json_edit_answer(struct redis_call *call, const struct json_edit *edit);

struct json_values { /* words of the call, read as JSON */
    struct json_node *items; /* owns */
    size_t count;
    unsigned depth;
};
bool json_values_read(struct redis_call *call, size_t first, struct json_values *out);
bool json_value_read(struct redis_call *call, size_t at, struct json_values *out); /* one */
void json_values_release(struct redis_call *call, struct json_values *values);
/* They may go into the selected arrays: not nested too deep, and not too much in sum. False:
 * answered. */
bool json_values_fit(struct redis_call *call, const struct json_matches *found,
                     const struct json_values *values);
/* So many copies may be made (call_may_grow). False: answered. */
bool json_copies_fit(struct redis_call *call, const struct json_node *value, size_t count);
/* Copies, to the end of an array; all or none. False: answered. */
bool json_append_values(struct redis_call *call, struct json_tree *tree, struct json_node *array,
                        const struct json_node *values, size_t count);

void run_json_nummultby(struct redis_call *call);
void run_json_arrinsert(struct redis_call *call);
void run_json_arrindex(struct redis_call *call);
void run_json_arrpop(struct redis_call *call);
void run_json_arrtrim(struct redis_call *call);
void run_json_clear(struct redis_call *call);
void run_json_toggle(struct redis_call *call);
void run_json_strappend(struct redis_call *call);
void run_json_resp(struct redis_call *call);
void run_json_debug_memory(struct redis_call *call);
void run_json_set(struct redis_call *call);
void run_json_mset(struct redis_call *call);
void run_json_merge(struct redis_call *call);
void run_json_del(struct redis_call *call);
void run_json_numincrby(struct redis_call *call);
void run_json_arrappend(struct redis_call *call);

#endif
