#include "cli/cli.h"

const struct command question_commands[] = {
    {.word = "verify",
     .help = "judge the token on standard input, as a host would",
     .run = run_verify,
     .options = BIT(OPTION_METRIC) | BIT(OPTION_ENTITY) | BIT(OPTION_AT),
     .text =
         "Reads one token from standard input, asks the validator plugin as any host would, and "
         "prints verdict and reason. Exit status 1: it is denied.",
     .examples = "esp-tokenctl verify --metric asn.traffic < token.txt\n"},
    {.word = "check",
     .help = "prove the whole store",
     .run = run_check,
     .text =
         "Proves that every record, index and count of the store agrees, and lists the entities "
         "that are over their limit, above their reseller, without a token or with an unknown "
         "tier. Exit status 1: something was found."},
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
    {0},
};
