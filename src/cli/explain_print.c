/* SPDX-License-Identifier: ISC */
/* Output of the checks of verify --explain. */
#include "cli/explain.h"

static const struct {
    const char *word;
    enum colour colour;
} outcomes[] = {
    [CHECK_NOT_REACHED] = {"not reached", COLOUR_NONE},
    [CHECK_PASS] = {"pass", COLOUR_GREEN},
    [CHECK_FAIL] = {"fail", COLOUR_RED},
    [CHECK_NOT_MADE] = {"not checked", COLOUR_NONE},
};

json_t *json_of_checks(const struct question *question, const struct check *checks)
{
    const espt_validator *validator = question->validator;
    struct check found[CHECKS];
    json_t *list = json_array();
    if (checks == NULL) {
        explain(question, found);
        checks = found;
    }
    for (int i = 0; i < CHECKS; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "check",
                                              validator->reason(CHECK_FIRST + i), "outcome",
                                              outcomes[checks[i].outcome].word, "detail",
                                              checks[i].detail));
    return list;
}

int print_checks(const struct question *question, const struct check *checks,
                 struct espt_error *err)
{
    const espt_validator *validator = question->validator;
    struct check found[CHECKS];
    static const struct table_column columns[] = {
        {"CHECK", WHOLE}, {"OUTCOME", WHOLE}, {"DETAIL", WRAPPED}, {0}};
    struct table_view *view;
    int code = table_new(&view, columns, false, err);
    if (code != 0)
        return code;
    if (checks == NULL) {
        explain(question, found);
        checks = found;
    }
    for (int i = 0; i < CHECKS; i++) {
        const enum outcome outcome = checks[i].outcome;
        const struct table_cell cells[] = {PLAIN(validator->reason(CHECK_FIRST + i)),
                                           {outcomes[outcome].word, outcomes[outcome].colour},
                                           PLAIN(checks[i].detail)};
        table_line(view, NULL, cells);
    }
    code = table_print(view, "checks", err);
    table_free(view);
    return code;
}
