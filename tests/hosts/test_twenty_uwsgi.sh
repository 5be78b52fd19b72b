#!/bin/sh
# SPDX-License-Identifier: ISC
# The twenty questions to the Python module in uWSGI: forked after the validator was opened, with lazy-apps, with
# threads, and under a limit of the address space.
# shellcheck disable=SC2086,SC2034
. tests/hosts/lib.sh
. tests/hosts/twenty.sh
. tests/hosts/http.sh
. tests/hosts/wsgi.sh
longest=3000 # buffer-size is 4096 unless it is configured

for mode in '' --lazy-apps '--threads 4' '--limit-as 512'; do
    port=$(free_port)
    ports="$ports $port"
    serve "uwsgi_$port.log" $plain uwsgi_python3 --master --die-on-term --processes 2 --need-app \
        --http-socket "127.0.0.1:$port" --module app $mode
done
verdicts=$work/uwsgi_$port.log
all_answer
twenty
for log in "$work"/uwsgi_*.log; do
    says "$log" "the old tier table stays in force"
done
finished
