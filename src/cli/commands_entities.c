/* SPDX-License-Identifier: ISC */
/* The table of the commands about entities, tiers and the portal. */
#include "cli/filter.h"
#include "cli/listing.h"

const struct command entity_commands[] = {
    {.word = "entity",
     .second = "add",
     .help = "create an entity, and show its first token",
     .run = run_entity_add,
     .operands = {{"NAME", VALUE_TEXT}},
     .least = 1,
     .needed = BIT(OPTION_KIND),
     .instead = BIT(OPTION_FROM),
     .options = BIT(OPTION_AS) | BIT(OPTION_RESELLER) | BIT(OPTION_TIER) | BIT(OPTION_FROM) |
                BIT(OPTION_CONTACT) | BIT(OPTION_DRY_RUN) | BIT(OPTION_QUIET),
     .own = {{OPTION_FROM, NULL, "read entities from it instead, one a line"},
             {OPTION_QUIET, NULL, "print the text of the first token alone"}},
     .text = "Create a reseller or a customer, with a token named default, and print that token "
             "with its text. A customer belongs to the reseller named by --reseller, or else to "
             "the platform. Without --tier the entity gets the default of the tier table. The "
             "tier of a customer never ranks above that of its reseller.\n"
             "With --from, each line of FILE is NAME KIND [RESELLER|-] [TIER|-]; - means none, or "
             "the default. The entities are created in batches; kind, text and name (-q: the text, "
             "--json: an "
             "object) are printed as each batch is committed. A refused line ends the command; "
             "the error says which lines are committed, and where to resume. With --dry-run change "
             "nothing, and print each line that would be refused, and why; the exit status is that "
             "of the real run.",
     .examples = "esp-tokenctl entity add north --kind reseller --tier advanced\n"
                 "esp-tokenctl entity add acme --kind customer --reseller north\n"
                 "esp-tokenctl entity add acme --kind customer -q > token.txt\n"
                 "esp-tokenctl entity add --from customers.txt --json > made.jsonl\n"},
    {.word = "entity",
     .second = "list",
     .help = "list the entities",
     .run = run_entity_list,
     .reads = true,
     .edges = true,
     .options = BIT(OPTION_STALE) | BIT(OPTION_AS) | BIT(OPTION_TREE) | BIT(OPTION_STATUS) |
                BIT(OPTION_CONTACT) | LISTING_OPTIONS | FILTER_ENTITY_OPTIONS,
     .own = {{OPTION_STATUS, NULL, "list entities of this status"},
             {OPTION_TIER, NULL, "list entities of this tier"},
             {OPTION_RESELLER, "NAME|none", "list this reseller and its customers"},
             {OPTION_KIND, NULL, "list entities of this kind"},
             {OPTION_CONTACT, NULL, "list those with TEXT in it; '': without one"},
             {OPTION_QUIET, NULL, "print the names alone, one a line"}},
     .columns = &entity_columns,
     .text = "List resellers and customers in order of name. TOKENS shows how many tokens an "
             "entity has, and how many its tier allows. If several filters are given, an entity "
             "must match all of them. --reseller none selects the entities that belong to no "
             "reseller. With --tree a reseller is shown above each of its customers that matches.",
     .examples = "esp-tokenctl entity list --tree\n"
                 "esp-tokenctl entity list --kind customer --reseller none\n"
                 "esp-tokenctl entity list --over-limit --columns name,tokens,contact\n"
                 "esp-tokenctl entity list --sort -tokens\n"},
    {.word = "entity",
     .second = "show",
     .help = "show an entity",
     .run = run_entity_show,
     .reads = true,
     .operands = {{"NAME", VALUE_ENTITY}},
     .least = 1,
     .options = BIT(OPTION_STALE) | BIT(OPTION_AS),
     .text = "Show the fields of an entity. To see its tokens, use list."},
    {.word = "entity",
     .second = "edit",
     .help = "change an entity's name, tier, status, reseller, contact",
     .run = run_entity_edit,
     .operands = {{"NAME", VALUE_ENTITY}},
     .least = 1,
     .options = BIT(OPTION_AS) | BIT(OPTION_NAME) | BIT(OPTION_TIER) | BIT(OPTION_STATUS) |
                BIT(OPTION_RESELLER) | BIT(OPTION_CASCADE) | BIT(OPTION_CONTACT),
     .own = {{OPTION_RESELLER, "NAME|none", "its new reseller; none: the platform"},
             {OPTION_TIER, NULL, "its new tier"}},
     .text = "Change the given fields and leave the others as they are. While an entity is "
             "inactive, its tokens are denied as suspended; so are the tokens of the customers of "
             "an inactive reseller. The store records who switched an entity off: if the platform "
             "did, its reseller (--as) can neither switch it on again nor remove it.\n"
             "A reseller cannot be lowered below its customers. With --cascade the customers are "
             "lowered with it, in the same transaction, and listed (with --json as \"lowered\").",
     .examples = "esp-tokenctl entity edit acme --tier advanced\n"
                 "esp-tokenctl entity edit north --tier lite --cascade\n"
                 "esp-tokenctl entity edit acme --reseller none\n"
                 "esp-tokenctl entity edit acme --contact 'ops@acme.example'\n"},
    {.word = "entity",
     .second = "remove",
     .help = "remove an entity with its tokens",
     .run = run_entity_remove,
     .operands = {{"NAME", VALUE_ENTITY}},
     .least = 1,
     .options = BIT(OPTION_AS) | BIT(OPTION_YES),
     .text = "Show the entity and ask; only y or yes removes it, with all its tokens. A reseller "
             "that has customers is not removed. If standard input is not a terminal, --yes is "
             "required."},
    {.word = "tier",
     .second = "list",
     .help = "list the tiers",
     .run = run_tier_list,
     .reads = true,
     .text = "List the tiers, lowest rank first, each with the metrics that it adds to those of "
             "the lower tiers."},
    {.word = "tier",
     .second = "check",
     .help = "check a tier table, and what it would do",
     .run = run_tier_check,
     .reads = true,
     .edges = true,
     .options = BIT(OPTION_STALE),
     .operands = {{"FILE", VALUE_FILE}},
     .text = "Check FILE, or the tier table in use, as strictly as hosts do, and list what it "
             "would do to the entities in the store: which would be over their limit, above their "
             "reseller, or without a tier. The exit status is 1 if something was found.",
     .examples = "esp-tokenctl tier check draft.ini && mv draft.ini /etc/esp-token/tiers.ini\n"},
    {.word = "tier",
     .second = "publish",
     .help = "give every site of the fleet this tier table",
     .run = run_tier_publish,
     .operands = {{"FILE", VALUE_FILE}},
     .options = BIT(OPTION_YES),
     .text = "Check FILE, or the tier table in use, as 'tier check' does, list what it would do to "
             "the entities, and ask. Then make it the tier table of the fleet, and of this site. "
             "From then on a site with another table changes nothing until it runs 'tier pull'.",
     .examples = "esp-tokenctl tier publish draft.ini\n"},
    {.word = "tier",
     .second = "pull",
     .help = "take the tier table of the fleet",
     .run = run_tier_pull,
     .edges = true,
     .options = BIT(OPTION_YES),
     .text = "Check the tier table of the fleet, list what it would do to the entities, ask, and "
             "install it on this machine. Hosts here load it as they load any other edit.",
     .examples = "esp-tokenctl tier pull --yes\n"},
    {.word = "portal",
     .second = "link",
     .help = "make a link by which an entity signs in",
     .beside = true,
     .run = run_portal_link,
     .operands = {{"ENTITY", VALUE_ENTITY}},
     .least = 1,
     .options = BIT(OPTION_FOR) | BIT(OPTION_VIEWER) | BIT(OPTION_QUIET),
     .own = {{OPTION_QUIET, NULL, "print the link alone"}},
     .text = "Print a link to the portal's pages that signs its holder in as ENTITY, once, within "
             "the time of --for (15m by default; at most 7d). With --viewer its holder may look, "
             "but change nothing and see no texts of tokens. Whoever has the link has these "
             "rights: send it as you would send a password. The store holds a digest of it, and "
             "the log an entry. The address begins with [portal] public_url.\n"
             "Links and sessions of an entity end when it, or its reseller, is switched off.",
     .examples = "esp-tokenctl portal link acme\n"
                 "esp-tokenctl portal link north --for 2h --viewer\n"},
    {.word = "portal",
     .second = "sessions",
     .help = "list sign-in links and sessions",
     .run = run_portal_sessions,
     .operands = {{"ENTITY", VALUE_ENTITY}},
     .text = "List the links that were not used yet and the sessions, of ENTITY or of all: id, "
             "entity, role, when it was made and last used, and when it ends. Persons that a proxy "
             "signs in have no session here.",
     .examples = "esp-tokenctl portal sessions\n"},
    {.word = "portal",
     .second = "end",
     .help = "end a session, a link, or all of an entity",
     .run = run_portal_end,
     .operands = {{"ID|ENTITY", VALUE_ENTITY}},
     .least = 1,
     .text = "End the link or session with that id, as portal sessions shows it, or every link and "
             "session of an entity. It holds for the next request.",
     .examples = "esp-tokenctl portal end k3v9tq2m\n"
                 "esp-tokenctl portal end acme\n"},
    {0},
};
