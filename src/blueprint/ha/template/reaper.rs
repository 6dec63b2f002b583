//! The reaper: a function in the VPC that takes events from its queue and does to nodes what they ask for.

use serde_json::{Value, json};

use super::network::{Place, Urls};
use super::{Draft, attribute, events, refer, scripts};

const SOURCE: &str = include_str!("../../../../assets/reaper/reaper.py");
/// Its time: a drain of the two minutes that a warning leaves, and what comes after it.
const SECONDS: u32 = 150;

/// Adds the function, its log and what brings it events.
pub(super) fn add(draft: &mut Draft<'_>, place: &Place, urls: Urls) {
    let log = json!({"RetentionInDays": 14});
    draft.add("ReaperLog", "Logs::LogGroup", log);
    draft.keep("ReaperLog", "Delete", "Delete");
    let function = json!({
        "Description": format!("k3fleet {}: drains and deletes the nodes of machines that go", draft.spec.name),
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Timeout": SECONDS,
        "MemorySize": 256,
        "Role": attribute("Arn", "ReaperRole"),
        "Code": {"ZipFile": stripped(SOURCE)},
        "LoggingConfig": {"LogGroup": refer("ReaperLog")},
        "VpcConfig": {
            "SubnetIds": place.subnets,
            "SecurityGroupIds": [refer("ReaperSecurity")],
        },
        "Environment": {"Variables": {
            "CLUSTER": draft.spec.name,
            "ACCOUNT": refer("AWS::AccountId"),
            "GROUPS": events::groups(draft).join(","),
            "SECRET": draft.names.reaper(),
            "SECRETS_URL": urls.secrets,
            "AUTOSCALING_URL": urls.autoscaling,
        }},
    });
    draft.add("Reaper", "Lambda::Function", function);
    let mapping = json!({
        "FunctionName": refer("Reaper"),
        "EventSourceArn": attribute("Arn", "ReaperQueue"),
        "BatchSize": 10,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    });
    draft.add("ReaperEvents", "Lambda::EventSourceMapping", mapping);
    // Before that there is no API, and every event would become a dead letter.
    draft.after("ReaperEvents", &["ServersReady".to_owned()]);
    draft.output("ReaperFunction", refer("Reaper"));
}

/// Puts the function into the whole template in a shorter form, which unpacks itself.
pub(super) fn pack(template: &mut Value) {
    if let Some(code) = template.pointer_mut("/Resources/Reaper/Properties/Code/ZipFile") {
        let packed = scripts::packed(&stripped(SOURCE));
        *code = format!("import base64, gzip\nexec(gzip.decompress(base64.b64decode(\"{packed}\")))\n").into();
    }
}

/// The source without blank lines and lines that are only a comment, with one space for each four at a line's beginning.
pub(super) fn stripped(source: &str) -> String {
    let mut kept = String::with_capacity(source.len());
    for line in source.lines() {
        let bare = line.trim_start();
        if !bare.is_empty() && !bare.starts_with('#') {
            kept += &" ".repeat((line.len() - bare.len()) / 4);
            kept += bare;
            kept.push('\n');
        }
    }
    kept
}
