fn main() {
    // A new migration must reach the binary, although no source file changes with it.
    println!("cargo:rerun-if-changed=migrations");
}
