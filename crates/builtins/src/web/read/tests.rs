//! The reader on small pages of the test's own, and on the real ones in `../shared/pages`.

use super::inline::is_block;
use super::tree::Tree;
use super::{NoText, read, readable};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;
use url::Url;

fn markdown(html: &str) -> String {
    readable(html, &Url::parse("https://site.example/dir/page.html").unwrap()).markdown
}

/// A page whose article is all of it.
fn article(content: &str) -> String {
    let filler = "<p>This is a sentence of the article, with commas, which is long enough to count.</p>".repeat(12);
    let whole = markdown(&format!("<title>T</title><body><article>{content}{filler}</article>"));
    whole.split("This is a sentence").next().unwrap().trim_end().to_owned()
}

#[test]
fn structure_is_kept() {
    let cases = [
        ("<h2>A <em>b</em></h2>", "## A *b*"),
        ("<p>one<br>two</p>", "one\ntwo"),
        ("<p>a <b> bold </b>word</p>", "a **bold** word"),
        ("<p><b>D</b>rop f<i>oo</i> <code>a`b</code></p>", "Drop foo ``a`b``"),
        ("<p>see <a href='../x?y=1#z'>this <b>one</b></a>.</p>", "see [this **one**](https://site.example/x?y=1#z)."),
        ("<p><a href='javascript:x()'>no</a> <a href='#top'>up</a></p>", "no up"),
        ("<ul><li>a<ul><li>b</li></ul></li><li><p>c</p><p>d</p></li></ul>", "- a\n  - b\n- c\n\n  d"),
        ("<ol start=3><li>a<li>b</ol>", "3. a\n4. b"),
        ("<blockquote><p>a</p><p>b</p></blockquote>", "> a\n>\n> b"),
        ("<pre><code class='language-rust'>fn x() {\n    y\n}\n</code></pre>", "```rust\nfn x() {\n    y\n}\n```"),
        ("<div class='highlight-source-js'><pre>a```b</pre></div>", "````js\na```b\n````"),
        (
            "<table><tr><th>A<th>B|c</tr><tr><td rowspan=2>1<td>x<br>y</tr><tr><td>z</table>",
            "| A | B\\|c |\n| --- | --- |\n| 1 | x y |\n|  | z |",
        ),
        ("<dl><dt>term<dd>what it is</dl>", "**term**\n: what it is"),
        ("<p>1. not * a _list_ snake_case &lt;b&gt; A&amp;B</p>", "1\\. not \\* a \\_list\\_ snake_case \\<b> A&B"),
    ];
    for (html, expected) in cases {
        assert_eq!(article(html), expected, "{html}");
    }
}

#[test]
fn what_is_not_seen_is_not_read() {
    let html = "<p>a\u{202e}b\u{7}c\u{e0041}</p><p hidden>x</p><p style='display: none'>y</p><script>z</script>";
    assert_eq!(article(html), "abc");
}

#[test]
fn a_page_without_an_article_is_read_whole_but_for_what_is_around_it() {
    let entries: String = (0..60).map(|n| format!("<tr><td><a href='/{n}'>Entry {n}</a></td></tr>")).collect();
    let html = format!("<title>List</title><body><nav>menu</nav><table>{entries}</table><footer>foot</footer>");
    let text = markdown(&html);
    assert!(text.contains("[Entry 0](https://site.example/0)") && text.contains("Entry 59"), "{text}");
    assert!(!text.contains("menu") && !text.contains("foot"));
    assert_eq!(markdown("<title>x</title><p>short</p>"), "short");
    assert_eq!(markdown(""), "");
}

#[test]
fn a_hostile_page_costs_little_and_harms_nothing() {
    for piece in ["<div>", "<ul><li>", "<table><tr><td>", "<b><p>", "<blockquote>", "<a href=x>", "<svg><g>"] {
        let began = Instant::now();
        let _ = markdown(&format!("<body><p>start</p>{}", piece.repeat(100_000)));
        assert!(began.elapsed().as_secs() < 30, "{piece}");
    }
}

fn words(text: &str) -> HashMap<String, usize> {
    let mut bag = HashMap::new();
    for word in text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()) {
        *bag.entry(word.to_lowercase()).or_default() += 1;
    }
    bag
}

