/*
 * `kith cli --line`: words into lines of the line protocol, replies as people read them, and what
 * the prompt answers itself.
 *
 *     server            shown
 *     ERROR text        ERROR: text
 *     NULL (of GET)     NOT_FOUND
 *     EMPTY (of KEYS)   No keys found
 */
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cmd/cli.h"
#include "cmd/cmd.h"
#include "line/line_auth.h"
#include "os/os.h"
#include "os/terminal.h"

#define STDIN_FD 0

/* ---- replies ---- */

static bool is_reply(const struct buffer *in, size_t len, const char *text)
{
    return len == strlen(text) && memcmp(in->data, text, len) == 0;
}

static int show(const struct cli *cli, const char *verb, size_t verb_len)
{
    const struct buffer *in = &cli->in;
    const uint8_t *lf = memchr(in->data, '\n', in->len);
    const size_t len = (size_t)(lf - in->data);
    const bool failed = len >= 6 && memcmp(in->data, "ERROR ", 6) == 0;
    const bool get = verb_len == 3 && strncasecmp(verb, "GET", 3) == 0;
    const bool keys = verb_len == 4 && strncasecmp(verb, "KEYS", 4) == 0;
    if (cli->raw) printf("%.*s\n", (int)len, (const char *)in->data);
    else if (failed) printf("ERROR: %.*s\n", (int)len - 6, (const char *)in->data + 6);
    else if (get && is_reply(in, len, "NULL")) printf("NOT_FOUND\n");
    else if (keys && is_reply(in, len, "EMPTY")) printf("No keys found\n");
    else {
        fwrite(in->data, 1, in->len, stdout); /* values with LF come whole, if they came at once */
    }
    return failed ? CMD_FAILED : CMD_OK;
}

/* ---- requests ---- */

int cli_line_text(struct cli *cli, const char *text, size_t len)
{
    struct kith_error err = { 0 };
    struct buffer out;
    const char *at = text + strspn(text, " \t");
    buffer_init(&out);
    buffer_put(&out, text, len);
    buffer_put(&out, "\n", 1);
    int rc = buffer_failed(&out) ? error_set(&err, KITH_ENOMEM, "no memory") : 0;
    if (rc == 0) rc = cli_exchange(cli, out.data, out.len, cli_line_is_whole, &err);
    buffer_release(&out);
    if (rc) return cmd_fail("cli", &err);
    const size_t left = len - (size_t)(at - text);
    size_t verb = 0;
    while (verb < left && at[verb] != ' ' && at[verb] != '\t') verb++;
    return show(cli, at, verb);
}

/* A word that its bytes would not be one of without quotes. */
static void put_word(struct buffer *out, const char *word)
{
    const bool plain = !strpbrk(word, " \t\r\n\v\f\"'\\") && !strstr(word, "\xc2") &&
                       !strstr(word, "\xe2") && !strstr(word, "\xe3") && !strstr(word, "\xe1");
    if (plain) {
        buffer_put(out, word, strlen(word));
        return;
    }
    buffer_put(out, "\"", 1);
    for (; *word; word++) {
        if (*word == '\n') buffer_put(out, "\\n", 2);
        else if (*word == '\r') buffer_put(out, "\\r", 2);
        else if (*word == '\t') buffer_put(out, "\\t", 2);
        else if (*word == '"' || *word == '\\') buffer_printf(out, "\\%c", *word);
        else buffer_put(out, word, 1);
    }
    buffer_put(out, "\"", 1);
}

int cli_line_words(struct cli *cli, char *const *words, int count)
{
    struct buffer line;
    int exit_code;
    buffer_init(&line);
    for (int i = 0; i < count; i++) {
        if (!*words[i]) {
            buffer_release(&line);
            return cmd_usage("cli", "an empty word cannot be written in the line protocol");
        }
        if (i) buffer_put(&line, " ", 1);
        put_word(&line, words[i]);
    }
    buffer_put_u8(&line, 0);
    if (buffer_failed(&line)) exit_code = cmd_usage("cli", "no memory");
    else exit_code = cli_line_text(cli, (const char *)line.data, line.len - 1);
    buffer_release(&line);
    return exit_code;
}

