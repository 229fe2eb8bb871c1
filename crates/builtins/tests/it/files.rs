//! `files`: every tool with every parameter, and what is refused.

use crate::world::{World, members};
use serde_json::{Value, json};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

#[tokio::test]
async fn every_tool_answers_as_it_says() {
    let world = World::files(json!({}));
    let root = world.root.display().to_string();
    let written = world.ok("write_file", json!({ "file_path": "a/b/grüße.md", "content": "# Grüße\n" })).await;
    assert_eq!(members(&written), ["success", "path", "size", "modified", "encoding", "created"]);
    let path = format!("{root}/a/b/grüße.md");
    assert_eq!(written["path"], json!(path));
    assert_eq!(
        (&written["success"], &written["size"], &written["encoding"]),
        (&json!(true), &json!(10), &json!("utf-8"))
    );
    for file_path in ["a/b/grüße.md", path.as_str(), "./a//b/../b/grüße.md"] {
        let read = world.ok("read_file", json!({ "file_path": file_path, "encoding": "utf-8" })).await;
        assert_eq!(read["content"], json!("# Grüße\n"));
        let expected = ["path", "size", "modified", "created", "mime_type", "encoding", "hash", "permissions"];
        assert_eq!(members(&read["metadata"]), expected);
        assert_eq!(read["metadata"]["mime_type"], json!("text/markdown"));
        assert_eq!(read["metadata"]["path"], json!(path), "{file_path}");
        assert_eq!(read["metadata"]["hash"].as_str().unwrap().len(), "sha256:".len() + 64);
    }
    let latin = json!({ "file_path": "l.txt", "content": "ü", "encoding": "latin-1", "create_dirs": false });
    assert_eq!(world.ok("write_file", latin).await["size"], json!(1));
    let read = world.ok("read_file", json!({ "file_path": "l.txt", "encoding": "latin-1" })).await;
    assert_eq!((&read["content"], &read["metadata"]["encoding"]), (&json!("ü"), &json!("windows-1252")));
    world.write(".hidden", "x");
    std::fs::set_permissions(world.root.join("l.txt"), std::fs::Permissions::from_mode(0o640)).unwrap();

    let listed = world.ok("list_directory", json!({ "dir_path": "." })).await;
    assert_eq!(members(&listed), ["directory", "items", "count", "errors", "truncated"]);
    assert_eq!(members(&listed["items"][0]), ["name", "path", "type", "size", "modified", "permissions"]);
    assert_eq!(names(&listed["items"]), ["a", "l.txt"]);
    assert_eq!((&listed["items"][0]["type"], &listed["items"][1]["permissions"]), (&json!("directory"), &json!("640")));
    let all = json!({ "dir_path": root, "include_hidden": true, "recursive": true });
    assert_eq!(names(&world.ok("list_directory", all).await["items"]), [".hidden", "a", "b", "grüße.md", "l.txt"]);

    let info = world.ok("get_file_info", json!({ "file_path": "l.txt" })).await;
    let expected = ["path", "name", "type", "size", "created", "modified", "permissions", "mime_type", "parent"];
    assert_eq!(members(&info), expected);
    assert_eq!((&info["name"], &info["type"], &info["parent"]), (&json!("l.txt"), &json!("file"), &json!(root)));
    assert_eq!(world.ok("get_file_info", json!({ "file_path": "." })).await["type"], json!("directory"));

    let found = world.ok("search_files", json!({ "dir_path": ".", "pattern": "*.md" })).await;
    let expected =
        ["directory", "pattern", "matches", "count", "max_depth", "searched_directories", "errors", "truncated"];
    assert_eq!(members(&found), expected);
    assert_eq!(
        (names(&found["matches"]), &found["searched_directories"], &found["max_depth"]),
        (vec!["grüße.md"], &json!(3), &json!(5))
    );
    let shallow = json!({ "dir_path": ".", "pattern": "*", "max_depth": 0, "include_hidden": true });
    assert_eq!(names(&world.ok("search_files", shallow).await["matches"]), [".hidden", "a", "l.txt"]);
    let wide = world
        .ok("search_files_system_wide", json!({ "pattern": "?.txt", "include_hidden": true, "max_depth": 1 }))
        .await;
    assert_eq!((names(&wide["matches"]), &wide["directory"]), (vec!["l.txt"], &json!(root)));
}

