/* SPDX-License-Identifier: ISC */
/*
 * Every entry of a journal leaves a state that obeys the rules of the contract. An independent
 * model replays what two sites have written, with every kind of command and with random commands,
 * many of which are refused. ESPT_MODEL_SEED repeats a run.
 */
#include "fleet/journal_model.h"
#include "fleet/steps.h"

#include <sys/random.h>
#include <unistd.h>

#define COMMANDS 80

static struct fleet_of fleet;
static struct model model;
static uint64_t begun;   /* the first entry */
static const char *kept; /* a folder: what the fleet is before each test */

/* A fleet that begins with an empty store, so that the journal has every record. */
static void make(void)
{
    struct tier_table *tiers;
    struct espt_error err;
    fleet_folders(&fleet, 2);
    DONE(fleet.site[0], "fleet", "key");
    DONE(fleet.site[0], "fleet", "init");
    fleet_let_in(&fleet, 1);
    begun = fleet_entry(&fleet, 0);
    while (begun > 1 && access(fleet_entry_path(&fleet, begun - 1), F_OK) == 0)
        begun--;
    ck_assert_int_eq(
        tier_table_load_candidate(&tiers, in_folder(fleet.site[0].folder, "tiers.ini"), &err), 0);
    model = (struct model){.tiers = tiers};
    DONE(fleet.site[0], "entity", "add", "acme", "--kind", "reseller", "--tier", "advanced");
    kept = temp_folder();
    fleet_copy(&fleet, 2, kept, false);
}

static void begin(void)
{
    fleet_copy(&fleet, 2, kept, true);
}

/* Asserts that the model has the same records as the sites. */
static void replays(void)
{
    fleet_same(&fleet, 0, 1);
    const uint64_t last = fleet_entry(&fleet, 0);
    for (uint64_t number = begun; number <= last; number++)
        model_take(&model, &fleet, number);
    const char *names = DONE(fleet.site[1], "entity", "list", "-q");
    size_t entities = 0, listed = 0;
    for (int i = 0; i < MODEL_MAX; i++)
        entities += model.entities[i].number != 0;
    for (; *names != '\0'; names++)
        listed += *names == '\n';
    ck_assert_uint_eq(entities, listed);
    printf("%llu entries, %zu entities at the end\n", (unsigned long long)(last - begun + 1),
           entities);
}

/* Whether no rule forbids this line of `check`: the heading, an entity with more tokens than its
   lowered tier allows, and an entity whose last token was removed with --last. */
static bool may_be(const char *line)
{
    return strncmp(line, "KIND ", 5) == 0 || strncmp(line, "over-limit ", 11) == 0 ||
           strncmp(line, "no-token ", 9) == 0;
}

/* `check` tests the rules independently of the model. */
static void finds_nothing(int site)
{
    struct run run = AT(fleet.site[site], "check");
    for (const char *line = run.out; run.status != 0 && *line != '\0';
         line = strchr(line, '\n') + 1)
        ck_assert_msg(may_be(line), "%s%s", run.out, run.err);
    ck_assert_msg(run.status == 0 || run.out[0] != '\0', "%s", run.err);
}

/* Commands that would break rules, among a few that prepare for them. Their exit status does not
   matter: the model checks the journal. */
static const char *const forbidden[][12] = {
    {"entity", "add", "low", "--kind", "reseller", "--tier", "lite"},
    {"entity", "add", "high", "--kind", "customer", "--reseller", "low", "--tier", "advanced"},
    {"entity", "add", "high", "--kind", "customer", "--tier", "advanced"},
    {"entity", "edit", "high", "--reseller", "low"},
    {"entity", "add", "high", "--kind", "reseller"},
    {"entity", "edit", "low", "--name", "high"},
    {"entity", "edit", "high", "--reseller", "high"},
    {"create", "low", "second"},
    {"create", "low", "third"},
    {"create", "high", "default"},
    {"remove", "high/default", "--yes"},
    {"entity", "add", "inner", "--kind", "customer", "--reseller", "high"},
    {"entity", "edit", "acme", "--status", "inactive", "--as", "high"},
};