fn f1(one: &HashMap<String, usize>, other: &HashMap<String, usize>) -> f64 {
    let common: usize = one.iter().map(|(word, count)| *count.min(other.get(word).unwrap_or(&0))).sum();
    let all = one.values().sum::<usize>() + other.values().sum::<usize>();
    if all == 0 { 1.0 } else { 2.0 * common as f64 / all as f64 }
}

/// The words that a reader of rendered Markdown sees: no targets, no alternatives of pictures.
fn visible(markdown: &str) -> String {
    let mut out = String::new();
    let mut rest = markdown;
    while let Some(at) = rest.find("](") {
        let (text, target) = rest.split_at(at);
        match text.rfind("![").filter(|start| !text[*start..].contains(']')) {
            Some(start) => out.push_str(&text[..start]),
            None => out.push_str(text),
        }
        rest = target.split_once(')').map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out.replace("**", "")
        .replace(['\\', '['], "")
        .lines()
        .filter(|line| !line.trim_start().starts_with("```"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn text_of(html: &str) -> String {
    fn collect(tree: &Tree, id: usize, out: &mut String) {
        if matches!(tree.name(id), Some("script" | "style")) {
            return;
        }
        let apart = tree.name(id).is_some_and(|name| is_block(name) || name == "br");
        out.push_str(if apart { " " } else { "" });
        out.push_str(tree.text(id).unwrap_or_default());
        tree.children(id).for_each(|child| collect(tree, child, out));
        out.push_str(if apart { " " } else { "" });
    }
    let mut out = String::new();
    collect(&Tree::parse(html), Tree::root(), &mut out);
    out
}

/// The folder of pages, where this machine has it.
fn pages() -> Option<PathBuf> {
    let mut folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    while folder.pop() {
        let pages = folder.join("shared/pages");
        if pages.is_dir() {
            return Some(pages);
        }
    }
    None
}

/// What a reader wants of real pages is what they get. `cargo xtask lab pages` shows each page.
#[test]
fn the_readable_part_of_real_pages() {
    let Some(folder) = pages() else {
        eprintln!("skipped: ../shared/pages is not here");
        return;
    };
    let url = Url::parse("http://fakehost/test/page.html").unwrap();
    let mut scores = Vec::new();
    let mut times = Vec::new();
    let mut peers = Vec::new();
    let (mut kept, mut wanted) = ([0_usize; 4], [0_usize; 4]);
    for entry in std::fs::read_dir(folder).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        let source = std::fs::read_to_string(entry.path().join("source.html")).unwrap();
        let expected = std::fs::read_to_string(entry.path().join("expected.html")).unwrap();
        let began = Instant::now();
        let read = readable(&source, &url);
        times.push(began.elapsed().as_micros());
        let wanted_words = words(&text_of(&expected));
        if let Some(folder) = std::env::var_os("SWITCHBOARD_LAB_PAGES_PEER") {
            let file = PathBuf::from(folder).join(format!("{}.md", entry.file_name().display()));
            peers.push(f1(&words(&visible(&std::fs::read_to_string(file).unwrap())), &wanted_words));
        }
        let marks =
            ["\n#", "\n|", "\n```", "]("].map(|mark| format!("\n{}", read.markdown).matches(mark).count().min(1));
        let tags = ["<h", "<table", "<pre", "<a "].map(|tag| expected.matches(tag).count().min(1));
        for index in 0..4 {
            kept[index] += marks[index].min(tags[index]);
            wanted[index] += tags[index];
        }
        scores.push((f1(&words(&visible(&read.markdown)), &wanted_words), entry.file_name()));
    }
    scores.sort_by(|one, other| one.0.total_cmp(&other.0));
    times.sort_unstable();
    let mean = scores.iter().map(|(score, _)| score).sum::<f64>() / scores.len() as f64;
    for (score, page) in scores.iter().take(8) {
        eprintln!("{score:.4} {}", page.display());
    }
    let (half, slowest) = (times[times.len() / 2], times[times.len() - 1]);
    let peer = if peers.is_empty() {
        String::new()
    } else {
        format!("; mcp-server-fetch F1 mean {:.4}", peers.iter().sum::<f64>() / peers.len() as f64)
    };
    eprintln!(
        "pages: {} pages, F1 mean {mean:.4}, worst {:.4}; p50 {:.1} ms, slowest {:.1} ms; headings, tables, code, links kept {kept:?} of {wanted:?}{peer}",
        scores.len(),
        scores[0].0,
        half as f64 / 1000.0,
        slowest as f64 / 1000.0
    );
    assert!(mean >= 0.96, "mean {mean}");
}

fn page() -> Url {
    Url::parse("https://site.example/x").unwrap()
}

/// A small PDF file: `objects` are numbered from 1, the first is the catalog.
fn pdf(objects: &[&str]) -> Vec<u8> {
    let mut out = String::from("%PDF-1.4\n");
    let mut places = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        places.push(out.len());
        out.push_str(&format!("{} 0 obj\n{object}\nendobj\n", index + 1));
    }
    let start = out.len();
    out.push_str(&format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1));
    places.iter().for_each(|place| out.push_str(&format!("{place:010} 00000 n \n")));
    out.push_str(&format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1));
    out.into_bytes()
}

