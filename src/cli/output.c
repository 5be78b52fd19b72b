/* SPDX-License-Identifier: ISC */
/* Standard output and standard error, and warnings. */
#include "cli/output.h"

#include "cli/spool.h"
#include "common/io.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char stdout_buffer[1 << 14];

/* --- standard output and standard error --- */

/* Each is our own stream over its descriptor. While the command has a transaction open, its output
   is spooled (spool.h), so that a reader who stops reading cannot keep an old state of the store in
   use. The spool is written out before any later output. */
struct channel {
    int fd;
    struct spool spool;
};
static struct channel channels[2] = {{.fd = STDOUT_FILENO}, {.fd = STDERR_FILENO}};
static const struct cli *running;

/* Writes out the spool. The environment is closed first, which releases LMDB's lock for this
   process. */
static bool drain(struct channel *channel)
{
    if (spool_empty(&channel->spool))
        return true;
    if (running->store != NULL)
        store_rest(running->store);
    return spool_drain(&channel->spool, channel->fd);
}

static ssize_t channel_write(void *cookie, const char *bytes, size_t len)
{
    struct channel *channel = cookie;
    const bool done = running->store != NULL && store_in_transaction(running->store)
                          ? spool_put(&channel->spool, bytes, len)
                          : drain(channel) && write_all(channel->fd, bytes, len) == 0;
    return done ? (ssize_t)len : 0;
}

static int channel_close(void *cookie)
{
    const struct channel *channel = cookie;
    return close(channel->fd);
}

static FILE *channel_open(struct channel *channel)
{
    return fopencookie(channel, "w",
                       (cookie_io_functions_t){.write = channel_write, .close = channel_close});
}

bool output_begin(const struct cli *cli)
{
    running = cli;
    characters_begin();
    json_begin();
    table_begin();
    FILE *out = channel_open(&channels[0]);
    FILE *err = out != NULL ? channel_open(&channels[1]) : NULL;
    if (err == NULL)
        return false;
    stdout = out;
    stderr = err;
    setvbuf(stdout, stdout_buffer, _IOFBF, sizeof stdout_buffer);
    setvbuf(stderr, NULL, _IONBF, 0);
    return true;
}

/* Wipes the stack of functions that handled a token's text. The dynamic loader saved their
   registers there while it bound library calls. */
static void wipe_stack(void)
{
    sodium_stackzero(1 << 16);
}

static bool flush(void)
{
    return fflush(stdout) == 0 && drain(&channels[0]);
}

int output_flush(struct espt_error *err)
{
    wipe_stack();
    errno = 0;
    if (flush())
        return 0;
    return espt_fail(
        err, ESPT_UNUSABLE,
        "standard output: %s; the committed changes remain; run 'esp-tokenctl list' to see them",
        strerror(errno));
}

int output_end(bool changed, struct espt_error *err)
{
    wipe_stack();
    errno = 0;
    bool failed = !flush() || ferror(stdout) != 0;
    int why = errno;
    (void)drain(&channels[1]);
    sodium_memzero(stdout_buffer, sizeof stdout_buffer);
    if (fclose(stdout) != 0 && !failed) {
        failed = true;
        why = errno;
    }
    if (json_lacks() && !failed)
        return espt_fail(err, ESPT_UNUSABLE,
                         "out of memory: the JSON is incomplete; the command has done its "
                         "work; run 'esp-tokenctl list' to see it");
    if (failed)
        return espt_fail(err, ESPT_UNUSABLE, "standard output: %s; %s",
                         why != 0 ? strerror(why) : "it could not be written as a whole",
                         changed
                             ? "the command has done its work; run 'esp-tokenctl list' to see it"
                             : "nothing was changed; run the command again");
    return 0;
}

void cli_warn(const struct cli *cli, const char *message)
{
    if (!cli->json) {
        fprintf(stderr, "esp-tokenctl: %s\n", message);
        return;
    }
    json_t *document = json_pack("{s:{s:o}}", "warning", "message", json_bytes(message));
    json_dumpf(document, stderr, JSON_COMPACT);
    json_decref(document);
    fputc('\n', stderr);
}

/* Warns once a command, before the first token text is printed. */
void warn_of_readers(const struct cli *cli)
{
    static bool warned;
    struct stat st;
    char message[192];
    if (warned || fstat(STDOUT_FILENO, &st) != 0 || !S_ISREG(st.st_mode) ||
        (st.st_mode & (S_IRGRP | S_IROTH)) == 0)
        return;
    warned = true;
    snprintf(message, sizeof message,
             "standard output is a file of mode %04o, so other users may read the token in it; run "
             "'chmod 600' on it now, and 'umask 077' before you make such a file",
             (unsigned)(st.st_mode & 07777));
    cli_warn(cli, message);
}
