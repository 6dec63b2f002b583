# AWS, asked by a machine itself, with the credentials of its own role. Above it: $work, a directory; $region; $domain, that of
# AWS; $imds_token; and say and at, which tell what is done.
imds=http://169.254.169.254/latest

# Whatever is secret goes to curl on its standard input: arguments can be read by every user of the machine.
metadata() {
    printf 'header = "X-aws-ec2-metadata-token: %s"\n' "$imds_token" |
        curl -sf --max-time 10 "$@" -K -
}

about() {
    metadata --retry 5 --retry-all-errors "$imds/meta-data/$1"
}

credential() {
    sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p" "$work/credentials"
}

# One call, signed by curl, since Ubuntu's image brings no AWS command line and both images bring a curl that can. A service
# without targets takes its questions as forms, as curl sends them.
aws_once() {
    if [ ! -s "$work/credentials" ]; then
        role=$(about iam/security-credentials/)
        about "iam/security-credentials/$role" >"$work/credentials"
    fi
    printf 'user = "%s:%s"\nheader = "X-Amz-Security-Token: %s"\n' \
        "$(credential AccessKeyId)" "$(credential SecretAccessKey)" "$(credential Token)" |
        curl -sS --fail-with-body --max-time 20 --aws-sigv4 "aws:amz:$region:$1" \
            ${2:+-H "X-Amz-Target: $2" -H 'Content-Type: application/x-amz-json-1.1'} --data-binary "@$3" \
            -o "$work/answer" -K - "https://$1.$region.$domain/"
}

# Asks AWS for a minute, for a role just made is refused for some seconds: aws_call SERVICE TARGET FILE-WITH-BODY [ERROR]. The
# answer is in $work/answer. An ERROR that is an answer too gives 2; any other ends the script.
aws_call() {
    left=12
    until rm -f "$work/answer" && aws_once "$1" "$2" "$3" 2>"$work/why"; do
        if [ -n "${4-}" ] && grep -qs "$4" "$work/answer"; then
            return 2
        fi
        left=$((left - 1))
        if [ "$left" -eq 0 ]; then
            say "$(cat "$work/answer" "$work/why" 2>/dev/null)"
            exit 1
        fi
        rm -f "$work/credentials"
        sleep 5
    done
}

# The value of a SecureString: token_into FILE PARAMETER
token_into() {
    at "reading the SSM parameter $2"
    printf '{"Name":"%s","WithDecryption":true}' "$2" >"$work/ask"
    aws_call ssm AmazonSSM.GetParameter "$work/ask"
    sed -n 's/.*"Value" *: *"\([^"]*\)".*/\1/p' "$work/answer" >"$1"
    rm -f "$work/answer"
    [ -s "$1" ]
}

# Puts the text of a file into a secret: into_secret FILE SECRET. As a JSON string: only quotes, backslashes and ends of lines
# need care in what is written here. AWS takes no value without a token that tells one writing from another.
into_secret() {
    {
        printf '{"SecretId":"%s","ClientRequestToken":"%s","SecretString":"' "$2" "$(cat /proc/sys/kernel/random/uuid)"
        sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/$/\\n/' "$1" | tr -d '\n'
        printf '"}'
    } >"$work/ask"
    aws_call secretsmanager secretsmanager.PutSecretValue "$work/ask"
}
