/* SPDX-License-Identifier: ISC */
/* Reads an open file whole. */
#include "common/trust.h"

#include "common/name.h"
#include "common/trust_owner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int trust_read_fd(int fd, const char *path, size_t max, char **ret_text, size_t *ret_len,
                  struct espt_error *err)
{
    char *text = malloc(max + 2);
    if (text == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    size_t len = 0;
    ssize_t got = 0;
    do {
        got = read(fd, text + len, max + 1 - len);
        if (got > 0)
            len += (size_t)got;
    } while ((got > 0 && len <= max) || (got < 0 && errno == EINTR));
    int code = 0;
    if (got < 0)
        code = trust_fail_call(path, "read", errno, err);
    else if (len > max)
        code = espt_fail(err, ESPT_UNUSABLE, "%s:%d: larger than %zu bytes; shorten it", path,
                         line_at(text, max), max);
    if (code != 0) {
        explicit_bzero(text, len);
        free(text);
        return code;
    }
    text[len] = '\0';
    *ret_text = text;
    *ret_len = len;
    return 0;
}
