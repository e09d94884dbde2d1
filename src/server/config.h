/*
 * The settings of the server: one table says each one's name, kind, default and what it is for; the
 * file (YAML), the environment and the flags are three ways to fill the same struct, each above the
 * one before. What is not in the table is an error that names what is near.
 *
 * A name has dots ("tls.cert"): a nested mapping in the file, KITH_TLS_CERT in the environment,
 * --tls-cert as a flag. Some Milvus names are understood too, so that its files can be used.
 */
#ifndef KITH_SERVER_CONFIG_H
#define KITH_SERVER_CONFIG_H

#include <kith/kith.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "os/os.h"

#define CONFIG_PORT_AUTO 65536u /* any free port */
#define CONFIG_NAME_MAX 64u
#define CONFIG_FILE_BYTES_MAX (1u << 20)

enum config_tls { CONFIG_TLS_OFF, CONFIG_TLS_SERVER, CONFIG_TLS_MUTUAL };

struct server_config {
    struct arena arena; /* owns the texts */
    const char *data, *bind, *ops_bind;
    bool insecure, auth;
    uint64_t milvus_port, ops_port, redis_port; /* 0: off; CONFIG_PORT_AUTO */
    const char *redis_password, *redis_config; /* "": none */
    /* Lines of a redis.conf behind the defaults; borrowed, NULL: none. No settings. */
    const char *redis_directives[3];
    uint64_t line_port; /* 0: off */
    const char *line_password, *line_auth_file; /* "": none */
    uint64_t line_idle_timeout_s, line_pooled, line_workers;
    bool line_unterminated_writes, line_extensions, line_escape_newlines;
    bool compression; /* of strings of the keyspace */
    uint64_t compression_min_bytes, compression_level; /* level: 0 default, 1 speed, 2 size */
    uint64_t tls;                   /* enum config_tls */
    const char *tls_cert, *tls_key, *tls_client_ca; /* "": none */
    uint64_t sync;                  /* enum kith_sync */
    uint64_t memory_bytes, threads; /* 0: the library's default */
    uint64_t loops, workers, queue, connections; /* 0: the default of net */
    uint64_t idle_timeout_s, request_timeout_s, handshake_timeout_s, output_bytes,
        input_bytes;
    uint64_t grace_s;
    uint64_t log_level;             /* 0 .. 3, as the logger's */
    uint64_t log_format;            /* 0 text, 1 JSON */
    bool log_access;
    uint64_t slow_query_ms;
    bool rest_int64_numbers;
    const char *import_dir; /* "": no imports */
};

enum setting_kind {
    SETTING_TEXT,
    SETTING_BOOL,   /* true/false, yes/no, on/off, 1/0 */
    SETTING_NUMBER, /* within [0, max] */
    SETTING_BYTES,  /* a number, with k, m, g behind it (powers of 1,024) */
    SETTING_PORT,   /* 0: off, auto: any */
    SETTING_CHOICE  /* one of `choices`, separated by '|'; the value is the place in it */
};

struct setting {
    const char *name;    /* "tls.cert" */
    const char *flag;    /* "tls-cert" */
    const char *alias;   /* of Milvus; NULL: none */
    enum setting_kind kind;
    const char *preset;  /* the default, as text */
    const char *choices;
    const char *value;   /* the value's name in help; NULL: bool */
    const char *help;
    uint64_t max;
    size_t offset;
    bool at_run_time;    /* SIGHUP applies it; else the next start */
};
const struct setting *config_settings(size_t *count);

/* Fills in the defaults. */
KITH_NODISCARD int config_init(struct server_config *config, struct kith_error *err);
void config_release(struct server_config *config); /* accepts a zeroed struct */
/* KITH_EINVAL: an unknown name, or a value that is none of its kind; the text says what is. */
KITH_NODISCARD int config_set(struct server_config *config, const char *name, const char *value,
                              struct kith_error *err);
/* YAML text; `file` is for the errors, which name the line. */
KITH_NODISCARD int config_yaml(struct server_config *config, const char *file, const void *text,
                               size_t len, struct kith_error *err);
KITH_NODISCARD int config_file(struct server_config *config, const struct os *os, const char *file,
                               struct kith_error *err);
KITH_NODISCARD int config_environment(struct server_config *config, struct kith_error *err);
/* What one setting alone cannot know: a wide bind needs authentication, TLS its files. */
KITH_NODISCARD int config_check(const struct server_config *config, struct kith_error *err);
/* All settings as YAML. */
void config_write(const struct server_config *config, struct buffer *out);
/* One value as text. */
void config_value(const struct server_config *config, const struct setting *setting,
                  struct buffer *out);

#endif
