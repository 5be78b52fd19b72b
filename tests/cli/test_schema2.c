/* SPDX-License-Identifier: ISC */
/* A store of schema 2, as 0.2.0 made it. Validators answer from it, and an upgrade keeps all
   data. */
#include "cli/drive.h"

/* clang-format off: host.h declares names that drive.h uses for parameters */
#include "abi/host.h"
/* clang-format on */

#include <sys/stat.h>
#include <unistd.h>

#define FIXTURE "tests/fixtures/schema2/"

static void setup(void)
{
    static const char *const files[] = {"esp-token.conf", "tiers.ini", "reveal.pub", "reveal.key",
                                        "tokens.mdb"};
    folder = temp_folder();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t len;
        char from[256];
        snprintf(from, sizeof from, FIXTURE "%s", files[i]);
        char *bytes = file_read(from, &len);
        ck_assert_msg(bytes != NULL, "%s", from);
        file_write(in_folder(folder, files[i]), bytes, len,
                   strcmp(files[i], "reveal.key") == 0 ? 0600 : 0644);
    }
    config = keep_string(strdup(in_folder(folder, "esp-token.conf")));
    host_load();
}

static int32_t verdict_of(const char *text)
{
    espt_query query = {.size = sizeof query, .token = text, .token_len = strlen(text)};
    espt_result result = {.size = sizeof result};
    plugin->validate(ctx, &query, &result);
    return result.status;
}

/* Checks the verdict on each text. The fixture holds the texts sealed; an upgraded copy of it
   reveals them. */
static void answers(const char *const texts[static 5])
{
    ck_assert_int_eq(verdict_of(texts[0]), ESPT_ALLOW);
    ck_assert_int_eq(verdict_of(texts[1]), ESPT_ALLOW); /* the old secret of acme/web */
    ck_assert_int_eq(verdict_of(texts[2]), ESPT_DENY_INACTIVE);
    ck_assert_int_eq(verdict_of(texts[3]), ESPT_DENY_SUSPENDED);
    ck_assert_int_eq(verdict_of(texts[4]), ESPT_ALLOW);
    ck_assert_int_eq(verdict_of("an-older-system-secret-42"), ESPT_ALLOW);
    ck_assert_int_eq(verdict_of("an-older-system-secret-43"), ESPT_DENY_UNKNOWN);
}

static const char *const tokens[] = {"acme/web", "15am4VYBGYX", "acme/old", "bolt/default",
                                     "acme/Zürich"};

static void open_plugin(void)
{
    char err[512] = "";
    ck_assert_msg(plugin->open(&ctx, config, NULL, NULL, err, sizeof err) == 1, "%s", err);
}

START_TEST(answered_and_upgraded)
{
    const char *const store = keep_string(strdup(in_folder(folder, "tokens.mdb")));
    size_t len;
    const char *before = file_read(store, &len);
    open_plugin();
    ck_assert_int_eq(verdict_of("an-older-system-secret-42"), ESPT_ALLOW);
    /* esp-tokenctl refuses to read or write the store, and names the remedy */
    struct run run = CTL(config, NULL, "list");
    ck_assert_msg(run.status == 5 && strstr(run.err, "esp-tokenctl upgrade") != NULL, "%d %s",
                  run.status, run.err);
    run = CTL(config, NULL, "create", "acme", "more");
    ck_assert_msg(run.status == 5 && strstr(run.err, "esp-tokenctl upgrade") != NULL, "%d %s",
                  run.status, run.err);
    ck_assert_mem_eq(file_read(store, NULL), before, len);

    json_t *json = done(CTL(config, NULL, "--json", "upgrade"));
    ck_assert_int_eq(json_integer_value(json_object_get(json, "from")), 2);
    ck_assert_int_eq(json_integer_value(json_object_get(json, "to")), 3);
    ck_assert(json_is_null(json_object_get(json, "kept")));
    json_decref(json);
    ck_assert_int_eq(access(in_folder(folder, "tokens.mdb.reserve"), F_OK), 0);
    ck_assert_str_eq(CTL(config, NULL, "--json", "list").out,
                     file_read(FIXTURE "tokens.json", NULL));
    ck_assert_str_eq(CTL(config, NULL, "--json", "entity", "list").out,
                     file_read(FIXTURE "entities.json", NULL));
    run = CTL(config, NULL, "check");
    ck_assert_msg(run.status == 0, "%s", run.out);
    ck_assert_int_eq(CTL(config, NULL, "log", "verify").status, 0);
    ck_assert_ptr_nonnull(strstr(CTL(config, NULL, "log").out, "schema 2 to 3"));
    /* a running host continues */
    const char *texts[5];
    for (size_t i = 0; i < 5; i++)
        texts[i] = keep_string(strdup(revealed(config, tokens[i])));
    answers(texts);
    run = CTL(config, NULL, "upgrade");
    ck_assert_msg(run.status == 0 && strstr(run.out, "already; nothing was changed") != NULL, "%s",
                  run.out);
    ck_assert_ptr_nonnull(strstr(CTL(config, NULL, "show", "acme/old").out, "the platform"));
    /* records of the old form can be changed */
    ck_assert_int_eq(CTL(config, NULL, "edit", "acme/web", "--note", "n").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "entity", "edit", "acme", "--contact", "c").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "entity", "edit", "bolt", "--status", "active").status, 0);
    ck_assert_int_eq(verdict_of(texts[3]), ESPT_ALLOW);
    ck_assert_int_eq(CTL(config, NULL, "key", "rotate").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);

    /* the old store with the new plugin: every answer is the same */
    plugin->close(ctx);
    file_write(store, before, len, 0644);
    open_plugin();
    answers(texts);
}
END_TEST

