// in: root, flatten

struct Inner { id: u32, note: String }

struct Inner { id: u32, #[serde(default = "plain")] note: String }
fn plain() -> String { "plain".to_owned() }

struct Inner { id: u32, #[serde(default = "fancy")] note: String }
fn fancy() -> String { "fancy".to_owned() }

#[serde(default)]
#[derive(Default)]
struct Inner { id: u32, note: String }

#[serde(default)]
#[derive(Default)]
struct Inner { id: u32, note: Option<String>, value: bool }

struct Inner { id: u32, #[serde(skip)] note: String }

struct Inner { id: u32, #[serde(skip_serializing)] note: Option<String> }

struct Inner { id: u32, #[serde(skip_deserializing)] note: String }

struct Inner { id: u32, #[serde(skip_serializing, default)] note: String, #[serde(default = "seven")] value: u8 }
fn seven() -> u8 { 7 }

#[serde(default)]
struct Inner { id: u32, #[serde(skip_serializing_if = "Option::is_none")] note: Option<String>, more: Vec<u8> }
impl Default for Inner { fn default() -> Self { Self { id: 7, note: None, more: vec![1] } } }
