# Which server makes the cluster, and that only one ever does: whoever writes a parameter that nobody has written yet.

# What a parameter holds is in the answer; 2 where there is none: parameter NAME
parameter() {
    printf '{"Name":"%s"}' "$1" >"$work/ask"
    aws_call ssm AmazonSSM.GetParameter "$work/ask" Parameter.*NotFound
}

value() {
    sed -n 's/.*"Value" *: *"\([^"]*\)".*/\1/p' "$work/answer"
}

version_of() {
    sed -n 's/.*"Version" *: *\([0-9]*\).*/\1/p' "$work/answer"
}

# Writes a parameter that is not there; 2 where it is: create NAME VALUE
create() {
    printf '{"Name":"%s","Value":"%s","Type":"String","Overwrite":false,"Tags":[{"Key":"k3fleet:cluster","Value":"%s"}]}' \
        "$1" "$2" "$cluster" >"$work/ask"
    aws_call ssm AmazonSSM.PutParameter "$work/ask" ParameterAlreadyExists
}

# The state of an instance, none where EC2 knows of none: look_at INSTANCE
look_at() {
    printf 'Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=instance-id&Filter.1.Value.1=%s' "$1" >"$work/ask"
    aws_call ec2 '' "$work/ask"
    state=$(tr -d '\n' <"$work/answer" |
        sed -n 's/.*<instanceState>[^a-z]*<code>[0-9]*<\/code>[^a-z]*<name>\([a-z-]*\)<.*/\1/p')
}

# Whether this machine is to make the cluster. It is not where the cluster has been made, however long ago that was.
elect() {
    generation=1 gone=0 looks=0
    at "asking whether $cluster has been made"
    until parameter "$initialised"; do
        looks=$((looks + 1))
        [ "$looks" -le 180 ] || fail "$holder did not make the cluster within half an hour"
        if parameter "$first-$generation"; then
            holder=$(value)
        elif create "$first-$generation" "$instance"; then
            holder=$instance
        else
            sleep 1
            continue
        fi
        if [ "$holder" = "$instance" ]; then
            # The one before may have come to its end just before it went.
            ! parameter "$initialised" || return 1
            return 0
        fi
        look_at "$holder"
        case $state in
        pending | running | stopping) gone=0 ;;
        *) gone=$((gone + 1)) ;;
        esac
        if [ "$gone" -gt 6 ]; then
            say "$holder is gone (${state:-unknown to EC2}) without having made the cluster"
            generation=$((generation + 1)) gone=0
            continue
        fi
        [ $((looks % 6)) -ne 1 ] || at "waiting for $holder, which makes the cluster"
        sleep 10
    done
    return 1
}

# Says for good that the cluster has been made, by this machine; whoever comes second ends its own.
mark() {
    at "writing $initialised"
    # A later generation, which took this machine for gone, has the cluster to itself.
    if ! parameter "$first-$((generation + 1))" && create "$initialised" "$instance"; then
        return 0
    fi
    if parameter "$initialised" && [ "$(value)" = "$instance" ]; then
        return 0
    fi
    fail 'another server has made the cluster: this one takes no part in it'
}
