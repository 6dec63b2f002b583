//! A tunnel to the API of a cluster: from a port of this machine to port 6443 of one of its servers, kept open.
//!
//! ```text
//!  kubectl ─▶ 127.0.0.1:PORT ─▶ ssh, or aws with the Session Manager plugin ─▶ a server's own 127.0.0.1:6443
//! ```
//! A [`Gate`] is a server with the command line that leads there; [`keep`] opens one gate after the other, asks the API
//! through it every few seconds, and goes on to another server when it no longer answers. The program is a child that
//! leads a group of its own, and ends with us. Nothing that it is told is a secret.

mod child;
mod gate;
mod keep;
mod kept;

pub use gate::{Gate, Wanted, gates};
pub use keep::{Guide, Pace, answers, keep};
pub use kept::{Asked, Tunnels, user_of};
