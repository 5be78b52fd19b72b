/* SPDX-License-Identifier: ISC */
/* Which pieces a feed has while entries come one by one. An edge that keeps up is a few seconds
   behind, so it needs the newest pieces. If these were merged into a long one, each edge would
   fetch all of it. */
#include "fleet/feed.h"
#include "support/support.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENTRY 9000 /* bytes, so each entry is a piece */
#define ENTRIES 400

static struct feed feed;

static void setup(void)
{
    feed = (struct feed){.folder = -1};
    snprintf(feed.path, sizeof feed.path, "%s", temp_folder());
    feed.pieces_folder = open(feed.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(feed.pieces_folder, 0);
}

static void add(uint64_t number)
{
    static uint8_t bytes[ENTRY];
    const espt_journal_entry entry = {
        .head = bytes, .head_len = 100, .edge = bytes, .edge_len = ENTRY - 108};
    struct espt_error err;
    memcpy(bytes, &number, sizeof number);
    ck_assert_int_eq(feed_add(&feed, number, &entry, &err), 0);
    ck_assert_int_eq(feed_flush(&feed, FEED_NEWEST, &err), 0);
}

/* Every entry is in one piece, in order, and each piece is a file of its length. */
static void check_order(uint64_t last)
{
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    uint64_t next = 1;
    for (size_t i = 0; i < feed.piece_count; i++) {
        const struct feed_piece *piece = &feed.pieces[i];
        ck_assert_uint_eq(piece->first, next);
        ck_assert_uint_ge(piece->last, piece->first);
        ck_assert_uint_eq(piece->len, ENTRY * (piece->last + 1 - piece->first));
        ck_assert_uint_le(piece->len, FEED_PIECE);
        feed_piece_name(piece, name);
        ck_assert_int_eq(feed_length(&feed, feed.pieces_folder, name), (off_t)piece->len);
        next = piece->last + 1;
    }
    ck_assert_uint_eq(next, last + 1);
}

START_TEST(the_newest_stay)
{
    size_t most = 0;
    for (uint64_t number = 1; number <= ENTRIES; number++) {
        add(number);
        check_order(number);
        for (uint64_t i = 0; i < FEED_RECENT && i < number; i++) {
            const struct feed_piece *piece = &feed.pieces[feed.piece_count - 1 - i];
            ck_assert_msg(piece->first == number - i && piece->last == number - i,
                          "after entry %llu the piece with entry %llu is %llu to %llu",
                          (unsigned long long)number, (unsigned long long)(number - i),
                          (unsigned long long)piece->first, (unsigned long long)piece->last);
        }
        most = feed.piece_count > most ? feed.piece_count : most;
    }
    ck_assert_uint_le(most, FEED_PIECES + 1);
    feed_forget(&feed);
}
END_TEST

/* A feed keeps many long pieces if its snapshot is large. Those must not trigger a merge at each
   new piece. */
START_TEST(long_pieces_stay)
{
    struct espt_error err;
    feed.pieces = calloc(4 * FEED_PIECES, sizeof *feed.pieces);
    for (uint64_t i = 0; i < 2 * FEED_PIECES; i++)
        feed.pieces[feed.piece_count++] =
            (struct feed_piece){.first = i + 1, .last = i + 1, .len = FEED_PIECE};
    feed.number = 2 * FEED_PIECES;
    for (uint64_t i = 1; i <= FEED_PIECES; i++) {
        add(2 * FEED_PIECES + i);
        ck_assert_uint_eq(feed.piece_count, 2 * FEED_PIECES + i);
    }
    add(3 * FEED_PIECES + 1); /* now they are merged */
    ck_assert_uint_eq(feed.piece_count, 2 * FEED_PIECES + 1 + FEED_RECENT);
    ck_assert_int_eq(feed_flush(&feed, FEED_NEWEST, &err), 0);
    feed_forget(&feed);
}
END_TEST

/* Merging does not look for pieces that were trimmed away. */
START_TEST(trimmed)
{
    for (uint64_t number = 1; number <= FEED_PIECES; number++)
        add(number);
    feed_trim(&feed, FEED_PIECES - 2);
    ck_assert_uint_eq(feed.piece_count, 3);
    for (uint64_t number = FEED_PIECES + 1; number <= 3 * FEED_PIECES; number++)
        add(number);
    ck_assert_uint_eq(feed_first(&feed), FEED_PIECES - 2);
    ck_assert_uint_le(feed.piece_count, FEED_PIECES + 1);
    feed_forget(&feed);
}
END_TEST

/* A damaged or missing piece is never merged: the call fails, and the feed stays as it was. */
START_TEST(damaged_piece)
{
    static const uint8_t bytes[ENTRY];
    const espt_journal_entry entry = {
        .head = bytes, .head_len = 100, .edge = bytes, .edge_len = ENTRY - 108};
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    struct espt_error err;
    for (uint64_t number = 1; number <= FEED_PIECES; number++)
        add(number);
    feed_piece_name(&feed.pieces[1], name);
    const char *path = keep_string(strdup(in_folder(feed.path, name)));
    file_text(path, "damaged");
    ck_assert_int_eq(feed_add(&feed, FEED_PIECES + 1, &entry, &err), 0);
    ck_assert_int_eq(feed_flush(&feed, FEED_NEWEST, &err), ESPT_UNUSABLE);
    ck_assert_msg(strstr(err.message, "is missing or damaged") != NULL, "%s", err.message);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(feed_flush(&feed, FEED_NEWEST, &err), ESPT_UNUSABLE);
    ck_assert_uint_eq(feed.piece_count, FEED_PIECES + 1);
    feed_forget(&feed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("feed_pieces");
    TCase *tcase = tcase_create("feed_pieces");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, the_newest_stay);
    tcase_add_test(tcase, long_pieces_stay);
    tcase_add_test(tcase, trimmed);
    tcase_add_test(tcase, damaged_piece);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
