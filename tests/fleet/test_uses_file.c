/* SPDX-License-Identifier: ISC */
/* The file that keeps the uses counted at other machines: it is read as it was written, and a
   damaged file is refused. */
#include "fleet/uses.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct config config;
static struct espt_error err;

static int read_back(struct elsewhere *ret)
{
    const int code = fleet_uses_kept(&config, ret, &err);
    free(ret->items);
    return code;
}

START_TEST(kept_and_damaged)
{
    struct elsewhere_use uses[] = {{.id = 1, .uses = 2, .last_used = 3}, {.id = 4, .uses = 5}};
    struct elsewhere elsewhere = {.items = uses, .count = 2, .unknown = "why"}, found;
    config_in(&config, temp_folder());
    ck_assert_int_ne(read_back(&found), 0);
    ck_assert_int_eq(fleet_uses_keep(&config, &elsewhere, &err), 0);
    ck_assert_int_eq(fleet_uses_kept(&config, &found, &err), 0);
    ck_assert_uint_eq(found.count, 2);
    ck_assert_mem_eq(found.items, uses, sizeof uses);
    ck_assert_str_eq(found.unknown, "why");
    free(found.items);
    char path[4200];
    size_t len;
    snprintf(path, sizeof path, "%s.uses", config.store);
    const char *good = file_read(path, &len);
    for (size_t i = 0; i < len; i++) {
        file_write(path, good, i, 0600);
        ck_assert_int_eq(read_back(&found), ESPT_UNUSABLE);
        ck_assert_msg(strstr(err.message, "is damaged; remove it") != NULL, "%s", err.message);
    }
    char *other = keep_string(malloc(len));
    memcpy(other, good, len);
    other[0] ^= 1;
    file_write(path, other, len, 0600);
    ck_assert_int_eq(read_back(&found), ESPT_UNUSABLE);
    elsewhere.count = 1;
    ck_assert_int_eq(fleet_uses_keep(&config, &elsewhere, &err), 0);
    ck_assert_int_eq(read_back(&found), 0);
    ck_assert_uint_eq(found.count, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("uses file");
    TCase *tcase = tcase_create("uses file");
    tcase_add_test(tcase, kept_and_damaged);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
