/* SPDX-License-Identifier: ISC */
/* Prints JSON documents. */
#include "cli/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* JSON may hold DEL and the C1 control characters unescaped, as a path may; a terminal would obey
   them, so they are escaped. jansson never splits a character. */
static int put_escaped(const char *text, size_t len, void *stream)
{
    size_t begin = 0;
    for (size_t i = 0; i < len; i++) {
        const unsigned char *byte = (const unsigned char *)text + i;
        const bool is_c1 = byte[0] == 0xc2 && i + 1 < len && byte[1] >= 0x80 && byte[1] <= 0x9f;
        if (byte[0] != 0x7f && !is_c1)
            continue;
        fwrite(text + begin, 1, i - begin, stream);
        fprintf(stream, "\\u%04x", byte[is_c1]);
        i += is_c1;
        begin = i + 1;
    }
    return fwrite(text + begin, 1, len - begin, stream) == len - begin ? 0 : -1;
}

/* An incomplete document is not printed at all. */
static int dump(json_t *document, size_t flags, struct espt_error *err)
{
    const bool lacks = document == NULL || json_lacks();
    int rc = lacks ? -1 : json_dump_callback(document, put_escaped, stdout, flags);
    json_decref(document);
    if (rc == 0)
        putchar('\n');
    return rc == 0 ? 0
                   : espt_fail(err, ESPT_UNUSABLE,
                               "the JSON could not be written: %s; the command has done its work; "
                               "run 'esp-tokenctl list' to see it",
                               lacks || json_lacks() ? "out of memory" : strerror(errno));
}

int json_print(json_t *document, struct espt_error *err)
{
    return dump(document, JSON_INDENT(2), err);
}

static void begin_stream(struct json_stream *stream)
{
    printf("{\n  \"%s\": [", stream->name);
    stream->begun = true;
}

int json_stream_item(struct json_stream *stream, json_t *item, struct espt_error *err)
{
    char *text = item != NULL ? json_dumps(item, JSON_INDENT(2)) : NULL;
    json_decref(item);
    if (text == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    if (!stream->begun)
        begin_stream(stream);
    else
        putchar(',');
    char *rest = text, *line;
    while ((line = strsep(&rest, "\n")) != NULL)
        printf("\n    %s", line);
    json_wipe_and_free(text);
    return 0;
}

static void end_list(struct json_stream *stream)
{
    if (stream->begun)
        fputs("\n  ", stdout);
    else
        begin_stream(stream);
    putchar(']');
}

void json_stream_end(struct json_stream *stream)
{
    end_list(stream);
    fputs("\n}\n", stdout);
}

/* The dumped object begins with its brace, which the list has already opened. */
int json_stream_end_with(struct json_stream *stream, json_t *rest, struct espt_error *err)
{
    char *text = rest != NULL ? json_dumps(rest, JSON_INDENT(2)) : NULL;
    json_decref(rest);
    if (text == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    end_list(stream);
    printf(",%s\n", text + 1);
    json_wipe_and_free(text);
    return 0;
}

int json_print_line(json_t *document, struct espt_error *err)
{
    return dump(document, JSON_COMPACT, err);
}
