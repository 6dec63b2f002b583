# A server.
data=$root/var/lib/rancher/k3s

reaper() {
    got=$(k3s kubectl -n kube-system get secret k3fleet-reaper -o 'jsonpath={.data.token} {.data.ca\.crt}') &&
        token=${got%% *} && ca=${got#* } && [ -n "$token" ] && [ -n "$ca" ]
}

# What the operator's side and the reaper need to reach the API.
hand_over() {
    at 'waiting for the token of the reaper'
    wait_for k3s reaper
    {
        printf '{"server":"https://%s:6443","ca":"' "$api"
        printf '%s' "$ca" | base64 -d | sed 's/$/\\n/' | tr -d '\n'
        printf '","token":"'
        printf '%s' "$token" | base64 -d | tee -a "$work/secrets"
        printf '"}'
    } >"$work/reaper"
    echo >>"$work/secrets"
    at "writing how the reaper gets in to the secret $reaper_secret"
    into_secret "$work/reaper" "$reaper_secret"
    sed -e "s#https://127.0.0.1:6443#https://$api:6443#" -e "s/: default\$/: \"$cluster\"/" \
        "$etc/k3s.yaml" >"$work/kubeconfig"
    at "writing the kubeconfig to the secret $secret"
    into_secret "$work/kubeconfig" "$secret"
}

# Whether this server takes part, as etcd sees it where that is the store.
takes_part() {
    [ -z "${held-}" ] || renew
    conditions=" $(k3s kubectl get node "$instance" -o 'jsonpath={range .status.conditions[*]}{.type}={.status} {end}')"
    case $conditions in
    *' Ready=True '*) ;;
    *) return 1 ;;
    esac
    case $store$conditions in
    etcd*' EtcdIsVoter=True '* | dsn* | aurora*) ;;
    *) return 1 ;;
    esac
}

begin_labels
set -- "$api"
for name in $sans; do
    set -- "$@" "$name"
done
serve "$@"
read_tokens
for name in server agent; do
    cat "$etc/$name-token"
    echo
done >>"$work/secrets"
configure 'secrets-encryption: true'
if [ "$store" != etcd ]; then
    # What opens it stands in a file of its own.
    database=$etc/config.yaml.d/database.yaml
    mkdir -p "${database%/*}"
    use_database
    rm -f "$work/answer"
    [ -s "$database" ]
elif [ -n "$bucket" ]; then
    configure 'etcd-s3: true' "etcd-s3-bucket: $bucket" "etcd-s3-region: $region" "etcd-s3-endpoint: s3.$region.$domain" \
        "etcd-s3-folder: $cluster" "etcd-snapshot-schedule-cron: \"$snapshot_cron\"" \
        "etcd-snapshot-retention: $keep" "etcd-s3-retention: $keep_all"
fi
mkdir -p "$data/server/manifests"
[ -z "$efs" ] || use_efs
cat >"$data/server/manifests/k3fleet-reaper.yaml" <<'EOF'
@reaper@
EOF
install_k3s server

if elect; then
    at "making the cluster as its first server (generation $generation)"
    became=first
    [ "$store" != etcd ] || configure 'cluster-init: true'
    making=yes
    run k3s
    at 'waiting for the API server'
    wait_for k3s k3s kubectl get --raw /readyz
    hand_over
    mark
    making=''
else
    became=joined
    # A member of etcd, which it is after a reboot, needs nobody. Nor does a server whose store is elsewhere.
    if [ "$store" = etcd ] && [ ! -d "$data/server/db/etcd" ]; then
        wait_for_api 'the cluster has been made before, but its API does not answer: another is not made' \
            "$cluster was made before, but its API did not answer for 20 minutes: 'k3fleet restore $cluster' restores a snapshot"
        configure "server: \"https://$api:6443\""
        wait_for_lock
    fi
    run k3s
fi
at 'waiting for this server to take part'
wait_for k3s takes_part
say "ready: $instance"
