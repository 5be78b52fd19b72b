#include "cli/filter.h"

const struct command token_commands[] = {
    {.word = "list",
     .help = "list tokens",
     .run = run_list,
     .reads = true,
     .operands = {{"ENTITY", VALUE_ENTITY}},
     .options = BIT(OPTION_AS) | BIT(OPTION_SORT) | FILTER_OPTIONS,
     .own = {FILTER_OWN},
     .text =
         "Lists the tokens of ENTITY, or of all entities, in order of name. Several options "
         "together list what fits all of them. A token that was never used counts as unused since "
         "it was created.\n"
         "COLUMN is entity, name, status, created, expires, last_used or uses. What never expires "
         "comes last in order of expires.",
     .examples = "esp-tokenctl list --expiring 30d --sort expires\n"
                 "esp-tokenctl list --unused 90d --status active --reseller north\n"
                 "esp-tokenctl --json list acme | jq -r '.tokens[].id'\n"},
    {.word = "create",
     .help = "create a token, and print it",
     .run = run_create,
     .operands = {{"ENTITY", VALUE_ENTITY}, {"NAME", VALUE_TEXT}},
     .least = 2,
     .instead = BIT(OPTION_FROM),
     .options = BIT(OPTION_AS) | BIT(OPTION_EXPIRES) | BIT(OPTION_QUIET) | BIT(OPTION_FROM) |
                BIT(OPTION_COPY),
     .own = {{OPTION_FROM, NULL, "instead of NAME: names, one a line"}},
     .text = "Creates a token for ENTITY, named NAME, and prints it with its text. An entity may "
             "have as many tokens as its tier allows; every one counts, inactive and expired ones "
             "too. Without --expires it expires after the configuration's default_expiry. With "
             "--copy the text goes to the clipboard and is not printed.\n"
             "With --from it creates one for each line, in batches, and prints id, text and name "
             "(-q: the text, --json: an object) as each batch is committed. A line that is refused "
             "ends it; how far it came is told.",
     .examples = "esp-tokenctl create acme website\n"
                 "esp-tokenctl create acme nightly --expires 90d -q > token.txt\n"},
    {.word = "show",
     .help = "show a token",
     .run = run_show,
     .reads = true,
     .operands = {{"TOKEN", VALUE_TOKEN}},
     .least = 1,
     .options =
         BIT(OPTION_PASSPHRASE_FILE) | BIT(OPTION_AS) | BIT(OPTION_REVEAL) | BIT(OPTION_COPY),
     .text = "Shows a token's fields. With --reveal its text too, with --copy the text goes to the "
             "clipboard; both need the secret reveal key.",
     .examples = "esp-tokenctl show acme/website\n"
                 "esp-tokenctl show 15R4YyLIodi --reveal\n"},
    {.word = "copy",
     .help = "put a token's text on the clipboard",
     .run = run_copy,
     .operands = {{"TOKEN", VALUE_TOKEN}},
     .least = 1,
     .options = BIT(OPTION_PASSPHRASE_FILE) | BIT(OPTION_AS) | BIT(OPTION_CLEAR),
     .text = "Puts the text on the clipboard and returns, printing no secret. The clipboard is "
             "cleared after 45 seconds if the text is still there.\n"
             "It is wl-copy's, xclip's, xsel's or tmux's, whichever is at hand, else the "
             "terminal's own (OSC 52), which works over ssh too.",
     .examples = "esp-tokenctl copy acme/website --clear 20\n"},
    {.word = "edit",
     .help = "change a token's name, expiration or status",
     .run = run_edit,
     .operands = {{"TOKEN", VALUE_TOKEN}},
     .least = 1,
     .options = BIT(OPTION_AS) | BIT(OPTION_NAME) | BIT(OPTION_EXPIRES) | BIT(OPTION_STATUS),
     .text = "Changes what is given and leaves the rest as it is. The change is in force in every "
             "host on this machine when the command returns.",
     .examples = "esp-tokenctl edit acme/website --expires 1y\n"
                 "esp-tokenctl edit acme/website --status inactive\n"},
    {.word = "rotate",
     .help = "give a token a new secret under its name",
     .run = run_rotate,
     .operands = {{"TOKEN", VALUE_TOKEN}},
     .least = 1,
     .options = BIT(OPTION_AS) | BIT(OPTION_OVERLAP) | BIT(OPTION_EXPIRES) | BIT(OPTION_QUIET) |
                BIT(OPTION_COPY),
     .text = "Prints the new secret, or with --copy puts it on the clipboard. The old one works on "
             "until the overlap ends, so that its "
             "holders can change over; meanwhile it is shown as retiring, under its id, and counts "
             "towards no limit. Rotating again ends an earlier one at once. What is done to the "
             "name, by edit or remove, is done to both secrets.\n"
             "Without --expires the new secret lives as long as the old one was made to.",
     .examples = "esp-tokenctl rotate acme/website\n"
                 "esp-tokenctl rotate acme/website --overlap 7d -q > token.txt\n"
                 "esp-tokenctl rotate acme/website --overlap 0\n"},
    {.word = "retire",
     .help = "end the old secret of a rotated token",
     .run = run_retire,
     .operands = {{"TOKEN", VALUE_TOKEN}},
     .least = 1,
     .options = BIT(OPTION_AS),
     .text = "Ends at once the secret that retires under the name, or that has the id.",
     .examples = "esp-tokenctl retire acme/website\n"},
    {.word = "remove",
     .help = "remove a token",
     .run = run_remove,
     .operands = {{"TOKEN", VALUE_TOKEN}},
     .least = 1,
     .options = BIT(OPTION_AS) | BIT(OPTION_YES) | BIT(OPTION_LAST),
     .text = "Shows the token and asks; only y or yes removes it. An entity's last token is kept "
             "without --last. Where standard input is no terminal, --yes must be given.",
     .examples = "esp-tokenctl remove acme/website\n"
                 "esp-tokenctl remove 15R4YyLIodi --yes\n"},
    {0},
};
