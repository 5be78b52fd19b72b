/* SPDX-License-Identifier: ISC */
/*
 * One fault in a store: a flipped bit anywhere, or a page that is zero, a copy of another page, an
 * older copy of itself, or swapped with another.
 *
 * Either check finds the fault. Or every look-up, by the reader and by liblmdb, answers as before,
 * and 100 writes succeed; afterwards check finds nothing and all records match a model. If check
 * finds the fault, writes that report success make nothing worse: what could be read before can
 * still be read.
 *
 * Each step runs in a child process, because liblmdb aborts or crashes on some of these files.
 */
#include "store/batch.h"
#include "store/db/page_owners.h"
#include "torture/damage.h"
#include "torture/world.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define FAULTS_A_ROUND 10
#define BRIEF (SANITIZED ? 3 : 30)
#define PART 250 /* faults in one test: Check keeps a record of each assertion */
#define WRITES 100
#define ENTITIES 12
#define TOKENS_MAX 1400
#define MADE_FIRST 900
#define RECORDS_MAX 12000
#define OLDER_MAX 24 /* copies of the intact store */
#define SECONDS 60   /* seconds for one step */

/* --- the model --- */

struct thing {
    bool there, active;
    unsigned entity;
    char name[24];
    uint64_t id;
};
static struct thing things[TOKENS_MAX];
static unsigned thing_count;
static bool entity_active[ENTITIES];

static const char *entity_name(unsigned i)
{
    static char name[4][8];
    static unsigned turn;
    turn = (turn + 1) % 4;
    snprintf(name[turn], sizeof name[turn], "e%u", i);
    return name[turn];
}

/* Which parts of the model a write changed, according to what was reported as done. */
static bool thing_touched[TOKENS_MAX], entity_touched[ENTITIES];

static struct thing *random_thing(void)
{
    for (unsigned tries = 0; tries < 1000; tries++) {
        struct thing *thing = &things[draw(thing_count)];
        if (thing->there)
            return thing;
    }
    return NULL;
}

static int create_one(void)
{
    if (thing_count == TOKENS_MAX)
        return 0;
    struct thing *thing = &things[thing_count];
    struct token token;
    char text[TOKEN_TEXT_LEN + 1];
    *thing = (struct thing){.active = true, .entity = draw(ENTITIES)};
    snprintf(thing->name, sizeof thing->name, "n%u-%u", draw(1000), thing_count);
    const struct token_new wanted = {.entity = entity_name(thing->entity), .name = thing->name};
    const int code = store_token_create(world, world_tiers, &wanted, &token, text, &world_err);
    if (code == 0) {
        thing->there = true;
        thing->id = token.id;
        thing_touched[thing_count++] = true;
        entity_touched[thing->entity] = true;
    }
    return code;
}

static int edit_one(struct thing *thing, bool rename)
{
    const struct token_ref ref = world_ref(entity_name(thing->entity), thing->name);
    const int active = !thing->active;
    char name[sizeof thing->name];
    snprintf(name, sizeof name, "r%u-%u", draw(1000), (unsigned)(thing - things));
    const struct token_edit edit = {.name = rename ? name : NULL,
                                    .active = rename ? NULL : &active};
    struct token token;
    const int code = store_token_edit(world, &ref, &edit, &token, &world_err);
    if (code == 0) {
        thing->active = rename ? thing->active : active;
        memcpy(thing->name, rename ? name : thing->name, sizeof name);
        thing_touched[thing - things] = true;
    }
    return code;
}

static int remove_one(struct thing *thing)
{
    const struct token_ref ref = world_ref(entity_name(thing->entity), thing->name);
    struct token token;
    int code = store_token_get(world, &ref, &token, &world_err);
    if (code == 0)
        code = store_token_remove(world, &token, true, &world_err);
    if (code == 0) {
        thing->there = false;
        thing_touched[thing - things] = true;
        entity_touched[thing->entity] = true;
    }
    return code;
}

static int switch_one(unsigned entity)
{
    const int active = !entity_active[entity];
    const struct entity_edit edit = {.active = &active};
    struct entity shown;
    const int code = store_entity_edit(world, world_tiers, entity_name(entity), &edit, &shown, NULL,
                                       NULL, &world_err);
    if (code != 0)
        return code;
    entity_active[entity] = active;
    entity_touched[entity] = true;
    for (unsigned i = 0; i < thing_count; i++)
        thing_touched[i] = thing_touched[i] || things[i].entity == entity;
    return 0;
}

