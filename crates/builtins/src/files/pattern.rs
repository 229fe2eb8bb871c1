//! Patterns for the names of files: `*` is anything, `?` one character, everything else itself.
//! There are no classes and no alternatives.

/// Whether `name` fits. Takes time in proportion to the product of both lengths at most.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut seen) = (0, 0);
    // Where the last star stands, and up to where it has swallowed.
    let mut star: Option<(usize, usize)> = None;
    while seen < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some('?') => (at, seen) = (at + 1, seen + 1),
            Some(same) if *same == name[seen] => (at, seen) = (at + 1, seen + 1),
            _ => match star {
                Some((place, swallowed)) => {
                    star = Some((place, swallowed + 1));
                    (at, seen) = (place + 1, swallowed + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, name) in
            [("*", ""), ("*.md", "a.md"), ("a?c", "abc"), ("*a*b*", "xaxxb"), ("[a]", "[a]"), ("ü?", "üß"), ("a*", "a")]
        {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("*.md", "a.mdx"), ("a?c", "ac"), ("", "a"), ("[a-z]", "b"), ("A", "a")] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn a_pattern_made_of_a_name_fits_it(name in "[a-c.]{0,12}", cuts in proptest::collection::vec(0_usize..12, 0..4)) {
            let mut pattern: Vec<char> = name.chars().collect();
            for cut in cuts {
                if let Some(place) = pattern.get_mut(cut) {
                    *place = if cut % 2 == 0 { '*' } else { '?' };
                }
            }
            let pattern: String = pattern.into_iter().collect();
            prop_assert!(fits(&pattern, &name));
        }
    }
}
