# The tokens that K3s is given.

# The secret half of a token: what stands for the password in its long form.
half() {
    half=$1
    case $half in
    K10*::*)
        half=${half#*::}
        half=${half#*:}
        ;;
    esac
}

# The id of a bootstrap token; nothing where it is none.
bootstrap() {
    half "$1"
    printf '%s\n' "$half" | sed -n 's/^\([a-z0-9]\{6\}\)\.[a-z0-9]\{16\}$/\1/p'
}

# Where a token is kept: a line each of how, where, the key in it and the token, which may be missing from its file.
# places KEY VARIABLE
places() {
    given "$1-file" "$2_FILE" | while IFS=$tab read -r _ _ path; do
        held=''
        [ ! -r "$root$path" ] || held=$(tr -d '[:space:]' <"$root$path")
        printf 'file\t%s\t-\t%s\n' "$root$path" "$held"
    done | awk '!seen[$0]++'
    given "$1" "$2" | while IFS=$tab read -r how where held; do
        case $how in
        argument) key=--$1 ;;
        config) key=$1 ;;
        *) key=$2 ;;
        esac
        printf '%s\t%s\t%s\t%s\n' "$how" "$where" "$key" "$held"
    done
}

# The places of the token that a machine joins with, or gives to agents: token_places server|agent
token_places() {
    if [ "$unit" = k3s ] && [ "$1" = agent ]; then
        places agent-token K3S_AGENT_TOKEN
        return
    fi
    found=$(places token K3S_TOKEN)
    if [ -n "$found" ]; then
        printf '%s\n' "$found"
    elif [ "$unit" = k3s ] && [ -r "$data/server/token" ]; then
        # K3s has made one itself.
        printf 'file\t%s\t-\t%s\n' "$data/server/token" "$(tr -d '[:space:]' <"$data/server/token")"
    fi
}

# A place, for people: place WHERE KEY
place() {
    printf '%s%s\n' "${1#"$root"}" "$([ "$2" = - ] || printf ' %s' "$2")"
}
