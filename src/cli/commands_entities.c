#include "cli/cli.h"

const struct command entity_commands[] = {
    {.word = "entity",
     .second = "add",
     .help = "create an entity, and show its first token",
     .run = run_entity_add,
     .operands = {{"NAME", VALUE_TEXT}},
     .least = 1,
     .needed = BIT(OPTION_KIND),
     .instead = BIT(OPTION_FROM),
     .options = BIT(OPTION_AS) | BIT(OPTION_RESELLER) | BIT(OPTION_TIER) | BIT(OPTION_FROM),
     .own = {{OPTION_FROM, NULL, "instead: entities, one a line"}},
     .text =
         "Creates a reseller or a customer, with a token named default, whose text is printed. "
         "A customer belongs to the reseller named by --reseller, else to the platform. Without "
         "--tier it gets the tier table's default. A customer's tier never ranks above its "
         "reseller's.\n"
         "With --from each line of FILE is NAME KIND [RESELLER|-] [TIER|-]; - is none, or the "
         "default. They are created in batches; kind, text and name (--json: an object) are "
         "printed as each batch is committed. A line that is refused ends it; how far it came is "
         "told.",
     .examples = "esp-tokenctl entity add north --kind reseller --tier advanced\n"
                 "esp-tokenctl entity add acme --kind customer --reseller north\n"
                 "esp-tokenctl entity add --from customers.txt --json > made.jsonl\n"},
    {.word = "entity",
     .second = "list",
     .help = "list the entities",
     .run = run_entity_list,
     .reads = true,
     .options = BIT(OPTION_AS) | BIT(OPTION_TREE),
     .text = "Lists resellers and customers in order of name. TOKENS is how many an entity has, "
             "and how many its tier allows.",
     .examples = "esp-tokenctl entity list --tree\n"},
    {.word = "entity",
     .second = "show",
     .help = "show an entity",
     .run = run_entity_show,
     .reads = true,
     .operands = {{"NAME", VALUE_ENTITY}},
     .least = 1,
     .options = BIT(OPTION_AS),
     .text = "Shows an entity's fields. Its tokens are shown by list."},
    {.word = "entity",
     .second = "edit",
     .help = "change an entity's name, tier, status or reseller",
     .run = run_entity_edit,
     .operands = {{"NAME", VALUE_ENTITY}},
     .least = 1,
     .options = BIT(OPTION_AS) | BIT(OPTION_NAME) | BIT(OPTION_TIER) | BIT(OPTION_STATUS) |
                BIT(OPTION_RESELLER) | BIT(OPTION_CASCADE),
     .own = {{OPTION_RESELLER, "NAME|none", "its new reseller; none: the platform"},
             {OPTION_TIER, NULL, "its new tier"}},
     .text =
         "Changes what is given and leaves the rest as it is. The tokens of an inactive entity, "
         "and of an inactive reseller's customers, are denied as suspended until it is active "
         "again.\n"
         "A reseller is not lowered below its customers; with --cascade they are lowered with "
         "it, in the same transaction, and listed (with --json as \"lowered\").",
     .examples = "esp-tokenctl entity edit acme --tier advanced\n"
                 "esp-tokenctl entity edit north --tier lite --cascade\n"
                 "esp-tokenctl entity edit acme --reseller none\n"},
    {.word = "entity",
     .second = "remove",
     .help = "remove an entity with its tokens",
     .run = run_entity_remove,
     .operands = {{"NAME", VALUE_ENTITY}},
     .least = 1,
     .options = BIT(OPTION_AS) | BIT(OPTION_YES),
     .text = "Shows the entity and asks; only y or yes removes it, with all its tokens. A reseller "
             "that has customers is not removed. Where standard input is no terminal, --yes must "
             "be given."},
    {.word = "tier",
     .second = "list",
     .help = "list the tiers",
     .run = run_tier_list,
     .reads = true,
     .text = "Lists the tier table, lowest rank first, each tier with the metrics that it adds to "
             "those of the lower ones."},
    {.word = "tier",
     .second = "check",
     .help = "check a tier table, and what it would do",
     .run = run_tier_check,
     .reads = true,
     .operands = {{"FILE", VALUE_FILE}},
     .text = "Reads FILE, or the table in use, as strictly as hosts do, and lists what it would do "
             "to the entities in the store: who would be over the limit, above the reseller, or "
             "without a tier. Exit status 1: something was found.",
     .examples = "esp-tokenctl tier check draft.ini && mv draft.ini /etc/esp-token/tiers.ini\n"},
    {0},
};
