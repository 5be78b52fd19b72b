/* A host's environment is never read (contract §4): it may be a stranger's. */
#include "abi/host.h"
#include "places.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

static struct text add(const char *entity)
{
    return text_in(DO("entity", "add", entity, "--kind", "customer"));
}

/* A store of its own; leaves `config` naming it. */
static struct text another(const char *entity)
{
    config = store_folder(&folder);
    return add(entity);
}

START_TEST(config_of_the_call)
{
    const struct text theirs = another("theirs");
    const char *other = config;
    const struct text ours = another("ours");
    ck_assert_int_eq(setenv("ESP_TOKEN_CONFIG", other, 1), 0);
    host_load();
    host_open();
    ck_assert_int_eq(verdict(&ours), ESPT_ALLOW);
    ck_assert_int_eq(verdict(&theirs), ESPT_DENY_UNKNOWN);
    host_teardown();
}
END_TEST

/* Without a config the installed one is asked: here a store of the test's, mounted in its place. */
START_TEST(installed_default)
{
    char err[512] = "", path[1024];
    const struct text theirs = another("theirs");
    ck_assert_int_eq(setenv("ESP_TOKEN_CONFIG", config, 1), 0);
    host_load();
    if (access(ESPT_SYSCONFDIR "/esp-token/esp-token.conf", F_OK) != 0) {
        ck_assert_int_eq(plugin->open(&ctx, NULL, NULL, NULL, err, sizeof err), 0);
        ck_assert_msg(strstr(err, ESPT_SYSCONFDIR "/esp-token/esp-token.conf") != NULL, "%s", err);
    }
    const char *place = temp_folder();
    snprintf(path, sizeof path, "%s/esp-token", place);
    config = NULL;
    DO("init", path);
    snprintf(path, sizeof path, "%s/esp-token/esp-token.conf", place);
    config = path;
    const struct text installed = add("installed");
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount(place, ESPT_SYSCONFDIR, NULL, MS_BIND, NULL) != 0) {
        printf("SKIPPED installed_default: it needs root and mounts: %s\n", strerror(errno));
        return;
    }
    config = NULL;
    host_open();
    ck_assert_int_eq(verdict(&installed), ESPT_ALLOW);
    ck_assert_int_eq(verdict(&theirs), ESPT_DENY_UNKNOWN);
    host_teardown();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("environment");
    TCase *tests = tcase_create("environment");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, config_of_the_call);
    tcase_add_test(tests, installed_default);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
