//! What onlookers may read while a session runs.

use std::sync::atomic::AtomicU64;

/// Figures of a running session; relaxed, for display only.
#[derive(Debug, Default)]
pub struct SessionGauges {
    /// Inputs worked through.
    pub inputs: AtomicU64,
    /// Steps (bars that count) worked through.
    pub steps: AtomicU64,
    /// Gaps found in the market data.
    pub data_gaps: AtomicU64,
    /// Inputs dropped: duplicates and late ones.
    pub data_dropped: AtomicU64,
    /// Inputs quarantined: impossible or absurd ones.
    pub data_quarantined: AtomicU64,
}
