/* SPDX-License-Identifier: ISC */
/* pam_esp_token.so in libpam itself: verdicts, options, users, prompts. */
#include "hosts/pam_host.h"

#include <sodium.h>
#include <time.h>

static char *north, *acme,
    *web; /* token texts: of a reseller, of its customer, and one to switch off */
static char web_id[12];

#define DO(...) must(CTL(config, NULL, __VA_ARGS__))
static const char *must(struct run run)
{
    ck_assert_msg(run.status == 0, "%s", run.err);
    return run.out;
}

static char *text_in(const char *output)
{
    const char *at = strstr(output, "esptk_");
    ck_assert_ptr_nonnull(at);
    return strndup(at, 54);
}

static void setup(void)
{
    config = store_folder(&folder);
    services = temp_folder();
    north = text_in(DO("entity", "add", "north", "--kind", "reseller", "--tier", "advanced"));
    acme = text_in(DO("entity", "add", "acme", "--kind", "customer", "--reseller", "north"));
    web = text_in(DO("create", "north", "web"));
    snprintf(web_id, sizeof web_id, "%.11s", web + 6);
    service("plain", "auth required @\naccount required @\n");
}

static void teardown(void)
{
    free(north);
    free(acme);
    free(web);
}

START_TEST(a_token_is_the_password_of_its_entity)
{
    login_begin("plain", "acme");
    answers[0] = acme;
    ck_assert_int_eq(pam_authenticate(pam, 0), PAM_SUCCESS);
    ck_assert_str_eq(last_prompt, "Token: ");
    ck_assert_int_eq(pam_setcred(pam, PAM_ESTABLISH_CRED), PAM_SUCCESS);
    ck_assert_int_eq(pam_acct_mgmt(pam, 0), PAM_SUCCESS);
    ck_assert_int_eq(prompts, 1);
    login_end();
    char line[64];
    snprintf(line, sizeof line, "token %.11s: allow (allowed)\n", acme + 6);
    ck_assert_msg(says(line), "%s", logged);
}
END_TEST

/* A foreign token has up to 256 bytes. */
START_TEST(a_foreign_token_is_as_good)
{
    char token[257], line[512];
    unsigned char sum[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof sum + 1];
    memset(token, 'x', 256);
    token[256] = '\0';
    crypto_hash_sha256(sum, (const unsigned char *)token, 256);
    sodium_bin2hex(hex, sizeof hex, sum, sizeof sum);
    snprintf(
        line, sizeof line,
        "{\"token\":{\"foreign\":true,\"entity\":\"north\",\"name\":\"old\",\"sha256\":\"%s\"}}",
        hex);
    ck_assert_int_eq(CTL(config, line, "import", "-").status, 0);
    login_begin("plain", "north");
    answers[0] = token;
    ck_assert_int_eq(pam_authenticate(pam, 0), PAM_SUCCESS);
    ck_assert_int_eq(pam_acct_mgmt(pam, 0), PAM_SUCCESS);
    login_end();
}
END_TEST

START_TEST(who_has_no_token_of_it_learns_nothing)
{
    char forged[55];
    snprintf(forged, sizeof forged, "%s", acme);
    forged[53] = forged[53] == 'a' ? 'b' : 'a';
    ck_assert_int_eq(auth("plain", "acme", forged), PAM_AUTH_ERR);
    ck_assert(says("token -: malformed"));
    ck_assert_int_eq(auth("plain", "acme", ""), PAM_AUTH_ERR);
    ck_assert_int_eq(auth("plain", "nobody.such", acme), PAM_AUTH_ERR);
    ck_assert_msg(says("entity (the token does not belong to the entity of that user name)"), "%s",
                  logged);
    ck_assert_int_eq(auth("plain", "acm", acme), PAM_AUTH_ERR);
    ck_assert_int_eq(auth("plain", "acme2", acme), PAM_AUTH_ERR);
    ck_assert_int_eq(auth("plain", "ACME", acme), PAM_AUTH_ERR);
    ck_assert_int_eq(auth("plain", "", acme), PAM_AUTH_ERR);
    /* a reseller reads the data of its customer, but does not log in as the customer */
    ck_assert_int_eq(auth("plain", "acme", north), PAM_AUTH_ERR);
    ck_assert_int_eq(auth("plain", "north", acme), PAM_AUTH_ERR);
    DO("edit", web_id, "--status", "inactive");
    ck_assert_int_eq(auth("plain", "acme", web), PAM_AUTH_ERR);
    DO("remove", web_id, "--yes");
    ck_assert_int_eq(auth("plain", "north", web), PAM_AUTH_ERR);
    ck_assert(says("unknown"));
}
END_TEST

