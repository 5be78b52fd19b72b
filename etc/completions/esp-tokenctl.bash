# SPDX-License-Identifier: ISC
# Completion in bash. esp-tokenctl lists the possible next words (esp-tokenctl complete --help).

_esp_tokenctl()
{
    # The words as the shell will read them. COMP_WORDS would split a name at a colon, and keep
    # quotes.
    local line=${COMP_LINE:0:COMP_POINT} word='' quote='' begun='' char candidate
    local -i at fixed=0 # how much of the word readline treats as fixed
    local -a words=()
    for ((at = 0; at < ${#line}; at++)); do
        char=${line:at:1}
        if [[ $quote && $char == "$quote" ]]; then
            quote=''
        elif [[ $char == \\ && $quote != "'" ]]; then
            at+=1
            word+=${line:at:1}
            begun=yes
        elif [[ $quote ]]; then
            word+=$char
        elif [[ $char == [\'\"] ]]; then
            quote=$char
            begun=yes
        elif [[ $char == [[:blank:]] ]]; then
            [[ $begun ]] && words+=("$word")
            word='' begun='' fixed=0
        else
            word+=$char
            begun=yes
            [[ $COMP_WORDBREAKS == *"$char"* ]] && fixed=${#word}
        fi
    done
    COMPREPLY=()
    while IFS= read -r candidate; do
        candidate=${candidate%%$'\t'*}
        case $candidate in
        :file) compopt -o default ;;
        :folder) compopt -o dirnames ;;
        *)
            [[ $candidate == */ ]] && compopt -o nospace
            candidate=${candidate:fixed}
            # quoted like the word so far; no character that the shell would interpret
            case $quote in
            \') candidate=${candidate//\'/\'\\\'\'} ;;
            \")
                [[ $candidate == *!* ]] && continue # history expansion cannot be prevented within double quotes
                candidate=${candidate//\\/\\\\}
                candidate=${candidate//\"/\\\"}
                candidate=${candidate//\$/\\\$}
                candidate=${candidate//\`/\\\`}
                ;;
            *) printf -v candidate %q "$candidate" ;;
            esac
            COMPREPLY+=("$candidate")
            ;;
        esac
    done < <("$1" complete -- "${words[@]:1}" "$word" 2>/dev/null)
}
complete -F _esp_tokenctl esp-tokenctl
