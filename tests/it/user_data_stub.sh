#!/bin/sh
# Stands for a program on the scratch machine: see user_data.rs.
set -eu
name=${0##*/}
root=$K3FLEET_ROOT
call="$name $*"
printf '%s\n' "$call" >>"$root/log"

fails() {
    [ "$FAIL" = "$1" ]
}

case $name in
curl)
    if fails curl; then exit 22; fi
    input='' output='' url='' data='' signed=''
    while [ $# -gt 0 ]; do
        case $1 in
        -K) input=$(cat); shift ;;
        -o) output=$2; shift ;;
        --data-binary) data=${2#@}; shift ;;
        --aws-sigv4) signed=$2; shift ;;
        -H | -X | --max-time | --retry | --retry-delay) shift ;;
        http*) url=$1 ;;
        esac
        shift
    done
    case $url in
    */api/token)
        if fails metadata; then exit 7; fi
        printf IMDSTOKEN
        exit ;;
    http://169.254.169.254/*)
        case $input in *IMDSTOKEN*) ;; *) exit 22 ;; esac ;;
    https://*.amazonaws.com/)
        [ -n "$signed" ]
        printf '%s\n' "$input" >>"$root/signed" ;;
    esac
    case $url in
    */meta-data/instance-id) printf i-0123456789abcdef0 ;;
    */placement/availability-zone) printf eu-west-1a ;;
    */services/domain) printf amazonaws.com ;;
    */local-ipv4) printf 172.31.0.7 ;;
    */public-ipv4) printf 198.51.100.9 ;;
    */public-hostname) exit 22 ;;
    */tags/instance/k3fleet:expires-at) printf 1970-01-02T00:00:00Z ;;
    */iam/security-credentials/) printf a-role ;;
    */iam/security-credentials/a-role)
        printf '{\n  "Code" : "Success",\n  "AccessKeyId" : "AKIDEXAMPLE",\n'
        printf '  "SecretAccessKey" : "SECRETKEY/+=",\n  "Token" : "SESSION=="\n}' ;;
    https://ssm.*)
        if fails ssm; then
            printf '{"__type":"AccessDeniedException"}' >"$output"
            exit 22
        fi
        token=$(sed -n 's/.*"\/k3fleet\/shop\/\([a-z]*\)-token".*/\1/p' "$data")
        printf '{"Parameter":{"Name":"x","Type":"SecureString","Value":"TOKEN-OF-%s","Version":1}}' "$token" >"$output" ;;
    https://secretsmanager.*)
        if fails secretsmanager; then exit 22; fi
        # As AWS has it, whose SDKs send one unasked.
        grep -Eq '"ClientRequestToken":"[0-9a-f-]{36}"' "$data" || exit 22
        cp "$data" "$root/secret"
        printf '{}' >"$output" ;;
    https://get.k3s.io)
        if fails installer; then exit 22; fi
        # The installer itself: what it was told.
        cat >"$output" <<'EOF'
[ "$FAIL" != install ] || exit 1
printf '%s %s %s %s\n' "$INSTALL_K3S_VERSION" "$INSTALL_K3S_EXEC" "$INSTALL_K3S_SKIP_START" "${K3S_TOKEN_FILE-}" >"$K3FLEET_ROOT/installed"
EOF
        ;;
    *) exit 6 ;;
    esac ;;
systemctl)
    case $call in "$FAIL "*) exit 1 ;; esac ;;
*)
    if fails "$name"; then exit 1; fi ;;
esac
