//! The end of `cargo bench`: the rows of all benchmarks in one table. Its name makes cargo run it last.

fn main() {
    println!("\n{:<52} {:<42} {:>10} {:>18} {:>8} {:<4} detail", "what", "against", "median", "spread", "target", "ok");
    for (_, rows) in benches::rows::all() {
        print!("{}", benches::rows::table(&rows));
    }
    println!("\nbenches/README.md says what each number means.");
}
