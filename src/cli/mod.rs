//! The only floor that knows the order of the stages, prints, and picks an exit code.

mod allow;
mod args;
mod baseline;
mod ci;
mod exit;
mod fetch;
mod gate;
mod guide;
mod hook;
mod look;
mod message;
mod mode;
mod output;
mod progress;
mod push;
mod replace;
mod rules;
mod scan;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use keysieve::error::{Error, Result};
use keysieve::rules::RuleSet;
use keysieve::scan::Scanner;

use args::{Cli, Command};
use exit::Exit;

/// Runs the program.
pub fn main() -> ExitCode {
    quiet_panics();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe under --help is nobody's fault.
            let said = error.render();
            let _ = match error.use_stderr() {
                true => write!(io::stderr(), "{}", without_secrets(&said.to_string())),
                false => error.print(),
            };
            return ExitCode::from(if error.use_stderr() { Exit::Usage.code() } else { 0 });
        }
    };
    let result = std::panic::catch_unwind(|| match cli.command {
        Command::Scan(args) => scan::run(*args),
        Command::Ci(args) => ci::run(*args),
        Command::Guide(args) => guide::run(args),
        Command::Rules(command) => rules::run(command),
        Command::Allow(args) => allow::run(args),
        Command::Baseline(command) => baseline::run(command),
        Command::Hook(command) => hook::run(command),
    });
    let exit = match result {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => {
            complain(&error);
            code_of(&error)
        }
        Err(_) => Exit::Internal,
    };
    ExitCode::from(exit.code())
}

/// A panic message may quote scanned bytes, so it is not printed: only where it happened.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        let _ = writeln!(
            io::stderr(),
            "keysieve: internal error{place}; this is a defect of keysieve, please report it with the command that you ran"
        );
    }));
}

fn complain(error: &Error) {
    let text = without_secrets(&error.to_string());
    for (number, line) in text.lines().enumerate() {
        let lead = if number == 0 || matches!(error, Error::Faults { .. }) { "keysieve: " } else { "  " };
        let _ = writeln!(io::stderr(), "{lead}{line}");
    }
}

/// A message may quote what was typed or read, and somebody may have pasted a key there: messages end in logs, too.
fn without_secrets(text: &str) -> String {
    let scanner = Scanner::new(&RuleSet::builtin());
    let mut clean = String::new();
    let mut done = 0;
    for found in scanner.scan_whole(text.as_bytes()).matches.iter().filter(|found| !found.rule.public) {
        clean.push_str(text.get(done..found.span.start).unwrap_or_default());
        clean.push_str(&found.secret.redacted());
        done = found.span.end;
    }
    clean + text.get(done..).unwrap_or_default()
}

fn code_of(error: &Error) -> Exit {
    match error {
        Error::Write { .. } | Error::Internal(_) => Exit::Internal,
        _ => Exit::Usage,
    }
}

/// Writes to standard output. A reader that has gone away (`| head`) has seen enough: that is no error.
fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let mut out = io::stdout().lock();
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(source) => Err(Error::Write { what: "standard output".into(), source }),
        Ok(()) => Ok(()),
    }
}

/// Columns for text: those of the terminal, between 60 and 100.
fn width() -> usize {
    let columns = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let columns = columns.or_else(|| std::env::var("COLUMNS").ok()?.parse().ok());
    columns.unwrap_or(80).clamp(60, 100)
}
