/* SPDX-License-Identifier: ISC */
/* The plugin never reads the host's environment (specification §4), because another user may
 * control it.
 */
#include "abi/host.h"
#include "build_config.h"
#include "support/namespace.h"

#include <errno.h>
#include <libintl.h>
#include <locale.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

static struct text add(const char *entity)
{
    return text_in(DO("entity", "add", entity, "--kind", "customer"));
}

/* Creates a store; sets `config` to its configuration. */
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

/* Without a config, `open` uses the installed one. The test mounts its own there. */
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
    if (!mounts_apart("installed_default"))
        return;
    ck_assert_int_eq(mount(place, ESPT_SYSCONFDIR, NULL, MS_BIND, NULL), 0);
    config = NULL;
    host_open();
    ck_assert_int_eq(verdict(&installed), ESPT_ALLOW);
    ck_assert_int_eq(verdict(&theirs), ESPT_DENY_UNKNOWN);
    host_teardown();
}
END_TEST

/* --- the language of messages --- */

static const char english[] = "No such file or directory", german[] = "GIBT ES NICHT";

/* Writes FOLDER/de/LC_MESSAGES/libc.mo: a catalogue of two entries, in the format of msgfmt. */
static void make_catalogue(const char *place)
{
    static const char head[] = "Content-Type: text/plain; charset=UTF-8\n";
    const uint32_t texts = 28 + 4 * 8;
    const uint32_t at[4] = {texts, texts + 1, texts + 1 + sizeof english,
                            texts + 1 + sizeof english + sizeof head};
    const uint32_t words[] = {0x950412de, 0, 2, 28, 28 + 16, 0, 0,
                              /* length and offset of each key, and of each translation */
                              0, at[0], sizeof english - 1, at[1], sizeof head - 1, at[2],
                              sizeof german - 1, at[3]};
    char bytes[512];
    size_t len = sizeof words;
    memcpy(bytes, words, sizeof words);
    bytes[len++] = '\0';
    memcpy(bytes + len, english, sizeof english);
    memcpy(bytes + len + sizeof english, head, sizeof head);
    memcpy(bytes + len + sizeof english + sizeof head, german, sizeof german);
    len += sizeof english + sizeof head + sizeof german;
    char path[1024];
    snprintf(path, sizeof path, "%s/de", place);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/de/LC_MESSAGES", place);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/de/LC_MESSAGES/libc.mo", place);
    file_write(path, bytes, len, 0644);
}

/* The host has set its locale, and the environment names a language. Messages for failed system
   calls are still in English. */
START_TEST(messages_in_one_language)
{
    char err[512] = "", again[512] = "";
    another("ours");
    host_load();
    host_open();
    ck_assert_int_eq(unlink(in_folder(folder, "tiers.ini")), 0);
    ck_assert_int_eq(plugin->refresh(ctx, err, sizeof err), 0);
    ck_assert_msg(strstr(err, english) != NULL, "%s", err);
    const char *place = temp_folder();
    make_catalogue(place);
    ck_assert(setenv("LANGUAGE", "de", 1) == 0 && setenv("LC_ALL", "C.UTF-8", 1) == 0);
    if (setlocale(LC_ALL, "") == NULL || bindtextdomain("libc", place) == NULL ||
        strcmp(strerror(ENOENT), german) != 0) {
        printf("SKIPPED messages_in_one_language: libc says %s\n", strerror(ENOENT));
        return;
    }
    ck_assert_int_eq(plugin->refresh(ctx, again, sizeof again), 0);
    ck_assert_str_eq(again, err);
    espt_ctx *other;
    ck_assert_int_eq(plugin->open(&other, "/nowhere/c", NULL, NULL, err, sizeof err), 0);
    ck_assert_msg(strstr(err, german) == NULL, "%s", err);
    ck_assert_int_eq(unlink(in_folder(folder, "tokens.mdb")), 0);
    ck_assert_int_eq(plugin->open(&other, config, NULL, NULL, err, sizeof err), 0);
    ck_assert_msg(strstr(err, english) != NULL && strstr(err, german) == NULL, "%s", err);
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
    tcase_add_test(tests, messages_in_one_language);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
