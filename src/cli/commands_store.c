#include "cli/cli.h"

const struct command question_commands[] = {
    {.word = "verify",
     .help = "judge the token on standard input, as a host would",
     .run = run_verify,
     .reads = true,
     .options = BIT(OPTION_METRIC) | BIT(OPTION_ENTITY) | BIT(OPTION_AT) | BIT(OPTION_EXPLAIN),
     .text =
         "Reads one token from standard input (at a terminal it asks for it, without echo), asks "
         "the validator plugin as any host would, and "
         "prints verdict and reason. Exit status 1: it is denied. --at asks for the verdict at "
         "another time, past or to come.\n"
         "With --explain each check is told in its order: pass, fail, or not reached, since the "
         "first that fails is the verdict. Where it can be known, what comes behind is told as "
         "what would be.",
     .examples = "esp-tokenctl verify --metric asn.traffic < token.txt\n"
                 "esp-tokenctl verify --explain --at 90d < token.txt\n"},
    {.word = "check",
     .help = "prove the whole store",
     .run = run_check,
     .reads = true,
     .text =
         "Proves that every record, index and count of the store agrees, and lists the entities "
         "that are over their limit, above their reseller, without a token or with an unknown "
         "tier. Exit status 1: something was found."},
    {.word = "stats",
     .help = "count tokens: by tier, expiry and last use",
     .run = run_stats,
     .reads = true,
     .options = BIT(OPTION_AS) | BIT(OPTION_PROMETHEUS) | BIT(OPTION_OUTPUT),
     .text =
         "Counts entities and tokens in one snapshot of the store: tokens by tier and status, by "
         "the month in which they expire, and by the day of their last use (in UTC).\n"
         "With --prometheus it writes metrics in Prometheus' text format. For node_exporter's "
         "textfile collector let a timer write them into a file of its folder by --output.",
     .examples = "esp-tokenctl stats\n"
                 "esp-tokenctl stats --prometheus -o /var/lib/node_exporter/esp-token.prom\n"},
    {.word = "log",
     .second = "verify",
     .help = "prove that no entry of the log was altered",
     .run = run_log_verify,
     .reads = true,
     .options = BIT(OPTION_PIN),
     .text =
         "Proves that each entry follows from the one before it, and prints the last one's number "
         "and hash as NUMBER:HASH. Who keeps that elsewhere can hold a later log against it by "
         "--pin: then also a log that was cut or written anew as a whole is found out.",
     .examples = "esp-tokenctl log verify > /mnt/elsewhere/esp-token.pin\n"
                 "esp-tokenctl log verify --pin \"$(cat /mnt/elsewhere/esp-token.pin)\"\n"},
    {.word = "log",
     .help = "show who changed what, and when",
     .run = run_log,
     .reads = true,
     .options = BIT(OPTION_SINCE) | BIT(OPTION_ENTITY) | BIT(OPTION_TOKEN) | BIT(OPTION_FOLLOW),
     .own = {{OPTION_ENTITY, NULL, "what concerns this entity"}},
     .text = "Shows the audit log, oldest first: when, who (who logged in or called sudo > the "
             "effective user, and for whom by --as), by which command, and what was before and "
             "after. Showing or copying a token's text is entered too. No entry holds a secret.\n"
             "With --json --follow each entry is one document on a line of its own.",
     .examples = "esp-tokenctl log --since 7d --entity acme\n"
                 "esp-tokenctl log --follow\n"},
    {0},
};

