/* SPDX-License-Identifier: ISC */
/*
 * Stores damaged in every way are read through the plugin. The answer for each token in the intact
 * store is known; from a damaged store the plugin may give that answer, or deny. It never allows
 * more, never answers from an older state, never hangs or crashes. The last transactions of each
 * store take rights away, in every way that exists, so that an answer from an older state would be
 * visible.
 *
 * Each damage is tried in a child process, so that a crash is counted and named by its seed.
 */
#include "torture/damage.h"
#include "torture/world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define BRIEF (SANITIZED ? 12 : 60)
#define HANG_SECONDS 60 /* for one store */
#define FILLERS 400     /* enough tokens that the larger store has branch pages */

/* --- the questions --- */

enum taken {
    TAKEN_TOKEN,
    TAKEN_REMOVED,
    TAKEN_ENTITY,
    TAKEN_RESELLER,
    TAKEN_TIER,
    TAKEN_MOVED,
    TAKEN_COUNT
};

struct witness {
    struct text text;
    const char *metric, *entity;
    espt_result truth; /* the answer of the intact store */
};
static struct witness witnesses[TAKEN_COUNT + 8];
static size_t witness_count;
static uint64_t revision; /* of the intact store */

static void add_witness(struct text text, const char *metric, const char *entity)
{
    witnesses[witness_count++] = (struct witness){text, metric, entity, {0}};
}

static void take_away(enum taken what)
{
    switch (what) {
    case TAKEN_TOKEN:
        world_switch_token("acme", "off", 0);
        break;
    case TAKEN_REMOVED:
        world_remove("acme", "gone");
        break;
    case TAKEN_ENTITY:
        world_switch_entity("shut", 0);
        break;
    case TAKEN_RESELLER:
        world_switch_entity("cold", 0);
        break;
    case TAKEN_TIER:
        world_edit("down", &(struct entity_edit){.tier = "low"});
        break;
    default:
        world_edit("away", &(struct entity_edit){.reseller = ""});
        break;
    }
}

static uint64_t newest_id(void)
{
    size_t len;
    const char *bytes = file_read(in_folder(folder, "tokens.mdb"), &len);
    uint64_t ids[2];
    memcpy(&ids[0], bytes + 144, sizeof *ids);
    memcpy(&ids[1], bytes + PAGE + 144, sizeof *ids);
    return ids[0] > ids[1] ? ids[0] : ids[1];
}

/* A store where `last` was taken away in the last transaction. One flipped bit turns its newest id
   into the id before the older page's, so that the older meta page looks like the newest. */
static void make_store(enum taken last, unsigned fillers)
{
    char name[16];
    world_open();
    add_witness(world_add("acme", KIND_RESELLER, NULL, "high"), NULL, NULL);
    add_witness(witnesses[0].text, "asn.traffic", "acme");
    add_witness(witnesses[0].text, NULL, "away"); /* TAKEN_MOVED */
    add_witness(world_create("acme", "off"), NULL, NULL);
    add_witness(world_create("acme", "gone"), NULL, NULL);
    add_witness(world_add("shut", KIND_CUSTOMER, NULL, NULL), NULL, NULL);
    world_add("cold", KIND_RESELLER, NULL, NULL);
    add_witness(world_add("frost", KIND_CUSTOMER, "cold", NULL), NULL, NULL);
    add_witness(world_add("down", KIND_CUSTOMER, NULL, "high"), "asn.traffic", NULL);
    add_witness(world_add("away", KIND_CUSTOMER, "acme", NULL), NULL, NULL);
    world_add("full", KIND_CUSTOMER, NULL, NULL);
    for (unsigned i = 0; i < fillers; i++) {
        snprintf(name, sizeof name, "n%u", i);
        struct text text = world_create("full", name);
        if (i == fillers / 2)
            add_witness(text, "kpi.x", NULL);
    }
    for (enum taken what = 0; what < TAKEN_COUNT; what++) {
        if (what != last)
            take_away(what);
    }
    for (unsigned i = 0; (newest_id() + 1) % 4 < 2; i++) {
        snprintf(name, sizeof name, "m%u", i);
        world_create("full", name);
    }
    take_away(last);
    world_close();
}

