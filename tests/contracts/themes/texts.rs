// in: field, adjacent, untagged

type Inner = String;

type Inner = char;

type Inner = Box<str>;

type Inner = std::borrow::Cow<'static, str>;

type Inner = Uuid;

type Inner = NaiveDate;

type Inner = DateTime<Utc>;

type Inner = Colour;
enum Colour { Red, Green }

type Inner = Option<String>;

type Inner = Vec<char>;
