/* SPDX-License-Identifier: ISC */
/* Messages that are shortened to fit a buffer, and calls with a NULL error. */
#include "common/error.h"
#include "support/support.h"

#include <string.h>

/* Begin and end are kept, no UTF-8 character is split, and no byte after the buffer is written. */
START_TEST(shortened_to_fit)
{
    static const char message[] =
        "/a/very/long/path/\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6: no such file";
    for (size_t size = 0; size <= sizeof message + 1; size++) {
        char out[80];
        memset(out, '#', sizeof out);
        espt_fit(out, size, message);
        ck_assert_int_eq(out[size], '#');
        if (size == 0)
            continue;
        ck_assert_uint_lt(strlen(out), size);
        ck_assert(size == 1 || out[0] == '/');
        for (const char *at = out; *at != '\0'; at++)
            ck_assert((*at == '\xc3') == (at[0] != '\0' && at[1] == '\xb6'));
        if (size > sizeof message - 1)
            ck_assert_str_eq(out, message);
        else if (size >= 32)
            ck_assert_str_eq(out + strlen(out) - 4, "file");
    }
}
END_TEST

START_TEST(errors_may_be_null)
{
    ck_assert_int_eq(espt_fail(NULL, ESPT_REFUSED, "no"), ESPT_REFUSED);
    ck_assert_int_eq(espt_fail_file(NULL, "file", 1, ""), ESPT_UNUSABLE);
    ck_assert_int_eq(espt_fail_in(NULL, "within"), ESPT_UNUSABLE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("error");
    TCase *tests = tcase_create("messages");
    tcase_add_test(tests, shortened_to_fit);
    tcase_add_test(tests, errors_may_be_null);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
