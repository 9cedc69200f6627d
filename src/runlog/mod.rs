//! runlog.
