fn main() {
    libtorch_build::configure()
}
