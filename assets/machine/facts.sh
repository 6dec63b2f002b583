# What a host is before it joins, one key=value a line, nothing for what cannot be read. It changes nothing.
exec 2>/dev/null </dev/null
umask 077
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
# Elsewhere than / only when tried out.
root=${K3FLEET_ROOT-}

tell() {
    [ -z "$2" ] || printf '%s=%s\n' "$1" "$2"
}

# How a test ended.
whether() {
    key=$1
    shift
    if "$@" >/dev/null; then printf '%s=yes\n' "$key"; else printf '%s=no\n' "$key"; fi
}

has() {
    command -v "$1" >/dev/null
}

tell machine "$(uname -m)"
tell bits "$(getconf LONG_BIT)"
tell hostname "$(uname -n)"
tell os "$(sed -n 's/^PRETTY_NAME=//p' "$root/etc/os-release")"
if [ -x "$root/sbin/openrc-run" ]; then
    tell init openrc
elif [ -d "$root/run/systemd/system" ] || has systemctl; then
    tell init systemd
fi

# Whether, and how, we become root. A password that sudo remembers from before does not count.
if [ "$(id -u)" = 0 ]; then
    sudo=root
elif ! has sudo; then
    sudo=no
elif said=$(sudo -n -k -- /bin/sh -c : 2>&1); then
    sudo=free
else
    case $said in
    *'not in the sudoers'* | *'may not run'* | *'not allowed'*) sudo=no ;;
    *) sudo=password ;;
    esac
fi
tell sudo "$sudo"
as_root() {
    case $sudo in
    root) "$@" ;;
    free) sudo -n "$@" ;;
    *) return 1 ;;
    esac
}

groups=$root/sys/fs/cgroup
if [ -r "$groups/cgroup.controllers" ]; then
    whether cgroup grep -qw memory "$groups/cgroup.controllers"
elif [ -d "$groups/cpu" ] || [ -d "$groups/memory" ]; then
    whether cgroup test -d "$groups/memory"
fi
if tr -d '\000' <"$root/proc/device-tree/model" | grep -q 'Raspberry Pi'; then
    for file in /boot/firmware/current/cmdline.txt /boot/firmware/cmdline.txt /boot/cmdline.txt; do
        if [ -f "$root$file" ] && ! grep -q 'DO NOT EDIT' "$root$file"; then
            tell cmdline "$file"
            break
        fi
    done
fi
if [ -d "$root/sys/module/vxlan" ]; then
    tell vxlan yes
elif has modinfo; then
    whether vxlan modinfo -n vxlan
elif has modprobe; then
    whether vxlan modprobe -n -q vxlan
fi
if [ -r "$root/proc/meminfo" ]; then
    while read -r key value _; do
        case $key in
        MemTotal: | SwapTotal:) tell "${key%:}" "$value" ;;
        esac
    done <"$root/proc/meminfo"
fi
data=$root/var/lib/rancher/k3s
while [ -n "$data" ] && [ ! -d "$data" ]; do
    data=${data%/*}
done
tell disk "$(df -Pk "${data:-/}" | tail -n 1)"
tell clock "$(date +%s)"
# To ask timedatectl wakes a service up.
if [ -e "$root/run/systemd/timesync/synchronized" ]; then
    tell synced yes
else
    tell synced "$(timedatectl show -p NTPSynchronized --value)"
fi
if grep -q '^ENABLED=yes' "$root/etc/ufw/ufw.conf"; then
    tell firewall ufw
elif has systemctl && [ "$(systemctl is-active firewalld)" = active ]; then
    tell firewall firewalld
fi
tell iptables "$(iptables --version)"
for program in curl wget; do
    if has "$program"; then
        tell downloader "$program"
        break
    fi
done

# A K3s that is there already, and whose it is: its configuration is often root's alone.
for name in k3s-agent k3s; do
    for file in "$root/etc/systemd/system/$name.service" "$root/usr/lib/systemd/system/$name.service" \
        "$root/etc/init.d/$name"; do
        [ -f "$file" ] || continue
        tell k3s "$name"
        {
            # As in the order by which K3s goes by them.
            awk '/^(ExecStart|command_args)=/ { on = 1 } on { print } on && !/\\$/ { on = 0 }' "$file" |
                tr -d "\"'\\\\" | tr -s '[:space:]=' '\n' | sed -n '/^--server$/ { n; p; }'
            as_root sed -n "s/^[\"']\{0,1\}server[\"']\{0,1\}[[:space:]]*:[[:space:]]*//p" \
                "$root/etc/rancher/k3s/config.yaml"
            as_root sed -n 's/^\(export \)\{0,1\}K3S_URL=//p' "$file.env" "$root/etc/rancher/k3s/$name.env"
        } | tr -d "\"'" | while read -r server _; do
            case $server in
            https://*) tell server "$server" && break ;;
            esac
        done
        break
    done
done
if [ -e "$root/etc/rancher/node/password" ]; then
    tell password yes
elif [ ! -d "$root/etc/rancher/node" ] || [ -x "$root/etc/rancher/node" ]; then
    tell password no
elif [ "$sudo" = free ]; then
    whether password sudo -n test -e "$root/etc/rancher/node/password"
fi
if has getenforce; then
    whether selinux test "$(getenforce)" = Enforcing
elif [ -r "$root/sys/fs/selinux/enforce" ]; then
    whether selinux grep -q 1 "$root/sys/fs/selinux/enforce"
fi

# Whether an address answers, whatever it says: reach HOST:PORT
reach() {
    host=${1%:*}
    host=${host#[}
    host=${host%]}
    if has curl; then
        curl -sk --connect-timeout 3 --max-time 6 -o /dev/null "https://$1/ping"
        case $? in
        5 | 6 | 7 | 28) return 1 ;;
        esac
    elif has bash && has timeout; then
        # shellcheck disable=SC2016 # bash itself puts the two in
        timeout 3 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$host" "${1##*:}"
    elif has nc; then
        nc -z -w 3 "$host" "${1##*:}"
    else
        return 2
    fi
}
for address in $addresses; do
    {
        reach "$address"
        case $? in
        0) tell reached "$address yes" ;;
        1 | 124) tell reached "$address no" ;;
        esac
    } &
done
wait
exit 0
