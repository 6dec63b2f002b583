//! What a cluster's machines may do in AWS: read their own tokens, the server write its own kubeconfig, and the agent of
//! SSM take commands for them. Nothing else: whoever takes over a pod that reaches a machine's role gains no more than the
//! machine had.

use serde_json::{Value, json};

use super::Spec;
use crate::fleet::Role;

/// What the agent of SSM needs to take commands. AWS' own policy for it, AmazonSSMManagedInstanceCore, would let the
/// machine read every parameter of the account as well, the tokens of all clusters among them.
pub(super) const AGENT: [&str; 11] = [
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
    "ec2messages:AcknowledgeMessage",
    "ec2messages:DeleteMessage",
    "ec2messages:FailMessage",
    "ec2messages:GetEndpoint",
    "ec2messages:GetMessages",
    "ec2messages:SendReply",
];

/// Who may take a machine's role: EC2, for its instances.
pub fn trust_policy() -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }],
    })
}

/// What the machines with this role may do. `account` is the account's id. The parameters are encrypted with the
/// account's own key of SSM, which needs no permission of its own.
pub fn policy(spec: &Spec, role: Role, account: &str) -> Value {
    let names = spec.names();
    let region = &spec.region;
    // A version is asked for as `name:version`, and AWS does not say whether that is the name it compares; no name of a
    // parameter holds a colon, so that the second form is nobody else's.
    let parameter = |name: String| {
        let own = format!("arn:*:ssm:{region}:{account}:parameter{name}");
        [format!("{own}:*"), own]
    };
    // An agent must not hold the server's token: that makes one an administrator of the cluster.
    let tokens = match role {
        Role::Server => [names.server_token(), names.agent_token()].map(parameter).concat(),
        Role::Agent => parameter(names.agent_token()).to_vec(),
    };
    let mut statements = vec![
        json!({
            "Sid": "ReadOwnTokens",
            "Effect": "Allow",
            "Action": "ssm:GetParameter",
            "Resource": tokens,
        }),
        // None of these knows a resource.
        json!({
            "Sid": "TakeCommands",
            "Effect": "Allow",
            "Action": AGENT,
            "Resource": "*",
        }),
    ];
    if role == Role::Server {
        // Secrets Manager ends each ARN in a hyphen and six characters of its own.
        let secret = names.kubeconfig();
        statements.push(json!({
            "Sid": "WriteOwnKubeconfig",
            "Effect": "Allow",
            "Action": "secretsmanager:PutSecretValue",
            "Resource": format!("arn:*:secretsmanager:{region}:{account}:secret:{secret}-??????"),
        }));
    }
    json!({"Version": "2012-10-17", "Statement": statements})
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    fn statement<'a>(policy: &'a Value, id: &str) -> &'a Value {
        let mut all = policy["Statement"].as_array().unwrap().iter();
        all.find(|statement| statement["Sid"] == id).unwrap()
    }

    #[test]
    fn an_agent_reads_the_agent_token_in_all_its_versions_and_nothing_else() {
        let policy = policy(&example(), Role::Agent, "123456789012");
        assert_eq!(policy["Statement"].as_array().unwrap().len(), 2);
        let reads = statement(&policy, "ReadOwnTokens");
        assert_eq!(reads["Action"], "ssm:GetParameter");
        let own = "arn:*:ssm:eu-west-1:123456789012:parameter/k3fleet/shop/agent-token";
        assert_eq!(reads["Resource"], json!([format!("{own}:*"), own]));
    }

    #[test]
    fn the_server_reads_both_tokens_and_writes_its_kubeconfig() {
        let policy = policy(&example(), Role::Server, "123456789012");
        assert_eq!(policy["Statement"].as_array().unwrap().len(), 3);
        assert_eq!(
            statement(&policy, "ReadOwnTokens")["Resource"]
                .as_array()
                .unwrap()
                .len(),
            4
        );
        let writes = statement(&policy, "WriteOwnKubeconfig");
        assert_eq!(writes["Action"], "secretsmanager:PutSecretValue");
        assert_eq!(
            writes["Resource"],
            "arn:*:secretsmanager:eu-west-1:123456789012:secret:k3fleet/shop/kubeconfig-??????"
        );
    }

    #[test]
    fn a_machine_takes_commands_and_reads_no_parameter_by_that() {
        for role in [Role::Server, Role::Agent] {
            let policy = policy(&example(), role, "123456789012");
            let agent = statement(&policy, "TakeCommands");
            assert_eq!((&agent["Action"], &agent["Resource"]), (&json!(AGENT), &json!("*")));
            let anywhere = policy["Statement"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|s| s["Resource"] == "*");
            for action in anywhere.flat_map(|s| s["Action"].as_array().unwrap()) {
                let action = action.as_str().unwrap();
                let reads = ["ssm:Get", "ssm:Describe", "ssm:List", "*"]
                    .iter()
                    .any(|part| action.contains(part));
                assert!(!reads, "{action}");
            }
        }
    }

    #[test]
    fn only_ec2_takes_the_role() {
        assert_eq!(
            trust_policy()["Statement"][0]["Principal"],
            json!({"Service": "ec2.amazonaws.com"})
        );
    }
}