START_TEST(each_verdict_has_its_code)
{
    struct {
        const char *const *undo, *const *change;
        int code;
        const char *reason;
    } cases[] = {
#define ARGS(...) (const char *const[]){__VA_ARGS__, NULL}
        {ARGS("edit", web_id, "--status", "active"), ARGS("edit", web_id, "--status", "inactive"),
         PAM_PERM_DENIED, "inactive"},
        {ARGS("entity", "edit", "north", "--status", "active"),
         ARGS("entity", "edit", "north", "--status", "inactive"), PAM_ACCT_EXPIRED, "suspended"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        must(run_ctl(config, NULL, cases[i].change));
        ck_assert_int_eq(auth("plain", "north", web), cases[i].code);
        ck_assert_msg(says(cases[i].reason), "%s", logged);
        must(run_ctl(config, NULL, cases[i].undo));
        ck_assert_int_eq(auth("plain", "north", web), PAM_SUCCESS);
    }
    DO("entity", "edit", "north", "--status", "inactive");
    ck_assert_int_eq(auth("plain", "acme", acme), PAM_ACCT_EXPIRED);
    DO("entity", "edit", "north", "--status", "active");

    char soon[32];
    time_t then = time(NULL) + 2;
    strftime(soon, sizeof soon, "%Y-%m-%dT%H:%M:%SZ", gmtime(&then));
    DO("edit", web_id, "--expires", soon);
    while (time(NULL) < then + 1)
        usleep(50000);
    ck_assert_int_eq(auth("plain", "north", web), PAM_AUTHTOK_EXPIRED);
    ck_assert(says("expired"));

    file_text(in_folder(folder, "tiers.ini"), "[lite]\nrank = 10\nmax_tokens = 1\ndefault = yes\n");
    ck_assert_int_eq(auth("plain", "north", north), PAM_PERM_DENIED);
    ck_assert(says("tier"));
    ck_assert_int_eq(auth("plain", "acme", acme), PAM_SUCCESS);
}
END_TEST

START_TEST(what_cannot_tell_says_so)
{
    file_text(in_folder(folder, "tiers.ini"), "[lite\n");
    ck_assert_int_eq(auth("plain", "acme", acme), PAM_AUTHINFO_UNAVAIL);
    ck_assert_msg(says("tiers.ini:1:"), "%s", logged);
    struct {
        const char *line, *log;
    } cases[] = {
        {"validator=/nonexistent.so", "/nonexistent.so"},
        {"validator=" OUT "/plugins/pam/pam_esp_token.so", "no validator of ABI 1.1"},
        {"validator=/dev/null", "/dev/null"},
        {"config=/nonexistent.conf", "/nonexistent.conf"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024];
        bool other = strncmp(cases[i].line, "config", 6) == 0;
        snprintf(text, sizeof text, "auth required %s %s %s%s\n",
                 OUT "/plugins/pam/pam_esp_token.so", cases[i].line,
                 other ? "validator=" : "config=", other ? plugin_path() : config);
        service("broken", text);
        ck_assert_int_eq(auth("broken", "acme", acme), PAM_AUTHINFO_UNAVAIL);
        ck_assert_msg(says(cases[i].log), "%s", logged);
    }
}
END_TEST

START_TEST(a_damaged_store_lets_nobody_in)
{
    size_t len;
    char *bytes = file_read(in_folder(folder, "tokens.mdb"), &len);
    for (size_t at = 8192; at < len; at += 16)
        bytes[at] ^= 0x55;
    file_write(in_folder(folder, "tokens.mdb"), bytes, len, 0640);
    ck_assert_int_eq(auth("plain", "acme", acme), PAM_AUTHINFO_UNAVAIL);
    ck_assert_msg(says("corrupt"), "%s", logged);
}
END_TEST

START_TEST(account_asks_again)
{
    login_begin("plain", "north");
    answers[0] = web;
    ck_assert_int_eq(pam_acct_mgmt(pam, 0), PAM_CRED_INSUFFICIENT);
    ck_assert(says("account: no token passed auth"));
    ck_assert_int_eq(pam_authenticate(pam, 0), PAM_SUCCESS);
    ck_assert_int_eq(pam_acct_mgmt(pam, 0), PAM_SUCCESS);
    DO("edit", web_id, "--status", "inactive");
    ck_assert_int_eq(pam_acct_mgmt(pam, 0), PAM_PERM_DENIED);
    DO("edit", web_id, "--status", "active");
    ck_assert_int_eq(pam_acct_mgmt(pam, 0), PAM_SUCCESS);
    DO("entity", "edit", "north", "--status", "inactive");
    ck_assert_int_eq(pam_acct_mgmt(pam, 0), PAM_ACCT_EXPIRED);
    DO("entity", "edit", "north", "--status", "active");
    /* the user changes before account; an auth fails after one that succeeded */
    ck_assert_int_eq(pam_set_item(pam, PAM_USER, "acme"), PAM_SUCCESS);
    ck_assert_int_eq(pam_acct_mgmt(pam, 0), PAM_AUTH_ERR);
    ck_assert_int_eq(pam_set_item(pam, PAM_USER, "north"), PAM_SUCCESS);
    answers[1] = "wrong";
    ck_assert_int_eq(pam_authenticate(pam, 0), PAM_AUTH_ERR);
    ck_assert_int_eq(pam_acct_mgmt(pam, 0), PAM_CRED_INSUFFICIENT);
    login_end();
    /* without a user the module cannot know the entity */
    login_begin("plain", "north");
    answers[0] = web;
    ck_assert_int_eq(pam_authenticate(pam, 0), PAM_SUCCESS);
    ck_assert_int_eq(pam_set_item(pam, PAM_USER, NULL), PAM_SUCCESS);
    ck_assert_int_eq(pam_acct_mgmt(pam, 0), PAM_USER_UNKNOWN);
    login_end();
}
END_TEST

/* The number of stores that are mapped in this process. */
static int stores_open(void)
{
    char line[512];
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    ck_assert_ptr_nonnull(maps);
    while (fgets(line, sizeof line, maps) != NULL)
        found += strstr(line, ".mdb\n") != NULL;
    fclose(maps);
    return found;
}

START_TEST(account_closes_what_auth_opened)
{
    login_begin("plain", "acme");
    answers[0] = acme;
    ck_assert_int_eq(pam_authenticate(pam, 0), PAM_SUCCESS);
    ck_assert_int_eq(stores_open(), 1);
    char *tiers = file_read(in_folder(folder, "tiers.ini"), NULL);
    file_text(in_folder(folder, "tiers.ini"), "broken"); /* what is open keeps the old table */
    ck_assert_int_eq(pam_acct_mgmt(pam, 0), PAM_SUCCESS);
    ck_assert_int_eq(stores_open(), 0);
    ck_assert_int_eq(pam_acct_mgmt(pam, 0), PAM_AUTHINFO_UNAVAIL); /* opens again */
    file_text(in_folder(folder, "tiers.ini"), tiers);
    login_end();
    ck_assert_int_eq(auth("plain", "acme", acme), PAM_SUCCESS); /* without account */
    ck_assert_int_eq(stores_open(), 0);
    ck_assert_int_eq(auth("plain", "acme", "wrong"), PAM_AUTH_ERR);
    ck_assert_int_eq(stores_open(), 0);
}
END_TEST

/* Messages of the validator go to the host's log. A login succeeds even if its use cannot be
 * counted. */
START_TEST(warnings_are_logged)
{
    const char *const argv[] = {"sh", "-c", "rm -r \"$0\" && echo >\"$0\"",
                                in_folder(folder, "usage"), NULL};
    ck_assert_int_eq(run_process(argv, NULL).status, 0);
    ck_assert_int_eq(auth("plain", "acme", acme), PAM_SUCCESS);
    ck_assert_msg(says("uses are not counted: "), "%s", logged);
}
END_TEST

/* The stack of the manual: a token that is refused after auth is not treated as a missing one. */
START_TEST(tokens_beside_passwords)
{
    service("both", "auth [success=1 default=ignore] @\nauth required pam_permit.so\n"
                    "auth required pam_permit.so\n"
                    "account [success=1 cred_insufficient=ignore default=die] @\n"
                    "account required pam_permit.so\naccount required pam_permit.so\n");
    for (int gone = 0; gone < 2; gone++) {
        login_begin("both", "north");
        answers[0] = web;
        ck_assert_int_eq(pam_authenticate(pam, 0), PAM_SUCCESS);
        if (gone)
            DO("remove", web_id, "--yes");
        ck_assert_int_eq(pam_acct_mgmt(pam, 0), gone ? PAM_AUTH_ERR : PAM_SUCCESS);
        login_end();
    }
    login_begin("both", "somebody");
    answers[0] = "a password";
    ck_assert_int_eq(pam_authenticate(pam, 0), PAM_SUCCESS);
    ck_assert_int_eq(pam_acct_mgmt(pam, 0), PAM_SUCCESS);
    login_end();
}
END_TEST

START_TEST(metric_and_rank_are_required_where_written)
{
    service("asn", "auth required @ metric=asn.traffic\n");
    ck_assert_int_eq(auth("asn", "north", north), PAM_SUCCESS);
    ck_assert_int_eq(auth("asn", "acme", acme), PAM_PERM_DENIED);
    ck_assert_msg(says("metric"), "%s", logged);
    service("rank", "auth required @ min_rank=20\n");
    ck_assert_int_eq(auth("rank", "north", north), PAM_SUCCESS);
    ck_assert_int_eq(auth("rank", "acme", acme), PAM_PERM_DENIED);
    ck_assert_msg(says("min_rank"), "%s", logged);
    service("higher", "auth required @ min_rank=21\n");
    ck_assert_int_eq(auth("higher", "north", north), PAM_PERM_DENIED);
    service("later", "auth required @\naccount required @ metric=asn.traffic\n");
    login_begin("later", "acme");
    answers[0] = acme;
    ck_assert_int_eq(pam_authenticate(pam, 0), PAM_SUCCESS);
    ck_assert_int_eq(pam_acct_mgmt(pam, 0), PAM_PERM_DENIED);
    login_end();
    service("bad", "auth required @ metric=No,Metric\n");
    ck_assert_int_eq(auth("bad", "north", north), PAM_PERM_DENIED);
}
END_TEST

START_TEST(any_user_becomes_the_entity)
{
    service("any", "auth required @ any_user\naccount required @\n");
    const char *const users[] = {NULL, "someone", "acme"};
    for (size_t i = 0; i < 3; i++) {
        const void *user;
        login_begin("any", users[i]);
        answers[0] = acme;
        ck_assert_int_eq(pam_authenticate(pam, 0), PAM_SUCCESS);
        ck_assert_int_eq(prompts, 1);
        ck_assert_int_eq(pam_get_item(pam, PAM_USER, &user), PAM_SUCCESS);
        ck_assert_str_eq(user, "acme");
        ck_assert_int_eq(pam_acct_mgmt(pam, 0), PAM_SUCCESS);
        login_end();
    }
    const void *user;
    login_begin("any", "someone");
    answers[0] = "wrong";
    ck_assert_int_eq(pam_authenticate(pam, 0), PAM_AUTH_ERR);
    ck_assert_int_eq(pam_get_item(pam, PAM_USER, &user), PAM_SUCCESS);
    ck_assert_str_eq(user, "someone");
    login_end();
    /* a later module changes the name: any_user must stand on the account line too */
    service("mapped", "auth required @ any_user\naccount required @ any_user\n");
    for (int i = 0; i < 2; i++) {
        login_begin(i == 0 ? "any" : "mapped", NULL);
        answers[0] = acme;
        ck_assert_int_eq(pam_authenticate(pam, 0), PAM_SUCCESS);
        ck_assert_int_eq(pam_set_item(pam, PAM_USER, "mapped"), PAM_SUCCESS);
        ck_assert_int_eq(pam_acct_mgmt(pam, 0), i == 0 ? PAM_AUTH_ERR : PAM_SUCCESS);
        login_end();
    }
}
END_TEST

START_TEST(options_are_read_strictly)
{
    struct {
        const char *option, *log;
    } cases[] = {
        {"debug", "option debug: unknown"},
        {"any_users", "option any_users: unknown"},
        {"any_user=yes", "option any_user: unknown"},
        {"metric", "option metric: unknown"},
        {"token=hush", "option token: unknown"},
        {"metric=", "option metric: must not be empty"},
        {"metric=a metric=b", "option metric: given twice"},
        {"config=/x", "option config: given twice"},
        {"validator=/x", "option validator: given twice"},
        {"any_user any_user", "option any_user: given twice"},
        {"min_rank=1 min_rank=1", "option min_rank: given twice"},
        {"min_rank=", "option min_rank: must be a number from 1 to 1000000"},
        {"min_rank=0", "option min_rank: must be"},
        {"min_rank=1000001", "option min_rank: must be"},
        {"min_rank=-1", "option min_rank: must be"},
        {"min_rank=+1", "option min_rank: must be"},
        {"min_rank=10x", "option min_rank: must be"},
        {"min_rank=99999999999999999999", "option min_rank: must be"},
        {"use_first_pass try_first_pass",
         "option try_first_pass: cannot be combined with use_first_pass"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char lines[256];
        snprintf(lines, sizeof lines, "auth required @ %s\naccount required @ %s\n",
                 cases[i].option, cases[i].option);
        service("odd", lines);
        ck_assert_msg(auth("odd", "acme", acme) == PAM_SERVICE_ERR, "%s", cases[i].option);
        ck_assert_msg(says(cases[i].log), "%s: %s", cases[i].option, logged);
        ck_assert(!says("hush"));
        ck_assert_int_eq(prompts, 0);
        login_begin("odd", "acme");
        ck_assert_msg(pam_acct_mgmt(pam, 0) == PAM_SERVICE_ERR, "%s", cases[i].option);
        login_end();
    }
    service("relative", "auth required " OUT "/plugins/pam/pam_esp_token.so config=x.conf\n");
    ck_assert_int_eq(auth("relative", "acme", acme), PAM_SERVICE_ERR);
    ck_assert_msg(says("option config: must be a path that begins with /"), "%s", logged);
    service("relative", "auth required " OUT "/plugins/pam/pam_esp_token.so validator=x.so\n");
    ck_assert_int_eq(auth("relative", "acme", acme), PAM_SERVICE_ERR);
}
END_TEST

START_TEST(the_environment_and_other_services_change_nothing)
{
    setenv("ESP_TOKEN_CONFIG", "/nonexistent.conf", 1);
    ck_assert_int_eq(auth("plain", "acme", acme), PAM_SUCCESS);
    service("none", "session required @\npassword required @\n");
    login_begin("none", "acme");
    ck_assert_int_ne(pam_open_session(pam, 0), PAM_SUCCESS);
    ck_assert_int_ne(pam_chauthtok(pam, 0), PAM_SUCCESS);
    ck_assert_int_ne(pam_authenticate(pam, 0), PAM_SUCCESS);
    login_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pam");
    TCase *tcase = tcase_create("verdicts");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_token_is_the_password_of_its_entity);
    tcase_add_test(tcase, a_foreign_token_is_as_good);
    tcase_add_test(tcase, who_has_no_token_of_it_learns_nothing);
    tcase_add_test(tcase, each_verdict_has_its_code);
    tcase_add_test(tcase, what_cannot_tell_says_so);
    tcase_add_test(tcase, a_damaged_store_lets_nobody_in);
    tcase_add_test(tcase, account_asks_again);
    tcase_add_test(tcase, account_closes_what_auth_opened);
    tcase_add_test(tcase, warnings_are_logged);
    tcase_add_test(tcase, tokens_beside_passwords);
    tcase_add_test(tcase, metric_and_rank_are_required_where_written);
    tcase_add_test(tcase, any_user_becomes_the_entity);
    tcase_add_test(tcase, options_are_read_strictly);
    tcase_add_test(tcase, the_environment_and_other_services_change_nothing);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
