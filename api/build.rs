//! Builds again when the web app did: its file names carry hashes, so new ones appear unseen.

fn main() {
    println!("cargo:rerun-if-changed=../web/build");
}