static void ask(const struct witness *witness, espt_result *ret_result)
{
    (void)validate_now(&witness->text, witness->metric, witness->entity, 0, ret_result);
}

static void record_answers(void)
{
    unsigned allowed = 0;
    host_load();
    host_open();
    for (size_t i = 0; i < witness_count; i++) {
        struct witness *witness = &witnesses[i];
        ask(witness, &witness->truth);
        ck_assert_int_lt(witness->truth.status, ESPT_ERR_UNAVAILABLE);
        allowed += witness->truth.status == ESPT_ALLOW;
        revision = witness->truth.revision;
    }
    ck_assert_uint_eq(allowed, witness_count - TAKEN_COUNT);
    host_teardown();
}

/* --- the answers, in a child process --- */

struct tally {
    _Atomic uint32_t next; /* the store under test */
    atomic_uint refused, same, corrupt, unavailable, denied, more, older, crashes;
};
static struct tally *tally;
static char *store_path;
static uint8_t *whole; /* the intact store, and the file as mapped for damage */
static uint8_t *file;
static uint32_t page_count;

static void read_store(void)
{
    size_t len;
    store_path = strdup(in_folder(folder, "tokens.mdb"));
    char *bytes = file_read(store_path, &len);
    int fd = open(store_path, O_RDWR | O_CLOEXEC);
    whole = malloc(len);
    ck_assert(fd >= 0 && whole != NULL && len % PAGE == 0);
    memcpy(whole, bytes, len);
    page_count = (uint32_t)(len / PAGE);
    file = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert_ptr_ne(file, MAP_FAILED);
    close(fd);
}

/* Every field of an allowed result is correct. */
static bool is_expected(const espt_result *result, const espt_result *truth)
{
    return memcmp(result, truth, sizeof *result) == 0;
}

static void try_witness(const struct witness *witness)
{
    espt_result result;
    ask(witness, &result);
    if (is_expected(&result, &witness->truth))
        atomic_fetch_add(&tally->same, 1);
    else if (result.revision != 0 && result.revision != revision)
        atomic_fetch_add(&tally->older, 1);
    else if (result.status == ESPT_ALLOW)
        atomic_fetch_add(&tally->more, 1);
    else if (result.status == ESPT_ERR_CORRUPT)
        atomic_fetch_add(&tally->corrupt, 1);
    else if (result.status == ESPT_ERR_UNAVAILABLE)
        atomic_fetch_add(&tally->unavailable, 1);
    else
        atomic_fetch_add(&tally->denied, 1);
}

static void try_all(void)
{
    char err[512] = "";
    if (plugin->open(&ctx, config, count_log, &warnings, err, sizeof err) != 1) {
        ck_assert_str_ne(err, "");
        atomic_fetch_add(&tally->refused, 1);
        return;
    }
    for (size_t i = 0; i < witness_count; i++)
        try_witness(&witnesses[i]);
    host_teardown();
}

static uint64_t seed_of(unsigned kind, uint32_t store)
{
    return (uint64_t)kind << 32 | store;
}

static void try_stores(unsigned kind, uint32_t count)
{
    for (; tally->next < count; tally->next++) {
        alarm(HANG_SECONDS);
        memcpy(file, whole, (size_t)page_count * PAGE);
        chance = seed_of(kind, tally->next);
        kinds[kind].damage(file, page_count);
        try_all();
    }
}

/* Runs `attempt` in children until everything is tried. A child that ends badly is reported and its
   case skipped. */
