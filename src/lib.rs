//! k3fleet: see and run K3s clusters on AWS and at the edge.
//!
//! ```text
//!  AWS ──┐   provider::aws ─┐                        ┌─ cli
//!  K8s ──┼─  provider::kube ─┼─ feeds ─ Observation ─▶ fleet ─ projection ─▶ app ─▶ tui
//!  SSH ──┘   provider::sim  ─┘
//! ```
//! One way round: nothing but [`fleet::Fleet::apply`] changes the fleet, nothing but `app::update` changes the
//! screen's state, nothing but a [`provider`] touches the outside.

pub mod app;
pub mod blueprint;
pub mod cli;
pub mod config;
pub mod feeds;
pub mod fleet;
pub mod ops;
pub mod provider;
pub mod runtime;
pub mod tui;
