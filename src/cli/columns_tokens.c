/* SPDX-License-Identifier: ISC */
/* The columns of `list`: cells, orders and the array. */
#include "cli/columns.h"

#include "common/when.h"

#include <stdio.h>
#include <string.h>

/* --- cells --- */

TEXT_CELL(entity, token->entity)

CELL(id)
{
    (void)context;
    token_id_format(row->token->id, out);
    return plain_cell(out);
}

TEXT_CELL(name, token->name)

CELL(status)
{
    const enum token_status status = token_status(row->token, context->now);
    (void)out;
    return (struct table_cell){token_status_seen(row->token, context->now),
                               token_status_colour(status)};
}

CELL(created)
{
    when_cell(row->token->created, context->now, out);
    return plain_cell(out);
}

/* Coloured if the time is so near that the cell shows the distance. */
CELL(expires)
{
    const int64_t expires = row->token->expires, now = context->now;
    const bool near = expires - now >= 60 && when_away(expires, now, out);
    when_cell(expires, now, out);
    return (struct table_cell){out, near ? COLOUR_MAGENTA : COLOUR_NONE};
}

CELL(used)
{
    if (row->token->unread)
        return plain_cell("?");
    when_cell(row->token->last_used, context->now, out);
    return plain_cell(out);
}

CELL(uses)
{
    (void)context;
    if (row->token->unread)
        return plain_cell("?");
    snprintf(out, CELL_SIZE, "%llu", (unsigned long long)row->token->uses);
    return plain_cell(row->token->counted ? out : "-");
}

TEXT_CELL(note, token->note)

CELL(foreign)
{
    (void)context, (void)out;
    return plain_cell(row->token->foreign ? "yes" : "no");
}

TEXT_CELL(reseller, entity->reseller)
TEXT_CELL(tier, entity->tier)
TEXT_CELL(contact, entity->contact)

/* --- orders --- */

TEXT_ORDER(entity, token->entity)
NUMBER_ORDER(id, token->id)
TEXT_ORDER(name, token->name)

/* Alphabetical order of the words. */
ORDER(status)
{
    return strcmp(token_status_word(token_status(a->token, context->now)),
                  token_status_word(token_status(b->token, context->now)));
}

NUMBER_ORDER(created, token->created)

/* Sorts a token that never expires after all others. */
static uint64_t end_of(const struct token *token)
{
    return token->expires == WHEN_NEVER ? UINT64_MAX : (uint64_t)token->expires;
}

ORDER(expires)
{
    (void)context;
    return compare_numbers(end_of(a->token), end_of(b->token));
}

NUMBER_ORDER(last_used, token->last_used)
NUMBER_ORDER(uses, token->uses)
TEXT_ORDER(note, token->note)
NUMBER_ORDER(foreign, token->foreign)
TEXT_ORDER(reseller, entity->reseller)

ORDER(tier)
{
    return compare_tiers(a->entity, b->entity, context);
}

TEXT_ORDER(contact, entity->contact)

static const struct column columns[] = {
    {"entity", {"ENTITY", CUT}, entity_cell, by_entity, .shown = SHOWN_OF_ALL},
    {"id", {"ID", WHOLE}, id_cell, by_id, .shown = SHOWN},
    {"name", {"NAME", CUT}, name_cell, by_name, .shown = SHOWN},
    {"status", {"STATUS", WHOLE}, status_cell, by_status, .shown = SHOWN},
    {"created", {"CREATED", WHOLE}, created_cell, by_created, .shown = SHOWN},
    {"expires", {"EXPIRES", WHOLE}, expires_cell, by_expires, .shown = SHOWN},
    {"last_used", {"USED", WHOLE}, used_cell, by_last_used, .by_uses = true},
    {"uses", {"USES", TO_THE_RIGHT}, uses_cell, by_uses, .shown = ON_DEMAND, .by_uses = true},
    {"note", {"NOTE", CUT}, note_cell, by_note, .shown = ON_DEMAND},
    {"foreign", {"FOREIGN", WHOLE}, foreign_cell, by_foreign, .shown = ON_DEMAND},
    {"reseller", {"RESELLER", CUT}, reseller_cell, by_reseller, .shown = ON_DEMAND},
    {"tier", {"TIER", CUT}, tier_cell, by_tier, .shown = ON_DEMAND},
    {"contact", {"CONTACT", CUT}, contact_cell, by_contact, .shown = ON_DEMAND},
};
#define COUNT (sizeof columns / sizeof *columns)
_Static_assert(COUNT <= TABLE_COLUMNS_MAX, "room for all");

const struct column_set token_columns = {columns, COUNT, "tokens", "id"};
