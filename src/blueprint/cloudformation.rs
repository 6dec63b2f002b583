//! What CloudFormation templates are written with: references, and buckets that nobody else reaches.

use serde_json::{Value, json};

/// What a resource or parameter is known by (`Ref`).
pub(super) fn refer(name: impl Into<String>) -> Value {
    json!({"Ref": name.into()})
}

/// What a resource tells of itself (`Fn::GetAtt`).
pub(super) fn attribute(name: &str, of: &str) -> Value {
    json!({"Fn::GetAtt": [of, name]})
}

/// Text in which `${…}` stands for others (`Fn::Sub`).
pub(super) fn substitute(text: impl Into<String>) -> Value {
    json!({"Fn::Sub": text.into()})
}

/// The properties of a bucket that is encrypted and not public, and keeps for a week what was deleted from it; `days`: how
/// long anything stays in it, if not for ever.
pub(super) fn bucket(days: Option<u32>) -> Value {
    let mut rule = json!({
        "Status": "Enabled",
        "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    });
    if let Some(days) = days {
        rule["ExpirationInDays"] = days.into();
    }
    json!({
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [
            {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}},
        ]},
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": true,
            "BlockPublicPolicy": true,
            "IgnorePublicAcls": true,
            "RestrictPublicBuckets": true,
        },
        "VersioningConfiguration": {"Status": "Enabled"},
        "LifecycleConfiguration": {"Rules": [rule]},
    })
}

/// The properties of a bucket's policy: it is reached over TLS alone.
pub(super) fn bucket_policy(bucket: &str) -> Value {
    json!({
        "Bucket": refer(bucket),
        "PolicyDocument": {"Version": "2012-10-17", "Statement": [{
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [attribute("Arn", bucket), substitute(format!("${{{bucket}.Arn}}/*"))],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }]},
    })
}
