#!/bin/sh
# Stands for a program on a scratch machine: see mod.rs. $WORLD is what all machines share, $K3FLEET_ROOT is this one's own.
# `$FAIL` names how what fails begins, `$DIES` how that begins at which the whole machine is gone at once.
set -u
name=${0##*/}
root=$K3FLEET_ROOT
call="$name $*"
printf '%s\n' "$call" >>"$root/log"
export -p >>"$root/environments"

reached() {
    case $1 in
    "$DIES"*) kill -9 0 ;;
    "$FAIL"*) return 1 ;;
    esac
}

# What aws refuses: refuse ERROR
refuse() {
    printf '{"__type":"%s"}' "$1" >"$output"
    exit 22
}

# The last version of a parameter, 0 where there is none.
last() {
    n=0
    while [ -e "$1/$((n + 1))" ]; do
        n=$((n + 1))
    done
}

# A field of the question.
asked() {
    asked=${body#*\""$1"\":\"}
    asked=${asked%%\"*}
}

ssm() {
    asked Name
    parameter=$asked
    selector=''
    case $parameter in
    *:*) selector=${parameter##*:} parameter=${parameter%:*} ;;
    esac
    directory=$WORLD/ssm$parameter
    reached "ssm $target $parameter" || refuse AccessDeniedException
    case $target in
    GetParameter)
        last "$directory"
        [ "$n" -gt 0 ] || refuse ParameterNotFound
        n=${selector:-$n}
        [ -e "$directory/$n" ] || refuse ParameterVersionNotFound
        IFS= read -r value <"$directory/$n"
        printf '{"Parameter":{"Name":"%s","Value":"%s","Version":%s}}' "$parameter" "$value" "$n" >"$output" ;;
    PutParameter)
        asked Value
        mkdir -p "$directory"
        printf '%s\n' "$asked" >"$root/put"
        case $body in
        *'"Overwrite":true'*)
            case $body in *'"Tags"'*) refuse ValidationException ;; esac
            # What others write between a look and this.
            [ ! -e "$WORLD/before" ] || . "$WORLD/before"
            last "$directory"
            n=$((n + 1))
            # Only one machine writes each version.
            until ln "$root/put" "$directory/$n" 2>/dev/null; do
                n=$((n + 1))
            done ;;
        *'"Overwrite":false'*)
            n=1
            ln "$root/put" "$directory/1" 2>/dev/null || refuse ParameterAlreadyExists ;;
        *) refuse ValidationException ;;
        esac
        rm -f "$root/put"
        printf '{"Tier":"Standard","Version":%s}' "$n" >"$output" ;;
    esac
}

metadata() {
    case $input in
    *IMDS-s3cr3t*) ;;
    *) exit 22 ;;
    esac
    case $url in
    */meta-data/instance-id) printf '%s' "$MACHINE" ;;
    */placement/availability-zone) printf eu-west-1b ;;
    */services/domain) printf amazonaws.com ;;
    */local-ipv4) printf 10.0.1.7 ;;
    */iam/security-credentials/) printf a-role ;;
    */iam/security-credentials/a-role)
        printf '{\n  "AccessKeyId" : "AKIDEXAMPLE",\n  "SecretAccessKey" : "KEY-s3cr3t/+=",\n  "Token" : "SESSION-s3cr3t=="\n}' ;;
    *) exit 22 ;;
    esac
}

