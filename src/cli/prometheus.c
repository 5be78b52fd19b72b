/* SPDX-License-Identifier: ISC */
#include "cli/prometheus.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define METRICS_MAX (1UL << 20)

int prometheus_options(const struct cli *cli, struct espt_error *err)
{
    const bool prometheus = given(cli, OPTION_PROMETHEUS);
    if (prometheus && cli->json)
        return espt_fail(err, ESPT_USAGE, "both --json and --prometheus are given; keep one");
    if (!prometheus && cli->options.output != NULL)
        return espt_fail(err, ESPT_USAGE, "--output belongs to --prometheus; give that too");
    return 0;
}

void prometheus_metric(FILE *out, const char *name, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

/* Writes all or nothing: the collector may read at any moment, and reads only *.prom. */
static int write_file(const char *path, const char *text, size_t len, struct espt_error *err)
{
    char temporary[PATH_MAX];
    if (snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid()) >=
        (int)sizeof temporary)
        return espt_fail(err, ESPT_USAGE, "--output: the name is too long");
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return espt_fail_file(err, path, errno, "check the owner and mode of its folder");
    const ssize_t written = write(fd, text, len);
    int why = written < 0 ? errno : written < (ssize_t)len ? ENOSPC : 0;
    if (why == 0 && fchmod(fd, 0644) != 0)
        why = errno;
    if (close(fd) != 0 && why == 0) /* some file systems report a full disk only here */
        why = errno;
    if (why == 0 && rename(temporary, path) != 0)
        why = errno;
    if (why == 0)
        return 0;
    unlink(temporary);
    return espt_fail_file(err, path, why, "check the owner and mode of its folder");
}

int prometheus_give(const struct cli *cli, prometheus_fn fn, const void *arg,
                    struct espt_error *err)
{
    if (cli->options.output == NULL) {
        fn(stdout, arg);
        return 0;
    }
    /* not open_memstream(), whose stream does not report that memory ran out */
    char *text = malloc(METRICS_MAX);
    FILE *stream = text != NULL ? fmemopen(text, METRICS_MAX, "w") : NULL;
    long len = -1;
    if (stream != NULL) {
        fn(stream, arg);
        len = fflush(stream) == 0 && !ferror(stream) ? ftell(stream) : -1;
        fclose(stream);
    }
    int code = len >= 0 ? write_file(cli->options.output, text, (size_t)len, err)
                        : espt_fail(err, ESPT_UNUSABLE, "out of memory");
    free(text);
    return code;
}
