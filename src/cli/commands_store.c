/* SPDX-License-Identifier: ISC */
/* The table of the commands about the store, its copies, keys and log. */
#include "cli/cli.h"

const struct command question_commands[] = {
    {.word = "verify",
     .help = "check the token on standard input, as a host would",
     .run = run_verify,
     .reads = true,
     .options = BIT(OPTION_METRIC) | BIT(OPTION_ENTITY) | BIT(OPTION_AT) | BIT(OPTION_EXPLAIN) |
                BIT(OPTION_TOKEN) | BIT(OPTION_AS),
     .own = {{OPTION_TOKEN, NULL, "check this token without its text"},
             {OPTION_AS, NULL, "with --token: see what this entity may see only"}},
     .text = "Read one token from standard input (a terminal is asked for it, without echo), let "
             "the validator plugin check it as a host would, and print verdict and reason. The "
             "exit status is 1 if the token is denied. --at asks for the verdict at another time, "
             "in the past or in the future. No use is counted.\n"
             "With --token nothing is read: the command makes every check but those of the text, "
             "and prints what a host would answer to the right text. So it explains why a holder "
             "is denied, without the secret.\n"
             "With --explain list each check in its order: pass, fail or not reached, because the "
             "first check that fails is the verdict. Later checks show the result they would have "
             "had, if it can be known.",
     .examples = "esp-tokenctl verify --metric asn.traffic < token.txt\n"
                 "esp-tokenctl verify --explain --at 90d < token.txt\n"
                 "esp-tokenctl verify --explain --token acme/website --metric asn.traffic\n"},
    {.word = "check",
     .help = "prove the whole store",
     .run = run_check,
     .reads = true,
     .edges = true,
     .options = BIT(OPTION_STALE) | BIT(OPTION_TEXTS) | BIT(OPTION_PASSPHRASE_FILE),
     .text = "Prove that each page of the store has one owner, and that every record, index and "
             "count agrees. List the entities that are over their limit, above their reseller, "
             "without a token or with an unknown tier. The exit status is 1 if something was "
             "found.\n"
             "The kinds of findings are: damaged, index, count, rule and log (the store is "
             "damaged: restore a backup); page (pages that are neither used nor free: room is "
             "lost, and nothing else); group (hosts cannot read the store, because it was made "
             "before the group esp-token); text (no key at hand opens the text); over-limit, "
             "above-reseller, no-token and unknown-tier.\n"
             "If the secret reveal key is at hand, check also finds the texts that none of its "
             "keys opens, by the key that each record names. With --texts it opens every text; "
             "that takes longer, and asks for the passphrase of the key if it has one.",
     .examples = "esp-tokenctl check\n"
                 "esp-tokenctl check --texts --passphrase-file words\n"},
    {.word = "doctor",
     .help = "find what is wrong with this installation",
     .run = run_doctor,
     .reads = true,
     .edges = true,
     .options = BIT(OPTION_TEXTS) | BIT(OPTION_PASSPHRASE_FILE),
     .text = "Look at the whole installation, and print each problem with the command that mends "
             "it: the configuration, also if it is broken; the group of hosts; owner and mode of "
             "every file and of the folders above it; the store, which is proved as check does, "
             "its map_size and the processes that read it; the tier table; the reveal key; the "
             "folder of uses; the program of notices; free space; the clock; the units of "
             "systemd; hosts that still use a validator that was replaced; and unfinished copies "
             "that killed commands left. Nothing is changed.\n"
             "A finding is an error (something does not work, or is not safe) or a warning (it "
             "works, but not in every case). At a terminal what was looked at is listed too, and "
             "in any case what could not be looked at, for example as another user than root. "
             "The exit status is 1 if something was found.\n"
             "If the secret reveal key is at hand and has no passphrase, some texts are opened. "
             "With --texts all are, and the passphrase is asked for.",
     .examples = "esp-tokenctl doctor\n"
                 "esp-tokenctl doctor --json\n"},
    {.word = "stats",
     .help = "count tokens: by tier, expiry and last use",
     .uses = true,
     .sums = true,
     .run = run_stats,
     .reads = true,
     .options = BIT(OPTION_STALE) | BIT(OPTION_AS) | BIT(OPTION_PROMETHEUS) | BIT(OPTION_OUTPUT),
     .text = "Count entities and tokens in one snapshot of the store: tokens by tier and status, "
             "by the month in which they expire, and by the day of their last use (in UTC).\n"
             "With --prometheus write metrics in Prometheus' text format. For the textfile "
             "collector of node_exporter, let a timer write them to a file in its folder with "
             "--output.",
     .examples = "esp-tokenctl stats\n"
                 "esp-tokenctl stats --prometheus -o /var/lib/node_exporter/esp-token.prom\n"},
    {.word = "log",
     .second = "verify",
     .help = "prove that no entry of the log was altered",
     .run = run_log_verify,
     .reads = true,
     .options = BIT(OPTION_STALE) | BIT(OPTION_PIN),
     .text = "Prove that each entry follows from the one before it, and print number and hash of "
             "the last one as NUMBER:HASH. Keep that elsewhere, and give it to a later run with "
             "--pin: then a log that was cut, or rewritten as a whole, is found out too.",
     .examples = "esp-tokenctl log verify > /mnt/elsewhere/esp-token.pin\n"
                 "esp-tokenctl log verify --pin \"$(cat /mnt/elsewhere/esp-token.pin)\"\n"},
    {.word = "log",
     .help = "show who changed what, and when",
     .run = run_log,
     .reads = true,
     .options = BIT(OPTION_STALE) | BIT(OPTION_AS) | BIT(OPTION_SINCE) | BIT(OPTION_UNTIL) |
                BIT(OPTION_LINES) | BIT(OPTION_ENTITY) | BIT(OPTION_TOKEN) | BIT(OPTION_FOLLOW),
     .own = {{OPTION_ENTITY, NULL, "show changes of this entity"}},
     .text = "Show the audit log, oldest entry first: the time, the user (who logged in or called "
             "sudo > the effective user, and the entity of --as), the command, and the fields "
             "before and after. Showing or copying the text of a token is logged too. No entry "
             "holds a secret.\n"
             "With -n show the last N of the entries that the other options select.\n"
             "With --as show the changes of that entity and its tokens; for a reseller also those "
             "of its customers. A change is shown if the entity belonged to the reseller when it "
             "was made, and still does. Instead of users it shows for whom the change was made: "
             "platform, or the entity of --as at that time.\n"
             "With --follow show the last 10 entries (-n: N; --since: all since then) and wait for "
             "more. With --json each entry is then one document on a line of its own.\n"
             "With --follow the log continues across a restore: a line (with --json a document, "
             "{\"replaced\":{\"common\",\"lost\"}}) names the last entry that both logs have and "
             "how many of the shown entries are lost; then come the entries of the new store that "
             "were not shown. If no known entry is in both (common: 0), the last entries of the "
             "new store are shown. If the store is missing, the command waits for it.",
     .examples = "esp-tokenctl log --since 7d --entity acme\n"
                 "esp-tokenctl log -n 20 --as north\n"
                 "esp-tokenctl log --follow\n"},
    {0},
};

