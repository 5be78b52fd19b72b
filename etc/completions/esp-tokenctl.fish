# SPDX-License-Identifier: ISC
# Completion in fish. esp-tokenctl lists the possible next words (esp-tokenctl complete --help).

function __esp_tokenctl_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    # a word with an open quote is not complete yet
    set current (string unescape -- $current; or string sub -s 2 -- $current)
    command -q $words[1]; or return
    for line in (command $words[1] complete -- $words[2..-1] "$current" 2>/dev/null)
        switch $line
            case :file
                __fish_complete_path "$current"
            case :folder
                __fish_complete_directories "$current"
            case '*'
                printf '%s\n' $line
        end
    end
end

complete -c esp-tokenctl -f -a '(__esp_tokenctl_complete)'
