/*
 * The commands of the line protocol over the keyspace, database 0.
 */
#ifndef KITH_LINE_LINE_COMMANDS_H
#define KITH_LINE_LINE_COMMANDS_H

#include <string.h>

#include "line/line_parse.h"
#include "redis/private_call.h"

struct line_commands { /* guard of the entries: the keyspace lock */
    struct command_entry entries[LINE_KEYSPACE_VERBS];
    bool escape_newlines;
};
void line_commands_init(struct line_commands *commands, bool escape_newlines);
void line_commands_release(struct line_commands *commands); /* accepts a zeroed struct */

/* Runs a request without fault, as many times as it says, and appends the replies. Between
 * private_begin and private_end with this session and this out. hashes: of its keys
 * (cache_prefetch); nullable. The request's words may be changed. */
void line_command_run(struct line_commands *commands, struct session *session,
                      const struct line_request *request, struct line_words *words,
                      const uint64_t *hashes, struct buffer *out);

/* ---- what the files of the commands share ---- */

struct line_task { /* one request while it runs */
    const struct line_request *request;
    bool escape_newlines;
};
static inline void line_say(const struct redis_call *call, const char *text)
{
    const size_t len = strlen(text);
    uint8_t *room = buffer_extend(call->reply->out, len);
    if (room) memcpy(room, text, len);
}
void line_say_no_memory(struct redis_call *call);
/* Unix ms; CACHE_NO_DEADLINE. */
int64_t line_deadline(const struct redis_call *call, const struct line_request *request);
void line_log_deadline(struct redis_call *call, struct kith_str key, int64_t deadline);

/* line_extension.c; ctx is a struct line_task */
void line_run_ttl(struct redis_call *call, void *ctx);
void line_run_expire(struct redis_call *call, void *ctx);
void line_run_persist(struct redis_call *call, void *ctx);
void line_run_exists(struct redis_call *call, void *ctx);
void line_run_incr(struct redis_call *call, void *ctx);
void line_run_mget(struct redis_call *call, void *ctx);
void line_run_unlock(struct redis_call *call, void *ctx);

#endif
