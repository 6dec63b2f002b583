# A token, put where the machine keeps it.
need_unit
data_directory

# The token in the form that stands there now.
formed() {
    case $secret1 in
    K10*::*) printf '%s\n' "$secret1" ;;
    *)
        case $1 in
        K10*::*) printf '%s::%s:%s\n' "${1%%::*}" "$user" "$secret1" ;;
        *) printf '%s\n' "$secret1" ;;
        esac
        ;;
    esac
}

# Puts a token in place of another in the lines that name a key, by the shell alone: arguments can be seen by others.
# exchanged HOW KEY OLD NEW
exchanged() {
    follows=''
    while IFS= read -r line || [ -n "$line" ]; do
        here=''
        case $1 in
        config) case $line in "$2"* | "\"$2"* | "'$2"*) here=yes ;; esac ;;
        variable) case $line in *"$2="*) here=yes ;; esac ;;
        *)
            # Its value may stand on the next line.
            here=$follows
            follows=''
            case $line in *"$2"*) here=yes follows=yes ;; esac
            ;;
        esac
        if [ -n "$here" ]; then
            case $line in
            *"$3"*) line=${line%%"$3"*}$4${line#*"$3"} ;;
            esac
        fi
        printf '%s\n' "$line"
    done
}

half "$secret1"
new=$half
user=server
[ "$kind" = server ] || user=node
token_places "$kind" >"$work/places"
if [ ! -s "$work/places" ]; then
    if [ "$unit" = k3s ] && [ "$kind" = agent ]; then
        fail 'no agent token is configured on this server: agents join with the server token'
    fi
    fail 'no token is configured on this machine'
fi
# What was placed before this was cut off is no contradiction.
first=''
while IFS=$tab read -r how where key held; do
    half "$held"
    [ -n "$held" ] && [ "$half" != "$new" ] || continue
    if [ -z "$first" ]; then
        first=$half
        named=$(place "$where" "$key")
    elif [ "$half" != "$first" ]; then
        fail "two places hold different tokens, $named and $(place "$where" "$key"): leave one of them"
    fi
done <"$work/places"
done_in=''
reload=''
while IFS=$tab read -r how where key held; do
    done_in="$done_in${done_in:+, }$(place "$where" "$key")"
    half "$held"
    [ "$half" != "$new" ] || [ -z "$held" ] || continue
    at "writing $(place "$where" "$key")"
    if [ "$how" = file ]; then
        formed "$held" | replace "$where" -
        continue
    fi
    exchanged "$how" "$key" "$held" "$(formed "$held")" <"$where" >"$work/new"
    if cmp -s "$work/new" "$where"; then
        fail "the token in $(place "$where" "$key") cannot be rewritten: write it by hand"
    fi
    replace "$where" - <"$work/new"
    rm -f "$work/new"
    [ "$how" = config ] || reload=yes
done <"$work/places"
rm -f "$work/places"
if [ -n "$reload" ] && [ "$manager" = systemd ]; then
    attempt systemctl daemon-reload
fi
say "it is in $done_in"
