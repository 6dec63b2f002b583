//! What a cluster's machines may do in AWS: read their own tokens, and the server write its own kubeconfig. Nothing
//! else: whoever takes over a pod that reaches a machine's role gains no more than the machine had.

use serde_json::{Value, json};

use super::Spec;
use crate::fleet::Role;

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
    let parameter = |name: String| format!("arn:*:ssm:{region}:{account}:parameter{name}");
    // An agent must not hold the server's token: that makes one an administrator of the cluster.
    let tokens = match role {
        Role::Server => vec![parameter(names.server_token()), parameter(names.agent_token())],
        Role::Agent => vec![parameter(names.agent_token())],
    };
    let mut statements = vec![json!({
        "Sid": "ReadOwnTokens",
        "Effect": "Allow",
        "Action": "ssm:GetParameter",
        "Resource": tokens,
    })];
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

    #[test]
    fn an_agent_reads_the_agent_token_and_nothing_else() {
        let policy = policy(&example(), Role::Agent, "123456789012");
        let statements = policy["Statement"].as_array().unwrap();
        assert_eq!(statements.len(), 1);
        assert_eq!(statements[0]["Action"], "ssm:GetParameter");
        assert_eq!(
            statements[0]["Resource"],
            json!(["arn:*:ssm:eu-west-1:123456789012:parameter/k3fleet/shop/agent-token"])
        );
    }

    #[test]
    fn the_server_reads_both_tokens_and_writes_its_kubeconfig() {
        let policy = policy(&example(), Role::Server, "123456789012");
        let statements = policy["Statement"].as_array().unwrap();
        assert_eq!(statements.len(), 2);
        assert_eq!(statements[0]["Resource"].as_array().unwrap().len(), 2);
        assert_eq!(statements[1]["Action"], "secretsmanager:PutSecretValue");
        assert_eq!(
            statements[1]["Resource"],
            "arn:*:secretsmanager:eu-west-1:123456789012:secret:k3fleet/shop/kubeconfig-??????"
        );
    }

    #[test]
    fn only_ec2_takes_the_role() {
        assert_eq!(
            trust_policy()["Statement"][0]["Principal"],
            json!({"Service": "ec2.amazonaws.com"})
        );
    }
}
