//! Risk: the account, sizing, limits, and the one place that can approve an order.

mod approved;

pub use approved::ApprovedOrder;
