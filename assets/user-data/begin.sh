# How every machine begins.
at 'asking the instance metadata service'
imds_token=$(curl -sf --max-time 10 --retry 5 --retry-all-errors -X PUT \
    -H 'X-aws-ec2-metadata-token-ttl-seconds: 21600' "$imds/api/token")
instance=$(about instance-id)
zone=$(about placement/availability-zone)
domain=$(about services/domain)

at "writing $config"
mkdir -p "$etc"
: >"$config"
# The node is named after its instance, so that each is found by the other, and no two ever share a name.
configure "node-name: \"$instance\"" 'kubelet-arg:' "  - \"provider-id=aws:///$zone/$instance\""
