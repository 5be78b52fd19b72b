/* SPDX-License-Identifier: ISC */
/* Entries of the audit log as lines of text. */
#include "cli/log_list.h"

#include "common/when.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- fields of a change --- */

static const struct {
    const char *done;   /* in a sentence */
    enum colour colour; /* of `done` */
} whats[] = {
    [LOG_ADD] = {"added", COLOUR_GREEN},    [LOG_SET] = {"changed", COLOUR_NONE},
    [LOG_REMOVE] = {"removed", COLOUR_RED}, [LOG_REVEAL] = {"text shown", COLOUR_MAGENTA},
    [LOG_NOTE] = {"", COLOUR_NONE},
};

static void print_done(FILE *out, enum log_what what)
{
    const enum colour colour = whats[what].colour;
    fprintf(out, "%s%s%s", colour_begin(stdout, colour), whats[what].done,
            colour != COLOUR_NONE ? colour_end(stdout) : "");
}

static const char *or_dash(const char *text)
{
    return text[0] != '\0' ? text : "-";
}

/* Those below return whether they printed something. */
static bool print_pair(FILE *out, const char *field, const char *before, const char *after)
{
    if (strcmp(before, after) == 0)
        return false;
    fprintf(out, " %s %s -> %s", field, or_dash(before), or_dash(after));
    return true;
}

/* Free text and the name of a token are quoted, so that they cannot look like another field. */
static void print_quoted(FILE *out, const char *text)
{
    json_t *json = json_string(text);
    json_dumpf(json, out, JSON_ENCODE_ANY);
    json_decref(json);
}

static bool print_text_pair(FILE *out, const char *field, const char *before, const char *after)
{
    if (strcmp(before, after) == 0)
        return false;
    fprintf(out, " %s ", field);
    print_quoted(out, before);
    fputs(" -> ", out);
    print_quoted(out, after);
    return true;
}

/* An edit that gives a field the value that it has is logged, too. */
static void print_nothing(FILE *out, bool printed)
{
    if (!printed)
        fputs(" nothing", out);
}

static void print_text(FILE *out, const char *field, const char *text)
{
    if (text[0] == '\0')
        return;
    fprintf(out, " %s ", field);
    print_quoted(out, text);
}

static const char *expires_text(const struct token *token, char out[static WHEN_TEXT_SIZE])
{
    if (token->expires == WHEN_NEVER)
        return "never";
    when_format(token->expires, out);
    return out;
}

static const char *off_word(enum off_by off_by)
{
    static const char *const words[] = {"-", "the entity", "the reseller", "the platform"};
    return words[off_by];
}

static void print_token_change(FILE *out, const struct log_change *change)
{
    const struct token *before = &change->before.token, *after = &change->after.token;
    const struct token *token = change->what == LOG_ADD ? after : before;
    char id[TOKEN_ID_LEN + 1], old[WHEN_TEXT_SIZE], new[WHEN_TEXT_SIZE];
    token_id_format(token->id, id);
    fprintf(out, "token %s/", token->entity);
    print_quoted(out, token->name);
    fprintf(out, " (%s) ", id);
    print_done(out, change->what);
    if (change->what == LOG_SET) {
        bool any = print_text_pair(out, "name", before->name, after->name);
        any |= print_pair(out, "status", log_state_word(before), log_state_word(after));
        any |= print_pair(out, "off by", off_word(before->off_by), off_word(after->off_by));
        any |= print_text_pair(out, "note", before->note, after->note);
        any |= print_pair(out, "expires", expires_text(before, old), expires_text(after, new));
        print_nothing(out, any);
    } else if (change->what == LOG_ADD) {
        fprintf(out, " expires %s", expires_text(after, new));
        print_text(out, "note", after->note);
    }
}

static void print_entity_change(FILE *out, const struct log_change *change)
{
    const struct entity *before = &change->before.entity, *after = &change->after.entity;
    const struct entity *entity = change->what == LOG_ADD ? after : before;
    fprintf(out, "%s %s ", kind_word(entity->kind), entity->name);
    print_done(out, change->what);
    if (change->what == LOG_SET) {
        bool any = print_pair(out, "name", before->name, after->name);
        any |= print_pair(out, "tier", before->tier, after->tier);
        any |= print_pair(out, "status", status_word(before->active), status_word(after->active));
        any |= print_pair(out, "off by", off_word(before->off_by), off_word(after->off_by));
        any |= print_pair(out, "reseller", before->reseller, after->reseller);
        any |= print_text_pair(out, "contact", before->contact, after->contact);
        print_nothing(out, any);
    } else if (change->what == LOG_ADD) {
        fprintf(out, " tier %s, reseller %s", after->tier, or_dash(after->reseller));
        print_text(out, "contact", after->contact);
    }
}

/* --- text --- */

/* For the entity of --as there is no user: it sees for whom the change was made. An entity may be
   named "platform", but no name holds a blank. */
static void write_who(const struct log_entry *entry, char *out, size_t size)
{
    const struct actor *actor = &entry->actor;
    const char *behind = actor->sudo[0] != '\0' ? actor->sudo : actor->login;
    if (actor->user[0] == '\0')
        snprintf(out, size, "%s", entry->as[0] != '\0' ? entry->as : "the platform");
    else
        snprintf(out, size, "%s%s%s%s%s", behind, behind[0] != '\0' ? ">" : "", actor->user,
                 entry->as[0] != '\0' ? " as " : "", entry->as);
}

static void print_what(FILE *out, const struct log_change *change)
{
    if (change->what == LOG_NOTE)
        fprintf(out, "%s %s", change->word, change->detail);
    else if (change->is_token)
        print_token_change(out, change);
    else
        print_entity_change(out, change);
}

/* Prints the change so that no line is wider than the terminal. */
static void draw_what(const struct log_change *change)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    if (out != NULL)
        print_what(out, change);
    fputs("  ", stdout);
    if (out != NULL && fclose(out) == 0) {
        print_wrapped(text, 2, 4, terminal_columns());
    } else { /* out of memory */
        print_what(stdout, change);
        putchar('\n');
    }
    free(text);
}

/* Prints one line for each change. At a terminal the lines would be too wide, so the fields of the
   entry are printed once, before all of its changes, and the changes are wrapped. */
void log_print_change(const struct log_entry *entry, const struct log_change *change, bool first)
{
    char when[WHEN_TEXT_SIZE], who[256];
    when_format(entry->time, when);
    write_who(entry, who, sizeof who);
    if (!at_terminal(stdout)) {
        printf("%s  %-18s %-13s ", when, who, entry->actor.command);
        print_what(stdout, change);
        putchar('\n');
        return;
    }
    if (first)
        printf("%s%s  %s  %s%s\n", colour_begin(stdout, COLOUR_BOLD), when, who,
               entry->actor.command, colour_end(stdout));
    draw_what(change);
}
