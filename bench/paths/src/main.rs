//! Runs one path a number of times: `paths <path> <times>`. Without arguments it lists the paths.

use std::process::ExitCode;

use tidings_paths::path;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        [] => {
            path::ALL.iter().for_each(|path| println!("{}", path.name));
            ExitCode::SUCCESS
        }
        [name, times] => {
            let path = path::ALL.iter().find(|path| path.name == *name);
            let (Some(path), Ok(times)) = (path, times.parse()) else {
                eprintln!("paths: no path `{name}`, or `{times}` is not a number");
                return ExitCode::from(2);
            };
            (path.run)(times);
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: paths <path> <times>");
            ExitCode::from(2)
        }
    }
}
