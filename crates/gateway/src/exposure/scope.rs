//! What an endpoint shows: everything, a profile of it, or one server.

use crate::catalog::{Catalog, View};
use config::Profile;
use std::sync::Arc;

use super::Shown;

/// What an endpoint shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every server, under public names; the profile `default`, where there is one.
    All,
    /// Every server, under public names, whatever profiles say: for the person who looks after them.
    Everything,
    /// The profile of this name.
    Profile(Arc<str>),
    /// The server of this reduced name, under its own names.
    Server(Arc<str>),
}

/// What paths of profiles begin with, behind that of everything.
const PROFILES: &str = "p/";

impl Scope {
    /// The scope of a path behind `/mcp`: nothing, `/<server>` or `/p/<profile>`.
    #[must_use]
    pub fn of_path(rest: &str) -> Option<Self> {
        let name = match rest {
            "" | "/" => return Some(Self::All),
            rest => rest.strip_prefix('/')?,
        };
        Some(match name.strip_prefix(PROFILES) {
            Some(profile) => Self::Profile(profile.into()),
            None => Self::Server(name.into()),
        })
    }

    /// A word for bindings: no two scopes have the same.
    pub(crate) fn name(&self) -> std::borrow::Cow<'_, str> {
        match self {
            Self::All => "".into(),
            // No server has such a name: reduced names have letters, digits and `-`.
            Self::Everything => "*".into(),
            Self::Profile(name) => format!("{PROFILES}{name}").into(),
            Self::Server(reduced) => (&**reduced).into(),
        }
    }

    /// Whether it is one server under its own names.
    pub(crate) fn is_server(&self) -> bool {
        matches!(self, Self::Server(_))
    }
}

impl Catalog {
    /// The view of `scope`, where there is such a server or profile.
    #[must_use]
    pub fn view(&self, scope: &Scope) -> Option<&Arc<View>> {
        if let Some(shown) = self.shown(scope) {
            return Some(&shown.view);
        }
        match scope {
            Scope::All | Scope::Everything => Some(&self.all),
            Scope::Profile(name) => (**name == *Profile::DEFAULT).then_some(&self.all),
            Scope::Server(reduced) => self.single.get(&**reduced),
        }
    }

    /// The profile behind `scope`; none where it shows what there is.
    #[must_use]
    pub fn shown(&self, scope: &Scope) -> Option<&Arc<Shown>> {
        match scope {
            Scope::All => self.main.as_ref(),
            Scope::Profile(name) => self.profiles.get(&**name),
            Scope::Everything | Scope::Server(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_scope_and_no_two_have_the_same_word() {
        let scopes = ["", "/", "/time", "/p", "/p/work", "/p/"].map(|path| Scope::of_path(path).unwrap());
        let server = |name: &str| Scope::Server(name.into());
        let profile = |name: &str| Scope::Profile(name.into());
        assert_eq!(scopes, [Scope::All, Scope::All, server("time"), server("p"), profile("work"), profile("")]);
        assert_eq!(Scope::of_path("x"), None);
        let mut words: Vec<String> = scopes.iter().chain([&Scope::Everything]).map(|one| one.name().into()).collect();
        words.sort();
        words.dedup();
        assert_eq!(words.len(), 6, "{words:?}");
    }

    #[test]
    fn without_profiles_the_default_one_is_everything() {
        let catalog = Catalog::default();
        assert!(catalog.view(&Scope::All).is_some() && catalog.view(&Scope::Everything).is_some());
        assert!(catalog.view(&Scope::Profile("default".into())).is_some());
        assert!(catalog.view(&Scope::Profile("other".into())).is_none());
        assert!(catalog.shown(&Scope::All).is_none());
    }
}
