/* SPDX-License-Identifier: ISC */
/* The table of the commands about tokens. */
#include "cli/filter.h"
#include "cli/listing.h"

const struct command token_commands[] = {
    {.word = "list",
     .help = "list tokens",
     .uses = true,
     .run = run_list,
     .reads = true,
     .operands = {{"ENTITY", VALUE_ENTITY}},
     .options = BIT(OPTION_STALE) | BIT(OPTION_AS) | LISTING_OPTIONS | FILTER_OPTIONS,
     .own = {{OPTION_STATUS, TOKEN_STATUS_CHOICES, "list tokens of this status"},
             {OPTION_TIER, NULL, "list tokens of entities of this tier"},
             {OPTION_RESELLER, "NAME|none", "list tokens of this reseller and its customers"},
             {OPTION_KIND, NULL, "list tokens of this kind of entity"},
             {OPTION_NOTE, NULL, "list tokens with TEXT in the note; '': without"},
             {OPTION_OVER_LIMIT, NULL, "list tokens of entities over their limit"},
             {OPTION_QUIET, NULL, "print the ids alone, one a line"}},
     .columns = &token_columns,
     .text = "List the tokens of ENTITY, or of all entities, in order of name; a retiring "
             "secret stands directly after its successor. If several filters are given, a token "
             "must match all of them. A token "
             "that was never used counts as "
             "unused since it was created. --expiring leaves out retiring secrets, which were "
             "replaced already, unless --status retiring is given. --reseller none selects the "
             "entities that belong to no reseller.\n"
             "With --sort expires, tokens that never expire come last.\n"
             "At a terminal, names that do not fit are cut and end in an ellipsis, near times are "
             "shown as a "
             "distance, and a line with totals follows. A pipe gets names and times as they are.",
     .examples = "esp-tokenctl list --expiring 30d --sort expires --columns +contact\n"
                 "esp-tokenctl list --unused 90d --status active --reseller north\n"
                 "esp-tokenctl list acme -q\n"
                 "esp-tokenctl --json list acme | jq -r '.tokens[].id'\n"},
    {.word = "create",
     .help = "create a token, and print it",
     .run = run_create,
     .operands = {{"ENTITY", VALUE_ENTITY}, {"NAME", VALUE_TEXT}},
     .least = 2,
     .instead = BIT(OPTION_FROM),
     .options = BIT(OPTION_AS) | BIT(OPTION_EXPIRES) | BIT(OPTION_QUIET) | BIT(OPTION_FROM) |
                BIT(OPTION_COPY) | BIT(OPTION_NOTE) | BIT(OPTION_DRY_RUN),
     .own = {{OPTION_FROM, NULL, "read names instead of NAME, one a line"}},
     .text = "Create a token named NAME for ENTITY, and print it with its text. The tier of an "
             "entity limits how many tokens it may have; inactive and expired ones count too. "
             "Without --expires the configuration's default_expiry applies. With --copy the text "
             "goes to the clipboard and is not printed.\n"
             "With --from, create one token for each line, in batches, and print id, text and "
             "name (-q: the text, --json: an object) as each batch is committed. A refused line "
             "ends the command; the error says which lines are committed, and where to resume. "
             "With --dry-run change nothing, and print each line that would be refused, and why; "
             "the exit status is that of the real run.",
     .examples = "esp-tokenctl create acme website\n"
                 "esp-tokenctl create acme --from names.txt --dry-run\n"
                 "esp-tokenctl create acme nightly --expires 90d -q > token.txt\n"},
    {.word = "show",
     .help = "show a token",
     .uses = true,
     .run = run_show,
     .reads = true,
     .operands = {{"TOKEN", VALUE_TOKEN}},
     .least = 1,
     .options = BIT(OPTION_STALE) | BIT(OPTION_PASSPHRASE_FILE) | BIT(OPTION_AS) |
                BIT(OPTION_REVEAL) | BIT(OPTION_COPY),
     .text = "Show the fields of a token. With --reveal print its text too; with --copy put the "
             "text on the clipboard. Both need the secret reveal key.",
     .examples = "esp-tokenctl show acme/website\n"
                 "esp-tokenctl show 15R4YyLIodi --reveal\n"},
    {.word = "copy",
     .help = "put a token's text on the clipboard",
     .run = run_copy,
     .operands = {{"TOKEN", VALUE_TOKEN}},
     .least = 1,
     .options = BIT(OPTION_PASSPHRASE_FILE) | BIT(OPTION_AS) | BIT(OPTION_CLEAR),
     .text = "Put the text of a token on the clipboard and return. No secret is printed. After 45 "
             "seconds the clipboard is cleared if it still holds the text.\n"
             "The clipboard is that of wl-copy, xclip, xsel or tmux, whichever is found first, or "
             "else that of the terminal (OSC 52), which also works over ssh.",
     .examples = "esp-tokenctl copy acme/website --clear 20\n"},
    {.word = "edit",
     .help = "change a token's name, note, expiration or status",
     .run = run_edit,
     .operands = {{"TOKEN", VALUE_TOKEN}},
     .least = 1,
     .many = true,
     .instead = BIT(OPTION_FROM),
     .options = BIT(OPTION_AS) | BIT(OPTION_NAME) | BIT(OPTION_NOTE) | BIT(OPTION_EXPIRES) |
                BIT(OPTION_STATUS) | BIT(OPTION_FROM) | BIT(OPTION_DRY_RUN),
     .own = {{OPTION_FROM, NULL, "read TOKENs from it instead, one a line"},
             {OPTION_DRY_RUN, NULL, "change nothing; print what would be done"}},
     .text = "Change the given fields and leave the others as they are. When the command returns, "
             "the change is in force in every host on this machine.\n"
             "Several TOKENs are changed in one transaction: all, or none if one is refused. With "
             "--dry-run change nothing, and print what would be changed or why it would be "
             "refused; the exit status is that of the real run.\n"
             "The store records who switched a token off: the platform (without --as), the "
             "reseller, or the entity itself (--as). Only that level or a higher one can switch "
             "it on again or remove it.",
     .examples = "esp-tokenctl edit acme/website --expires 1y\n"
                 "esp-tokenctl edit acme/website --status inactive\n"
                 "esp-tokenctl edit acme/website --note 'nightly export'\n"
                 "esp-tokenctl edit --from leaked.txt --status inactive --dry-run\n"
                 "esp-tokenctl edit --from leaked.txt --status inactive\n"},
    {.word = "rotate",
     .help = "give a token a new secret under its name",
     .run = run_rotate,
     .operands = {{"TOKEN", VALUE_TOKEN}},
     .least = 1,
     .options = BIT(OPTION_AS) | BIT(OPTION_OVERLAP) | BIT(OPTION_EXPIRES) | BIT(OPTION_QUIET) |
                BIT(OPTION_COPY),
     .text = "Give the token a new secret and print it, or with --copy put it on the clipboard. "
             "The old secret works until the overlap ends, so that its holders can change over. "
             "Until then it is shown as retiring, under its own id, and counts towards no limit. "
             "A second rotation ends the first old secret at once. Editing or removing the name "
             "applies to both secrets.\n"
             "Without --expires the new secret gets the lifetime that the old one was created "
             "with. A token that is switched off stays off. With --as, max_expiry and max_overlap "
             "of the configuration are upper bounds.",
     .examples = "esp-tokenctl rotate acme/website\n"
                 "esp-tokenctl rotate acme/website --overlap 7d -q > token.txt\n"
                 "esp-tokenctl rotate acme/website --overlap 0\n"},
    {.word = "retire",
     .help = "end the old secret of a rotated token",
     .run = run_retire,
     .operands = {{"TOKEN", VALUE_TOKEN}},
     .least = 1,
     .many = true,
     .instead = BIT(OPTION_FROM),
     .options = BIT(OPTION_AS) | BIT(OPTION_FROM) | BIT(OPTION_DRY_RUN),
     .own = {{OPTION_FROM, NULL, "read TOKENs from it instead, one a line"},
             {OPTION_DRY_RUN, NULL, "change nothing; print what would be done"}},
     .text = "End at once the retiring secret of this name, or with this id. Several TOKENs are "
             "changed in one transaction: all, or none if one is refused. With --dry-run end "
             "nothing, and print what would end or why it would be refused.",
     .examples = "esp-tokenctl retire acme/website\n"},
    {.word = "remove",
     .help = "remove a token",
     .run = run_remove,
     .operands = {{"TOKEN", VALUE_TOKEN}},
     .least = 1,
     .many = true,
     .instead = BIT(OPTION_FROM),
     .options = BIT(OPTION_AS) | BIT(OPTION_YES) | BIT(OPTION_LAST) | BIT(OPTION_FROM) |
                BIT(OPTION_DRY_RUN),
     .own = {{OPTION_FROM, NULL, "read TOKENs from it instead, one a line"},
             {OPTION_DRY_RUN, NULL, "change nothing; print what would be done"}},
     .text = "Show the token and ask; only y or yes removes it. The last token of an entity is "
             "removed only with --last. If standard input is not a terminal, --yes is required.\n"
             "Several TOKENs are removed in one transaction: all, or none if one is refused. The "
             "question shows their number and the first 20, and is acted on only if all of them "
             "are still as they were. With --dry-run ask and remove nothing, and print what would "
             "be removed or why it would be refused; the exit status is that of the real run.",
     .examples = "esp-tokenctl remove acme/website\n"
                 "esp-tokenctl remove 15R4YyLIodi --yes\n"
                 "esp-tokenctl remove acme/old acme/older\n"},
    {0},
};
