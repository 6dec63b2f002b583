# The secrets are versions of SSM parameters, which the machine reads with its own role.
at 'asking the instance metadata service'
imds_token=$(curl -sf --max-time 10 --retry 5 --retry-all-errors -X PUT \
    -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$imds/api/token")
domain=$(about services/domain)
for parameter in $parameters; do
    token_into "$work/secret" "$parameter"
    if [ -z "$secret1" ]; then
        secret1=$(cat "$work/secret")
    else
        secret2=$(cat "$work/secret")
    fi
    rm -f "$work/secret"
done
[ -n "$secret1" ] || fail 'no parameter holds the token'
