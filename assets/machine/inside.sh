# How K3s stands here, one key=value a line, nothing for what is not known. It changes nothing, and tells no token. A
# glance tells of the service, and then of its version when it runs, or of its journal when it does not.
tell() {
    [ -z "$2" ] || printf '%s=%s\n' "$1" "$2"
}

boot=''
{ IFS= read -r boot <"$root/proc/sys/kernel/random/boot_id" || :; } 2>/dev/null
tell boot "$boot"
find_unit
service=''
if [ -n "$unit" ]; then
    tell unit "$unit"
    service=$(service_state "$manager" "$unit")
    tell service "$service"
fi
if [ -z "$glance" ] || [ "$service" = active ]; then
    k3s=$(program)
    [ -z "$k3s" ] || tell version "$("$k3s" --version 2>/dev/null | sed -n 's/^k3s version \([^ ]*\).*/\1/p')"
fi
# shellcheck disable=SC2154 # a glance has no settings, and does not come here
if [ -n "$unit" ] && [ -z "$glance" ]; then
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
    for file in "$data/server/k3fleet-next"-*-token "$data/server/k3fleet-old"-*-token-*; do
        name=${file##*/}
        case $name in
        *.k3fleet-new) continue ;;
        k3fleet-next-*) when=next ;;
        *) when=${name##*-token-} ;;
        esac
        kind=${name#k3fleet-*-}
        [ ! -r "$file" ] || half "$(tr -d '[:space:]' <"$file")"
        [ -r "$file" ] && [ -n "$half" ] || continue
        printf 'kept=%s %s %s\n' "${kind%%-*}" "$when" "$(printf %s "$half" | sha256sum | cut -c 1-16)"
    done
fi
if [ -n "$unit" ] && { [ -z "$glance" ] || [ "$service" != active ]; }; then
    if [ "$manager" = systemd ]; then
        journalctl -u "$unit" -n 15 --no-pager -o cat 2>/dev/null || :
    else
        tail -n 15 "$root/var/log/$unit.log" 2>/dev/null || :
    fi | mask | cut -c 1-500 | sed 's/^/journal=/'
fi
