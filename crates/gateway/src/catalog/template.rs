//! Which server a URI belongs to when no list names it: the longest matching template.
//!
//! Only the literal parts of an RFC 6570 template are compared; what stands between them may be
//! anything. That is enough to route; the server itself decides whether the URI exists.

/// A resource template, cut at its expressions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    literals: Vec<String>,
}

impl Template {
    /// Cuts `text` at `{…}`.
    #[must_use]
    pub(super) fn new(text: &str) -> Self {
        let mut literals = vec![String::new()];
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            if let Some(last) = literals.last_mut() {
                last.push_str(literal);
            }
            let Some((_, behind)) = after.split_once('}') else {
                rest = "";
                break;
            };
            literals.push(String::new());
            rest = behind;
        }
        if let Some(last) = literals.last_mut() {
            last.push_str(rest);
        }
        Self { literals }
    }

    /// How many characters of `uri` are spoken for, when the template matches it.
    #[must_use]
    pub(super) fn matches(&self, uri: &str) -> Option<usize> {
        let (first, others) = self.literals.split_first()?;
        let mut rest = uri.strip_prefix(first.as_str())?;
        let Some((last, middle)) = others.split_last() else {
            return rest.is_empty().then_some(first.len());
        };
        for literal in middle {
            let at = rest.find(literal.as_str())?;
            rest = &rest[at + literal.len()..];
        }
        rest.ends_with(last.as_str()).then(|| self.literals.iter().map(String::len).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_literals_only() {
        let template = Template::new("test://template/{id}/data");
        assert_eq!(template.matches("test://template/7/data"), Some(21));
        assert_eq!(template.matches("test://template/7/other"), None);
        assert_eq!(Template::new("file:///{+path}").matches("file:///a/b"), Some(8));
        assert_eq!(Template::new("a://b").matches("a://b"), Some(5));
        assert_eq!(Template::new("a://b").matches("a://bc"), None);
        assert!(Template::new("{x").matches("").is_some());
    }
}
