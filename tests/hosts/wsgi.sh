# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# The Python module and its examples in servers, for test_twenty_*.sh. Read lib.sh, twenty.sh and http.sh first.
#   $ports     the ports of servers that run side by side; each question is put to all of them
#   $python    Debian's Python, which Debian's servers use
# $work/lib/app.py is the README's example. It opens the validator when it is imported.
# shellcheck disable=SC2034,SC2154
python=/usr/bin/python3 by_entity=yes ports=''
export PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH="$work/lib" ESP_EXAMPLE_CONFIG="$config" ESP_EXAMPLE_PLUGIN="$work/lib/esp_validator.so"
mkdir "$work/lib"
cp "$build/esp_validator.so" "$build/plugins/python/esp_token.py" plugins/python/*_example.py "$work/lib"
block plugins/python/README.md 'import TokenMiddleware' |
    sed "s|\"/etc/esp-token/esp-token.conf\"|\"$config\", plugin=\"$ESP_EXAMPLE_PLUGIN\"|" >"$work/lib/app.py"

# shellcheck disable=SC2086
ask() {
    bearer_at "$1" "$2" "${3-}" $ports
}

all_answer() {
    for port in $ports; do
        answers_at "http://127.0.0.1:$port/"
    done
}
