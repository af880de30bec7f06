// in: root

enum Inner { OrderHeld { line_id: u32 }, OrderCard(u32), OrderPlain }

#[serde(rename_all = "snake_case")]
enum Inner { OrderHeld { line_id: u32 }, OrderCard(u32), OrderPlain }

#[serde(rename_all_fields = "camelCase")]
enum Inner { OrderHeld { line_id: u32 }, OrderCard(u32), OrderPlain }

enum Inner { #[serde(rename_all = "camelCase")] OrderHeld { #[serde(alias = "line_id")] line_id: u32 }, OrderCard(u32), OrderPlain }

enum Inner { OrderHeld { line_id: u32 }, #[serde(skip_deserializing)] OrderCard(u32), OrderPlain }

enum Inner { OrderHeld { line_id: u32 }, #[serde(skip_serializing)] OrderCard(u32), OrderPlain }

enum Inner { OrderHeld { line_id: u32 }, #[serde(skip)] OrderCard(u32), OrderPlain }

enum Inner { OrderHeld { line_id: u32 }, OrderPlain, #[serde(untagged)] OrderCard { #[serde(rename = "OrderCard")] card: u32 } }

enum Inner { OrderHeld { line_id: u32 }, OrderPlain, #[serde(untagged)] Text(String), #[serde(untagged)] Any { note: String } }

enum Inner { OrderHeld { line_id: u32 }, #[serde(alias = "OrderPlain")] Nothing, #[serde(rename = "OrderCard")] Card(#[schemars(range(min = 3))] u32) }

#[serde(tag = "kind")]
enum Inner { OrderHeld { line_id: u32 }, OrderPlain, #[serde(untagged)] Any { note: String } }
