/* SPDX-License-Identifier: ISC */
/* Edges: what they hold, what they refuse, and that validators answer from them. */
#include "fleet/members.h"
#include "fleet/steps.h"
#include "support/raw_store.h"

#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <pwd.h>
#include <sodium.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define EDGE 2
#define REFUSAL "this is an edge: it holds only what validators need; run the command at a site"

#define KEY "0000000000000000000000000000000000000000000000000000000000000001"

static struct fleet_of fleet;
static const char *kept; /* a folder: what the fleet is before each test */

/* Two sites and an edge. */
static void make(void)
{
    fleet_folders(&fleet, SITES);
    DONE(fleet.site[0], "entity", "add", "acme", "--kind", "reseller", "--tier", "advanced");
    DONE(fleet.site[0], "fleet", "key");
    DONE(fleet.site[0], "fleet", "init");
    fleet_let_in(&fleet, 1);
    fleet_let_in_edge(&fleet, EDGE);
    kept = temp_folder();
    fleet_copy(&fleet, SITES, kept, false);
}

static void begin(void)
{
    fleet_copy(&fleet, SITES, kept, true);
}

/* What an administrator has put there, and no command of the fleet. */
static bool is_configuration(const char *name)
{
    static const char *const files[] = {"esp-token.conf", "tiers.ini", "journal.conf", "fleet.pub"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (strcmp(name, files[i]) == 0)
            return true;
    }
    return false;
}

static const void *sought;
static size_t sought_len;
static unsigned found, searched;

/* Maps the file instead of calling file_read(), whose buffers are never freed: each fork would copy
   thousands of stores. */
static bool file_has(const char *path, size_t len)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_msg(fd >= 0, "%s", path);
    void *file = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    ck_assert_msg(file != MAP_FAILED, "%s", path);
    close(fd);
    const bool has = memmem(file, len, sought, sought_len) != NULL;
    munmap(file, len);
    return has;
}

static int search_file(const char *path, const struct stat *st, int type, struct FTW *place)
{
    if (type != FTW_F || is_configuration(path + place->base))
        return 0;
    found += st->st_size > 0 && file_has(path, (size_t)st->st_size);
    searched++;
    return 0;
}

/* Whether any file of the member has the bytes: the store, also in its free pages, and the files
   beside it. */
static bool bytes_on_disk(int member, const void *what, size_t len)
{
    sought = what;
    sought_len = len;
    found = searched = 0;
    ck_assert_int_eq(nftw(fleet.site[member].folder, search_file, 8, FTW_PHYS), 0);
    ck_assert_uint_ge(searched, 2);
    return found > 0;
}

static bool on_disk(const char *what)
{
    return bytes_on_disk(EDGE, what, strlen(what));
}

/* Words that only the names, notes, contacts and log of the steps have, and the prefix of token
   texts. None of them may be on an edge's disk. */
static const char *const secrets[] = {"default", "of the web", "zed@example.com",
                                      "brief",   "passphrase", "esptk_"};

/* Asserts that no sealed text of the first site is on the edge's disk. Returns how many there are.
 */
static unsigned no_box_on_disk(void)
{
    unsigned count = 0;
    const char *at = DONE(fleet.site[0], "export", "--sealed");
    while ((at = strstr(at, "\"sealed\":\"")) != NULL) {
        unsigned char box[1024];
        size_t len;
        at += strlen("\"sealed\":\"");
        ck_assert_int_eq(sodium_base642bin(box, sizeof box, at, strcspn(at, "\""), NULL, &len, NULL,
                                           sodium_base64_VARIANT_ORIGINAL),
                         0);
        ck_assert_uint_gt(len, 48);
        ck_assert(bytes_on_disk(0, box, len)); /* the search can find it */
        ck_assert(!bytes_on_disk(EDGE, box, len) && !bytes_on_disk(EDGE, box + len / 2, 16));
        count++;
    }
    return count;
}

