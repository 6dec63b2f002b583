# How a machine of a cluster with one server tells what it does.

# One line for the console, which the operator's side reads when the machine does not come up.
say() {
    printf 'k3fleet: %s\n' "$1"
    { printf 'k3fleet: %s\n' "$1" >"$root/dev/console"; } 2>/dev/null || :
}

ended() {
    status=$?
    rm -rf "$work"
    [ "$status" -eq 0 ] || say "failed: $step"
}

# The last lines of the service that is waited for.
journal() {
    journalctl -u "$unit" -n 20 --no-pager -o cat || :
}

