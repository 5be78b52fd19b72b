/* SPDX-License-Identifier: ISC */
/*
 * A writer takes rights away and gives them back, in every way that exists, without pause, while
 * threads and processes validate. A validation that begins after a change has returned does not
 * allow what the change took away, and does not deny what it gave.
 *
 * ESPT_TORTURE_ROUNDS=1000 makes 1,000,000 changes.
 */
#include "store/batch.h"
#include "torture/world.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define BRIEF (SANITIZED ? 2 : 8) /* thousands of changes */
#define PER_WAY                                                          \
    4 /* rights of each kind, so that readers find one that is not being \
         changed */
#define PROCESSES 2
#define THREADS 2 /* in each process */

/* What changes, how it is taken and given back, and the reason with which a validator then
   denies. */
struct way;
static void token_set(const struct way *way, unsigned i, bool give);
static void removal_set(const struct way *way, unsigned i, bool give);
static void entity_set(const struct way *way, unsigned i, bool give);
static void gone_set(const struct way *way, unsigned i, bool give);
static void reseller_set(const struct way *way, unsigned i, bool give);
static void tier_set(const struct way *way, unsigned i, bool give);
static void move_set(const struct way *way, unsigned i, bool give);
static void foreign_set(const struct way *way, unsigned i, bool give);

static const struct way {
    const char *name;
    void (*set)(const struct way *way, unsigned i, bool give);
    int32_t denial;
    const char *metric;
    bool of_customer; /* a query for the data of a customer */
} ways[] = {
    {"status", token_set, ESPT_DENY_INACTIVE, NULL, false},
    {"removal", removal_set, ESPT_DENY_UNKNOWN, NULL, false},
    {"entity", entity_set, ESPT_DENY_SUSPENDED, NULL, false},
    {"gone", gone_set, ESPT_DENY_UNKNOWN, NULL, false},
    {"reseller", reseller_set, ESPT_DENY_SUSPENDED, NULL, false},
    {"tier", tier_set, ESPT_DENY_METRIC, "asn.traffic", false},
    {"move", move_set, ESPT_DENY_ENTITY, NULL, true},
    {"foreign", foreign_set, ESPT_DENY_UNKNOWN, NULL, false},
};
#define WAYS (sizeof ways / sizeof *ways)

/* The state of a right is even while the right is not being changed, and counts its changes: given
   at 0, 4, 8 …, taken at 2, 6 …. During a change it is odd. The text is written only then. */
struct right {
    _Atomic uint64_t state;
    struct text text;
};

struct shared {
    atomic_bool stop;
    atomic_ulong asked, decided, allowed_after, denied_after, other;
    struct right rights[WAYS][PER_WAY];
};
static struct shared *shared;

static const char *nth(const char *what, unsigned i)
{
    static char names[8][32];
    static unsigned next;
    char *name = names[next++ % 8];
    snprintf(name, sizeof *names, "%s-%u", what, i);
    return name;
}

/* --- the writer --- */

static struct text *text_of(const struct way *way, unsigned i)
{
    return &shared->rights[way - ways][i].text;
}

static void token_set(const struct way *way, unsigned i, bool give)
{
    world_switch_token(way->name, nth("token", i), give);
}

static void removal_set(const struct way *way, unsigned i, bool give)
{
    if (give)
        *text_of(way, i) = world_create(way->name, nth("token", i));
    else
        world_remove(way->name, nth("token", i));
}

static void entity_set(const struct way *way, unsigned i, bool give)
{
    world_switch_entity(nth(way->name, i), give);
}

static void gone_set(const struct way *way, unsigned i, bool give)
{
    struct entity entity;
    const char *name = nth(way->name, i);
    if (give) {
        *text_of(way, i) = world_add(name, KIND_CUSTOMER, NULL, NULL);
        return;
    }
    WORLD(store_entity_get(world, name, &entity, &world_err));
    WORLD(store_entity_remove(world, &entity, &world_err));
}

static void reseller_set(const struct way *way, unsigned i, bool give)
{
    world_switch_entity(nth(way->name, i), give);
}

static void tier_set(const struct way *way, unsigned i, bool give)
{
    world_edit(nth(way->name, i), &(struct entity_edit){.tier = give ? "high" : "low"});
}

static void move_set(const struct way *way, unsigned i, bool give)
{
    world_edit(nth("moving", i), &(struct entity_edit){.reseller = give ? nth(way->name, i) : ""});
}

/* A foreign token, with another text each time. */
static void import(const char *name, struct text *text)
{
    static unsigned long count;
    struct token token = {.active = true, .foreign = true, .created = time(NULL)};
    struct token_secret secret = {0};
    struct batch *batch;
    enum imported imported;
    snprintf(token.name, sizeof token.name, "%s", name);
    snprintf(token.entity, sizeof token.entity, "foreign");
    snprintf(text->bytes, sizeof text->bytes, "another-system.%039lu", count++);
    token_foreign_digest(text->bytes, TEXT_LEN, secret.digest);
    WORLD(batch_open(&batch, world, world_tiers, false, &world_err));
    WORLD(batch_import_token(batch, &token, &secret, &imported, &world_err));
    WORLD(batch_commit(batch, &world_err));
    batch_close(batch);
    ck_assert_int_eq(imported, IMPORTED_NEW);
}

static void foreign_set(const struct way *way, unsigned i, bool give)
{
    if (give)
        import(nth("token", i), text_of(way, i));
    else
        world_remove(way->name, nth("token", i));
}

