/*
 * What a command is, and what it may do: the contract between the dispatcher (redis.c) and the
 * files
 * of commands (cmd_*.c), which hold a table and the functions it names.
 *
 * A function runs under the keyspace lock, with its arguments counted against the arity, its keys
 * checked against the user's patterns, and room made if it may add data. It looks keys up in
 * call->cache, writes its reply with resp_*, and says what it changed:
 *
 *     static void set_get(struct redis_call *call)
 *     {
 *         struct entry *entry = call_read(call, call->argv[1], VALUE_STRING);
 *         ...
 *     }
 *
 * call_changed() once for each key that really changed: WATCH, client tracking, keyspace
 * notifications, blocked clients and search indexes all hang on it. A command that changed
 * something
 * is logged as it was typed, unless it says what else must be replayed (call_log): the log holds
 * only
 * forms that give the same result at any time and on any state (PEXPIREAT for EXPIRE, SREM for
 * SPOP).
 *
 * On a failure nothing may be changed: answer with call_error and return.
 */
#ifndef KITH_REDIS_COMMAND_H
#define KITH_REDIS_COMMAND_H

#include "cache/cache.h"
#include "proto/resp.h"

struct redis;
struct session;
struct command;

struct redis_call {
    struct redis *redis;
    struct cache *cache;
    struct session *session; /* NULL while the log is replayed */
    const struct command *command;
    unsigned db;
    const struct kith_str *argv; /* argv[0]: the name as typed */
    size_t argc;
    struct resp *reply;
    bool in_multi;  /* inside EXEC: must not block */
    bool again;     /* a blocked command is tried anew */
    bool failed;    /* set by call_error */
    uint32_t changes;  /* call_changed calls */
    bool log_replaced; /* call_log or call_log_nothing was used */
};

enum command_flag {
    CMD_WRITE = 1 << 0,
    CMD_READ = 1 << 1,
    CMD_DENY_OOM = 1 << 2,   /* may add data: room is made first, or -OOM */
    CMD_FAST = 1 << 3,       /* O(1) or O(log n) */
    CMD_ADMIN = 1 << 4,
    CMD_BLOCKING = 1 << 5,
    CMD_NO_AUTH = 1 << 6,    /* before authentication */
    CMD_NO_MULTI = 1 << 7,   /* "Command not allowed inside a transaction" */
    CMD_PUBSUB = 1 << 8,     /* allowed to a RESP2 subscriber */
    CMD_LOADING = 1 << 9,    /* allowed while loading */
    CMD_NO_MONITOR = 1 << 10,
    CMD_NO_SLOWLOG = 1 << 11,
    CMD_MOVABLE_KEYS = 1 << 12, /* keys() says where they are */
    CMD_KEYS_WRITE_ONLY = 1 << 13, /* ACL: keys need write, not read */
    CMD_NO_SCRIPT = 1 << 14,
    CMD_UPPER_NAME = 1 << 15, /* its name in error texts is upper case (vector sets) */
    CMD_RAW_REPLY = 1 << 16,  /* of another door: its reply is not RESP (private_call.h) */
    CMD_BRIEF = 1 << 17       /* as quick as CMD_FAST, though Redis does not call it so */
};

enum command_category { /* of ACL; bits */
    CAT_KEYSPACE = 1 << 0, CAT_READ = 1 << 1, CAT_WRITE = 1 << 2, CAT_SET = 1 << 3,
    CAT_SORTEDSET = 1 << 4, CAT_LIST = 1 << 5, CAT_HASH = 1 << 6, CAT_STRING = 1 << 7,
    CAT_BITMAP = 1 << 8, CAT_HYPERLOGLOG = 1 << 9, CAT_GEO = 1 << 10, CAT_STREAM = 1 << 11,
    CAT_PUBSUB = 1 << 12, CAT_ADMIN = 1 << 13, CAT_FAST = 1 << 14, CAT_SLOW = 1 << 15,
    CAT_BLOCKING = 1 << 16, CAT_DANGEROUS = 1 << 17, CAT_CONNECTION = 1 << 18,
    CAT_TRANSACTION = 1 << 19, CAT_SCRIPTING = 1 << 20, CAT_VECTORSET = 1 << 21,
    CAT_SEARCH = 1 << 22, CAT_JSON = 1 << 23
};

struct command {
    const char *name; /* lower case; of a subcommand: the second word alone */
    void (*run)(struct redis_call *call); /* NULL: a container of subcommands only */
    int arity;        /* words with the name (and the subcommand's); negative: at least */
    uint32_t flags, categories; /* READ, WRITE, FAST, SLOW are added by the flags */
    int first_key, last_key, key_step; /* as COMMAND says them; 0: none */
    /* CMD_MOVABLE_KEYS: fills in places of keys in argv, at most max; gives how many there are, or
     * -1 when the arguments make no sense (the function will answer). */
    int (*keys)(const struct kith_str *argv, size_t argc, size_t *places, size_t max);
    const struct command *subcommands; /* ends with a NULL name */
    /* What a blocked call answers when its time is over; NULL: the null array. */
    void (*timed_out)(struct redis_call *call);
};

/* ---- lookups with the type checked ---- */

/* NULL: not there. WRONGTYPE is answered, and call->failed set, when it is another type. */
struct entry *call_read(struct redis_call *call, struct kith_str key, enum value_type type);
struct entry *call_write(struct redis_call *call, struct kith_str key, enum value_type type);