START_TEST(every_command_is_followed)
{
    fleet_same_edge(&fleet, EDGE, 0);
    const struct passwd *user = getpwuid(geteuid());
    unsigned boxes = 0;
    for (size_t i = 0; i < STEPS; i++) {
        struct run run = run_ctl(fleet.site[steps[i].site].config, steps[i].input, steps[i].args);
        ck_assert_msg(run.status == 0, "step %zu: status %d: %s", i, run.status, run.err);
        fleet_same_edge(&fleet, EDGE, 1 - steps[i].site);
        for (size_t k = 0; k < sizeof secrets / sizeof *secrets; k++)
            ck_assert_msg(!on_disk(secrets[k]), "step %zu: %s", i, secrets[k]);
        ck_assert(user == NULL || !on_disk(user->pw_name));
        boxes += no_box_on_disk();
    }
    ck_assert_uint_gt(boxes, STEPS);
    DONE(fleet.site[0], "key", "rotate");
    fleet_same_edge(&fleet, EDGE, 0);
    ck_assert_uint_gt(no_box_on_disk(), 0);
    ck_assert(on_disk("acme")); /* the search can find something */
    struct run run = AT(fleet.site[EDGE], "check");
    ck_assert_msg(run.status == 0, "%s%s", run.out, run.err);
    ck_assert_ptr_nonnull(strstr(run.out, "this is an edge: entry "));
}
END_TEST

/* Facts of many tokens, foreign tokens, removals in bulk. */
START_TEST(bulk_is_followed)
{
    static char lines[100 * 16];
    for (int i = 0; i < 100; i++)
        snprintf(lines + strlen(lines), 16, "n%d\n", i);
    char *tiers = file_read(in_folder(fleet.site[0].folder, "tiers.ini"), NULL);
    memcpy(strstr(tiers, "max_tokens = 5"), "max_tokens=900", 14);
    file_text(in_folder(fleet.site[0].folder, "tiers.ini"), tiers);
    fleet_done(CTL(fleet.site[0].config, lines, "create", "acme", "--from", "-"));
    DONE(fleet.site[0], "entity", "edit", "acme", "--status", "inactive");
    fleet_same_edge(&fleet, EDGE, 0);
    static const char import[] =
        "{\"entity\": {\"name\": \"old\", \"kind\": \"customer\", \"tier\": \"advanced\"}}\n"
        "{\"token\": {\"foreign\": true, \"entity\": \"old\", \"name\": \"x\", \"sha256\": "
        "\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"}}\n";
    fleet_done(CTL(fleet.site[0].config, import, "import", "-"));
    DONE(fleet.site[0], "entity", "edit", "acme", "--name", "apex");
    fleet_same_edge(&fleet, EDGE, 0);
    DONE(fleet.site[EDGE], "check");
    DONE(fleet.site[0], "remove", "old/x", "--yes", "--last");
    DONE(fleet.site[0], "entity", "remove", "apex", "--yes");
    fleet_same_edge(&fleet, EDGE, 0);
    DONE(fleet.site[EDGE], "check");
}
END_TEST

/* A host at the edge answers by what sites did, and `verify` says as of when. */
START_TEST(answers_are_those_of_the_sites)
{
    const char *text = DONE(fleet.site[0], "create", "acme", "web", "-q");
    const struct member *edge = &fleet.site[EDGE];
    fleet_says(CTL(edge->config, text, "verify"), 1, "");
    DONE(*edge, "fleet", "status");
    struct run run = CTL(edge->config, text, "verify");
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(strstr(run.out, ", by entry "));
    ck_assert_ptr_nonnull(strstr(run.out, " s old"));
    DONE(fleet.site[1], "edit", "acme/web", "--status", "inactive");
    DONE(*edge, "fleet", "status");
    run = CTL(edge->config, text, "verify", "--json");
    ck_assert_int_eq(run.status, 1);
    json_error_t error;
    json_t *json = json_loads(run.out, 0, &error);
    ck_assert_str_eq(json_string_value(json_object_get(json, "reason")), "inactive");
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(json, "fleet"), "entry")),
                     (json_int_t)fleet_entry(&fleet, EDGE));
    json_decref(json);
}
END_TEST

