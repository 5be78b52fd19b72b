/* SPDX-License-Identifier: ISC */
/* The table of the commands about a fleet. */
#include "cli/cli.h"

const struct command fleet_commands[] = {
    {.word = "fleet",
     .second = "key",
     .help = "create this machine's key, and print it for the fleet",
     .run = run_fleet_key,
     .edges = true,
     .text = "Create the file that [fleet] key names, if it is missing; it is never overwritten. "
             "Print the name of this machine and the public half of its key on one line, as "
             "'fleet site add' takes them.",
     .examples = "esp-tokenctl fleet key\n"},
    {.word = "fleet",
     .second = "init",
     .help = "make this store the first of a fleet",
     .run = run_fleet_init,
     .text = "Begin a fleet in an empty journal, with this store as it is and this machine as its "
             "first site, and write the file that [fleet] trust names. Copy that file to every "
             "machine that joins. From now on each change of this store is an entry of the journal "
             "first; if the journal cannot be reached, nothing is changed.",
     .examples = "esp-tokenctl fleet key\n"
                 "esp-tokenctl fleet init\n"},
    {.word = "fleet",
     .second = "site",
     .help = "list, add or remove the machines that may write",
     .run = run_fleet_site,
     .edges = true,
     .operands = {{"add|remove|list", VALUE_CHOICE}, {"NAME", VALUE_TEXT}, {"KEY", VALUE_TEXT}},
     .least = 1,
     .text =
         "add lets the machine NAME, which signs with KEY, write; run 'fleet key' there to print "
         "both. remove ends that right; what the machine has written before stays. list prints "
         "the machines that may write.",
     .examples = "esp-tokenctl fleet site add $(ssh hq-2 esp-tokenctl fleet key)\n"
                 "esp-tokenctl fleet site list\n"
                 "esp-tokenctl fleet site remove hq-2\n"},
    {.word = "fleet",
     .second = "edge",
     .help = "list, add or remove the edges that report uses",
     .run = run_fleet_edge,
     .operands = {{"add|remove|list", VALUE_CHOICE}, {"NAME", VALUE_TEXT}, {"KEY", VALUE_TEXT}},
     .least = 1,
     .text = "add accepts the use counts that the edge NAME reports, signed with KEY; run 'fleet "
             "key' there to see both. From then on uses are shown as not known while that edge has "
             "not reported for a day. remove ends both, and the counts of that edge are gone. The "
             "key of an edge signs no change. An edge that was not added follows all the same.",
     .examples = "esp-tokenctl fleet edge add $(ssh edge-7 esp-tokenctl fleet key)\n"
                 "esp-tokenctl fleet edge list\n"},
    {.word = "fleet",
     .second = "join",
     .help = "make this store one of the fleet",
     .run = run_fleet_join,
     .edges = true,
     .options = BIT(OPTION_YES) | BIT(OPTION_EDGE),
     .own = {{OPTION_YES, NULL, "do not ask; discard what only this store has"}},
     .text = "Read the fleet's snapshot and every entry after it from the journal, verify them "
             "against the file that [fleet] trust names, and make this store the result, in one "
             "transaction. First list what this store has and the fleet lacks, and ask. Hosts "
             "see the new state when the command returns.\n"
             "With --edge the store becomes that of an edge. It holds what validators need and "
             "nothing else: no token names, no sealed texts and no log. It cannot change anything, "
             "and most commands are refused there. The store must be new, because the file of a "
             "store that held tokens keeps parts of them. Create a key for this machine if it has "
             "none.",
     .examples = "esp-tokenctl init\n"
                 "esp-tokenctl fleet join\n"
                 "esp-tokenctl fleet join --edge\n"},
    {.word = "fleet",
     .second = "status",
     .help = "show where this store stands in the fleet",
     .run = run_fleet_status,
     .reads = true,
     .edges = true,
     .options = BIT(OPTION_STALE) | BIT(OPTION_PIN) | BIT(OPTION_PROMETHEUS) | BIT(OPTION_OUTPUT),
     .own = {{OPTION_PIN, NULL, "say whether the journal has this entry"}},
     .text = "Show the fleet, this machine, the last entry that this store has (number and hash) "
             "and its time, the last time for which a site has signed this state as the newest "
             "(fresh), and the last entry of the journal.\n"
             "With --pin say whether the journal has that entry, after a command could not tell "
             "whether its change was made. The exit status is 1 if it lacks the entry.\n"
             "With --prometheus write metrics in Prometheus' text format: positions, time, entries "
             "that are missing or refused. A journal that cannot be reached is one of them.",
     .examples = "esp-tokenctl fleet status\n"
                 "esp-tokenctl fleet status --prometheus -o /var/lib/node_exporter/fleet.prom\n"},
    {.word = "fleet",
     .second = "check",
     .help = "compare the records of this store with the fleet's sum",
     .run = run_fleet_check,
     .reads = true,
     .edges = true,
     .options = BIT(OPTION_STALE),
     .text =
         "Add up all records that the fleet shares, and compare the sum with the one that the "
         "last entry has signed. The exit status is 1 if they differ: then restore this machine "
         "with 'fleet join'.",
     .examples = "esp-tokenctl fleet check\n"},
    {.word = "fleet",
     .second = "refill",
     .help = "put lost entries back into a journal that was set back",
     .run = run_fleet_refill,
     .text =
         "After a standby of the database took over without the last entries, or the journal was "
         "restored from an older copy: append the entries that this store has and the journal "
         "lacks, as they were signed. Each site keeps its last entries for this, 32 MiB or more. "
         "Run it at the site that is farthest ahead, before anybody writes. If other entries have "
         "taken their place, nothing is changed.",
     .examples = "esp-tokenctl fleet refill\n"},
    {.word = "fleet",
     .second = "publish",
     .help = "write the feed that edges follow, until it is ended",
     .run = run_fleet_publish,
     .text =
         "Write the fleet's journal as signed files into the folder that [fleet] publish names: "
         "each change at once, and a newly signed head every 10 seconds without one. Any web "
         "server can show the folder to edges. Run it at one site, as the unit "
         "esp-token-publish.service; it "
         "ends with SIGTERM. If the journal cannot be reached, it says so and goes on when it "
         "can. The folder must exist.",
     .examples = "esp-tokenctl fleet publish\n"},
    {.word = "fleet",
     .second = "follow",
     .help = "keep this store up to date, until it is ended",
     .run = run_fleet_follow,
     .edges = true,
     .text =
         "Apply the changes of the fleet's sites, at once or within half a second, and the times "
         "that they sign (max_age). Run it at each edge and at each site, as the unit "
         "esp-token-follow.service; it ends with SIGTERM. Hosts do not wait for it. If the "
         "journal cannot be reached, or the disk is full, it says so once and goes on when it "
         "can. An entry that it must refuse is reported and tried again, and the store stays at "
         "the entry before. One process follows for a store at a time.",
     .examples = "esp-tokenctl fleet follow\n"},
    {0},
};
