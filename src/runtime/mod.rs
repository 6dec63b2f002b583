//! The running program: the driver's loop around the pure core, and all that it touches.

pub mod clock;
pub mod contexts;
pub mod driver;
mod editor;
mod errands;
mod files;
mod input;
pub mod kubeconfigs;
pub mod login;
pub mod operations;
pub mod own_keys;
mod reload;
pub mod session;
pub mod settings;
pub mod signals;
pub mod surface;
pub mod telemetry;
pub mod terminal;
pub mod themes;
pub mod tunnel;
pub mod wants;
