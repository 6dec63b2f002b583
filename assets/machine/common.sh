# What every task on a machine begins with. Its settings stand above, its own part below.
# Standard output holds what people read: what is being done, a line each, and last what came of it. What other programs
# have to say goes nowhere, but for the last line of one that failed.
set -eu
umask 077
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
# Elsewhere than / only when tried out.
# shellcheck disable=SC2034 # a restart needs no file
root=${K3FLEET_ROOT-}
work=$(mktemp -d)
step='starting'
why=''
# A file that is being written: half of one is not left on a disk that may be full.
partial=''
secret1=''
secret2=''

say() {
    printf '%s\n' "$1"
}

# What is done next: told, so that a wait or a failure elsewhere can tell it on.
at() {
    step=$1
    say "$1"
}

# The text without anything that looks like a token.
mask() {
    sed -e "s/K10[0-9a-f]\{6,\}::[^[:space:]\"']*/K10.../g" -e 's/[a-z0-9]\{6\}\.[a-z0-9]\{16\}/.../g'
}

# As mask, and without the secrets themselves.
unseen() {
    mask | while IFS= read -r line || [ -n "$line" ]; do
        for secret in "$secret1" "${secret1##*:}" "$secret2" "${secret2##*:}"; do
            [ -n "$secret" ] || continue
            while case $line in *"$secret"*) : ;; *) false ;; esac do
                line=${line%%"$secret"*}...${line#*"$secret"}
            done
        done
        printf '%s\n' "$line"
    done
}

# Ends the task: fail WHAT [WHY]
fail() {
    step=$1
    why=${2-}
    exit 1
}

ended() {
    status=$?
    rm -rf "$work"
    [ -z "$partial" ] || rm -f "$partial"
    [ "$status" -eq 0 ] || say "failed: $step${why:+: $why}"
}
trap ended EXIT
trap 'exit 143' INT TERM HUP

# Runs a program that says much; what it says last is why it failed.
attempt() {
    if ! "$@" >"$work/said" 2>&1 </dev/null; then
        why=$(unseen <"$work/said" | grep '[^[:space:]]' | tail -n 1 | cut -c 1-300) || :
        exit 1
    fi
}

# Puts what stands on standard input in place of a file, at once and whole: replace FILE MODE; a file that is there keeps
# its own mode and owner where the mode is "-".
replace() {
    [ -d "${1%/*}" ] || mkdir -p "${1%/*}"
    if [ -e "$1.k3fleet-new" ] || [ -L "$1.k3fleet-new" ]; then
        rm -f "$1.k3fleet-new"
    fi
    if [ "$2" = - ] && [ -e "$1" ]; then
        cp -p "$1" "$1.k3fleet-new"
        cat >"$1.k3fleet-new"
    else
        cat >"$1.k3fleet-new"
        [ "$2" = - ] || chmod "$2" "$1.k3fleet-new"
    fi
    mv -f "$1.k3fleet-new" "$1"
}
