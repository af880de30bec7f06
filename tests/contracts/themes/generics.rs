// in: transparent

struct Inner { page: Page<u32>, other: Page<String> }
struct Page<T> { items: Vec<T>, next: Option<String> }

struct Inner { page: Page<u64>, other: Page<String> }
struct Page<T> { items: Vec<T>, next: Option<String> }

struct Inner { page: Page<String>, other: Page<u32> }
struct Page<T> { items: Vec<T>, next: Option<String> }

struct Inner { other: Page<String>, page: Page<u32> }
struct Page<T> { items: Vec<T>, next: Option<String> }

struct Inner { page: Page<u32>, other: Page<Option<String>> }
struct Page<T> { items: Vec<T>, #[serde(default)] next: Option<String> }

struct Inner { page: Numbers, other: Texts }
struct Numbers { items: Vec<u32>, next: Option<String> }
struct Texts { items: Vec<String>, next: Option<String> }

struct Inner { page: Page<Page<u32>>, other: Page<String> }
struct Page<T> { items: Vec<T>, next: Option<String> }

struct Inner { page: Page<u32, u8>, other: Page<String, u32> }
struct Page<T, C> { items: Vec<T>, next: Option<String>, count: Option<C> }

struct Inner { page: Page<u32>, other: Page<String> }
struct Page<T> { items: Vec<T>, #[serde(flatten)] rest: Rest<T> }
struct Rest<T> { next: Option<String>, first: Option<T> }

struct Inner { page: Page<u32>, other: Option<Page<String>> }
struct Page<T> { #[serde(alias = "items")] list: Vec<T>, next: Option<String> }