fn stream(dictionary: &str, content: &str) -> String {
    format!("<< {dictionary} /Length {} >>\nstream\n{content}\nendstream", content.len())
}

const CATALOG: &str = "<< /Type /Catalog /Pages 2 0 R >>";
const PAGES: &str = "<< /Type /Pages /Kids [3 0 R] /Count 1 >>";
const FONT: &str = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>";

#[test]
fn a_pdf_file_gives_its_text() {
    let page_object =
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Resources << /Font << /F 5 0 R >> >> /Contents 4 0 R >>";
    let content = stream("", "BT /F 12 Tf 10 10 Td (Hello world) Tj ET");
    let file = pdf(&[CATALOG, PAGES, page_object, &content, FONT]);
    for kind in ["application/pdf", "application/octet-stream"] {
        assert_eq!(read(&file, Some(kind), &page(), false).unwrap().text, "Hello world");
    }
    let without = pdf(&[CATALOG, PAGES, page_object, &stream("", "0 0 m"), FONT]);
    assert!(matches!(read(&without, None, &page(), false), Err(NoText::Pdf { .. })));
}

#[test]
fn a_hostile_pdf_file_harms_nothing() {
    let form =
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Resources << /XObject << /X 5 0 R >> >> /Contents 4 0 R >>";
    let looped =
        stream("/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 5 0 R >> >>", "/X Do");
    let deep =
        format!("<< /Type /Page /Parent 2 0 R /X {}{} /Contents 4 0 R >>", "[".repeat(100_000), "]".repeat(100_000));
    for file in [
        pdf(&[CATALOG, PAGES, form, &stream("", "/X Do"), &looped]),
        pdf(&[CATALOG, "<< /Type /Pages /Kids [2 0 R] /Count 1 >>"]),
        pdf(&[CATALOG, PAGES, &deep, &stream("", &"[".repeat(100_000))]),
        b"%PDF-1.7".to_vec(),
        b"%PDF-1.7\nstartxref\n99999999999999999999\n%%EOF".to_vec(),
    ] {
        assert!(read(&file, None, &page(), false).is_err());
    }
}

#[test]
fn a_body_is_read_as_what_it_is() {
    let kind = |body: &[u8], said: Option<&str>| read(body, said, &page(), false).map(|text| text.text);
    assert_eq!(kind(b"{\"a\": 1}", Some("application/json")).unwrap(), "{\"a\": 1}");
    assert_eq!(kind(b"<a>x</a>", Some("application/rss+xml; charset=utf-8")).unwrap(), "<a>x</a>");
    assert_eq!(kind(b"<html><p>x", Some("text/plain")).unwrap(), "<html><p>x");
    assert_eq!(kind(b"<!DOCTYPE html><p>x", None).unwrap(), "x");
    assert_eq!(kind(b"plain \x1b words", Some("text/markdown")).unwrap(), "plain  words");
    assert_eq!(kind(b"\xff\xfeh\0i\0", None).unwrap(), "hi");
    assert_eq!(read(b"<p>x</p>", Some("text/html"), &page(), true).unwrap().text, "<p>x</p>");
    for (body, said) in
        [(&b"\x89PNG\r\n\x1a\n"[..], Some("image/png")), (b"PK\x03\x04", None), (b"x", Some("font/woff2"))]
    {
        let Err(NoText::Binary { kind, bytes }) = read(body, said, &page(), false) else { panic!("{said:?}") };
        assert_eq!((kind.as_str(), bytes), (said.unwrap_or("binary data"), body.len()));
    }
}
