/* SPDX-License-Identifier: ISC */
/* The names of tokens: unique by their NFC form, with a character that can be seen. A store of an
   older version keeps its names, and check reports them. */
#include "cli/drive.h"
#include "common/token.h"
#include "support/raw_store.h"

#define NFC "caf\xc3\xa9"
#define NFD "cafe\xcc\x81"
#define KELVIN "\xe2\x84\xaa" /* its NFC form is K */

static const char *config, *folder;

static void setup(void)
{
    config = populated(&folder);
}

static const char *field(const char *token, const char *key)
{
    json_t *json = done(CTL(config, NULL, "--json", "show", token));
    const char *text = keep_string(strdup(text_of(json, key)));
    json_decref(json);
    return text;
}

/* --- what can be seen --- */

static const struct {
    const char *name;
    bool visible;
} seen[] = {
    {"x", true},
    {"\xe2\x80\x8bx", true},             /* ZERO WIDTH SPACE and a letter */
    {"\xf0\x9f\x94\x91", true},          /* KEY */
    {"\xf3\xb0\x80\x80", true},          /* private use */
    {"\xe2\x80\x8b", false},             /* ZERO WIDTH SPACE */
    {"\xe2\x80\x8b\xe2\x81\xa0", false}, /* and WORD JOINER */
    {"\xc2\xad", false},                 /* SOFT HYPHEN */
    {"\xe3\x85\xa4", false},             /* HANGUL FILLER, a letter */
    {"\xef\xbe\xa0", false},             /* HALFWIDTH HANGUL FILLER */
    {"\xe2\xa0\x80", false},             /* BRAILLE PATTERN BLANK, a symbol */
    {"\xcc\x81", false},                 /* COMBINING ACUTE ACCENT */
    {"\xef\xb8\x8f", false},             /* VARIATION SELECTOR-16 */
    {"\xf3\xa0\x81\x81", false},         /* TAG LATIN CAPITAL LETTER A */
};

START_TEST(at_least_one_is_seen)
{
    char line[512], lines[256];
    const char *name = seen[_i].name, *before = snapshot(config);
    const int status = seen[_i].visible ? 0 : 2;
    snprintf(lines, sizeof lines, "%s\n", name);
    snprintf(
        line, sizeof line,
        "{\"token\":{\"foreign\":true,\"entity\":\"acme\",\"name\":\"%s\",\"sha256\":\"%064d\"}}",
        name, 7);
    ck_assert_int_eq(CTL(config, lines, "create", "acme", "--from", "-", "--dry-run").status,
                     status);
    ck_assert_int_eq(CTL(config, line, "import", "-", "--dry-run").status, status);
    ck_assert_str_eq(snapshot(config), before);
    struct run run = CTL(config, NULL, "edit", "acme/default", "--name", name);
    ck_assert_int_eq(run.status, status);
    if (status != 0)
        ck_assert_ptr_nonnull(strstr(run.err, "a name that cannot be seen"));
    run = CTL(config, NULL, "create", "zed", name);
    ck_assert_int_eq(run.status, status == 0 ? 4 : 2); /* zed is full */
    if (status != 0)
        ck_assert_str_eq(snapshot(config), before);
}
END_TEST

/* --- two forms of one name --- */

