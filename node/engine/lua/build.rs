//! Compiles Lua 5.1.5, whose sources lie in `lua-5.1.5/`; every change of ours in them is marked `garrison`.

use std::path::Path;

fn main() {
    let dir = Path::new("lua-5.1.5");
    println!("cargo:rerun-if-changed={}", dir.display());
    let Ok(entries) = std::fs::read_dir(dir) else { panic!("the sources of Lua are missing") };
    let mut sources: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    sources.retain(|path| path.extension().is_some_and(|extension| extension == "c"));
    sources.sort();
    let mut build = cc::Build::new();
    // `_longjmp` leaves the signal mask alone, which makes a protected call cheap.
    build.files(sources).include(dir).define("LUA_USE_ULONGJMP", None).warnings(false);
    if std::env::var("OPT_LEVEL").is_ok_and(|level| level == "1") {
        // A script's speed is not a matter of the profile that our own code is tested with.
        build.opt_level(2);
    }
    build.compile("garrison_lua");
}
