/* What every command line must hold to, whatever it is (contract §5 and §6). */
#ifndef TESTS_FUZZ_JUDGE_H
#define TESTS_FUZZ_JUDGE_H

#include "fuzz/ctl.h"

/* What a command line means, by the real options. */
struct asked {
    int code; /* 0, or ESPT_USAGE */
    bool json;
    bool secret; /* an argument holds a token's text */
    const struct command *command;
    struct options options;
    char *argv[64]; /* where the options' texts lie */
};

void asked_of(struct asked *ret_asked, const struct ctl *ctl);

/* `changed`: by what place_sum() tells. */
void judge(const struct asked *asked, const struct ctl *ctl, bool changed);

#endif
