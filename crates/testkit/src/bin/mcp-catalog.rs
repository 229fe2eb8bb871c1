//! `mcp-catalog FILE SERVER`: see [`testkit::catalog`].

use std::process::ExitCode;
use testkit::catalog;

fn main() -> ExitCode {
    catalog::main(std::env::args().skip(1))
}
