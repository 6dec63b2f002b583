//! Decoding what an API server says of 5,000 nodes (43 MB): into the fleet's slim nodes, as the adapter does it, and,
//! for comparison, into `serde_json::Value`. Prints first how large the list is and what is kept of it.

#![expect(clippy::expect_used, reason = "a bench that cannot go on ends there")]
#![expect(clippy::print_stderr, reason = "it tells sizes besides times")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use k3fleet::fleet::{ContextId, Node};
use k3fleet::provider::kube::decode;
use peak_alloc::PeakAlloc;

/// Counts what is kept; costs an atomic addition for each allocation.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const NODES: usize = 5000;
const PAGE: usize = 500;
/// What may be kept of a node.
const MOST: usize = 1536;

/// Recorded nodes as an API server writes them, each under a name of its own.
fn list(names: std::ops::Range<usize>) -> String {
    let recorded = include_str!("../tests/fixtures/kube/watch_list_stream.jsonl");
    let nodes: Vec<&str> = recorded
        .lines()
        .filter_map(|line| line.strip_prefix("{\"type\":\"ADDED\",\"object\":")?.strip_suffix('}'))
        .collect();
    let items: Vec<String> = names
        .map(|n| {
            let node = nodes.get(n % nodes.len()).expect("some are recorded");
            let name = node
                .split("\"name\":\"")
                .nth(1)
                .and_then(|rest| rest.split('"').next())
                .expect("a name");
            node.replace(name, &format!("k3s-agent-edge-{n:05}"))
        })
        .collect();
    format!(
        "{{\"kind\":\"NodeList\",\"apiVersion\":\"v1\",\"metadata\":{{\"resourceVersion\":\"211\"}},\"items\":[{}]}}",
        items.join(",")
    )
}

fn slim(body: &str, context: &ContextId) -> Vec<Node> {
    decode::nodes(body.as_bytes(), context).expect("a list").items
}

fn value(body: &str) -> serde_json::Value {
    serde_json::from_slice(body.as_bytes()).expect("JSON")
}

/// Bytes allocated for what `make` gives.
fn kept<T>(make: impl FnOnce() -> T) -> usize {
    let before = MEMORY.current_usage();
    let made = make();
    let kept = MEMORY.current_usage() - before;
    drop(made);
    kept
}

fn sizes(whole: &str, context: &ContextId) {
    let slim = kept(|| {
        let mut nodes = slim(whole, context);
        nodes.shrink_to_fit();
        nodes
    }) / NODES;
    let value = kept(|| value(whole)) / NODES;
    eprintln!(
        "{NODES} nodes: {:.1} MB of JSON; kept per node: {slim} bytes slim, {value} bytes as Value",
        whole.len() as f64 / 1e6
    );
    assert!(slim < MOST, "{slim} bytes are kept per node, more than {MOST}");
}

fn decoding(criterion: &mut Criterion) {
    let context = ContextId::new("prod");
    let whole = list(0..NODES);
    let pages: Vec<String> = (0..NODES).step_by(PAGE).map(|at| list(at..at + PAGE)).collect();
    sizes(&whole, &context);

    let mut group = criterion.benchmark_group("decode 5000 nodes");
    group.sample_size(20);
    group.throughput(Throughput::Bytes(whole.len() as u64));
    group.bench_function("slim, one body", |b| b.iter(|| slim(black_box(&whole), &context)));
    group.bench_function("slim, pages of 500", |b| {
        b.iter(|| {
            pages
                .iter()
                .map(|page| slim(black_box(page), &context).len())
                .sum::<usize>()
        });
    });
    group.bench_function("serde_json::Value", |b| b.iter(|| value(black_box(&whole))));
    group.finish();
}

criterion_group!(benches, decoding);
criterion_main!(benches);
