// in: root, external

struct Inner { value: u32 }

struct Inner(u32);

struct Inner(u32, String);

struct Inner(u32, #[serde(default)] Option<String>);

struct Inner(u64, #[serde(default)] String);

struct Inner(u32, String, bool);

struct Inner;

struct Inner {}

#[serde(transparent)]
struct Inner { value: u32 }

struct Inner { value: (u32, String) }