case $name in
curl)
    input='' output='' url='' data='' signed='' target=''
    while [ $# -gt 0 ]; do
        case $1 in
        -K) while IFS= read -r line; do input="$input$line "; done; shift ;;
        -o) output=$2; shift ;;
        -H)
            case $2 in
            X-Amz-Target:*) target=${2##*.} ;;
            esac
            shift ;;
        --data-binary) data=${2#@}; shift ;;
        --aws-sigv4) signed=$2; shift ;;
        -X | --max-time | --retry | --retry-delay) shift ;;
        http*) url=$1 ;;
        esac
        shift
    done
    case $input in
    'url = '*) url=${input#*\"} url=${url%%\"*} ;;
    esac
    case $url in
    */api/token) reached metadata || exit 7; printf IMDS-s3cr3t ;;
    http://169.254.169.254/*) metadata ;;
    https://*.eu-west-1.amazonaws.com/)
        body=''
        IFS= read -r body <"$data"
        service=${url#https://} service=${service%%.*}
        case $signed in "aws:amz:eu-west-1:$service") ;; *) exit 22 ;; esac
        case $input in *'KEY-s3cr3t/+='*'X-Amz-Security-Token: SESSION-s3cr3t'*) ;; *) exit 22 ;; esac
        case $service in
        ssm) ssm ;;
        ec2)
            reached ec2 || refuse UnauthorizedOperation
            case $body in
            'Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=instance-id&Filter.1.Value.1='*) ;;
            *) refuse MissingParameter ;;
            esac
            if IFS= read -r state <"$WORLD/ec2/${body##*=}"; then
                printf '<a><currentState><name>no</name></currentState>\n<instanceState>\n  <code>16</code>\n  <name>%s</name>\n</instanceState></a>\n' "$state" >"$output"
            else
                printf '<a><reservationSet/></a>\n' >"$output"
            fi 2>/dev/null ;;
        secretsmanager)
            asked SecretId
            reached "secretsmanager $target $asked" || refuse AccessDeniedException
            case $target in
            PutSecretValue)
                case $body in
                *'"ClientRequestToken":"'????????-????-????-????-????????????'"'*) ;;
                *) refuse InvalidRequestException ;;
                esac
                printf '%s\n' "$MACHINE" >>"$WORLD/handed-over"
                cp "$data" "$WORLD/secret-${asked##*/}"
                printf '{}' >"$output" ;;
            *) cat "$WORLD/login" >"$output" ;;
            esac ;;
        esac ;;
    https://api.internal:6443/ping)
        [ -e "$WORLD/api" ] || exit 7
        printf pong >"$output" ;;
    https://signal.example/*)
        reached signal || exit 22
        cp "$data" "$WORLD/signals/$MACHINE" ;;
    https://get.k3s.io) reached installer || exit 22; cp "$WORLD/installer" "$output" ;;
    https://mirror.example/*) cp "$WORLD/mirror/${url##*/}" "$output" 2>/dev/null || exit 22 ;;
    *) exit 6 ;;
    esac ;;
sleep)
    IFS= read -r now <"$root/clock"
    now=$((now + $1))
    echo "$now" >"$root/clock"
    # What happens meanwhile elsewhere.
    [ ! -e "$WORLD/meanwhile" ] || . "$WORLD/meanwhile"
    # The others get on.
    [ -z "$PACE" ] || /bin/sleep "$PACE" ;;
date)
    IFS= read -r now <"$root/clock"
    echo "$now" ;;
uname)
    case $1 in
    -m) echo "${KIND:-aarch64}" ;;
    -n) echo "$MACHINE" ;;
    esac ;;
systemctl)
    reached "$call" || exit 1
    case $call in
    'systemctl start --no-block k3s')
        touch "$root/started"
        for member in "$WORLD"/joining/*; do
            [ ! -e "$member" ] || [ "${member##*/}" = "$MACHINE" ] || echo "$member $MACHINE" >>"$WORLD/together"
        done
        mkdir -p "$root/etc/rancher/k3s"
        printf 'clusters:\n- cluster:\n    server: https://127.0.0.1:6443\n  name: default\ncontexts:\n- context:\n    cluster: default\n    user: default\n  name: default\ncurrent-context: default\nusers:\n- name: default\n  user:\n    client-key-data: s3cr3t-key\n' >"$root/etc/rancher/k3s/k3s.yaml"
        while IFS= read -r line; do
            case $line in
            'cluster-init: true') [ -e "$root/var/lib/rancher/k3s/server/db/etcd" ] || echo "$MACHINE" >>"$WORLD/made" ;;
            'server: '*) [ -e "$WORLD/api" ] && touch "$WORLD/joining/$MACHINE" ;;
            esac
        done <"$root/etc/rancher/k3s/config.yaml"
        [ -e "$root/etc/rancher/k3s/config.yaml.d/database.yaml" ] || mkdir -p "$root/var/lib/rancher/k3s/server/db/etcd"
        touch "$WORLD/api" ;;
    esac ;;
journalctl)
    printf 'level=info msg="starting"\nlevel=fatal msg="K10aabbccddeeff00112233::server:s3cr3t-server is \\"wrong\\" for postgres://k3s:s3cr3t@db/k3s, s3cr3t-agent"\n' ;;
k3s)
    reached "$call" || exit 1
    [ -e "$root/started" ] || exit 1
    case $call in
    *'get secret k3fleet-reaper'*) printf '%s %s' 'czNjcjN0LXJlYXBlcg==' 'LS0tLS1CRUdJTgpDQQotLS0tLUVORAo=' ;;
    *'get node'*)
        echo asked >>"$root/polled"
        polls=0
        while IFS= read -r line; do polls=$((polls + 1)); done <"$root/polled"
        printf 'MemoryPressure=False Ready=True '
        if [ -d "$root/var/lib/rancher/k3s/server/db/etcd" ] && [ "$polls" -gt 2 ]; then
            printf 'EtcdIsVoter=True '
            rm -f "$WORLD/joining/$MACHINE"
        fi ;;
    esac ;;
*)
    reached "$call" || exit 1 ;;
esac
exit 0
