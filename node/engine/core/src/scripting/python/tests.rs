//! Functions in Python, with the test in the place of the control plane.

use super::scan::functions_in;

fn names(source: &str) -> Result<Vec<String>, String> {
    let functions = functions_in(source.as_bytes()).map_err(|failure| failure.text().to_owned())?;
    Ok(functions.iter().map(|function| String::from_utf8_lossy(&function.name).into_owned()).collect())
}

#[test]
fn decorated_functions_are_found_and_texts_and_comments_are_not() {
    let source = "#!python name=lib\n'''\n@function\ndef no(): ...\n'''\n# @function\n\
        @function\ndef one(keys, args, db):\n    @function\n    def inner(): ...\n    return '@function'\n\
        @function(\n    name='two',  # (\n    flags=('no-writes', \"allow-oom\"),\n    description='a \\' b',\n)\n\
        def other(\n    keys,\n): pass\n";
    assert_eq!(names(source), Ok(vec!["one".into(), "two".into()]));
    let functions = functions_in(source.as_bytes()).expect("sound");
    assert_eq!(functions[1].flags.names().collect::<Vec<_>>(), ["no-writes", "allow-oom"]);
}

#[test]
fn unclear_decorators_are_refused() {
    for (source, error) in [
        ("def f(): pass", "ERR No functions registered"),
        ("@function(flags=FLAGS)\ndef f(): pass", "literal strings"),
        ("@function(flags=('x',))\ndef f(): pass", "unknown flag given"),
        ("@function\nclass F: pass", "stands a def"),
        ("@function(name='a b')\ndef f(): pass", "can only contain"),
        ("@function\ndef f(): pass\n@function(name='F')\ndef g(): pass", "already exists"),
        ("@function(name='", "literal strings"),
        ("@function(flags=(", "not closed"),
        ("@function(\\", "literal strings"),
    ] {
        let text = names(source).expect_err(source);
        assert!(text.contains(error), "{source}: {text}");
    }
}
