/* SPDX-License-Identifier: ISC */
/*
 * Every command that writes, on a file system that is really full: with no
 * free block, with one, and so on until there are enough. The command prints the cause and the
 * remedy; neither esp-tokenctl nor a host sees any part of its change; and with free space it
 * works.
 */
/* clang-format off: host.h defines what the others only declare */
#include "abi/host.h"
/* clang-format on */

#include "fault/space.h"
#include "fault/step.h"
#include "fault/world.h"

#define LEFT_MAX 400 /* in blocks: far more than any of these commands needs */

static struct world world;

/* The questions that hosts get while the disk is full. */
static const char *const tokens[] = {"acme/default", "acme/second", "bolt/default", "zed/default"};
#define TOKENS (sizeof tokens / sizeof *tokens)
static struct text texts[TOKENS];

/* What commands and a host see of the store. */
struct seen {
    char *state;
    int verdict[TOKENS];
};

/* --- the store, and what others see of it --- */

static bool make(enum space_kind kind)
{
    const char *place = space_mount(kind, space_names[kind]);
    if (place == NULL)
        return false;
    world_make_in(&world, in_folder(place, "world"));
    config = world.config;
    for (size_t i = 0; i < TOKENS; i++)
        texts[i] = text_in(DO("show", tokens[i], "--reveal"));
    world_pack(&world);
    /* this host does not count uses: counting would need disk space that validating does not */
    config = keep_string(strdup(in_folder(place, "host.conf")));
    file_text(config, "[store]\npath = world/tokens.mdb\n[tiers]\npath = world/tiers.ini\n");
    host_load();
    host_open();
    return true;
}

/* The store goes back to an earlier state. The host must be opened again, because a host that has
   seen a later state answers nothing from an earlier one. */
static void reset(void)
{
    plugin->close(ctx);
    world_reset(&world);
    host_open();
}

static void ask_host(int ret_verdict[TOKENS])
{
    char err[512];
    ck_assert_msg(plugin->refresh(ctx, err, sizeof err) == 1, "%s", err);
    for (size_t i = 0; i < TOKENS; i++)
        ret_verdict[i] = verdict(&texts[i]);
}

static struct seen look(void)
{
    struct seen seen = {.state = world_state(&world)};
    ask_host(seen.verdict);
    return seen;
}

static struct seen seen_after(const struct writer *writer)
{
    struct run run = run_process(world_argv(&world, writer->args), NULL);
    ck_assert_msg(run.status == 0, "%s: %s", writer->name, run.err);
    return look();
}

/* A command in steps may have done some of them; only the log shows that. */
static bool is_state(const struct writer *writer, const char *state, const char *wanted, bool done)
{
    return done || writer->how == IN_STEPS ? world_is_after(writer, state, wanted)
                                           : world_is_before(writer, state, wanted);
}

static void hosts_see(const struct seen *wanted, const char *where)
{
    int got[TOKENS];
    ask_host(got);
    for (size_t i = 0; i < TOKENS; i++)
        ck_assert_msg(got[i] == wanted->verdict[i], "a host: %s is %s, not %s, %s", tokens[i],
                      plugin->reason(got[i]), plugin->reason(wanted->verdict[i]), where);
}

static void is_seen(const struct writer *writer, const struct seen *wanted, bool done,
                    const char *where)
{
    char *state = world_state(&world);
    ck_assert_msg(is_state(writer, state, wanted->state, done), "%s %s:\n%s\nand not\n%s",
                  done ? "done, and is not," : "half done", where, state, wanted->state);
    free(state);
    hosts_see(wanted, where);
}

/* --- one run --- */

static bool has_lock(void)
{
    return access(in_folder(world.folder, "tokens.mdb-lock"), F_OK) == 0;
}

/* Returns true if there was enough space. */
static bool run_one(const struct writer *writer, const struct seen seen[2], unsigned long left,
                    bool used_before)
{
    char where[128];
    snprintf(where, sizeof where, "%s, %lu free%s", writer->name, left,
             used_before ? "" : ", without lock files");
    reset();
    if (used_before)
        free(world_state(&world));
    space_fill(left);
    struct run run = run_process(world_argv(&world, writer->args), NULL);
    const bool done = run.status == 0;
    if (!done)
        space_check_refusal(&run, where);
    if (!done && used_before && writer->how == IN_BATCHES)
        ck_assert_msg(strstr(run.err, "; 0 created; lines up to 0 are committed") != NULL,
                      "not how far it came, %s: %s", where, run.err);
    hosts_see(&seen[done], where);
    if (used_before && has_lock()) /* reading commands work on a full disk */
        is_seen(writer, &seen[done], done, where);
    world_no_litter(&world);
    space_free();
    is_seen(writer, &seen[done], done, where);
    if (!done) {
        run = run_process(world_argv(&world, writer->args), NULL);
        ck_assert_msg(run.status == 0, "with room again, %s: %s", where, run.err);
        is_seen(writer, &seen[1], true, where);
    }
    if (writer->how == IN_STEPS)
        world_check_reveals(&world);
    free(world_sound_state(&world));
    return done;
}

static void each_writer(unsigned long from)
{
    for (size_t i = 0; i < writer_count; i++) {
        reset();
        const struct seen seen[2] = {look(), seen_after(&writers[i])};
        for (int used_before = 0; used_before < 2; used_before++) {
            unsigned long left = 0;
            while (!run_one(&writers[i], seen, left, used_before == 1)) {
                left += left == 0 ? 1 + (from + i) % fault_step() : fault_step();
                ck_assert_uint_lt(left, LEFT_MAX);
            }
        }
        free(seen[0].state);
        free(seen[1].state);
    }
}

START_TEST(every_writer_on_a_full_disk)
{
    if (!make((enum space_kind)_i))
        return;
    each_writer((unsigned long)_i);
    host_teardown();
}
END_TEST

int main(void)
{
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    puts("thousands of runs: the release build's, which is what fills disks in the field");
    return 77;
#endif
    if (!mounts_apart("disk"))
        return 77;
    cheap_crypto();
    Suite *suite = suite_create("disk");
    TCase *tests = tcase_create("disk");
    tcase_add_unchecked_fixture(tests, world_prepare, NULL);
    tcase_set_timeout(tests, 900);
    tcase_add_loop_test(tests, every_writer_on_a_full_disk, 0, SPACE_KINDS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