/* Gives every right. */
static void make_rights(void)
{
    world_open();
    world_add("status", KIND_CUSTOMER, NULL, NULL);
    world_add("removal", KIND_CUSTOMER, NULL, NULL);
    world_add("foreign", KIND_CUSTOMER, NULL, NULL);
    import("kept", &(struct text){0}); /* one foreign token, so that such texts are looked up */
    for (unsigned i = 0; i < PER_WAY; i++) {
        struct text *text[WAYS];
        for (size_t w = 0; w < WAYS; w++)
            text[w] = text_of(&ways[w], i);
        *text[0] = world_create("status", nth("token", i));
        *text[1] = world_create("removal", nth("token", i));
        *text[2] = world_add(nth("entity", i), KIND_CUSTOMER, NULL, NULL);
        *text[3] = world_add(nth("gone", i), KIND_CUSTOMER, NULL, NULL);
        world_add(nth("reseller", i), KIND_RESELLER, NULL, NULL);
        *text[4] = world_add(nth("sold", i), KIND_CUSTOMER, nth("reseller", i), NULL);
        *text[5] = world_add(nth("tier", i), KIND_CUSTOMER, NULL, "high");
        *text[6] = world_add(nth("move", i), KIND_RESELLER, NULL, NULL);
        world_add(nth("moving", i), KIND_CUSTOMER, nth("move", i), NULL);
        import(nth("token", i), text[7]);
    }
    world_close();
}

/* Changes one right after another. */
static void change(unsigned long n)
{
    const struct way *way = &ways[n % WAYS];
    unsigned i = (unsigned)(n / WAYS % PER_WAY);
    struct right *right = &shared->rights[way - ways][i];
    uint64_t state = atomic_load(&right->state);
    atomic_store(&right->state, state + 1);
    way->set(way, i, state % 4 == 2);
    atomic_store(&right->state, state + 2);
}

/* --- readers --- */

static void look(unsigned seed)
{
    const struct way *way = &ways[seed % WAYS];
    unsigned i = seed / WAYS % PER_WAY;
    struct right *right = &shared->rights[way - ways][i];
    uint64_t before = atomic_load(&right->state);
    struct text text = right->text;
    char customer[32];
    snprintf(customer, sizeof customer, "moving-%u", i);
    if (before % 2 != 0 || atomic_load(&right->state) != before)
        return;
    const espt_query query = {
        .size = sizeof query,
        .token = text.bytes,
        .token_len = TEXT_LEN,
        .metric = way->metric,
        .metric_len = way->metric != NULL ? strlen(way->metric) : 0,
        .entity = way->of_customer ? customer : NULL,
        .entity_len = way->of_customer ? strlen(customer) : 0,
    };
    espt_result result = {.size = sizeof result};
    int allowed = plugin->validate(ctx, &query, &result);
    atomic_fetch_add(&shared->asked, 1);
    if (atomic_load(&right->state) != before)
        return;
    atomic_fetch_add(&shared->decided, 1);
    bool given = before % 4 == 0;
    if (allowed && !given)
        atomic_fetch_add(&shared->allowed_after, 1);
    else if (!allowed && result.status != way->denial)
        atomic_fetch_add(&shared->other, 1);
    else if (!allowed && given)
        atomic_fetch_add(&shared->denied_after, 1);
}

static void *look_on(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;
    while (!atomic_load(&shared->stop)) {
        seed = seed * 1103515245 + 12345;
        look(seed >> 8);
    }
    return NULL;
}

/* On the context of its parent, or on its own. */
static pid_t start_readers(unsigned process)
{
    pid_t child = fork_child();
    if (child != 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pthread_t threads[THREADS];
    if (process % 2 != 0 && plugin->open(&ctx, config, NULL, NULL, NULL, 0) != 1)
        _exit(1);
    for (uintptr_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, look_on, (void *)(process * THREADS + i + 1)) != 0)
            _exit(2);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    _exit(0);
}

START_TEST(revoked_rights_are_not_allowed)
{
    const unsigned long changes = rounds(BRIEF) * 1000ul;
    pid_t readers[PROCESSES];
    shared = share_memory(sizeof *shared);
    make_rights();
    host_load();
    host_open();
    for (unsigned i = 0; i < PROCESSES; i++)
        readers[i] = start_readers(i);
    world_open();
    for (unsigned long n = 0; n < changes; n++)
        change(n);
    atomic_store(&shared->stop, true);
    for (unsigned i = 0; i < PROCESSES; i++) {
        int status;
        ck_assert_int_eq(waitpid(readers[i], &status, 0), readers[i]);
        ck_assert_int_eq(status, 0);
    }
    world_close();
    tier_table_free(world_tiers);
    host_teardown();
    printf("%lu changes, %lu validations, %lu of them between changes: %lu allowed what was taken, "
           "%lu denied what was given, %lu said something else\n",
           changes, shared->asked, shared->decided, shared->allowed_after, shared->denied_after,
           shared->other);
    ck_assert_uint_gt(shared->decided, changes / 10);
    ck_assert_uint_eq(shared->allowed_after, 0);
    ck_assert_uint_eq(shared->denied_after, 0);
    ck_assert_uint_eq(shared->other, 0);
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("revocation");
    TCase *tcase = tcase_create("revocation");
    tcase_add_test(tcase, revoked_rights_are_not_allowed);
    tcase_set_timeout(tcase, 0);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
