//! The `denticloud` program.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A session, a frame and a commit are many small pieces of memory, made by one thread and given
/// back by another: what the system's allocator takes for that was a tenth of the server's work.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    api::commands::main()
}
