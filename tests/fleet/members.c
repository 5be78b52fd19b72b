/* SPDX-License-Identifier: ISC */
#include "fleet/members.h"

#include "common/record.h"

#include <dirent.h>
#include <jansson.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

char *fleet_done(struct run run)
{
    ck_assert_msg(run.status == 0, "status %d: %s", run.status, run.err);
    return run.out;
}

void fleet_says(struct run run, int status, const char *words)
{
    ck_assert_msg(run.status == status, "status %d: %s", run.status, run.err);
    ck_assert_msg(strstr(run.err, words) != NULL, "lacks \"%s\": %s", words, run.err);
}

/* In the folder the members are 0, 1 and so on, and the journal is `journal`. */
void fleet_copy(const struct fleet_of *fleet, int sites, const char *folder, bool back)
{
    for (int i = 0; i <= sites; i++) {
        const char *part = i == sites ? fleet->journal : fleet->site[i].folder;
        char copy[4096];
        if (i == sites)
            snprintf(copy, sizeof copy, "%s/journal", folder);
        else
            snprintf(copy, sizeof copy, "%s/%d", folder, i);
        folder_copy(back ? copy : part, back ? part : copy);
    }
}

/* --- members --- */

static void copy_file(const char *from, const char *to, unsigned mode)
{
    size_t len;
    const char *data = file_read(from, &len);
    ck_assert_msg(data != NULL, "%s", from);
    file_write(to, data, len, mode);
}

void fleet_fault(const struct fleet_of *fleet, int site, const char *fault)
{
    const struct member *member = &fleet->site[site];
    char settings[4096 + 64];
    if (fleet->pg != NULL) {
        file_write(in_folder(member->folder, "journal.conf"), fleet->pg, strlen(fleet->pg), 0600);
        return;
    }
    const int len = snprintf(settings, sizeof settings, "path = %s\n%s%s\n", fleet->journal,
                             fault != NULL ? "fault = " : "", fault != NULL ? fault : "");
    file_write(in_folder(member->folder, "journal.conf"), settings, (size_t)len, 0600);
}

static void name_member(struct member *member, int site)
{
    snprintf(member->name, sizeof member->name, "hq-%d", site + 1);
}

static void configure(const struct fleet_of *fleet, const struct member *member)
{
    char *text = file_read(member->config, NULL), *section = strstr(text, "[notify]"), config[8192];
    if (section != NULL)
        *section = '\0';
    snprintf(config, sizeof config,
             "%s\n[notify]\ncommand = /bin/true\n[fleet]\njournal = %s\nname = %s\n", text,
             fleet->pg != NULL ? "pg" : "bad", member->name);
    file_text(member->config, config);
}

static void make_folders(struct fleet_of *ret, int count)
{
    ret->journal = temp_folder();
    for (int i = 0; i < count; i++) {
        struct member *member = &ret->site[i];
        member->config = store_folder(&member->folder);
        name_member(member, i);
        configure(ret, member);
        fleet_fault(ret, i, NULL);
        if (i == 0)
            continue;
        copy_file(in_folder(ret->site[0].folder, "reveal.pub"),
                  in_folder(member->folder, "reveal.pub"), 0644);
        copy_file(in_folder(ret->site[0].folder, "reveal.key"),
                  in_folder(member->folder, "reveal.key"), 0600);
    }
}

const char *fleet_key_of(const struct fleet_of *fleet, int site)
{
    char *line = DONE(fleet->site[site], "fleet", "key");
    line[strcspn(line, "\n")] = '\0';
    const char *key = strchr(line, ' ');
    ck_assert_ptr_nonnull(key);
    return key + 1;
}

void fleet_let_in(const struct fleet_of *fleet, int site)
{
    copy_file(in_folder(fleet->site[0].folder, "fleet.pub"),
              in_folder(fleet->site[site].folder, "fleet.pub"), 0644);
    DONE(fleet->site[site], "fleet", "join");
    DONE(fleet->site[0], "fleet", "site", "add", fleet->site[site].name, fleet_key_of(fleet, site));
}

void fleet_let_in_edge(const struct fleet_of *fleet, int site)
{
    copy_file(in_folder(fleet->site[0].folder, "fleet.pub"),
              in_folder(fleet->site[site].folder, "fleet.pub"), 0644);
    DONE(fleet->site[site], "fleet", "join", "--edge");
}

/* Begins the fleet with its first site, or adds the next one. */
static void add_site(const struct fleet_of *fleet, int site)
{
    if (site > 0) {
        fleet_let_in(fleet, site);
        return;
    }
    DONE(fleet->site[0], "entity", "add", "acme", "--kind", "reseller", "--tier", "advanced");
    DONE(fleet->site[0], "fleet", "key");
    DONE(fleet->site[0], "fleet", "init");
}

void fleet_found(struct fleet_of *ret, int count)
{
    for (int i = 0; i < count; i++)
        add_site(ret, i);
}

/* --- copies of a fleet that was made once --- */

