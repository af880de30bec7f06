// in: key

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Inner { Red, Green }
impl Key for Inner {}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Inner { Red, Green, Blue }
impl Key for Inner {}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Inner { #[serde(alias = "Green", alias = "Blue")] Red }
impl Key for Inner {}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Inner { Red, #[serde(other)] Other }
impl Key for Inner {}

type Inner = String;

type Inner = u32;

type Inner = i64;

type Inner = Uuid;

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Inner(String);
impl Key for Inner {}

type Inner = char;

type Inner = bool;
