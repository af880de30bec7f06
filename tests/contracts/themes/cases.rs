// in: root, flatten

struct Inner { order_id: u32, line_note: Option<String> }

#[serde(rename_all = "camelCase")]
struct Inner { order_id: u32, line_note: Option<String> }

#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
struct Inner { order_id: u32, line_note: Option<String> }

#[serde(rename_all(serialize = "camelCase"))]
struct Inner { order_id: u32, line_note: Option<String> }

#[serde(rename_all = "camelCase")]
struct Inner { #[serde(alias = "order_id")] order_id: u32, line_note: Option<String> }

#[serde(rename_all = "camelCase")]
struct Inner { #[serde(alias = "order_id")] order_id: u32, #[serde(alias = "line_note")] line_note: Option<String> }

#[derive(Default)]
#[serde(rename_all = "camelCase", default)]
struct Inner { order_id: Option<u32>, line_note: Option<String> }

#[serde(rename_all = "camelCase")]
struct Inner { #[serde(rename = "order_id")] order_id: u32, line_note: String }

struct Inner { #[serde(alias = "orderId", alias = "ORDER-ID")] order_id: u32, line_note: Option<String> }

#[serde(rename_all = "PascalCase")]
struct Inner { order_id: u32, line_note: Option<String> }
