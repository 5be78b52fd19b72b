# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# The questions that every host is asked, with the right answers; `twenty` asks them all. Read lib.sh
# first. The host's test defines
#   ask USER TOKEN [METRIC]   USER presents $work/TOKEN.token; prints yes, no or unavailable
# and sets what differs for its host:
#   undecided     its answer if the validator cannot decide: unavailable, or no
#   reopens       yes if it opens the validator for each login, and so cannot decide while the tier table is broken
#   by_entity     yes if USER is the entity whose data is asked for, which a reseller may read
#   at_once       no if it stores an accepted login for a second
#   metrics       no if it cannot ask for a metric
#   longest       bytes of the longest text that its protocol carries
#   verdicts      a log that must contain each of the reasons
# In protocols with user names, only acme logs in.
# shellcheck disable=SC2034,SC2154
undecided=unavailable reopens=no by_entity=no at_once=yes metrics=yes longest=4000
verdicts='' reasons='unknown malformed inactive expired suspended tier'

answers() {
    [ "$(ask acme "$2" "${3-}")" = "$1" ]
}
# q WHAT EXPECTED TOKEN [METRIC]: asks once. The answer must be right at once: there is no cache to wait for.
q() {
    [ "$metrics" = yes ] || [ -z "${4-}" ] || return 0
    [ "$at_once" = yes ] || until_true 15 answers "$2" "$3" "${4-}"
    same "$1" "$2" "$(ask acme "$3" "${4-}")"
}
# soon WHAT EXPECTED TOKEN [METRIC]: asks after an edit of a file. Each process of a host notices the edit by itself,
# at the latest in the first call after 1.5 seconds. A host that opens the validator again notices it at once.
soon() {
    [ "$metrics" = yes ] || [ -z "${4-}" ] || return 0
    [ "$reopens" = yes ] || sleep 1.5
    q "$@"
}

# writes NAME TEXT: stores a text to present that is no token of the store
writes() {
    (umask 077 && printf '%s\n' "$2" >"$work/$1.token")
}

# forge NAME: prints the token with another secret and a correct checksum
forge() {
    python3 - "$work/$1.token" <<'END'
import string, sys, zlib
digits = string.digits + string.ascii_uppercase + string.ascii_lowercase
text = open(sys.argv[1]).read().strip()
text = text[:19] + text[19:48][::-1]
sum_of, tail = zlib.crc32(text.encode()), ""
for _ in range(6):
    sum_of, digit = divmod(sum_of, 62)
    tail = digits[digit] + tail
print(text + tail)
END
}

tokens_of_acme() {
    sed -i 's/^max_tokens = 1$/max_tokens = 20/' "$work/store/tiers.ini"
    new_token north entity add north --kind reseller --tier advanced
    new_token web entity add acme --kind customer --reseller north
    new_token other entity add other --kind customer
    new_token brief create acme brief
    ends=$(($(date +%s) + 3))
    ctl edit acme/brief --expires "$(date -u -d "@$ends" +%Y-%m-%dT%H:%M:%SZ)" >/dev/null
    new_token removed create acme removed
    new_token old create acme rotated
    writes forged "$(forge web)"
    writes typo "$(sed 's/.$/-/' "$work/web.token")"
    writes words 'let me in'
    writes empty ''
    writes longer "$(cat "$work/web.token")x"
    writes overlong "$(head -c "$longest" /dev/zero | tr '\0' x)"
}

wrong_texts() {
    q "the right token" yes web
    q "a token of another entity" no other
    q "the token of its reseller" "$by_entity" north
    q "another secret" no forged
    q "a checksum that does not match" no typo
    q "some words" no words
    q "no token" no empty
    q "a token and one character more" no longer
    q "a text of $longest bytes" no overlong
    q "the right token again" yes web
}

scopes() {
    q "a metric that the tier shows" yes web kpi.join_time
    q "a metric that it does not show" no web asn.traffic
    q "a metric that does not exist" no web nosuch.metric
    ctl entity edit acme --tier advanced >/dev/null
    q "a metric, after the tier was raised" yes web asn.traffic
    ctl entity edit acme --tier lite >/dev/null
    q "a metric, after the tier was lowered" no web asn.traffic
}

# off_and_on WHAT COMMAND...: after COMMAND --status inactive the token is refused, after active it is not
off_and_on() {
    off=$1
    shift
    ctl "$@" --status inactive >/dev/null
    q "$off" no web
    ctl "$@" --status active >/dev/null
    q "$off, and switched on again" yes web
}

revocations() {
    off_and_on "an inactive token" edit acme/default
    off_and_on "a suspended entity" entity edit acme
    off_and_on "a suspended reseller" entity edit north
    new_token new rotate acme/rotated --overlap 1h
    q "the new text of a rotated token" yes new
    q "its old text, in the overlap" yes old
    new_token newest rotate acme/rotated --overlap 0
    q "the newest text, rotated without an overlap" yes newest
    q "the text before it" no new
    q "the text before that" no old
    q "a token that will be removed" yes removed
    ctl backup "$work/store/backup.mdb" >/dev/null
    ctl remove acme/removed --yes >/dev/null
    q "a removed token" no removed
    new_token late create acme late
    q "a token that the backup does not have" yes late
}

# replaces COMMAND...: the output of COMMAND becomes the tier table, in one step
replaces() {
    "$@" >"$work/store/tiers.new"
    mv "$work/store/tiers.new" "$work/store/tiers.ini"
}

# The broken table comes first: after another edit, a process that was not asked since would have a still older table.
tier_table() {
    cp "$work/store/tiers.ini" "$work/tiers.kept"
    echo 'rank : 7' >>"$work/store/tiers.ini"
    if [ "$reopens" = yes ]; then
        q "a broken tier table" "$undecided" web
    else
        soon "a broken tier table, while the old one is in force" yes web
    fi
    replaces sed 's/^\[lite\]$/[basic]/' "$work/tiers.kept"
    soon "a mended tier table, without acme's tier" no web
    replaces sed 's/^max_tokens = 20$/&\nmetrics = asn.*/' "$work/tiers.kept"
    soon "a tier table with acme's tier" yes web
    q "a metric that it shows now" yes web asn.traffic
    replaces cat "$work/tiers.kept"
    soon "the tier table of before" yes web
    q "a metric that it shows no longer" no web asn.traffic
}

store_replaced() {
    ctl restore "$work/store/backup.mdb" --yes >"$work/restore.log" 2>&1
    q "a token that the restored store does not have" no late
    q "a removed token that it has" yes removed
    mv "$work/store/tokens.mdb" "$work/store/away.mdb"
    soon "no store" "$undecided" web
    mv "$work/store/away.mdb" "$work/store/tokens.mdb"
    soon "the store is back" yes web
}

expiry() {
    until_true 10 sh -c "[ \$(date +%s) -ge $ends ]"
    q "an expired token" no brief
    ctl edit acme/brief --expires never >/dev/null
    q "a token that expires no longer" yes brief
    q "the right token at the end" yes web
}

# remembers CACHE: the control: while the host's cache is on, a token still logs in after it was switched off
remembers() {
    q "a login that $1 stores" yes web
    ctl edit acme/default --status inactive >/dev/null
    q "$1, after the token was switched off" yes web
    ctl edit acme/default --status active >/dev/null
}

twenty() {
    tokens_of_acme
    wrong_texts
    scopes
    revocations
    tier_table
    expiry
    store_replaced
    [ -n "$verdicts" ] || return 0
    for reason in $reasons; do
        says "$verdicts" ": $reason"
    done
}
