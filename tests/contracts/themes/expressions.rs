// in: root

enum Inner { Number(i32), Sum(Box<Inner>, Box<Inner>) }

enum Inner { Number(i64), Sum(Box<Inner>, Box<Inner>) }

enum Inner { Number(i32), Sum(Vec<Inner>) }

enum Inner { Number(i32), Sum(Box<Inner>, Box<Inner>), Less(Box<Inner>) }

#[serde(tag = "kind")]
enum Inner { Number { value: i32 }, Sum { left: Box<Inner>, right: Box<Inner> } }

#[serde(tag = "kind")]
enum Inner { Number { value: i64 }, Sum { left: Box<Inner>, right: Option<Box<Inner>> } }

#[serde(untagged)]
enum Inner { Number(i32), Sum(Box<Inner>, Box<Inner>) }

#[serde(untagged)]
enum Inner { Number(i32), Sum(Vec<Inner>) }

#[serde(untagged)]
enum Inner { Number(i64), Sum(Vec<Inner>), Named { value: Box<Inner> } }

#[serde(tag = "kind", content = "body")]
enum Inner { Number(i32), Sum(Box<Inner>, Box<Inner>) }
