# How K3s stands here, one key=value a line, nothing for what is not known. It changes nothing, and tells no token.
tell() {
    [ -z "$2" ] || printf '%s=%s\n' "$1" "$2"
}

tell boot "$(cat "$root/proc/sys/kernel/random/boot_id" 2>/dev/null)"
find_unit
if [ -n "$unit" ]; then
    tell unit "$unit"
    tell service "$(service_state "$manager" "$unit")"
fi
k3s=$(program)
[ -z "$k3s" ] || tell version "$("$k3s" --version 2>/dev/null | sed -n 's/^k3s version \([^ ]*\).*/\1/p')"
if [ -n "$unit" ]; then
    data_directory
    [ "$unit" != k3s ] || tell datastore "$(datastore)"
    kinds=agent
    [ "$unit" != k3s ] || kinds='server agent'
    for kind in $kinds; do
        token_places "$kind" | while IFS=$tab read -r _ where key held; do
            [ -n "$held" ] || continue
            half "$held"
            digest=$(printf %s "$half" | sha256sum | cut -c 1-16)
            id=$(bootstrap "$held")
            printf 'token=%s %s %s %s\n' "$kind" "$digest" "${id:--}" "$(place "$where" "$key")"
        done
    done
    if [ "$manager" = systemd ]; then
        journalctl -u "$unit" -n 15 --no-pager -o cat 2>/dev/null || :
    else
        tail -n 15 "$root/var/log/$unit.log" 2>/dev/null || :
    fi | mask | cut -c 1-500 | sed 's/^/journal=/'
fi