const struct command store_commands[] = {
    {.word = "init",
     .help = "make what is missing of config, tiers, keys and store",
     .run = run_init,
     .operands = {{"DIR", VALUE_FOLDER}},
     .text = "Makes what is missing of configuration, tier table, reveal keys and store: of those "
             "that the configuration in use names, or all inside DIR, which is made if need be. "
             "Nothing is ever overwritten. A public key without its secret half is left alone; a "
             "secret one without its public half gives it.",
     .examples = "esp-tokenctl init\n"
                 "esp-tokenctl init /tmp/tour\n"},
    {.word = "complete",
     .help = "print what may stand next on a command line",
     .run = run_complete,
     .reads = true,
     .operands = {{"WORD", VALUE_TEXT}},
     .many = true,
     .hidden = true,
     .text =
         "Completion in bash, zsh and fish is made of this. The WORDs, after --, are those typed "
         "so far, without esp-tokenctl itself; the last one, which may be empty, is to be "
         "completed. It prints one candidate a line, with a tab and a short description where "
         "there is one; more is to come after a candidate that ends in a slash. The lines "
         ":file and :folder ask for the shell's own. It prints nothing where it knows nothing.",
     .examples = "esp-tokenctl complete -- entity show ac\n"},
    {.word = "usage",
     .second = "fold",
     .help = "keep what hosts counted, where they have ended",
     .run = run_usage_fold,
     .text =
         "Hosts count the uses of tokens in files of the folder that [usage] names, and list and "
         "show add them up. This takes the counts of processes that have ended into the store "
         "and their files away. Every command that changes the store does so at its end; a "
         "timer and the shutdown of the machine may call this one, for a folder in memory is "
         "empty when the machine starts again.",
     .examples = "esp-tokenctl usage fold\n"},
    {.word = "backup",
     .help = "write a copy of the whole store, with its hash",
     .run = run_backup,
     .operands = {{"FILE", VALUE_FILE}},
     .least = 1,
     .text = "Writes the store as it is now to the new file FILE, while hosts and commands go on, "
             "and FILE.manifest: what is in it, and its SHA-256 in the form of sha256sum. "
             "The reveal key is not in it. Copying the store's file by other means, while "
             "something is written, gives a file that cannot be used.",
     .examples = "esp-tokenctl backup /var/backups/esp-token-$(date +%F).mdb\n"},
    {.word = "restore",
     .help = "put a backup in the store's place",
     .run = run_restore,
     .operands = {{"FILE", VALUE_FILE}},
     .least = 1,
     .options = BIT(OPTION_YES) | BIT(OPTION_NO_MANIFEST),
     .text = "Holds FILE against its manifest, proves every record and index of it, shows what it "
             "would replace, and asks. The old store is kept beside the new one, under a name that "
             "is told. Hosts take the new one up at once. The store's revision goes on rising, and "
             "the log tells of the restoring. To go back, restore the kept one with --no-manifest.",
     .examples = "esp-tokenctl restore /var/backups/esp-token-2026-11-24.mdb\n"},
    {.word = "export",
     .help = "print the store as lines of JSON",
     .run = run_export,
     .reads = true,
     .options = BIT(OPTION_SEALED),
     .text = "Prints every entity and token, one document a line: what import takes, here or "
             "elsewhere. Token texts are not in it, but their SHA-256 is, so that the tokens go on "
             "working; with --sealed their sealed texts are, which only the reveal key opens.",
     .examples = "esp-tokenctl export --sealed > esp-token.jsonl\n"},
    {.word = "import",
     .help = "take in lines of JSON, as export prints them",
     .run = run_import,
     .operands = {{"FILE", VALUE_FILE}},
     .least = 1,
     .options = BIT(OPTION_DRY_RUN),
     .text = "Reads FILE (-: standard input) line by line, in batches. What is there already is "
             "left alone, so that it may be run again after a line that was refused, or an "
             "interrupt. --dry-run changes nothing, and tells each line that would be refused, and "
             "why (exit status 1).\n"
             "Tokens of another system go on working when a line gives their SHA-256: "
             "{\"token\": {\"foreign\": true, \"entity\": \"acme\", \"name\": \"old\", "
             "\"sha256\": \"...\"}}. Such a text is 20 to 256 printable ASCII characters that do "
             "not begin with esptk_.",
     .examples = "esp-tokenctl import esp-token.jsonl --dry-run\n"},
    {.word = "key",
     .second = "rotate",
     .help = "seal every text to a new reveal key",
     .run = run_key_rotate,
     .options = BIT(OPTION_PASSPHRASE_FILE),
     .text = "Makes a new reveal key, seals every token text to it in one transaction, and puts it "
             "in the place of the old one, under the same passphrase. Whenever it is broken off, "
             "every text can still be seen; run it again. Backups taken before open by the old key "
             "alone."},
    {.word = "key",
     .second = "passphrase",
     .help = "set, change or remove the reveal key's passphrase",
     .run = run_key_passphrase,
     .options = BIT(OPTION_PASSPHRASE_FILE) | BIT(OPTION_NEW_PASSPHRASE_FILE) | BIT(OPTION_REMOVE),
     .text = "Keeps the secret reveal key under a passphrase (by Argon2id), which show --reveal, "
             "copy and key rotate then ask for at the terminal. Scripts give it as the first line "
             "of a file that nobody else may read. Hosts, and creating tokens, never need it.",
     .examples = "esp-tokenctl key passphrase\n"
                 "esp-tokenctl key passphrase --remove\n"},
    {.word = "upgrade",
     .help = "bring a store of an older version to this one",
     .run = run_upgrade,
     .text = "Converts the store in one transaction, after a backup that is kept beside it. "
             "Upgrade the validator and esp-tokenctl first: each refuses a store of another "
             "version, in words."},
    {0},
};
