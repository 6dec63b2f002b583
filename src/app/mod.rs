//! The state of the screen and everything that may change it. Pure: no I/O, no clock, no runtime.
//!
//! ```text
//!  key, mouse, observations, clock ─▶ Msg ─▶ update ─▶ Effect ─▶ the driver
//!                                              │
//!                    fit(heights) ◀─ project ◀─┘ changed, or projection_due
//!                         └──▶ the view draws the State
//! ```
//! The driver turns whatever happens into a [`Msg`]; [`update`] changes the [`State`], answers with [`Effect`]s for
//! the driver to perform, and says whether anything visible changed. Before a frame the driver calls [`project`],
//! which finds the rows of the visible panes, and [`State::fit`] with the heights that the view gives them. The view
//! reads the state and nothing else.
//!
//! A key press becomes an [`Action`] by the [`Keymap`]; the palette, the context menu, the help, the hints and the
//! mouse lead to the same actions, and all are made from one table ([`key_table`]). What a row tells at length is
//! made here too, as data: [`describe`], [`source`], [`feeds`], [`help`].
//!
//! ```text
//!  Action, rows ─▶ Request ─▶ ops::plan ─▶ Overlay::Plan ─▶ Effect::Run ─▶ the driver
//!                                                                           │
//!        State::operations ◀─ Progress ◀─ Msg::Operation, Msg::Journals ◀───┘
//! ```
//! Edge hosts are looked at before they join ([`joining`]); commands on them are [`running`], a cluster's tokens [`tokens`].
//! A launch is wished for in a form first ([`launching`]); what a cluster is made of is asked of its region before it is
//! destroyed or extended ([`inquiry`]). An action that changes the fleet only makes a plan that is looked at ([`planning`], [`plan_lines`]); what runs is
//! known by its events ([`operations`], [`tasks`]).

pub mod action;
pub mod asking;
pub mod bill_lines;
pub mod changes;
mod columns;
pub mod describe;
mod drift;
pub mod effect;
pub mod feeds;
mod filter;
pub mod form;
pub mod help;
mod history;
mod hosts;
pub mod inquiry;
pub mod joining;
pub mod key;
pub mod key_table;
pub mod keymap;
pub mod launching;
mod line;
mod login;
pub mod masked;
mod mouse;
pub mod msg;
mod nav;
mod opening;
pub mod operations;
pub mod overlay;
mod overlay_lines;
mod overlays;
mod palette;
pub mod plan_lines;
pub mod planning;
pub mod program;
mod projection;
mod reaper;
mod rows;
pub mod running;
pub mod scaling;
pub mod screen;
pub mod snapshots;
pub mod source;
pub mod state;
pub mod table;
pub mod tasks;
#[cfg(test)]
mod tests;
pub mod tokens;
mod update;
pub mod updating;
mod upgrading;

pub use action::Action;
pub use effect::Effect;
pub use keymap::{KeyFault, Keymap};
pub use login::{Login, login};
pub use msg::{Msg, Target};
pub use overlay::Overlay;
pub use projection::{project, projection_due};
pub use screen::{Pane, Screen};
pub use state::State;
pub use table::TableState;
pub use update::{Update, update};