/* For each number of sites, from 0, a fleet_copy(). */
static struct {
    int sites;          /* at most */
    const char *folder; /* NULL: nothing is made */
} prepared;

static const char *prepared_with(int sites)
{
    char name[16];
    snprintf(name, sizeof name, "%d", sites);
    return keep_string(strdup(in_folder(prepared.folder, name)));
}

static void keep_prepared(const struct fleet_of *fleet, int sites)
{
    const char *folder = prepared_with(sites);
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    fleet_copy(fleet, prepared.sites, folder, false);
}

static void prepare(void)
{
    struct fleet_of fleet = {.pg = NULL};
    if (prepared.folder != NULL)
        return;
    make_folders(&fleet, prepared.sites);
    prepared.folder = temp_folder();
    keep_prepared(&fleet, 0);
    for (int i = 0; i < prepared.sites; i++) {
        add_site(&fleet, i);
        keep_prepared(&fleet, i + 1);
    }
}

void fleet_fixture(TCase *tcase, int sites)
{
    if (sites > prepared.sites)
        prepared.sites = sites;
    tcase_add_unchecked_fixture(tcase, prepare, NULL);
}

/* The paths differ from those of the fleet that was copied: configurations name none, and
   journal.conf is written anew. */
static void copy_prepared(struct fleet_of *ret, int count, int sites)
{
    const char *folder = prepared_with(sites);
    ret->journal = temp_folder();
    for (int i = 0; i < count; i++) {
        struct member *member = &ret->site[i];
        member->folder = temp_folder();
        member->config = keep_string(strdup(in_folder(member->folder, "esp-token.conf")));
        name_member(member, i);
    }
    fleet_copy(ret, count, folder, true);
    for (int i = 0; i < count; i++)
        fleet_fault(ret, i, NULL);
}

/* Copies are of a dir journal. */
static bool is_prepared(const struct fleet_of *fleet, int count)
{
    return prepared.folder != NULL && count <= prepared.sites && fleet->pg == NULL;
}

void fleet_folders(struct fleet_of *ret, int count)
{
    if (is_prepared(ret, count))
        copy_prepared(ret, count, 0);
    else
        make_folders(ret, count);
}

void fleet_begin(struct fleet_of *ret, int count)
{
    if (is_prepared(ret, count)) {
        copy_prepared(ret, count, count);
    } else {
        make_folders(ret, count);
        fleet_found(ret, count);
    }
}

const char *fleet_entry_path(const struct fleet_of *fleet, uint64_t number)
{
    char name[64];
    snprintf(name, sizeof name, "entries/%020llu", (unsigned long long)number);
    return in_folder(fleet->journal, name);
}

bool entry_file_split(const void *bytes, size_t len, espt_journal_entry *ret)
{
    uint32_t lens[4];
    const uint8_t *at = (const uint8_t *)bytes + sizeof lens;
    if (len < sizeof lens)
        return false;
    memcpy(lens, bytes, sizeof lens);
    *ret = (espt_journal_entry){at,
                                at + lens[0],
                                at + lens[0] + lens[1],
                                at + lens[0] + lens[1] + lens[2],
                                lens[0],
                                lens[1],
                                lens[2],
                                lens[3]};
    return sizeof lens + lens[0] + lens[1] + lens[2] + lens[3] == len;
}

const uint8_t *one_byte_other(const uint8_t *bytes, size_t len)
{
    char *copy = keep_string(malloc(len));
    memcpy(copy, bytes, len);
    copy[len - 1] ^= 1;
    return (const uint8_t *)copy;
}

const char *entry_file_join(const espt_journal_entry *entry, size_t *ret_len)
{
    const uint8_t *pieces[] = {entry->head, entry->log, entry->edge, entry->vault};
    const uint32_t lens[] = {(uint32_t)entry->head_len, (uint32_t)entry->log_len,
                             (uint32_t)entry->edge_len, (uint32_t)entry->vault_len};
    *ret_len = sizeof lens + lens[0] + lens[1] + lens[2] + lens[3];
    char *bytes = keep_string(malloc(*ret_len + 1)), *at = bytes + sizeof lens;
    memcpy(bytes, lens, sizeof lens);
    for (int i = 0; i < 4; at += lens[i++]) {
        if (lens[i] > 0)
            memcpy(at, pieces[i], lens[i]);
    }
    return bytes;
}

int pause_of_try(int tries)
{
    int ms = 0, all = 0;
    for (int i = 0; i <= tries; i++) {
        ms = i < 40 ? 10 : 100;
        all += ms;
    }
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
    return all;
}

uint64_t fleet_entry(const struct fleet_of *fleet, int site)
{
    struct run run = AT(fleet->site[site], "--json", "fleet", "status");
    json_error_t error;
    json_t *json = json_loads(run.out, 0, &error);
    ck_assert_msg(json != NULL, "%s%s", run.out, run.err);
    const json_int_t number =
        json_integer_value(json_object_get(json_object_get(json, "entry"), "number"));
    json_decref(json);
    return (uint64_t)number;
}

