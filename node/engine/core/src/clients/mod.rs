//! Clients: what the engine knows of each connection, and what they wait for, watch and have subscribed to.
//!
//! Only state is here, which knows neither commands nor the engine; what happens to it is in `engine/` and `dispatch/`.

pub mod class;
pub mod describe;
pub mod origin;
pub mod pause;
pub mod pubsub;
pub mod session;
pub mod transaction;
pub mod waiting;