/* A backup that 0.2.0 made is restored, and has the current schema afterwards. */
START_TEST(an_old_backup_is_restored)
{
    size_t len;
    const char *before = file_read(in_folder(folder, "tokens.mdb"), &len);
    const char *copy = keep_string(strdup(in_folder(temp_folder(), "old.mdb")));
    file_write(copy, before, len, 0600);
    ck_assert_int_eq(CTL(config, NULL, "upgrade").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "later").status, 0);
    struct run run = CTL(config, NULL, "restore", copy, "--no-manifest", "--yes");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_str_eq(CTL(config, NULL, "--json", "list").out,
                     file_read(FIXTURE "tokens.json", NULL));
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
}
END_TEST

/* --- new fields of schema 3 --- */

#define HUNDRED                                                                                    \
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901" \
    "23"                                                                                           \
    "456789"

START_TEST(notes_and_contacts)
{
    ck_assert_int_eq(CTL(config, NULL, "upgrade").status, 0);
    json_t *json = done(CTL(config, NULL, "--json", "create", "acme", "new", "--note", "für Öl"));
    HAS_KEYS(json, TOKEN_KEYS, "token");
    ck_assert_str_eq(text_of(json, "note"), "für Öl");
    json_decref(json);
    json = done(CTL(config, NULL, "--json", "edit", "acme/new", "--note", HUNDRED HUNDRED));
    ck_assert_str_eq(text_of(json, "note"), HUNDRED HUNDRED);
    json_decref(json);
    json = done(CTL(config, NULL, "--json", "rotate", "acme/new"));
    ck_assert_str_eq(text_of(json, "note"), HUNDRED HUNDRED);
    json_decref(json);
    ck_assert_ptr_nonnull(strstr(CTL(config, NULL, "show", "acme/new").out, HUNDRED));
    json = done(CTL(config, NULL, "--json", "entity", "add", "nova", "--kind", "customer",
                    "--contact", HUNDRED HUNDRED));
    ck_assert_str_eq(text_of(json_object_get(json, "entity"), "contact"), HUNDRED HUNDRED);
    json_decref(json);
    ck_assert_ptr_nonnull(strstr(CTL(config, NULL, "entity", "show", "nova").out, HUNDRED));
    /* an import restores them from an export; an empty argument clears them */
    struct run lines = CTL(config, NULL, "export");
    const char *to = store_folder(NULL);
    struct run run = CTL(to, lines.out, "import", "-");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_str_eq(CTL(to, NULL, "export").out, lines.out);
    ck_assert_int_eq(CTL(to, NULL, "edit", "acme/new", "--note", "").status, 0);
    ck_assert_int_eq(CTL(to, NULL, "entity", "edit", "nova", "--contact", "").status, 0);
    ck_assert_ptr_null(strstr(CTL(to, NULL, "export").out, HUNDRED));
    /* the validator reads the longest possible record */
    open_plugin();
    espt_query query = {.size = sizeof query, .entity = "acme", .entity_len = 4};
    const char *north = revealed(config, "north/default");
    query.token = north;
    query.token_len = strlen(north);
    espt_result result = {.size = sizeof result};
    ck_assert_int_eq(
        CTL(config, NULL, "entity", "edit", "acme", "--contact", HUNDRED HUNDRED).status, 0);
    ck_assert_int_eq(plugin->validate(ctx, &query, &result), 1);
}
END_TEST

START_TEST(odd_notes)
{
    static const char *const odd[] = {" a",
                                      "a ",
                                      "a\nb",
                                      "\x1b[31m",
                                      "\xff",
                                      "\xe2\x80\xae"
                                      "a",
                                      "\xe2\x80\x83",
                                      HUNDRED HUNDRED "x"};
    ck_assert_int_eq(CTL(config, NULL, "upgrade").status, 0);
    const char *before = snapshot(config);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct run runs[] = {
            CTL(config, NULL, "edit", "acme/web", "--note", odd[i]),
            CTL(config, NULL, "create", "acme", "x", "--note", odd[i]),
            CTL(config, NULL, "entity", "edit", "acme", "--contact", odd[i]),
            CTL(config, NULL, "entity", "add", "x", "--kind", "customer", "--contact", odd[i]),
        };
        for (size_t k = 0; k < 4; k++)
            ck_assert_msg(runs[k].status == 2 && strstr(runs[k].err, "bytes of UTF-8") != NULL,
                          "%zu %zu: %d %s", i, k, runs[k].status, runs[k].err);
    }
    ck_assert_str_eq(snapshot(config), before);
    /* a secret is refused in either field */
    char line[512];
    snprintf(line, sizeof line,
             "{\"entity\":{\"name\":\"x\",\"kind\":\"customer\",\"tier\":\"lite\",\"contact\":"
             "\"%s\"}}\n",
             revealed(config, "acme/web"));
    struct run run = CTL(config, line, "import", "-");
    ck_assert_msg(run.status == 2 && strstr(run.err, "token's text") != NULL, "%s", run.err);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("schema 2");
    TCase *tcase = tcase_create("schema 2");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, answered_and_upgraded);
    tcase_add_test(tcase, an_old_backup_is_restored);
    tcase_add_test(tcase, notes_and_contacts);
    tcase_add_test(tcase, odd_notes);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
