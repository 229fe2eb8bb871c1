//! `mcp-misbehave MODE [legacy|modern|dual]`: see [`testkit::misbehave`].

use std::process::ExitCode;
use testkit::misbehave;

fn main() -> ExitCode {
    misbehave::main(std::env::args().skip(1))
}
