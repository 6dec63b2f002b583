//! The fleet at 10,000 machines and 20,000 pods: taking in one observation, counting and judging, filtering and
//! sorting, and the memory it holds. `cargo bench --bench fleet`.

#![expect(
    clippy::print_stdout,
    reason = "the memory figures are printed beside those of criterion"
)]

mod common;

use std::hint::black_box;

use common::{fleet, instance, node, now, pod};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use k3fleet::fleet::query::Query;
use k3fleet::fleet::table::Ask;
use k3fleet::fleet::{MachineId, Observation, Readiness, Summary, TableKind, View, rules};
use peak_alloc::PeakAlloc;

const MACHINES: usize = 10_000;
const PODS: usize = 20_000;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

fn memory(_: &mut Criterion) {
    let before = HEAP.current_usage();
    let fleet = fleet(MACHINES, PODS);
    let kept = HEAP.current_usage() - before;
    let summary = Summary::of(&fleet, now());
    let counted = HEAP.current_usage() - before - kept;
    println!(
        "memory: fleet {:.1} MB, {} bytes per machine",
        kept as f64 / 1e6,
        kept / MACHINES
    );
    println!(
        "memory: summary {:.1} MB with {} findings",
        counted as f64 / 1e6,
        summary.findings.len()
    );
}

fn apply(c: &mut Criterion) {
    let mut group = c.benchmark_group("apply");
    let mut fleet = fleet(MACHINES, PODS);
    let mut one = |name: &str, make: fn(usize) -> Observation| {
        let mut n = 0;
        group.bench_function(name, |b| {
            let next = || {
                n += 1;
                make(n * 7 % MACHINES)
            };
            b.iter_batched(
                next,
                |observation| fleet.apply(black_box(observation), now()),
                BatchSize::SmallInput,
            );
        });
    };
    one("node, its readiness changed", |n| {
        let mut node = node(n);
        node.ready = if n % 2 == 0 {
            Readiness::Ready
        } else {
            Readiness::Unknown
        };
        Observation::Node(Box::new(node))
    });
    one("node, joined anew", |n| {
        let mut node = node(n);
        node.joined_at = Some(now() - jiff::SignedDuration::from_secs(n as i64));
        Observation::Node(Box::new(node))
    });
    one("instance, the same again", |n| {
        Observation::Instance(Box::new(instance(n - n % 20)))
    });
    one("pod, another node", |n| {
        let mut pod = pod(n, MACHINES);
        pod.node = Some(node(n % 500 + n / 500 * 500).key.name);
        Observation::Pod(pod)
    });
    group.finish();
}

fn count(c: &mut Criterion) {
    let fleet = fleet(MACHINES, PODS);
    let summary = Summary::of(&fleet, now());
    c.bench_function("count and judge (Summary::of)", |b| {
        b.iter(|| Summary::of(black_box(&fleet), now()))
    });
    c.bench_function("judge (all rules)", |b| {
        b.iter(|| rules::judge(black_box(&fleet), &summary, now()))
    });
}

fn project(c: &mut Criterion) {
    let mut group = c.benchmark_group("machines");
    let fleet = fleet(MACHINES, PODS);
    let summary = Summary::of(&fleet, now());
    let view = View {
        fleet: &fleet,
        summary: &summary,
        now: now(),
    };
    let mut ask = |name: &str, line: &str, sort: Option<(&str, bool)>| {
        let query = Query::parse(line);
        group.bench_function(name, |b| {
            b.iter(|| {
                let ask = Ask {
                    query: Some(&query),
                    sort,
                    ..Ask::default()
                };
                black_box(TableKind::Machines.project(&view, &ask))
            });
        });
    };
    ask("usual order", "", None);
    ask("sort by price", "", Some(("price", true)));
    ask("sort by name", "", Some(("name", false)));
    ask("sort by cpu", "", Some(("cpu", true)));
    ask("filter by a word", "spot-04", None);
    ask("filter by a letter", "e", None);
    ask("filter by columns", "state:ready price>0.03 arch:arm64", None);
    ask("filter and sort", "spot age>2h", Some(("price", true)));
    let shown = TableKind::Machines.project(&view, &Ask::default());
    let ids: Vec<_> = shown.rows.iter().take(50).cloned().collect();
    group.bench_function("values of 50 rows", |b| {
        b.iter(|| {
            for id in &ids {
                black_box(TableKind::Machines.row(&view, id));
            }
        });
    });
    group.bench_function("one machine by its id", |b| {
        let id = MachineId::Instance(instance(4_000).id);
        b.iter(|| fleet.machine(black_box(&id)).map(|m| m.state(now())));
    });
    group.finish();
}

criterion_group!(benches, memory, apply, count, project);
criterion_main!(benches);
