//! The text of service files. Every word of a command line is quoted as the kind of file wants it.

/// A kind of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Kind {
    /// A user unit of systemd
    Systemd,
    /// A launch agent of macOS (untested)
    Launchd,
    /// A scheduled task of Windows, as a PowerShell script (untested)
    Windows,
}

/// What the service runs.
#[derive(Debug)]
pub(super) struct Start {
    /// Program and arguments.
    pub(super) words: Vec<String>,
    /// Where servers find their programs: a session's service has a shorter `PATH` than a shell.
    pub(super) path: String,
}

impl Kind {
    /// What to do with the file.
    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::Systemd => "for systemd: switchboard service install",
            Self::Launchd => {
                "for launchd: write it to ~/Library/LaunchAgents/dev.switchboard.plist, then: \
                 launchctl load ~/Library/LaunchAgents/dev.switchboard.plist"
            }
            Self::Windows => "for Windows: save it as switchboard.ps1 and run it in PowerShell",
        }
    }
}

/// The file for `kind`.
pub(super) fn text(kind: Kind, start: &Start) -> String {
    match kind {
        Kind::Systemd => systemd(start),
        Kind::Launchd => launchd(start),
        Kind::Windows => windows(start),
    }
}

fn systemd(start: &Start) -> String {
    let words: Vec<String> = start.words.iter().map(|word| unit_word(word, "$$")).collect();
    format!(
        "[Unit]\n\
         Description=Switchboard: MCP servers at one endpoint\n\
         \n\
         [Service]\n\
         Type=notify\n\
         ExecStart={}\n\
         ExecReload=/bin/kill -HUP $MAINPID\n\
         Environment={}\n\
         WatchdogSec=30\n\
         Restart=on-failure\n\
         RestartSec=5\n\
         RestartPreventExitStatus=2\n\
         KillMode=mixed\n\
         TimeoutStopSec=30\n\
         \n\
         [Install]\n\
         WantedBy=default.target\n",
        words.join(" "),
        unit_word(&format!("PATH={}", start.path), "$"),
    )
}

/// A word of a unit: quoted, and nothing in it is a specifier or a variable. `dollar` stands for a
/// dollar sign: two of them in a command line, where one begins a variable.
fn unit_word(word: &str, dollar: &str) -> String {
    let mut quoted = String::from("\"");
    for character in word.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '%' => quoted.push_str("%%"),
            '$' => quoted.push_str(dollar),
            '\n' => quoted.push_str("\\n"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

fn launchd(start: &Start) -> String {
    let words: String = start.words.iter().map(|word| format!("    <string>{}</string>\n", xml(word))).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!-- Untested. -->\n\
         <plist version=\"1.0\">\n<dict>\n  \
         <key>Label</key>\n  <string>dev.switchboard</string>\n  \
         <key>ProgramArguments</key>\n  <array>\n{words}  </array>\n  \
         <key>EnvironmentVariables</key>\n  <dict>\n    <key>PATH</key>\n    <string>{}</string>\n  </dict>\n  \
         <key>RunAtLoad</key>\n  <true/>\n  \
         <key>KeepAlive</key>\n  <dict>\n    <key>SuccessfulExit</key>\n    <false/>\n  </dict>\n\
         </dict>\n</plist>\n",
        xml(&start.path),
    )
}

fn xml(word: &str) -> String {
    word.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn windows(start: &Start) -> String {
    let quoted = |word: &String| format!("'{}'", word.replace('\'', "''"));
    let program = start.words.first().map(quoted).unwrap_or_default();
    // One string of arguments, each in double quotes, for the task's command line.
    let arguments: Vec<String> =
        start.words.iter().skip(1).map(|word| format!("\"{}\"", word.replace('"', "\\\""))).collect();
    format!(
        "# Untested.\n\
         $action = New-ScheduledTaskAction -Execute {program} -Argument {}\n\
         $trigger = New-ScheduledTaskTrigger -AtLogOn -User $env:USERNAME\n\
         $settings = New-ScheduledTaskSettingsSet -RestartCount 3 -RestartInterval (New-TimeSpan -Minutes 1)\n\
         Register-ScheduledTask -TaskName Switchboard -Action $action -Trigger $trigger -Settings $settings\n",
        quoted(&arguments.join(" ")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Start {
        let words = ["/opt/switch board", "run", "--data", "/d%a/$b\"c", "it's <&>"];
        Start { words: words.map(str::to_owned).to_vec(), path: "/usr/bin:/my bin".to_owned() }
    }

    #[test]
    fn words_of_a_unit_mean_themselves() {
        let text = text(Kind::Systemd, &start());
        let exec = text.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
        assert_eq!(exec, r#"ExecStart="/opt/switch board" "run" "--data" "/d%%a/$$b\"c" "it's <&>""#);
        assert!(text.contains("Environment=\"PATH=/usr/bin:/my bin\"") && text.contains("Type=notify"));
    }

    #[test]
    fn other_files_are_quoted_their_way_and_say_that_they_are_untested() {
        let (launchd, windows) = (text(Kind::Launchd, &start()), text(Kind::Windows, &start()));
        assert!(launchd.contains("<string>it's &lt;&amp;&gt;</string>") && launchd.contains("Untested"));
        assert!(windows.contains("'/opt/switch board'") && windows.contains("it''s") && windows.contains("Untested"));
    }
}
