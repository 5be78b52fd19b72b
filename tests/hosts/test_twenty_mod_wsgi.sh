#!/bin/sh
# SPDX-License-Identifier: ISC
# The twenty questions to the Python module in Apache's mod_wsgi, embedded and as a daemon, in an interpreter of
# its own and in the main one.
# shellcheck disable=SC2086,SC2034
. tests/hosts/lib.sh
. tests/hosts/twenty.sh
. tests/hosts/http.sh
. tests/hosts/wsgi.sh
embedded=$(free_port) daemon=$(free_port) main=$(free_port) without=$(free_port)
ports="$embedded $daemon $main" verdicts=$work/error.log
mkdir "$work/run"
theirs "$work/run" "$work/error.log"
{
    for module in mpm_event authz_core wsgi; do
        echo "LoadModule ${module}_module /usr/lib/apache2/modules/mod_$module.so"
    done
    cat <<END
ServerName localhost
PidFile $work/run/pid
Mutex file:$work/run
DefaultRuntimeDir $work/run
ErrorLog $work/error.log
WSGISocketPrefix $work/run/wsgi
WSGIPythonPath $work/lib
$(block plugins/python/README.md WSGIPassAuthorization | sed "s|/srv/analytics|$work/lib|g")
Listen 127.0.0.1:$embedded
Listen 127.0.0.1:$daemon
Listen 127.0.0.1:$main
Listen 127.0.0.1:$without
<Directory $work/lib>
    Require all granted
</Directory>
<VirtualHost 127.0.0.1:$embedded>
    WSGIProcessGroup %{GLOBAL}
</VirtualHost>
<VirtualHost 127.0.0.1:$main>
    WSGIApplicationGroup %{GLOBAL}
</VirtualHost>
<VirtualHost 127.0.0.1:$without>
    WSGIPassAuthorization Off
</VirtualHost>
END
} >"$work/apache.conf"
serve apache.log $plain apache2 -DFOREGROUND -f "$work/apache.conf"
all_answer
twenty
says "$work/error.log" "the old tier table stays in force"
same "without WSGIPassAuthorization" no "$(bearer web "http://127.0.0.1:$without/metrics/kpi.join_time")"
finished
