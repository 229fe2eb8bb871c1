//! Arguments of well-known programs that make them run another program or write where nobody
//! looks, as a table. It covers what is known, and stands behind the list of programs, not in its
//! place.

/// What one program is not told.
pub(super) struct Rule {
    /// The names of the program's file.
    programs: &'static [&'static str],
    /// Long options, also abbreviated where the program takes that, with or without `=value`; for
    /// programs with single dashes, whole words.
    options: &'static [&'static str],
    /// Short options, alone or with a value behind them.
    short: &'static [&'static str],
    /// What an argument must not begin with, wherever it stands.
    beginnings: &'static [&'static str],
    /// The first words that are commands of their own.
    commands: &'static [&'static str],
    /// An option without which it does not run.
    needs: Option<&'static str>,
}

const NONE: Rule = Rule { programs: &[], options: &[], short: &[], beginnings: &[], commands: &[], needs: None };

/// Programs whose arguments are another program, which the list of programs would not see.
const LAUNCHERS: &[&str] = &[
    "ash",
    "bash",
    "busybox",
    "chroot",
    "csh",
    "dash",
    "doas",
    "env",
    "fish",
    "flock",
    "ksh",
    "ltrace",
    "nice",
    "nohup",
    "nsenter",
    "parallel",
    "runuser",
    "script",
    "setpriv",
    "setsid",
    "sh",
    "ssh",
    "stdbuf",
    "strace",
    "su",
    "sudo",
    "systemd-run",
    "tcsh",
    "time",
    "timeout",
    "unshare",
    "watch",
    "xargs",
    "zsh",
];

const RULES: &[Rule] = &[
    Rule {
        programs: &["git"],
        options: &[
            "--config",
            "--config-env",
            "--exec",
            "--exec-path",
            "--upload-pack",
            "--receive-pack",
            "--ext-diff",
            "--textconv",
            "--open-files-in-pager",
            "--paginate",
            "--template",
            "--extcmd",
            "--tool",
            "--upload-archive",
        ],
        short: &["-c", "-O", "-x", "-u", "-p!"],
        beginnings: &["ext::", "fd::"],
        commands: &["difftool", "filter-branch", "mergetool", "daemon", "web--browse", "instaweb", "send-email"],
        needs: None,
    },
    Rule {
        programs: &["find"],
        options: &["-exec", "-execdir", "-ok", "-okdir", "-delete", "-fprint", "-fprint0", "-fprintf", "-fls"],
        ..NONE
    },
    Rule { programs: &["fd", "fdfind"], options: &["--exec", "--exec-batch"], short: &["-x", "-X"], ..NONE },
    Rule { programs: &["rg"], options: &["--pre", "--hostname-bin", "--search-zip"], short: &["-z"], ..NONE },
    Rule {
        programs: &["tar", "bsdtar", "gtar"],
        options: &[
            "--to-command",
            "--checkpoint-action",
            "--use-compress-program",
            "--rsh-command",
            "--info-script",
            "--new-volume-script",
            "--absolute-names",
        ],
        short: &["-I", "-F", "-P"],
        ..NONE
    },
    Rule { programs: &["zip"], options: &["--unzip-command"], short: &["-TT"], ..NONE },
    Rule { programs: &["sort"], options: &["--compress-program"], ..NONE },
    Rule { programs: &["sed", "awk", "gawk"], needs: Some("--sandbox"), ..NONE },
    Rule { programs: &["rsync"], options: &["--rsh", "--rsync-path"], short: &["-e"], ..NONE },
    Rule { programs: &["scp", "sftp"], short: &["-o", "-S", "-F", "-D"], ..NONE },
    Rule { programs: &["curl"], options: &["--config"], short: &["-K"], beginnings: &["file:"], ..NONE },
    Rule {
        programs: &["wget"],
        options: &["--execute", "--use-askpass", "--config"],
        short: &["-e"],
        beginnings: &["file:"],
        ..NONE
    },
];

/// Why `args` are not passed to the program of this name; nothing where they may be.
pub(super) fn refused(program: &str, args: &[String]) -> Option<String> {
    if LAUNCHERS.contains(&program) {
        return Some(format!("`{program}` starts other programs, which the list of programs would not see"));
    }
    let rule = RULES.iter().find(|rule| rule.programs.contains(&program))?;
    rule.refuses(program, args)
}

