//! Stacks whose resources fail, each in turn.

use super::*;

fn fails(resource: &str) -> String {
    let event = "[[events]]\nat = \"1s\"\nevent.stack-fails = ";
    format!("{event}{{ region = \"{EU}\", resource = \"{resource}\", reason = \"it is to fail\" }}\n")
}

async fn failing(resource: &str, undo: bool) -> (Arc<World>, Providers, Arc<dyn CloudControl>) {
    let (world, p) = quiet(&fails(resource));
    secs(2).await;
    let aws = cloud_control(&world, EU);
    launch(&*aws, &p, &spec(|_, _| {}), undo).await;
    (world, p, aws)
}

/// What is left but the parameters, which the stack does not make.
async fn left(aws: &dyn CloudControl) -> Vec<Resource> {
    let all = aws.left("shop").await.unwrap().into_iter();
    all.filter(|r| r.kind != ResourceKind::Parameter).collect()
}

#[tokio::test(start_paused = true)]
async fn whatever_fails_all_goes_back() {
    let (_, p) = quiet("");
    let small = spec(|_, _| {});
    let template = ha::template::template(&small, &site(&p, &small).await);
    let names: Vec<String> = template["Resources"].as_object().unwrap().keys().cloned().collect();
    assert!(names.len() > 40);
    for name in names {
        let (_world, p, aws) = failing(&name, true).await;
        assert_eq!(
            settled(&*aws).await,
            "ROLLBACK_COMPLETE",
            "{name}: {:#?}",
            happened(&*aws).await
        );
        let told = aws.stack_happened(STACK, None).await.unwrap();
        let failed = told.iter().find(|e| e.status.0 == "CREATE_FAILED").unwrap();
        assert_eq!(
            (failed.resource.as_str(), failed.reason.as_deref()),
            (name.as_str(), Some("it is to fail"))
        );
        let why = told
            .iter()
            .find(|e| e.status.0 == "ROLLBACK_IN_PROGRESS")
            .unwrap()
            .reason
            .clone()
            .unwrap();
        assert!(
            why.starts_with("The following resource(s) failed to create: [") && why.contains(&name),
            "{why}"
        );
        assert!(own(&p).await.is_empty(), "{name}");
        let left = left(&*aws).await;
        assert_eq!(kinds(&left), [ResourceKind::Stack].into(), "{name}: {left:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_failed_stays_to_be_looked_at_until_it_is_undone() {
    let (_world, p, aws) = failing("ReaperEvents", false).await;
    assert_eq!(settled(&*aws).await, "CREATE_FAILED");
    assert_eq!(own(&p).await.len(), 6);
    aws.undo_stack(STACK, "undo-1").await.unwrap();
    aws.undo_stack(STACK, "undo-1").await.unwrap();
    assert_eq!(settled(&*aws).await, "ROLLBACK_COMPLETE");
    let refused = aws.undo_stack(STACK, "undo-2").await.unwrap_err();
    assert!(refused.message.contains("ROLLBACK_COMPLETE"), "{refused}");
    let refused = aws
        .propose_stack(&order(&p, &spec(|_, _| {}), "again").await)
        .await
        .unwrap_err();
    assert!(refused.message.contains("can not be updated"), "{refused}");
    aws.delete_stack(STACK, "end-1").await.unwrap();
    assert_eq!(settled(&*aws).await, "");
    assert_eq!(left(&*aws).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_ends_the_wait_with_its_own_words() {
    let event =
        "[[events]]\nat = \"1s\"\nevent.first-boot-fails = { region = \"eu-west-1\", step = \"downloading K3s\" }\n";
    let (world, p) = quiet(event);
    secs(2).await;
    let aws = cloud_control(&world, EU);
    launch(&*aws, &p, &spec(|_, _| {}), false).await;
    assert_eq!(settled(&*aws).await, "CREATE_FAILED");
    let told = aws.stack_happened(STACK, None).await.unwrap();
    let failed = told
        .iter()
        .find(|e| e.resource == "ServersReady" && e.status.0 == "CREATE_FAILED")
        .unwrap();
    let why = failed.reason.clone().unwrap();
    assert!(
        why.contains("downloading K3s") && why.contains("for uniqueId: i-"),
        "{why}"
    );
}
