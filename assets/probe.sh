# What k3fleet reads of an edge host: one key=value a line, nothing for what cannot be read. It changes nothing.
# It travels between single quotes, so it holds none, nor two backslashes in a row.
exec 2>/dev/null </dev/null
PATH=$PATH:/usr/local/bin:/usr/sbin:/sbin:/opt/vc/bin
LC_ALL=C
export PATH LC_ALL

say() {
    [ -z "$2" ] || printf "%s=%s\n" "$1" "$2"
}

say model "$(tr -d "\000" </proc/device-tree/model || cat /sys/class/dmi/id/product_name)"
say arch "$(uname -m)"
say bits "$(getconf LONG_BIT)"
say os "$(sed -n "s/^PRETTY_NAME=//p" /etc/os-release)"
say kernel "$(uname -r)"
say load "$(cat /proc/loadavg)"
if [ -r /proc/meminfo ]; then
    while read -r key value _; do
        case $key in
        MemTotal: | MemAvailable:) say "${key%:}" "$value" ;;
        esac
    done </proc/meminfo
fi
data=/var/lib/rancher/k3s
[ -d "$data" ] || data=/
say disk "$(df -Pk "$data" | tail -n 1)"
say temperature "$(cat /sys/class/thermal/thermal_zone0/temp)"
# The file is there for everybody, vcgencmd only for the group video.
say throttled "$(cat /sys/devices/platform/soc/soc:firmware/get_throttled || vcgencmd get_throttled)"
say clock "$(date +%s)"
# To ask timedatectl wakes a service up.
if [ -e /run/systemd/timesync/synchronized ]; then
    say synced yes
else
    say synced "$(timedatectl show -p NTPSynchronized --value)"
fi
for unit in k3s k3s-agent; do
    if [ -e "/etc/systemd/system/$unit.service" ]; then
        say service "$(systemctl is-active "$unit")"
    elif [ -x "/etc/init.d/$unit" ]; then
        if rc-service "$unit" status >/dev/null; then say service active; else say service inactive; fi
    fi
done
say k3s "$(k3s --version)"
for name in client-kubelet serving-kubelet client-k3s-controller; do
    file=/var/lib/rancher/k3s/agent/$name.crt
    [ -r "$file" ] && say certificate "$(openssl x509 -noout -enddate -in "$file")"
done
exit 0
