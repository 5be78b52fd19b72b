/* SPDX-License-Identifier: ISC */
/* Tokens of another system, of which the store has only the SHA-256. */
#include "abi/host.h"

#include <sodium.h>

static void setup(void)
{
    config = store_folder(&folder);
    ck_assert_int_eq(
        CTL(config, NULL, "entity", "add", "acme", "--kind", "customer", "--tier", "advanced")
            .status,
        0);
    host_load();
    host_open();
}

static espt_result ask(const char *text, size_t len)
{
    espt_query query = {.size = sizeof query, .token = text, .token_len = len};
    espt_result result = {.size = sizeof result};
    plugin->validate(ctx, &query, &result);
    return result;
}

static int32_t status_of(const char *text)
{
    return ask(text, strlen(text)).status;
}

static void import(const char *text, const char *name)
{
    unsigned char sum[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof sum + 1], line[512];
    crypto_hash_sha256(sum, (const unsigned char *)text, strlen(text));
    sodium_bin2hex(hex, sizeof hex, sum, sizeof sum);
    snprintf(line, sizeof line,
             "{\"token\":{\"foreign\":true,\"entity\":\"acme\",\"name\":\"%s\",\"sha256\":\"%s\"}}",
             name, hex);
    struct run run = CTL(config, line, "import", "-");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_ptr_nonnull(strstr(run.err, "can guess weak texts"));
}

#define OLD "ab:cd-0123456789/old+text"

START_TEST(found_by_digest)
{
    ck_assert_int_eq(status_of(OLD), ESPT_DENY_MALFORMED);
    import(OLD, "old");
    espt_result result = ask(OLD, strlen(OLD));
    ck_assert_int_eq(result.status, ESPT_ALLOW);
    ck_assert_str_eq(result.entity, "acme");
    ck_assert_uint_eq(strlen(result.token_id), 11);
    result = ask(OLD "x", strlen(OLD) + 1);
    ck_assert_int_eq(result.status, ESPT_DENY_UNKNOWN);
    ck_assert_str_eq(result.token_id, "");
    ck_assert_str_eq(result.entity, "");
    /* all other commands work as for other tokens */
    ck_assert_int_eq(CTL(config, NULL, "edit", "acme/old", "--status", "inactive").status, 0);
    ck_assert_int_eq(status_of(OLD), ESPT_DENY_INACTIVE);
    ck_assert_int_eq(CTL(config, NULL, "edit", "acme/old", "--status", "active").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "remove", "acme/old", "--yes").status, 0);
    ck_assert_int_eq(status_of(OLD), ESPT_DENY_MALFORMED);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
}
END_TEST

/* 20 to 256 printable ASCII bytes that do not begin with esptk_. */
START_TEST(form_of_foreign_texts)
{
    char text[300];
    import(OLD, "old");
    memset(text, 'a', sizeof text);
    ck_assert_int_eq(ask(text, 19).status, ESPT_DENY_MALFORMED);
    ck_assert_int_eq(ask(text, 20).status, ESPT_DENY_UNKNOWN);
    ck_assert_int_eq(ask(text, 256).status, ESPT_DENY_UNKNOWN);
    ck_assert_int_eq(ask(text, 257).status, ESPT_DENY_MALFORMED);
    ck_assert_int_eq(ask(text, 0).status, ESPT_DENY_MALFORMED);
    static const char odd[] = {'\0', '\n', '\t', 0x1f, 0x7f, (char)0x80, (char)0xff};
    for (size_t i = 0; i < sizeof odd; i++) {
        text[25] = odd[i];
        ck_assert_int_eq(ask(text, 30).status, ESPT_DENY_MALFORMED);
    }
    text[25] = ' ';
    ck_assert_int_eq(ask(text, 30).status, ESPT_DENY_UNKNOWN);
    memcpy(text, "esptk_", 6);
    ck_assert_int_eq(ask(text, 30).status, ESPT_DENY_MALFORMED);
    ck_assert_int_eq(ask(text, 54).status, ESPT_DENY_MALFORMED);
}
END_TEST

/* Our tokens are not found by their digest, and foreign tokens are not found by their id. */
START_TEST(own_and_foreign_tokens_are_separate)
{
    struct run made = CTL(config, NULL, "create", "acme", "own", "-q");
    ck_assert_int_eq(made.status, 0);
    made.out[strcspn(made.out, "\n")] = '\0';
    import(OLD, "old");
    ck_assert_int_eq(status_of(made.out), ESPT_ALLOW);
    made.out[20] = made.out[20] == 'a' ? 'b' : 'a';
    ck_assert_int_eq(status_of(made.out), ESPT_DENY_MALFORMED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("foreign");
    TCase *tcase = tcase_create("texts");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, found_by_digest);
    tcase_add_test(tcase, form_of_foreign_texts);
    tcase_add_test(tcase, own_and_foreign_tokens_are_separate);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
