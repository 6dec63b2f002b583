//! Edge hosts over real SSH: sshds on loopback, with stubs in place of what would change the machine.

mod arm64;
mod desk;
mod files;
mod joins;
mod keys;
mod rig;
mod root;
mod small;
mod tunnel;