static int write_one(void)
{
    struct thing *thing = random_thing();
    const uint32_t what = draw(16);
    if (what < 5 || thing == NULL)
        return create_one();
    if (what < 11)
        return edit_one(thing, what < 8);
    return what < 15 ? remove_one(thing) : switch_one(draw(ENTITIES));
}

/* --- the store, its records, and how it was before --- */

struct record {
    enum table table;
    struct record_key key;
    uint8_t *value;
    size_t len;
};
static struct record records[RECORDS_MAX];
static size_t record_count;
static char *store_path, *note_path;
static uint8_t *whole, *file;
static uint32_t page_count;
static uint8_t *older[OLDER_MAX];
static uint32_t older_pages[OLDER_MAX];
static unsigned older_count;
static uint8_t *owner_of_page;
static char *note;
static size_t note_len;

static void keep_older(void)
{
    size_t len;
    if (older_count == OLDER_MAX)
        return;
    older[older_count] = (uint8_t *)file_read(store_path, &len);
    ck_assert_ptr_nonnull(older[older_count]);
    older_pages[older_count++] = (uint32_t)(len / PAGE);
}

/* Makes a log entry with enough changes to need overflow pages. */
static void create_many(void)
{
    struct batch *batch;
    WORLD(batch_open(&batch, world, world_tiers, false, &world_err));
    for (unsigned i = 0; i < 200; i++) {
        struct thing *thing = &things[thing_count++];
        struct token token;
        char text[TOKEN_TEXT_LEN + 1];
        *thing = (struct thing){.there = true, .active = true, .entity = draw(ENTITIES)};
        snprintf(thing->name, sizeof thing->name, "b%u", thing_count);
        const struct token_new wanted = {.entity = entity_name(thing->entity), .name = thing->name};
        WORLD(batch_token_create(batch, &wanted, &token, text, &world_err));
        thing->id = token.id;
    }
    WORLD(batch_commit(batch, &world_err));
    batch_close(batch);
}

static void make_store(void)
{
    chance = 1;
    world_open();
    store_path = strdup(in_folder(folder, "tokens.mdb"));
    note_path = strdup(in_folder(folder, "tokens.mdb.writer"));
    for (unsigned i = 0; i < ENTITIES; i++) {
        world_add(entity_name(i), i < 3 ? KIND_RESELLER : KIND_CUSTOMER,
                  i >= 6 ? entity_name(i % 3) : NULL, NULL);
        entity_active[i] = true;
    }
    create_many();
    for (unsigned i = 0; thing_count < MADE_FIRST; i++) {
        WORLD(write_one());
        if (i % 40 == 0)
            keep_older();
    }
    for (unsigned i = 0; i < 60; i++) {
        WORLD(write_one());
        if (i % 12 == 0)
            keep_older();
    }
}

static void read_records(void)
{
    struct txn txn;
    WORLD(txn_begin(&txn, world, false, &world_err));
    for (enum table t = TABLE_STATE + 1; t < TABLE_COUNT; t++) {
        struct walk walk;
        walk_begin(&walk, &txn, t, NULL, 0);
        while (walk_next(&walk)) {
            ck_assert_uint_lt(record_count, RECORDS_MAX);
            struct record *record = &records[record_count++];
            *record = (struct record){t, walk.key, malloc(walk.value.len), walk.value.len};
            ck_assert_ptr_nonnull(record->value);
            memcpy(record->value, walk.value.data, record->len);
        }
        walk_end(&walk);
    }
    struct pages pages;
    struct owners owners;
    uint64_t page;
    WORLD(pages_open(&pages, world->env, &world_config, &world_err));
    ck_assert_int_eq(pages_read_state(&pages, txn.state.transaction, &page), PAGES_READ);
    WORLD(owners_prove(&owners, &pages, NULL, NULL, &world_err));
    ck_assert_uint_eq(owners.faults + owners.unlisted, 0);
    owner_of_page = malloc(pages.last_page + 1);
    memcpy(owner_of_page, owners.owner, pages.last_page + 1);
    /* a free list, a tree with branch pages, and a log entry on overflow pages */
    ck_assert_uint_gt(pages.tree[TREE_FREE].entries, 2);
    ck_assert_uint_gt(pages.tree[TABLE_TOKENS].branch_pages, 0);
    ck_assert_uint_gt(pages.tree[TABLE_LOG].overflow_pages, 0);
    owners_clear(&owners);
    pages_close(&pages);
    txn_abort(&txn);
}

