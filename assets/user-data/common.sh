# What the first boot of every machine needs. The settings stand above it, what it does below.
set -eu
umask 077
PATH=$PATH:/usr/local/bin
# Elsewhere than / only when tried out.
root=${K3FLEET_ROOT-}
etc=$root/etc/rancher/k3s
config=$etc/config.yaml
work=$(mktemp -d)
step='starting'

# What is done next: told, so that a wait elsewhere can tell it on.
at() {
    step=$1
    say "$1"
}

trap ended EXIT
trap 'exit 143' INT TERM

# Adds lines to K3s' configuration.
configure() {
    printf '%s\n' "$@" >>"$config"
}

# Waits for up to five minutes, or as many tries as $patience: wait_for UNIT COMMAND...
wait_for() {
    unit=$1
    shift
    tries=${patience:-60}
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        if [ "$tries" -eq 0 ]; then
            journal
            return 1
        fi
        sleep 5
    done
}

# Downloads: fetch URL FILE
fetch() {
    curl -sSfL --max-time 600 --retry 5 --retry-all-errors -o "$2" "$1"
}

# Installs K3s, as a service that is not started: install_k3s ROLE
install_k3s() {
    if [ "$image" = al2023 ]; then
        at 'installing container-selinux, which the SELinux policy of K3s needs'
        dnf install -y -q container-selinux
    fi
    at 'downloading the installer of K3s'
    fetch "${mirror:-https://get.k3s.io}${mirror:+/install.sh}" "$work/install.sh"
    skip=''
    if [ -n "${mirror-}" ]; then
        from_mirror
        skip=true
    fi
    at "installing K3s $version"
    INSTALL_K3S_VERSION=$version INSTALL_K3S_EXEC=$1 INSTALL_K3S_SKIP_START=true INSTALL_K3S_SELINUX_WARN=true \
        INSTALL_K3S_SKIP_DOWNLOAD=$skip sh "$work/install.sh"
    if [ "$image" = al2023 ] && rpm -q k3s-selinux >/dev/null 2>&1; then
        configure 'selinux: true'
    fi
}

# Starts a service without waiting, for a start waits forever where a server or a token is wrong.
start() {
    at "starting $1"
    systemctl start --no-block "$1"
}
