//! One simulated world behind all ports: `--demo` and the scenario tests run on it.
//!
//! ```text
//!  scenario.toml ─ check ─▶ build ─▶ state: clusters, machines, groups, nodes, pods, boards
//!                                      ▲ advance(now): plays the queue of events, in order
//!                     told ─ machine ─ group ─ node ─ workload   (what each event does)
//!                         scaling ─ capacity ─ evict ─ budget    (what an operator asks for)
//!                         board ─ k3s ─ hindrance ─ token ─ work   (K3s on machines and boards, and work on it)
//!                         launch ─ asg ─ first_boot ─ made ─ ending ─ ground  (clusters that operators make)
//!                         served  (what Kubernetes makes at AWS)
//!                         stack  (CloudFormation, and the highly available clusters that it makes)
//!                                      │
//!            world (lock, clock) ─ cloud │ kube │ shell │ control (the ports)
//!            memory ─ kept ─ restore  (what operators made, from one run to the next)
//! ```
//! It is a small state machine, not a slide show: an instance boots and its node joins, a group keeps its
//! desired capacity, pods move to nodes that are ready. Events draw on one seeded generator and are played at
//! their own times; what is only read (prices, usage, temperatures) is a function of seed and time ([`noise`]).
//! So the same seed, scenario and times give the same observations, whoever looks how often.

mod asg;
mod blueprints;
mod board;
mod budget;
mod build;
mod capacity;
mod check;
mod clock;
mod cloud;
mod command;
mod control;
mod ending;
mod evict;
mod fault;
mod first_boot;
mod ground;
mod group;
mod hindrance;
mod inside;
mod k3s;
mod kept;
mod kube;
mod launch;
mod machine;
mod made;
mod market;
mod memory;
mod names;
mod node;
mod noise;
mod parameter;
mod price_book;
mod restore;
mod scaling;
mod scenario;
mod served;
mod shell;
mod sized;
mod snapshot;
mod stack;
mod state;
mod store;
#[cfg(test)]
mod tests;
mod token;
mod told;
mod web;
mod work;
mod workload;
mod world;

pub use scenario::{Scenario, ScenarioError};
pub use world::World;