const struct command store_commands[] = {
    {.word = "help",
     .help = "print this list, or what a command does",
     .run = run_help,
     .reads = true,
     .operands = {{"COMMAND", VALUE_COMMAND}},
     .many = true,
     .text = "Print the list of commands; with COMMAND, print what 'COMMAND --help' prints.",
     .examples = "esp-tokenctl help create\n"
                 "esp-tokenctl help entity add\n"},
    {.word = "init",
     .help = "create missing config, tiers, keys, store",
     .run = run_init,
     .operands = {{"DIR", VALUE_FOLDER}},
     .text = "Create the missing ones of configuration, tier table, reveal keys and store: those "
             "that the configuration in use names, or all of them in DIR, which is created if "
             "needed. Nothing is overwritten. A public key without its secret half is left alone; "
             "a secret key without its public half yields it.\n"
             "A store that was made before the group esp-token existed is given to that group, so "
             "that hosts can read it. A group or mode that was chosen since is kept.",
     .examples = "esp-tokenctl init\n"
                 "esp-tokenctl init /tmp/tour\n"},
    {.word = "upgrade",
     .help = "convert a store of an older version",
     .beside = true,
     .run = run_upgrade,
     .text = "Convert the store to the schema of this version in one transaction. Upgrade the "
             "validator and esp-tokenctl first: a validator reads stores of this schema and of "
             "the one before, and refuses any other with a message. From schema 1 every record is "
             "converted, after a backup that is kept beside the store."},
    {.word = "complete",
     .help = "print the words that can come next on a command line",
     .run = run_complete,
     .reads = true,
     .edges = true,
     .operands = {{"WORD", VALUE_TEXT}},
     .many = true,
     .hidden = true,
     .text = "Print the words that can come next on a command line; the completions of bash, zsh "
             "and fish call this. The WORDs, after --, are those typed so far, without "
             "esp-tokenctl itself; the last one, which may be empty, is completed. Each candidate "
             "has its own line, with a tab and a short description if there is one; a candidate "
             "that ends in "
             "a slash is continued. The lines :file and :folder ask for the shell's own "
             "completion. If nothing is known, nothing is printed.",
     .examples = "esp-tokenctl complete -- entity show ac\n"},
    {.word = "usage",
     .second = "fold",
     .beside = true,
     .help = "add the counts of hosts that have ended",
     .run = run_usage_fold,
     .edges = true,
     .text = "Add the counts of hosts that have ended to the store, and remove their files. Hosts "
             "count the uses of tokens in files in the folder that [usage] names; list and show "
             "add them up. Every command that changes the store does this at its end. Call it "
             "from a timer and when the machine shuts down: a folder in memory is empty after a "
             "restart.",
     .examples = "esp-tokenctl usage fold\n"},
    {.word = "notify",
     .help = "send a notice for each token that will expire soon",
     .run = run_notify,
     .options = BIT(OPTION_WITHIN) | BIT(OPTION_DRY_RUN),
     .own = {{OPTION_DRY_RUN, NULL, "send nothing; list the notices that are due"}},
     .text = "Run the program that [notify] command names, once for each token and stage. The "
             "stages are 30d, 7d and 1d before the expiration and the expiration itself; [notify] "
             "stages changes them. Of several stages that have begun, only the last one is sent. "
             "Retiring, inactive and suspended tokens get no notice, and neither do tokens that "
             "expired more than 30 days ago. With --within only tokens that expire within that "
             "time, or have expired, get one.\n"
             "The program reads one JSON document, on one line, from standard input: "
             "{\"stage\", \"expires\", \"token\": {\"id\", \"name\", \"note\", \"created\"}, "
             "\"entity\": {\"name\", \"kind\", \"contact\"}, \"reseller\": {\"name\", "
             "\"contact\"}}; reseller is null if there is none. It holds no secret. "
             "The program runs as the user of this command, in the folder /, without a shell. Its "
             "environment is PATH and LC_ALL=C.UTF-8. Its standard output is discarded; the last "
             "line of its standard error is reported if it fails. One program runs at a time.\n"
             "If the program ends with status 0, the store remembers that the notice was sent; "
             "backup, restore and upgrade keep that, export and import do not. If it ends with "
             "another status, or not within [notify] timeout (then it is ended), the others are "
             "still sent, the exit status is 5, and the next run tries again. If notify itself "
             "is killed while the program runs, the notice of that one token is sent again: each "
             "notice is sent at least once. If the expiration changes, all stages begin again.\n"
             "Call it from a timer: esp-token-notify.timer does so every hour.",
     .examples = "esp-tokenctl notify --dry-run\n"
                 "esp-tokenctl notify --within 7d\n"},
    {.word = "backup",
     .help = "write a copy of the whole store, with its hash",
     .run = run_backup,
     .operands = {{"FILE", VALUE_FILE}},
     .least = 1,
     .text = "Write the store as it is now to the new file FILE, while hosts and commands go on, "
             "and FILE.manifest: what the backup holds, and its SHA-256 in the form of sha256sum. "
             "The backup does not hold the reveal key. Do not copy the file of the store by other "
             "means: a copy made during a write cannot be used. The folder of FILE must be on a "
             "local file system, and nobody else may write to it. Both files may be moved later.",
     .examples = "esp-tokenctl backup /var/backups/esp-token-$(date +%F).mdb\n"},
    {.word = "restore",
     .beside = true,
     .help = "replace the store by a backup",
     .run = run_restore,
     .operands = {{"FILE", VALUE_FILE}},
     .least = 1,
     .options = BIT(OPTION_YES) | BIT(OPTION_NO_MANIFEST) | BIT(OPTION_KEEP_REMOVED),
     .text = "Check FILE against its manifest, prove its records and indexes, show what it would "
             "replace and what would work again (tokens that were removed, switched off or ended "
             "since, entities that were suspended), and ask. With --keep-removed all of that "
             "stays as it is in the store now.\n"
             "The old store is kept beside the new one; its path is printed. The new store gets "
             "the owner, group, mode and attributes of the old one. Hosts use it at once. The "
             "revision of the store continues to rise, and the log records the restore. To go "
             "back, restore the kept store with --no-manifest.\n"
             "In a fleet no file is replaced: the changes that lead back to the backup become one "
             "entry of the journal, so every machine takes them. The log goes on. Texts that were "
             "sealed to a newer reveal key since stay so.",
     .examples = "esp-tokenctl restore /var/backups/esp-token-2026-11-24.mdb\n"
                 "esp-tokenctl restore esp-token-2026-11-24.mdb --keep-removed\n"},
    {.word = "export",
     .help = "print the store as lines of JSON",
     .run = run_export,
     .reads = true,
     .options = BIT(OPTION_STALE) | BIT(OPTION_SEALED),
     .text = "Print every entity and token, one document a line, as import reads them, here or "
             "elsewhere. Token texts are left out, but their SHA-256 is printed, so that the "
             "tokens keep working. With --sealed the sealed texts are printed too; only the "
             "reveal key opens them.",
     .examples = "esp-tokenctl export --sealed > esp-token.jsonl\n"},
    {.word = "import",
     .beside = true,
     .help = "read lines of JSON, as export prints them",
     .run = run_import,
     .operands = {{"FILE", VALUE_FILE}},
     .least = 1,
     .options = BIT(OPTION_DRY_RUN),
     .text = "Read FILE (-: standard input) line by line, in batches. Entities and tokens that "
             "exist already are left alone, so import may be run again after a refused line or an "
             "interrupt. With --dry-run change nothing, and print each line that would be "
             "refused, and why; the exit status is that of the real run.\n"
             "Tokens of another system keep working if a line gives their SHA-256: {\"token\": "
             "{\"foreign\": true, \"entity\": \"acme\", \"name\": \"old\", \"sha256\": \"...\"}}. "
             "Such a text has 20 to 256 printable ASCII characters and does not begin with "
             "esptk_.",
     .examples = "esp-tokenctl import esp-token.jsonl --dry-run\n"},
    {.word = "key",
     .second = "rotate",
     .help = "seal every text to a new reveal key",
     .run = run_key_rotate,
     .options = BIT(OPTION_PASSPHRASE_FILE),
     .text = "Create a new reveal key, and seal every token text to it in one transaction, under "
             "the same passphrase. If the command is interrupted, every text can still be shown; "
             "run it again. Texts that no key opens stay as they are, and are reported.\n"
             "The old key is kept in the secret file, marked with the time, because only it opens "
             "older backups. show --reveal and copy try every key."},
    {.word = "key",
     .second = "list",
     .help = "list the reveal keys, and what each opens",
     .run = run_key_list,
     .reads = true,
     .options = BIT(OPTION_STALE) | BIT(OPTION_PASSPHRASE_FILE),
     .text = "List the key in force and the older ones that are kept, and how many of the store's "
             "texts each opens. No passphrase is needed, unless a store of an older version does "
             "not say which key a text was sealed to.",
     .examples = "esp-tokenctl key list\n"},
    {.word = "key",
     .second = "forget",
     .help = "remove an old reveal key",
     .run = run_key_forget,
     .operands = {{"KEY", VALUE_TEXT}},
     .least = 1,
     .options = BIT(OPTION_PASSPHRASE_FILE) | BIT(OPTION_YES),
     .text = "Show how many of the store's texts only this key opens, and ask; only y or yes "
             "drops it. Texts in older backups that were sealed to it cannot be shown any more. "
             "KEY is its eight digits, as key list shows them, or the date when it was replaced.",
     .examples = "esp-tokenctl key forget 2026-11-29\n"},
    {.word = "key",
     .second = "passphrase",
     .help = "set, change or remove the reveal key's passphrase",
     .run = run_key_passphrase,
     .options = BIT(OPTION_PASSPHRASE_FILE) | BIT(OPTION_NEW_PASSPHRASE_FILE) | BIT(OPTION_REMOVE),
     .text = "Set, change or remove the passphrase (Argon2id) of the secret reveal key. show "
             "--reveal, copy and key rotate then ask for it at the terminal. Scripts give it as "
             "the first line of a file that nobody else may read. Hosts, and commands that create "
             "tokens, never need it.",
     .examples = "esp-tokenctl key passphrase\n"
                 "esp-tokenctl key passphrase --remove\n"},
    {0},
};
