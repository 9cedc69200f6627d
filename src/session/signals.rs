//! Signals, served by a plain thread that calls the gate directly: blocked async workers do not
//! matter. SIGINT, SIGTERM or SIGHUP stop in order, a second SIGINT kills, SIGUSR1 kills.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGXFSZ};
use signal_hook::iterator::{Handle, Signals};

use crate::actors::control::SessionControl;
use crate::execution::HaltGate;

#[derive(Default)]
struct Pending {
    control: Option<SessionControl>,
    stop: Option<&'static str>,
    kill: Option<(&'static str, &'static str)>,
}

/// Serves signals from the moment it is installed; what arrives before a session runs is kept
/// for it.
pub struct SignalServer {
    gate: Arc<HaltGate>,
    pending: Arc<Mutex<Pending>>,
    handle: Handle,
    thread: Option<thread::JoinHandle<()>>,
}

impl SignalServer {
    /// Installs the handlers; install them before anything else is built.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn install(gate: Arc<HaltGate>) -> std::io::Result<Self> {
        // A file size limit shall be an I/O error that the journal reports, not a sudden death.
        signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGUSR1])?;
        let handle = signals.handle();
        let pending = Arc::new(Mutex::new(Pending::default()));
        let (served_gate, served) = (Arc::clone(&gate), Arc::clone(&pending));
        let interrupted = AtomicBool::new(false);
        let thread = thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for signal in signals.forever() {
                let second = signal == SIGINT && interrupted.swap(true, Ordering::SeqCst);
                match signal {
                    SIGUSR1 => kill(&served_gate, &served, "SIGUSR1", "the kill signal was received"),
                    _ if second => kill(&served_gate, &served, "SIGINT", "a second interrupt was received"),
                    SIGINT => stop(&served, "SIGINT"),
                    // The terminal is gone: as good a reason as any to stop in order.
                    SIGHUP => stop(&served, "SIGHUP"),
                    _ => stop(&served, "SIGTERM"),
                }
            }
        })?;
        Ok(Self { gate, pending, handle, thread: Some(thread) })
    }

    /// The gate that kills shut.
    #[must_use]
    pub fn gate(&self) -> Arc<HaltGate> {
        Arc::clone(&self.gate)
    }

    /// From now on signals go to this session; one that came early is delivered now.
    pub fn attach(&self, control: &SessionControl) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((source, reason)) = pending.kill.take() {
            control.kill(source, reason);
        } else if let Some(source) = pending.stop.take() {
            control.stop(source);
        }
        pending.control = Some(control.clone());
    }
}

fn stop(pending: &Mutex<Pending>, source: &'static str) {
    let mut pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
    match &pending.control {
        Some(control) => control.stop(source),
        None => pending.stop = Some(source),
    }
}

fn kill(gate: &HaltGate, pending: &Mutex<Pending>, source: &'static str, reason: &'static str) {
    // The gate first, before any lock.
    gate.trip(source, reason);
    let mut pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
    match &pending.control {
        Some(control) => control.kill(source, reason),
        None => pending.kill = Some((source, reason)),
    }
}

impl Drop for SignalServer {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
