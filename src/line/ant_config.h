/*
 * How Ant-Cache is started: single-dash flags and a JSON file, as settings of ours. A flag wins
 * over the file, the file over the default; a missing default file is fine, a missing named one is
 * not.
 */
#ifndef KITH_LINE_ANT_CONFIG_H
#define KITH_LINE_ANT_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "os/os.h"

struct ant_config {
    struct arena arena; /* owns the texts */
    const char *file;   /* that was named; NULL: config.json, if it is there */
    const char *host, *password;
    const char *atd_file, *acl_file; /* "": none */
    uint64_t port, workers;
    int64_t atd_interval_ms, acl_interval_ms;
    bool pooled, cli, query, help, insecure;
    bool compression, strings_only;
    const char *compression_type, *compression_level;
    uint64_t compression_min_bytes;
    struct buffer notes; /* owns; a line for each key that is not known */
};

/* Takes argv[first ...), reads the file, takes argv again. KITH_EINVAL. */
KITH_NODISCARD int ant_config_gather(struct ant_config *config, const struct os *os,
                                     char *const *argv, int argc, struct kith_error *err);
void ant_config_release(struct ant_config *config); /* accepts a zeroed struct */
/* The pieces, for tests. */
KITH_NODISCARD int ant_config_init(struct ant_config *config);
KITH_NODISCARD int ant_config_flags(struct ant_config *config, char *const *argv, int argc,
                                    struct kith_error *err);
KITH_NODISCARD int ant_config_json(struct ant_config *config, const char *text, size_t len,
                                   struct kith_error *err);
/* As JSON; the password is "(set)" or "(not set)". */
void ant_config_write(const struct ant_config *config, struct buffer *out);
/* "300ms", "1h30m", "1.5h", also "30d". */
bool ant_duration(const char *text, size_t len, int64_t *ms);

#endif