fn names(items: &Value) -> Vec<&str> {
    items.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_cannot_be_is_said_with_its_type_and_a_next_step() {
    let world = World::files(json!({ "file_bytes_max": 100 }));
    world.write("notes.md", "x");
    world.write("big", &"x".repeat(101));
    std::fs::write(world.root.join("binary"), b"\x89PNG\0\xff").unwrap();
    for (tool, arguments, kind, said) in [
        ("read_file", json!({ "file_path": "nots.md" }), "not_found", "notes.md"),
        ("read_file", json!({ "file_path": "zzz" }), "not_found", "list_directory"),
        ("read_file", json!({ "file_path": "big" }), "quota", "at most 100"),
        ("read_file", json!({ "file_path": "binary" }), "validation", "binary file"),
        ("read_file", json!({ "file_path": "notes.md", "encoding": "klingon" }), "validation", "no known encoding"),
        ("read_file", json!({ "file_path": "." }), "validation", "is a folder"),
        ("read_file", json!({ "file_path": "notes.md/x" }), "validation", "not a folder"),
        ("read_file", json!({ "file_path": "/etc/passwd" }), "denied", "use a path below"),
        ("write_file", json!({ "file_path": "x", "content": "" }), "validation", "empty"),
        ("write_file", json!({ "file_path": "x", "content": "x".repeat(101) }), "quota", "at most 100"),
        (
            "write_file",
            json!({ "file_path": "x", "content": "日", "encoding": "latin1" }),
            "validation",
            "cannot write",
        ),
        (
            "write_file",
            json!({ "file_path": "no/x", "content": "x", "create_dirs": false }),
            "not_found",
            "does not exist",
        ),
        ("write_file", json!({ "file_path": "new/", "content": "x" }), "validation", "folder"),
        ("write_file", json!({ "file_path": ".git/hooks/pre-commit", "content": "x" }), "denied", "kept"),
        ("read_file", json!({ "file_path": "a/.SSH/id_rsa" }), "denied", "hidden"),
        ("list_directory", json!({ "dir_path": "notes.md" }), "validation", "not a folder"),
        ("search_files", json!({ "dir_path": ".", "pattern": "" }), "validation", "pattern"),
    ] {
        let failure = world.failed(tool, arguments.clone()).await;
        assert_eq!(failure["type"], json!(kind), "{tool} {arguments}: {failure}");
        assert!(failure.to_string().contains(said), "{tool} {arguments}: {failure}");
    }
    let left: Vec<_> = std::fs::read_dir(&world.root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[tokio::test]
async fn without_roots_it_says_how_to_name_one_and_reads_only_what_is_read_only() {
    let none = World::new(|_, environment| builtins::files::server(&Default::default(), environment).unwrap());
    let failure = none.failed("read_file", json!({ "file_path": "x" })).await;
    assert_eq!(failure["type"], json!("unavailable"));
    assert!(failure["next"].as_str().unwrap().contains("options = { roots"), "{failure}");
    assert_eq!(none.failed("search_files_system_wide", json!({ "pattern": "*" })).await["type"], json!("unavailable"));

    let read_only = World::new(|root, environment| {
        let options = serde_json::from_value(json!({ "roots": [root] })).unwrap();
        builtins::files::server(&options, environment).unwrap()
    });
    read_only.write("a", "x");
    assert_eq!(read_only.ok("read_file", json!({ "file_path": "a" })).await["content"], json!("x"));
    let failure = read_only.failed("write_file", json!({ "file_path": "a", "content": "y" })).await;
    assert_eq!((&failure["type"], read_only.read("a").as_str()), (&json!("denied"), "x"));
    assert!(failure["next"].as_str().unwrap().contains("writable"), "{failure}");
    let gone = World::files(json!({ "writable": ["none"] }));
    assert_eq!(gone.failed("list_directory", json!({ "dir_path": "." })).await["type"], json!("unavailable"));
}

#[tokio::test]
async fn links_are_followed_inside_and_not_out() {
    let world = World::files(json!({}));
    std::fs::create_dir(world.outside.join("elsewhere")).unwrap();
    std::fs::write(world.outside.join("elsewhere/secret"), "secret").unwrap();
    world.write("real/file", "inside");
    world.write(".git/config", "g");
    for (target, link) in [
        ("real", "in"),
        ("../elsewhere", "up"),
        ("/proc/self/root", "magic"),
        (".git", "repository"),
        ("real/file", "alias"),
        ("up/secret", "chain"),
        ("loop", "loop"),
    ] {
        symlink(target, world.root.join(link)).unwrap();
    }
    symlink(world.outside.join("elsewhere"), world.root.join("absolute")).unwrap();
    for path in ["in/file", "alias"] {
        assert_eq!(world.ok("read_file", json!({ "file_path": path })).await["content"], json!("inside"), "{path}");
    }
    for path in ["up/secret", "absolute/secret", "magic/etc/passwd", "chain", "loop", "in/../../elsewhere/secret"] {
        let failure = world.failed("read_file", json!({ "file_path": path })).await;
        assert!(!failure.to_string().contains("inside"), "{path}: {failure}");
        world.failed("get_file_info", json!({ "file_path": path })).await;
        world.failed("write_file", json!({ "file_path": path, "content": "x" })).await;
    }
    for path in ["up", "absolute", "magic"] {
        world.failed("list_directory", json!({ "dir_path": path })).await;
        world.failed("write_file", json!({ "file_path": format!("{path}/new/x"), "content": "x" })).await;
    }
    let failure = world.failed("write_file", json!({ "file_path": "alias", "content": "x" })).await;
    assert!(failure.to_string().contains("symbolic link"), "{failure}");
    let failure = world.failed("write_file", json!({ "file_path": "repository/config", "content": "x" })).await;
    assert_eq!(failure["type"], json!("denied"), "the folder behind the link counts: {failure}");
    world.ok("write_file", json!({ "file_path": "in/new", "content": "x" })).await;
    assert_eq!(world.read("real/new"), "x");
    let listed = world.ok("list_directory", json!({ "dir_path": ".", "recursive": true })).await;
    assert!(!listed.to_string().contains("secret"), "a walk follows no link: {listed}");
    let left = std::fs::read_dir(world.outside.join("elsewhere")).unwrap().count();
    assert_eq!((left, world.read(".git/config").as_str()), (1, "g"));
}

#[tokio::test]
async fn special_files_are_never_opened() {
    let world = World::files(json!({ "writable": [] , "roots": ["root", "/dev", "/proc"] }));
    let fifo = world.root.join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    let _socket = UnixListener::bind(world.root.join("socket")).unwrap();
    for (path, said) in [
        ("fifo", "FIFO"),
        ("socket", "socket"),
        ("/dev/zero", "device"),
        ("/dev/tty", "device"),
        ("/proc/self/environ", "kernel"),
    ] {
        let failure = world.failed("read_file", json!({ "file_path": path })).await;
        assert!(failure.to_string().contains(said), "{path}: {failure}");
    }
    let info = world.ok("get_file_info", json!({ "file_path": "fifo" })).await;
    assert_eq!(info["type"], json!("other"));
    let writable = World::files(json!({}));
    let fifo = writable.root.join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    let failure = writable.failed("write_file", json!({ "file_path": "fifo", "content": "x" })).await;
    assert_eq!(failure["type"], json!("denied"), "{failure}");
}

#[tokio::test]
async fn a_file_is_replaced_as_a_whole_and_keeps_its_permissions() {
    let world = World::files(json!({}));
    let path = world.write("f", "old");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o750)).unwrap();
    let before = std::fs::File::open(&path).unwrap();
    let written = world.ok("write_file", json!({ "file_path": "f", "content": "new" })).await;
    assert_eq!((&written["created"], world.read("f").as_str()), (&json!(false), "new"));
    assert_eq!(std::io::read_to_string(before).unwrap(), "old", "who had it open reads the old one");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o750);
    assert_eq!(std::fs::read_dir(&world.root).unwrap().count(), 1, "no draft is left");
    std::fs::remove_dir_all(&world.root).unwrap();
    std::fs::create_dir(&world.root).unwrap();
    world.ok("write_file", json!({ "file_path": "f", "content": "again" })).await;
    assert_eq!(world.read("f"), "again", "a root that was made anew is found again");
}

#[tokio::test]
async fn walks_have_an_end() {
    let world = World::files(json!({}));
    for number in 0..1005 {
        world.write(&format!("many/{number:04}"), "");
    }
    let listed = world.ok("list_directory", json!({ "dir_path": "many" })).await;
    assert_eq!((&listed["count"], &listed["truncated"]), (&json!(1000), &json!(true)));
    world.write(&format!("{}leaf", "d/".repeat(40)), "");
    let found = world.ok("search_files", json!({ "dir_path": ".", "pattern": "leaf", "max_depth": 1000 })).await;
    assert_eq!((&found["count"], &found["max_depth"]), (&json!(0), &json!(20)));
}

#[test]
fn definitions_are_short() {
    let world = World::files(json!({}));
    let definitions = world.definitions();
    assert_eq!(definitions.as_array().unwrap().len(), 6);
    // Tokens are counted by the documentation; in this JSON a token has over three bytes.
    assert!(definitions.to_string().len() < 2500 * 3, "{}", definitions.to_string().len());
}
