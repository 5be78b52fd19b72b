/* SPDX-License-Identifier: ISC */
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETTINGS_MAX 65536

/* Whoever can write the file decides which metric is checked. */
static const char *distrust(const struct stat *st)
{
    if (!S_ISREG(st->st_mode))
        return "is not a regular file";
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return "belongs to another user; run 'chown root' on it";
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return "can be written by others; run 'chmod go-w' on it";
    return st->st_size > SETTINGS_MAX ? "is longer than 64 KiB" : NULL;
}

/* Returns the length of the text, or -1 with a message. */
static ssize_t read_text(const char *path, char text[static SETTINGS_MAX + 1], char *err,
                         size_t err_len)
{
    struct stat st;
    size_t len = 0;
    ssize_t got = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    const char *wrong = fd < 0 || fstat(fd, &st) != 0 ? strerror(errno) : distrust(&st);
    while (wrong == NULL && (got = read(fd, text + len, SETTINGS_MAX + 1 - len)) > 0)
        len += (size_t)got;
    if (wrong == NULL && got < 0)
        wrong = strerror(errno);
    else if (wrong == NULL && (len > SETTINGS_MAX || memchr(text, '\0', len) != NULL))
        wrong = "is longer than 64 KiB, or has a NUL";
    if (fd >= 0)
        close(fd);
    if (wrong == NULL)
        return (ssize_t)len;
    snprintf(err, err_len, "%s: %s", path, wrong);
    return -1;
}

static char *trim(char *text)
{
    text += strspn(text, " \t");
    size_t len = strlen(text);
    while (len > 0 && strchr(" \t\r", text[len - 1]) != NULL)
        len--;
    text[len] = '\0';
    return text;
}

static void cut_comment(char *line)
{
    for (char *at = line; (at = strchr(at, ';')) != NULL; at++) {
        if (at != line && (at[-1] == ' ' || at[-1] == '\t')) {
            *at = '\0';
            return;
        }
    }
}

static int read_line(char *line, settings_fn fn, void *arg, char *wrong, size_t wrong_len)
{
    line = trim(line);
    if (line[0] == '\0' || line[0] == '#' || line[0] == ';')
        return 1;
    cut_comment(line);
    char *equals = strchr(line, '=');
    if (equals == NULL) {
        snprintf(wrong, wrong_len, "the line is not NAME = VALUE");
        return 0;
    }
    *equals = '\0';
    const char *reason = fn(arg, trim(line), trim(equals + 1));
    if (reason != NULL) /* without the name, because an unknown one may be a token */
        snprintf(wrong, wrong_len, "this option %s", reason);
    return reason == NULL;
}

int settings_read(const char *path, settings_fn fn, void *arg, char *err, size_t err_len)
{
    static char text[SETTINGS_MAX + 1]; /* only one thread reads options */
    char wrong[256];
    ssize_t len = read_text(path, text, err, err_len);
    if (len < 0)
        return 0;
    text[len] = '\0';
    char *rest = text, *line = NULL;
    for (int number = 1; (line = strsep(&rest, "\n")) != NULL; number++) {
        if (!read_line(line, fn, arg, wrong, sizeof wrong)) {
            snprintf(err, err_len, "%s:%d: %s", path, number, wrong);
            return 0;
        }
    }
    return 1;
}