START_TEST(what_needs_more_is_refused)
{
    static const char *const commands[][8] = {
        {"list"},
        {"list", "acme"},
        {"show", "acme/default"},
        {"show", "acme/default", "--reveal"},
        {"copy", "acme/default"},
        {"entity", "show", "acme"},
        {"entity", "list", "--as", "acme"},
        {"stats"},
        {"log"},
        {"log", "verify"},
        {"export"},
        {"backup", "/tmp/esp-token-no-backup"},
        {"create", "acme", "x"},
        {"create", "acme", "--from", "-"},
        {"edit", "acme/default", "--status", "inactive"},
        {"rotate", "acme/default"},
        {"retire", "acme/default"},
        {"remove", "acme/default", "--yes", "--last"},
        {"entity", "add", "zed", "--kind", "customer"},
        {"entity", "edit", "acme", "--status", "inactive"},
        {"entity", "remove", "acme", "--yes"},
        {"import", "-"},
        {"key", "rotate"},
        {"key", "list"},
        {"notify"},
        {"fleet", "init"},
        {"fleet", "site", "add", "hq-9", KEY},
        {"fleet", "site", "remove", "hq-1"},
        {"tier", "publish", "--yes"},
        {"verify", "--token", "acme/default"},
    };
    size_t before_len, after_len;
    const char *path = keep_string(strdup(in_folder(fleet.site[EDGE].folder, "tokens.mdb")));
    DONE(fleet.site[EDGE], "fleet", "status");
    const char *before = file_read(path, &before_len);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct run run = run_ctl(fleet.site[EDGE].config, "", commands[i]);
        ck_assert_msg(run.status == 4 && strstr(run.err, REFUSAL) != NULL, "%s %s: %d: %s%s",
                      commands[i][0], commands[i][1], run.status, run.out, run.err);
    }
    ck_assert(access("/tmp/esp-token-no-backup", F_OK) != 0);
    /* nothing without [fleet] either */
    const char *with = file_read(fleet.site[EDGE].config, NULL);
    char *without = keep_string(strdup(with));
    *strstr(without, "[fleet]") = '\0';
    file_text(fleet.site[EDGE].config, without);
    fleet_says(AT(fleet.site[EDGE], "list"), 4, REFUSAL);
    fleet_says(AT(fleet.site[EDGE], "create", "acme", "x"), 4, REFUSAL);
    file_text(fleet.site[EDGE].config, with);
    const char *after = file_read(path, &after_len);
    ck_assert(before_len == after_len && memcmp(before, after, after_len) == 0);
    fleet_same_edge(&fleet, EDGE, 0);
}
END_TEST

START_TEST(unknown_is_said)
{
    DONE(fleet.site[0], "entity", "add", "bolt", "--kind", "customer", "--contact",
         "b@example.com");
    const char *table = DONE(fleet.site[EDGE], "entity", "list", "--columns",
                             "name,tokens,customers,created,contact", "--no-headers");
    ck_assert_str_eq(table, "acme ? ? ? ?\nbolt ? - ? ?\n");
    const char *text = DONE(fleet.site[EDGE], "entity", "list", "--json");
    json_error_t error;
    json_t *json = json_loads(text, 0, &error);
    const json_t *entity = json_array_get(json_object_get(json, "entities"), 1);
    ck_assert_str_eq(json_string_value(json_object_get(entity, "name")), "bolt");
    ck_assert(json_is_null(json_object_get(entity, "tokens")));
    ck_assert(json_is_null(json_object_get(entity, "created")));
    ck_assert(json_is_null(json_object_get(entity, "contact")));
    json_decref(json);
    fleet_says(AT(fleet.site[EDGE], "entity", "list", "--over-limit"), 4, REFUSAL);
    fleet_says(AT(fleet.site[EDGE], "entity", "list", "--contact", "b"), 4, REFUSAL);
    fleet_says(AT(fleet.site[EDGE], "entity", "list", "--sort", "tokens"), 4, REFUSAL);
}
END_TEST

/* A store that has held tokens cannot become an edge's, because its free pages still have them. */
START_TEST(only_a_new_store_becomes_an_edge)
{
    fleet_says(AT(fleet.site[1], "fleet", "join", "--edge"), 4, "held tokens");
    DONE(fleet.site[1], "create", "acme", "still-a-site");
    /* an edge that joins again without the option stays an edge */
    DONE(fleet.site[EDGE], "fleet", "join");
    fleet_same_edge(&fleet, EDGE, 0);
    ck_assert(!on_disk("still-a-site"));
}
END_TEST

/* An edge that joins verifies every piece of the snapshot for edges, and takes no other one. */
START_TEST(altered_snapshot)
{
    char command[9000];
    struct member other;
    other.config = store_folder(&other.folder);
    snprintf(command, sizeof command,
             "cd '%s' && cp esp-token.conf fleet.pub '%s' && cp -p journal.conf '%s' && "
             "cd '%s/pieces' && for f in edge-*; do cp $f ../kept && printf X | dd of=$f bs=1 "
             "seek=$(($(stat -c %%s $f) - 70)) conv=notrunc 2>/dev/null; '%s' -c '%s' fleet join "
             "--edge 2>>../said; echo $?; cat ../kept >$f; done",
             fleet.site[EDGE].folder, other.folder, other.folder, fleet.journal, ctl_path(),
             other.config);
    const char *argv[] = {"sh", "-c", command, NULL};
    struct run run = run_process(argv, NULL);
    ck_assert_str_eq(run.out, "5\n5\n");
    ck_assert_str_eq(DONE(other, "entity", "list", "--stale", "-q"), "");
    /* the snapshot for sites under the name of the one for edges */
    snprintf(command, sizeof command,
             "cd '%s/pieces' && for f in edge-*; do cp ${f#edge-} $f; done; '%s' -c '%s' fleet "
             "join --edge",
             fleet.journal, ctl_path(), other.config);
    fleet_says(run_process(argv, NULL), 5, "is that of another kind of member");
    ck_assert_str_eq(DONE(other, "entity", "list", "--stale", "-q"), "");
}
END_TEST