START_TEST(forbidden_things)
{
    int refused = 0;
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
        refused += run_ctl(fleet.site[i % 2].config, NULL, forbidden[i]).status != 0;
    printf("%d were refused\n", refused);
    replays();
}
END_TEST

START_TEST(every_command)
{
    for (size_t i = 0; i < STEPS; i++)
        fleet_done(run_ctl(fleet.site[steps[i].site].config, steps[i].input, steps[i].args));
    DONE(fleet.site[1], "key", "rotate");
    replays();
}
END_TEST

/* %c: an entity, %t: a token, %k: a tier */
static const char *const commands[] = {
    "entity add %c --kind customer --reseller acme --tier %k",
    "entity add %c --kind customer",
    "entity add %c --kind reseller --tier %k",
    "entity edit %c --tier %k",
    "entity edit %c --tier %k --cascade",
    "entity edit %c --reseller acme",
    "entity edit %c --reseller none",
    "entity edit %c --name %c",
    "entity edit %c --status inactive",
    "entity edit %c --status active --as acme",
    "entity remove %c --yes",
    "create %c %t",
    "create %c %t",
    "create %c %t --expires 1d",
    "rotate %c/%t --overlap 1h",
    "rotate %c/%t --overlap 0",
    "retire %c/%t",
    "edit %c/%t --name %t",
    "edit %c/%t --status inactive",
    "remove %c/%t --yes",
    "remove %c/%t --yes --last",
};

static const char *word(char kind)
{
    static const char *const names[] = {"acme", "bolt", "coil", "diode"};
    static const char *const tokens[] = {"default", "a", "b", "c", "d", "e", "f"};
    static const char *const tiers[] = {"lite", "advanced"};
    return kind == 'c'   ? names[random() % 4]
           : kind == 't' ? tokens[random() % 7]
                         : tiers[random() % 2];
}

/* Runs a random one of them at a site; many are refused. */
static int some_command(int site)
{
    char text[256], *args[16], *at = text;
    size_t count = 0;
    const char *from = commands[(size_t)random() % (sizeof commands / sizeof *commands)];
    for (; *from != '\0'; from++) {
        if (*from == '%')
            at = stpcpy(at, word(*++from));
        else
            *at++ = *from;
    }
    *at = '\0';
    for (char *next = strtok(text, " "); next != NULL; next = strtok(NULL, " "))
        args[count++] = next;
    args[count] = NULL;
    struct run run = run_ctl(fleet.site[site].config, NULL, (const char *const *)args);
    ck_assert_msg(run.status == 0 || (run.status >= 2 && run.status <= 4), "%s: %d: %s", args[0],
                  run.status, run.err);
    return run.status;
}

START_TEST(at_random)
{
    const char *given = getenv("ESPT_MODEL_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : 0;
    if (given == NULL)
        ck_assert_int_eq(getrandom(&seed, sizeof seed, 0), sizeof seed);
    int refused = 0;
    printf("ESPT_MODEL_SEED=%u\n", seed);
    fflush(stdout);
    srandom(seed);
    DONE(fleet.site[0], "entity", "add", "bolt", "--kind", "customer", "--reseller", "acme");
    DONE(fleet.site[1], "entity", "add", "coil", "--kind", "reseller", "--tier", "advanced");
    for (int i = 0; i < COMMANDS; i++)
        refused += some_command((int)(random() % 2)) != 0;
    printf("%d of %d commands were refused\n", refused, COMMANDS);
    replays();
    for (int i = 0; i < 2; i++)
        finds_nothing(i);
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("model");
    TCase *tcase = tcase_create("model");
    tcase_set_timeout(tcase, 120);
    tcase_add_unchecked_fixture(tcase, make, NULL);
    tcase_add_checked_fixture(tcase, begin, NULL);
    tcase_add_test(tcase, every_command);
    tcase_add_test(tcase, forbidden_things);
    tcase_add_test(tcase, at_random);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