START_TEST(twins_are_refused)
{
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", NFD).status, 0);
    ck_assert_str_eq(field("acme/" NFD, "name"), NFC); /* stored in NFC, found in both forms */
    ck_assert_str_eq(field("acme/" NFC, "name"), NFC);
    const char *before = snapshot(config), *lists = lists_of(config);
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", NFC).status, 4);
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", NFD).status, 4);
    ck_assert_int_eq(CTL(config, NULL, "edit", "acme/default", "--name", NFD).status, 4);
    struct run run = CTL(config, NFC "\n" NFD "\n", "create", "bolt", "--from", "-", "--dry-run");
    ck_assert_int_eq(run.status, 4); /* bolt is full */
    run = CTL(config, "x" NFC "\nx" NFD "\n", "create", "acme", "--from", "-", "--dry-run");
    ck_assert_int_eq(run.status, 4);
    ck_assert_ptr_nonnull(strstr(run.out, "2: acme has a token of that name already"));
    run = CTL(config,
              "{\"token\":{\"foreign\":true,\"entity\":\"acme\",\"name\":\"" NFD "\",\"sha256\":"
              "\"0000000000000000000000000000000000000000000000000000000000000000\"}}",
              "import", "-");
    ck_assert_int_eq(run.status, 4);
    ck_assert_str_eq(snapshot(config), before);
    /* its own name in another form is no change */
    ck_assert_int_eq(CTL(config, NULL, "edit", "acme/" NFC, "--name", NFD).status, 0);
    ck_assert_str_eq(lists_of(config), lists);
    /* another entity may use it; a rotation keeps it */
    ck_assert_int_eq(CTL(config, NULL, "edit", "zed/default", "--name", NFD).status, 0);
    ck_assert_int_eq(CTL(config, NULL, "rotate", "acme/" NFD).status, 0);
    ck_assert_int_eq(CTL(config, NULL, "retire", "acme/" NFD).status, 0);
    ck_assert_int_eq(CTL(config, NULL, "remove", "acme/" NFD, "--yes").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
}
END_TEST

/* A repeated import changes nothing, whatever form its names have. */
START_TEST(imported_twice)
{
    static const char line[] =
        "{\"token\":{\"foreign\":true,\"entity\":\"acme\",\"name\":\"" NFD "\",\"sha256\":"
        "\"0000000000000000000000000000000000000000000000000000000000000000\"}}";
    ck_assert_int_eq(CTL(config, line, "import", "-").status, 0);
    json_t *json = done(CTL(config, line, "--json", "import", "-"));
    ck_assert_int_eq(
        json_integer_value(json_object_get(json_object_get(json, "imported"), "there_already")), 1);
    json_decref(json);
}
END_TEST

/* The NFC form can be longer than the name, and can be a token's text. */
START_TEST(forms_have_limits)
{
    char name[TOKEN_NAME_MAX + 1] = "";
    for (int i = 0; i < 33; i++)
        strcat(name, "\xe0\xa5\x98"); /* DEVANAGARI LETTER QA: two characters in NFC */
    struct run run = CTL(config, NULL, "create", "acme", name);
    ck_assert_msg(run.status == 2 && strstr(run.err, "also in Unicode's form NFC") != NULL, "%s",
                  run.err);
    const char *before = snapshot(config);
    run = CTL(config, NULL, "create", "acme", "esptk_" KELVIN "0000000000_and more");
    ck_assert_msg(run.status == 2 && strstr(run.err, "must not contain a token's text") != NULL,
                  "%s", run.err);
    ck_assert_str_eq(snapshot(config), before);
}
END_TEST

/* --- a store of an older version --- */

/* Commits with the next revision. raw_commit() would reset the next entity number. */
static void commit_raw(const struct raw_store *store, MDB_txn *txn)
{
    struct record_key key = key_state();
    struct state_record state = {.schema = 0};
    uint8_t bytes[RECORD_MAX];
    MDB_val value;
    ck_assert(raw_get(store, txn, TABLE_STATE, &key, &value));
    ck_assert_int_eq(state_decode(value.mv_data, value.mv_size, &state), STATE_GOOD);
    state.transaction = mdb_txn_id(txn);
    state.revision++;
    state.nonce++;
    raw_put(store, txn, TABLE_STATE, &key, bytes, state_encode(&state, bytes));
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
}

/* Gives the token of acme another name of the same length, as an older version could. */
static void rename_raw(const char *name, const char *other)
{
    struct raw_store store;
    MDB_val value;
    uint8_t copy[1024];
    uint64_t id;
    char token[64];
    const size_t len = strlen(name);
    ck_assert_uint_eq(strlen(other), len);
    snprintf(token, sizeof token, "acme/%s", name);
    const char *text = field(token, "id");
    ck_assert(token_id_parse(text, strlen(text), &id));
    raw_open(&store, in_folder(folder, "tokens.mdb"), 0);
    MDB_txn *txn = raw_begin(&store);
    const uint32_t number = raw_number_of(&store, txn, "acme");
    struct record_key key = key_integer(id);
    ck_assert(raw_get(&store, txn, TABLE_TOKENS, &key, &value));
    memcpy(copy, value.mv_data, value.mv_size);
    uint8_t *at = memmem(copy, value.mv_size, name, len);
    ck_assert_ptr_nonnull(at);
    memcpy(at, other, len);
    raw_seal(TABLE_TOKENS, &key, copy, value.mv_size);
    raw_put(&store, txn, TABLE_TOKENS, &key, copy, value.mv_size);
    key = key_by_entity(number, name, len);
    ck_assert(raw_get(&store, txn, TABLE_BY_ENTITY, &key, &value));
    const size_t size = value.mv_size;
    memcpy(copy, value.mv_data, size);
    raw_delete(&store, txn, TABLE_BY_ENTITY, &key);
    key = key_by_entity(number, other, len);
    raw_seal(TABLE_BY_ENTITY, &key, copy, size);
    raw_put(&store, txn, TABLE_BY_ENTITY, &key, copy, size);
    commit_raw(&store, txn);
    raw_close(&store);
}

static void has_finding(const char *kind, const char *subject, const char *words, size_t count)
{
    struct run run = CTL(config, NULL, "--json", "check");
    ck_assert_msg(run.status == (count > 0), "%s", run.out);
    json_t *json = document(run.out);
    const json_t *list = json_object_get(json, "findings"), *finding;
    bool found = count == 0;
    size_t i;
    ck_assert_msg(json_array_size(list) == count, "%s", run.out);
    json_array_foreach(list, i, finding)
    {
        found = found || (strcmp(text_of(finding, "kind"), kind) == 0 &&
                          strcmp(text_of(finding, "subject"), subject) == 0 &&
                          strstr(text_of(finding, "message"), words) != NULL);
    }
    ck_assert_msg(found, "%s", run.out);
    json_decref(json);
}

START_TEST(older_names_are_kept)
{
    static const char *const names[] = {NFC, "cafe__", "abc"};
    const char *id[3];
    for (size_t i = 0; i < 3; i++) {
        char token[64];
        ck_assert_int_eq(CTL(config, NULL, "create", "acme", names[i]).status, 0);
        snprintf(token, sizeof token, "acme/%s", names[i]);
        id[i] = field(token, "id");
    }
    has_finding("", "", "", 0);
    rename_raw("cafe__", NFD);
    rename_raw("abc", "\xe2\x80\x8b");
    has_finding("name", id[1], id[0], 2);
    has_finding("name", id[2], "cannot be seen", 2);
    /* each is found under its own bytes, can be used and rotated, and travels in a backup */
    ck_assert_str_eq(field("acme/" NFC, "id"), id[0]);
    ck_assert_str_eq(field("acme/" NFD, "id"), id[1]);
    ck_assert_int_eq(CTL(config, NULL, "edit", "acme/" NFD, "--note", "n").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "rotate", "acme/" NFD, "--overlap", "0").status, 0);
    const char *copy = keep_string(strdup(in_folder(folder, "copy.mdb")));
    ck_assert_int_eq(CTL(config, NULL, "backup", copy).status, 0);
    ck_assert_int_eq(CTL(config, NULL, "restore", copy, "--yes").status, 0);
    /* no third token can get the same name */
    ck_assert_int_eq(CTL(config, NULL, "edit", "acme/default", "--name", NFC).status, 4);
    /* renaming removes the findings */
    ck_assert_int_eq(CTL(config, NULL, "edit", "acme/" NFD, "--name", "other").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "edit", id[2], "--name", "seen").status, 0);
    has_finding("", "", "", 0);
}
END_TEST