/* ---- what the prompt does itself ---- */

static void print_help(void)
{
    printf("SET key [-t T] value...      a string; T: 30, 30s, 5m, 2h, 1d, 1y\n"
           "SETS key [-t T] e1 e2...     an array\n"
           "SETX key [-t T] f1 v1...     an object\n"
           "SETNX, SETSNX, SETXNX        the same, if the key is not there\n"
           "GET key, DEL key\n"
           "KEYS [pattern]               *, ?, [a-z], [^a]\n"
           "FLUSHALL\n"
           "AUTH password\n"
           "auth setup, auth change      make an auth.dat, or a new password in it\n"
           "exit, quit\n");
}

static bool ask_password(const char *what, struct buffer *out)
{
    const bool hidden = os_is_terminal(STDIN_FD);
    if (hidden) printf("%s: ", what);
    (void)fflush(stdout);
    os_terminal_echo(STDIN_FD, false);
    const bool got = cli_read_line(out);
    os_terminal_echo(STDIN_FD, true);
    if (hidden) printf("\n");
    buffer_put_u8(out, 0);
    return got && !buffer_failed(out);
}

static int say(const char *text)
{
    printf("ERROR: %s\n", text);
    return CMD_FAILED;
}

static int save_password(const struct cli *cli, struct buffer *first, struct buffer *second)
{
    struct kith_error err = { 0 };
    if (!ask_password("New password", first)) return say("no password was given");
    if (first->len - 1 < LINE_PASSWORD_MIN) return say("a password has at least 6 characters");
    if (!ask_password("Once more", second)) return say("no password was given");
    if (first->len != second->len || memcmp(first->data, second->data, first->len) != 0)
        return say("the two are not the same");
    if (line_auth_save(os_real(), cli->auth_file, (const char *)first->data, &err))
        return say(err.text);
    printf("OK %s is written; a server takes it with line.auth_file, at its next start\n",
           cli->auth_file);
    return CMD_OK;
}

static int set_up(const struct cli *cli, bool change, struct buffer *first, struct buffer *second)
{
    struct kith_error err = { 0 };
    struct os_stat stat;
    bool good = false;
    const bool there = os_stat(os_real(), cli->auth_file, &stat, &err) == 0;
    if (there && !change) return say("there is a password already; auth change sets another");
    if (change) {
        if (!ask_password("Password now", first)) return say("no password was given");
        if (line_auth_compare(os_real(), cli->auth_file, (const char *)first->data, &good, &err))
            return say(err.text);
        if (!good) return say("invalid password");
    }
    return save_password(cli, first, second);
}

static int authenticate(const struct cli *cli, bool change)
{
    struct buffer first, second;
    buffer_init(&first);
    buffer_init(&second);
    const int exit_code = set_up(cli, change, &first, &second);
    if (first.cap) OPENSSL_cleanse(first.data, first.cap);
    if (second.cap) OPENSSL_cleanse(second.data, second.cap);
    buffer_release(&first);
    buffer_release(&second);
    return exit_code;
}

static bool is_text(const char *text, size_t len, const char *want)
{
    while (len && text[len - 1] == ' ') len--;
    return strlen(want) == len && strncasecmp(text, want, len) == 0;
}

bool cli_line_local(struct cli *cli, const char *text, size_t len, int *exit_code)
{
    *exit_code = CMD_OK;
    if (is_text(text, len, "help")) print_help();
    else if (is_text(text, len, "auth setup")) *exit_code = authenticate(cli, false);
    else if (is_text(text, len, "auth change")) *exit_code = authenticate(cli, true);
    else return false;
    return true;
}