static void read_store(void)
{
    size_t len;
    whole = (uint8_t *)file_read(store_path, &len);
    ck_assert(whole != NULL && len % PAGE == 0);
    page_count = (uint32_t)(len / PAGE);
    note = file_read(note_path, &note_len);
}

/* --- faults --- */

/* Not evenly spread: most pages of a store are leaves. */
static uint32_t draw_page(void)
{
    for (unsigned tries = 0; draw(2) == 0 && tries < 1000; tries++) {
        const uint32_t page = draw(page_count);
        if (page < 2 || owner_of_page[page] == TABLE_STATE + 1 ||
            owner_of_page[page] == TREE_FREE + 1 || whole[page * PAGE + 10] == 1)
            return page;
    }
    return draw(page_count);
}

static uint32_t flip_bit(void)
{
    const uint32_t page = draw_page();
    file[page * PAGE + draw(draw(3) == 0 ? 64 : PAGE)] ^= (uint8_t)(1u << draw(8));
    return page;
}

static uint32_t make_zeros(void)
{
    const uint32_t page = draw_page();
    memset(file + page * PAGE, 0, PAGE);
    return page;
}

static uint32_t make_another(void)
{
    const uint32_t page = draw_page();
    memcpy(file + page * PAGE, whole + draw_page() * PAGE, PAGE);
    return page;
}

static uint32_t make_older(void)
{
    for (unsigned tries = 0; tries < 10000; tries++) {
        const uint32_t page = draw_page(), which = draw(older_count);
        if (page < older_pages[which] &&
            memcmp(older[which] + page * PAGE, whole + page * PAGE, PAGE) != 0) {
            memcpy(file + page * PAGE, older[which] + page * PAGE, PAGE);
            return page;
        }
    }
    ck_abort_msg("no page was another");
}

static uint32_t swap_two(void)
{
    const uint32_t one = draw_page(), other = draw_page();
    memcpy(file + one * PAGE, whole + other * PAGE, PAGE);
    memcpy(file + other * PAGE, whole + one * PAGE, PAGE);
    return one;
}

static const struct {
    const char *name;
    uint32_t (*make)(void);
} faults[] = {
    {"one bit", flip_bit},
    {"a page of zeros", make_zeros},
    {"a page as another", make_another},
    {"a page as it was", make_older},
    {"two pages changed", swap_two},
};
#define KINDS (sizeof faults / sizeof *faults)

/* --- what is observed, in child processes --- */

enum step { STEP_CHECK, STEP_READ, STEP_WRITE, STEP_COUNT };

struct seen {
    uint32_t page; /* the damaged page */
    bool found;
    char what[256]; /* the first finding or failure */
    unsigned wrong; /* look-ups with another answer */
    unsigned denied;
    unsigned writes, refused; /* changes that were reported as done but are missing */
    bool whole_after;         /* differences found by check and the model */
    unsigned worse;           /* records that could be read before */
    bool readable[RECORDS_MAX];
    char note[256];
};
static struct seen *seen;

static void on_finding(void *arg, const struct finding *finding)
{
    char *what = arg;
    if (what[0] == '\0')
        snprintf(what, sizeof seen->what, "%.20s %.40s: %.180s", finding->kind, finding->subject,
                 finding->message);
}

static bool check_finds(char what[static 256])
{
    struct store *store = NULL;
    size_t findings = 0;
    what[0] = '\0';
    int code = store_open(&store, &world_config, &world_err);
    if (code == 0)
        code = store_check(store, world_tiers, on_finding, what, NULL, NULL, &findings, &world_err);
    store_close(store);
    if (code != 0)
        snprintf(what, 256, "%.250s", world_err.message);
    return code != 0 || findings > 0;
}

static void step_check(void)
{
    seen->found = check_finds(seen->what);
}

struct asking {
    const struct record *record;
    bool right, other;
};

static enum reader_status ask(void *arg, struct snapshot *snapshot)
{
    struct asking *asking = arg;
    uint8_t value[RECORD_MAX];
    size_t len = 0;
    const enum reader_status status =
        reader_get(snapshot, asking->record->table, &asking->record->key, value, &len);
    asking->right = status == READER_OK && len == asking->record->len &&
                    memcmp(value, asking->record->value, len) == 0;
    asking->other = status == READER_NONE || (status == READER_OK && !asking->right);
    return READER_OK;
}

