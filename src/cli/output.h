/* What commands print: the JSON shapes of contract §6, and fields and tables for people. */
#ifndef ESPT_CLI_OUTPUT_H
#define ESPT_CLI_OUTPUT_H

#include "cli/cli.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>

const char *token_status(const struct token *token,
                         int64_t now); /* active, inactive, expired, retiring */
const char *kind_word(enum entity_kind kind);
const char *status_word(bool active);
bool over_limit(const struct entity *entity, const struct tier_table *tiers);
/* "2/5", "2/unlimited", "2", "2/1 over the limit". */
void limit_text(const struct entity *entity, const struct tier_table *tiers, char *out,
                size_t size);

/* New references. `text` and `tiers` may be NULL. */
json_t *json_of_token(const struct token *token, const char *text, int64_t now);
json_t *json_of_entity(const struct entity *entity, const struct tier_table *tiers);
json_t *json_of_tier(const struct tier *tier);
json_t *json_time(int64_t when);             /* RFC 3339, or null for never */
json_t *json_bytes(const char *bytes);       /* what is not UTF-8 in them as \xNN */
json_t *json_text_or_null(const char *text); /* null if empty */
/* The document on one line, for streams; takes the reference. */
ESPT_MUST_USE int json_print_line(json_t *document, struct espt_error *err);
/* {"NAME": [...]}, item by item, in the form of json_print(): it takes no memory. */
struct json_stream {
    const char *name;
    bool begun;
};
ESPT_MUST_USE int json_stream_item(struct json_stream *stream, json_t *item,
                                   struct espt_error *err);
void json_stream_end(struct json_stream *stream);
/* Memory was wanting for some part of a document: it is neither printed nor judged. */
bool json_lacks(void);
/* Prints one document and takes the reference. */
ESPT_MUST_USE int json_print(json_t *document, struct espt_error *err);

/* Fields, one a line. */
void print_token(FILE *out, const struct token *token, const char *text, int64_t now);
/* With its text, and how to see that again. */
void print_new_token(const struct token *token, const char *text, int64_t now);
void print_entity(FILE *out, const struct entity *entity, const struct tier_table *tiers);

/* --- the terminal --- */
/* A path for people: it moves no cursor. Returns `out`. */
const char *path_seen(const char *path, char out[static PATH_MAX]);
/* Names are UTF-8 whatever the locale, and columns are measured so; once, before any output. */
void characters_begin(void);
/* The locale asks for UTF-8: what is drawn may be more than ASCII. */
bool in_utf8(void);
bool at_terminal(FILE *out);
/* A terminal, and nobody asked for no colours (NO_COLOR). */
bool in_colour(FILE *out);
#define COLOUR_END "\033[0m"
const char *status_colour(const char *status);   /* its name; NULL: none */
const char *colour_sequence(const char *colour); /* what begins it; COLOUR_END ends it */

#define WHEN_AWAY_SIZE 40
/* "in 12 days", "5 hours ago"; false: too far away to count. */
bool when_away(int64_t when, int64_t now, char out[static WHEN_AWAY_SIZE]);
/* For a table: the time whole, and at a terminal that, or the date. WHEN_NEVER: "never". */
void when_cell(int64_t when, int64_t now, char out[static WHEN_AWAY_SIZE]);

/* A table or tree by libsmartcols. At a terminal what is too long for its width is cut in names,
   and wrapped in texts; ids, words and numbers are whole. */
struct table_view;
ESPT_MUST_USE int table_new(struct table_view **ret_view, const char *const *columns, bool tree,
                            struct espt_error *err);
/* `parent` is a line that was added, or NULL; returns the line. `cells` as many as columns. */
void *table_line(struct table_view *view, void *parent, const char *const *cells);
/* Without lines it prints nothing; at a terminal, what there is none of is told. */
ESPT_MUST_USE int table_print(struct table_view *view, const char *things, struct espt_error *err);
void table_free(struct table_view *view); /* NULL is allowed */
void table_begin(void);                   /* once, before any */

/* Memory of jansson is wiped before it is freed: it may have held a token's text. */
void output_begin(void);
/* What was printed is out; ESPT_UNUSABLE if not all could be written. */
ESPT_MUST_USE int output_flush(struct espt_error *err);
/* Flushes and wipes standard output's buffer; ESPT_UNUSABLE if not all could be written. `changed`:
   the command may have changed something. */
ESPT_MUST_USE int output_end(bool changed, struct espt_error *err);

#endif
