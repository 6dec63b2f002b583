# What a machine does when it joins with a token, up to where it would take anything.
at 'fetching the certificate authority'
code=$(curl -sk --connect-timeout 5 --max-time 20 --retry 10 --retry-delay 3 --retry-connrefused \
    -o "$work/authority" -w '%{http_code}' "$supervisor/cacerts") || :
[ "$code" = 200 ] || fail 'the supervisor of K3s gave no certificate authority' "status $code"
case $secret1 in
K10*::*)
    hash=${secret1%%::*}
    hash=${hash#K10}
    # That of a bundle is of another form.
    if [ -n "$hash" ] && [ "$(grep -c 'BEGIN CERTIFICATE' "$work/authority")" -eq 1 ] &&
        [ "$(sha256sum "$work/authority" | cut -c 1-64)" != "$hash" ]; then
        fail 'the token is of another certificate authority than the cluster'
    fi
    ;;
esac
at 'asking the supervisor'
tries=20
while :; do
    if [ "$kind" = server ]; then
        authority=$work/authority
        is_taken "$secret1" || :
    else
        credentials node "$secret1" >"$work/ask"
        ask "$work/authority" /v1-k3s/config <"$work/ask"
        rm -f "$work/ask" "$work/answer"
    fi
    case $code in
    000 | 429 | 5*) ;;
    *) break ;;
    esac
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || fail 'the supervisor of K3s does not answer' "status $code"
    sleep 3
done
case $code in
401 | 403) fail "the cluster does not take the $kind token" ;;
200 | 404 | 405) say "the $kind token joins" ;;
*) fail "the supervisor of K3s did not say whether it takes the $kind token" "status $code" ;;
esac