/* ---- arguments; false: the error was answered ---- */

bool call_integer(struct redis_call *call, size_t arg, int64_t *out);
bool call_range(struct redis_call *call, size_t arg, int64_t min, int64_t max, int64_t *out,
                const char *error); /* error: NULL for "value is out of range" */
/* "value is not a valid float" */
bool call_double(struct redis_call *call, size_t arg, double *out);
/* A timeout of a blocking command in seconds, as a deadline of os_now_us; OS_FOREVER for 0. */
bool call_timeout(struct redis_call *call, size_t arg, int64_t *deadline_us);
/* argv[arg] is this word, in any case. */
bool call_is(const struct redis_call *call, size_t arg, const char *word);
/* The same values without an answer. Integers: optional '-', no '+', no leading zeros. */
bool text_integer(struct kith_str text, int64_t *out);
bool text_double(struct kith_str text, double *out); /* strtod on all of it; inf, no nan */
/* '*', '?', '[a-z]', '[^a]', '\x'. Time O(pattern * text), whatever the pattern. */
bool text_matches(struct kith_str pattern, struct kith_str text, bool fold_case);

/* ---- answers ---- */

void call_error(struct redis_call *call, const char *text);
void call_errorf(struct redis_call *call, const char *fmt, ...) KITH_PRINTF(2, 3);
void call_syntax_error(struct redis_call *call);
void call_arity_error(struct redis_call *call);
void call_no_memory(struct redis_call *call); /* KITH_ENOMEM */

/* Before a command makes much of little, as a value for each match of a path: may the keys grow by
 * so many bytes at once? False, and the error was answered: that is more than proto-max-bulk-len,
 * or takes them above maxmemory by more than an eighth. A replay is never refused. */
bool call_may_grow(struct redis_call *call, size_t bytes);

/* ---- changes ---- */

enum event_class { /* of notify-keyspace-events */
    EVENT_GENERIC = 'g', EVENT_STRING = '$', EVENT_LIST = 'l', EVENT_SET = 's', EVENT_HASH = 'h',
    EVENT_ZSET = 'z', EVENT_EXPIRED = 'x', EVENT_EVICTED = 'e', EVENT_STREAM = 't',
    EVENT_MODULE = 'd', EVENT_MISS = 'm', EVENT_NEW = 'n'
};
/* The key was changed (or removed) and this event happened to it. event: "set"; NULL: none. */
void call_changed(struct redis_call *call, struct kith_str key, enum event_class class,
                  const char *event);
/* A second event of the same change ("expire" after "set"). */
void call_event(struct redis_call *call, struct kith_str key, enum event_class class,
                const char *event);
/* For other databases than call->db (MOVE, COPY). */
void call_changed_in(struct redis_call *call, unsigned db, struct kith_str key,
                     enum event_class class, const char *event);
/* Instead of the command as typed, this is logged; may be called several times, in order. */
void call_log(struct redis_call *call, const struct kith_str *argv, size_t argc);
/* Words separated by blanks: %s char *, %S struct kith_str (by pointer), %I int64_t. */
void call_logf(struct redis_call *call, const char *fmt, ...);
void call_log_nothing(struct redis_call *call);
/* After a removal of elements: deletes the key when its value is empty, with the event "del". */
void call_delete_empty(struct redis_call *call, struct entry *entry, bool empty);

/* ---- waiting ---- */

/* The client waits until one of the keys changes (then the command runs again, with call->again) or
 * the deadline. In MULTI, in a replay: false, and the command answers as when time is over. */
bool call_block(struct redis_call *call, const struct kith_str *keys, size_t count,
                int64_t deadline_us);
/* The client waits for work elsewhere: fn(ctx) runs on a worker without the keyspace lock, then
 * done(call, ctx) under it, with a call that has the same arguments, and writes the reply. `again`
 * commands of the client wait. ctx is the caller's; done frees it (also when the client is gone:
 * then call->session is NULL and the reply goes nowhere). false: the queue is full; -BUSY was
 * answered. In MULTI and in a replay both run at once. */
bool call_offload(struct redis_call *call, void (*fn)(void *ctx),
                  void (*done)(struct redis_call *call, void *ctx), void *ctx);
/* It would not: the lock is free while fn runs. */
bool call_may_offload(const struct redis_call *call);

/* ---- the tables; each ends with a NULL name ---- */

extern const struct command string_commands[];     /* cmd_string.c */
extern const struct command key_commands[];        /* cmd_key.c */
extern const struct command hash_commands[];       /* cmd_hash.c, cmd_hash_expire.c */
extern const struct command list_commands[];       /* cmd_list.c */
extern const struct command set_commands[];        /* cmd_set.c */
extern const struct command zset_commands[];       /* cmd_zset*.c */
extern const struct command sort_commands[];       /* cmd_sort.c */
extern const struct command connection_commands[]; /* cmd_connection.c */
extern const struct command client_commands[];     /* cmd_client.c */
extern const struct command server_commands[];     /* cmd_server.c */
extern const struct command acl_commands[];        /* cmd_acl.c */
extern const struct command multi_commands[];      /* cmd_multi.c */
extern const struct command pubsub_commands[];     /* cmd_pubsub.c */
extern const struct command vector_commands[];     /* cmd_vector*.c */
extern const struct command json_commands[];       /* cmd_json.c */
extern const struct command search_commands[];     /* cmd_search*.c */
extern const struct command scache_commands[];     /* cmd_scache.c: the semantic cache */

#endif
