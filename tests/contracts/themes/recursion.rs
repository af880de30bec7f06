// in: root, external

struct Inner { value: u32, children: Vec<Inner> }

struct Inner { value: u64, children: Vec<Inner> }

struct Inner { value: u32, #[serde(default)] children: Vec<Inner> }

struct Inner { value: u32, note: Option<String>, children: Vec<Inner> }

struct Inner { value: u32, #[serde(alias = "children")] items: Vec<Inner> }

struct Inner { value: u32, children: BTreeMap<String, Inner> }

struct Inner { value: u32, next: Option<Box<Inner>> }

struct Inner { value: u32, #[serde(skip_serializing_if = "Option::is_none")] next: Option<Box<Inner>> }

struct Inner { value: u32, next: Option<Box<Middle>> }
struct Middle { next: Option<Box<Inner>>, value: u32 }

struct Inner { value: u32, next: Option<Box<Last>> }
struct Last { value: u32 }

struct Inner { value: u32, children: Vec<Middle> }
struct Middle { value: u32, children: Vec<Inner> }
