/*
 * Commands asked of a server: see cli.h. RESP is here, lines are in cli_line.c.
 */
#include "cmd/cli.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "cmd/cmd.h"
#include "os/os.h"

#define STDIN_FD 0
#define STDOUT_FD 1
#define PATIENCE_MS 30000u
#define TYPED_BYTES_MAX (64u << 20) /* of one line of standard input */

void cli_init(struct cli *cli, const char *host, unsigned port, bool line)
{
    *cli = (struct cli){ .host = host, .port = port, .line = line, .auth_file = "auth.dat" };
    buffer_init(&cli->in);
    resp_parser_init(&cli->words);
}

static void hang_up(struct cli *cli)
{
    client_close(cli->client);
    cli->client = NULL;
    buffer_clear(&cli->in);
}

void cli_release(struct cli *cli)
{
    hang_up(cli);
    buffer_release(&cli->in);
    resp_parser_release(&cli->words);
}

/* ---- one exchange ---- */

static bool resp_is_whole(struct cli *cli)
{
    return client_reply_bytes(cli->in.data, cli->in.len) != 0;
}

bool cli_line_is_whole(struct cli *cli)
{
    return cli->in.len && memchr(cli->in.data, '\n', cli->in.len);
}

int cli_exchange(struct cli *cli, const void *data, size_t len, bool (*whole)(struct cli *cli),
                 struct kith_error *err)
{
    buffer_clear(&cli->in);
    int rc = client_send(cli->client, data, len, err);
    while (rc == 0 && !whole(cli)) rc = client_receive(cli->client, &cli->in, err);
    if (rc) hang_up(cli);
    return rc;
}

static void put_words(struct buffer *out, const struct kith_str *words, size_t count)
{
    buffer_printf(out, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++) {
        buffer_printf(out, "$%zu\r\n", words[i].len);
        if (words[i].len) buffer_put(out, words[i].data, words[i].len);
        buffer_put(out, "\r\n", 2);
    }
}

/* The password, on a connection that is new. */
static int greet(struct cli *cli, struct kith_error *err)
{
    struct buffer out;
    if (!cli->password) return 0;
    const struct kith_str words[] = { { "AUTH", 4 }, { cli->password, strlen(cli->password) } };
    buffer_init(&out);
    if (cli->line) buffer_printf(&out, "AUTH \"%s\"\n", cli->password);
    else put_words(&out, words, 2);
    int rc = buffer_failed(&out) ? KITH_ENOMEM : 0;
    if (rc == 0)
        rc = cli_exchange(cli, out.data, out.len, cli->line ? cli_line_is_whole : resp_is_whole,
                          err);
    const char *const yes = cli->line ? "OK" : "+O";
    const bool good = rc == 0 && cli->in.len > 1 && memcmp(cli->in.data, yes, 2) == 0;
    if (rc == 0 && !good) rc = error_set(err, KITH_EINVAL, "the password is wrong");
    buffer_release(&out);
    return rc;
}

static int dial(struct cli *cli)
{
    struct kith_error err = { 0 };
    if (cli->client) return CMD_OK;
    int rc = client_open(cli->host, cli->port, PATIENCE_MS, &cli->client, &err);
    if (rc == 0) rc = greet(cli, &err);
    if (rc == 0) return CMD_OK;
    hang_up(cli);
    return cmd_fail("cli", &err);
}

/* ---- RESP ---- */

/* A server that does as it is told has no answer but the end of the connection. */
static bool ends_server(const struct kith_str *words, size_t count)
{
    return count && words[0].len == 8 && strncasecmp(words[0].data, "shutdown", 8) == 0;
}

static int ask_resp(struct cli *cli, const struct kith_str *words, size_t count)
{
    struct kith_error err = { 0 };
    struct buffer out;
    buffer_init(&out);
    put_words(&out, words, count);
    int rc = buffer_failed(&out) ? error_set(&err, KITH_ENOMEM, "no memory") : 0;
    if (rc == 0) rc = cli_exchange(cli, out.data, out.len, resp_is_whole, &err);
    if (rc == KITH_ECLOSED && ends_server(words, count)) {
        buffer_release(&out);
        return CMD_OK;
    }
    buffer_clear(&out);
    const size_t len = rc ? 0 : client_reply_bytes(cli->in.data, cli->in.len);
    if (rc == 0 && len == SIZE_MAX) rc = error_set(&err, KITH_EIO, "the reply is not RESP");
    if (rc == 0) client_print_reply(cli->in.data, len, cli->raw, &out);
    if (out.len) fwrite(out.data, 1, out.len, stdout);
    buffer_release(&out);
    if (rc) return cmd_fail("cli", &err);
    return cli->in.data[0] == '-' ? CMD_FAILED : CMD_OK;
}

int cli_ask_words(struct cli *cli, char *const *words, int count)
{
    int exit_code = dial(cli);
    if (exit_code != CMD_OK) return exit_code;
    if (cli->line) return cli_line_words(cli, words, count);
    struct kith_str *views = mem_zalloc_array((size_t)count, sizeof *views);
    if (!views) return cmd_usage("cli", "no memory");
    for (int i = 0; i < count; i++) views[i] = (struct kith_str){ words[i], strlen(words[i]) };
    exit_code = ask_resp(cli, views, (size_t)count);
    mem_free(views);
    return exit_code;
}

int cli_ask_line(struct cli *cli, const char *text, size_t len)
{
    if (len && text[len - 1] == '\r') len--;
    size_t blank = 0;
    while (blank < len && (text[blank] == ' ' || text[blank] == '\t')) blank++;
    if (blank == len) return CMD_OK;
    int exit_code = CMD_OK;
    if (cli->line && cli_line_local(cli, text + blank, len - blank, &exit_code)) return exit_code;
    exit_code = dial(cli);
    if (exit_code != CMD_OK) return exit_code;
    if (cli->line) return cli_line_text(cli, text, len);
    if (resp_split(&cli->words, text, len) == RESP_COMMAND)
        return ask_resp(cli, cli->words.args, cli->words.arg_count);
    printf("(error) the quotes do not match\n");
    return CMD_FAILED;
}

/* ---- standard input ---- */

bool cli_read_line(struct buffer *out)
{
    buffer_clear(out);
    for (int c; (c = getchar()) != EOF && c != '\n';) {
        buffer_put_u8(out, (uint8_t)c);
        if (out->len > TYPED_BYTES_MAX) return false;
    }
    return (out->len || !feof(stdin)) && !buffer_failed(out) && !ferror(stdin);
}

static bool is_end(const struct buffer *line)
{
    return line->len == 4 && (!memcmp(line->data, "exit", 4) || !memcmp(line->data, "quit", 4));
}

int cli_talk(struct cli *cli)
{
    struct buffer line;
    int exit_code = CMD_OK;
    const bool prompts = os_is_terminal(STDIN_FD) && os_is_terminal(STDOUT_FD);
    buffer_init(&line);
    while (true) {
        if (prompts && cli->line) printf("> ");
        else if (prompts) printf("%s:%u> ", cli->host, cli->port);
        (void)fflush(stdout);
        if (!cli_read_line(&line) || is_end(&line)) break;
        if (cli_ask_line(cli, (const char *)line.data, line.len) != CMD_OK) exit_code = CMD_FAILED;
    }
    buffer_release(&line);
    return prompts ? CMD_OK : exit_code;
}
