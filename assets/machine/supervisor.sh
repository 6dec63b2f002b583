# The supervisor of a server, asked as K3s itself asks it.

command -v curl >/dev/null 2>&1 || fail 'curl is not installed: install it'
port=$(setting supervisor-port K3S_SUPERVISOR_PORT)
[ -n "$port" ] || port=$(setting https-listen-port K3S_HTTPS_LISTEN_PORT)
supervisor=https://127.0.0.1:${port:-6443}

# Text as it stands between double quotes, in JSON and in the configuration of curl.
escaped() {
    printf %s "$1" | sed 's/[\\"]/\\&/g'
}

# Who asks, for curl: credentials server|node TOKEN
credentials() {
    half "$2"
    if [ -n "$(bootstrap "$2")" ]; then
        printf 'header = "Authorization: Bearer %s"\n' "$half"
    else
        printf 'user = "%s:%s"\n' "$1" "$(escaped "$half")"
    fi
}

# The status of an answer, 000 where there is none; what curl is told comes on standard input, where no other user of the
# machine sees it. ask AUTHORITY PATH
ask() {
    code=$(curl -s --connect-timeout 5 --max-time 60 --cacert "$1" -o "$work/answer" -w '%{http_code}' \
        -K - "$supervisor$2") || :
    code=${code:-000}
}

# Whether a token of a server is taken: what is asked for takes another method, which only those are told who may ask.
is_taken() {
    credentials server "$1" >"$work/ask"
    ask "$authority" /v1-k3s/token <"$work/ask"
    rm -f "$work/ask"
    case $code in
    000 | 401 | 403 | 5*) return 1 ;;
    esac
}
