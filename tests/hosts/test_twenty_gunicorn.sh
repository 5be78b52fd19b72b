#!/bin/sh
# SPDX-License-Identifier: ISC
# The twenty questions to the Python module in gunicorn: sync, threads and gevent, with a validator in each of two
# workers; and --preload, with one validator that was opened before the workers were forked.
# shellcheck disable=SC2086,SC2034
. tests/hosts/lib.sh
. tests/hosts/twenty.sh
. tests/hosts/http.sh
. tests/hosts/wsgi.sh

for mode in sync 'gthread --threads 4' gevent 'sync --preload' 'gthread --threads 4 --preload'; do
    port=$(free_port)
    ports="$ports $port"
    serve "gunicorn_$port.log" $plain $python /usr/bin/gunicorn --workers 2 --bind "127.0.0.1:$port" \
        --worker-tmp-dir /dev/shm app:application --worker-class $mode
done
verdicts=$work/gunicorn_$port.log
all_answer
twenty
for log in "$work"/gunicorn_*.log; do
    says "$log" "the old tier table stays in force"
done
finished