// === impl Rule ===

impl Rule {
    fn refuses(&self, program: &str, args: &[String]) -> Option<String> {
        // What an argument begins with counts wherever it stands.
        if let Some(found) = args.iter().find(|arg| self.beginnings.iter().any(|start| arg.starts_with(start))) {
            return Some(format!("`{program}` is not given `{found}`: it names a program, or reads around the rules"));
        }
        let command = args.iter().find(|arg| !arg.starts_with('-'));
        if let Some(command) = command.filter(|command| self.commands.contains(&command.as_str())) {
            return Some(format!("`{program} {command}` starts other programs"));
        }
        let options = args.iter().take_while(|arg| *arg != "--");
        if let Some(option) = options.clone().find(|arg| self.is_refused(arg, command)) {
            return Some(format!("`{program}` is not given `{option}`: it starts another program or writes elsewhere"));
        }
        let needs = self.needs?;
        let given = options.clone().any(|option| option == needs);
        (!given).then(|| format!("`{program}` runs only with {needs}: its scripts can start programs"))
    }

    fn is_refused(&self, argument: &str, command: Option<&String>) -> bool {
        let name = argument.split_once('=').map_or(argument, |(name, _)| name);
        let long = self.options.iter().any(|option| match option.starts_with("--") {
            // Programs take `--exe` for `--exec`; `--` and a letter or two could be anything.
            true => name == *option || (name.len() > 4 && option.starts_with(name)),
            false => argument == *option,
        });
        long || self.short.iter().any(|short| match short.strip_suffix('!') {
            // Only before the command, as `git -p`.
            Some(short) => argument == short && command.is_none(),
            None if *short == "-u" => {
                argument.starts_with("-u") && command.is_some_and(|command| UPLOADS.contains(&command.as_str()))
            }
            None if *short == "-x" => argument.starts_with("-x") && command.is_some_and(|command| command == "rebase"),
            None => !argument.starts_with("--") && argument.starts_with(short),
        })
    }
}

/// Commands of git whose `-u` names a program.
const UPLOADS: &[&str] = &["clone", "ls-remote", "fetch-pack"];

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(line: &str) -> Option<String> {
        let words = crate::programs::split(line).unwrap();
        refused(&words[0], &words[1..])
    }

    #[test]
    fn what_starts_another_program_is_refused() {
        for line in [
            "git --exec-path=/tmp log",
            "git -c alias.x='!id' x",
            "git -calias.x='!id' x",
            "git --config-env=a=b log",
            "git clone --config=core.fsmonitor=id u",
            "git clone -u id u",
            "git clone 'ext::sh -c id'",
            "git fetch -- 'ext::sh -c id'",
            "git grep -Oid x",
            "git grep --open-files=id x",
            "git rebase --exec=id main",
            "git rebase --exe id main",
            "git rebase -x id main",
            "git fetch --upload-pack=id o",
            "git difftool a b",
            "find . -name x -exec id '{}' '+'",
            "find . -delete",
            "tar --checkpoint-action=exec=id -cf x.tar y",
            "tar -Iid -xf x",
            "rg --pre=id x",
            "env id",
            "bash -c id",
            "xargs rm",
            "timeout 5 sh",
            "sed 1e a",
            "curl -K f",
            "curl file:///etc/passwd",
        ] {
            assert!(verdict(line).is_some(), "{line}");
        }
    }

    #[test]
    fn ordinary_uses_pass() {
        for line in [
            "git log -1 --format=%h",
            "git push -u origin main",
            "git commit -m 'fix -c and --exec'",
            "git log -- --exec=id",
            "git diff --stat HEAD",
            "git checkout --conflict=merge f",
            "git log -p",
            "find . -name '*.rs' -type f",
            "tar -czf x.tgz src",
            "sed --sandbox -n 1p f",
            "rg pattern",
            "sort -u f",
            "ls -la",
            "cargo test",
        ] {
            assert_eq!(verdict(line), None, "{line}");
        }
    }
}