uint64_t fleet_last(const struct fleet_of *fleet)
{
    uint64_t last = 0;
    if (fleet->pg != NULL)
        return fleet_entry(fleet, 0);
    DIR *names = opendir(in_folder(fleet->journal, "entries"));
    ck_assert_ptr_nonnull(names);
    for (struct dirent *entry; (entry = readdir(names)) != NULL;) {
        const uint64_t number = strtoull(entry->d_name, NULL, 10);
        last = number > last ? number : last;
    }
    closedir(names);
    return last;
}

/* --- byte for byte --- */

static void must(int rc)
{
    ck_assert_msg(rc == 0, "%s", mdb_strerror(rc));
}

static MDB_env *opened(const char *path, MDB_txn **ret_txn)
{
    MDB_env *env;
    must(mdb_env_create(&env));
    must(mdb_env_set_maxdbs(env, TABLE_COUNT));
    must(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0600));
    must(mdb_txn_begin(env, NULL, MDB_RDONLY, ret_txn));
    return env;
}

uint64_t fleet_stands(const struct member *member)
{
    struct record_key state_key = key_state();
    struct state_record state;
    MDB_dbi dbi;
    MDB_txn *txn;
    MDB_env *env = opened(in_folder(member->folder, "tokens.mdb"), &txn);
    MDB_val key = {.mv_size = state_key.len, .mv_data = state_key.bytes}, value;
    must(mdb_dbi_open(txn, NULL, 0, &dbi));
    must(mdb_get(txn, dbi, &key, &value));
    ck_assert_int_eq(state_decode(value.mv_data, value.mv_size, &state), STATE_GOOD);
    mdb_txn_abort(txn);
    mdb_env_close(env);
    return state.position.number;
}

static bool equal(const MDB_val *a, const MDB_val *b)
{
    return a->mv_size == b->mv_size && memcmp(a->mv_data, b->mv_data, a->mv_size) == 0;
}

static bool table_differs(MDB_txn *one, MDB_txn *other, enum table table)
{
    MDB_dbi dbi[2];
    MDB_cursor *cursor[2];
    MDB_txn *txn[2] = {one, other};
    MDB_val key[2], value[2];
    for (int i = 0; i < 2; i++) {
        must(mdb_dbi_open(txn[i], table_name(table),
                          table_has_integer_key(table) ? MDB_INTEGERKEY : 0, &dbi[i]));
        must(mdb_cursor_open(txn[i], dbi[i], &cursor[i]));
    }
    bool differs = false;
    for (int rc[2] = {0, 0}; !differs && rc[0] == 0;) {
        for (int i = 0; i < 2; i++)
            rc[i] = mdb_cursor_get(cursor[i], &key[i], &value[i], MDB_NEXT);
        differs = rc[0] != rc[1] ||
                  (rc[0] == 0 && (!equal(&key[0], &key[1]) || !equal(&value[0], &value[1])));
    }
    for (int i = 0; i < 2; i++)
        mdb_cursor_close(cursor[i]);
    return differs;
}

const char *stores_differ(const char *one, const char *other)
{
    static char found[256];
    MDB_txn *txn[2];
    MDB_env *env[2] = {opened(one, &txn[0]), opened(other, &txn[1])};
    found[0] = '\0';
    for (enum table t = TABLE_STATE + 1; t < TABLE_COUNT; t++) {
        if (t == TABLE_USAGE || t == TABLE_FOLDED || t == TABLE_NOTICES ||
            !table_differs(txn[0], txn[1], t))
            continue;
        const size_t used = strlen(found);
        snprintf(found + used, sizeof found - used, "%s ", table_name(t));
    }
    for (int i = 0; i < 2; i++) {
        mdb_txn_abort(txn[i]);
        mdb_env_close(env[i]);
    }
    return found;
}

void fleet_is_whole(const struct member *member)
{
    struct run run = AT(*member, "fleet", "check");
    /* a command that reads catches up for half a second; a slow machine needs several */
    for (int i = 0; i < 100 && strstr(run.err, "may be behind the fleet") != NULL; i++)
        run = AT(*member, "fleet", "check");
    ck_assert_msg(run.status == 0 && run.err[0] == '\0', "%s: %s%s", member->name, run.out,
                  run.err);
}

void fleet_same(const struct fleet_of *fleet, int one, int other)
{
    const int both[2] = {one, other};
    char path[2][4096];
    for (int i = 0; i < 2; i++) {
        const struct member *member = &fleet->site[both[i]];
        fleet_is_whole(member);
        snprintf(path[i], sizeof path[i], "%s/tokens.mdb", member->folder);
    }
    ck_assert_uint_eq(fleet_stands(&fleet->site[one]), fleet_stands(&fleet->site[other]));
    const char *differ = stores_differ(path[0], path[1]);
    ck_assert_msg(differ[0] == '\0', "differ: %s", differ);
}
