#[quintet::main]
async fn main(count: usize) {
    println!("{count}");
}

#[quintet::test]
async fn test(count: usize) {
    println!("{count}");
}

struct Server;

impl Server {
    #[quintet::main]
    async fn run(&self) {}
}
