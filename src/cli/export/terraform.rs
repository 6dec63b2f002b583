//! A Terraform module around the template: for those whose clusters stand beside other things in Terraform. The stack stays
//! CloudFormation's, so that k3fleet sees it and works on it as on one that it has made.
//!
//! Each parameter of the template becomes a variable, and each output an output. The text is as `terraform fmt` has it.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::blueprint::Spec;
use crate::blueprint::ha::Store;
use crate::fleet::{TAG_CLUSTER, TAG_SHAPE};

/// The file of the template.
pub(super) const TEMPLATE: &str = "template.json";

/// The files of the module but for the template, each with its name.
pub(super) fn terraform(spec: &Spec, template: &Value) -> [(&'static str, String); 3] {
    let part = |name: &str| template.get(name).and_then(Value::as_object);
    let parameters = part("Parameters");
    [
        ("main.tf", main(spec, parameters)),
        ("variables.tf", variables(parameters)),
        ("outputs.tf", outputs(part("Outputs"))),
    ]
}

fn main(spec: &Spec, parameters: Option<&Map<String, Value>>) -> String {
    let (name, region) = (&spec.name, &spec.region);
    let mut secrets = vec!["agent-token", "server-token"];
    if spec.ha.as_ref().is_some_and(|ha| ha.store == Store::External) {
        secrets.push("dsn");
    }
    let secrets: Vec<_> = secrets.into_iter().map(literal).collect();
    let given = parameters.into_iter().flat_map(Map::keys);
    let given = given.map(|parameter| (parameter.clone(), format!("var.{}", snake(parameter))));
    let tags = [
        (literal(TAG_CLUSTER), literal(name)),
        (literal(TAG_SHAPE), literal(spec.shape.as_str())),
        (literal("k3fleet:created-by"), literal("terraform")),
    ];
    let times = ["create", "delete", "update"].map(|what| (what.to_owned(), literal("60m")));
    format!(
        r#"# The highly available K3s cluster {name}: one CloudFormation stack, made by k3fleet's template.

terraform {{
  required_version = ">= 1.5"

  required_providers {{
    aws = {{
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }}
  }}
}}

# Machines read these when they boot. Write them as SecureStrings before the stack is made: their values then stand neither
# in the template nor, in clear, in Terraform's state.
data "aws_ssm_parameter" "secret" {{
  for_each = toset([{secrets}])

  name            = "/k3fleet/{name}/${{each.key}}"
  with_decryption = false
}}

resource "aws_cloudformation_stack" "cluster" {{
  name          = "k3fleet-{name}"
  capabilities  = ["CAPABILITY_IAM"]
  template_body = file("${{path.module}}/{TEMPLATE}")

  parameters = {{ for name, value in local.parameters : name => value if value != null }}

  tags = merge(var.tags, {{
{tags}  }})

  timeouts {{
{times}  }}

  lifecycle {{
    precondition {{
      condition     = alltrue([for secret in data.aws_ssm_parameter.secret : split(":", secret.arn)[3] == "{region}"])
      error_message = "The template is made for {region}: configure the provider for that region."
    }}
  }}
}}

locals {{
  # What is null has the template's default.
  parameters = {{
{parameters}  }}
}}
"#,
        secrets = secrets.join(", "),
        tags = aligned(4, tags),
        times = aligned(4, times),
        parameters = aligned(4, given),
    )
}

fn variables(parameters: Option<&Map<String, Value>>) -> String {
    let mut text = String::new();
    for (name, parameter) in parameters.into_iter().flatten() {
        let about = parameter.get("Description").and_then(Value::as_str).unwrap_or_default();
        let entries = [
            ("description", literal(about)),
            ("type", "string".to_owned()),
            ("default", "null".to_owned()),
        ];
        block(&mut text, "variable", &snake(name), entries);
    }
    let entries = [
        ("description", literal("More tags of the stack and of what it makes")),
        ("type", "map(string)".to_owned()),
        ("default", "{}".to_owned()),
    ];
    block(&mut text, "variable", "tags", entries);
    text
}

fn outputs(outputs: Option<&Map<String, Value>>) -> String {
    let mut text = String::new();
    let id = "aws_cloudformation_stack.cluster.id".to_owned();
    block(&mut text, "output", "stack_id", [("value", id)]);
    for name in outputs.into_iter().flat_map(Map::keys) {
        let value = format!("aws_cloudformation_stack.cluster.outputs[{}]", literal(name));
        block(&mut text, "output", &snake(name), [("value", value)]);
    }
    text
}

fn block<'a>(text: &mut String, kind: &str, name: &str, entries: impl IntoIterator<Item = (&'a str, String)>) {
    if !text.is_empty() {
        text.push('\n');
    }
    let entries = entries.into_iter().map(|(key, value)| (key.to_owned(), value));
    // Writing to a string does not fail.
    let _written = writeln!(text, "{kind} \"{name}\" {{\n{}}}", aligned(2, entries));
}

