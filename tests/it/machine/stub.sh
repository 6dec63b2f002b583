#!/bin/sh
# Stands for a program on the scratch machine: see mod.rs.
set -u
name=${0##*/}
root=$K3FLEET_ROOT
call="$name $*"
printf '%s\n' "$call" >>"$root/log"
export -p >>"$root/environments"
stubs=$PATH
PATH=/usr/bin:/bin

real() {
    exec "$name" "$@"
}

case $call in
"$FAIL"*)
    printf 'level=fatal msg="it broke: K10aabbccddee::server:s3cr3t-old"\n' >&2
    exit 1 ;;
esac

state() {
    cat "$root/state/$1" 2>/dev/null || echo inactive
}

pid() {
    cat "$root/state/$1.pid" 2>/dev/null || echo 0
}

begin() {
    echo active >"$root/state/$1"
    echo $(($(pid "$1") + 1)) >"$root/state/$1.pid"
}

# What a download of an address gives: download FILE URL
download() {
    case $2 in
    https://get.k3s.io) cp "$root/installer" "$1" ;;
    https://mirror.example/k3s/*)
        file=$root/mirror/${2#https://mirror.example/k3s/}
        if [ ! -f "$file" ]; then
            [ "$name" = wget ] || printf 404
            echo 'ERROR 404: Not Found.' >&2
            exit 22
        fi
        cp "$file" "$1" ;;
    https://github.com/k3s-io/k3s/releases/download/v1.36.4%2Bk3s1/*) cp "$root/release/${2##*/}" "$1" ;;
    *) exit 6 ;;
    esac
}

case $name in
systemctl)
    for unit in "$@"; do :; done
    case $call in
    *'show -p ActiveState'*) echo "ActiveState=$(state "$unit")" ;;
    *'show -p MainPID'*) echo "MainPID=$(pid "$unit")" ;;
    *' start '* | *' restart '*) begin "$unit" ;;
    *' stop '*) echo inactive >"$root/state/$unit"; rm -f "$root/state/$unit.pid" ;;
    *' is-active '*) state "$unit" ;;
    esac ;;
rc-service)
    case $2 in
    status) [ "$(state "$1")" = active ] || exit 3 ;;
    stop) echo inactive >"$root/state/$1" ;;
    *) begin "$1" ;;
    esac ;;
journalctl) cat "$root/journal" 2>/dev/null ;;
uname)
    case $1 in
    -m) echo "$MACHINE" ;;
    -n) echo Pi-Kiosk-01 ;;
    esac ;;
sudo)
    while case $1 in -*) : ;; *) false ;; esac do shift; done
    case $SUDO in
    free) PATH=$stubs; exec "$@" ;;
    password) echo 'sudo: a password is required' >&2; exit 1 ;;
    *) echo 'Sorry, user ana may not run sudo on pi.' >&2; exit 1 ;;
    esac ;;
id)
    [ "$*" != -u ] || { echo "$MYSELF"; exit; }
    real "$@" ;;
stat)
    case $call in
    *' %u '*) cat "$root/owner" 2>/dev/null || echo 0 ;;
    *) real "$@" ;;
    esac ;;
sleep | sync | chcon | systemd-run | timedatectl | modprobe) ;;
iptables) echo 'iptables v1.8.9 (nf_tables)' ;;
modinfo) exit 1 ;;
getenforce) echo Permissive ;;
getconf) echo 32 ;;
reboot) exit 1 ;;
wget)
    while [ $# -gt 1 ]; do
        [ "$1" != -O ] || output=$2
        shift
    done
    download "$output" "$1" ;;
curl)
    input='' output='' url='' data='' supervisor=''
    for word in "$@"; do
        case $word in
        https://127.0.0.1:6443/*) supervisor=$word ;;
        esac
    done
    if [ -n "$supervisor" ]; then
        # The real one, which speaks to the test instead.
        [ -n "$SUPERVISOR" ] || exit 7
        case $call in
        *"--cacert $root"* | *'--cacert '*authority* | *' -sk '* | '-sk '* | 'curl -sk '*) ;;
        *) exit 60 ;;
        esac
        count=$#
        while [ "$count" -gt 0 ]; do
            word=$1
            shift
            count=$((count - 1))
            case $word in
            https://127.0.0.1:6443/*) set -- "$@" "$SUPERVISOR/${word#https://127.0.0.1:6443/}" ;;
            --cacert) shift; count=$((count - 1)) ;;
            *) set -- "$@" "$word" ;;
            esac
        done
        real "$@"
    fi
    while [ $# -gt 0 ]; do
        case $1 in
        -K) input=$(cat); shift ;;
        -o) output=$2; shift ;;
        --data-binary) data=${2#@}; shift ;;
        --aws-sigv4 | -H | -X | --max-time | --connect-timeout | --retry | --retry-delay) shift ;;
        http*) url=$1 ;;
        esac
        shift
    done
    case $url in
    https://192.0.2.*) [ "$url" = https://192.0.2.7:6443/ping ] || exit 28 ;;
    */api/token) printf IMDS-s3cr3t ;;
    */services/domain) printf amazonaws.com ;;
    */iam/security-credentials/) printf a-role ;;
    */iam/security-credentials/a-role)
        case $input in *IMDS-s3cr3t*) ;; *) exit 22 ;; esac
        printf '{\n  "AccessKeyId" : "AKIDEXAMPLE",\n  "SecretAccessKey" : "KEY-s3cr3t",\n  "Token" : "T"\n}' ;;
    https://ssm.eu-west-1.amazonaws.com/)
        case $(cat "$data") in
        *'"Name":"/k3fleet/shop/server-token:3","WithDecryption":true'*) value=s3cr3t-old ;;
        *'"Name":"/k3fleet/shop/server-token:4","WithDecryption":true'*) value=s3cr3t-new ;;
        *)
            printf '{"__type":"ParameterVersionNotFound"}' >"$output"
            exit 22 ;;
        esac
        printf '{"Parameter":{"Name":"x","Type":"SecureString","Value":"%s","Version":4}}' "$value" >"$output" ;;
    *) download "$output" "$url" ;;
    esac ;;
*) real "$@" ;;
esac
