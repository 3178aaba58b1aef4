fn main() {
    println!("{}", greet::greeting());
}

#[test]
fn greets() {
    assert_eq!(greet::greeting(), "hello");
}
