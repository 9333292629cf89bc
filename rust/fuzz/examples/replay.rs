//! Runs one target on one file: `cargo run -p agio-fuzz --example replay -- TARGET FILE`.

fn main() {
    let mut words = std::env::args().skip(1);
    let (Some(name), Some(file)) = (words.next(), words.next()) else { panic!("replay TARGET FILE") };
    agio_fuzz::run(&name, &std::fs::read(file).expect("a file"));
    println!("nothing found");
}
