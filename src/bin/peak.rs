//! `peak`: the command line of Peak Trade.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    peak_trade::cli::main()
}