/// Lines with their equals signs below each other.
fn aligned(indent: usize, entries: impl IntoIterator<Item = (String, String)>) -> String {
    let entries: Vec<_> = entries.into_iter().collect();
    let width = entries.iter().map(|(key, _)| key.chars().count()).max().unwrap_or(0);
    let lines = entries
        .iter()
        .map(|(key, value)| format!("{:indent$}{key:width$} = {value}\n", ""));
    lines.collect()
}

/// A string of Terraform's language, of which nothing is a reference.
fn literal(text: &str) -> String {
    let mut quoted = String::from("\"");
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '$' | '%' if chars.peek() == Some(&'{') => quoted.extend([c, c]),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A name of CloudFormation's as Terraform has names: `VpcCidrs` as `vpc_cidrs`.
fn snake(name: &str) -> String {
    let mut text = String::new();
    for (i, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() && i > 0 {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::blueprint::ha::example;

    fn files() -> [(&'static str, String); 3] {
        let template = json!({
            "Parameters": {
                "Vpc": {"Type": "String", "Description": "The \"VPC\" of ${this}"},
                "VpcCidrs": {"Type": "CommaDelimitedList", "Description": "Its networks"},
            },
            "Outputs": {"ApiEndpoint": {"Value": "https://api"}},
        });
        terraform(&example(), &template)
    }

    #[test]
    fn each_parameter_is_a_variable_and_each_output_an_output() {
        let [(_, main), (_, variables), (_, outputs)] = files();
        assert!(
            main.contains("    Vpc      = var.vpc\n    VpcCidrs = var.vpc_cidrs\n"),
            "{main}"
        );
        assert!(main.contains("\"k3fleet:cluster\"    = \"shop\""), "{main}");
        assert!(
            variables.contains(r#"description = "The \"VPC\" of $${this}""#),
            "{variables}"
        );
        let output =
            "output \"api_endpoint\" {\n  value = aws_cloudformation_stack.cluster.outputs[\"ApiEndpoint\"]\n}";
        assert!(outputs.contains(output), "{outputs}");
    }

    #[test]
    fn the_database_of_the_operators_own_has_a_secret_more() {
        let mut spec = example();
        let secrets = |spec: &Spec| {
            let [(_, main), ..] = terraform(spec, &json!({}));
            main.contains("[\"agent-token\", \"server-token\", \"dsn\"]")
        };
        assert!(!secrets(&spec));
        spec.ha.as_mut().unwrap().store = Store::External;
        assert!(secrets(&spec));
    }

    #[test]
    fn literals_refer_to_nothing() {
        assert_eq!(literal(r#"a"b\${c}%{d}$5%"#), r#""a\"b\\$${c}%%{d}$5%""#);
        assert_eq!(snake("ImageArm64"), "image_arm64");
    }
}
