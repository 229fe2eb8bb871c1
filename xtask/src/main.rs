//! `cargo xtask`: the work of the house that is no part of the product.
//!
//! Each command is one file. What CI runs is `test`; what takes long or wants a quiet machine is
//! in `lab`. Nothing here is linked into the binary that users run.

mod test;

mod lab;

mod fuzz;

mod docs;

mod peers;

mod vendor;

mod databases;

mod bench;

mod tool;

use clap::Parser;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// House work
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Install the peers, then check and test everything (what CI runs)
    Test(test::TestArgs),
    /// The large loops and the benchmarks; without a name, list them
    Lab(lab::LabArgs),
    /// Write the pages in docs/ that are made from the code
    Docs(docs::DocsArgs),
    /// Install the pinned test peers into target/peers, and what they need from the system
    Peers,
    /// Bring the modules of others that the dashboard stands on, pinned by vendor.lock.json
    Vendor(vendor::VendorArgs),
    /// Run a command with a PostgreSQL and a Redis of its own
    Databases(databases::DatabasesArgs),
    /// Measure what a call through the switchboard costs
    Bench(bench::BenchArgs),
    /// Check the rules of the house alone
    Tidy,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let root = root();
    let done = match &arguments.command {
        Command::Test(args) => test::run(&root, args),
        Command::Lab(args) => lab::run(&root, args),
        Command::Docs(args) => docs::run(&root, args),
        Command::Peers => tool::need_system().and_then(|()| peers::install(&root)),
        Command::Vendor(args) => vendor::run(&root, args),
        Command::Databases(args) => tool::need_system().and_then(|()| databases::run(args)),
        Command::Bench(args) => bench::run(&root, args),
        Command::Tidy => tidy(&root),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<test::Failed>() => ExitCode::FAILURE,
        Err(error) => {
            // Where stderr is closed there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace: where this crate was built from.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

fn tidy(root: &Path) -> anyhow::Result<()> {
    tool::run(tool::cargo(root).args(["test", "--quiet", "-p", "xtask", "--test", "tidy"]))
}