/* Two spellings of a letter with a dot below and one above, of which neither is the NFC form. */
START_TEST(older_names_are_twins)
{
    static const char *const others[] = {"s\xcc\xa3\xcc\x87", "s\xcc\x87\xcc\xa3"};
    const char *id[2];
    for (size_t i = 0; i < 2; i++) {
        const char *name = i == 0 ? "dots1" : "dots2";
        char token[64];
        ck_assert_int_eq(CTL(config, NULL, "create", "acme", name).status, 0);
        snprintf(token, sizeof token, "acme/%s", name);
        id[i] = field(token, "id");
        rename_raw(name, others[i]);
    }
    const bool first_is_less = strcmp(id[0], id[1]) < 0;
    has_finding("name", id[first_is_less], id[!first_is_less], 1);
}
END_TEST

/* The NFC form of an older name counts as used, although no record is stored under it. */
START_TEST(an_older_name_has_no_twin)
{
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "cafe__").status, 0);
    rename_raw("cafe__", NFD);
    const char *before = snapshot(config), *old = field("acme/" NFD, "id");
    struct run run = CTL(config, NULL, "create", "acme", NFC);
    ck_assert_int_eq(run.status, 4);
    ck_assert_ptr_nonnull(strstr(run.err, "with other code points"));
    ck_assert_int_eq(
        CTL(config, "plain\n" NFC "\n", "create", "acme", "--from", "-", "--dry-run").status, 4);
    ck_assert_int_eq(CTL(config, NULL, "edit", "acme/default", "--name", NFC).status, 4);
    ck_assert_str_eq(snapshot(config), before);
    has_finding("", "", "", 0); /* alone, it breaks no rule */
    ck_assert_int_eq(CTL(config, NULL, "edit", old, "--name", NFC).status, 0);
    ck_assert_str_eq(field(old, "name"), NFC);
    /* a plain letter has a twin, too */
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "abc").status, 0);
    rename_raw("abc", KELVIN);
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "K").status, 4);
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "k").status, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("names");
    TCase *tcase = tcase_create("names");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, at_least_one_is_seen, 0, (int)(sizeof seen / sizeof *seen));
    tcase_add_test(tcase, twins_are_refused);
    tcase_add_test(tcase, imported_twice);
    tcase_add_test(tcase, forms_have_limits);
    tcase_add_test(tcase, older_names_are_kept);
    tcase_add_test(tcase, older_names_are_twins);
    tcase_add_test(tcase, an_older_name_has_no_twin);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
