/* SPDX-License-Identifier: ISC */
#include "fleet/certificates.h"

#include "support/support.h"

#include <stdio.h>

void certificates_make(const char *folder)
{
    static const char script[] =
        "set -e; cd \"$1\"; new='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'\n"
        "for ca in ca other; do\n"
        "  openssl req -x509 $new -keyout $ca.key -out $ca.crt -subj /CN=$ca -days 2\n"
        "done\n"
        "sign() {\n"
        "  openssl req $new -keyout $1.key -out $1.csr -subj /CN=$2\n"
        "  echo subjectAltName = $3 >$1.ext\n"
        "  openssl x509 -req -in $1.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out $1.crt "
        "-days 2 -extfile $1.ext\n"
        "  chmod 600 $1.key\n"
        "}\n"
        "sign server db.example.com DNS:db.example.com,IP:127.0.0.1\n"
        "sign elsewhere elsewhere.example.com DNS:elsewhere.example.com\n"
        "chown --reference=. *.key *.crt\n";
    const char *argv[] = {"sh", "-c", script, "sh", folder, NULL};
    struct run run = run_process(argv, NULL);
    ck_assert_msg(run.status == 0, "%s", run.err);
}
