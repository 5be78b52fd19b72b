/* SPDX-License-Identifier: ISC */
/* Calls the plugin of the journal. */
#include "fleet/member.h"

#define SAID 512

/* How each call ends: 1 for DONE, 0 for NONE, else a failure. */
static int ended(int status, const char *said, struct espt_error *err)
{
    if (status == ESPT_JOURNAL_DONE)
        return 1;
    if (status == ESPT_JOURNAL_NONE)
        return 0;
    return journal_fail(err, status == ESPT_JOURNAL_TAKEN ? "a piece is taken" : said);
}

int journal_read(struct fleet *fleet, uint64_t number, espt_journal_entry *ret,
                 struct espt_error *err)
{
    char said[SAID] = "";
    int status = ESPT_JOURNAL_FAILED, code = journal_open(fleet, err);
    if (code == 0)
        code =
            ended(status = fleet->plugin->read(fleet->journal, number, ret, said, SAID), said, err);
    fleet->too_long = status == ESPT_JOURNAL_BUSY;
    return code;
}

int fleet_range(struct fleet *fleet, struct fleet_range *ret_range, struct espt_error *err)
{
    char said[SAID] = "";
    struct fleet_range range = {0};
    int code = journal_open(fleet, err);
    if (code == 0)
        code = ended(fleet->plugin->range(fleet->journal, &range.first, &range.last, said, SAID),
                     said, err);
    if (code < 0)
        return code;
    *ret_range = range;
    return 0;
}

int journal_get(struct fleet *fleet, const char *name, const uint8_t **ret_bytes, size_t *ret_len,
                struct espt_error *err)
{
    char said[SAID] = "";
    int code = journal_open(fleet, err);
    if (code == 0)
        code = ended(fleet->plugin->get(fleet->journal, name, ret_bytes, ret_len, said, SAID), said,
                     err);
    return code;
}

int journal_put(struct fleet *fleet, const char *name, const uint8_t *bytes, size_t len,
                struct espt_error *err)
{
    char said[SAID] = "";
    int code = journal_open(fleet, err);
    if (code == 0)
        code = ended(fleet->plugin->put(fleet->journal, name, bytes, len, said, SAID), said, err);
    return code < 0 ? code : 0;
}

int journal_drop(struct fleet *fleet, const char *name, struct espt_error *err)
{
    char said[SAID] = "";
    int code = journal_open(fleet, err);
    if (code == 0)
        code = ended(fleet->plugin->drop(fleet->journal, name, said, SAID), said, err);
    return code;
}

int journal_head_get(struct fleet *fleet, const uint8_t **ret_bytes, size_t *ret_len,
                     struct espt_error *err)
{
    char said[SAID] = "";
    int code = journal_open(fleet, err);
    if (code == 0)
        code = ended(fleet->plugin->head_get(fleet->journal, ret_bytes, ret_len, said, SAID), said,
                     err);
    return code;
}

int journal_head_put(struct fleet *fleet, const uint8_t *bytes, size_t len, struct espt_error *err)
{
    char said[SAID] = "";
    int code = journal_open(fleet, err);
    if (code == 0)
        code = ended(fleet->plugin->head_put(fleet->journal, bytes, len, said, SAID), said, err);
    return code < 0 ? code : 0;
}

int journal_wait(struct fleet *fleet, uint64_t last, uint32_t wait_ms, struct espt_error *err)
{
    char said[SAID] = "";
    int code = journal_open(fleet, err);
    if (code == 0)
        code = ended(fleet->plugin->wait(fleet->journal, last, wait_ms, said, SAID), said, err);
    return code;
}

int journal_trim(struct fleet *fleet, uint64_t first, struct espt_error *err)
{
    char said[SAID] = "";
    int code = journal_open(fleet, err);
    if (code == 0)
        code = ended(fleet->plugin->trim(fleet->journal, first, said, SAID), said, err);
    return code < 0 ? code : 0;
}

int journal_report_put(struct fleet *fleet, const char *name, const uint8_t *bytes, size_t len,
                       struct espt_error *err)
{
    char said[SAID] = "";
    int code = journal_open(fleet, err);
    if (code == 0)
        code = ended(fleet->plugin->report_put(fleet->journal, name, bytes, len, said, SAID), said,
                     err);
    return code < 0 ? code : 0;
}

int journal_report_each(struct fleet *fleet,
                        int (*each)(void *arg, const char *name, const uint8_t *bytes, size_t len),
                        void *arg, struct espt_error *err)
{
    char said[SAID] = "";
    int code = journal_open(fleet, err);
    if (code == 0)
        code = ended(fleet->plugin->report_each(fleet->journal, each, arg, said, SAID), said, err);
    return code < 0 ? code : 0;
}

int journal_piece_each(struct fleet *fleet, int (*each)(void *arg, const char *name), void *arg,
                       struct espt_error *err)
{
    char said[SAID] = "";
    int code = journal_open(fleet, err);
    if (code == 0)
        code = ended(fleet->plugin->piece_each(fleet->journal, each, arg, said, SAID), said, err);
    return code < 0 ? code : 0;
}
