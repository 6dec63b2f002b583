//! What to do about a failure: the policy line that grants, the command that logs in.

use smol_str::{SmolStr, format_smolstr};

use super::actions;
use crate::fleet::{FaultKind, Scope};

/// What is said when no way to credentials is set up; the mend knows it again.
pub(super) const NO_CREDENTIALS: &str = "no credentials found";

/// The code for the role that spot instances need once for each account.
const SERVICE_ROLE: &str = "AuthFailure.ServiceLinkedRoleCreationNotPermitted";

/// What to do about it.
pub(super) fn mend(kind: FaultKind, call: &str, scope: &Scope, code: &str, message: &str) -> SmolStr {
    match kind {
        FaultKind::Denied if code == "OptInRequired" => format_smolstr!(
            "enable the region {} and the service for this account in the AWS console",
            scope.region
        ),
        FaultKind::Denied if code == SERVICE_ROLE => SmolStr::new(
            "once for this account, as an administrator: aws iam create-service-linked-role --aws-service-name \
             spot.amazonaws.com",
        ),
        FaultKind::Denied if message.contains("service control policy") => {
            format_smolstr!("a policy of the AWS organization forbids {call}: ask its administrators")
        }
        FaultKind::Denied => format_smolstr!("allow it in IAM: {}", actions::statement(call)),
        FaultKind::Credentials => credentials_mend(scope, code, message),
        FaultKind::Throttled if actions::is_for_change(call) => {
            SmolStr::new("AWS has changed nothing: try again in a minute")
        }
        FaultKind::Throttled => SmolStr::new("polling slows down by itself; what you asked for, ask again in a minute"),
        FaultKind::Unreachable => format_smolstr!(
            "check the network, the proxy, the region's name ({}) and AWS_ENDPOINT_URL if it is set",
            scope.region
        ),
        FaultKind::Unsupported => format_smolstr!("{} offers no {call}", scope.region),
        FaultKind::Malformed => SmolStr::new("check that proxies and AWS_ENDPOINT_URL lead to AWS"),
        FaultKind::NotYet | FaultKind::NoCapacity | FaultKind::Crashed | FaultKind::Other => SmolStr::default(),
    }
}

fn credentials_mend(scope: &Scope, code: &str, message: &str) -> SmolStr {
    let option = if scope.profile.is_empty() {
        SmolStr::default()
    } else {
        format_smolstr!(" --profile {}", scope.profile)
    };
    let words = message.to_ascii_lowercase();
    match code {
        "RequestExpired" | "RequestTimeTooSkewed" => format_smolstr!(
            "set this machine's clock; if it is right, the session has expired: run `aws sso login{option}` or renew \
             its keys"
        ),
        "AuthFailure" => format_smolstr!(
            "check the keys with `aws sts get-caller-identity{option}`; if they are good, the region {} is not \
             enabled for this account",
            scope.region
        ),
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => {
            format_smolstr!("the session has expired: run `aws sso login{option}`, or renew its keys")
        }
        "" if message.starts_with(NO_CREDENTIALS) && scope.profile.is_empty() => SmolStr::new(
            "choose a profile with --profile or AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; \
             `aws configure sso` makes a profile",
        ),
        "" if message.starts_with(NO_CREDENTIALS) => format_smolstr!(
            "check the name of the profile {} in ~/.aws/config and ~/.aws/credentials, log in with `aws sso \
             login{option}`, or make it with `aws configure sso{option}`",
            scope.profile
        ),
        "" if words.contains("sso") || words.contains("token") => format_smolstr!("run `aws sso login{option}`"),
        _ => {
            format_smolstr!("check the keys with `aws sts get-caller-identity{option}`, or run `aws sso login{option}`")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denied_call_names_the_statement_that_grants_it() {
        let scope = Scope::new("prod", "eu-west-1");
        let said = mend(
            FaultKind::Denied,
            "ec2:DescribeInstances",
            &scope,
            "UnauthorizedOperation",
            "",
        );
        assert_eq!(
            said,
            r#"allow it in IAM: {"Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"}"#
        );
        let scp = "… with an explicit deny in a service control policy";
        let said = mend(
            FaultKind::Denied,
            "ec2:DescribeInstances",
            &scope,
            "UnauthorizedOperation",
            scp,
        );
        assert!(said.contains("organization"), "{said}");
    }

    #[test]
    fn missing_and_expired_credentials_say_what_to_run() {
        let named = Scope::new("prod", "eu-west-1");
        let default = Scope::new("", "eu-west-1");
        let run = |scope: &Scope, code: &str, message: &str| mend(FaultKind::Credentials, "x", scope, code, message);

        assert!(run(&named, "ExpiredToken", "").contains("`aws sso login --profile prod`"));
        assert!(run(&default, "ExpiredToken", "").contains("`aws sso login`"));
        assert_eq!(
            run(&named, "", "the SSO token has expired and cannot be refreshed"),
            "run `aws sso login --profile prod`"
        );
        assert!(run(&default, "", NO_CREDENTIALS).contains("AWS_PROFILE"));
        assert!(run(&named, "", NO_CREDENTIALS).contains("`aws configure sso --profile prod`"));
        assert!(run(&named, "RequestExpired", "").contains("clock"));
        assert!(run(&named, "AuthFailure", "").contains("eu-west-1"));
    }
}
