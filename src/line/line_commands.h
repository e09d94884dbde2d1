/*
 * The commands of the line protocol over the keyspace, database 0.
 */
#ifndef KITH_LINE_LINE_COMMANDS_H
#define KITH_LINE_LINE_COMMANDS_H

#include "line/line_parse.h"
#include "redis/private_call.h"

struct line_commands { /* guard of the entries: the keyspace lock */
    struct command_entry entries[LINE_FLUSHALL + 1];
};
void line_commands_init(struct line_commands *commands);
void line_commands_release(struct line_commands *commands); /* accepts a zeroed struct */

/* Runs a request without fault and appends its reply. Between private_begin and private_end with
 * this session and this out. The request's words may be changed. */
void line_command_run(struct line_commands *commands, struct session *session,
                      const struct line_request *request, struct line_words *words,
                      struct buffer *out);

#endif