static void ask_reader(struct reader *reader, size_t i, bool *ret_right, bool *ret_other)
{
    struct asking asking = {.record = &records[i]};
    if (reader_look_up(reader, ask, &asking) != READER_OK)
        asking.right = asking.other = false;
    *ret_right = asking.right;
    *ret_other = asking.other;
}

static bool open_reader(struct reader *ret_reader)
{
    const int fd = open(store_path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 &&
           reader_open(ret_reader, fd, store_path, world_config.map_size, &world_err) == 0;
}

static void read_by_reader(void)
{
    struct reader reader;
    if (!open_reader(&reader))
        return;
    for (size_t i = 0; i < record_count; i++) {
        bool other;
        if (records[i].len > RECORD_MAX || records[i].table == TABLE_LOG)
            continue;
        ask_reader(&reader, i, &seen->readable[i], &other);
        seen->wrong += other;
        seen->denied += !seen->readable[i] && !other;
    }
    reader_close(&reader);
}

static void read_by_lmdb(void)
{
    struct store *store;
    struct txn txn;
    if (store_open(&store, &world_config, &world_err) != 0)
        return;
    if (txn_begin(&txn, store, false, &world_err) == 0) {
        for (size_t i = 0; i < record_count && txn.code == 0; i++) {
            struct record_value value;
            if (txn_get(&txn, records[i].table, &records[i].key, &value) == 0 ||
                (txn.code == 0 && (value.len != records[i].len ||
                                   memcmp(value.data, records[i].value, value.len) != 0)))
                seen->wrong++;
        }
        txn_abort(&txn);
    }
    store_close(store);
}

static void step_read(void)
{
    read_by_reader();
    if (!seen->found)
        read_by_lmdb();
}

static bool is_touched(const struct record *record)
{
    uint64_t id = 0;
    unsigned any_entity = 0;
    for (unsigned i = 0; i < ENTITIES; i++)
        any_entity += entity_touched[i];
    switch (record->table) {
    case TABLE_BY_ENTITY:
        memcpy(&id, record->value + 1, sizeof id);
        break;
    case TABLE_AUTH:
    case TABLE_TOKENS:
        memcpy(&id, record->key.bytes, sizeof id);
        break;
    default:
        return any_entity > 0;
    }
    for (unsigned i = 0; i < thing_count; i++) {
        if (things[i].id == id)
            return thing_touched[i];
    }
    return any_entity > 0; /* an entity's first token */
}

static void count_worse(void)
{
    struct reader reader;
    if (!open_reader(&reader))
        return;
    for (size_t i = 0; i < record_count; i++) {
        bool right, other;
        if (!seen->readable[i] || is_touched(&records[i]))
            continue;
        ask_reader(&reader, i, &right, &other);
        seen->worse += !right;
    }
    reader_close(&reader);
}

/* Every change that was reported as done is there. */
static bool is_as_modelled(struct store *store, bool all)
{
    uint64_t there = 0;
    for (unsigned i = 0; i < thing_count; i++) {
        const struct token_ref ref = world_ref(entity_name(things[i].entity), things[i].name);
        struct token token;
        there += things[i].there;
        if (!all && !thing_touched[i])
            continue;
        const int code = store_token_get(store, &ref, &token, &world_err);
        if (things[i].there
                ? code != 0 || token.active != things[i].active || token.id != things[i].id
                : code != ESPT_MISSING) {
            snprintf(seen->note, sizeof seen->note, "%.20s/%.24s: %d %.150s", ref.entity, ref.name,
                     code, world_err.message);
            return false;
        }
    }
    struct txn txn;
    if (!all)
        return true;
    if (txn_begin(&txn, store, false, &world_err) != 0)
        return false;
    const uint64_t tokens = txn_entries(&txn, TABLE_TOKENS);
    txn_abort(&txn);
    return tokens == there + ENTITIES;
}

static void step_write(void)
{
    memset(thing_touched, 0, sizeof thing_touched);
    memset(entity_touched, 0, sizeof entity_touched);
    if (store_open(&world, &world_config, &world_err) != 0) {
        seen->refused++;
        return;
    }
    for (unsigned i = 0; i < WRITES; i++) {
        const int code = write_one();
        seen->writes += code == 0;
        if (code != 0 && seen->refused++ == 0)
            snprintf(seen->note, sizeof seen->note, "%.250s", world_err.message);
    }
    if (!seen->found && seen->refused == 0)
        seen->whole_after = is_as_modelled(world, true);
    world_close();
    char what[256];
    if (!seen->found && check_finds(what)) {
        seen->whole_after = false;
        memcpy(seen->note, what, sizeof what);
    }
    if (seen->found)
        count_worse();
}

static void (*const steps[STEP_COUNT])(void) = {step_check, step_read, step_write};

/* --- one after another --- */

static void restore_files(bool with_note)
{
    const int fd = open(store_path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0 || write(fd, file, (size_t)page_count * PAGE) != (ssize_t)page_count * PAGE)
        ck_abort_msg("%s cannot be written", store_path);
    close(fd);
    unlink(in_folder(folder, "tokens.mdb-lock"));
    if (with_note)
        file_write(note_path, note, note_len, 0600);
    else
        unlink(note_path);
}

/* Returns the wait status of that step. */
static int in_child(enum step step)
{
    int status;
    fflush(stdout);
    const pid_t child = fork_child();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        signal(SIGALRM, SIG_DFL); /* Check's own handler ends the whole test */
        alarm(SECONDS);
        steps[step]();
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child)
        ck_abort_msg("a child is lost");
    return status;
}

