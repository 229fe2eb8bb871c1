//! Names of servers: how a declared name becomes the server part of public names (DESIGN, names).
//!
//! Joining and shortening public names is the catalog's business, not done here.

/// The declared name in lower-case ASCII letters, digits and `-`; everything else becomes `-`,
/// and dashes at the ends are dropped. Empty if nothing is left.
pub fn reduce(name: &str) -> String {
    let dashed: String = name
        .chars()
        .map(|character| match character.to_ascii_lowercase() {
            kept @ ('a'..='z' | '0'..='9') => kept,
            _ => '-',
        })
        .collect();
    dashed.trim_matches('-').to_owned()
}

/// The word among `known` that `written` was probably meant to be.
pub(crate) fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |word: &str| word.replace(['_', '-'], "").to_ascii_lowercase();
    let wanted = plain(written);
    let allowed = (wanted.len() / 3).clamp(1, 4);
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&wanted, &plain(word)), word))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_reduced() {
        let cases = [
            ("GitHub", "github"),
            ("my server", "my-server"),
            ("a__b", "a--b"),
            ("@scope/pkg", "scope-pkg"),
            ("Größe", "gr--e"),
            ("***", ""),
        ];
        for (name, reduced) in cases {
            assert_eq!(reduce(name), reduced);
        }
    }

    #[test]
    fn a_near_word_is_found_and_a_far_one_is_not() {
        let known = ["command", "args", "startup_timeout"];
        assert_eq!(did_you_mean("comand", known), Some("command"));
        assert_eq!(did_you_mean("startupTimeout", known), Some("startup_timeout"));
        assert_eq!(did_you_mean("colour", known), None);
    }
}
