/* SPDX-License-Identifier: ISC */
/* The output of commands: the JSON shapes of specification §6, fields, and tables. */
#ifndef ESPT_CLI_OUTPUT_H
#define ESPT_CLI_OUTPUT_H

#include "cli/cli.h"
#include "shapes/shapes.h"
#include "shapes/words.h"

#include <limits.h>
#include <stdio.h>

bool over_limit(const struct entity *entity, const struct tier_table *tiers);
/* Writes the number of tokens and the limit: "2/5", "2/unlimited", "2", "2/1 over the limit". */
void limit_text(const struct entity *entity, const struct tier_table *tiers, char *out,
                size_t size);

/* Prints the document on one line, for streams, and takes the reference. */
ESPT_MUST_USE int json_print_line(json_t *document, struct espt_error *err);
/* Prints {"NAME": [...]} item by item, in the form of json_print(), so that a long list needs no
   memory. */
struct json_stream {
    const char *name;
    bool begun;
};
ESPT_MUST_USE int json_stream_item(struct json_stream *stream, json_t *item,
                                   struct espt_error *err);
void json_stream_end(struct json_stream *stream);
/* As json_stream_end(), and adds the members of `rest` after the list. Takes the reference. */
ESPT_MUST_USE int json_stream_end_with(struct json_stream *stream, json_t *rest,
                                       struct espt_error *err);
/* Prints one document and takes the reference. */
ESPT_MUST_USE int json_print(json_t *document, struct espt_error *err);

/* Prints a token as fields, one a line. */
void print_token(FILE *out, const struct token *token, const char *text, int64_t now);
/* Prints a new token with its text, and the command that shows the text again. */
void print_new_token(const struct token *token, const char *text, int64_t now);
void print_entity(FILE *out, const struct entity *entity, const struct tier_table *tiers);

static inline const char *plural(uint64_t count, const char *one, const char *many)
{
    return count == 1 ? one : many;
}

/* --- the terminal --- */
/* Copies a path without control characters, which could move the cursor. Returns `out`. */
const char *path_seen(const char *path, char out[static PATH_MAX]);
/* Call once, before any output: sets UTF-8 for characters, because names are UTF-8 in every locale
   and column widths are measured in it. */
void characters_begin(void);
/* True if the locale is a UTF-8 one: drawings may use more than ASCII. */
bool in_utf8(void);
bool at_terminal(const FILE *out);
/* True if `out` is a terminal and NO_COLOR is not set; with CLICOLOR_FORCE also for a pipe. */
bool in_colour(const FILE *out);

/* What to print before and after a text in `colour`; empty if `out` has no colours. */
const char *colour_begin(const FILE *out, enum colour colour);
const char *colour_end(const FILE *out);

#define WHEN_AWAY_SIZE 40
/* Writes the distance: "in 12 days", "5 hours ago". False: too far away. */
bool when_away(int64_t when, int64_t now, char out[static WHEN_AWAY_SIZE]);
/* Writes a table cell: the full time; at a terminal the distance or the date. WHEN_NEVER:
   "never". */
void when_cell(int64_t when, int64_t now, char out[static WHEN_AWAY_SIZE]);

/* The columns that `text` takes at a terminal: wide characters take two, combining ones none. */
size_t text_columns(const char *text);
/* Returns as much of `text` as fits, with … at its end if something was cut. What a terminal cannot
   show becomes `?`. NULL: out of memory. The caller frees it. */
char *text_cut(const char *text, size_t columns);
size_t terminal_columns(void); /* of the terminal that standard output is */
/* Prints `text`, whose first word begins in column `column` (from 0), and a line end. A line that
   would take more than `width` columns breaks at a blank, and the next one begins at `indent`. A
   word is never cut, so that a path can be copied. Colours take no column. A newline in the text
   ends a paragraph. */
void print_wrapped(const char *text, size_t column, size_t indent, size_t width);

/* A table or tree, drawn by libsmartcols. At a terminal, long names are cut and texts are wrapped;
   ids, words and numbers stay whole. */
#define TABLE_COLUMNS_MAX 16
struct table_view;
struct table_column {
    const char *title; /* NULL ends an array of columns */
    enum { WHOLE, CUT, WRAPPED, TO_THE_RIGHT } fit;
};
struct table_cell {
    const char *text;
    enum colour colour;
};
#define PLAIN(words)    \
    {                   \
        .text = (words) \
    } /* a cell without a colour */
enum table_form {
    TABLE_SHORT, /* laid out as a whole */
    TABLE_TREE,  /* as a whole, with a tree in the first column */
    TABLE_LONG,  /* of any length; see table_again() */
};
ESPT_MUST_USE int table_new(struct table_view **ret_view, const struct table_column *columns,
                            enum table_form form, struct espt_error *err);
void table_leave_out_headers(struct table_view *view); /* call it before the first line */
/* Adds a line and returns it (TABLE_TREE). `parent` is an earlier line, or NULL. `cells` has one
   cell for each column. */
void *table_line(struct table_view *view, void *parent, const struct table_cell *cells);
/* True: give the same lines again. A long table keeps only a block of lines in memory. The first
   time all lines are measured, so that columns have one width, and nothing is printed. `view` may
   be NULL. */
bool table_again(struct table_view *view);
/* Says at a terminal, on standard error, that there are no `things`. */
void print_none(const char *things);
/* Prints the table. Without lines it prints nothing, except a message at a terminal that there are
   no `things`. */
ESPT_MUST_USE int table_print(struct table_view *view, const char *things, struct espt_error *err);
void table_free(struct table_view *view); /* NULL is allowed */
void table_begin(void);                   /* call once, before any table */

/* Replaces standard output and standard error by streams that never wait while `cli` has a
   transaction open. Makes jansson wipe memory before it frees it, because a document may have held
   the text of a token. False: out of memory; nothing is changed. */
ESPT_MUST_USE bool output_begin(const struct cli *cli);
/* Writes out all output so far; ESPT_UNUSABLE if a part could not be written. */
ESPT_MUST_USE int output_flush(struct espt_error *err);
/* Flushes standard output and wipes its buffer; ESPT_UNUSABLE if a part could not be written.
   `changed`: the command may have changed something. */
ESPT_MUST_USE int output_end(bool changed, struct espt_error *err);

#endif