struct tally {
    unsigned found, crashed, harmless, missed, worse, written;
};

static bool check_step(struct tally *tally, const int status[STEP_COUNT], const char *name,
                       unsigned number)
{
    const bool found = seen->found || status[STEP_CHECK] != 0;
    tally->found += found;
    tally->crashed += status[STEP_CHECK] != 0;
    tally->worse += seen->worse > 0;
    tally->written += found && seen->writes > 0;
    const bool harmless = !found && seen->wrong == 0 && status[STEP_READ] == 0 &&
                          status[STEP_WRITE] == 0 && seen->refused == 0 && seen->whole_after;
    tally->harmless += harmless;
    tally->missed += !found && !harmless;
    if ((found || harmless) && seen->worse == 0)
        return true;
    printf("%s %u, page %u (owner %u): %s; %u wrong, %u denied; %u written, %u refused; %u worse; "
           "%s; status %x %x %x; %s\n",
           name, number, seen->page, owner_of_page[seen->page], found ? seen->what : "not found",
           seen->wrong, seen->denied, seen->writes, seen->refused, seen->worse,
           seen->whole_after ? "whole" : "not whole", (unsigned)status[0], (unsigned)status[1],
           (unsigned)status[2], seen->note);
    return false;
}

static unsigned check_kind(unsigned kind, unsigned count, unsigned first)
{
    struct tally tally = {0};
    for (unsigned i = first; i < first + count; i++) {
        int status[STEP_COUNT];
        memset(seen, 0, sizeof *seen);
        memcpy(file, whole, (size_t)page_count * PAGE);
        chance = (uint64_t)kind << 32 | i;
        seen->page = faults[kind].make();
        if (memcmp(file, whole, (size_t)page_count * PAGE) == 0)
            continue;
        restore_files(i % 4 != 0);
        for (enum step step = 0; step < STEP_COUNT; step++)
            status[step] = in_child(step);
        check_step(&tally, status, faults[kind].name, i);
    }
    printf("%-18s %6u: %u found (%u by a crash), %u harmless, %u missed; %u worse, %u of those "
           "found were written to\n",
           faults[kind].name, count, tally.found, tally.crashed, tally.harmless, tally.missed,
           tally.worse, tally.written);
    return tally.missed + tally.worse;
}

START_TEST(found_or_harmless)
{
    seen = share_memory(sizeof *seen);
    make_store();
    read_records();
    world_close();
    read_store();
    /* shared: after a fork, writing to each page of other memory would take a page fault */
    file = share_memory((size_t)page_count * PAGE);
    const unsigned part = (unsigned)_i / KINDS,
                   faults_of_kind = rounds(BRIEF) * FAULTS_A_ROUND / KINDS;
    const unsigned left = faults_of_kind - part * PART;
    ck_assert_uint_eq(check_kind((unsigned)_i % KINDS, left < PART ? left : PART, part * PART), 0);
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("faults");
    TCase *tcase = tcase_create("faults");
    const unsigned parts = (rounds(BRIEF) * FAULTS_A_ROUND / (unsigned)KINDS + PART - 1) / PART;
    tcase_add_loop_test(tcase, found_or_harmless, 0, (int)(KINDS * parts));
    tcase_set_timeout(tcase, 0);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
