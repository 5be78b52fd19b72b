/* SPDX-License-Identifier: ISC */
/* The stream that calls back before it waits for input. */
#include "cli/source.h"

#include "common/io.h"

#include "cli/spool.h"
#include "store/db/unnamed.h"

#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (1 << 14)

static bool is_ready(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    return poll(&ready, 1, 0) == 1;
}

static ssize_t source_read(void *cookie, char *out, size_t size)
{
    struct source *source = cookie;
    const int fd = fileno(source->from);
    if (!is_ready(fd))
        source->code = source->before_waiting(source->arg, &source->err);
    return source->code == 0 ? read(fd, out, size) : -1;
}

static int source_close(void *cookie)
{
    struct source *source = cookie;
    return source->from != stdin ? fclose(source->from) : 0;
}

static int copy(int from, int to)
{
    char chunk[CHUNK];
    ssize_t got;
    while ((got = read(from, chunk, sizeof chunk)) > 0) {
        if (write_all(to, chunk, (size_t)got) != 0)
            break;
    }
    sodium_memzero(chunk, sizeof chunk);
    return got == 0 ? 0 : -1;
}

static int read_first(struct lines *lines, struct espt_error *err)
{
    const char *folder = "";
    const int fd = unnamed_open(&folder);
    FILE *file = NULL;
    if (fd < 0 || copy(fileno(lines->file), fd) != 0 || lseek(fd, 0, SEEK_SET) != 0 ||
        (file = fdopen(fd, "r")) == NULL) {
        const int why = errno;
        if (fd >= 0)
            close(fd);
        return espt_fail_file(err, lines->name, why, "name a file, or let TMPDIR name a folder");
    }
    if (lines->file != stdin)
        fclose(lines->file);
    lines->file = file;
    return 0;
}

int source_begin(struct source *source, struct lines *lines, bool dry, struct espt_error *err)
{
    struct stat st;
    if (fstat(fileno(lines->file), &st) != 0 || S_ISREG(st.st_mode))
        return 0;
    if (dry)
        return read_first(lines, err);
    source->from = lines->file;
    FILE *file = fopencookie(source, "r",
                             (cookie_io_functions_t){.read = source_read, .close = source_close});
    if (file == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    lines->file = file;
    return 0;
}
