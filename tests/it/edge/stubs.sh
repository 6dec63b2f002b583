# The programs of a host, as one file: the name it is called by says which it is. Each writes down how it was called and what
# is in its environment, and does what the files of its host (K3FLEET_ROOT) say.
host=$K3FLEET_ROOT
name=${0##*/}
# The last argument of sudo is a whole script, which ssh's own notes hold as well.
case $name in
sudo) printf '%s\n' "sudo $1 $2 $3" >>"$host/called" ;;
*) printf '%s\n' "$name $*" >>"$host/called" ;;
esac
export -p >>"$host/environments"

restart() {
    printf '%s\n' "boot-$$" >"$host/proc/sys/kernel/random/boot_id"
    echo active >"$host/state"
}

case $name in
id)
    case $* in
    -u) if [ -n "${STUB_ROOT-}" ]; then echo 0; else echo 1000; fi ;;
    -un) echo pi ;;
    *) exec /usr/bin/id "$@" ;;
    esac
    ;;
sudo)
    # As the real one reads its options, and as it reads passwords: three times, whatever stands there.
    never=''
    while [ $# -gt 0 ]; do
        case $1 in
        -n) never=yes ;;
        -p) shift ;;
        --)
            shift
            break
            ;;
        -*) ;;
        *) break ;;
        esac
        shift
    done
    read -r way <"$host/sudo"
    case $way in
    free) ;;
    *)
        if [ -n "$never" ]; then
            echo 'sudo: a password is required' >&2
            exit 1
        fi
        tries=0
        while :; do
            if ! IFS= read -r given; then
                echo 'sudo: no password was provided' >&2
                exit 1
            fi
            printf '%s\n' "$given" >>"$host/given"
            [ "$given" != "$way" ] || break
            echo 'Sorry, try again.' >&2
            tries=$((tries + 1))
            if [ "$tries" -eq 3 ]; then
                echo 'sudo: 3 incorrect password attempts' >&2
                exit 1
            fi
        done
        ;;
    esac
    if [ -f "$host/barred" ]; then
        echo 'pi is not in the sudoers file.' >&2
        exit 1
    fi
    SUDO_UID=$(/usr/bin/id -u)
    STUB_ROOT=yes
    export SUDO_UID STUB_ROOT
    exec "$@"
    ;;
systemctl)
    state=inactive
    [ ! -f "$host/state" ] || read -r state <"$host/state"
    case $* in
    'show -p ActiveState k3s'*) echo "ActiveState=$state" ;;
    'show -p MainPID'*) echo MainPID=0 ;;
    'start '* | 'restart '*)
        if [ -f "$host/becomes" ]; then cp "$host/becomes" "$host/state"; else echo active >"$host/state"; fi
        ;;
    'stop '*) echo inactive >"$host/state" ;;
    'is-active '*)
        echo inactive
        exit 3
        ;;
    reboot) restart ;;
    esac
    ;;
systemd-run) restart ;;
journalctl) [ ! -f "$host/journal" ] || exec /bin/cat "$host/journal" ;;
timedatectl) echo yes ;;
iptables) echo 'iptables v1.8.9 (nf_tables)' ;;
modinfo) exit 0 ;;
uname)
    case $* in
    -n) /bin/cat "$host/hostname" ;;
    -m) echo aarch64 ;;
    *) exec /bin/uname "$@" ;;
    esac
    ;;
getenforce) echo Permissive ;;
curl)
    to=''
    while [ $# -gt 1 ]; do
        [ "$1" != -o ] || to=$2
        shift
    done
    case $1 in
    https://get.k3s.io) cp "${0%/*}/install.sh" "$to" ;;
    https://192.0.2.7:6443/ping | https://mirror.example:443/ping) exit 0 ;;
    https://mirror.example/k3s/*)
        file=${0%/*}/../mirror/${1#https://mirror.example/k3s/}
        if [ ! -f "$file" ]; then
            printf 404
            exit 22
        fi
        cp "$file" "$to"
        ;;
    *) exit 28 ;;
    esac
    ;;
install.sh)
    # shellcheck disable=SC1091 # what this host plays
    [ ! -f "$host/install" ] || . "$host/install"
    mkdir -p "$host/usr/local/bin" "$host/etc/systemd/system"
    printf '#!/bin/sh\necho "k3s version %s (0123abcd)"\n' "$INSTALL_K3S_VERSION" >"$host/usr/local/bin/k3s"
    chmod 755 "$host/usr/local/bin/k3s"
    printf '[Service]\nExecStart=/usr/local/bin/k3s agent\n' >"$host/etc/systemd/system/k3s-agent.service"
    printf '#!/bin/sh\nrm -f "$K3FLEET_ROOT/etc/systemd/system/k3s-agent.service" "$K3FLEET_ROOT/usr/local/bin/k3s"\n' \
        >"$host/usr/local/bin/k3s-agent-uninstall.sh"
    chmod 755 "$host/usr/local/bin/k3s-agent-uninstall.sh"
    ;;
cat)
    if [ $# -eq 0 ] && [ -f "$host/full" ]; then
        head -c 300000
        exec /bin/cat >/dev/full
    fi
    if [ $# -eq 0 ] && [ -f "$host/cut" ]; then
        rm "$host/cut"
        head -c 300000
        kill -9 "$STUB_SESSION"
        exit 1
    fi
    exec /bin/cat "$@"
    ;;
esac
