//! What every command is handed: the environment, the resolved flags, the printer, and the few
//! questions that are asked of them together.

use crate::client::Client;
use crate::data_folder::DataFolder;
use crate::printer::Printer;
use crate::report::Report;
use crate::settings::Settings;
use crate::state;
use config::{Approvals, Environment, Flags, Loaded, Sources};
use std::path::PathBuf;
use std::sync::OnceLock;

/// What a command stands on.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) environment: Environment,
    pub(crate) settings: Settings,
    pub(crate) printer: Printer,
    /// What was approved when it was asked for first.
    approvals: OnceLock<Approvals>,
}

// === impl Context ===

impl Context {
    /// The context of one command.
    pub(crate) fn new(environment: Environment, settings: Settings, printer: Printer) -> Self {
        Self { environment, settings, printer, approvals: OnceLock::new() }
    }

    /// Where the configuration comes from.
    pub(crate) fn sources(&self) -> Sources {
        Sources {
            files: self.settings.config.clone(),
            environment: self.environment.clone(),
            flags: Flags { listen: self.settings.listen.clone() },
            approvals: self.approvals(),
            inside: builtins::entries(),
            ..Sources::default()
        }
    }

    /// What a person approved for this data folder, when this command looked first; nothing where
    /// that cannot be read.
    pub(crate) fn approvals(&self) -> Approvals {
        let read = || {
            let Ok(data) = self.data_folder() else { return Approvals::default() };
            state::read_approvals(&data).unwrap_or_else(|report| {
                let message = format!("{}; nothing counts as approved", report.message);
                self.printer.warn(&message, report.hints.first().map(String::as_str));
                Approvals::default()
            })
        };
        self.approvals.get_or_init(read).clone()
    }

    /// Reads the configuration and shows what is wrong with it.
    ///
    /// # Errors
    /// When it must not be used.
    pub(crate) fn load(&self) -> Result<Loaded, Report> {
        self.load_from(&self.sources())
    }

    /// The same from these sources.
    ///
    /// # Errors
    /// When it must not be used.
    pub(crate) fn load_from(&self, sources: &Sources) -> Result<Loaded, Report> {
        let loaded = config::load(sources);
        self.printer.diagnostics(&loaded.diagnostics);
        if loaded.has_errors() {
            let message = "the configuration cannot be used as it is";
            return Err(
                Report::usage(message).hint(format!("mend it, then look again: {}", self.command("config check")))
            );
        }
        Ok(loaded)
    }

    /// The folder that holds all state of this instance.
    ///
    /// # Errors
    /// When none is named and there is no home folder to put one in.
    pub(crate) fn data_folder(&self) -> Result<DataFolder, Report> {
        let named = self.settings.data.as_ref().map(|folder| self.environment.cwd.join(folder));
        let root = named.or_else(|| self.default_data_folder());
        root.map(|root| DataFolder::new(root, &self.environment))
            .ok_or_else(|| Report::usage("there is no home folder to keep state in").hint("name a folder: --data DIR"))
    }

    fn default_data_folder(&self) -> Option<PathBuf> {
        let state = self.environment.vars.get(crate::env_vars::STATE_HOME).map(PathBuf::from);
        let state = state.filter(|folder| folder.is_absolute());
        let state = state.or_else(|| Some(self.environment.home.as_ref()?.join(".local/state")))?;
        Some(state.join("switchboard"))
    }

    /// A client of the daemon on the data folder.
    ///
    /// # Errors
    /// Without a data folder.
    pub(crate) fn client(&self) -> Result<Client, Report> {
        Ok(Client::new(self.data_folder()?, self.command("start")))
    }

    /// A line for the shell that runs a command on the same data folder.
    pub(crate) fn command(&self, command: &str) -> String {
        match &self.settings.data {
            Some(folder) => format!("switchboard --data {} {command}", folder.display()),
            None => format!("switchboard {command}"),
        }
    }

    /// Runs `work` to its end on this thread.
    ///
    /// # Errors
    /// Those of `work`, or when there can be no runtime.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = Result<T, Report>>) -> Result<T, Report> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Report::failed("the runtime cannot be started").cause(error))?;
        runtime.block_on(work)
    }
}