/* A record that is missing is found, and join makes the store whole. */
START_TEST(a_lost_record)
{
    struct raw_store raw;
    MDB_val value;
    uint64_t id = 0;
    DONE(fleet.site[EDGE], "fleet", "status");
    const char *list = DONE(fleet.site[0], "list", "acme", "-q");
    ck_assert(token_id_parse(list, TOKEN_ID_LEN, &id));
    const struct record_key key = key_integer(id);
    raw_open(&raw, in_folder(fleet.site[EDGE].folder, "tokens.mdb"), 0);
    MDB_txn *txn = raw_begin(&raw);
    ck_assert(raw_get(&raw, txn, TABLE_AUTH, &key, &value));
    raw_delete(&raw, txn, TABLE_AUTH, &key);
    edge_commit(&raw, txn, NULL, 0);
    raw_close(&raw);
    struct run run = AT(fleet.site[EDGE], "check");
    ck_assert_int_eq(run.status, 1);
    ck_assert_msg(strstr(run.out, "fleet join") != NULL, "%s%s", run.out, run.err);
    ck_assert_int_eq(AT(fleet.site[EDGE], "fleet", "check").status, 1);
    DONE(fleet.site[EDGE], "fleet", "join");
    fleet_same_edge(&fleet, EDGE, 0);
    DONE(fleet.site[EDGE], "check");
}
END_TEST

/* An edge takes nothing of an entry that no site has signed, or whose records were altered. Changes
   in the log and the vault do not matter, because an edge does not read them. */
START_TEST(hostile_entries)
{
    const uint64_t last = fleet_entry(&fleet, EDGE);
    size_t len, store_len, accepted = 0, refused = 0;
    const char *store = keep_string(strdup(in_folder(fleet.site[EDGE].folder, "tokens.mdb")));
    const char *before = file_read(store, &store_len);
    DONE(fleet.site[0], "edit", "acme/default", "--status", "inactive");
    const char *path = keep_string(strdup(fleet_entry_path(&fleet, last + 1)));
    const char *good = file_read(path, &len);
    char *bad = malloc(len);
    for (size_t at = 0; at < len; at += 7) {
        memcpy(bad, good, len);
        bad[at] ^= 1;
        file_write(path, bad, len, 0644);
        struct run run = AT(fleet.site[EDGE], "fleet", "check");
        ck_assert_msg(run.status == 0, "byte %zu: %s", at, run.err);
        if (run.err[0] == '\0') {
            accepted++;
            file_write(path, good, len, 0644);
            fleet_same_edge(&fleet, EDGE, 0); /* the same, whatever the byte was */
            file_write(store, before, store_len, 0640);
            unlink(in_folder(fleet.site[EDGE].folder, "tokens.mdb.writer")); /* it knows better */
            continue;
        }
        refused++;
        ck_assert_msg(strstr(run.err, "fleet's journal") != NULL, "byte %zu: %s", at, run.err);
        ck_assert_uint_eq(fleet_stands(&fleet.site[EDGE]), last);
    }
    free(bad);
    ck_assert_uint_gt(accepted, 10);
    ck_assert_uint_gt(refused, 40);
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("edges");
    TCase *tcase = tcase_create("edges");
    tcase_set_timeout(tcase, 240);
    tcase_add_unchecked_fixture(tcase, make, NULL);
    tcase_add_checked_fixture(tcase, begin, NULL);
    tcase_add_test(tcase, every_command_is_followed);
    tcase_add_test(tcase, bulk_is_followed);
    tcase_add_test(tcase, answers_are_those_of_the_sites);
    tcase_add_test(tcase, what_needs_more_is_refused);
    tcase_add_test(tcase, unknown_is_said);
    tcase_add_test(tcase, only_a_new_store_becomes_an_edge);
    tcase_add_test(tcase, altered_snapshot);
    tcase_add_test(tcase, a_lost_record);
    tcase_add_test(tcase, hostile_entries);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
