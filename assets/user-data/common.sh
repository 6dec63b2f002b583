# What both servers and agents do at their first boot. The settings stand above it, the role's own part below.
set -eu
umask 077
PATH=$PATH:/usr/local/bin
# Elsewhere than / only when tried out.
root=${K3FLEET_ROOT-}
config=$root/etc/rancher/k3s/config.yaml
work=$(mktemp -d)
step='starting'

# One line for the console, which the operator's side reads when the machine does not come up.
say() {
    printf 'k3fleet: %s\n' "$1"
    { printf 'k3fleet: %s\n' "$1" >"$root/dev/console"; } 2>/dev/null || :
}

# What is done next: told, so that a wait elsewhere can tell it on.
at() {
    step=$1
    say "$1"
}

ended() {
    status=$?
    rm -rf "$work"
    [ "$status" -eq 0 ] || say "failed: $step"
}
trap ended EXIT
trap 'exit 143' INT TERM

# Adds lines to K3s' configuration.
configure() {
    printf '%s\n' "$@" >>"$config"
}

# Waits for up to five minutes: wait_for UNIT COMMAND...
wait_for() {
    unit=$1
    shift
    tries=60
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        if [ "$tries" -eq 0 ]; then
            journalctl -u "$unit" -n 20 --no-pager -o cat || :
            return 1
        fi
        sleep 5
    done
}

# Installs K3s and starts it without waiting, for a start waits forever where a server or a token is wrong:
# install_k3s ROLE UNIT
install_k3s() {
    if [ "$image" = al2023 ]; then
        at 'installing container-selinux, which the SELinux policy of K3s needs'
        dnf install -y -q container-selinux
    fi
    at 'downloading the installer of K3s'
    curl -sSfL --max-time 60 --retry 5 --retry-all-errors -o "$work/install.sh" https://get.k3s.io
    at "installing K3s $version"
    INSTALL_K3S_VERSION=$version INSTALL_K3S_EXEC=$1 INSTALL_K3S_SKIP_START=true INSTALL_K3S_SELINUX_WARN=true \
        sh "$work/install.sh"
    if [ "$image" = al2023 ] && rpm -q k3s-selinux >/dev/null 2>&1; then
        configure 'selinux: true'
    fi
    at "starting $2"
    systemctl start --no-block "$2"
}

if [ -n "$ssh_key" ]; then
    at "letting the operator's SSH key in"
    home=$root/home/$ssh_user
    mkdir -p "$home/.ssh"
    printf '%s\n' "$ssh_key" >>"$home/.ssh/authorized_keys"
    chown -R "$ssh_user:$ssh_user" "$home/.ssh"
fi

at 'asking the instance metadata service'
imds_token=$(curl -sf --max-time 10 --retry 5 --retry-all-errors -X PUT \
    -H 'X-aws-ec2-metadata-token-ttl-seconds: 21600' "$imds/api/token")
instance=$(about instance-id)
zone=$(about placement/availability-zone)
domain=$(about services/domain)

at "writing $config"
mkdir -p "$root/etc/rancher/k3s"
: >"$config"
# The node is named after its instance, so that each is found by the other, and no two ever share a name.
configure "node-name: \"$instance\"" 'kubelet-arg:' "  - \"provider-id=aws:///$zone/$instance\""
