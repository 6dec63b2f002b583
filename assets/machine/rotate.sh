# Another server token for the cluster: the present one is the first secret, the new one the second.
[ -n "$secret2" ] || fail 'the new token did not arrive'
authority=$data/server/tls/server-ca.crt
[ -r "$authority" ] || fail "${authority#"$root"} is not there"
[ -z "$(bootstrap "$secret2")" ] || fail 'the new token has the shape of a bootstrap token, which would break the cluster'
at 'asking the supervisor'
tries=30
until is_taken "$secret2"; do
    case $code in
    401 | 403) break ;;
    esac
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || fail 'the supervisor of K3s does not answer' "status $code"
    sleep 2
done
case $code in
401 | 403) ;;
*)
    say 'the cluster goes by the new token already'
    exit 0
    ;;
esac
at 'changing the token'
half "$secret2"
new=$half
{
    credentials server "$secret1"
    printf 'request = "PUT"\nheader = "Content-Type: application/json"\n'
    printf 'data = "%s"\n' "$(escaped "{\"newToken\":\"$(escaped "$new")\"}")"
} >"$work/ask"
ask "$authority" /v1-k3s/token <"$work/ask"
rm -f "$work/ask"
case $code in
2*) ;;
401 | 403) fail 'the cluster takes neither the present token nor the new one' ;;
404 | 405) fail 'this release of K3s cannot change its token' ;;
*) fail 'the supervisor of K3s did not change the token' "status $code $(unseen <"$work/answer" | tr '\n' ' ' | cut -c 1-300)" ;;
esac
half "$(tr -d '[:space:]' <"$data/server/token")"
[ "$half" = "$new" ] || fail "${data#"$root"}/server/token does not hold the new token"
say 'the cluster goes by the new token'
