/* SPDX-License-Identifier: ISC */
/* The sticky error of a transaction. */
#include "store/db/db.h"

#include <errno.h>
#include <lmdb.h>
#include <stdarg.h>

int txn_fail(struct txn *txn, int code, const char *format, ...)
{
    if (txn->code != 0)
        return txn->code;
    va_list args;
    va_start(args, format);
    txn->code = espt_vfail(txn->err, code, format, args);
    va_end(args);
    return txn->code;
}

int txn_forgive(struct txn *txn)
{
    const int code = txn->code;
    if (code == ESPT_USAGE || code == ESPT_MISSING || code == ESPT_REFUSED)
        txn->code = 0;
    return code;
}

int txn_fail_rc(struct txn *txn, int rc)
{
    if (txn->code == 0)
        txn->code = rc == MDB_MAP_FULL
                        ? db_fail_full(txn->err, txn->store->env, &txn->store->config)
                        : db_fail(txn->err, rc, &txn->store->config);
    if (rc == MDB_PANIC)
        txn->store->broken = true;
    if (rc == ENOSPC || rc == EDQUOT || rc == EIO) /* ext4: EIO for a failed commit */
        txn->store->disk_full = true;
    return txn->code;
}

int txn_damaged(struct txn *txn, enum table table, const char *subject)
{
    return txn_fail(txn, ESPT_UNUSABLE,
                    "%s: the record of %s in table %s is damaged or missing; run 'esp-tokenctl "
                    "check', or restore a backup",
                    txn->store->config.store, subject, table_name(table));
}
