//! Properties that the fleet has whatever is seen in whatever order.

mod order;
mod rows;
mod world;
