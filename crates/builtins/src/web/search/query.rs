//! A question, with what narrows it down.

use super::Provider;
use protocol::tools::Failure;

/// The longest question, in characters.
const QUERY_CHARS_MAX: usize = 1000;
/// The most results of one page: what every provider gives.
const COUNT_MAX: usize = 10;
/// The last page that is asked for.
const PAGE_MAX: usize = 10;

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct Query {
    /// What to look for.
    pub(super) text: String,
    /// How many results.
    pub(super) count: usize,
    /// Which page of them, from 1.
    pub(super) page: usize,
    /// Whether pictures are wanted.
    pub(super) images: bool,
    /// The format of files that are wanted, such as `pdf`.
    pub(super) file_type: Option<String>,
    /// How old results may be.
    pub(super) age: Option<Age>,
}

/// A number of days, weeks, months or years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Age {
    unit: char,
    number: u32,
}

/// What a provider knows instead of numbers of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    Day,
    Week,
    Month,
    Year,
}

impl Query {
    /// A question as a tool is asked it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(in crate::web) fn new(
        text: &str,
        count: Option<i64>,
        page: Option<i64>,
        search_type: Option<&str>,
        file_type: Option<&str>,
        date_restrict: Option<&str>,
    ) -> Result<Self, Failure> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > QUERY_CHARS_MAX {
            return Err(Failure::validation(format!("`query` must have from 1 to {QUERY_CHARS_MAX} characters")));
        }
        let count = match count.unwrap_or(COUNT_MAX as i64) {
            count if count >= 1 => usize::try_from(count).unwrap_or(COUNT_MAX).min(COUNT_MAX),
            _ => return Err(Failure::validation("`max_results` must be at least 1")),
        };
        let page = usize::try_from(page.unwrap_or(1)).ok().filter(|page| (1..=PAGE_MAX).contains(page));
        let page = page.ok_or_else(|| Failure::validation(format!("`page` must be from 1 to {PAGE_MAX}")))?;
        let images = match search_type.map(str::trim).unwrap_or_default() {
            "" | "web" => false,
            "image" | "images" => true,
            _ => return Err(Failure::validation("`search_type` must be `image`, or be left out")),
        };
        let file_type = file_type.map(|kind| kind.trim().trim_start_matches('.')).filter(|kind| !kind.is_empty());
        if file_type.is_some_and(|kind| kind.len() > 10 || !kind.chars().all(|one| one.is_ascii_alphanumeric())) {
            return Err(Failure::validation("`file_type` must be an ending such as `pdf`"));
        }
        let age = date_restrict.map(str::trim).filter(|age| !age.is_empty()).map(Age::read).transpose()?;
        let file_type = file_type.map(str::to_ascii_lowercase);
        Ok(Self { text: text.to_owned(), count, page, images, file_type, age })
    }

    /// What tells this question from others.
    pub(super) fn name(&self) -> String {
        format!("{self:?}")
    }

    /// The words for a provider that takes the format among them.
    pub(super) fn words(&self) -> String {
        match &self.file_type {
            Some(kind) => format!("{} filetype:{kind}", self.text),
            None => self.text.clone(),
        }
    }

    /// The span that holds the age, for providers that know only spans.
    pub(super) fn span(&self) -> Option<Span> {
        let age = self.age?;
        Some(match age.days() {
            0..=1 => Span::Day,
            2..=7 => Span::Week,
            8..=31 => Span::Month,
            32..=366 => Span::Year,
            _ => return None,
        })
    }

    /// What a provider made of the age, when that is not what was asked.
    pub(super) fn rounded(&self, provider: Provider) -> Option<String> {
        let age = self.age.filter(|age| age.number != 1 && provider != Provider::Google)?;
        let made = self.span().map_or("no limit", Span::as_str);
        Some(format!("{} made `{}{}` into {made}", provider.as_str(), age.unit, age.number))
    }
}

// === impl Age ===

impl Age {
    fn read(text: &str) -> Result<Self, Failure> {
        let unit = text.chars().next().map(|unit| unit.to_ascii_lowercase()).filter(|unit| "dwmy".contains(*unit));
        let number =
            text.get(1..).map_or(Some(1), |number| if number.is_empty() { Some(1) } else { number.parse().ok() });
        match (unit, number) {
            (Some(unit), Some(number)) if (1..=1000).contains(&number) => Ok(Self { unit, number }),
            _ => Err(Failure::validation("`date_restrict` must be such as `d1`, `w2`, `m6` or `y1`")),
        }
    }

    fn days(self) -> u32 {
        self.number
            * match self.unit {
                'd' => 1,
                'w' => 7,
                'm' => 31,
                _ => 366,
            }
    }

    /// As Google takes it.
    pub(super) fn written(self) -> String {
        format!("{}{}", self.unit, self.number)
    }
}

// === impl Span ===

impl Span {
    /// Its word.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}
