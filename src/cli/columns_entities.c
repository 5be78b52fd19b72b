/* SPDX-License-Identifier: ISC */
/* The columns of `entity list`: cells, orders and the array. */
#include "cli/columns.h"

#include <stdio.h>
#include <string.h>

/* --- cells --- */

/* An edge does not know it. */
static bool is_unknown(const struct row *row, char out[static CELL_SIZE])
{
    if (row->entity->slim)
        memcpy(out, "?", 2);
    return row->entity->slim;
}

TEXT_CELL(name, entity->name)

CELL(kind)
{
    (void)context, (void)out;
    return plain_cell(kind_word(row->entity->kind));
}

TEXT_CELL(reseller, entity->reseller)
TEXT_CELL(tier, entity->tier)

CELL(status)
{
    (void)context, (void)out;
    return (struct table_cell){status_word(row->entity->active),
                               status_colour(row->entity->active)};
}

CELL(tokens)
{
    if (!is_unknown(row, out))
        limit_text(row->entity, context->tiers, out, CELL_SIZE);
    return (struct table_cell){out,
                               over_limit(row->entity, context->tiers) ? COLOUR_RED : COLOUR_NONE};
}

CELL(customers)
{
    (void)context;
    if (!is_unknown(row, out))
        snprintf(out, CELL_SIZE, "%u", row->entity->customers);
    return plain_cell(row->entity->kind == KIND_RESELLER ? out : "-");
}

CELL(created)
{
    if (!is_unknown(row, out))
        when_cell(row->entity->created, context->now, out);
    return plain_cell(out);
}

CELL(contact)
{
    (void)context;
    return plain_cell(is_unknown(row, out) ? out : row->entity->contact);
}

/* --- orders --- */

TEXT_ORDER(name, entity->name)

ORDER(kind)
{
    (void)context;
    return strcmp(kind_word(a->entity->kind), kind_word(b->entity->kind));
}

TEXT_ORDER(reseller, entity->reseller)

ORDER(tier)
{
    return compare_tiers(a->entity, b->entity, context);
}

ORDER(status)
{
    (void)context;
    return strcmp(status_word(a->entity->active), status_word(b->entity->active));
}

NUMBER_ORDER(tokens, entity->tokens)
NUMBER_ORDER(customers, entity->customers)
NUMBER_ORDER(created, entity->created)
TEXT_ORDER(contact, entity->contact)

static const struct column columns[] = {
    {"name", {"NAME", CUT}, name_cell, by_name, .shown = SHOWN},
    {"kind", {"KIND", WHOLE}, kind_cell, by_kind, .shown = SHOWN},
    {"reseller", {"RESELLER", CUT}, reseller_cell, by_reseller, .shown = SHOWN},
    {"tier", {"TIER", CUT}, tier_cell, by_tier, .shown = SHOWN},
    {"status", {"STATUS", WHOLE}, status_cell, by_status, .shown = SHOWN},
    {"tokens", {"TOKENS", WHOLE}, tokens_cell, by_tokens, .shown = SHOWN, .at_sites = true},
    {"customers",
     {"CUSTOMERS", TO_THE_RIGHT},
     customers_cell,
     by_customers,
     .shown = ON_DEMAND,
     .at_sites = true},
    {"created", {"CREATED", WHOLE}, created_cell, by_created, .shown = ON_DEMAND, .at_sites = true},
    {"contact", {"CONTACT", CUT}, contact_cell, by_contact, .shown = ON_DEMAND, .at_sites = true},
};
#define COUNT (sizeof columns / sizeof *columns)
_Static_assert(COUNT <= TABLE_COLUMNS_MAX, "room for all");

const struct column_set entity_columns = {columns, COUNT, "entities", "name"};