static void in_children(void (*attempt)(unsigned kind, uint32_t count), unsigned kind,
                        const char *name, uint32_t count)
{
    memset(tally, 0, sizeof *tally);
    while (tally->next < count) {
        int status;
        fflush(stdout);
        pid_t child = fork_child();
        if (child == 0) {
            attempt(kind, count);
            _exit(0);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        if (status != 0) {
            printf("%s, store %u: wait status %x\n", name, tally->next, status);
            tally->next++;
            atomic_fetch_add(&tally->crashes, 1);
        }
    }
    printf("%-20s %8u: %u refused; answers: %u same, %u corrupt, %u unavailable, %u denied, "
           "%u more, %u older; %u crashes\n",
           name, count, tally->refused, tally->same, tally->corrupt, tally->unavailable,
           tally->denied, tally->more, tally->older, tally->crashes);
    ck_assert_uint_eq(tally->crashes, 0);
    ck_assert_uint_eq(tally->more, 0);
    ck_assert_uint_eq(tally->older, 0);
}

/* --- tests --- */

static void setup(enum taken last, unsigned fillers)
{
    tally = share_memory(sizeof *tally);
    make_store(last, fillers);
    record_answers();
    read_store();
}

static void teardown(void)
{
    munmap(file, (size_t)page_count * PAGE);
    free(whole);
    free(store_path);
    tier_table_free(world_tiers);
}

/* Cycles through what was taken away last; every second case is in the larger store. */
START_TEST(random_damage)
{
    const unsigned shapes = TAKEN_COUNT * 2;
    setup((enum taken)(_i / 2), _i % 2 == 0 ? 0 : FILLERS);
    for (unsigned kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        in_children(try_stores, kind, kinds[kind].name, (rounds(BRIEF) + shapes - 1) / shapes);
        if (kinds[kind].damage == damage_one_percent)
            ck_assert_uint_gt(tally->corrupt + tally->refused, 0);
    }
    teardown();
}
END_TEST

/* In a short run each store flips one bit in `stride`, and these begin at different bits, so that
   together the stores flip all multiples of stride / TAKEN_COUNT. */
static uint32_t first_bit;

static uint32_t begin_bits(unsigned stride, enum taken store, uint32_t bits)
{
    first_bit = stride / TAKEN_COUNT * (uint32_t)store;
    return (bits - first_bit) / stride;
}

/* Flips each bit of the file in turn, for a host that opens afterwards and for one that stays
   open. */
static void try_bits(unsigned stride, uint32_t count)
{
    host_open();
    espt_ctx *stays = ctx;
    for (; tally->next < count; tally->next++) {
        const uint32_t bit = first_bit + tally->next * stride;
        alarm(HANG_SECONDS);
        file[bit / 8] ^= (uint8_t)(1u << bit % 8);
        try_all();
        ctx = stays;
        try_witness(&witnesses[tally->next % witness_count]);
        file[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    host_teardown();
}

START_TEST(every_bit_of_the_metas)
{
    setup((enum taken)_i, 0);
    const unsigned stride = rounds(0) >= 1000 ? 1 : TAKEN_COUNT * (SANITIZED ? 29 : 5);
    const uint32_t count = begin_bits(stride, (enum taken)_i, (PAGE + 152) * 8);
    in_children(try_bits, stride, "bits of the metas", count);
    ck_assert_uint_gt(tally->corrupt, 0);
    teardown();
}
END_TEST

START_TEST(every_bit_of_the_store)
{
    const unsigned stride = rounds(0) >= 1000 ? 1 : TAKEN_COUNT * (SANITIZED ? 997 : 97);
    setup((enum taken)_i, 0);
    const uint32_t count = begin_bits(stride, (enum taken)_i, page_count * PAGE * 8);
    in_children(try_bits, stride, "bits of the store", count);
    ck_assert_uint_gt(tally->corrupt, 0);
    teardown();
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("damage");
    TCase *tcase = tcase_create("damage");
    tcase_add_loop_test(tcase, random_damage, 0, TAKEN_COUNT * 2);
    tcase_add_loop_test(tcase, every_bit_of_the_metas, 0, TAKEN_COUNT);
    tcase_add_loop_test(tcase, every_bit_of_the_store, 0, TAKEN_COUNT);
    tcase_set_timeout(tcase, 0);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
